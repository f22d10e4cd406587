"""In: an evaluated program with its routes. Out: every error response that handlers give, by its shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

import msgspec

from qualitygate.frameworks import ErrorHandlerDraft, RouteDraft
from qualitygate.link.calls import CallGraph, Step, dotted, way
from qualitygate.link.evaluate import Evaluator, Site
from qualitygate.link.exception_texts import class_name, exception_of, names_behind, within
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import ErrorHandler, ErrorResponse
from qualitygate.model.source import Place, Span
from qualitygate.model.values import (
    Arguments,
    Bound,
    BoundFunction,
    ClassValue,
    Entries,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    Pattern,
    Unknown,
    Value,
)
from qualitygate.vocabulary import purpose

MAX_HOPS = 3

_STATUS = re.compile(r"HTTP_([1-5]\d\d)_")
_JSON_RESPONSES = frozenset(
    """JSONResponse ORJSONResponse UJSONResponse JsonResponse Response jsonify MsgSpecJSONResponse json_response""".split()
)
_TEXT_RESPONSES = frozenset({"HttpResponse", "PlainTextResponse", "Response"})
_DJANGO_ERRORS = {
    "HttpResponseBadRequest": 400,
    "HttpResponseForbidden": 403,
    "HttpResponseNotFound": 404,
    "HttpResponseNotAllowed": 405,
    "HttpResponseGone": 410,
    "HttpResponseServerError": 500,
}
_PROBLEM_KEYS = frozenset({"type", "title", "status", "detail"})
# Keys whose text is the error, keys that are false or name it, and statuses that stand in the body.
_ERROR_KEYS = frozenset({"error", "errors", "error_message", "errormessage", "err", "error_msg", "exception"})
_SUCCESS_KEYS = frozenset({"success", "ok", "succeeded", "successful"})
_OUTCOME_KEYS = frozenset({"status", "result", "state", "outcome"})
_FAILED = frozenset({"error", "fail", "failed", "failure"})
_CODE_KEYS = frozenset({"code", "status_code", "statuscode", "http_status", "status"})
_ARGUMENTS = ("error", "err", "exc", "exception", "ex", "e")
_ABORTS = frozenset(
    """flask.abort quart.abort werkzeug.exceptions.abort flask_restful.abort flask_restx.abort flask_smorest.abort""".split()
)
# Exceptions of frameworks that become responses, by module: keyword and position of the text that clients read.
_RESPONDING: Mapping[str, tuple[str, int]] = {
    "rest_framework.exceptions.": ("detail", 0),
    "werkzeug.exceptions.": ("description", 0),
    "litestar.exceptions.": ("detail", 0),
    "ninja.errors.HttpError": ("message", 1),
    "aiohttp.web.HTTP": ("text", 99),
    "sanic.exceptions.": ("message", 0),
}
# Whoever verifies the signature of an event answers a sender that asks for nothing but a receipt.
_ACKNOWLEDGING = frozenset({"construct_event", "verify_signature", "verify_webhook", "verify_webhook_signature"})
# Methods of frameworks that answer with what they are given: `self.response_422(message=...)`.
_ANSWERS = re.compile(r"(?:response|respond|error|fail|json)_?([45]\d\d)$")
_DEBUGGING = re.compile(r"debug|(?:^|_)dev(?:elopment)?(?:_|$)|testing|is_local", re.IGNORECASE)
# Frameworks in which a handler may give a mapping back as it is.
_MAPPINGS = frozenset({"fastapi", "flask", "quart", "litestar", "ninja"})
_FRAMEWORK_ERRORS = frozenset(
    {"fastapi.HTTPException", "fastapi.exceptions.HTTPException", "starlette.exceptions.HTTPException"}
)


def link_errors(
    evaluator: Evaluator,
    graph: CallGraph,
    drafts: Sequence[RouteDraft],
    names: Mapping[int, str],
    pages: Mapping[int, bool],
    handlers: Sequence[ErrorHandlerDraft] = (),
) -> tuple[ErrorResponse, ...]:
    """Error responses in the code that API routes reach, and those of the application's error ``handlers``.

    ``pages`` tells, by draft, the routes that serve pages.
    """
    found: dict[tuple[str, int, int], ErrorResponse] = {}
    reader = _Reader(evaluator, graph, handlers)
    for draft in drafts:
        if pages[id(draft)] or draft.framework == "graphql":
            continue
        for step in graph.reach(graph.roots(draft)):
            if step.hops > MAX_HOPS:
                break
            for response in reader.in_step(step, draft):
                span = response.place.span
                key = (response.place.path, span.line, span.column)
                known = found.get(key)
                routes = (*(known.routes if known is not None else ()), names[id(draft)])
                chain = known.chain if known is not None else way(step, draft.declared, names[id(draft)])
                found[key] = msgspec.structs.replace(
                    response, routes=tuple(dict.fromkeys(routes)), chain=chain, framework=draft.framework
                )
    for handler in handlers:
        if isinstance(handler.handler, FunctionValue):
            for response in reader.in_handler(handler.handler):
                span = response.place.span
                key = (response.place.path, span.line, span.column)
                found.setdefault(key, msgspec.structs.replace(response, catches=handler.catches))
    return tuple(found[key] for key in sorted(found))


def link_error_handlers(
    evaluator: Evaluator, graph: CallGraph, handlers: Sequence[ErrorHandlerDraft]
) -> tuple[ErrorHandler, ...]:
    """The handlers that the application registers, with whether they answer with problem details."""
    result = []
    for handler in handlers:
        function = handler.handler if isinstance(handler.handler, FunctionValue) else None
        problem = function is not None and _writes_problem(evaluator, graph, function)
        result.append(ErrorHandler(handler.catches, handler.place, problem))
    # An application factory that is called from several files registers its handlers once in the code.
    return tuple(dict.fromkeys(result))


def _writes_problem(evaluator: Evaluator, graph: CallGraph, function: FunctionValue) -> bool:
    """Whether a handler names the media type of problem details, itself or in a helper that it calls."""
    return any(
        isinstance(part, ir.Constant) and part.value == "application/problem+json"
        for step in graph.reach([(function, None)])
        if step.hops <= 1
        for expression in ir.expressions(evaluator.body(step.function))
        for part in ir.subexpressions(expression)
    )


@dataclass(frozen=True)
class _Built:
    """A response as a return statement builds it. ``status`` is 0 where it is not known, 200 where none is given."""

    body: Value | None
    status: int
    place: Place
    media_type: Value | None = None
    headers: Value | None = None


class _Reader:
    """Reads the error responses of functions, each function once."""

    def __init__(self, evaluator: Evaluator, graph: CallGraph, handlers: Sequence[ErrorHandlerDraft]) -> None:
        self._evaluator = evaluator
        self._graph = graph
        self._known: dict[tuple[int, str], tuple[ErrorResponse, ...]] = {}
        self._shown: dict[int, tuple[frozenset[str], int]] = {}
        self._rendered = frozenset(
            handler.catches.rsplit(".", 1)[-1] for handler in handlers if self._shows(handler.handler)
        )

    def in_step(self, step: Step, draft: RouteDraft) -> Iterator[ErrorResponse]:
        """The error responses of a function that a route reaches."""
        yield from self.in_function(step.function, framework=draft.framework)
        handler = draft.handler
        if isinstance(handler, FunctionValue) and step.function is handler and not purpose(draft.path):
            yield from _under_success(self._evaluator, self._graph, handler, draft.framework)

    def in_handler(self, function: FunctionValue) -> Iterator[ErrorResponse]:
        """The responses of an error handler, whose argument is what was caught."""
        yield from self.in_function(function, _caught(self._evaluator, function))

    def in_function(self, function: FunctionValue, caught: str = "", framework: str = "") -> tuple[ErrorResponse, ...]:
        """Error responses of one function; ``caught`` names a parameter that holds an exception.

        What it answers with an exception while the application is debugged is left out.
        """
        key = (id(function.node), caught)
        if key not in self._known:
            self._known[key] = tuple(self._read(function, caught, framework))
        return self._known[key]

    def _read(self, function: FunctionValue, caught: str, framework: str) -> Iterator[ErrorResponse]:
        owner = f"{function.path}:{function.qualname}"
        trace = self._graph.trace(function)
        body = self._evaluator.body(function)
        found: list[tuple[ErrorResponse, Place]] = []
        for expression, value, place in trace.returns:
            built = _built(expression, value, place)
            if built is not None and built.status in (0, 200) and isinstance(expression, ir.Name):
                built = replace(built, status=_status_set(body, expression.id) or built.status)
            if built is not None and built.status >= 400:
                found.append((_response(built, owner, caught), place))
        for _, value, place in trace.raises:
            response = _raised(value, place, owner) or self._raised_by_project(value, place, owner, caught)
            if response is not None:
                found.append((response, place))
        for site in trace.sites:
            response = _aborted(site, owner, caught) or self._handed_on(site, owner, caught, framework)
            if response is not None:
                found.append((response, site.place))
        debugged: list[Span] | None = None
        for response, place in found:
            if response.exception:
                debugged = list(_debugged(body)) if debugged is None else debugged
                if any(span.line <= place.span.line <= span.end_line for span in debugged):
                    continue
            yield response

    def _raised_by_project(self, value: Value, place: Place, owner: str, caught: str) -> ErrorResponse | None:
        """An exception of the project with the text of another, which a handler or the framework shows to clients."""
        if not isinstance(value, Instance) or not isinstance(value.cls, ClassValue):
            return None
        arguments = (*value.arguments.positional, *value.arguments.keywords.values())
        exception = next((name for given in arguments if (name := within(given, caught))), "")
        if not exception or not any(self._becomes_response(base) for base in self._evaluator.ancestry(value.cls)):
            return None
        own = (self._evaluator.attribute(value.cls, name) for name in ("status_code", "code", "status"))
        status = next((known for given in (*arguments, *own) if (known := _status(given)) >= 400), 0)
        return ErrorResponse("exception", ("message",), status, value.place or place, owner, (), exception=exception)

    def _becomes_response(self, base: ClassValue | External) -> bool:
        if isinstance(base, ClassValue):
            return base.node.name in self._rendered
        return base.name in _FRAMEWORK_ERRORS or base.name.startswith(tuple(_RESPONDING))

    def _handed_on(self, site: Site, owner: str, caught: str, framework: str) -> ErrorResponse | None:
        """The text of an exception that a function hands to another one, which answers with what it is given."""
        given = (*site.arguments.positional, *site.arguments.keywords.values())
        exception = next((name for value in given if (name := within(value, caught))), "")
        if not exception:
            return None
        refused = next((known for value in given if (known := _status(value)) >= 400), 0)
        helper = site.callee.function if isinstance(site.callee, BoundFunction) else site.callee
        if isinstance(helper, FunctionValue):
            names, status = self._shown_by(helper)
            taken = [name for name in _parameters(helper) if name not in ("self", "cls")]
            handed = {**dict(zip(taken, site.arguments.positional, strict=False)), **site.arguments.keywords}
            exception = next((name for key in handed if key in names and (name := within(handed[key], caught))), "")
            if not exception:
                return None
            return ErrorResponse(
                "exception", ("message",), refused or status, site.place, owner, (), exception=exception
            )
        if not isinstance(site.callee, (Bound, Unknown)):
            return None
        said = _ANSWERS.search(site.callee.name)
        status = int(said[1]) if said else 0
        if site.callee.name in ("response", "respond", "send_error", "json_error", "error_response", "fail"):
            status = refused
        if status or (framework == "tornado" and site.callee.name in ("write", "finish")):
            return ErrorResponse("exception", ("message",), status, site.place, owner, (), exception=exception)
        return None

    def _shown_by(self, helper: FunctionValue) -> tuple[frozenset[str], int]:
        """The parameters that a function puts into an error response, and that response's status where it is fixed."""
        key = id(helper.node)
        if key not in self._shown:
            names: frozenset[str] = frozenset()
            status = 0
            for expression, value, place in self._graph.trace(helper).returns:
                built = _built(expression, value, place)
                if built is not None and built.status == 0 and not _takes_status(helper, expression):
                    continue
                if built is not None and (built.status == 0 or built.status >= 400):
                    names |= names_behind(self._evaluator, helper, expression)
                    status = built.status or status
            self._shown[key] = (names & frozenset(_parameters(helper)), status)
        return self._shown[key]

    def _shows(self, handler: Value) -> bool:
        """Whether an error handler answers with something of the exception that it is given."""
        if not isinstance(handler, FunctionValue):
            return False
        caught = _caught(self._evaluator, handler)
        return any(
            caught in names_behind(self._evaluator, handler, expression)
            for expression, _, _ in self._graph.trace(handler).returns
        )


