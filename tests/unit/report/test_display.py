"""What reaches a terminal: nothing that moves its cursor, and columns that line up."""

from hypothesis import given
from hypothesis import strategies as st

from qualitygate.report.display import Palette, cell, pad, visible, width, wrapped
from qualitygate.report.text import _clipped


def test_a_control_character_is_shown_and_not_sent() -> None:
    assert visible("a\x1b[2Jb\x07\u202ec\u2028d\x9b") == "a\\x1b[2Jb\\x07\\u202ec\\u2028d\\x9b"


def test_a_line_break_in_a_message_is_shown_as_an_escape() -> None:
    assert visible("a\r\nb\tc") == "a\\r\\nb\\tc"


def test_letters_of_any_script_stay_as_they_are() -> None:
    assert visible("größe 価格 😀 e\u0301") == "größe 価格 😀 e\u0301"


@given(st.text())
def test_no_text_sends_a_control_to_the_terminal(text: str) -> None:
    shown = visible(text)
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)


def test_wide_and_combining_characters_are_measured_in_columns() -> None:
    assert width("価格") == 4
    assert width("e\u0301") == 1
    assert pad("価", 4) == "価  "


def test_a_tab_reaches_to_the_next_stop() -> None:
    assert cell("\t", 0) == ("    ", 4)
    assert cell("\t", 3) == (" ", 1)


def test_a_long_text_is_broken_with_its_indent() -> None:
    assert wrapped("one two three four five six seven", 30, "    ") == "one two three four five\n    six seven"


def test_without_a_width_nothing_is_broken() -> None:
    assert wrapped("word " * 50, None, "") == "word " * 50


def test_colours_are_written_only_where_they_are_wanted() -> None:
    assert Palette(True).error("x") == "\x1b[1;31mx\x1b[0m"
    assert Palette(False).error("x") == "x"


@given(
    st.text(alphabet=st.characters(blacklist_characters="\r\n"), max_size=60),
    st.integers(1, 70),
    st.integers(0, 30),
)
def test_the_mark_stands_under_the_span(line: str, start: int, length: int) -> None:
    end = start + max(1, length)
    shown, before, marked = _clipped(line, start, end, 100_000)
    expected = ""
    column = 0
    for index, character in enumerate(line):
        text, size = cell(character, column)
        if index < start - 1:
            expected += text
        column += size
    assert shown.startswith(expected)
    if start <= len(line):
        assert before == _columns(line, start - 1)
        assert before + marked == max(before + 1, _columns(line, min(end - 1, len(line))))


def _columns(line: str, count: int) -> int:
    column = 0
    for character in line[:count]:
        column += cell(character, column)[1]
    return column


@given(
    st.text(alphabet=st.sampled_from("ab\t価é"), min_size=1, max_size=3000),
    st.integers(0, 2999),
    st.integers(1, 3000),
    st.integers(30, 120),
)
def test_a_long_line_is_cut_to_the_room_and_keeps_the_mark_in_it(line: str, start: int, length: int, room: int) -> None:
    start = min(start, len(line) - 1) + 1
    shown, before, marked = _clipped(line, start, start + length, room)
    assert sum(cell(character, 0)[1] for character in shown) <= room
    assert 0 <= before <= before + marked <= room


def test_what_is_under_the_mark_of_a_minified_line_is_the_span() -> None:
    line = "x" * 50_000 + "NEEDLE" + "y" * 50_000
    shown, before, marked = _clipped(line, 50_001, 50_007, 80)
    assert shown[before : before + marked] == "NEEDLE"
    assert shown.startswith("…")
    assert shown.endswith("…")
