"""A moment without its time zone.

What it flags: a column of the type `timestamp without time zone` (`timestamp`, SQLAlchemy's `DateTime()`) in the schema as it
stands after all migrations, of PostgreSQL or of a database that nothing names. Where most times are kept so, it
is a habit and told once, at the first such column, with the count; where most have a zone, each table that does without is
told, since there the two are compared. The confidence is low where nothing names the database and where Prisma writes,
which keeps to UTC. Left alone are columns whose names say that they hold the time on a wall (`local_time`,
`opens_at`), and types of the project's own, which may convert.

Why: the value depends on who wrote it. A server, a worker and a database session in other zones write other numbers for the
same moment; the hour when clocks go back comes twice; comparing it with a `timestamptz` takes the session's zone, and Python
refuses to compare aware with naive values at run time.

How to mend: `timestamptz` (SQLAlchemy: `DateTime(timezone=True)`, Django: `USE_TZ = True`, which it is by default). Under
`SET timezone = 'UTC'`, ALTER COLUMN TYPE does not rewrite the table.

What it cannot see: whether every writer uses UTC. Then the values are right, as long as all of them keep to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Column, Table
from qualitygate_checks.database._migrations import tool_of
from qualitygate_checks.database._tables import as_clauses, at, confidence, made, stored

_NAIVE = re.compile(r"timestamp(?:\(\d\))?(?: without time zone)?", re.IGNORECASE)
_ZONED = re.compile(r"timestamptz.*|timestamp(?:\(\d\))? with time zone", re.IGNORECASE)
_WALL = re.compile(r"local|wall|(?:^|_)(?:opens?|closes?|birth\w*|day|date|month)(?:_|$)", re.IGNORECASE)
_SHOWN = 8


def run(project: Project) -> Iterator[Hit]:
    """One hit where it is the habit, else one a table."""
    tables = [table for table in stored(project) if table.dialect in ("postgres", "cockroach", "")]
    zoned = sum(1 for table in tables for column in table.columns if _ZONED.fullmatch(column.type))
    found = [(table, naive) for table in tables if (naive := [each for each in table.columns if _is_naive(each)])]
    count = sum(len(columns) for _, columns in found)
    if count > zoned:
        yield _habit(project, found, count, zoned)
    else:
        yield from (_stray(project, table, columns, zoned) for table, columns in found)


def _is_naive(column: Column) -> bool:
    return _NAIVE.fullmatch(column.type) is not None and not _WALL.search(column.name)


def _habit(project: Project, found: list[tuple[Table, list[Column]]], count: int, zoned: int) -> Hit:
    table, columns = min(found, key=lambda pair: (pair[1][0].place.path, pair[1][0].place.span))
    first = columns[0]
    # Prisma writes UTC and nothing else; a database that nothing names may know no zones at all.
    settled = not table.dialect or tool_of(project, table) == "prisma"
    sure, doubt = confidence(project, table, Confidence.LOW if settled else Confidence.MEDIUM)
    others = f"{count - 1} more column{'s' * (count != 2)} of {len(found)} table{'s' * (len(found) != 1)}"
    return Hit(
        place=at(first.place),
        message=f"{table.full_name}.{first.name} holds a moment without its time zone"
        + (f", as do {others}" if count > 1 else ""),
        subject="timestamps without time zone",
        why=as_clauses(
            f"{first.type} means what the writer's zone makes of it"
            + (f", and {zoned} column{'s have' if zoned != 1 else ' has'} a zone" if zoned else ""),
            "" if table.dialect else "nothing names the database, which is taken to be PostgreSQL",
            doubt,
        ),
        mend="timestamptz: DateTime(timezone=True)",
        places=tuple(
            Place(each.place.path, each.place.span, f"{other.full_name}.{each.name}", each.place.role)
            for other, columns_ in found
            for each in columns_
            if each is not first
        )[:_SHOWN],
        confidence=sure,
    )


def _stray(project: Project, table: Table, columns: list[Column], zoned: int) -> Hit:
    first = columns[0]
    sure, doubt = confidence(project, table, Confidence.HIGH if table.dialect else Confidence.MEDIUM)
    more = f" ({', '.join(column.name for column in columns[1:])} too)" if len(columns) > 1 else ""
    return Hit(
        place=at(first.place),
        message=f"{table.full_name}.{first.name} holds a moment without its time zone{more}",
        subject=f"{table.full_name}.{first.name}",
        why=as_clauses(f"{zoned} columns of this schema have a zone, and a comparison takes the session's", doubt),
        mend="timestamptz: DateTime(timezone=True)",
        places=made(table, first.place),
        confidence=sure,
    )


CHECK = Check(
    id="naive-timestamp",
    domain=Domain.DATABASE,
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    do="Store moments with their time zone",
    dont="Depend on the zone of whoever writes",
    tags=("CWE-187",),
    gates=("data_consistency",),
    run=run,
    examined=lambda project: sum(len(table.columns) for table in stored(project)),
    doc=__doc__,
    bad=(
        example(
            {
                "db/migration/V1__init.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY, created_at timestamptz NOT NULL, seen_at timestamptz);
                    """,
                "db/migration/V2__visits.sql": """
                    CREATE TABLE visits (
                        id bigserial PRIMARY KEY,
                        began_at timestamp NOT NULL, -- <- flagged
                        ended_at timestamp
                    );
                    """,
            },
            "one table among others",
        ),
        example(
            """
            CREATE TABLE a (
                id bigserial PRIMARY KEY,
                created_at timestamp without time zone NOT NULL DEFAULT now() -- <- flagged
            );
            CREATE TABLE b (id bigserial PRIMARY KEY, created_at timestamp, updated_at timestamp(3));
            CREATE TABLE c (id bigserial PRIMARY KEY, created_at timestamptz);
            """,
            "a habit, told once",
            path="db/schema.sql",
        ),
        example(
            {
                "app/db.py": "import asyncpg\n",
                "app/models.py": """
                    from datetime import datetime

                    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                    class Base(DeclarativeBase):
                        pass


                    class Order(Base):
                        __tablename__ = "orders"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        placed_at: Mapped[datetime]  # <- flagged
                        paid_at: Mapped[datetime | None]
                    """,
            },
            "SQLAlchemy, models without migrations",
        ),
        example(
            {
                "migrations/env.py": "from alembic import context\nimport psycopg2\n",
                "migrations/versions/0001_users.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "0001"
                    down_revision = None


                    def upgrade() -> None:
                        op.create_table(
                            "users",
                            sa.Column("id", sa.BigInteger(), primary_key=True),
                            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
                            sa.Column("updated_at", sa.DateTime(), nullable=True),  # <- flagged
                        )


                    def downgrade() -> None:
                        op.drop_table("users")
                    """,
            },
            "Alembic: both in one table",
        ),
    ),
    good=(
        example(
            """
            CREATE TABLE shops (
                id bigserial PRIMARY KEY, created_at timestamptz NOT NULL, local_time timestamp, opens_at timestamp, day date
            );
            """,
            "with a zone, and the time on a wall",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `a` (`id` INT PRIMARY KEY AUTO_INCREMENT, `at` TIMESTAMP NOT NULL, `seen` DATETIME) ENGINE=InnoDB;
                    """,
            },
            "MySQL, whose timestamp is in UTC",
        ),
        example(
            {
                "migrations/0001_init.up.sql": "CREATE TABLE a (id bigserial PRIMARY KEY, at timestamp NOT NULL);",
                "migrations/0002_zone.up.sql": "ALTER TABLE a ALTER COLUMN at TYPE timestamptz USING at AT TIME ZONE 'UTC';",
            },
            "mended since",
        ),
        example(
            """
            from datetime import datetime, timezone

            from sqlalchemy import DateTime
            from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
            from sqlalchemy.types import TypeDecorator


            class UtcDateTime(TypeDecorator):
                impl = DateTime

                def process_bind_param(self, value, dialect):
                    return value.astimezone(timezone.utc).replace(tzinfo=None)


            class Base(DeclarativeBase):
                type_annotation_map = {datetime: DateTime(timezone=True)}


            class Order(Base):
                __tablename__ = "orders"
                id: Mapped[int] = mapped_column(primary_key=True)
                placed_at: Mapped[datetime]
                paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
            """,
            "SQLAlchemy: by the base, and a type that converts",
            path="app/models.py",
        ),
    ),
)
