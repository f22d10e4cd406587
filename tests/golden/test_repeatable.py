"""Same input, same bytes out: whatever order sets happen to have, however many workers read, whatever the cache knows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from qualitygate.analyse import analyse
from qualitygate.check import run_checks
from qualitygate.discover import discover
from qualitygate.link.calls import Called
from qualitygate.link.mentions import Mentions
from qualitygate.load import load
from qualitygate.model import syntax
from qualitygate.model.facts import FileFacts
from qualitygate.model.finding import CheckRun, Hit
from qualitygate.model.policy import Policy
from qualitygate.report.formats import FORMATS

FIXTURES = Path(__file__).parents[2] / "fixtures"
_TIME = re.compile(rb'"seconds": [0-9.]+|"(?:start|end)TimeUtc": "[^"]*"|[0-9.]+ s(?=[;.,<]|$)', re.MULTILINE)


def outputs(folder: Path, seed: str, jobs: str, cache: Path | None = None) -> dict[str, bytes]:
    """Every report on all fixtures, and the inventory, without the times in them."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONHASHSEED": seed, "QGATE_CACHE_DIR": str(cache), "SOURCE_DATE_EPOCH": "0"}
    options = ["--jobs", jobs] if cache else ["--no-cache", "--jobs", jobs]
    written = [f"--output={form}={folder / form}" for form in FORMATS]
    for command in (["scan", "--min-confidence=low", "--exit-zero", *written], ["inventory", "--format=json"]):
        result = subprocess.run(
            [sys.executable, "-m", "qualitygate", *command, *options, str(FIXTURES)],
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
    files = {path.name: path.read_bytes() for path in folder.iterdir()} | {"inventory": result.stdout}
    return {name: _TIME.sub(b"", content) for name, content in files.items()}


def test_neither_hashes_nor_workers_nor_the_cache_change_a_byte(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first, *others = (
        outputs(tmp_path / seed, seed, jobs, kept)
        # the fourth fills the cache, and the fifth finds everything in it
        for seed, jobs, kept in (
            ("1", "1", None),
            ("2", "2", None),
            ("3", "1", None),
            ("4", "2", cache),
            ("5", "1", cache),
        )
    )
    assert all(first.values())
    for other in others:
        assert other == first


def test_the_words_of_a_check_hide_none_of_its_hits() -> None:
    files = discover((FIXTURES,)).files
    checks = [check for check in load().checks if check.reads]
    asked = [replace(check, words=frozenset()) for check in checks]
    assert checks != asked
    few, all_of_them = (_hits(analyse(files, some, {}).files) for some in (checks, asked))
    assert few
    assert few == all_of_them


def test_what_is_passed_over_unread_holds_nothing_of_interest(monkeypatch: pytest.MonkeyPatch) -> None:
    few = _runs()
    monkeypatch.setattr(syntax, "may_hold", lambda function, *kinds: True)
    monkeypatch.setattr(Mentions, "any_of", lambda self, path, function, names: True)
    monkeypatch.setattr(Called, "may_be_in", lambda self, function: True)
    assert sum(len(run.findings) for run in few) > 30
    assert _runs() == few


def _runs() -> tuple[CheckRun, ...]:
    checks = load().checks
    return run_checks(analyse(discover((FIXTURES,)).files, checks, {}), checks, Policy())


@pytest.mark.parametrize("fixture", ["fastapi-shop/faulty", "django-clinic/faulty"])
def test_after_any_edit_what_is_remembered_says_what_reading_all_anew_says(fixture: str) -> None:
    """A few edits; `python benchmarks/equal.py` makes as many as one likes, of any tree."""
    script = Path(__file__).parents[2] / "benchmarks" / "equal.py"
    command = [sys.executable, str(script), "--edits", "12", "--seed", "7", str(FIXTURES / fixture)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "the same after each of 12 edits" in result.stdout


def _hits(files: Iterable[FileFacts]) -> list[tuple[str, str, Hit]]:
    return [(file.path, run.check, hit) for file in files for run in file.runs for hit in run.hits]
