"""In: an evaluated program and its library calls. Out: the tasks that it hands to workers, and its queues and topics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from qualitygate.link.calls import CallGraph
from qualitygate.link.evaluate import Evaluator
from qualitygate.model.architecture import Channel, Task
from qualitygate.model.calls import Argument, Call
from qualitygate.model.source import Place, Role
from qualitygate.model.values import (
    Arguments,
    Bound,
    BoundFunction,
    ClassValue,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    Pattern,
    Value,
)

# What makes a task of a function, by the package and the last name of a decorator; from the libraries' documentation.
_DECORATORS: Mapping[str, frozenset[str]] = {
    "celery": frozenset({"task", "shared_task", "periodic_task"}),
    "dramatiq": frozenset({"actor"}),
    "rq": frozenset({"job"}),
    "django_rq": frozenset({"job"}),
    "huey": frozenset({"task", "periodic_task", "db_task", "db_periodic_task"}),
    "taskiq": frozenset({"task"}),
    "procrastinate": frozenset({"task", "periodic"}),
    "django": frozenset({"task"}),
    "apscheduler": frozenset({"scheduled_job"}),
    "faust": frozenset({"agent", "timer", "crontab"}),
    "streaq": frozenset({"task", "cron"}),
    "saq": frozenset({"job"}),
}
_BASES = frozenset({"celery.Task", "celery.app.task.Task", "celery.task.Task"})
# Methods of a task that hand it over.
_HANDING = frozenset(
    """delay apply_async send send_with_options kiq kicker enqueue enqueue_in enqueue_at schedule defer defer_async
    configure s si signature""".split()
)
# Functions and methods that are handed the task itself, or its name.
_TAKING: Mapping[str, tuple[str, int]] = {
    "enqueue": ("rq", 0),
    "enqueue_call": ("rq", 0),
    "enqueue_at": ("rq", 1),
    "enqueue_in": ("rq", 1),
    "enqueue_job": ("arq", 0),
    "send_task": ("celery", 0),
    "add_task": ("starlette", 0),
    "add_job": ("apscheduler", 0),
    "add_periodic_task": ("celery", 1),
}
_PACKAGES = frozenset(_DECORATORS) | {"arq", "fastapi", "starlette", "flask_rq2", "rq_scheduler"}

_CONSUMES: Mapping[str, tuple[str, str, int | None]] = {
    "kafka.KafkaConsumer": ("kafka", "topics", 0),
    "aiokafka.AIOKafkaConsumer": ("kafka", "topics", 0),
    "confluent_kafka.Consumer.subscribe": ("kafka", "topics", 0),
    "?.basic_consume": ("amqp", "queue", 0),
    "kombu.Consumer": ("amqp", "queues", 1),
    "nats.connect.subscribe": ("nats", "subject", 0),
    "?.receive_message": ("sqs", "QueueUrl", None),
    "?.psubscribe": ("redis", "", 0),
}
_PUBLISHES: Mapping[str, tuple[str, str, int | None]] = {
    "kafka.KafkaProducer.send": ("kafka", "topic", 0),
    "aiokafka.AIOKafkaProducer.send": ("kafka", "topic", 0),
    "aiokafka.AIOKafkaProducer.send_and_wait": ("kafka", "topic", 0),
    "confluent_kafka.Producer.produce": ("kafka", "topic", 0),
    "?.basic_publish": ("amqp", "routing_key", 1),
    "nats.connect.publish": ("nats", "subject", 0),
    "?.send_message": ("sqs", "QueueUrl", None),
    **{
        f"{client}.{verb}": ("redis", "", 0)
        for client in (
            "redis.Redis",
            "redis.from_url",
            "redis.Redis.from_url",
            "redis.asyncio.Redis",
            "redis.asyncio.from_url",
        )
        for verb in ("publish", "xadd", "lpush", "rpush")
    },
}
CALLS = frozenset({*_CONSUMES, *_PUBLISHES, *(f"?.{name}" for name in (*_HANDING - {"s", "si"}, *_TAKING))})
"""The calls that are asked for: those of queues, and those that hand a task over."""


@dataclass
class _Found:
    """A task while its callers are gathered."""

    library: str
    name: str
    place: Place
    options: Arguments
    callers: dict[Place, None] = field(default_factory=dict)
    schedule: str = ""


def link_channels(calls: Iterable[Call]) -> tuple[Channel, ...]:
    """Consumers and producers of queues and topics, in the order of their places."""
    found = []
    for call in calls:
        for direction, table in (("consumes", _CONSUMES), ("publishes", _PUBLISHES)):
            if call.name not in table:
                continue
            library, keyword, position = table[call.name]
            given = call.argument(keyword, position)
            if given is None and position is None:
                continue  # `send_message` of anything else has no `QueueUrl`
            names = given.items if given is not None and given.kind == "items" else (given,)
            for name in names:
                text = _named(name)
                found.append(Channel(library, direction, text, call.place, call.owner, call.routes))
    return tuple(found)


def _named(argument: Argument | None) -> str:
    if argument is None:
        return ""
    if argument.kind in ("constant", "setting") and argument.value is not None:
        return str(argument.value)
    return argument.text or (argument.name.rpartition(":")[2] if argument.kind == "reference" else "")


def link_tasks(
    evaluator: Evaluator, graph: CallGraph, roles: Mapping[str, Role], calls: Iterable[Call]
) -> tuple[Task, ...]:
    """Tasks of application code with the places that hand them over, in the order of their places.

    ``calls`` tell which operations reach those places.
    """
    found: dict[int, _Found] = {}
    functions = [one for _, one in sorted(evaluator.functions.items()) if roles.get(one.path) is Role.APPLICATION]
    for function in functions:
        for decorator in function.decorators:
            _declared(evaluator, function, decorator, found)
    for event in evaluator.events:  # also by a decorator of the project that hands on to the library's
        given = event.target if event.target is not None else event.arguments.get("fn", 0)
        if isinstance(given, FunctionValue) and given.path in roles and event.result is not None:
            _declared(evaluator, given, event.result, found)
    for cls in evaluator.classes.values():
        if cls.path in roles and evaluator.is_a(cls, _BASES):
            options = Arguments([], {name: value for name, value in cls.names.items() if name != "__class__"})
            name = _text(cls.names.get("name")) or cls.qualname
            found.setdefault(id(cls.node), _Found("celery", name, Place(cls.path, cls.node.span), options))
    _listed(evaluator, found)
    _handed_over(evaluator, graph, functions, found)
    routes = {call.place: call.routes for call in calls}
    tasks = [_task(one, routes) for one in found.values()]
    return tuple(sorted(tasks, key=lambda task: (task.place.path, task.place.span, task.name)))


def _task(found: _Found, routes: Mapping[Place, Sequence[str]]) -> Task:
    options = found.options
    reaching = dict.fromkeys(route for place in found.callers for route in routes.get(place, ()))
    return Task(
        library=found.library,
        name=found.name,
        place=found.place,
        queue=_written(options, "queue", "queue_name"),
        retries=_written(options, "max_retries", "retries", "retry", "autoretry_for"),
        time_limit=_written(options, "time_limit", "soft_time_limit", "timeout", "job_timeout"),
        schedule=found.schedule or _written(options, "run_every", "schedule", "cron"),
        callers=tuple(sorted(found.callers, key=lambda place: (place.path, place.span))),
        routes=tuple(reaching),
    )


def _written(options: Arguments, *names: str) -> str:
    """The first of the options that is given: a constant as text, what is known of it otherwise."""
    for name in names:
        value = options.keywords.get(name)
        if isinstance(value, Known) and value.value is not None:
            return str(value.value)
        if value is not None and not isinstance(value, Known):
            return _text(value) or "set"
    return ""


def _text(value: Value | None) -> str:
    if isinstance(value, Known):
        return value.value if isinstance(value.value, str) else ""
    if isinstance(value, Pattern):
        return "".join("{}" if part is None else part for part in value.parts)
    return ""


def _library(evaluator: Evaluator, value: Value) -> tuple[str, str]:
    """The package and the last name of a decorator or of what a call speaks to; empty where it is no task library's."""
    name, receiver = "", None
    if isinstance(value, Instance) and value.event is not None:
        name, receiver = value.event.name, value.event.receiver
    elif isinstance(value, Bound):
        name, receiver = value.name, value.receiver
    elif isinstance(value, External):
        name = value.name
    if isinstance(receiver, (Instance, ClassValue)):
        for base in evaluator.ancestry(receiver):
            if isinstance(base, External):
                package = base.name.split(".", 1)[0]
                package = "taskiq" if package.startswith("taskiq") else package
                if package in _PACKAGES:
                    return package, name.rsplit(".", 1)[-1]
        return "", ""
    if isinstance(receiver, External):
        name = f"{receiver.name}.{name}"
    package = name.split(".", 1)[0]
    return (package, name.rsplit(".", 1)[-1]) if package in _PACKAGES else ("", "")


