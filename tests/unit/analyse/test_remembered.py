"""What is remembered of a whole project, and when it is not believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import qualitygate.analyse
import qualitygate.link.program
from qualitygate.analyse import analyse
from qualitygate.discover import discover
from qualitygate.extract.cache import Cache
from qualitygate.link.program import link_program
from qualitygate.link.schema import Schema, Sources, link_schema
from qualitygate.model.facts import FileFacts
from qualitygate.model.program import Program
from qualitygate.model.project import Project

FILES = {
    "app/main.py": "from fastapi import FastAPI\nfrom app.routes import router\napp = FastAPI()\napp.include_router(router, prefix='/v1')\n",
    "app/routes.py": "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/orders')\ndef orders(): ...\n",
    # a page, which is judged for less
    "app/pages.py": "from flask import Flask, render_template\nsite = Flask('x')\n@site.get('/a')\ndef a():\n    return render_template('a.html')\n",
}


@pytest.fixture
def linked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a program was followed, one entry with its number of files each time."""
    seen: list[int] = []

    def counting(files: list[FileFacts], wanted: frozenset[str], assigned: frozenset[str]) -> Program:
        seen.append(len(files))
        return link_program(files, wanted, assigned)

    monkeypatch.setattr(qualitygate.link.program, "link_program", counting)
    return seen


def project_of(root: Path, cache: Path) -> Project:
    tree = discover((root,))
    remembered = Cache("checks", cache)
    project = analyse(tree.files, (), {}, cache=remembered)
    remembered.close()
    return project


def paths(root: Path, cache: Path) -> list[str]:
    return [route.path for route in project_of(root, cache).routes]


def identity(root: Path, cache: Path) -> str:
    return project_of(root, cache).identity


def test_a_project_that_did_not_change_is_not_followed_again(
    tree: Callable[..., Path], tmp_path: Path, linked: list[int]
) -> None:
    root = tree(FILES)
    assert paths(root, tmp_path / "cache") == ["/a", "/v1/orders"]
    assert paths(root, tmp_path / "cache") == ["/a", "/v1/orders"]
    assert linked == [3]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("app/main.py", FILES["app/main.py"].replace("/v1", "/v2")),
        ("app/other.py", "x = 1\n"),
    ],
    ids=["changed", "added"],
)
def test_a_file_that_changed_or_came_is_followed(
    path: str, content: str, tree: Callable[..., Path], tmp_path: Path, linked: list[int]
) -> None:
    root = tree(FILES)
    paths(root, tmp_path / "cache")
    (root / path).write_text(content)
    expected = "/v2/orders" if "/v2" in content else "/v1/orders"
    assert paths(root, tmp_path / "cache") == ["/a", expected]
    assert len(linked) == 2


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("app/main.py", "", "# a word about it\n"),
        ("tests/test_orders.py", "def test_orders():\n    assert 1\n", "def test_prices():\n    assert 2\n"),
        ("config/settings.yaml", "colour: red\n", "colour: blue\n"),
    ],
    ids=["a comment below the code", "a test", "a configuration that states nothing of interest"],
)
def test_what_linking_cannot_see_is_no_reason_to_follow_again(
    path: str, before: str, after: str, tree: Callable[..., Path], tmp_path: Path, linked: list[int]
) -> None:
    root = tree(FILES | {path: FILES.get(path, "") + before})
    first = identity(root, tmp_path / "cache")
    (root / path).write_text(FILES.get(path, "") + after)
    assert identity(root, tmp_path / "cache") == first
    assert len(linked) == 1


def test_a_line_that_moves_the_code_is_followed(tree: Callable[..., Path], tmp_path: Path, linked: list[int]) -> None:
    root = tree(FILES)
    first = identity(root, tmp_path / "cache")
    (root / "app/main.py").write_text("# a word about it\n" + FILES["app/main.py"])
    assert identity(root, tmp_path / "cache") != first
    assert len(linked) == 2


MIGRATIONS = {
    "migrations/0001_orders.sql": "CREATE TABLE orders (id bigint PRIMARY KEY);\n",
    "migrations/0002_total.sql": "ALTER TABLE orders ADD COLUMN total numeric(12, 2);\n",
    "app/settings.py": "DATABASE_URL = 'postgresql://db/shop'\n",
}


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The driver of each time that migrations were followed."""
    seen: list[str] = []

    def counting(sources: Sources) -> Schema:
        seen.append(sources.driver)
        return link_schema(sources)

    monkeypatch.setattr(qualitygate.analyse, "link_schema", counting)
    return seen


def columns(root: Path, cache: Path) -> list[list[str]]:
    return [[column.name for column in table.columns] for table in project_of(root, cache).tables]


def test_migrations_are_followed_once_whatever_else_changes(
    tree: Callable[..., Path], tmp_path: Path, replayed: list[str]
) -> None:
    root = tree(FILES | MIGRATIONS)
    assert columns(root, tmp_path / "cache") == [["id", "total"]]
    (root / "app/routes.py").write_text(FILES["app/routes.py"].replace("/orders", "/bills"))
    assert columns(root, tmp_path / "cache") == [["id", "total"]]
    assert replayed == ["postgres"]


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("migrations/0002_total.sql", "ALTER TABLE orders ADD COLUMN sum numeric(12, 2);\n", [["id", "sum"]]),
        ("migrations/0003_note.sql", "ALTER TABLE orders ADD COLUMN note text;\n", [["id", "total", "note"]]),
        ("app/settings.py", "DATABASE_URL = 'mysql://db/shop'\n", [["id", "total"]]),
    ],
    ids=["a migration", "one more", "the database that the code speaks to"],
)
def test_what_the_schema_is_made_of_is_a_reason_to_follow_it_again(
    path: str,
    content: str,
    expected: list[list[str]],
    tree: Callable[..., Path],
    tmp_path: Path,
    replayed: list[str],
) -> None:
    root = tree(FILES | MIGRATIONS)
    columns(root, tmp_path / "cache")
    (root / path).write_text(content)
    assert columns(root, tmp_path / "cache") == expected
    assert len(replayed) == 2


def test_a_file_that_went_is_missed(tree: Callable[..., Path], tmp_path: Path, linked: list[int]) -> None:
    root = tree(FILES)
    paths(root, tmp_path / "cache")
    (root / "app/routes.py").unlink()
    assert paths(root, tmp_path / "cache") == ["/a"]
