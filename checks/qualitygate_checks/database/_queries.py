"""In: a linked project. Out: the queries that its code puts together, with the columns that they ask by, and who reaches them.

Queries are those of Django (`Order.objects.filter(...)`), SQLAlchemy (`select(Order).where(...)`, `session.query(Order)`,
`Order.query`), and literal SQL over one table. What a query asks by that cannot be told makes it ``unsure``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from qualitygate.authoring import Place, Project, Role, Span
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Call
from qualitygate.model.schema import Column, Model, Table
from qualitygate_checks._code import Body, Code, last_name, span_of
from qualitygate_checks.database._relations import MANAGERS, chain
from qualitygate_checks.database._tables import table_of

ASKED = frozenset(
    {
        "?.filter",
        "?.filter_by",
        "?.where",
        "?.exclude",
        "?.order_by",
        "?.all",
        "?.execute",
        "?.scalars",
        "?.query",
        "?.fetchall",
    }
)
"""The calls that a check must ask the project for, so that it is known which requests reach a query."""

_CONDITIONS = frozenset(
    {"filter", "exclude", "get", "aget", "get_or_none", "filter_by", "where", "get_or_create", "aget_or_create"}
)
_ONE = frozenset(
    {"get", "aget", "first", "afirst", "one", "one_or_none", "scalar_one", "scalar_one_or_none", "get_or_none", "exists", "aexists",
     "first_or_404", "one_or_404", "get_or_create", "scalar", "get_object_or_404", "last", "fetchone", "fetchrow", "fetch_one", "fetchval"}
)  # fmt: skip
_COUNTED = frozenset({"count", "acount", "aggregate", "aaggregate", "delete", "adelete", "update", "aupdate"})
_LIMITS = frozenset({"limit", "paginate", "fetchmany", "slice", "page", "fetch"})
# Lookups that an index answers; the others read every row whatever there is.
_SERVED = frozenset({"exact", "in", "gt", "gte", "lt", "lte", "range", "startswith"})
_LOOKUPS = _SERVED | frozenset(
    {"iexact", "contains", "icontains", "istartswith", "endswith", "iendswith", "regex", "iregex", "isnull", "date", "year",
     "month", "day", "week", "week_day", "hour", "minute", "search", "contained_by", "has_key", "has_keys", "has_any_keys",
     "overlap", "len", "trigram_similar", "unaccent", "quarter", "iso_year", "time"}
)  # fmt: skip
# Tables that by their names hold few rows.
SMALL_TABLES = re.compile(
    r"(?:^|_)(?:settings?|configs?|configurations?|options?|preferences?|roles?|permissions?|countr(?:y|ies)|currenc(?:y|ies)"
    r"|languages?|locales?|types?|kinds?|categor(?:y|ies)|status(?:es)?|plans?|tiers?|features?|flags?|sites?|plugins?|themes?"
    r"|templates?|migrations?|version|alembic_version|units?|providers?|departments?|schedules?|levels?|groups?|organi[sz]ations?"
    r"|webhooks?|integrations?|apps?|clients?|backends?|servers?|queues?|channels?|regions?|states?|stages?|policies|policy"
    r"|keywords?|lookup|enums?|instance|locks?)$|(?:options?|settings?|configurations?|config|preferences?)$",
    re.IGNORECASE,
)
_COMPARED = frozenset({"==", "<", ">", "<=", ">=", "in"})
_KNOWN = _ONE | _COUNTED | _CONDITIONS | frozenset(
    {"all", "select_related", "prefetch_related", "distinct", "annotate", "alias", "only", "defer", "using", "values", "values_list",
     "reverse", "none", "iterator", "in_bulk", "select_for_update", "earliest", "latest", "dates", "datetimes"}
)  # fmt: skip
_SHORTCUTS = frozenset({"get_object_or_404", "aget_object_or_404", "get_list_or_404"})
_ATTRIBUTES = MANAGERS | {"query"}
_EXECUTING = frozenset({"scalars", "execute", "scalar", "stream_scalars"})
_WITH_TEXT = frozenset(
    {"execute", "fetch", "fetchrow", "fetchval", "fetch_all", "fetch_one", "fetchall", "fetchone", "text"}
)
# What is called, and what is read, wherever a query is put together.
_STARTED = _SHORTCUTS | _EXECUTING | _WITH_TEXT | {"query", "select"}
_MANAGED = tuple(sorted(name.encode() for name in _ATTRIBUTES))
_SELECT = re.compile(
    r"\s*SELECT\b(?P<what>[^;]{0,2000}?)\bFROM\s+[\"`]?(?P<table>\w+)[\"`]?(?:\s+(?:AS\s+)?(?!WHERE|ORDER|GROUP|LIMIT|JOIN|LEFT|INNER|CROSS|FULL|RIGHT)\w+)?"
    r"\s*(?:WHERE\s+(?P<where>[^;]{0,4000}?))?\s*(?P<rest>(?:ORDER|GROUP|LIMIT|FOR|OFFSET|FETCH)\b[^;]{0,1000})?;?\s*$",
    re.IGNORECASE,
)
_TERM = re.compile(r"\s*(?:\(\s*)?(?:\w+\.)?[\"`]?(\w+)[\"`]?\s*(=|<=|>=|<|>|IN\b|BETWEEN\b)", re.IGNORECASE)
_NONE = re.compile(r"\b(?:IS\s+(?:NOT\s+)?NULL|LIKE|ILIKE|<>|!=|NOT)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Condition:
    """A column that a query asks by: ``table`` and ``column`` of the final schema."""

    table: Table
    column: Column


@dataclass
class Query:
    """A query of one model or table.

    ``ends`` is the method that gives its result, empty where it is only put together here. ``unsure`` where something
    that it asks by cannot be told; ``bounded`` where it takes a slice, a page or a single row. ``conditions`` are those
    that an index can answer, ``others`` counts the rest; ``nulls`` of them only leave out or keep NULL.
    """

    body: Body
    span: Span
    written: str
    table: Table
    model: Model | None = None
    conditions: list[Condition] = field(default_factory=list)
    others: int = 0
    nulls: int = 0
    ordered: list[Condition] = field(default_factory=list)
    ends: str = ""
    bounded: bool = False
    unsure: bool = False
    name: str = ""

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.body.path, self.span)


class Models:
    """The models of a project with their tables in the final schema."""

    def __init__(self, project: Project) -> None:
        self._named: dict[str, list[Model]] = {}
        self._labels: dict[str, Model] = {}
        self._tables: dict[str, Table | None] = {}
        self._imports: dict[str, dict[str, str]] = {}
        self._modules = {file.path: file.module for file in project.files if file.module is not None}
        for model in project.models:
            if model.name:
                self._named.setdefault(model.name, []).append(model)
            self._labels.setdefault(model.label, model)
            self._tables[model.label] = table_of(project, model)
        self.plain: dict[str, Table] = {}
        for table in project.tables:
            self.plain.setdefault(table.name, table)

    def named(self, name: str, path: str) -> Model | None:
        """The model that a class's name means in a file; None where that is not sure."""
        found = self._named.get(name, [])
        if len(found) > 1:
            found = [model for model in found if model.place.path == path] or [
                model for model in found if self._is_imported(name, model, path)
            ]
        return found[0] if len(found) == 1 else None

    def table(self, model: Model) -> Table | None:
        """The model's table."""
        return self._tables[model.label]

    def column(self, model: Model, path: Sequence[str]) -> tuple[str, Condition | None]:
        """What a lookup of Django ends at: `column`, `relation` without one, or `unknown`."""
        current = model
        for number, name in enumerate(path):
            attribute = current.attribute(name) or current.attribute(name.removesuffix("_id"))
            table = self.table(current)
            if attribute is None or table is None:
                return "unknown", None
            last = number == len(path) - 1
            if attribute.column and (last or path[number + 1] in ("id", "pk")):
                column = table.column(attribute.column)
                return ("column", Condition(table, column)) if column is not None else ("unknown", None)
            following = self._labels.get(attribute.target)
            if following is None or last:
                return "unknown", None
            current = following
        return "unknown", None

    def _is_imported(self, name: str, model: Model, path: str) -> bool:
        if path not in self._imports:
            module = self._modules.get(path)
            self._imports[path] = {
                alias or imported: statement.module.replace(".", "/")
                for statement in ir.walk(module.body if module is not None else ())
                if isinstance(statement, ir.Import)
                for imported, alias in statement.names
            }
        source = self._imports[path].get(name)
        return bool(source) and f"{source}/" in f"/{model.place.path.removesuffix('.py')}/".replace("/__init__/", "/")