def _declared(evaluator: Evaluator, function: FunctionValue, decorator: Value, found: dict[int, _Found]) -> None:
    package, last = _library(evaluator, decorator)
    if last not in _DECORATORS.get(package, ()) or (package == "django" and not _is_django_task(decorator)):
        return
    options = decorator.arguments if isinstance(decorator, Instance) else Arguments([], {})
    name = _text(options.keywords.get("name")) or _text(options.keywords.get("actor_name")) or function.qualname
    place = Place(function.path, function.node.span)
    one = found.setdefault(id(function.node), _Found(package.removeprefix("django_"), name, place, options))
    if "periodic" in last or last in ("cron", "crontab", "timer", "scheduled_job"):
        one.schedule = _written(options, "run_every", "cron", "trigger") or _text_of(options) or "set"


def _is_django_task(decorator: Value) -> bool:
    name = decorator.cls.name if isinstance(decorator, Instance) and isinstance(decorator.cls, External) else ""
    return (decorator.name if isinstance(decorator, External) else name).startswith("django.tasks.")


def _text_of(options: Arguments) -> str:
    """What a schedule says: a text, or the words that a `crontab(...)` is given."""
    for value in options.positional:
        if text := _text(value):
            return text
        if isinstance(value, Instance):
            parts = [_shown(item) for item in value.arguments.positional]
            parts += [f"{key}={_shown(item)}" for key, item in value.arguments.keywords.items()]
            name = value.cls.name.rsplit(".", 1)[-1] if isinstance(value.cls, External) else value.cls.qualname
            return f"{name}({', '.join(parts)})"
    return ""


