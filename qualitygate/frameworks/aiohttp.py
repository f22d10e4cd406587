"""aiohttp. In: a followed program. Out: the routes of its server applications with full paths and middleware.

Routes are added to an application's router one by one, as lists of definitions or as route tables; an application that
is added to another below a prefix keeps its own middleware. That GET answers HEAD too is not told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from qualitygate.frameworks import Adapter, RouteDraft, Surface, graphql
from qualitygate.frameworks.paths import braces, path_text
from qualitygate.frameworks.views import flattened, function_of, holders, listed, methods_of_class, mystery
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Arguments,
    Bound,
    ClassValue,
    Evaluation,
    Event,
    External,
    FunctionValue,
    Instance,
    Unknown,
    Value,
)

APPS = frozenset({"aiohttp.web.Application", "aiohttp.web_app.Application"})
TABLES = frozenset({"aiohttp.web.RouteTableDef", "aiohttp.web_routedef.RouteTableDef"})
DISPATCHERS = frozenset({"aiohttp.web.UrlDispatcher", "aiohttp.web_urldispatcher.UrlDispatcher"})
_ALL = APPS | TABLES | DISPATCHERS
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_DEFINITIONS = ("aiohttp.web.", "aiohttp.web_routedef.")


@dataclass(frozen=True)
class _Rule:
    """One declared route: methods (empty for a view class or any), path, handler, where."""

    methods: tuple[str, ...]
    path: Value | None
    handler: Value
    place: Place


@dataclass
class _Node:
    """What one application or route table holds."""

    rules: list[_Rule] = field(default_factory=list)
    children: list[tuple[Value, Value | None, Place]] = field(default_factory=list)
    middleware: list[Value] = field(default_factory=list)


def surface(evaluation: Evaluation) -> Surface:
    """Every route that an application of the project serves."""
    found = holders(evaluation, lambda value: evaluation.is_a(value, _ALL))
    nodes: dict[int, _Node] = defaultdict(_Node)
    strays = _Node()
    for event in evaluation.events:
        if event.name in APPS and event.receiver is None:
            continue
        holder = _holder(evaluation, event.receiver)
        if holder is not None:
            _gather(event, nodes[id(holder)], event.arguments, holder)
        elif _is_stray(event):
            _gather(event, strays, event.arguments, None)
    for holder in found.values():
        node = nodes[id(holder)]
        node.middleware.extend(flattened(_constructed(evaluation, holder).get("middlewares")))
    missing = [
        mystery("add_routes()" if prefix is None else "add_subapp()", child, place)
        for node in (*nodes.values(), strays)
        for child, prefix, place in node.children
        if not evaluation.is_a(child, _ALL) and not _is_static(child)
    ]
    apps = [holder for holder in found.values() if evaluation.is_a(holder, APPS)]
    below = {id(child) for node in nodes.values() for child, _, _ in node.children}
    drafts: list[RouteDraft] = []
    for app in apps:
        if id(app) not in below:
            doubt = "" if app.place is not None else "the application is known by its type only"
            drafts.extend(_walk(evaluation, app, "", doubt, (), (), nodes, frozenset()))
    nodes[id(strays)] = strays
    doubt = "it is registered on an application that is not seen"
    for rule in strays.rules:
        drafts.extend(_route(evaluation, rule, "", doubt, (), ()))
    for child, _, _ in strays.children:
        drafts.extend(_walk(evaluation, child, "", doubt, (), (), nodes, frozenset()))
    if not apps and not drafts:
        for holder in found.values():
            if id(holder) not in below:
                drafts.extend(_walk(evaluation, holder, "", doubt, (), (), nodes, frozenset()))
    places = tuple(app.place for app in apps if app.place is not None)
    return Surface(tuple(drafts), (), places, tuple(missing))


def _is_static(value: Value) -> bool:
    name = value.cls.name if isinstance(value, Instance) and isinstance(value.cls, External) else ""
    return name.rsplit(".", 1)[-1] in ("static", "StaticDef")


def _holder(evaluation: Evaluation, receiver: Value | None) -> Instance | None:
    """The application, dispatcher or table that a call speaks to: `app`, `app.router`, `app.router.add_resource(...)`."""
    for _ in range(4):
        if isinstance(receiver, Instance) and evaluation.is_a(receiver, _ALL):
            return receiver
        if isinstance(receiver, Bound) and receiver.name in ("router", "middlewares"):
            receiver = receiver.receiver
        elif isinstance(receiver, Instance) and receiver.event is not None and receiver.event.name == "add_resource":
            receiver = receiver.event.receiver
        else:
            break
    return None


def _is_stray(event: Event) -> bool:
    """Whether a route is added to the router of something unknown."""
    receiver = event.receiver
    if isinstance(receiver, Bound) and receiver.name == "router" and isinstance(receiver.receiver, (Unknown, Bound)):
        return event.name in ("add_get", "add_post", "add_put", "add_patch", "add_delete", "add_view")
    return False


def _constructed(evaluation: Evaluation, holder: Instance) -> Arguments:
    """The arguments that reached the library's constructor, also through a subclass's own."""
    if isinstance(holder.cls, ClassValue):
        for event in evaluation.events:
            if event.name == "__init__" and event.receiver is holder:
                return event.arguments
    return holder.arguments


def _gather(event: Event, node: _Node, arguments: Arguments, holder: Instance | None) -> None:
    name = event.name
    if isinstance(event.receiver, Bound) and event.receiver.name == "middlewares":
        node.middleware.extend(value for given in arguments.positional for value in flattened(given))
    elif name == "add_routes":
        for value in flattened(arguments.get("routes", 0)):
            if isinstance(value, Instance) and (rule := _definition(value)) is not None:
                node.rules.append(rule)
            else:
                node.children.append((value, None, event.place))
    elif name in ("add_subapp", "add_domain"):
        child = arguments.get("subapp", 1)
        if child is not None:
            prefix = arguments.get("prefix", 0) if name == "add_subapp" else None
            node.children.append((child, prefix, event.place))
    elif name == "add_route" and isinstance(event.receiver, Instance) and event.receiver.event is not None:
        if event.receiver.event.name == "add_resource":
            handler = arguments.get("handler", 1)
            if handler is not None:
                path = event.receiver.event.arguments.get("path", 0)
                node.rules.append(_Rule(_verbs(arguments.get("method", 0)), path, handler, event.place))
            return
        _add_route(event, node, arguments)
    elif name == "add_route":
        _add_route(event, node, arguments)
    elif name.removeprefix("add_") in (*_METHODS, "view", "route"):
        bare = name.removeprefix("add_")
        shift = 1 if bare == "route" else 0
        handler = event.target if event.target is not None else arguments.get("handler", 1 + shift)
        if handler is not None and (name != bare or event.target is not None):
            methods = (
                _verbs(arguments.get("method", 0)) if bare == "route" else () if bare == "view" else (bare.upper(),)
            )
            node.rules.append(_Rule(methods, arguments.get("path", shift), handler, event.place))


def _add_route(event: Event, node: _Node, arguments: Arguments) -> None:
    handler = arguments.get("handler", 2)
    if handler is not None:
        node.rules.append(_Rule(_verbs(arguments.get("method", 0)), arguments.get("path", 1), handler, event.place))


def _definition(value: Instance) -> _Rule | None:
    """`web.get("/path", handler)` and its like."""
    if not isinstance(value.cls, External) or not value.cls.name.startswith(_DEFINITIONS) or value.place is None:
        return None
    last = value.cls.name.rsplit(".", 1)[-1]
    arguments = value.arguments
    if last in _METHODS or last == "view":
        handler = arguments.get("handler", 1)
        methods: tuple[str, ...] = () if last == "view" else (last.upper(),)
        path = arguments.get("path", 0)
    elif last in ("route", "RouteDef"):
        handler = arguments.get("handler", 2)
        methods = _verbs(arguments.get("method", 0))
        path = arguments.get("path", 1)
    else:
        return None
    return _Rule(methods, path, handler, value.place) if handler is not None else None


def _verbs(value: Value | None) -> tuple[str, ...]:
    """Methods by name; `*` and what is not known are any."""
    return tuple(word for word in (name.removeprefix("METH_") for name in listed(value)) if word not in ("*", "ANY"))


def _walk(
    evaluation: Evaluation,
    holder: Value,
    prefix: str,
    doubt: str,
    mounts: tuple[Place, ...],
    before: tuple[Value, ...],
    nodes: dict[int, _Node],
    above: frozenset[int],
) -> Iterator[RouteDraft]:
    if not isinstance(holder, Instance) or id(holder) in above:
        return
    node = nodes[id(holder)]
    own = (*before, *node.middleware)
    for rule in node.rules:
        yield from _route(evaluation, rule, prefix, doubt, mounts, own)
    for child, added, place in node.children:
        text, uncertain = path_text(added)
        below = prefix + text.rstrip("/")
        inner = (*mounts, place)
        yield from _walk(evaluation, child, below, doubt or uncertain, inner, own, nodes, above | {id(holder)})


def _route(
    evaluation: Evaluation,
    rule: _Rule,
    prefix: str,
    doubt: str,
    mounts: tuple[Place, ...],
    before: tuple[Value, ...],
) -> Iterator[RouteDraft]:
    text, uncertain = path_text(rule.path)
    path = braces(prefix + text) or "/"
    handler = function_of(rule.handler)
    if handler is None:
        return
    if graphql.is_endpoint(evaluation, handler):
        yield graphql.draft(handler, path, rule.place, mounts, before, doubt or uncertain)
        return
    operations: list[tuple[str, Value]]
    view = handler if isinstance(handler, ClassValue) else None
    if view is not None:
        operations = list(methods_of_class(evaluation, view).items())
    else:
        operations = [(method, handler) for method in rule.methods or ("ANY",)]
    for method, function in operations:
        yield RouteDraft(
            framework="aiohttp",
            method=method,
            path=path,
            handler=function,
            declared=rule.place,
            mounts=mounts,
            view=view,
            before=before,
            uncertain=doubt or uncertain,
            page=_renders(function),
            response=function.node.returns if isinstance(function, FunctionValue) else None,
            response_scope=function.scope if isinstance(function, FunctionValue) else None,
        )


def _renders(handler: Value) -> bool:
    """Whether a template renders what a handler gives: `@aiohttp_jinja2.template("index.html")`."""
    return isinstance(handler, FunctionValue) and any(
        isinstance(decorator, Instance)
        and isinstance(decorator.cls, External)
        and decorator.cls.name == "aiohttp_jinja2.template"
        for decorator in handler.decorators
    )


ADAPTER = Adapter(
    "aiohttp",
    frozenset({"add_routes", "add_subapp", "add_get", "add_post", "add_put", "add_patch", "add_delete", "add_view"}),
    surface,
)