def _takes_status(helper: FunctionValue, expression: ir.Expression | None) -> bool:
    """Whether a pair that a helper returns is a body and a status: the second one is a parameter of the helper."""
    if not isinstance(expression, ir.Sequence):
        return True
    second = expression.items[1] if len(expression.items) > 1 else None
    return isinstance(second, ir.Name) and second.id in _parameters(helper)


def _parameters(function: FunctionValue) -> list[str]:
    return [parameter.name for parameter in function.node.parameters]


def _caught(evaluator: Evaluator, handler: FunctionValue) -> str:
    """The parameter of an error handler that holds the exception; empty where none is known."""
    for parameter in handler.node.parameters:
        annotated = evaluator.annotation(parameter.annotation, handler.scope)
        if isinstance(annotated, (External, ClassValue)) and class_name(annotated).endswith(("Exception", "Error")):
            return parameter.name
    names = _parameters(handler)
    return next((name for name in _ARGUMENTS if name in names), "")


def _aborted(site: Site, owner: str, caught: str) -> ErrorResponse | None:
    """The response of a call that ends the request: `abort(404, "no such order")`."""
    name = dotted(site.callee)
    if name not in _ABORTS or not site.arguments.positional:
        return None
    status = _status(site.arguments.positional[0])
    exception = exception_of(site.arguments.get("description", 1) or site.arguments.get("message"), caught)
    if status < 400 or not (exception or name.startswith(("flask.", "quart.", "werkzeug."))):
        return None  # an extension gives its errors a shape of its own
    keys = ("description",) if exception else ()
    return ErrorResponse(
        "exception" if exception else "framework", keys, status, site.place, owner, (), exception=exception
    )


