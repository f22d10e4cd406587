"""Sanic. In: a followed program. Out: its routes with full paths, middleware and error handlers.

A path is: version prefix (`/v`) and version first, then the prefixes of groups and blueprint, then the route's own
text. Of the versions of route, registration and blueprint the first holds; a group speaks for those that say nothing.
A prefix that is given where a blueprint is registered replaces the blueprint's own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from qualitygate.frameworks import Adapter, ErrorHandlerDraft, RouteDraft, Surface, graphql
from qualitygate.frameworks.paths import joined, path_text
from qualitygate.frameworks.views import (
    flattened,
    function_of,
    holders,
    listed,
    methods_of_class,
    mystery,
    named,
    view_class,
)
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Arguments,
    ClassValue,
    Evaluation,
    Event,
    FunctionValue,
    Instance,
    Known,
    Value,
)

APPS = frozenset({"sanic.Sanic", "sanic.app.Sanic"})
BLUEPRINTS = frozenset({"sanic.Blueprint", "sanic.blueprints.Blueprint"})
GROUPS = frozenset(
    {
        "sanic.Blueprint.group",
        "sanic.blueprints.Blueprint.group",
        "sanic.blueprint_group.BlueprintGroup",
        "sanic.BlueprintGroup",
    }
)
VIEWS = frozenset({"sanic.views.HTTPMethodView"})
_ALL = APPS | BLUEPRINTS | GROUPS
_PAGES = frozenset({"html", "render", "render_template", "file", "file_stream", "redirect"})
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_PARAMETER = re.compile(r"<([A-Za-z_]\w*)(?:[:=][^<>]*)?>")


@dataclass(frozen=True)
class _Rule:
    """One declared route."""

    path: Value | None
    methods: tuple[str, ...]
    handler: Value
    arguments: Arguments
    place: Place


@dataclass
class _Node:
    """What one application, blueprint or group holds; a child comes with the arguments of its registration."""

    rules: list[_Rule] = field(default_factory=list)
    children: list[tuple[Value, Arguments, Place]] = field(default_factory=list)
    before: list[Value] = field(default_factory=list)


@dataclass(frozen=True)
class _Way:
    """What the registrations above a holder say: prefixes of groups, and options where they are given."""

    prefix: tuple[str, ...] = ()
    doubt: str = ""
    own_prefix: str | None = None
    version: str | None = None
    version_prefix: str | None = None
    mounts: tuple[Place, ...] = ()
    before: tuple[Value, ...] = ()


def surface(evaluation: Evaluation) -> Surface:
    """Every route that an application of the project serves."""
    nodes: dict[int, _Node] = defaultdict(_Node)
    found = holders(evaluation, lambda value: evaluation.is_a(value, _ALL))
    handlers: list[ErrorHandlerDraft] = []
    for event in evaluation.events:
        receiver = event.receiver
        if isinstance(receiver, Instance) and evaluation.is_a(receiver, _ALL):
            _gather(event, nodes[id(receiver)], handlers)
    for view in _attached(evaluation):
        app = view.keywords.get("attach")
        if isinstance(app, Instance):
            place = Place(view.path, view.node.span)
            arguments = Arguments([], dict(view.keywords))
            nodes[id(app)].rules.append(_Rule(view.keywords.get("uri"), (), view, arguments, place))
            found.setdefault(id(app), app)
    for holder in found.values():
        if evaluation.is_a(holder, GROUPS) and holder.place is not None:
            for member in holder.arguments.positional:
                for value in flattened(member):
                    nodes[id(holder)].children.append((value, Arguments([], {}), holder.place))
    missing = [
        mystery("blueprint()", child, place)
        for node in nodes.values()
        for child, _, place in node.children
        if not evaluation.is_a(child, _ALL)
    ]
    apps = [holder for holder in found.values() if evaluation.is_a(holder, APPS)]
    drafts: list[RouteDraft] = []
    for app in apps:
        drafts.extend(_walk(evaluation, app, _Way(), nodes, frozenset()))
    if not apps:
        below = {id(child) for node in nodes.values() for child, _, _ in node.children}
        way = _Way(doubt="no application is seen to register this")
        for holder in found.values():
            if id(holder) not in below:
                drafts.extend(_walk(evaluation, holder, way, nodes, frozenset()))
    places = tuple(app.place for app in apps if app.place is not None)
    return Surface(tuple(drafts), tuple(handlers), places, tuple(missing))


def _attached(evaluation: Evaluation) -> Iterator[ClassValue]:
    """Classes that attach themselves: `class Users(HTTPMethodView, attach=app, uri="/users")`."""
    for path, scope in evaluation.modules():
        for value in scope.names.values():
            attaches = isinstance(value, ClassValue) and value.path == path and "attach" in value.keywords
            if isinstance(value, ClassValue) and attaches and evaluation.is_a(value, VIEWS):
                yield value


def _gather(event: Event, node: _Node, handlers: list[ErrorHandlerDraft]) -> None:
    arguments = event.arguments
    name = event.name
    if name in _METHODS or name == "route":
        if event.target is not None:
            methods = (name.upper(),) if name in _METHODS else listed(arguments.get("methods", 1))
            node.rules.append(_Rule(arguments.get("uri", 0), methods, event.target, arguments, event.place))
    elif name == "add_route":
        handler = arguments.get("handler", 0)
        if handler is not None:
            methods = listed(arguments.get("methods", 2))
            node.rules.append(_Rule(arguments.get("uri", 1), methods, handler, arguments, event.place))
    elif name in ("blueprint", "register_blueprint", "append", "extend", "insert"):
        options = Arguments([], dict(arguments.keywords))
        given = arguments.get("blueprint", 1 if name == "insert" else 0)
        for value in [given] if isinstance(given, Instance) else flattened(given):
            node.children.append((value, options, event.place))
    elif name in ("middleware", "on_request", "register_middleware"):
        target = event.target if event.target is not None else arguments.get("middleware", 0)
        if isinstance(target, (FunctionValue, ClassValue)):
            node.before.append(target)
    elif name == "exception" and event.target is not None:
        for caught in arguments.positional:
            for value in flattened(caught):
                handlers.append(ErrorHandlerDraft(named(value), event.target, event.place))


def _walk(
    evaluation: Evaluation, holder: Value, way: _Way, nodes: dict[int, _Node], above: frozenset[int]
) -> Iterator[RouteDraft]:
    if not isinstance(holder, Instance) or id(holder) in above:
        return
    node = nodes[id(holder)]
    own = replace(way, before=(*way.before, *node.before))
    options = _options(evaluation, holder)
    if evaluation.is_a(holder, GROUPS):
        prefix, doubt = path_text(options.get("url_prefix"))
        above_prefix = (*own.prefix, own.own_prefix or "", prefix)
        own = replace(own, prefix=above_prefix, own_prefix=None, doubt=own.doubt or doubt)
    elif evaluation.is_a(holder, BLUEPRINTS):
        prefix, doubt = path_text(options.get("url_prefix", 1))
        own = replace(
            own,
            prefix=(*own.prefix, own.own_prefix if own.own_prefix is not None else prefix),
            own_prefix=None,
            doubt=own.doubt or doubt,
            version=own.version or _text(options.get("version")),
            version_prefix=own.version_prefix or _version_prefix(options),
        )
    for rule in node.rules:
        yield from _route(evaluation, rule, own)
    for child, given, place in node.children:
        below = replace(own, mounts=(*own.mounts, place), own_prefix=None)
        if (replaced := given.get("url_prefix")) is not None:
            text, doubt = path_text(replaced)
            below = replace(below, own_prefix=text, doubt=below.doubt or doubt)
        if evaluation.is_a(holder, GROUPS) and isinstance(child, Instance):
            # A group speaks for the members that say nothing themselves; what is given at registration wins over all.
            member = _options(evaluation, child)
            if _text(member.get("version")) is None:
                below = replace(below, version=_text(options.get("version")) or own.version)
            if _version_prefix(member) is None:
                below = replace(below, version_prefix=_version_prefix(options) or own.version_prefix)
        below = replace(
            below,
            version=_text(given.get("version")) or below.version,
            version_prefix=_version_prefix(given) or below.version_prefix,
        )
        yield from _walk(evaluation, child, below, nodes, above | {id(holder)})


def _version_prefix(options: Arguments) -> str | None:
    """The prefix of versions that options give; the library's default says nothing."""
    given = _text(options.get("version_prefix"))
    return None if given == "/v" else given


