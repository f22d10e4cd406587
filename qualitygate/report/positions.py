"""In: a span and the text that it stands in. Out: the same span in the units that another program counts in.

A :class:`Span` counts lines and columns from 1, columns in Unicode code points, its end exclusive. Here is the one place
where columns become something else: UTF-16 code units (what Java and JavaScript call a character) or bytes of UTF-8. A
combining mark is a code point of its own, a tab is one, and a line break belongs to no column.
"""

from __future__ import annotations

from collections.abc import Callable

from qualitygate.model.source import Span, Text


def utf16(text: Text | None, span: Span) -> Span | None:
    """``span`` with its columns in UTF-16 code units; None where the text is not at hand or does not have the line."""
    return _recounted(text, span, lambda before: len(before) + sum(character > "\uffff" for character in before))


def utf8(text: Text | None, span: Span) -> Span | None:
    """``span`` with its columns in bytes of UTF-8; None where the text is not at hand or does not have the line."""
    return _recounted(text, span, lambda before: len(before.encode("utf-8", "replace")))


def _recounted(text: Text | None, span: Span, size: Callable[[str], int]) -> Span | None:
    """The span within the text: a column behind the end of its line is that end."""
    if text is None or not 1 <= span.line <= span.end_line <= len(text.line_starts):
        return None
    first, last = text.line(span.line), text.line(span.end_line)
    start = size(first[: max(0, span.column - 1)]) + 1
    end = size(last[: max(0, span.end_column - 1)]) + 1
    return Span(span.line, start, span.end_line, max(start, end) if span.line == span.end_line else end)
