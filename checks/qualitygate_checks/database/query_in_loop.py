"""A query for each round of a loop.

What it flags: a query of Django's ORM, SQLAlchemy, a driver or MongoDB inside a `for` loop or a comprehension, that asks
for something which depends on the loop's variable; and a relation of a model (`ForeignKey`, `OneToOneField`,
`ManyToManyField` and what they give the other side, `relationship`) that is read from every row of a query which does not
load it along (`select_related`, `prefetch_related`, `joinedload`, `selectinload`, `lazy=`), in the loop itself, or in a
method of the model that the loop calls; and the same in the methods of a serializer that is used for lists. One finding a
loop. The confidence is high where the loop runs over the rows of a query, and low where the loop stops at the first find
and in files of importers, which take over another system's data once.

Why: a page of a hundred rows asks the database a hundred and one times. Each query is fast alone, so that neither tests nor
a profile of one request on little data show it; the answer grows slower with every row that is added.

How to mend: Django: `select_related("customer")` for keys, `prefetch_related("lines")` for the rest, `in_bulk` or
`filter(pk__in=...)` in place of `get` in the loop. SQLAlchemy: `options(selectinload(Order.lines))`, and
`where(Order.id.in_(ids))`. A count for each row is an `annotate(Count(...))`.

What it cannot see: relations that templates or serializers read by name, query sets that a helper hands over, and queries
in helpers that the loop calls. Loops over `range`, constants, chunks and fields of a model are left alone, and so are
files of commands and scripts, which a person starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Role, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate_checks._code import Body, Code, last_name, spelling
from qualitygate_checks._reach import is_script
from qualitygate_checks.database._relations import MANAGERS, Model, Relations, chain

_ASKING = frozenset(
    "get first last latest earliest count exists aggregate aget afirst alast acount aexists aaggregate".split()
)
_LAZY = frozenset("all filter exclude order_by values values_list distinct annotate none only defer".split())
_SQL_ASKING = frozenset(
    "first all one one_or_none scalar scalar_one count get get_or_404 first_or_404 one_or_404".split()
)
_RELATED = _ASKING | {"all", "filter", "exclude", "order_by", "values_list", "values"}
_CONSUMERS = frozenset("list tuple set sorted len sum any all max min dict next bool frozenset enumerate".split())
_SHORTCUTS = frozenset({"get_object_or_404", "get_list_or_404", "aget_object_or_404"})
_SESSION = re.compile(r"(?:^|_)(?:session|db|dbsession|conn|connection|database|engine)$", re.IGNORECASE)
_EXECUTING = frozenset(
    {"execute", "scalar", "scalars", "fetch", "fetchrow", "fetchval", "fetch_one", "fetch_all", "fetch_val"}
)
_SELECT = re.compile(r"\s*(?:SELECT\s+(?!setval|nextval|pg_|set_config|drop|create)|WITH\b)", re.IGNORECASE)
_FROM = re.compile(r"\b(?:FROM|JOIN|TABLE)\s+[\"`\[]?$", re.IGNORECASE)
_CHUNK = re.compile(r"chunk|batch|partition|(?:^|_)pages?$|bucket|slices?$", re.IGNORECASE)
_FEW = frozenset({"range", "count", "get_fields", "get_models", "__subclasses__", "cycle", "repeat", "get_app_configs"})
_METADATA = re.compile(
    r"(?:^|[._])(?:_meta|fields|columns|settings|choices|_fields)(?:[._]|$)|_fields$|_map(?:ping)?$|^kwargs$"
    r"|^[A-Z][A-Z0-9_]+$"
)
_SEEDS = re.compile(
    r"(?:^|/|_)(?:seeds?|seeders?|populate|random_data|sample_data|fixtures|dummy|demo_data|backfill\w*|migrations?)(?:/|_|\.py$)"
)
_WRAPPERS = frozenset({"enumerate", "sorted", "list", "set", "tuple", "reversed", "filter", "iter", "zip", "tqdm"})
_LISTING = re.compile(r"ListAPIView|ListCreateAPIView|ModelViewSet|ListModelMixin|ReadOnlyModelViewSet")
_IMPORTERS = re.compile(r"(?:^|/)importers?/")
# Methods that write the row: the loop asks the database in every round by their very purpose.
_WRITING = frozenset({"save", "delete", "clean", "full_clean"})
_SHOWN = 8
_GROUPED = "ask once before the loop, for all at a time, grouped by what the loop runs over"


@dataclass(eq=False)
class _Loop:
    """A loop with what its variable has touched."""

    iterable: ir.Expression
    names: set[str]
    span: Span | None
    body: Sequence[ir.Statement]
    queries: list[_Query] = field(default_factory=list)


@dataclass(frozen=True)
class _Query:
    """A query in a loop: how it is written, where, and whether the loop may stop there."""

    written: str
    span: Span
    mend: str
    certain: bool
    stops: bool = False
    lazy: str = ""
    via: Place | None = None


def run(project: Project) -> Iterator[Hit]:
    """One hit a loop, and one a serializer."""
    relations = Relations.of(project)
    code = project.once(Code)
    for body in code.everywhere():
        if is_script(body.path) or _SEEDS.search(body.path):
            continue
        for loop in _merged(_Reader(body, relations).loops()):
            yield _hit(body, loop)
    yield from _serializers(project, relations)


def _merged(loops: Iterable[_Loop]) -> list[_Loop]:
    """Loops with queries; those over the same rows that lack the same relation are one fault, of one query before them."""
    found: dict[object, _Loop] = {}
    for loop in loops:
        if not loop.queries:
            continue
        lazy = loop.queries[0].lazy
        key = (loop.iterable.id, lazy) if lazy and isinstance(loop.iterable, ir.Name) else id(loop)
        if key in found:
            found[key].queries += loop.queries
        else:
            found[key] = loop
    return list(found.values())


def _hit(body: Body, loop: _Loop) -> Hit:
    first = loop.queries[0]
    over = _written(loop.iterable)
    where = body.qualname or body.path
    sure = Confidence.HIGH if first.certain else Confidence.MEDIUM
    message = f"{first.written} asks the database in every round of the loop over {over}"
    if first.lazy:
        message = f"{first.written} loads {first.lazy} by one query for every row of {over}"
    others = [query for query in loop.queries[1:] if query.span != first.span]
    return Hit(
        place=Place(body.path, first.span),
        message=message,
        subject=f"{first.written} in {where}",
        why="one query for the rows and one more for each of them"
        if first.certain
        else f"as many queries as {over} has items",
        mend=first.mend,
        places=(
            *((first.via,) if first.via is not None else ()),
            *(Place(body.path, query.span, f"{query.written} too", "query") for query in others[:_SHOWN]),
        ),
        confidence=Confidence.LOW
        if all(query.stops for query in loop.queries) or _IMPORTERS.search(body.path)
        else sure,
    )


class _Reader:
    """Walks one function with the loops around each expression."""

    def __init__(self, body: Body, relations: Relations) -> None:
        self._body = body
        self._relations = relations
        self._found: list[_Loop] = []
        self._rows: dict[int, Model] = {}
        self._eager: dict[int, frozenset[str]] = {}

    def loops(self) -> list[_Loop]:
        """The loops of the function that hold queries."""
        self._block(self._body.statements, ())
        return self._found

    def _block(self, statements: Iterable[ir.Statement], loops: tuple[_Loop, ...]) -> None:
        for statement in statements:
            if isinstance(statement, (ir.Function, ir.Class)):
                continue
            span: Span | None = getattr(statement, "span", None)
            if isinstance(statement, ir.For):
                self._expression(statement.iterable, loops, span, consumed=True)
                loop = self._open(statement.target, statement.iterable, span, statement.body, loops)
                self._block(statement.body, (*loops, loop))
                self._block(statement.orelse, loops)
                continue
            for name in ("value", "test", "exception", "subject"):
                expression = getattr(statement, name, None)
                if expression is not None:
                    self._expression(expression, loops, span, consumed=name == "test")
            if isinstance(statement, ir.With):
                for expression, _ in statement.items:
                    self._expression(expression, loops, span)
            if isinstance(statement, ir.Assign) and statement.value is not None:
                for loop in loops:
                    if loop.names & _names(statement.value):
                        for target in statement.targets:
                            loop.names |= _names(target) if isinstance(target, (ir.Name, ir.Sequence)) else set()
            # What is asked for once and kept is asked for as often as there are different things.
            inside = () if isinstance(statement, ir.If) and _remembers(statement) else loops
            for name in ("body", "orelse", "final"):
                inner = getattr(statement, name, None)
                if isinstance(inner, tuple):
                    self._block(inner, inside if name == "body" else loops)
            for block in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                self._block(block.body, loops)

    def _open(
        self,
        target: ir.Expression,
        iterable: ir.Expression,
        span: Span | None,
        body: Sequence[ir.Statement],
        loops: tuple[_Loop, ...],
    ) -> _Loop:
        names = _names(target)
        loop = _Loop(iterable, set() if _is_small(iterable, self._body) else set(names), span, body)
        for outer in loops:
            if outer.names & _names(iterable):
                outer.names |= names
        unwrapped, row = iterable, target
        if isinstance(iterable, ir.Call) and last_name(iterable.function) == "enumerate" and iterable.arguments:
            unwrapped = iterable.arguments[0].value
            row = target.items[1] if isinstance(target, ir.Sequence) and len(target.items) == 2 else target
        rows = self._relations.rows(unwrapped, self._body)
        if rows is not None and isinstance(row, ir.Name) and loop.names:
            loop.names = {row.id}
            self._rows[id(loop)] = rows.model
            self._eager[id(loop)] = rows.eager
        self._found.append(loop)
        return loop

    def _expression(
        self, expression: ir.Expression, loops: tuple[_Loop, ...], span: Span | None, consumed: bool = False
    ) -> None:
        """Look for queries in an expression; ``consumed`` where what it gives is read at once."""
        stack: list[tuple[ir.Expression, tuple[_Loop, ...], Span | None, bool]] = [(expression, loops, span, consumed)]
        while stack:
            current, around, near, read = stack.pop()
            if isinstance(current, ir.Comprehension):
                inside = around
                near = current.span
                for generator in current.generators:
                    stack.append((generator.iterable, inside, near, True))
                    inside = (*inside, self._open(generator.target, generator.iterable, near, (), inside))
                    stack += [(condition, inside, near, True) for condition in generator.conditions]
                stack.append((current.element, inside, near, False))
                continue
            if isinstance(current, ir.Call):
                if around and self._call(current, around, read):
                    stack += [(argument.value, around, current.span, False) for argument in current.arguments]
                    continue
                reads = last_name(current.function) in _CONSUMERS and isinstance(current.function, ir.Name)
                stack += [(argument.value, around, current.span, reads) for argument in current.arguments]
                stack.append((current.function, around, current.span, False))
            elif isinstance(current, ir.Attribute):
                if around:
                    self._attribute(current, around, near)
                stack.append((current.value, around, near, False))
            elif isinstance(current, ir.Lambda):
                continue
            else:
                reads = isinstance(current, (ir.Starred, ir.Await)) and read
                stack += [(part, around, near, reads) for part in _parts(current)]

    def _call(self, call: ir.Call, loops: tuple[_Loop, ...], read: bool) -> bool:
        """Whether a call is a query; it is noted where it depends on a loop."""
        written, mend = _query(call, self._body, read)
        if not written:
            return self._own_method(call, loops)
        mentioned = set().union(*(_names(argument.value) for argument in _arguments(call)), _names(call.function))
        for loop in loops:
            if loop.names & mentioned and not _takes_many(call, loop.names):
                loop.queries.append(
                    _Query(written, call.name_span, mend, id(loop) in self._rows, _stops(loop.body, call))
                )
                break
        return True

    def _own_method(self, call: ir.Call, loops: tuple[_Loop, ...]) -> bool:
        """A relation's method called on a row, or a method of the row's model that reads a relation."""
        root, methods = chain(call)
        if isinstance(root, ir.Attribute) and isinstance(root.value, ir.Name) and methods:
            loop = self._row_loop(root.value.id, loops)
            relation = self._rows[id(loop)].relations.get(root.name) if loop is not None else None
            if loop is not None and relation is not None and relation.kind == "many":
                first = methods[0][0]
                fetched = relation.name in self._eager[id(loop)]
                if first in _RELATED and not (fetched and first in ("all", "count", "exists") and len(methods) == 1):
                    self._note(loop, f"{root.value.id}.{root.name}.{first}()", call.name_span, relation.name, "many")
                    return True
        if isinstance(call.function, ir.Attribute) and isinstance(call.function.value, ir.Name):
            loop = self._row_loop(call.function.value.id, loops)
            method = self._rows[id(loop)].methods.get(call.function.name) if loop is not None else None
            if loop is not None and method is not None and method.name not in _WRITING:
                model = self._rows[id(loop)]
                for name, _ in _own_relations(method, model, self._eager[id(loop)]):
                    via = Place(self._body.path, call.span, f"{model.name}.{method.name} reads {name}", "call")
                    self._note(loop, f"{call.function.value.id}.{method.name}()", call.name_span, name, "one", via)
                    break
        return False

    def _attribute(self, attribute: ir.Attribute, loops: tuple[_Loop, ...], near: Span | None) -> None:
        if not isinstance(attribute.value, ir.Name) or near is None:
            return
        loop = self._row_loop(attribute.value.id, loops)
        if loop is None:
            return
        relation = self._rows[id(loop)].relations.get(attribute.name)
        if relation is None or relation.kind != "one" or not relation.lazy or relation.name in self._eager[id(loop)]:
            return
        self._note(loop, f"{attribute.value.id}.{attribute.name}", near, relation.name, "one")

    def _row_loop(self, name: str, loops: tuple[_Loop, ...]) -> _Loop | None:
        """The loop over rows whose variable has this name."""
        return next((loop for loop in reversed(loops) if id(loop) in self._rows and loop.names == {name}), None)

    def _note(self, loop: _Loop, written: str, span: Span, name: str, kind: str, via: Place | None = None) -> None:
        model = self._rows[id(loop)]
        how = "select_related" if kind == "one" else "prefetch_related"
        mend = f'{how}("{name}") on the query'
        if model.framework == "sqlalchemy":
            mend = f"options(selectinload({model.name}.{name})) on the query"
        loop.queries.append(_Query(written, span, mend, True, lazy=f"{model.name}.{name}", via=via))


# -- what is a query


def _query(call: ir.Call, body: Body, read: bool) -> tuple[str, str]:
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
            return f"{model}.{root.name}.{_dots(methods)}", mend
        return "", ""
    if isinstance(root, ir.Attribute) and root.name == "query" and _is_model(root.value) and last in _SQL_ASKING:
        model = last_name(root.value)
        mend = _GROUPED if last == "count" else f"fetch all of {model} before the loop, by {model}.id.in_(...)"
        return f"{model}.query.{_dots(methods)}", mend
    if not methods:
        return "", ""
    first, one = methods[0]
    receiver = last_name(one.function.value) if isinstance(one.function, ir.Attribute) else ""
    arguments = [argument.value for argument in one.arguments]
    if first == "query" and arguments and _SESSION.search(receiver) and last in _SQL_ASKING:
        mend = _GROUPED if last == "count" else "fetch all before the loop, by in_(...)"
        return f"{receiver}.{_dots(methods)}", mend
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


def _dots(methods: Sequence[tuple[str, ir.Call]]) -> str:
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


# -- what a loop runs over


def _is_small(iterable: ir.Expression, body: Body) -> bool:
    """Whether a loop has few rounds by its nature: constants, ranges, chunks, fields of a model."""
    current = iterable
    for _ in range(4):
        if isinstance(current, ir.Call) and last_name(current.function) in _FEW:
            return True
        if isinstance(current, ir.Call) and last_name(current.function) in _WRAPPERS and current.arguments:
            current = current.arguments[0].value
        elif (
            isinstance(current, ir.Call)
            and isinstance(current.function, ir.Attribute)
            and current.function.name in ("items", "keys", "values", "split")
        ):
            current = current.function.value
        else:
            break
    if isinstance(current, (ir.Sequence, ir.Mapping, ir.Constant)):
        return not any(isinstance(item, ir.Starred) for item in getattr(current, "items", ()))
    written = spelling(current)
    if _CHUNK.search(last_name(current.function) if isinstance(current, ir.Call) else written):
        return True
    if isinstance(current, (ir.Name, ir.Attribute)) and (_METADATA.search(written) or last_name(current)[:1].isupper()):
        return True
    if isinstance(current, ir.Call) and _METADATA.search(written):
        return not any(part in MANAGERS for part in written.split("."))
    if isinstance(current, ir.Name):
        scope: Body | None = body
        while scope is not None:
            bindings = scope.bindings.get(current.id)
            if bindings:
                return (
                    len(bindings) == 1
                    and isinstance(bindings[0].value, (ir.Sequence, ir.Mapping))
                    and bool(bindings[0].value.items)
                )
            if current.id in scope.parameters:
                return False
            scope = scope.outer
    return False


def _takes_many(call: ir.Call, names: set[str]) -> bool:
    """Whether the loop's variable is a collection that one query asks for: `filter(pk__in=chunk)`, `in_(chunk)`."""
    for one in _chain_calls(call):
        for argument in one.arguments:
            if argument.name and argument.name.endswith("__in") and _names(argument.value) & names:
                return True
            for part in ir.subexpressions(argument.value):
                if (
                    isinstance(part, ir.Call)
                    and last_name(part.function) in ("in_", "any_")
                    and any(_names(inner.value) & names for inner in part.arguments)
                ):
                    return True
    return False


