"""A query for each round of a loop.

What it flags: a query of Django's ORM, SQLAlchemy, a driver or MongoDB inside a `for` loop or a comprehension, that asks
for something which depends on the loop's variable; and a relation of a model (`ForeignKey`, `OneToOneField`,
`ManyToManyField` and what they give the other side, `relationship`) that is read from every row of a query which does not
load it along (`select_related`, `prefetch_related`, `joinedload`, `selectinload`, `lazy=`), in the loop itself, or in a
method of the model that the loop calls; a function of the project, and one that it calls in turn, that asks for what the loop
hands to it (the calls are shown); and the same in the methods of a serializer that is used for lists. One finding a
loop. The confidence is high where the loop runs over the rows of a query, and low where the loop stops at the first find
and in files of importers, which take over another system's data once.

Why: a page of a hundred rows asks the database a hundred and one times. Each query is fast alone, so that neither tests nor
a profile of one request on little data show it; the answer grows slower with every row that is added.

How to mend: Django: `select_related("customer")` for keys, `prefetch_related("lines")` for the rest, `in_bulk` or
`filter(pk__in=...)` in place of `get` in the loop. SQLAlchemy: `options(selectinload(Order.lines))`, and
`where(Order.id.in_(ids))`. A count for each row is an `annotate(Count(...))`.

What it cannot see: relations that templates or serializers read by name, query sets that a helper hands over, and queries
more than two calls away, behind a condition of the helper, or in one that writes or keeps what it found. Loops over `range`,
constants, chunks and fields of a model are left alone, and so are a branch that holds the loop's variable to one value
(`if name == "owner"`), which runs once, and files of commands and scripts, which a person starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Role, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate_checks._code import Body, Code, last_name, spelling
from qualitygate_checks._reach import is_script
from qualitygate_checks.database._asking import RELATED, always, arguments_of, dots, names_in, query_of, takes_many
from qualitygate_checks.database._helpers import follow
from qualitygate_checks.database._list_serializers import serializers
from qualitygate_checks.database._relations import MANAGERS, Model, Relations, chain

_CONSUMERS = frozenset("list tuple set sorted len sum any all max min dict next bool frozenset enumerate".split())
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
_IMPORTERS = re.compile(r"(?:^|/)importers?/")
# Methods that write the row: the loop asks the database in every round by their very purpose.
_WRITING = frozenset({"save", "delete", "clean", "full_clean"})
_SHOWN = 8


@dataclass(eq=False)
class _Loop:
    """A loop with what its variable has touched."""

    iterable: ir.Expression
    names: set[str]
    span: Span | None
    body: Sequence[ir.Statement]
    # the variable that has another value in every round, where there is one
    key: str = ""
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
    via: tuple[Place, ...] = ()
    functions: tuple[str, ...] = ()


def run(project: Project) -> Iterator[Hit]:
    """One hit a loop, and one a serializer."""
    relations = Relations.of(project)
    code = project.once(Code)
    for body in code.everywhere(wanted=_may_loop):
        if is_script(body.path) or _SEEDS.search(body.path):
            continue
        for loop in _merged(_Reader(body, relations, code).loops()):
            yield _hit(body, loop)
    yield from serializers(project, relations)


def _may_loop(function: ir.Function) -> bool:
    return ir.may_hold(function, ir.For, ir.Comprehension)


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
    queries = sorted(loop.queries, key=lambda query: query.span)
    first = queries[0]
    over = _written(loop.iterable)
    where = body.qualname or body.path
    sure = Confidence.HIGH if first.certain else Confidence.MEDIUM
    message = f"{first.written} asks the database in every round of the loop over {over}"
    if first.lazy:
        message = f"{first.written} loads {first.lazy} by one query for every row of {over}"
    if first.functions:
        way = " -> ".join(first.functions)
        message = (
            f"{way} asks the database in every round of the loop over {over}: {first.via[-1].note.partition(' in ')[0]}"
        )
    shown: dict[tuple[str, int], _Query] = {}
    for query in queries:
        shown.setdefault((query.written, query.span.line), query)
    return Hit(
        place=Place(body.path, first.span),
        message=message,
        subject=f"{first.written} in {where}",
        why="one query for the rows and one more for each of them"
        if first.certain
        else f"as many queries as {over} has items",
        mend=first.mend,
        places=(
            *first.via,
            *(
                Place(body.path, query.span, f"{query.written} too", "query")
                for query in list(shown.values())[1 : _SHOWN + 1]
            ),
        ),
        confidence=Confidence.LOW
        if all(query.stops for query in loop.queries) or _IMPORTERS.search(body.path)
        else sure,
    )


class _Reader:
    """Walks one function with the loops around each expression."""

    def __init__(self, body: Body, relations: Relations, code: Code) -> None:
        self._body = body
        self._code = code
        self._relations = relations
        self._found: list[_Loop] = []
        self._rows: dict[int, Model] = {}
        self._eager: dict[int, frozenset[str]] = {}
        # Outside of loops only comprehensions are of interest.
        self._comprehends = body.function is None or ir.may_hold(body.function, ir.Comprehension)

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
                    if loop.names & names_in(statement.value):
                        for target in statement.targets:
                            loop.names |= names_in(target) if isinstance(target, (ir.Name, ir.Sequence)) else set()
            inside = loops
            if isinstance(statement, ir.If):
                # What is asked for once and kept is asked for as often as there are different things.
                inside = () if _remembers(statement) else self._not_pinned(statement.test, loops)
            for name in ("body", "orelse", "final"):
                inner = getattr(statement, name, None)
                if isinstance(inner, tuple):
                    self._block(inner, inside if name == "body" else loops)
            for block in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                self._block(block.body, loops)

    def _not_pinned(self, test: ir.Expression, loops: tuple[_Loop, ...]) -> tuple[_Loop, ...]:
        """The loops whose variable a test does not hold to one value: a branch of `if param == "bundle"` runs once."""
        held = _held(test)
        return tuple(loop for loop in loops if loop.key not in held) if held else loops

    def _open(
        self,
        target: ir.Expression,
        iterable: ir.Expression,
        span: Span | None,
        body: Sequence[ir.Statement],
        loops: tuple[_Loop, ...],
    ) -> _Loop:
        names = names_in(target)
        loop = _Loop(
            iterable, set() if _is_small(iterable, self._body) else set(names), span, body, _key(target, iterable)
        )
        for outer in loops:
            if outer.names & names_in(iterable):
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
        if not loops and not self._comprehends:
            return
        stack: list[tuple[ir.Expression, tuple[_Loop, ...], Span | None, bool]] = [(expression, loops, span, consumed)]
        while stack:
            current, around, near, read = stack.pop()
            kind = type(current)
            if kind is ir.Name or kind is ir.Constant:
                continue
            if isinstance(current, ir.Comprehension):
                inside = around
                near = current.span
                for generator in current.generators:
                    stack.append((generator.iterable, inside, near, True))
                    inside = (*inside, self._open(generator.target, generator.iterable, near, (), inside))
                    stack += [(condition, inside, near, True) for condition in generator.conditions]
                    for condition in generator.conditions:
                        inside = self._not_pinned(condition, inside)
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
            elif isinstance(current, ir.Conditional):
                stack.append((current.test, around, near, False))
                stack.append((current.body, self._not_pinned(current.test, around), near, False))
                stack.append((current.orelse, around, near, False))
            else:
                reads = isinstance(current, (ir.Starred, ir.Await)) and read
                stack += [(part, around, near, reads) for part in _parts(current)]

    def _call(self, call: ir.Call, loops: tuple[_Loop, ...], read: bool) -> bool:
        """Whether a call is a query; it is noted where it depends on a loop."""
        written, mend = query_of(call, self._body, read)
        if not written:
            return self._own_method(call, loops) or self._helper(call, loops)
        mentioned = set().union(*(names_in(argument.value) for argument in arguments_of(call)), names_in(call.function))
        for loop in loops:
            if loop.names & mentioned and not takes_many(call, loop.names):
                loop.queries.append(
                    _Query(written, call.name_span, mend, id(loop) in self._rows, _stops(loop.body, call))
                )
                break
        return True

    def _helper(self, call: ir.Call, loops: tuple[_Loop, ...]) -> bool:
        """A function of the project that asks the database for what the loop hands to it."""
        mentioned = set().union(*(names_in(argument.value) for argument in call.arguments))
        for loop in loops:
            followed = follow(call, self._body, loop.names, self._code) if loop.names & mentioned else None
            if followed is not None:
                written = f"{followed.functions[0]}()"
                stops = _stops(loop.body, call)
                loop.queries.append(
                    _Query(
                        written, call.name_span, followed.mend, False, stops, "", followed.places, followed.functions
                    )
                )
                # what the call is given is still looked at
                return False
        return False

    def _own_method(self, call: ir.Call, loops: tuple[_Loop, ...]) -> bool:
        """A relation's method called on a row, or a method of the row's model that reads a relation."""
        root, methods = chain(call)
        if isinstance(root, ir.Attribute) and isinstance(root.value, ir.Name) and methods:
            loop = self._row_loop(root.value.id, loops)
            relation = self._rows[id(loop)].relations.get(root.name) if loop is not None else None
            if loop is not None and relation is not None and relation.kind == "many":
                first = methods[0][0]
                fetched = relation.name in self._eager[id(loop)]
                if first in RELATED and not (fetched and first in ("all", "count", "exists") and len(methods) == 1):
                    self._note(loop, f"{root.value.id}.{root.name}.{first}()", call.name_span, relation.name, "many")
                    return True
        if isinstance(call.function, ir.Attribute) and isinstance(call.function.value, ir.Name):
            loop = self._row_loop(call.function.value.id, loops)
            method = self._rows[id(loop)].methods.get(call.function.name) if loop is not None else None
            if loop is not None and method is not None and method.name not in _WRITING:
                model = self._rows[id(loop)]
                for name, _ in _own_relations(method, model, self._eager[id(loop)]):
                    via = (Place(self._body.path, call.span, f"{model.name}.{method.name} reads {name}", "call"),)
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

    def _note(self, loop: _Loop, written: str, span: Span, name: str, kind: str, via: tuple[Place, ...] = ()) -> None:
        model = self._rows[id(loop)]
        how = "select_related" if kind == "one" else "prefetch_related"
        mend = f'{how}("{name}") on the query'
        if model.framework == "sqlalchemy":
            mend = f"options(selectinload({model.name}.{name})) on the query"
        loop.queries.append(_Query(written, span, mend, True, lazy=f"{model.name}.{name}", via=via))


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
    if isinstance(current, ir.Attribute) and _is_constant_of_class(current, body):
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


def _is_constant_of_class(attribute: ir.Attribute, body: Body) -> bool:
    """Whether `Search.params` or `self.params` is a display of literals in the class, of the same module."""
    if not isinstance(attribute.value, ir.Name):
        return False
    top = body
    while top.outer is not None:
        top = top.outer
    name = attribute.value.id
    for cls in (body.cls,) if name in ("self", "cls") else top.statements:
        if isinstance(cls, ir.Class) and (name in ("self", "cls") or cls.name == name):
            for statement in cls.body:
                if isinstance(statement, ir.Assign) and any(
                    isinstance(target, ir.Name) and target.id == attribute.name for target in statement.targets
                ):
                    value = statement.value
                    return isinstance(value, ir.Sequence) and bool(value.items) and _is_constant(value)
    return False


def _key(target: ir.Expression, iterable: ir.Expression) -> str:
    """The loop's variable, or that of the keys where the loop runs over the items of a mapping."""
    if isinstance(target, ir.Name):
        return target.id
    pairs = isinstance(iterable, ir.Call) and last_name(iterable.function) == "items" and not iterable.arguments
    first = target.items[0] if pairs and isinstance(target, ir.Sequence) and target.items else None
    return first.id if isinstance(first, ir.Name) else ""


