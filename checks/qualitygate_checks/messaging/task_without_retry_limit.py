"""A task that is queued again for ever.

What it flags: `max_retries=None` on a task of Celery or Dramatiq, in its `retry_kwargs`, on the class of a task, in
`self.retry(...)`, in Celery's policy for publishing and in the `Retries` of Dramatiq: None means without a limit.

Why: a message that cannot be worked off (a deleted order, a bug, an address that does not exist) comes back after every
failure, for months, and takes the place of work that could be done. Nobody hears of it, since it never fails for good.

How to mend: give `max_retries` a number and let the pause grow; what still fails then belongs in a dead-letter queue or a
table that somebody looks at.

What it cannot see: limits from settings, and tasks that queue themselves. The defaults (3 in Celery, 20 in Dramatiq) have
an end and are left alone, and so are RQ and arq.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Language, ParsedFile, Place, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate_checks._handlers import last_name
from qualitygate_checks._retries import policies
from qualitygate_checks.security._module import imports

_LIBRARIES = ("celery", "dramatiq", "kombu")
_POLICIES = frozenset({"Retries", "apply_async", "send_task", "publish"})


def run(file: ParsedFile) -> Iterator[Hit]:
    """A hit for every policy of a task whose limit is None."""
    module = file.module
    if module is None or module.generated:
        return
    for policy in policies(file):
        given = policy.arguments.get("retry_kwargs")
        if policy.library in ("celery", "dramatiq") and (
            _is_none(policy.arguments.get("max_retries")) or _names_none(given)
        ):
            yield _hit(file, policy.place, policy.owner)
    if not any(name.split(".", 1)[0] in _LIBRARIES for name in imports(file).values()):
        return
    for scope in file.scopes:
        for span in _in_calls(scope):
            yield _hit(file, span, scope.qualname)
    for statement in ir.walk(module.body):
        if isinstance(statement, ir.Class) and any(last_name(base.value).endswith("Task") for base in statement.bases):
            for item in statement.body:
                if isinstance(item, ir.Assign) and _is_none(item.value) and last_name(item.targets[0]) == "max_retries":
                    yield _hit(file, item.span, statement.name)


def _in_calls(scope: ir.Scope) -> Iterator[Span]:
    """Calls inside a function that queue something without a limit."""
    for call in scope.calls:
        given = {argument.name: argument.value for argument in call.arguments}
        name = last_name(call)
        own = isinstance(call.function, ir.Attribute) and last_name(call.function.value) in ("self", "task", "cls")
        if (
            (name == "retry" and own and _is_none(given.get("max_retries")))
            or (name == "Retries" and _is_none(given.get("max_retries")))
            or (name in _POLICIES and _names_none(given.get("retry_policy")))
        ):
            yield call.name_span


def _is_none(value: ir.Expression | None) -> bool:
    return isinstance(value, ir.Constant) and value.value is None


def _names_none(value: ir.Expression | None) -> bool:
    """Whether a mapping that is written there has None for `max_retries`."""
    return isinstance(value, ir.Mapping) and any(
        isinstance(key, ir.Constant) and key.value == "max_retries" and _is_none(item) for key, item in value.items
    )


def _hit(file: ParsedFile, span: Span, owner: str) -> Hit:
    return Hit(
        place=Place(file.path, span),
        message=f"{owner or 'a task of this file'} is tried again without a limit",
        subject=f"retry limit of {owner or file.path}",
        why="`max_retries` is None, which means for ever",
        mend="give `max_retries` a number, and keep what still fails where somebody sees it",
    )


CHECK = Check(
    id="task-without-retry-limit",
    domain=Domain.MESSAGING,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Limit how often a task is tried",
    dont="Queue a failing task for ever",
    tags=("CWE-835", "CWE-770", "SOC2-A1.2"),
    gates=("graceful_degradation",),
    run=run,
    reads=frozenset({Language.PYTHON}),
    words=frozenset({"max_retries"}),
    examined=lambda file: sum(policy.library in ("celery", "dramatiq") for policy in policies(file)),
    doc=__doc__,
    bad=(
        example(
            """
            import httpx
            from celery import shared_task


            @shared_task(autoretry_for=(httpx.HTTPError,), retry_backoff=True, max_retries=None)  # <- flagged
            def send_receipt(order_id):
                httpx.post("https://mail.example.com/receipts", json={"order": order_id}, timeout=5)
            """,
            "a shared task",
            path="shop/tasks.py",
        ),
        example(
            """
            from celery import Celery

            from shop.stock import NotReachable, fetch

            app = Celery("shop")


            @app.task(bind=True)
            def sync_stock(self, sku):
                try:
                    fetch(sku)
                except NotReachable as failure:
                    raise self.retry(exc=failure, countdown=60, max_retries=None)  # <- flagged
            """,
            "where the task queues itself again",
            path="shop/tasks.py",
        ),
        example(
            """
            import dramatiq


            @dramatiq.actor(max_retries=None)  # <- flagged
            def forward(ticket_id):
                print("forward", ticket_id)
            """,
            "an actor",
            path="helpdesk/tasks.py",
        ),
        example(
            """
            import requests
            from celery import Task, shared_task


            class Reminder(Task):
                max_retries = None  # <- flagged


            @shared_task(  # <- flagged
                autoretry_for=(requests.RequestException,),
                retry_kwargs={"max_retries": None, "countdown": 5},
            )
            def remind(visit_id):
                requests.post("https://sms.example.com/send", json={"visit": visit_id}, timeout=5)
            """,
            "on the class of a task, and in a mapping",
            path="clinic/tasks.py",
        ),
    ),
    good=(
        example(
            """
            import httpx
            from celery import shared_task


            @shared_task(autoretry_for=(httpx.HTTPError,), retry_backoff=True, max_retries=5)
            def send_receipt(order_id):
                httpx.post("https://mail.example.com/receipts", json={"order": order_id}, timeout=5)
            """,
            "five times",
            path="shop/tasks.py",
        ),
        example(
            """
            from celery import shared_task


            @shared_task(autoretry_for=(ConnectionError,), retry_backoff=True)
            def forward(ticket_id):
                print("forward", ticket_id)
            """,
            "the default of Celery is three",
            path="helpdesk/tasks.py",
        ),
        example(
            """
            import dramatiq


            @dramatiq.actor(max_retries=8, max_backoff=60_000)
            def forward(ticket_id):
                print("forward", ticket_id)
            """,
            "an actor with a limit",
            path="helpdesk/tasks.py",
        ),
        example(
            """
            from celery import shared_task
            from sqlalchemy import create_engine


            class Settings:
                max_retries = None


            @shared_task(bind=True, max_retries=3)
            def load(self, number):
                try:
                    create_engine("postgresql://db/library").connect()
                except OSError as failure:
                    raise self.retry(exc=failure)
            """,
            "a name that is no limit of a task",
            path="library/tasks.py",
        ),
    ),
)
