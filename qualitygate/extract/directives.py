"""In: the text of a file. Out: its inline answers, ``qgate: ignore[check-id, ...] until=day owner=name reason``, with their places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from qualitygate.model.facts import Directive
from qualitygate.model.source import Language, Text

_DIRECTIVE = re.compile(
    r"(?:#|--|//|/\*|;|<!--)[ \t]*qgate:[ \t]*ignore\b(?:[ \t]*\[(?P<checks>[^\]\r\n]*)\])?[ \t]*(?P<reason>[^\r\n]*)"
)

_UNTIL = re.compile(r"(?:^|(?<=[\s(]))until=(?P<value>[^\s),;]*)[),;]?")
_OWNER = re.compile(r"(?:^|(?<=[\s(]))owner=(?P<value>[^\s),;]*)[),;]?")

# What can hold a comment's sign without being a comment: quoted text. A quotation of one line ends with its line at the
# latest, so that a sign this reader does not know (a nested f-string) misleads it no further than that.
_TRIPLE = r'"""(?:[^"\\]|\\[\s\S]|"(?!""))*(?:"""|\Z)' + "|" + r"'''(?:[^'\\]|\\[\s\S]|'(?!''))*(?:'''|\Z)"
_LINE = r'"(?:[^"\\\r\n]|\\.)*' + "|" + r"'(?:[^'\\\r\n]|\\.)*"
_PYTHON = re.compile(rf"(?P<comment>\#[^\r\n]*)|{_TRIPLE}|(?:{_LINE})[\"']?")
_SQL = re.compile(r"(?P<comment>--[^\r\n]*|/\*[\s\S]*?(?:\*/|\Z))|'[^']*(?:'|\Z)|\"[^\"]*(?:\"|\Z)")
_HASH = re.compile(rf"(?:^|(?<=[\s,\[\]{{}}]))(?P<comment>[#;][^\r\n]*)|(?:{_LINE})[\"']?", re.MULTILINE)
_ANY = re.compile(r"(?:^|(?<=[\s;,(){}\[\]]))(?P<comment>(?:#|--|//|/\*|;|<!--)[ \t]*qgate:[^\r\n]*)", re.MULTILINE)

_COMMENTS = {
    Language.PYTHON: _PYTHON,
    Language.SQL: _SQL,
    Language.YAML: _HASH,
    Language.TOML: _HASH,
    Language.INI: _HASH,
    Language.ENV: _HASH,
    Language.DOCKERFILE: _HASH,
    Language.TEXT: _ANY,
}
_COMMENT_LINE = re.compile(r"[ \t]*(?:#|--|//)")


def find_directives(text: Text, language: Language) -> tuple[Directive, ...]:
    """Every inline answer of the file, in order. One inside a quotation is none; JSON has no comments."""
    comments = _COMMENTS.get(language)
    if comments is None or "qgate:" not in text.content:
        return ()
    found = []
    for start, comment in _comments(text.content, comments):
        for match in _DIRECTIVE.finditer(comment):
            span = text.span(start + match.start(), start + match.end())
            checks = tuple(name for name in re.split(r"[\s,]+", match["checks"] or "") if name)
            alone = not text.line(span.line)[: span.column - 1].strip()
            reason = match["reason"].rstrip().removesuffix("*/").removesuffix("-->").strip(" \t-:")
            # `until=` without a day is no day to come.
            day, reason = _taken(_UNTIL, reason, "?")
            owner, reason = _taken(_OWNER, reason, "")
            target = _target(text, span.line) if alone else span.line
            found.append(Directive(checks, reason, span, alone, target, day, owner))
    return tuple(found)


def _taken(pattern: re.Pattern[str], reason: str, absent: str) -> tuple[str, str]:
    """The value that a key in ``reason`` has (``absent`` where it has the key and no value), and the reason without it."""
    found = pattern.search(reason)
    if found is None:
        return "", reason
    return found["value"] or absent, f"{reason[: found.start()]}{reason[found.end() :]}".strip(" \t-:,(")


def blocks(text: Text, directives: Iterable[Directive]) -> tuple[tuple[int, int], ...]:
    """First and last line of what each answer in a YAML file stands at: a key with all below it, an item of a list.

    Where it ends is told by indentation, as YAML itself tells it, so that no file need be parsed for it.
    """
    headers = {one.target for one in directives}
    # the blocks that are still open, from the outside in: first line, indentation, whether it is an item
    still_open: list[tuple[int, int, bool]] = []
    found = []
    last = 0
    for line in range(min(headers, default=1), len(text.line_starts) + 1 if headers else 1):
        content = text.line(line)
        stripped = content.lstrip(" ")
        if not stripped.strip() or stripped.startswith("#"):
            continue
        indent, item = len(content) - len(stripped), stripped == "-" or stripped.startswith("- ")
        while still_open:
            first, left, listed = still_open[-1]
            # the items of a list may stand as far left as the key that holds them
            if indent > left or (indent == left and item and not listed):
                break
            still_open.pop()
            found.append((first, last))
        if line in headers:
            still_open.append((line, indent, item))
        last = line
    return tuple(sorted(found + [(first, last) for first, _, _ in still_open]))


def _comments(content: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    for match in pattern.finditer(content):
        comment = match["comment"]
        if comment and "qgate:" in comment:
            yield match.start("comment"), comment


def _target(text: Text, line: int) -> int:
    """The first line after ``line`` that is not a comment by itself."""
    line += 1
    while _COMMENT_LINE.match(text.line(line)):
        line += 1
    return line
