"""Waivers of the configuration: what they answer, until when, and what is said of those that ended or answer nothing."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

TODAY = date.today()


def waive(repository: Path, until: date | str, check: str = "hardcoded-secret", **more: str) -> None:
    """Write a configuration with one waiver; it begins in line 3."""
    keys = {"check": check, "reason": "rotated by the mail team", "owner": "ada@example.com", **more}
    lines = "".join(f'{key} = "{value}"\n' for key, value in keys.items() if value)
    (repository / "qgate.toml").write_text(f"# the service\n\n[[waiver]]\n{lines}until = {until}\n")


def findings(qgate: Any, *arguments: str, cwd: Path | None = None) -> list[dict[str, Any]]:
    result = qgate("scan", "--format", "json", *arguments, **({"cwd": cwd} if cwd else {}))
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)["findings"]


def of(found: list[dict[str, Any]], check: str) -> list[dict[str, Any]]:
    return [one for one in found if one["check"] == check]


def test_a_waived_finding_does_not_count_and_says_who_answers_for_it(qgate, repository: Path) -> None:
    until = TODAY + timedelta(days=90)
    waive(repository, until)
    found = findings(qgate)
    (secret,) = of(found, "hardcoded-secret")
    assert (secret["status"], secret["answer"]) == (
        "waived",
        f"rotated by the mail team (ada@example.com, until {until})",
    )
    assert not of(found, "expired-suppression")
    assert not of(found, "unused-suppression")
    assert "1 waived" in qgate("scan").stdout


def test_formats_tell_a_waiver_from_an_answer_in_the_code(qgate, repository: Path) -> None:
    waive(repository, TODAY + timedelta(days=90))
    log = json.loads(qgate("scan", "--format", "sarif-full").stdout)
    (suppressed,) = [one["suppressions"] for one in log["runs"][0]["results"] if one["ruleId"] == "hardcoded-secret"]
    assert [one["kind"] for one in suppressed] == ["external"]
    assert "waived" in qgate("scan", "--format", "html").stdout
    written = qgate("baseline", "write")
    assert written.returncode == 0
    assert "hardcoded-secret" not in (repository / ".qgate/baseline.json").read_text()


def test_on_its_last_day_a_waiver_still_counts(qgate, repository: Path) -> None:
    waive(repository, TODAY)
    found = findings(qgate)
    assert of(found, "hardcoded-secret")[0]["status"] == "waived"
    (soon,) = of(found, "expired-suppression")
    assert (soon["severity"], soon["path"], soon["line"]) == ("warning", "qgate.toml", 3)
    assert soon["message"] == f"this answer of ada@example.com to `hardcoded-secret` ends on {TODAY}"


def test_after_its_last_day_the_finding_counts_again_and_the_waiver_is_told(qgate, repository: Path) -> None:
    until = TODAY - timedelta(days=1)
    waive(repository, until)
    found = findings(qgate)
    assert of(found, "hardcoded-secret")[0]["status"] == "active"
    (ended,) = of(found, "expired-suppression")
    assert (ended["severity"], ended["path"], ended["line"]) == ("error", "qgate.toml", 3)
    assert ended["message"] == f"this answer of ada@example.com to `hardcoded-secret` counted until '{until}'"


def test_an_ended_waiver_closes_the_gate_by_itself(qgate, repository: Path) -> None:
    waive(repository, TODAY - timedelta(days=1), check="plain-http")
    result = qgate("scan", "--select", "plain-http,expired-suppression")
    assert result.returncode == 1
    assert "expired-suppression" in result.stdout


def test_a_waiver_without_a_finding_is_told(qgate, repository: Path) -> None:
    waive(repository, TODAY + timedelta(days=90), path="services/**")
    found = findings(qgate)
    assert of(found, "hardcoded-secret")[0]["status"] == "active"
    (idle,) = of(found, "unused-suppression")
    assert (idle["path"], idle["line"]) == ("qgate.toml", 3)
    # A check that did not run may well have found what is waived.
    assert not of(findings(qgate, "--ignore", "hardcoded-secret"), "unused-suppression")


def test_a_glob_of_a_waiver_is_relative_to_the_configuration(qgate, repository: Path) -> None:
    waive(repository, TODAY + timedelta(days=90), path="app/settings.py")
    assert of(findings(qgate), "hardcoded-secret")[0]["status"] == "waived"
    below = findings(qgate, cwd=repository / "app")
    assert of(below, "hardcoded-secret")[0]["status"] == "waived"
    assert not of(below, "unused-suppression")


def test_a_configuration_above_the_scanned_folder_is_named_by_its_path_in_the_repository(
    qgate, repository: Path
) -> None:
    (repository / ".git").mkdir()
    waive(repository, TODAY - timedelta(days=1))
    (ended,) = of(findings(qgate, cwd=repository / "app"), "expired-suppression")
    assert ended["path"] == "../qgate.toml"
    log = json.loads(qgate("scan", "--format", "sarif", cwd=repository / "app").stdout)
    addresses = {
        result["ruleId"]: result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in log["runs"][0]["results"]
    }
    assert addresses["expired-suppression"] == "qgate.toml"
    assert addresses["hardcoded-secret"] == "app/settings.py"


def test_a_waiver_may_stand_in_pyproject(qgate, repository: Path) -> None:
    (repository / "pyproject.toml").write_text(
        '[project]\nname = "orders"\n\n[[tool.qgate.waiver]]\ncheck = "hardcoded-secret"\nreason = "x"\nowner = "ada"\n'
        f"until = {TODAY - timedelta(days=1)}\n"
    )
    (ended,) = of(findings(qgate), "expired-suppression")
    assert (ended["path"], ended["line"]) == ("pyproject.toml", 4)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"owner": ""}, "qgate.toml:3: a waiver needs owner"),
        ({"reason": ""}, "qgate.toml:3: a waiver needs reason"),
        ({"owner": " "}, "qgate.toml:3: a waiver needs owner"),
        ({"check": "hardcoded-secrets"}, "unknown check 'hardcoded-secrets'; did you mean 'hardcoded-secret'?"),
        ({"expires": "2027-01-01"}, "unknown key 'expires'"),
        ({"condition": "availability"}, "a waiver speaks of one thing, not of check and condition"),
        ({"check": ""}, "a waiver needs check, condition or rule"),
        ({"check": "", "condition": "availability", "path": "a"}, "a row of the gate is waived whole"),
    ],
)
def test_a_waiver_that_is_not_whole_is_an_error_with_its_line(
    qgate, repository: Path, changes: dict[str, str], told: str
) -> None:
    waive(repository, TODAY, **changes)
    result = qgate("scan")
    assert result.returncode == 2
    assert told in result.stderr


def test_a_last_day_that_is_no_day_is_an_error(qgate, repository: Path) -> None:
    waive(repository, '"next summer"')
    result = qgate("scan")
    assert result.returncode == 2
    assert "qgate.toml:7: " in result.stderr


@pytest.mark.parametrize(("days", "code"), [(0, 0), (-1, 1)])
def test_an_end_fails_a_pull_request_that_has_nothing_to_do_with_it(
    qgate, repository: Path, git, days: int, code: int
) -> None:
    settings = repository / "app/settings.py"
    until = TODAY + timedelta(days=days)
    settings.write_text(
        f'smtp_password = "Meadow!2031-post"  # qgate: ignore[hardcoded-secret] until={until} rotated\n'
    )
    for arguments in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "first")):
        git(repository, *arguments)
    (repository / "README.md").write_text("# Orders\n")
    result = qgate("scan", "--base", "HEAD", "--select", "hardcoded-secret,expired-suppression")
    assert result.returncode == code, result.stdout


def test_an_answer_in_the_code_may_name_its_owner(qgate, repository: Path) -> None:
    (repository / "app/settings.py").write_text(
        'smtp_password = "Meadow!2031-post"  # qgate: ignore[hardcoded-secret] owner=ada rotated (until=2999-01-01)\n'
    )
    (secret,) = of(findings(qgate), "hardcoded-secret")
    assert secret["answer"] == "rotated (ada, until 2999-01-01)"


# Rows of the gate, and results of other scanners.

TRIVY = {
    "SchemaVersion": 2,
    "CreatedAt": f"{TODAY}T00:00:00Z",
    "ArtifactName": ".",
    "Results": [
        {
            "Target": "requirements.txt",
            "Class": "lang-pkgs",
            "Vulnerabilities": [
                {"VulnerabilityID": name, "PkgName": package, "InstalledVersion": "1.0", "Severity": "HIGH"}
                for name, package in (("CVE-2026-1", "django"), ("CVE-2026-2", "jinja2"))
            ],
        }
    ],
}


def row(qgate: Any, name: str, *arguments: str) -> dict[str, Any]:
    result = qgate("scan", "--format", "json", "--select", "plain-http", *arguments)
    assert result.returncode in (0, 1, 4), result.stderr
    (found,) = [one for one in json.loads(result.stdout)["gate"]["rows"] if one["id"] == name]
    return {**found, "exit_code": result.returncode}


@pytest.fixture
def scanned(repository: Path) -> Path:
    """The repository with two vulnerable packages, and the report that says so."""
    (repository / "requirements.txt").write_text("django==1.0\njinja2==1.0\n")
    (repository / "trivy.json").write_text(json.dumps(TRIVY))
    return repository


def test_a_waived_row_is_shown_with_who_answers_for_it(qgate, scanned: Path) -> None:
    until = TODAY + timedelta(days=10)
    waive(scanned, until, check="", condition="vulnerability_scanning")
    found = row(qgate, "vulnerability_scanning", "--evidence", "trivy.json")
    assert (found["state"], found["exit_code"]) == ("waived", 0)
    assert f"ada@example.com until {until}, 10 days left: rotated by the mail team" in found["detail"]
    assert "1 waived" in qgate("scan", "--select", "plain-http", "--evidence", "trivy.json").stdout


def test_a_row_counts_again_when_its_waiver_has_ended(qgate, scanned: Path) -> None:
    waive(scanned, TODAY - timedelta(days=1), check="", condition="vulnerability_scanning")
    found = row(qgate, "vulnerability_scanning", "--evidence", "trivy.json")
    assert (found["state"], found["exit_code"]) == ("fail", 1)
    assert "the waiver of ada@example.com ended on" in found["detail"]
    (ended,) = of(findings(qgate), "expired-suppression")
    assert "`vulnerability_scanning` counted until" in ended["message"]


def test_a_row_that_holds_needs_no_waiver_and_says_so(qgate, scanned: Path) -> None:
    (scanned / "trivy.json").write_text(json.dumps({**TRIVY, "Results": [{"Target": "requirements.txt"}]}))
    waive(scanned, TODAY + timedelta(days=90), check="", condition="vulnerability_scanning")
    found = row(qgate, "vulnerability_scanning", "--evidence", "trivy.json")
    assert (found["state"], found["detail"]) == ("pass", "nothing to waive")


def test_a_result_of_a_scanner_is_waived_by_its_rule_and_the_others_count(qgate, scanned: Path) -> None:
    until = TODAY + timedelta(days=90)
    waive(scanned, until, check="", rule="CVE-2026-1", path="requirements.txt")
    found = row(qgate, "vulnerability_scanning", "--evidence", "trivy.json")
    assert (found["state"], found["value"]) == ("fail", "1")
    assert found["detail"].startswith("1 high: CVE-2026-2 (jinja2 1.0); 1 waived: CVE-2026-1, rotated")
    results = TRIVY["Results"][0]  # type: ignore[index]
    only = {**TRIVY, "Results": [{**results, "Vulnerabilities": results["Vulnerabilities"][:1]}]}
    (scanned / "trivy.json").write_text(json.dumps(only))
    found = row(qgate, "vulnerability_scanning", "--evidence", "trivy.json")
    assert (found["state"], found["value"]) == ("pass", "0")
    assert found["detail"] == f"1 waived: CVE-2026-1, rotated by the mail team (ada@example.com, until {until})"


@pytest.mark.parametrize("changes", [{"path": "other/**"}, {"rule": "CVE-2026-9"}])
def test_a_waiver_of_another_rule_or_file_answers_nothing(qgate, scanned: Path, changes: dict[str, str]) -> None:
    waive(scanned, TODAY + timedelta(days=90), check="", **{"rule": "CVE-2026-1", **changes})
    assert row(qgate, "vulnerability_scanning", "--evidence", "trivy.json")["value"] == "2"


def test_a_rule_without_a_result_is_told(qgate, scanned: Path) -> None:
    (scanned / "trivy.json").write_text(json.dumps({**TRIVY, "Results": [{"Target": "requirements.txt"}]}))
    waive(scanned, TODAY + timedelta(days=90), check="", rule="CVE-2026-9")
    assert (
        row(qgate, "vulnerability_scanning", "--evidence", "trivy.json")["detail"] == "nothing to waive of CVE-2026-9"
    )


def test_a_result_counts_again_when_its_waiver_has_ended(qgate, scanned: Path) -> None:
    waive(scanned, TODAY - timedelta(days=1), check="", rule="CVE-2026-1")
    assert row(qgate, "vulnerability_scanning", "--evidence", "trivy.json")["value"] == "2"
    (ended,) = of(findings(qgate), "expired-suppression")
    assert "`CVE-2026-1` counted until" in ended["message"]


def test_vulnerable_packages_that_the_base_has_too_are_not_new(qgate, scanned: Path, git) -> None:
    (scanned / "requirements.txt").write_text("django==1.0\n")
    for arguments in (("init", "--quiet"), ("add", "requirements.txt"), ("commit", "--quiet", "--message", "first")):
        git(scanned, *arguments)
    (scanned / "requirements.txt").write_text("django==1.0\njinja2==1.0\n")
    found = row(qgate, "vulnerability_scanning", "--evidence", "trivy.json", "--base", "HEAD")
    assert (found["state"], found["value"]) == ("fail", "1")
    assert "CVE-2026-2" in found["detail"]
    (scanned / "requirements.txt").write_text("django==1.0\n\n# later\n")
    results = TRIVY["Results"][0]  # type: ignore[index]
    only = {**TRIVY, "Results": [{**results, "Vulnerabilities": results["Vulnerabilities"][:1]}]}
    (scanned / "trivy.json").write_text(json.dumps(only))
    found = row(qgate, "vulnerability_scanning", "--evidence", "trivy.json", "--base", "HEAD")
    assert (found["state"], found["value"], found["detail"]) == ("pass", "0", "1 stood before")
