"""A column that is made NOT NULL while nobody can read or write the table.

What it flags: `SET NOT NULL` on a column of a table that PostgreSQL had before the migration: in SQL, through Alembic
(`op.alter_column(nullable=False)`) and through Django (`AlterField` from `null=True`, which also fills the rows that hold
NULL in one UPDATE). Left alone are columns that are NOT NULL already, tables that the same migration makes, drops or
empties, columns for which a validated check says `IS NOT NULL` (PostgreSQL 12 and later believe it and read nothing), the
way down, and other databases. The confidence is medium where no migration makes the table, where the order of the files is
a guess, where the statement stands in a block that may not run, and where nothing names the database.

Why: the whole table is read for a NULL under an ACCESS EXCLUSIVE lock. Nobody reads or writes it meanwhile.

How to mend: `ADD CONSTRAINT ... CHECK (column IS NOT NULL) NOT VALID`, then VALIDATE it in a migration of its own, then
SET NOT NULL, which now reads nothing, and drop the check.

What it cannot see: how many rows the table has, and the version of the server beyond what images in compose and CI files
say (`postgres` sets it): before PostgreSQL 12 the check does not help.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import History, Migration, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import Cost, Effect, Options, located, told, version
from qualitygate_checks.database._migrations import by_age, changes, confidence, doubts, mend, origin


def run(project: Project, options: Options) -> Iterator[Hit]:
    """One hit a column; the old ones of a history as one."""
    yield from by_age(project, _hits(project, version(project, options)))


def _hits(project: Project, postgres: int) -> Iterator[Hit]:
    for history, migration, effect in located(project, OperationKind.SET_NOT_NULL, postgres=postgres):
        if effect.cost is Cost.SCAN:
            yield _hit(history, migration, effect)


def _hit(history: History, migration: Migration, effect: Effect) -> Hit:
    operation = effect.change.operation
    (column,) = operation.columns
    doubted = doubts(history, effect.change)
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Making {effect.table}.{column} NOT NULL reads all of {effect.table} while nobody can use it",
        subject=f"{effect.table}.{column}",
        why="; ".join([told(effect), *doubted]),
        mend=mend(
            history,
            f"ADD CONSTRAINT ... CHECK ({column} IS NOT NULL) NOT VALID; VALIDATE it in a later migration; then SET NOT NULL "
            "reads nothing, and the check can go",
            f"op.create_check_constraint(..., '{column} IS NOT NULL', postgresql_not_valid=True); VALIDATE it by op.execute "
            "in a later revision; then nullable=False reads nothing, and the check can go",
            f"fill the rows in batches; AddConstraintNotValid of CheckConstraint(condition=Q({column}__isnull=False)); "
            "ValidateConstraint in a later migration; then the AlterField reads nothing",
        ),
        places=origin(effect.change),
        confidence=confidence(doubted),
    )


CHECK = Check(
    id="blocking-not-null",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Lock a table that is in use",
    tags=("CWE-667",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, OperationKind.SET_NOT_NULL)),
    doc=__doc__,
    options=Options(),
    bad=(
        example(
            sql("diesel", "ALTER TABLE users ALTER COLUMN team_id SET NOT NULL; -- <- flagged\n"),
            "diesel",
        ),
        example(
            sql(
                "dbmate",
                """
                ALTER TABLE users ADD COLUMN state text;
                UPDATE users SET state = 'active' WHERE id < 1000;
                ALTER TABLE users
                    ALTER email DROP NOT NULL,
                    ALTER state SET NOT NULL; -- <- flagged
                """,
            ),
            "dbmate: a column of the same migration, which has rows by now",
        ),
        example(
            sql(
                "goose",
                """
                ALTER TABLE users ADD CONSTRAINT users_age CHECK (age IS NOT NULL) NOT VALID;
                """,
                """
                ALTER TABLE users ALTER COLUMN age SET NOT NULL; -- <- flagged
                """,
            ),
            "goose: the check was never validated",
        ),
        example(
            sql(
                "flyway",
                """
                ALTER TABLE users ADD CONSTRAINT users_age CHECK (age > 0) NOT VALID;
                """,
                """
                ALTER TABLE users VALIDATE CONSTRAINT users_age;
                """,
                """
                ALTER TABLE users ALTER COLUMN age SET NOT NULL; -- <- flagged
                """,
            ),
            "Flyway: a check that lets NULL through",
        ),
        example(
            {
                **sql(
                    "diesel",
                    "ALTER TABLE users ADD CONSTRAINT users_age CHECK (age IS NOT NULL) NOT VALID;\n",
                    "ALTER TABLE users VALIDATE CONSTRAINT users_age;\n",
                    "ALTER TABLE users ALTER COLUMN age SET NOT NULL; -- <- flagged\n",
                ),
                "docker-compose.yml": """
                    services:
                      database:
                        image: postgres:11.4-alpine
                """,
            },
            "diesel: a server that does not believe the check",
        ),
        example(
            alembic('op.alter_column("users", "team_id", existing_type=sa.BigInteger(), nullable=False)  # <- flagged'),
            "Alembic",
        ),
        example(
            django('migrations.AlterField("user", "age", models.IntegerField(default=0)),  # <- flagged'),
            "Django",
        ),
    ),
    good=(
        example(
            sql(
                "diesel",
                """
                ALTER TABLE users ADD CONSTRAINT users_age CHECK (age IS NOT NULL AND age < 200) NOT VALID;
                """,
                """
                ALTER TABLE users VALIDATE CONSTRAINT users_age;
                """,
                """
                ALTER TABLE users ALTER COLUMN age SET NOT NULL;
                """,
            ),
            "diesel: behind a check that was validated",
        ),
        example(
            sql(
                "golang-migrate",
                """
                ALTER TABLE users ALTER COLUMN email SET NOT NULL;
                CREATE TABLE logins (id bigserial PRIMARY KEY, at timestamptz);
                ALTER TABLE logins ALTER COLUMN at SET NOT NULL;
                """,
            ),
            "golang-migrate: NOT NULL already, and a new table",
        ),
        example(
            alembic(
                """
                op.create_check_constraint("users_age", "users", "age IS NOT NULL", postgresql_not_valid=True)
                """,
                """
                op.execute("ALTER TABLE users VALIDATE CONSTRAINT users_age")
                """,
                """
                op.alter_column("users", "age", nullable=False)
                op.drop_constraint("users_age", "users")
                """,
            ),
            "Alembic: behind a check that was validated",
        ),
        example(
            django(
                """
                AddConstraintNotValid(
                    model_name="user",
                    constraint=models.CheckConstraint(condition=models.Q(age__isnull=False), name="users_age"),
                ),
                """,
                """
                ValidateConstraint(model_name="user", name="users_age"),
                """,
                """
                migrations.AlterField("user", "age", models.IntegerField(default=0)),
                migrations.AlterField("user", "email", models.CharField(max_length=320, verbose_name="address")),
                """,
            ),
            "Django: behind a check that was validated, and a change that is none to the database",
        ),
    ),
)