def _status_set(body: Sequence[ir.Statement], name: str) -> int:
    """The status that a function gives a response before it returns it: `response.status_code = 500`; 0 where it does not."""
    found = 0
    for statement in ir.walk(body):
        if isinstance(statement, ir.Assign) and isinstance(statement.value, ir.Constant):
            for target in statement.targets:
                if (
                    isinstance(target, ir.Attribute)
                    and target.name in ("status_code", "status")
                    and isinstance(target.value, ir.Name)
                    and target.value.id == name
                ):
                    found = _status(Known(statement.value.value))
    return found


def _debugged(body: Sequence[ir.Statement], inside: bool = False) -> Iterator[Span]:
    """The statements that run only while a name that speaks of debugging says so."""
    for statement in body:
        span = getattr(statement, "span", None)
        if inside and isinstance(span, Span):
            yield span
        debugging = inside or (isinstance(statement, ir.If) and _speaks_of_debugging(statement.test))
        yield from _debugged(getattr(statement, "body", ()) if not _nested(statement) else (), debugging)
        for name in ("orelse", "final"):
            yield from _debugged(getattr(statement, name, ()), inside)
        for handler in getattr(statement, "handlers", ()):
            yield from _debugged(handler.body, inside)


def _nested(statement: ir.Statement) -> bool:
    return isinstance(statement, (ir.Function, ir.Class))


