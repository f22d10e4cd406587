"""Flask with flask-restx, flask-restful and flask-smorest. In: a followed program. Out: its routes with full paths.

`register_blueprint(url_prefix=)` replaces the blueprint's own prefix; a nested blueprint's path is its parent's
effective prefix and then its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from qualitygate.frameworks import Adapter, ErrorHandlerDraft, RouteDraft, Surface, graphql
from qualitygate.frameworks.paths import HTTP_METHODS, angles, path_text, under
from qualitygate.frameworks.views import listed, methods_of_class, mystery, named, view_class
from qualitygate.model.architecture import Unfollowed
from qualitygate.model.source import Place, Span
from qualitygate.model.values import (
    Bound,
    Evaluation,
    Event,
    FunctionValue,
    Instance,
    Items,
    Known,
    Value,
)

_WRAPPERS = frozenset({"connexion.App", "connexion.FlaskApp", "connexion.apps.flask.FlaskApp"})
APPS = _WRAPPERS | {"flask.Flask", "flask.app.Flask", "quart.Quart", "apiflask.APIFlask", "flask_openapi3.OpenAPI"}
BLUEPRINTS = frozenset(
    {
        "flask.Blueprint",
        "flask.blueprints.Blueprint",
        "quart.Blueprint",
        "apiflask.APIBlueprint",
        "flask_smorest.Blueprint",
        "flask_openapi3.APIBlueprint",
    }
)
APIS = frozenset({"flask_restx.Api", "flask_restplus.Api", "flask_restful.Api", "flask_smorest.Api"})
NAMESPACES = frozenset({"flask_restx.Namespace", "flask_restplus.Namespace"})
_HOLDERS = APPS | BLUEPRINTS | APIS | NAMESPACES
_ROUTING = frozenset({"route", "add_url_rule", "get", "post", "put", "patch", "delete"})


@dataclass
class _Node:
    """What one application, blueprint, API or namespace holds, gathered from the events in order."""

    routes: list[Event] = field(default_factory=list)
    children: list[tuple[Value, str | None, str, Place]] = field(default_factory=list)
    before: list[Value] = field(default_factory=list)


def surface(evaluation: Evaluation) -> Surface:
    """Every route that an application of the project serves."""
    nodes: dict[int, _Node] = defaultdict(_Node)
    holders: dict[int, Instance] = {}
    handlers: list[ErrorHandlerDraft] = []
    hosts: dict[int, Value] = {}
    missing: list[Unfollowed] = []
    for event in evaluation.events:
        for value in (event.result, *event.arguments.positional, *event.arguments.keywords.values()):
            if isinstance(value, Instance) and evaluation.is_a(value, _HOLDERS):
                holders.setdefault(id(value), value)
        receiver = _held(evaluation, event.receiver)
        if receiver is None or not evaluation.is_a(receiver, _HOLDERS):
            continue
        holders.setdefault(id(receiver), receiver)
        node = nodes[id(receiver)]
        arguments = event.arguments
        if event.name in _ROUTING or event.name in ("add_resource", "resource"):
            node.routes.append(event)
        elif event.name in ("register_blueprint", "register_api"):
            child = arguments.get("blueprint", 0)
            if child is not None:
                given = arguments.get("url_prefix")
                prefix, doubt = path_text(given)
                node.children.append((child, prefix if given is not None else None, doubt, event.place))
                if not evaluation.is_a(child, _HOLDERS):
                    missing.append(mystery(f"{event.name}()", child, event.place))
        elif event.name == "add_namespace":
            child = arguments.get("ns", 0)
            given = arguments.get("path", 1)
            prefix, doubt = path_text(given)
            if child is not None:
                node.children.append((child, prefix if given is not None else None, doubt, event.place))
        elif event.name == "init_app" and arguments.positional:
            hosts[id(receiver)] = arguments.positional[0]
        elif event.name in ("before_request", "before_app_request"):
            target = event.target if event.target is not None else arguments.get("f", 0)
            if target is not None:
                node.before.append(target)
        elif event.name in ("errorhandler", "app_errorhandler", "register_error_handler"):
            caught = arguments.get("code_or_exception", 0)
            handler = event.target if event.target is not None else arguments.get("f", 1)
            if handler is not None:
                handlers.append(ErrorHandlerDraft(named(caught), handler, event.place))
    for holder in holders.values():
        if evaluation.is_a(holder, APIS):
            host = hosts.get(id(holder)) or holder.arguments.get("app", 0) or holder.arguments.get("api", 0)
            if isinstance(host, Instance) and evaluation.is_a(host, APPS | BLUEPRINTS):
                prefix, doubt = path_text(holder.arguments.get("prefix"))
                nodes[id(host)].children.append((holder, prefix, doubt, holder.place or _NOWHERE))
    apps = [holder for holder in holders.values() if evaluation.is_a(holder, APPS)]
    drafts: list[RouteDraft] = []
    reached: set[int] = set()
    for app in apps:
        before = tuple(nodes[id(app)].before)
        drafts.extend(_walk(evaluation, app, "", "", (), before, nodes, reached, frozenset()))
    below = {id(child) for node in nodes.values() for child, *_ in node.children}
    for holder in holders.values():
        if apps or id(holder) in reached or id(holder) in below:
            continue  # with an application in sight, what it does not register is not served
        doubt = "no application is seen to register this"
        drafts.extend(_walk(evaluation, holder, None, doubt, (), (), nodes, reached, frozenset()))
    places = tuple(app.place for app in apps if app.place is not None)
    return Surface(tuple(drafts), tuple(handlers), places, tuple(missing))


def _held(evaluation: Evaluation, value: Value | None) -> Instance | None:
    """The object behind a value: `app.app` of Connexion's application stands for the Flask application in it."""
    if isinstance(value, Bound) and value.name == "app" and evaluation.is_a(value.receiver, _WRAPPERS):
        value = value.receiver
    return value if isinstance(value, Instance) else None


