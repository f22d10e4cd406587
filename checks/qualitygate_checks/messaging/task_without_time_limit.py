"""Tasks that may run for ever.

What it flags: a project with tasks of Celery of which none, and no setting, names a time limit: Celery has none by
default. Said once, at the application of Celery (or at the first task where that is not seen), with the number of tasks.

Why: a task that waits for something that never comes keeps its worker. A few of them, and nothing that is queued behind
them is done, without a single error in the log.

How to mend: set `task_soft_time_limit` and `task_time_limit` for all tasks (`CELERY_TASK_TIME_LIMIT` in Django), and a
limit of their own for those that need longer.

What it cannot see: a limit on the command line of the worker (`--time-limit`). RQ (180 s), Dramatiq (10 minutes) and arq
(300 s) have limits of their own and are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate_checks._evidence import mentions
from qualitygate_checks.messaging._tasks import CELERY, celery_application, celery_tasks

# Any mention is a decision: of a task, of a setting, of the code that starts a worker.
_LIMIT = re.compile(rb"time_?limit", re.IGNORECASE)


def run(project: Project) -> Iterator[Hit]:
    """One hit for a project whose tasks have no limit."""
    tasks = celery_tasks(project)
    if not tasks or mentions(project, _LIMIT):
        return
    path, function, decorator = tasks[0]
    place = celery_application(project) or Place(path, decorator.span)
    count = f"its {len(tasks)} tasks" if len(tasks) > 1 else f"its task {function.name}"
    yield Hit(
        place=Place(place.path, place.span),
        message=f"nothing ends {count} when they hang" if len(tasks) > 1 else f"nothing ends {count} when it hangs",
        subject="tasks without a time limit",
        why="Celery has no time limit of its own, and neither a setting nor a task names one",
        mend="set `task_soft_time_limit=300, task_time_limit=360` for all tasks, and more where a task needs it",
        places=tuple(Place(where, task.span, task.name, "definition") for where, task, _ in tasks[:3]),
    )


CHECK = Check(
    id="task-without-time-limit",
    domain=Domain.MESSAGING,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Give every task a time limit",
    dont="Let a task hang for ever",
    tags=("CWE-400", "CWE-770", "SOC2-A1.2"),
    gates=("graceful_degradation",),
    run=run,
    calls=CELERY,
    examined=lambda project: len(celery_tasks(project)),
    doc=__doc__,
    bad=(
        example(
            """
            from celery import Celery

            celery_app = Celery("shop", broker="redis://queue:6379/0")  # <- flagged


            @celery_app.task
            def send_receipt(order_id):
                print("receipt for", order_id)


            @celery_app.task(bind=True, max_retries=3)
            def sync_stock(self, sku):
                print("stock of", sku)
            """,
            "an application with two tasks",
            path="shop/tasks.py",
        ),
        example(
            {
                "clinic/celery.py": """
                    from celery import Celery

                    app = Celery("clinic")  # <- flagged
                    app.config_from_object("django.conf:settings", namespace="CELERY")
                    app.autodiscover_tasks()
                    """,
                "clinic/settings.py": """
                    INSTALLED_APPS = ["clinic"]
                    ROOT_URLCONF = "clinic.urls"
                    CELERY_BROKER_URL = "redis://queue:6379/0"
                    CELERY_TASK_ACKS_LATE = True
                    """,
                "clinic/visits/tasks.py": """
                    from celery import shared_task


                    @shared_task
                    def remind(visit_id):
                        print("reminder for", visit_id)
                    """,
            },
            "settings of Django without a limit",
        ),
        example(
            {
                "helpdesk/tasks.py": """
                    from celery import shared_task


                    @shared_task(autoretry_for=(ConnectionError,), retry_backoff=True)  # <- flagged
                    def forward(ticket_id):
                        print("forward", ticket_id)
                    """,
            },
            "a shared task whose application is made elsewhere",
        ),
        example(
            {
                "library/__init__.py": """
                    from flask import Flask

                    from library.extensions import celery


                    def create_app():
                        app = Flask(__name__)
                        celery.conf.update(app.config["CELERY"])
                        return app
                    """,
                "library/extensions.py": """
                    import celery as celery_library

                    celery = celery_library.Celery("library", broker="amqp://queue")  # <- flagged
                    """,
                "library/loans.py": """
                    from library.extensions import celery


                    @celery.task(name="loans.remind")
                    def remind(loan_id):
                        print("remind", loan_id)
                    """,
            },
            "an application of Flask with its Celery in a module of its own",
        ),
    ),
    good=(
        example(
            """
            from celery import Celery

            celery_app = Celery("shop", broker="redis://queue:6379/0")
            celery_app.conf.update(task_soft_time_limit=300, task_time_limit=360)


            @celery_app.task
            def send_receipt(order_id):
                print("receipt for", order_id)
            """,
            "a limit for all tasks",
            path="shop/tasks.py",
        ),
        example(
            {
                "clinic/settings.py": """
                    INSTALLED_APPS = ["clinic"]
                    ROOT_URLCONF = "clinic.urls"
                    CELERY_TASK_TIME_LIMIT = 5 * 60
                    """,
                "clinic/visits/tasks.py": """
                    from celery import shared_task


                    @shared_task
                    def remind(visit_id):
                        print("reminder for", visit_id)
                    """,
            },
            "in the settings of Django",
        ),
        example(
            """
            from celery import shared_task


            @shared_task(time_limit=60)
            def forward(ticket_id):
                print("forward", ticket_id)
            """,
            "a limit of the task's own",
            path="helpdesk/tasks.py",
        ),
        example(
            """
            import dramatiq
            from redis import Redis
            from rq import Queue

            queue = Queue(connection=Redis(host="queue"))


            @dramatiq.actor
            def forward(ticket_id):
                print("forward", ticket_id)


            def remind(loan_id):
                queue.enqueue(forward, loan_id)
            """,
            "queues with a limit by default",
            path="helpdesk/tasks.py",
        ),
    ),
)
