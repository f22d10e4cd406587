"""A generated key that runs out of numbers.

What it flags: a primary key of 16 or 32 bits that the database counts up by itself (`serial`, an identity, AUTO_INCREMENT,
Django's `AutoField`, SQLAlchemy's `Integer`), in the schema as it stands after all migrations, on a table that by its name
takes a row for each thing that happens (events, logs, messages, clicks, payments, ...). Keys of 16 bits are
flagged on every table that other tables point at. SQLite, whose integers have 64 bits, is left alone, and so are MySQL's
unsigned ones. One finding a table, where the key was made.

Why: 2,147,483,647 is reached within months by a table that takes a thousand rows a second, and failed inserts count too.
Then every INSERT fails, and ALTER COLUMN TYPE rewrites the whole table, and each table that points at it, under a lock.

How to mend: `bigint GENERATED ALWAYS AS IDENTITY`; Django: `DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"`;
SQLAlchemy: `BigInteger`. It costs four bytes a row, and nothing while the table is small.

What it cannot see: how many rows come. A table of that name which stays small may keep its key: answer in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model.schema import Column, Table
from qualitygate_checks.database._migrations import tool_of
from qualitygate_checks.database._tables import as_clauses, at, confidence, made, stored

_GROWS = re.compile(
    r"(?:^|_)(?:events?|logs?|log_?entr(?:y|ies)|audits?|audit_?trail|history|histories|messages?|clicks?|page_?views|visits"
    r"|impressions|metrics|measurements?|readings?|samples?|datapoints?|pings?|heartbeats?|deliver(?:y|ies)"
    r"|webhook_?(?:calls|deliver(?:y|ies)|events)|payments?|transactions?|ledger_?entr(?:y|ies)|journal_?entr(?:y|ies)|postings"
    r"|activit(?:y|ies)|access_?tokens?|refresh_?tokens?|sessions?|traces?|spans?|telemetry)$",
    re.IGNORECASE,
)
_SMALL = re.compile(r"(?:small|tiny)(?:int|serial)|int2|serial2", re.IGNORECASE)
_NARROW = re.compile(r"(?:integer|int|int4|serial|serial4|mediumint)(?:\(\d+\))?", re.IGNORECASE)
_MENDS = {
    "django": 'BigAutoField: DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField", or primary_key on the model',
    "alembic": "sa.BigInteger() for the key and for every column that points at it",
}


def run(project: Project) -> Iterator[Hit]:
    """One hit a table."""
    pointed = {key.references_table for table in project.tables for key in table.foreign_keys}
    for table in stored(project):
        column = _counted(table)
        if column is None or table.dialect == "sqlite":
            continue
        small = _SMALL.fullmatch(column.type) is not None
        grows = _GROWS.search(table.name) is not None
        if not (grows or (small and table.full_name in pointed)):
            continue
        sure, doubt = confidence(project, table, Confidence.MEDIUM)
        most = "32,767" if small else "2,147,483,647"
        by = "takes a row for each thing that happens, by its name" if grows else "is pointed at by other tables"
        yield Hit(
            place=at(column.place),
            message=f"{table.full_name}.{column.name} counts up to {most} at most",
            subject=f"{table.full_name}.{column.name}",
            why=as_clauses(
                f"{column.type} has {'16' if small else '32'} bits, numbers of failed inserts are lost, and the table {by}",
                doubt,
            ),
            mend=_MENDS.get(tool_of(project, table), "bigint GENERATED ALWAYS AS IDENTITY"),
            places=made(table, column.place),
            confidence=sure,
        )


def _counted(table: Table) -> Column | None:
    """The column of the key, where the database counts it up and it is narrow."""
    column = table.column(table.primary_key[0]) if len(table.primary_key) == 1 else None
    if column is None or not (_SMALL.fullmatch(column.type) or _NARROW.fullmatch(column.type)):
        return None
    counted = column.generated or "serial" in column.type.lower() or "nextval" in (column.default or "").lower()
    return column if counted else None


CHECK = Check(
    id="small-primary-key",
    domain=Domain.DATABASE,
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    do="Give keys room to grow",
    dont="Run out of numbers under load",
    tags=("CWE-190",),
    run=run,
    examined=lambda project: sum(1 for _ in stored(project)),
    doc=__doc__,
    bad=(
        example(
            """
            CREATE TABLE audit_events (
                id serial PRIMARY KEY, -- <- flagged
                at timestamptz NOT NULL
            );
            CREATE TABLE messages (
                id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- <- flagged
                body text NOT NULL
            );
            """,
            "serial and identity",
            path="db/schema.sql",
        ),
        example(
            """
            CREATE TABLE stores (
                id smallserial PRIMARY KEY, -- <- flagged
                name text NOT NULL
            );
            CREATE TABLE visits (id bigserial PRIMARY KEY, store_id smallint NOT NULL REFERENCES stores (id));
            """,
            "sixteen bits",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/env.py": "from alembic import context\nimport psycopg2\n",
                "migrations/versions/1a2b3c4d5e6f_payments.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "1a2b3c4d5e6f"
                    down_revision = None


                    def upgrade() -> None:
                        op.create_table(
                            "payments",
                            sa.Column("id", sa.Integer(), primary_key=True),  # <- flagged
                            sa.Column("amount", sa.Numeric(12, 2), nullable=False),
                        )


                    def downgrade() -> None:
                        op.drop_table("payments")
                    """,
            },
            "Alembic",
        ),
        example(
            {
                "config/settings.py": """
                    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop"}}
                    DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
                    """,
                "shop/models.py": """
                    from django.db import models


                    class Click(models.Model):  # <- flagged
                        at = models.DateTimeField()

                        class Meta:
                            db_table = "clicks"
                    """,
            },
            "Django, models without migrations",
        ),
    ),
    good=(
        example(
            """
            CREATE TABLE audit_events (id bigserial PRIMARY KEY, at timestamptz NOT NULL);
            CREATE TABLE messages (id uuid PRIMARY KEY, body text NOT NULL);
            CREATE TABLE countries (id serial PRIMARY KEY, name text NOT NULL);
            CREATE TABLE kinds (id smallserial PRIMARY KEY, name text NOT NULL);
            """,
            "room enough, and tables that stay small",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/0001_init.up.sql": "CREATE TABLE events (id serial PRIMARY KEY, at timestamptz NOT NULL);",
                "migrations/0002_bigger.up.sql": "ALTER TABLE events ALTER COLUMN id TYPE bigint;",
            },
            "mended since",
        ),
        example(
            {
                "migrations/sqlite/0001_init.sql": """
                    CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL);
                    """,
            },
            "SQLite",
        ),
        example(
            """
            from django.db import models


            class Session(models.Model):
                key = models.CharField(max_length=40, primary_key=True)


            class Event(models.Model):
                id = models.BigAutoField(primary_key=True)
            """,
            "Django",
            path="shop/models.py",
        ),
    ),
)
