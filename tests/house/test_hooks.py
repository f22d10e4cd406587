"""The hooks that other repositories take from this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HOOKS: list[dict[str, Any]] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))


def test_the_manifest_is_what_pre_commit_expects() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_calls_a_command_that_there_is_once_for_all_files(hook: dict[str, Any]) -> None:
    program, *arguments = hook["entry"].split()
    assert program == "qgate"
    assert hook["pass_filenames"] is False
    command = [sys.executable, "-m", "qualitygate", *arguments, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_hook_before_a_commit_reads_what_is_staged() -> None:
    (hook,) = (hook for hook in HOOKS if hook["id"] == "qgate")
    assert "--staged" in hook["entry"].split()
    assert hook["stages"] == ["pre-commit"]
