"""Tasks of the queue libraries with what hands them over, and queues and topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qualitygate.model.architecture import Channel, Task
from qualitygate.model.project import Project

Read = Callable[[Mapping[str, str]], Project]


def _line(task: Task) -> str:
    marks = [
        f"queue {task.queue}" if task.queue else "",
        f"retries {task.retries}" if task.retries else "",
        f"limit {task.time_limit}" if task.time_limit else "",
        f"schedule {task.schedule}" if task.schedule else "",
        *(f"from {place.path}:{place.span.line}" for place in task.callers),
        *task.routes,
    ]
    return " | ".join([f"{task.library} {task.name} {task.place.path}:{task.place.span.line}", *filter(None, marks)])


def _channel(channel: Channel) -> str:
    place = f"{channel.place.path}:{channel.place.span.line}"
    return f"{channel.library} {channel.direction} {channel.name or '?'} {place}"


def test_a_task_of_celery_is_told_with_its_limits_and_the_routes_that_hand_it_over(project: Read) -> None:
    read = project(
        {
            "shop/__init__.py": "",
            "shop/worker.py": """
                from celery import Celery

                app = Celery("shop")

                @app.task(queue="mail", max_retries=3, time_limit=60)
                def send_invoice(order_id): ...

                @app.task
                def forgotten(): ...
            """,
            "shop/api.py": """
                from fastapi import FastAPI
                from shop.worker import send_invoice

                api = FastAPI()

                @api.post("/orders")
                def place_order():
                    send_invoice.delay(1)
                    send_invoice.apply_async((1,), countdown=5)
            """,
        }
    )
    assert [_line(task) for task in read.tasks] == [
        "celery send_invoice shop/worker.py:6 | queue mail | retries 3 | limit 60"
        " | from shop/api.py:8 | from shop/api.py:9 | POST /orders",
        "celery forgotten shop/worker.py:9",
    ]


def test_tasks_are_known_by_each_librarys_own_decorators(project: Read) -> None:
    read = project(
        {
            "tasks.py": """
                import dramatiq
                from celery import Task, shared_task
                from django_rq import job
                from huey import RedisHuey, crontab
                from taskiq_redis import ListQueueBroker

                huey = RedisHuey("shop")
                broker = ListQueueBroker("redis://cache")

                @shared_task(name="shop.clean")
                def clean(): ...

                @dramatiq.actor(queue_name="slow", max_retries=0)
                def resize(): ...

                @job("low", timeout=30)
                def report(): ...

                @huey.periodic_task(crontab(minute="0", hour="3"))
                def nightly(): ...

                @broker.task
                async def notify(): ...

                class Export(Task):
                    name = "shop.export"
                    max_retries = 5

                def plain(): ...
            """
        }
    )
    assert [_line(task) for task in read.tasks] == [
        "celery shop.clean tasks.py:11",
        "dramatiq resize tasks.py:14 | queue slow | retries 0",
        "rq report tasks.py:17 | limit 30",
        "huey nightly tasks.py:20 | schedule crontab(minute=0, hour=3)",
        "taskiq notify tasks.py:23",
        "celery shop.export tasks.py:25 | retries 5",
    ]


def test_a_decorator_of_the_project_that_hands_on_to_the_librarys_makes_a_task(project: Read) -> None:
    read = project(
        {
            "worker.py": """
                import functools
                import dramatiq

                def actor(name, queue="default"):
                    def decorator(fn):
                        @functools.wraps(fn)
                        def run(*args):
                            return fn(*args)

                        dramatiq.actor(run, actor_name=name, queue_name=queue)
                        return run

                    return decorator

                def enqueue_job(name, *args): ...
            """,
            "jobs.py": """
                from worker import actor, enqueue_job

                @actor("orders.bill", queue="money")
                def bill(order_id): ...

                def place():
                    enqueue_job("orders.bill", 1)
            """,
        }
    )
    assert [_line(task) for task in read.tasks] == [
        "dramatiq orders.bill jobs.py:4 | queue money | from jobs.py:7",
    ]


def test_what_is_handed_to_a_queue_or_to_background_tasks_is_a_task(project: Read) -> None:
    read = project(
        {
            "api.py": """
                from arq import cron
                from fastapi import BackgroundTasks, FastAPI
                from redis import Redis
                from rq import Queue

                app = FastAPI()
                queue = Queue(connection=Redis())

                def index(document): ...

                def mail(user): ...

                async def sweep(ctx): ...

                async def convert(ctx): ...

                class WorkerSettings:
                    functions = [convert]
                    cron_jobs = [cron(sweep, hour=4)]

                @app.post("/documents")
                def create(background: BackgroundTasks):
                    queue.enqueue(index, 1)
                    background.add_task(mail, 2)
            """
        }
    )
    assert [_line(task) for task in read.tasks] == [
        "rq index api.py:9 | from api.py:23 | POST /documents",
        "starlette mail api.py:11 | from api.py:24 | POST /documents",
        "arq sweep api.py:13 | schedule hour=4",
        "arq convert api.py:15",
    ]


def test_a_function_that_sends_or_schedules_other_things_is_no_task(project: Read) -> None:
    read = project(
        {
            "mail.py": """
                import smtplib

                class Parcel:
                    def send(self): ...

                def task(fn):
                    return fn

                @task
                def prepare(): ...

                def run(parcel: Parcel, todo):
                    parcel.send()
                    todo.add_task(prepare, 1)
                    smtplib.SMTP("host").send_message(prepare)
            """
        }
    )
    assert [task.name for task in read.tasks if task.library != "starlette"] == []
    assert read.channels == ()


def test_consumers_and_producers_are_told_by_topic(project: Read) -> None:
    read = project(
        {
            "stream.py": """
                import os
                import boto3
                import pika
                from aiokafka import AIOKafkaConsumer
                from kafka import KafkaProducer

                TOPIC = "orders"

                def consume():
                    consumer = AIOKafkaConsumer("payments", "refunds")
                    channel = pika.BlockingConnection().channel()
                    channel.basic_consume(queue="invoices", on_message_callback=print)

                def publish(kind):
                    KafkaProducer().send(TOPIC, b"")
                    boto3.client("sqs").send_message(QueueUrl=f"https://queue/{kind}", MessageBody="")
            """
        }
    )
    assert [_channel(channel) for channel in read.channels] == [
        "kafka consumes payments stream.py:10",
        "amqp consumes invoices stream.py:12",
        "kafka publishes orders stream.py:15",
        "sqs publishes https://queue/{} stream.py:16",
    ]
