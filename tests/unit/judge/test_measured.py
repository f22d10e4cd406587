"""Measured numbers: what the samples can bear, and what speaks against them."""

from __future__ import annotations

from typing import Any

import pytest

from qualitygate.model.evidence import Attestation, Measurement
from qualitygate.model.finding import Severity
from qualitygate.model.policy import Kind
from qualitygate.model.verdict import State
from qualitygate.parse.limit import Variable

P95 = "http.latency.p95"
RATE = "http.error_rate"


def p95(value: float | None, samples: int | None = 5000, **more: Any) -> Measurement:
    return Measurement(P95, value, samples=samples, **more)


@pytest.mark.parametrize(("value", "state"), [(199.9, State.PASS), (200.0, State.FAIL), (340.0, State.FAIL)])
def test_a_percentile_is_held_against_its_limit(make: Any, value: float, state: State) -> None:
    row = make.row(make.condition("< 200 ms", metric=P95), make.measured(p95(value)))
    assert (row.state, row.evidence, row.samples, row.source) == (state, "measured", 5000, "out/k6.json")


def test_a_value_is_shown_in_the_unit_of_the_limit(make: Any) -> None:
    assert make.row(make.condition("< 0.5 s", metric=P95), make.measured(p95(340))).value == "0.34 s"


@pytest.mark.parametrize(
    ("metric", "few", "enough"),
    [(P95, 58, 59), ("http.latency.p99", 298, 299), ("http.latency.p99.9", 2994, 2995)],
)
def test_a_percentile_needs_samples_to_be_one(make: Any, metric: str, few: int, enough: int) -> None:
    condition = make.condition("< 200 ms", metric=metric)
    assert make.row(condition, make.measured(Measurement(metric, 5.0, samples=enough))).state is State.PASS
    row = make.row(condition, make.measured(Measurement(metric, 5.0, samples=few)))
    assert (row.state, row.detail) == (State.INCONCLUSIVE, f"{few:,} samples, and it takes {enough:,}")


def test_the_number_of_samples_can_be_set_and_must_then_be_known(make: Any) -> None:
    condition = make.condition("< 200 ms", metric=P95, min_samples=10_000)
    assert make.row(condition, make.measured(p95(5.0))).state is State.INCONCLUSIVE
    assert make.row(condition, make.measured(p95(5.0, None))).state is State.INCONCLUSIVE


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [(10.0, 150.0, State.PASS), (210.0, 400.0, State.FAIL), (150.0, 250.0, State.INCONCLUSIVE)],
)
def test_bounds_decide_where_the_percentile_is_not_printed(make: Any, low: float, high: float, state: State) -> None:
    row = make.row(make.condition("< 200 ms", metric=P95), make.measured(p95(None, low=low, high=high)))
    assert row.state is state
    assert row.value == f"{low:g} to {high:g} ms"


def test_what_a_tool_rounded_to_the_limit_is_open(make: Any) -> None:
    rounded = p95(200.0, low=195.0, high=204.0)
    assert make.row(make.condition("< 200 ms", metric=P95), make.measured(rounded)).state is State.INCONCLUSIVE


def test_a_bound_that_is_open_to_above_proves_nothing(make: Any) -> None:
    condition = make.condition("< 200 ms", metric=P95)
    assert make.row(condition, make.measured(p95(None, low=90.0))).state is State.INCONCLUSIVE
    assert make.row(condition, make.measured(p95(None, low=290.0))).state is State.FAIL


@pytest.mark.parametrize(
    ("requests", "failures", "state"),
    [
        # the numbers of requests that show less than 0.1 % with 95 % confidence
        (3_000, 0, State.PASS),
        (2_900, 0, State.INCONCLUSIVE),
        (4_750, 1, State.PASS),
        (4_700, 1, State.INCONCLUSIVE),
        (6_300, 2, State.PASS),
        (10_520, 5, State.PASS),
        (3_150, 14, State.FAIL),
        (1_000, 1, State.FAIL),
    ],
)
def test_an_error_rate_is_held_by_its_upper_bound(make: Any, requests: int, failures: int, state: State) -> None:
    rate = Measurement(RATE, failures / requests, samples=requests, failures=failures)
    assert make.row(make.condition("< 0.1 %", metric=RATE), make.measured(rate)).state is state


def test_too_few_requests_are_told_with_the_number_that_it_takes(make: Any) -> None:
    rate = Measurement(RATE, 0.0, samples=500, failures=0)
    row = make.row(make.condition("< 0.1 %", metric=RATE), make.measured(rate))
    assert row.detail == ("0 of 500 failed, at most 0.5974 % with 95 % confidence; it takes 2,995 requests to show it")


def test_the_plain_ratio_can_be_asked_for(make: Any) -> None:
    rate = Measurement(RATE, 0.0, samples=500, failures=0)
    assert make.row(make.condition("< 0.1 %", metric=RATE, confidence="none"), make.measured(rate)).state is State.PASS


