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
        "suppressed",
        f"rotated by the mail team (ada@example.com, until {until})",
    )
    assert not of(found, "expired-suppression")
    assert not of(found, "unused-suppression")
    assert "1 suppressed" in qgate("scan").stdout


def test_on_its_last_day_a_waiver_still_counts(qgate, repository: Path) -> None:
    waive(repository, TODAY)
    found = findings(qgate)
    assert of(found, "hardcoded-secret")[0]["status"] == "suppressed"
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
    assert of(findings(qgate), "hardcoded-secret")[0]["status"] == "suppressed"
    below = findings(qgate, cwd=repository / "app")
    assert of(below, "hardcoded-secret")[0]["status"] == "suppressed"
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
        ({"check": "hardcoded-secrets"}, "unknown check 'hardcoded-secrets'; did you mean 'hardcoded-secret'?"),
        ({"expires": "2027-01-01"}, "unknown key 'expires'"),
        ({"condition": "availability"}, "of a check or of a condition, not of both"),
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