def queries(project: Project) -> tuple[Query, ...]:
    """Every query of the application's code, in the order of the paths; those that are put together in steps as one.

    Ask for them by `project.once(queries)`: they are looked for once.
    """
    return tuple(_everywhere(project, project.once(Models)))


def _everywhere(project: Project, models: Models) -> Iterator[Query]:
    seen: set[tuple[str, str, int]] = set()
    code = project.once(Code)
    for path in sorted(
        {file.path for file in project.files if file.module is not None and file.role is Role.APPLICATION}
    ):
        for body in code.bodies(path, wanted=_may_ask):
            key = (body.path, body.qualname, body.function.span.line if body.function is not None else 0)
            if key not in seen:
                seen.add(key)
                yield from _of_body(body, models)


def _may_ask(function: ir.Function) -> bool:
    """Whether a query may be put together in a function: all of them start from one of these names."""
    if not _STARTED.isdisjoint(function.calls):
        return True
    body = bytes(function.body)
    return any(name in body for name in _MANAGED)


def reached(project: Project) -> dict[str, Call]:
    """For each function that a request reaches, a call in it that tells the way."""
    found: dict[str, Call] = {}
    for call in project.calls:
        if call.routes:
            found.setdefault(call.owner, call)
    return found


def _of_body(body: Body, models: Models) -> Iterator[Query]:
    """The queries of one function: each chain, merged with those that go on from the name it is bound to."""
    inner: set[int] = set()
    made: list[tuple[Query, str]] = []
    bound: dict[int, str] = {}
    for statement in ir.walk(body.statements):
        if isinstance(statement, ir.Assign) and statement.value is not None and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ir.Name):
                bound[id(_unwrapped(statement.value))] = target.id
    consumed = _consumed(body)
    sliced = {
        id(_unwrapped(expression))
        for expression in body.expressions()
        if isinstance(expression, ir.Subscript)
        and isinstance(expression.index, ir.Operation)
        and expression.index.operator == ":"
    }
    for expression in body.calls:
        if id(expression) not in inner:
            root, methods = chain(expression)
            inner.update(id(call) for _, call in methods)
            query = _query(expression, root, methods, body, models)
            if query is not None:
                if not query.ends:
                    query.ends = consumed.get(id(expression), "")
                if id(expression) in sliced:
                    query.bounded, query.ends = True, query.ends or "[:]"
                made.append((query, bound.get(id(expression), "")))
    by_name: dict[str, list[Query]] = {}
    for query, name in made:
        if name:
            by_name.setdefault(name, []).append(query)
    for name, started in by_name.items():
        for query in started:
            query.name = name
            query.unsure = query.unsure or len(started) > 1
            _go_on(query, name, body, models)
    for query, _ in made:
        if query.ends or query.name:
            yield query
    yield from _literal(body, models)


