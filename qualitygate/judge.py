"""In: what the checks found, what they examined, what could not be read, and the policy. Out: the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from qualitygate.model.finding import Change, Finding, Severity, Status
from qualitygate.model.policy import Limits
from qualitygate.model.source import Unread
from qualitygate.model.verdict import Row, State, Verdict

OPEN, CLOSED, BROKEN, NO_EVIDENCE = 0, 1, 2, 4


def judge(
    findings: Iterable[Finding],
    examined: Mapping[str, int],
    broken: Mapping[str, str],
    unread: Sequence[Unread],
    limits: Limits,
) -> Verdict:
    """Hold the findings against the limits.

    A check that crashed leaves the gate undecided (exit code 2) whatever else was found; then come a closed gate (1),
    a required check that had nothing to judge (4) and an open gate (0). Of findings that were compared with a base, those
    that stood there count only where the scope is `all`.
    """
    active = [finding for finding in findings if finding.status is Status.ACTIVE]
    counted = [one for one in active if limits.scope == "all" or one.change in (None, Change.NEW)]
    rows = [Row(f"checks.{check}", State.ERROR, "crashed", "runs", detail=reason) for check, reason in broken.items()]
    for name, severity, limit in (
        ("findings.errors", Severity.ERROR, limits.errors),
        ("findings.warnings", Severity.WARNING, limits.warnings),
        ("findings.notes", Severity.NOTE, limits.notes),
    ):
        if limit is not None:
            count = sum(finding.severity is severity for finding in counted)
            stood = sum(finding.severity is severity for finding in active) - count
            detail = f"new ones; {stood} stood before" if stood else ""
            state = State.PASS if count <= limit else State.FAIL
            rows.append(Row(name, state, str(count), f"<= {limit}", detail=detail))
    if limits.unread == "fail" or (limits.unread == "warn" and unread):
        failed = bool(unread) and limits.unread == "fail"
        limit_text = "<= 0" if limits.unread == "fail" else "told, not limited"
        rows.append(Row("files.unread", State.FAIL if failed else State.PASS, str(len(unread)), limit_text))
    for check in limits.required:
        if check not in broken:
            count = examined.get(check, 0)
            rows.append(Row(f"required.{check}", State.PASS if count else State.NO_DATA, str(count), ">= 1"))
    return _verdict(tuple(rows))


def _verdict(rows: tuple[Row, ...]) -> Verdict:
    states = {row.state for row in rows}
    if State.ERROR in states:
        return Verdict("undecided", rows, BROKEN)
    if State.FAIL in states:
        return Verdict("closed", rows, CLOSED)
    if State.NO_DATA in states:
        return Verdict("undecided", rows, NO_EVIDENCE)
    return Verdict("open", rows, OPEN)