def _held(test: ir.Expression) -> set[str]:
    """The names that a test holds to one constant, or to one of a few: `name == "bundle"`, `name in ("a", "b")`."""
    held: set[str] = set()
    pending = [test]
    while pending:
        current = pending.pop()
        if not isinstance(current, ir.Operation):
            continue
        if current.operator == "and":
            pending += current.operands
        elif current.operator in ("==", "in") and len(current.operands) == 2:
            left, right = current.operands
            for name, value in ((left, right), (right, left)) if current.operator == "==" else ((left, right),):
                if isinstance(name, ir.Name) and _is_constant(value):
                    held.add(name.id)
    return held


def _is_constant(expression: ir.Expression) -> bool:
    """A literal, a display of them, or what is spelled as a constant: `KIND`, `Kind.BUNDLE`."""
    if isinstance(expression, ir.Sequence):
        return all(_is_constant(item) for item in expression.items)
    if isinstance(expression, (ir.Name, ir.Attribute)):
        return last_name(expression).isupper()
    return isinstance(expression, ir.Constant)


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
                names |= {name for target in statement.targets for name in names_in(target)}
        elif isinstance(statement, ir.Try):
            if any(isinstance(inner, ir.Return) for inner in (*statement.body, *statement.orelse)):
                return True
        elif isinstance(statement, ir.If):
            asked = any(part is call for part in ir.subexpressions(statement.test))
            ends = bool(statement.body) and (
                isinstance(statement.body[-1], ir.Return)
                or (isinstance(statement.body[-1], ir.Jump) and statement.body[-1].kind == "break")
            )
            if ends and (asked or names & names_in(statement.test)) and not _negated(statement.test):
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
    for expression in always(ir.statements(method)):
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