def test_requests_that_failed_doubtfully_count_against_a_pass_and_not_for_a_fail(make: Any) -> None:
    doubtful = Measurement(RATE, 0.0, 0.0, 0.02, samples=10_000, failures=0)
    assert make.row(make.condition("< 0.1 %", metric=RATE), make.measured(doubtful)).state is State.INCONCLUSIVE


def test_a_rate_of_unknown_requests_is_taken_as_it_is_and_told(make: Any) -> None:
    row = make.row(make.condition("< 0.1 %", metric=RATE), make.measured(Measurement(RATE, 0.0002)))
    assert (row.state, row.detail) == (State.PASS, "of how many requests is not known")


def test_a_quick_run_of_failures_is_no_quick_run(make: Any) -> None:
    errors = make.condition("< 0.1 %", metric=RATE, id="error_rate")
    row = make.row(
        make.condition("< 200 ms", metric=P95), make.run(p95=1, requests=5999, failures=5999), more=(errors,)
    )
    assert row.state is State.INCONCLUSIVE
    row = make.row(make.condition("< 200 ms", metric=P95), make.run(failures=50), more=(errors,))
    assert row.state is State.INCONCLUSIVE
    assert row.detail == "1 % of the requests failed (< 0.1 % is asked for): a failed one can be quick"
    assert make.row(make.condition("< 200 ms", metric=P95), make.run(failures=4), more=(errors,)).state is State.PASS


def test_a_slow_run_stays_slow_whatever_failed_in_it(make: Any) -> None:
    errors = make.condition("< 0.1 %", metric=RATE, id="error_rate")
    slow = make.run(p95=900, failures=50)
    assert make.row(make.condition("< 200 ms", metric=P95), slow, more=(errors,)).state is State.FAIL


def throughput(success: float, offered: float | None) -> tuple[Measurement, ...]:
    rates = [Measurement("http.rps.success", success)]
    return (*rates, Measurement("http.rps.offered", offered)) if offered is not None else tuple(rates)


@pytest.mark.parametrize(
    ("success", "offered", "state"),
    [
        (610.0, 640.0, State.PASS),
        (480.0, 640.0, State.FAIL),
        (480.0, 500.0, State.INCONCLUSIVE),
        (480.0, None, State.FAIL),
    ],
)
def test_throughput_counts_successes_of_a_run_that_asked_for_as_much(
    make: Any, success: float, offered: float | None, state: State
) -> None:
    limit = make.condition(
        ">= expected_load.rps * 1.2",
        metric="http.rps.success",
        variables={"expected_load.rps": Variable("rps", 500.0)},
    )
    assert make.row(limit, make.measured(*throughput(success, offered))).state is state


def test_a_limit_on_what_the_profile_does_not_say_has_no_answer(make: Any) -> None:
    condition = make.condition(">= expected_load.rps * 1.2", metric="http.rps.success")
    row = make.row(condition, make.run())
    assert (row.state, row.detail) == (State.NO_DATA, "expected_load.rps is not set in [profile]")


def test_of_several_runs_the_worst_decides(make: Any) -> None:
    condition = make.condition("< 200 ms", metric=P95)
    row = make.row(condition, make.run(path="a.json"), make.run(p95=250, path="b.json"))
    assert (row.state, row.source, row.detail) == (State.FAIL, "b.json", "the worst of 2 runs")


def test_old_evidence_is_stale_and_says_how_its_age_is_known(make: Any) -> None:
    condition = make.condition("< 200 ms", metric=P95, max_age=14 * 86400.0)
    old = make.measured(p95(20.0), finished="2026-11-01T00:00:00+00:00")
    assert make.row(condition, old).detail == "it is of 2026-11-01, older than 14 d"
    assert make.row(condition, old).state is State.STALE
    assert make.row(condition, make.measured(p95(20.0))).state is State.PASS
    unknown = make.measured(p95(20.0), finished="")
    assert (make.row(condition, unknown).state, make.row(condition, unknown).detail) == (
        State.STALE,
        "its age is not known",
    )
    ahead = make.measured(p95(20.0), finished="2027-01-01T00:00:00Z")
    assert make.row(condition, ahead).state is State.STALE


def test_evidence_of_another_commit_is_stale(make: Any) -> None:
    row = make.row(make.condition("< 200 ms", metric=P95), make.measured(p95(20.0), stale="it is of commit 12"))
    assert (row.state, row.detail) == (State.STALE, "it is of commit 12")


def test_an_endpoint_or_a_service_can_be_meant(make: Any) -> None:
    given = make.measured(p95(20.0), p95(300.0, subject="GET /orders"))
    assert make.row(make.condition("< 200 ms", metric=P95), given).state is State.PASS
    assert make.row(make.condition("< 200 ms", metric=P95, subject="GET /orders"), given).state is State.FAIL
    staging = make.measured(p95(300.0), subject="staging")
    assert make.row(make.condition("< 200 ms", metric=P95, subject="staging"), staging).state is State.FAIL
    assert make.row(make.condition("< 200 ms", metric=P95, subject="live"), staging).state is State.NO_DATA


