"""In: the linked project. Out: what the checks of migrations share: the steps to judge, their doubts, their places."""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Confidence, Place, Project
from qualitygate.model.schema import Change, History, Migration, OperationKind, Table


def steps(project: Project) -> Iterator[tuple[History, Migration]]:
    """Every migration for PostgreSQL, or for a database that nothing names, but for those that the user calls applied."""
    for history in project.histories:
        if history.dialect in ("postgres", ""):
            for migration in history.migrations:
                if not migration.applied:
                    yield history, migration


def changes(project: Project, *kinds: OperationKind) -> Iterator[tuple[History, Migration, Change]]:
    """Every change of these kinds in them."""
    for history, migration in steps(project):
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
    """The tool whose migrations make the table."""
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
