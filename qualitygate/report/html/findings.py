"""In: a report and the checks. Out: the findings with their code as plain values, for the script of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qualitygate.authoring import Check
from qualitygate.model.finding import Finding
from qualitygate.model.source import Place, Span
from qualitygate.model.verdict import Report
from qualitygate.report.display import visible
from qualitygate.report.html.markup import Speaker
from qualitygate.report.page import page

# Lines shown before and after a marked one; of a span, the first lines and the last one.
_CONTEXT = 2
_PROGRAMS = (".py", ".sql")
_SPAN_LINES = 4
# A longer line is cut around what is marked in it.
_LONGEST = 240
_BEFORE = 80
# Of a finding with hundreds of places, the first ones.
_PLACES = 24


def data(report: Report, checks: Iterable[Check], say: Speaker) -> dict[str, Any]:
    """All findings in the order of the report, and the documentation of the checks that found them."""
    found = {finding.check for finding in report.findings}
    return {
        "checks": {check.id: _check(check) for check in sorted(checks, key=lambda one: one.id) if check.id in found},
        "findings": [_finding(finding, report, say) for finding in report.findings],
        "compared": report.base is not None,
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "title": check.title,
        "sections": page(check).sections,
        "do": check.do,
        "dont": check.dont,
    }


def _finding(finding: Finding, report: Report, say: Speaker) -> dict[str, Any]:
    places = [finding.place, *(place for place in dict.fromkeys(finding.places) if place != finding.place)]
    values = {
        "id": finding.fingerprint,
        "check": finding.check,
        "domain": finding.domain.value,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "status": finding.status.value,
        "change": finding.change.value if finding.change is not None else "",
        "path": say(finding.path),
        "line": max(1, finding.span.line),
        "message": say(finding.message),
        "why": say(finding.why),
        "mend": say(finding.mend),
        "answer": say(finding.answer),
        "tags": [say(tag) for tag in finding.tags],
        "frames": [_frame(path, group, report, say) for path, group in _together(places[:_PLACES])],
        "more": max(0, len(places) - _PLACES),
    }
    return {key: value for key, value in values.items() if value not in ("", [], 0)}


@dataclass
class _Lines:
    """The lines of one file that a frame shows, with the marks on each."""

    numbers: set[int] = field(default_factory=set)
    marks: dict[int, list[tuple[int, int | None, bool, str]]] = field(default_factory=dict)
    context: int = 0

    def mark(self, span: Span, last_line: int, main: bool, note: str) -> None:
        """Mark a span; one that is long only at its beginning and its end. The note stands at its last line."""
        end = min(last_line, span.end_line - 1 if span.end_column == 1 and span.end_line > span.line else span.end_line)
        if not 1 <= span.line <= last_line:
            return
        marked = list(range(span.line, max(end, span.line) + 1))
        if len(marked) > _SPAN_LINES:
            marked = [*marked[: _SPAN_LINES - 1], marked[-1]]
        context = self.context if main else min(1, self.context)
        self.numbers.update(range(max(1, span.line - context), span.line), marked)
        self.numbers.update(range(marked[-1] + 1, min(last_line, marked[-1] + context) + 1))
        for number in marked:
            start = span.column if number == span.line else 1
            stop = span.end_column if number == span.end_line else None
            self.marks.setdefault(number, []).append((start, stop, main, note if number == marked[-1] else ""))


def _together(places: Sequence[Place]) -> Iterable[tuple[str, list[tuple[Place, bool]]]]:
    """The places by file, the file of the finding first; each with whether it is the finding's own."""
    groups: dict[str, list[tuple[Place, bool]]] = {}
    for number, place in enumerate(places):
        groups.setdefault(place.path, []).append((place, number == 0))
    return groups.items()


def _frame(path: str, group: Sequence[tuple[Place, bool]], report: Report, say: Speaker) -> dict[str, Any]:
    """One file: its lines, and where there is no text the notes alone."""
    first = group[0][0]
    roles = list(dict.fromkeys(place.role for place, main in group if place.role and not main))
    frame: dict[str, Any] = {"path": say(path), "line": max(1, first.span.line), "roles": roles}
    text = report.texts.get(path)
    # Beside a secret stand others, and in a file of settings one that nothing knows for a secret: only marked lines there.
    lines = _Lines(context=_CONTEXT if path.endswith(_PROGRAMS) and not report.secrets.get(path) else 0)
    if text is not None:
        for place, main in group:
            lines.mark(place.span, len(text.line_starts), main, say(place.note))
    if not lines.numbers:
        return {**frame, "notes": [say(place.note) for place, _ in group if place.note], "lines": []}
    return {**frame, "lines": [_line(path, number, lines.marks, say) for number in sorted(lines.numbers)]}


def _line(
    path: str, number: int, marks: Mapping[int, list[tuple[int, int | None, bool, str]]], say: Speaker
) -> dict[str, Any]:
    """A line as stretches of text, each marked or not, and the notes that belong to it.

    A mark of the finding itself wins over others on the same characters. Stretches are cut in code points, so that the
    script needs no columns.
    """
    line = say.redactor.line(path, number)
    own = marks.get(number, [])
    kinds = [""] * len(line)
    for start, stop, main, _ in sorted(own, key=lambda mark: mark[2]):
        begin = min(start - 1, len(line))
        for column in range(max(0, begin), min(len(line), stop - 1 if stop is not None else len(line))):
            kinds[column] = "main" if main else "other"
    # indentation is not what is marked on the lines after the first
    body = len(line) - len(line.lstrip())
    kinds[:body] = [""] * body
    first = next((column for column, kind in enumerate(kinds) if kind), 0)
    begin = max(0, first - _BEFORE) if len(line) > _LONGEST else 0
    end = min(len(line), begin + _LONGEST)
    parts: list[list[str]] = []
    for column in range(begin, end):
        if parts and parts[-1][1] == kinds[column]:
            parts[-1][0] += line[column]
        else:
            parts.append([line[column], kinds[column]])
    if begin:
        parts.insert(0, ["…", ""])
    if end < len(line):
        parts.append(["…", ""])
    result: dict[str, Any] = {
        "n": number,
        "t": [[_code(text), kind] if kind else [_code(text)] for text, kind in parts],
    }
    notes = [[note, "main" if main else "other"] for _, _, main, note in own if note]
    if own:
        result["m"] = "main" if any(mark[2] for mark in own) else "other"
    return {**result, "notes": notes} if notes else result


def _code(text: str) -> str:
    """Text of a line: tabs stay, the page gives them their width."""
    return "\t".join(map(visible, text.split("\t")))
