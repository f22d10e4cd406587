"""In: a folder that git does not know. Out: the names of the files below it, without those that .gitignore files name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from qualitygate.discover.roles import is_vendored
from qualitygate.globs import is_sound

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_LARGEST = 1_000_000


def walk(root: Path, top: str = "") -> Iterator[str]:
    """Names relative to ``root`` of all that lies below ``root / top`` and is no folder. Links are not entered.

    A folder that cannot be listed is itself among the names. Left out are what a ``.gitignore`` on the way names,
    folders of version control, virtual environments and copies of other people's code.
    """
    pending: list[tuple[str, tuple[tuple[str, GitIgnoreSpec], ...]]] = [(top, ())]
    while pending:
        folder, ignores = pending.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError:
            yield folder
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        ignores += _ignore_file(root, folder)
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if entry.name in (".git", ".hg", ".svn") or _ignored(name + "/" if is_folder else name, ignores):
                continue
            if not is_folder:
                yield name
            elif not is_vendored(name):
                pending.append((name, ignores))


def _ignore_file(root: Path, folder: str) -> tuple[tuple[str, GitIgnoreSpec], ...]:
    path = root / folder / ".gitignore"
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return ()
        with path.open("rb") as stream:
            lines = stream.read(_LARGEST).decode("utf-8", "replace").splitlines()
    except OSError:
        return ()
    from pathspec import GitIgnoreSpec

    # git passes over a line that is no pattern (one that ends in a backslash).
    known = GitIgnoreSpec.from_lines([line for line in lines if is_sound(line)])
    return ((f"{folder}/" if folder else "", known),)


def _ignored(name: str, ignores: tuple[tuple[str, GitIgnoreSpec], ...]) -> bool:
    """Whether the deepest file that has a word on ``name`` says so, as in git."""
    for base, specification in reversed(ignores):
        verdict = specification.check_file(name[len(base) :]).include
        if verdict is not None:
            return verdict
    return False
