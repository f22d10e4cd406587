"""What goes wrong around a scan: its results are right, or one clear line tells why there are none."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

FIXTURE = Path(__file__).parents[2] / "fixtures" / "fastapi-parcels" / "faulty"
COMMAND = [sys.executable, "-m", "qualitygate"]
SMALL = 1024

posix = pytest.mark.skipif(sys.platform == "win32", reason="limits and signals of POSIX")


@pytest.fixture
def backend(tmp_path: Path) -> Path:
    """A whole backend with faults in it."""
    return shutil.copytree(FIXTURE, tmp_path / "backend", ignore=shutil.ignore_patterns("__pycache__", "expected.json"))


def run(root: Path, *arguments: str, before: Callable[[], None] | None = None, **variables: str) -> Any:
    if before is not None:
        # Python takes half of a file of bytecode for a whole one.
        variables["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=root, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120, check=False, preexec_fn=before,
    )  # fmt: skip


def found(root: Path, *arguments: str, **variables: str) -> list[tuple[str, str, int]]:
    done = run(root, "scan", "--format", "json", *arguments, **variables)
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["unread"] == []
    return [(one["check"], one["path"], one["line"]) for one in report["findings"]]


def contents(root: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def limited() -> None:
    """Files may hold this many bytes, as on a disk that is full: writing more fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))


@posix
def test_a_scan_that_was_killed_leaves_nothing_that_changes_the_next(backend: Path) -> None:
    right = found(backend, "--no-cache")
    before = contents(backend)
    began = time.monotonic()
    assert found(backend) == right
    whole = time.monotonic() - began
    chance = random.Random("kill")
    for jobs in ("1", "2", "0", "2"):
        shutil.rmtree(os.environ["QGATE_CACHE_DIR"], ignore_errors=True)
        process = subprocess.Popen(
            [*COMMAND, "scan", "--jobs", jobs, "-o", "json=out.json"], cwd=backend, stdout=subprocess.DEVNULL
        )
        time.sleep(whole * chance.uniform(0.3, 1.0))
        process.kill()
        process.wait()
        if (backend / "out.json").exists():
            json.loads((backend / "out.json").read_text())
            (backend / "out.json").unlink()
        for left in backend.glob(".out.json.*"):
            left.unlink()
        assert found(backend) == right
    assert contents(backend) == before


def test_scans_at_once_on_one_cache_find_the_same(backend: Path) -> None:
    right = found(backend, "--no-cache")
    arguments = [*COMMAND, "scan", "--format", "json"]
    for _ in range(2):
        scans = [
            subprocess.Popen(arguments, cwd=backend, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)
        ]
        for scan in scans:
            output, errors = scan.communicate(timeout=120)
            assert (scan.returncode, errors) == (1, b"")
            assert [(one["check"], one["path"], one["line"]) for one in json.loads(output)["findings"]] == right


@posix
def test_a_full_disk_costs_the_cache_and_no_finding(backend: Path) -> None:
    right = found(backend, "--no-cache")
    for _ in range(2):
        done = run(backend, "scan", "--format", "json", before=limited)
        assert (done.returncode, done.stderr) == (1, "")
        assert [(one["check"], one["path"], one["line"]) for one in json.loads(done.stdout)["findings"]] == right


@posix
@pytest.mark.parametrize(
    "arguments", [("scan", "-o", "json=out.json"), ("scan", "-o", "sarif=out.sarif"), ("baseline", "write", "--force")]
)
def test_what_does_not_fit_on_the_disk_is_told_and_the_old_file_stays(
    backend: Path, arguments: tuple[str, ...]
) -> None:
    targets = {"out.json": "old", "out.sarif": "old", ".qgate/baseline.json": '{"version": 1, "findings": []}'}
    for name, content in targets.items():
        (backend / name).parent.mkdir(exist_ok=True)
        (backend / name).write_text(content)
    before = contents(backend)
    done = run(backend, *arguments, "--no-cache", before=limited)
    assert done.returncode == 2
    assert done.stderr.startswith("qgate: error: ")
    assert "File too large" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert contents(backend) == before, "no half of a file, and nothing beside it"


@pytest.mark.parametrize("name", ["HOME", "XDG_CACHE_HOME", "QGATE_CACHE_DIR"])
def test_a_home_that_cannot_be_written_to_does_no_harm(backend: Path, name: str) -> None:
    right = found(backend, "--no-cache")
    variables = {"QGATE_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": "/proc/1/nowhere"} | {name: "/proc/1/nowhere"}
    assert found(backend, **variables) == right


def test_without_git_the_same_is_found(backend: Path, tmp_path: Path) -> None:
    right = found(backend, "--no-cache")
    (tmp_path / "empty").mkdir()
    assert found(backend, "--no-cache", PATH=str(tmp_path / "empty")) == right
    for arguments in (("scan", "--staged"), ("scan", "--base", "HEAD"), ("scan", "--history")):
        done = run(backend, *arguments, PATH=str(tmp_path / "empty"))
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr


@pytest.mark.parametrize("target", ["/proc/1/nowhere/out.json", "nowhere/out.json", ".", "/dev/full"])
def test_an_output_that_cannot_be_written_is_one_clear_line(backend: Path, target: str) -> None:
    before = contents(backend)
    done = run(backend, "scan", "--no-cache", "-o", f"json={target}")
    assert done.returncode == 2
    assert done.stderr.startswith("qgate: error: ")
    assert "Traceback" not in done.stderr
    assert contents(backend) == before


@pytest.mark.parametrize(
    "arguments",
    [("scan", "-v"), ("inventory",), ("rules",), ("config", "show"), ("fix", "--diff"), ("scan", "--format", "sarif")],
    ids=" ".join,
)
def test_what_only_reads_writes_nothing(backend: Path, arguments: tuple[str, ...]) -> None:
    before = contents(backend)
    assert run(backend, *arguments).returncode in (0, 1)
    assert contents(backend) == before
