"""In: an evaluated program. Out: which code a handler reaches, with the calls that lead there."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from qualitygate.frameworks import Adapter, RouteDraft
from qualitygate.link.evaluate import Evaluator, Site, Trace
from qualitygate.link.mentions import Mentions, Names
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Bound,
    BoundFunction,
    Choice,
    ClassValue,
    External,
    FunctionValue,
    Instance,
    Value,
)

MAX_HOPS = 5
"""Calls followed from a handler; per-request constructors were found one to three hops away in real backends."""

# Types of clients that the stubs of boto3 name: an annotation imports them, `boto3.client()` makes them.
_BOTO_TYPE = re.compile(r"(mypy|types)_boto3_\w+\.(client\.)?\w+Client$")
_LONGEST = 5
"""Attributes between an object of a library and the method that is called on it."""

# Methods that a framework runs for each request on a middleware, permission, throttle or authentication class.
REQUEST_METHODS = (
    "__call__",
    "dispatch",
    "process_request",
    "process_view",
    "process_response",
    "has_permission",
    "has_object_permission",
    "authenticate",
    "allow_request",
    "before_request",
    "to_representation",
)


@dataclass(frozen=True)
class Target:
    """A function that another one calls, on what object and where.

    ``site`` is None where no call is written: a framework injects it (``injected``), a property, an entered context.
    """

    function: FunctionValue
    receiver: Value | None
    place: Place
    site: Site | None
    injected: bool = False


@dataclass(frozen=True)
class Step:
    """A function that a request reaches: how many calls away, and the call that leads to it from the step before.

    ``injected`` is true where a framework makes that call.
    """

    function: FunctionValue
    receiver: Value | None
    hops: int
    via: Place | None
    before: Step | None
    injected: bool = False

    def chain(self) -> tuple[Step, ...]:
        """From the handler to this step."""
        steps = [self]
        while steps[-1].before is not None:
            steps.append(steps[-1].before)
        return tuple(reversed(steps))


# Decorators whose function remembers what it gave back.
_CACHING = frozenset(
    {"lru_cache", "cache", "cached", "cached_property", "singleton", "alru_cache", "memoize", "memoized", "once"}
)


def decorators(function: FunctionValue) -> frozenset[str]:
    """The last names of a function's decorators."""
    found = set()
    for value in function.decorators:
        if isinstance(value, Instance):
            name = value.event.name if value.event is not None else ""
        else:
            name = str(getattr(value, "name", "") or getattr(getattr(value, "node", None), "name", ""))
        found.add(name.rsplit(".", 1)[-1])
    return frozenset(found)


def remembers(function: FunctionValue) -> bool:
    """Whether a function keeps what it gave back, so that its body does not run for every call."""
    return not decorators(function).isdisjoint(_CACHING)


def way(step: Step, declared: Place, name: str) -> tuple[Place, ...]:
    """The places that lead from a route (declared there, called so) to a step: the route and every call."""
    found = [Place(declared.path, declared.span, name, "route")]
    for item in step.chain():
        if item.via is not None and item.before is not None:
            caller = item.before.function
            injected = item.via.path == caller.path and item.via.span == caller.node.span
            verb = "depends on" if injected else "calls"
            note = f"{caller.qualname} {verb} {item.function.qualname}"
            found.append(Place(item.via.path, item.via.span, note, "call"))
    return tuple(found)


