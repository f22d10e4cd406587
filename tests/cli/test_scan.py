"""``qgate scan`` as a user runs it: formats, files, selection, and the same exit code in every format."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

SECRET = "Meadow!2031-post"


def ids(result) -> list[str]:
    return [finding["check"] for finding in json.loads(result.stdout)["findings"]]


def test_it_shows_findings_of_code_migrations_and_contract_and_the_gate(qgate) -> None:
    result = qgate("scan")
    assert result.returncode == 1
    assert result.stderr == ""
    for place in ("app/settings.py:2:18", "migrations/0001_orders.sql:5:5", "openapi.yaml:6:5"):
        assert f"--> {place}" in result.stdout
    gate, row = result.stdout.partition("Gate")[2].splitlines()[:2]
    assert gate.startswith("  CLOSED   1 failed   (")
    assert re.fullmatch(r"  x findings\.errors  \d+  <= 0  FAIL  proved", row)


def test_paths_are_shown_from_where_the_user_stands(qgate, repository: Path) -> None:
    assert "--> orders/app/settings.py:2:18" in qgate("scan", "orders", cwd=repository.parent).stdout


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("deploy/orders.env", "SMTP_PASSWORD={}"),
        (".env.production", "SMTP_PASSWORD={}"),
        ("setup.cfg", "smtp_password = {}"),
        ("deploy/Dockerfile", "ENV SMTP_PASSWORD={}"),
        ("orders.toml", 'smtp_password = "{}"'),
        ("deploy/values.yaml", "smtp_password: {}"),
        ("start.sh", "export SMTP_PASSWORD={}"),
        ("deploy/orders.json", '{{"smtp_password": "{}"}}'),
    ],
)
def test_a_secret_is_found_in_every_kind_of_file(qgate, repository: Path, name: str, line: str) -> None:
    file = repository / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(line.format("Valley!2032-mail") + "\n")
    result = qgate("scan", "--format", "json", "--select", "hardcoded-secret")
    assert name in [finding["path"] for finding in json.loads(result.stdout)["findings"]]


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_the_exit_code_is_the_same_in_every_format(qgate, repository: Path, form: str) -> None:
    assert qgate("scan", "--format", form).returncode == 1
    assert qgate("scan", "--format", form, "--exit-zero").returncode == 0
    assert qgate("scan", "--format", form, "--select", "messaging").returncode == 0
    empty = repository / "empty"
    empty.mkdir()
    assert qgate("scan", "--format", form, "empty").returncode == 3
    assert qgate("scan", "--format", form, "missing").returncode == 2
    (repository / "qgate.toml").write_text('[gate]\nrequired = ["unversioned-operation"]\n')
    (repository / "openapi.yaml").unlink()
    (repository / "app/settings.py").unlink()
    assert qgate("scan", "--format", form).returncode == 4
    assert qgate("scan", "--format", form, "--exit-zero").returncode == 0


def test_what_is_not_there_is_one_clear_line(qgate) -> None:
    result = qgate("scan", "missing")
    assert result.stdout == ""
    assert result.stderr.startswith("qgate: error: ")
    assert "missing" in result.stderr
    assert result.stderr.count("\n") == 1


def test_json_has_the_published_form(qgate) -> None:
    document = json.loads(qgate("scan", "--format", "json").stdout)
    schema = json.loads((files("qualitygate") / "schemas" / "report-1.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(document)
    assert {finding["check"] for finding in document["findings"]} >= {"hardcoded-secret", "missing-pagination"}


def test_no_format_shows_the_secret(qgate, repository: Path) -> None:
    for form in ("text", "json", "sarif"):
        result = qgate("scan", "--format", form, "-v")
        assert "hardcoded-secret" in result.stdout
        assert SECRET not in result.stdout + result.stderr


def test_several_formats_are_written_in_one_run(qgate, repository: Path) -> None:
    result = qgate("scan", "-o", "sarif=out.sarif", "-o", "json=out.json", "-o", "text=out.txt")
    assert result.returncode == 1
    assert "Gate  CLOSED" in result.stdout
    assert json.loads((repository / "out.sarif").read_text())["version"] == "2.1.0"
    assert json.loads((repository / "out.json").read_text())["schema_version"] == 1
    assert "Gate  CLOSED" in (repository / "out.txt").read_text()


def test_a_dash_is_standard_output(qgate) -> None:
    assert json.loads(qgate("scan", "-o", "json=-").stdout)["schema_version"] == 1


def test_two_formats_do_not_share_standard_output(qgate) -> None:
    result = qgate("scan", "--format", "json", "-o", "sarif=-")
    assert result.returncode == 2
    assert "standard output takes one format" in result.stderr


@pytest.mark.parametrize("value", ["xml=out.xml", "json", "json=", "json=nowhere/out.json", "json=app"])
def test_a_wrong_output_is_told_before_the_scan(qgate, value: str) -> None:
    result = qgate("scan", "-o", value)
    assert result.returncode == 2
    assert result.stdout == ""
    assert value.split("=")[-1].split("/")[0] in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_replaced_file_keeps_its_permissions_and_a_link_its_place(qgate, repository: Path) -> None:
    (repository / "real.json").write_text("old")
    (repository / "real.json").chmod(0o640)
    (repository / "link.json").symlink_to("real.json")
    qgate("scan", "-o", "json=link.json")
    assert (repository / "link.json").is_symlink()
    assert json.loads((repository / "real.json").read_text())["schema_version"] == 1
    assert stat.S_IMODE((repository / "real.json").stat().st_mode) == 0o640
    assert sorted(name for name in os.listdir(repository) if name.startswith(".")) == []


def test_checks_are_chosen_by_id_and_domain(qgate) -> None:
    assert ids(qgate("scan", "--format", "json", "--select", "hardcoded-secret")) == ["hardcoded-secret"]
    chosen = set(ids(qgate("scan", "--format", "json", "--select", "api,database", "--ignore", "missing-pagination")))
    assert chosen >= {"unversioned-operation", "unindexed-foreign-key", "blocking-index-creation"}
    assert not chosen & {"hardcoded-secret", "missing-pagination"}


def test_an_unknown_check_is_wrong_usage_with_a_hint(qgate) -> None:
    result = qgate("scan", "--select", "hardcoded-secrets", "--ignore", "datbase")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "qgate: error: --select: unknown check or domain 'hardcoded-secrets'; did you mean 'hardcoded-secret'?",
        "qgate: error: --ignore: unknown check or domain 'datbase'; did you mean 'database'?",
    ]


def test_files_can_be_left_out(qgate) -> None:
    assert "hardcoded-secret" not in ids(qgate("scan", "--format", "json", "--exclude", "app/**"))


def test_weaker_evidence_is_counted_and_shown_when_asked_for(qgate, repository: Path) -> None:
    assert re.search(r"hidden: \d+ below the confidence asked for", qgate("scan", "--min-confidence", "high").stdout)
    result = qgate("scan", "--min-confidence", "sure")
    assert result.returncode == 2
    assert "--min-confidence: must be 'high', 'medium' or 'low', not 'sure'" in result.stderr


def test_quiet_prints_the_gate_alone(qgate) -> None:
    assert qgate("scan", "--quiet").stdout.startswith("Gate  CLOSED")


def test_verbose_tells_what_was_examined(qgate) -> None:
    shown = qgate("scan", "--verbose", "--statistics").stdout
    assert "Examined\n" in shown
    assert "1 found in 1 examined" in shown
    assert "Findings by check\n" in shown


def test_the_configuration_is_found_upwards_and_its_severity_counts(qgate, repository: Path) -> None:
    (repository / "qgate.toml").write_text(
        'ignore = ["security", "missing-pagination"]\n[checks.unversioned-operation]\nseverity = "error"\n'
    )
    result = qgate("scan", "--format", "json", cwd=repository / "migrations")
    assert result.returncode == 0
    document = json.loads(qgate("scan", "--format", "json").stdout)
    assert document["gate"]["exit_code"] == 1
    assert [one["severity"] for one in document["findings"] if one["check"] == "unversioned-operation"] == ["error"]
    assert "hardcoded-secret" in ids(qgate("scan", "--format", "json", "--isolated"))


def test_a_rule_in_sarif_has_the_severity_that_the_user_gave_it(qgate, repository: Path) -> None:
    (repository / "qgate.toml").write_text('[checks.hardcoded-secret]\nseverity = "warning"\n')
    (run,) = json.loads(qgate("scan", "--format", "sarif").stdout)["runs"]
    (rule,) = (rule for rule in run["tool"]["driver"]["rules"] if rule["id"] == "hardcoded-secret")
    assert rule["defaultConfiguration"]["level"] == "warning"
    assert rule["properties"]["security-severity"] == "5.5"


def test_findings_are_left_out_by_path(qgate, repository: Path) -> None:
    (repository / "qgate.toml").write_text('[per-path-ignores]\n"app/**" = ["hardcoded-secret"]\n')
    assert "hardcoded-secret" not in ids(qgate("scan", "--format", "json"))


def test_a_wrong_configuration_shows_every_fault_with_its_line(qgate, repository: Path) -> None:
    (repository / "pyproject.toml").write_text(
        '[project]\nname = "orders"\n\n[tool.qgate]\nselct = ["api"]\nignore = ["nothing"]\n\n[tool.qgate.gate]\nerrors = "none"\n'
    )
    result = qgate("scan")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "qgate: error: pyproject.toml:5: unknown key 'selct'; did you mean 'select'?",
        "qgate: error: pyproject.toml:6: ignore: unknown check or domain 'nothing'; `qgate rules` lists them",
        "qgate: error: pyproject.toml:9: gate.errors must be a whole number of at least 0 or 'off', not 'none'",
    ]


def test_a_file_that_does_not_parse_is_named_and_the_rest_is_judged(qgate, repository: Path) -> None:
    (repository / "app/broken.py").write_text("def orders(:\n")
    result = qgate("scan")
    assert result.returncode == 1
    assert "1 part could not be read and is not judged:\n  app/broken.py:1: " in result.stdout
    assert "hardcoded-secret" in result.stdout


def test_the_baseline_hides_what_is_known(qgate) -> None:
    count = len(ids(qgate("scan", "--format", "json")))
    assert qgate("baseline", "write").returncode == 0
    result = qgate("scan")
    assert result.returncode == 0
    assert result.stdout.startswith("No findings in ")
    assert f"hidden: {count} baselined" in result.stdout


def test_a_baseline_that_was_asked_for_must_be_there(qgate) -> None:
    result = qgate("scan", "--baseline", "known.json")
    assert result.returncode == 2
    assert "known.json" in result.stderr
