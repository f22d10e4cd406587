"""In: a route as its framework declares it. Out: the type of its response, as the declaration tells it."""

from __future__ import annotations

from qualitygate.frameworks import RouteDraft
from qualitygate.link.evaluate import Evaluator
from qualitygate.model import syntax as ir
from qualitygate.model.values import Arguments, ClassValue, External, FunctionValue, Instance, Items, Known, Value

_DEEPEST = 12


def link_response(evaluator: Evaluator, draft: RouteDraft) -> str:
    """The type of a successful response as the declaration tells it; empty where it tells nothing."""
    told = _named(draft.response_value)
    if told:
        return told
    handler = draft.handler if isinstance(draft.handler, FunctionValue) else None
    if handler is not None:
        for decorator in handler.decorators:
            name, arguments = _decorator(decorator)
            if name in ("response", "output", "marshal_with") and arguments is not None:
                values = [arguments.keywords.get("schema"), *arguments.positional]
                if told := next((text for value in values if (text := _named(value))), ""):
                    return told
    if draft.framework == "drf" and isinstance(draft.view, ClassValue) and draft.method != "DELETE":
        serializer = evaluator.attribute(draft.view, "serializer_class")
        if isinstance(serializer, ClassValue):
            return f"list[{serializer.qualname}]" if draft.collection else serializer.qualname
    return _written(draft.response)


def _decorator(decorator: Value) -> tuple[str, Arguments | None]:
    if isinstance(decorator, Instance) and decorator.event is not None:
        return decorator.event.name.rsplit(".", 1)[-1], decorator.arguments
    return "", None


def _named(value: Value | None) -> str:
    """The name of a class or of a list of one: `Order`, `list[Order]`."""
    if isinstance(value, ClassValue):
        return value.qualname
    if isinstance(value, Instance) and isinstance(value.cls, ClassValue):
        many = value.arguments.keywords.get("many")
        several = isinstance(many, Known) and many.value is True
        return f"list[{value.cls.qualname}]" if several else value.cls.qualname
    if isinstance(value, Items) and len(value.items) == 1 and (inner := _named(value.items[0])):
        return f"list[{inner}]"
    if isinstance(value, External) and not value.name.startswith("builtins."):
        return value.name.rsplit(".", 1)[-1]
    return ""


def _written(expression: ir.Expression | None, depth: int = 0) -> str:
    """A type as the code spells it, without the metadata of `Annotated`; empty where it is no type."""
    if expression is None or depth > _DEEPEST:
        return ""
    if isinstance(expression, ir.Name):
        return expression.id
    if isinstance(expression, ir.Constant):
        return str(expression.value)
    if isinstance(expression, ir.Attribute):
        return expression.name
    if isinstance(expression, ir.Operation) and expression.operator == "|":
        return " | ".join(_written(operand, depth + 1) for operand in expression.operands)
    if isinstance(expression, ir.Sequence):
        return ", ".join(_written(item, depth + 1) for item in expression.items)
    if isinstance(expression, ir.Subscript):
        outer = _written(expression.value, depth + 1)
        inner = expression.index
        if outer == "Annotated":
            first = inner.items[0] if isinstance(inner, ir.Sequence) and inner.items else inner
            return _written(first, depth + 1)
        return f"{outer}[{_written(inner, depth + 1)}]"
    return ""