class CallGraph:
    """Calls of the project's functions, traced when they are asked for and remembered."""

    def __init__(self, evaluator: Evaluator, adapters: Iterable[Adapter], mentions: Mentions) -> None:
        self._evaluator = evaluator
        self._adapters = tuple(adapters)
        self._traces: dict[int, Trace] = {}
        self._targets: dict[int, tuple[Target, ...]] = {}
        self._inheriting: dict[int, set[str]] | None = None
        self._injected: dict[int, tuple[FunctionValue, tuple[Value, ...]]] = {}
        self._providers: dict[int, frozenset[str]] = {}
        # What runs for a route is asked by each that follows it; the drafts are kept so that no other takes their identity.
        self._roots: dict[int, tuple[RouteDraft, tuple[tuple[FunctionValue, Value | None], ...]]] = {}
        self._mentions = mentions

    def trace(self, function: FunctionValue, receiver: Value | None = None) -> Trace:
        """Calls, returns and raises of a function's body."""
        key = id(function.node)
        if key not in self._traces:
            self._traces[key] = self._evaluator.trace(function, receiver)
        return self._traces[key]

    def sites(self, function: FunctionValue) -> list[Site]:
        """Calls of a function's body."""
        return self.trace(function).sites

    def injected(self, function: FunctionValue) -> Iterator[Value]:
        """What frameworks inject into a function's parameters."""
        if id(function) not in self._injected:
            found = (value for adapter in self._adapters for value in adapter.injected(self._evaluator, function))
            self._injected[id(function)] = (function, tuple(found))
        yield from self._injected[id(function)][1]

    def targets(self, function: FunctionValue, receiver: Value | None) -> tuple[Target, ...]:
        """The project's functions that a function calls or has injected."""
        key = id(function.node)
        if key not in self._targets:
            found: list[Target] = []
            for provider in self.injected(function):
                for target, owner in self.entry(provider):
                    found.append(Target(target, owner, Place(function.path, function.node.span), None, True))
            trace = self.trace(function, receiver)
            for site in trace.sites:
                for target, owner in self.called(site.callee):
                    found.append(Target(target, owner, site.place, site))
            found += [Target(target, owner, place, None) for target, owner, place in trace.unwritten]
            self._targets[key] = tuple(found)
        return self._targets[key]

    def called(self, value: Value) -> Iterator[tuple[FunctionValue, Value | None]]:
        """The functions that run when a value is called: a function, a method, a class's constructor."""
        if isinstance(value, FunctionValue):
            yield value, None
        elif isinstance(value, BoundFunction):
            yield value.function, value.receiver
        elif isinstance(value, ClassValue):
            for name in ("__init__", "__post_init__", "__new__"):
                method = self._method(value, name)
                if method is not None:
                    yield method, None
        elif isinstance(value, Instance) and isinstance(value.cls, ClassValue):
            method = self._method(value.cls, "__call__")
            if method is not None:
                yield method, value
        elif isinstance(value, Choice):
            for option in value.values:
                yield from self.called(option)

    def entry(self, value: Value) -> Iterator[tuple[FunctionValue, Value | None]]:
        """The functions that a framework runs for a request where it was given ``value``."""
        if isinstance(value, ClassValue):
            if not self.is_middleware(value):
                yield from self.called(value)
            for name in REQUEST_METHODS:
                method = self._method(value, name)
                if method is not None:
                    yield method, None
        else:
            yield from self.called(value)

    def is_middleware(self, cls: Value) -> bool:
        """Whether a framework makes one object of a class when it starts, not one for each request."""
        if not isinstance(cls, ClassValue):
            return False
        constructor = self._method(cls, "__init__")
        handed = {parameter.name for parameter in constructor.node.parameters} if constructor is not None else set()
        return bool(handed & {"get_response", "app"}) or any(
            str(getattr(base, "name", "") or getattr(base, "qualname", "")).endswith("Middleware")
            for base in self._evaluator.ancestry(cls)
        )

    def _method(self, cls: ClassValue, name: str) -> FunctionValue | None:
        for base in self._evaluator.ancestry(cls):
            if isinstance(base, ClassValue) and isinstance(found := base.names.get(name), FunctionValue):
                return found
        return None

    def roots(self, draft: RouteDraft) -> tuple[tuple[FunctionValue, Value | None], ...]:
        """The functions that run for a request of a route: what stands before the handler, and the handler."""
        if id(draft) not in self._roots:
            self._roots[id(draft)] = draft, tuple(self._run_for(draft))
        return self._roots[id(draft)][1]

    def _run_for(self, draft: RouteDraft) -> Iterator[tuple[FunctionValue, Value | None]]:
        for value in draft.before:
            yield from self.entry(value)
        if isinstance(draft.handler, FunctionValue):
            yield draft.handler, None
        for view in dict.fromkeys(value for value in (draft.handler, draft.view) if isinstance(value, ClassValue)):
            for name in _HOOKS:
                method = self._method(view, name)
                if method is not None:
                    yield method, None

    def reach(
        self,
        roots: Iterable[tuple[FunctionValue, Value | None]],
        within: frozenset[int] | None = None,
        stops: Callable[[FunctionValue, Site | None], bool] = lambda function, site: False,
    ) -> Iterator[Step]:
        """Everything reached from ``roots`` in at most ``MAX_HOPS`` calls, nearest first, each function once.

        ``within`` limits the way to functions of interest (identities of their nodes); ``stops`` says where the way
        ends: asked with each function reached (site None) and with each of its calls.
        """
        queue: deque[Step] = deque(Step(function, receiver, 0, None, None) for function, receiver in roots)
        seen: set[int] = set()
        while queue:
            step = queue.popleft()
            key = id(step.function.node)
            if key in seen or (within is not None and key not in within):
                continue
            seen.add(key)
            yield step
            if step.hops >= MAX_HOPS or stops(step.function, None):
                continue
            for target in self.targets(step.function, step.receiver):
                key = id(target.function.node)
                if key in seen or (within is not None and key not in within):
                    continue
                if target.site is None or not stops(step.function, target.site):
                    queue.append(
                        Step(target.function, target.receiver, step.hops + 1, target.place, step, target.injected)
                    )

    def interesting(self, wanted: Iterable[FunctionValue]) -> frozenset[int]:
        """Functions that may lead to one of ``wanted`` within ``MAX_HOPS`` calls, judged by names alone.

        Too many, never too few, but for what is called under another name: aliases count by the name of the class or
        function that they stand for only where the tracing meets them.
        """
        functions = list(self._evaluator.functions.values())
        new = list(wanted)
        found = {id(function.node) for function in new}
        known = set[str]()
        known_properties = set[str]()
        for _ in range(MAX_HOPS):
            # Who is not found yet mentions none of the names that were looked for before.
            names = set[str]().union(*(self._called_as(function) for function in new)) - known
            properties = {function.node.name for function in new if _is_property(function)} - known_properties
            known |= names
            known_properties |= properties
            read = Names(properties)
            new = [
                function
                for function in functions
                if id(function.node) not in found
                and (
                    not names.isdisjoint(function.node.calls)
                    or (properties and self._mentions.any_of(function.path, function.node, read))
                    or self._injects(function, names)
                )
            ]
            if not new:
                break
            found.update(id(function.node) for function in new)
        return frozenset(found)

    def _called_as(self, function: FunctionValue) -> set[str]:
        """The names by which a function may be called; a constructor by those of the classes that inherit it too."""
        names = _called_as(function)
        if function.owner is not None and function.node.name.startswith("__"):
            names |= self._heirs().get(id(function.owner.node), set())
        return names

    def _heirs(self) -> dict[int, set[str]]:
        """For each class, by its node, the names of those that inherit from it: they are made by its constructor."""
        if self._inheriting is None:
            self._inheriting = {}
            for _, scope in self._evaluator.modules():
                for value in scope.names.values():
                    for base in self._evaluator.ancestry(value) if isinstance(value, ClassValue) else ():
                        if isinstance(base, ClassValue) and isinstance(value, ClassValue):
                            self._inheriting.setdefault(id(base.node), set()).add(value.node.name)
        return self._inheriting

    def _injects(self, function: FunctionValue, names: set[str]) -> bool:
        if not any(
            parameter.default is not None or parameter.annotation is not None for parameter in function.node.parameters
        ):
            return False
        key = id(function.node)
        if key not in self._providers:
            self._providers[key] = frozenset(
                provider.node.name
                for provider in self.injected(function)
                if isinstance(provider, (FunctionValue, ClassValue))
            )
        return not self._providers[key].isdisjoint(names)


