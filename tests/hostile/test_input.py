"""Files and names that no person wrote: what lies beside them is judged, they are named, and no output is led astray."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qualitygate.report.formats import FORMATS

Tree = Callable[..., Path]
FAULT = {
    "migrations/0001_orders.sql": "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);\n",
    "migrations/0002_index.sql": "CREATE INDEX orders_customer_idx ON orders (customer_id);\n",
}
FOUND = ("blocking-index-creation", "migrations/0002_index.sql", 1)
KINDS = (
    "a.py",
    "a.sql",
    "openapi.yaml",
    "openapi.json",
    "a.toml",
    "a.ini",
    ".env",
    "Dockerfile",
    "a.txt",
    "migrations/0003.sql",
)


def scan(root: Path, *arguments: str) -> tuple[set[tuple[str, str, int]], dict[str, str]]:
    """The findings, and what was not read with the reasons."""
    done = subprocess.run(
        [sys.executable, "-m", "qualitygate", "scan", "--format", "json", *arguments],
        cwd=root, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    found = {(one["check"], one["path"], one["line"]) for one in report["findings"]}
    return found, {one["path"]: one["reason"] for one in report["unread"]}


def test_files_of_a_hundred_megabytes_are_named_and_not_read(tree: Tree) -> None:
    root = tree(FAULT)
    for name in KINDS:
        with (root / name).open("wb") as stream:
            stream.write(b"x = 1\n")
            stream.truncate(100_000_000)
    found, unread = scan(root)
    assert FOUND in found
    assert set(unread) == set(KINDS)
    assert all("larger than 20 MB" in reason for reason in unread.values())


def test_files_of_no_byte_are_read(tree: Tree) -> None:
    found, unread = scan(tree({**FAULT, **dict.fromkeys(KINDS, b"")}))
    assert FOUND in found
    assert unread == {}


def test_a_file_in_one_line_is_read(tree: Tree) -> None:
    contract = {"openapi": "3.0.3", "info": {"title": "a", "version": "1"}, "paths": {}}
    contract["x-data"] = [{"name": f"n{number}", "value": number} for number in range(20_000)]
    files = {
        **FAULT,
        "app/data.py": "DATA = [" + ", ".join(f"{{'name': 'n{n}', 'value': {n}}}" for n in range(10_000)) + "]\n",
        "openapi.json": json.dumps(contract),
        "migrations/0003_data.sql": "INSERT INTO orders VALUES "
        + ", ".join(f"({n}, {n})" for n in range(50_000))
        + ";",
        "static/app.js": "var a=" + "function(){return b(c,d)};" * 20_000,
    }
    found, unread = scan(tree(files))
    assert FOUND in found
    assert unread == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x = 1\n\0", "NUL"),
        (b"x = '\xff\xfe'\n", "not valid utf-8"),
        (b"# coding: rot13\nk = 1\n", "not a text encoding"),
        (b"# coding: klingon\nx = 1\n", "unknown encoding"),
        (b"\xff\xfex", "not valid utf-16"),
        (b"# -*- coding: ascii -*-\nx = '\xc3\xa9'\n", "not valid ascii"),
    ],
)
def test_bytes_that_are_no_text_are_named(tree: Tree, content: bytes, words: str) -> None:
    found, unread = scan(tree({**FAULT, "app/main.py": content}))
    assert found == {FOUND}
    assert words in unread["app/main.py"]


def test_links_pipes_and_sockets_are_never_opened(tree: Tree, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("SIGNING_KEY = 'qXz7Rk2Lm9Tw4Vb8Nc3Yd6Hf1Js5Pg0'\n")
    root = tree(FAULT)
    (root / "link.py").symlink_to(outside)
    (root / "folder").symlink_to(tmp_path)
    (root / "zero.py").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe.py")
    found, unread = scan(root)
    assert found == {FOUND}
    assert {"link.py", "zero.py", "pipe.py"} <= set(unread) <= {"link.py", "zero.py", "pipe.py", "folder"}


NAMES = (
    "a\nb.py",
    "\x1b[31mred\x1b[0m.py",
    "::error file=x::y.py",
    "<script>alert(1)</script>.py",
    "tab\t.py",
    "\u202egnp.py",
    "|a|`b`.py",
    "%0A.py",
)


@pytest.mark.skipif(sys.platform == "win32", reason="such names are those of POSIX")
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_names_of_files_lead_no_output_astray(tree: Tree, name: str) -> None:
    fault = "import requests\n\n\ndef get():\n    return requests.get('https://a.example', verify=False)\n"
    root = tree({**FAULT, **dict.fromkeys(NAMES[1:3] + NAMES[4:], fault), NAMES[0]: fault})
    (root / "<script>alert(1)<").mkdir()
    (root / "<script>alert(1)<" / "script>.py").write_text(fault)
    done = subprocess.run(
        [sys.executable, "-m", "qualitygate", "scan", "--format", name, "--min-confidence", "low"],
        cwd=root, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    output = done.stdout.decode()
    assert "\x1b" not in output
    if name in ("html", "junit"):
        assert "<script>alert(1)" not in output
    if output.startswith(("{", "[")):
        json.loads(output)
    else:
        # No line begins with what the second line of the first name could be taken for.
        assert not [line for line in output.splitlines() if line.startswith("b.py")]
