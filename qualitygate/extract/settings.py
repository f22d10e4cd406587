"""In: the text of a TOML file beside migrations. Out: its scalar values as facts, by dotted key, with places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qualitygate.extract.reading import Reading, Unparsable
from qualitygate.model.facts import Setting
from qualitygate.model.source import Span, Text


def read_settings(text: Text) -> Reading:
    """Read one TOML file. Raises ``Unparsable``."""
    from qualitygate.parse.toml import Document, Key, TomlError, read_toml

    try:
        document: Document = read_toml(text.content.encode())
    except TomlError as error:
        raise Unparsable(error.line, f"not TOML: {error.reason}") from None

    def walk(value: Any, key: Key) -> Iterator[Setting]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from walk(inner, (*key, name))
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                yield from walk(inner, (*key, number))
        else:
            line = max(document.line(key), 1)
            written = str(value).lower() if isinstance(value, bool) else str(value)
            span = Span(line, 1, line, len(text.line(line)) + 1)
            yield Setting(".".join(str(part) for part in key), written, span)

    return Reading(
        lambda: document.data, lambda offsets: text.span(*offsets), lambda: {"settings": tuple(walk(document.data, ()))}
    )