# Methods of a view class that run around each of its handlers.
_HOOKS = (
    "__init__",
    "setup",
    "initial",
    "dispatch",
    "dispatch_request",
    "get_queryset",
    "get_object",
    "get_serializer_class",
    "get_serializer_context",
    "perform_create",
    "perform_update",
    "perform_destroy",
    "filter_queryset",
    "prepare",
)


def every_function(evaluator: Evaluator) -> Iterator[FunctionValue]:
    """All functions by their names, and those that come to light inside others while these are read."""
    known: set[str] = set()
    while fresh := sorted(evaluator.functions.keys() - known):
        known.update(fresh)
        for name in fresh:
            yield evaluator.functions[name]


class Called:
    """Tells which functions may call one of some library names, without reading their bodies."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._words = frozenset(name.rsplit(".", 1)[-1] for name in names)
        self._aliases: dict[int, frozenset[str]] = {}

    def may_be_in(self, function: FunctionValue) -> bool:
        """Whether the function calls something of the last word of a name, or of what its module calls one."""
        calls = function.node.calls
        return not self._words.isdisjoint(calls) or not self._renamed(function).isdisjoint(calls)

    def _renamed(self, function: FunctionValue) -> frozenset[str]:
        """Names of the function's module that stand for a wanted one: `from requests import get as fetch`."""
        scope = function.scope
        while scope.parent is not None:
            scope = scope.parent
        if id(scope) not in self._aliases:
            self._aliases[id(scope)] = frozenset(
                alias
                for alias, value in scope.names.items()
                if isinstance(value, External) and value.name in self._names
            )
        return self._aliases[id(scope)]


def _is_property(function: FunctionValue) -> bool:
    return any("property" in name for name in decorators(function))


def _called_as(function: FunctionValue) -> set[str]:
    """The names by which a function may be called: its own, and its class's for a constructor or a call of the object."""
    names = {function.node.name}
    if function.owner is not None:
        names.add(function.owner.node.name)
        if function.node.name in ("__enter__", "__aenter__", "__call__", "__init__", "__new__", "__post_init__"):
            names.discard(function.node.name)
    return names


def dotted(value: Value) -> str:
    """The dotted name of a library function, or of a method of a library object; empty for anything else.

    What lies between the object and the method is kept: `openai.OpenAI.chat.completions.create`.
    """
    if isinstance(value, External):
        return value.name
    names = [getattr(value, "name", "")]
    receiver = getattr(value, "receiver", None)
    while isinstance(receiver, Bound) and len(names) < _LONGEST and not receiver.name.startswith("__"):
        names.append(receiver.name)
        receiver = receiver.receiver
    if isinstance(receiver, Instance) and isinstance(receiver.cls, External):
        made = receiver.cls.name.removesuffix("()")
        names.append("boto3.client" if _BOTO_TYPE.match(made) else made)
    elif isinstance(receiver, External):
        names.append(receiver.name)
    else:
        return ""
    return ".".join(reversed(names))
