"""In: functions of a program. Out: the words that their encoded bodies hold, so that most need not be decoded."""

from __future__ import annotations

import re
from collections.abc import Iterable

from qualitygate.model import syntax as ir

_IN_WORD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
_SPACED = bytes(byte if byte in _IN_WORD else 0x20 for byte in range(256))
_PLAIN = re.compile(rb"[A-Za-z0-9_]{1,31}")
"""A text of up to 31 bytes stands in the encoded form behind a byte that belongs to no word; the length of a longer one
may be the code of a letter."""


class Names:
    """Names to look for: those that are words, and those that only a search through the bytes finds."""

    def __init__(self, names: Iterable[str]) -> None:
        encoded = {name.encode() for name in names}
        self.words = frozenset(name for name in encoded if _PLAIN.fullmatch(name))
        self.others = tuple(sorted(encoded - self.words))


class Mentions:
    """The words of each function, taken when they are first asked for and kept: one pass over a body for all who ask."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], frozenset[bytes]] = {}
        self._words: dict[bytes, bytes] = {}

    def of(self, path: str, function: ir.Function) -> frozenset[bytes]:
        """The words in the body of a function of the file at ``path``."""
        key = (path, function.span.line, function.span.column)
        if key not in self._known:
            pool = self._words
            found = bytes(function.body).translate(_SPACED).split()
            self._known[key] = frozenset([pool.setdefault(word, word) for word in set(found)])
        return self._known[key]

    def any_of(self, path: str, function: ir.Function, names: Names) -> bool:
        """Whether one of ``names`` stands in the body; true also where it is part of a text."""
        if not names.words.isdisjoint(self.of(path, function)):
            return True
        return bool(names.others) and any(name in bytes(function.body) for name in names.others)