def _shown(value: Value) -> str:
    return str(value.value) if isinstance(value, Known) else _text(value) or "..."


def _listed(evaluator: Evaluator, found: dict[int, _Found]) -> None:
    """Functions that arq's worker settings name, and the schedules of arq and of Celery's beat."""
    for cls in evaluator.classes.values():
        functions, jobs = cls.names.get("functions"), cls.names.get("cron_jobs")
        if not cls.node.name.endswith("Settings") or not isinstance(functions or jobs, Items):
            continue
        for listed in (functions, jobs):
            for item in listed.items if isinstance(listed, Items) else ():
                cron = isinstance(item, Instance) and item.event is not None and item.event.name.startswith("arq.")
                target = item.arguments.get("coroutine", 0) if cron and isinstance(item, Instance) else item
                options = item.arguments if isinstance(item, Instance) else Arguments([], {})
                if isinstance(target, FunctionValue):
                    place = Place(target.path, target.node.span)
                    one = found.setdefault(id(target.node), _Found("arq", target.qualname, place, options))
                    if listed is jobs:
                        words = [f"{name}={_shown(value)}" for name, value in options.keywords.items()]
                        one.schedule = ", ".join(words) or "set"


def _handed_over(
    evaluator: Evaluator, graph: CallGraph, functions: Iterable[FunctionValue], found: dict[int, _Found]
) -> None:
    by_name = {one.name: one for one in found.values()}
    words = _HANDING | _TAKING.keys()
    for function in functions:
        if not words.intersection(function.node.calls):
            continue
        for site in graph.sites(function):
            callee = site.callee
            function_called = callee.function if isinstance(callee, BoundFunction) else callee
            own = function_called.node.name if isinstance(function_called, FunctionValue) else ""
            name = own or getattr(callee, "name", "")
            if isinstance(callee, Bound) and name in _HANDING:
                target = _node(callee.receiver)
                if target in found:
                    found[target].callers[site.place] = None
                    continue
            if name.rsplit(".", 1)[-1] not in _TAKING:
                continue
            library, position = _TAKING[name.rsplit(".", 1)[-1]]
            given = next(
                (site.arguments.get(word) for word in ("func", "f", "name") if word in site.arguments.keywords), None
            )
            given = given if given is not None else site.arguments.get("", position)
            for one in _taken(evaluator, given, library, callee, by_name, found):
                one.callers[site.place] = None


def _taken(
    evaluator: Evaluator,
    given: Value | None,
    library: str,
    callee: Value,
    by_name: Mapping[str, _Found],
    found: dict[int, _Found],
) -> Iterator[_Found]:
    """The task that a call is handed: known already by itself or by its name, or made one by the call."""
    if isinstance(given, BoundFunction):
        given = given.function
    if (text := _text(given)) and library in ("arq", "celery", "rq"):
        last = text.rsplit(".", 1)[-1]
        known = by_name.get(text) or by_name.get(last)
        if known is not None:
            yield known
    elif isinstance(given, (FunctionValue, Bound, Instance)) and _node(given) in found:
        yield found[_node(given)]
    elif isinstance(given, FunctionValue):
        package, _ = _library(evaluator, callee)
        if package or library in ("rq", "starlette"):
            place = Place(given.path, given.node.span)
            name = {"fastapi": "starlette", "django_rq": "rq", "flask_rq2": "rq"}.get(package, package) or library
            yield found.setdefault(id(given.node), _Found(name, given.qualname, place, Arguments([], {})))


def _node(value: Value | None) -> int:
    """The identity of the function or class behind a task, its methods and its signatures."""
    for _ in range(4):
        if isinstance(value, (FunctionValue, ClassValue)):
            return id(value.node)
        if isinstance(value, BoundFunction):
            return id(value.function.node)
        if isinstance(value, Bound):
            value = value.receiver
        elif isinstance(value, Instance) and isinstance(value.cls, ClassValue):
            return id(value.cls.node)
        elif isinstance(value, Instance) and value.event is not None:
            value = value.event.receiver
        else:
            break
    return 0
