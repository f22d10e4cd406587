"""A table with so many indexes that every write pays for them.

What it flags: a table of the schema as it stands after all migrations with more than `most` (10) indexes that only serve
queries: those behind a primary key, a unique constraint or a foreign key are needed for other reasons and do not count.
One finding a table, where the table was made, with the indexes behind it.

Why: each INSERT writes to every index, and so does each UPDATE that changes an indexed column or finds no room in its page. Ten indexes
make a write several times as dear, fill the cache with pages that few queries read, and make vacuum slower.

How to mend: look at what is used (`pg_stat_user_indexes.idx_scan`), drop what is not, and put columns that are asked for
together into one index.

What it cannot see: which queries there are, and how much is written. For a table that is read only, an answer where it
is made is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Index, Table
from qualitygate_checks.database._migrations import doubtful

_SHOWN = 15


@dataclass(frozen=True)
class Options:
    """``most``: how many indexes a table may have that serve queries alone."""

    most: int = 10


def run(project: Project, options: Options) -> Iterator[Hit]:
    """One hit a table."""
    told = set()
    for table in sorted(project.tables, key=lambda table: table.dialect != "postgres"):
        if table.kind not in ("table", "partitioned") or table.full_name in told:
            continue
        indexes = _for_queries(table)
        if len(indexes) <= options.most:
            continue
        # the same migrations kept for several databases: one fault
        told.add(table.full_name)
        doubt = doubtful(project, table)
        yield Hit(
            place=Place(table.defined_at.path, table.defined_at.span),
            message=f"Table {table.full_name} has {len(indexes)} indexes for queries, and every write keeps them all",
            subject=table.full_name,
            why=f"more than {options.most}, those for keys and unique values not counted"
            + (f"; {doubt}" if doubt else ""),
            mend="drop those that no query uses, and put columns that are asked for together into one",
            places=tuple(
                Place(index.place.path, index.place.span, f"{index.name} ({', '.join(index.columns)})", "migration")
                for index in indexes[:_SHOWN]
            ),
            confidence=Confidence.LOW if doubt else Confidence.MEDIUM,
        )


def _for_queries(table: Table) -> list[Index]:
    """The indexes that neither keep values unique nor serve a foreign key."""
    keys = {key.columns for key in table.foreign_keys}
    return [
        index
        for index in table.indexes
        if not index.unique and not index.constraint and not any(index.columns[: len(key)] == key for key in keys)
    ]


CHECK = Check(
    id="over-indexed-table",
    domain=Domain.DATABASE,
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    do="Index frequently queried columns",
    dont="Index everything blindly",
    tags=("CWE-1089",),
    gates=("database_performance",),
    run=run,
    examined=lambda project: sum(1 for table in project.tables if table.kind in ("table", "partitioned")),
    options=Options(),
    doc=__doc__,
    bad=(
        example(
            """
            CREATE TABLE contacts ( -- <- flagged
                id bigserial PRIMARY KEY,
                email text UNIQUE,
                first text, last text, street text, city text, country text, phone text, fax text, note text, rank int
            );
            CREATE INDEX contacts_first ON contacts (first);
            CREATE INDEX contacts_last ON contacts (last);
            CREATE INDEX contacts_street ON contacts (street);
            CREATE INDEX contacts_city ON contacts (city);
            CREATE INDEX contacts_country ON contacts (country);
            CREATE INDEX contacts_phone ON contacts (phone);
            CREATE INDEX contacts_fax ON contacts (fax);
            CREATE INDEX contacts_note ON contacts (note);
            CREATE INDEX contacts_rank ON contacts (rank);
            CREATE INDEX contacts_name ON contacts (lower(last), first);
            CREATE INDEX contacts_place ON contacts (country, city);
            """,
            "an index for every column",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE events ( -- <- flagged
                        id uuid PRIMARY KEY,
                        a int, b int, c int, d int, e int, f int, g int, h int
                    );
                    CREATE INDEX ON events (a);
                    CREATE INDEX ON events (b);
                    CREATE INDEX ON events (c);
                    CREATE INDEX ON events (d);
                    CREATE INDEX ON events (e);
                    CREATE INDEX ON events (f);
                    """,
                "migrations/0002_more.up.sql": """
                    CREATE INDEX CONCURRENTLY events_ab ON events (a, b);
                    CREATE INDEX CONCURRENTLY events_cd ON events (c, d);
                    CREATE INDEX CONCURRENTLY events_ef ON events (e, f);
                    CREATE INDEX CONCURRENTLY events_g ON events (g);
                    CREATE INDEX CONCURRENTLY events_h ON events (h) WHERE h IS NOT NULL;
                    """,
            },
            "over several migrations",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `visits` ( -- <- flagged
                        `id` INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
                        `a` INT, `b` INT, `c` INT, `d` INT, `e` INT, `f` INT, `g` INT, `h` INT, `i` INT, `j` INT, `k` INT,
                        KEY `a` (`a`), KEY `b` (`b`), KEY `c` (`c`), KEY `d` (`d`), KEY `e` (`e`), KEY `f` (`f`),
                        KEY `g` (`g`), KEY `h` (`h`), KEY `i` (`i`), KEY `j` (`j`), KEY `k` (`k`)
                    ) ENGINE=InnoDB;
                """,
            },
            "MySQL",
        ),
        example(
            {
                "alembic.ini": "[alembic]\\nscript_location = migrations\\nsqlalchemy.url = postgresql://db/helpdesk\\n",
                "migrations/env.py": "from alembic import context",
                "migrations/versions/0001_tickets.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "0001"
                    down_revision = None


                    def upgrade():
                        op.create_table(  # <- flagged
                            "tickets",
                            sa.Column("id", sa.BigInteger(), primary_key=True),
                            sa.Column("a", sa.Integer(), index=True),
                            sa.Column("b", sa.Integer(), index=True),
                            sa.Column("c", sa.Integer(), index=True),
                            sa.Column("d", sa.Integer(), index=True),
                            sa.Column("e", sa.Integer(), index=True),
                            sa.Column("f", sa.Integer(), index=True),
                            sa.Column("g", sa.Integer(), index=True),
                            sa.Column("h", sa.Integer(), index=True),
                            sa.Column("i", sa.Integer(), index=True),
                            sa.Column("j", sa.Integer(), index=True),
                        )
                        op.create_index("ix_tickets_ab", "tickets", ["a", "b"])


                    def downgrade():
                        op.drop_table("tickets")
                    """,
            },
            "Alembic",
        ),
    ),
    good=(
        example(
            """
            CREATE TABLE contacts (
                id bigserial PRIMARY KEY,
                email text UNIQUE,
                first text, last text
            );
            CREATE INDEX contacts_name ON contacts (last, first);
            """,
            "what is asked for",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE events (id uuid PRIMARY KEY, a int, b int, c int, d int, e int, f int);
                    CREATE INDEX e1 ON events (a);
                    CREATE INDEX e2 ON events (b);
                    CREATE INDEX e3 ON events (c);
                    CREATE INDEX e4 ON events (d);
                    CREATE INDEX e5 ON events (e);
                    CREATE INDEX e6 ON events (f);
                    CREATE INDEX e7 ON events (a, b);
                    CREATE INDEX e8 ON events (c, d);
                    CREATE INDEX e9 ON events (e, f);
                    CREATE INDEX e10 ON events (a, f);
                    CREATE INDEX e11 ON events (b, f);
                    """,
                "migrations/0002_less.up.sql": "DROP INDEX e1, e2;",
            },
            "some dropped since",
        ),
        example(
            """
            CREATE TABLE a (id bigserial PRIMARY KEY, x int UNIQUE, y int UNIQUE, z int UNIQUE);
            CREATE TABLE b (id bigserial PRIMARY KEY, x int UNIQUE, y int UNIQUE, z int UNIQUE);
            CREATE TABLE c (id bigserial PRIMARY KEY, x int UNIQUE, y int UNIQUE, z int UNIQUE);
            CREATE TABLE d (id bigserial PRIMARY KEY, x int UNIQUE, y int UNIQUE, z int UNIQUE);
            """,
            "many indexes of many tables",
            path="db/schema.sql",
        ),
        example(
            """
            CREATE TABLE wide (a int, b int, c int, d int, e int, f int, g int, h int, i int, j int, k int);
            CREATE INDEX wide_all ON wide (a, b, c, d, e, f, g, h, i, j, k);
            """,
            "many columns of one index",
            path="db/schema.sql",
        ),
    ),
)
