"""Same input, same bytes out: whatever order sets happen to have, and however many workers read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

FIXTURES = Path(__file__).parents[2] / "fixtures"
_TIME = re.compile(rb'"seconds": [0-9.]+|"(?:start|end)TimeUtc": "[^"]*"|[0-9.]+ s(?=;|$)', re.MULTILINE)


def outputs(folder: Path, seed: str, jobs: str) -> dict[str, bytes]:
    """Every report on all fixtures, and the inventory, without the times in them."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    options = ["--no-cache", "--jobs", jobs]
    written = [f"--output={form}={folder / form}" for form in ("json", "sarif", "text")]
    for command in (["scan", "--min-confidence=low", "--exit-zero", *written], ["inventory", "--format=json"]):
        result = subprocess.run(
            [sys.executable, "-m", "qualitygate", *command, *options, str(FIXTURES)],
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
    files = {path.name: path.read_bytes() for path in folder.iterdir()} | {"inventory": result.stdout}
    return {name: _TIME.sub(b"", content) for name, content in files.items()}


def test_neither_hashes_nor_workers_change_a_byte(tmp_path: Path) -> None:
    first, *others = (
        outputs(tmp_path / seed, seed, jobs) for seed, jobs in (("1", "1"), ("2", "2"), ("3", "1"), ("4", "2"))
    )
    assert all(first.values())
    for other in others:
        assert other == first
