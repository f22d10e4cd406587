"""Litestar. In: a followed program. Out: its routes with full paths, dependencies, guards and error handlers.

A path is made of layers, joined with single slashes: application, routers, controller, handler; each handler may have
several paths. Plugins and `on_app_init` hooks may add handlers: they are called with a configuration of our own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from qualitygate.frameworks import Adapter, ErrorHandlerDraft, RouteDraft, Surface, graphql
from qualitygate.frameworks.paths import braces, joined, path_text
from qualitygate.frameworks.views import flattened, function_of, hides, holders, listed, mystery
from qualitygate.model.architecture import Unfollowed
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Arguments,
    Bound,
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

APPS = frozenset({"litestar.Litestar", "litestar.app.Litestar", "starlite.Starlite", "starlite.app.Starlite"})
ROUTERS = frozenset({"litestar.Router", "litestar.router.Router", "starlite.Router", "starlite.router.Router"})
CONTROLLERS = frozenset(
    {"litestar.Controller", "litestar.controller.Controller", "starlite.Controller", "starlite.controller.Controller"}
)
_METHODS = ("get", "post", "put", "patch", "delete", "head")
_CONFIG = External("litestar.config.app.AppConfig")
_LISTS = ("route_handlers", "plugins", "on_app_init", "guards", "middleware")


@dataclass(frozen=True)
class _Way:
    """The layers above a handler: their paths, what runs before it, the dependencies that it may name."""

    prefix: tuple[str, ...] = ()
    doubt: str = ""
    mounts: tuple[Place, ...] = ()
    before: tuple[Value, ...] = ()
    dependencies: tuple[tuple[str, Value], ...] = ()
    hidden: bool = False


@dataclass(frozen=True)
class _Program:
    """What the events say of handlers and of what was registered late."""

    evaluation: Evaluation
    declared: dict[int, list[Event]]
    registered: dict[int, list[tuple[Value, Place]]]
    constructed: dict[int, Arguments]
    missing: list[Unfollowed]


def surface(evaluation: Evaluation) -> Surface:
    """Every route that an application of the project serves."""
    program = _Program(evaluation, defaultdict(list), defaultdict(list), {}, [])
    apps: dict[int, tuple[Arguments, Place]] = {}
    for event in list(evaluation.events):
        receiver = event.receiver
        if receiver is None and event.target is not None and _is_handler(event.name):
            program.declared[id(event.target)].append(event)
        elif receiver is None and event.name in APPS:
            apps[id(event)] = (event.arguments, event.place)
        elif isinstance(receiver, Instance) and evaluation.is_a(receiver, APPS | ROUTERS):
            if event.name == "__init__":
                program.constructed[_key(receiver)] = event.arguments
                if receiver.place is not None and evaluation.is_a(receiver, APPS):
                    apps.setdefault(_key(receiver), (event.arguments, receiver.place))
            elif event.name == "register":
                for value in event.arguments.positional:
                    program.registered[_key(receiver)].append((value, event.place))
    drafts: list[RouteDraft] = []
    handlers: list[ErrorHandlerDraft] = []
    for key, (arguments, place) in apps.items():
        config = _configured(evaluation, arguments, place)
        handlers.extend(_error_handlers(config.attributes.get("exception_handlers"), place))
        prefix, doubt = path_text(arguments.get("path"))
        top = _layer(config.attributes, _Way((prefix,), doubt))
        values = [(value, place) for value in flattened(config.attributes.get("route_handlers"))]
        for value, at in [*values, *program.registered[key]]:
            drafts.extend(_handlers(program, value, replace(top, mounts=(at,)), frozenset()))
    if not apps:
        doubt = "no application is seen to include this router"
        for router in holders(evaluation, lambda value: evaluation.is_a(value, ROUTERS)).values():
            drafts.extend(_handlers(program, router, _Way(doubt=doubt), frozenset()))
    places = tuple(place for _, place in apps.values())
    return Surface(tuple(drafts), tuple(handlers), places, tuple(program.missing))


def _key(holder: Instance) -> int:
    return id(holder.event) if holder.event is not None else id(holder)


def _is_handler(name: str) -> bool:
    package, _, last = name.rpartition(".")
    return package.split(".", 1)[0] in ("litestar", "starlite") and last in (*_METHODS, "route")


def _configured(evaluation: Evaluation, arguments: Arguments, place: Place) -> Instance:
    """The configuration of an application after its plugins and `on_app_init` hooks had it."""
    config = Instance(_CONFIG, Arguments([], {}), place)
    for name in _LISTS:
        config.attributes[name] = Items(list(flattened(arguments.get(name, 0 if name == "route_handlers" else None))))
    for name in ("dependencies", "exception_handlers"):
        given = arguments.get(name)
        config.attributes[name] = Entries(dict(given.entries) if isinstance(given, Entries) else {})
    done: set[int] = set()
    while hooks := [hook for hook in _hooks(evaluation, config) if id(hook[0]) not in done]:
        for owner, hook in hooks:
            done.add(id(owner))
            start = len(evaluation.events)
            result = evaluation.call(hook, Arguments([config], {}), place)
            _collect_changes(config, result, evaluation.events[start:])
    return config


def _hooks(evaluation: Evaluation, config: Instance) -> list[tuple[Value, Value]]:
    found: list[tuple[Value, Value]] = [(hook, hook) for hook in flattened(config.attributes["on_app_init"])]
    for plugin in flattened(config.attributes["plugins"]):
        if isinstance(plugin, Instance) and isinstance(plugin.cls, ClassValue):
            hook = evaluation.attribute(plugin, "on_app_init")
            if not isinstance(hook, Bound):
                found.append((plugin, hook))
    return found


def _collect_changes(config: Instance, result: Value, events: Iterable[Event]) -> None:
    """What a hook did to a configuration that a library's hook had handed back, as in `config = auth.on_app_init(config)`."""
    for event in events:
        receiver = event.receiver
        if not isinstance(receiver, Bound) or receiver.name not in config.attributes:
            continue
        kept = config.attributes[receiver.name]
        for value in event.arguments.positional:
            if isinstance(kept, Items) and event.name in ("extend", "append", "insert"):
                kept.items.extend(flattened(value))
            elif isinstance(kept, Entries) and isinstance(value, Entries) and event.name == "update":
                kept.entries.update(value.entries)
    if isinstance(result, Instance) and result is not config:
        for name, value in result.attributes.items():
            kept_value = config.attributes.get(name)
            if isinstance(kept_value, Items):
                kept_value.items.extend(flattened(value))
            elif isinstance(kept_value, Entries) and isinstance(value, Entries):
                kept_value.entries.update(value.entries)


