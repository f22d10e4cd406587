"""In: a report. Out: its lines and messages with every secret in them masked, for all formats alike."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from qualitygate.model.source import Span
from qualitygate.model.verdict import Report

MASK = "*"
# A shorter value, or one of letters alone, may be a word that honest text uses ("password", "admin").
_SHORTEST = 8


@dataclass(frozen=True)
class Redactor:
    """Masks the spans that a report marks as secret, and their values wherever else they stand."""

    report: Report
    values: tuple[str, ...]
    by_path: Mapping[str, tuple[Span, ...]]

    @staticmethod
    def of(report: Report) -> Redactor:
        """Collect what must not be shown."""
        by_path = {path: tuple(sorted(spans)) for path, spans in report.secrets.items() if spans}
        values: set[str] = set()
        for path, spans in by_path.items():
            text = report.texts.get(path)
            if text is None:
                continue
            for span in spans:
                value = text.content[text.offset(span.line, span.column) : text.offset(span.end_line, span.end_column)]
                values.update(_telling(part) for part in value.splitlines())
        return Redactor(report, tuple(sorted(values - {""}, key=lambda value: (-len(value), value))), by_path)

    def line(self, path: str, number: int) -> str:
        """The 1-based line of a file, masked character by character, so that columns stay; empty where there is none."""
        text = self.report.texts.get(path)
        if text is None:
            return ""
        line = text.line(number)
        spans = self.by_path.get(path, ())
        for span in spans[: bisect_left(spans, Span(number + 1, 0, 0, 0))]:
            if span.end_line >= number:
                start = span.column - 1 if span.line == number else 0
                end = span.end_column - 1 if span.end_line == number else len(line)
                line = line[:start] + MASK * (min(end, len(line)) - start) + line[end:]
        return self.text(line)

    def text(self, text: str) -> str:
        """``text`` with the values of known secrets masked."""
        for value in self.values:
            if value in text:
                text = text.replace(value, MASK * len(value))
        return text

    def covers(self, path: str, line: int, end_line: int) -> bool:
        """Whether a secret stands somewhere in the lines from ``line`` to ``end_line``, both included."""
        return any(span.line <= end_line and span.end_line >= line for span in self.by_path.get(path, ()))


def _telling(value: str) -> str:
    """The value where it cannot be an ordinary word, else an empty string."""
    value = value.strip()
    return value if len(value) >= _SHORTEST and not value.replace("_", "").isalpha() else ""
