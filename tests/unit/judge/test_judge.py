"""The verdict: what was found, examined, broken and unread, against the limits."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import product
from typing import Any

import msgspec
import pytest

from qualitygate.judge import Case, judge
from qualitygate.model.evidence import Proof
from qualitygate.model.finding import Change, Confidence, Domain, Finding, Severity, Status
from qualitygate.model.policy import Limits
from qualitygate.model.source import Place, Span, Unread
from qualitygate.model.verdict import State, Verdict


def finding(severity: Severity = Severity.ERROR, status: Status = Status.ACTIVE) -> Finding:
    place = Place("app/a.py", Span(1, 1, 1, 2))
    return Finding("a", Domain.API, severity, Confidence.HIGH, "wrong", place, "s", "f", status=status)


def verdict(*findings: Finding, **changes: Any) -> Verdict:
    given: dict[str, Any] = {"examined": {"a": 1}, "broken": {}, "unread": (), "limits": Limits(), **changes}
    proof = Proof(findings, given["examined"], given["broken"], given["unread"])
    return judge(Case(NOW, given["limits"], proof))


NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
UNREAD = (Unread("app/a.py", 1, "strange"),)


def test_nothing_found_leaves_the_gate_open() -> None:
    assert (verdict().state, verdict().exit_code) == ("open", 0)


def test_an_error_closes_the_gate_and_says_by_how_much() -> None:
    closed = verdict(finding(), finding(), finding(Severity.WARNING))
    assert (closed.state, closed.exit_code) == ("closed", 1)
    (row,) = closed.rows
    assert (row.id, row.state, row.value, row.limit) == ("findings.errors", State.FAIL, "2", "<= 0")


@pytest.mark.parametrize("status", [Status.SUPPRESSED, Status.BASELINED])
def test_an_answered_or_known_finding_does_not_count(status: Status) -> None:
    assert verdict(finding(status=status)).exit_code == 0


@pytest.mark.parametrize(
    ("severity", "limits"),
    [
        (Severity.ERROR, {"errors": 1}),
        (Severity.WARNING, {"warnings": 1}),
        (Severity.NOTE, {"notes": 1}),
    ],
)
def test_each_severity_has_its_limit(severity: Severity, limits: dict[str, Any]) -> None:
    assert verdict(finding(severity), limits=Limits(**limits)).exit_code == 0
    assert verdict(finding(severity), finding(severity), limits=Limits(**limits)).exit_code == 1


def test_a_row_can_be_switched_off() -> None:
    assert verdict(finding(), limits=Limits(errors=None)).rows == ()


@pytest.mark.parametrize(("unread", "code", "rows"), [("fail", 1, 2), ("warn", 0, 2), ("ignore", 0, 1)])
def test_the_policy_says_what_an_unread_file_does(unread: str, code: int, rows: int) -> None:
    told = verdict(unread=UNREAD, limits=Limits(unread=unread))
    assert (told.exit_code, len(told.rows)) == (code, rows)


def test_a_required_check_with_nothing_to_judge_leaves_the_gate_undecided() -> None:
    limits = Limits(required=("a", "b"))
    undecided = verdict(examined={"a": 5, "b": 0}, limits=limits)
    assert (undecided.state, undecided.exit_code) == ("undecided", 4)
    assert [(row.id, row.state) for row in undecided.rows[1:]] == [
        ("required.a", State.PASS),
        ("required.b", State.NO_DATA),
    ]
    assert verdict(examined={"a": 5}, limits=limits).exit_code == 4, "a check that did not run judged nothing"
    assert verdict(examined={"a": 5, "b": 1}, limits=limits).exit_code == 0


def test_a_crashed_check_leaves_the_gate_undecided_whatever_was_found() -> None:
    crashed = verdict(finding(), broken={"a": "KeyError"}, limits=Limits(required=("a",)))
    assert (crashed.state, crashed.exit_code) == ("undecided", 2)
    assert [(row.id, row.state, row.detail) for row in crashed.rows if row.state is State.ERROR] == [
        ("checks.a", State.ERROR, "KeyError")
    ]


def test_a_closed_gate_wins_over_missing_evidence() -> None:
    assert verdict(finding(), examined={}, limits=Limits(required=("a",))).exit_code == 1


def test_more_faults_never_open_a_gate() -> None:
    every = list(product((0, 1), (0, 1), (0, 1), (0, 1)))
    limits = Limits(unread="fail", required=("a",))

    def code(errors: int, unread: int, broken: int, missing: int) -> int:
        return verdict(
            *[finding()] * errors,
            unread=UNREAD * unread,
            broken={"b": "x"} if broken else {},
            examined={} if missing else {"a": 1},
            limits=limits,
        ).exit_code

    for one in every:
        assert (code(*one) == 0) == (one == (0, 0, 0, 0))


def test_only_new_findings_count_against_a_base_unless_all_are_to() -> None:
    stood = msgspec.structs.replace(finding(), change=Change.UNCHANGED)
    edited = msgspec.structs.replace(finding(), change=Change.CHANGED)
    new = msgspec.structs.replace(finding(), change=Change.NEW)
    assert verdict(stood, edited).exit_code == 0
    assert verdict(stood, edited).rows[0].detail == "new ones; 2 stood before"
    assert verdict(stood, edited, new).exit_code == 1
    assert verdict(stood, limits=Limits(scope="all")).exit_code == 1
