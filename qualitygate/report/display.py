"""In: text from anywhere. Out: the same text, safe for a terminal and measured in its columns; and colours."""

from __future__ import annotations

import textwrap
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

from qualitygate.model.schema import Coverage

TAB = 4

# Controls, formats (bidirectional overrides among them), surrogates, private use, unassigned, separators of lines.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ZERO = frozenset({"Mn", "Me"})


def visible(text: str) -> str:
    """``text`` with every character that could move the cursor, hide or reorder others written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if unsafe(character) else character for character in text)


def cell(character: str, column: int) -> tuple[str, int]:
    """What is shown for one character that starts at display ``column`` (from 0), and how many columns it takes."""
    if " " <= character <= "~":
        return character, 1
    if character == "\t":
        size = TAB - column % TAB
        return " " * size, size
    if unsafe(character):
        shown = _escaped(character)
        return shown, len(shown)
    if unicodedata.category(character) in _ZERO:
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1


def width(text: str) -> int:
    """How many columns ``text`` takes, as :func:`visible` shows it."""
    return sum(cell(character, 0)[1] for character in text if character != "\t") + TAB * text.count("\t")


def pad(text: str, columns: int) -> str:
    """``text`` filled up with spaces to ``columns``."""
    return text + " " * max(0, columns - width(text))


def wrapped(text: str, columns: int | None, indent: str) -> str:
    """``text`` broken to ``columns`` (None: not at all); lines after the first begin with ``indent``.

    The first line is taken to have its own indent of the same length before it.
    """
    if columns is None or width(text) + len(indent) <= columns:
        return text
    room = max(20, columns - len(indent))
    return f"\n{indent}".join(textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False))


@dataclass(frozen=True)
class Palette:
    """Colours by meaning; without ``on`` every text stays as it is. ``links``: whether the terminal knows OSC 8."""

    on: bool
    links: bool = False

    def error(self, text: str) -> str:
        """Bold red."""
        return self._in("1;31", text)

    def warning(self, text: str) -> str:
        """Bold yellow."""
        return self._in("1;33", text)

    def note(self, text: str) -> str:
        """Bold cyan."""
        return self._in("1;36", text)

    def good(self, text: str) -> str:
        """Bold green."""
        return self._in("1;32", text)

    def strong(self, text: str) -> str:
        """Bold."""
        return self._in("1", text)

    def link(self, text: str) -> str:
        """Blue: gutters, arrows and secondary marks."""
        return self._in("1;34", text)

    def faint(self, text: str) -> str:
        """Dimmed."""
        return self._in("2", text)

    def linked(self, text: str, path: str) -> str:
        """``text`` that opens the file at the absolute ``path``."""
        if not self.links:
            return text
        address = quote(path.encode("utf-8", "surrogateescape"), safe="/:")
        return f"\x1b]8;;file://{'' if address.startswith('/') else '/'}{address}\x1b\\{text}\x1b]8;;\x1b\\"

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text else text


def understood(coverage: Coverage) -> str:
    """How much of the migrations was understood, as a line."""
    total, lost = coverage.total, coverage.total - coverage.understood
    if not lost:
        return f"SQL and migrations: {total:,} statements, all understood"
    # never rounded up to all of them
    share = min(99.9, 100 * coverage.understood / total)
    return f"SQL and migrations: {total:,} statements, {share:.1f} % understood, {lost:,} not"


def unsafe(character: str) -> bool:
    """Whether a terminal or an editor would not show the character as it is."""
    return unicodedata.category(character) in _UNSAFE


def _escaped(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r":
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
