"""The neutral form of a program: what a language's front end writes and every later stage reads.

Small on purpose: the expressions and statements that carry architecture (names, calls, literals, control flow), with
places where a finding may point. Bodies of functions stay encoded until somebody asks for them, so that linking a
large project decodes only what lies on a path of interest.
"""

from __future__ import annotations

import collections.abc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from qualitygate.model.source import Span


class Constant(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A literal: text, number, truth value or nothing. Bytes literals carry their decoded text."""

    value: str | int | float | bool | None
    span: Span | None = None


class Name(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A bare name."""

    id: str


class Attribute(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """``value.name``."""

    value: Expression
    name: str


class Argument(msgspec.Struct, frozen=True, array_like=True):
    """One argument of a call or one base of a class: ``name`` is None when positional; ``stars`` is 1 or 2 when unpacked."""

    value: Expression
    name: str | None = None
    stars: int = 0
    span: Span | None = None


class Call(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """A call. ``span`` covers the whole call, ``name_span`` what is called (`client.get` in `client.get(url)`)."""

    function: Expression
    arguments: tuple[Argument, ...]
    span: Span
    name_span: Span


class Template(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Text built from parts: an f-string, or adjacent literals with one among them."""

    parts: tuple[Expression, ...]
    span: Span


class Operation(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """A binary, boolean, comparison or unary operation, by the operator's own spelling (`+`, `%`, `or`, `==`, `not`)."""

    operator: str
    operands: tuple[Expression, ...]


class Sequence(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """A list, tuple or set display; ``kind`` is `list`, `tuple` or `set`."""

    kind: str
    items: tuple[Expression, ...]
    span: Span


class Mapping(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """A dictionary display. A key of None unpacks its value."""

    items: tuple[tuple[Expression | None, Expression], ...]
    span: Span


class Subscript(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """``value[index]``; a slice is an :class:`Operation` with the operator `:`."""

    value: Expression
    index: Expression


class Conditional(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """``body if test else orelse``."""

    test: Expression
    body: Expression
    orelse: Expression


class Await(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """``await value``."""

    value: Expression


class Starred(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """``*value`` inside a display or a target."""

    value: Expression


class Generator(msgspec.Struct, frozen=True, array_like=True):
    """One ``for target in iterable if ...`` of a comprehension."""

    target: Expression
    iterable: Expression
    conditions: tuple[Expression, ...]


class Comprehension(msgspec.Struct, frozen=True, array_like=True, tag=13):
    """A comprehension; ``kind`` is `list`, `set`, `dict` or `generator`; of a dictionary, ``element`` is a tuple."""

    kind: str
    element: Expression
    generators: tuple[Generator, ...]
    span: Span


class Parameter(msgspec.Struct, frozen=True, array_like=True):
    """A parameter. ``kind``: `positional`, `plain`, `keyword`, `rest` (``*args``), `keywords` (``**kwargs``)."""

    name: str
    kind: str
    annotation: Expression | None = None
    default: Expression | None = None


class Lambda(msgspec.Struct, frozen=True, array_like=True, tag=14):
    """An anonymous function of one expression."""

    parameters: tuple[Parameter, ...]
    body: Expression


class Walrus(msgspec.Struct, frozen=True, array_like=True, tag=15):
    """``target := value``."""

    target: Expression
    value: Expression


class Yield(msgspec.Struct, frozen=True, array_like=True, tag=16):
    """``yield value`` or ``yield from value``."""

    value: Expression | None


class Opaque(msgspec.Struct, frozen=True, array_like=True, tag=17):
    """Something that the neutral form does not tell apart. Its value is unknown."""

    kind: str


Expression = (
    Constant
    | Name
    | Attribute
    | Call
    | Template
    | Operation
    | Sequence
    | Mapping
    | Subscript
    | Conditional
    | Await
    | Starred
    | Comprehension
    | Lambda
    | Walrus
    | Yield
    | Opaque
)


class Decorator(msgspec.Struct, frozen=True, array_like=True):
    """One decorator, outermost first in its list."""

    expression: Expression
    span: Span


class Evaluate(msgspec.Struct, frozen=True, array_like=True, tag=30):
    """An expression as a statement."""

    value: Expression
    span: Span


class Assign(msgspec.Struct, frozen=True, array_like=True, tag=31):
    """``targets = value``; ``operator`` is set for ``x += 1``; ``value`` is None for a bare annotation."""

    targets: tuple[Expression, ...]
    value: Expression | None
    span: Span
    annotation: Expression | None = None
    operator: str = ""


class Return(msgspec.Struct, frozen=True, array_like=True, tag=32):
    """``return value``."""

    value: Expression | None
    span: Span


class Raise(msgspec.Struct, frozen=True, array_like=True, tag=33):
    """``raise exception from cause``; both None for a bare re-raise."""

    exception: Expression | None
    cause: Expression | None
    span: Span


class If(msgspec.Struct, frozen=True, array_like=True, tag=34):
    """``if test: body else: orelse``; an ``elif`` is an If alone in ``orelse``."""

    test: Expression
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...]
    span: Span


class For(msgspec.Struct, frozen=True, array_like=True, tag=35):
    """``for target in iterable``, also asynchronous."""

    target: Expression
    iterable: Expression
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...]
    span: Span


class While(msgspec.Struct, frozen=True, array_like=True, tag=36):
    """``while test``."""

    test: Expression
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...]
    span: Span


class With(msgspec.Struct, frozen=True, array_like=True, tag=37):
    """``with item as target, ...: body``, also asynchronous."""

    items: tuple[tuple[Expression, Expression | None], ...]
    body: tuple[Statement, ...]
    span: Span


class Handler(msgspec.Struct, frozen=True, array_like=True):
    """``except exception as name``; ``exception`` is None for a bare except."""

    exception: Expression | None
    name: str
    body: tuple[Statement, ...]
    span: Span


class Try(msgspec.Struct, frozen=True, array_like=True, tag=38):
    """``try`` with its handlers (``except*`` too)."""

    body: tuple[Statement, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Statement, ...]
    final: tuple[Statement, ...]
    span: Span


class Case(msgspec.Struct, frozen=True, array_like=True):
    """One case of a match; patterns are not told apart."""

    guard: Expression | None
    body: tuple[Statement, ...]


class Match(msgspec.Struct, frozen=True, array_like=True, tag=39):
    """``match subject``."""

    subject: Expression
    cases: tuple[Case, ...]
    span: Span


class Import(msgspec.Struct, frozen=True, array_like=True, tag=40):
    """``import a.b as c`` (``names`` empty) or ``from .a import b as c``.

    ``level`` counts leading dots; a name of `*` imports everything; ``alias`` is empty where there is none.
    """

    module: str
    names: tuple[tuple[str, str], ...]
    level: int
    alias: str
    span: Span


class Function(msgspec.Struct, frozen=True, array_like=True, tag=41):
    """A function or method. ``span`` is its name's. ``body`` is encoded: see :func:`statements`.

    ``calls`` holds the last name of everything called anywhere in the body (nested functions too), so that a reader
    can pass over a function without decoding it.
    """

    name: str
    parameters: tuple[Parameter, ...]
    decorators: tuple[Decorator, ...]
    returns: Expression | None
    asynchronous: bool
    generator: bool
    span: Span
    end_line: int
    calls: tuple[str, ...]
    body: msgspec.Raw


class Class(msgspec.Struct, frozen=True, array_like=True, tag=42):
    """A class. ``span`` is its name's."""

    name: str
    bases: tuple[Argument, ...]
    decorators: tuple[Decorator, ...]
    body: tuple[Statement, ...]
    span: Span
    end_line: int


class Forget(msgspec.Struct, frozen=True, array_like=True, tag=43):
    """``del targets``."""

    targets: tuple[Expression, ...]


class Outer(msgspec.Struct, frozen=True, array_like=True, tag=44):
    """``global names`` or ``nonlocal names``."""

    names: tuple[str, ...]


class Jump(msgspec.Struct, frozen=True, array_like=True, tag=45):
    """``break`` or ``continue``: ``kind`` says which."""

    kind: str


Statement = (
    Evaluate
    | Assign
    | Return
    | Raise
    | If
    | For
    | While
    | With
    | Try
    | Match
    | Import
    | Function
    | Class
    | Forget
    | Outer
    | Jump
)


class Module(msgspec.Struct, frozen=True, array_like=True):
    """One file of code: its statements in order, and whether its header says that a program wrote it."""

    body: tuple[Statement, ...]
    generated: bool = False


def encode_statements(body: tuple[Statement, ...]) -> msgspec.Raw:
    """The encoded form of a function's body."""
    return msgspec.Raw(msgspec.msgpack.encode(body))


def statements(function: Function) -> tuple[Statement, ...]:
    """The statements of a function's body, decoded anew at each call."""
    return msgspec.msgpack.decode(function.body, type=tuple[Statement, ...])


def may_hold(function: Function, *kinds: type[msgspec.Struct]) -> bool:
    """Whether a statement or an expression of one of these kinds may stand in a function, or in one inside it.

    Told from the encoded body, which is searched a hundred times as fast as it is decoded: every node begins with the
    number of its fields and its tag. The same bytes may mean something else, so that only a no is certain.
    """
    body = bytes(function.body)
    return any(_mark(kind) in body for kind in kinds)


@cache
def _mark(kind: type[msgspec.Struct]) -> bytes:
    """The two bytes that a node of a kind begins with: an array of fewer than 16 items, and the tag as its first one."""
    tag = kind.__struct_config__.tag
    fields = len(kind.__struct_fields__)
    if not isinstance(tag, int) or not 0 <= tag < 128 or fields > 14:
        raise TypeError(f"{kind.__name__} has no mark of two bytes")
    return bytes((0x90 + fields + 1, tag))


def subexpressions(expression: Expression) -> Iterator[Expression]:
    """An expression and everything inside it, but for the bodies of lambdas."""
    stack: list[Expression] = [expression]
    while stack:
        current = stack.pop()
        yield current
        # Told apart by `is`, the commonest first: no other function is called as often.
        kind = type(current)
        if kind is Name or kind is Constant:
            continue
        if isinstance(current, Attribute):
            stack.append(current.value)
        elif isinstance(current, Call):
            stack.append(current.function)
            stack += [argument.value for argument in current.arguments]
        elif isinstance(current, Operation):
            stack += current.operands
        elif isinstance(current, Sequence):
            stack += current.items
        elif isinstance(current, Subscript):
            stack += [current.value, current.index]
        elif isinstance(current, Mapping):
            for key, value in current.items:
                stack.append(value)
                if key is not None:
                    stack.append(key)
        elif isinstance(current, Template):
            stack += current.parts
        elif isinstance(current, (Await, Starred)):
            stack.append(current.value)
        elif isinstance(current, Conditional):
            stack += [current.test, current.body, current.orelse]
        elif isinstance(current, Comprehension):
            stack.append(current.element)
            for generator in current.generators:
                stack.append(generator.iterable)
                stack += generator.conditions
        elif isinstance(current, Walrus):
            stack += [current.target, current.value]
        elif isinstance(current, Yield) and current.value is not None:
            stack.append(current.value)


_COMPOUND = frozenset((If, For, While, With, Try, Match))


def blocks(statement: Statement) -> Iterator[tuple[Statement, ...]]:
    """The blocks inside a statement, as they stand; a function's is encoded and none of them."""
    if isinstance(statement, (If, For, While)):
        yield statement.body
        yield statement.orelse
    elif isinstance(statement, (With, Class)):
        yield statement.body
    elif isinstance(statement, Try):
        yield statement.body
        for handler in statement.handlers:
            yield handler.body
        yield statement.orelse
        yield statement.final
    elif isinstance(statement, Match):
        for case in statement.cases:
            yield case.body


def walk(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Statements and those of their blocks, as they stand; not those of nested functions and classes."""
    for statement in statements:
        yield statement
        if type(statement) in _COMPOUND:
            for block in blocks(statement):
                yield from walk(block)


_EVALUATED = {
    Evaluate: "value",
    Assign: "value",
    Return: "value",
    Raise: "exception",
    If: "test",
    While: "test",
    For: "iterable",
    Match: "subject",
}


def evaluated_by(statement: Statement) -> Iterator[Expression]:
    """The expressions that a statement itself evaluates, not those of its blocks."""
    name = _EVALUATED.get(type(statement))
    if name is not None:
        expression = getattr(statement, name)
        if expression is not None:
            yield expression
    elif isinstance(statement, With):
        yield from (expression for expression, _ in statement.items)


def expressions(statements: Iterable[Statement]) -> Iterator[Expression]:
    """Every expression that statements evaluate, nested blocks included, nested functions and classes not."""
    for statement in walk(statements):
        yield from evaluated_by(statement)


Bodies: TypeAlias = "collections.abc.Mapping[int, tuple[Statement, ...]]"


@dataclass(frozen=True)
class Scope:
    """A function, or the code of a module outside of functions (``function`` is None), with what is asked of it most.

    ``statements`` are those of its body as they stand; ``qualname`` is empty for the module.
    """

    qualname: str
    function: Function | None
    statements: tuple[Statement, ...]

    @cached_property
    def walked(self) -> tuple[Statement, ...]:
        """The statements and those of their blocks, as :func:`walk` gives them."""
        return tuple(walk(self.statements))

    def may_call(self, names: frozenset[str]) -> bool:
        """Whether anything of one of these last names may be called in it: of a function that is known beforehand."""
        return self.function is None or not names.isdisjoint(self.function.calls)

    @cached_property
    def kinds(self) -> frozenset[type]:
        """The kinds of statement among them, so that a reader can pass over a scope that holds none of interest."""
        return frozenset(map(type, self.walked))

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every call that the statements make, not those of nested functions and classes."""
        return tuple(
            part
            for statement in self.walked
            for expression in evaluated_by(statement)
            for part in subexpressions(expression)
            if isinstance(part, Call)
        )


def scopes(module: Module, bodies: Bodies = MappingProxyType({})) -> Iterator[Scope]:
    """The module itself, then every function and method, nested ones included.

    ``bodies`` holds the statements of functions that are at hand, by the identity of the function; others are decoded.
    """
    yield Scope("", None, module.body)
    yield from _functions(module.body, "", bodies)


def _functions(body: Iterable[Statement], prefix: str, bodies: Bodies) -> Iterator[Scope]:
    for statement in walk(body):
        if isinstance(statement, Function):
            inside = bodies.get(id(statement))
            scope = Scope(f"{prefix}{statement.name}", statement, statements(statement) if inside is None else inside)
            yield scope
            yield from _functions(scope.statements, f"{prefix}{statement.name}.", bodies)
        elif isinstance(statement, Class):
            yield from _functions(statement.body, f"{prefix}{statement.name}.", bodies)
