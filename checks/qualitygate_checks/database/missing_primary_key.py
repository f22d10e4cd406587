"""A table whose rows nothing tells apart.

What it flags: a table of the schema as it stands after all migrations that has no primary key, and no unique constraint
or full unique index on columns that are all NOT NULL, which would do the same. It is reported where the table is made.
Partitions are left alone (their parent is judged), and so are views, temporary tables, and tables that are made from a
query and whose columns are therefore not known. The confidence is medium where a unique index stands on columns that may
be NULL, where the order of the files is a guess, or where a statement of the migrations was not understood. Where
migrations are kept once more for another database, the table is told once.

Why: a row cannot be addressed. Two equal rows cannot be corrected or deleted one by one, nothing can point at them,
PostgreSQL's logical replication refuses UPDATE and DELETE, and InnoDB clusters the table by a hidden number. It is the
first normal form that is missing.

How to mend: declare the key that the rows have by their nature (both columns of a join table), or add one that is
generated. On a table in use: CREATE UNIQUE INDEX CONCURRENTLY, then ADD PRIMARY KEY USING INDEX.

What it cannot see: keys that are made outside the migrations. A table that only ever receives rows, such as a log, may do
without: answer the finding in the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Table
from qualitygate_checks.database._migrations import doubtful


def run(project: Project) -> Iterator[Hit]:
    """One hit a table."""
    told: dict[str, set[str]] = {}
    for table in sorted(_judged(project), key=lambda table: table.dialect != "postgres"):
        if table.primary_key or _identified(table):
            continue
        dialects = told.setdefault(table.full_name, set())
        if dialects <= {table.dialect}:
            dialects.add(table.dialect)
            yield _hit(table, doubtful(project, table))


def _judged(project: Project) -> Iterator[Table]:
    return (table for table in project.tables if table.kind != "partition" and table.columns and table.whole)


def _identified(table: Table) -> bool:
    required = {column.name for column in table.columns if not column.nullable}
    return any(
        index.unique and not index.partial and index.columns and required.issuperset(index.columns)
        for index in table.indexes
    )


def _hit(table: Table, doubt: str) -> Hit:
    nullable = [index for index in table.indexes if index.unique and not index.partial]
    why = "no primary key, and no unique key on columns that are all NOT NULL"
    places: tuple[Place, ...] = ()
    if nullable:
        why += "; a unique index lets rows with NULL repeat"
        first = nullable[0].place
        places = (Place(first.path, first.span, "the unique index", "migration"),)
    if doubt:
        why += f"; {doubt}"
    made = table.defined_at
    return Hit(
        place=Place(made.path, made.span),
        message=f"Table {table.full_name} has no primary key",
        subject=table.full_name,
        why=why,
        mend="declare the columns that tell its rows apart as PRIMARY KEY, or add a generated one",
        places=places,
        confidence=Confidence.MEDIUM if nullable or doubt else Confidence.HIGH,
    )


CHECK = Check(
    id="missing-primary-key",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Normalise to 3NF, denormalise with purpose",
    dont="Over-normalise or ignore it",
    tags=(),
    run=run,
    examined=lambda project: sum(1 for _ in _judged(project)),
    doc=__doc__,
    bad=(
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY);
                    CREATE TABLE groups (id bigserial PRIMARY KEY);
                    CREATE TABLE memberships ( -- <- flagged
                        user_id bigint NOT NULL REFERENCES users,
                        group_id bigint NOT NULL REFERENCES groups
                    );
                    CREATE INDEX memberships_user_idx ON memberships (user_id, group_id);
                    CREATE INDEX memberships_group_idx ON memberships (group_id);
                """,
            },
            "a join table with indexes that are not unique",
        ),
        example(
            {
                "db/migration/V1__init.sql": """
                    CREATE TABLE readings (id bigint, sensor int NOT NULL, taken timestamptz NOT NULL, PRIMARY KEY (id));
                    CREATE TABLE sensors ( -- <- flagged
                        code text UNIQUE,
                        place text
                    );
                """,
                "db/migration/V2__drop.sql": """
                    ALTER TABLE readings DROP COLUMN id;
                    CREATE UNIQUE INDEX readings_idx ON readings (sensor, taken);
                """,
            },
            "Flyway: unique, but NULL may repeat",
        ),
        example(
            {
                "migrations/2024-02-11-091500_init/up.sql": """
                    CREATE TABLE visits ( -- <- flagged
                        id serial PRIMARY KEY,
                        at timestamptz NOT NULL
                    );
                """,
                "migrations/2024-03-11-091500_bigger/up.sql": """
                    ALTER TABLE visits DROP CONSTRAINT visits_pkey;
                    ALTER TABLE visits ALTER COLUMN id TYPE bigint;
                """,
            },
            "diesel: dropped on the way",
        ),
        example(
            """
            CREATE TABLE settings ( -- <- flagged
                name VARCHAR(80) NOT NULL,
                value TEXT
            ) ENGINE=InnoDB;
            """,
            "a lone schema for MySQL",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/env.py": "from alembic import context\nimport psycopg2\n",
                "migrations/versions/1a2b3c4d5e6f_users.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "1a2b3c4d5e6f"
                    down_revision = None


                    def upgrade() -> None:
                        op.create_table(
                            "users",
                            sa.Column("id", sa.BigInteger(), primary_key=True),
                            sa.Column("email", sa.String(320), nullable=False),
                        )
                        op.create_index(op.f("ix_users_email"), "users", ["email"], unique=True)


                    def downgrade() -> None:
                        op.drop_table("users")
                """,
                "migrations/versions/2b3c4d5e6f70_members.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.create_table(  # <- flagged
                            "members",
                            sa.Column("user_id", sa.BigInteger(), sa.ForeignKey("users.id"), index=True),
                            sa.Column("role", sa.String(20)),
                        )


                    def downgrade() -> None:
                        op.drop_table("members")
                """,
            },
            "Alembic: a join table without a key",
        ),
    ),
    good=(
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY);
                    CREATE TABLE tags (name text NOT NULL UNIQUE);
                    CREATE TABLE user_tags (
                        user_id bigint REFERENCES users,
                        tag text REFERENCES tags (name),
                        PRIMARY KEY (user_id, tag)
                    );
                    CREATE INDEX user_tags_tag_idx ON user_tags (tag);
                    CREATE TEMP TABLE scratch (a int);
                """,
            },
            "keys of one column and of two, and a unique name",
        ),
        example(
            {
                "sql/00001_init.sql": """
                    -- +goose Up
                    CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, body jsonb);

                    -- +goose Down
                    DROP TABLE events;
                """,
                "sql/00002_key.sql": """
                    -- +goose Up
                    CREATE UNIQUE INDEX events_id ON events (id);
                    ALTER TABLE events ADD CONSTRAINT events_pkey PRIMARY KEY USING INDEX events_id;
                """,
            },
            "goose: the key comes later",
        ),
        example(
            {
                "db/migrations/20240101000000_measures.sql": """
                    -- migrate:up
                    CREATE TABLE measures (
                        sensor int NOT NULL,
                        at timestamptz NOT NULL,
                        PRIMARY KEY (sensor, at)
                    ) PARTITION BY RANGE (at);
                    CREATE TABLE measures_2024 PARTITION OF measures
                        FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
                    CREATE TABLE kept AS SELECT * FROM measures;
                """,
            },
            "dbmate: partitions, and a table made from a query",
        ),
        example(
            {
                "migrations/sqlite/0001_init.sql": """
                    CREATE TABLE pets (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
                """,
                "migrations/sqlite/0002_rebuild.sql": """
                    CREATE TABLE new_pets (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
                    INSERT INTO new_pets SELECT id, name FROM pets;
                    DROP TABLE pets;
                    ALTER TABLE new_pets RENAME TO pets;
                """,
            },
            "SQLite: a table is built anew",
        ),
        example(
            {
                "migrations/env.py": "from alembic import context\nimport psycopg2\n",
                "migrations/versions/1a2b3c4d5e6f_users.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "1a2b3c4d5e6f"
                    down_revision = None


                    def upgrade() -> None:
                        op.create_table(
                            "users",
                            sa.Column("id", sa.BigInteger(), primary_key=True),
                            sa.Column("email", sa.String(320), nullable=False),
                        )
                        op.create_index(op.f("ix_users_email"), "users", ["email"], unique=True)


                    def downgrade() -> None:
                        op.drop_table("users")
                """,
                "migrations/versions/2b3c4d5e6f70_members.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.create_table(
                            "members",
                            sa.Column("user_id", sa.BigInteger(), sa.ForeignKey("users.id"), primary_key=True),
                            sa.Column("role", sa.String(20), nullable=False),
                        )
                        op.create_table("notes", sa.Column("id", sa.Integer()), sa.PrimaryKeyConstraint("id"))


                    def downgrade() -> None:
                        op.drop_table("members")
                """,
            },
            "Alembic: a key in both forms",
        ),
    ),
)
