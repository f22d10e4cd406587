"""In: an evaluated program with its routes. Out: the request parameters that set the size of a page, and what bounds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from qualitygate.frameworks import RouteDraft
from qualitygate.link.calls import CallGraph, Step
from qualitygate.link.evaluate import Evaluator, Site
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import PageSize
from qualitygate.model.source import Place, Span
from qualitygate.model.values import ClassValue, External, FunctionValue, Instance, Known, Value
from qualitygate.vocabulary import paging_role

_HOPS = 2
_LARGEST = 100_000
_TYPED = frozenset({"fastapi", "starlette", "litestar", "ninja"})
# What declares a query parameter; `le` and its like bound it there.
_DECLARING = frozenset({"Query", "Field", "Parameter", "QueryParameter"})
_ELSEWHERE = frozenset({"Depends", "Security", "Header", "Cookie", "Body", "Form", "File", "Path", "Provide"})
_BOUNDS = frozenset({"le", "lt", "max", "maximum"})
_CLAMPS = ("min", "clip", "clamp", "bound", "validate", "check", "sanitize", "normalize", "limit_to", "cap")
# Flask-SQLAlchemy's own pages end at 100 unless told otherwise.
_BOUNDED_BY_LIBRARY = frozenset({"paginate"})
_HOLDERS = frozenset({"args", "GET", "query_params", "values", "query", "rel_url"})
_GETTERS = frozenset({"get", "get_argument", "get_query_argument", "getlist", "pop"})
_LIMITING = ("get_page_size", "get_limit", "paginate_queryset")
_PAGINATORS: Mapping[str, tuple[str, str]] = {
    "rest_framework.pagination.PageNumberPagination": ("page_size_query_param", "max_page_size"),
    "rest_framework.pagination.CursorPagination": ("page_size_query_param", "max_page_size"),
    "rest_framework.pagination.LimitOffsetPagination": ("limit_query_param", "max_limit"),
}


@dataclass
class _Found:
    """A parameter with the routes that take it."""

    name: str
    place: Place
    bound: str
    typed: bool
    routes: dict[str, None] = field(default_factory=dict)


def link_page_sizes(
    evaluator: Evaluator,
    graph: CallGraph,
    drafts: Sequence[RouteDraft],
    names: Mapping[int, str],
    pages: Mapping[int, bool],
) -> tuple[PageSize, ...]:
    """Page sizes of GET routes of an API, in the order of their places, and those of the paginators of DRF."""
    found: dict[Place, _Found] = {}
    for draft in drafts:
        if draft.method != "GET" or pages[id(draft)] or not isinstance(draft.handler, FunctionValue):
            continue
        seen = _declared(evaluator, graph, draft) if draft.framework in _TYPED else _read(evaluator, graph, draft)
        for size in seen:
            found.setdefault(size.place, size).routes[names[id(draft)]] = None
    sizes = [PageSize(one.name, one.place, one.bound, one.typed, tuple(one.routes)) for one in found.values()]
    sizes.extend(_paginators(evaluator))
    return tuple(sorted(sizes, key=lambda size: (size.place.path, size.place.span, size.name)))


def _declared(evaluator: Evaluator, graph: CallGraph, draft: RouteDraft) -> Iterator[_Found]:
    """Parameters of the handler, of what is injected into it, and fields of the classes that hold parameters."""
    queue: list[Value] = [draft.handler]
    seen: set[int] = set()
    while queue and len(seen) < 40:
        value = queue.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, FunctionValue):
            for parameter in value.node.parameters:
                if _is_size(parameter.name) and "{" + parameter.name + "}" not in draft.path:
                    yield from _parameter(evaluator, graph, value, parameter, draft)
                else:
                    queue.extend(_parameter_class(evaluator, parameter, value))
            queue.extend(graph.injected(value))
        elif isinstance(value, ClassValue):
            constructor = evaluator.attribute(value, "__init__")
            if isinstance(constructor, FunctionValue):
                queue.append(constructor)
            yield from _fields(evaluator, graph, value, draft)


def _parameter_class(evaluator: Evaluator, parameter: ir.Parameter, function: FunctionValue) -> Iterator[Value]:
    """The class of `page: Annotated[Page, Depends()]` or `Annotated[Page, Query()]`; what `Depends(f)` gives is no parameter."""
    if parameter.default is None and not isinstance(parameter.annotation, ir.Subscript):
        return
    for expression in (parameter.annotation, parameter.default):
        for part in ir.subexpressions(expression) if expression is not None else ():
            if isinstance(part, ir.Call) and _last(part.function) in _ELSEWHERE and part.arguments:
                return
    typed = evaluator.typed(parameter.annotation, function.scope)
    if isinstance(typed, Instance) and isinstance(typed.cls, ClassValue):
        yield typed.cls


def _parameter(
    evaluator: Evaluator, graph: CallGraph, function: FunctionValue, parameter: ir.Parameter, draft: RouteDraft
) -> Iterator[_Found]:
    declaration = _declaration(parameter.annotation, parameter.default)
    if declaration is None:
        return
    bound = declaration or _in_code(evaluator, graph, function, draft, parameter.name)
    span = _span(parameter.default) or _span(parameter.annotation) or function.node.span
    yield _Found(parameter.name, Place(function.path, span), bound, True)


def _fields(evaluator: Evaluator, graph: CallGraph, cls: ClassValue, draft: RouteDraft) -> Iterator[_Found]:
    for statement in cls.node.body:
        if not isinstance(statement, ir.Assign) or statement.annotation is None:
            continue
        for target in statement.targets:
            if not isinstance(target, ir.Name) or not _is_size(target.id):
                continue
            declaration = _declaration(statement.annotation, statement.value)
            if declaration is None:
                continue
            bound = declaration or _validated(cls, target.id)
            if not bound and isinstance(draft.handler, FunctionValue):
                bound = _in_code(evaluator, graph, draft.handler, draft, target.id)
            yield _Found(target.id, Place(cls.path, statement.span), bound, True)


def _validated(cls: ClassValue, name: str) -> str:
    """A validator of the class that names the field."""
    for statement in cls.node.body:
        if isinstance(statement, ir.Function):
            for decorator in statement.decorators:
                if any(
                    isinstance(part, ir.Constant) and part.value == name
                    for part in ir.subexpressions(decorator.expression)
                ):
                    return statement.name
    return ""


def _declaration(annotation: ir.Expression | None, default: ir.Expression | None) -> str | None:
    """What bounds a parameter by its declaration; empty where nothing does, None where it is no number from the query."""
    bound = ""
    for expression in (annotation, default):
        for part in ir.subexpressions(expression) if expression is not None else ():
            if not isinstance(part, ir.Call):
                continue
            called = _last(part.function)
            if called in _ELSEWHERE:
                return None
            if called in ("conint", "Le", "Lt", "Interval"):
                bound = called
            for argument in part.arguments:
                if argument.name in _BOUNDS and not _is_no_bound(argument.value):
                    bound = str(argument.name)
                if argument.stars:
                    bound = "unknown arguments"
    if annotation is not None and not _is_integer(annotation):
        return None
    return bound


def _is_no_bound(value: ir.Expression) -> bool:
    """Nothing, or a number that no page has: the largest of 32 bits, as generated declarations give."""
    if not isinstance(value, ir.Constant):
        return False
    return value.value is None or (isinstance(value.value, (int, float)) and value.value > _LARGEST)


def _is_integer(annotation: ir.Expression) -> bool:
    """`int`, `int | None`, `Optional[int]`, `Annotated[int, ...]`; a name that may stand for a bounded type is none."""
    if isinstance(annotation, ir.Name):
        return annotation.id in ("int", "None", "PositiveInt", "NonNegativeInt")
    if isinstance(annotation, ir.Constant):
        return annotation.value is None or annotation.value == "int"
    if isinstance(annotation, ir.Operation) and annotation.operator == "|":
        return all(map(_is_integer, annotation.operands))
    if isinstance(annotation, ir.Subscript) and _last(annotation.value) in ("Optional", "Union", "Annotated"):
        inner = annotation.index.items if isinstance(annotation.index, ir.Sequence) else (annotation.index,)
        return bool(inner) and _is_integer(inner[0])
    return False


def _read(evaluator: Evaluator, graph: CallGraph, draft: RouteDraft) -> Iterator[_Found]:
    """Parameters that the code itself takes from the query: `request.args.get("limit")`."""
    for step in graph.reach(graph.roots(draft)):
        if step.hops > _HOPS:
            break
        if not _GETTERS.intersection(step.function.node.calls):
            continue
        handed = _handed(graph, step)
        for site in graph.sites(step.function):
            name = _query_name(site, handed)
            if name:
                bound = _around(evaluator, graph, step.function, draft, site)
                if bound is not None:
                    yield _Found(name, site.place, bound, False)


def _handed(graph: CallGraph, step: Step) -> frozenset[str]:
    """The parameters of a reached function that its caller fills with the query: `Page.of(request.args)`."""
    if step.before is None or step.via is None:
        return frozenset()
    names = [parameter.name for parameter in step.function.node.parameters]
    if names and names[0] in ("self", "cls"):
        names = names[1:]
    found: set[str] = set()
    for site in graph.sites(step.before.function):
        if site.place == step.via:
            plain = [argument.value for argument in site.expression.arguments if argument.name is None]
            found.update(name for name, value in zip(names, plain, strict=False) if _last(value) in _HOLDERS)
            found.update(
                argument.name
                for argument in site.expression.arguments
                if argument.name is not None and _last(argument.value) in _HOLDERS
            )
    return frozenset(found)


def _query_name(site: Site, handed: frozenset[str]) -> str:
    """The page size that a call takes from the query, or from a parameter that holds it; empty for any other call."""
    function = site.expression.function
    if not isinstance(function, ir.Attribute) or function.name not in _GETTERS or not site.arguments.positional:
        return ""
    first = site.arguments.positional[0]
    if not isinstance(first, Known) or not isinstance(first.value, str) or not _is_size(first.value):
        return ""
    if function.name in ("get_argument", "get_query_argument"):
        return first.value
    holder = _last(function.value)
    return first.value if holder in _HOLDERS or holder in handed else ""


def _around(
    evaluator: Evaluator, graph: CallGraph, function: FunctionValue, draft: RouteDraft, site: Site
) -> str | None:
    """What bounds a value that a call reads, by the expression around it or the name that it is bound to.

    None where it is bound to nothing and so may never become a number.
    """
    body = evaluator.body(function)
    for statement in ir.walk(body):
        for expression in ir.evaluated_by(statement):
            parts = list(ir.subexpressions(expression))
            if not any(isinstance(part, ir.Call) and part.span == site.expression.span for part in parts):
                continue
            for part in parts:
                if isinstance(part, ir.Call) and part.span != site.expression.span and _clamps(_last(part.function)):
                    inside = (inner for argument in part.arguments for inner in ir.subexpressions(argument.value))
                    if any(isinstance(inner, ir.Call) and inner.span == site.expression.span for inner in inside):
                        return _last(part.function)
            if isinstance(statement, ir.Assign) and isinstance(statement.targets[0], ir.Name):
                return _in_code(evaluator, graph, function, draft, statement.targets[0].id)
            if any(isinstance(part, ir.Call) and _last(part.function) in ("int", "limit") for part in parts):
                return ""
            return None
    return None


def _in_code(evaluator: Evaluator, graph: CallGraph, function: FunctionValue, draft: RouteDraft, name: str) -> str:
    """What bounds a name in a function, or in those that it hands it to; empty where nothing is seen to."""
    if found := _bounded(evaluator.body(function), {name}):
        return found
    roots = [(function, None), *(graph.roots(draft) if function is not draft.handler else ())]
    for step in graph.reach(roots):
        if step.hops > _HOPS:
            break
        sizes = {parameter.name for parameter in step.function.node.parameters if _is_size(parameter.name)}
        sizes |= {name} if step.hops == 0 else set()
        if sizes and (found := _bounded(evaluator.body(step.function), sizes)):
            return found
    return ""


def _bounded(body: Sequence[ir.Statement], names: set[str]) -> str:
    """A call that clamps one of the names, or a comparison with more than 1, in some statements."""
    for statement in ir.walk(body):
        for expression in ir.evaluated_by(statement):
            for part in ir.subexpressions(expression):
                if isinstance(part, ir.Call):
                    called = _last(part.function)
                    if (_clamps(called) or called in _BOUNDED_BY_LIBRARY) and any(
                        _names(inner, names)
                        for argument in part.arguments
                        for inner in ir.subexpressions(argument.value)
                    ):
                        return called
                elif isinstance(part, ir.Operation) and part.operator in ("<", "<=", ">", ">=", "in", "not in"):
                    others = [operand for operand in part.operands if not _names(operand, names)]
                    if len(others) < len(part.operands) and not all(map(_is_small, others)):
                        return "a comparison"
    return ""


def _is_small(expression: ir.Expression) -> bool:
    """A literal up to 1: who compares with it looks for a lower bound."""
    return isinstance(expression, ir.Constant) and isinstance(expression.value, (int, float)) and expression.value <= 1


def _names(expression: ir.Expression, names: set[str]) -> bool:
    return (isinstance(expression, ir.Name) and expression.id in names) or (
        isinstance(expression, ir.Attribute) and expression.name in names
    )


def _clamps(name: str) -> bool:
    return name == "min" or any(word in name.lower() for word in _CLAMPS[1:])


def _paginators(evaluator: Evaluator) -> Iterator[PageSize]:
    """Paginators of Django REST framework whose size the client sets; without a maximum they take any."""
    for _, cls in sorted(evaluator.classes.items()):
        kind = next(
            (base.name for base in evaluator.ancestry(cls) if isinstance(base, External) and base.name in _PAGINATORS),
            "",
        )
        if not kind:
            continue
        parameter, maximum = _PAGINATORS[kind]
        named, most = evaluator.attribute(cls, parameter), evaluator.attribute(cls, maximum)
        if parameter == "limit_query_param":
            name = str(named.value) if isinstance(named, Known) else "limit"
        elif isinstance(named, Known) and isinstance(named.value, str):
            name = named.value
        else:
            continue
        bounded = isinstance(most, Known) and most.value is not None
        own = _own_names(evaluator, cls)
        unknown = maximum in own and not _is_literally_none(evaluator, cls, maximum)
        bound = maximum if bounded or unknown else next((method for method in _LIMITING if method in own), "")
        if not bound and not {parameter, maximum}.intersection(cls.names) and _inherits(evaluator, cls):
            continue  # said of the class that it comes from
        yield PageSize(name, Place(cls.path, cls.node.span), bound, True, (), cls.qualname)


def _own_names(evaluator: Evaluator, cls: ClassValue) -> set[str]:
    return {name for base in evaluator.ancestry(cls) if isinstance(base, ClassValue) for name in base.names}


def _is_literally_none(evaluator: Evaluator, cls: ClassValue, name: str) -> bool:
    """Whether the class that gives the attribute says None itself: a setting may be None by its default alone."""
    for base in evaluator.ancestry(cls):
        for statement in base.node.body if isinstance(base, ClassValue) and name in base.names else ():
            if isinstance(statement, ir.Assign) and any(_last(target) == name for target in statement.targets):
                return isinstance(statement.value, ir.Constant) and statement.value.value is None
    return False


def _inherits(evaluator: Evaluator, cls: ClassValue) -> bool:
    """Whether a class comes from another paginator of the project."""
    bases = [base for base in evaluator.ancestry(cls) if isinstance(base, ClassValue) and base is not cls]
    return any(evaluator.is_a(base, frozenset(_PAGINATORS)) for base in bases)


def _is_size(name: str) -> bool:
    return name.lower() not in ("first", "last", "max", "top", "count", "rows") and paging_role(name) == "size"


def _last(expression: ir.Expression) -> str:
    if isinstance(expression, ir.Name):
        return expression.id
    return expression.name if isinstance(expression, ir.Attribute) else ""


def _span(expression: ir.Expression | None) -> Span | None:
    for part in ir.subexpressions(expression) if expression is not None else ():
        span = getattr(part, "span", None)
        if isinstance(span, Span):
            return span
    return None
