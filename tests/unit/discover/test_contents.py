"""Bytes and texts of files: a few are held, the others are read again, and what changed since is not given."""

from __future__ import annotations

from pathlib import Path

import pytest

from qualitygate.discover.contents import Contents
from qualitygate.model.source import Language, Role, SourceFile


def files(root: Path, **contents: bytes) -> list[SourceFile]:
    for name, content in contents.items():
        (root / name).write_bytes(content)
    return [SourceFile(root, name, Language.PYTHON, Role.APPLICATION) for name in contents]


@pytest.mark.parametrize("most", [0, 12, 1_000])
def test_every_file_is_given_whatever_is_held(most: int, tmp_path: Path) -> None:
    contents = Contents(files(tmp_path, a=b"a = 1\n", b=b"b = 2\n", c=b"c = 3\n"), most)
    assert [contents.data()[name] for name in "abcab"] == [b"a = 1\n", b"b = 2\n", b"c = 3\n", b"a = 1\n", b"b = 2\n"]
    assert {name: text.line(1) for name, text in contents.texts().items()} == {"a": "a = 1", "b": "b = 2", "c": "c = 3"}
    assert len(contents) == 3


def test_what_cannot_be_read_or_is_no_text_is_not_there(tmp_path: Path) -> None:
    there = files(tmp_path, a=b"a = 1\n", b=b"\0\0", c=b"c = 3\n")
    (tmp_path / "c").unlink()
    assert list(Contents(there)) == ["a"]


def test_a_file_that_changed_since_is_given_no_more(tmp_path: Path) -> None:
    texts = Contents(files(tmp_path, a=b"a = 1\n", b=b"b = 2\n"), 0).texts()
    (tmp_path / "a").write_bytes(b"a = 2\n")
    assert texts.get("a") is None
    assert "a" not in texts
    assert "b" in texts


def test_a_file_that_is_held_is_as_it_was(tmp_path: Path) -> None:
    data = Contents(files(tmp_path, a=b"a = 1\n")).data()
    (tmp_path / "a").write_bytes(b"a = 2\n")
    assert data["a"] == b"a = 1\n"
