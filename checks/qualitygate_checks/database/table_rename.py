"""A table that gets another name while the release that uses the old one still runs.

What it flags: `ALTER TABLE ... RENAME TO` (Alembic: `op.rename_table`, Django: `RenameModel` and `AlterModelTable`, with
the tables behind its many-to-many fields) on a table that was there before the migration. Left alone are tables that
the same migration makes, a table whose old name the same migration gives to another table or to a view, the way down, and
SQLite. The confidence is medium where no migration makes the table, where the order of the files is a guess,
where the statement stands in a block that may not run, and where nothing names the database.

Why: between the migration and the end of the rollout two releases use the database, and one of them asks for a table that
is not there: each of its queries on it fails. Taking the release back fails the same way.

How to mend: keep the table's name and change that of the class alone (Django's `db_table`, SQLAlchemy's `__tablename__`),
or leave a view under the old name in the same transaction, and drop it in a later release. A simple view can be written to.

What it cannot see: whether the service stands still while it is deployed, and whether anything uses the table yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import History, Migration, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import Effect, located
from qualitygate_checks.database._migrations import SHARED, by_age, changes, confidence, doubts, mend, origin

_MAKES = frozenset({OperationKind.CREATE_TABLE, OperationKind.CREATE_VIEW})


def run(project: Project) -> Iterator[Hit]:
    """One hit a table, one for a step in code that renames several; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    told_of = set()
    for history, migration, effect in located(project, OperationKind.RENAME_TABLE, dialects=SHARED):
        operation = effect.change.operation
        step = (migration.path, operation.span)
        if _taken(migration, operation.table) or (history.tool == "django" and step in told_of):
            continue
        told_of.add(step)
        yield _hit(history, migration, effect)


def _taken(migration: Migration, name: str) -> bool:
    """Whether the migration gives the old name to another table or to a view."""
    return any(
        (each.operation.kind in _MAKES and each.operation.table == name)
        or (each.operation.kind is OperationKind.RENAME_TABLE and each.operation.to == name)
        for each in migration.changes
    )


def _hit(history: History, migration: Migration, effect: Effect) -> Hit:
    operation = effect.change.operation
    doubted = doubts(history, effect.change)
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Renaming table {effect.table} to {operation.to} breaks the release that is still running",
        subject=effect.table,
        why="; ".join(["its queries name the old table until it is replaced", *doubted]),
        mend=mend(
            history,
            f"CREATE VIEW {operation.table} AS SELECT * FROM {operation.to} in the same migration, dropped in a later release",
            f"keep __tablename__ = '{operation.table}', or leave a view of that name by op.execute in the same revision",
            f"give the model Meta.db_table = '{operation.table}', first in an AlterModelTable, and rename the class alone",
        ),
        places=origin(effect.change),
        confidence=confidence(doubted),
    )


CHECK = Check(
    id="table-rename",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Break the release that is still running",
    tags=("CWE-1057",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, OperationKind.RENAME_TABLE, dialects=SHARED)),
    doc=__doc__,
    bad=(
        example(sql("diesel", "ALTER TABLE users RENAME TO people; -- <- flagged\n"), "diesel"),
        example(
            sql(
                "prisma",
                """
                ALTER TABLE "teams" RENAME TO "groups"; -- <- flagged
                ALTER TABLE "groups" RENAME CONSTRAINT "teams_pkey" TO "groups_pkey";
                """,
            ),
            "Prisma",
        ),
        example(alembic('op.rename_table("users", "people")  # <- flagged'), "Alembic"),
        example(
            django(
                """
                migrations.RenameModel("User", "Person"),  # <- flagged
                migrations.AlterModelTable("team", "groups"),  # <- flagged
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
                ALTER TABLE users RENAME TO people;
                CREATE VIEW users AS SELECT * FROM people;
                """,
            ),
            "diesel: the old name stays as a view",
        ),
        example(
            sql(
                "flyway",
                """
                CREATE TABLE users_new (id bigserial PRIMARY KEY, email text NOT NULL);
                ALTER TABLE users RENAME TO users_old;
                ALTER TABLE users_new RENAME TO users;
                """,
            ),
            "Flyway: a new table takes the place of the old one",
        ),
        example(
            alembic(
                """
                op.create_table("drafts", sa.Column("id", sa.BigInteger(), primary_key=True))
                op.rename_table("drafts", "notes")
                """
            ),
            "Alembic: a table that the revision makes",
        ),
        example(
            django(
                """
                migrations.AlterModelTable("user", "shop_user"),
                migrations.RenameModel("User", "Person"),
                """
            ),
            "Django: another name in code alone",
        ),
    ),
)