def _remembers(statement: ir.If) -> bool:
    """`if key not in cache:` with `cache[key] = ...` below it."""
    test = statement.test
    if not isinstance(test, ir.Operation):
        return False
    stored = {
        spelling(target.value)
        for inner in statement.body
        if isinstance(inner, ir.Assign)
        for target in inner.targets
        if isinstance(target, ir.Subscript)
    }
    mentioned = {spelling(part) for part in ir.subexpressions(test) if isinstance(part, (ir.Name, ir.Attribute))}
    return bool(stored & mentioned)


def _stops(body: Sequence[ir.Statement], call: ir.Call) -> bool:
    """Whether the loop ends once the query has found something."""
    names: set[str] = set()
    for statement in body:
        if isinstance(statement, ir.Assign) and statement.value is not None:
            if any(part is call for part in ir.subexpressions(statement.value)):
                names |= {name for target in statement.targets for name in _names(target)}
        elif isinstance(statement, ir.Try):
            if any(isinstance(inner, ir.Return) for inner in (*statement.body, *statement.orelse)):
                return True
        elif isinstance(statement, ir.If):
            asked = any(part is call for part in ir.subexpressions(statement.test))
            ends = bool(statement.body) and (
                isinstance(statement.body[-1], ir.Return)
                or (isinstance(statement.body[-1], ir.Jump) and statement.body[-1].kind == "break")
            )
            if ends and (asked or names & _names(statement.test)) and not _negated(statement.test):
                return True
        elif isinstance(statement, ir.Return):
            return True
    return False


