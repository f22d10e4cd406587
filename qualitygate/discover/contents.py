"""In: the files that findings point into. Out: the bytes and the text of each, without all of them being held at once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from qualitygate.model.source import SourceFile, Text
from qualitygate.parse.text import Undecodable, decode

_T = TypeVar("_T")
_HELD = 40_000_000
"""Bytes of files that are held with their texts: the documents of a registry of contracts are ten times as much."""


class Contents(Mapping[str, tuple[bytes, Text]]):
    """Bytes and text by path, as they are when this is made.

    What is not held is read again when it is asked for. A file that cannot be read, or is no text, is not in it; nor is
    one any longer that changed since.
    """

    def __init__(self, files: Iterable[SourceFile], most: int = _HELD) -> None:
        self._most = most
        self._files: dict[str, tuple[SourceFile, bytes]] = {}
        self._held: OrderedDict[str, tuple[bytes, Text]] = OrderedDict()
        self._weight = 0
        for file in files:
            read = _read(file)
            if read is not None:
                self._files[file.path] = file, _digest(read[0])
                self._hold(file.path, read)

    def texts(self) -> Mapping[str, Text]:
        """The texts alone."""
        return _Part(self, lambda both: both[1])

    def data(self) -> Mapping[str, bytes]:
        """The bytes alone."""
        return _Part(self, lambda both: both[0])

    def __getitem__(self, path: str) -> tuple[bytes, Text]:
        if path in self._held:
            self._held.move_to_end(path)
            return self._held[path]
        file, digest = self._files[path]
        read = _read(file)
        if read is None or _digest(read[0]) != digest:
            raise KeyError(path)
        self._hold(path, read)
        return read

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def _hold(self, path: str, read: tuple[bytes, Text]) -> None:
        """Keep what was read, and let go of what was asked for longest ago where it is too much."""
        self._held[path] = read
        self._weight += len(read[0])
        while self._weight > self._most and len(self._held) > 1:
            _, (content, _) = self._held.popitem(last=False)
            self._weight -= len(content)


class _Part(Mapping[str, _T], Generic[_T]):
    def __init__(self, whole: Contents, part: Callable[[tuple[bytes, Text]], _T]) -> None:
        self._whole = whole
        self._part = part

    def __getitem__(self, path: str) -> _T:
        return self._part(self._whole[path])

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)


def _read(file: SourceFile) -> tuple[bytes, Text] | None:
    try:
        content = file.read()
        return content, decode(content, file.language)
    except (OSError, Undecodable):
        return None


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
