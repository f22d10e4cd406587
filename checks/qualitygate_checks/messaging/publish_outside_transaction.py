"""A message that is sent before the data it speaks of is stored.

What it flags: a task that is queued (`delay`, `apply_async`, `send_task`) or a message that is published (Kafka, RabbitMQ,
SNS, SQS) inside `transaction.atomic()` of Django or `session.begin()` of SQLAlchemy, or between the changes of a session
and its `commit()`; also one call further on, and in views of a project with `ATOMIC_REQUESTS`.

Why: the queue is no part of the transaction. The worker may read before the commit and find nothing; and when the
transaction is rolled back, the message is out all the same: a receipt for an order that does not exist.

How to mend: `transaction.on_commit(lambda: send_receipt.delay(order.id))` (or `delay_on_commit`), queue after `commit()`,
or write the message into an outbox table that a worker publishes.

What it cannot see: transactions that a caller further up has open. A message that is sent after the commit may still be
lost when the process dies in between; only an outbox prevents that, and it is not asked for here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Call
from qualitygate_checks._code import Body, Code, last_name
from qualitygate_checks._reach import owner, way
from qualitygate_checks._transactions import SESSION, regions
from qualitygate_checks.messaging._tasks import celery_tasks, uses_celery

_QUEUES = frozenset({"delay", "apply_async", "send_task"})
_PUBLISHES = frozenset(
    "send produce publish basic_publish send_and_wait send_message send_event emit_event publish_message".split()
)
_PRODUCER = re.compile(
    r"(^|_)(producer|publisher|broker|channel|kafka|sns|sqs|bus|exchange|pubsub)($|_)", re.IGNORECASE
)
# What runs a function in another process or thread, or waits.
_POOL = re.compile(r"^(self|cls)?$|(^|_)(pool|executor|workers|timer|limiter)$", re.IGNORECASE)
_CHANGES = frozenset({"add", "add_all", "flush", "delete", "merge"})
_SHOWN = 3


@dataclass(frozen=True)
class _Tasks:
    """The names of the tasks of Celery, and whether the project uses it at all."""

    names: frozenset[str]
    celery: bool


def run(project: Project) -> Iterator[Hit]:
    """A hit for every message that leaves before its transaction is committed."""
    code = project.once(Code)
    celery = uses_celery(project)
    tasks = _Tasks(frozenset(function.name for _, function, _ in celery_tasks(project)), celery)
    told: set[tuple[str, int]] = set()
    for hit in (*_in_regions(project, code, tasks), *_before_commits(code, tasks)):
        at = (hit.place.path, hit.place.span.line)
        if at not in told:
            told.add(at)
            yield hit
    if celery:
        yield from _in_requests(project, told)


def _in_regions(project: Project, code: Code, tasks: _Tasks) -> Iterator[Hit]:
    for region in regions(project, code):
        yield from _sent_in(code, region.body, region.statements, region.why, tasks)


def _before_commits(code: Code, tasks: _Tasks) -> Iterator[Hit]:
    for body in code.everywhere("commit"):
        yield from _before_commit(code, body, body.statements, tasks)


def _before_commit(code: Code, body: Body, statements: Sequence[ir.Statement], tasks: _Tasks) -> Iterator[Hit]:
    """What is sent in a block between the changes of a session and its commit."""
    for block in (inner for statement in statements for inner in ir.blocks(statement)):
        yield from _before_commit(code, body, block, tasks)
    commits = [position for position, statement in enumerate(statements) if _on_session(statement, {"commit"})]
    if not commits:
        return
    started = 0
    for commit in commits:
        changed = next(
            (position for position in range(started, commit) if _on_session(statements[position], _CHANGES)), None
        )
        if changed is not None:
            why = f"the session is committed in line {_line(statements[commit])} only"
            yield from _sent_in(code, body, statements[changed + 1 : commit], why, tasks, hop=False)
        started = commit + 1


def _on_session(statement: ir.Statement, methods: frozenset[str] | set[str]) -> bool:
    """Whether a statement of its own calls one of the methods of a session."""
    value = getattr(statement, "value", None)
    value = value.value if isinstance(value, ir.Await) else value
    return (
        isinstance(value, ir.Call)
        and isinstance(value.function, ir.Attribute)
        and value.function.name in methods
        and SESSION.search(last_name(value.function.value)) is not None
    )


def _line(statement: ir.Statement) -> int:
    return int(getattr(statement, "span").line)  # noqa: B009


def _sent_in(
    code: Code, body: Body, statements: Sequence[ir.Statement], why: str, tasks: _Tasks, hop: bool = True
) -> Iterator[Hit]:
    """Hits for what statements send, themselves or in a function that they call."""
    for expression in ir.expressions(tuple(statements)):
        for part in ir.subexpressions(expression):
            if not isinstance(part, ir.Call):
                continue
            sent = _sends(part, tasks)
            if sent and sent.startswith(f"{body.qualname}."):
                continue  # a task that queues its next batch
            if sent:
                yield _hit(body, part, sent, why)
            elif hop:
                inside = _sends_inside(code, part, tasks)
                if inside is not None:
                    helper, call, what = inside
                    place = Place(helper.path, call.name_span, f"{helper.qualname} sends it", "call")
                    yield _hit(body, part, f"{what} by way of {helper.qualname}", why, (place,))


def _sends(call: ir.Call, tasks: _Tasks) -> str:
    """What a call sends, as the code names it; empty where it sends nothing."""
    if not isinstance(call.function, ir.Attribute):
        return ""
    name, holder = call.function.name, last_name(call.function.value)
    if tasks.celery and name in _QUEUES and not _POOL.search(holder):
        return f"{holder}.{name}()" if holder in tasks.names or not holder[:1].isupper() else ""
    # `publisher.publish()` tells observers inside the process.
    return f"{holder}.{name}()" if name in _PUBLISHES and call.arguments and _PRODUCER.search(holder) else ""


def _sends_inside(code: Code, call: ir.Call, tasks: _Tasks) -> tuple[Body, ir.Call, str] | None:
    """The one function of the project that a call runs, with what it sends; None where it sends nothing."""
    name = last_name(call.function)
    receiver = call.function.value if isinstance(call.function, ir.Attribute) else None
    if receiver is not None and last_name(receiver) not in ("self", "cls"):
        return None
    found = code.named(name)
    if len(found) != 1 or not (_QUEUES | _PUBLISHES).intersection(found[0].function.calls if found[0].function else ()):
        return None
    helper = found[0]
    for part in helper.expressions():
        if isinstance(part, ir.Call) and (what := _sends(part, tasks)):
            return helper, part, what
    return None


def _in_requests(project: Project, told: set[tuple[str, int]]) -> Iterator[Hit]:
    """What views send where every request is one transaction."""
    if not any(
        _atomic_requests(databases) for settings in project.settings if (databases := settings.values.get("DATABASES"))
    ):
        return
    calls: list[Call] = [
        call
        for call in project.calls
        if call.name in ("?.delay", "?.apply_async")
        and call.routes
        and not call.deferred
        and (call.place.path, call.place.span.line) not in told
    ]
    if calls:
        more = f", and so are {len(calls) - 1} more" if len(calls) > 1 else ""
        yield Hit(
            place=calls[0].place,
            message=f"{owner(calls[0])} queues a task before its data is committed{more}",
            subject="tasks queued in the transaction of a request",
            why=f"`ATOMIC_REQUESTS` commits when the view has answered; {way(calls[0])}",
            mend="queue it in `transaction.on_commit(...)`, or with `delay_on_commit`",
            places=tuple(
                Place(call.place.path, call.place.span, owner(call), "call") for call in calls[1 : _SHOWN + 1]
            ),
            confidence=Confidence.MEDIUM,
        )


def _atomic_requests(databases: object) -> bool:
    items = getattr(databases, "items", ())
    entries = [item.entry("ATOMIC_REQUESTS") for item in items if item.kind == "mapping"]
    return any(entry is not None and entry.value is True for entry in entries)


def _hit(body: Body, call: ir.Call, sent: str, why: str, places: tuple[Place, ...] = ()) -> Hit:
    return Hit(
        place=Place(body.path, call.name_span),
        message=f"{sent} goes out before the data that it speaks of is committed",
        subject=f"{sent} in {body.qualname or body.path}",
        why=why,
        mend="send it after the commit: `transaction.on_commit(...)`, `delay_on_commit`, or below `commit()`",
        places=places,
        confidence=Confidence.HIGH if ".delay" in sent or ".apply_async" in sent else Confidence.MEDIUM,
    )


CHECK = Check(
    id="publish-outside-transaction",
    domain=Domain.MESSAGING,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Publish what is committed",
    dont="Send messages of data that may be rolled back",
    tags=("CWE-362", "CWE-662", "SOC2-PI1.4"),
    gates=("data_consistency",),
    run=run,
    calls=frozenset({"?.delay", "?.apply_async"}),
    assigns=frozenset({"DATABASES"}),
    examined=lambda project: sum(call.name in ("?.delay", "?.apply_async") for call in project.calls),
    doc=__doc__,
    bad=(
        example(
            {
                "shop/views.py": """
                    from django.db import transaction
                    from django.http import JsonResponse

                    from shop.models import Order
                    from shop.tasks import send_receipt


                    def checkout(request):
                        with transaction.atomic():
                            order = Order.objects.create(customer=request.user)
                            order.lines.create(sku=request.POST["sku"])
                            send_receipt.delay(order.id)  # <- flagged
                        return JsonResponse({"order": order.id})
                    """,
                "shop/tasks.py": """
                    from celery import shared_task


                    @shared_task
                    def send_receipt(order_id):
                        print("receipt for", order_id)
                    """,
            },
            "inside of atomic()",
        ),
        example(
            """
            from celery import shared_task
            from django.db import transaction

            from clinic.models import Visit


            @shared_task
            def remind(visit_id):
                print("reminder of", visit_id)


            class Visits:
                @transaction.atomic
                def book(self, patient, day):
                    visit = Visit.objects.create(patient=patient, day=day)
                    self.announce(visit)  # <- flagged
                    return visit

                def announce(self, visit):
                    remind.apply_async(args=[visit.pk], countdown=60)
            """,
            "one call further on, in a function that is one transaction",
            path="clinic/visits.py",
        ),
        example(
            """
            from celery import Celery
            from fastapi import Depends, FastAPI
            from sqlalchemy.orm import Session

            from helpdesk.db import get_session
            from helpdesk.models import Ticket

            app = FastAPI()
            queue = Celery("helpdesk", broker="redis://queue:6379/0")


            @queue.task
            def forward(ticket_id):
                print("forward", ticket_id)


            @app.post("/v1/tickets")
            def open_ticket(subject: str, session: Session = Depends(get_session)):
                ticket = Ticket(subject=subject)
                session.add(ticket)
                session.flush()
                forward.delay(ticket.id)  # <- flagged
                session.commit()
                return {"number": ticket.id}
            """,
            "before the commit of a session",
            path="helpdesk/main.py",
        ),
        example(
            """
            import json

            from library.db import session_factory
            from library.models import Loan


            async def lend(producer, book, reader):
                async with session_factory() as session, session.begin():
                    session.add(Loan(book=book, reader=reader))
                    await producer.send_and_wait("loans", json.dumps({"book": book}).encode())  # <- flagged
            """,
            "a message of Kafka inside of begin()",
            path="library/loans.py",
        ),
    ),
    good=(
        example(
            """
            from functools import partial

            from celery import shared_task
            from django.db import transaction
            from django.http import JsonResponse

            from shop.models import Order


            @shared_task
            def send_receipt(order_id):
                print("receipt for", order_id)


            @shared_task
            def update_stock(order_id):
                print("stock after", order_id)


            def checkout(request):
                with transaction.atomic():
                    order = Order.objects.create(customer=request.user)
                    transaction.on_commit(lambda: send_receipt.delay(order.id))
                    transaction.on_commit(partial(update_stock.delay, order.id))
                return JsonResponse({"order": order.id})
            """,
            "on commit",
            path="shop/views.py",
        ),
        example(
            """
            from celery import shared_task
            from clinic.models import Visit
            from django.db import transaction


            @shared_task
            def remind(visit_id):
                print("reminder of", visit_id)


            @transaction.atomic
            def book(patient, day):
                visit = Visit.objects.create(patient=patient, day=day)
                remind.delay_on_commit(visit.pk)
                return visit


            def move(visit, day):
                with transaction.atomic():
                    visit.day = day
                    visit.save()
                remind.delay(visit.pk)
            """,
            "delayed until the commit, and after it",
            path="clinic/visits.py",
        ),
        example(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy.orm import Session

            from helpdesk.db import get_session
            from helpdesk.models import Ticket
            from helpdesk.tasks import forward

            app = FastAPI()


            @app.post("/v1/tickets")
            def open_ticket(subject: str, session: Session = Depends(get_session)):
                ticket = Ticket(subject=subject)
                session.add(ticket)
                session.commit()
                forward.delay(ticket.id)
                return {"number": ticket.id}
            """,
            "after the commit",
            path="helpdesk/main.py",
        ),
        example(
            """
            from library.db import session_factory
            from library.models import Loan, OutboxMessage


            async def lend(book, reader):
                async with session_factory() as session, session.begin():
                    session.add(Loan(book=book, reader=reader))
                    session.add(OutboxMessage(topic="loans", key=str(book)))
            """,
            "an outbox",
            path="library/loans.py",
        ),
    ),
)
