"""In: the neutral form of a program. Out: its retry loops: what they try, when they give up, how long they wait."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qualitygate.authoring import ParsedFile, Span
from qualitygate.model import syntax as ir
from qualitygate_checks._handlers import calls, caught, last_name, log_level
from qualitygate_checks.security._module import dotted, imports

# Exceptions of what is remote: a later attempt may fare better.
_REMOTE = re.compile(
    r"timeout|timedout|connect|network|http|requestexception|requesterror|urlerror|unavailable|operationalerror|"
    r"clienterror|oserror|ioerror|socket|ssl|ratelimit|throttl|servererror|apierror|transport|redis|interfaceerror|"
    r"botocoreerror|grpc|rpcerror|transient|temporary",
    re.IGNORECASE,
)
_CLIENT = re.compile(r"(^|_)(requests|httpx|session|client|http|api|gateway)$")
_BROAD = frozenset({"Exception", "BaseException"})
_ATTEMPT = re.compile(r"^_+$|attempt|tr(y|ies)($|_)|retr|tick|round", re.IGNORECASE)


@dataclass(frozen=True)
class Retry:
    """A loop that tries the same again.

    ``attempt`` is what it tries, ``bounded`` whether the number of attempts or the time has an end, ``waits`` the calls
    that pause between attempts, ``growing`` whether the pause depends on the attempt, ``remote`` whether the exceptions
    that it catches are those of another system (None: all exceptions are caught).
    """

    loop: ir.For | ir.While
    attempt: str
    bounded: bool
    waits: tuple[ir.Call, ...]
    growing: bool
    remote: bool | None
    polls: bool = False
    """Whether it asks until an answer is there, rather than again after a failure."""


def retries(statements: Sequence[ir.Statement]) -> Iterator[Retry]:
    """The retry loops among statements and their blocks: success leaves the loop, an exception stays in it."""
    for statement in ir.walk(statements):
        if isinstance(statement, ir.For) and _counts(statement.iterable):
            bounded = last_name(statement.iterable) != "count"
        elif isinstance(statement, ir.While):
            bounded = not (isinstance(statement.test, ir.Constant) and bool(statement.test.value))
        else:
            continue
        found = _read(statement, bounded)
        if found is not None:
            yield found


def _counts(iterable: ir.Expression) -> bool:
    """`range(3)`: a number of attempts; with a start or a step it may be a walk over pages."""
    if not isinstance(iterable, ir.Call):
        return False
    name = last_name(iterable)
    return name in ("range", "xrange") or (name == "count" and "itertools" in _words(iterable.function))


def _read(loop: ir.For | ir.While, bounded: bool) -> Retry | None:
    tried = next((item for item in loop.body if isinstance(item, ir.Try)), None)
    if tried is None:
        return _asked_again(loop, bounded)
    leaves = _exits((*tried.body, *tried.orelse))
    after = loop.body[loop.body.index(tried) + 1 :]
    leaves = leaves or any(_leaves(item) for item in after)
    staying = [handler for handler in tried.handlers if not _always_leaves(handler.body)]
    made = [call for call in calls(tried.body) if last_name(call) and not log_level(call)]
    # What is only put together for the attempt (`client = Client(key)`) is not what is tried.
    made = [call for call in made if not _innermost(call)[:1].isupper()] or made
    attempt = next(map(_innermost, made), "")
    if not staying or not attempt or _walks(loop, (*tried.body, *tried.orelse)):
        return None
    switch = _switch(loop)
    leaves = leaves or (switch != "" and switch in _assigned(tried.body))
    bounded = bounded and not switch
    if not leaves:
        return None
    outside = [item for item in loop.body if item is not tried]
    bounded = bounded or any(
        _exits(part) or any(isinstance(item, ir.Raise) for item in ir.walk(part))
        for part in (outside[: loop.body.index(tried)], *(handler.body for handler in staying))
    )
    paused = (*outside, *tried.final, *(item for handler in staying for item in handler.body))
    waits = tuple(call for call in calls(paused) if _is_pause(call))
    changed = _assigned(loop.body) | ({last_name(loop.target)} if isinstance(loop, ir.For) else set())
    growing = any(
        _words(argument.value) & changed or _computed(argument.value) for call in waits for argument in call.arguments
    )
    names = {name for handler in staying for name in caught(handler)}
    remote = True if any(_REMOTE.search(name) for name in names) else None if names & _BROAD else False
    return Retry(loop, attempt, bounded, waits, growing, remote)


def _walks(loop: ir.For | ir.While, tried: Sequence[ir.Statement]) -> bool:
    """Whether each round tries something else: the next port, the next entry, the next page."""
    if any(isinstance(item, ir.Assign) and item.operator for item in ir.walk(tried)):
        return True
    if not isinstance(loop, ir.For):
        return False
    counter = last_name(loop.target)
    if not counter or _ATTEMPT.search(counter) or any(map(_ATTEMPT.search, _words(loop.iterable))):
        return False
    return any(
        counter in _words(argument.value)
        for call in calls(loop.body)
        if not log_level(call) and not _is_pause(call)
        for argument in call.arguments
        if argument.name is None or not _ATTEMPT.search(argument.name)
    )


def _asked_again(loop: ir.For | ir.While, bounded: bool) -> Retry | None:
    """A loop that asks a remote system until its answer is good: a call, a way out that looks at it, and a pause."""
    waits = tuple(call for call in calls(loop.body) if _is_pause(call))
    names = [target for item in loop.body if isinstance(item, ir.Assign) for target in item.targets]
    answers = {name.id for name in names if isinstance(name, ir.Name)}
    looks = [
        item for item in loop.body if isinstance(item, ir.If) and _words(item.test) & answers and _exits(item.body)
    ]
    asked = next(
        (call for item in loop.body if isinstance(item, ir.Assign) for call in calls((item,)) if _is_remote(call)), None
    )
    if not waits or not looks or asked is None:
        return None
    counted = {last_name(loop.target)} if isinstance(loop, ir.For) else set()
    if any(_words(argument.value) & counted for argument in asked.arguments):
        return None  # a walk over pages
    rest = [item for item in loop.body if item not in looks]
    bounded = (
        bounded or _exits(rest) or any(isinstance(item, ir.Raise) for item in ir.walk(loop.body)) or len(looks) > 1
    )
    changed = _assigned(loop.body) | counted
    growing = any(_words(item.value) & changed or _computed(item.value) for call in waits for item in call.arguments)
    by_status = any(_words(item.test) & {"status_code", "ok", "is_success"} for item in looks)
    return Retry(loop, last_name(asked), bounded, waits, growing, True, polls=not by_status)


def _is_remote(call: ir.Call) -> bool:
    """`requests.get(...)`, `client.post(...)`: what speaks to another system, by the words of the call."""
    if not isinstance(call.function, ir.Attribute):
        return False
    if call.function.name not in ("get", "post", "put", "patch", "delete", "request", "fetch", "send"):
        return False
    return _CLIENT.search(last_name(call.function.value).lower()) is not None


def _innermost(call: ir.Call) -> str:
    """`post` of `client.post(url).json()`."""
    while isinstance(call.function, ir.Attribute):
        value = call.function.value
        value = value.value if isinstance(value, ir.Await) else value
        if not isinstance(value, ir.Call):
            break
        call = value
    return last_name(call)


def _exits(statements: Sequence[ir.Statement]) -> bool:
    """Whether statements can leave the loop around them; a ``break`` of an inner loop leaves only that."""
    for statement in statements:
        if _leaves(statement):
            return True
        inner = isinstance(statement, (ir.For, ir.While))
        if inner:
            if any(isinstance(item, ir.Return) for item in ir.walk((statement,))):
                return True
        elif not isinstance(statement, (ir.Function, ir.Class)) and any(map(_exits, ir.blocks(statement))):
            return True
    return False


def _leaves(statement: ir.Statement) -> bool:
    return isinstance(statement, ir.Return) or statement == ir.Jump("break")


def _always_leaves(body: Sequence[ir.Statement]) -> bool:
    """Whether a handler ends the loop whatever happens."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ir.If):
        return _always_leaves(last.body) and _always_leaves(last.orelse)
    return isinstance(last, ir.Raise) or _leaves(last)