_NOWHERE = Place("", Span(1, 1, 1, 1))


def _walk(
    evaluation: Evaluation,
    holder: Value,
    prefix: str | None,
    doubt: str,
    mounts: tuple[Place, ...],
    before: tuple[Value, ...],
    nodes: dict[int, _Node],
    reached: set[int],
    above: frozenset[int],
) -> Iterator[RouteDraft]:
    """Routes below ``holder``. ``prefix`` is what was mounted so far; None for a start without an application."""
    if not isinstance(holder, Instance) or id(holder) in above or not evaluation.is_a(holder, _HOLDERS):
        return
    reached.add(id(holder))
    node = nodes[id(holder)]
    base = _own_prefix(holder) if prefix is None else prefix
    own_before = before if evaluation.is_a(holder, APPS) else (*before, *node.before)
    for event in node.routes:
        yield from _route(evaluation, event, base, doubt, mounts, own_before)
    for child, given, child_doubt, place in node.children:
        below = base
        if isinstance(child, Instance):
            if evaluation.is_a(child, BLUEPRINTS):
                below = base + (given if given is not None else _own_prefix(child))
            elif evaluation.is_a(child, NAMESPACES):
                below = base + (given if given is not None else _namespace_path(child))
            else:
                below = base + (given or "")
        yield from _walk(
            evaluation,
            child,
            below,
            doubt or child_doubt,
            (*mounts, place) if place.path else mounts,
            own_before,
            nodes,
            reached,
            above | {id(holder)},
        )


def _own_prefix(holder: Instance) -> str:
    text, _ = path_text(holder.arguments.get("url_prefix"))
    return text.rstrip("/")


def _namespace_path(holder: Instance) -> str:
    given = holder.arguments.get("path")
    if given is not None and not (isinstance(given, Known) and given.value is None):
        return path_text(given)[0]
    name, _ = path_text(holder.arguments.get("name", 0))
    return "/" + name.lstrip("/")


def _route(
    evaluation: Evaluation,
    event: Event,
    base: str,
    doubt: str,
    mounts: tuple[Place, ...],
    before: tuple[Value, ...],
) -> Iterator[RouteDraft]:
    arguments = event.arguments
    if event.name == "add_resource":
        handler: Value | None = arguments.get("resource", 0)
        urls = arguments.positional[1:]
    elif event.name == "add_url_rule":
        handler = arguments.get("view_func", 2)
        urls = [arguments.get("rule", 0) or Known("")]
    else:
        handler = event.target
        urls = list(arguments.positional or [arguments.get("rule") or Known("")])
        if event.name != "resource" and not evaluation.is_a(event.receiver, NAMESPACES | APIS):
            urls = urls[:1]
    if handler is None:
        return
    for url in urls:
        path, uncertain = path_text(url)
        full = angles(under(base, path)) or "/"
        if not full.startswith("/"):
            full = "/" + full
        if graphql.is_endpoint(evaluation, handler):
            yield graphql.draft(handler, full, event.place, mounts, before, doubt or uncertain)
            continue
        for method, function, view in _operations(evaluation, handler, event):
            yield RouteDraft(
                framework="flask",
                method=method,
                path=full,
                handler=function,
                declared=event.place,
                mounts=mounts,
                view=view,
                before=before,
                uncertain=doubt or uncertain,
                response=function.node.returns if isinstance(function, FunctionValue) else None,
                response_scope=function.scope if isinstance(function, FunctionValue) else None,
            )


def _operations(evaluation: Evaluation, handler: Value, event: Event) -> Iterator[tuple[str, Value, Value | None]]:
    """Method, function and class of each operation that a rule serves."""
    view = view_class(handler)
    if view is not None:
        found = methods_of_class(evaluation, view)
        if found:
            # Methods that are given with the rule hold instead of those of the class.
            given = _listed(event.arguments.get("methods")) if event.name == "add_url_rule" else ()
            for method, function in found.items():
                if not given or method in given:
                    yield method, function, view
            return
        allowed = evaluation.attribute(view, "methods")
        dispatch = evaluation.attribute(view, "dispatch_request")
        served: Value = dispatch if isinstance(dispatch, FunctionValue) else view
        for method in _listed(allowed) or _listed(event.arguments.get("methods")) or ("GET",):
            yield method, served, view
        return
    if event.name in HTTP_METHODS:
        yield event.name.upper(), handler, None
        return
    for method in _listed(event.arguments.get("methods")) or ("GET",):
        yield method, handler, None


def _listed(value: Value | None) -> tuple[str, ...]:
    methods = listed(value) if isinstance(value, Items) else ()
    return tuple(method for method in methods if method not in ("HEAD", "OPTIONS")) or methods


ADAPTER = Adapter(
    "flask",
    frozenset(
        {
            "Flask",
            "Quart",
            "APIFlask",
            "Blueprint",
            "register_blueprint",
            "add_url_rule",
            "add_resource",
            "add_namespace",
            "errorhandler",
            "register_error_handler",
            "route",
        }
    ),
    surface,
)
