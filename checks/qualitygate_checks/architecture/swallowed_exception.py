"""An exception that vanishes: caught whatever it is, and nothing done about it.

What it flags: an `except:`, `except Exception:` or `contextlib.suppress(Exception)` around calls whose handler only
passes or continues: nothing is logged, counted, answered or raised; and one that turns the failure of a call that fetches
or changes something into None or an empty list. Told with low confidence are other handlers that only give back a constant, attempts behind
which the code tries or answers something else, those beside which a comment gives the reason, and those in scripts.

Why: a dependency that is down, a bug and a typo all look like success. The caller goes on with half of the work done, and
nobody learns of it before the data is wrong.

How to mend: catch the exception that is expected, and let others pass. Where the work may fail without harm, log it with
its traceback (`logger.exception(...)`) and say so in the answer.

What it cannot see: handlers that hand the exception to something that drops it. Clean-up (close, remove, roll back,
cancel), metrics, optional imports and attempts of alternatives in a loop are left alone, and so is what catches a narrow
exception. So is a failure that the code behind the handler speaks of: it raises, it logs an error, or it asks for the
value that the handler left empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qualitygate.authoring import Check, Confidence, Domain, Hit, Language, ParsedFile, Place, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate_checks._handlers import BROAD, calls, is_broad, last_name, log_level
from qualitygate_checks._reach import is_script

_CLEANUP = re.compile(
    r"^_*(a?close|cancel|terminate|kill|unlink|remove|rmtree|rmdir|rollback|disconnect|shutdown|stop|clean|quit|release|"
    r"reset|flush|detach|unwrap|uninstall|uninstrument|collect$|request_gc$|dispose|unsubscribe|unregister|logout|teardown|abort|delete_temp|join|wait|exists|isfile|isdir|clear$|seek$|"
    r"set_result$|set_exception$|"
    r"labels$|inc$|dec$|observe$|incr$|gauge$|timing$|capture_exception$)"
)
_HARMLESS = frozenset(
    """int float str bool len isinstance hasattr getattr setattr repr loads dumps fromisoformat strptime UUID decode encode
    b64decode index split strip lower upper join format literal_eval get keys items values append extend list dict tuple
    set print type replace startswith endswith min max sum round sorted range next iter super timedelta strftime isoformat
    fromtimestamp parse parsedate slugify urlparse urlsplit quote unquote ip_address translate group groups match fullmatch
    sub findall getMessage add
    date time datetime enumerate zip pop setdefault json _ gettext""".split()
)
_OUTWARD = re.compile(
    r"(^|_)(fetch|request|query|execute|send|save|charge|pay|publish|commit|delete|update|create|download|upload|post|put|"
    r"patch|find|lookup|search|notify|sync|get_[a-z]|subscribe|refund|reserve)"
)
# Functions whose whole purpose is to say whether something works.
_PROBE = re.compile(
    r"(^|[._])(try|is|has|can|check|ping|probe|health\w*|validate|parse|maybe|safe|optional|guess)(_|$)", re.IGNORECASE
)
# A comment above the attempt that speaks of its failure, not of its purpose.
_REASON = re.compile(
    r"ignor|silent|best.effort|fail|harmless|not? matter|swallow|suppress|whatever|optional", re.IGNORECASE
)
_ASKS = re.compile(r"^_*(check|ping|probe|health\w*)(_|$)", re.IGNORECASE)
_LOUD = frozenset({"warning", "warn", "error", "exception", "critical", "fatal", "fail", "abort"})
# What counts or measures the work beside it.
_METRIC = re.compile(r"^(labels|inc|dec|observe|incr|gauge|timing|push_to_gateway)$")
_LOG = re.compile(r"^log(_[a-z]+)?$")
_QUIET = frozenset(
    {"__del__", "__exit__", "__aexit__", "__repr__", "__str__", "close", "cleanup", "teardown", "shutdown"}
)


def run(file: ParsedFile) -> Iterator[Hit]:
    """A hit for every handler, or suppression, that drops all exceptions."""
    if file.module is None or file.module.generated:
        return
    for scope in file.scopes:
        if scope.function is not None and (scope.function.name in _QUIET or scope.function.name.lstrip("_") in _QUIET):
            continue
        if scope.kinds.isdisjoint((ir.Try, ir.With)):
            continue
        yield from _block(file, scope.statements, scope.qualname, in_loop=False)


def _block(
    file: ParsedFile,
    statements: Sequence[ir.Statement],
    owner: str,
    in_loop: bool,
    behind: Sequence[ir.Statement] = (),
    told: bool = False,
) -> Iterator[Hit]:
    """Hits in a block; ``behind`` is what follows it in the block around; ``told`` where a handler deals with another one."""
    for position, statement in enumerate(statements):
        if isinstance(statement, (ir.Function, ir.Class)):
            continue
        after = statements[position + 1 :] or behind
        if isinstance(statement, ir.Try):
            for handler in statement.handlers:
                confidence = _confidence(statement, handler, in_loop, owner, after) if is_broad(handler) else None
                if confidence is not None and not _spoken_of(statement, handler, after):
                    span = handler.span
                    if handler.exception is None:
                        span = Span(span.line, span.column, span.line, span.column + len("except"))
                    sure = Confidence.LOW if told else confidence
                    yield _hit(file, span, statement.body, owner, sure, statement.span.line)
        elif isinstance(statement, ir.With) and _suppresses(statement) and _risky(statement.body):
            sure = _silence(statement.body, after, owner)
            yield _hit(file, statement.span, statement.body, owner, sure, statement.span.line)
        inside = in_loop or isinstance(statement, (ir.For, ir.While))
        handling = [handler.body for handler in statement.handlers] if isinstance(statement, ir.Try) else []
        for block in ir.blocks(statement):
            # What a handler tries besides dealing with the failure that it caught may fail quietly.
            yield from _block(file, block, owner, inside, after, told or any(block is body for body in handling))


def _spoken_of(statement: ir.Try, handler: ir.Handler, after: Sequence[ir.Statement]) -> bool:
    """Whether the code behind a handler tells of the failure: it raises or logs it, or asks for what was left empty."""
    following = after[0] if after else None
    if isinstance(following, ir.Raise):
        return True
    leaves = any(isinstance(item, (ir.Return, ir.Jump)) for item in ir.walk(statement.body))
    if leaves and isinstance(following, ir.Evaluate) and isinstance(following.value, ir.Call):
        return bool(log_level(following.value)) or last_name(following.value) in _LOUD
    if not isinstance(following, ir.If):
        return False
    emptied = {last_name(target) for item in handler.body if isinstance(item, ir.Assign) for target in item.targets}
    asked = {last_name(item) for item in ir.subexpressions(following.test)}
    speaks = any(isinstance(item, ir.Raise) for item in ir.walk(following.body)) or any(
        log_level(call) in _LOUD for call in calls(following.body)
    )
    return speaks and bool((emptied & asked) - {""})


def _confidence(
    statement: ir.Try, handler: ir.Handler, in_loop: bool, owner: str, after: Sequence[ir.Statement]
) -> Confidence | None:
    """How sure it is that the handler swallows; None where it does not. ``after`` is what is done next."""
    if not all(_idle(item) for item in handler.body) or not _risky(statement.body):
        return None
    if statement.final and any(True for _ in calls(statement.final)):
        return Confidence.LOW
    leaves = any(isinstance(item, ir.Return) or item == ir.Jump("break") for item in ir.walk(statement.body))
    if in_loop and leaves:
        return None  # alternatives tried one after the other, or attempts that are counted
    silent = all(isinstance(item, (ir.Jump, ir.Evaluate)) for item in handler.body)
    if silent and all(item != ir.Jump("continue") for item in handler.body):
        return _silence(statement.body, after, owner)
    if silent:
        return Confidence.LOW if _ASKS.search(owner.rpartition(".")[2]) else Confidence.MEDIUM
    if _gives_nothing(handler) and _reaches_out(statement.body) and not _PROBE.search(owner):
        return Confidence.LOW if _asks_for_result(statement.body, after) else Confidence.MEDIUM
    return Confidence.LOW


def _silence(body: Sequence[ir.Statement], after: Sequence[ir.Statement], owner: str) -> Confidence:
    """How sure it is that a failure passes unseen where the code goes on with ``after`` as if there were none.

    An attempt that returns, with another attempt or another answer behind it, chooses between the two: of such only those
    are sure that turn a failed call to the outside into "there is nothing".
    """
    if _ASKS.search(owner.rpartition(".")[2]) or _asks_for_result(body, after):
        return Confidence.LOW
    following = after[0] if after else None
    if isinstance(following, (ir.Return, ir.Try)) and any(isinstance(item, ir.Return) for item in ir.walk(body)):
        nothing = isinstance(following, ir.Return) and _is_nothing(following.value)
        sure = nothing and _reaches_out(body) and not _PROBE.search(owner)
        return Confidence.MEDIUM if sure else Confidence.LOW
    return Confidence.MEDIUM


def _asks_for_result(body: Sequence[ir.Statement], after: Sequence[ir.Statement]) -> bool:
    """Whether the code behind an attempt begins with a question about what the attempt was to find out: `if not address:`."""
    following = after[0] if after else None
    if not isinstance(following, ir.If):
        return False
    found = {
        target.id
        for item in ir.walk(body)
        if isinstance(item, ir.Assign)
        for target in item.targets
        if isinstance(target, ir.Name)
    }
    return any(isinstance(item, ir.Name) and item.id in found for item in ir.subexpressions(following.test))


def _gives_nothing(handler: ir.Handler) -> bool:
    """Whether a handler turns the failure into "there is nothing": None or an empty collection; False is an answer."""
    values = [item.value for item in handler.body if isinstance(item, (ir.Return, ir.Assign))]
    return bool(values) and all(map(_is_nothing, values))


def _is_nothing(value: ir.Expression | None) -> bool:
    """Whether a value is None or an empty collection."""
    if isinstance(value, (ir.Sequence, ir.Mapping)):
        return not value.items
    return value is None or (isinstance(value, ir.Constant) and value.value is None)


def _reaches_out(body: Sequence[ir.Statement]) -> bool:
    """Whether what is tried fetches or changes something: its failure is not the same as there being nothing."""
    return any(
        _OUTWARD.search(last_name(call)) and last_name(call) not in ("find_all", "get_type_hints")
        for call in calls(body)
    )


def _idle(statement: ir.Statement) -> bool:
    """Whether a statement of a handler does nothing about the exception."""
    if isinstance(statement, ir.Jump):
        return statement.kind == "continue"
    if isinstance(statement, ir.Evaluate):
        return isinstance(statement.value, (ir.Constant, ir.Opaque))
    if isinstance(statement, (ir.Return, ir.Assign)):
        value = statement.value
        empty = isinstance(value, (ir.Sequence, ir.Mapping)) and not value.items
        return value is None or isinstance(value, ir.Constant) or empty
    return False


def _risky(body: Sequence[ir.Statement]) -> bool:
    """Whether what is tried does something that may fail for reasons worth knowing."""
    if any(isinstance(statement, ir.Import) for statement in ir.walk(body)):
        return False
    names = [last_name(call) for call in calls(body) if not log_level(call)]
    named = [name for name in names if name and name not in _HARMLESS and not _LOG.match(name)]
    if any(map(_METRIC.match, named)) and not _reaches_out(body):
        return False
    return bool(named) and not all(_CLEANUP.match(name) for name in named)


def _suppresses(statement: ir.With) -> bool:
    return any(
        isinstance(item, ir.Call)
        and last_name(item) == "suppress"
        and any(last_name(argument.value) in BROAD for argument in item.arguments)
        for item, _ in statement.items
    )


def _hit(
    file: ParsedFile, span: Span, body: Sequence[ir.Statement], owner: str, confidence: Confidence, tried: int
) -> Hit:
    names = [last_name(call) for call in calls(body) if not log_level(call)]
    named = [name for name in names if name and name not in _HARMLESS and not _CLEANUP.match(name)]
    telling = named[-1] if named else "this block"
    reasoned = any("#" in file.text.line(line) for line in (span.line, span.line + 1))
    reasoned = reasoned or file.text.line(span.line - 1).lstrip().startswith("#") or is_script(file.path)
    above = file.text.line(tried - 1).strip()
    reasoned = reasoned or (above.startswith("#") and _REASON.search(above) is not None)
    return Hit(
        place=Place(file.path, span),
        message=f"whatever goes wrong in {telling}() is dropped without a word",
        subject=f"{telling} in {owner or file.path}",
        why="every exception is caught here, and nothing is logged, counted or raised",
        mend="catch the exception that is expected, or log it: `logger.exception(...)`",
        confidence=Confidence.LOW if reasoned else confidence,
    )


CHECK = Check(
    id="swallowed-exception",
    version=2,
    domain=Domain.ARCHITECTURE,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Handle dependency failures",
    dont="Drop exceptions without a word",
    tags=("CWE-390", "CWE-391", "CWE-396"),
    gates=("graceful_degradation",),
    run=run,
    reads=frozenset({Language.PYTHON}),
    words=frozenset({"except", "suppress"}),
    examined=lambda file: sum(
        isinstance(item, ir.Try) for scope in file.scopes if ir.Try in scope.kinds for item in scope.walked
    ),
    doc=__doc__,
    bad=(
        example(
            """
            from fastapi import FastAPI

            from shop.mail import send_receipt
            from shop.orders import store

            app = FastAPI()


            @app.post("/v1/orders", status_code=201)
            def create_order(order: dict):
                number = store(order)
                try:
                    send_receipt(order["email"], number)
                except Exception:  # <- flagged
                    pass
                return {"number": number}
            """,
            "a receipt that is never sent, and nobody knows",
        ),
        example(
            """
            import requests


            def notify(hooks, event):
                for hook in hooks:
                    try:
                        requests.post(hook.url, json=event, timeout=5).raise_for_status()
                    except:  # <- flagged
                        continue
            """,
            "in a loop, even the interrupt of the keyboard is caught",
            path="helpdesk/hooks.py",
        ),
        example(
            """
            import contextlib

            from django.core.cache import cache

            from clinic.models import Visit


            def warm_cache(patient):
                with contextlib.suppress(Exception):  # <- flagged
                    visits = list(Visit.objects.filter(patient=patient))
                    cache.set(f"visits:{patient.pk}", visits, timeout=300)
            """,
            "suppressed on one line",
            path="clinic/caching.py",
        ),
        example(
            """
            from celery import shared_task

            from shop.stock import reserve


            @shared_task
            def reserve_stock(order_id):
                try:
                    reserve(order_id)
                except (ValueError, Exception):  # <- flagged
                    ...
            """,
            "a narrow exception beside all of them",
            path="shop/tasks.py",
        ),
        example(
            """
            from shop.gateway import gateway


            def charge(order):
                try:
                    return gateway.create_charge(order.amount, order.card)
                except Exception:  # <- flagged
                    return None
            """,
            "nobody can tell a refusal from an outage",
            path="shop/payment.py",
        ),
    ),
    good=(
        example(
            """
            import logging

            from shop.mail import MailError, send_receipt

            logger = logging.getLogger(__name__)


            def finish(order):
                try:
                    send_receipt(order.email, order.number)
                except MailError:
                    pass
                try:
                    order.publish()
                except Exception:
                    logger.exception("order %s is stored, but not published", order.number)
            """,
            "a narrow exception, and a broad one that is logged",
        ),
        example(
            """
            def read(connection, query):
                try:
                    return connection.execute(query)
                finally:
                    try:
                        connection.close()
                    except Exception:
                        pass


            def number(text):
                try:
                    return int(text)
                except Exception:
                    return None


            def measured(gauge, host):
                try:
                    gauge.labels(host=host.upper(), kind=kind_of(host)).inc()
                except Exception:
                    pass
            """,
            "clean-up, conversion and a metric",
        ),
        example(
            """
            try:
                from orjson import loads
            except Exception:
                from json import loads


            def resolve(name, servers):
                for server in servers:
                    try:
                        return server.lookup(name)
                    except Exception:
                        continue
                raise LookupError(name)
            """,
            "an optional import, and alternatives",
        ),
        example(
            """
            from flask import Flask, jsonify

            from helpdesk.search import SearchDown, find

            app = Flask(__name__)


            @app.get("/api/v1/tickets/search")
            def search():
                try:
                    hits = find("open")
                except Exception as error:
                    app.logger.warning("search is down: %s", error)
                    return jsonify(error="search is down"), 503
                return jsonify(hits=hits)
            """,
            "answered",
        ),
    ),
)
