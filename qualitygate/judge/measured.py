"""In: conditions on measured numbers. Out: their rows, with what the samples can bear.

A claim holds where the whole interval in which the number lies keeps the limit, is refuted where none of it does, and is
open between. An error rate is held by its one-sided upper 95 % bound, a percentile needs enough samples to be one, a
latency needs a run whose requests were answered, and a throughput a run that asked for as much.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec

from qualitygate.judge.attested import judge_statement
from qualitygate.judge.case import AVAILABILITY, Case, aged, count, downtime, missing, quantity, row, sourced
from qualitygate.judge.proved import found, named
from qualitygate.model.evidence import EvidenceClass, Given, Measured, Measurement, Origin
from qualitygate.model.policy import Bound, Condition, Kind
from qualitygate.model.verdict import Row, State
from qualitygate.statistics import minimum_samples, upper_rate

ERROR_RATE = "http.error_rate"
_OFFERED = "http.rps.offered"
_SUCCESS = "http.rps.success"
_LATENCY = "http.latency."
_PERCENTILE = re.compile(r"\.p(\d{1,2}(?:\.\d{1,4})?)$")
# The worst first: what one file refutes no other one can restore.
_WORST = (State.FAIL, State.INCONCLUSIVE, State.STALE, State.PASS)


@dataclass(frozen=True)
class _Run:
    """One measurement, the file it stands in, and the others of the same run and subject."""

    given: Given
    origin: Origin
    measurement: Measurement
    others: dict[str, Measurement]


def judge_metric(case: Case, condition: Condition) -> Row:
    """A limit on a measured number: every run must keep it. Findings of the code refute it, and never prove it."""
    bound = condition.bound
    assert bound is not None  # noqa: S101 - the configuration refuses one without a limit
    against = found(case, condition)
    speaking = f"{count(len(against), 'finding')} against it: {named(against)}" if against else ""
    runs = list(_runs(case, condition))
    stated = condition.attest and any(one.condition == condition.id for one in case.attestations)
    if condition.required is None:
        condition = replace(condition, required=(bool(runs) or stated) and bound.value is not None)
    if bound.value is None:
        return missing(condition, f"{bound.variable} is not set in [profile]")
    if runs:
        rows = [(_judged(case, condition, bound, run), _badness(bound, run.measurement)) for run in runs]
        worst = min(rows, key=lambda one: (_WORST.index(one[0].state), -one[1], one[0].source))[0]
        if len(rows) > 1:
            worst = _told(worst, f"the worst of {len(rows)} runs")
    elif stated:
        worst = judge_statement(case, condition)
    else:
        worst = missing(condition, f"no evidence holds {condition.metric}{_of(condition.subject)}")
    if case.proof is None and condition.checks and worst.state is State.PASS:
        # Else a scan that is left out would take what it found along.
        unknown = "whether the code speaks against it is not known without a scan (`checks = []` does not ask)"
        return _told(msgspec.structs.replace(worst, state=State.INCONCLUSIVE), unknown)
    if not against:
        return worst
    if worst.state in (State.PASS, State.INCONCLUSIVE) or (worst.state is State.NO_DATA and condition.required):
        refuted = row(condition, State.FAIL, worst.value, speaking, EvidenceClass.PROVED)
        return msgspec.structs.replace(
            refuted,
            source=worst.source,
            observed=worst.observed,
            dated_by=worst.dated_by,
            samples=worst.samples,
            required=worst.required,
        )
    return _told(worst, speaking)


def _of(subject: str) -> str:
    return f" of {subject}" if subject else ""


def _told(one: Row, more: str) -> Row:
    return msgspec.structs.replace(one, detail="; ".join(filter(None, (one.detail, more))))


def _runs(case: Case, condition: Condition) -> Iterator[_Run]:
    for given in case.given:
        if not isinstance(given.evidence, Measured):
            continue
        for one in given.evidence.measurements:
            if one.metric == condition.metric and _meant(condition.subject, given.subject, one.subject):
                others = {other.metric: other for other in given.evidence.measurements if other.subject == one.subject}
                yield _Run(given, given.evidence.origin, one, others)


def _meant(wanted: str, source: str, subject: str) -> bool:
    """Whether what was measured is what the condition asks for: a service or environment, or an endpoint of any."""
    return subject == wanted or (bool(wanted) and not subject and source == wanted)


def _judged(case: Case, condition: Condition, bound: Bound, run: _Run) -> Row:
    one = run.measurement
    old = aged(run.origin, run.given.stale, condition.max_age, case.now)
    if old:
        state, detail = State.STALE, old
    else:
        state, detail = _held(case, condition, bound, run)
    made = row(condition, state, _value(one, bound), detail, EvidenceClass.MEASURED)
    return sourced(made, run.origin, one.samples)


def _held(case: Case, condition: Condition, bound: Bound, run: _Run) -> tuple[State, str]:
    """The state of one measurement, and why."""
    one = run.measurement
    needed = condition.min_samples or _needed(condition.metric)
    if one.samples is not None and one.samples < needed:
        return State.INCONCLUSIVE, f"{count(one.samples, 'sample')}, and it takes {needed:,}"
    if one.samples is None and condition.min_samples:
        return State.INCONCLUSIVE, "how many samples there are is not known"
    if condition.metric == ERROR_RATE and bound.upper and condition.confidence != "none":
        state, detail = _rate(bound, one)
    else:
        low, high = interval(one)
        state = _between(bound, low, high)
        detail = one.note or ("only its bounds are known" if state is State.INCONCLUSIVE else "")
    ill = _ill(case, condition, run, needed) if condition.metric.startswith(_LATENCY) else ""
    if state is State.PASS and ill:
        return State.INCONCLUSIVE, ill
    if state is State.PASS and condition.metric.startswith(_LATENCY) and ERROR_RATE not in run.others:
        detail = "; ".join(filter(None, (detail, "whether requests failed is not known")))
    if state is State.FAIL and condition.metric == _SUCCESS:
        offered = run.others.get(_OFFERED)
        if offered is not None and offered.value is not None and not bound.holds(offered.value):
            return State.INCONCLUSIVE, f"the run sent no more than {quantity(offered.value, bound)}"
    if condition.metric == AVAILABILITY and one.value is not None:
        detail = "; ".join(filter(None, (detail, downtime(one.value, bound))))
    return state, detail


def _needed(metric: str) -> int:
    match = _PERCENTILE.search(metric)
    return minimum_samples(float(match[1]) / 100) if match else 1


def interval(one: Measurement) -> tuple[float, float]:
    """Where the true number lies: two equal ends where the tool printed it exactly."""
    low = one.low if one.low is not None else one.value
    high = one.high if one.high is not None else one.value
    return (-math.inf if low is None else low, math.inf if high is None else high)


def _badness(bound: Bound, one: Measurement) -> float:
    """A number that grows with what is bad: of runs in one state, the one that comes nearest to the limit is told."""
    low, high = interval(one)
    return high if bound.upper else -low


def _between(bound: Bound, low: float, high: float) -> State:
    if bound.holds(low) and bound.holds(high):
        return State.PASS
    if bound.operator == "==":
        inside = bound.value is not None and low <= bound.value <= high
        return State.INCONCLUSIVE if inside else State.FAIL
    return State.INCONCLUSIVE if bound.holds(low) or bound.holds(high) else State.FAIL


def _rate(bound: Bound, one: Measurement) -> tuple[State, str]:
    """An error rate, by the bound that 95 of 100 such runs keep; where the requests are not known, by the rate itself."""
    low, high = interval(one)
    if one.failures is None or not one.samples:
        return _between(bound, low, high), one.note or "of how many requests is not known"
    worst = max(one.failures, math.ceil(round(high * one.samples, 6))) if math.isfinite(high) else one.failures
    upper = upper_rate(worst, one.samples)
    told = f"{one.failures:,} of {one.samples:,} failed, at most {quantity(upper, bound)} with 95 % confidence"
    if bound.holds(upper):
        return State.PASS, told
    if not bound.holds(low):
        return State.FAIL, told
    return State.INCONCLUSIVE, f"{told}; {_enough(bound, worst)}"


def _enough(bound: Bound, failures: int) -> str:
    """How many requests it would have taken to show the limit with so many failures."""
    low, high = 1, 2
    while not bound.holds(upper_rate(failures, high)):
        low, high = high, high * 2
        if high > 1 << 30:
            return "no number of requests can show this limit"
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if bound.holds(upper_rate(failures, middle)) else (middle, high)
    return f"it takes {high:,} requests to show it"


def _ill(case: Case, condition: Condition, run: _Run, needed: int) -> str:
    """Why the latencies of a run say nothing: too many of its requests failed. Empty where it was healthy."""
    rate = run.others.get(ERROR_RATE)
    if rate is None:
        return ""
    if rate.failures is not None and rate.samples is not None and rate.samples - rate.failures < needed:
        return f"{rate.samples - rate.failures:,} requests were answered, and it takes {needed:,}"
    limits = [
        other.bound
        for other in case.conditions
        if other.kind is Kind.METRIC
        and other.metric == ERROR_RATE
        and other.applies
        and other.bound is not None
        and other.bound.value is not None
        and other.subject in ("", condition.subject)
    ]
    low, _ = interval(rate)
    for limit in limits:
        if not limit.holds(low):
            return (
                f"{quantity(low, limit)} of the requests failed ({limit.text} is asked for): a failed one can be quick"
            )
    return ""


def _value(one: Measurement, bound: Bound) -> str:
    if one.value is not None:
        return quantity(one.value, bound)
    low, high = interval(one)
    if math.isfinite(low) and math.isfinite(high):
        return f"{quantity(low, bound).split(' ')[0]} to {quantity(high, bound)}"
    return f"above {quantity(low, bound)}" if math.isfinite(low) else f"below {quantity(high, bound)}"
