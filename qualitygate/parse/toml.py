"""In: the bytes of a TOML file. Out: its document and the line of every key and array item."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qualitygate.model.source import Text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Key = tuple["str | int", ...]

# Only text that the standard library has accepted is scanned for places, so that these may be lenient.
_BLANK = re.compile(r"[ \t\r\n]+|#[^\n]*")
_PART = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+')
_SCALAR = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|[^,\]}#\r\n]+",
    re.DOTALL,
)


class TomlError(Exception):
    """The bytes are not TOML. ``line`` counts from 1, 0 where it is unknown; ``reason`` is one clause for the user."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Document:
    """A TOML document. ``lines`` maps the path of each key and array item to its 1-based line."""

    data: dict[str, Any]
    lines: Mapping[Key, int]

    def line(self, key: Key) -> int:
        """The line of ``key``, or of the nearest thing around it that has one; 0 where nothing has."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 0)


def read_toml(data: bytes) -> Document:
    """Parse a TOML document. Raises :class:`TomlError`."""
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TomlError(data.count(b"\n", 0, error.start) + 1, "is not valid UTF-8") from None
    try:
        document = tomllib.loads(content)
    except ValueError as error:  # TOMLDecodeError, or an integer of more digits than Python converts
        raise _located(str(error), content) from None
    except RecursionError:
        raise TomlError(0, "is nested too deeply") from None
    return Document(document, _Places(content).lines)


def _located(message: str, content: str) -> TomlError:
    match = re.search(r" \(at line (\d+), column \d+\)$", message)
    if match:
        return TomlError(int(match[1]), message[: match.start()])
    end = content.count("\n", 0, len(content.rstrip())) + 1
    return TomlError(end, message.removesuffix(" (at end of document)"))


class _Places:
    """One walk over valid TOML text, without recursion, that notes where keys and items stand."""

    def __init__(self, content: str) -> None:
        self.content = content
        self.text = Text.of(content)
        self.at = 0
        self.lines: dict[Key, int] = {}
        self.items: dict[Key, int] = {}
        table: Key = ()
        while self._skip():
            if content[self.at] == "[":
                table = self._header()
            else:
                key = self._note(table, self._keys("="))
                self._value(key)

    def _skip(self) -> bool:
        """Pass blanks and comments; false at the end."""
        while match := _BLANK.match(self.content, self.at):
            self.at = match.end()
        return self.at < len(self.content)

    def _keys(self, end: str) -> list[tuple[str, int]]:
        """The parts of a dotted key with their offsets; passes ``end``."""
        parts = []
        while self._skip() and self.content[self.at] != end:
            match = _PART.match(self.content, self.at)
            if match:
                text = match[0]
                name: str = tomllib.loads(f"k={text}")["k"] if text[0] in "\"'" else text
                parts.append((name, self.at))
                self.at = match.end()
            else:
                self.at += 1
        self.at += 1
        return parts

    def _note(self, table: Key, parts: list[tuple[str, int]]) -> Key:
        for name, offset in parts:
            table = (*table, name)
            self.lines.setdefault(table, self.text.span(offset, offset).line)
        return table

    def _header(self) -> Key:
        double = self.content.startswith("[[", self.at)
        self.at += 2 if double else 1
        parts = self._keys("]")
        self.at += 1 if double else 0
        table: Key = ()
        for number, part in enumerate(parts, start=1):
            table = self._note(table, [part])
            if double and number == len(parts):
                self.items[table] = self.items.get(table, -1) + 1
            if table in self.items:
                table = (*table, self.items[table])
                self.lines.setdefault(table, self.text.span(part[1], part[1]).line)
        if not double and parts:
            # A header after its own children (`[a.b]`, then `[a]`) is the better place for `a`.
            self.lines[table] = self.text.span(parts[-1][1], parts[-1][1]).line
        return table

    def _value(self, key: Key) -> None:
        # (path of the container, next index; -1 for an inline table)
        stack: list[tuple[Key, int]] = []
        while True:
            if not self._skip():
                return
            character = self.content[self.at]
            if character in "[{":
                stack.append((key, 0 if character == "[" else -1))
                self.at += 1
            else:
                match = _SCALAR.match(self.content, self.at)
                self.at = match.end() if match else self.at + 1
            while stack:
                if not self._skip():
                    return
                if self.content[self.at] == ",":
                    self.at += 1
                    if not self._skip():
                        return
                if self.content[self.at] not in "]}":
                    break
                self.at += 1
                stack.pop()
            if not stack:
                return
            container, index = stack[-1]
            if index >= 0:
                key = (*container, index)
                self.lines[key] = self.text.span(self.at, self.at).line
                stack[-1] = (container, index + 1)
            else:
                key = self._note(container, self._keys("="))
