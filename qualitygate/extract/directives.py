"""In: the text of a file. Out: its inline answers, ``qgate: ignore[check-id, ...] reason``, with their places."""

from __future__ import annotations

import re

from qualitygate.model.facts import Directive
from qualitygate.model.source import Language, Text

_DIRECTIVE = re.compile(
    r"(?P<mark>#|--|//)[ \t]*qgate:[ \t]*ignore\[(?P<checks>[^\]\r\n]*)\][ \t]*(?P<reason>[^\r\n]*)"
)


def find_directives(text: Text, language: Language) -> tuple[Directive, ...]:
    """Every inline answer of the file, in order."""
    found = []
    for match in _DIRECTIVE.finditer(text.content) if "qgate:" in text.content else ():
        span = text.span(*match.span())
        before = text.line(span.line)[: span.column - 1]
        checks = tuple(name.strip() for name in match["checks"].split(",") if name.strip())
        found.append(Directive(checks, match["reason"].strip(), span, not before.strip()))
    return tuple(found)
