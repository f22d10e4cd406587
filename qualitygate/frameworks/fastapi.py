"""FastAPI and Starlette. In: a followed program. Out: its routes with full paths, dependencies and error handlers.

A route's path is: prefix of each `include_router` on the way, prefix of each router, path of the route. Routes that are
added to a router after it was included count (they do since FastAPI 0.137); `root_path` is no part of the path.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from qualitygate.frameworks import Adapter, ErrorHandlerDraft, RouteDraft, Surface, graphql
from qualitygate.frameworks.paths import HTTP_METHODS, braces, path_text
from qualitygate.frameworks.views import function_of, hides, methods_of_class, mystery, named
from qualitygate.model.architecture import Unfollowed
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Arguments,
    Bound,
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
    Value,
)
from qualitygate.vocabulary import path_version

CADWYN = frozenset({"cadwyn.Cadwyn", "cadwyn.applications.Cadwyn"})
APPS = frozenset({"fastapi.FastAPI", "fastapi.applications.FastAPI"}) | CADWYN
PLAIN_APPS = frozenset({"starlette.applications.Starlette"})
ROUTERS = frozenset(
    {
        "fastapi.APIRouter",
        "fastapi.routing.APIRouter",
        "fastapi.routers.APIRouter",
        "starlette.routing.Router",
        "cadwyn.VersionedAPIRouter",
        "cadwyn.routing.VersionedAPIRouter",
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
_PREFIXED = ROUTERS - {"starlette.routing.Router"}
_ALL = APPS | PLAIN_APPS | ROUTERS
_FILES = frozenset({"starlette.staticfiles.StaticFiles", "fastapi.staticfiles.StaticFiles"})
VERSIONED = "fastapi_versioning.VersionedFastAPI"
_VERSION_DECORATORS = frozenset({"fastapi_versioning.version", "fastapi_versioning.versioning.version"})

_USERS_CLASSES = frozenset({"fastapi_users.FastAPIUsers", "fastapi_users.fastapi_users.FastAPIUsers"})
# Operations of the routers that fastapi-users makes, from its documentation of routes.
_USERS: dict[str, tuple[tuple[str, str], ...]] = {
    "get_auth_router": (("POST", "/login"), ("POST", "/logout")),
    "get_register_router": (("POST", "/register"),),
    "get_reset_password_router": (("POST", "/forgot-password"), ("POST", "/reset-password")),
    "get_verify_router": (("POST", "/request-verify-token"), ("POST", "/verify")),
    "get_users_router": (("GET", "/me"), ("PATCH", "/me"), ("GET", "/{id}"), ("PATCH", "/{id}"), ("DELETE", "/{id}")),
    "get_oauth_router": (("GET", "/authorize"), ("GET", "/callback")),
    "get_oauth_associate_router": (("GET", "/authorize"), ("GET", "/callback")),
}


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
    versioned_by: str = ""


def surface(evaluation: Evaluation) -> Surface:
    """Every route that an application of the project serves."""
    nodes: dict[int, _Node] = defaultdict(lambda: _Node([], []))
    holders: dict[int, Instance] = {}
    constructed: dict[int, list[Arguments]] = defaultdict(list)
    middleware: dict[int, list[Value]] = defaultdict(list)
    handlers: list[ErrorHandlerDraft] = []
    passed_on: set[int] = set()
    missing: list[Unfollowed] = []
    for event in evaluation.events:
        receiver = event.receiver
        if event.result is not None and evaluation.is_a(event.result, _ALL):
            holders.setdefault(id(event.result), event.result)
        for value in (*event.arguments.positional, *event.arguments.keywords.values()):
            if isinstance(value, Instance) and evaluation.is_a(value, _ALL):
                holders.setdefault(id(value), value)
                if event.name not in ("include_router", "mount", VERSIONED):
                    passed_on.add(id(value))
        if not isinstance(receiver, Instance) or not evaluation.is_a(receiver, _ALL):
            continue
        holders.setdefault(id(receiver), receiver)
        key = id(receiver)
        arguments = event.arguments
        if event.name in _DECLARING:
            nodes[key].routes.append(event)
        elif event.name == "include_router":
            child = _chosen(arguments.get("router", 0))
            if child is not None:
                missing.extend(_unfollowed(evaluation, event, child))
                prefix, uncertain = path_text(arguments.get("prefix"))
                nodes[key].children.append(
                    (child, prefix, uncertain, _depends(evaluation, arguments.get("dependencies")), event.place)
                )
        elif event.name == "generate_and_include_versioned_routers":
            by_path = _is_text(_argument(receiver, {}, "api_version_location"), "path")
            for child in arguments.positional:
                nodes[key].children.append((child, "/{version}" if by_path else "", "", [], event.place))
        elif event.name in ("mount", "host"):
            child = _chosen(arguments.get("app", 1))
            missing.extend(_unfollowed(evaluation, event, child))
            prefix, uncertain = path_text(arguments.get("path", 0)) if event.name == "mount" else ("", "")
            mounted = any(known is child for known, *_ in nodes[key].children)
            if child is not None and not (event.unlikely and mounted):  # `if HOST is None: mount(...) else: host(...)`
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
                handlers.append(ErrorHandlerDraft(named(caught), handler, event.place))
    read: set[int] = set()
    while unread := [holder for holder in holders.values() if id(holder) not in read]:  # a mount may bring another
        for holder in unread:
            read.add(id(holder))
            _from_constructor(evaluation, holder, nodes, holders, handlers, constructed)
    below = {id(child) for node in nodes.values() for child, *_ in node.children}
    apps = [holder for holder in holders.values() if evaluation.is_a(holder, APPS | PLAIN_APPS)]
    roots = [holder for holder in apps if id(holder) not in below]
    drafts: list[RouteDraft] = []
    for root in roots:
        proxy, _ = path_text(_argument(root, constructed, "root_path"))
        versioned_by = "header" if evaluation.is_a(root, CADWYN) else "proxy" if path_version(proxy) else ""
        way = _Way("", (), tuple(middleware[id(root)]), "", False, versioned_by)
        served_by = list(_walk(evaluation, root, way, nodes, constructed, middleware, set()))
        wrapped = [
            event for event in evaluation.events if event.name == VERSIONED and event.arguments.get("app", 0) is root
        ]
        drafts.extend(served_by if not wrapped else _by_version(evaluation, served_by, wrapped[0].arguments))
    served = {id(holder) for holder in _reached(roots, nodes)}
    for holder in holders.values():
        # A router that no application includes is dead code, unless there is no application to be seen at all, or it
        # was handed to something that cannot be followed.
        if id(holder) in served or id(holder) in below or (apps and id(holder) not in passed_on):
            continue
        if apps and holder.place is None:
            continue  # a parameter of a helper, known by its type
        reason = "no application is seen to include this router"
        drafts.extend(_walk(evaluation, holder, _Way("", (), (), reason, False), nodes, constructed, middleware, set()))
    places = tuple(app.place for app in apps if app.place is not None)
    return Surface(tuple(drafts), tuple(handlers), places, tuple(missing))


def _chosen(value: Value | None) -> Value | None:
    return value.values[0] if isinstance(value, Choice) else value


def _unfollowed(evaluation: Evaluation, event: Event, child: Value | None) -> Iterator[Unfollowed]:
    """What is mounted and neither an application or router, nor something that serves no operations (files)."""
    known = evaluation.is_a(child, _ALL | _FILES) or graphql.is_endpoint(evaluation, child)
    if child is not None and not known and not _of_users(evaluation, child):
        yield mystery(f"{event.name}()", child, event.place)


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
    if isinstance(routes, (Items, Bound)):
        listed = routes if isinstance(routes, Items) else Items([routes])
        _listed(evaluation, listed, nodes[id(holder)], holders, holder)
    caught = _argument(holder, constructed, "exception_handlers")
    if isinstance(caught, Entries) and holder.place is not None:
        for key, handler in caught.entries.items():
            handlers.append(ErrorHandlerDraft(str(key), handler, holder.place))


def _listed(evaluation: Evaluation, routes: Items, node: _Node, holders: dict[int, Instance], holder: Instance) -> None:
    for item in routes.items:
        if isinstance(item, Bound) and item.name == "routes" and evaluation.is_a(item.receiver, _ALL):
            # `routes=router.routes`: what another router holds.
            if isinstance(item.receiver, Instance) and (place := holder.place or item.receiver.place) is not None:
                holders.setdefault(id(item.receiver), item.receiver)
                node.children.append((item.receiver, "", "", [], place))
            continue
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


def _by_version(evaluation: Evaluation, drafts: list[RouteDraft], arguments: Arguments) -> Iterator[RouteDraft]:
    """Routes of a wrapped application: each version serves its own and those of the versions before, below its prefix."""
    prefix, _ = path_text(arguments.get("prefix_format"))
    default = arguments.get("default_version")
    versions: dict[tuple[int, int], list[RouteDraft]] = defaultdict(list)
    for draft in drafts:
        given = _declared_version(evaluation, draft.handler)
        if given is None:
            numbers = (
                [item.value for item in default.items if isinstance(item, Known)] if isinstance(default, Items) else []
            )
            given = (int(numbers[0] or 0), int(numbers[1] or 0)) if len(numbers) == 2 else (1, 0)
        versions[given].append(draft)
    unique: dict[tuple[str, str], RouteDraft] = {}
    for major, minor in sorted(versions):
        unique.update({(draft.method, draft.path): draft for draft in versions[major, minor]})
        step = (prefix or "/v{major}_{minor}").replace("{major}", str(major)).replace("{minor}", str(minor))
        yield from (replace(draft, path=step + draft.path) for draft in unique.values())


def _declared_version(evaluation: Evaluation, handler: Value) -> tuple[int, int] | None:
    """The version that `@version(major, minor)` gives a handler."""
    for decorator in handler.decorators if isinstance(handler, FunctionValue) else ():
        if not isinstance(decorator, Instance) or not evaluation.is_a(decorator, _VERSION_DECORATORS):
            continue
        major, minor = decorator.arguments.get("major", 0), decorator.arguments.get("minor", 1)
        if isinstance(major, Known) and isinstance(major.value, int):
            return major.value, minor.value if isinstance(minor, Known) and isinstance(minor.value, int) else 0
    return None


def _argument(holder: Instance, constructed: dict[int, list[Arguments]], name: str) -> Value | None:
    """An argument that reached the library's constructor, also through a subclass's own."""
    if isinstance(holder.cls, External):
        return holder.arguments.get(name)
    for arguments in constructed.get(id(holder), ()):
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
    hidden = way.hidden or hides(_argument(holder, constructed, "include_in_schema"))
    base = _Way(
        way.prefix + (prefix if evaluation.is_a(holder, _PREFIXED) else ""),
        way.mounts,
        (*way.before, *own, *(middleware[id(holder)] if way.mounts else ())),
        way.uncertain or uncertain,
        hidden,
        way.versioned_by,
    )
    node = nodes[id(holder)]
    framework = "starlette" if evaluation.is_a(holder, PLAIN_APPS) else "fastapi"
    for event in node.routes:
        yield from _route(evaluation, event, base, framework)
    for child, added, doubt, before, place in node.children:
        below = _Way(
            base.prefix + added,
            (*base.mounts, place),
            (*base.before, *before),
            base.uncertain or doubt,
            base.hidden,
            base.versioned_by,
        )
        yield from _foreign(evaluation, child, below, place)
        yield from _walk(
            evaluation,
            child,
            below,
            nodes,
            constructed,
            middleware,
            above | {id(holder)},
        )


def _foreign(evaluation: Evaluation, child: Value, way: _Way, place: Place) -> Iterator[RouteDraft]:
    """Operations of an application or a router that a library made."""
    if not isinstance(child, Instance):
        return
    if graphql.is_endpoint(evaluation, child):
        text = "".join(path_text(child.arguments.get(name))[0] for name in ("prefix", "path"))
        yield graphql.draft(child, braces(way.prefix + text) or "/", place, way.mounts, way.before, way.uncertain)
    elif child.event is not None and _of_users(evaluation, child):
        for method, path in _USERS.get(child.event.name, ()):
            yield RouteDraft(
                framework="fastapi",
                method=method,
                path=braces(way.prefix + path),
                handler=External(f"fastapi_users.FastAPIUsers.{child.event.name}"),
                declared=place,
                mounts=way.mounts,
                before=way.before,
                uncertain=way.uncertain,
                hidden=way.hidden,
                versioned_by=way.versioned_by,
            )


def _of_users(evaluation: Evaluation, child: Value | None) -> bool:
    """Whether a router is one that fastapi-users makes, also by a subclass of its own."""
    if not isinstance(child, Instance) or child.event is None:
        return False
    return evaluation.is_a(child.event.receiver, _USERS_CLASSES) and child.event.name in _USERS


def _route(evaluation: Evaluation, event: Event, way: _Way, framework: str) -> Iterator[RouteDraft]:
    arguments = event.arguments
    path, doubt = path_text(arguments.get("path", 0))
    handler = function_of(event.target if event.target is not None else arguments.get("endpoint", 1))
    if handler is None:
        return
    if graphql.is_endpoint(evaluation, handler):
        full = braces(way.prefix + path) or "/"
        yield graphql.draft(handler, full, event.place, way.mounts, way.before, way.uncertain or doubt)
        return
    methods = _methods(event)
    if isinstance(handler, ClassValue):  # a Starlette endpoint class: its methods are the HTTP methods
        for method, function in methods_of_class(evaluation, handler).items():
            yield _draft(evaluation, event, way, framework, path, doubt, method, function, handler)
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
        hidden=way.hidden or hides(arguments.get("include_in_schema")),
        page=isinstance(response_class, External) and response_class.name.endswith(PAGES),
        versioned_by=way.versioned_by,
    )


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


def _is_text(value: Value | None, text: str) -> bool:
    return isinstance(value, Known) and value.value == text


def injected(evaluation: Evaluation, function: FunctionValue) -> Iterator[Value]:
    """The providers that fill the parameters of a handler or of another provider: ``Depends(f)``, ``Annotated[T, Depends(f)]``."""
    for parameter in function.node.parameters:
        value = evaluation.annotation(parameter.annotation, function.scope)
        if parameter.default is not None:
            given = evaluation.evaluate(parameter.default, function.scope)
            providers = _depends(evaluation, given)
            yield from providers
            if not providers and evaluation.is_a(given, DEPENDS) and isinstance(value, ClassValue):
                yield value  # `service: Service = Depends()`
        if isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name.endswith(".Annotated"):
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
