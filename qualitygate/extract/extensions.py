"""In: the text of a YAML or JSON document. Out: the answers in its ``x-qgate-ignore``, and what each of them speaks of.

    x-qgate-ignore:
      - {check: missing-pagination, reason: at most twelve months, until: "2027-01-31"}

An answer speaks of the object that it stands in, whole: an operation, a path, a schema, at the top the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qualitygate.model.facts import Directive
from qualitygate.model.source import Language, Span, Text
from qualitygate.parse.document import Document, Malformed, load

KEY = "x-qgate-ignore"

Scope = tuple[int, int]


def find_extensions(text: Text, language: Language) -> tuple[tuple[Directive, ...], tuple[Scope, ...]]:
    """Every answer in order, and the first and last line of each object that one stands in.

    A document that cannot be read has none: it is told as unread elsewhere.
    """
    if KEY not in text.content:
        return (), ()
    found: list[Directive] = []
    scopes: dict[Scope, None] = {}
    try:
        for document in load(text, language):
            for holder, scope in _holders(document):
                scopes[scope] = None
                found.extend(_answers(document, holder, scope[0]))
    except Malformed:
        return (), ()
    return tuple(sorted(found, key=lambda one: one.span)), tuple(scopes)


def _holders(document: Document) -> Iterator[tuple[Mapping[str, Any], Scope]]:
    """The objects that hold answers, with their lines: from the key, or the item, to the end of the value."""
    stack: list[tuple[Any, Scope]] = [(document.data, (1, len(document.text.line_starts)))]
    seen: set[int] = set()
    while stack:
        node, scope = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, dict) and KEY in node:
            yield node, scope
        if isinstance(node, (dict, list)):
            for name in node if isinstance(node, dict) else range(len(node)):
                child = node[name]
                if isinstance(child, (dict, list)) and name != KEY:
                    stack.append((child, (document.key(node, name).line, document.value(node, name).end_line)))


def _answers(document: Document, holder: Mapping[str, Any], line: int) -> Iterator[Directive]:
    given = holder[KEY]
    listed = given if isinstance(given, list) else [given]
    for number, entry in enumerate(listed):
        span = document.key(given, number) if isinstance(given, list) else document.key(holder, KEY)
        start = Span(
            span.line,
            span.column,
            span.line,
            max(span.column + 1, span.end_column if span.end_line == span.line else 0),
        )
        fields = entry if isinstance(entry, dict) else {"check": entry}
        checks = tuple(part for part in _text(fields.get("check")).replace(",", " ").split())
        reason, until, owner = (_text(fields.get(name)) for name in ("reason", "until", "owner"))
        yield Directive(checks, reason, start, True, line, until, owner)


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
