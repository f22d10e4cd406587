"""In: values of a followed program. Out: what exception a text is from, and what a function shows of what it is given."""

from __future__ import annotations

from qualitygate.link.evaluate import Evaluator
from qualitygate.model import syntax as ir
from qualitygate.model.values import (
    Bound,
    ClassValue,
    Entries,
    External,
    FunctionValue,
    Instance,
    Items,
    Pattern,
    Unknown,
    Value,
)

_DEEPEST = 12
# Functions that give back the text that they are given, dressed up.
_PASSING = frozenset(
    """builtins.str builtins.repr html.escape markupsafe.escape markupsafe.Markup flask.render_template_string
    flask.templating.render_template_string""".split()
)
_TEXT_METHODS = frozenset({"splitlines", "split", "strip", "join", "replace", "format", "encode", "capitalize"})


def within(value: Value | None, caught: str, depth: int = 0) -> str:
    """What exception the texts inside a body are from; empty where none is."""
    if depth < _DEEPEST and isinstance(value, Entries):
        return next((name for item in value.entries.values() if (name := within(item, caught, depth + 1))), "")
    if depth < _DEEPEST and isinstance(value, Items):
        return next((name for item in value.items[:20] if (name := within(item, caught, depth + 1))), "")
    return exception_of(value, caught)


def exception_of(value: Value | None, caught: str = "") -> str:
    """The exception that a text is made from, by its class: `str(exc)`, `f"{exc}"`, `exc.args`, `traceback.format_exc()`.

    ``caught`` names a parameter that holds one.
    """
    queue: list[Value | None] = [value]
    for _ in range(_DEEPEST):
        if not queue:
            break
        current = queue.pop(0)
        if isinstance(current, Pattern):
            queue.extend(current.holes)
        elif isinstance(current, Unknown):
            if caught and current.name == caught and current.why == "a parameter":
                return "parameter"
        elif isinstance(current, Bound):
            # `message` of the project's own exception is what its authors chose to tell the client.
            chosen = (
                current.name == "message"
                and isinstance(current.receiver, Instance)
                and isinstance(current.receiver.cls, ClassValue)
            )
            if not chosen and current.name in (
                "args",
                "message",
                "strerror",
                "orig",
                "__traceback__",
                "__cause__",
                "__getitem__",
            ):
                queue.append(current.receiver)
        elif isinstance(current, Instance):
            if "__caught__" in current.attributes and current.place is None:
                return class_name(current.cls)
            if caught and current.place is None and current.event is None and _is_exception(current.cls):
                return "parameter"
            if current.event is None:
                continue
            name = current.event.name
            if name in ("traceback.format_exc", "traceback.format_exception", "traceback.format_tb", "sys.exc_info"):
                return "traceback"
            if name in _PASSING:
                queue.extend(current.arguments.positional[:1])
            elif name in _TEXT_METHODS and current.event.receiver is not None:
                queue.append(current.event.receiver)
                queue.extend(current.arguments.positional[:1] if name == "join" else ())
    return ""


def class_name(value: Value) -> str:
    if isinstance(value, External):
        return value.name
    return f"{value.path}:{value.qualname}" if isinstance(value, ClassValue) else ""


def _is_exception(cls: Value) -> bool:
    return class_name(cls).endswith(("Exception", "Error"))


def names_behind(evaluator: Evaluator, function: FunctionValue, expression: ir.Expression | None) -> frozenset[str]:
    """The names that an expression of a function is made from, through the variables of the function."""
    if expression is None:
        return frozenset()
    values: dict[str, list[ir.Expression]] = {}
    for statement in ir.walk(evaluator.body(function)):
        if isinstance(statement, ir.Assign) and statement.value is not None:
            for target in statement.targets:
                holder = target.value if isinstance(target, ir.Subscript) else target
                if isinstance(holder, ir.Name):
                    values.setdefault(holder.id, []).append(statement.value)
    found: set[str] = set()
    queue = [expression]
    while queue:
        for part in ir.subexpressions(queue.pop()):
            if isinstance(part, ir.Name) and part.id not in found:
                found.add(part.id)
                queue.extend(values.get(part.id, ()))
    return frozenset(found)
