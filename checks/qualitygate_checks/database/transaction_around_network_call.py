"""A transaction that stays open while another system is asked.

What it flags: an HTTP call (requests, httpx, aiohttp, urllib) made inside `transaction.atomic()` of Django or
`session.begin()` of SQLAlchemy, or in a function decorated with `atomic`, directly or through at most three functions of
the project. One finding a transaction, with each way to a call.

Why: the rows that the transaction has changed stay locked, and its connection stays taken, for as long as the other system
takes. When that one is slow, everything waits that needs the same rows, and the pool runs dry with it. And what the other
system has done is not taken back when the transaction is.

How to mend: ask before the transaction and write afterwards; or write what is to be done, commit, and let a task or
`transaction.on_commit(...)` make the call.

What it cannot see: transactions that a caller further up has open (`ATOMIC_REQUESTS`, a session that was flushed), calls
through clients whose type is not known, and calls of other protocols than HTTP. A call made on purpose while a row is
locked, so that nobody makes it twice, is told as well: answer it in the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Outbound
from qualitygate_checks._code import Body, Code
from qualitygate_checks._transactions import Region, regions

_DEPTH = 3
_SHOWN = 4
# What is handed over to be called later, when the transaction is over.
_LATER = frozenset({"on_commit", "delay", "delay_on_commit", "apply_async", "submit", "create_task", "add_task"})


@dataclass(frozen=True)
class _Way:
    """A way from a transaction to a call of another system; ``steps`` are the calls of the project's own functions."""

    steps: tuple[Place, ...]
    names: tuple[str, ...]
    outbound: Outbound


def run(project: Project) -> Iterator[Hit]:
    """One hit a transaction."""
    if not project.outbound:
        return
    code = project.once(Code)
    calls = {(one.place.path, one.place.span.line, one.place.span.column): one for one in project.outbound}
    told: set[Place] = set()
    for region in regions(project, code):
        ways = list(_ways(code, region.body, region.statements, calls, frozenset(), 0))
        if ways and (first := _place(ways[0])) not in told:
            told.add(first)
            yield _hit(region, ways)


def _ways(
    code: Code,
    body: Body,
    statements: tuple[ir.Statement, ...],
    calls: Mapping[tuple[str, int, int], Outbound],
    seen: frozenset[str],
    depth: int,
) -> Iterator[_Way]:
    for call in _made(statements):
        span = call.name_span
        outbound = calls.get((body.path, span.line, span.column))
        if outbound is not None:
            yield _Way((), (), outbound)
        elif depth < _DEPTH and (callee := code.callee(call, body)) is not None and callee.owner not in seen:
            for way in _ways(code, callee, callee.statements, calls, seen | {callee.owner}, depth + 1):
                step = Place(body.path, span, f"calls {callee.qualname}", "call")
                yield _Way((step, *way.steps), (callee.qualname, *way.names), way.outbound)
                break


def _made(statements: tuple[ir.Statement, ...]) -> Iterator[ir.Call]:
    """The calls that statements make themselves: not in a lambda, and not what is handed over for later."""
    for expression in ir.expressions(statements):
        later: set[int] = set()
        for part in ir.subexpressions(expression):
            if not isinstance(part, ir.Call) or id(part) in later:
                continue
            if isinstance(part.function, ir.Attribute) and part.function.name in _LATER:
                later |= {id(inner) for given in part.arguments for inner in ir.subexpressions(given.value)}
            else:
                yield part


def _place(way: _Way) -> Place:
    return way.steps[0] if way.steps else way.outbound.place


def _hit(region: Region, ways: list[_Way]) -> Hit:
    first = ways[0]
    path = region.body.path
    where = region.body.qualname or path
    target = first.outbound.target
    whom = f"{target} " if target else ""
    places = list(first.steps[1:])
    if first.steps:
        outbound = first.outbound.place
        places.append(Place(outbound.path, outbound.span, f"{first.outbound.client} {whom}".strip(), "call"))
    places += [Place(at.path, at.span, "and here", "call") for way in ways[1:_SHOWN] if (at := _place(way)) is not None]
    runs = f"; {where} runs {' -> '.join(first.names)}" if first.names else ""
    timeout = first.outbound.timeout
    waits = f", up to its timeout of {timeout}" if timeout and timeout[:1].isdigit() else ""
    more = f", and {len(ways) - 1} times more" if len(ways) > 2 else ", and once more" if len(ways) == 2 else ""
    return Hit(
        place=_place(first),
        message=f"{where} waits for {target or 'another system'} in the middle of a transaction{more}",
        subject=f"{first.outbound.client} in the transaction of {where}",
        why=f"{region.why}{runs}: its rows stay locked and its connection taken while the other side answers{waits}",
        mend="make the call before the transaction, or after it: `transaction.on_commit(...)`, a task",
        places=tuple(places),
    )


