"""In: a checkout and a range of its commits. Out: every content that a file ever had there, each once, oldest first."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from qualitygate.discover import git
from qualitygate.discover.roles import Layout, is_binary, language_of
from qualitygate.model.source import SourceFile

# Contents read with one process of git; they are held until they are judged.
_BATCH = 200
_CHUNK = 1 << 16
_FILE = 0o100000


@dataclass(frozen=True)
class Version:
    """A content that a file had: the commit that first brought it, and that commit's author date (ISO 8601, the day)."""

    commit: str
    date: str
    file: SourceFile


def versions(root: Path, revisions: str, layout: Layout, largest: int) -> Iterator[Version]:
    """The texts of up to ``largest`` bytes that the commits of ``revisions`` brought below ``root``.

    ``revisions`` is a revision or a range (`v1.0..HEAD`); ``layout`` is that of the tree of today. A content that came
    under several names is read under the first. Memory grows by some 60 bytes for every content, and with nothing else.
    Raises ``OSError`` where git is missing, fails, or knows no such revision.
    """
    brought = _brought(root, revisions)
    while batch := list(islice(brought, _BATCH)):
        entries = {str(number): (_FILE, identity) for number, (_, _, _, identity) in enumerate(batch)}
        contents = git.stored(root, entries, largest)
        for number, (commit, date, path, _) in enumerate(batch):
            content = contents[str(number)].content
            if content is not None and not is_binary(content[: git.HEAD]):
                language = language_of(path, content[: git.HEAD])
                yield Version(commit, date, SourceFile(root, path, language, layout.role(path), content))


def _brought(root: Path, revisions: str) -> Iterator[tuple[str, str, str, str]]:
    """Commit, day, path and blob of every content, when it first comes."""
    if revisions.startswith("-"):
        raise OSError(f"{revisions!r} is no revision")
    arguments = (
        *("log", "--reverse", "--root", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-filter=AM"),
        *("--diff-merges=first-parent", "--relative", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all"),
        *("--format=tformat:%x01%H %as", revisions, "--"),
    )
    seen: set[int] = set()
    commit = date = ""
    with tempfile.TemporaryFile() as errors, git.running(root, arguments, subprocess.DEVNULL, errors) as process:
        assert process.stdout is not None  # noqa: S101 - said to the type checker: it is a pipe
        tokens = _tokens(process.stdout)
        for token in tokens:
            if token.startswith(b"\x01"):
                commit, _, date = token[1:].decode().partition(" ")
                continue
            mode, identity = token.lstrip(b"\n").split(b" ")[1:4:2]
            path = os.fsdecode(next(tokens))
            key = int(identity[:15], 16)
            if mode.startswith(b"100") and key not in seen:
                seen.add(key)
                yield commit, date, path, identity.decode()
        if process.wait():
            errors.seek(0)
            raise OSError(errors.read(1000).decode("utf-8", "replace").partition("\n")[0] or "git log failed")


def _tokens(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
