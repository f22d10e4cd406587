"""In: expressions of one file and what its names stand for. Out: their plain values, as far as the file itself tells.

For files that declare rather than compute, such as migrations. What depends on anything outside the file is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from qualitygate.model.syntax import (
    Assign,
    Attribute,
    Call,
    Class,
    Constant,
    Evaluate,
    Expression,
    Function,
    Import,
    Name,
    Operation,
    Return,
    Sequence,
    Statement,
    Template,
    statements,
)
from qualitygate.model.syntax import Mapping as Display

HOLE = "_unknown_"
"""Stands in a text for a part that the file does not tell."""
_MAX_DEPTH = 60
_MAX_TEXT = 200_000
_MAX_STEPS = 500_000
_LISTS = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed"})


@dataclass(frozen=True)
class Bound:
    """An expression with the names that it is to be read by."""

    value: Expression
    names: Names


class Steps:
    """Counts the work spent on one file: names that double each other would take forever."""

    def __init__(self) -> None:
        self.left = _MAX_STEPS

    def take(self) -> bool:
        """Whether there is work left to spend."""
        self.left -= 1
        return self.left > 0


@dataclass(frozen=True)
class Names:
    """What names stand for at one point of a file.

    ``own`` are the names of a function or loop, ``outer`` those around it. The outermost holds the file: ``imports``
    maps a name to the dotted path that it was imported from, ``functions`` and ``classes`` those that the file defines.
    """

    own: Mapping[str, Bound | None] = field(default_factory=dict)
    outer: Names | None = None
    imports: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    classes: Mapping[str, Class] = field(default_factory=dict)
    steps: Steps = field(default_factory=Steps)

    @staticmethod
    def of(body: Iterable[Statement]) -> Names:
        """The names of a file: imports, definitions, and what is assigned once at its top."""
        imports: dict[str, str] = {}
        functions: dict[str, Function] = {}
        classes: dict[str, Class] = {}
        own: dict[str, Bound | None] = {}
        names = Names(own, None, imports, functions, classes)
        for statement in body:
            if isinstance(statement, Import):
                imports.update(_imported(statement))
            elif isinstance(statement, Function):
                functions[statement.name] = statement
            elif isinstance(statement, Class):
                classes[statement.name] = statement
            elif isinstance(statement, Assign):
                own.update(bindings(statement, names))
        return names

    def inner(self, own: Mapping[str, Bound | None]) -> Names:
        """The names inside a block that adds some of its own; None marks one whose value is not known."""
        return Names(own, self, steps=self.steps)

    @property
    def top(self) -> Names:
        """The names of the file."""
        names = self
        while names.outer is not None:
            names = names.outer
        return names

    def find(self, name: str) -> Bound | None:
        """What a name stands for; None where it is not known."""
        names: Names | None = self
        while names is not None:
            if name in names.own:
                return names.own[name]
            names = names.outer
        return None


def _imported(statement: Import) -> Iterator[tuple[str, str]]:
    if not statement.names:
        if statement.alias:
            yield statement.alias, statement.module
        else:
            first = statement.module.partition(".")[0]
            yield first, first
    dots = "." * statement.level
    for name, alias in statement.names:
        module = f"{dots}{statement.module}"
        yield alias or name, f"{module}.{name}" if statement.module else f"{dots}{name}"


def bindings(statement: Assign, names: Names) -> dict[str, Bound | None]:
    """The names that an assignment binds; None where it changes one instead of giving it a value."""
    found: dict[str, Bound | None] = {}
    for target in statement.targets:
        if isinstance(target, Name):
            plain = statement.value is not None and not statement.operator
            found[target.id] = Bound(statement.value, names) if plain and statement.value is not None else None
        elif isinstance(target, Sequence):
            values = items(Bound(statement.value, names)) if statement.value is not None else None
            found.update(unpacked(target, values))
    return found


def unpacked(target: Expression, values: list[Bound] | None) -> dict[str, Bound | None]:
    """The names of a target of one name or several, each with its part of the values."""
    if isinstance(target, Name):
        return {target.id: None}
    if not isinstance(target, Sequence):
        return {}
    known = values if values is not None and len(values) == len(target.items) else None
    return {
        item.id: known[number] if known else None for number, item in enumerate(target.items) if isinstance(item, Name)
    }


def resolve(bound: Bound) -> Bound:
    """Follow names, and calls of functions of the file that only return an expression, to what they stand for."""
    for _ in range(_MAX_DEPTH):
        if not bound.names.steps.take():
            return Bound(Constant(None), Names(steps=bound.names.steps))
        value = bound.value
        if isinstance(value, Name):
            found = bound.names.find(value.id)
            if found is None:
                return bound
            bound = found
        elif isinstance(value, Call) and isinstance(value.function, Name):
            returned = _returned(value, value.function.id, bound.names)
            if returned is None:
                return bound
            bound = returned
        else:
            return bound
    return bound


def _returned(call: Call, name: str, names: Names) -> Bound | None:
    function = names.top.functions.get(name)
    if function is None:
        return None
    inner = names.top.inner(arguments(function, call, names))
    for statement in statements(function):
        if isinstance(statement, Assign):
            inner = inner.inner(bindings(statement, inner))
        elif isinstance(statement, Return) and statement.value is not None:
            return Bound(statement.value, inner)
        elif not (isinstance(statement, Evaluate) and isinstance(statement.value, Constant)):
            return None
    return None


def arguments(function: Function, call: Call, names: Names) -> dict[str, Bound | None]:
    """What the parameters of a function of the file stand for in one call of it."""
    given: dict[str, Bound | None] = {}
    top = names.top
    for parameter in function.parameters:
        given[parameter.name] = Bound(parameter.default, top) if parameter.default is not None else None
    positional = [parameter.name for parameter in function.parameters if parameter.kind in ("positional", "plain")]
    for number, argument in enumerate(argument for argument in call.arguments if argument.name is None):
        if argument.stars:
            break
        if number < len(positional):
            given[positional[number]] = Bound(argument.value, names)
    for argument in call.arguments:
        if argument.name is not None and argument.name in given:
            given[argument.name] = Bound(argument.value, names)
    return given


def dotted(expression: Expression, names: Names) -> str:
    """The dotted path of a name, through the imports of the file; empty for anything else.

    `sa.Column` is `sqlalchemy.Column`; a name that nothing imports is itself.
    """
    parts: list[str] = []
    while isinstance(expression, Attribute):
        parts.append(expression.name)
        expression = expression.value
    if not isinstance(expression, Name):
        return ""
    root = names.top.imports.get(expression.id, expression.id) if names.find(expression.id) is None else expression.id
    return ".".join([root, *reversed(parts)])


def called(expression: Expression, names: Names) -> str:
    """The dotted path of what a call calls; empty for anything else."""
    return dotted(expression.function, names) if isinstance(expression, Call) else ""


def last(path: str) -> str:
    """The last part of a dotted path."""
    return path.rpartition(".")[2]


def text(bound: Bound | None, depth: int = 0) -> str | None:
    """The text that an expression stands for, with :data:`HOLE` for the parts that are not known; None for no text."""
    if bound is None or depth > _MAX_DEPTH:
        return None
    bound = resolve(bound)
    value, names = bound.value, bound.names

    def part(inner: Expression) -> str:
        if isinstance(inner, Constant) and not isinstance(inner.value, str):
            return str(inner.value)
        return text(Bound(inner, names), depth + 1) or HOLE

    found: str | None = None
    if isinstance(value, Constant):
        found = value.value if isinstance(value.value, str) else None
    elif isinstance(value, Template):
        found = "".join(
            inner.value if isinstance(inner, Constant) and isinstance(inner.value, str) else part(inner)
            for inner in value.parts
        )
    elif isinstance(value, Operation) and value.operator == "+":
        parts = [text(Bound(inner, names), depth + 1) for inner in value.operands]
        found = "".join(inner or HOLE for inner in parts) if any(parts) else None
    elif isinstance(value, Operation) and value.operator == "%":
        # what is filled in may be anything: `%s` of a driver, too
        found = text(Bound(value.operands[0], names), depth + 1)
    elif isinstance(value, Call):
        found = _called_text(value, names, depth)
    return found if found is None or len(found) <= _MAX_TEXT else None


def _called_text(call: Call, names: Names, depth: int) -> str | None:
    """The text behind `.strip()`, `textwrap.dedent()`, `text()`, `op.f()` and their like."""
    method = last(dotted(call.function, names)) or (call.function.name if isinstance(call.function, Attribute) else "")
    first = next((argument.value for argument in call.arguments if not argument.stars), None)
    if method in ("text", "literal_column", "column", "dedent", "cleandoc", "f", "quoted_name", "str"):
        return text(Bound(first, names), depth + 1) if first is not None else None
    if method in ("strip", "lstrip", "rstrip", "format", "bindparams", "execution_options", "lower", "replace"):
        inner = call.function.value if isinstance(call.function, Attribute) else None
        found = text(Bound(inner, names), depth + 1) if inner is not None else None
        if found is not None and method == "format":
            return _formatted(found, call, names, depth)
        return found
    return None


def _formatted(template: str, call: Call, names: Names, depth: int) -> str:
    """`template.format(...)`: names and numbers in braces, filled where the file tells the value."""
    result = template
    positional = 0
    for argument in call.arguments:
        known = text(Bound(argument.value, names), depth + 1) or HOLE
        if argument.name is not None:
            result = result.replace(f"{{{argument.name}}}", known)
        elif not argument.stars:
            result = result.replace(f"{{{positional}}}", known).replace("{}", known, 1)
            positional += 1
    return result


def items(bound: Bound | None, depth: int = 0) -> list[Bound] | None:
    """The members of a display, of a sum of displays or of `list(...)` of one; None where they are not known."""
    if bound is None or depth > _MAX_DEPTH:
        return None
    bound = resolve(bound)
    value, names = bound.value, bound.names
    if isinstance(value, Sequence):
        return [Bound(item, names) for item in value.items]
    if isinstance(value, Display):
        return [Bound(key, names) for key, _ in value.items if key is not None]
    if isinstance(value, Operation) and value.operator == "+":
        parts = [items(Bound(inner, names), depth + 1) for inner in value.operands]
        if any(part is None for part in parts):
            return None
        return [item for part in parts if part is not None for item in part]
    if isinstance(value, Call) and last(dotted(value.function, names)) in _LISTS and len(value.arguments) == 1:
        return items(Bound(value.arguments[0].value, names), depth + 1)
    if isinstance(value, Call) and isinstance(value.function, Attribute) and value.function.name == "items":
        pairs = resolve(Bound(value.function.value, names))
        if isinstance(pairs.value, Display) and all(key is not None for key, _ in pairs.value.items):
            span = pairs.value.span
            return [
                Bound(Sequence("tuple", (key, inner), span), pairs.names)
                for key, inner in pairs.value.items
                if key is not None
            ]
    return None


def texts(bound: Bound | None) -> tuple[str, ...] | None:
    """The texts of a display of texts; None where one of them is not known."""
    members = items(bound)
    if members is None:
        return None
    found = tuple(text(member) for member in members)
    return tuple(each for each in found if each is not None) if None not in found else None


def constant(bound: Bound | None) -> str | int | float | bool | None:
    """The value of a literal; None for anything else."""
    if bound is None:
        return None
    value = resolve(bound).value
    return value.value if isinstance(value, Constant) else None


def is_none(bound: Bound) -> bool:
    """Whether the expression is the literal None."""
    value = resolve(bound).value
    return isinstance(value, Constant) and value.value is None


@dataclass(frozen=True)
class Given:
    """The arguments of one call: by place and by name."""

    call: Call
    names: Names
    places: tuple[Bound, ...]
    named: Mapping[str, Bound]

    @staticmethod
    def of(call: Call, names: Names) -> Given:
        """The arguments of ``call``, those that are unpacked from displays included."""
        places: list[Bound] = []
        named: dict[str, Bound] = {}
        for argument in call.arguments:
            bound = Bound(argument.value, names)
            if argument.name is not None:
                named[argument.name] = bound
            elif argument.stars == 2:
                named.update(_unpacked_mapping(bound))
            elif argument.stars == 1:
                places += items(bound) or ()
            else:
                places.append(bound)
        return Given(call, names, tuple(places), named)

    def get(self, name: str, place: int | None = None) -> Bound | None:
        """The argument of that name, or at that place."""
        if name in self.named:
            return self.named[name]
        return self.places[place] if place is not None and place < len(self.places) else None

    def text(self, name: str, place: int | None = None) -> str:
        """The text of an argument; empty where there is none."""
        return text(self.get(name, place)) or ""

    def true(self, name: str, default: bool = False) -> bool:
        """The truth value of an argument; ``default`` where it is absent or not known."""
        value = constant(self.named.get(name))
        return value if isinstance(value, bool) else default


def _unpacked_mapping(bound: Bound) -> Iterator[tuple[str, Bound]]:
    bound = resolve(bound)
    if isinstance(bound.value, Display):
        for key, value in bound.value.items:
            if isinstance(key, Constant) and isinstance(key.value, str):
                yield key.value, Bound(value, bound.names)
    elif isinstance(bound.value, Call) and last(dotted(bound.value.function, bound.names)) == "dict":
        for argument in bound.value.arguments:
            if argument.name is not None:
                yield argument.name, Bound(argument.value, bound.names)


def entries(bound: Bound | None) -> dict[str, Bound]:
    """The entries of a dictionary display whose keys are texts."""
    return dict(_unpacked_mapping(bound)) if bound is not None else {}


__all__ = [
    "HOLE",
    "Bound",
    "Given",
    "Names",
    "arguments",
    "bindings",
    "called",
    "constant",
    "dotted",
    "entries",
    "is_none",
    "items",
    "last",
    "resolve",
    "text",
    "texts",
    "unpacked",
]
