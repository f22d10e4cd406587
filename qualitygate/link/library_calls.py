"""In: an evaluated program and the names that checks ask for. Out: those library calls, with arguments and requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from qualitygate.frameworks import RouteDraft
from qualitygate.link.calls import Called, CallGraph, Step, dotted, every_function, remembers, way
from qualitygate.link.evaluate import Evaluator
from qualitygate.model.calls import Argument, Call
from qualitygate.model.source import Place, Role
from qualitygate.model.values import (
    Arguments,
    Bound,
    BoundFunction,
    Choice,
    ClassValue,
    Entries,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    LambdaValue,
    Pattern,
    Unknown,
    Value,
)

_DEEPEST = 3
_CONTEXTS = ("flask.g.", "quart.g.", "flask.current_app.", "quart.current_app.")
_REQUEST_HOLDERS = ("flask.request", "quart.request", "sanic.request")


def link_calls(
    evaluator: Evaluator,
    graph: CallGraph,
    drafts: Sequence[RouteDraft],
    names: Mapping[int, str],
    roles: Mapping[str, Role],
    wanted: frozenset[str],
) -> tuple[Call, ...]:
    """The calls of ``wanted`` names that application code makes, in the order of their places.

    A wanted name is dotted as imported (`requests.get`), a method of a library class (`redis.Redis.set`), `?.method` for a
    method of any object, or `pymongo.MongoClient..find_one` for one of what an object of a class leads to.
    """
    if not wanted:
        return ()
    found = {_key(call): call for call in _at_import(evaluator, roles, wanted)}
    called = Called(wanted)
    inside: list[tuple[FunctionValue, Call]] = []
    for function in every_function(evaluator):
        if roles.get(function.path) is not Role.APPLICATION:
            continue
        if not called.may_be_in(function):
            continue
        for site in graph.sites(function):
            name = called_name(site.callee, wanted)
            if name:
                inside.append(
                    (
                        function,
                        Call(
                            name,
                            site.place,
                            f"{function.path}:{function.qualname}",
                            *_arguments(site.arguments),
                            receiver=_receiver(site.callee),
                            asynchronous=function.node.asynchronous,
                            awaited=site.awaited,
                            in_loop=site.in_loop,
                            in_try=site.in_try,
                            deferred=site.deferred,
                        ),
                    )
                )
    reached = ways(graph, drafts, names, [function for function, _ in inside])
    for function, call in inside:
        routes, chain, loop = reached.get(id(function.node), ((), (), ()))
        found[_key(call)] = Call(
            call.name,
            call.place,
            call.owner,
            call.positional,
            call.keywords,
            call.complete,
            call.receiver,
            call.asynchronous,
            call.awaited,
            call.in_loop,
            call.in_try,
            routes,
            chain,
            loop,
            call.deferred,
        )
    return tuple(found[key] for key in sorted(found))


def called_name(value: Value, wanted: frozenset[str]) -> str:
    """The wanted name by which a value is called; empty where it is none."""
    name = dotted(value)
    if name in wanted:
        return name
    method = f"?.{value.name}" if isinstance(value, Bound) else ""
    if isinstance(value, Bound):
        inside = f"{_receiver(value)}..{value.name}"
        if inside in wanted:
            return inside
    if isinstance(value, External) and value.name.startswith(_CONTEXTS):
        # `g.db.execute`: what hangs on the context of a request is an object of the application's own choice.
        method = f"?.{value.name.rpartition('.')[2]}"
    return method if method in wanted else ""


def _key(call: Call) -> tuple[str, int, int, str]:
    return call.place.path, call.place.span.line, call.place.span.column, call.name


def _at_import(evaluator: Evaluator, roles: Mapping[str, Role], wanted: frozenset[str]) -> Iterator[Call]:
    for event in evaluator.events:
        if ":" in event.owner or roles.get(event.place.path) is not Role.APPLICATION:
            continue
        callee: Value = External(event.name) if event.receiver is None else Bound(event.receiver, event.name)
        name = called_name(callee, wanted)
        if name:
            yield Call(name, event.place, event.owner, *_arguments(event.arguments), receiver=_receiver(callee))


def ways(
    graph: CallGraph, drafts: Sequence[RouteDraft], names: Mapping[int, str], functions: Sequence[FunctionValue]
) -> dict[int, tuple[tuple[str, ...], tuple[Place, ...], tuple[Place, ...]]]:
    """For each function the operations that reach it, the way from the nearest, and one on which an event loop waits.

    What a function without parameters remembers (`get_settings`) is worked out once, by whichever request comes first:
    no way leads through it.
    """
    if not functions:
        return {}
    within = graph.interesting(functions)
    owners = {id(function.node) for function in functions}
    nearest: dict[int, tuple[Step, RouteDraft]] = {}
    reaching: dict[int, dict[str, None]] = {}
    loops: dict[int, tuple[Step, RouteDraft]] = {}
    for draft in drafts:
        for step in graph.reach(graph.roots(draft), within, lambda function, site: site is None and _once(function)):
            key = id(step.function.node)
            if key in owners and not _once(step.function):
                reaching.setdefault(key, {})[names[id(draft)]] = None
                if key not in nearest or step.hops < nearest[key][0].hops:
                    nearest[key] = (step, draft)
                if key not in loops and _on_loop(step):
                    loops[key] = (step, draft)
    result = {}
    for key, (step, draft) in nearest.items():
        first = names[id(draft)]
        others = [name for name in reaching[key] if name != first]
        loop: tuple[Place, ...] = ()
        if key in loops:
            waiting, through = loops[key]
            loop = way(waiting, through.declared, names[id(through)])
        result[key] = ((first, *others), way(step, draft.declared, first), loop)
    return result


def _once(function: FunctionValue) -> bool:
    return not function.node.parameters and remembers(function)


def _on_loop(step: Step) -> bool:
    """Whether a coroutine runs the step's function itself: what a framework injects may run in a thread."""
    while not step.function.node.asynchronous:
        if step.function.node.generator or step.injected or step.before is None:
            return False
        step = step.before
    return True


