"""A column that is dropped while code still names it.

What it flags: `DROP COLUMN` (Alembic: `op.drop_column`, Django: `RemoveField`) on a table that was there before the
migration. It is an error where a model of this code still declares the column and no migration brings it back: every query
of the model fails once the migration is applied. It is a warning of medium confidence where SQL in a text of the
application names table and column. With a base to compare with, it is a warning where the code of the base still names it,
for that is the release that runs while the migration is applied, and nothing where neither does. Without a base and
without a name in the code it is a note of low confidence. Left alone are tables that the same migration makes or drops, a
column that the migrations add again, the way down, and SQLite.

Why: between the migration and the end of the rollout the release before still runs. An ORM asks for every column that it
knows, so that each query on the table fails, and taking the release back fails the same way.

How to mend: in two releases: first the code stops to name the column (Django: RemoveField as a state operation of
SeparateDatabaseAndState, with the column nullable or with a default in the database), then a migration drops it.

What it cannot see: programs outside this repository that read the table, queries that are put together from parts, and
which release runs where nothing is compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model.schema import OperationKind, Table
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import Effect
from qualitygate_checks.database._migrations import SHARED, changes
from qualitygate_checks.database._named import Named, Naming, drops


def run(project: Project) -> Iterator[Hit]:
    """One hit a column; the old ones of a history that no code names as one."""
    return drops(project, OperationKind.DROP_COLUMN, "column", _named, _stays)


def _named(named: Named, effect: Effect) -> Naming | None:
    return named.column(effect.table, effect.change.operation.columns[0])


def _stays(effect: Effect, left: Table | None) -> bool:
    """Whether the column is there in the end, or the whole table is not: then its drop is told."""
    return left is None or left.column(effect.change.operation.columns[0]) is not None


_MODEL = """
from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
{}
"""
_DJANGO_MODEL = """
from django.db import models


class User(models.Model):
    email = models.CharField(max_length=320)
{}
"""

CHECK = Check(
    id="referenced-column-drop",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Break the release that is still running",
    tags=("CWE-1057",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, OperationKind.DROP_COLUMN, dialects=SHARED)),
    doc=__doc__,
    bad=(
        example(
            {
                **alembic('op.drop_column("users", "age")  # <- flagged'),
                "app/models.py": _MODEL.format("    age: Mapped[int] = mapped_column(Integer)"),
            },
            "Alembic: the model still has it",
        ),
        example(
            {
                **django('migrations.RemoveField("user", "age"),  # <- flagged'),
                "shop/models.py": _DJANGO_MODEL.format("    age = models.IntegerField(null=True)"),
            },
            "Django: the model still has it",
        ),
        example(
            {
                **sql("golang-migrate", "ALTER TABLE users DROP COLUMN age; -- <- flagged\n"),
                "app/reports.py": """
                    import psycopg


                    def ages(connection: psycopg.Connection) -> list[tuple[int, int]]:
                        return connection.execute("SELECT age, count(*) FROM users GROUP BY age").fetchall()
                """,
            },
            "golang-migrate: a query names it",
        ),
        example(
            sql("dbmate", "ALTER TABLE users DROP COLUMN age; -- <- flagged\n"), "dbmate: a release before may name it"
        ),
    ),
    good=(
        example(
            {
                **alembic(
                    """
                    op.drop_column("users", "age")
                    op.add_column("users", sa.Column("age", sa.BigInteger()))
                    """
                ),
                "app/models.py": _MODEL.format("    age: Mapped[int] = mapped_column(BigInteger)"),
            },
            "Alembic: added again in another form",
        ),
        example(
            sql(
                "diesel",
                """
                CREATE TABLE logins (id bigserial PRIMARY KEY, at timestamptz, by text);
                ALTER TABLE logins DROP COLUMN by;
                """,
            ),
            "diesel: a new table",
        ),
        example(
            django(
                """
                migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("user", "age")]),
                """
            ),
            "Django: from the model alone",
        ),
        example(
            {
                **sql("goose", "ALTER TABLE users DROP COLUMN IF EXISTS nick;\n"),
                "app/reports.py": 'QUERY = "SELECT nick FROM users"\n',
            },
            "goose: a column that is not there",
        ),
    ),
)
