"""Tornado. In: a followed program. Out: the routes of its applications: patterns as paths, methods of handler classes.

An application takes rules as tuples, `URLSpec`s or `Rule`s, in lists that may be nested; a pattern is a regular
expression of the whole path, so that a nested list's patterns are not prefixed. What a handler serves are the methods
that its classes define.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.frameworks import Adapter, RouteDraft, Surface, graphql
from qualitygate.frameworks.paths import path_text, regex
from qualitygate.frameworks.views import holders, methods_of_class, mystery
from qualitygate.model.architecture import Unfollowed
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Choice,
    ClassValue,
    Evaluation,
    Event,
    FunctionValue,
    Instance,
    Items,
    Known,
    Value,
)

APPS = frozenset({"tornado.web.Application"})
ROUTERS = frozenset(
    {"tornado.routing.RuleRouter", "tornado.routing.ReversibleRuleRouter", "tornado.web._ApplicationRouter"}
)
SPECS = frozenset({"tornado.web.URLSpec", "tornado.web.url", "tornado.routing.URLSpec"})
RULES = frozenset({"tornado.routing.Rule"})
MATCHES = frozenset({"tornado.routing.PathMatches"})
_CONSTRUCTORS = frozenset(f"{name}.__init__" for name in APPS | ROUTERS)
_MAX_NESTING = 10


def surface(evaluation: Evaluation) -> Surface:
    """Every route that an application of the project serves."""
    drafts: list[RouteDraft] = []
    places: dict[Place, None] = {}
    mounted = _mounted(evaluation)
    missing: list[Unfollowed] = []
    for event in evaluation.events:
        rules = _rules(evaluation, event, mounted)
        if rules is not None:
            if not isinstance(rules, (Items, Choice)):
                missing.append(mystery("the list of handlers", rules, event.place))
            drafts.extend(_listed(evaluation, rules, event.place, "", (), 0))
            if event.name != "add_handlers":
                places.setdefault(event.place)
    return Surface(tuple(drafts), (), tuple(places) if drafts else (), tuple(missing))


def _mounted(evaluation: Evaluation) -> set[int]:
    """Routers and applications that a rule of another hands on to: their own rules are read there."""
    found = holders(evaluation, lambda value: evaluation.is_a(value, APPS | ROUTERS))
    inside: set[int] = set()
    for event in evaluation.events:
        for argument in (*event.arguments.positional, *event.arguments.keywords.values()):
            for item in argument.items if isinstance(argument, Items) else ():
                for part in (
                    item.items
                    if isinstance(item, Items)
                    else item.arguments.positional
                    if isinstance(item, Instance)
                    else ()
                ):
                    if id(part) in found and isinstance(part, Instance):
                        inside.add(id(part.event) if part.event is not None else id(part))
    return inside


def _rules(evaluation: Evaluation, event: Event, mounted: set[int]) -> Value | None:
    """The list of rules that an event gives to an application."""
    receiver, arguments = event.receiver, event.arguments
    if receiver is None and event.name in APPS | ROUTERS:
        return (
            None
            if id(event) in mounted
            else _given(arguments.get("handlers"), arguments.get("rules"), arguments.get("handlers", 0))
        )
    if receiver is None and event.name in _CONSTRUCTORS:
        return _given(arguments.get("handlers"), arguments.get("rules"), arguments.get("handlers", 1))
    if isinstance(receiver, Instance) and evaluation.is_a(receiver, APPS | ROUTERS):
        if event.name == "__init__" and _reaches_library(evaluation, receiver, event):
            return (
                None
                if id(receiver) in mounted
                else _given(arguments.get("handlers"), arguments.get("rules"), arguments.get("handlers", 0))
            )
        if event.name == "add_handlers":
            return arguments.get("host_handlers", 1)
        if event.name == "add_rules":
            return arguments.get("rules", 0)
    return None


def _given(*values: Value | None) -> Value | None:
    return next((value for value in values if value is not None), None)


def _reaches_library(evaluation: Evaluation, receiver: Instance, event: Event) -> bool:
    """Whether a constructor's call is the library's: a subclass's own takes whatever it likes."""
    if not isinstance(receiver.cls, ClassValue):
        return True
    own = any(isinstance(base, ClassValue) and "__init__" in base.names for base in evaluation.ancestry(receiver))
    return not own or event.place != receiver.place


