"""In: a report that qgate wrote as JSON. Out: what the scan of the code proved, to be judged again."""

from __future__ import annotations

from typing import Annotated

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.opened import Opened, Unreadable
from qualitygate.model.evidence import REPORT, Proof
from qualitygate.model.finding import Change, Confidence, Domain, Finding, Severity, Status
from qualitygate.model.source import Place, Span, Unread

_VERSION = 1


class _Tool(msgspec.Struct):
    name: str
    version: str


class _Finding(msgspec.Struct):
    check: str
    domain: Domain
    severity: Severity
    confidence: Confidence
    message: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    subject: str
    fingerprint: str
    status: Status
    change: Change | None = None
    answer: str = ""
    why: str = ""
    mend: str = ""
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


class _Report(msgspec.Struct):
    schema_version: int
    tool: _Tool
    findings: tuple[_Finding, ...]
    examined: dict[str, int]
    broken: dict[str, str]
    unread: tuple[Unread, ...]
    commit: str = ""


def read_report(source: Opened) -> Proof:
    """The findings and what was examined. Raises Unreadable for a report of another tool or of a later form."""
    report = source.decode(_Report)
    if report.tool.name != REPORT or report.schema_version != _VERSION:
        raise Unreadable(f"is a report of {report.tool.name[:40]!r} in form {report.schema_version}, not of this qgate")
    return Proof(
        tuple(_finding(one) for one in report.findings),
        report.examined,
        report.broken,
        report.unread,
        source.origin("qgate report", REPORT, version=report.tool.version, commit=report.commit),
    )


def _finding(one: _Finding) -> Finding:
    return Finding(
        check=one.check,
        domain=one.domain,
        severity=one.severity,
        confidence=one.confidence,
        message=one.message,
        place=Place(one.path, Span(one.line, one.column, one.end_line, one.end_column)),
        subject=one.subject,
        fingerprint=one.fingerprint,
        why=one.why,
        mend=one.mend,
        status=one.status,
        answer=one.answer,
        change=one.change,
        count=one.count,
    )


FORMATS = (
    Format("qgate report", REPORT, read_report, keys=("schema_version", "tool", "findings", "examined", "gate")),
)
