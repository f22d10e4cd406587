"""In: an evaluated program with its routes. Out: every error response that handlers give, by its shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus

from qualitygate.frameworks import ErrorHandlerDraft, RouteDraft
from qualitygate.link.calls import CallGraph, dotted, way
from qualitygate.link.evaluate import Evaluator
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import ErrorHandler, ErrorResponse
from qualitygate.model.source import Place
from qualitygate.model.values import (
    Arguments,
    Entries,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    Pattern,
    Value,
)

MAX_HOPS = 3

_STATUS = re.compile(r"HTTP_([1-5]\d\d)_")
_JSON_RESPONSES = frozenset(
    {"JSONResponse", "ORJSONResponse", "UJSONResponse", "JsonResponse", "Response", "jsonify", "MsgSpecJSONResponse"}
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
_FRAMEWORK_ERRORS = frozenset(
    {"fastapi.HTTPException", "fastapi.exceptions.HTTPException", "starlette.exceptions.HTTPException"}
)


def link_errors(
    evaluator: Evaluator,
    graph: CallGraph,
    drafts: Sequence[RouteDraft],
    names: Mapping[int, str],
    pages: Mapping[int, bool],
) -> tuple[ErrorResponse, ...]:
    """Error responses in the code that API routes reach. ``pages`` tells, by draft, the routes that serve pages."""
    found: dict[tuple[str, int, int], ErrorResponse] = {}
    for draft in drafts:
        if pages[id(draft)] or draft.framework == "graphql":
            continue
        for step in graph.reach(graph.roots(draft)):
            if step.hops > MAX_HOPS:
                break
            for response in _in_function(evaluator, graph, step.function, draft.framework):
                span = response.place.span
                key = (response.place.path, span.line, span.column)
                known = found.get(key)
                routes = (*(known.routes if known is not None else ()), names[id(draft)])
                chain = known.chain if known is not None else way(step, draft.declared, names[id(draft)])
                found[key] = ErrorResponse(
                    response.shape,
                    response.keys,
                    response.status,
                    response.place,
                    response.owner,
                    tuple(dict.fromkeys(routes)),
                    chain,
                    draft.framework,
                )
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


def _in_function(
    evaluator: Evaluator, graph: CallGraph, function: FunctionValue, framework: str
) -> Iterator[ErrorResponse]:
    owner = f"{function.path}:{function.qualname}"
    trace = graph.trace(function)
    for expression, value, place in trace.returns:
        yield from _returned(evaluator, function, expression, value, place, owner)
    for expression, value, place in trace.raises:
        response = _raised(value, place, owner, expression)
        if response is not None:
            yield response
    for site in trace.sites:
        name = dotted(site.callee)
        if name in ("flask.abort", "quart.abort", "werkzeug.exceptions.abort") and site.arguments.positional:
            status = _status(site.arguments.positional[0])
            description = site.arguments.get("description", 1)
            if status >= 400:
                shape = "exception" if _from_exception(description) else "framework"
                yield ErrorResponse(shape, (), status, site.place, owner, ())


def _returned(
    evaluator: Evaluator,
    function: FunctionValue,
    expression: ir.Expression | None,
    value: Value,
    place: Place,
    owner: str,
) -> Iterator[ErrorResponse]:
    # Flask: `return body, status` (and headers).
    if (
        isinstance(value, Items)
        and isinstance(expression, ir.Sequence)
        and expression.kind == "tuple"
        and len(value.items) >= 2
    ):
        status = _status(value.items[1])
        if status >= 400:
            yield _response(
                value.items[0], status, place, owner, headers=value.items[2] if len(value.items) > 2 else None
            )
        return
    if not isinstance(value, Instance) or value.place is None or value.event is None:
        return
    last = value.event.name.rsplit(".", 1)[-1]
    if value.event.receiver is not None:
        return
    arguments = value.arguments
    if last in _DJANGO_ERRORS and value.event.name.startswith("django."):
        yield _response(arguments.get("content", 0), _DJANGO_ERRORS[last], value.place, owner)
        return
    if last not in _JSON_RESPONSES | _TEXT_RESPONSES | {"make_response"}:
        return
    status = _status(arguments.get("status_code")) or _status(arguments.get("status"))
    if last == "make_response":
        status = _status(arguments.get("status", 1)) or _status_in_tuple(arguments)
    elif last == "Response" and value.event.name.startswith("rest_framework"):
        status = status or _status(arguments.get("status", 1))
    elif last in ("JSONResponse", "PlainTextResponse", "HTMLResponse"):
        status = status or _status(arguments.get("status_code", 1))
    if status < 400:
        return
    media_type = arguments.get("media_type") or arguments.get("content_type") or arguments.get("mimetype")
    body = arguments.get("content", 0) or arguments.get("data", 0) or arguments.get("response", 0)
    yield _response(body, status, value.place, owner, media_type=media_type)


def _status_in_tuple(arguments: Arguments) -> int:
    first = arguments.positional[0] if arguments.positional else None
    return _status(first.items[1]) if isinstance(first, Items) and len(first.items) > 1 else 0


def _response(
    body: Value | None,
    status: int,
    place: Place,
    owner: str,
    *,
    media_type: Value | None = None,
    headers: Value | None = None,
) -> ErrorResponse:
    """Name the shape of an error body."""
    if _says_problem(media_type) or (
        isinstance(headers, Entries) and any(_says_problem(v) for v in headers.entries.values())
    ):
        return ErrorResponse("problem", (), status, place, owner, ())
    if (
        isinstance(body, Instance)
        and body.event is not None
        and body.event.name.rsplit(".", 1)[-1] in ("jsonify", "dict")
    ):
        inner = body.arguments
        body = inner.positional[0] if inner.positional else _entries(inner)
    if isinstance(body, Entries):
        keys = tuple(sorted(str(key) for key in body.entries))
        if set(keys) >= _PROBLEM_KEYS:
            return ErrorResponse("problem", keys, status, place, owner, ())
        leaks = any(_from_exception(value) for value in body.entries.values())
        return ErrorResponse("exception" if leaks else "object", keys, status, place, owner, ())
    if _from_exception(body):
        return ErrorResponse("exception", (), status, place, owner, ())
    if isinstance(body, (Known, Pattern)) and not (isinstance(body, Known) and not isinstance(body.value, str)):
        empty = isinstance(body, Known) and body.value == ""
        return ErrorResponse("empty" if empty else "text", (), status, place, owner, ())
    if body is None:
        return ErrorResponse("empty", (), status, place, owner, ())
    return ErrorResponse("unknown", (), status, place, owner, ())


def _entries(arguments: Arguments) -> Entries:
    return Entries({str(name): value for name, value in arguments.keywords.items()}, arguments.complete)


def _says_problem(value: Value | None) -> bool:
    return isinstance(value, Known) and value.value == "application/problem+json"


def _raised(value: Value, place: Place, owner: str, expression: ir.Expression) -> ErrorResponse | None:
    if isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name in _FRAMEWORK_ERRORS:
        status = _status(value.arguments.get("status_code", 0))
        detail = value.arguments.get("detail", 1)
        raised = value.place or place
        if _from_exception(detail):
            return ErrorResponse("exception", (), status, raised, owner, ())
        if isinstance(detail, Entries):
            keys = tuple(sorted(str(key) for key in detail.entries))
            return ErrorResponse("framework-object", keys, status, raised, owner, ())
        return ErrorResponse("framework", (), status, raised, owner, ())
    return None


def _from_exception(value: Value | None) -> bool:
    """Whether a value is text made from a caught exception: `str(exc)`, `f"{exc}"`, `exc.args`, `traceback.format_exc()`."""
    if isinstance(value, Instance):
        if "__caught__" in value.attributes and value.place is None:
            return True
        if value.event is not None:
            name = value.event.name
            if name in ("traceback.format_exc", "traceback.format_exception", "sys.exc_info"):
                return True
            if name in ("builtins.str", "builtins.repr") and value.arguments.positional:
                return _from_exception(value.arguments.positional[0])
    return False


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
