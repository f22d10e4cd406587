"""In: classes, handlers and lists as frameworks take them. Out: the HTTP methods that they name or define."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from qualitygate.frameworks.paths import HTTP_METHODS
from qualitygate.model.architecture import Unfollowed
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Bound,
    BoundFunction,
    Choice,
    ClassValue,
    Entries,
    Evaluation,
    Event,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    Unknown,
    Value,
)

# HEAD and OPTIONS on a class accompany what else it serves (preflight requests, probes): no operations of their own.
_WRAPPERS = 5
_MOST_ITEMS = 100_000
CLASS_METHODS = tuple(name for name in HTTP_METHODS if name not in ("head", "options", "trace"))


def methods_of_class(evaluation: Evaluation, view: Value) -> dict[str, FunctionValue]:
    """`GET`, `POST`, ... that a class of the project serves, by the methods of its ancestry, nearest first."""
    found: dict[str, FunctionValue] = {}
    for base in evaluation.ancestry(view):
        if isinstance(base, ClassValue):
            for name in CLASS_METHODS:
                value = base.names.get(name)
                if isinstance(value, FunctionValue):
                    found.setdefault(name.upper(), value)
    return {name.upper(): found[name.upper()] for name in CLASS_METHODS if name.upper() in found}


def view_class(view: Value | None) -> ClassValue | None:
    """The project's class behind a class, or behind what its ``as_view()`` gave."""
    if isinstance(view, ClassValue):
        return view
    if isinstance(view, Instance) and view.event is not None and view.event.name == "as_view":
        return view.event.receiver if isinstance(view.event.receiver, ClassValue) else None
    return None


def function_of(handler: Value | None) -> Value | None:
    """The function of a bound method, or that a closure of a decorator wraps; anything else as it is."""
    if isinstance(handler, BoundFunction):
        handler = handler.function
    for _ in range(_WRAPPERS):
        inner = _wrapped(handler) if isinstance(handler, FunctionValue) else None
        if inner is None:
            break
        handler = inner
    return handler


def _wrapped(function: FunctionValue) -> FunctionValue | None:
    """What a function calls that the function around it was given: `def decorator(func): def wrapper(request): func(request)`."""
    around = function.scope
    if not around.owner or "__class__" in around.names:
        return None
    for name in function.node.calls:
        given = around.names.get(name)
        if isinstance(given, FunctionValue) and given.scope is not around:
            return given
    return None


def listed(value: Value | None) -> tuple[str, ...]:
    """Upper-case words of a text, a member of an enumeration, or a list of them: `("GET", HttpMethod.POST)`."""
    items = value.items if isinstance(value, Items) else [value]
    found = []
    for item in items:
        if isinstance(item, Known) and isinstance(item.value, str):
            found.append(item.value.upper())
        elif isinstance(item, External):
            found.append(item.name.rsplit(".", 1)[-1].upper())
    return tuple(found)


def flattened(value: Value | None) -> Iterator[Value]:
    """The items of nested lists, in order; of alternatives the first.

    Not without end: twenty lists, each of twice the one before, hold a million items.
    """
    stack: list[Value | None] = [value]
    for _ in range(_MOST_ITEMS):
        if not stack:
            return
        current = stack.pop()
        if isinstance(current, Items):
            stack.extend(reversed(current.items))
        elif isinstance(current, Choice):
            stack.append(current.values[0])
        elif current is not None:
            yield current


def holders(evaluation: Evaluation, belongs: Callable[[Instance], bool]) -> dict[int, Instance]:
    """Every object that the program hands around or calls methods of and that ``belongs``, by identity, in order."""
    return {id(item): item for item in evaluation.instances() if belongs(item)}


def instances(events: Iterable[Event]) -> Iterator[Instance]:
    """The objects that events hand around or call methods of, each once, in order."""
    seen: set[int] = set()
    for event in events:
        for value in (event.receiver, event.result, *event.arguments.positional, *event.arguments.keywords.values()):
            yield from _inside(value, seen)


def _inside(value: Value | None, seen: set[int]) -> Iterator[Instance]:
    """The objects in a value that are not yet ``seen``, nor in a list that is."""
    if value is None or isinstance(value, (Known, Unknown)):
        return  # the commonest, and nothing is in them
    while isinstance(value, Bound):  # `app.router.add_get(...)` speaks to the application
        value = value.receiver
    entries = isinstance(value, Entries)
    stack: list[Value | None] = [*reversed(value.entries.values())] if isinstance(value, Entries) else [value]
    while stack:
        current = stack.pop()
        if isinstance(current, Instance):
            if id(current) not in seen:
                seen.add(id(current))
                yield current
        elif entries:
            continue
        elif isinstance(current, Choice):
            stack.append(current.values[0])
        elif isinstance(current, Items) and id(current) not in seen:
            seen.add(id(current))
            stack.extend(reversed(current.items))


def mystery(what: str, value: Value | None, place: Place) -> Unfollowed:
    """Tells that ``what`` at a place (`include_router()`) is handed something that no adapter can follow."""
    if isinstance(value, Unknown):
        thing = f"something that is not known ({value.why})" if value.why else "something that is not known"
    elif isinstance(value, External):
        thing = f"{value.name}, which a library brings"
    elif isinstance(value, Instance) and isinstance(value.cls, External):
        thing = f"what {value.cls.name.removesuffix('()')}() of a library gives"
    elif isinstance(value, Bound):
        thing = f"`{value.name}` of an object that is not known"
    else:
        thing = "something that is computed"
    return Unfollowed(place, f"{what} of {thing}")


def named(value: Value | None) -> str:
    """What an error handler catches: a status, or the name of a class."""
    if isinstance(value, Known):
        return str(value.value)
    if isinstance(value, External):
        return value.name
    return value.qualname if isinstance(value, ClassValue) else ""


def hides(value: Value | None) -> bool:
    """Whether ``include_in_schema`` keeps a route out: it is given, and is not simply true (a setting may decide)."""
    return value is not None and not (isinstance(value, Known) and value.value in (True, None))


def is_false(value: Value | None) -> bool:
    """Whether a value is the literal ``False``."""
    return isinstance(value, Known) and value.value is False
