"""What changed since the commit that evidence speaks of."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from qualitygate.discover.since import changed_since, head


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "services").mkdir()
    write(tmp_path, "services/a.py", "one")
    return tmp_path


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, encoding="utf-8").stdout.strip()


def write(root: Path, name: str, text: str) -> str:
    (root / name).write_text(text)
    git(root, "add", ".")
    git(root, "commit", "-qm", name)
    return git(root, "rev-parse", "HEAD")


def test_the_files_below_the_folder_are_named_from_it(repository: Path) -> None:
    first = head(repository)
    write(repository, "services/größe b.py", "two")
    write(repository, "README.md", "three")
    assert changed_since(repository, first) == ("README.md", "services/größe b.py")
    assert changed_since(repository / "services", first) == ("größe b.py",)
    assert changed_since(repository, head(repository)) == ()
    assert changed_since(repository, first[:12]) == ("README.md", "services/größe b.py")


def test_a_commit_that_head_does_not_descend_from_says_nothing_of_it(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "other")
    other = write(repository, "services/a.py", "other")
    git(repository, "checkout", "-q", "main")
    write(repository, "services/a.py", "mine")
    assert changed_since(repository, other) == f"it is of commit {other[:10]}, which HEAD does not descend from"


@pytest.mark.parametrize("revision", ["0" * 40, "nothing", "--output=x", ""])
def test_an_unknown_commit_is_told(repository: Path, revision: str) -> None:
    assert changed_since(repository, revision) == f"it is of commit {revision[:10]}, which is not known here"


def test_without_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert head(tmp_path) == ""
    assert isinstance(changed_since(tmp_path, "1234567"), str)
