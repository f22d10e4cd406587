"""In: text from anywhere. Out: HTML and SVG in which that text is only text, and data that a script element can hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any

import msgspec

from qualitygate.report.display import visible
from qualitygate.report.redact import Redactor

_CODE = re.compile(r"`([^`\n]+)`")
_PARTS = re.compile(r"([^/]+/*|/+)(?=(.?))", re.DOTALL)
_VOID = frozenset({"wbr", "col", "input", "link", "meta", "rect", "path", "line", "circle"})
# What could end a script element or begin a comment in it; JSON reads the escapes as the characters.
_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class Markup(str):
    """HTML that is written as it stands; any other text is escaped."""

    __slots__ = ()


Child = str | int | Iterable["Child"] | None


def element(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element with its children and attributes, all text in them escaped.

    A trailing underscore of a keyword is dropped and the others become dashes (`class_`, `data_domain`). None and False
    leave an attribute out, True writes it without a value.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        written = key.rstrip("_").replace("_", "-")
        parts.append(f" {written}" if value is True else f' {written}="{escape(_number(value), quote=True)}"')
    inner = "".join(_escaped(children))
    if name in _VOID and not inner:
        return Markup("".join(parts) + "/>")
    return Markup(f"{''.join(parts)}>{inner}</{name}>")


def prose(text: str) -> Markup:
    """``text`` in which what stands between backticks is code."""
    return joined(element("code", part) if number % 2 else part for number, part in enumerate(_CODE.split(text)))


def path(text: str) -> Markup:
    """``text`` that may be broken after its slashes."""
    return joined([part, element("wbr") if rest else None] for part, rest in _PARTS.findall(text))


def joined(parts: Iterable[Child]) -> Markup:
    """The parts one after another, all text in them escaped."""
    return Markup("".join(_escaped(parts)))


def script_data(identity: str, value: Any) -> Markup:
    """A script element that holds ``value`` as JSON, and that nothing in it can end."""
    text = msgspec.json.encode(value).decode()
    for character, written in _IN_SCRIPT.items():
        text = text.replace(character, written)
    return Markup(f'<script type="application/json" id="{escape(identity)}">{text}</script>')


def plural(count: int, word: str) -> str:
    """The number and the word, in the form that the number asks for."""
    return f"{count:,} {word}{'s' * (count != 1)}"


class Speaker:
    """Makes text of the scanned repository fit to be shown: secrets masked, and nothing in it that hides or reorders."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor

    def __call__(self, text: str) -> str:
        """``text`` as it may be shown, on one line."""
        return visible(self.redactor.text(text))


def _escaped(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, str):
            yield escape(child, quote=False)
        elif isinstance(child, int):
            yield f"{child:,}"
        else:
            yield from _escaped(child)


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