def test_findings_refute_a_measured_number_and_never_prove_it(make: Any) -> None:
    condition = make.condition("< 200 ms", metric=P95, checks=("query-in-loop",))
    found = make.proof(make.finding())
    assert make.row(condition, make.run(), proof=found).state is State.FAIL
    assert make.row(condition, make.run(), proof=found).detail == "1 finding against it: query-in-loop (app/a.py:3)"
    assert make.row(condition, proof=found).state is State.FAIL
    assert make.row(condition).state is State.NO_DATA
    slight = make.proof(make.finding(severity=Severity.WARNING))
    assert make.row(condition, make.run(), proof=slight).state is State.PASS


def test_a_scan_that_is_left_out_takes_nothing_along_that_it_found(make: Any) -> None:
    condition = make.condition("< 200 ms", metric=P95, checks=("query-in-loop",))
    row = make.row(condition, make.run(), proof=None)
    assert (row.state, row.evidence) == (State.INCONCLUSIVE, "measured")
    assert make.row(make.condition("< 200 ms", metric=P95), make.run(), proof=None).state is State.PASS
    proved = make.condition("== 0", Kind.FINDINGS, checks=("query-in-loop",), attest=True)
    assert make.row(proved, proof=make.proof(make.finding()), attestations=(stated(None),)).state is State.FAIL
    assert make.row(proved, proof=None, attestations=(stated(None),)).state is State.NO_DATA
    nothing = make.proof(examined={"query-in-loop": 0})
    assert make.row(proved, proof=nothing, attestations=(stated(None),)).state is State.PASS


def test_a_row_of_the_default_policy_is_required_where_there_is_evidence_of_it(make: Any) -> None:
    condition = make.condition("< 200 ms", metric=P95, required=None)
    assert not make.row(condition).required
    assert make.row(condition, make.run()).required


def stated(value: float | None = 99.95, **more: Any) -> Attestation:
    fields = {"expires": "2027-02-01", "faults": (), **more}
    return Attestation(
        "row",
        "as the status page shows",
        "a@x",
        "b@x",
        "2026-11-01",
        evidence=(("https://x", ""),),
        value=value,
        **fields,
    )


def test_a_statement_counts_where_nothing_was_measured(make: Any) -> None:
    condition = make.condition(">= 99.9 %", metric="availability", attest=True)
    row = make.row(condition, attestations=(stated(),))
    assert (row.state, row.value, row.evidence) == (State.PASS, "99.95 %", "attested")
    measured = make.measured(Measurement("availability", 0.995))
    assert make.row(condition, measured, attestations=(stated(),)).state is State.FAIL


@pytest.mark.parametrize(
    ("target", "allowed"),
    [("99.9 %", "43.2 min"), ("99.95 %", "21.6 min"), ("99.99 %", "4.32 min"), ("99.999 %", "25.9 s")],
)
def test_availability_is_told_as_time(make: Any, target: str, allowed: str) -> None:
    condition = make.condition(f">= {target}", metric="availability", attest=True)
    row = make.row(condition, make.measured(Measurement("availability", 0.995)))
    assert row.detail == f"down for 3.6 h in 30 days, {allowed} allowed"


def test_a_required_row_can_be_let_go_without_data(make: Any) -> None:
    told = make.verdict(conditions=(make.condition("< 200 ms", metric=P95, on_missing="warn"),))
    assert (told.exit_code, told.rows[-1].state, told.rows[-1].required) == (0, State.NO_DATA, False)


@pytest.mark.parametrize(
    ("statement", "state", "words"),
    [
        (stated(99.5), State.FAIL, "reviewed by b@x"),
        (stated(None), State.ERROR, "states no value"),
        (stated(expires="2026-11-19"), State.STALE, "ran out on 2026-11-19"),
        (stated(expires="2026-11-30"), State.PASS, "runs out in 10 days"),
        (stated(faults=("its reviewer is its author",)), State.ERROR, "its reviewer is its author"),
    ],
)
def test_a_statement_must_be_whole_and_of_now(make: Any, statement: Attestation, state: State, words: str) -> None:
    condition = make.condition(">= 99.9 %", metric="availability", attest=True)
    row = make.row(condition, attestations=(statement,))
    assert row.state is state
    assert words in row.detail


def test_a_statement_of_minutes_is_held_in_minutes(make: Any) -> None:
    condition = make.condition("< 5 min", metric="recovery.seconds", attest=True)
    assert make.row(condition, attestations=(stated(4.0),)).state is State.PASS
    assert make.row(condition, attestations=(stated(6.0),)).state is State.FAIL


def test_a_statement_of_a_row_that_takes_none_is_an_error(make: Any) -> None:
    told = make.verdict(conditions=(make.condition("< 200 ms", metric=P95, required=False),), attestations=(stated(),))
    assert (told.exit_code, told.rows[-1].detail) == (1, "row takes no statement")


def test_a_statement_alone_can_be_a_row(make: Any) -> None:
    condition = make.condition(None, Kind.STATEMENT, attest=True)
    assert make.row(condition).state is State.NO_DATA
    assert make.row(condition, attestations=(stated(None),)).state is State.PASS
