"""In: the code of a migration in Python. Out: the rows that it changes without SQL: which table, and whether a condition bounds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from qualitygate.frameworks.literals import Bound, Names, called, dotted, last, resolve, text
from qualitygate.model.schema import Operation, OperationKind
from qualitygate.model.source import Span
from qualitygate.model.syntax import (
    Assign,
    Attribute,
    Call,
    Expression,
    For,
    Function,
    Name,
    Statement,
    Subscript,
    expressions,
    statements,
    subexpressions,
    walk,
)

Kind = OperationKind
_CHANGES = {"update": Kind.UPDATE, "delete": Kind.DELETE}
_MANAGERS = frozenset({"objects", "all_objects", "_default_manager", "_base_manager"})
# Methods of a query set after which it still stands for every row.
_WHOLE = frozenset({"all", "order_by", "iterator", "only", "defer", "select_related", "prefetch_related", "using", "values", "reverse"})  # fmt: skip
_ROW_METHODS = frozenset({"save", "delete"})


def of_expression(bound: Bound, span: Span) -> Operation | None:
    """What an expression of SQLAlchemy changes: `table.update().values(...)`, `sa.delete(table).where(...)`; None for others."""
    bound = resolve(bound)
    value, names = bound.value, bound.names
    bounded = False
    while isinstance(value, Call) and isinstance(value.function, Attribute):
        method = value.function.name
        kind = _CHANGES.get(method)
        if kind is not None:
            whole = dotted(value.function, names).startswith("sqlalchemy.")
            source = (value.arguments[0].value if value.arguments else None) if whole else value.function.value
            return _changed(kind, source, names, span, bounded=bounded or (not whole and bool(value.arguments)))
        bounded = bounded or method in ("where", "filter", "filter_by")
        value = value.function.value
    if isinstance(value, Call) and value.arguments:
        path = dotted(value.function, names)
        kind = _CHANGES.get(last(path)) if path.startswith("sqlalchemy.") else None
        if kind is not None:
            return _changed(kind, value.arguments[0].value, names, span, bounded=bounded)
    return None


def _changed(kind: Kind, source: Expression | None, names: Names, span: Span, *, bounded: bool) -> Operation | None:
    table = _table(source, names) if source is not None else ""
    return Operation(kind, span, table, partial=bounded) if table else None


def _table(source: Expression, names: Names) -> str:
    """The table that `sa.table("x")`, `sa.Table("x", ...)` or a class with `__tablename__` stands for."""
    bound = resolve(Bound(source, names))
    if isinstance(bound.value, Call) and last(called(bound.value, bound.names)) in ("table", "Table"):
        first = bound.value.arguments[0].value if bound.value.arguments else None
        return (text(Bound(first, bound.names)) or "") if first is not None else ""
    if isinstance(source, Name):
        declared = names.top.classes.get(source.id)
        if declared is not None:
            return next(filter(None, (_named(statement, names) for statement in declared.body)), "")
    return ""


def _named(statement: Statement, names: Names) -> str:
    if not isinstance(statement, Assign) or statement.value is None:
        return ""
    named = any(isinstance(target, Name) and target.id == "__tablename__" for target in statement.targets)
    return (text(Bound(statement.value, names)) or "") if named else ""


def of_function(function: Function, names: Names, table_of: Callable[[str, str], str]) -> Iterator[Operation]:
    """What a function that Django runs in a migration does to rows, each at the call that does it.

    ``table_of`` gives the table of a model by label and name, or nothing. Rows that are saved one by one in a loop over
    the whole table are an update of all of them.
    """
    body = tuple(statements(function))
    models = dict(_models(body, names, table_of))
    for statement in walk(body):
        for expression in expressions((statement,)) if not isinstance(statement, For) else ():
            for call in subexpressions(expression):
                if isinstance(call, Call) and isinstance(call.function, Attribute):
                    kind = _CHANGES.get(call.function.name)
                    rows = _rows(call.function.value, models, {}) if kind is not None else None
                    if kind is not None and rows is not None:
                        yield Operation(kind, call.name_span, rows[0], partial=rows[1])
        if isinstance(statement, For) and isinstance(statement.target, Name):
            rows = _rows(statement.iterable, models, _query_sets(body))
            saved = _saved(statement, statement.target.id) if rows is not None else None
            if rows is not None and saved is not None:
                yield Operation(Kind.UPDATE, saved, rows[0], partial=rows[1])


def _models(body: Iterable[Statement], names: Names, table_of: Callable[[str, str], str]) -> Iterator[tuple[str, str]]:
    """The tables of the names that `apps.get_model(...)` is assigned to."""
    for statement in walk(body):
        if not isinstance(statement, Assign) or not isinstance(statement.value, Call):
            continue
        call = statement.value
        if not isinstance(call.function, Attribute) or call.function.name != "get_model":
            continue
        given = [text(Bound(argument.value, names)) or "" for argument in call.arguments]
        label, name = (
            given[:2] if len(given) > 1 else (given[0].split(".") if given and given[0].count(".") == 1 else ("", ""))
        )
        table = table_of(label, name.lower())
        for target in statement.targets:
            if table and isinstance(target, Name):
                yield target.id, table


def _query_sets(body: Iterable[Statement]) -> dict[str, Expression]:
    """The names that are given a value once."""
    found: dict[str, Expression | None] = {}
    for statement in walk(body):
        if isinstance(statement, Assign) and statement.value is not None:
            for target in statement.targets:
                if isinstance(target, Name):
                    found[target.id] = None if target.id in found else statement.value
    return {name: value for name, value in found.items() if value is not None}


def _rows(
    expression: Expression, models: Mapping[str, str], values: Mapping[str, Expression]
) -> tuple[str, bool] | None:
    """The table whose rows a query set stands for, and whether a condition bounds them; None where it is no query set."""
    bounded = False
    for _ in range(30):
        if isinstance(expression, Name) and expression.id in values:
            expression = values[expression.id]
        elif isinstance(expression, Call) and isinstance(expression.function, Attribute):
            bounded = bounded or expression.function.name not in _WHOLE
            expression = expression.function.value
        elif isinstance(expression, Subscript):
            bounded = True
            expression = expression.value
        elif isinstance(expression, Attribute) and isinstance(expression.value, Name):
            table = models.get(expression.value.id) if expression.name in _MANAGERS else None
            return None if table is None else (table, bounded)
        else:
            return None
    return None


def _saved(loop: For, row: str) -> Span | None:
    """Where the body of a loop writes its row back."""
    for expression in expressions(loop.body):
        for call in subexpressions(expression):
            if (
                isinstance(call, Call)
                and isinstance(call.function, Attribute)
                and call.function.name in _ROW_METHODS
                and isinstance(call.function.value, Name)
                and call.function.value.id == row
            ):
                return call.name_span
    return None


__all__ = ["of_expression", "of_function"]
