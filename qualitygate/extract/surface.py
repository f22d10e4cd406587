"""In: a contract that is read, with its references. Out: its surface: every schema and operation in comparable form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from qualitygate.extract.references import Node, References
from qualitygate.model.surface import Body, Exchange, Input, Property, Reply, Shape, Surface

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")

# An `allOf` in an `allOf` has been seen four deep.
_MAX_DEPTH = 20
_MAX_PARTS = 200
_UPPER = ("maximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "minLength", "minItems", "minProperties")
# `x-stability-level` is oasdiff's; https://github.com/oasdiff/oasdiff/blob/main/docs/STABILITY.md
_UNSTABLE = frozenset({"draft", "alpha"})


def read_surface(path: str, top: Node, references: References, old: bool) -> Surface:
    """The surface of the contract in the document ``path``, whose root is ``top``; ``old`` is true for version 2.0."""
    reader = _Reader(top, references, old)
    exchanges = tuple(reader.exchanges())
    return Surface(path, tuple(reader.shapes()), exchanges)


class _Reader:
    def __init__(self, top: Node, references: References, old: bool) -> None:
        self.top = top
        self.references = references
        self.old = old
        self.numbers: dict[tuple[str, int], int] = {}
        self.nodes: list[tuple[Node, str]] = []

    # Operations.

    def exchanges(self) -> Iterator[Exchange]:
        """Every operation, in the order of the document."""
        references = self.references
        for path, entry in references.entries(references.child(self.top, "paths")):
            item = references.follow(entry)
            if item is None or not isinstance(item.data, dict):
                continue
            shared = list(references.items(item, "parameters"))
            for key in item.data:
                node = references.followed(item, key) if key in METHODS else None
                if node is not None:
                    yield self.exchange(path, key.upper(), item, node, shared)

    def exchange(self, path: str, method: str, item: Node, node: Node, shared: list[Node]) -> Exchange:
        """One operation; ``shared`` are the parameters of its path."""
        inputs: dict[tuple[str, str], Input] = {}
        bodies: list[Body] = []
        place = None
        required = False
        for entry in (*shared, *self.references.items(node, "parameters")):
            parameter = self.references.follow(entry)
            if parameter is None or not isinstance(parameter.data, dict):
                continue
            name, source = parameter.data.get("name"), parameter.data.get("in")
            if source == "body":
                schema = self.references.child(parameter, "schema")
                types = _texts(node.data.get("consumes", self.top.data.get("consumes"))) or ("application/json",)
                bodies = [Body(kind, self.number(schema), parameter.place) for kind in types]
                place, required = entry.place, parameter.data.get("required") is True
            elif isinstance(name, str) and isinstance(source, str):
                inputs[name, source] = self.input(name, source, parameter)
        body = self.references.followed(node, "requestBody")
        if body is not None:
            bodies = list(self.media(body))
            place, required = node.child("requestBody").place, body.data.get("required") is True
        return Exchange(
            method=method,
            path=path,
            inputs=tuple(inputs.values()),
            bodies=tuple(bodies),
            body_place=place,
            body_required=required,
            replies=tuple(self.replies(node)),
            unstable=_is_unstable(node.data) or _is_unstable(item.data),
        )

    def input(self, name: str, source: str, parameter: Node) -> Input:
        """One parameter that is no body."""
        data = parameter.data
        schema: Node | None = parameter if self.old else self.references.child(parameter, "schema")
        if schema is None:
            content = list(self.media(parameter))
            number = content[0].schema if content else -1
        else:
            number = self.number(schema)
        place = parameter.file.place(parameter.file.document.value(data, "name"), role="contract")
        deprecated = data.get("deprecated") is True
        return Input(name, source, place, number, data.get("required") is True, deprecated)

    def replies(self, node: Node) -> Iterator[Reply]:
        """What an operation answers."""
        for status, entry in self.references.entries(self.references.child(node, "responses")):
            response = self.references.follow(entry)
            if response is None or not isinstance(response.data, dict):
                yield Reply(status, entry.place)
            elif self.old:
                schema = self.references.child(response, "schema")
                types = _texts(node.data.get("produces", self.top.data.get("produces"))) or ("application/json",)
                number = self.number(schema)
                yield Reply(
                    status,
                    entry.place,
                    tuple(Body(kind, number, response.place) for kind in types) if schema is not None else (),
                )
            else:
                yield Reply(status, entry.place, tuple(self.media(response)))

    def media(self, holder: Node) -> Iterator[Body]:
        """The media types of a body, each with its schema."""
        for media_type, entry in self.references.entries(self.references.child(holder, "content")):
            media = self.references.follow(entry)
            schema = self.references.child(media, "schema")
            yield Body(media_type.split(";")[0].strip().lower(), self.number(schema), entry.place)

    # Schemas.

    def number(self, node: Node | None) -> int:
        """The number of a schema, which is then among those to read; -1 where there is none."""
        target = self.references.follow(node) if node is not None else None
        if target is None or not isinstance(target.data, dict):
            return -1
        key = (target.file.path, id(target.data))
        if key not in self.numbers:
            self.numbers[key] = len(self.nodes)
            self.nodes.append((target, target.name))
        return self.numbers[key]

    def shapes(self) -> Iterator[Shape]:
        """Every schema in the order of its number. Reading one may bring more."""
        done = 0
        while done < len(self.nodes):
            node, name = self.nodes[done]
            yield self.shape(node, name)
            done += 1

    def shape(self, node: Node, name: str) -> Shape:
        """One schema: what its parts say together."""
        parts: list[Node] = []
        alternatives: list[Node] = []
        nullable = self.gather(node, parts, alternatives, 0)
        types: frozenset[str] | None = None
        properties: dict[str, Node] = {}
        required: set[str] = set()
        bounds: dict[str, float] = {}
        values: tuple[str, ...] | None = None
        items = additional = None
        for part in parts:
            data = part.data
            said = frozenset(_texts([data.get("type")] if isinstance(data.get("type"), str) else data.get("type")))
            nullable = nullable or "null" in said or data.get("nullable") is True or data.get("x-nullable") is True
            said -= {"null"}
            if said:
                types = said if types is None else (types & said or types)
            holder = self.references.child(part, "properties")
            if holder is not None and isinstance(holder.data, dict):
                properties.update((key, holder.child(key)) for key in holder.data)
            required.update(_texts(data.get("required")))
            items = items or self.references.child(part, "items")
            additional = additional or self.references.child(part, "additionalProperties")
            listed = [data["const"]] if "const" in data else data.get("enum")
            if isinstance(listed, list):
                values = tuple(dict.fromkeys(_json(value) for value in listed if value is not None))
                nullable = nullable or (None in listed and "type" not in data)
            for keyword, limit in _limits(data):
                tighter = min if keyword in _UPPER else max
                bounds[keyword] = tighter(bounds[keyword], limit) if keyword in bounds else limit
        named = {(part.name, part.place) for part in parts if part.name}
        if not name and len(named) == 1:
            # One definition that may be null, or that is described anew where it is used.
            ((name, place),) = named
        else:
            place = node.place
        if types is None:
            types = frozenset({"object"} if properties else {"array"} if items is not None else ())
        return Shape(
            place=place,
            name=name,
            types=tuple(sorted(types)),
            nullable=nullable,
            format=next((form for part in parts if (form := part.data.get("format")) and isinstance(form, str)), ""),
            values=values,
            bounds=tuple(sorted(bounds.items())),
            properties=tuple(self.property(key, child) for key, child in properties.items()),
            required=frozenset(required),
            closed=any(part.data.get("additionalProperties") is False for part in parts),
            items=self.number(items),
            additional=self.number(additional),
            alternatives=tuple(self.number(each) for each in alternatives),
            read_only=any(part.data.get("readOnly") is True for part in parts),
            write_only=any(part.data.get("writeOnly") is True for part in parts),
        )

    def property(self, name: str, node: Node) -> Property:
        """One property; it is deprecated where it stands, or by its schema."""
        target = self.references.follow(node) if isinstance(node.data, dict) else None
        told = [each.data for each in (node, target) if each is not None and isinstance(each.data, dict)]
        return Property(name, self.number(node), node.place, any(data.get("deprecated") is True for data in told))

    def gather(self, node: Node, parts: list[Node], alternatives: list[Node], depth: int) -> bool:
        """Collect what a schema is made of, and its alternatives where there are several; whether one of them is null."""
        if depth > _MAX_DEPTH or len(parts) >= _MAX_PARTS:
            return False
        parts.append(node)
        nullable = False
        for entry in self.references.items(node, "allOf"):
            part = self.references.follow(entry)
            if part is not None and isinstance(part.data, dict):
                nullable = self.gather(part, parts, alternatives, depth + 1) or nullable
        for keyword in ("oneOf", "anyOf"):
            entries = list(self.references.items(node, keyword))
            found = [each for each in entries if not (isinstance(each.data, dict) and each.data.get("type") == "null")]
            nullable = nullable or len(found) < len(entries)
            if len(found) == 1:
                only = self.references.follow(found[0])
                if only is not None and isinstance(only.data, dict):
                    nullable = self.gather(only, parts, alternatives, depth + 1) or nullable
            else:
                alternatives += found
        return nullable


def _limits(data: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for keyword in (*_UPPER, *_LOWER):
        limit = data.get(keyword)
        if isinstance(limit, (int, float)) and not isinstance(limit, bool):
            yield keyword, float(limit)
    for keyword, strict in (("maximum", "exclusiveMaximum"), ("minimum", "exclusiveMinimum")):
        limit = data.get(strict)
        if isinstance(limit, (int, float)) and not isinstance(limit, bool):
            yield keyword, float(limit)


def _is_unstable(data: dict[str, Any]) -> bool:
    return data.get("x-stability-level") in _UNSTABLE or data.get("x-internal") is True


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
