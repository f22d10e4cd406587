"""In: the linked project. Out: what the checks of the final schema share: each table once, its doubts, the places to show."""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Confidence, Place, Project
from qualitygate.model.schema import Model, Table
from qualitygate_checks.database._migrations import doubtful

_STORED = frozenset({"table", "partitioned"})
_TEXT = ("varchar", "char", "text", "citext", "nvarchar", "longtext", "mediumtext", "tinytext", "string")


def stored(project: Project) -> Iterator[Table]:
    """Every table that holds rows, once where the same migrations are kept for several databases; PostgreSQL's speak for all."""
    told = set()
    for table in sorted(project.tables, key=lambda table: table.dialect != "postgres"):
        if table.kind in _STORED and table.full_name not in told:
            told.add(table.full_name)
            yield table


def confidence(project: Project, table: Table, sure: Confidence) -> tuple[Confidence, str]:
    """The confidence of a finding on a table, lowered where its final form is in doubt, and the doubt as a clause."""
    doubt = doubtful(project, table)
    return (Confidence.LOW if sure is Confidence.LOW else Confidence.MEDIUM if doubt else sure), doubt


def table_of(project: Project, model: Model) -> Table | None:
    """The table of a model in the final schema, whatever made it; the model's own idea of it where nothing did."""
    plain = model.table.rpartition(".")[2]
    found = [table for table in project.tables if table.full_name == model.table]
    found = found or [table for table in project.tables if table.name == plain]
    return found[0] if found else model.definition


def at(place: Place) -> Place:
    """A place as a finding's own."""
    return Place(place.path, place.span)


def made(table: Table, place: Place) -> tuple[Place, ...]:
    """Where the table is made, to be shown beside ``place``; nothing where that is the same file."""
    if table.defined_at.path == place.path:
        return ()
    return (Place(table.defined_at.path, table.defined_at.span, "the table is made here", table.defined_at.role),)


def is_text(kind: str) -> bool:
    """Whether a type of a column is one of texts."""
    return kind.strip('"` ').lower().startswith(_TEXT) and not kind.endswith("[]")


def as_clauses(*parts: str) -> str:
    """The parts that say something, as one sentence."""
    return "; ".join(part for part in parts if part)
