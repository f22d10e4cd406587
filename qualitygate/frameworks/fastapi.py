"""FastAPI and Starlette. In: a followed program. Out: its routes with full paths, dependencies and error handlers.

A route's path is: prefix of each `include_router` on the way, prefix of each router, path of the route. Routes that are
added to a router after it was included count (they do since FastAPI 0.137); `root_path` is no part of the path.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from qualitygate.frameworks import Adapter, ErrorHandlerDraft, RouteDraft, Surface
from qualitygate.frameworks.paths import HTTP_METHODS, braces, path_text
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Arguments,
    ClassValue,
    Entries,
    Evaluation,
    Event,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    Value,
)
from qualitygate.vocabulary import path_version

APPS = frozenset({"fastapi.FastAPI", "fastapi.applications.FastAPI"})
PLAIN_APPS = frozenset({"starlette.applications.Starlette"})
ROUTERS = frozenset(
    {
        "fastapi.APIRouter",
        "fastapi.routing.APIRouter",
        "fastapi.routers.APIRouter",
        "starlette.routing.Router",
    }
)
ROUTE_OBJECTS = frozenset(
    {"fastapi.routing.APIRoute", "starlette.routing.Route", "fastapi.routing.Route", "fastapi.APIRoute"}
)
MOUNTS = frozenset({"starlette.routing.Mount", "fastapi.routing.Mount"})
DEPENDS = frozenset(
    {"fastapi.Depends", "fastapi.Security", "fastapi.param_functions.Depends", "fastapi.params.Depends"}
)
PAGES = ("HTMLResponse", "TemplateResponse", "FileResponse", "RedirectResponse", "PlainTextResponse")
_ALL = APPS | PLAIN_APPS | ROUTERS


@dataclass(frozen=True)
class _Node:
    """What one application or router holds: its own routes, and others below it with their prefix."""

    routes: list[Event]
    children: list[tuple[Value, str, str, list[Value], Place]]


@dataclass(frozen=True)
class _Way:
    """How a router was reached."""

    prefix: str
    mounts: tuple[Place, ...]
    before: tuple[Value, ...]
    uncertain: str
    hidden: bool
    proxy: str = ""


def surface(evaluation: Evaluation) -> Surface:
    """Every route that an application of the project serves."""
    nodes: dict[int, _Node] = defaultdict(lambda: _Node([], []))
    holders: dict[int, Instance] = {}
    constructed: dict[int, list[Arguments]] = defaultdict(list)
    middleware: dict[int, list[Value]] = defaultdict(list)
    handlers: list[ErrorHandlerDraft] = []
    passed_on: set[int] = set()
    for event in evaluation.events:
        receiver = event.receiver
        for value in (*event.arguments.positional, *event.arguments.keywords.values()):
            if isinstance(value, Instance) and evaluation.is_a(value, _ALL):
                holders.setdefault(id(value), value)
                if event.name not in ("include_router", "mount"):
                    passed_on.add(id(value))
        if not isinstance(receiver, Instance) or not evaluation.is_a(receiver, _ALL):
            continue
        holders.setdefault(id(receiver), receiver)
        key = id(receiver)
        arguments = event.arguments
        if event.name in _DECLARING:
            nodes[key].routes.append(event)
        elif event.name == "include_router":
            child = arguments.get("router", 0)
            if child is not None:
                prefix, uncertain = path_text(arguments.get("prefix"))
                nodes[key].children.append(
                    (child, prefix, uncertain, _depends(evaluation, arguments.get("dependencies")), event.place)
                )
        elif event.name in ("mount", "host"):
            child = arguments.get("app", 1)
            prefix, uncertain = path_text(arguments.get("path", 0)) if event.name == "mount" else ("", "")
            if child is not None:
                nodes[key].children.append((child, prefix.rstrip("/"), uncertain, [], event.place))
        elif event.name == "__init__":
            constructed[key].append(arguments)
        elif event.name == "add_middleware":
            added = arguments.get("middleware_class", 0)
            if isinstance(added, ClassValue):
                middleware[key].append(added)
        elif event.name == "middleware" and isinstance(event.target, FunctionValue):
            middleware[key].append(event.target)
        elif event.name in ("add_exception_handler", "exception_handler"):
            caught = arguments.get("exc_class_or_status_code", 0)
            handler = event.target if event.target is not None else arguments.get("handler", 1)
            if handler is not None:
                handlers.append(ErrorHandlerDraft(_named(caught), handler, event.place))
    for holder in list(holders.values()):
        _from_constructor(evaluation, holder, nodes, holders, handlers, constructed)
    below = {id(child) for node in nodes.values() for child, *_ in node.children}
    apps = [holder for holder in holders.values() if evaluation.is_a(holder, APPS | PLAIN_APPS)]
    roots = [holder for holder in apps if id(holder) not in below]
    drafts: list[RouteDraft] = []
    for root in roots:
        proxy, _ = path_text(_argument(root, constructed, "root_path"))
        way = _Way("", (), tuple(middleware[id(root)]), "", False, proxy)
        drafts.extend(_walk(evaluation, root, way, nodes, constructed, middleware, set()))
    served = {id(holder) for holder in _reached(roots, nodes)}
    for holder in holders.values():
        # A router that no application includes is dead code, unless there is no application to be seen at all, or it
        # was handed to something that cannot be followed.
        if id(holder) in served or id(holder) in below or (apps and id(holder) not in passed_on):
            continue
        reason = "no application is seen to include this router"
        drafts.extend(_walk(evaluation, holder, _Way("", (), (), reason, False), nodes, constructed, middleware, set()))
    places = tuple(app.place for app in apps if app.place is not None)
    return Surface(tuple(drafts), tuple(handlers), places)


_DECLARING = frozenset({*HTTP_METHODS, "api_route", "route", "add_api_route", "add_route"})


def _from_constructor(
    evaluation: Evaluation,
    holder: Instance,
    nodes: dict[int, _Node],
    holders: dict[int, Instance],
    handlers: list[ErrorHandlerDraft],
    constructed: dict[int, list[Arguments]],
) -> None:
    """Routes, mounts and error handlers that are handed to the constructor."""
    routes = _argument(holder, constructed, "routes")
    if isinstance(routes, Items):
        _listed(evaluation, routes, nodes[id(holder)], holders)
    caught = _argument(holder, constructed, "exception_handlers")
    if isinstance(caught, Entries) and holder.place is not None:
        for key, handler in caught.entries.items():
            handlers.append(ErrorHandlerDraft(str(key), handler, holder.place))


def _listed(evaluation: Evaluation, routes: Items, node: _Node, holders: dict[int, Instance]) -> None:
    for item in routes.items:
        if not isinstance(item, Instance) or item.event is None:
            continue
        if evaluation.is_a(item, ROUTE_OBJECTS):
            node.routes.append(item.event)
        elif evaluation.is_a(item, MOUNTS):
            prefix, uncertain = path_text(item.arguments.get("path", 0))
            child = item.arguments.get("app", 1)
            if child is None:
                child = Instance(External("starlette.routing.Router"), item.arguments, item.place)
            if isinstance(child, Instance):
                holders.setdefault(id(child), child)
                node.children.append((child, prefix.rstrip("/"), uncertain, [], item.event.place))


def _argument(holder: Instance, constructed: dict[int, list[Arguments]], name: str) -> Value | None:
    """An argument that reached the library's constructor, also through a subclass's own."""
    if isinstance(holder.cls, External):
        return holder.arguments.get(name)
    for arguments in constructed[id(holder)]:
        if (found := arguments.get(name)) is not None:
            return found
    return None


def _reached(roots: Iterable[Instance], nodes: dict[int, _Node]) -> Iterator[Value]:
    queue: list[Value] = list(roots)
    seen: set[int] = set()
    while queue:
        current = queue.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            queue.extend(child for child, *_ in nodes[id(current)].children)


def _walk(
    evaluation: Evaluation,
    holder: Value,
    way: _Way,
    nodes: dict[int, _Node],
    constructed: dict[int, list[Arguments]],
    middleware: dict[int, list[Value]],
    above: set[int],
) -> Iterator[RouteDraft]:
    if not isinstance(holder, Instance) or id(holder) in above or not evaluation.is_a(holder, _ALL):
        return
    prefix, uncertain = path_text(_argument(holder, constructed, "prefix"))
    own = _depends(evaluation, _argument(holder, constructed, "dependencies"))
    hidden = way.hidden or _is_false(_argument(holder, constructed, "include_in_schema"))
    base = _Way(
        way.prefix + (prefix if evaluation.is_a(holder, ROUTERS) else ""),
        way.mounts,
        (*way.before, *own, *(middleware[id(holder)] if way.mounts else ())),
        way.uncertain or uncertain,
        hidden,
        way.proxy,
    )
    node = nodes[id(holder)]
    framework = "starlette" if evaluation.is_a(holder, PLAIN_APPS) else "fastapi"
    for event in node.routes:
        yield from _route(evaluation, event, base, framework)
    for child, added, doubt, before, place in node.children:
        yield from _walk(
            evaluation,
            child,
            _Way(
                base.prefix + added,
                (*base.mounts, place),
                (*base.before, *before),
                base.uncertain or doubt,
                base.hidden,
                base.proxy,
            ),
            nodes,
            constructed,
            middleware,
            above | {id(holder)},
        )


def _route(evaluation: Evaluation, event: Event, way: _Way, framework: str) -> Iterator[RouteDraft]:
    arguments = event.arguments
    path, doubt = path_text(arguments.get("path", 0))
    handler = event.target if event.target is not None else arguments.get("endpoint", 1)
    if handler is None:
        return
    methods = _methods(event)
    if isinstance(handler, ClassValue):  # a Starlette endpoint class: its methods are the HTTP methods
        named = dict(_own_methods(evaluation, handler).items())
        for name, function in named.items():
            yield _draft(evaluation, event, way, framework, path, doubt, name.upper(), function, handler)
        return
    for method in methods:
        yield _draft(evaluation, event, way, framework, path, doubt, method, handler, None)


def _draft(
    evaluation: Evaluation,
    event: Event,
    way: _Way,
    framework: str,
    path: str,
    doubt: str,
    method: str,
    handler: Value,
    view: Value | None,
) -> RouteDraft:
    arguments = event.arguments
    response = handler.node.returns if isinstance(handler, FunctionValue) else None
    response_class = arguments.get("response_class")
    return RouteDraft(
        framework=framework,
        method=method,
        path=braces(way.prefix + path) or "/",
        handler=handler,
        declared=event.place,
        mounts=way.mounts,
        view=view,
        before=(*way.before, *_depends(evaluation, arguments.get("dependencies"))),
        response=response,
        response_value=arguments.get("response_model"),
        response_scope=handler.scope if isinstance(handler, FunctionValue) else None,
        uncertain=way.uncertain or doubt,
        hidden=way.hidden or _is_false(arguments.get("include_in_schema")),
        page=isinstance(response_class, External) and response_class.name.endswith(PAGES),
        versioned_by="proxy" if path_version(way.proxy) else "",
    )


def _own_methods(evaluation: Evaluation, view: ClassValue) -> dict[str, FunctionValue]:
    found: dict[str, FunctionValue] = {}
    for base in evaluation.ancestry(view):
        if isinstance(base, ClassValue):
            for name in HTTP_METHODS:
                value = base.names.get(name)
                if isinstance(value, FunctionValue):
                    found.setdefault(name, value)
    return found


def _methods(event: Event) -> tuple[str, ...]:
    if event.name in HTTP_METHODS:
        return (event.name.upper(),)
    methods = event.arguments.get("methods")
    if isinstance(methods, Items):
        named = tuple(str(item.value).upper() for item in methods.items if isinstance(item, Known))
        return named or ("ANY",)
    return ("GET",)


def _depends(evaluation: Evaluation, value: Value | None) -> list[Value]:
    items = value.items if isinstance(value, Items) else [value] if value is not None else []
    found = []
    for item in items:
        if isinstance(item, Instance) and evaluation.is_a(item, DEPENDS):
            provider = item.arguments.get("dependency", 0)
            if provider is not None:
                found.append(provider)
    return found


def _is_false(value: Value | None) -> bool:
    return isinstance(value, Known) and value.value is False


def _named(value: Value | None) -> str:
    if isinstance(value, Known):
        return str(value.value)
    if isinstance(value, External):
        return value.name
    return value.qualname if isinstance(value, ClassValue) else ""


def injected(evaluation: Evaluation, function: FunctionValue) -> Iterator[Value]:
    """The providers that fill the parameters of a handler or of another provider: ``Depends(f)``, ``Annotated[T, Depends(f)]``."""
    for parameter in function.node.parameters:
        if parameter.default is not None:
            yield from _depends(evaluation, evaluation.evaluate(parameter.default, function.scope))
        if parameter.annotation is not None:
            value = evaluation.annotation(parameter.annotation, function.scope)
            if (
                isinstance(value, Instance)
                and isinstance(value.cls, External)
                and value.cls.name.endswith(".Annotated")
            ):
                metadata = value.arguments.positional[0] if value.arguments.positional else None
                providers = _depends(evaluation, metadata)
                yield from providers
                # `Annotated[Service, Depends()]`: the type itself is called.
                bare = isinstance(metadata, Items) and any(evaluation.is_a(item, DEPENDS) for item in metadata.items)
                if bare and not providers and isinstance(metadata, Items):
                    yield metadata.items[0]


ADAPTER = Adapter(
    "fastapi",
    frozenset(
        {
            "FastAPI",
            "Starlette",
            "APIRouter",
            "include_router",
            "add_api_route",
            "api_route",
            "mount",
            "add_exception_handler",
            "add_middleware",
        }
    ),
    surface,
    injected,
)
