"""Results of other scanners: what counts, and what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from qualitygate.model.evidence import Alert, Given, Scanned
from qualitygate.model.policy import Kind
from qualitygate.model.verdict import State


def scanned(make: Any, *alerts: Alert, tool: str = "Trivy", **more: Any) -> Given:
    path = f"out/{tool.lower()}.sarif"
    return Given(path, Scanned(make.origin(path, tool=tool), alerts, **more))


def alert(severity: str = "high", rule: str = "CVE-1", **more: Any) -> Alert:
    return Alert(rule, severity, "bad", "requirements.txt", 3, fingerprint=f"{rule}{severity}", **more)


def limit(make: Any, **more: Any) -> Any:
    fields = {"min_severity": "high", "scope": "new", "required": None, **more}
    return make.condition("== 0", Kind.SCANNER, id=fields.pop("id", "row"), **fields)


def test_results_are_counted_from_a_severity_on(make: Any) -> None:
    row = make.row(limit(make), scanned(make, alert("critical"), alert("high"), alert("medium")))
    assert (row.state, row.value, row.required) == (State.FAIL, "2", True)
    assert row.detail.startswith("1 critical, 1 high: CVE-1 (requirements.txt:3)")
    row = make.row(limit(make), scanned(make, alert("medium")))
    assert (row.state, row.detail) == (State.PASS, "1 lesser result")


def test_one_result_in_two_files_is_one(make: Any) -> None:
    assert make.row(limit(make), scanned(make, alert()), scanned(make, alert())).value == "1"


def test_what_the_base_has_too_counts_where_all_are_to(make: Any) -> None:
    given = scanned(make, alert(stood=True))
    assert make.row(limit(make), given).state is State.PASS
    assert make.row(limit(make), given).detail == "1 stood before"
    assert make.row(limit(make, scope="all"), given).state is State.FAIL


@pytest.mark.parametrize("tools", [(), ("trivy",)])
def test_a_scanner_that_did_not_run_is_missing_and_not_clean(make: Any, tools: tuple[str, ...]) -> None:
    row = make.row(limit(make, tools=tools, required=True))
    assert row.state is State.NO_DATA
    row = make.row(limit(make, needs=("semgrep",)), scanned(make))
    assert (row.state, row.detail) == (State.NO_DATA, "no results of semgrep")


def test_a_run_that_failed_or_skipped_proves_nothing(make: Any) -> None:
    assert make.row(limit(make), scanned(make, fault="it ended early")).state is State.ERROR
    row = make.row(limit(make), scanned(make, skipped=("left-pad", "right-pad")))
    assert (row.state, row.detail) == (State.INCONCLUSIVE, "2 things not looked at: left-pad")
    assert make.row(limit(make), scanned(make, alert(), skipped=("left-pad",))).state is State.FAIL


def test_an_old_scan_is_stale(make: Any) -> None:
    assert make.row(limit(make, max_age=3600.0), scanned(make)).state is State.STALE


def test_a_tool_with_a_row_of_its_own_counts_there_alone(make: Any) -> None:
    lint = limit(make, id="lint", tools=("ruff",))
    given = (scanned(make, alert(), tool="ruff"), scanned(make))
    assert make.row(limit(make), *given, more=(lint,)).state is State.PASS
    assert make.row(lint, *given, more=(limit(make),)).state is State.FAIL
    assert make.row(limit(make), *given).state is State.FAIL


def test_the_order_of_the_files_is_of_no_matter(make: Any) -> None:
    given = [scanned(make, skipped=("b",), tool="Trivy"), scanned(make, skipped=("a",), tool="Grype")]
    assert make.row(limit(make), *given) == make.row(limit(make), *reversed(given))
    assert make.row(limit(make), *given).source == "out/grype.sarif, out/trivy.sarif"