_FETCHING = frozenset({"all", "fetchall", "stream"})
_CONSUMERS = frozenset({"list", "set", "tuple", "sorted", "len", "dict", "sum", "max", "min"})


def _consumed(body: Body) -> dict[int, str]:
    """What takes all that an expression gives, by the expression: a loop, a comprehension, `list(...)`."""
    found: dict[int, str] = {}
    for statement in ir.walk(body.statements):
        if isinstance(statement, ir.For):
            found[id(statement.iterable)] = "for"
    for expression in body.expressions():
        if type(expression) is ir.Comprehension:
            for generator in expression.generators:
                found[id(generator.iterable)] = "for"
        elif type(expression) is ir.Call and expression.arguments:
            name = last_name(expression.function)
            many = any(argument.name == "many" for argument in expression.arguments)
            for argument in expression.arguments[:1]:
                if (name in _CONSUMERS and isinstance(expression.function, ir.Name)) or many:
                    found[id(argument.value)] = "list"
                else:
                    # handed on: what becomes of it is not known here
                    found.setdefault(id(argument.value), "")
    return found


def _unwrapped(expression: ir.Expression) -> ir.Expression:
    while isinstance(expression, (ir.Await, ir.Subscript)):
        expression = expression.value
    return expression


def _query(
    expression: ir.Call, root: ir.Expression, methods: Sequence[tuple[str, ir.Call]], body: Body, models: Models
) -> Query | None:
    if last_name(expression.function) in _SHORTCUTS and expression.arguments:
        first = expression.arguments[0].value
        model = models.named(last_name(first), body.path)
        table = models.table(model) if model is not None else None
        if model is None or table is None:
            return None
        query = Query(body, expression.name_span, f"{last_name(expression.function)}({model.name})", table, model)
        query.ends, query.bounded = "get_object_or_404", True
        _keywords(query, expression, models)
        return query
    if not methods:
        return None
    if isinstance(root, ir.Attribute) and root.name in _ATTRIBUTES:
        model, rest = models.named(last_name(root.value), body.path), list(methods)
        written = f"{last_name(root.value)}.{root.name}"
    elif methods[0][0] == "query" and len(methods[0][1].arguments) == 1:
        named = last_name(methods[0][1].arguments[0].value)
        model, rest, written = models.named(named, body.path), list(methods[1:]), f"query({named})"
    elif isinstance(root, ir.Call) and last_name(root.function) == "select" and len(root.arguments) == 1:
        named = last_name(root.arguments[0].value)
        model, rest, written = models.named(named, body.path), list(methods), f"select({named})"
    elif methods[0][0] in _EXECUTING and methods[0][1].arguments:
        return _executed(methods, body, models)
    else:
        return None
    table = models.table(model) if model is not None else None
    if model is None or table is None:
        return None
    names = [name for name, _ in rest]
    query = Query(body, expression.name_span, ".".join((written, *(f"{name}()" for name in names[:3]))), table, model)
    _read(query, rest, models)
    return query


