"""A queue whose poisoned messages have nowhere to go.

What it flags: a service that declares queues of RabbitMQ and consumes them, while nothing in its code speaks of a
dead-letter exchange or queue (`x-dead-letter-exchange`, DLQ, DLX). Said once, at the first queue that is declared.

Why: a message that no consumer can handle is either thrown away without a trace, or put back and delivered again and
again in front of all others. With a dead-letter queue it is kept aside, and somebody can look at it.

How to mend: declare the queue with `arguments={"x-dead-letter-exchange": "...", "x-delivery-limit": 5}` and a queue behind
that exchange; alert on its length.

What it cannot see: policies that the broker itself is given (`rabbitmqctl set_policy`), and queues that somebody else
declares. Queues without a name, for answers and broadcasts, and exclusive ones are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.calls import Call
from qualitygate_checks._evidence import mentions

_DECLARES = frozenset({"?.queue_declare", "?.declare_queue"})
_CONSUMES = frozenset({"?.basic_consume", "?.consume", "?.iterator", "?.basic_get"})
_EVIDENCE = re.compile(rb"dead.?letter|(?<![a-z])(dlq|dlx)(?![a-z])|parking.?lot|delivery.limit", re.IGNORECASE)


def run(project: Project) -> Iterator[Hit]:
    """One hit for a service that consumes queues and keeps nothing aside."""
    queues = [call for call in project.calls if call.name in _DECLARES and _is_lasting(call)]
    if not queues or mentions(project, _EVIDENCE):
        return
    files = {call.place.path for call in queues}
    packages = {path.rpartition("/")[0] for path in files}
    consumers = [call for call in project.calls if call.name in _CONSUMES]
    near = [call for call in consumers if call.place.path in files or call.place.path.rpartition("/")[0] in packages]
    if not near:
        return
    call = queues[0]
    count = f"its {len(queues)} queues" if len(queues) > 1 else f"the queue{_name(call)}"
    yield Hit(
        place=call.place,
        message=f"messages that nobody can handle have nowhere to go from {count}",
        subject="no dead-letter queue",
        why="queues are declared and consumed here, and nothing names a dead-letter exchange",
        mend='declare it with `arguments={"x-dead-letter-exchange": "..."}`, and a queue behind that exchange',
        places=tuple(Place(item.place.path, item.place.span, "consumes", "call") for item in near[:3]),
    )


def _is_lasting(call: Call) -> bool:
    """Whether a queue has a name and outlives its connection."""
    queue = call.argument("queue", 0) or call.argument("name")
    if queue is None or queue.value == "" or (queue.kind == "constant" and queue.value is None):
        return False
    return not any(
        given is not None and given.value is True
        for given in (call.argument("exclusive"), call.argument("auto_delete"), call.argument("passive"))
    )


def _name(call: Call) -> str:
    queue = call.argument("queue", 0) or call.argument("name")
    return f" `{queue.value}`" if queue is not None and isinstance(queue.value, str) else ""


CHECK = Check(
    id="consumer-without-dead-letter",
    domain=Domain.MESSAGING,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Keep what cannot be handled",
    dont="Throw away or repeat poisoned messages",
    tags=("CWE-391", "CWE-755", "SOC2-PI1.4"),
    gates=("data_consistency", "graceful_degradation"),
    run=run,
    calls=_DECLARES | _CONSUMES,
    examined=lambda project: sum(call.name in _DECLARES for call in project.calls),
    doc=__doc__,
    bad=(
        example(
            """
            import pika


            def main():
                channel = pika.BlockingConnection(pika.ConnectionParameters("queue")).channel()
                channel.queue_declare(queue="orders", durable=True)  # <- flagged
                channel.basic_consume(queue="orders", on_message_callback=on_order)
                channel.start_consuming()


            def on_order(channel, method, properties, body):
                channel.basic_ack(delivery_tag=method.delivery_tag)
            """,
            "a durable queue and its consumer",
            path="shop/consumer.py",
        ),
        example(
            """
            import aio_pika


            async def main():
                connection = await aio_pika.connect_robust("amqp://queue/")
                channel = await connection.channel()
                queue = await channel.declare_queue("visits", durable=True)  # <- flagged
                async with queue.iterator() as messages:
                    async for message in messages:
                        async with message.process():
                            print(message.body)
            """,
            "aio-pika",
            path="clinic/consumer.py",
        ),
        example(
            {
                "helpdesk/queues.py": """
                    TICKETS = "tickets"


                    def declare(channel):
                        channel.exchange_declare(exchange="helpdesk", exchange_type="topic")
                        channel.queue_declare(queue=TICKETS, durable=True)  # <- flagged
                        channel.queue_declare(queue="mails", durable=True)
                        channel.queue_bind(queue=TICKETS, exchange="helpdesk", routing_key="ticket.*")
                    """,
                "helpdesk/worker.py": """
                    import pika

                    from helpdesk.queues import TICKETS, declare


                    def work():
                        channel = pika.BlockingConnection().channel()
                        declare(channel)
                        channel.basic_consume(queue=TICKETS, on_message_callback=print)
                        channel.start_consuming()
                    """,
            },
            "declared in one file, consumed in another",
        ),
        example(
            """
            import aio_pika


            class Consumer:
                def __init__(self, channel: aio_pika.Channel):
                    self.channel = channel

                async def start(self, handler):
                    queue = await self.channel.declare_queue(name="loans")  # <- flagged
                    await queue.consume(handler)
            """,
            "in a class",
            path="library/consumer.py",
        ),
    ),
    good=(
        example(
            """
            import pika


            def main():
                channel = pika.BlockingConnection(pika.ConnectionParameters("queue")).channel()
                channel.queue_declare(
                    queue="orders", durable=True, arguments={"x-dead-letter-exchange": "orders.failed"}
                )
                channel.basic_consume(queue="orders", on_message_callback=print)
                channel.start_consuming()
            """,
            "a dead-letter exchange",
            path="shop/consumer.py",
        ),
        example(
            """
            import aio_pika


            async def main():
                connection = await aio_pika.connect_robust("amqp://queue/")
                channel = await connection.channel()
                dlq = await channel.declare_queue("visits.dlq", durable=True)
                queue = await channel.declare_queue("visits", durable=True)
                await queue.consume(print)
                return dlq
            """,
            "a queue for what fails",
            path="clinic/consumer.py",
        ),
        example(
            """
            import pika


            def listen():
                channel = pika.BlockingConnection(pika.ConnectionParameters("queue")).channel()
                answer = channel.queue_declare(queue="", exclusive=True)
                channel.basic_consume(queue=answer.method.queue, on_message_callback=print, auto_ack=True)
            """,
            "a queue for one connection",
            path="helpdesk/listen.py",
        ),
        example(
            """
            import pika


            def publish(order):
                channel = pika.BlockingConnection(pika.ConnectionParameters("queue")).channel()
                channel.queue_declare(queue="orders", durable=True)
                channel.basic_publish(exchange="", routing_key="orders", body=order)
            """,
            "a producer, whose queue somebody else consumes",
            path="shop/publish.py",
        ),
    ),
)