def _negated(test: ir.Expression) -> bool:
    if not isinstance(test, ir.Operation):
        return False
    if test.operator == "not":
        return True
    return test.operator in ("is", "==") and any(
        isinstance(operand, ir.Constant) and operand.value is None for operand in test.operands
    )


def _own_relations(method: ir.Function, model: Model, eager: frozenset[str]) -> Iterator[tuple[str, ir.Expression]]:
    """The relations that a method reads from its own object, and that a query would have to load along."""
    if not method.parameters or method.parameters[0].name != "self":
        return
    for expression in _always(ir.statements(method)):
        for part in ir.subexpressions(expression):
            if (
                isinstance(part, ir.Attribute)
                and isinstance(part.value, ir.Name)
                and part.value.id == "self"
                and (relation := model.relations.get(part.name)) is not None
                and relation.kind == "one"
                and relation.lazy
                and relation.name not in eager
            ):
                yield relation.name, part


def _always(statements: Iterable[ir.Statement]) -> Iterator[ir.Expression]:
    """The expressions of a function's body that no condition of its own decides over."""
    for statement in statements:
        if isinstance(statement, ir.If):
            yield statement.test
            if any(isinstance(inner, (ir.Return, ir.Raise)) for inner in statement.body):
                return
        elif isinstance(statement, (ir.For, ir.While)):
            yield statement.iterable if isinstance(statement, ir.For) else statement.test
        elif isinstance(statement, (ir.With, ir.Try)):
            yield from _always(statement.body)
        else:
            yield from ir.expressions([statement])


