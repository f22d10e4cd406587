"""In: a report. Out: Markdown for a comment of a pull request or a step summary: the verdict, the gate, what is new.

A comment of GitHub holds 65,536 characters, of GitLab a million: what does not fit is told as a number. What comes from
the scanned tree is text here: it makes no markup, no table cell, no link, and mentions nobody.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from qualitygate.authoring import Check
from qualitygate.model.finding import Finding, Severity
from qualitygate.model.verdict import Report, Row, State
from qualitygate.report.parts import CONDITION, active, address, harmless, new, sentence
from qualitygate.report.redact import Redactor

# Bytes, of which there are never fewer than characters, whatever the consumer counts.
MAX_SIZE = 65_000
_MAX_TEXT = 600
# Of the findings of one check these are shown with reason and mending, and these in a line each.
_WHOLE, _SHORT = 3, 10
# By this line a bot finds the comment that it wrote before.
MARKER = "<!-- qgate -->"
_ORDER = (
    State.ERROR,
    State.FAIL,
    State.INCONCLUSIVE,
    State.NO_DATA,
    State.STALE,
    State.WAIVED,
    State.PASS,
    State.NOT_APPLICABLE,
)
_MARKS = {
    State.PASS: "✅",
    State.FAIL: "❌",
    State.ERROR: "❌",
    State.WAIVED: "➖",
    State.NOT_APPLICABLE: "➖",
}
# What Markdown reads as markup; and what makes a mention, a reference to an issue or merge request, or an address of
# what follows, from which an invisible space takes the meaning.
_SPECIAL = re.compile(
    r"(?P<markup>[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_]))|[@#!%](?=\w)|:(?=//)|(?<=\bGH)-(?=\d)|(?<=\bwww)\."
)
_CODE = re.compile(r"`([^`]+)`")


def render(report: Report, checks: Iterable[Check]) -> bytes:
    """The comment as UTF-8 that ends in a line break, at most :data:`MAX_SIZE` bytes long."""
    redactor = Redactor.of(report)
    findings = new(active(report))
    foot = _foot(report, redactor)
    lines = _Lines(MAX_SIZE - 1_000 - _size(foot))
    for line in (MARKER, *_head(report, findings), ""):
        lines.add(line)
    deciding = [row for row in report.verdict.rows if row.required and row.state is not State.NOT_APPLICABLE]
    others = [row for row in report.verdict.rows if row not in deciding]
    _conditions(lines, deciding, redactor)
    if others and lines.add(f"\n<details><summary>{_count(len(others), 'condition')} that do not decide</summary>\n"):
        _conditions(lines, others, redactor)
        lines.force("\n</details>")
    titles = {check.id: check.title for check in checks} | {CONDITION.id: CONDITION.title}
    written = _Findings(report, redactor)
    for severity in Severity:
        _section(lines, [one for one in findings if one.severity is severity], titles, written)
    return "\n".join((*lines.lines, foot, "")).encode("utf-8", "replace")


class _Lines:
    """Lines up to a size in bytes; one that does not fit is left out, and all after it."""

    def __init__(self, room: int) -> None:
        self.lines: list[str] = []
        self.room = room

    def add(self, line: str) -> bool:
        """Take the line, where it fits."""
        self.room -= _size(line) + 1
        if self.room < 0:
            self.room = -1
            return False
        self.lines.append(line)
        return True

    def force(self, line: str) -> None:
        """Take the line: there is a reserve for the few that close what is open."""
        self.lines.append(line)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _head(report: Report, findings: list[Finding]) -> Iterator[str]:
    verdict = report.verdict
    states = Counter(row.state for row in verdict.rows if row.required)
    counts = ", ".join(f"{states[state]} {state.value.replace('_', ' ')}" for state in State if states[state])
    mark = {"open": "✅", "closed": "❌"}.get(verdict.state, "❔")
    yield f"## {mark} qgate: the gate is {verdict.state}"
    yield ""
    if counts:
        yield f"Conditions: {counts}."
    levels = Counter(finding.severity for finding in findings)
    told = ", ".join(_count(levels[severity], severity.value) for severity in Severity if levels[severity])
    kind = "new finding" if report.base is not None else "finding"
    yield f"{_count(len(findings), kind)}{f' ({told})' if told else ''}."


def _conditions(lines: _Lines, rows: list[Row], redactor: Redactor) -> None:
    """Rows of the gate as a table, the worst first."""
    if not rows:
        return
    rows = sorted(rows, key=lambda row: _ORDER.index(row.state))
    lines.add("| | Condition | Value | Limit | State | Evidence |\n| - | - | - | - | - | - |")
    left = sum(not lines.add(_row(row, redactor)) for row in rows)
    if left:
        lines.force(f"\n{left} more conditions are left out: a comment holds no more.")


def _row(row: Row, redactor: Redactor) -> str:
    state = row.state.value.replace("_", " ")
    if row.state not in (State.PASS, State.WAIVED, State.NOT_APPLICABLE):
        state = f"**{state.upper()}**" if row.required else f"{state}, not required"
    about = ", ".join(filter(None, (row.detail, row.source, row.observed)))
    evidence = f"{row.evidence}: {about}" if about else row.evidence
    cells = [inline(text, redactor) for text in (row.id, row.value, row.limit)]
    return f"| {_MARKS.get(row.state, '❔')} | {' | '.join(cells)} | {state} | {inline(evidence, redactor)} |"


def _section(lines: _Lines, findings: list[Finding], titles: Mapping[str, str], written: _Findings) -> None:
    """The findings of one severity by their checks; those that do not close the gate by themselves are folded."""
    if not findings:
        return
    title = _count(len(findings), findings[0].severity.value)
    folded = findings[0].severity is not Severity.ERROR
    opened = lines.add(f"\n<details><summary>{title}</summary>" if folded else f"\n### {title}")
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.check, []).append(finding)
    told = 0
    for check, group in groups.items():
        name = f"**{check}**" + (f" ({len(group):,})" if len(group) > 1 else "")
        if not (opened and lines.add(f"\n{name} {inline(titles.get(check, ''), written.redactor)}\n")):
            break
        shown = [written.whole(one) for one in group[:_WHOLE]] + [written.short(one) for one in group[_WHOLE:_SHORT]]
        taken = sum(lines.add(line) for line in shown)
        told += len(group) if taken == len(shown) else taken
        if taken == len(shown) and len(group) > taken:
            lines.add(f"- … and {len(group) - taken:,} more")
    if told < len(findings):
        lines.force(f"\n{len(findings) - told:,} of these are left out: a comment holds no more.")
    if opened and folded:
        lines.force("\n</details>")


@dataclass(frozen=True)
class _Findings:
    """Findings as items of a list."""

    report: Report
    redactor: Redactor

    def whole(self, finding: Finding) -> str:
        """With the reason and the mending."""
        told = self.short(finding)
        for label, text in (("Why here", finding.why), ("Mend", finding.mend)):
            if text:
                told += f"\n  <br>{label}: {inline(sentence(text), self.redactor)}"
        return told

    def short(self, finding: Finding) -> str:
        """The place and the message."""
        place = f"{address(self.report, finding.path)}:{max(1, finding.span.line)}"
        return f"- <code>{inline(place, self.redactor)}</code> {inline(sentence(finding.message), self.redactor)}"


def _foot(report: Report, redactor: Redactor) -> str:
    parts = [f"{_count(report.files, 'file')} read by qgate {report.version}"]
    if report.base is not None:
        parts.append(f"compared with <code>{inline(report.base.commit[:10], redactor)}</code>")
        parts.append(f"{len(report.base.gone)} gone since")
    if report.unread:
        parts.append(f"{_count(len(report.unread), 'part')} could not be read and told nothing")
    if report.broken:
        parts.append(f"{_count(len(report.broken), 'check')} crashed")
    return f"\n<sub>{'; '.join(parts)}.</sub>"


def inline(text: str, redactor: Redactor) -> str:
    """Text from anywhere as the text of one line of Markdown, a cell of a table included."""
    shown = harmless(text, redactor)
    if len(shown) > _MAX_TEXT:
        shown = f"{shown[: _MAX_TEXT - 1]}…"
    return "".join(
        f"<code>{_escaped(part)}</code>" if number % 2 else _escaped(part)
        for number, part in enumerate(_CODE.split(shown))
    )


def _escaped(text: str) -> str:
    return _SPECIAL.sub(
        lambda match: f"&#{ord(match[0])};" if match["markup"] else f"{match[0]}&#8203;",
        text,
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
