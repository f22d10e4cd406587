"""In: a report. Out: a GitLab Code Quality report: a JSON list, of the fields that GitLab reads.

GitLab stops at the first entry that is not valid, keeps one entry of each fingerprint, shows ``description`` alone and
compares the files of both sides of a merge request itself: so all active findings are written, known to a base or not.
"""

from __future__ import annotations

from collections.abc import Iterable

from qualitygate.authoring import Check
from qualitygate.model.finding import Severity
from qualitygate.model.verdict import Report
from qualitygate.report.json import encoded
from qualitygate.report.parts import active, address, identity, whole
from qualitygate.report.redact import Redactor

_LEVELS = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTE: "minor"}


def render(report: Report, checks: Iterable[Check]) -> bytes:
    """The active findings as UTF-8 JSON that ends in a line break."""
    redactor = Redactor.of(report)
    return encoded(
        [
            {
                "description": whole(finding, redactor),
                "check_name": finding.check,
                "fingerprint": identity(report, finding),
                "severity": _LEVELS[finding.severity],
                "location": {
                    "path": address(report, finding.path),
                    "lines": {
                        "begin": max(1, finding.span.line),
                        "end": max(1, finding.span.line, finding.span.end_line),
                    },
                },
            }
            for finding in active(report)
        ]
    )
