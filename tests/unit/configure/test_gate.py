"""The profile, the conditions of the gate, the evidence and the waivers, as the configuration states them."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import pytest

from qualitygate.authoring import Check
from qualitygate.configure import ConfigError, configure
from qualitygate.gates import GATES
from qualitygate.model.finding import Confidence, Domain, Severity
from qualitygate.model.policy import Condition, Kind, Policy


def check(name: str, domain: Domain = Domain.API, gates: tuple[str, ...] = ()) -> Check:
    made = Check(name, domain, Severity.WARNING, Confidence.HIGH, "Do", "Don't", "A title.", iter, (), ())
    return dataclasses.replace(made, gates=gates)


CHECKS = (
    check("missing-pagination", gates=("api_response_time", "memory_usage")),
    check("query-in-loop", Domain.DATABASE, ("database_performance",)),
    check("plain-http", Domain.SECURITY, ("data_protection",)),
)


def read(root: Path, text: str = "") -> Policy:
    (root / "qgate.toml").write_text(text)
    return configure(CHECKS, root, environ={}).policy


def faults(root: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as told:
        read(root, text)
    return [str(problem).replace(f"{root.as_posix()}/", "") for problem in told.value.problems]


def row(policy: Policy, name: str) -> Condition:
    return next(one for one in policy.conditions if one.id == name)


def test_the_default_policy_has_the_fifteen_gates_and_their_checks(tmp_path: Path) -> None:
    policy = read(tmp_path)
    assert [one.id for one in policy.conditions] == [gate.id for gate in GATES]
    # the fifteen, and the 99th percentile that is only shown
    assert len(policy.conditions) == 16
    assert row(policy, "database_performance").checks == ("query-in-loop",)
    assert row(policy, "data_protection").checks == ("plain-http",)
    assert {one.required for one in policy.conditions if one.kind is Kind.METRIC} == {None, False}
    assert {one.origin for one in policy.conditions} == {"default"}


def test_a_target_of_the_profile_moves_its_row_and_makes_it_required(tmp_path: Path) -> None:
    policy = read(
        tmp_path,
        """
        [profile]
        expected_load = { rps = 500 }
        availability_target = 99.99
        performance_targets = { p95 = "0.15 s", p99 = "400 ms", cpu = "60 %", recovery_time = "90 s" }
        """,
    )
    told = {one.id: (one.bound.value, one.required) for one in policy.conditions if one.bound is not None}
    assert told["api_response_time"] == (150.0, True)
    assert told["api_response_time_p99"] == (400.0, False)
    assert told["throughput"] == (600.0, True)
    assert told["availability"] == (0.9999, True)
    assert told["cpu_utilization"] == (0.6, True)
    assert told["recovery_time"] == (90.0, True)
    assert told["memory_usage"] == (0.8, None)
    assert row(policy, "throughput").origin.endswith("qgate.toml:3")
    assert row(policy, "throughput").because == "the profile sets its target"


def test_a_condition_with_the_name_of_a_default_one_changes_it(tmp_path: Path) -> None:
    policy = read(tmp_path, '[[condition]]\nid = "api_response_time"\nlimit = "< 300 ms"\nmax_age = "7 d"\n')
    changed = row(policy, "api_response_time")
    assert changed.bound is not None
    assert (changed.bound.value, changed.max_age, changed.required, changed.metric) == (
        300.0,
        7 * 86400,
        True,
        "http.latency.p95",
    )
    assert changed.place is not None
    assert changed.place.span.line == 1
    assert len(policy.conditions) == 16


def test_a_default_row_can_be_taken_away_or_replaced(tmp_path: Path) -> None:
    policy = read(tmp_path, '[[condition]]\nid = "throughput"\nlimit = "off"\n')
    assert "throughput" not in [one.id for one in policy.conditions]
    policy = read(
        tmp_path, '[[condition]]\nid = "memory_usage"\nmetric = "http.latency.max"\nlimit = "< 1 s"\nrequired = false\n'
    )
    changed = row(policy, "memory_usage")
    assert (changed.metric, changed.required, changed.checks) == ("http.latency.max", False, ())


def test_each_kind_of_evidence_makes_a_row(tmp_path: Path) -> None:
    policy = read(
        tmp_path,
        """
        [[condition]]
        id = "api"
        checks = ["api", "query-in-loop"]
        limit = "<= 2"
        scope = "all"
        [[condition]]
        id = "warnings"
        severity = "warning"
        limit = "== 0"
        [[condition]]
        id = "collections_paginated"
        ratio = "missing-pagination"
        limit = ">= 95 %"
        [[condition]]
        id = "scanned"
        sarif = { tools = ["semgrep"], min_severity = "high", scope = "new" }
        needs = ["semgrep"]
        limit = "== 0"
        [[condition]]
        id = "restored"
        attest = true
        [[condition]]
        id = "orders_p95"
        metric = "http.latency.p95"
        subject = "GET /orders"
        limit = "< 100 ms"
        min_samples = 500
        on_missing = "warn"
        """,
    )
    own = {one.id: one for one in policy.conditions[16:]}
    assert [(name, one.kind) for name, one in own.items()] == [
        ("api", Kind.FINDINGS),
        ("warnings", Kind.FINDINGS),
        ("collections_paginated", Kind.RATIO),
        ("scanned", Kind.SCANNER),
        ("restored", Kind.STATEMENT),
        ("orders_p95", Kind.METRIC),
    ]
    assert own["api"].checks == ("missing-pagination", "query-in-loop")
    assert own["api"].severity is Severity.NOTE
    assert (own["warnings"].checks, own["warnings"].severity) == (tuple(one.id for one in CHECKS), Severity.WARNING)
    assert (own["scanned"].tools, own["scanned"].min_severity, own["scanned"].scope) == (("semgrep",), "high", "new")
    assert own["restored"].bound is None
    assert (own["orders_p95"].subject, own["orders_p95"].min_samples, own["orders_p95"].on_missing) == (
        "GET /orders",
        500,
        "warn",
    )


def test_the_profile_switches_rows_and_checks_and_says_why(tmp_path: Path) -> None:
    policy = read(
        tmp_path,
        """
        [profile]
        api_style = "graphql"
        web_framework = "FastAPI"
        [checks.missing-pagination]
        when = { api_style = "rest" }
        [checks.plain-http]
        when = { web_framework = ["fastapi", "flask"] }
        [[condition]]
        id = "api"
        checks = ["api"]
        limit = "== 0"
        when = { api_style = ["rest", "rpc"] }
        """,
    )
    assert policy.inapplicable == {"missing-pagination": "api_style is graphql, not rest"}
    assert (row(policy, "api").applies, row(policy, "api").because) == (False, "api_style is graphql, not rest or rpc")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('profile = "strict"', "1: profile must be a table, not 'strict'; what was the profile `strict` is the preset"),
        ("[profile]\navailability_target = 99", "2: profile.availability_target must be one of 99.9, 99.95, 99.99"),
        (
            '[profile]\nperformance_targets = { p95 = "3 %" }',
            "2: profile.performance_targets.p95: '%' is a unit of share",
        ),
        ('[profile]\napi_style = "rset"', "2: profile.api_style must be 'rest'"),
        ("[profile]\nexpected_load = { rps = 0 }", "2: profile.expected_load.rps must be a number above 0"),
        ('[[condition]]\nlimit = "== 0"', "1: a condition needs an id"),
        (
            '[[condition]]\nid = "a"\nlimit = "== 0"',
            "1: condition 'a' needs one of metric, ratio, checks, sarif, attest",
        ),
        ('[[condition]]\nid = "a"\nchecks = ["api"]', "1: condition 'a' needs a limit, such as '== 0'"),
        (
            '[[condition]]\nid = "findings.all"\nchecks = ["api"]\nlimit = "== 0"',
            "2: id: names that begin with findings.",
        ),
        (
            '[[condition]]\nid = "a"\nattest = true\n[[condition]]\nid = "a"\nattest = true',
            "5: id: there is a condition 'a' already",
        ),
        (
            '[[condition]]\nid = "a"\nmetric = "http.latencyp95"\nlimit = "< 2 ms"',
            "3: unknown metric 'http.latencyp95'; did you mean 'http.latency.p95'?",
        ),
        (
            '[[condition]]\nid = "a"\nchecks = ["api"]\nlimit = "== 0"\nmax_age = "14 d"',
            "5: max_age says nothing of a condition on findings",
        ),
        ('[[condition]]\nid = "a"\nchecks = ["api"]\nlimit = ">= 1"', "4: limit of 'a': it must be an upper one"),
        ('[[condition]]\nid = "a"\nratio = "plain-http"\nlimit = "<= 5 %"', "4: limit of 'a': it must be a lower one"),
        (
            '[[condition]]\nid = "a"\nmetric = "http.latency.p95"\nlimit = "< 2"',
            "4: limit of 'a': the number needs a unit: s, ns",
        ),
        (
            '[[condition]]\nid = "a"\nattest = true\nwhen = { api_style = "rest" }',
            "4: when asks for api_style, which [profile] does not set",
        ),
        (
            '[[condition]]\nid = "a"\nattest = true\nwhen = { api_stile = "rest" }',
            "4: unknown key 'api_stile' in condition.when; did you mean 'api_style'?",
        ),
        ('[[condition]]\nid = "a"\nattest = true\nmin-samples = 5', "4: unknown key 'min-samples' in condition"),
        (
            '[[condition]]\nid = "a"\nmetric = "http.latency.p_95"\nlimit = "< 2 ms"',
            "3: unknown metric 'http.latency.p_95'",
        ),
        ('[[condition]]\nid = "a"\nmetric = "http.rps.p95"\nlimit = "> 2 rps"', "3: unknown metric 'http.rps.p95'"),
        (
            '[[evidence]]\npath = "a.json"\nmetric = "http.latencyp95"',
            "3: unknown metric 'http.latencyp95'; did you mean",
        ),
        ('[[evidence]]\nkind = "k6"', "1: evidence needs a path"),
        ('[[evidence]]\npath = "../out/k6.json"', "2: evidence.path must be a path below the folder"),
        ('[[waiver]]\ncheck = "plain-http"\nuntil = 2027-01-01', "1: a waiver needs reason, owner"),
        (
            '[[waiver]]\ncondition = "thruput"\nreason = "r"\nowner = "o"\nuntil = 2027-01-01',
            "2: unknown condition 'thruput'; did you mean 'throughput'?",
        ),
        ('[[waiver]]\ncheck = "plain-http"\nexpires = 2027-01-01', "3: unknown key 'expires' in waiver"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    found = faults(tmp_path, text)
    assert any(fault.startswith(f"qgate.toml:{told}") for fault in found), found


def test_a_waiver_has_its_last_day(tmp_path: Path) -> None:
    text = '[[waiver]]\ncheck = "plain-http"\npath = "app/**"\nreason = "r"\nowner = "o"\nuntil = "2027-01-31"\n'
    (waiver,) = read(tmp_path, text).waivers
    assert (waiver.check, waiver.path, waiver.until) == ("plain-http", "app/**", date(2027, 1, 31))


@pytest.mark.parametrize("metric", ["http.latency.p99.9", "http.latency.mean", "db.query.p50", "benchmark.mean"])
def test_every_percentile_can_be_limited(tmp_path: Path, metric: str) -> None:
    policy = read(tmp_path, f'[[condition]]\nid = "a"\nmetric = "{metric}"\nlimit = "< 0.2 s"\n')
    bound = row(policy, "a").bound
    assert bound is not None
    assert bound.value == 200


def test_a_metric_of_ones_own_is_known_by_the_evidence_that_holds_it(tmp_path: Path) -> None:
    text = '[[condition]]\nid = "a"\nmetric = "queue.depth"\nlimit = "< 100"\n'
    assert "unknown metric 'queue.depth'" in faults(tmp_path, text)[0]
    policy = read(tmp_path, text + '[[evidence]]\npath = "out/depth.json"\nmetric = "queue.depth"\n')
    assert row(policy, "a").metric == "queue.depth"
