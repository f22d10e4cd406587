"""In: an evaluated program and the framework adapters. Out: its routes, with guards, version, collection and pagination."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from qualitygate.frameworks import RouteDraft
from qualitygate.link.calls import CallGraph
from qualitygate.link.collections import judge_collection
from qualitygate.link.evaluate import Evaluator
from qualitygate.link.guards import link_guards
from qualitygate.link.parameters import route_parameters
from qualitygate.link.responses import link_response
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Route
from qualitygate.model.finding import Confidence
from qualitygate.model.source import Place
from qualitygate.model.values import ClassValue, External, FunctionValue, Instance, LambdaValue, Value
from qualitygate.vocabulary import path_version, purpose

_API_SEGMENT = re.compile(r"^(api|rest|api[-_]?v?\d+|rpc)$")
_JSON_CALLS = frozenset({"jsonify", "JsonResponse", "JSONResponse", "ORJSONResponse", "dumps", "json_response"})
_PAGE_CALLS = frozenset(
    """render_template render_template_string render redirect TemplateResponse send_file send_from_directory
    render_to_string HttpResponseRedirect FileResponse flash""".split()
)
_WEBHOOK = re.compile(r"(^|[/_-])(webhooks?|hooks?|callback|ipn)([/_-]|$)")
_ADMINISTRATION = re.compile(r"^(admin|backoffice|internal|_[a-z]\w*|debug|__\w+)$")
_VERSION_HEADER = re.compile(r"^(x-)?([a-z][a-z-]*-)?version$|^accept-version$", re.IGNORECASE)
_BARE_NUMBER = re.compile(r"^\d{1,2}$")
_FEW_PAGES = 20  # one route in so many may render a page, and the others still serve data


def link_routes(
    evaluator: Evaluator, graph: CallGraph, drafts: Sequence[RouteDraft]
) -> tuple[tuple[Route, ...], Mapping[int, str], Mapping[int, bool]]:
    """Routes in the order of their files, with the name and the kind (page or not) of each draft by its identity."""
    routes: dict[tuple[str, str, str, int], Route] = {}
    names: dict[int, str] = {}
    pages: dict[int, bool] = {}
    read: dict[int, bool] = {}
    without_pages = _without_pages(drafts)
    for draft in drafts:
        names[id(draft)] = f"{draft.method} {draft.path}"
        api = _is_api(draft, without_pages)
        pages[id(draft)] = not api
        place = _definition(draft.handler) or draft.declared
        how = _version(evaluator, graph, draft, read)
        judged = judge_collection(evaluator, graph, draft) if api else None
        parameters, parameters_known = route_parameters(evaluator, graph, draft)
        route = Route(
            method=draft.method,
            path=draft.path,
            framework=draft.framework,
            handler=_handler_name(draft.handler),
            place=place,
            shown=_shown(draft),
            declared=draft.declared,
            mounts=draft.mounts,
            api=api,
            exempt=_exempt(draft),
            versioned=bool(how),
            version_how=how,
            collection=judged is not None and judged.collection,
            collection_why=judged.why if judged is not None else "",
            collection_confidence=judged.confidence if judged is not None else Confidence.MEDIUM,
            paginated=judged is not None and bool(judged.paginated_by),
            paginated_by=judged.paginated_by if judged is not None else "",
            guards=link_guards(evaluator, graph, draft),
            response=link_response(evaluator, draft),
            parameters=parameters,
            parameters_known=parameters_known,
            uncertain=draft.uncertain,
        )
        routes.setdefault((place.path, draft.path, draft.method, place.span.line), route)
    ordered = sorted(routes.values(), key=lambda route: (route.place.path, route.place.span, route.path, route.method))
    return tuple(ordered), names, pages


def _definition(handler: Value) -> Place | None:
    """Where a handler's definition begins: with its first decorator, as Python itself counts."""
    if isinstance(handler, (FunctionValue, ClassValue)):
        span = handler.node.span
        if handler.node.decorators:
            first = handler.node.decorators[0]
            span = first.expression.name_span if isinstance(first.expression, ir.Call) else first.span
        return Place(handler.path, span)
    return None


