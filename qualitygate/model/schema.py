"""Records of migrations and of the schema they leave: operations, tables, columns, keys, indexes, each with its place."""

from __future__ import annotations

import msgspec

from qualitygate.model.source import Place, Span


class Script(msgspec.Struct, frozen=True):
    """One SQL file: its statements. (Written by the SQL front end.)"""

    statements: int = 0


class Column(msgspec.Struct, frozen=True):
    """A column of the final schema: type as written, whether NULL is allowed, default as written."""

    name: str
    type: str
    nullable: bool
    default: str | None
    place: Place


class ForeignKey(msgspec.Struct, frozen=True):
    """A foreign key of the final schema."""

    name: str
    columns: tuple[str, ...]
    references_table: str
    references_columns: tuple[str, ...]
    place: Place


class Index(msgspec.Struct, frozen=True):
    """An index of the final schema. ``columns`` holds plain column names; an expression is an empty name.

    ``partial`` says that it has a condition, so that it does not serve every query.
    """

    name: str
    columns: tuple[str, ...]
    unique: bool
    partial: bool
    place: Place


class Table(msgspec.Struct, frozen=True):
    """A table after all migrations."""

    name: str
    schema: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    indexes: tuple[Index, ...]
    defined_at: Place


__all__ = ["Column", "ForeignKey", "Index", "Place", "Script", "Span", "Table"]
