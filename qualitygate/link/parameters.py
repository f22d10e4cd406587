"""In: a route of a framework that fills a handler's parameters by their types. Out: what it takes from the request.

FastAPI's rules: a parameter that the path names comes from the path, one of a plain type from the query, one of a model
from the body, and `Query`, `Header`, ... say otherwise. Those of providers (`Depends`) belong to the route too.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.frameworks import RouteDraft
from qualitygate.link.annotations import last_word, types_of
from qualitygate.link.calls import CallGraph
from qualitygate.link.evaluate import Evaluator
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import RouteParameter
from qualitygate.model.source import Place, Span
from qualitygate.model.values import ClassValue, External, FunctionValue, Instance, Known, Unknown, Value

_FRAMEWORKS = frozenset(("fastapi",))
_MARKS = {
    "Query": "query",
    "Header": "header",
    "Cookie": "cookie",
    "Path": "path",
    "Body": "body",
    "Form": "form",
    "File": "form",
}
PROVIDED = frozenset(("Depends", "Security"))
_PLAIN = frozenset(
    """str int float bool bytes UUID UUID1 UUID3 UUID4 UUID5 date datetime time timedelta Decimal Literal EmailStr
    PositiveInt NonNegativeInt NegativeInt PositiveFloat NonNegativeFloat conint constr confloat StrictStr StrictInt
    StrictBool HttpUrl AnyUrl AnyHttpUrl AwareDatetime NaiveDatetime PastDate FutureDate""".split()
)
_OF_BODY = frozenset(("dict", "list", "tuple", "set", "List", "Dict", "Set", "Tuple", "Sequence"))
_GIVEN = frozenset(("Request", "HTTPConnection", "Response", "WebSocket", "BackgroundTasks", "SecurityScopes"))
_ENUMS = frozenset(("enum.Enum", "enum.IntEnum", "enum.StrEnum"))
_MOST = 40
# What an argument of `Query` bounds a number by, and what must be taken off for the largest value.
_BOUNDS = {"le": 0, "lt": 1}


def route_parameters(
    evaluator: Evaluator, graph: CallGraph, draft: RouteDraft
) -> tuple[tuple[RouteParameter, ...], bool]:
    """The parameters, and whether they are all that the route reads of the query and the headers."""
    if draft.framework not in _FRAMEWORKS or not isinstance(draft.handler, FunctionValue):
        return (), False
    found: dict[tuple[str, str], RouteParameter] = {}
    known = True
    queue: list[Value] = [draft.handler, *(value for value in draft.before if not _is_middleware(evaluator, value))]
    seen: set[int] = set()
    while queue:
        value = queue.pop(0)
        if isinstance(value, (ClassValue, Instance)):
            value = evaluator.attribute(value, "__init__" if isinstance(value, ClassValue) else "__call__")
        if not isinstance(value, FunctionValue):
            # A provider of a library may read anything; those of FastAPI's own security read one header.
            known = known and isinstance(value, External) and value.name.startswith("fastapi.security.")
            continue
        if id(value.node) in seen:
            continue
        seen.add(id(value.node))
        if len(seen) > _MOST:
            return tuple(found.values()), False
        for parameter in value.node.parameters:
            if parameter.name in ("self", "cls") and value.owner is not None:
                continue
            taken = list(_taken(evaluator, value, parameter, draft.path))
            known = known and bool(taken) and parameter.kind in ("plain", "keyword", "positional")
            for one in taken:
                found.setdefault((one.source, one.name), one)
                if one.source == "request":
                    known = known and not _looks(evaluator, value, parameter.name, value is draft.handler)
        queue.extend(graph.injected(value))
    return tuple(one for one in found.values() if one.source not in ("request", "given")), known


def _is_middleware(evaluator: Evaluator, value: Value) -> bool:
    """Whether something that runs before a handler is given the request whole, and has no parameters of its own."""
    if isinstance(value, FunctionValue):
        return any(parameter.name in ("call_next", "scope") for parameter in value.node.parameters)
    if not isinstance(value, (ClassValue, Instance)):
        return isinstance(value, External) and "middleware" in value.name.lower()
    called = evaluator.attribute(value, "__call__")
    scoped = isinstance(called, FunctionValue) and any(one.name == "scope" for one in called.node.parameters)
    return scoped or isinstance(evaluator.attribute(value, "dispatch"), FunctionValue)


def _looks(evaluator: Evaluator, function: FunctionValue, name: str, is_handler: bool) -> bool:
    """Whether a function reads the query of a request by hand, or a handler hands its request on."""
    for expression in ir.expressions(evaluator.body(function)):
        for part in ir.subexpressions(expression):
            if isinstance(part, ir.Attribute) and part.name in ("query_params", "url"):
                return True
            if (
                is_handler
                and isinstance(part, ir.Call)
                and any(isinstance(one.value, ir.Name) and one.value.id == name for one in part.arguments)
            ):
                return True
    return False


def _taken(
    evaluator: Evaluator, function: FunctionValue, parameter: ir.Parameter, path: str
) -> Iterator[RouteParameter]:
    """What one parameter of a function stands for; nothing where that is not known."""
    default = evaluator.peek(parameter.default, function.scope) if parameter.default is not None else None
    pairs, marks = types_of(evaluator, parameter.annotation, function.scope)
    types = [value for value, _ in pairs]
    if isinstance(default, Instance) and (name := last_word(default)) in _MARKS | dict.fromkeys(PROVIDED, ""):
        marks = [*marks, default]
        if name in _MARKS:
            default = default.arguments.get("default", 0)
            if isinstance(default, Unknown) and default.why == "ellipsis":
                default = None
    place = Place(function.path, _span(parameter) or function.node.span)
    required = default is None and (parameter.default is None or bool(marks))
    if any(last_word(mark) in PROVIDED for mark in marks):
        yield RouteParameter(parameter.name, "given", place=place)
        return
    mark = next((mark for mark in reversed(marks) if last_word(mark) in _MARKS), None)
    names = {last_word(one) for one in types}
    kind = next((name for name in names if name in _PLAIN), "")
    if mark is not None:
        source = _MARKS[last_word(mark)]
        if mark.arguments.get("default_factory") is not None:
            required = False
        models = [one for one in types if isinstance(one, ClassValue) and not _is_enum(evaluator, one)]
        if source in ("query", "header", "cookie") and models:
            yield from _fields(evaluator, models[0], source)
            return
        alias = mark.arguments.get("alias") or mark.arguments.get("validation_alias")
        if alias is not None and not isinstance(alias, Known):
            return
        name = str(alias.value) if isinstance(alias, Known) and alias.value else parameter.name
        if source == "header" and alias is None:
            name = name.replace("_", "-")
        yield RouteParameter(name, source, kind, _maximum(mark), place, required)
    elif "{" + parameter.name + "}" in path:
        yield RouteParameter(parameter.name, "path", kind, place=place, required=True)
    elif names & _GIVEN:
        yield RouteParameter(
            parameter.name, "request" if names & {"Request", "HTTPConnection"} else "given", place=place
        )
    elif kind or any(_is_enum(evaluator, one) for one in types):
        yield RouteParameter(parameter.name, "query", kind, _maximum(*marks), place, required)
    elif names & (_OF_BODY | {"UploadFile"}) or any(isinstance(one, ClassValue) for one in types):
        yield RouteParameter(parameter.name, "body", "", place=place, required=required)


def _fields(evaluator: Evaluator, model: ClassValue, source: str) -> Iterator[RouteParameter]:
    """The parameters that the fields of a model are; those of its bases too."""
    found: dict[str, RouteParameter] = {}
    for cls in evaluator.ancestry(model):
        for name, annotation in cls.annotations.items() if isinstance(cls, ClassValue) else ():
            if name.startswith("_") or name == "model_config" or name in found or not isinstance(cls, ClassValue):
                continue
            pairs, marks = types_of(evaluator, annotation, cls.scope)
            default = cls.names.get(name)
            given = default.arguments.get("default", 0) if isinstance(default, Instance) else default
            marks = [*marks, *([default] if isinstance(default, Instance) else [])]
            alias = next((mark.arguments.get("alias") for mark in marks if mark.arguments.get("alias")), None)
            known_as = str(alias.value) if isinstance(alias, Known) else name
            kind = next((word for value, _ in pairs if (word := last_word(value)) in _PLAIN), "")
            made = isinstance(default, Instance) and default.arguments.get("default_factory") is not None
            required = not made and (given is None or (isinstance(given, Unknown) and given.why == "ellipsis"))
            place = Place(cls.path, cls.node.span)
            found[name] = RouteParameter(known_as, source, kind, _maximum(*marks), place, required)
    yield from found.values()


def _maximum(*marks: Instance) -> float | None:
    for mark in marks:
        for name, less in _BOUNDS.items():
            value = mark.arguments.get(name)
            if isinstance(value, Known) and isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
                return float(value.value) - less
    return None


def _is_enum(evaluator: Evaluator, value: Value) -> bool:
    return isinstance(value, ClassValue) and evaluator.is_a(value, _ENUMS)


def _span(parameter: ir.Parameter) -> Span | None:
    for expression in (parameter.default, parameter.annotation):
        for part in ir.subexpressions(expression) if expression is not None else ():
            span = getattr(part, "span", None)
            if isinstance(span, Span):
                return span
    return None
