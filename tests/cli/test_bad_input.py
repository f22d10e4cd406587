"""Bad input through the command: one clear line, the right exit code, and the other findings intact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Files = Callable[..., Path]

# A fault that no other file has a part in: it must be found whatever lies beside it.
FAULT = {
    "migrations/0001_orders.sql": "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);\n",
    "migrations/0002_index.sql": "CREATE INDEX orders_customer_idx ON orders (customer_id);\n",
}
FOUND = ("blocking-index-creation", "migrations/0002_index.sql", 1)


@dataclass(frozen=True)
class Outcome:
    """What the command said and how it ended."""

    code: int
    report: dict[str, Any]
    errors: str

    @property
    def found(self) -> set[tuple[str, str, int]]:
        return {(one["check"], one["path"], one["line"]) for one in self.report["findings"]}

    @property
    def unread(self) -> list[tuple[str, str]]:
        return [(one["path"], one["reason"]) for one in self.report["unread"]]


def scan(root: Path, *arguments: str, path: str = ".") -> Outcome:
    command = [sys.executable, "-m", "qualitygate", "scan", path, "--format", "json", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)
    return Outcome(done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}, done.stderr)


def expect_one_unread(outcome: Outcome, path: str, words: str) -> None:
    assert outcome.code == 0, outcome.errors
    assert outcome.found == {FOUND}
    ((told, reason),) = outcome.unread
    assert told == path
    assert words in reason
    assert "\n" not in reason


def test_a_syntax_error(tree: Files) -> None:
    root = tree({**FAULT, "app/api.py": "import os\n\n\ndef handler(:\n    pass\n"})
    outcome = scan(root)
    expect_one_unread(outcome, "app/api.py", "syntax")
    assert outcome.report["unread"][0]["line"] in (4, 5), "where the parser stumbled"


def test_a_binary_that_is_named_as_python(tree: Files) -> None:
    expect_one_unread(scan(tree({**FAULT, "app/api.py": b"\x7fELF\0\1\2"})), "app/api.py", "binary data")


def test_text_that_is_not_in_its_encoding(tree: Files) -> None:
    expect_one_unread(scan(tree({**FAULT, "app/api.py": b"name = '\xe9'\n"})), "app/api.py", "not valid utf-8")


def test_an_unknown_encoding(tree: Files) -> None:
    root = tree({**FAULT, "app/api.py": b"# coding: klingon\nx = 1\n"})
    expect_one_unread(scan(root), "app/api.py", "unknown encoding")


def test_a_file_of_50_megabytes(tree: Files) -> None:
    root = tree(FAULT)
    with (root / "dump.json").open("wb") as stream:
        stream.write(b'["')
        stream.truncate(50_000_000)
    expect_one_unread(scan(root), "dump.json", "larger than 20 MB")


def test_yaml_with_aliases_nested_ten_deep(tree: Files) -> None:
    lines = ["openapi: 3.1.0", 'info: {title: Orders, version: "1"}', "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{depth}: &a{depth} [{', '.join([f'*a{depth - 1}'] * 10)}]" for depth in range(1, 11)]
    root = tree({**FAULT, "openapi.yaml": "\n".join([*lines, "paths: {}", ""])})
    expect_one_unread(scan(root), "openapi.yaml", "aliases")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("deep.py", "x = " + "(" * 5000 + ")" * 5000),
        ("deep.py", "x = " + "-" * 1000 + "1"),
        ("deep.py", "".join("  " * depth + "if x:\n" for depth in range(500)) + "  " * 500 + "pass\n"),
        ("deep.sql", "SELECT " + "(" * 20_000 + "1" + ")" * 20_000 + ";"),
        ("openapi.json", '{"openapi": "3.1.0", "x": ' + "[" * 100_000 + "]" * 100_000 + "}"),
        ("openapi.yaml", "openapi: 3.1.0\nx: " + "[" * 20_000 + "]" * 20_000),
    ],
)
def test_deep_nesting_neither_crashes_nor_hides_the_rest(tree: Files, path: str, content: str) -> None:
    outcome = scan(tree({**FAULT, path: content}))
    assert outcome.code == 0, outcome.errors or outcome.report.get("broken")
    assert outcome.found == {FOUND}
    assert {told for told, _ in outcome.unread} <= {path}


def test_links_in_a_circle(tree: Files) -> None:
    root = tree(FAULT)
    (root / "app.py").symlink_to("main.py")
    (root / "main.py").symlink_to("app.py")
    (root / "again").symlink_to(".")
    outcome = scan(root)
    assert (outcome.code, outcome.found) == (0, {FOUND})
    assert [path for path, _ in outcome.unread] == ["app.py", "main.py"]


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tree: Files) -> None:
    root = tree({**FAULT, "app/api.py": "x = 1\n"})
    (root / "app" / "api.py").chmod(0)
    expect_one_unread(scan(root), "app/api.py", "Permission denied")


def test_an_empty_repository(checkout: Files) -> None:
    outcome = scan(checkout({}))
    assert (outcome.code, len(outcome.errors.splitlines())) == (3, 1)
    assert "nothing to scan" in outcome.errors


def test_a_missing_path(tree: Files) -> None:
    outcome = scan(tree({}), path="nowhere")
    assert (outcome.code, outcome.errors) == (2, "qgate: error: nowhere: No such file or directory\n")


def test_a_wrong_configuration_is_told_whole_and_stops_the_scan(tree: Files) -> None:
    root = tree({**FAULT, "qgate.toml": 'minimum = 1\nmin-confidence = "sure"\n'})
    outcome = scan(root)
    assert (outcome.code, outcome.report, len(outcome.errors.splitlines())) == (2, {}, 2)
    assert "qgate.toml:1" in outcome.errors
    assert "qgate.toml:2" in outcome.errors


def test_a_baseline_that_is_none(tree: Files) -> None:
    outcome = scan(tree({**FAULT, "known.json": "[]"}), "--baseline", "known.json")
    assert (outcome.code, outcome.report, len(outcome.errors.splitlines())) == (2, {}, 1)
    assert "is no baseline" in outcome.errors


def test_a_policy_may_close_the_gate_on_what_cannot_be_read(tree: Files) -> None:
    root = tree({**FAULT, "app/api.py": "def (:\n", "qgate.toml": '[gate]\nunread = "fail"\n'})
    outcome = scan(root)
    assert outcome.code == 1, outcome.errors
    assert outcome.found == {FOUND}


def test_a_read_only_home_and_no_cache_do_no_harm(tree: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QGATE_CACHE_DIR", os.devnull)
    outcome = scan(tree(FAULT))
    assert (outcome.code, outcome.found, outcome.errors) == (0, {FOUND}, "")
