"""What qgate is made of: pinned, held to hashes, and built to the same bytes; and the page that says so."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pinned(name: str) -> dict[str, list[tuple[str, int]]]:
    """The versions of each package in a list of pins, with the number of their hashes."""
    found: dict[str, list[tuple[str, int]]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements" / name).read_text()):
        if match := re.match(r"([a-z0-9.-]+)(?:\[[^\]]*\])?==(\S+)", entry):
            found.setdefault(match[1], []).append((match[2], entry.count("--hash=sha256:")))
    return found


@pytest.mark.parametrize(("name", "extra"), [("runtime.txt", ""), ("test.txt", "test")])
def test_every_dependency_is_pinned_with_hashes(name: str, extra: str) -> None:
    pins = pinned(name)
    wanted = [*PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] if extra else ())]
    for requirement in map(Requirement, wanted):
        if requirement.name == PROJECT["name"]:
            continue
        versions = pins.get(re.sub(r"[-_.]+", "-", requirement.name).lower())
        assert versions, f"{requirement} is not in requirements/{name}: run .ci/lock"
        assert all(requirement.specifier.contains(version) for version, _ in versions), f"{requirement}: run .ci/lock"
    assert all(hashes for versions in pins.values() for _, hashes in versions)


def test_what_builds_and_looks_over_it_is_pinned_too() -> None:
    assert {"hatchling", "editables"} <= set(pinned("test.txt"))
    assert {"hatchling", "build", "pip-audit", "cyclonedx-bom"} <= set(pinned("tools.txt"))


def test_the_scripts_install_nothing_that_is_not_held_to_a_hash() -> None:
    for script in ("run", "audit", "build"):
        for line in (ROOT / ".ci" / script).read_text().splitlines():
            assert "pip install" not in line or "--require-hashes" in line or "install=(" in line, line
    assert "--strict" in (ROOT / ".ci" / "audit").read_text(), "a package that nothing is known of is no sound one"


def test_the_wheel_is_the_same_to_the_byte(tmp_path: Path) -> None:
    digests = set()
    for turn, mask in (("first", 0o022), ("second", 0o077)):
        before = os.umask(mask)
        try:
            folder = shutil.copytree(
                ROOT, tmp_path / turn,
                ignore=shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "fixtures", "tests", "benchmarks", "docs"),
            )  # fmt: skip
        finally:
            os.umask(before)
        for path in folder.rglob("*.py"):
            os.utime(path, (len(digests), 1_000_000_000 + len(turn)))
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / f"{turn} wheel")],
            cwd=folder, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, check=True, capture_output=True,
        )  # fmt: skip
        (wheel,) = (tmp_path / f"{turn} wheel").glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_every_promise_names_a_test_that_is_there() -> None:
    rows = [line for line in (ROOT / "SECURITY.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 30
    for row in rows:
        match = re.search(r"\| `(tests/[\w/]+\.py)::(\w+)` \|$", row)
        assert match, row
        assert re.search(rf"^def {match[2]}\(", (ROOT / match[1]).read_text(), re.MULTILINE), row