def _executed(methods: Sequence[tuple[str, ir.Call]], body: Body, models: Models) -> Query | None:
    """`session.scalars(select(Order)...).all()`; a statement by name is found where it is put together."""
    statement = methods[0][1].arguments[0].value
    if isinstance(statement, ir.Name):
        return None
    root, inside = chain(statement)
    if not isinstance(root, ir.Call) or last_name(root.function) != "select" or len(root.arguments) != 1:
        return None
    named = last_name(root.arguments[0].value)
    model = models.named(named, body.path)
    table = models.table(model) if model is not None else None
    if model is None or table is None:
        return None
    last = methods[-1][0]
    query = Query(body, methods[0][1].name_span, f"{methods[0][0]}(select({named}))", table, model)
    _read(query, inside, models)
    query.ends = last
    query.bounded = query.bounded or last in _ONE or methods[0][0] == "scalar"
    return query


def _read(query: Query, methods: Sequence[tuple[str, ir.Call]], models: Models) -> None:
    for name, call in methods:
        if any(argument.stars for argument in call.arguments) and name in _CONDITIONS:
            query.unsure = True
        if name in _CONDITIONS:
            _keywords(query, call, models, counts=name != "exclude")
            for argument in call.arguments:
                if argument.name is None and not argument.stars:
                    _expression(query, argument.value, models)
        elif name == "order_by":
            for argument in call.arguments:
                _order(query, argument.value, models)
        elif name in _LIMITS or name == "group_by":
            # as many rows as there are groups
            query.bounded = True
        elif name in (
            "join",
            "outerjoin",
            "raw",
            "extra",
            "search",
            "from_statement",
            "having",
            "with_only_columns",
            "union",
        ):
            query.unsure = True
        elif query.model is not None and query.model.framework == "django" and name not in _KNOWN:
            # a method of the application's own manager: it may narrow
            query.unsure = True
    last = methods[-1][0] if methods else ""
    # Django asks when the rows are looked at, not when they are named
    asking = (
        frozenset({"iterator", "in_bulk"})
        if query.model is not None and query.model.framework == "django"
        else _FETCHING
    )
    if last in _ONE | _COUNTED or last in asking:
        query.ends = last
    query.bounded = query.bounded or last in _ONE | _COUNTED


