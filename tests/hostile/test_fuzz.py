"""A short run of the fuzzer: broken inputs of every kind break nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="it limits its processes by means of POSIX")
def test_inputs_that_are_broken_break_nothing() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "fuzz", "--cases", "500", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "500 cases" in done.stdout


def test_a_case_is_the_same_each_time(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "fuzz",
            "--seed",
            "1",
            "--only",
            "7",
            "--keep",
            str(tmp_path / folder),
        ]
        subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)
    kept = [
        {
            str(path.relative_to(tmp_path / folder)): path.read_bytes()
            for path in (tmp_path / folder).rglob("*")
            if path.is_file()
        }
        for folder in ("one", "two")
    ]
    assert kept[0] == kept[1] != {}
