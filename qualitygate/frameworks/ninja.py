"""Django Ninja. In: a followed program. Out: the operations of its APIs below the paths that Django mounts them at.

A path is what Django's URL configuration gives, then the prefix of each router, then the operation's own text. The
`version` of an API is part of its namespace, not of the path; a router may be named by a dotted string.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from qualitygate.frameworks import Adapter, ErrorHandlerDraft, RouteDraft, Surface, django
from qualitygate.frameworks.paths import braces, path_text
from qualitygate.frameworks.views import flattened, function_of, hides, holders, listed, mystery, named
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Arguments,
    ClassValue,
    Evaluation,
    Event,
    External,
    FunctionValue,
    Instance,
    Known,
    Value,
)

APIS = frozenset(
    {"ninja.NinjaAPI", "ninja.main.NinjaAPI", "ninja_extra.NinjaExtraAPI", "ninja_extra.main.NinjaExtraAPI"}
)
ROUTERS = frozenset({"ninja.Router", "ninja.router.Router", "ninja_extra.Router", "ninja_extra.router.Router"})
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass
class _Node:
    """What one API or router holds; a child comes with its prefix and the options of its registration."""

    operations: list[tuple[Event, Value]] = field(default_factory=list)
    children: list[tuple[Value, Arguments, Place]] = field(default_factory=list)
    controllers: list[tuple[ClassValue, Place]] = field(default_factory=list)


@dataclass(frozen=True)
class _Way:
    prefix: str
    mounts: tuple[Place, ...]
    doubt: str
    before: tuple[Value, ...] = ()
    version: str = ""
    hidden: bool = False


def surface(evaluation: Evaluation) -> Surface:
    """Every operation of every API of the project."""
    found = holders(evaluation, lambda value: evaluation.is_a(value, APIS | ROUTERS))
    if not found:
        return Surface()
    nodes: dict[int, _Node] = defaultdict(_Node)
    handlers: list[ErrorHandlerDraft] = []
    for event in evaluation.events:
        if isinstance(event.receiver, Instance) and evaluation.is_a(event.receiver, APIS | ROUTERS):
            _gather(event, nodes[id(event.receiver)], handlers)
    drafts: list[RouteDraft] = []
    reached: set[int] = set()
    for mount in django.mounted(evaluation):
        if id(mount.served) in found:
            reached.add(id(mount.served))
            way = _Way(mount.prefix, mount.places, mount.doubt)
            drafts.extend(_walk(evaluation, mount.served, way, nodes, frozenset()))
    below = {id(value) for node in nodes.values() for value, _, _ in node.children}
    doubt = "no URL configuration is seen to mount this API"
    for holder in found.values():
        if evaluation.is_a(holder, APIS) and id(holder) not in reached | below:
            drafts.extend(_walk(evaluation, holder, _Way("", (), doubt), nodes, frozenset()))
    missing = [
        mystery("add_router()", router, place)
        for node in nodes.values()
        for router, _, place in node.children
        if not isinstance(router, Known) and not evaluation.is_a(router, ROUTERS)
    ]
    apis = (holder.place for holder in found.values() if evaluation.is_a(holder, APIS))
    return Surface(tuple(drafts), tuple(handlers), tuple(place for place in apis if place is not None), tuple(missing))


def _gather(event: Event, node: _Node, handlers: list[ErrorHandlerDraft]) -> None:
    arguments = event.arguments
    if event.name in (*_METHODS, "api_operation"):
        if event.target is not None:
            node.operations.append((event, event.target))
    elif event.name == "add_api_operation":
        view = arguments.get("view_func", 2)
        if view is not None:
            node.operations.append((event, view))
    elif event.name == "add_router":
        router = arguments.get("router", 1)
        if router is not None:
            node.children.append((router, arguments, event.place))
    elif event.name == "register_controllers":
        for value in arguments.positional:
            for controller in flattened(value):
                if isinstance(controller, ClassValue):
                    node.controllers.append((controller, event.place))
    elif event.name in ("exception_handler", "add_exception_handler"):
        handler = event.target if event.target is not None else arguments.get("handler", 1)
        if handler is not None:
            handlers.append(ErrorHandlerDraft(named(arguments.get("exc_class", 0)), handler, event.place))


def _walk(
    evaluation: Evaluation, holder: Value, way: _Way, nodes: dict[int, _Node], above: frozenset[int]
) -> Iterator[RouteDraft]:
    if not isinstance(holder, Instance) or id(holder) in above:
        return
    options = _options(evaluation, holder)
    way = _guarded(way, options)
    if evaluation.is_a(holder, APIS):
        given = options.get("version")
        if isinstance(given, Known) and isinstance(given.value, str):
            way = replace(way, version="framework")
    node = nodes[id(holder)]
    for event, handler in node.operations:
        yield from _operation(event, handler, None, way)
    for controller, place in node.controllers:
        yield from _controller(evaluation, controller, replace(way, mounts=(*way.mounts, place)))
    for router, given_arguments, place in node.children:
        child = router
        if isinstance(router, Known) and isinstance(router.value, str):
            child = evaluation.lookup(router.value, place.path) or router
        prefix, doubt = path_text(given_arguments.get("prefix", 0))
        below = replace(
            _guarded(way, given_arguments),
            prefix=_join(way.prefix, prefix),
            mounts=(*way.mounts, place),
            doubt=way.doubt or doubt,
        )
        yield from _walk(evaluation, child, below, nodes, above | {id(holder)})


def _options(evaluation: Evaluation, holder: Instance) -> Arguments:
    if isinstance(holder.cls, ClassValue):
        for event in evaluation.events:
            if event.name == "__init__" and event.receiver is holder:
                return event.arguments
    return holder.arguments


def _guarded(way: _Way, options: Arguments) -> _Way:
    """A way with the authentication and throttling that a layer adds; what is nearer replaces what is further."""
    given = [*flattened(options.get("auth")), *flattened(options.get("throttle"))]
    added = tuple(value for value in given if not isinstance(value, Known))
    return replace(way, before=added or way.before, hidden=way.hidden or hides(options.get("include_in_schema")))


def _join(prefix: str, path: str) -> str:
    """Texts with a slash between them where neither brings one, as the library builds its URLs."""
    if not prefix or not path:
        return prefix + path
    return f"{prefix.rstrip('/')}/{path.lstrip('/')}"


def _operation(event: Event, handler: Value, view: ClassValue | None, way: _Way) -> Iterator[RouteDraft]:
    arguments = event.arguments
    several = event.name.rsplit(".", 1)[-1] in ("api_operation", "add_api_operation", "generic")
    first = event.name.rsplit(".", 1)[-1].removeprefix("http_")
    adds = event.name == "add_api_operation"
    path, doubt = path_text(arguments.get("path", 0 if adds or not several else 1))
    methods = listed(arguments.get("methods", 1 if adds else 0)) if several else (first.upper(),)
    own = _guarded(way, arguments)
    function = function_of(handler)
    if function is None:
        return
    for method in methods or ("ANY",):
        yield RouteDraft(
            framework="ninja",
            method=method,
            path="/" + braces(_converters(_join(own.prefix, path))).lstrip("/"),
            handler=function,
            declared=event.place,
            mounts=own.mounts,
            view=view,
            before=own.before,
            response=function.node.returns if isinstance(function, FunctionValue) else None,
            response_value=_response(arguments.get("response")),
            response_scope=function.scope if isinstance(function, FunctionValue) else None,
            uncertain=own.doubt or doubt,
            hidden=own.hidden,
            versioned_by=own.version,
        )


def _converters(path: str) -> str:
    """`{int:item_id}` as `{item_id}`: Django's converters come first here."""
    parts = path.split("{")
    return "{".join(
        [parts[0], *(part.split(":", 1)[-1] if ":" in part.split("}", 1)[0] else part for part in parts[1:])]
    )