# -- serializers


def _serializers(project: Project, relations: Relations) -> Iterator[Hit]:
    """Methods of serializers of lists that ask the database for each row."""
    classes = [
        (file.path, statement)
        for file in project.files
        if file.module is not None and file.role is Role.APPLICATION
        for statement in file.module.body
        if isinstance(statement, ir.Class)
    ]
    candidates = [
        (path, cls) for path, cls in classes if any(last_name(base.value).endswith("Serializer") for base in cls.bases)
    ]
    if not candidates:
        return
    listed = _listed(project, [cls for _, cls in classes])
    for path, cls in candidates:
        if cls.name not in listed:
            continue
        model = relations.models.get(_model_of(cls))
        found: list[tuple[str, Span, str]] = []
        for method in _field_methods(cls):
            if len(method.parameters) < 2:
                continue
            row = method.parameters[1].name
            for written, span in _asked(method, row, model):
                found.append((written, span, method.name))
                break
        if not found:
            continue
        written, span, name = found[0]
        yield Hit(
            place=Place(path, span),
            message=f"{written} asks the database for every row that {cls.name} shows in a list",
            subject=f"{cls.name}.{name}",
            why=f"{listed[cls.name]}; {cls.name}.{name} runs once a row",
            mend="annotate the query set with what the method works out, or prefetch the rows that it reads",
            places=tuple(
                Place(path, other, f"{what} in {where} too", "query") for what, other, where in found[1:_SHOWN]
            ),
            confidence=Confidence.MEDIUM,
        )


