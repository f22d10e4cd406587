"""In: a schema of a contract. Out: what a body of it looks like, through references and compositions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qualitygate.extract.references import Node, References
from qualitygate.model.source import Place

# Compositions nest in real documents up to eight deep.
MAX_DEPTH = 20


@dataclass(frozen=True)
class Shape:
    """What a body looks like.

    ``kind`` is `array`, `object`, `scalar` or empty where the schema does not say; of alternatives that differ, the one
    that holds more: array before object before scalar. ``name`` is that of the referenced schema, ``place`` where it is
    defined. ``items`` is the schema of an array's items; ``properties`` of an object, merged over compositions.
    ``max_items`` bounds the array; ``enumerated`` is true for a scalar with a fixed set of values.
    """

    kind: str = ""
    name: str = ""
    place: Place | None = None
    items: Node | None = None
    max_items: int | None = None
    properties: dict[str, Node] = field(default_factory=dict)
    enumerated: bool = False


_UNKNOWN = Shape()
_RANK = {"array": 3, "object": 2, "scalar": 1, "": 0}


class Schemas:
    """Looks at the schemas of one contract, each once."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._shapes: dict[tuple[str, int], Shape] = {}

    def shape(self, node: Node, depth: int = 0) -> Shape:
        """The shape of a schema; an empty one where nothing can be known of it."""
        target = self._references.follow(node)
        if target is None or not isinstance(target.data, dict) or depth > MAX_DEPTH:
            return _UNKNOWN
        key = (target.file.path, id(target.data))
        shape = self._shapes.get(key)
        if shape is None:
            self._shapes[key] = _UNKNOWN  # what a schema that contains itself sees of itself
            shape = self._shapes[key] = self._look(target, depth)
        return shape

    def _look(self, node: Node, depth: int) -> Shape:
        data = node.data
        kind = _kind(data)
        items: Node | None = node.child("items") if isinstance(data.get("items"), dict) else None
        max_items = data.get("maxItems") if isinstance(data.get("maxItems"), int) else None
        properties: dict[str, Node] = {}
        if isinstance(data.get("properties"), dict):
            holder = node.child("properties")
            properties = {name: holder.child(name) for name in holder.data}
        enumerated = "enum" in data or "const" in data
        named = node.name, node.place
        for composition in ("allOf", "oneOf", "anyOf"):
            parts = data.get(composition)
            if not isinstance(parts, list):
                continue
            holder = node.child(composition)
            shapes = [self.shape(holder.child(number), depth + 1) for number in range(len(parts))]
            shapes = [shape for shape in shapes if shape.kind]
            for shape in shapes:
                if _RANK[shape.kind] > _RANK[kind]:
                    kind = shape.kind
                items = items or shape.items
                max_items = max_items if max_items is not None else shape.max_items
                properties = {**shape.properties, **properties}
                enumerated = enumerated or shape.enumerated
            if len(shapes) == 1 and not node.name and shapes[0].name:
                named = shapes[0].name, shapes[0].place or node.place
        return Shape(kind, named[0], named[1], items, max_items, properties, enumerated)

    def of_parameter(self, node: Node) -> dict[str, Any]:
        """The keywords of a parameter's schema as one mapping: of a nullable alternative, the one that is not null."""
        data = node.data
        holder: Node | None = None
        if isinstance(data.get("schema"), dict):
            holder = node.child("schema")
        elif isinstance(data.get("content"), dict):
            content = node.child("content")
            media = next((name for name, value in content.data.items() if isinstance(value, dict)), None)
            if media is not None and isinstance(content.data[media].get("schema"), dict):
                holder = content.child(media).child("schema")
        return self.keywords(holder) if holder is not None else {}

    def keywords(self, node: Node, depth: int = 0) -> dict[str, Any]:
        """The keywords of a schema and of all its parts as one mapping; of alternatives, only of a single one that counts."""
        target = self._references.follow(node)
        if target is None or not isinstance(target.data, dict) or depth > MAX_DEPTH:
            return {}
        merged = dict(target.data)
        for composition in ("allOf", "oneOf", "anyOf"):
            if not isinstance(target.data.get(composition), list):
                continue
            holder = target.child(composition)
            parts = [self.keywords(holder.child(number), depth + 1) for number in range(len(holder.data))]
            parts = [part for part in parts if part and part.get("type") != "null"]
            if composition == "allOf" or len(parts) == 1:
                for part in parts:
                    merged = {**part, **merged}
        return merged


def _kind(data: dict[str, Any]) -> str:
    declared = data.get("type")
    kinds = declared if isinstance(declared, list) else [declared]
    for kind in ("array", "object"):
        if kind in kinds:
            return kind
    if any(kind in ("string", "integer", "number", "boolean") for kind in kinds):
        return "scalar"
    if "properties" in data or "additionalProperties" in data:
        return "object"
    if "items" in data:
        return "array"
    return "scalar" if "enum" in data else ""


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON, or any type at all (`*/*`)."""
    essence = media_type.split(";", 1)[0].strip().lower()
    return essence in ("application/json", "text/json", "*/*", "application/*") or essence.endswith("+json")