def _keywords(query: Query, call: ir.Call, models: Models, counts: bool = True) -> None:
    for argument in call.arguments:
        if argument.name is None or argument.name in ("defaults", "create_defaults"):
            query.unsure = query.unsure or argument.stars == 2
        else:
            _lookup(query, argument.name, models, counts)


def _lookup(query: Query, written: str, models: Models, counts: bool) -> None:
    path = written.split("__")
    lookup = path.pop() if len(path) > 1 and path[-1] in _LOOKUPS else "exact"
    if query.model is None:
        return
    what, condition = models.column(query.model, path)
    if what == "unknown":
        query.unsure = True
    elif condition is not None and lookup in _SERVED and counts:
        query.conditions.append(condition)
    else:
        query.others += 1
        query.nulls += lookup == "isnull"


def _expression(query: Query, expression: ir.Expression, models: Models) -> None:
    """A positional condition: comparisons of columns, joined by `and`; `Q(...)` of Django."""
    if isinstance(expression, ir.Call):
        name = last_name(expression.function)
        if name == "Q":
            _keywords(query, expression, models)
            return
        if name == "and_":
            for argument in expression.arguments:
                _expression(query, argument.value, models)
            return
        if name in ("in_", "between") and isinstance(expression.function, ir.Attribute):
            _compared(query, expression.function.value, models)
            return
        if name in ("is_", "isnot", "is_not"):
            query.nulls += 1
        if name in ("is_", "isnot", "is_not", "like", "ilike", "contains", "startswith", "not_in", "notin_", "ilike"):
            query.others += 1
            return
        query.unsure = True
        return
    if isinstance(expression, ir.Operation):
        if expression.operator in ("&", "and"):
            for operand in expression.operands:
                _expression(query, operand, models)
            return
        if expression.operator in _COMPARED and len(expression.operands) == 2:
            columns = [operand for operand in expression.operands if _column_of(operand, query, models) is not None]
            if len(columns) == 1:
                _compared(query, columns[0], models)
                return
        if expression.operator in ("!=", "not", "~"):
            query.others += 1
            return
    query.unsure = True


def _compared(query: Query, expression: ir.Expression, models: Models) -> None:
    condition = _column_of(expression, query, models)
    if condition is None:
        query.unsure = True
    else:
        query.conditions.append(condition)


def _column_of(expression: ir.Expression, query: Query, models: Models) -> Condition | None:
    """The column that `Order.state` means."""
    if not isinstance(expression, ir.Attribute):
        return None
    model = models.named(last_name(expression.value), query.body.path)
    table = models.table(model) if model is not None else None
    attribute = model.attribute(expression.name) if model is not None else None
    column = table.column(attribute.column) if table is not None and attribute is not None else None
    return Condition(table, column) if table is not None and column is not None else None


def _order(query: Query, expression: ir.Expression, models: Models) -> None:
    if isinstance(expression, ir.Constant) and isinstance(expression.value, str) and query.model is not None:
        what, condition = models.column(query.model, expression.value.lstrip("-").split("__"))
        if what == "column" and condition is not None:
            query.ordered.append(condition)
        return
    root, methods = chain(expression)
    if all(name in ("desc", "asc", "nullslast", "nullsfirst", "nulls_last", "nulls_first") for name, _ in methods):
        condition = _column_of(root, query, models)
        if condition is not None:
            query.ordered.append(condition)


