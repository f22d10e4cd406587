"""In: a call of the application's code. Out: whether it asks the database for rows, how, and by which values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from qualitygate.model import syntax as ir
from qualitygate_checks._code import Body, last_name
from qualitygate_checks.database._relations import MANAGERS, chain

_ASKING = frozenset(
    "get first last latest earliest count exists aggregate aget afirst alast acount aexists aaggregate".split()
)
_LAZY = frozenset("all filter exclude order_by values values_list distinct annotate none only defer".split())
_SQL_ASKING = frozenset(
    "first all one one_or_none scalar scalar_one count get get_or_404 first_or_404 one_or_404".split()
)
RELATED = _ASKING | {"all", "filter", "exclude", "order_by", "values_list", "values"}
_SHORTCUTS = frozenset({"get_object_or_404", "get_list_or_404", "aget_object_or_404"})
_SESSION = re.compile(r"(?:^|_)(?:session|db|dbsession|conn|connection|database|engine)$", re.IGNORECASE)
_EXECUTING = frozenset(
    {"execute", "scalar", "scalars", "fetch", "fetchrow", "fetchval", "fetch_one", "fetch_all", "fetch_val"}
)
_SELECT = re.compile(r"\s*(?:SELECT\s+(?!setval|nextval|pg_|set_config|drop|create)|WITH\b)", re.IGNORECASE)
_FROM = re.compile(r"\b(?:FROM|JOIN|TABLE)\s+[\"`\[]?$", re.IGNORECASE)
_GROUPED = "ask once before the loop, for all at a time, grouped by what the loop runs over"


def query_of(call: ir.Call, body: Body, read: bool) -> tuple[str, str]:
    """How a query is written and how a loop does without it; empty texts for any other call."""
    name = last_name(call.function)
    if name in _SHORTCUTS and call.arguments:
        model = last_name(call.arguments[0].value)
        return f"{name}({model})", f"fetch all of {model} before the loop, by filter(pk__in=...) or in_bulk()"
    root, methods = chain(call)
    last = methods[-1][0] if methods else ""
    if isinstance(root, ir.Attribute) and root.name in MANAGERS and methods and _is_model(root.value):
        # A row that is locked to be changed is fetched alone on purpose.
        locks = any(name == "select_for_update" for name, _ in methods)
        if not locks and (last in _ASKING or (read and last in _LAZY)):
            model = last_name(root.value)
            mend = f"fetch all of {model} before the loop, by filter(pk__in=...) or in_bulk()"
            if last in ("count", "exists", "aggregate"):
                mend = _GROUPED
            return f"{model}.{root.name}.{dots(methods)}", mend
        return "", ""
    if isinstance(root, ir.Attribute) and root.name == "query" and _is_model(root.value) and last in _SQL_ASKING:
        model = last_name(root.value)
        mend = _GROUPED if last == "count" else f"fetch all of {model} before the loop, by {model}.id.in_(...)"
        return f"{model}.query.{dots(methods)}", mend
    if not methods:
        return "", ""
    first, one = methods[0]
    receiver = last_name(one.function.value) if isinstance(one.function, ir.Attribute) else ""
    arguments = [argument.value for argument in one.arguments]
    if first == "query" and arguments and _SESSION.search(receiver) and last in _SQL_ASKING:
        mend = _GROUPED if last == "count" else "fetch all before the loop, by in_(...)"
        return f"{receiver}.{dots(methods)}", mend
    if first == "get" and len(methods) == 1 and len(arguments) >= 2 and _SESSION.search(receiver):
        if _is_model(arguments[0]):
            model = last_name(arguments[0])
            return f"{receiver}.get({model})", f"fetch all of {model} before the loop, by {model}.id.in_(...)"
        return "", ""
    if first in _EXECUTING and arguments and _selects(arguments[0], body):
        return f"{receiver}.{first}()" if receiver else f"{first}()", "ask once before the loop, for all at a time"
    if first == "find_one" and len(methods) == 1 and arguments and isinstance(arguments[0], ir.Mapping):
        return f"{receiver}.find_one()", 'fetch all before the loop, by {"$in": [...]}'
    return "", ""


def dots(methods: Sequence[tuple[str, ir.Call]]) -> str:
    names = [name for name, _ in methods]
    shown = names if len(names) < 3 else [names[0], "..", names[-1]]
    return (
        ".".join(f"{name}()" if name != ".." else name for name in shown).replace(".....", "...").replace("....", "...")
    )


def _is_model(expression: ir.Expression) -> bool:
    name = last_name(expression)
    return name[:1].isupper() and not name.isupper()


def _selects(expression: ir.Expression, body: Body) -> bool:
    """Whether a statement reads: SQL text that begins so, or `select(...)`, also by a name."""
    if isinstance(expression, ir.Name):
        bindings = body.bindings.get(expression.id, [])
        return bool(bindings) and _selects_here(bindings[0].value)
    return _selects_here(expression)


def _selects_here(expression: ir.Expression) -> bool:
    if isinstance(expression, ir.Constant):
        return isinstance(expression.value, str) and _SELECT.match(expression.value) is not None
    if isinstance(expression, ir.Template):
        # Another table in every round: no query asks for all of them at once.
        names_tables = any(
            isinstance(part, ir.Constant) and isinstance(part.value, str) and _FROM.search(part.value)
            for part in expression.parts[:-1]
        )
        return bool(expression.parts) and not names_tables and _selects_here(expression.parts[0])
    if isinstance(expression, ir.Operation):
        return _selects_here(expression.operands[0])
    root, _ = chain(expression)
    if isinstance(root, ir.Call):
        name = last_name(root.function)
        if name == "text" and root.arguments:
            return _selects_here(root.arguments[0].value)
        return name == "select"
    return isinstance(root, (ir.Constant, ir.Template)) and _selects_here(root)


def arguments_of(call: ir.Call) -> Iterator[ir.Argument]:
    """The arguments of a call and of those that its receiver is made by."""
    for one in _chain_calls(call):
        yield from one.arguments


def _chain_calls(call: ir.Call) -> list[ir.Call]:
    _, methods = chain(call)
    return [one for _, one in methods] or [call]


def names_in(expression: ir.Expression) -> set[str]:
    return {part.id for part in ir.subexpressions(expression) if isinstance(part, ir.Name)}


def takes_many(call: ir.Call, names: set[str]) -> bool:
    """Whether the loop's variable is a collection that one query asks for: `filter(pk__in=chunk)`, `in_(chunk)`."""
    for one in _chain_calls(call):
        for argument in one.arguments:
            if argument.name and argument.name.endswith("__in") and names_in(argument.value) & names:
                return True
            for part in ir.subexpressions(argument.value):
                if (
                    isinstance(part, ir.Call)
                    and last_name(part.function) in ("in_", "any_")
                    and any(names_in(inner.value) & names for inner in part.arguments)
                ):
                    return True
    return False


def always(statements: Iterable[ir.Statement]) -> Iterator[ir.Expression]:
    """The expressions of a function's body that no condition of its own decides over."""
    for statement in statements:
        if isinstance(statement, ir.If):
            yield statement.test
            if any(isinstance(inner, (ir.Return, ir.Raise)) for inner in statement.body):
                return
        elif isinstance(statement, (ir.For, ir.While)):
            yield statement.iterable if isinstance(statement, ir.For) else statement.test
        elif isinstance(statement, (ir.With, ir.Try)):
            yield from always(statement.body)
        else:
            yield from ir.expressions([statement])