CHECK = Check(
    id="transaction-around-network-call",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Keep transactions short and free of calls to other systems",
    dont="Hold locks while another system is asked",
    tags=("CWE-667", "CWE-1088"),
    gates=("graceful_degradation",),
    run=run,
    examined=lambda project: len(project.outbound),
    doc=__doc__,
    bad=(
        example(
            {
                "shop/views.py": """
                    import requests
                    from django.db import transaction
                    from django.http import JsonResponse

                    from shop.models import Order


                    def pay(request, number):
                        with transaction.atomic():
                            order = Order.objects.select_for_update().get(number=number)
                            answer = requests.post(  # <- flagged
                                "https://pay.example.com/charges", json={"amount": order.total}, timeout=10
                            )
                            order.paid = answer.ok
                            order.save()
                        return JsonResponse({"paid": order.paid})
                    """
            },
            "a charge while the order is locked",
        ),
        example(
            {
                "clinic/visits.py": """
                    from django.db import transaction

                    from clinic.calendar import publish
                    from clinic.models import Visit


                    @transaction.atomic
                    def book(patient, day):
                        visit = Visit.objects.create(patient=patient, day=day)
                        publish(visit)  # <- flagged
                        return visit
                    """,
                "clinic/calendar.py": """
                    import httpx

                    client = httpx.Client(base_url="https://calendar.example.com")


                    def publish(visit):
                        entry = {"day": visit.day.isoformat()}
                        return send(entry)


                    def send(entry):
                        return client.post("/entries", json=entry)
                    """,
            },
            "two functions away from a decorated one",
        ),
        example(
            """
            import httpx
            from sqlalchemy.orm import Session

            from parcels.models import Parcel


            class Labels:
                def __init__(self, session: Session) -> None:
                    self.session = session

                def print(self, parcel_id: int) -> None:
                    with self.session.begin():
                        parcel = self.session.get(Parcel, parcel_id)
                        parcel.label = self.fetch(parcel)  # <- flagged

                def fetch(self, parcel: Parcel) -> str:
                    return httpx.get(f"https://labels.example.com/{parcel.number}").text
            """,
            "SQLAlchemy's begin, through a method of the same object",
        ),
        example(
            """
            import aiohttp
            from fastapi import APIRouter

            from stock.database import async_session

            router = APIRouter(prefix="/v1/stock")


            @router.post("/{sku}/refill")
            async def refill(sku: str) -> dict[str, str]:
                async with async_session.begin():
                    async with aiohttp.ClientSession() as client:
                        await client.post("https://supplier.example.com/orders", json={"sku": sku})  # <- flagged
                return {"sku": sku}
            """,
            "asynchronous, in a handler",
        ),
    ),
    good=(
        example(
            """
            import requests
            from django.db import transaction

            from shop.models import Order


            def pay(number):
                order = Order.objects.get(number=number)
                answer = requests.post("https://pay.example.com/charges", json={"amount": order.total}, timeout=10)
                with transaction.atomic():
                    Order.objects.filter(number=number).update(paid=answer.ok)
            """,
            "asked before, written afterwards",
        ),
        example(
            """
            import requests
            from django.db import transaction

            from shop.models import Order


            def tell(order):
                requests.post("https://mail.example.com/send", json={"order": order.id}, timeout=5)


            def close(number):
                with transaction.atomic():
                    order = Order.objects.select_for_update().get(number=number)
                    order.close()
                    transaction.on_commit(lambda: tell(order))
            """,
            "when the transaction is over",
        ),
        example(
            """
            import httpx
            from sqlalchemy.orm import Session

            from parcels.models import Parcel
            from parcels.tasks import fetch_label


            def ship(session: Session, number: str) -> None:
                with session.begin():
                    session.add(Parcel(number=number))
                    fetch_label.delay(number)


            def label(number: str) -> str:
                return httpx.get(f"https://labels.example.com/{number}").text
            """,
            "handed over to a task",
        ),
        example(
            """
            import requests
            from django.db import transaction


            class Feed:
                def get(self, key):
                    return {"entries": []}.get(key)


            def read(feed: Feed):
                with transaction.atomic():
                    return feed.get("entries")


            def load():
                return requests.get("https://feeds.example.com/all", timeout=5).json()
            """,
            "a method that only has the name of one",
        ),
    ),
)
