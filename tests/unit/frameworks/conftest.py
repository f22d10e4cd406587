"""Route tables of small programs, read through the whole pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from qualitygate.analyse import analyse
from qualitygate.discover import Layout, language_of
from qualitygate.model.architecture import Route
from qualitygate.model.project import Project
from qualitygate.model.schema import Table
from qualitygate.model.source import Place, SourceFile

Files = Mapping[str, str]


def _project(files: Files) -> Project:
    contents = {path: dedent(text).lstrip("\n").encode() for path, text in sorted(files.items())}
    layout = Layout.of(contents)
    sources = [
        SourceFile(Path("/project"), path, language_of(path, content), layout.role(path), content)
        for path, content in contents.items()
    ]
    project = analyse(sources, [], {})
    assert not project.unread
    return project


def _routes(files: Files) -> tuple[Route, ...]:
    return _project(files).routes


def _drawn(table: Table) -> list[str]:
    """A table in lines: its columns, its keys and its indexes, each with the file and line that made it."""

    def at(place: Place) -> str:
        return f"{place.path}:{place.span.line}"

    lines = [
        f"{column.name} {column.type}{'' if column.nullable else ' not null'} {at(column.place)}"
        for column in table.columns
    ]
    lines.append(f"key ({', '.join(table.primary_key)})")
    lines += [
        f"({', '.join(key.columns)}) -> {key.references_table}({', '.join(key.references_columns)})"
        for key in table.foreign_keys
    ]
    lines += [
        f"{'unique' if index.unique else 'index'} {index.name} ({', '.join(index.columns)})" for index in table.indexes
    ]
    return lines


def _line(route: Route) -> str:
    flags = [
        f"version in {route.version_how}" if route.versioned else "",
        "collection" if route.collection else "",
        f"paged by {route.paginated_by}" if route.paginated else "",
        f"exempt: {route.exempt}" if route.exempt else "",
        f"unsure: {route.uncertain}" if route.uncertain else "",
    ]
    place = f"{route.place.path}:{route.place.span.line}"
    return " | ".join([f"{route.method} {route.path} {place}", *filter(None, flags)])


@pytest.fixture
def routes() -> Callable[[Files], tuple[Route, ...]]:
    """Reads a program (text by path, without its common indentation) and gives its routes as records."""
    return _routes


@pytest.fixture
def table() -> Callable[[Files], list[str]]:
    """Reads a program and gives its whole route table, one line a route, sorted by path and method.

    A line is `METHOD /full/path file:line`, then, where they hold, ` | version in path`, ` | collection`,
    ` | paged by ...`, ` | exempt: ...` and ` | unsure: ...`.
    """

    def read(files: Files) -> list[str]:
        return [_line(route) for route in sorted(_routes(files), key=lambda route: (route.path, route.method))]

    return read


@pytest.fixture
def project() -> Callable[[Files], Project]:
    """Reads a program and gives all that is known of it."""
    return _project


@pytest.fixture
def drawn() -> Callable[[Files], dict[str, list[str]]]:
    """Reads a program and gives the tables that its models declare, by full name, each in lines.

    A column is `name type [not null] file:line`; then come `key (...)`, `(...) -> table(...)` and
    `index|unique name (...)`.
    """

    def read(files: Files) -> dict[str, list[str]]:
        return {table.full_name: _drawn(table) for table in _project(files).tables if table.source == "models"}

    return read


@pytest.fixture
def unfollowed() -> Callable[[Files], list[str]]:
    """Reads a program and tells what of its routing is not understood: `file:line why`, in the order of the places."""

    def read(files: Files) -> list[str]:
        found = sorted(_project(files).unfollowed, key=lambda item: (item.place.path, item.place.span))
        return [f"{item.place.path}:{item.place.span.line} {item.why}" for item in found]

    return read
