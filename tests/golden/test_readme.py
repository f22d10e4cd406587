"""What README.md shows is what the command does: its sample, its configuration, its commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"(?:`|^    |[$] |&& \S*|run: )qgate ((?:[a-z-]+)[^`\n#]*)", PAGE, re.MULTILINE)))
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def qgate(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qualitygate", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("sample", re.findall(r"```text\n\$ qgate (.*?)```", PAGE, re.DOTALL))
def test_a_sample_is_real_output(sample: str) -> None:
    command, *shown = sample.splitlines()
    result = qgate(*command.split(), "--no-cache")
    assert result.returncode == (1 if command.startswith("scan") else 0)
    real = set(result.stdout.splitlines())
    assert [line for line in shown if line not in ("", "...") and line not in real] == []


@pytest.mark.parametrize("sample", re.findall(r"```console\n\$ qgate (.*?)```", PAGE, re.DOTALL))
def test_a_verdict_is_a_real_one_but_for_its_days(sample: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "fixtures/release", tmp_path / "fixtures/release")
    for name, key, days in (
        (".qgate/attestations.toml", "issued", -19),
        (".qgate/attestations.toml", "expires", 73),
        ("qgate.toml", "until", 72),
    ):
        file = tmp_path / "fixtures/release" / name
        day = date.today() + timedelta(days=days)
        file.write_text(re.sub(rf"(?m)^{key} = .*$", f"{key} = {day.isoformat()}", file.read_text()))
    _renewed(tmp_path / "fixtures/release/evidence")
    command, *shown = sample.splitlines()
    real = {DAY.sub("DAY", line) for line in qgate(*command.split(), cwd=tmp_path).stdout.splitlines()}
    assert [line for line in shown if line != "..." and DAY.sub("DAY", line) not in real] == []


def _renewed(evidence: Path) -> None:
    """The evidence as if it were of today: some of it is dated by the file's time, some by what it says."""
    for file in evidence.iterdir():
        if file.name.startswith("locust"):
            entries = json.loads(file.read_text())
            later = time.time() - 3600 - max(entry["last_request_timestamp"] for entry in entries)
            for entry in entries:
                entry["start_time"] += later
                entry["last_request_timestamp"] += later
            file.write_text(json.dumps(entries))
        os.utime(file)


@pytest.mark.parametrize("configuration", re.findall(r"```toml\n(\[+tool\.qgate.*?)```", PAGE, re.DOTALL))
def test_the_configuration_is_valid(configuration: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(configuration, encoding="utf-8")
    result = qgate("config", "verify", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "pyproject.toml: valid\n"), result.stderr


def test_the_statement_has_the_keys_of_one(tmp_path: Path) -> None:
    (statement,) = re.findall(r"```toml\n(\[\[attestation\]\].*?)```", PAGE, re.DOTALL)
    (tmp_path / ".qgate").mkdir()
    (tmp_path / ".qgate/attestations.toml").write_text(statement, encoding="utf-8")
    told = qgate("attest", cwd=tmp_path).stdout
    assert "availability  99.95" in told
    assert "unknown" not in told
    assert "it has no" not in told


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_is_shown_exists_with_its_options(command: str) -> None:
    words = command.split()
    names = [word for word in words[:2] if re.fullmatch("[a-z]+", word)]
    if names[0] not in ("baseline", "config"):
        del names[1:]
    result = qgate(*names, "--help")
    assert result.returncode == 0, result.stderr
    options = {word for word in words if word.startswith("-")}
    assert sorted(option for option in options if option not in result.stdout) == []


def test_the_page_shows_its_commands() -> None:
    assert len(COMMANDS) >= 10
