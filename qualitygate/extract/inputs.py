"""In: the request schemas of a contract's operations. Out: each schema once, with the text and lists it does not bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from qualitygate.extract.references import Node, References
from qualitygate.extract.schemas import MAX_DEPTH, Schemas
from qualitygate.model.contract import Input

# Formats whose values have a length of their own.
_SHORT = frozenset(
    "date date-time datetime time duration uuid guid ipv4 ipv6 binary byte color decimal int32 int64 float double".split()
)
_SHOWN = 5

Key = tuple[str, int]


@dataclass
class _Unit:
    """A schema with a name (or the inline one of a body), while its users are still counted."""

    name: str
    node: Node
    bounded: int = 0
    unbounded: list[str] = field(default_factory=list)
    leads_to: dict[Key, None] = field(default_factory=dict)
    users: dict[str, None] = field(default_factory=dict)


class Inputs:
    """Collects what the operations of one contract accept."""

    def __init__(self, references: References, schemas: Schemas) -> None:
        self._references = references
        self._schemas = schemas
        self._units: dict[Key, _Unit] = {}

    def accept(self, operation: str, schema: Node) -> None:
        """Note that an operation (`POST /users`) accepts a body of this schema."""
        first = self._unit(schema, f"the body of {operation}")
        reached: dict[Key, None] = {}
        queue = [first] if first is not None else []
        while queue:
            key = queue.pop()
            if key not in reached:
                reached[key] = None
                queue += self._units[key].leads_to
        for key in reached:
            self._units[key].users[operation] = None

    def found(self) -> Iterator[Input]:
        """The schemas that hold text or lists, in the order in which they were met."""
        for unit in self._units.values():
            if unit.users and (unit.bounded or unit.unbounded):
                users = tuple(unit.users)
                yield Input(
                    name=unit.name,
                    place=unit.node.place,
                    unbounded=tuple(unit.unbounded[:_SHOWN]),
                    count=len(unit.unbounded),
                    operations=users[:_SHOWN],
                    reach=len(users),
                )

    def _unit(self, schema: Node, name: str) -> Key | None:
        target = self._references.follow(schema)
        if target is None or not isinstance(target.data, dict):
            return None
        key = (target.file.path, id(target.data))
        if key not in self._units:
            self._units[key] = unit = _Unit(target.name or name, target)
            self._look(unit, target, "", 0)
        return key

    def _look(self, unit: _Unit, node: Node, path: str, depth: int) -> None:
        """Judge a schema that stands in a unit, and note the other units that it refers to."""
        if depth > MAX_DEPTH or not isinstance(node.data, dict):
            return
        if isinstance(node.data.get("$ref"), str) and depth:
            if (key := self._unit(node, path)) is not None:
                unit.leads_to[key] = None
            return
        if node.data.get("readOnly") is True:
            return
        self._judge(unit, node, path)
        if isinstance(node.data.get("properties"), dict):
            holder = node.child("properties")
            for name in holder.data:
                self._look(unit, holder.child(name), f"{path}.{name}" if path else name, depth + 1)
        for name, mark in (("items", "[]"), ("additionalProperties", ".*")):
            if isinstance(node.data.get(name), dict):
                self._look(unit, node.child(name), path + mark, depth + 1)
        for composition in ("allOf", "oneOf", "anyOf"):
            if isinstance(node.data.get(composition), list):
                holder = node.child(composition)
                for number, part in enumerate(holder.data):
                    # A part that is no object is one half of what was judged above, with its bounds.
                    if isinstance(part, dict) and ("$ref" in part or "properties" in part or "items" in part):
                        self._look(unit, holder.child(number), path, depth + 1)

    def _judge(self, unit: _Unit, node: Node, path: str) -> None:
        keywords = self._schemas.keywords(node)
        kinds = _kinds(keywords)
        name = path or "itself"
        if "string" in kinds:
            bounds = ("maxLength", "pattern", "enum", "const")
            if any(bound in keywords for bound in bounds) or keywords.get("format") in _SHORT:
                unit.bounded += 1
            elif name not in unit.unbounded and not self._is_of_a_part(node, "string"):
                unit.unbounded.append(name)
        elif "array" in kinds:
            if "maxItems" in keywords:
                unit.bounded += 1
            elif f"{name}[]" not in unit.unbounded and not self._is_of_a_part(node, "array"):
                unit.unbounded.append(f"{name}[]")

    def _is_of_a_part(self, node: Node, kind: str) -> bool:
        """Whether a schema is text or a list by a part that has a name: there the bound belongs, and there it is told.

        `allOf: [{$ref: ...}, {description: ...}]` is how a reference gets words of its own before OpenAPI 3.1.
        """
        parts = node.data.get("allOf")
        if not isinstance(parts, list):
            return False
        holder = node.child("allOf")
        return any(
            isinstance(part, dict) and "$ref" in part and kind in _kinds(self._schemas.keywords(holder.child(number)))
            for number, part in enumerate(parts)
        )


def _kinds(keywords: dict[str, Any]) -> list[Any]:
    kind = keywords.get("type")
    return kind if isinstance(kind, list) else [kind]