def _switch(loop: ir.For | ir.While) -> str:
    """The name that ends `while not connected`; empty for other conditions."""
    test = loop.test if isinstance(loop, ir.While) else None
    if (
        isinstance(test, ir.Operation)
        and test.operator == "not"
        and isinstance(test.operands[0], (ir.Name, ir.Attribute))
    ):
        return last_name(test.operands[0])
    return ""


def _assigned(statements: Sequence[ir.Statement]) -> set[str]:
    return {
        last_name(target) for item in ir.walk(statements) if isinstance(item, ir.Assign) for target in item.targets
    } - {""}


def _is_pause(call: ir.Call) -> bool:
    return last_name(call) in ("sleep", "wait", "delay", "pause") or "backoff" in last_name(call).lower()


def _computed(expression: ir.Expression) -> bool:
    """Whether a pause is worked out: by a call (`random()`, `backoff(attempt)`, `next(delays)`)."""
    return any(isinstance(item, ir.Call) for item in ir.subexpressions(expression))


def _words(expression: ir.Expression) -> set[str]:
    found = {item.id for item in ir.subexpressions(expression) if isinstance(item, ir.Name)}
    return found | {item.name for item in ir.subexpressions(expression) if isinstance(item, ir.Attribute)}


@dataclass(frozen=True)
class Policy:
    """How often and how a library repeats something, as a decorator or an object says: ``arguments`` by their names."""

    library: str
    name: str
    place: Span
    owner: str
    positional: tuple[ir.Expression, ...]
    arguments: Mapping[str, ir.Expression]
    complete: bool


