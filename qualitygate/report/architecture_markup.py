"""In: values from anywhere. Out: Markdown (CommonMark with the tables of GitHub) in which they stand as plain text and as links."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from qualitygate.model.source import Place
from qualitygate.report.display import visible

# An underscore inside a word and a lone colon mean nothing to Markdown; `:name:` is a picture to GitHub.
_SPECIAL = re.compile(r"([\\`*{}\[\]<>#!~$@&]|(?<![^\W_])_|_(?![^\W_])|:(?=//|[\w+-]+:))")
_BACKTICKS = re.compile(r"`+")
_MOST_FOLDED = 100  # rows
_LONGEST = 600  # characters of a name or a sentence
# At the beginning of a line these would begin a list, a quotation or a heading.
_BLOCK = re.compile(r"^([-+=]|\d+[.)])(?=\s|$)")


def text(value: str) -> str:
    """``value`` as words of a sentence, whatever stands in it."""
    escaped = _SPECIAL.sub(r"\\\1", _line(value))
    return _BLOCK.sub(lambda found: found[1][:-1] + "\\" + found[1][-1], escaped)


def prose(value: str) -> str:
    """A sentence that marks code with backticks, as findings do: the rest of it is words, whatever stands in it."""
    parts = value.split("`")
    if len(parts) % 2 == 0:  # one of them is no mark
        return text(value)
    return "".join(code(part) if number % 2 else _spaced(part, text(part)) for number, part in enumerate(parts))


def _spaced(written: str, words: str) -> str:
    """``words`` with a space where ``written`` has one at an end."""
    if not words:
        return " " if written else ""
    return " " * written[:1].isspace() + words + " " * written[-1:].isspace()


def code(value: str) -> str:
    """``value`` in the type of code; nothing for an empty one."""
    shown = _line(value)
    if not shown:
        return ""
    fence = "`" * (max(map(len, _BACKTICKS.findall(shown)), default=0) + 1)
    room = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{room}{shown}{room}{fence}"


def _line(value: str) -> str:
    """``value`` on one line, cut where it is very long."""
    shown = visible(" ".join(value[: 4 * _LONGEST].split()))
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; a head that ends in a colon is that of a column of numbers.

    A column in which nothing stands is left out.
    """
    rows = list(rows)
    filled = [number for number in range(len(heads)) if not rows or any(row[number] for row in rows)]
    heads = [heads[number] for number in filled]
    rows = [[row[number] for number in filled] for row in rows]
    lines = [
        "| " + " | ".join(head.rstrip(":") for head in heads) + " |",
        "| " + " | ".join("---:" if head.endswith(":") else "---" for head in heads) + " |",
    ]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def folded(title: str, body: str) -> str:
    """``body`` under a title (plain words) that opens it."""
    return f"<details>\n<summary>{escape(title)}</summary>\n\n{body}\n\n</details>"


def long_table(heads: Sequence[str], rows: Sequence[Sequence[str]], shown: int, what: str) -> str:
    """A table of which the rows after the first ``shown`` are folded under how many more of ``what`` they are."""
    told = table(heads, rows[:shown])
    rest = rows[shown:]
    if not rest:
        return told
    cut = f" (the first {_MOST_FOLDED})" if len(rest) > _MOST_FOLDED else ""
    return f"{told}\n\n{folded(f'{len(rest):,} more {what}{cut}', table(heads, rest[:_MOST_FOLDED]))}"


def diagram(source: str) -> str:
    """A diagram of Mermaid."""
    return f"```mermaid\n{source}\n```"


def items(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def count(number: int, one: str, many: str = "") -> str:
    """A number and its noun: `1 route`, `1,200 routes`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def series(values: Sequence[str], most: int = 5) -> str:
    """The first values, and how many more there are."""
    more = len(values) - most
    return ", ".join(values[:most]) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True)
class Links:
    """Links from the page, which lies in ``folder``, to files below ``root``: both absolute."""

    root: Path
    folder: Path

    def file(self, path: str, line: int = 0) -> str:
        """The address of a file, and of a line in it."""
        way = os.path.relpath(self.root / path, self.folder).replace(os.sep, "/")
        return quote(way, safe="/") + (f"#L{line}" if line else "")

    def to(self, place: Place) -> str:
        """A link to a place. It shows the file with its folder, and the line."""
        near = "/".join(place.path.split("/")[-2:])
        return f"[{text(near)}:{place.span.line}]({self.file(place.path, place.span.line)})"

    def all(self, places: Sequence[Place], most: int = 2) -> str:
        """Links to the first places."""
        return series([self.to(place) for place in places], most)

    def named(self, name: str, place: Place) -> str:
        """A link to a place under a name in the type of code."""
        return f"[{code(name)}]({self.file(place.path, place.span.line)})"