def _response(value: Value | None) -> Value | None:
    """The schema of a success, of `response=Schema` or `response={200: Schema, 404: Error}`."""
    entries = getattr(value, "entries", None)
    if isinstance(entries, dict):
        return next((schema for status, schema in entries.items() if str(status).startswith("2")), None)
    return value


def _controller(evaluation: Evaluation, controller: ClassValue, way: _Way) -> Iterator[RouteDraft]:
    """Operations of a class that `@api_controller("/prefix")` decorates, by the `@http_get` of its methods."""
    for decorator in controller.decorators:
        name = decorator.cls.name if isinstance(decorator, Instance) and isinstance(decorator.cls, External) else ""
        if isinstance(decorator, Instance) and name.endswith("api_controller"):
            prefix, doubt = path_text(decorator.arguments.get("prefix_or_class", 0))
            below = _guarded(way, decorator.arguments)
            way = replace(below, prefix=_join(way.prefix, prefix), doubt=way.doubt or doubt)
    for base in evaluation.ancestry(controller):
        for value in base.names.values() if isinstance(base, ClassValue) else ():
            for event in _declarations(value):
                yield from _operation(event, value, controller, way)


def _declarations(value: Value) -> Iterable[Event]:
    for decorator in value.decorators if isinstance(value, FunctionValue) else ():
        event = decorator.event if isinstance(decorator, Instance) else None
        if event is None or not event.name.startswith("ninja_extra."):
            continue
        if event.name.rsplit(".", 1)[-1].removeprefix("http_") in (*_METHODS, "generic"):
            yield event


ADAPTER = Adapter("ninja", frozenset({"NinjaAPI", "NinjaExtraAPI", "add_router"}), surface)