def _error_handlers(value: Value | None, place: Place) -> Iterator[ErrorHandlerDraft]:
    if isinstance(value, Entries):
        for key, handler in value.entries.items():
            yield ErrorHandlerDraft(str(key), handler, place)


def _layer(options: dict[str, Value], way: _Way) -> _Way:
    """A way with what a layer adds to it: guards, middleware, dependencies, visibility."""
    given = options.get("dependencies")
    dependencies = dict(way.dependencies)
    if isinstance(given, Entries):
        dependencies.update({str(name): _provided(value) for name, value in given.entries.items()})
    before = [*way.before, *flattened(options.get("middleware")), *flattened(options.get("guards"))]
    return replace(
        way,
        before=tuple(before),
        dependencies=tuple(dependencies.items()),
        hidden=way.hidden or hides(options.get("include_in_schema")),
    )


def _provided(value: Value) -> Value:
    """The provider inside ``Provide(provider)``."""
    if isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name.endswith(".Provide"):
        return value.arguments.get("dependency", 0) or value
    return value


def _handlers(program: _Program, value: Value, way: _Way, above: frozenset[int]) -> Iterator[RouteDraft]:
    """Routes of one entry of `route_handlers`: a handler, a controller or a router."""
    evaluation = program.evaluation
    if graphql.is_endpoint(evaluation, value):
        yield from _graphql(value, way)
    elif isinstance(value, ClassValue) and evaluation.is_a(value, CONTROLLERS):
        yield from _controller(program, value, way)
    elif isinstance(value, Instance) and evaluation.is_a(value, ROUTERS) and id(value) not in above:
        arguments = program.constructed.get(_key(value), value.arguments)
        prefix, doubt = path_text(arguments.get("path", 0))
        below = _layer(arguments.keywords, replace(way, prefix=(*way.prefix, prefix), doubt=way.doubt or doubt))
        for item in flattened(arguments.get("route_handlers")):
            yield from _handlers(program, item, below, above | {id(value)})
        for item, place in program.registered[_key(value)]:
            yield from _handlers(program, item, replace(below, mounts=(*below.mounts, place)), above | {id(value)})
    else:
        for event in program.declared.get(id(value), ()):
            yield from _operation(event, value, None, way)
        library = value.cls.name if isinstance(value, Instance) and isinstance(value.cls, External) else ""
        if way.mounts and isinstance(value, (Unknown, External, Instance)) and not library.startswith("litestar."):
            program.missing.append(mystery("route_handlers", value, way.mounts[-1]))


