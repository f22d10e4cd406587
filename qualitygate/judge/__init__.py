"""In: what the checks found and examined, what was measured, found by others or stated, and the policy. Out: the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import msgspec

from qualitygate.judge.attested import judge_statement
from qualitygate.judge.case import Case, row
from qualitygate.judge.measured import judge_metric
from qualitygate.judge.proved import NO_SCAN, judge_findings, judge_ratio
from qualitygate.judge.scanned import judge_scanners
from qualitygate.model.evidence import EvidenceClass, Proof, Unusable
from qualitygate.model.finding import Severity, Status
from qualitygate.model.policy import SOON, Condition, Kind
from qualitygate.model.verdict import Row, State, Verdict

__all__ = ["Case", "judge"]

OPEN, CLOSED, BROKEN, NO_EVIDENCE = 0, 1, 2, 4

_JUDGES: Mapping[Kind, Callable[[Case, Condition], Row]] = {
    Kind.FINDINGS: judge_findings,
    Kind.RATIO: judge_ratio,
    Kind.METRIC: judge_metric,
    Kind.SCANNER: judge_scanners,
    Kind.STATEMENT: judge_statement,
}
_UNDECIDED = (State.INCONCLUSIVE, State.NO_DATA, State.STALE)


def judge(case: Case) -> Verdict:
    """Hold all that is known against the policy.

    All required rows must pass, be waived or not apply. A check that crashed leaves the gate undecided (exit code 2)
    whatever else was found; then come a row that fails or whose evidence is faulty (1), one whose evidence is missing,
    too old or too weak (4), and an open gate (0).
    """
    rows = (*_findings(case), *(_conditional(case, one) for one in case.conditions), *_unusable(case))
    states = {one.state for one in rows if one.required}
    if case.proof is not None and case.proof.broken:
        return Verdict("undecided", rows, BROKEN)
    if states & {State.FAIL, State.ERROR}:
        return Verdict("closed", rows, CLOSED)
    if states & set(_UNDECIDED):
        return Verdict("undecided", rows, NO_EVIDENCE)
    return Verdict("open", rows, OPEN)


def _findings(case: Case) -> Iterator[Row]:
    """The rows on all findings, on what could not be read, and on checks that must have had something to judge."""
    limits, proof = case.limits, case.proof
    source = proof.origin.path if proof is not None else ""
    observed = proof.origin.finished if proof is not None else ""

    def made(name: str, state: State, value: str, limit: str, detail: str = "") -> Row:
        evidence = EvidenceClass.PROVED if proof is not None else EvidenceClass.UNKNOWN
        return Row(name, state, value, limit, evidence.value, detail, source=source, observed=observed)

    if proof is not None:
        for check, reason in proof.broken.items():
            yield made(f"checks.{check}", State.ERROR, "crashed", "runs", reason)
    counted = case.counted()
    active = [one for one in proof.findings if one.status is Status.ACTIVE] if proof is not None else []
    for name, severity, limit in (
        ("findings.errors", Severity.ERROR, limits.errors),
        ("findings.warnings", Severity.WARNING, limits.warnings),
        ("findings.notes", Severity.NOTE, limits.notes),
    ):
        if limit is None:
            continue
        if proof is None:
            yield made(name, State.NO_DATA, "no data", f"<= {limit}", NO_SCAN)
            continue
        number = sum(one.severity is severity for one in counted)
        stood = sum(one.severity is severity for one in active) - number
        detail = f"new ones; {stood} stood before" if stood else ""
        yield made(name, State.PASS if number <= limit else State.FAIL, str(number), f"<= {limit}", detail)
    if proof is not None and (limits.unread == "fail" or (limits.unread == "warn" and proof.unread)):
        failed = bool(proof.unread) and limits.unread == "fail"
        limit_text = "<= 0" if limits.unread == "fail" else "told, not limited"
        yield made("files.unread", State.FAIL if failed else State.PASS, str(len(proof.unread)), limit_text)
    for check in limits.required:
        if proof is None or check not in proof.broken:
            number = proof.examined.get(check, 0) if proof is not None else 0
            yield made(f"required.{check}", State.PASS if number else State.NO_DATA, str(number), ">= 1")


def _conditional(case: Case, condition: Condition) -> Row:
    """The row of one condition, with what excludes or waives it."""
    if not condition.applies:
        return row(condition, State.NOT_APPLICABLE, "", condition.because, EvidenceClass.UNKNOWN)
    made = _JUDGES[condition.kind](case, condition)
    attested = condition.attest and any(one.condition == condition.id for one in case.attestations)
    if made.state is State.NO_DATA and condition.kind is Kind.FINDINGS and attested and case.proof is not None:
        # Where the code has nothing to tell, a person may; where nobody looked at it, nobody knows what it has to tell.
        made = judge_statement(case, replace(condition, bound=None))
    if made.state is State.NO_DATA and condition.on_missing == "warn":
        made = msgspec.structs.replace(made, required=False)
    waivers = [waiver for waiver in case.waivers if waiver.condition == condition.id]
    if made.state in (State.PASS, State.NOT_APPLICABLE):
        idle = "nothing to waive" if waivers and made.state is State.PASS else ""
        return msgspec.structs.replace(made, detail="; ".join(filter(None, (made.detail, idle))))
    for waiver in waivers:
        days = (waiver.until - case.today).days
        if days < 0:
            ended = f"the waiver of {waiver.owner} ended on {waiver.until.isoformat()}"
            made = msgspec.structs.replace(made, detail="; ".join(filter(None, (made.detail, ended))))
            continue
        left = f", {days} days left" if days <= SOON else ""
        told = f"{waiver.owner} until {waiver.until.isoformat()}{left}: {waiver.reason}"
        was = made.state.value.replace("_", " ")
        detail = f"{told} ({was}: {made.detail})" if made.detail else f"{told} ({was})"
        return msgspec.structs.replace(made, state=State.WAIVED, detail=detail)
    return made


def _unusable(case: Case) -> Iterator[Row]:
    """A row for each file of evidence that was asked for and is not there, cannot be used, or proves another commit."""
    takes = {one.id: one.attest for one in case.conditions}
    for stated in case.attestations:
        if not takes.get(stated.condition):
            where = f"{stated.path}:{stated.line}" if stated.line else stated.path
            what = "takes no statement" if stated.condition in takes else "is no row of the gate"
            yield Row(
                f"evidence.{where}",
                State.ERROR,
                "unusable",
                "of a row",
                EvidenceClass.UNKNOWN.value,
                f"{stated.condition} {what}",
                source=where,
            )
    for given in case.given:
        if given.evidence is None:
            yield Row(
                f"evidence.{given.source}",
                State.NO_DATA,
                "no file",
                "readable",
                EvidenceClass.UNKNOWN.value,
                "no such file: nothing it would hold is known",
                source=given.source,
            )
        elif isinstance(given.evidence, Proof) and given.stale:
            yield Row(
                f"evidence.{given.source}",
                State.STALE,
                "old",
                "of this commit",
                EvidenceClass.UNKNOWN.value,
                given.stale,
                source=given.source,
                observed=given.evidence.origin.finished,
            )
        elif isinstance(given.evidence, Unusable):
            yield Row(
                f"evidence.{given.evidence.path}",
                State.ERROR,
                "unusable",
                "readable",
                EvidenceClass.UNKNOWN.value,
                given.evidence.reason,
                source=given.evidence.path,
            )
