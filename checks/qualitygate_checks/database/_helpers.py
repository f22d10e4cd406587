"""In: a call in a loop. Out: the query that the function which it calls makes for it, up to two calls away, and the way there."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from qualitygate.authoring import Place
from qualitygate.model import syntax as ir
from qualitygate_checks._code import Body, Code, argument_for, last_name, spelling
from qualitygate_checks.database._asking import always, arguments_of, names_in, query_of, takes_many

_MOST_STEPS = 2
# A function that also writes, or sends, does its work for each thing on purpose.
_DOING = frozenset(
    {
        "save", "asave", "create", "acreate", "bulk_create", "delete", "adelete", "add", "commit", "flush", "merge", "update",
        "get_or_create", "update_or_create", "delay", "apply_async", "send", "publish", "enqueue", "write", "insert", "post", "put",
    }
)  # fmt: skip
_DOES = re.compile(
    r"^_*(?:a?send|notify|create|add|update|delete|remove|sync|process|handle|import|save|set|run|execute|publish|upload|migrate)_"
    r"|_flow$|or_create|_job$|_task$"
)


@dataclass(frozen=True)
class Followed:
    """A query that a called function makes: how it is written, what would save it, and the calls that lead to it."""

    written: str
    mend: str
    places: tuple[Place, ...]
    functions: tuple[str, ...]


def follow(call: ir.Call, body: Body, names: Set[str], code: Code, steps: int = 1) -> Followed | None:
    """The query that a call makes which depends on one of ``names``; None where none is sure.

    Only what the function does under no condition of its own counts, and only where it remembers nothing between calls.
    """
    callee = code.callee(call, body)
    if callee is None or callee.function is None or callee.function is body.function or _keeps(callee.function):
        return None
    if _DOING.intersection(callee.function.calls) or _DOES.search(callee.function.name):
        return None
    given = {
        name
        for name in callee.parameters
        if name not in ("self", "cls")
        and (value := argument_for(call, callee, name)) is not None
        and names_in(value) & names
    }
    if not given:
        return None
    for statement in callee.statements:
        if isinstance(statement, ir.Assign) and statement.value is not None and names_in(statement.value) & given:
            given |= {target.id for target in statement.targets if isinstance(target, ir.Name)}
    name = spelling(call.function) or callee.qualname
    here = Place(body.path, call.name_span, f"{body.qualname or body.path} calls {callee.qualname}", "call")
    for expression in always(callee.statements):
        for inner in ir.subexpressions(expression):
            if not isinstance(inner, ir.Call):
                continue
            written, mend = query_of(inner, callee, read=False)
            if written:
                mentioned = set().union(*(names_in(one.value) for one in arguments_of(inner)))
                if mentioned & given and not takes_many(inner, given):
                    there = Place(callee.path, inner.name_span, f"{written} in {callee.qualname}", "query")
                    return Followed(written, mend, (here, there), (name,))
            elif steps < _MOST_STEPS:
                further = follow(inner, callee, given, code, steps + 1)
                if further is not None:
                    return Followed(further.written, further.mend, (here, *further.places), (name, *further.functions))
    return None


def _keeps(function: ir.Function) -> bool:
    """Whether a decorator makes the function another one: it keeps what was returned, or is no plain call."""
    other = {"property", "contextmanager", "asynccontextmanager", "fixture"}
    return keeper(function) != "" or bool(other.intersection(_decorators(function)))


def keeper(function: ir.Function) -> str:
    """The decorator that keeps what the function returned, by its last name; empty where there is none."""
    return next(
        (name for name in _decorators(function) if "cache" in name.lower() or "memoi" in name.lower()),
        "",
    )


def _decorators(function: ir.Function) -> list[str]:
    """The last names of a function's decorators."""
    made = [decorator.expression for decorator in function.decorators]
    return [last_name(one.function if isinstance(one, ir.Call) else one) for one in made]
