"""One place in the units of several programs."""

import pytest

from qualitygate.model.source import Span, Text
from qualitygate.report.positions import utf8, utf16


def columns(content: str, part: str) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Start and end column of ``part`` in code points, UTF-16 units and bytes, all from 1 and with the end exclusive."""
    text = Text.of(content)
    start = content.index(part)
    span = text.span(start, start + len(part))
    wide, narrow = utf16(text, span), utf8(text, span)
    assert wide is not None
    assert narrow is not None
    assert (wide.line, wide.end_line, narrow.line, narrow.end_line) == (span.line, span.end_line) * 2
    return (
        (span.column, span.end_column),
        (wide.column, wide.end_column),
        (narrow.column, narrow.end_column),
    )


@pytest.mark.parametrize(
    ("content", "part", "points", "units", "octets"),
    [
        ("connect()", "connect", (1, 8), (1, 8), (1, 8)),
        ("é😀x", "x", (3, 4), (4, 5), (7, 8)),
        ("é😀x", "😀", (2, 3), (2, 4), (3, 7)),
        ("e\u0301x", "x", (3, 4), (3, 4), (4, 5)),
        ("👩\u200d🚀x", "x", (4, 5), (6, 7), (12, 13)),
        ("\t\tx", "x", (3, 4), (3, 4), (3, 4)),
        ("é = 1\r\né😀 = x\r\n", "x", (6, 7), (7, 8), (10, 11)),
        ("é\rüx", "x", (2, 3), (2, 3), (3, 4)),
        ("a\u2028x", "x", (3, 4), (3, 4), (5, 6)),
        ("漢字x", "x", (3, 4), (3, 4), (7, 8)),
    ],
)
def test_columns_count_what_the_reader_counts(
    content: str, part: str, points: tuple[int, int], units: tuple[int, int], octets: tuple[int, int]
) -> None:
    assert columns(content, part) == (points, units, octets)


def test_a_span_over_lines_counts_each_end_in_its_own_line() -> None:
    text = Text.of("😀 = (\r\n  é😀\r\n)\r\n")
    assert utf16(text, Span(1, 2, 2, 5)) == Span(1, 3, 2, 6)
    assert utf8(text, Span(1, 2, 2, 5)) == Span(1, 5, 2, 9)


def test_a_column_behind_the_line_is_its_end() -> None:
    text = Text.of("é\r\nx\n")
    assert utf8(text, Span(1, 9, 1, 12)) == Span(1, 3, 1, 3)
    assert utf16(text, Span(1, 1, 2, 40)) == Span(1, 1, 2, 2)


def test_the_end_may_stand_before_the_first_character_of_the_line_after() -> None:
    assert utf16(Text.of("ab\ncd"), Span(1, 1, 2, 1)) == Span(1, 1, 2, 1)
    assert utf16(Text.of("ab\n"), Span(1, 1, 2, 1)) == Span(1, 1, 2, 1)


@pytest.mark.parametrize("span", [Span(0, 0, 0, 0), Span(3, 1, 3, 2), Span(1, 1, 9, 1)])
def test_there_are_no_columns_without_the_line(span: Span) -> None:
    assert utf8(Text.of("ab\ncd"), span) is None
    assert utf16(None, span) is None
