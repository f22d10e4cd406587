"""In: facts and what they were taken from. Out: the same facts again, as long as nothing of that changed.

One SQLite file in the user's cache directory, never inside the scanned tree. It is a convenience and nothing more: where
it cannot be read or written the scan goes on without it, and where it is damaged it is made anew.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import msgspec

import qualitygate
from qualitygate.model.facts import FileFacts, linked
from qualitygate.model.source import SourceFile

# "qgat": says that a file is ours before anything in it is believed.
_APPLICATION_ID = 0x71676174
_LAYOUT = 1
_CREATE = (
    "CREATE TABLE facts (key BLOB PRIMARY KEY, facts BLOB NOT NULL, used INTEGER NOT NULL)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_LAYOUT}",
)
_LARGEST = 400_000_000
_PATIENCE = 2.0
_DAY = 86_400
# The library tells of some damage in words that are themselves damaged, and fails to decode them.
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
_FAILURES = (sqlite3.Error, UnicodeDecodeError)
_ENGINE = ("extract", "frameworks", "link", "model", "parse", "authoring.py", "vocabulary.py")


def digest(data: bytes) -> str:
    """The identity of a content: 32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def encode(facts: FileFacts) -> bytes:
    """Facts as they travel between workers and into the cache."""
    return msgspec.msgpack.encode(facts)


def identified(facts: FileFacts) -> FileFacts:
    """The facts with their identity: it is the same where linking cannot tell them apart."""
    return msgspec.structs.replace(facts, identity=digest(encode(linked(facts))))


def decode(data: bytes) -> FileFacts:
    """The facts again. Raises ``msgspec.DecodeError`` for bytes that are none."""
    return _DECODER.decode(data)


_DECODER = msgspec.msgpack.Decoder(FileFacts)


def directory() -> Path | None:
    """Where the cache lies: ``QGATE_CACHE_DIR``, or the platform's place for caches; None where there is no home."""
    if named := os.environ.get("QGATE_CACHE_DIR"):
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "qgate"


class Cache:
    """Facts of files by path, content, and the identity of the code that takes them.

    ``identity`` names the file checks that run (ids, versions, options, code); the engine adds its own code. No method
    raises: a cache that does not work holds nothing.
    """

    def __init__(self, identity: str, place: Path | None = None) -> None:
        self._identity = identity
        self._new: dict[bytes, bytes] = {}
        self._used: list[bytes] = []
        self._database: sqlite3.Connection | None = None
        place = place or directory()
        # A relative place would lie in the current directory, which may be the scanned tree.
        self._path = place / "facts.sqlite3" if place is not None and place.is_absolute() else None
        if self._path is not None:
            self._database = _open(self._path)

    def get(self, file: SourceFile, content: str, sibling: Callable[[str], str]) -> FileFacts | None:
        """The facts of ``file`` with this content digest; None where they are not known or no longer hold.

        ``sibling`` gives the digest of another file of the scan by path, empty where there is none.
        """
        if self._database is None:
            return None
        key = self._key(file, content)
        try:
            row = self._database.execute("SELECT facts, used FROM facts WHERE key = ?", (key,)).fetchone()
        except _FAILURES as error:
            self._give_up(error)
            return None
        if row is None:
            return None
        stored, used = row
        try:
            if not isinstance(stored, bytes) or _sealed(key, stored[16:]) != stored:
                return None
            facts = decode(stored[16:])
        except msgspec.MsgspecError:
            return None
        if any(sibling(path) != known for path, known in facts.depends_on):
            return None
        if used != _today():
            self._used.append(key)
        return facts

    def put(self, file: SourceFile, content: str, encoded: bytes) -> None:
        """Keep the encoded facts of ``file`` until :meth:`close` writes them."""
        if self._database is not None:
            key = self._key(file, content)
            self._new[key] = _sealed(key, encoded)

    def recall(self, what: str) -> bytes | None:
        """What was kept under the digest ``what`` by the same engine and checks; None where that is not known."""
        if self._database is None:
            return None
        key = self._whole_key(what)
        if key in self._new:
            return self._new[key][16:]
        try:
            row = self._database.execute("SELECT facts FROM facts WHERE key = ?", (key,)).fetchone()
        except _FAILURES as error:
            self._give_up(error)
            return None
        if row is None or not isinstance(row[0], bytes) or _sealed(key, row[0][16:]) != row[0]:
            return None
        self._used.append(key)
        return row[0][16:]

    def keep(self, what: str, data: bytes) -> None:
        """Keep ``data``, made of many files, until :meth:`close` writes it."""
        if self._database is not None:
            key = self._whole_key(what)
            self._new[key] = _sealed(key, data)

    def _whole_key(self, what: str) -> bytes:
        return hashlib.blake2b(f"whole\0{self._whole_identity}\0{what}".encode(), digest_size=16).digest()

    def close(self) -> None:
        """Write what is new in one transaction, and let go of what was not used for longest where it is too much."""
        if self._database is None:
            return
        try:
            if self._new or self._used:
                with self._database:
                    today = _today()
                    rows = ((key, facts, today) for key, facts in self._new.items())
                    self._database.executemany("INSERT OR REPLACE INTO facts (key, facts, used) VALUES (?, ?, ?)", rows)
                    used = ((today, key) for key in self._used)
                    self._database.executemany("UPDATE facts SET used = ? WHERE key = ?", used)
                    _shrink(self._database)
        except _FAILURES as error:
            # Another scan is writing, the disk is full, the home is read-only: the facts are taken again next time.
            self._give_up(error)
        else:
            self._give_up()

    def _give_up(self, error: Exception | None = None) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
            # A subclass says that it did not work now; the class itself, that the file is damaged.
            if type(error) in _DAMAGE and self._path is not None:
                with suppress(OSError):
                    self._path.unlink()

    def _key(self, file: SourceFile, content: str) -> bytes:
        parts = (self._whole_identity, file.path, file.language.value, file.role.value, content)
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()

    @cached_property
    def _whole_identity(self) -> str:
        return digest(f"{engine()}\0{self._identity}".encode())