def _speaks_of_debugging(test: ir.Expression) -> bool:
    if isinstance(test, ir.Operation) and test.operator == "not":
        return False
    return any(
        _DEBUGGING.search(part.id if isinstance(part, ir.Name) else part.name)
        for part in ir.subexpressions(test)
        if isinstance(part, (ir.Name, ir.Attribute))
    )


def _built(expression: ir.Expression | None, value: Value, place: Place) -> _Built | None:
    """The response that a return statement builds; None where it is none that is known."""
    # Flask: `return body, status` (and headers).
    if (
        isinstance(value, Items)
        and isinstance(expression, ir.Sequence)
        and expression.kind == "tuple"
        and len(value.items) >= 2
    ):
        status = _status(value.items[1])
        return _Built(value.items[0], status, place, headers=value.items[2] if len(value.items) > 2 else None)
    if not isinstance(value, Instance) or value.place is None or value.event is None:
        return None
    last = value.event.name.rsplit(".", 1)[-1]
    if value.event.receiver is not None:
        return None
    arguments = value.arguments
    if last in _DJANGO_ERRORS and value.event.name.startswith("django."):
        return _Built(arguments.get("content", 0), _DJANGO_ERRORS[last], value.place)
    sanic = value.event.name in ("sanic.response.json", "sanic.json")
    if last not in _JSON_RESPONSES | _TEXT_RESPONSES | {"make_response"} and not sanic:
        return None
    given = arguments.get("status_code") or arguments.get("status")
    if last == "make_response":
        given = arguments.get("status", 1) or _second(arguments)
    elif last == "Response" and value.event.name.startswith("rest_framework"):
        given = given or arguments.get("status", 1)
    elif last in ("JSONResponse", "PlainTextResponse", "HTMLResponse") or sanic:
        given = given or arguments.get("status_code", 1)
    media_type = arguments.get("media_type") or arguments.get("content_type") or arguments.get("mimetype")
    body = arguments.get("content", 0) or arguments.get("data", 0) or arguments.get("response", 0)
    if last == "jsonify" and body is None:
        body = _entries(arguments)
    if given is not None:
        return _Built(body, _status(given), value.place, media_type=media_type)
    return _Built(body, 200 if arguments.complete else 0, value.place, media_type=media_type)


