"""In: a report. Out: what the formats for other programs have in common: which findings, in what words, at what path."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable

from qualitygate.authoring import Check
from qualitygate.model.finding import Change, Confidence, Domain, Edit, Finding, Severity, Status
from qualitygate.model.verdict import Report, Row, State
from qualitygate.report.display import visible
from qualitygate.report.redact import Redactor

# A condition of the gate that no finding stands for, told where code scanning can show it: at its line of the policy.
CONDITION = Check(
    id="gate-condition",
    domain=Domain.ARCHITECTURE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Measure before a release",
    dont="Take missing evidence for good news",
    doc="""A condition of the quality gate that does not hold, or that has no evidence.

What it flags: a required condition of the configuration that rests on a measurement, a statement or another scanner.

Why: the gate does not open before it holds.

How to mend: `qgate gate` shows each row with its evidence, its age and what is missing.

What it cannot see: what was not measured.
""",
    run=lambda project: iter(()),
    bad=(),
    good=(),
)
_UNDECIDED = frozenset({State.NO_DATA, State.INCONCLUSIVE, State.STALE})


def active(report: Report) -> list[Finding]:
    """The findings that are neither answered nor known, and conditions of the gate that have a place; worst first."""
    found = [finding for finding in report.findings if finding.status is Status.ACTIVE]
    return sorted((*found, *_conditions(report)), key=lambda one: (one.severity.rank, one.confidence.rank))


def new(findings: Iterable[Finding]) -> list[Finding]:
    """Those of the findings that the change adds; all of them where there is nothing to compare with."""
    return [finding for finding in findings if finding.change in (None, Change.NEW)]


def rules(checks: Iterable[Check], ids: Iterable[str]) -> list[Check]:
    """The checks with these ids, in their order."""
    wanted = frozenset(ids)
    return sorted((check for check in (*checks, CONDITION) if check.id in wanted), key=lambda check: check.id)


def whole(finding: Finding, redactor: Redactor) -> str:
    """The message of a finding with its reason and its mending, as sentences on one line."""
    parts = [sentence(harmless(finding.message, redactor))]
    for label, text in (("Why here", finding.why), ("Mend", finding.mend)):
        if text:
            parts.append(f"{label}: {sentence(harmless(text, redactor))}")
    return " ".join(parts)


def harmless(text: str, redactor: Redactor) -> str:
    """``text`` without secrets, and with nothing in it that could move a cursor or end a line."""
    return visible(redactor.text(text))


def sentence(text: str) -> str:
    """``text`` with a full stop where it has no end of its own."""
    text = text.strip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def address(report: Report, path: str) -> str:
    """A path of the report from the top of the repository, with forward slashes."""
    return from_top(report.prefix, path)


def from_top(prefix: str, path: str) -> str:
    """A path below the scanned folder, to which ``prefix`` leads, from the top of the repository."""
    # The configuration, and what is told of it, may stand above that folder.
    return posixpath.normpath(prefix + path) if path.startswith("../") else prefix + path


def identity(report: Report, finding: Finding) -> str:
    """The fingerprint of a finding, told from that of the same fault in another service of one repository."""
    if not report.prefix:
        return finding.fingerprint
    return hashlib.sha256(f"{report.prefix}\0{finding.fingerprint}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


def mending(report: Report, finding: Finding, redactor: Redactor) -> dict[str, tuple[Edit, ...]]:
    """The edits that mend a finding, whole, by path; none where one of its files cannot be mended for sure."""
    if not finding.edits:
        return {}
    from qualitygate.parse.rewrite import Unwritable, completed

    wanted: dict[str, list[Edit]] = {}
    for path, edit in finding.edits:
        wanted.setdefault(path, []).append(edit)
    try:
        done = {path: completed(report.texts[path], edits) for path, edits in wanted.items()}
    except (KeyError, Unwritable):
        return {}
    shown = all(redactor.text(edit.text) == edit.text for edits in done.values() for edit in edits)
    return done if shown else {}


def _conditions(report: Report) -> Iterable[Finding]:
    """Conditions that do not hold and that rest on something else than findings, as findings in the configuration."""
    for row in report.verdict.rows:
        failed = row.state in (State.FAIL, State.ERROR)
        place = row.place or report.gate_place
        if place is None or row.evidence == "proved" or not row.required or not (failed or row.state in _UNDECIDED):
            continue
        yield Finding(
            check=CONDITION.id,
            domain=CONDITION.domain,
            severity=Severity.ERROR if failed else Severity.WARNING,
            confidence=Confidence.HIGH,
            message=_condition(row),
            place=place,
            subject=row.id,
            fingerprint=hashlib.sha256(f"{CONDITION.id}\0{row.id}".encode()).hexdigest()[:32],
        )


def _condition(row: Row) -> str:
    state = row.state.value.replace("_", " ")
    if row.value in ("", state):
        told = f"{row.id}: {state}, asked for {row.limit}"
    else:
        told = f"{row.id} is {row.value}, asked for {row.limit} ({state})"
    return f"{told}: {row.detail}" if row.detail else told