def _shown(draft: RouteDraft) -> Place:
    handler = draft.handler
    if not isinstance(handler, (FunctionValue, ClassValue)):
        return draft.declared
    decorators = {decorator.span.line for decorator in handler.node.decorators}
    if draft.declared.path == handler.path and draft.declared.span.line in decorators:
        return draft.declared
    return Place(handler.path, handler.node.span)


def _handler_name(handler: Value) -> str:
    if isinstance(handler, (FunctionValue, ClassValue)):
        path = PurePosixPath(handler.path).with_suffix("")
        parts = path.parts[:-1] if path.name == "__init__" else path.parts
        return ".".join((*parts, handler.qualname))
    if isinstance(handler, LambdaValue):
        return "<lambda>"
    if isinstance(handler, External):
        return handler.name
    if isinstance(handler, Instance):
        return handler.cls.name if isinstance(handler.cls, External) else handler.cls.qualname
    return "<unknown>"


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _calls(draft: RouteDraft) -> frozenset[str]:
    return frozenset(draft.handler.node.calls) if isinstance(draft.handler, FunctionValue) else frozenset()


def _without_pages(drafts: Sequence[RouteDraft]) -> frozenset[str]:
    """Frameworks by which this project hardly renders a page: what says nothing of itself then serves data."""
    found = set()
    for framework in {draft.framework for draft in drafts}:
        own = [draft for draft in drafts if draft.framework == framework]
        pages = sum(draft.page or bool(_calls(draft) & _PAGE_CALLS) for draft in own)
        if pages * _FEW_PAGES <= len(own):
            found.add(framework)
    return frozenset(found)


def _is_api(draft: RouteDraft, without_pages: frozenset[str]) -> bool:
    """Whether a route serves data to programs, rather than pages to people."""
    if draft.page:
        return False
    calls = _calls(draft)
    if draft.framework in ("fastapi", "starlette", "litestar", "ninja", "graphql"):
        return not calls & {"TemplateResponse", "HTMLResponse"}
    if draft.framework == "drf":
        return True
    if any(_API_SEGMENT.match(segment) for segment in _segments(draft.path)[:3]):
        return True
    if isinstance(draft.view, ClassValue) and _is_resource(draft.view):
        return True
    if calls & _PAGE_CALLS:
        return False
    if calls & _JSON_CALLS or (draft.framework == "sanic" and "json" in calls):
        return True
    if draft.framework == "django":
        return False
    # A form of a page can neither PUT nor DELETE.
    return (
        draft.method in ("PUT", "PATCH", "DELETE")
        or _returns_mapping(draft.handler)
        or draft.framework in without_pages
    )


def _is_resource(view: ClassValue) -> bool:
    return any(
        isinstance(base, External) and base.name.split(".", 1)[0] in ("flask_restx", "flask_restful", "flask_restplus")
        for base in _bases(view)
    )


def _bases(view: ClassValue) -> Iterable[Value]:
    seen: set[int] = set()
    queue: list[Value] = list(view.bases)
    while queue:
        base = queue.pop()
        if id(base) not in seen:
            seen.add(id(base))
            yield base
            if isinstance(base, ClassValue):
                queue.extend(base.bases)


def _returns_mapping(handler: Value) -> bool:
    if not isinstance(handler, FunctionValue):
        return False
    return any(
        isinstance(statement, ir.Return)
        and (
            isinstance(statement.value, ir.Mapping)
            or (
                isinstance(statement.value, ir.Sequence)
                and statement.value.kind == "tuple"
                and bool(statement.value.items)
                and isinstance(statement.value.items[0], ir.Mapping)
            )
        )
        for statement in ir.statements(handler.node)
    )


