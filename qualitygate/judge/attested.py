"""In: conditions that a statement of a person may answer. Out: their rows."""

from __future__ import annotations

from datetime import date

import msgspec

from qualitygate.judge.case import AVAILABILITY, Case, downtime, missing, row
from qualitygate.model.evidence import Attestation, EvidenceClass
from qualitygate.model.policy import SOON, Condition
from qualitygate.model.verdict import Row, State

# The worst first.
_WORST = (State.ERROR, State.FAIL, State.PASS)


def judge_statement(case: Case, condition: Condition) -> Row:
    """What is stated of a condition. Statements that have run out count only where there is no other."""
    said = [one for one in case.attestations if one.condition == condition.id]
    if not said:
        return missing(condition, f"nothing is stated: `qgate attest {condition.id}` shows how")
    valid = [one for one in said if not _over(one, case.today)]
    if not valid:
        last = max(said, key=lambda one: one.expires)
        return _row(condition, last, State.STALE, f"it ran out on {last.expires}")
    rows = [_judged(case, condition, one) for one in valid]
    return min(rows, key=lambda one: (_WORST.index(one.state), one.source, one.detail))


def _judged(case: Case, condition: Condition, one: Attestation) -> Row:
    if one.faults:
        return _row(condition, one, State.ERROR, "; ".join(one.faults))
    days = (date.fromisoformat(one.expires) - case.today).days
    detail = f"by {one.author}, reviewed by {one.reviewer}" + (
        f"; it runs out in {days} days" if days <= SOON else f"; until {one.expires}"
    )
    bound = condition.bound
    if bound is None:
        return _row(condition, one, State.PASS, detail)
    if bound.value is None:
        return missing(condition, f"{bound.variable} is not set in [profile]")
    if one.value is None:
        return _row(condition, one, State.ERROR, "it states no value, and a limit is to be held")
    # A statement is made in the unit in which the limit is written.
    value = float(f"{one.value * bound.scale:.12g}")
    holds = bound.holds(value)
    if condition.metric == AVAILABILITY:
        detail = f"{downtime(value, bound)}; {detail}"
    return _row(condition, one, State.PASS if holds else State.FAIL, detail)


def _over(one: Attestation, today: date) -> bool:
    try:
        return date.fromisoformat(one.expires) < today
    except ValueError:
        return False  # its faults say so


def _row(condition: Condition, one: Attestation, state: State, detail: str) -> Row:
    unit = condition.bound.unit if condition.bound is not None else ""
    value = f"{one.value:g} {unit}".rstrip() if one.value is not None else "stated"
    made = row(condition, state, value, detail, EvidenceClass.ATTESTED)
    return msgspec.structs.replace(made, source=f"{one.path}:{one.line}" if one.line else one.path, observed=one.issued)
