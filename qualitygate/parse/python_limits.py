"""In: the text of a Python file. Out: whether a parser may be let at it, and what both parsers share."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from operator import sub

from qualitygate.model.source import Text

MAX_NESTING = 150
"""Deepest nesting of brackets that is parsed; the parser is native code and its stack is finite."""
MAX_CHAIN = 1_000
"""Longest run of operators, calls or adjacent literals in one expression: the parser takes it as that many levels."""
MAX_ALTERNATIVES = 1_000
"""Most `elif` of one file, each of which is one level deeper."""
_RECURSION = 10_000
_HARMLESS = 2 * MAX_CHAIN  # characters: too few for any of the bounds but nesting
_CONTINUED = 200  # lines that a backslash continues: more are written by no person

_TOKEN = re.compile(
    r"""(?P<string>\"{3}(?:[^"\\]|\\.|"(?!""))*"{3}|'{3}(?:[^'\\]|\\.|'(?!''))*'{3}
    |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<comment>\#[^\n]*)
    |(?P<open>[(\[{])
    |(?P<close>[)\]}])
    |(?P<break>[,;])
    |(?P<newline>(?<!\\)\n)
    |(?P<operator>[-+*/%@&|^~<>!.]|\b(?:not|and|or|if|else|lambda|await|in|is|yield|elif)\b)""",
    re.VERBOSE | re.DOTALL,
)
_FORMATTED = re.compile(r"[fFtT][rR]?\Z")
_GENERATED = re.compile(r"@generated\b|\bdo not edit\b|automatically generated|auto-generated", re.IGNORECASE)


class PythonSyntaxError(Exception):
    """The text is not Python. ``line`` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def is_generated(text: Text) -> bool:
    """Whether the comments at the head of a file say that a program wrote it."""
    head = "\n".join(line for line in text.content[:1500].splitlines()[:15] if line.lstrip().startswith("#"))
    return bool(_GENERATED.search(head))


def refuse_deep_nesting(text: Text) -> None:
    """Raise for what would overflow the stack of the parser, or take it quadratic time."""
    length = len(text.content)
    # A short text holds no chain, but a thousand brackets end the process of the parser.
    if length >= _HARMLESS or _opening(text.content, 0, length) > MAX_NESTING:
        _refuse(text, 0, length)


def may_be_hostile(text: Text) -> bool:
    """Whether even Python's own parser, which bounds its depth itself, may take quadratic time for the text.

    It does so for a statement without brackets of many thousand parts (`import a.a.a...`): one that stands in a line of
    a length that is rare, or is continued by backslashes.
    """
    starts = text.line_starts
    longest = max(map(sub, (*starts[1:], len(text.content)), starts))
    return longest > _HARMLESS or text.content.count("\\\n") > _CONTINUED


def refuse_long_statements(text: Text, beginnings: Iterable[int]) -> None:
    """The same as :func:`refuse_deep_nesting`, for text that was parsed: only what is long enough is looked at.

    ``beginnings`` are offsets in ascending order at which a line of code begins; between two of them there may be more.
    """
    content = text.content
    if len(content) < _HARMLESS:
        return
    if content.count("elif") > MAX_ALTERNATIVES:
        _refuse(text, 0, len(content))
        return
    last = 0
    for beginning in (*beginnings, len(content)):
        length = beginning - last
        # Fewer characters hold neither a chain nor brackets that are nested too deeply.
        if length > 2 * MAX_NESTING and (length >= _HARMLESS or _opening(content, last, beginning) > MAX_NESTING):
            _refuse(text, last, beginning)
        last = beginning


def _opening(content: str, start: int, end: int) -> int:
    return sum(content.count(bracket, start, end) for bracket in "([{")


def _refuse(text: Text, start: int, end: int) -> None:
    chain = alternatives = 0
    levels: list[int] = []
    for match in _TOKEN.finditer(text.content, start, end):
        kind = match.lastgroup
        if kind == "newline":
            if not levels:
                chain = 0
        elif kind == "break":
            chain = 0
        elif kind == "open":
            levels.append(chain + 1)
            chain = 0
            if levels[-1] > MAX_CHAIN:
                raise _too_deep(text, match.start(), f"an expression of more than {MAX_CHAIN:,} operations")
            if len(levels) > MAX_NESTING:
                raise _too_deep(text, match.start(), f"brackets nested deeper than {MAX_NESTING}")
        elif kind == "close":
            chain = levels.pop() if levels else 0
        elif kind != "comment":
            if (
                kind == "string"
                and "{" in match[0]
                and _FORMATTED.search(text.content, max(0, match.start() - 2), match.start())
            ):
                # The parts of a template are code, which the parser enters one level deeper for each bracket.
                quotes = 3 if match[0][:3] in ('"""', "'''") else 1
                _refuse(text, match.start() + quotes, match.end() - quotes)
            chain += 1
            if chain > MAX_CHAIN:
                raise _too_deep(text, match.start(), f"an expression of more than {MAX_CHAIN:,} operations")
            if match[0] == "elif":
                alternatives += 1
                if alternatives > MAX_ALTERNATIVES:
                    raise _too_deep(text, match.start(), f"more than {MAX_ALTERNATIVES:,} alternatives")


def _too_deep(text: Text, offset: int, what: str) -> PythonSyntaxError:
    return PythonSyntaxError(text.span(offset, offset).line, f"{what}: not read")


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Trees within the bounds above, and modules that import one another in a row, need more frames than Python allows
    by default."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def sound(text: str) -> str:
    """Without lone surrogates, which no output format can carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
