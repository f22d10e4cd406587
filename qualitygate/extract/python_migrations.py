"""In: the neutral program of a migration in Python. Out: what it does to the schema, and what was not understood.

Alembic's revisions are read whole. Of Django's migrations only the SQL that they run is read here: what their
operations mean depends on all migrations before them, and is worked out when the files are linked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from qualitygate.extract.steps import steps_of_alembic, steps_of_django
from qualitygate.frameworks.alembic import is_revision, read_revision
from qualitygate.frameworks.django_migrations import read_migration, sql_of
from qualitygate.frameworks.sql_migrations import dialect_of_imports
from qualitygate.model.schema import Operation, OperationKind, Script, Statement
from qualitygate.model.source import Span
from qualitygate.model.syntax import Module


def read_python_migration(module: Module) -> tuple[Script, tuple[tuple[int, str], ...]] | None:
    """The script of a migration and the lines that were not understood, each with its reason; None for other files."""
    if is_revision(module):
        read = read_revision(module, read_text)
        return Script(
            dialect_of_imports(module),
            read.statements,
            "alembic",
            False,
            read.total,
            read.revision,
            steps_of_alembic(module),
            lost=len(read.lost),
        ), read.lost
    migration = read_migration(module)
    if migration is None:
        return None
    kept = []
    lost = []
    texts = tuple(sql_of(migration))
    values: set[str] = set()
    for text, span, reason in texts:
        operations, understood = read_text(text, span, values) if text is not None else ((), False)
        values.update(one.to for one in operations if one.kind is OperationKind.ADD_VALUE)
        if not understood:
            lost.append((span.line, reason if text is None else "statement not understood"))
        if operations:
            kept.append(Statement(span, operations))
    dialect = dialect_of_imports(module)
    total, steps = len(migration.operations), steps_of_django(module)
    script = Script(dialect, tuple(kept), "django", not migration.atomic, total, steps=steps, lost=len(lost))
    return script, tuple(lost)


def read_text(text: str, span: Span, values: Collection[str] = frozenset()) -> tuple[tuple[Operation, ...], bool]:
    """The operations of SQL that stands in a string, all at the span of the call that runs it.

    ``values`` are those that the migration has added to an enumeration before. The second part says whether every
    statement was understood.
    """
    from qualitygate.parse.ddl import NotUnderstood, operations, uses
    from qualitygate.parse.sql import SqlError, split

    found: list[Operation] = []
    locate: Callable[[int, int], Span] = lambda start, end: span  # noqa: E731 - the place of every part is the same
    understood = True
    try:
        statements = split(text, "")
    except SqlError:
        return (), False
    added = set(values)
    for statement in statements:
        try:
            read = uses if statement.words[0] in _ROWS_ONLY else operations
            found += read(statement, locate, added)
        except NotUnderstood:
            understood = False
        added.update(one.to for one in found if one.kind is OperationKind.ADD_VALUE)
    return tuple(found), understood


# What never touches the schema; its text is more often put together from parts that are not known.
_ROWS_ONLY = frozenset({"SELECT", "INSERT", "WITH", "COPY", "GRANT", "REVOKE", "COMMENT"})

__all__ = ["read_python_migration", "read_text"]