_POLICY = ("tenacity", "backoff", "retry", "Retry", "celery", "dramatiq")


def loops(file: ParsedFile) -> Iterator[tuple[ir.Scope, Retry]]:
    """The retry loops of a file with the functions they stand in; a file without the words of one is not walked."""
    text = file.text.content
    if "try:" in text or "sleep(" in text:
        for scope in file.scopes:
            if not scope.kinds.isdisjoint((ir.For, ir.While)):
                for retry in retries(scope.statements):
                    yield scope, retry


def declared(file: ParsedFile) -> Iterator[Policy]:
    """The retry policies of a file; a file without the words of one is not walked."""
    if any(word in file.text.content for word in _POLICY):
        yield from policies(file)


def examined(file: ParsedFile) -> int:
    """How many loops and policies of a file try something again."""
    return sum(1 for _ in loops(file)) + sum(1 for _ in declared(file))


_LIBRARIES = {
    "tenacity.retry": "tenacity",
    "tenacity.Retrying": "tenacity",
    "tenacity.AsyncRetrying": "tenacity",
    "tenacity.asyncio.AsyncRetrying": "tenacity",
    "backoff.on_exception": "backoff",
    "backoff.on_predicate": "backoff",
    "retrying.retry": "retrying",
    "retry.retry": "retry",
    "retry.api.retry": "retry",
    "urllib3.Retry": "urllib3",
    "urllib3.util.Retry": "urllib3",
    "urllib3.util.retry.Retry": "urllib3",
    "requests.adapters.Retry": "urllib3",
    "requests.packages.urllib3.util.retry.Retry": "urllib3",
    "celery.shared_task": "celery",
    "celery.task": "celery",
    "dramatiq.actor": "dramatiq",
}
_TASKS = frozenset({"task"})


def policies(file: ParsedFile) -> Iterator[Policy]:
    """The retry policies that a file declares."""
    known = imports(file)
    heads = {name.split(".", 1)[0] for name in known.values()}
    if not heads & {name.split(".", 1)[0] for name in _LIBRARIES}:
        return
    for scope in file.scopes:
        for statement in scope.walked:
            if isinstance(statement, (ir.Function, ir.Class)):
                for decorator in statement.decorators:
                    found = _policy(decorator.expression, known, decorator.span, statement.name)
                    if found is not None:
                        yield found
        for item in scope.calls:
            found = _policy(item, known, item.name_span, scope.qualname)
            if found is not None and found.library not in ("celery", "dramatiq"):
                yield found


def _policy(expression: ir.Expression, known: Mapping[str, str], span: Span, owner: str) -> Policy | None:
    function = expression.function if isinstance(expression, ir.Call) else expression
    name = dotted(function, known)
    library = _LIBRARIES.get(name, "")
    if not library and name.rsplit(".", 1)[-1] in _TASKS and any(v.startswith("celery") for v in known.values()):
        library = "celery"
    if not library:
        return None
    arguments = expression.arguments if isinstance(expression, ir.Call) else ()
    return Policy(
        library,
        name,
        expression.name_span if isinstance(expression, ir.Call) else span,
        owner,
        tuple(argument.value for argument in arguments if argument.name is None and not argument.stars),
        {argument.name: argument.value for argument in arguments if argument.name is not None},
        not any(argument.stars for argument in arguments),
    )
