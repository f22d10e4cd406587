"""In: values of a followed program. Out: the expressions that would make them, to be read like literals.

A model of an application is declared over several files: what its fields are given may be a constant of another module
or the result of a helper. The followed program knows it; the readers of migrations read expressions.
"""

from __future__ import annotations

from collections.abc import Callable

from qualitygate.frameworks.literals import HOLE, Bound, Given, Names
from qualitygate.model.source import Span
from qualitygate.model.syntax import (
    Argument,
    Assign,
    Attribute,
    Call,
    Constant,
    Expression,
    Function,
    Mapping,
    Name,
    Opaque,
    Sequence,
)
from qualitygate.model.values import (
    Bound as Method,
)
from qualitygate.model.values import (
    Choice,
    ClassValue,
    Entries,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    Pattern,
    Value,
)

Special = Callable[[Value], "Expression | None"]
"""Says how a value is written where that is not the plain way; None for the plain way."""

_NOWHERE = Span(0, 0, 0, 0)
_MAX_DEPTH = 8
_MAX_ITEMS = 300
# Methods whose object is a part of what they say.
_OF_THEIR_OBJECT = frozenset({"with_variant", "desc", "asc", "nullslast", "nullsfirst", "nulls_last", "nulls_first"})


def plain(value: Value) -> None:
    """No value is written in a way of its own."""


def name_of(value: Value) -> str:
    """The last name of the class or function that made an object: `Column` of `db.Column(...)`; empty for another value."""
    if isinstance(value, Instance):
        name = value.cls.name if isinstance(value.cls, External) else value.cls.qualname
        return name.removesuffix("()").rpartition(".")[2]
    return ""


def expression(value: Value, special: Special = plain, depth: int = 0) -> Expression:
    """An expression that stands for the value; what cannot be told is opaque."""
    own = special(value)
    if own is not None:
        return own
    if depth > _MAX_DEPTH:
        return Opaque("deep")
    if isinstance(value, Known):
        return Constant(value.value)
    if isinstance(value, Pattern):
        return Constant("".join(part if part is not None else HOLE for part in value.parts))
    if isinstance(value, External):
        return Name(value.name.rpartition(".")[2])
    if isinstance(value, (ClassValue, FunctionValue)):
        return Name(value.node.name)
    if isinstance(value, Method):
        return Name(value.name)
    if isinstance(value, Choice):
        return expression(value.values[0], special, depth + 1)
    if isinstance(value, Items):
        members = tuple(expression(item, special, depth + 1) for item in value.items[:_MAX_ITEMS])
        return Sequence("list", members, _NOWHERE)
    if isinstance(value, Entries):
        pairs = tuple(
            (Constant(key), expression(item, special, depth + 1))
            for key, item in list(value.entries.items())[:_MAX_ITEMS]
        )
        return Mapping(pairs, _NOWHERE)
    return call_of(value, special, depth) if isinstance(value, Instance) else Opaque("unknown")


def call_of(value: Instance, special: Special = plain, depth: int = 0) -> Call:
    """The call that made an object, with arguments that are expressions."""
    span = value.place.span if value.place is not None else _NOWHERE
    name = name_of(value)
    function: Expression = Name(name)
    if name in _OF_THEIR_OBJECT and value.event is not None and value.event.receiver is not None:
        function = Attribute(expression(value.event.receiver, special, depth + 1), name)
    arguments = [Argument(expression(item, special, depth + 1)) for item in value.arguments.positional]
    arguments += [Argument(expression(item, special, depth + 1), key) for key, item in value.arguments.keywords.items()]
    return Call(function, tuple(arguments), span, span)


def given_of(value: Instance, special: Special = plain) -> Given:
    """The arguments of the call that made an object."""
    return Given.of(call_of(value, special), Names())


def bound_of(value: Value, special: Special = plain) -> Bound:
    """The expression of a value, ready to be read."""
    return Bound(expression(value, special), Names())


def declared_at(cls: ClassValue, name: str, value: Value | None) -> Span:
    """Where an attribute of a class is declared: at the call that makes it, where that stands in the class."""
    node = cls.node
    made = value.place if isinstance(value, Instance) else None
    if made is not None and made.path == cls.path and node.span.line <= made.span.line <= node.end_line:
        return made.span
    for statement in node.body:
        if isinstance(statement, Assign) and any(
            isinstance(target, Name) and target.id == name for target in statement.targets
        ):
            return statement.span
        if isinstance(statement, Function) and statement.name == name:
            return statement.span
    return node.span


__all__ = ["Special", "bound_of", "call_of", "declared_at", "expression", "given_of", "name_of"]