def _go_on(query: Query, name: str, body: Body, models: Models) -> None:
    """Read what is done to the query by the name that it is bound to."""
    used = 0
    for expression in body.expressions():
        if isinstance(expression, ir.Call):
            root, methods = chain(expression)
            if isinstance(root, ir.Name) and root.id == name and methods:
                used += 1
                _read(query, methods, models)
            for argument in expression.arguments:
                value = argument.value
                if isinstance(value, ir.Name) and value.id == name:
                    used += 1
                    called = last_name(expression.function)
                    if called in ("execute", "scalars", "scalar", "stream", "stream_scalars"):
                        _taken(query, expression, body)
                    elif called in _CONSUMERS:
                        query.ends = query.ends or called
                    else:
                        # handed on: what becomes of it is not known here
                        query.unsure = True
        elif (
            isinstance(expression, ir.Subscript)
            and isinstance(expression.value, ir.Name)
            and expression.value.id == name
        ):
            query.bounded = True
    for statement in ir.walk(body.statements):
        if isinstance(statement, ir.Return) and isinstance(statement.value, ir.Name) and statement.value.id == name:
            query.unsure = True
        elif (
            isinstance(statement, ir.For) and isinstance(statement.iterable, ir.Name) and statement.iterable.id == name
        ):
            query.ends = query.ends or "for"


def _taken(query: Query, call: ir.Call, body: Body) -> None:
    """How the result of an executed statement is taken."""
    for expression in body.expressions():
        if isinstance(expression, ir.Call):
            root_call, methods = expression, chain(expression)[1]
            if any(one is call for _, one in methods) and methods[-1][1] is root_call:
                last = methods[-1][0]
                if last in _ONE:
                    query.ends, query.bounded = last, True
                elif last in ("all", "fetchall", "scalars", "unique") and not query.ends:
                    query.ends = "all"
    query.ends = query.ends or "execute"


def _literal(body: Body, models: Models) -> Iterator[Query]:
    """Literal SQL over one table."""
    fetched: frozenset[str] | None = None
    for expression in body.calls:
        if not expression.arguments:
            continue
        name = last_name(expression.function)
        if name not in _WITH_TEXT:
            continue
        first = expression.arguments[0].value
        if isinstance(first, ir.Name):
            values = [binding.value for binding in body.bindings.get(first.id, [])]
            first = values[0] if len(values) == 1 else first
        written = first.value if isinstance(first, ir.Constant) else None
        match = _SELECT.match(written) if isinstance(written, str) and len(written) < 8_000 else None
        table = models.plain.get(match["table"]) if match is not None else None
        if match is None or table is None or " join " in f" {match['where'] or ''} ".lower():
            continue
        query = Query(body, span_of(first) or expression.name_span, f"SELECT FROM {table.name}", table)
        query.ends = name
        if name == "execute":
            # Asked once of a body: a script may hold thousands of queries.
            fetched = _fetched(body) if fetched is None else fetched
            query.ends = next(iter(fetched)) if len(fetched) == 1 else "execute"
        where = match["where"] or ""
        query.unsure = bool(re.search(r"\b(?:OR|SELECT|EXISTS)\b", where, re.IGNORECASE))
        for term in re.split(r"\bAND\b", where, flags=re.IGNORECASE) if where else ():
            found = _TERM.match(term)
            column = table.column(found[1]) if found is not None else None
            if column is not None and not _NONE.search(term):
                query.conditions.append(Condition(table, column))
            else:
                query.others += 1
        rest = (match["rest"] or "").upper()
        aggregate = re.match(r"\s*(?:count|max|min|sum|avg|exists|1)\b", match["what"], re.IGNORECASE)
        query.bounded = (
            "LIMIT" in rest
            or "FETCH" in rest
            or query.ends in (*_ONE, "fetchmany")
            or aggregate is not None
            or "GROUP" in rest
        )
        yield query


def _fetched(body: Body) -> frozenset[str]:
    """The ways in which a body fetches rows."""
    called = {last_name(part.function) for part in body.expressions() if isinstance(part, ir.Call)}
    return frozenset(called & {"fetchall", "fetchone", "fetchmany", "all"})


def covered(condition: Condition) -> bool:
    """Whether an index, a key or a unique constraint begins with the column, or an expression of one is made of it."""
    table, name = condition.table, condition.column.name
    heads = [table.primary_key[:1], *(index.columns[:1] for index in table.indexes)]
    if (name,) in heads or any(
        not index.columns[:1] or index.columns[0] == "" for index in table.indexes if name in index.mentions
    ):
        return True
    # MySQL makes an index for every key; elsewhere `unindexed-foreign-key` speaks of those that have none
    return any(key.columns[:1] == (name,) for key in table.foreign_keys)
