"""In: a report. Out: workflow commands of GitHub Actions: an annotation for each new finding, then the gate.

GitHub shows ten annotations of a level for a step and fifty for a job, and drops the others in silence: what is over
ten of a level is written as plain text. Everything that is no annotation stands where the runner obeys no command, and
the name that ends that stretch is a digest of what stands in it: nothing in it can name it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from qualitygate.authoring import Check
from qualitygate.model.finding import Finding, Severity
from qualitygate.model.verdict import Report
from qualitygate.report.parts import active, address, harmless, new, whole
from qualitygate.report.redact import Redactor
from qualitygate.report.text import Style
from qualitygate.report.text import render as render_text

MAX_ANNOTATIONS = 10
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(report: Report, checks: Iterable[Check]) -> bytes:
    """The commands as UTF-8 that ends in a line break."""
    redactor = Redactor.of(report)
    written: Counter[Severity] = Counter()
    commands = []
    more = []
    for finding in new(active(report)):
        written[finding.severity] += 1
        if written[finding.severity] <= MAX_ANNOTATIONS:
            commands.append(_annotation(report, finding, redactor))
        else:
            more.append(
                f"{finding.severity.value} {harmless(address(report, finding.path), redactor)}:"
                f"{max(1, finding.span.line)}: {harmless(finding.message, redactor)} [{finding.check}]"
            )
    if more:
        more.insert(0, f"GitHub annotates {MAX_ANNOTATIONS} findings of a level; {len(more):,} more:")
    told = "\n".join([*more, render_text(report, Style(quiet=True)).rstrip("\n")])
    mark = f"qgate-{hashlib.sha256(told.encode('utf-8', 'replace')).hexdigest()[:32]}"
    lines = [*commands, f"::stop-commands::{mark}", told, f"::{mark}::"]
    return "\n".join((*lines, "")).encode("utf-8", "replace")


def _annotation(report: Report, finding: Finding, redactor: Redactor) -> str:
    span = finding.span
    line, end_line = max(1, span.line), max(1, span.line, span.end_line)
    properties = {"file": address(report, finding.path), "line": line, "endLine": end_line}
    if line == end_line:  # columns of two lines are dropped
        column = max(1, span.column)
        properties |= {"col": column, "endColumn": max(column, span.end_column)}
    properties["title"] = finding.check
    told = ",".join(f"{name}={_property(harmless(str(value), redactor))}" for name, value in properties.items())
    return f"::{_LEVELS[finding.severity]} {told}::{_data(whole(finding, redactor))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