def engine() -> str:
    """A digest of the code that takes facts and links them, with the versions of the parsers it stands on and of Python."""
    root = Path(qualitygate.__file__).parent
    parts = [qualitygate.__version__.encode(), sys.version.encode()]
    for name in _ENGINE:
        place = root / name
        parts += [source.read_bytes() for source in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    parts += [version.encode() for version in _parsers()]
    return digest(b"\0".join(parts))


def _parsers() -> Iterable[str]:
    from importlib.metadata import PackageNotFoundError, version

    for name in ("libcst", "sqlglot", "PyYAML", "openapi-spec-validator"):
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield name


def _sealed(key: bytes, facts: bytes) -> bytes:
    """Facts behind a digest of themselves and their key: a torn write is found out."""
    return hashlib.blake2b(facts, digest_size=16, key=key).digest() + facts


def _today() -> int:
    return int(time.time() // _DAY)


def _open(path: Path) -> sqlite3.Connection | None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and path.parent.stat().st_mode & stat.S_IWOTH:
            return None  # anybody could have written what is there
        try:
            return _connect(path)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                return None
            path.unlink()
            return _connect(path)
    except (OSError, *_FAILURES):
        return None


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file, made anew where it is empty. Raises ``sqlite3.DatabaseError`` where it is not ours."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.close(descriptor)
    database = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        # Facts can be taken again: nothing waits for the disk.
        database.execute("PRAGMA synchronous = OFF")
        if _layout(database) != (_APPLICATION_ID, _LAYOUT):
            # Another scan may be making the file at this moment: only under the lock is it known to be empty.
            database.execute("BEGIN IMMEDIATE")
            known = _layout(database)
            empty = database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
            if known == (0, 0) and empty:
                for statement in _CREATE:
                    database.execute(statement)
            elif known != (_APPLICATION_ID, _LAYOUT):
                raise sqlite3.DatabaseError("not a cache of this version")
            database.commit()
    except BaseException:
        database.close()
        raise
    return database


def _layout(database: sqlite3.Connection) -> tuple[int, int]:
    application, version = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    return int(application), int(version)


def _shrink(database: sqlite3.Connection) -> None:
    """Forget the facts that were not used for longest, down to three quarters of the bound."""
    total = database.execute("SELECT SUM(LENGTH(facts)) FROM facts").fetchone()[0] or 0
    if total <= _LARGEST:
        return
    for key, size in database.execute("SELECT key, LENGTH(facts) FROM facts ORDER BY used").fetchall():
        database.execute("DELETE FROM facts WHERE key = ?", (key,))
        total -= size
        if total <= _LARGEST * 3 // 4:
            break
