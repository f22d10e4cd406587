"""A message that is acknowledged before its work is done.

What it flags: consumers that acknowledge by themselves: `auto_ack=True` (`no_ack=True`) of pika, aio-pika and Kombu,
`enable_auto_commit=True` that is written for a consumer of Kafka; and handlers that call `basic_ack`, `message.ack()` or
`delete_message` and only then work with the message.

Why: the broker forgets the message when it is acknowledged. A process that is killed, deployed or fails a moment later
takes the work with it, and nothing tells that an order was never handled.

How to mend: acknowledge as the last step, when the work is stored; put what fails back, or into a dead-letter queue. Make
the work safe to repeat, since it may then be delivered twice.

What it cannot see: acknowledgements in a function that is called, and messages that may be lost (measurements, hints for a
cache). Answers that a process waits for itself are left alone. The default of Kafka's clients, which commits every few seconds, is told with low confidence; Celery's default,
which acknowledges early too, is not told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._code import Body, Code, last_name
from qualitygate_checks._reach import owner

_CONSUMES = {
    "?.basic_consume": ("auto_ack", "no_ack"),
    "?.consume": ("no_ack",),
    "?.iterator": ("no_ack",),
    "kombu.Consumer": ("no_ack",),
    "?.Consumer": ("no_ack",),
}
_KAFKA = frozenset({"kafka.KafkaConsumer", "aiokafka.AIOKafkaConsumer"})
_ACKNOWLEDGES = ("basic_ack", "ack", "delete_message", "acknowledge")
_MESSAGE = re.compile(r"(^|_)(msg|message|delivery|envelope|received)($|_)", re.IGNORECASE)
_DECLARES = frozenset({"?.queue_declare", "?.declare_queue"})
# Answers that one process waits for: nobody else could work with them later.
_REPLY = re.compile(
    r"(^|[^a-z])(reply|replies|response|responses|answer|answers|callback|rpc)([^a-z]|$)|reply-to", re.IGNORECASE
)
_TRIAL = re.compile(r"^_*(check|validate|test|probe|ping|verify|is|has)(_|$)")
_QUIET = re.compile(
    r"^(log|debug|info|warning|error|exception|print|inc|observe|incr|timing|gauge|format|sleep|close)$"
)


def run(project: Project) -> Iterator[Hit]:
    """A hit for every consumer that acknowledges by itself, and for every handler that does so too early."""
    code = project.once(Code)
    private = {call.owner for call in project.calls if call.name in _DECLARES and _is_true(call.argument("exclusive"))}
    told: set[str] = set()
    for call in project.calls:
        # Two branches that make one consumer in two ways; and what only tries whether there is a broker.
        if call.owner in told or _TRIAL.search(owner(call).rpartition(".")[2]):
            continue
        if call.name in _CONSUMES:
            word = next((word for word in _CONSUMES[call.name] if _is_true(call.argument(word))), "")
            if word and call.owner not in private and not _REPLY.search(_queue(code, call)):
                told.add(call.owner)
                yield _automatic(call, f"`{word}=True` acknowledges every message when it is sent")
        elif call.name in _KAFKA:
            given = call.argument("enable_auto_commit")
            if _is_true(given):
                told.add(call.owner)
                yield _automatic(
                    call, "`enable_auto_commit=True` commits by the clock, whether the work is done or not"
                )
            elif given is None and call.complete and call.argument("group_id") is not None:
                why = "the default commits by the clock, whether the work is done or not"
                yield _automatic(call, why, Confidence.LOW)
    for word in _ACKNOWLEDGES:
        for body in code.everywhere(word):
            yield from _early(body, body.statements, word)


def _queue(code: Code, call: Call) -> str:
    """How the code names the queue that is consumed: its name, or that of the variable."""
    given = call.argument("queue", 0)
    if given is not None and isinstance(given.value, str):
        return given.value
    found = code.at(call.place, call.name.rsplit(".", 1)[-1])
    names = [argument.value for argument in found[0].arguments if argument.name in ("queue", None)] if found else []
    return last_name(names[0]) if names else ""


def _early(body: Body, statements: Sequence[ir.Statement], word: str) -> Iterator[Hit]:
    """Acknowledgements in a block that work with the message follows."""
    for position, statement in enumerate(statements):
        for block in ir.blocks(statement):
            yield from _early(body, block, word)
        call = _acknowledgement(statement, word)
        if call is None or body.function is None:
            continue
        carried = _carried(body, statements[:position], call)
        worker = _worker(statements[position + 1 :], carried)
        if worker:
            yield Hit(
                place=Place(body.path, call.name_span),
                message=f"{body.qualname} acknowledges a message before {worker}() has worked with it",
                subject=f"{word} in {body.qualname}",
                why=f"when {worker}() fails, or the process ends in it, the broker has forgotten the message",
                mend="acknowledge as the last step",
                confidence=Confidence.MEDIUM,
            )


def _acknowledgement(statement: ir.Statement, word: str) -> ir.Call | None:
    """The call by which a statement acknowledges a message; None where it does not."""
    value = statement.value if isinstance(statement, ir.Evaluate) else None
    value = value.value if isinstance(value, ir.Await) else value
    if not isinstance(value, ir.Call) or not isinstance(value.function, ir.Attribute) or value.function.name != word:
        return None
    if word in ("ack", "acknowledge") and not _MESSAGE.search(last_name(value.function.value)):
        return None
    return value


def _carried(body: Body, before: Sequence[ir.Statement], call: ir.Call) -> set[str]:
    """The names that hold the message or what was taken from it: parameters, loop variables, and what comes of them."""
    names = {name for name in body.parameters if name not in ("self", "cls", "ch", "channel", "method", "properties")}
    names |= {name for name, bound in body.bindings.items() if any(item.how == "element" for item in bound)}
    if isinstance(call.function, ir.Attribute):
        names.add(last_name(call.function.value))
    for statement in before:
        if isinstance(statement, ir.Assign) and statement.value is not None and _names(statement.value) & names:
            names |= {last_name(target) for target in statement.targets}
    return names - {"", "client", "sqs", "consumer", "subscriber", "channel", "ch"}


def _worker(after: Sequence[ir.Statement], carried: set[str]) -> str:
    """The first call behind an acknowledgement that is handed the message; empty without any."""
    for expression in ir.expressions(after):
        for part in ir.subexpressions(expression):
            if isinstance(part, ir.Call) and not _QUIET.search(last_name(part.function).lower()):
                handed = {name for argument in part.arguments for name in _names(argument.value)}
                if handed & carried and last_name(part.function) not in ("loads", "get", "str", "dict", "len", "int"):
                    return last_name(part.function) or "the code behind it"
    return ""


def _names(expression: ir.Expression) -> set[str]:
    return {part.id for part in ir.subexpressions(expression) if isinstance(part, ir.Name)}


def _is_true(argument: Argument | None) -> bool:
    return argument is not None and argument.kind == "constant" and argument.value is True and argument.complete


def _automatic(call: Call, why: str, confidence: Confidence = Confidence.HIGH) -> Hit:
    return Hit(
        place=call.place,
        message=f"{owner(call)} acknowledges messages before they are worked off",
        subject=f"{call.name} in {owner(call)}",
        why=f"{why}: what is lost in between is lost for good",
        mend="acknowledge in the handler, as its last step",
        confidence=confidence,
    )


CHECK = Check(
    id="early-acknowledgement",
    domain=Domain.MESSAGING,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Acknowledge when the work is done",
    dont="Acknowledge what may still fail",
    tags=("CWE-391", "SOC2-PI1.4"),
    gates=("data_consistency",),
    run=run,
    calls=frozenset(_CONSUMES) | _KAFKA | _DECLARES,
    examined=lambda project: sum(call.name in _CONSUMES or call.name in _KAFKA for call in project.calls),
    doc=__doc__,
    bad=(
        example(
            """
            import json

            import pika

            from shop.orders import book


            def on_order(channel, method, properties, body):
                book(json.loads(body))


            def main():
                connection = pika.BlockingConnection(pika.ConnectionParameters("queue"))
                channel = connection.channel()
                channel.basic_consume(queue="orders", on_message_callback=on_order, auto_ack=True)  # <- flagged
                channel.start_consuming()
            """,
            "pika acknowledges by itself",
            path="shop/consumer.py",
        ),
        example(
            """
            import json

            import aio_pika

            from clinic.visits import store


            async def main():
                connection = await aio_pika.connect_robust("amqp://queue/")
                async with connection:
                    channel = await connection.channel()
                    queue = await channel.declare_queue("visits", durable=True)
                    async with queue.iterator(no_ack=True) as messages:  # <- flagged
                        async for message in messages:
                            await store(json.loads(message.body))
            """,
            "aio-pika acknowledges by itself",
            path="clinic/consumer.py",
        ),
        example(
            """
            import json

            from kafka import KafkaConsumer

            from library.loans import apply


            def consume():
                consumer = KafkaConsumer("loans", group_id="library", enable_auto_commit=True)  # <- flagged
                for record in consumer:
                    apply(json.loads(record.value))
            """,
            "Kafka commits by the clock",
            path="library/consumer.py",
        ),
        example(
            """
            import json

            import boto3

            from helpdesk.tickets import open_ticket

            sqs = boto3.client("sqs")


            def poll(url):
                answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
                for message in answer.get("Messages", []):
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])  # <- flagged
                    open_ticket(json.loads(message["Body"]))
            """,
            "deleted from the queue, then worked off",
            path="helpdesk/poll.py",
        ),
        example(
            """
            import json

            from shop.orders import book


            def on_order(ch, method, properties, body):
                order = json.loads(body)
                ch.basic_ack(delivery_tag=method.delivery_tag)  # <- flagged
                book(order)
            """,
            "the first step of a handler",
            path="shop/handlers.py",
        ),
    ),
    good=(
        example(
            """
            import uuid

            import pika


            class Prices:
                def __init__(self):
                    self.channel = pika.BlockingConnection(pika.ConnectionParameters("queue")).channel()
                    self.callback_queue = self.channel.queue_declare(queue="", exclusive=True).method.queue
                    self.channel.basic_consume(
                        queue=self.callback_queue, on_message_callback=self.on_answer, auto_ack=True
                    )

                def on_answer(self, channel, method, properties, body):
                    self.answer = body

                def ask(self, sku):
                    properties = pika.BasicProperties(reply_to=self.callback_queue, correlation_id=str(uuid.uuid4()))
                    self.channel.basic_publish("", "prices", sku.encode(), properties)
            """,
            "answers that only this process waits for",
            path="shop/prices.py",
        ),
        example(
            """
            import json

            import pika

            from shop.orders import book


            def on_order(channel, method, properties, body):
                try:
                    book(json.loads(body))
                except ValueError:
                    channel.basic_nack(delivery_tag=method.delivery_tag, requeue=False)
                else:
                    channel.basic_ack(delivery_tag=method.delivery_tag)


            def main():
                channel = pika.BlockingConnection(pika.ConnectionParameters("queue")).channel()
                channel.basic_consume(queue="orders", on_message_callback=on_order)
                channel.start_consuming()
            """,
            "the last step",
            path="shop/consumer.py",
        ),
        example(
            """
            import json

            from aiokafka import AIOKafkaConsumer

            from library.loans import apply


            async def consume():
                consumer = AIOKafkaConsumer("loans", group_id="library", enable_auto_commit=False)
                await consumer.start()
                async for record in consumer:
                    await apply(json.loads(record.value))
                    await consumer.commit()
            """,
            "committed by hand",
            path="library/consumer.py",
        ),
        example(
            """
            import json
            import logging

            import boto3

            from helpdesk.tickets import open_ticket

            logger = logging.getLogger(__name__)
            sqs = boto3.client("sqs")


            def poll(url):
                for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
                    open_ticket(json.loads(message["Body"]))
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    logger.info("worked off %s", message["MessageId"])
            """,
            "deleted when it is worked off, then logged",
            path="helpdesk/poll.py",
        ),
        example(
            """
            import json

            import aio_pika

            from clinic.visits import store


            async def handle(message: aio_pika.IncomingMessage):
                async with message.process(requeue=True):
                    await store(json.loads(message.body))
            """,
            "a context that acknowledges at its end",
            path="clinic/consumer.py",
        ),
    ),
)