def _listed(project: Project, classes: Sequence[ir.Class]) -> dict[str, str]:
    """Serializers that are used for lists, each with how."""
    found: dict[str, str] = {}
    for cls in classes:
        if not any(_LISTING.search(last_name(base.value)) for base in cls.bases):
            continue
        for statement in cls.body:
            if isinstance(statement, ir.Assign) and statement.value is not None:
                for target in statement.targets:
                    if isinstance(target, ir.Name) and target.id == "serializer_class":
                        found.setdefault(last_name(statement.value), f"{cls.name} lists by it")
    for body in project.once(Code).everywhere():
        for expression in body.expressions():
            if isinstance(expression, ir.Call) and any(
                argument.name == "many" and isinstance(argument.value, ir.Constant) and argument.value.value is True
                for argument in expression.arguments
            ):
                where = body.qualname or body.path
                found.setdefault(last_name(expression.function), f"{where} uses it with many=True")
    return found


def _model_of(cls: ir.Class) -> str:
    for meta in cls.body:
        for statement in meta.body if isinstance(meta, ir.Class) and meta.name == "Meta" else ():
            if (
                isinstance(statement, ir.Assign)
                and statement.value is not None
                and any(isinstance(target, ir.Name) and target.id == "model" for target in statement.targets)
            ):
                return last_name(statement.value)
    return ""