def _listed(
    evaluation: Evaluation, rules: Value, place: Place, prefix: str, mounts: tuple[Place, ...], depth: int
) -> Iterator[RouteDraft]:
    if isinstance(rules, Choice):
        rules = rules.values[0]
    if depth > _MAX_NESTING or not isinstance(rules, Items):
        return
    for item in rules.items:
        if isinstance(item, Items) and item.items and isinstance(item.items[0], Items):
            yield from _listed(evaluation, item, place, prefix, mounts, depth + 1)
        elif isinstance(item, Items) and len(item.items) > 1:
            at = item.place or place
            yield from _rule(evaluation, item.items[0], item.items[1], at, prefix, mounts, depth)
        elif isinstance(item, Instance) and item.place is not None and evaluation.is_a(item, SPECS):
            pattern, target = item.arguments.get("pattern", 0), item.arguments.get("handler", 1)
            yield from _rule(evaluation, pattern, target, item.place, prefix, mounts, depth)
        elif isinstance(item, Instance) and item.place is not None and evaluation.is_a(item, RULES):
            matcher, target = item.arguments.get("matcher", 0), item.arguments.get("target", 1)
            yield from _rule(evaluation, matcher, target, item.place, prefix, mounts, depth)


def _rule(
    evaluation: Evaluation,
    matcher: Value | None,
    target: Value | None,
    place: Place,
    prefix: str,
    mounts: tuple[Place, ...],
    depth: int,
) -> Iterator[RouteDraft]:
    if isinstance(matcher, Instance):
        # `HostMatches` and matchers of the project's own say nothing of the path.
        matcher = matcher.arguments.get("path_pattern", 0) if evaluation.is_a(matcher, MATCHES) else None
    if isinstance(target, Known) and isinstance(target.value, str):
        target = evaluation.lookup(target.value, place.path)
    if isinstance(target, Choice):
        target = target.values[0]
    if isinstance(target, Items):
        yield from _listed(evaluation, target, place, prefix, (*mounts, place), depth + 1)
        return
    if isinstance(target, Instance) and evaluation.is_a(target, APPS | ROUTERS):
        inner = _given(
            target.arguments.get("handlers"), target.arguments.get("rules"), target.arguments.get("handlers", 0)
        )
        if inner is not None:
            yield from _listed(evaluation, inner, place, prefix, (*mounts, place), depth + 1)
        return
    pattern, doubt = path_text(matcher)
    path = regex(pattern)
    path = path if path.startswith(("/", "{?}")) else "/" + path
    if target is not None and graphql.is_endpoint(evaluation, target):
        yield graphql.draft(target, path, place, mounts, (), doubt)
        return
    if not isinstance(target, ClassValue):
        return
    for method, function in methods_of_class(evaluation, target).items():
        yield RouteDraft(
            framework="tornado",
            method=method,
            path=path,
            handler=function,
            declared=place,
            mounts=mounts,
            view=target,
            before=_prepared(evaluation, target),
            uncertain=doubt,
            exempt="websocket" if evaluation.is_a(target, _SOCKETS) else "",
            page=bool({"render", "render_string", "render_template"} & set(function.node.calls)),
        )


_SOCKETS = frozenset(("tornado.websocket.WebSocketHandler",))


def _prepared(evaluation: Evaluation, handler: ClassValue) -> tuple[Value, ...]:
    """What runs before each method of a handler class: `prepare()`, and who the user is."""
    found = (evaluation.attribute(handler, name) for name in ("prepare", "get_current_user"))
    return tuple(value for value in found if isinstance(value, FunctionValue))


ADAPTER = Adapter("tornado", frozenset({"Application", "add_handlers"}), surface)
