"""In: the neutral form of a program. Out: what its exception handlers catch, whether code logs, and what it calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qualitygate.model import syntax as ir

BROAD = frozenset({"Exception", "BaseException"})
LEVELS = frozenset(
    {
        "debug",
        "info",
        "warning",
        "warn",
        "error",
        "exception",
        "critical",
        "fatal",
        "log",
        "trace",
        "success",
        "notice",
        "msg",
    }
)
_LOGGERS = ("log", "logger", "logging", "_log", "_logger", "__logger", "loguru", "getlogger", "get_logger")


def last_name(expression: ir.Expression | None) -> str:
    """The last word of a name, an attribute or of what is called; empty where there is none."""
    while isinstance(expression, (ir.Call, ir.Await)):
        expression = expression.function if isinstance(expression, ir.Call) else expression.value
    if isinstance(expression, ir.Attribute):
        return expression.name
    return expression.id if isinstance(expression, ir.Name) else ""


def caught(handler: ir.Handler) -> tuple[str, ...]:
    """Last names of the exceptions that a handler catches; a bare ``except`` catches `BaseException`."""
    if handler.exception is None:
        return ("BaseException",)
    if isinstance(handler.exception, ir.Sequence):
        return tuple(last_name(item) for item in handler.exception.items)
    return (last_name(handler.exception),)


def is_broad(handler: ir.Handler) -> bool:
    """Whether a handler catches every exception."""
    return bool(BROAD.intersection(caught(handler)))


def calls(statements: Sequence[ir.Statement]) -> Iterator[ir.Call]:
    """Every call in statements and in their blocks; not in nested functions."""
    for expression in ir.expressions(statements):
        for item in ir.subexpressions(expression):
            if isinstance(item, ir.Call):
                yield item


def log_level(call: ir.Call) -> str:
    """The level at which a call logs (`error`, `exception`, ...); empty for a call of something else."""
    function = call.function
    if not isinstance(function, ir.Attribute) or function.name not in LEVELS:
        return ""
    receiver = last_name(function.value).lower()
    return function.name if receiver.endswith(_LOGGERS) or receiver in ("console",) else ""
