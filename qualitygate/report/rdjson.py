"""In: a report. Out: reviewdog's ``DiagnosticResult`` as JSON: columns in bytes of UTF-8, ends exclusive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qualitygate.authoring import Check
from qualitygate.model.finding import Finding, Severity
from qualitygate.model.source import Span, Text
from qualitygate.model.verdict import Report
from qualitygate.report.json import encoded
from qualitygate.report.parts import active, address, mending, whole
from qualitygate.report.positions import utf8
from qualitygate.report.redact import Redactor

_LEVELS = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.NOTE: "INFO"}


def render(report: Report, checks: Iterable[Check]) -> bytes:
    """The active findings as UTF-8 JSON that ends in a line break; which of them lie in a diff is reviewdog's part."""
    redactor = Redactor.of(report)
    return encoded(
        {
            "source": {"name": "qgate"},
            "diagnostics": [_diagnostic(report, finding, redactor) for finding in active(report)],
        }
    )


def _diagnostic(report: Report, finding: Finding, redactor: Redactor) -> dict[str, Any]:
    text = report.texts.get(finding.path)
    diagnostic: dict[str, Any] = {
        "message": whole(finding, redactor),
        "location": {"path": address(report, finding.path), "range": _range(text, finding.span)},
        "severity": _LEVELS[finding.severity],
        "code": {"value": finding.check},
    }
    mended = mending(report, finding, redactor)
    # A suggestion belongs to the file of its diagnostic: an edit of several files is none.
    if set(mended) == {finding.path}:
        diagnostic["suggestions"] = [
            {"range": _range(text, edit.span), "text": edit.text} for edit in mended[finding.path]
        ]
    return diagnostic


def _range(text: Text | None, span: Span) -> dict[str, Any]:
    counted = utf8(text, span)
    if counted is None:
        return {"start": {"line": max(1, span.line)}}
    return {
        "start": {"line": counted.line, "column": counted.column},
        "end": {"line": counted.end_line, "column": counted.end_column},
    }
