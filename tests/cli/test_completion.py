"""What a shell offers when the user asks it to go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qualitygate.load import load
from qualitygate.report.formats import FORMATS


@pytest.fixture
def offered(qgate):
    """What is offered for the last of some words; it may be empty."""

    def ask(*words: str) -> list[str]:
        asked = {"_QGATE_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        result = qgate(**asked)
        assert (result.returncode, result.stderr) == (0, "")
        return [line.partition(",")[2] for line in result.stdout.splitlines()]

    return ask


def test_commands_and_their_options_are_offered(offered) -> None:
    assert {"scan", "rule", "baseline", "completion"} <= set(offered("qgate", ""))
    assert offered("qgate", "inv") == ["inventory"]
    assert offered("qgate", "baseline", "w") == ["write"]
    assert "--statistics" in offered("qgate", "scan", "--s")


def test_values_are_offered(offered) -> None:
    ids = [check.id for check in load().checks]
    assert offered("qgate", "rule", "missing-") == [name for name in ids if name.startswith("missing-")]
    assert offered("qgate", "scan", "--select", "api,hardcoded-s") == ["api,hardcoded-secret"]
    assert offered("qgate", "scan", "--format", "") == list(FORMATS)
    assert offered("qgate", "scan", "-o", "sarif") == ["sarif=", "sarif-full="]
    assert offered("qgate", "scan", "--min-confidence", "m") == ["medium"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_calls_the_command(qgate, shell: str) -> None:
    result = qgate("completion", shell)
    assert result.returncode == 0
    assert f"_QGATE_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_with_the_script(qgate, environment: dict[str, str], tmp_path: Path) -> None:
    command = tmp_path / "qgate"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m qualitygate "$@"\n')
    command.chmod(0o755)
    (tmp_path / "script").write_text(qgate("completion", "bash").stdout)
    asked = 'source script; COMP_WORDS=(qgate rule hardcoded-s); COMP_CWORD=2; _qgate_completion qgate; echo "${COMPREPLY[@]}"'
    result = subprocess.run(
        ["bash", "--norc", "-c", asked],
        cwd=tmp_path,
        env={**environment, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "hardcoded-secret\n", result.stderr
