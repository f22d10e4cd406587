"""In: the addresses that a scanner gives its results. Out: paths below the scanned root, and the lines that stand there.

A report may come from another machine, from a container, or from a stranger: an address is looked up below the root or
not at all.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from qualitygate.model.source import Language, Text
from qualitygate.parse.text import Undecodable, decode

# A result in a larger file is known again without the words of its line.
_LARGEST = 5_000_000
# So many addresses, and so many last parts of each, tell where another machine had the tree.
_MOST_ADDRESSES = 1_000
_DEEPEST = 30
_LONGEST = 4096
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_DRIVE = re.compile(r"/?[A-Za-z]:[\\/]")


class Places:
    """The files below the scanned folder ``root``, as a scanner that ran there or at the top of its repository names them."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        parents = (self.root, *self.root.parents)
        self.repository = next((parent for parent in parents if os.path.lexists(parent / ".git")), self.root)
        self.holds = lru_cache(maxsize=100_000)(self._holds)

    def top(self, addresses: Iterable[str]) -> str:
        """The folder, with a slash at its end, below which absolute ``addresses`` name files that stand here.

        It is the one that makes the most of them known, the shortest of several: the root, or where another machine had
        it. Empty where no file of theirs is here.
        """
        found: Counter[str] = Counter()
        for address in sorted(set(addresses))[:_MOST_ADDRESSES]:
            parts = address.split("/")
            for number in range(max(1, len(parts) - _DEEPEST), len(parts)):
                if self.holds("/".join(parts[number:])):
                    found["/".join(parts[:number]) + "/"] += 1
        own = f"{self.root.as_posix().rstrip('/')}/"
        if own in found:
            return own
        return min(found, key=lambda top: (-found[top], len(top), top), default="")

    def _holds(self, path: str) -> bool:
        """Whether ``path`` names a file of the scanned tree; links that lead out of it name none."""
        normal = inside(path)
        if not normal or "\0" in normal:
            return False
        try:
            real = Path(os.path.realpath(self.root / normal))
            return self.root in real.parents and real.is_file()
        except (OSError, ValueError):
            return False

    def relative(self, path: str) -> str | None:
        """A path of the repository as one of the scanned root; None where it is known to stand in another part of it."""
        normal = inside(path)
        if self.repository == self.root or not normal or self.holds(normal):
            return normal
        prefix = f"{self.root.relative_to(self.repository).as_posix()}/"
        if normal.startswith(prefix):
            return normal[len(prefix) :]
        return None if "\0" not in normal and os.path.lexists(self.repository / normal) else normal

    def words(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """What the lines at ``places``, pairs of a path and a 1-based number, read, with their white space made equal.

        Each file is read once. Lines that there are not, and those of files that cannot be read, are left out.
        """
        numbers: dict[str, set[int]] = {}
        for path, number in places:
            numbers.setdefault(path, set()).add(number)
        return {
            (path, number): " ".join(text.line(number).split())
            for path, wanted in sorted(numbers.items())
            if (text := self._text(path)) is not None
            for number in wanted
        }

    def _text(self, path: str) -> Text | None:
        if not self.holds(path):
            return None
        try:
            with (self.root / path).open("rb") as stream:
                data = stream.read(_LARGEST + 1)
            return decode(data, Language.TEXT) if len(data) <= _LARGEST else None
        except (OSError, Undecodable):
            return None


def address(uri: str, bases: Sequence[str] = ()) -> str:
    """Where a URI points: an absolute path or a relative one, with forward slashes.

    ``bases`` are the URIs that it is relative to, the nearest first. Empty for what is no file (`https:`, `pkg:`).
    Windows paths and plain paths are taken as tools write them, though a URI should be none.
    """
    path = _plain(uri)
    for base in bases:
        if path.startswith("/") or (not path and uri):
            break
        above = _plain(base)
        path = f"{above.rstrip('/')}/{path}" if above else path
    normal = posixpath.normpath(path) if path else ""
    # A tool that ran elsewhere writes the way up from there: ../../../../tmp/checkout/app.py.
    return f"/{normal.replace('../', '')}" if normal.startswith("../") else path


def _plain(uri: str) -> str:
    if _DRIVE.match(uri):
        return f"/{uri.lstrip('/')}".replace("\\", "/")
    scheme = _SCHEME.match(uri)
    if scheme:
        if scheme[0].lower() != "file:":
            return ""
        rest = uri[len("file:") :]
        if rest.startswith("//"):
            # file://host/path and file:///path alike
            rest = "/" + rest[2:].partition("/")[2]
        return unquote(rest).replace("\\", "/")
    return unquote(uri.replace("\\", "/")) if "%" in uri else uri.replace("\\", "/")


def inside(path: str) -> str:
    """A relative path in its shortest form; empty where it is absolute, leads out of its root or is longer than paths are."""
    normal = posixpath.normpath(path) if 0 < len(path) <= _LONGEST else ""
    return "" if normal in ("", ".") or normal.startswith(("/", "../")) or normal == ".." else normal
