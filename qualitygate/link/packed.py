"""In: a schema. Out: the same in a form to be kept, in which each column, key and index stands once; and the schema again.

A history holds the table that each of its operations met: thousands of tables that have nearly all of their columns in
common. Written out one by one they take ten times the room, on the disk and in memory once they are read back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from qualitygate.link.schema import Schema
from qualitygate.model.schema import Change, Column, ForeignKey, History, Index, Migration, Table, TableCheck

_PARTS = ("columns", "foreign_keys", "indexes", "checks")


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """A schema: ``tables`` are bare, each with the numbers of its parts in the order of ``_PARTS``.

    ``befores`` are the numbers of the tables that the changes of ``histories`` met, in their order (-1: none), and
    ``finals`` of those that are left.
    """

    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...]
    indexes: tuple[Index, ...]
    checks: tuple[TableCheck, ...]
    tables: tuple[tuple[Table, tuple[tuple[int, ...], ...]], ...]
    histories: tuple[History, ...]
    befores: tuple[int, ...]
    finals: tuple[int, ...]


def pack(schema: Schema) -> Packed:
    """The schema in the form to be kept."""
    parts: dict[str, dict[int, Any]] = {name: {} for name in _PARTS}
    numbers: dict[str, dict[int, int]] = {name: {} for name in _PARTS}
    tables: dict[int, tuple[int, Table]] = {}
    kept: list[tuple[Table, tuple[tuple[int, ...], ...]]] = []

    def number_of(name: str, part: Any) -> int:
        parts[name].setdefault(id(part), part)
        return numbers[name].setdefault(id(part), len(numbers[name]))

    def table_of(table: Table | None) -> int:
        if table is None:
            return -1
        if id(table) not in tables:
            tables[id(table)] = len(tables), table
            held = tuple(tuple(number_of(name, part) for part in getattr(table, name)) for name in _PARTS)
            kept.append((msgspec.structs.replace(table, columns=(), foreign_keys=(), indexes=(), checks=()), held))
        return tables[id(table)][0]

    befores = tuple(table_of(change.before) for change in _changes(schema.histories))
    finals = tuple(map(table_of, schema.tables))
    histories = _with(schema.histories, (None for _ in befores))
    columns, foreign_keys, indexes, checks = (tuple(parts[name].values()) for name in _PARTS)
    return Packed(columns, foreign_keys, indexes, checks, tuple(kept), histories, befores, finals)


def unpack(packed: Packed) -> Schema:
    """The schema that was packed. Raises ``IndexError`` for numbers of what is not there."""
    tables = [
        msgspec.structs.replace(
            bare,
            columns=tuple([packed.columns[number] for number in held[0]]),
            foreign_keys=tuple([packed.foreign_keys[number] for number in held[1]]),
            indexes=tuple([packed.indexes[number] for number in held[2]]),
            checks=tuple([packed.checks[number] for number in held[3]]),
        )
        for bare, held in packed.tables
    ]
    befores = (tables[number] if number >= 0 else None for number in packed.befores)
    return Schema(_with(packed.histories, befores), tuple(tables[number] for number in packed.finals))


def _changes(histories: tuple[History, ...]) -> Iterator[Change]:
    return (change for history in histories for migration in history.migrations for change in migration.changes)


def _with(histories: tuple[History, ...], befores: Iterator[Table | None]) -> tuple[History, ...]:
    """The histories with other tables that their changes met, one for each change in order."""

    def changed(migration: Migration) -> Migration:
        changes = tuple(msgspec.structs.replace(change, before=next(befores)) for change in migration.changes)
        return msgspec.structs.replace(migration, changes=changes)

    return tuple(
        msgspec.structs.replace(history, migrations=tuple(map(changed, history.migrations))) for history in histories
    )