def _field_methods(cls: ir.Class) -> Iterator[ir.Function]:
    names = set()
    for statement in cls.body:
        value = statement.value if isinstance(statement, ir.Assign) else None
        if not isinstance(value, ir.Call) or last_name(value.function) != "SerializerMethodField":
            continue
        given = [argument.value for argument in value.arguments]
        if given and isinstance(given[0], ir.Constant) and isinstance(given[0].value, str):
            names.add(given[0].value)
        elif isinstance(statement, ir.Assign):
            names |= {f"get_{target.id}" for target in statement.targets if isinstance(target, ir.Name)}
    for statement in cls.body:
        if isinstance(statement, ir.Function) and statement.name in names:
            yield statement


def _asked(method: ir.Function, row: str, model: Model | None) -> Iterator[tuple[str, Span]]:
    """Queries of a method that ask for something of the row that it is given."""
    body = Body("", "", method, ir.statements(method), None)
    for expression in body.expressions():
        if not isinstance(expression, ir.Call):
            continue
        root, methods = chain(expression)
        if isinstance(root, ir.Attribute) and isinstance(root.value, ir.Name) and root.value.id == row and methods:
            relation = model.relations.get(root.name) if model is not None else None
            # `all()` may have been fetched along; every other method asks anew.
            if relation is not None and relation.kind == "many" and methods[0][0] in _RELATED - {"all"}:
                yield f"{row}.{root.name}.{_dots(methods)}", expression.name_span
            continue
        written, _ = _query(expression, body, read=False)
        if written and any(row in _names(argument.value) for argument in _arguments(expression)):
            yield written, expression.name_span


# -- small things


def _arguments(call: ir.Call) -> Iterator[ir.Argument]:
    """The arguments of a call and of those that its receiver is made by."""
    for one in _chain_calls(call):
        yield from one.arguments


def _chain_calls(call: ir.Call) -> list[ir.Call]:
    _, methods = chain(call)
    return [one for _, one in methods] or [call]


def _names(expression: ir.Expression) -> set[str]:
    return {part.id for part in ir.subexpressions(expression) if isinstance(part, ir.Name)}


def _parts(expression: ir.Expression) -> Iterator[ir.Expression]:
    """What an expression is made of, one step down."""
    if isinstance(expression, (ir.Await, ir.Starred)):
        yield expression.value
    elif isinstance(expression, ir.Subscript):
        yield expression.value
        yield expression.index
    elif isinstance(expression, ir.Operation):
        yield from expression.operands
    elif isinstance(expression, ir.Sequence):
        yield from expression.items
    elif isinstance(expression, ir.Template):
        yield from expression.parts
    elif isinstance(expression, ir.Mapping):
        for key, value in expression.items:
            yield value
            if key is not None:
                yield key
    elif isinstance(expression, ir.Conditional):
        yield expression.test
        yield expression.body
        yield expression.orelse
    elif isinstance(expression, (ir.Walrus, ir.Yield)) and expression.value is not None:
        yield expression.value


def _written(expression: ir.Expression) -> str:
    """What a loop runs over, in few words."""
    root, methods = chain(expression)
    if methods:
        shown = f"{spelling(root)}.{_dots(methods)}".strip(".")
        return shown if len(shown) < 60 else f"{spelling(root)}..."
    if isinstance(expression, ir.Call) and expression.arguments and last_name(expression.function) in _WRAPPERS:
        return _written(expression.arguments[0].value)
    return spelling(expression) or "its items"


