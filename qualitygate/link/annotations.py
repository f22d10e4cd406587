"""In: a type annotation. Out: the types that it names, members of a union apart, and the marks beside them."""

from __future__ import annotations

from qualitygate.link.evaluate import Evaluator
from qualitygate.model import syntax as ir
from qualitygate.model.values import External, Instance, Items, Scope, Value

# Deeper annotations are no declarations that anybody reads.
_MOST = 50


def types_of(
    evaluator: Evaluator, annotation: ir.Expression | None, scope: Scope
) -> tuple[list[tuple[Value, ir.Expression | None]], list[Instance]]:
    """Each type with the expression that names it (None where it stands behind an alias), and the marks of `Annotated`."""
    types: list[tuple[Value, ir.Expression | None]] = []
    marks: list[Instance] = []
    queue = [annotation] if annotation is not None else []
    steps = 0
    while queue and (steps := steps + 1) < _MOST:
        expression = queue.pop(0)
        if isinstance(expression, ir.Operation) and expression.operator == "|":
            queue.extend(expression.operands)
            continue
        value = evaluator.annotation(expression, scope)
        if isinstance(value, Instance) and last_word(value) == "Annotated":
            inner = value.arguments.positional[0] if value.arguments.positional else None
            if isinstance(inner, Items) and inner.items:
                marks.extend(item for item in inner.items[1:] if isinstance(item, Instance))
                # The type of an annotation that stands here whole can be looked at more closely.
                if isinstance(expression, ir.Subscript) and isinstance(expression.index, ir.Sequence):
                    queue.append(expression.index.items[0])
                else:
                    types.append((inner.items[0], None))
            continue
        if isinstance(expression, ir.Subscript) and last_word(value) in ("Optional", "Union"):
            index = expression.index
            queue.extend(index.items if isinstance(index, ir.Sequence) else (index,))
            continue
        types.append((value, expression))
    return types, marks


def last_word(value: Value) -> str:
    """The last word of a library's name, or of the library class that made an object; empty for anything else."""
    if isinstance(value, Instance):
        value = value.cls
    return value.name.rpartition(".")[2] if isinstance(value, External) else ""
