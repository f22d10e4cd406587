"""The cache of facts: believed as long as nothing changed, made anew where it is damaged, silent where it cannot be."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from qualitygate.extract import cache as module
from qualitygate.extract.cache import Cache, decode, digest, directory, encode
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Role, SourceFile, Unread

FILE = SourceFile(Path("/project"), "app/a.py", Language.PYTHON, Role.APPLICATION)
FACTS = FileFacts("app/a.py", Language.PYTHON, Role.APPLICATION, lines=3, unread=(Unread("app/a.py", 2, "strange"),))
CONTENT = digest(b"x = 1")


def absent(_: str) -> str:
    return ""


def put(place: Path, facts: FileFacts = FACTS, file: SourceFile = FILE, identity: str = "checks") -> None:
    cache = Cache(identity, place)
    cache.put(file, CONTENT, encode(facts))
    cache.close()


def get(place: Path, file: SourceFile = FILE, content: str = CONTENT, identity: str = "checks") -> FileFacts | None:
    cache = Cache(identity, place)
    try:
        return cache.get(file, content, absent)
    finally:
        cache.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def database(place: Path) -> Path:
    put(place)
    return place / "facts.sqlite3"


def test_facts_come_back_as_they_were(place: Path) -> None:
    put(place)
    assert get(place) == FACTS


def test_facts_hold_for_one_content_path_role_language_and_set_of_checks(place: Path) -> None:
    put(place)
    assert get(place, content=digest(b"x = 2")) is None
    assert get(place, file=SourceFile(FILE.root, "app/b.py", FILE.language, FILE.role)) is None
    assert get(place, file=SourceFile(FILE.root, FILE.path, FILE.language, Role.TEST)) is None
    assert get(place, file=SourceFile(FILE.root, FILE.path, Language.TEXT, FILE.role)) is None
    assert get(place, identity="other checks") is None


def test_facts_hold_for_any_folder_that_has_the_same_file(place: Path) -> None:
    put(place)
    assert get(place, file=SourceFile(Path("/elsewhere"), FILE.path, FILE.language, FILE.role)) == FACTS


def test_facts_do_not_survive_a_change_of_the_engine(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(place)
    monkeypatch.setattr(module, "engine", lambda: "another engine")
    assert get(place) is None


def test_facts_hold_only_while_the_files_they_depend_on_do(place: Path) -> None:
    there, missing = ("api/parts.yaml", digest(b"parts")), ("api/more.yaml", "")
    put(place, FileFacts(FILE.path, FILE.language, FILE.role, depends_on=(there, missing)))
    cache = Cache("checks", place)
    assert cache.get(FILE, CONTENT, lambda path: dict([there]).get(path, "")) is not None
    assert cache.get(FILE, CONTENT, lambda path: digest(b"changed") if path == there[0] else "") is None
    assert cache.get(FILE, CONTENT, lambda path: digest(b"parts")) is None, "a file that was missing is there"
    cache.close()


def test_the_cache_is_the_user_s_alone(database: Path) -> None:
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_cache_is_made_anew(database: Path, content: bytes) -> None:
    database.write_bytes(content)
    assert get(database.parent) is None
    put(database.parent)
    assert get(database.parent) == FACTS


@pytest.mark.parametrize("kept", [100, 4096, 8192])
def test_a_cut_off_cache_is_not_believed_and_made_anew(database: Path, kept: int) -> None:
    with database.open("r+b") as stream:
        stream.truncate(kept)
    assert get(database.parent) is None
    put(database.parent)
    put(database.parent)
    assert get(database.parent) == FACTS


def test_a_table_whose_name_is_damaged_is_made_anew(database: Path) -> None:
    # The library then fails to decode its own words about it.
    content = database.read_bytes()
    assert content.count(b"CREATE TABLE facts") == 1
    database.write_bytes(content.replace(b"CREATE TABLE facts", b"CREATE TA\x9eLE facts"))
    assert get(database.parent) is None
    put(database.parent)
    assert get(database.parent) == FACTS


def test_a_database_of_somebody_else_is_made_anew(database: Path) -> None:
    database.unlink()
    other = sqlite3.connect(database)
    other.execute("CREATE TABLE facts (key BLOB PRIMARY KEY, facts BLOB, used INTEGER)")
    other.commit()
    other.close()
    assert get(database.parent) is None
    put(database.parent)
    assert get(database.parent) == FACTS


@pytest.mark.parametrize("where", [0, 20, -1])
def test_facts_with_a_changed_byte_are_not_believed(database: Path, where: int) -> None:
    connection = sqlite3.connect(database)
    (stored,) = connection.execute("SELECT facts FROM facts").fetchone()
    changed = bytearray(stored)
    changed[where] ^= 1
    connection.execute("UPDATE facts SET facts = ?", (bytes(changed),))
    connection.commit()
    connection.close()
    assert get(database.parent) is None


def test_facts_under_the_key_of_another_file_are_not_believed(database: Path) -> None:
    other = SourceFile(FILE.root, "app/b.py", FILE.language, FILE.role)
    put(database.parent, FileFacts("app/b.py", FILE.language, FILE.role), other)
    connection = sqlite3.connect(database)
    rows = connection.execute("SELECT key, facts FROM facts").fetchall()
    for (key, _), (_, facts) in zip(rows, reversed(rows), strict=True):
        connection.execute("UPDATE facts SET facts = ? WHERE key = ?", (facts, key))
    connection.commit()
    connection.close()
    assert get(database.parent) is None
    assert get(database.parent, other) is None


@pytest.mark.parametrize("value", ["text", None, 5])
def test_values_of_another_type_are_not_believed(database: Path, value: object) -> None:
    connection = sqlite3.connect(database)
    connection.execute("DROP TABLE facts")
    connection.execute("CREATE TABLE facts (key BLOB PRIMARY KEY, facts, used)")
    key = Cache("checks", database.parent)._key(FILE, CONTENT)
    connection.execute("INSERT INTO facts VALUES (?, ?, 'long ago')", (key, value))
    connection.commit()
    connection.close()
    assert get(database.parent) is None


def test_a_cache_that_cannot_be_made_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    put(tmp_path / "file" / "below")
    assert get(tmp_path / "file" / "below") is None


@pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX")
def test_a_place_that_anybody_may_write_to_is_not_believed(database: Path) -> None:
    database.parent.chmod(0o777)
    assert get(database.parent) is None


def test_a_folder_in_its_place_does_no_harm(place: Path) -> None:
    (place / "facts.sqlite3").mkdir(parents=True)
    put(place)
    assert get(place) is None


def test_a_full_disk_does_no_harm(place: Path) -> None:
    put(place)
    cache = Cache("checks", place)
    assert cache._database is not None
    pages = cache._database.execute("PRAGMA page_count").fetchone()[0]
    cache._database.execute(f"PRAGMA max_page_count = {pages}")
    other = SourceFile(FILE.root, "app/b.py", FILE.language, FILE.role)
    cache.put(other, CONTENT, encode(FileFacts("app/b.py", FILE.language, FILE.role, fault="x" * 100_000)))
    cache.close()
    assert get(place) == FACTS
    assert get(place, other) is None


def test_a_cache_that_another_scan_writes_to_is_waited_for_and_then_left(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    other = sqlite3.connect(database)
    other.execute("BEGIN EXCLUSIVE")
    assert get(database.parent) is None
    put(database.parent)
    other.rollback()
    other.close()
    assert get(database.parent) == FACTS


def test_many_scans_at_once_keep_all_they_found(place: Path) -> None:
    files = [SourceFile(FILE.root, f"app/{number}.py", FILE.language, FILE.role) for number in range(8)]

    def scan(file: SourceFile) -> None:
        put(place, FileFacts(file.path, file.language, file.role), file)

    threads = [threading.Thread(target=scan, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [facts.path for file in files if (facts := get(place, file))] == [file.path for file in files]


def test_what_was_not_used_for_longest_goes_first(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [SourceFile(FILE.root, f"app/{number}.py", FILE.language, FILE.role) for number in range(4)]
    for day, file in enumerate(files):
        monkeypatch.setattr(module, "_today", lambda day=day: day)
        put(place, FileFacts(file.path, file.language, file.role, fault="x" * 1000), file)
    monkeypatch.setattr(module, "_today", lambda: 10)
    assert get(place, files[0]) is not None, "now the first is the last used"
    monkeypatch.setattr(module, "_LARGEST", 4000)
    put(place)
    assert [get(place, file) is not None for file in files] == [True, False, False, True]
    assert get(place) == FACTS


def test_the_place_is_the_user_s_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QGATE_CACHE_DIR", str(tmp_path / "named"))
    assert directory() == tmp_path / "named"
    monkeypatch.delenv("QGATE_CACHE_DIR")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert directory() == tmp_path / "xdg" / "qgate"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert directory() == tmp_path / ".cache" / "qgate"
    monkeypatch.setattr("sys.platform", "darwin")
    assert directory() == tmp_path / "Library" / "Caches" / "qgate"


def test_a_relative_place_would_lie_in_the_scanned_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QGATE_CACHE_DIR", "cache")
    cache = Cache("checks")
    cache.put(FILE, CONTENT, encode(FACTS))
    cache.close()
    assert os.listdir(tmp_path) == []


def test_facts_travel_as_bytes() -> None:
    assert decode(encode(FACTS)) == FACTS