CHECK = Check(
    id="query-in-loop",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Fetch what a list needs in one query",
    dont="Ask the database once for every row",
    tags=("CWE-1073", "OWASP-API4:2023"),
    gates=("database_performance", "api_response_time"),
    run=run,
    examined=lambda project: sum(
        1 for file in project.files if file.module is not None and file.role is Role.APPLICATION
    ),
    doc=__doc__,
    bad=(
        example(
            {
                "shop/models.py": """
                    from django.db import models


                    class Customer(models.Model):
                        name = models.CharField(max_length=200)


                    class Order(models.Model):
                        customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
                        placed = models.DateTimeField()


                    class Line(models.Model):
                        order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
                    """,
                "shop/views.py": """
                    from django.http import JsonResponse

                    from shop.models import Order


                    def orders(request):
                        found = []
                        for order in Order.objects.filter(placed__isnull=False).order_by("-placed")[:50]:
                            found.append({"id": order.pk, "customer": order.customer.name})  # <- flagged
                        return JsonResponse({"orders": found})


                    def counts(request):
                        open_orders = Order.objects.exclude(placed=None).select_related("customer")
                        open_orders = open_orders.order_by("placed")
                        return JsonResponse({
                            order.customer.name: order.lines.count() for order in open_orders  # <- flagged
                        })
                    """,
            },
            "Django: a key, and the rows that point here",
        ),
        example(
            """
            from fastapi import APIRouter, Depends
            from sqlalchemy import ForeignKey, select
            from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship

            router = APIRouter()


            class Base(DeclarativeBase):
                pass


            class Author(Base):
                __tablename__ = "authors"
                id: Mapped[int] = mapped_column(primary_key=True)
                name: Mapped[str]


            class Book(Base):
                __tablename__ = "books"
                id: Mapped[int] = mapped_column(primary_key=True)
                author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
                author: Mapped[Author] = relationship()
                copies: Mapped[list["Copy"]] = relationship(back_populates="book")


            def get_session(): ...


            @router.get("/v1/books")
            def books(session: Session = Depends(get_session)):
                statement = select(Book).options(joinedload(Book.author)).limit(100)
                return [
                    {"title": book.id, "author": book.author.name, "copies": len(book.copies)}  # <- flagged
                    for book in session.scalars(statement)
                ]


            @router.post("/v1/loans")
            def lend(numbers: list[int], session: Session = Depends(get_session)):
                lent = []
                for number in numbers:
                    book = session.get(Book, number)  # <- flagged
                    if book is None:
                        continue
                    author = session.execute(select(Author).where(Author.id == book.author_id)).scalar_one()
                    lent.append(author.name)
                return lent
            """,
            "SQLAlchemy: a relation that the options leave out, and a row for every number",
        ),
        example(
            {
                "helpdesk/models.py": """
                    from flask_sqlalchemy import SQLAlchemy

                    db = SQLAlchemy()


                    class User(db.Model):
                        id = db.Column(db.Integer, primary_key=True)
                        name = db.Column(db.String(80))


                    class Ticket(db.Model):
                        id = db.Column(db.Integer, primary_key=True)
                        owner_id = db.Column(db.ForeignKey("user.id"))
                        owner = db.relationship("User")

                        def to_dict(self):
                            return {"id": self.id, "owner": self.owner.name}
                    """,
                "helpdesk/views.py": """
                    from flask import Blueprint, jsonify

                    from helpdesk.models import Ticket, User

                    pages = Blueprint("pages", __name__)


                    @pages.get("/api/v1/tickets")
                    def tickets():
                        return jsonify([ticket.to_dict() for ticket in Ticket.query.limit(50).all()])  # <- flagged


                    @pages.get("/api/v1/owners")
                    def owners():
                        names = {}
                        for ticket in Ticket.query.all():
                            user = User.query.filter_by(id=ticket.owner_id).first()  # <- flagged
                            names[ticket.id] = user.name
                        return jsonify(names)
                    """,
            },
            "Flask: a method of the model that reads a relation, and a query by each key",
        ),
        example(
            {
                "clinic/models.py": """
                    from django.db import models


                    class Doctor(models.Model):
                        name = models.CharField(max_length=200)


                    class Visit(models.Model):
                        doctor = models.ForeignKey("clinic.Doctor", related_name="visits", on_delete=models.CASCADE)
                    """,
                "clinic/serializers.py": """
                    from rest_framework import serializers

                    from clinic.models import Doctor, Visit


                    class DoctorSerializer(serializers.ModelSerializer):
                        visits = serializers.SerializerMethodField()
                        last = serializers.SerializerMethodField(method_name="last_visit")

                        class Meta:
                            model = Doctor
                            fields = ["name", "visits", "last"]

                        def get_visits(self, doctor):
                            return doctor.visits.count()  # <- flagged

                        def last_visit(self, doctor):
                            return Visit.objects.filter(doctor=doctor).last()
                    """,
                "clinic/views.py": """
                    from rest_framework import viewsets

                    from clinic.models import Doctor
                    from clinic.serializers import DoctorSerializer


                    class DoctorViewSet(viewsets.ModelViewSet):
                        queryset = Doctor.objects.all()
                        serializer_class = DoctorSerializer
                    """,
            },
            "REST framework: methods of a serializer for lists",
        ),
        example(
            """
            async def totals(connection, numbers):
                found = {}
                for number in numbers:
                    found[number] = await connection.fetchval(  # <- flagged
                        "SELECT sum(amount) FROM lines WHERE order_id = $1", number
                    )
                return found


            def names(cursor, rows):
                for row in rows:
                    cursor.execute("SELECT name FROM users WHERE id = %s", (row[0],))  # <- flagged
                    yield cursor.fetchone()
            """,
            "drivers",
        ),
    ),
    good=(
        example(
            {
                "shop/models.py": """
                    from django.db import models


                    class Customer(models.Model):
                        name = models.CharField(max_length=200)


                    class Order(models.Model):
                        customer = models.ForeignKey(Customer, on_delete=models.PROTECT)


                    class Line(models.Model):
                        order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
                    """,
                "shop/views.py": """
                    from django.http import JsonResponse

                    from shop.models import Customer, Order


                    def orders(request):
                        found = []
                        for order in Order.objects.select_related("customer").prefetch_related("lines__product"):
                            found.append((order.customer.name, order.customer_id, len(order.lines.all())))
                        for order in Order.objects.all():
                            found.append(order.customer_id)
                        return JsonResponse({"orders": found})


                    def by_customer(request, numbers):
                        customers = Customer.objects.in_bulk(numbers)
                        return JsonResponse({number: customers[number].name for number in numbers})
                    """,
            },
            "Django: loaded along, and fetched at once",
        ),
        example(
            """
            from sqlalchemy import ForeignKey, select
            from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload


            class Base(DeclarativeBase):
                pass


            class Author(Base):
                __tablename__ = "authors"
                id: Mapped[int] = mapped_column(primary_key=True)


            class Book(Base):
                __tablename__ = "books"
                id: Mapped[int] = mapped_column(primary_key=True)
                author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
                author: Mapped[Author] = relationship(lazy="joined")
                copies: Mapped[list["Copy"]] = relationship()


            async def books(session):
                found = await session.scalars(select(Book).options(selectinload(Book.copies)))
                return [(book.author.id, len(book.copies)) for book in found.all()]


            def authors(session, numbers):
                rows = session.scalars(select(Author).where(Author.id.in_(numbers)))
                known = {author.id: author for author in rows}
                return [known[number] for number in numbers]
            """,
            "SQLAlchemy: by options, by the relation itself, and by in_()",
        ),
        example(
            """
            from django.db import models

            ROLES = ("admin", "nurse", "doctor")


            class Role(models.Model):
                name = models.CharField(max_length=20)


            def roles():
                return {name: Role.objects.get(name=name) for name in ROLES}


            def in_chunks(numbers, size=500):
                for chunk in chunked(numbers, size):
                    yield from Role.objects.filter(pk__in=chunk)


            def free_name(base):
                for number in range(20):
                    name = f"{base}-{number}"
                    if not Role.objects.filter(name=name).exists():
                        return name


            def remembered(names):
                known = {}
                for name in names:
                    if name not in known:
                        known[name] = Role.objects.get(name=name)
                return known


            def narrowed(conditions):
                found = Role.objects.all()
                for condition in conditions:
                    found = found.filter(Role.objects.filter(name=condition).query)
                return found
            """,
            "few rounds by nature, chunks, what is kept, and queries that are only put together",
        ),
        example(
            {
                "shop/management/commands/repair.py": """
                    from django.core.management.base import BaseCommand

                    from shop.models import Order


                    class Command(BaseCommand):
                        def handle(self, *args, **options):
                            for order in Order.objects.all():
                                print(order.customer.name, Order.objects.filter(customer=order.customer).count())
                    """,
                "shop/models.py": """
                    from django.db import models


                    class Order(models.Model):
                        customer = models.ForeignKey("shop.Customer", on_delete=models.PROTECT)
                    """,
                "shop/clients.py": """
                    def headers(session, names):
                        return [session.get(f"https://rates.example.com/{name}", timeout=5) for name in names]
                    """,
            },
            "a command, and a session that is none of the database",
        ),
    ),
)
