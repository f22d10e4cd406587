"""A value that is added to an enumeration and used before the transaction ends, which PostgreSQL refuses.

What it flags: a statement that holds, as a text, a value which an `ALTER TYPE ... ADD VALUE` before it in the same
transaction has added: between BEGIN and COMMIT, or in a migration that its tool runs in a transaction (the list is that of
concurrent-index-in-transaction). Where the tool sends the file as one script (golang-migrate, Prisma) the confidence is
medium, since options change it. Left alone are enumerations that the same migration makes (their values can be used at
once), the way down, and tools whose way is not known.

Why: PostgreSQL answers "unsafe use of new value", the migration fails, and with it the deployment. Before PostgreSQL 12
already ADD VALUE fails inside a transaction.

How to mend: add the value in a migration of its own, and use it in the next one.

What it cannot see: whether the text means the enumeration's value, or stands by chance for something else; a value that
comes from a query or from Python.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Change, History, Migration, Operation, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._migrations import by_age, changes, mend, steps


def run(project: Project) -> Iterator[Hit]:
    """One hit a value, at its first use; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for history, migration in steps(project):
        made = {each.operation.name for each in migration.changes if each.operation.kind is OperationKind.CREATE_TYPE}
        by_tool = migration.transaction in ("wrapped", "implicit")
        inside, opened = by_tool, False
        added: dict[str, Change] = {}
        for change in migration.changes:
            operation = change.operation
            if operation.kind is OperationKind.BEGIN:
                added = added if by_tool and inside else {}
                inside, opened = True, True
            elif operation.kind in (OperationKind.COMMIT, OperationKind.ROLLBACK):
                added, inside, opened = {}, False, False
            elif operation.kind is OperationKind.ADD_VALUE:
                if operation.name not in made and inside:
                    added[operation.to] = change
            else:
                for value in _values(operation, added):
                    yield _hit(history, migration, change, added.pop(value), opened=opened)


def _values(operation: Operation, added: dict[str, Change]) -> list[str]:
    """The values among ``added`` that an operation uses."""
    if operation.kind is OperationKind.USE_VALUE:
        return [operation.to] if operation.to in added else []
    written = f"{operation.default or ''} {operation.expression}"
    return [value for value in added if f"'{value}'" in written]


def _hit(history: History, migration: Migration, change: Change, added: Change, *, opened: bool) -> Hit:
    value, kind = added.operation.to, added.operation.name
    surely = opened or migration.transaction == "wrapped"
    runs = (
        "runs this migration in a transaction"
        if migration.transaction == "wrapped"
        else "sends this file as one script"
    )
    return Hit(
        place=Place(migration.path, change.operation.span),
        message=f"Value '{value}' is used in the transaction that adds it to {kind}, which PostgreSQL refuses",
        subject=f"{kind}.{value}",
        why="it stands between BEGIN and COMMIT" if opened else f"{history.tool} {runs}",
        mend=mend(
            history,
            "add the value in a migration of its own, before this one",
            "add the value in a revision of its own, or inside `with op.get_context().autocommit_block():`",
            "add the value in a migration of its own, before this one",
        ),
        places=(Place(migration.path, added.operation.span, "the value is added here", "migration"),),
        confidence=Confidence.HIGH if surely else Confidence.MEDIUM,
    )


CHECK = Check(
    id="enum-value-used-in-same-transaction",
    domain=Domain.DATABASE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Ship a migration that cannot be applied",
    tags=("CWE-670",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, OperationKind.ADD_VALUE)),
    doc=__doc__,
    bad=(
        example(
            sql(
                "diesel",
                """
                ALTER TYPE mood ADD VALUE 'calm';
                ALTER TABLE users ADD COLUMN mood mood NOT NULL DEFAULT 'calm'; -- <- flagged
                """,
            ),
            "diesel: as a default",
        ),
        example(
            sql(
                "golang-migrate",
                """
                ALTER TYPE mood ADD VALUE IF NOT EXISTS 'calm' BEFORE 'happy';
                INSERT INTO settings (name, mood)
                VALUES ('start', 'calm'); -- <- flagged
                """,
            ),
            "golang-migrate: as a row",
        ),
        example(
            sql(
                "goose without a transaction",
                """
                BEGIN;
                ALTER TYPE mood ADD VALUE 'calm';
                CREATE INDEX users_calm ON users (id) WHERE mood = 'calm'; -- <- flagged
                COMMIT;
                """,
            ),
            "goose: in a transaction of one's own",
        ),
        example(
            alembic(
                """
                op.execute("ALTER TYPE mood ADD VALUE 'calm'")
                op.execute("UPDATE users SET mood = 'calm' WHERE mood = 'quiet'")  # <- flagged
                """
            ),
            "Alembic",
        ),
        example(
            django(
                """
                migrations.RunSQL("ALTER TYPE mood ADD VALUE 'calm'", migrations.RunSQL.noop),
                migrations.RunSQL(  # <- flagged
                    "UPDATE shop_user SET mood = 'calm' WHERE mood = 'quiet'",
                    migrations.RunSQL.noop,
                ),
                """
            ),
            "Django",
        ),
    ),
    good=(
        example(
            sql(
                "diesel",
                "ALTER TYPE mood ADD VALUE 'calm';\n",
                "UPDATE users SET mood = 'calm' WHERE mood = 'quiet';\n",
            ),
            "diesel: in two migrations",
        ),
        example(
            sql(
                "flyway",
                """
                CREATE TYPE mood AS ENUM ('quiet');
                ALTER TYPE mood ADD VALUE 'calm';
                ALTER TABLE users ADD COLUMN mood mood DEFAULT 'calm';
                """,
            ),
            "Flyway: the migration makes the type",
        ),
        example(
            sql(
                "goose without a transaction",
                """
                ALTER TYPE mood ADD VALUE 'calm';
                UPDATE users SET mood = 'calm' WHERE mood = 'quiet';
                """,
            ),
            "goose: without a transaction",
        ),
        example(
            alembic(
                """
                with op.get_context().autocommit_block():
                    op.execute("ALTER TYPE mood ADD VALUE 'calm'")
                op.execute("UPDATE users SET mood = 'calm' WHERE mood = 'quiet'")
                """
            ),
            "Alembic: outside the transaction",
        ),
        example(
            django(
                """
                migrations.RunSQL("ALTER TYPE mood ADD VALUE 'calm'", migrations.RunSQL.noop),
                migrations.RunSQL("UPDATE shop_user SET mood = 'busy' WHERE mood = 'quiet'", migrations.RunSQL.noop),
                """
            ),
            "Django: another value",
        ),
    ),
)
