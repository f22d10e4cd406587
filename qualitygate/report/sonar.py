"""In: a report and the checks. Out: SonarQube's generic format for issues, that of 10.3 and later.

Sonar takes every result of a SARIF file for a vulnerability; here each rule says what it has an impact on. The server
refuses the whole file for one issue without its rule, for an empty range, and for a column behind the end of its line.
Lines count from 1, columns from 0 and in UTF-16 code units, ends are exclusive.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from qualitygate.authoring import Check
from qualitygate.model.finding import Domain, Finding, Severity
from qualitygate.model.source import Place
from qualitygate.model.verdict import Report
from qualitygate.report.json import encoded
from qualitygate.report.page import plain
from qualitygate.report.parts import active, address, harmless, rules, sentence, whole
from qualitygate.report.positions import utf16
from qualitygate.report.redact import Redactor

_CODE = re.compile(r"`([^`]+)`")
_LEVELS = {Severity.ERROR: "HIGH", Severity.WARNING: "MEDIUM", Severity.NOTE: "LOW"}
# The attribute that the code lacks, and the software quality that suffers.
_IMPACTS = {
    Domain.API: ("CONVENTIONAL", "MAINTAINABILITY"),
    Domain.ARCHITECTURE: ("MODULAR", "MAINTAINABILITY"),
    Domain.CACHING: ("EFFICIENT", "RELIABILITY"),
    Domain.DATABASE: ("EFFICIENT", "RELIABILITY"),
    Domain.MESSAGING: ("COMPLETE", "RELIABILITY"),
    Domain.MONITORING: ("COMPLETE", "MAINTAINABILITY"),
    Domain.SCALING: ("EFFICIENT", "RELIABILITY"),
    Domain.SECURITY: ("TRUSTWORTHY", "SECURITY"),
}


def render(report: Report, checks: Iterable[Check]) -> bytes:
    """The active findings and their rules as UTF-8 JSON that ends in a line break."""
    redactor = Redactor.of(report)
    findings = active(report)
    known = rules(checks, (finding.check for finding in findings))
    described = {check.id for check in known}
    return encoded(
        {
            "rules": [_rule(check) for check in known],
            "issues": [_issue(report, finding, redactor) for finding in findings if finding.check in described],
        }
    )


def _rule(check: Check) -> dict[str, Any]:
    attribute, quality = _IMPACTS[check.domain]
    return {
        "id": check.id,
        "name": check.title,
        "description": _html(plain(check)),
        "engineId": "qgate",
        "cleanCodeAttribute": attribute,
        "impacts": [{"softwareQuality": quality, "severity": _LEVELS[check.severity]}],
    }


def _html(text: str) -> str:
    """Paragraphs as HTML: Sonar shows the description of a rule as it is."""
    marked = _CODE.sub(r"<code>\1</code>", html.escape(text, quote=False))
    return "".join(f"<p>{paragraph}</p>" for paragraph in marked.split("\n\n"))


def _issue(report: Report, finding: Finding, redactor: Redactor) -> dict[str, Any]:
    issue: dict[str, Any] = {
        "ruleId": finding.check,
        "primaryLocation": _location(report, finding.place, whole(finding, redactor)),
    }
    if finding.places:
        issue["secondaryLocations"] = [
            _location(report, place, sentence(harmless(place.note or place.role or "Seen here", redactor)))
            for place in finding.places
        ]
    return issue


def _location(report: Report, place: Place, message: str) -> dict[str, Any]:
    span = utf16(report.texts.get(place.path), place.span)
    range_ = {"startLine": max(1, place.span.line)}
    if span is not None and (span.line, span.column) < (span.end_line, span.end_column):
        range_ |= {"startColumn": span.column - 1, "endLine": span.end_line, "endColumn": span.end_column - 1}
    return {"message": message, "filePath": address(report, place.path), "textRange": range_}
