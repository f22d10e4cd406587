"""The action, the CI templates and the container file: their shell steps run, and what they name is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml

from qualitygate.cli import command
from qualitygate.report.formats import FORMATS

from .conftest import SECRET

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "qualitygate" / "templates"
EXPRESSION = re.compile(r"\$\{\{\s*([^}]+?)\s*\}\}")


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return loaded


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A runner's temporary folder in which qgate is installed already, as the step before would have left it."""
    temporary = tmp_path / "runner"
    # One that sees this environment's packages: what the scan runs is what the tests test.
    venv.create(temporary / "qgate/environment", symlinks=True, with_pip=False)
    site = next((temporary / "qgate/environment/lib").glob("python*")) / "site-packages"
    paths = [entry for entry in sys.path if entry.endswith("site-packages")]
    (site / "here.pth").write_text("".join(f"import site; site.addsitedir({entry!r})\n" for entry in paths))
    script = temporary / "qgate/environment/bin/qgate"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m qualitygate "$@"\n')
    script.chmod(0o755)
    return temporary


def run_step(
    action: dict[str, Any], name: str, runner: Path, cwd: Path, inputs: dict[str, str], outputs: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """A `run` step as the runner executes it: expressions are put into its variables, never into the script."""
    step = next(step for step in action["runs"]["steps"] if step.get("name") == name)
    values = {f"inputs.{key}": value.get("default", "") for key, value in action["inputs"].items()}
    values |= {f"inputs.{key}": value for key, value in inputs.items()}
    values |= {f"steps.scan.outputs.{key}": value for key, value in outputs.items()}
    values |= {"runner.temp": str(runner), "steps.python.outputs.python-path": sys.executable}
    variables = {key: EXPRESSION.sub(lambda match: values[match[1]], text) for key, text in step["env"].items()}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("QGATE_", "GITHUB_", "CI_"))}
    environment = {
        **kept,
        "RUNNER_TEMP": str(runner),
        "GITHUB_OUTPUT": str(runner / "output"),
        "GITHUB_ACTION_PATH": str(ROOT),
        **variables,
    }
    assert EXPRESSION.search(step["run"]) is None
    return subprocess.run(
        # The runner's own way to call bash.
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def outputs_of(runner: Path) -> dict[str, str]:
    lines = (runner / "output").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_the_scan_leaves_the_verdict_to_the_last_step_so_that_findings_are_uploaded(
    action: dict[str, Any], runner: Path, repository: Path
) -> None:
    scan = run_step(action, "Scan", runner, repository, {}, {})
    assert (scan.returncode, scan.stderr) == (0, "")
    assert "::error " in scan.stdout
    assert SECRET not in scan.stdout
    outputs = outputs_of(runner)
    assert outputs["state"] == "closed"
    assert Path(outputs["sarif"]).is_file()
    verdict = run_step(action, "Verdict", runner, repository, {}, outputs)
    assert verdict.returncode == int(outputs["exit-code"]) == 1


def test_arguments_come_through_whole_and_are_never_run(
    action: dict[str, Any], runner: Path, repository: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    inputs = {"arguments": f"--select\nunindexed-foreign-key\n--exclude\n$(touch {canary})\n", "base": ""}
    scan = run_step(action, "Scan", runner, repository, inputs, {})
    assert scan.returncode == 0, scan.stderr
    assert "unindexed-foreign-key" in scan.stdout
    assert "hardcoded-secret" not in scan.stdout
    assert not canary.exists()


def test_a_scan_that_does_not_start_fails_the_job_too(action: dict[str, Any], runner: Path, repository: Path) -> None:
    run_step(action, "Scan", runner, repository, {"arguments": "--no-such-option"}, {})
    outputs = outputs_of(runner)
    assert outputs == {"exit-code": "2"}
    assert run_step(action, "Verdict", runner, repository, {}, outputs).returncode == 2


def test_every_input_and_output_of_the_action_is_used(action: dict[str, Any]) -> None:
    text = (ROOT / "action.yml").read_text()
    for name in action["inputs"]:
        assert f"inputs.{name}" in text
    scan = next(step["run"] for step in action["runs"]["steps"] if step.get("name") == "Scan")
    for output in action["outputs"].values():
        (name,) = re.findall(r"steps\.scan\.outputs\.([\w-]+)", output["value"])
        assert f'"{name}=$' in scan


@pytest.mark.parametrize("template", sorted(path.name for path in TEMPLATES.glob("*.yml")))
def test_commands_in_templates_name_options_and_formats_that_there_are(template: str) -> None:
    text = (TEMPLATES / template).read_text()
    assert yaml.safe_load(text)
    calls = re.findall(r"qgate scan[^\n]*", text)
    assert calls
    scan = command.get_command(None, "scan")  # type: ignore[arg-type]
    assert scan is not None
    known = {name for option in scan.params for name in option.opts}
    for call in calls:
        assert set(re.findall(r"(?<=\s)(--?[a-z-]+)", call)) <= known
        formats = {*re.findall(r"-o ([\w-]+)=", call), *re.findall(r"--format (\S+)", call)}
        assert formats <= set(FORMATS)


def test_the_container_file_copies_what_the_build_needs() -> None:
    ignored = {line.strip("*/") for line in (ROOT / ".dockerignore").read_text().split()}
    build = (ROOT / "pyproject.toml").read_text()
    packages = re.search(r"packages = \[(.*)\]", build)
    assert packages is not None
    for needed in ["pyproject.toml", "README.md", "LICENSE", *re.findall(r'"([^"]+)"', packages[1])]:
        assert (ROOT / needed).exists()
        assert needed.split("/")[0] not in ignored
