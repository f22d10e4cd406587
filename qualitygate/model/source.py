"""Records of what is read: a file in the tree, its decoded text, places in it, and what could not be read."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from enum import Enum
from itertools import accumulate
from pathlib import Path

import msgspec

_LINE_END = re.compile(r"\r\n?|\n")


class Language(str, Enum):
    """What a file is written in, decided by name and first bytes; OpenAPI is recognised later, by content."""

    PYTHON = "python"
    SQL = "sql"
    YAML = "yaml"
    JSON = "json"
    TOML = "toml"
    INI = "ini"
    ENV = "env"
    DOCKERFILE = "dockerfile"
    TEXT = "text"


class Role(str, Enum):
    """What a file is for. Only APPLICATION and MIGRATION files are judged by default (the noise rules)."""

    APPLICATION = "application"
    MIGRATION = "migration"
    TEST = "test"
    EXAMPLE = "example"
    DOCUMENTATION = "documentation"
    VENDORED = "vendored"
    GENERATED = "generated"


class Span(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A stretch of text. Lines and columns count from 1, columns in Unicode code points; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Place(msgspec.Struct, frozen=True):
    """A span in a file, and what it shows there.

    ``path`` is relative to the scanned root, with forward slashes. ``role`` is one of ``route``, ``mount``, ``call``,
    ``query``, ``migration``, ``definition``, ``contract``, ``setting``; empty for a finding's own place.
    """

    path: str
    span: Span
    note: str = ""
    role: str = ""


@dataclass(frozen=True)
class Text:
    """Decoded text of one file with its line starts.

    Lines end at LF, CRLF or a lone CR and at nothing else: a form feed or U+2028 is a character of its line, as editors
    and code scanning services count. A byte order mark is not part of ``content``.
    """

    content: str
    line_starts: tuple[int, ...] = field(repr=False)

    @staticmethod
    def of(content: str) -> Text:
        """Index ``content`` (already without a byte order mark)."""
        if "\r" in content:
            return Text(content, (0, *(match.end() for match in _LINE_END.finditer(content))))
        # Lines are counted by their lengths, which takes half the time of a search for each end.
        lengths = map(len, content.split("\n")[:-1])
        return Text(content, tuple(accumulate(map((1).__add__, lengths), initial=0)))

    def span(self, start: int, end: int) -> Span:
        """The span of the characters ``start`` up to, not including, ``end`` (offsets in code points)."""
        first = bisect_right(self.line_starts, start) - 1
        last = bisect_right(self.line_starts, end) - 1
        return Span(first + 1, start - self.line_starts[first] + 1, last + 1, end - self.line_starts[last] + 1)

    def offset(self, line: int, column: int) -> int:
        """The offset of a 1-based line and column; clamped to the text."""
        if line < 1:
            return 0
        if line > len(self.line_starts):
            return len(self.content)
        return min(self.line_starts[line - 1] + column - 1, len(self.content))

    def line(self, number: int) -> str:
        """The 1-based line without its line ending; empty past the end."""
        if not 1 <= number <= len(self.line_starts):
            return ""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.content)
        return self.content[start:end].rstrip("\r\n")


@dataclass(frozen=True)
class SourceFile:
    """One file of the tree, found but not yet read.

    ``content`` holds the bytes where they do not come from the working tree (the git index, an example of a check);
    otherwise :meth:`read` takes them from ``root / path``.
    """

    root: Path
    path: str
    language: Language
    role: Role
    content: bytes | None = None

    def read(self) -> bytes:
        """The bytes of the file. Raises ``OSError`` where they cannot be had."""
        if self.content is not None:
            return self.content
        return (self.root / self.path).read_bytes()


class Unread(msgspec.Struct, frozen=True):
    """A file, or a part of one, that could not be judged: named, counted, and subject to the policy."""

    path: str
    line: int
    reason: str
