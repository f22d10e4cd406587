"""A movement of money that happens twice when it is asked for twice.

What it flags: a call of Stripe that moves money or makes a claim to it (`PaymentIntent`, `Charge`, `Refund`, `Transfer`,
`Payout`, `Topup`, `InvoiceItem`, with `create` or `create_async`) without `idempotency_key`. One finding a call.

Why: a request that got no answer is sent again: by a person, by a queue, by a client's own retry. Without a key that is
the same both times the provider carries out both. The keys that the library makes by itself hold for its own retries of
one call, and no longer.

How to mend: hand over a key that follows from what is done and not from the call: `idempotency_key=f"refund-{refund.id}"`,
with the row stored before. At your own door, take an `Idempotency-Key` from the client and keep the answer under it.

What it cannot see: keys inside unpacked parameters (such calls are left alone), other providers, a lock or a unique row
that lets only one of two requests come this far, and operations of a contract.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model.calls import Call
from qualitygate_checks._reach import is_script, owner, way

_MOVING = ("PaymentIntent", "Charge", "Refund", "Transfer", "Payout", "Topup", "InvoiceItem")
_CALLS = frozenset(f"stripe.{thing}.{verb}" for thing in _MOVING for verb in ("create", "create_async"))


def run(project: Project) -> Iterator[Hit]:
    """One hit a call."""
    for call in project.calls:
        if call.name in _CALLS and call.complete and "idempotency_key" not in call.keywords and not _is_by_hand(call):
            thing = call.name.split(".")[1]
            runs = f"; {way(call)}" if call.routes else ""
            yield Hit(
                place=call.place,
                message=f"{owner(call)} asks Stripe for a {thing} without an idempotency key",
                subject=f"{thing} in {owner(call)}",
                why=f"asked for a second time, after a lost answer or by a retry, it happens a second time{runs}",
                mend="hand over a key that follows from what is paid: "
                f'`idempotency_key=f"{thing.lower()}-{{...}}"`, with the row that names it stored before',
                places=call.chain,
                confidence=Confidence.HIGH if call.routes else Confidence.MEDIUM,
            )


def _is_by_hand(call: Call) -> bool:
    """A command that a person starts, and watches."""
    return not call.routes and is_script(call.place.path)


CHECK = Check(
    id="missing-idempotency-key",
    domain=Domain.API,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Give every movement of money a key of its own",
    dont="Rely on each request coming once",
    tags=("CWE-837", "PCI-DSS-6.2.4"),
    gates=("data_consistency",),
    run=run,
    calls=_CALLS,
    examined=lambda project: sum(call.name in _CALLS for call in project.calls),
    doc=__doc__,
    bad=(
        example(
            """
            import stripe
            from fastapi import FastAPI
            from pydantic import BaseModel

            app = FastAPI()


            class Payment(BaseModel):
                order: int
                cents: int


            @app.post("/v1/payments")
            def pay(payment: Payment) -> dict[str, str]:
                intent = stripe.PaymentIntent.create(amount=payment.cents, currency="eur", confirm=True)  # <- flagged
                return {"id": intent.id}
            """,
            "FastAPI: a button that is pressed twice pays twice",
        ),
        example(
            """
            import stripe
            from celery import shared_task

            from shop.models import Refund


            @shared_task(autoretry_for=(stripe.error.APIConnectionError,), max_retries=5)
            def refund(number):
                row = Refund.objects.get(pk=number)
                stripe.Refund.create(charge=row.charge, amount=row.cents)  # <- flagged
            """,
            "a task that is tried again",
        ),
        example(
            """
            import stripe
            from flask import Blueprint, jsonify

            from market.models import Seller

            payouts = Blueprint("payouts", __name__, url_prefix="/api/v1/payouts")


            def send(seller):
                return stripe.Transfer.create(  # <- flagged
                    amount=seller.balance_cents,
                    currency="usd",
                    destination=seller.account,
                )


            @payouts.post("/<int:number>")
            def pay_out(number):
                return jsonify(id=send(Seller.query.get_or_404(number)).id), 201
            """,
            "Flask: through a function of its own",
        ),
        example(
            """
            import stripe as stripe_lib


            class Payouts:
                async def make(self, account: str, cents: int) -> stripe_lib.Payout:
                    return await stripe_lib.Payout.create_async(  # <- flagged
                        stripe_account=account, amount=cents, currency="usd"
                    )
            """,
            "asynchronous, under another name",
        ),
    ),
    good=(
        example(
            """
            import stripe
            from fastapi import FastAPI, Header
            from pydantic import BaseModel

            app = FastAPI()


            class Payment(BaseModel):
                order: int
                cents: int


            @app.post("/v1/payments")
            def pay(payment: Payment, idempotency_key: str = Header(max_length=80)) -> dict[str, str]:
                intent = stripe.PaymentIntent.create(
                    amount=payment.cents, currency="eur", confirm=True, idempotency_key=idempotency_key
                )
                return {"id": intent.id}
            """,
            "the key of the client",
        ),
        example(
            """
            import stripe
            from celery import shared_task

            from shop.models import Refund


            @shared_task(autoretry_for=(stripe.error.APIConnectionError,), max_retries=5)
            def refund(number):
                row = Refund.objects.get(pk=number)
                stripe.Refund.create(charge=row.charge, amount=row.cents, idempotency_key=f"refund-{row.pk}")
            """,
            "a key that follows from the row",
        ),
        example(
            """
            import stripe


            def transfer(**params):
                return stripe.Transfer.create(**params)
            """,
            "parameters that the callers know",
        ),
        example(
            """
            import stripe
            from flask import Flask, request

            app = Flask(__name__)


            @app.post("/api/v1/customers")
            def register():
                customer = stripe.Customer.create(email=request.get_json()["email"][:200])
                session = stripe.checkout.Session.create(customer=customer.id, mode="setup")
                return {"url": session.url}
            """,
            "what moves no money",
        ),
    ),
)
