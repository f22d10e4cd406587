"""Findings on their way to other programs: several formats from one run, and the files of GitHub Actions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qualitygate.report.formats import FORMATS


def test_one_run_writes_every_format(qgate, repository: Path, tmp_path: Path) -> None:
    result = qgate("scan", *(f"--output={name}={tmp_path}/out.{name}" for name in FORMATS))
    assert result.returncode == 1
    assert "Gate  CLOSED" in result.stdout
    for name in FORMATS:
        assert "hardcoded-secret" in (tmp_path / f"out.{name}").read_text(encoding="utf-8"), name


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"text"}))
def test_standard_output_takes_any_format_and_the_exit_code_stays(qgate, name: str) -> None:
    result = qgate("scan", "--format", name)
    assert (result.returncode, result.stderr) == (1, "")
    assert "hardcoded-secret" in result.stdout


def test_the_step_summary_is_added_to(qgate, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    for arguments in (("--format", "github"), ("-o", f"github={tmp_path}/out")):
        qgate("scan", *arguments, GITHUB_STEP_SUMMARY=str(summary))
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- qgate -->\n")
    assert text.count("## ❌ qgate: the gate is closed") == 2


def test_other_formats_leave_the_step_summary_alone(qgate, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    qgate("scan", "--format", "json", GITHUB_STEP_SUMMARY=str(summary))
    assert not summary.exists()


def test_a_step_summary_that_cannot_be_written_is_told(qgate, tmp_path: Path) -> None:
    result = qgate("scan", "--format", "github", GITHUB_STEP_SUMMARY=str(tmp_path / "no" / "where"))
    assert result.returncode == 2
    assert "No such file or directory" in result.stderr


def test_a_baseline_shows_in_the_formats_that_know_it(qgate, repository: Path) -> None:
    qgate("baseline", "write")
    run = json.loads(qgate("scan", "--format", "sarif-full").stdout)["runs"][0]
    assert {suppression["kind"] for result in run["results"] for suppression in result["suppressions"]} == {"external"}
    assert json.loads(qgate("scan", "--format", "gitlab").stdout) == []
    assert "<skipped" in qgate("scan", "--format", "junit").stdout
