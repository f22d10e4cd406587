"""The gate through the command: evidence named on the command line and in the configuration, with and without a scan."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parents[1] / "unit" / "evidence" / "samples"


@pytest.fixture
def service(repository: Path) -> Path:
    """The repository with its one error mended, and room for evidence."""
    (repository / "app" / "settings.py").write_text("from os import environ\n\nsmtp_password = environ['SMTP']\n")
    (repository / "openapi.yaml").unlink()
    (repository / "out").mkdir()
    return repository


def k6(path: Path, p95: float = 31.0, requests: int = 6_000, failures: int = 0) -> None:
    """A summary of k6 with these numbers."""
    path.write_text(
        json.dumps(
            {
                "state": {"testRunDurationMs": 10_000.0},
                "metrics": {
                    "http_req_duration": {
                        "type": "trend",
                        "contains": "time",
                        "values": {"avg": 9, "min": 1, "med": 8, "max": p95 * 3, "p(90)": p95 - 1, "p(95)": p95},
                    },
                    "http_reqs": {
                        "type": "counter",
                        "contains": "default",
                        "values": {"count": requests, "rate": requests / 10},
                    },
                    "http_req_failed": {
                        "type": "rate",
                        "contains": "default",
                        "values": {"rate": failures / requests, "passes": failures, "fails": requests - failures},
                    },
                },
                "root_group": {"name": "", "path": "", "groups": [], "checks": []},
            }
        )
    )


def rows(result: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in json.loads(result.stdout)["gate"]["rows"]}


def test_without_evidence_what_was_not_measured_is_said_and_decides_nothing(qgate, service: Path) -> None:
    result = qgate("scan", "-q")
    assert result.returncode == 0
    head, *lines = result.stdout.splitlines()
    assert head.startswith("Gate  OPEN   1 passed   (")
    assert any(line.startswith("  no evidence: api_response_time, ") for line in lines)
    assert {row["state"] for row in rows(qgate("scan", "--format", "json")).values()} == {"pass", "no_data"}


def test_a_load_test_is_judged_beside_the_code(qgate, service: Path) -> None:
    k6(service / "out" / "k6.json")
    result = qgate("scan", "--evidence", "k6=out/k6.json", "--format", "json")
    assert result.returncode == 0
    told = rows(result)
    assert told["api_response_time"] | {"observed": "", "detail": ""} == {
        "id": "api_response_time",
        "state": "pass",
        "required": True,
        "value": "31 ms",
        "limit": "< 200 ms",
        "evidence": "measured",
        "detail": "",
        "source": "out/k6.json",
        "observed": "",
        "dated_by": "file",
        "samples": 6000,
        "place": None,
    }
    assert told["error_rate"]["state"] == "pass"
    assert (told["throughput"]["state"], told["throughput"]["required"]) == ("no_data", False)


@pytest.mark.parametrize(
    ("numbers", "code", "state"),
    [
        ({"p95": 300.0}, 1, "fail"),
        ({"requests": 500}, 4, "pass"),
        ({"failures": 60}, 1, "inconclusive"),
    ],
)
def test_a_run_that_is_slow_short_or_ill_does_not_open_the_gate(
    qgate, service: Path, numbers: dict[str, Any], code: int, state: str
) -> None:
    k6(service / "out" / "k6.json", **numbers)
    result = qgate("scan", "--evidence", "out/k6.json", "--format", "json")
    assert (result.returncode, rows(result)["api_response_time"]["state"]) == (code, state)


def test_evidence_that_is_missing_or_foreign_is_told_and_never_passed_over(qgate, service: Path) -> None:
    missing = qgate("scan", "-q", "--evidence", "k6=out/nothing.json")
    assert missing.returncode == 4
    assert "evidence.out/nothing.json  no file" in missing.stdout
    (service / "out" / "k6.json").write_text("{}")
    foreign = qgate("scan", "-q", "--evidence", "out/k6.json")
    assert foreign.returncode == 1
    assert "evidence.out/k6.json  unusable" in foreign.stdout


def test_the_configuration_names_evidence_conditions_and_a_profile(qgate, service: Path) -> None:
    (service / "qgate.toml").write_text(
        "[profile]\n"
        'api_style = "rest"\n'
        "expected_load = { rps = 400 }\n"
        "[[evidence]]\n"
        'path = "out/*.json"\n'
        "[[condition]]\n"
        'id = "foreign_keys_indexed"\n'
        'ratio = "unindexed-foreign-key"\n'
        'limit = ">= 50 %"\n'
        "[[condition]]\n"
        'id = "slowest"\n'
        'metric = "http.latency.max"\n'
        'limit = "< 50 ms"\n'
        "[[condition]]\n"
        'id = "graphs"\n'
        'checks = ["api"]\n'
        'limit = "== 0"\n'
        'when = { api_style = "graphql" }\n'
    )
    k6(service / "out" / "k6.json")
    result = qgate("scan", "--format", "json")
    told = rows(result)
    assert result.returncode == 1
    assert told["throughput"]["state"] == "pass"
    assert told["throughput"]["limit"] == ">= 480 rps (expected_load.rps * 1.2)"
    assert (told["slowest"]["state"], told["slowest"]["place"]) == ("fail", {"path": "qgate.toml", "line": 10})
    assert told["graphs"]["state"] == "not_applicable"
    assert (told["foreign_keys_indexed"]["state"], told["foreign_keys_indexed"]["detail"]) == (
        "fail",
        "0 of 1 without unindexed-foreign-key",
    )


def test_a_row_that_does_not_hold_stands_in_sarif_at_its_line(qgate, service: Path) -> None:
    (service / "qgate.toml").write_text('[[condition]]\nid = "api_response_time"\nlimit = "< 20 ms"\n')
    k6(service / "out" / "k6.json")
    run = json.loads(qgate("scan", "--evidence", "out/k6.json", "--format", "sarif").stdout)["runs"][0]
    (result,) = [one for one in run["results"] if one["ruleId"] == "gate-condition"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("qgate.toml", 1)
    assert result["message"]["text"] == "api_response_time is 31 ms, asked for < 20 ms (fail)."
    assert run["properties"]["gate"]["state"] == "closed"


def test_stored_evidence_is_judged_without_a_scan(qgate, service: Path) -> None:
    k6(service / "out" / "k6.json")
    alone = qgate("gate", "--evidence", "out/k6.json")
    assert alone.returncode == 4
    assert "findings.errors" in alone.stdout
    assert "no scan: give the JSON report of one as evidence" in alone.stdout
    scanned = qgate("scan", "--format", "json")
    (service / "out" / "qgate.json").write_text(scanned.stdout)
    both = qgate("gate", "--evidence", "qgate=out/qgate.json", "--evidence", "k6=out/k6.json", "--format", "json")
    direct = qgate("scan", "--evidence", "k6=out/k6.json", "--format", "json")
    assert both.returncode == direct.returncode == 0
    states = {name: (row["state"], row["value"], row["required"]) for name, row in rows(direct).items()}
    assert {name: (row["state"], row["value"], row["required"]) for name, row in rows(both).items()} == states
    assert rows(both)["findings.errors"]["source"] == "out/qgate.json"


def test_a_scan_needs_no_report_of_an_earlier_one(qgate, service: Path) -> None:
    (service / "qgate.toml").write_text('[[evidence]]\npath = "out/qgate.json"\nkind = "qgate"\n')
    assert qgate("gate").returncode == 4
    assert qgate("scan", "-o", "json=out/qgate.json").returncode == 0
    assert qgate("gate").returncode == 0


def test_a_report_of_another_commit_proves_nothing_of_this_one(qgate, service: Path) -> None:
    def git(*arguments: str) -> None:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
        subprocess.run(command, cwd=service, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    (service / "out" / "qgate.json").write_text(qgate("scan", "--format", "json").stdout)
    assert qgate("gate", "--evidence", "out/qgate.json").returncode == 0
    # What changed is the evidence alone.
    git("add", ".")
    git("commit", "-qm", "two")
    assert qgate("gate", "--evidence", "out/qgate.json").returncode == 0
    (service / "app" / "more.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "-qm", "three")
    result = qgate("gate", "--evidence", "out/qgate.json")
    assert result.returncode == 4
    assert "changed since: app/more.py" in result.stdout


def test_evidence_holds_for_later_commits_that_leave_what_was_measured_alone(qgate, service: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
        return subprocess.run(command, cwd=service, check=True, capture_output=True, encoding="utf-8").stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    commit = git("rev-parse", "HEAD")
    k6(service / "out" / "k6.json")
    (service / "qgate.toml").write_text(
        f'[[evidence]]\npath = "out/k6.json"\ncommit = "{commit}"\npaths = ["app/**"]\n', encoding="utf-8"
    )
    (service / "README.md").write_text("# Orders\n")
    git("add", ".")
    git("commit", "-qm", "two")
    assert rows(qgate("scan", "--format", "json"))["api_response_time"]["state"] == "pass"
    (service / "app" / "more.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "-qm", "three")
    stale = qgate("scan", "--format", "json")
    assert (stale.returncode, rows(stale)["api_response_time"]["state"]) == (4, "stale")


def test_what_is_staged_is_judged_by_its_code_alone(qgate, service: Path) -> None:
    (service / "qgate.toml").write_text('[[evidence]]\npath = "out/k6.json"\n[profile]\navailability_target = 99.9\n')
    subprocess.run(["git", "init", "-q"], cwd=service, check=True)
    subprocess.run(["git", "add", "."], cwd=service, check=True)
    assert qgate("scan").returncode == 4
    assert qgate("scan", "--staged").returncode == 0


def test_a_statement_answers_what_was_not_measured(qgate, service: Path) -> None:
    (service / "qgate.toml").write_text("[profile]\navailability_target = 99.9\n")
    assert qgate("scan", "-q").returncode == 4
    (service / ".qgate").mkdir()
    (service / ".qgate" / "attestations.toml").write_text(
        "[[attestation]]\n"
        'condition = "availability"\n'
        "value = 99.95\n"
        'statement = "Availability of October 2026, from the status page"\n'
        'evidence = [{ url = "https://status.example.com/2026-10" }]\n'
        'author = "orders@example.com"\n'
        'reviewer = "sre@example.com"\n'
        "issued = 2026-11-01\n"
        "expires = 2027-02-01\n"
    )
    result = qgate("scan", "--format", "json")
    row = rows(result)["availability"]
    assert (row["state"], row["evidence"], row["value"]) == ("pass", "attested", "99.95 %")


def test_a_waived_row_is_shown_and_does_not_close_the_gate(qgate, service: Path) -> None:
    (service / "qgate.toml").write_text(
        "[profile]\navailability_target = 99.9\n"
        '[[waiver]]\ncondition = "availability"\nreason = "first release"\nowner = "ops@example.com"\nuntil = 2099-01-31\n'
    )
    result = qgate("scan", "-q")
    assert result.returncode == 0
    assert "1 waived" in result.stdout
    assert "ops@example.com until 2099-01-31: first release" in result.stdout


def test_results_of_another_scanner_are_counted(qgate, service: Path) -> None:
    result = qgate("scan", "--evidence", str(SAMPLES / "bandit.sarif"), "--format", "json")
    row = rows(result)["vulnerability_scanning"]
    assert row["required"]
    assert row["evidence"] == "measured"


def test_a_check_that_the_profile_switches_off_does_not_run_and_this_is_told(qgate, service: Path) -> None:
    (service / "qgate.toml").write_text(
        '[profile]\napi_style = "graphql"\n[checks.unindexed-foreign-key]\nwhen = { api_style = "rest" }\n'
    )
    result = qgate("scan")
    assert "unindexed-foreign-key]" not in result.stdout
    assert "unindexed-foreign-key did not run: api_style is graphql, not rest" in result.stdout
    shown = qgate("config", "show").stdout
    assert "# unindexed-foreign-key does not run: api_style is graphql, not rest" in shown


def test_a_number_of_ones_own_is_limited_in_its_own_unit(qgate, service: Path) -> None:
    (service / "out" / "depth.json").write_text(
        '{"status": "success", "data": {"resultType": "scalar", "result": [1795118400.0, "42"]}}'
    )
    (service / "qgate.toml").write_text(
        '[[evidence]]\npath = "out/depth.json"\nmetric = "queue.depth"\n'
        '[[condition]]\nid = "queue"\nmetric = "queue.depth"\nlimit = "< 40"\n'
    )
    row = rows(qgate("scan", "--format", "json"))["queue"]
    assert (row["state"], row["value"], row["observed"]) == ("fail", "42", "2026-11-19T20:00:00+00:00")
