"""In: the text of an SQL file. Out: its statements as facts, with places."""

from __future__ import annotations

from qualitygate.extract.reading import Reading
from qualitygate.model.source import Text


def read_sql(path: str, text: Text) -> Reading:
    """Read one SQL file."""
    return Reading((), lambda offsets: text.span(*offsets), dict)
