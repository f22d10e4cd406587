"""In: routes with typed bodies. Out: the models that requests are made of, with the text and lists that they do not bound.

Models of pydantic, SQLModel, Django Ninja and msgspec that a handler takes as its body, and serializers of Django REST
framework behind views that take one, followed through their fields and bases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from qualitygate.frameworks import RouteDraft
from qualitygate.link.annotations import last_word, types_of
from qualitygate.link.evaluate import Evaluator
from qualitygate.link.parameters import PROVIDED
from qualitygate.model import syntax as ir
from qualitygate.model.contract import Input
from qualitygate.model.source import Place
from qualitygate.model.values import ClassValue, FunctionValue, Instance, Known, Value

_MODELS = frozenset(
    """pydantic.BaseModel pydantic.main.BaseModel pydantic.v1.BaseModel sqlmodel.SQLModel sqlmodel.main.SQLModel
    ninja.Schema ninja.schema.Schema msgspec.Struct""".split()
)
_SERIALIZERS = frozenset(("rest_framework.serializers.Serializer", "rest_framework.serializers.BaseSerializer"))
_LISTS = frozenset(("list", "set", "frozenset", "List", "Set", "FrozenSet", "Sequence", "Collection", "Iterable"))
_BOUNDS = frozenset("max_length max_items pattern regex choices strip_to max_value curtail_length const".split())
# What only describes a field, and bounds it by nothing but the keywords above.
_DESCRIBES = frozenset("Field Meta StringConstraints Doc Body Form Query FieldInfo mapped_column Column".split())
_WRITES = frozenset(("POST", "PUT", "PATCH"))
_SHOWN = 5

Key = int


@dataclass
class _Unit:
    """A model while its users are still counted."""

    cls: ClassValue
    bounded: int = 0
    unbounded: list[str] = field(default_factory=list)
    leads_to: dict[Key, None] = field(default_factory=dict)
    users: dict[str, None] = field(default_factory=dict)


def link_inputs(evaluator: Evaluator, drafts: Sequence[RouteDraft], names: Mapping[int, str]) -> tuple[Input, ...]:
    """The models that hold text or lists, in the order of their places."""
    units: dict[Key, _Unit] = {}
    for draft in drafts:
        if draft.method not in _WRITES:
            continue
        for cls in _bodies(evaluator, draft):
            for key in _reached(evaluator, units, cls):
                units[key].users[names[id(draft)]] = None
    found = []
    for unit in units.values():
        if unit.users and (unit.bounded or unit.unbounded):
            users = tuple(unit.users)
            place = Place(unit.cls.path, unit.cls.node.span)
            found.append(
                Input(
                    unit.cls.qualname,
                    place,
                    tuple(unit.unbounded[:_SHOWN]),
                    len(unit.unbounded),
                    users[:_SHOWN],
                    len(users),
                )
            )
    return tuple(sorted(found, key=lambda one: (one.place.path, one.place.span)))


def _bodies(evaluator: Evaluator, draft: RouteDraft) -> Iterator[ClassValue]:
    """The models that a handler takes from the body."""
    handler = draft.handler
    if draft.framework == "drf" and isinstance(draft.view, ClassValue):
        serializer = evaluator.attribute(draft.view, "serializer_class")
        if isinstance(serializer, ClassValue) and evaluator.is_a(serializer, _SERIALIZERS):
            yield serializer
    elif draft.framework in ("fastapi", "litestar", "ninja") and isinstance(handler, FunctionValue):
        for parameter in handler.node.parameters:
            default = evaluator.peek(parameter.default, handler.scope) if parameter.default is not None else None
            marks = types_of(evaluator, parameter.annotation, handler.scope)[1]
            if any(last_word(mark) in PROVIDED for mark in (*marks, *([default] if default is not None else []))):
                continue
            yield from _models(evaluator, parameter.annotation, handler)


def _models(
    evaluator: Evaluator, annotation: ir.Expression | None, owner: FunctionValue | ClassValue
) -> Iterator[ClassValue]:
    """The models that an annotation names, in lists and other generic types too."""
    queue = [annotation] if annotation is not None else []
    while queue:
        for value, expression in types_of(evaluator, queue.pop(), owner.scope)[0]:
            if isinstance(value, ClassValue) and evaluator.is_a(value, _MODELS):
                yield value
            if isinstance(expression, ir.Subscript):
                index = expression.index
                queue.extend(index.items if isinstance(index, ir.Sequence) else (index,))


def _reached(evaluator: Evaluator, units: dict[Key, _Unit], cls: ClassValue) -> Iterator[Key]:
    """The model and those that its fields and bases lead to."""
    queue = [cls]
    seen: set[Key] = set()
    while queue:
        current = queue.pop()
        key = id(current.node)
        if key in seen:
            continue
        seen.add(key)
        if key not in units:
            units[key] = unit = _Unit(current)
            if evaluator.is_a(current, _SERIALIZERS):
                queue.extend(_serializer(evaluator, unit))
            else:
                queue.extend(_model(evaluator, unit))
            unit.leads_to.update(dict.fromkeys(id(one.node) for one in queue))
        else:
            queue.extend(units[one].cls for one in units[key].leads_to if one in units)
        yield key


def _model(evaluator: Evaluator, unit: _Unit) -> list[ClassValue]:
    """Judge the fields of a model; the models that it leads to."""
    cls = unit.cls
    leads = [base for base in cls.bases if isinstance(base, ClassValue) and evaluator.is_a(base, _MODELS)]
    checked = _checked(cls)
    whole = _bounds_all(evaluator, cls)
    for name, annotation in cls.annotations.items():
        leads.extend(_models(evaluator, annotation, cls))
        if name.startswith("_") or name == "model_config":
            continue
        types, marks = types_of(evaluator, annotation, cls.scope)
        default = cls.names.get(name)
        marks = [*marks, *([default] if isinstance(default, Instance) else [])]
        words = {last_word(value) for value, _ in types}
        text, many = "str" in words or "bytes" in words, bool(words & _LISTS)
        if not text and not many:
            continue
        if name in checked or "*" in checked or (text and not many and whole) or any(map(_bounds, marks)):
            unit.bounded += 1
        else:
            unit.unbounded.append(f"{name}[]" if many else name)
    return leads


def _bounds(mark: Instance) -> bool:
    """Whether a mark limits a value: by a keyword, or because nobody knows what it does."""
    if last_word(mark) not in _DESCRIBES:
        return True
    return any(
        name in _BOUNDS and not (isinstance(value, Known) and value.value is None)
        for name, value in mark.arguments.keywords.items()
    )


def _checked(cls: ClassValue) -> set[str]:
    """The fields that a validator of the class names; `*` where one looks at all of them."""
    found: set[str] = set()
    for statement in cls.node.body:
        if not isinstance(statement, ir.Function):
            continue
        if statement.name.startswith("validate_"):
            found.add(statement.name.removeprefix("validate_"))
        for decorator in statement.decorators:
            for part in ir.subexpressions(decorator.expression):
                if isinstance(part, ir.Constant) and isinstance(part.value, str):
                    found.add(part.value)
    return found


def _bounds_all(evaluator: Evaluator, cls: ClassValue) -> bool:
    """Whether the configuration of a model limits all its text (`str_max_length`)."""
    for base in evaluator.ancestry(cls):
        if isinstance(base, ClassValue):
            for name in ("model_config", "Config"):
                value = base.names.get(name)
                if isinstance(value, Instance) and "str_max_length" in value.arguments.keywords:
                    return True
                if isinstance(value, ClassValue) and {"max_anystr_length", "str_max_length"} & set(value.names):
                    return True
    return False


def _serializer(evaluator: Evaluator, unit: _Unit) -> list[ClassValue]:
    """Judge the declared fields of a serializer; those that it takes from a model are bounded as the columns are."""
    cls = unit.cls
    leads = [base for base in cls.bases if isinstance(base, ClassValue) and evaluator.is_a(base, _SERIALIZERS)]
    checked = _checked(cls)
    for name, value in cls.names.items():
        if not isinstance(value, Instance) or _is_true(value.arguments.get("read_only")):
            continue
        if isinstance(value.cls, ClassValue):
            if evaluator.is_a(value.cls, _SERIALIZERS):
                leads.append(value.cls)
                many = _is_true(value.arguments.get("many"))
                if many and "max_length" not in value.arguments.keywords and name not in checked:
                    unit.unbounded.append(f"{name}[]")
                elif many:
                    unit.bounded += 1
            continue
        word = last_word(value)
        if word not in ("CharField", "ListField") or not value.cls.name.startswith("rest_framework."):
            continue
        bounded = any(bound in value.arguments.keywords for bound in ("max_length", "validators"))
        if bounded or name in checked or not value.arguments.complete:
            unit.bounded += 1
        else:
            unit.unbounded.append(f"{name}[]" if word == "ListField" else name)
    return leads


def _is_true(value: Value | None) -> bool:
    return isinstance(value, Known) and value.value is True
