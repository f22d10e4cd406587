"""A table that is dropped while code still names it.

What it flags: `DROP TABLE` (Alembic: `op.drop_table`, Django: `DeleteModel`) of a table that was there before the
migration. It is an error where a model of this code still stands for the table and no migration brings it back. It is a
warning of medium confidence where SQL in a text of the application names it. With a base to compare with, it is a warning
where the code of the base still names it, for that is the release that runs while the migration is applied, and nothing
where neither does. Without a base and without a name in the code it is a note of low confidence. Left alone are tables
that the same migration makes, a table whose name the migrations give to another one, temporary tables, the way down, and
SQLite.

Why: between the migration and the end of the rollout the release before still runs, and each of its queries on the table
fails. Taking the release back fails the same way, and the rows are gone.

How to mend: in two releases: first the code stops to name the table, then a migration drops it.

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
    """One hit a table; the old ones of a history that no code names as one."""
    return drops(project, OperationKind.DROP_TABLE, "table", _named, _stays)


def _named(named: Named, effect: Effect) -> Naming | None:
    return named.table(effect.table)


def _stays(effect: Effect, left: Table | None) -> bool:
    return left is not None


_MODEL = """
from sqlalchemy import BigInteger, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
"""

CHECK = Check(
    id="referenced-table-drop",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Break the release that is still running",
    tags=("CWE-1057",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, OperationKind.DROP_TABLE, dialects=SHARED)),
    doc=__doc__,
    bad=(
        example(
            {**alembic('op.drop_table("teams")  # <- flagged'), "app/models.py": _MODEL}, "Alembic: a model has it"
        ),
        example(
            {
                **django('migrations.DeleteModel("Team"),  # <- flagged'),
                "shop/models.py": """
                    from django.db import models


                    class Team(models.Model):
                        name = models.CharField(max_length=80)
                """,
            },
            "Django: a model has it",
        ),
        example(
            {
                **sql("goose", "DROP TABLE teams; -- <- flagged\n"),
                "app/reports.py": """
                    import psycopg


                    def teams(connection: psycopg.Connection) -> list[tuple[str]]:
                        return connection.execute("SELECT name FROM public.teams ORDER BY name").fetchall()
                """,
            },
            "goose: a query names it",
        ),
        example(sql("diesel", "DROP TABLE teams; -- <- flagged\n"), "diesel: a release before may name it"),
    ),
    good=(
        example(
            {
                **alembic(
                    """
                    op.create_table("teams_new", sa.Column("id", sa.BigInteger(), primary_key=True))
                    op.drop_table("teams")
                    op.rename_table("teams_new", "teams")
                    """
                ),
                "app/models.py": _MODEL,
            },
            "Alembic: a new table takes its place",
        ),
        example(
            sql(
                "flyway",
                """
                CREATE TEMP TABLE kept AS SELECT id FROM users;
                CREATE TABLE drafts (id bigserial PRIMARY KEY);
                DROP TABLE kept, drafts;
                DROP TABLE IF EXISTS visits;
                """,
            ),
            "Flyway: what the migration makes, and what is not there",
        ),
        example(
            django(
                """
                migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("Team")]),
                """
            ),
            "Django: the model alone",
        ),
        example(
            {
                "migrations/001_base.up.sql": "CREATE TABLE teams (id bigserial PRIMARY KEY);\n",
                "migrations/001_base.down.sql": "DROP TABLE teams;\n",
                "app/models.py": _MODEL,
            },
            "the way down",
        ),
    ),
)
