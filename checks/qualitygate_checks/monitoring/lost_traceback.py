"""An error that is logged without the place it came from.

What it flags: a handler that catches every exception, logs it as an error (`logger.error(...)`, `critical`) without its
traceback, and raises nothing: the text of the exception is all that is left. A file is told once, with the number of its
handlers that do so.

Why: `'NoneType' object has no attribute 'id'` names neither file nor line. What could have been mended from the log must
be reproduced first, and often cannot be.

How to mend: `logger.exception("...")`, or `exc_info=True` where another level is wanted.

What it cannot see: a logging configuration that adds the traceback itself, and functions of your own that log. Handlers
that hand the exception on, that report it to an error tracker, or that catch a narrow exception, and commands are left
alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qualitygate.authoring import Check, Confidence, Domain, Hit, Language, ParsedFile, Place, Role, Severity, example
from qualitygate.model import syntax as ir
from qualitygate_checks._handlers import calls, is_broad, last_name, log_level
from qualitygate_checks._reach import is_script

_SHOWN = 3

_TELLING = frozenset(
    {"format_exc", "print_exc", "format_exception", "print_exception", "capture_exception", "exc_info"}
)


def run(file: ParsedFile) -> Iterator[Hit]:
    """One hit for a file with such handlers."""
    if file.module is None or file.module.generated or is_script(file.path):
        return
    found = [
        (call, scope.qualname)
        for scope in file.scopes
        if ir.Try in scope.kinds
        for statement in scope.walked
        if isinstance(statement, ir.Try)
        for handler in statement.handlers
        if (call := _losing(handler)) is not None
    ]
    if found:
        found.sort(key=lambda item: item[0].name_span)
        yield _hit(file, found[0], found[1:])


def _losing(handler: ir.Handler) -> ir.Call | None:
    """The call that logs the error without its traceback; None where nothing is lost."""
    if not is_broad(handler) or any(isinstance(item, ir.Raise) for item in ir.walk(handler.body)):
        return None
    made = list(calls(handler.body))
    if any(last_name(call) in _TELLING or log_level(call) == "exception" for call in made):
        return None
    logged = [call for call in made if log_level(call) in ("error", "critical", "fatal")]
    written = [argument for call in made if log_level(call) for argument in call.arguments]
    if not logged or any(argument.name == "exc_info" or argument.stars == 2 for argument in written):
        return None
    return None if handler.name and _handed_on(handler, made) else logged[0]


def _handed_on(handler: ir.Handler, made: Sequence[ir.Call]) -> bool:
    """Whether the exception itself goes somewhere else than into the text of a log."""
    for call in made:
        if log_level(call) or last_name(call) in ("str", "repr", "format", "type", "print", "isinstance", "getattr"):
            continue
        if any(
            isinstance(argument.value, ir.Name) and argument.value.id == handler.name for argument in call.arguments
        ):
            return True
    return any(
        isinstance(item, (ir.Return, ir.Assign)) and isinstance(item.value, ir.Name) and item.value.id == handler.name
        for item in ir.walk(handler.body)
    )


def _hit(file: ParsedFile, item: tuple[ir.Call, str], others: Sequence[tuple[ir.Call, str]]) -> Hit:
    call, owner = item
    level = log_level(call)
    message = f"{owner or 'this module'} logs an unexpected exception without its traceback"
    if others:
        message = f"{len(others) + 1} handlers of this file log unexpected exceptions without their tracebacks"
    return Hit(
        place=Place(file.path, call.name_span),
        message=message,
        subject="handlers without traceback",
        why=f"every exception is caught, and {level}() writes its text alone",
        mend='use `logger.exception("...")`, or add `exc_info=True`',
        places=tuple(Place(file.path, other.name_span, name, "call") for other, name in others[:_SHOWN]),
    )


CHECK = Check(
    id="lost-traceback",
    domain=Domain.MONITORING,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Log errors with their traceback",
    dont="Log the text of an exception alone",
    tags=("CWE-778",),
    gates=("error_rate",),
    run=run,
    reads=frozenset({Language.PYTHON}),
    words=frozenset({"except"}),
    roles=frozenset({Role.APPLICATION}),
    examined=lambda file: sum(
        isinstance(item, ir.Try) for scope in file.scopes if ir.Try in scope.kinds for item in scope.walked
    ),
    doc=__doc__,
    bad=(
        example(
            """
            import logging

            logger = logging.getLogger(__name__)


            def publish(orders, broker):
                for order in orders:
                    try:
                        broker.publish(order)
                    except Exception as error:
                        logger.error("could not publish %s: %s", order, error)  # <- flagged
            """,
            "the text of the exception alone",
            path="shop/events.py",
        ),
        example(
            """
            from flask import Flask, jsonify

            from helpdesk.search import find

            app = Flask(__name__)


            @app.get("/api/v1/tickets/search")
            def search():
                try:
                    return jsonify(hits=find("open"))
                except Exception as e:
                    app.logger.error(f"search failed: {e}")  # <- flagged
                    return jsonify(error="search failed"), 500
            """,
            "answered, but never to be found",
        ),
        example(
            """
            import logging

            from celery import shared_task

            from clinic.reports import build


            @shared_task
            def nightly_report():
                try:
                    build()
                except:
                    logging.critical("no report tonight")  # <- flagged
            """,
            "not even the text",
            path="clinic/tasks.py",
        ),
        example(
            """
            import structlog

            log = structlog.get_logger()


            class Importer:
                async def run(self, rows):
                    try:
                        await self.store(rows)
                    except Exception as exc:
                        log.error("import failed", reason=str(exc), rows=len(rows))  # <- flagged
                        return 0
                    return len(rows)
            """,
            "a field with the text",
            path="shop/importer.py",
        ),
    ),
    good=(
        example(
            """
            import logging

            logger = logging.getLogger(__name__)


            def publish(order, broker):
                try:
                    broker.publish(order)
                except Exception:
                    logger.exception("could not publish %s", order)
                try:
                    broker.flush()
                except Exception as error:
                    logger.error("could not flush: %s", error, exc_info=True)
            """,
            "with the traceback",
            path="shop/events.py",
        ),
        example(
            """
            import logging

            import requests

            logger = logging.getLogger(__name__)


            def current_rate(url):
                try:
                    return requests.get(url, timeout=5).json()
                except requests.RequestException as error:
                    logger.error("no rate: %s", error)
                    return None
            """,
            "a narrow exception tells enough",
            path="shop/rates.py",
        ),
        example(
            """
            import logging

            import sentry_sdk

            logger = logging.getLogger(__name__)


            def nightly_report(build):
                try:
                    build()
                except Exception as error:
                    sentry_sdk.capture_exception(error)
                    logger.error("no report tonight: %s", error)
            """,
            "an error tracker has it",
            path="clinic/tasks.py",
        ),
        example(
            """
            import logging

            logger = logging.getLogger(__name__)


            def store(session, rows):
                try:
                    session.add_all(rows)
                    session.commit()
                except Exception as error:
                    logger.error("rolled back: %s", error)
                    session.rollback()
                    raise
            """,
            "raised again",
            path="shop/store.py",
        ),
    ),
)
