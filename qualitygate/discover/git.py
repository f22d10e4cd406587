"""In: a folder of a git checkout. Out: the names that git lists there, what stands in its index, and in a commit.

The repository may be a stranger's: nothing that it configures may run, and no object is fetched from a remote.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from qualitygate.discover.roles import is_binary

_GIT = (
    *("git", "--no-pager", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"),
    *("-c", "protocol.allow=never", "-c", "core.untrackedCache=false"),
)
# The repository is the one that the folder lies in, never one that the environment of a hook names.
_PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE")
_SECONDS = 60
# As many bytes tell a binary from a text.
HEAD = 1024

# Mode and object by name.
Entries = dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Stored:
    """An entry of the index or of a commit: its mode, the size of its content, and the content where it is small enough.

    Of a binary only the head is held: no more of it is ever looked at. Where the repository lacks the content (a partial
    clone), ``size`` is None.
    """

    mode: int
    size: int | None
    content: bytes | None


def listed(root: Path) -> tuple[str, ...]:
    """Names below ``root`` that git tracks, and those that it neither tracks nor ignores.

    Raises ``OSError`` where git is missing, fails (no checkout, or one that belongs to somebody else) or hangs.
    """
    output = _output(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    # A repository inside this one is listed with a slash at its end.
    return tuple(sorted({os.fsdecode(name).rstrip("/") for name in output.split(b"\0") if name}))


def indexed(root: Path) -> Entries:
    """The entries of the index below ``root``. Raises ``OSError``."""
    entries = {}
    # `git commit -a` and `git commit PATH` stage into an index of their own and tell their hooks where it is.
    index = os.environ.get("GIT_INDEX_FILE")
    for line in _output(root, "ls-files", "-s", "-z", index=os.path.abspath(index) if index else "").split(b"\0"):
        if line:
            fields, _, name = line.partition(b"\t")
            mode, identity, stage = fields.split(b" ")
            # Of a file in conflict, stage 2 is the side of the branch that is checked out.
            if stage in (b"0", b"2"):
                entries[os.fsdecode(name)] = (int(mode, 8), identity.decode())
    return entries


def committed(root: Path, commit: str) -> Entries:
    """The entries of a commit below ``root``. Raises ``OSError``."""
    entries = {}
    for line in _output(root, "ls-tree", "-r", "-z", commit).split(b"\0"):
        if line:
            fields, _, name = line.partition(b"\t")
            mode, _, identity = fields.split(b" ")
            entries[os.fsdecode(name)] = (int(mode, 8), identity.decode())
    return entries


def stored(root: Path, entries: Entries, largest: int) -> dict[str, Stored]:
    """What stands behind ``entries``, with contents of up to ``largest`` bytes. Raises ``OSError``."""
    # The content of a submodule's entry (mode 160000) is a commit of another repository.
    wanted = sorted({identity for mode, identity in entries.values() if mode != 0o160000})
    blobs = dict(zip(wanted, _blobs(root, wanted, largest), strict=True)) if wanted else {}
    return {name: Stored(mode, *blobs.get(identity, (0, None))) for name, (mode, identity) in sorted(entries.items())}


def identity(content: bytes, like: str) -> str:
    """The name that git gives a file of this content, in the kind of digest that the name ``like`` is of."""
    digest = hashlib.sha256() if len(like) == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % len(content))
    digest.update(content)
    return digest.hexdigest()


def commit(root: Path, revision: str) -> str | None:
    """The commit that a revision names; None where there is none. Raises ``OSError``."""
    # What begins with a dash would be an option.
    if not revision or revision.startswith("-") or "\0" in revision:
        return None
    return _answer(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")


def merge_base(root: Path, commit: str) -> str | None:
    """The commit at which ``commit`` and HEAD parted; None where they have none in common. Raises ``OSError``."""
    return _answer(root, "merge-base", "HEAD", commit)


def differing(root: Path, commit: str) -> tuple[str, ...]:
    """The names below ``root`` of what is not the same in ``commit`` and in HEAD. Raises ``OSError``."""
    output = _output(root, "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--relative", commit, "HEAD")
    return tuple(sorted(os.fsdecode(name) for name in output.split(b"\0") if name))


def is_shallow(root: Path) -> bool:
    """Whether the clone holds a part of the history only. Raises ``OSError``."""
    return _answer(root, "rev-parse", "--is-shallow-repository") == "true"


def _blobs(root: Path, identities: Sequence[str], largest: int) -> Iterator[tuple[int | None, bytes | None]]:
    """Size and content of each blob, through one process that is read as it writes."""
    with tempfile.TemporaryFile() as names, tempfile.TemporaryFile() as errors:
        names.write("".join(f"{identity}\n" for identity in identities).encode())
        names.seek(0)
        with running(root, ["cat-file", "--batch"], names, errors) as process:
            assert process.stdout is not None  # noqa: S101 - said to the type checker: it is a pipe
            for identity in identities:
                header = process.stdout.readline().split()
                if header[1:] == [b"missing"]:
                    yield None, None
                    continue
                if len(header) != 3 or header[1] != b"blob":
                    raise OSError(f"object {identity} cannot be read")
                size = int(header[2])
                if size <= largest:
                    content = process.stdout.read(size)
                    yield size, content[:HEAD] if is_binary(content[:HEAD]) else content
                else:
                    _pass_over(process.stdout, size)
                    yield size, None
                process.stdout.read(1)


def _pass_over(stream: IO[bytes], size: int) -> None:
    while size > 0:
        size -= len(stream.read(min(size, 1_000_000))) or size


def _answer(root: Path, *arguments: str) -> str | None:
    """The first line that git answers with; None where it says no (exit code 1, and nothing on standard error)."""
    try:
        lines = _output(root, *arguments).decode("utf-8", "replace").split()
    except _No:
        return None
    return lines[0] if lines else None


class _No(OSError):
    """Git answered no."""


def _output(root: Path, *arguments: str, index: str = "") -> bytes:
    with tempfile.TemporaryFile() as errors:
        with running(root, arguments, subprocess.DEVNULL, errors, index) as process:
            try:
                output, _ = process.communicate(timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                raise TimeoutError(f"git gave no answer in {_SECONDS} s") from None
        if process.returncode:
            errors.seek(0)
            reason = errors.read(1000).decode("utf-8", "replace").partition("\n")[0].removeprefix("fatal: ")
            raise OSError(reason) if reason else _No("git failed")
    return output


@contextmanager
def running(
    root: Path, arguments: Sequence[str], stdin: IO[bytes] | int, errors: IO[bytes], index: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of git in ``root``, which is ended with the block. Raises ``OSError`` where there is no git."""
    environment = {name: value for name, value in os.environ.items() if name not in _PLACES}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if index:
        environment["GIT_INDEX_FILE"] = index
    with subprocess.Popen(
        [*_GIT, *arguments], cwd=root, stdin=stdin, stdout=subprocess.PIPE, stderr=errors, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()
