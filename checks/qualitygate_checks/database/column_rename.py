"""A column that gets another name while the release that uses the old one still runs.

What it flags: `RENAME COLUMN` (Alembic: `op.alter_column(new_column_name=...)`, Django: `RenameField`, or an `AlterField`
with another `db_column`) on a table that was there before the migration. Left alone are tables that the same migration
makes or drops, a column whose old name the same migration gives to another column, a table whose old name it keeps as a
view, the columns that go with a renamed model of Django (told as table-rename), the way down, and SQLite. The
confidence is medium where no migration makes the table, where the order of the files is a guess, where the statement
stands in a block that may not run, and where nothing names the database.

Why: between the migration and the end of the rollout two releases use the database, and one of them asks for a column that
is not there: each of its queries on the table fails. Taking the release back fails the same way.

How to mend: add a column of the new name, write both, fill the old rows in batches, read the new one, and drop the old one
in a later release. In code the new name costs nothing: Django's `db_column` and SQLAlchemy's `Column("old_name")` keep the
column's.

What it cannot see: whether the service stands still while it is deployed, and whether anything uses the column yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import History, Migration, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import Effect, located
from qualitygate_checks.database._migrations import SHARED, by_age, changes, confidence, doubts, mend, origin


def run(project: Project) -> Iterator[Hit]:
    """One hit a column; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for history, migration, effect in located(project, OperationKind.RENAME_COLUMN, dialects=SHARED):
        if not _still_there(history, migration, effect):
            yield _hit(history, migration, effect)


def _still_there(history: History, migration: Migration, effect: Effect) -> bool:
    """Whether who asks for the old name still finds something, or is told of it elsewhere."""
    operation = effect.change.operation
    (old,) = operation.columns
    names = {effect.table, operation.table}
    for each in migration.changes:
        other = each.operation
        if other.kind is OperationKind.RENAME_TABLE:
            names |= {other.table} if other.to in names else set()
            if history.tool == "django" and other.span == operation.span:
                return True
    return any(
        (other.kind is OperationKind.ADD_COLUMN and other.table == operation.table and other.columns == (old,))
        or (other.kind is OperationKind.RENAME_COLUMN and other.table == operation.table and other.to == old)
        or (other.kind is OperationKind.CREATE_VIEW and other.table in names)
        for other in (each.operation for each in migration.changes)
    )


def _hit(history: History, migration: Migration, effect: Effect) -> Hit:
    operation = effect.change.operation
    (old,) = operation.columns
    doubted = doubts(history, effect.change)
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Renaming {effect.table}.{old} to {operation.to} breaks the release that is still running",
        subject=f"{effect.table}.{old}",
        why="; ".join(["its queries name the old column until it is replaced", *doubted]),
        mend=mend(
            history,
            f"add {operation.to} beside it, write both, and drop {old} in a later release",
            f"keep the column's name (Column('{old}')), or add {operation.to} beside it and drop {old} in a later release",
            f"RenameField with db_column='{old}' on the field (first in an AlterField), or a new field beside it",
        ),
        places=origin(effect.change),
        confidence=confidence(doubted),
    )


CHECK = Check(
    id="column-rename",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Break the release that is still running",
    tags=("CWE-1057",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, OperationKind.RENAME_COLUMN, dialects=SHARED)),
    doc=__doc__,
    bad=(
        example(sql("diesel", "ALTER TABLE users RENAME COLUMN email TO address; -- <- flagged\n"), "diesel"),
        example(sql("golang-migrate", "ALTER TABLE users RENAME email TO address; -- <- flagged\n"), "without COLUMN"),
        example(
            sql(
                "flyway",
                """
                DO $$
                BEGIN
                    IF EXISTS (SELECT 1 FROM information_schema.columns WHERE column_name = 'age') THEN
                        ALTER TABLE users RENAME COLUMN age TO years; -- <- flagged
                    END IF;
                END
                $$;
                """,
            ),
            "Flyway: in a block",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `orders` (`id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, `at` DATETIME);
                """,
                "migrations/mysql/0002_names.sql": """
                    ALTER TABLE `orders` CHANGE COLUMN `at` `ordered_at` DATETIME; -- <- flagged
                """,
            },
            "MySQL",
        ),
        example(
            alembic(
                """
                op.alter_column("users", "email", new_column_name="address")  # <- flagged
                with op.batch_alter_table("teams") as batch:
                    batch.alter_column("name", new_column_name="title", existing_type=sa.String(80))  # <- flagged
                """
            ),
            "Alembic",
        ),
        example(
            django(
                """
                migrations.RenameField(model_name="user", old_name="email", new_name="address"),  # <- flagged
                migrations.AlterField("user", "age", models.IntegerField(db_column="years", null=True)),  # <- flagged
                """
            ),
            "Django",
        ),
    ),
    good=(
        example(
            sql(
                "diesel",
                """
                CREATE TABLE logins (id bigserial PRIMARY KEY, at timestamptz);
                ALTER TABLE logins RENAME COLUMN at TO since;
                ALTER TABLE users RENAME CONSTRAINT users_pkey TO users_key;
                ALTER INDEX users_email_idx RENAME TO users_address_idx;
                """,
            ),
            "diesel: a new table; a constraint and an index",
        ),
        example(
            sql(
                "goose",
                """
                ALTER TABLE users RENAME COLUMN age TO age_in_months;
                ALTER TABLE users ADD COLUMN age integer;
                """,
            ),
            "goose: the old name stays in use",
        ),
        example(
            sql(
                "dbmate",
                """
                ALTER TABLE users RENAME TO people;
                ALTER TABLE people RENAME COLUMN email TO address;
                CREATE VIEW users AS SELECT id, address AS email, team_id, age, created_at FROM people;
                """,
            ),
            "dbmate: the old form stays as a view",
        ),
        example(
            alembic('op.alter_column("users", "email", existing_type=sa.String(320), comment="login")'),
            "Alembic: no other name",
        ),
        example(
            django(
                """
                migrations.AlterField("user", "email", models.CharField(db_column="email", max_length=320)),
                migrations.RenameField(model_name="user", old_name="email", new_name="address"),
                """
            ),
            "Django: another name in code alone",
        ),
    ),
)
