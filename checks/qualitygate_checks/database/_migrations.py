"""In: the linked project. Out: what the checks of migrations share: the steps to judge, their doubts, their places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator

import msgspec

from qualitygate.authoring import Confidence, Hit, Place, Project, Severity
from qualitygate.model.schema import Change, History, Migration, OperationKind, Table

# How many of the last migrations of a history are taken to be on their way, where the user does not say. Django's
# applications have histories of their own, and a project has many of them.
NEWEST = 10
NEWEST_OF_AN_APPLICATION = 3


def by_age(project: Project, hits: Iterable[Hit]) -> Iterator[Hit]:
    """The hits, those in old migrations of one history as one.

    What a migration locks matters once, when it is applied. Where ``migrations.since`` says what is applied, every later
    one is judged by itself, and so is, with a base to compare with, every one that the base has not. Where nothing says
    it, only the newest are, and all before them are told in one note.
    """
    holding = project.once(_holding)
    old: dict[tuple[int, bool], list[Hit]] = {}
    for hit in hits:
        number = holding.get(hit.place.path)
        if number is None:
            yield hit
        else:
            old.setdefault((number, hit.confidence is Confidence.LOW), []).append(hit)
    for (number, _), found in old.items():
        yield _as_one(project.histories[number], found)


def _holding(project: Project) -> dict[str, int]:
    """The number of the history that each old migration belongs to, by its path."""
    return {path: number for number, history in enumerate(project.histories) for path in _old(history)}


def _old(history: History) -> Iterator[str]:
    """The paths of the migrations that are not among the newest."""
    if any(migration.applied for migration in history.migrations):
        return
    seen: Counter[str] = Counter()
    for migration in reversed(history.migrations):
        label = migration.revision.labels[0] if history.tool == "django" and migration.revision else ""
        seen[label] += 1
        if seen[label] > (NEWEST_OF_AN_APPLICATION if label else NEWEST):
            yield migration.path


def _last_old(history: History) -> list[str]:
    """The versions up to which all is old: one, and for Django one of each application."""
    old = set(_old(history))
    last = {
        migration.revision.labels if history.tool == "django" and migration.revision else (): migration.version
        for migration in history.migrations
        if migration.path in old
    }
    return sorted(last.values())


def _as_one(history: History, hits: list[Hit]) -> Hit:
    order = {migration.path: number for number, migration in enumerate(history.migrations)}
    last = max(hits, key=lambda hit: (order[hit.place.path], hit.place.span))
    files = len({hit.place.path for hit in hits})
    applied = _last_old(history)
    since = f'"{applied[0]}"' if len(applied) == 1 else "[" + ", ".join(f'"{version}"' for version in applied) + "]"
    if len(hits) == 1:
        message = last.message
    else:
        where = f"{files} older migrations" if files > 1 else "one older migration"
        message = (
            f"{len(hits)} findings like this in {where} of {history.directory or 'the root'}, the last: {last.message}"
        )
    return msgspec.structs.replace(
        last,
        message=message,
        subject=f"older migrations of {history.directory}",
        severity=Severity.NOTE,
        why="not among the newest migrations, so taken to be applied everywhere: what is applied is history",
        mend=f"say what is applied: since = {since} below [tool.qgate.migrations]; all later ones are then judged one by one",
        places=(),
    )


POSTGRES = ("postgres", "")
# Where a migration runs beside a service: SQLite's database belongs to one process, which comes back with its migration.
SHARED = (*POSTGRES, "mysql")


def steps(project: Project, dialects: Container[str] = POSTGRES) -> Iterator[tuple[History, Migration]]:
    """Every migration for PostgreSQL, or for a database that nothing names, that a database in use will still run.

    That is none that the user calls applied, and none that stands for others: only a new database runs it, whose tables
    are empty.
    """
    for history in project.histories:
        if history.dialect in dialects:
            for migration in history.migrations:
                squashed = migration.revision is not None and migration.revision.squashed
                if not migration.applied and not squashed:
                    yield history, migration


def changes(
    project: Project, *kinds: OperationKind, dialects: Container[str] = POSTGRES
) -> Iterator[tuple[History, Migration, Change]]:
    """Every change of these kinds in them."""
    for history, migration in steps(project, dialects):
        for change in migration.changes:
            if change.operation.kind in kinds:
                yield history, migration, change


def on_existing(change: Change) -> bool:
    """Whether the change does something to a table that was there before its migration, or is taken to have been."""
    return change.effective and not change.new and not change.operation.inline


def doubts(history: History, change: Change) -> list[str]:
    """What makes a finding about this change less than sure, each as a clause for the user."""
    found = []
    if change.before is None:
        found.append("no migration here makes the table, so that it is taken to exist")
    if not history.ordered:
        found.append("the order of these files is not known")
    if change.operation.conditional:
        found.append("it stands in a block that may not run")
    if not history.dialect:
        found.append("nothing names the database, which is taken to be PostgreSQL")
    return found


def confidence(doubted: list[str]) -> Confidence:
    """Medium where there is a doubt."""
    return Confidence.MEDIUM if doubted else Confidence.HIGH


def mend(history: History, sql: str, alembic: str, django: str) -> str:
    """What to do about a finding, in the words of the tool that runs the migration."""
    return {"alembic": alembic, "django": django}.get(history.tool, sql)


def origin(change: Change) -> tuple[Place, ...]:
    """Where the table was made, for the places of a finding."""
    if change.before is None:
        return ()
    made = change.before.defined_at
    return (Place(made.path, made.span, "the table exists since here", "migration"),)


def tool_of(project: Project, table: Table) -> str:
    """The tool whose migrations make the table, or would make it: that of the models."""
    if table.source == "models":
        django = any(model.framework == "django" and model.table == table.full_name for model in project.models)
        return "django" if django else "alembic"
    return next((each.tool for each in project.histories if each.directory == table.history), "")


def doubtful(project: Project, table: Table) -> str:
    """Why the final form of a table is less than sure, as a clause for the user; empty where nothing speaks against it."""
    if any(history.directory == table.history and not history.ordered for history in project.histories):
        return "the order of the migrations is not known"
    unread_paths = {unread.path for unread in project.unread}
    for history in project.histories:
        if history.directory == table.history and any(each.path in unread_paths for each in history.migrations):
            return "a step of these migrations was not understood"
    folders = (unread.path.rpartition("/")[0] for unread in project.unread if unread.path.endswith(".sql"))
    if any(folder == table.history or folder.startswith(f"{table.history}/") for folder in folders):
        return "a statement of these migrations was not understood"
    return ""
