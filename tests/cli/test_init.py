"""``qgate init``: a repository is set up in one step, and nothing that is there is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import SECRET, Run

HOOKS = """\
# our hooks
repos:
- repo: https://github.com/astral-sh/ruff-pre-commit
  rev: v0.15.0
  hooks: # quick ones first
  - id: ruff
"""
SERVICE = {
    "app/main.py": (
        "from fastapi import FastAPI\n\nimport asyncpg\n\napp = FastAPI()\n\n\n"
        '@app.get("/v1/orders/{order_id}")\ndef read_order(order_id: int) -> dict[str, int]:\n'
        '    return {"id": order_id}\n'
    ),
    "compose.yml": "services:\n  db:\n    image: postgres:17\n  api:\n    build: .\n",
    "Dockerfile": "FROM python:3.12-slim\nCOPY . /srv\n",
}


@pytest.fixture
def service(repository: Path) -> Path:
    for name, content in SERVICE.items():
        (repository / name).write_text(content)
    (repository / ".github").mkdir()
    return repository


def test_after_it_the_gate_is_open_and_says_what_is_known(qgate: Run, service: Path) -> None:
    assert qgate("scan").returncode == 1
    result = qgate("init")
    assert (result.returncode, result.stderr) == (0, "")
    assert "known from now on: " in result.stdout
    assert "1 of them is a secret" in result.stdout
    after = qgate("scan")
    assert after.returncode == 0
    assert "baselined" in after.stdout


def test_the_configuration_is_valid_and_holds_what_the_code_shows(qgate: Run, service: Path) -> None:
    qgate("init")
    assert qgate("config", "verify").returncode == 0
    written = (service / "qgate.toml").read_text()
    assert 'web_framework = "fastapi"  # 1 route, the first at app/main.py:' in written
    assert 'database_primary = "postgresql"  # the service db at compose.yml:2' in written
    assert 'deployment_model = "containers"' in written
    assert SECRET not in written


def test_every_commented_key_of_the_configuration_is_valid_too(qgate: Run, service: Path) -> None:
    qgate("init")
    target = service / "qgate.toml"
    lines = target.read_text().split("\n")
    # A comment that holds a key or a table is one that a user will take the sign away from.
    opened = [
        line[2:] if line.startswith("# ") and ("= " in line or line.startswith("# [")) else line for line in lines
    ]
    target.write_text("\n".join(line for line in opened if "k6-summary" not in line and line != "[[evidence]]"))
    result = qgate("config", "verify")
    assert (result.returncode, result.stderr) == (0, "")


def test_the_steps_and_hooks_that_it_writes_are_what_their_readers_expect(qgate: Run, service: Path) -> None:
    (service / ".gitlab-ci.yml").write_text("test: {script: [pytest]}\n")
    result = qgate("init")
    workflow = yaml.safe_load((service / ".github/workflows/qgate.yml").read_text())
    steps = workflow["jobs"]["qgate"]["steps"]
    assert any(step.get("run", "").startswith("qgate scan --base auto") for step in steps)
    job = yaml.safe_load((service / ".gitlab/qgate.yml").read_text())["qgate"]
    assert job["artifacts"]["reports"]["codequality"] == "qgate-quality.json"
    assert "include: [{local: .gitlab/qgate.yml}]" in result.stdout
    assert (service / ".gitlab-ci.yml").read_text() == "test: {script: [pytest]}\n"
    hook = yaml.safe_load((service / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"][0]
    assert hook["entry"] == "qgate scan --staged"


def test_a_hook_is_added_to_those_that_are_there_and_their_comments_stay(qgate: Run, service: Path) -> None:
    target = service / ".pre-commit-config.yaml"
    target.write_text(HOOKS)
    qgate("init")
    written = target.read_text()
    assert written.startswith(HOOKS)
    assert [repo["hooks"][0]["id"] for repo in yaml.safe_load(written)["repos"]] == ["ruff", "qgate"]
    again = qgate("init")
    assert "it has the hook" in again.stdout
    assert target.read_text() == written


@pytest.mark.parametrize(
    "content",
    ["repos: []\nci: {autofix_prs: false}\n", "repos:\n- repo: x\nci:\n  a: b\n", "repos: [\n", "just text\n"],
)
def test_hooks_that_cannot_be_added_to_for_sure_are_left_as_they_are(qgate: Run, service: Path, content: str) -> None:
    target = service / ".pre-commit-config.yaml"
    target.write_text(content)
    result = qgate("init")
    assert result.returncode == 0
    assert target.read_text() == content
    assert "add the hook to it" in result.stdout


def test_nothing_that_is_there_is_replaced_without_force(qgate: Run, service: Path) -> None:
    (service / "qgate.toml").write_text('ignore = ["api"]\n')
    (service / ".github/workflows").mkdir()
    (service / ".github/workflows/qgate.yml").write_text("name: ours\n")
    result = qgate("init")
    assert result.returncode == 0
    assert (service / "qgate.toml").read_text() == 'ignore = ["api"]\n'
    assert (service / ".github/workflows/qgate.yml").read_text() == "name: ours\n"
    assert result.stdout.count("left ") == 2
    qgate("init", "--force")
    assert "[profile]" in (service / "qgate.toml").read_text()
    assert "name: qgate" in (service / ".github/workflows/qgate.yml").read_text()


def test_a_dry_run_prints_the_files_and_writes_none(qgate: Run, service: Path) -> None:
    before = sorted(path.relative_to(service) for path in service.rglob("*"))
    result = qgate("init", "--dry-run")
    assert result.returncode == 0
    assert "--- qgate.toml" in result.stdout
    assert "--- .github/workflows/qgate.yml" in result.stdout
    assert sorted(path.relative_to(service) for path in service.rglob("*")) == before


def test_a_link_that_leads_out_of_the_repository_is_not_written_through(
    qgate: Run, service: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (service / ".github/workflows").symlink_to(outside)
    result = qgate("init")
    assert result.returncode == 2
    assert "leads out of the repository" in result.stderr
    assert list(outside.iterdir()) == []


def test_the_hook_runs_in_pre_commit_s_own_reading(qgate: Run, service: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=service, check=True)
    qgate("init")
    result = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config"],
        cwd=service,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_the_baseline_that_it_writes_is_that_of_the_command_for_it(qgate: Run, service: Path) -> None:
    qgate("init", "--ci", "none", "--no-hook")
    known = {entry["fingerprint"] for entry in json.loads((service / ".qgate/baseline.json").read_text())["findings"]}
    qgate("baseline", "write", "--force")
    again = {entry["fingerprint"] for entry in json.loads((service / ".qgate/baseline.json").read_text())["findings"]}
    assert known == again != set()
