"""In: a project and the one that it was before a change. Out: both, with what stood before marked where it is judged no more."""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from qualitygate.model.project import Project
from qualitygate.model.schema import Migration
from qualitygate.model.source import Span

_NOWHERE = Span(0, 0, 0, 0)


def with_base(project: Project, base: Project) -> Project:
    """``project`` with ``base`` in it; the migrations that both have are history, and in both marked as applied.

    A migration is known again by its version and what it does, wherever its file lies: one that was edited is not.
    """
    common = _migrations(project) & _migrations(base)
    return msgspec.structs.replace(_marked(project, common), base=_marked(base, common))


def _migrations(project: Project) -> set[Hashable]:
    return {_identity(migration) for history in project.histories for migration in history.migrations}


def _identity(migration: Migration) -> Hashable:
    operations = (change.operation for change in migration.changes)
    return migration.version, tuple(msgspec.structs.replace(one, span=_NOWHERE) for one in operations)


def _marked(project: Project, common: set[Hashable]) -> Project:
    histories = tuple(
        msgspec.structs.replace(
            history,
            migrations=tuple(
                msgspec.structs.replace(one, applied=one.applied or _identity(one) in common)
                for one in history.migrations
            ),
        )
        for history in project.histories
    )
    return msgspec.structs.replace(project, histories=histories)
