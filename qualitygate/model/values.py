"""What is known of a value without running anything, and what was seen to happen to it.

These are the working values of the evaluation of a program: unlike the other records some of them change while the
program is followed (an object gains attributes, a list gains items), so they compare by identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from qualitygate.model.contract import Contract
from qualitygate.model.source import Place
from qualitygate.model.syntax import Class, Expression, Function


@dataclass(eq=False, slots=True)
class Known:
    """A scalar. ``sure`` is false for a default that the environment or the settings may replace."""

    value: str | int | float | bool | None
    sure: bool = True


@dataclass(eq=False, slots=True)
class Pattern:
    """Text of which only some parts are known; a hole is None, and ``holes`` are the values that would fill them."""

    parts: tuple[str | None, ...]
    holes: tuple[Value, ...] = ()


@dataclass(eq=False, slots=True)
class Items:
    """A list, tuple or set. ``complete`` is false where items may be missing."""

    items: list[Value]
    complete: bool = True
    place: Place | None = None


@dataclass(eq=False, slots=True)
class Entries:
    """A dictionary with the keys that are known. ``complete`` is false where entries may be missing."""

    entries: dict[str | int | float | bool | None, Value]
    complete: bool = True
    place: Place | None = None


@dataclass(eq=False, slots=True)
class External:
    """Something of a library or of the language, by its dotted name as imported."""

    name: str


@dataclass(eq=False, slots=True)
class ModuleValue:
    """A module or package of the project: the path of its file, or of its directory where it has no ``__init__``."""

    path: str


@dataclass(eq=False, slots=True)
class Scope:
    """Names of a module, class or function body. ``path`` is the file."""

    path: str
    names: dict[str, Value]
    parent: Scope | None = None
    owner: str = ""


@dataclass(eq=False, slots=True)
class FunctionValue:
    """A function of the project with the scope that it was defined in; ``owner`` is its class, where it is a method."""

    path: str
    qualname: str
    node: Function
    scope: Scope
    owner: ClassValue | None = None
    decorators: list[Value] = field(default_factory=list)
    attributes: dict[str, Value] = field(default_factory=dict)

    @property
    def first_line(self) -> int:
        """The line that the definition begins with: that of its first decorator, as Python itself counts."""
        return self.node.decorators[0].span.line if self.node.decorators else self.node.span.line


@dataclass(eq=False, slots=True)
class LambdaValue:
    """An anonymous function: its body and scope."""

    body: Expression
    scope: Scope


@dataclass(eq=False, slots=True)
class ClassValue:
    """A class of the project. ``names`` are its own attributes; ``annotations`` those declared with a type."""

    path: str
    qualname: str
    node: Class
    scope: Scope
    names: dict[str, Value]
    bases: list[Value]
    annotations: dict[str, Expression] = field(default_factory=dict)
    decorators: list[Value] = field(default_factory=list)
    keywords: dict[str, Value] = field(default_factory=dict)

    @property
    def first_line(self) -> int:
        """The line that the definition begins with."""
        return self.node.decorators[0].span.line if self.node.decorators else self.node.span.line


@dataclass(eq=False, slots=True)
class Arguments:
    """Evaluated arguments. ``complete`` is false where something was unpacked that is not known."""

    positional: list[Value]
    keywords: dict[str, Value]
    complete: bool = True
    places: dict[str, Place] = field(default_factory=dict)

    def get(self, name: str, position: int | None = None) -> Value | None:
        """The argument by keyword, or else by position; None where it is absent."""
        if name in self.keywords:
            return self.keywords[name]
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return None


@dataclass(eq=False, slots=True)
class Instance:
    """An object: what was called to make it, with what, and where. ``place`` is None for one known only by its type."""

    cls: ClassValue | External
    arguments: Arguments
    place: Place | None
    attributes: dict[str, Value] = field(default_factory=dict)
    event: Event | None = None


@dataclass(eq=False, slots=True)
class Bound:
    """``receiver.name`` where the name is not one of the project's own: a library's method or an unknown attribute.

    ``receiver[index]`` has the name `__getitem__`.
    """

    receiver: Value
    name: str
    index: Value | None = None


@dataclass(eq=False, slots=True)
class BoundFunction:
    """A method of the project with the object it is called on."""

    receiver: Value
    function: FunctionValue


@dataclass(eq=False, slots=True)
class Choice:
    """One of several values, depending on a condition that is not known here.

    ``default`` says that the first is what holds unless the environment or the settings say otherwise.
    """

    values: tuple[Value, ...]
    default: bool = False


@dataclass(eq=False, slots=True)
class Unknown:
    """A value that cannot be told; ``why`` says what stood in the way, ``name`` what it was called."""

    why: str = ""
    name: str = ""


Value: TypeAlias = (
    Known
    | Pattern
    | Items
    | Entries
    | External
    | ModuleValue
    | FunctionValue
    | LambdaValue
    | ClassValue
    | Instance
    | Bound
    | BoundFunction
    | Choice
    | Unknown
)


@dataclass(eq=False, slots=True)
class Event:
    """A call of something that is not the project's own, in the order in which the program makes them.

    ``name`` is the dotted name of a library function or class, or the method's name where there is a ``receiver``.
    ``target`` is the definition that the result decorates, ``result`` the object that stands for what the call gave.
    ``conditional`` says that a condition decides over it, ``unlikely`` that with the defaults it decides against it.
    """

    name: str
    receiver: Value | None
    arguments: Arguments
    place: Place
    target: Value | None = None
    conditional: bool = False
    owner: str = ""
    result: Instance | None = None
    unlikely: bool = False


class Evaluation(Protocol):
    """What a framework adapter may ask of the followed program."""

    @property
    def events(self) -> list[Event]:
        """Every event, in order."""
        ...

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """The OpenAPI documents of the repository, in the order of their paths."""
        ...

    def instances(self) -> Sequence[Instance]:
        """Every object that the events hand around or call methods of, each once, in order."""
        ...

    @property
    def classes(self) -> dict[str, ClassValue]:
        """Every class of the project, by `path:Class`."""
        ...

    def ancestry(self, value: Value) -> tuple[ClassValue | External, ...]:
        """The class of an object, or the class itself, and its bases, nearest first; library classes by name."""
        ...

    def is_a(self, value: Value | None, names: frozenset[str]) -> bool:
        """Whether the value, a class or an object, comes from one of the library classes."""
        ...

    def attribute(self, value: Value, name: str) -> Value:
        """The attribute of a value, followed through classes and modules; ``Unknown`` where it cannot be told."""
        ...

    def module(self, dotted: str, near: str = "") -> ModuleValue | None:
        """A module of the project by its import name, as seen from the file ``near``."""
        ...

    def lookup(self, dotted: str, near: str = "") -> Value | None:
        """What a dotted string (`app.urls`, `app.views.index`, `app.main:app`) names in the project, or None."""
        ...

    def modules(self) -> Iterator[tuple[str, Scope]]:
        """Path and scope of every module, in the order of their paths."""
        ...

    def annotation(self, expression: Expression | None, scope: Scope) -> Value:
        """What a type annotation names."""
        ...

    def call(self, value: Value, arguments: Arguments, place: Place) -> Value:
        """The result of calling a value of the project, followed as far as it can be."""
        ...

    def evaluate(self, expression: Expression, scope: Scope) -> Value:
        """The value of an expression in a scope."""
        ...