def _options(evaluation: Evaluation, holder: Instance) -> Arguments:
    """What reached the library's constructor, also through a subclass's own."""
    if isinstance(holder.cls, ClassValue):
        for event in evaluation.events:
            if event.name == "__init__" and event.receiver is holder:
                return event.arguments
    return holder.arguments


def _text(value: Value | None) -> str | None:
    return str(value.value) if isinstance(value, Known) and value.value is not None else None


def _route(evaluation: Evaluation, rule: _Rule, way: _Way) -> Iterator[RouteDraft]:
    text, doubt = path_text(rule.path)
    version = _text(rule.arguments.get("version")) or way.version
    version_prefix = _version_prefix(rule.arguments) or way.version_prefix or "/v"
    parts = [*way.prefix, text]
    if version is not None:
        parts.insert(0, version_prefix + version.strip("/").removeprefix("v"))
    tail = "/" if text.endswith("/") and text != "/" else ""
    path = _PARAMETER.sub(r"{\1}", joined(*parts)) + tail
    doubt = way.doubt or doubt
    handler = function_of(rule.handler)
    if handler is None:
        return
    if graphql.is_endpoint(evaluation, handler):
        yield graphql.draft(handler, path, rule.place, way.mounts, way.before, doubt)
        return
    view = view_class(handler)
    operations: list[tuple[str, Value]] = [(method, handler) for method in rule.methods or ("GET",)]
    if view is not None:
        operations = list(methods_of_class(evaluation, view).items())
    for method, function in operations:
        yield RouteDraft(
            framework="sanic",
            method=method,
            path=path,
            handler=function,
            declared=rule.place,
            mounts=way.mounts,
            view=view,
            before=way.before,
            uncertain=doubt,
            page=isinstance(function, FunctionValue) and bool(_PAGES & set(function.node.calls)),
            response=function.node.returns if isinstance(function, FunctionValue) else None,
            response_scope=function.scope if isinstance(function, FunctionValue) else None,
        )


ADAPTER = Adapter("sanic", frozenset({"Sanic", "blueprint", "add_route"}), surface)