def _exempt(draft: RouteDraft) -> str:
    """Why the rules of an API leave a route alone."""
    found = draft.exempt or purpose(draft.path)
    if found:
        return found
    segments = [segment for segment in _segments(draft.path) if not _API_SEGMENT.match(segment)]
    if segments and _ADMINISTRATION.match(segments[0]):
        return "administration" if segments[0] in ("admin", "backoffice") else "internal"
    if _WEBHOOK.search(draft.path):
        return "webhook"
    if draft.hidden:
        return "internal"
    return ""


def _version(evaluator: Evaluator, graph: CallGraph, draft: RouteDraft, read: dict[int, bool]) -> str:
    """How the version of a route is supplied; empty where it is not. ``read`` remembers what was seen of functions."""
    if path_version(draft.path, depth=99):
        return "path"
    segments = _segments(draft.path)
    if "v{?}" in segments:
        return "path"  # `f"/v{info.major}"`: which version is not known, that it is one is
    for before, segment in itertools.pairwise(segments):
        if before in ("api", "rest") and _BARE_NUMBER.match(segment):
            return "path"
    if draft.versioned_by:
        return draft.versioned_by
    if _reads_version_header(evaluator, graph, draft, read):
        return "header"
    return ""


def _reads_version_header(evaluator: Evaluator, graph: CallGraph, draft: RouteDraft, read: dict[int, bool]) -> bool:
    """Whether what stands before the handler, its own parameters or its view class reads a header that names a version."""
    functions = [function for value in draft.before for function, _ in graph.entry(value)]
    if isinstance(draft.handler, FunctionValue):
        functions.append(draft.handler)
        functions.extend(function for value in graph.injected(draft.handler) for function, _ in graph.entry(value))
    functions.extend(_choosing_a_version(evaluator, graph, draft.view))
    for function in functions:
        key = id(function.node)
        if key not in read:
            read[key] = _mentions_version_header(evaluator, function)
        if read[key]:
            return True
    return False


def _choosing_a_version(evaluator: Evaluator, graph: CallGraph, view: Value | None) -> Iterator[FunctionValue]:
    """Methods of a view class that speak of a version by their name, and what they call."""
    for base in evaluator.ancestry(view) if isinstance(view, ClassValue) else ():
        for method in base.names.values() if isinstance(base, ClassValue) else ():
            if isinstance(method, FunctionValue) and "version" in method.node.name.lower():
                yield method
                yield from (target.function for target in graph.targets(method, None))


def _mentions_version_header(evaluator: Evaluator, function: FunctionValue) -> bool:
    for parameter in function.node.parameters:
        value = parameter.default
        if isinstance(value, ir.Call):
            called = value.function.id if isinstance(value.function, ir.Name) else getattr(value.function, "name", "")
            alias = next((item.value for item in value.arguments if item.name == "alias"), None)
            name = alias.value if isinstance(alias, ir.Constant) else parameter.name.replace("_", "-")
            if called == "Header" and isinstance(name, str) and _VERSION_HEADER.match(name):
                return True
    if not {"get", "headers", "get_header"} & set(function.node.calls):
        return False
    for expression in ir.expressions(evaluator.body(function)):
        for part in ir.subexpressions(expression):
            if not isinstance(part, ir.Call) or not isinstance(part.function, ir.Attribute) or not part.arguments:
                continue
            if "headers" not in _spelling(part.function) and "Headers" not in _spelling(part.function):
                continue
            value_of = evaluator.evaluate(part.arguments[0].value, function.scope)
            text = getattr(value_of, "value", None)
            if isinstance(text, str) and _VERSION_HEADER.match(text):
                return True
    return False


def _spelling(expression: ir.Expression) -> str:
    if isinstance(expression, ir.Name):
        return expression.id
    if isinstance(expression, ir.Attribute):
        return f"{_spelling(expression.value)}.{expression.name}"
    return _spelling(expression.function) if isinstance(expression, ir.Call) else ""