def _second(arguments: Arguments) -> Value | None:
    first = arguments.positional[0] if arguments.positional else None
    return first.items[1] if isinstance(first, Items) and len(first.items) > 1 else None


def _under_success(
    evaluator: Evaluator, graph: CallGraph, function: FunctionValue, framework: str
) -> Iterator[ErrorResponse]:
    """What a handler answers with a status of success though the body tells an error."""
    if _sets_status(evaluator, function) or not _ACKNOWLEDGING.isdisjoint(function.node.calls):
        return
    owner = f"{function.path}:{function.qualname}"
    for expression, value, place in graph.trace(function).returns:
        built = _built(expression, value, place)
        if built is None and isinstance(value, Entries) and framework in _MAPPINGS:
            built = _Built(value, 200, place)
        if built is None or not 200 <= built.status < 300:
            continue
        says = _told_by(_unwrapped(built.body))
        if says:
            response = _response(built, owner, "")
            yield msgspec.structs.replace(response, says=says)


def _sets_status(evaluator: Evaluator, function: FunctionValue) -> bool:
    """Whether a function sets the status of a response that it was given or made: `response.status_code = 404`."""
    return any(
        isinstance(target, ir.Attribute) and target.name in ("status_code", "status")
        for statement in ir.walk(evaluator.body(function))
        if isinstance(statement, ir.Assign)
        for target in statement.targets
    )


def _told_by(body: Value | None) -> str:
    """The entry of a body that tells an error; empty where none does."""
    if not isinstance(body, Entries) or "jsonrpc" in body.entries:
        return ""
    for key, value in body.entries.items():
        word = str(key).lower()
        text = value.value if isinstance(value, Known) else None
        if word in _SUCCESS_KEYS and text is False:
            return f"{key}: false"
        if word in _OUTCOME_KEYS and isinstance(text, str) and text.lower() in _FAILED:
            return f"{key}: {text}"
        if word in _CODE_KEYS and isinstance(text, int) and not isinstance(text, bool) and 400 <= text < 600:
            return f"{key}: {text}"
        if word in _ERROR_KEYS and (
            (isinstance(text, str) and text)
            or isinstance(value, Pattern)
            or (isinstance(value, Entries) and value.entries)
            or exception_of(value)
        ):
            return str(key)
    return ""