def _arguments(arguments: Arguments) -> tuple[tuple[Argument, ...], dict[str, Argument], bool]:
    positional = tuple(
        argument_of(value, arguments.places.get(str(position))) for position, value in enumerate(arguments.positional)
    )
    keywords = {name: argument_of(value, arguments.places.get(name)) for name, value in arguments.keywords.items()}
    return positional, keywords, arguments.complete


def argument_of(value: Value, place: Place | None = None, depth: int = 0) -> Argument:
    """What is known of a value, as a record."""
    if isinstance(value, Choice):
        return msgspec.structs.replace(argument_of(value.values[0], place, depth), complete=False)
    if isinstance(value, Known):
        return Argument("constant" if value.sure else "setting", value.value, place=place)
    if isinstance(value, Pattern):
        text = "".join("{}" if part is None else part for part in value.parts)
        parts = tuple(_origin(hole) for hole in value.holes) or tuple("unknown" for part in value.parts if part is None)
        return Argument("template", text=text, parts=parts, place=place)
    if isinstance(value, External):
        return Argument("reference", name=value.name, place=place)
    if isinstance(value, (FunctionValue, ClassValue)):
        return Argument("reference", name=f"{value.path}:{value.qualname}", place=place)
    if isinstance(value, (LambdaValue, BoundFunction)):
        return Argument("reference", name="", place=place)
    if isinstance(value, Items) and depth < _DEEPEST:
        items = tuple(argument_of(item, None, depth + 1) for item in value.items[:200])
        return Argument("items", items=items, complete=value.complete and len(value.items) <= 200, place=place)
    if isinstance(value, Entries) and depth < _DEEPEST:
        keys = tuple(str(key) for key in value.entries)
        items = tuple(argument_of(item, None, depth + 1) for item in value.entries.values())
        return Argument("mapping", keys=keys, items=items, complete=value.complete, place=place)
    origin = _origin(value)
    if origin in ("request", "setting", "parameter"):
        return Argument(origin, name=getattr(value, "name", ""), place=place)
    if isinstance(value, Instance):
        name = value.cls.name if isinstance(value.cls, External) else f"{value.cls.path}:{value.cls.qualname}"
        return Argument("object", name=name.removesuffix("()"), place=place)
    return Argument("unknown", place=place)


def _origin(value: Value | None) -> str:
    """Where a value comes from: `request`, `setting`, `parameter`, `call` or `unknown`."""
    current = value
    for _ in range(12):
        if isinstance(current, External):
            if current.name.startswith(_REQUEST_HOLDERS):
                return "request"
            return (
                "setting"
                if current.name.startswith(("os.environ", "django.conf.settings", "flask.current_app.config"))
                else "unknown"
            )
        if isinstance(current, Unknown):
            if current.why == "a parameter":
                return "request" if current.name in ("request", "req") else "parameter"
            return "setting" if "environment" in current.why else "unknown"
        if isinstance(current, Known):
            return "constant" if current.sure else "setting"
        if isinstance(current, Instance):
            if isinstance(current.cls, External) and current.cls.name.rsplit(".", 1)[-1] in ("Request", "HttpRequest"):
                return "request"
            if current.event is None:
                return "parameter" if current.place is None else "call"
            name = current.event.name
            if name.startswith(_REQUEST_HOLDERS):
                return "request"
            if current.event.receiver is None:
                return "call"
            current = current.event.receiver
        elif isinstance(current, Bound):
            current = current.receiver
        else:
            return "unknown"
    return "unknown"


def _receiver(callee: Value) -> str:
    if not isinstance(callee, Bound):
        return ""
    if _origin(callee.receiver) == "request":
        return "request"
    receiver = callee.receiver
    for _ in range(_DEEPEST):  # `client["shop"].orders.find_one`: of a client
        if isinstance(receiver, Bound):
            receiver = receiver.receiver
    if isinstance(receiver, Instance):
        return (
            receiver.cls.name if isinstance(receiver.cls, External) else f"{receiver.cls.path}:{receiver.cls.qualname}"
        )
    return receiver.name if isinstance(receiver, (External, Unknown)) else ""