# -- small things


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
    elif isinstance(expression, (ir.Walrus, ir.Yield)) and expression.value is not None:
        yield expression.value


def _written(expression: ir.Expression) -> str:
    """What a loop runs over, in few words."""
    root, methods = chain(expression)
    if methods:
        shown = f"{spelling(root)}.{dots(methods)}".strip(".")
        return shown if len(shown) < 60 else f"{spelling(root)}..."
    if isinstance(expression, ir.Call) and expression.arguments and last_name(expression.function) in _WRAPPERS:
        return _written(expression.arguments[0].value)
    if isinstance(expression, ir.Subscript) and isinstance(expression.index, ir.Constant):
        return f"{_written(expression.value)}[{expression.index.value!r}]"
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
        example(
            {
                "app/people.py": """
                    from sqlalchemy import select

                    from app.models import Person


                    def by_email(session, email):
                        return session.execute(select(Person).where(Person.email == email)).scalar_one_or_none()


                    def by_email_or_raise(session, email):
                        found = by_email(session, email)
                        if found is None:
                            raise LookupError(email)
                        return found
                    """,
                "app/models.py": """
                    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                    class Base(DeclarativeBase):
                        pass


                    class Person(Base):
                        __tablename__ = "people"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        email: Mapped[str] = mapped_column(unique=True)
                    """,
                "app/main.py": """
                    from fastapi import APIRouter, Depends

                    from app import people

                    router = APIRouter()


                    def get_session(): ...


                    @router.post("/v1/teams")
                    def create(emails: list[str], session=Depends(get_session)):
                        members = []
                        for email in emails:
                            members.append(people.by_email_or_raise(session, email))  # <- flagged
                        return [member.id for member in members]
                    """,
            },
            "SQLAlchemy: two calls away",
        ),
        example(
            """
            from django.db import models


            class Tag(models.Model):
                name = models.CharField(max_length=50, unique=True)


            def parsed(terms):
                found = []
                for kind, value in terms:
                    if kind == "tag":
                        found.append(Tag.objects.get(name=value))  # <- flagged
                return found


            def known(names):
                for name in names:
                    if name != "all":
                        yield Tag.objects.get(name=name)  # <- flagged
            """,
            "Django: branches that many rounds take",
        ),
    ),
    good=(
        example(
            {
                "shop/prices.py": """
                    from functools import lru_cache

                    from shop.models import Price, Receipt

                    _KNOWN = {}


                    @lru_cache(maxsize=100)
                    def cached(code):
                        return Price.objects.get(code=code)


                    def remembered(code):
                        if code in _KNOWN:
                            return _KNOWN[code]
                        _KNOWN[code] = Price.objects.get(code=code)
                        return _KNOWN[code]


                    def book(code):
                        price = Price.objects.get(code=code)
                        return Receipt.objects.create(price=price)


                    def label(code):
                        return code.upper()
                    """,
                "shop/models.py": """
                    from django.db import models


                    class Price(models.Model):
                        code = models.CharField(max_length=20, unique=True)


                    class Receipt(models.Model):
                        price = models.ForeignKey(Price, on_delete=models.PROTECT)
                    """,
                "shop/views.py": """
                    from django.http import JsonResponse

                    from shop import prices


                    def totals(request, codes):
                        found = [prices.cached(code) for code in codes]
                        found += [prices.remembered(code) for code in codes]
                        for code in codes:
                            prices.book(code)
                        return JsonResponse({"labels": [prices.label(code) for code in codes], "count": len(found)})
                    """,
            },
            "Django: functions that remember, or that write for each",
        ),
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
                "library/search.py": """
                    from library.models import Shelf, User


                    class Search:
                        params = ["text", "shelf", "sort"]

                        def chosen(self, query):
                            return {name: Shelf.objects.filter(slug=query.get(name)).first() for name in self.params}


                    def shelves(query):
                        return {name: Shelf.objects.filter(slug=query.get(name)).first() for name in Search.params}


                    def search(user, query):
                        found = {}
                        for name, value in query.items():
                            if value and name == "shelf":
                                found[name] = Shelf.objects.filter(owner=user, pk=value).first()
                            elif name in ("owner", "reader"):
                                found[name] = User.objects.get(username=value)
                            else:
                                found[name] = value
                        return found


                    def people(names, user):
                        return [User.objects.get(username=user) if name == "me" else name for name in names]
                    """,
                "library/models.py": """
                    from django.db import models


                    class User(models.Model):
                        username = models.CharField(max_length=50, unique=True)


                    class Shelf(models.Model):
                        owner = models.ForeignKey(User, on_delete=models.CASCADE)
                        slug = models.SlugField()
                    """,
            },
            "Django: a branch for one value of the loop's variable, and a list of the class",
        ),
        example(
            """
            from flask_sqlalchemy import SQLAlchemy

            db = SQLAlchemy()


            class Team(db.Model):
                id = db.Column(db.Integer, primary_key=True)
                name = db.Column(db.String(80))


            def described(changes):
                lines = []
                for field in changes:
                    value = changes[field]
                    if field == "team_id":
                        value = Team.query.filter_by(id=changes[field]).first().name
                    lines.append(f"{field}: {value}")
                return lines
            """,
            "SQLAlchemy: a branch for one field",
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