def _controller(program: _Program, controller: ClassValue, way: _Way) -> Iterator[RouteDraft]:
    evaluation = program.evaluation
    prefix, doubt = "", ""
    options: dict[str, Value] = {}
    for base in evaluation.ancestry(controller):
        if isinstance(base, ClassValue):
            for name, value in base.names.items():
                options.setdefault(name, value)
    if "path" in options:
        prefix, doubt = path_text(options["path"])
    below = _layer(options, replace(way, prefix=(*way.prefix, prefix), doubt=way.doubt or doubt))
    for value in options.values():
        for event in program.declared.get(id(value), ()):
            yield from _operation(event, value, controller, below)


def _operation(event: Event, handler: Value, view: ClassValue | None, way: _Way) -> Iterator[RouteDraft]:
    arguments = event.arguments
    own = _layer(arguments.keywords, way)
    function = function_of(handler)
    before = list(own.before)
    if isinstance(function, FunctionValue):
        before.extend(_injected(function, dict(own.dependencies)))
    last = event.name.rsplit(".", 1)[-1]
    methods = listed(arguments.get("http_method")) or ("ANY",) if last == "route" else (last.upper(),)
    for path in list(flattened(arguments.get("path", 0))) or [Known("")]:
        text, doubt = path_text(path)
        for method in methods:
            yield RouteDraft(
                framework="litestar",
                method=method,
                path=braces(joined(*own.prefix, text)),
                handler=function if function is not None else handler,
                declared=event.place,
                mounts=own.mounts,
                view=view,
                before=tuple(before),
                response=function.node.returns if isinstance(function, FunctionValue) else None,
                response_scope=function.scope if isinstance(function, FunctionValue) else None,
                uncertain=own.doubt or doubt,
                hidden=own.hidden,
                page=_renders(function, arguments),
            )


def _renders(function: Value | None, arguments: Arguments) -> bool:
    """Whether a handler answers with a page, a file or a redirection, by its media type and declared response."""
    if any(word in ("HTML", "TEXT/HTML") for word in listed(arguments.get("media_type"))):
        return True
    returns = function.node.returns if isinstance(function, FunctionValue) else None
    return getattr(returns, "id", getattr(returns, "name", "")) in (
        "Template",
        "File",
        "Redirect",
        "ASGIRedirectResponse",
    )


def _injected(function: FunctionValue, dependencies: dict[str, Value]) -> Iterator[Value]:
    """The providers that a handler names by its parameters, and those that these name in turn."""
    queue = [parameter.name for parameter in function.node.parameters]
    seen: set[str] = set()
    while queue:
        name = queue.pop(0)
        provider = dependencies.get(name)
        if provider is None or name in seen:
            continue
        seen.add(name)
        yield provider
        if isinstance(provider, FunctionValue):
            queue.extend(parameter.name for parameter in provider.node.parameters)


def _graphql(value: Value, way: _Way) -> Iterator[RouteDraft]:
    if isinstance(value, Instance) and value.place is not None:
        path, doubt = path_text(value.arguments.get("path", 1))
        full = joined(*way.prefix, path or "/graphql")
        yield graphql.draft(value, full, value.place, way.mounts, way.before, way.doubt or doubt)


ADAPTER = Adapter(
    "litestar",
    frozenset({"Litestar", "Starlite"}),
    surface,
)
