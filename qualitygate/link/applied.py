"""In: the histories of migrations and what the user calls applied. Out: the same, with the migrations of the past marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from qualitygate.model.schema import History, Migration

_SHORTEST = 4
"""The shortest beginning of a revision's id that Alembic takes for it."""


class UnknownMigration(Exception):
    """No migration has the name that the user gave; the argument is that name."""


def mark_applied(histories: Sequence[History], since: Iterable[str]) -> tuple[History, ...]:
    """Mark every migration that ``since`` names, with all that come before it in its history.

    A name is a version (of Django with the label of its application: `shop.0042_total`), a path, or the name of a file
    with or without its suffix. What comes before a migration in code is what it follows; else what stands before it in
    order. Raises :class:`UnknownMigration`.
    """
    applied: dict[int, set[int]] = {}
    for name in since:
        found = [
            (number, place)
            for number, history in enumerate(histories)
            for place, migration in enumerate(history.migrations)
            if _is_called(migration, name)
        ]
        if not found:
            raise UnknownMigration(name)
        for number, place in found:
            applied.setdefault(number, set()).update(_up_to(histories[number].migrations, place))
    return tuple(
        msgspec.structs.replace(
            history,
            migrations=tuple(
                msgspec.structs.replace(migration, applied=True) if place in applied[number] else migration
                for place, migration in enumerate(history.migrations)
            ),
        )
        if number in applied
        else history
        for number, history in enumerate(histories)
    )


def _is_called(migration: Migration, name: str) -> bool:
    path, version = migration.path, migration.version
    file = path.rpartition("/")[2]
    if name in (version, path, file, file.rpartition(".")[0]) or path.endswith(f"/{name}"):
        return True
    return migration.revision is not None and len(name) >= _SHORTEST and version.startswith(name) and "." not in version


def _up_to(migrations: Sequence[Migration], place: int) -> set[int]:
    """The places of a migration and of all before it."""
    if migrations[place].revision is None:
        return set(range(place + 1))
    by_version = {migration.version: number for number, migration in enumerate(migrations)}
    found: set[int] = set()
    waiting = [place]
    while waiting:
        number = waiting.pop()
        if number in found:
            continue
        found.add(number)
        revision = migrations[number].revision
        if revision is not None:
            before = (*revision.parents, *revision.depends_on)
            waiting += [by_version[version] for version in before if version in by_version]
    return found


__all__ = ["UnknownMigration", "mark_applied"]
