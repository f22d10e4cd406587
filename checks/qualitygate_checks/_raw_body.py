"""In: a handler. Out: the names in it that hold the body of its request as it came, without a schema."""

from __future__ import annotations

import re

from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Route
from qualitygate_checks._code import Body, last_name, spelling

_RAW = re.compile(
    r"(?:^|\.)request\.(?:get_json|json|form|data|POST|body|values|get_data|get_body_as_json|DATA|post)$|^(?:self\.get_json_body|self\.get_json)$"
)
_OPEN_TYPES = frozenset(("dict", "Dict", "Any", "Mapping", "MutableMapping", "object"))


def holders(body: Body, route: Route) -> tuple[set[str], bool]:
    """The local names that hold the raw body, and whether it is also used without a name."""
    names: set[str] = set()
    for name, bindings in body.bindings.items():
        values = [binding.value for binding in bindings if binding.how == "value"]
        if values and all(is_raw(value) for value in values):
            names.add(name)
    if route.framework in ("fastapi", "litestar", "ninja") and body.function is not None:
        for parameter in body.function.parameters:
            if _is_open(parameter) and not parameter.name.startswith("_"):
                names.add(parameter.name)
    direct = any(is_raw(part) for part in body.expressions())
    return names, direct


def is_raw(expression: ir.Expression) -> bool:
    if isinstance(expression, ir.Await):
        return is_raw(expression.value)
    if isinstance(expression, ir.Operation) and expression.operator == "or":
        return is_raw(expression.operands[0])
    if isinstance(expression, ir.Call):
        if last_name(expression.function) == "loads" and expression.arguments:
            inner = expression.arguments[0].value
            return is_raw(inner) or any(is_raw(part) for part in ir.subexpressions(inner))
        return bool(_RAW.search(_written(expression.function)))
    return isinstance(expression, ir.Attribute) and bool(_RAW.search(_written(expression)))


def _written(expression: ir.Expression) -> str:
    return spelling(expression) if isinstance(expression, (ir.Name, ir.Attribute)) else ""


def _is_open(parameter: ir.Parameter) -> bool:
    """A parameter that takes any body: `dict`, `dict[str, Any]`, `Any` from `Body()`."""
    annotation = parameter.annotation
    if annotation is None:
        return False
    if isinstance(annotation, ir.Subscript):
        if last_name(annotation.value) == "Annotated":
            return False
        return last_name(annotation.value) in ("dict", "Dict", "Mapping", "MutableMapping")
    default = parameter.default
    injected = isinstance(default, ir.Call) and last_name(default.function) not in ("Body", "Form")
    name = last_name(annotation)
    if injected or name not in _OPEN_TYPES:
        return False
    return name in ("dict", "Dict") or isinstance(default, ir.Call)