def _response(built: _Built, owner: str, caught: str) -> ErrorResponse:
    """Name the shape of an error body."""
    status, place, body = built.status, built.place, _unwrapped(built.body)
    headers = built.headers.entries.values() if isinstance(built.headers, Entries) else ()
    if _says_problem(built.media_type) or any(_says_problem(value) for value in headers):
        return ErrorResponse("problem", (), status, place, owner, (), exception=within(body, caught))
    if isinstance(body, Entries):
        keys = tuple(sorted(str(key) for key in body.entries))
        exception = within(body, caught)
        shape = "problem" if set(keys) >= _PROBLEM_KEYS else "exception" if exception else "object"
        return ErrorResponse(shape, keys, status, place, owner, (), exception=exception)
    exception = exception_of(body, caught)
    if exception:
        return ErrorResponse("exception", (), status, place, owner, (), exception=exception)
    if isinstance(body, (Known, Pattern)) and not (isinstance(body, Known) and not isinstance(body.value, str)):
        empty = isinstance(body, Known) and body.value == ""
        return ErrorResponse("empty" if empty else "text", (), status, place, owner, ())
    if body is None:
        return ErrorResponse("empty", (), status, place, owner, ())
    return ErrorResponse("unknown", (), status, place, owner, ())


def _unwrapped(body: Value | None) -> Value | None:
    """A body without the call that turns it into JSON."""
    for _ in range(3):
        if isinstance(body, Items) and len(body.items) > 1:
            body = body.items[0]  # make_response((body, status))
        if not (
            isinstance(body, Instance)
            and body.event is not None
            and body.event.name.rsplit(".", 1)[-1] in ("jsonify", "dict", "jsonable_encoder", "dumps")
        ):
            break
        inner = body.arguments
        body = inner.positional[0] if inner.positional else _entries(inner)
    return body


def _entries(arguments: Arguments) -> Entries:
    return Entries({str(name): value for name, value in arguments.keywords.items()}, arguments.complete)


def _says_problem(value: Value | None) -> bool:
    return isinstance(value, Known) and value.value == "application/problem+json"


def _raised(value: Value, place: Place, owner: str) -> ErrorResponse | None:
    if isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name in _FRAMEWORK_ERRORS:
        status = _status(value.arguments.get("status_code", 0))
        detail = value.arguments.get("detail", 1)
        raised = value.place or place
        exception = within(detail, "") if isinstance(detail, Entries) else exception_of(detail)
        if exception:
            return ErrorResponse("exception", ("detail",), status, raised, owner, (), exception=exception)
        if isinstance(detail, Entries):
            keys = tuple(sorted(str(key) for key in detail.entries))
            return ErrorResponse("framework-object", keys, status, raised, owner, ())
        return ErrorResponse("framework", (), status, raised, owner, ())
    if isinstance(value, Instance) and isinstance(value.cls, External):
        for start, (keyword, position) in _RESPONDING.items():
            if value.cls.name.startswith(start):
                exception = within(value.arguments.get(keyword, position), "")
                if exception:
                    status = _status(value.arguments.get("status_code")) or _status(value.arguments.get("code"))
                    raised = value.place or place
                    return ErrorResponse("exception", (keyword,), status, raised, owner, (), exception=exception)
    return None


def _status(value: Value | None) -> int:
    """The status that a value stands for; 0 where it is not known."""
    if isinstance(value, Known) and isinstance(value.value, int) and not isinstance(value.value, bool):
        return value.value if 100 <= value.value < 600 else 0
    if isinstance(value, External):
        if match := _STATUS.search(value.name):
            return int(match[1])
        last = value.name.removesuffix(".value").rsplit(".", 1)[-1]
        if "HTTPStatus" in value.name and last in HTTPStatus.__members__:
            return int(HTTPStatus[last])
    if isinstance(value, Known) and isinstance(value.value, str) and value.value[:3].isdigit():
        return int(value.value[:3])
    return 0
