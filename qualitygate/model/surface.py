"""Records of what a contract promises in detail, schema by schema, so that two revisions of it can be held together."""

from __future__ import annotations

import msgspec

from qualitygate.model.source import Place


class Property(msgspec.Struct, frozen=True, array_like=True):
    """A property of an object: the number of its schema, and the key that declares it."""

    name: str
    schema: int
    place: Place
    deprecated: bool = False


class Shape(msgspec.Struct, frozen=True):
    """One schema, with its references followed and the parts of an `allOf` put together.

    ``name`` is that of the definition, empty for one that stands where it is used; ``place`` is the key that holds it.
    ``types`` are sorted and lack `null`, which ``nullable`` stands for; none where the document does not say. ``values``
    are those of an enumeration, as JSON, None where there is none. ``bounds`` pairs the keywords that limit a value with
    their limits. ``closed`` says that no other properties are allowed. Schemas are told by number; -1 is none.
    ``alternatives`` are those of `oneOf` or `anyOf`, where there are several.
    """

    place: Place
    name: str = ""
    types: tuple[str, ...] = ()
    nullable: bool = False
    format: str = ""
    values: tuple[str, ...] | None = None
    bounds: tuple[tuple[str, float], ...] = ()
    properties: tuple[Property, ...] = ()
    required: frozenset[str] = frozenset()
    closed: bool = False
    items: int = -1
    additional: int = -1
    alternatives: tuple[int, ...] = ()
    read_only: bool = False
    write_only: bool = False


class Body(msgspec.Struct, frozen=True, array_like=True):
    """What a request or a response carries in one media type; ``schema`` is -1 where the document does not say."""

    media_type: str
    schema: int
    place: Place


class Input(msgspec.Struct, frozen=True):
    """A parameter: `path`, `query`, `header`, `cookie` or `formData` is its ``source``. The body of 2.0 is none."""

    name: str
    source: str
    place: Place
    schema: int
    required: bool = False
    deprecated: bool = False


class Reply(msgspec.Struct, frozen=True):
    """What is answered under one status, as written."""

    status: str
    place: Place
    bodies: tuple[Body, ...] = ()


class Exchange(msgspec.Struct, frozen=True):
    """One operation: what it takes and what it answers. ``unstable`` says that the document calls it a draft."""

    method: str
    path: str
    inputs: tuple[Input, ...] = ()
    bodies: tuple[Body, ...] = ()
    body_place: Place | None = None
    body_required: bool = False
    replies: tuple[Reply, ...] = ()
    unstable: bool = False


class Surface(msgspec.Struct, frozen=True):
    """A whole contract, known by the ``path`` of its document."""

    path: str
    shapes: tuple[Shape, ...]
    exchanges: tuple[Exchange, ...]
