"""In: all that a verdict rests on. Out: one record of it, and what rows of every kind have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone

import msgspec

from qualitygate.model.evidence import Attestation, EvidenceClass, Given, Origin, Proof
from qualitygate.model.finding import Change, Finding, Status
from qualitygate.model.policy import Bound, Condition, Limits, Waiver
from qualitygate.model.verdict import Row, State

# A clock that is a little ahead is no fault of the evidence.
_AHEAD = 86400.0


AVAILABILITY = "availability"


@dataclass(frozen=True)
class Case:
    """What is judged: the proof of a scan (None: there was none), the evidence given, the statements, and the policy.

    ``now`` has a time zone.
    """

    now: datetime
    limits: Limits = field(default_factory=Limits)
    proof: Proof | None = None
    given: Sequence[Given] = ()
    attestations: Sequence[Attestation] = ()
    conditions: Sequence[Condition] = ()
    waivers: Sequence[Waiver] = ()

    @property
    def today(self) -> date:
        """The day of ``now``, in UTC."""
        return self.now.astimezone(timezone.utc).date()

    def counted(self, scope: str = "") -> list[Finding]:
        """The active findings that count in ``scope`` (empty: that of the gate)."""
        if self.proof is None:
            return []
        active = [finding for finding in self.proof.findings if finding.status is Status.ACTIVE]
        if (scope or self.limits.scope) == "all":
            return active
        return [one for one in active if one.change in (None, Change.NEW)]


def row(condition: Condition, state: State, value: str, detail: str, evidence: EvidenceClass) -> Row:
    """The row of a condition."""
    return Row(
        condition.id,
        state,
        value,
        condition.bound.text if condition.bound is not None else "stated",
        evidence.value,
        detail,
        bool(condition.required),
        place=condition.place,
    )


def missing(condition: Condition, detail: str) -> Row:
    """The row of a condition that there is no evidence for."""
    return row(condition, State.NO_DATA, "no data", detail, EvidenceClass.UNKNOWN)


def sourced(one: Row, origin: Origin, samples: int | None = None) -> Row:
    """``one`` with the file that it rests on."""
    return msgspec.structs.replace(
        one, source=origin.path, observed=origin.finished, dated_by=origin.dated_by, samples=samples
    )


def aged(origin: Origin, stale: str, max_age: float, now: datetime) -> str:
    """Why evidence is too old to count, or of another state of the code; empty where it is not."""
    if stale:
        return stale
    if not max_age:
        return ""
    try:
        finished = datetime.fromisoformat(origin.finished.replace("Z", "+00:00"))
    except ValueError:
        return "its age is not known"
    if finished.tzinfo is None:
        finished = finished.replace(tzinfo=timezone.utc)
    age = (now - finished).total_seconds()
    if age < -_AHEAD:
        return f"it says that it ended on {finished:%Y-%m-%d}, which is still to come"
    if age <= max_age:
        return ""
    by_file = ", by the time of its file" if origin.dated_by == "file" else ""
    return f"it is of {finished:%Y-%m-%d}{by_file}, older than {span(max_age)}"


def span(seconds: float) -> str:
    """A length of time in words."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:g} s"


def downtime(share: float, bound: Bound) -> str:
    """What a share of the time comes to in 30 days, beside what is allowed; nothing for a limit without a number."""
    if bound.value is None:
        return ""
    down, allowed = (30 * 86400 * max(0.0, 1 - one) for one in (share, bound.value))
    return f"down for {span(round(down, 1))} in 30 days, {span(round(allowed, 1))} allowed"


def quantity(value: float, bound: Bound | None) -> str:
    """A number in the canonical unit, shown in the unit of the limit."""
    if bound is None:
        return f"{value:g}"
    shown = value / bound.scale
    text = f"{shown:,.0f}" if abs(shown) >= 1000 else f"{shown:.4g}"
    return f"{text} {bound.unit}".rstrip()


def count(number: int, noun: str) -> str:
    """``3 errors``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
