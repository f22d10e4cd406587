"""What holds of every verdict, whatever the policy and the evidence are."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timezone
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as some

from qualitygate.judge import Case, judge
from qualitygate.model.evidence import (
    Alert,
    Attestation,
    Given,
    Measured,
    Measurement,
    Origin,
    Proof,
    Scanned,
    Unusable,
    unit_of,
)
from qualitygate.model.finding import Change, Confidence, Domain, Finding, Severity, Status
from qualitygate.model.policy import Condition, Kind, Limits, Waiver
from qualitygate.model.source import Place, Span
from qualitygate.parse.limit import parse_bound

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
CHECKS = ("query-in-loop", "plain-http", "missing-timeout")
METRICS = {
    "http.latency.p95": "< 200 ms",
    "http.error_rate": "< 0.1 %",
    "http.rps.success": ">= 600 rps",
    "availability": ">= 99.9 %",
}
EXAMINED = dict.fromkeys(CHECKS, 5)

findings = some.builds(
    lambda check, severity, status, change, subject: Finding(
        check,
        Domain.API,
        severity,
        Confidence.HIGH,
        "wrong",
        Place("app/a.py", Span(1, 1, 1, 2)),
        subject,
        f"{check}{subject}",
        status=status,
        change=change,
    ),
    some.sampled_from(CHECKS),
    some.sampled_from(Severity),
    some.sampled_from(Status),
    some.sampled_from([None, *Change]),
    some.sampled_from("abcdef"),
)
values = some.floats(0, 1000, allow_nan=False)


@some.composite
def measurements(draw: Any) -> tuple[Measurement, ...]:
    samples = draw(some.sampled_from([None, 10, 100, 5_000, 20_000]))
    made = []
    for metric in draw(some.sets(some.sampled_from([*METRICS, "http.rps.offered"]))):
        if unit_of(metric) == "ratio":
            failures = draw(some.integers(0, 3)) if samples else None
            value = failures / samples if samples and failures is not None else draw(some.floats(0, 1))
            made.append(Measurement(metric, value, samples=samples, failures=failures))
        else:
            low, high = sorted((draw(values), draw(values)))
            exact = draw(some.booleans())
            made.append(
                Measurement(
                    metric, low if exact else None, None if exact else low, high if not exact else None, samples
                )
            )
    return tuple(made)


@some.composite
def files(draw: Any) -> Given:
    """What one source of evidence, a file named by its path, gives."""
    path = f"out/{draw(some.integers(0, 999))}"
    finished = draw(some.sampled_from(["2026-11-19T08:00:00Z", "2026-01-01T08:00:00Z", ""]))
    origin = Origin(path, "0", "k6", draw(some.sampled_from(["k6", "trivy"])), "", finished, "content")
    stale = draw(some.sampled_from(["", "", "", "it is of another commit"]))
    kind = draw(some.integers(0, 5))
    if kind == 0:
        return Given(path, Unusable(path, "is of no format"))
    if kind == 1:
        alerts = draw(
            some.lists(some.builds(Alert, some.just("r"), some.sampled_from(["high", "low"]), some.just("m")))
        )
        return Given(path, Scanned(origin, tuple(alerts)), "", stale)
    return Given(path, Measured(origin, draw(measurements())), "", stale)


@some.composite
def conditions(draw: Any) -> tuple[Condition, ...]:
    made = []
    for number in range(draw(some.integers(0, 4))):
        kind = draw(some.sampled_from(Kind))
        metric = draw(some.sampled_from(sorted(METRICS))) if kind is Kind.METRIC else ""
        limit = {
            Kind.METRIC: METRICS.get(metric, ""),
            Kind.FINDINGS: f"<= {draw(some.integers(0, 2))}",
            Kind.RATIO: draw(some.sampled_from([">= 50 %", "== 100 %"])),
            Kind.SCANNER: "== 0",
            Kind.STATEMENT: "",
        }[kind]
        unit = unit_of(metric) if metric else {Kind.RATIO: "ratio"}.get(kind, "")
        made.append(
            Condition(
                f"row{number}",
                kind,
                parse_bound(limit, unit, {}) if limit else None,
                checks=tuple(draw(some.sets(some.sampled_from(CHECKS), min_size=1))),
                severity=draw(some.sampled_from(Severity)),
                metric=metric,
                min_severity="medium" if kind is Kind.SCANNER else "",
                needs=("trivy",) if draw(some.booleans()) else (),
                scope=draw(some.sampled_from(["", "new", "all"])),
                max_age=draw(some.sampled_from([0.0, 14 * 86400.0])),
                attest=kind is Kind.STATEMENT or draw(some.booleans()),
                required=draw(some.sampled_from([True, True, False, None])),
                applies=draw(some.sampled_from([True, True, True, False])),
            )
        )
    return tuple(made)


@some.composite
def cases(draw: Any) -> Case:
    rows = draw(conditions())
    stated = [
        Attestation(
            row.id,
            "so it was",
            "a",
            "b",
            "2026-11-01",
            draw(some.sampled_from(["2027-01-01", "2026-11-01"])),
            (("https://x", ""),),
            value=draw(some.sampled_from([None, 99.95, 0.0, 500.0])),
            faults=draw(some.sampled_from([(), (), ("no reviewer",)])),
        )
        for row in rows
        if row.attest and draw(some.booleans())
    ]
    waived = [
        Waiver("later", "a", draw(some.sampled_from([date(2027, 1, 1), date(2026, 1, 1)])), condition=row.id)
        for row in rows
        if draw(some.integers(0, 4)) == 0
    ]
    named = draw(some.lists(files(), max_size=4, unique_by=lambda one: one.source))
    found = tuple(draw(some.lists(findings, max_size=5)))
    limits = Limits(
        errors=draw(some.sampled_from([0, 1, None])),
        warnings=draw(some.sampled_from([0, None])),
        scope=draw(some.sampled_from(["new", "all"])),
    )
    proof = Proof(found, EXAMINED, {}, ()) if draw(some.integers(0, 9)) else None
    return Case(NOW, limits, proof, named, stated, rows, waived)


@some.composite
def good_cases(draw: Any) -> Case:
    """One required row that everything speaks for but, perhaps, the code; nothing is asked of the findings themselves."""
    kind = draw(some.sampled_from([Kind.METRIC, Kind.FINDINGS, Kind.RATIO]))
    limit, metric, unit = {
        Kind.METRIC: ("< 200 ms", "http.latency.p95", "ms"),
        Kind.FINDINGS: ("== 0", "", ""),
        Kind.RATIO: (">= 90 %", "", "ratio"),
    }[kind]
    checks = CHECKS[: 1 if kind is not Kind.METRIC else draw(some.integers(0, 1))]
    bound = parse_bound(limit, unit, {})
    row = Condition("row", kind, bound, checks, metric=metric, severity=Severity.NOTE, scope="all", attest=True)
    origin = Origin("out/k6.json", "0", "k6", "k6", "", "2026-11-19T08:00:00Z", "content")
    run = Measured(origin, (Measurement("http.latency.p95", 20.0, samples=5_000),))
    said = Attestation("row", "so it is", "a", "b", "2026-11-01", "2027-01-01", (("https://x", ""),), value=20.0)
    found = [
        msgspec.structs.replace(one, status=Status.ACTIVE, check=CHECKS[0]) if draw(some.booleans()) else one
        for one in draw(some.lists(findings, max_size=2))
    ]
    proof = Proof(tuple(found), {check: draw(some.integers(0, 5)) for check in CHECKS}, {}, ())
    given = [Given("out/k6.json", run)] if draw(some.booleans()) else []
    stated = [said] if draw(some.booleans()) else []
    return Case(NOW, Limits(None, None, None, "ignore"), proof, given, stated, (row,))


def is_open(case: Case) -> bool:
    return judge(case).exit_code == 0


@settings(max_examples=150)
@given(cases(), findings)
def test_one_more_finding_never_opens_the_gate(case: Case, more: Finding) -> None:
    if case.proof is None:
        return
    proof = msgspec.structs.replace(case.proof, findings=(*case.proof.findings, more))
    assert is_open(case) or not is_open(dataclasses.replace(case, proof=proof))


@settings(max_examples=150)
@given(cases(), some.data())
def test_evidence_that_is_not_there_never_opens_the_gate(case: Case, data: Any) -> None:
    """A file that is gone is still asked for: its source gives nothing."""
    gone = data.draw(some.sets(some.sampled_from(range(len(case.given))))) if case.given else set()
    left = [Given(one.source, None) if number in gone else one for number, one in enumerate(case.given)]
    stated = [one for one in case.attestations if data.draw(some.booleans())]
    proof = case.proof if data.draw(some.booleans()) else None
    less = dataclasses.replace(case, given=left, attestations=stated, proof=proof)
    faulty = any(one.faults for one in case.attestations)
    assert is_open(case) or faulty or not is_open(less)


@settings(max_examples=150)
@given(good_cases())
def test_a_scan_that_is_left_out_never_opens_the_gate(case: Case) -> None:
    assert is_open(case) or not is_open(dataclasses.replace(case, proof=None))


@settings(max_examples=150)
@given(good_cases(), findings)
def test_one_more_finding_never_opens_a_gate_that_all_else_speaks_for(case: Case, more: Finding) -> None:
    assert case.proof is not None
    proof = msgspec.structs.replace(case.proof, findings=(*case.proof.findings, more))
    assert is_open(case) or not is_open(dataclasses.replace(case, proof=proof))


@settings(max_examples=150)
@given(cases(), some.randoms())
def test_the_order_of_the_evidence_is_of_no_matter(case: Case, chance: Any) -> None:
    mixed, stated = list(case.given), list(case.attestations)
    chance.shuffle(mixed)
    chance.shuffle(stated)
    told = judge(dataclasses.replace(case, given=mixed, attestations=stated))
    expected = judge(case)
    assert told.exit_code == expected.exit_code
    assert sorted(told.rows, key=lambda row: row.id) == sorted(expected.rows, key=lambda row: row.id)


@settings(max_examples=150)
@given(cases(), some.data())
def test_a_waiver_never_closes_the_gate(case: Case, data: Any) -> None:
    if not case.conditions:
        return
    condition = data.draw(some.sampled_from(case.conditions))
    waiver = Waiver("later", "a", date(2027, 1, 1), condition=condition.id)
    assert not is_open(case) or is_open(dataclasses.replace(case, waivers=(*case.waivers, waiver)))


@settings(max_examples=150)
@given(cases(), some.floats(0.01, 1))
def test_a_stricter_limit_never_opens_the_gate(case: Case, factor: float) -> None:
    def stricter(condition: Condition) -> Condition:
        bound = condition.bound
        if bound is None or bound.value is None or bound.operator == "==":
            return condition
        value = bound.value * factor if bound.upper else bound.value / factor
        return dataclasses.replace(condition, bound=dataclasses.replace(bound, value=value))

    strict = dataclasses.replace(case, conditions=tuple(map(stricter, case.conditions)))
    assert is_open(case) or not is_open(strict)


@settings(max_examples=150)
@given(cases())
def test_the_exit_code_follows_from_the_required_rows(case: Case) -> None:
    verdict = judge(case)
    states = {row.state.value for row in verdict.rows if row.required}
    closed = bool(states & {"fail", "error"})
    undecided = bool(states & {"inconclusive", "no_data", "stale"})
    assert (verdict.exit_code, verdict.state) == (
        (1, "closed") if closed else (4, "undecided") if undecided else (0, "open")
    )
