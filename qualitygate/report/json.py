"""In: a report. Out: JSON, in the form of ``schemas/report-1.json``: stable within a schema version, paths from the root."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from qualitygate.authoring import Check
from qualitygate.model.finding import Finding
from qualitygate.model.source import Place
from qualitygate.model.verdict import Base, Report, Row, Verdict
from qualitygate.report.display import unsafe
from qualitygate.report.redact import Redactor

SCHEMA_VERSION = 1
_UNUSUAL = re.compile(r"[^\n -~]")


def render(report: Report, checks: Iterable[Check] = ()) -> bytes:
    """The report as UTF-8 JSON that ends in a line break; it holds nothing of the ``checks``' documentation."""
    return encoded(document(report))


def document(report: Report) -> dict[str, Any]:
    """The report as plain values."""
    redactor = Redactor.of(report)
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "qgate", "version": report.version},
        "root": report.root.as_posix(),
        "prefix": report.prefix,
        "commit": report.commit,
        "findings": [_finding(finding, redactor) for finding in report.findings],
        "hidden": report.hidden,
        "examined": dict(sorted(report.examined.items())),
        "unread": [
            {"path": item.path, "line": item.line, "reason": redactor.text(item.reason)} for item in report.unread
        ],
        "broken": {check: redactor.text(reason) for check, reason in sorted(report.broken.items())},
        "stale_baseline": list(report.stale_baseline),
        "base": _base(report.base, redactor) if report.base is not None else None,
        "notes": list(report.notes),
        "gate": gate(report.verdict, redactor),
        "files": report.files,
        "statements": {"total": report.coverage.total, "understood": report.coverage.understood},
        "seconds": round(report.seconds, 3),
    }


def gate(verdict: Verdict, redactor: Redactor) -> dict[str, Any]:
    """The state of the gate and all of its rows."""
    return {
        "state": verdict.state,
        "exit_code": verdict.exit_code,
        "rows": [_row(row, redactor) for row in verdict.rows],
    }


def _row(row: Row, redactor: Redactor) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state.value,
        "required": row.required,
        "value": redactor.text(row.value),
        "limit": row.limit,
        "evidence": row.evidence,
        "detail": redactor.text(row.detail),
        "source": redactor.text(row.source),
        "observed": row.observed,
        "dated_by": row.dated_by,
        "samples": row.samples,
        "place": {"path": row.place.path, "line": row.place.span.line} if row.place is not None else None,
    }


def _base(base: Base, redactor: Redactor) -> dict[str, Any]:
    return {
        "revision": base.revision,
        "commit": base.commit,
        "variable": base.variable,
        "gone": [redactor.text(finding) for finding in base.gone],
    }


def encoded(value: Any) -> bytes:
    """``value`` as indented UTF-8 JSON.

    Characters that UTF-8 cannot carry (half of a surrogate pair) become ``?``; those that a terminal would obey or an
    editor would hide are escaped, as JSON itself demands only below U+0020.
    """
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:
        data = msgspec.json.encode(_clean(value))
    data = msgspec.json.format(data, indent=2) + b"\n"
    if data.isascii() and b"\x7f" not in data:
        return data
    return _UNUSUAL.sub(_escaped, data.decode()).encode()


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1] if unsafe(match[0]) else match[0]


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _finding(finding: Finding, redactor: Redactor) -> dict[str, Any]:
    return {
        "check": finding.check,
        "domain": finding.domain.value,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "message": redactor.text(finding.message),
        **_position(finding.place),
        "subject": redactor.text(finding.subject),
        "fingerprint": finding.fingerprint,
        "status": finding.status.value,
        "change": finding.change.value if finding.change is not None else None,
        "answer": redactor.text(finding.answer),
        "why": redactor.text(finding.why),
        "mend": redactor.text(finding.mend),
        "places": [
            {**_position(place), "note": redactor.text(place.note), "role": place.role} for place in finding.places
        ],
        "tags": list(finding.tags),
        "count": finding.count,
    }


def _position(place: Place) -> dict[str, Any]:
    span = place.span
    return {
        "path": place.path,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
