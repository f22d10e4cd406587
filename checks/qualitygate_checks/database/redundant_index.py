"""An index that another index of the same table makes needless.

What it flags: in the schema as it stands after all migrations, a plain index whose columns are the first columns of
another index, of the primary key or of a unique constraint; and a unique index or constraint over the very columns of
another one. Only btree indexes without a condition, an expression, an operator class, a collation or included columns
are compared. One finding an index, where it was made; the other index is shown. The
confidence is low for the index that Django adds to a key by itself.

Why: every INSERT, and every UPDATE of an indexed column, writes to each index, and each takes memory from those that
serve a query. An index on (a, b) answers what one on (a) answers.

How to mend: drop the narrower one, on a table in use with DROP INDEX CONCURRENTLY. Django: `db_index=False` on a field whose
`unique_together`, index or constraint begins with it; SQLAlchemy: drop `index=True`.

What it cannot see: whether the shorter index is kept on purpose, since it is smaller and fits in memory where the wide
one does not; directions of single columns; indexes made outside the migrations.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Index, Table
from qualitygate_checks.database._migrations import doubtful, tool_of


def run(project: Project) -> Iterator[Hit]:
    """One hit an index that another one serves for."""
    told: set[tuple[str, tuple[str, ...]]] = set()
    for table in sorted(project.tables, key=lambda table: table.dialect != "postgres"):
        if table.kind not in ("table", "partitioned"):
            continue
        indexes = [index for index in table.indexes if _is_plain(index)]
        if table.primary_key:
            name = table.primary_key_name or "the primary key"
            indexes.insert(0, Index(name, table.primary_key, True, False, table.defined_at, constraint=True))
        for number, index in enumerate(indexes):
            if index.name == (table.primary_key_name or "the primary key") or not index.columns:
                continue
            other = _serves(index, number, indexes)
            # the same migrations kept for several databases: one fault
            if other is not None and (table.full_name, index.columns) not in told:
                told.add((table.full_name, index.columns))
                yield _hit(project, table, index, other)


def _is_plain(index: Index) -> bool:
    return index.method == "btree" and not index.partial and "" not in index.columns and not index.mentions


def _serves(index: Index, number: int, indexes: list[Index]) -> Index | None:
    """Another index that answers all that ``index`` does; of two alike the earlier one, and one that keeps rows unique."""
    for position, other in enumerate(indexes):
        if position == number or other.columns[: len(index.columns)] != index.columns:
            continue
        # One declaration that makes both, as a many-to-many field does, leaves nothing to drop; and a constraint
        # that is written twice in one table is made once.
        if other.place == index.place or other.name == index.name:
            continue
        same = len(other.columns) == len(index.columns)
        if index.unique:
            if same and other.unique and position < number:
                return other
        elif not same or other.unique or position < number:
            return other
    return None


def _hit(project: Project, table: Table, index: Index, other: Index) -> Hit:
    doubt = doubtful(project, table)
    shown = ", ".join(index.columns)
    same = len(other.columns) == len(index.columns)
    kind = "unique " if other.unique and not other.constraint else ""
    by = f"{kind}{other.name or 'the index'} ({', '.join(other.columns)})"
    added = tool_of(project, table) == "django" and any(key.columns == index.columns for key in table.foreign_keys)
    why = f"{by} has the same columns" if same else f"{by} begins with the same columns"
    return Hit(
        place=Place(index.place.path, index.place.span),
        message=f"Index {index.name or 'without a name'} on {table.full_name} ({shown}) does nothing that {by} does not",
        subject=f"{table.full_name}({shown})",
        why=why + (f"; {doubt}" if doubt else ""),
        mend="db_index=False on the field"
        if added
        else f"drop {index.name or 'the index'}"
        + (", on a table in use with DROP INDEX CONCURRENTLY" if table.dialect == "postgres" else ""),
        places=()
        if other.place == index.place
        else (Place(other.place.path, other.place.span, f"{by} is made here", "migration"),),
        confidence=Confidence.LOW if doubt or added else Confidence.HIGH if same else Confidence.MEDIUM,
    )


CHECK = Check(
    id="redundant-index",
    domain=Domain.DATABASE,
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    do="Index frequently queried columns",
    dont="Index everything blindly",
    tags=("CWE-1089",),
    gates=("database_performance",),
    run=run,
    examined=lambda project: sum(len(table.indexes) for table in project.tables),
    doc=__doc__,
    bad=(
        example(
            {
                "migrations/0001_orders.up.sql": """
                    CREATE TABLE orders (
                        id bigserial PRIMARY KEY,
                        customer_id bigint NOT NULL,
                        placed timestamptz NOT NULL
                    );
                    CREATE INDEX orders_customer_idx ON orders (customer_id); -- <- flagged
                    """,
                "migrations/0002_orders.up.sql": """
                    CREATE INDEX CONCURRENTLY orders_customer_placed_idx ON orders (customer_id, placed);
                    """,
            },
            "the head of a later index",
        ),
        example(
            """
            CREATE TABLE users (
                id uuid PRIMARY KEY,
                email text NOT NULL UNIQUE
            );
            CREATE INDEX users_email_idx ON users (email); -- <- flagged
            CREATE UNIQUE INDEX users_id_idx ON users (id); -- <- flagged
            """,
            "beside a unique constraint and beside the primary key",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `visits` (
                        `clinic_id` INT NOT NULL,
                        `patient_id` INT NOT NULL,
                        PRIMARY KEY (`clinic_id`, `patient_id`),
                        KEY `visits_clinic` (`clinic_id`), -- <- flagged
                        KEY `visits_patient` (`patient_id`)
                    ) ENGINE=InnoDB;
                """,
            },
            "MySQL: the head of the primary key",
        ),
        example(
            {
                "migrations/versions/0001_tickets.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "0001"
                    down_revision = None


                    def upgrade():
                        op.create_table(
                            "tickets",
                            sa.Column("id", sa.BigInteger(), primary_key=True),
                            sa.Column("owner_id", sa.BigInteger(), nullable=False),
                            sa.Column("state", sa.String(20), nullable=False),
                        )
                        op.create_index("ix_tickets_owner_id", "tickets", ["owner_id"])  # <- flagged
                        op.create_index("ix_tickets_owner_state", "tickets", ["owner_id", "state"])


                    def downgrade():
                        op.drop_table("tickets")
                    """,
                "alembic.ini": "[alembic]\nscript_location = migrations\nsqlalchemy.url = postgresql://db/helpdesk\n",
                "migrations/env.py": "from alembic import context",
            },
            "Alembic",
        ),
    ),
    good=(
        example(
            """
            CREATE TABLE orders (
                id bigserial PRIMARY KEY,
                customer_id bigint NOT NULL,
                placed timestamptz NOT NULL,
                code text NOT NULL UNIQUE
            );
            CREATE INDEX orders_customer_placed_idx ON orders (customer_id, placed);
            CREATE INDEX orders_placed_idx ON orders (placed);
            CREATE INDEX orders_code_like ON orders (code text_pattern_ops);
            CREATE INDEX orders_open_idx ON orders (customer_id) WHERE placed IS NULL;
            """,
            "other columns first, an operator class, a condition",
            path="db/schema.sql",
        ),
        example(
            """
            CREATE TABLE places (
                id bigserial PRIMARY KEY,
                name text NOT NULL,
                labels jsonb NOT NULL
            );
            CREATE INDEX places_labels ON places USING gin (labels);
            CREATE INDEX places_labels_tree ON places (labels);
            CREATE INDEX places_name ON places (lower(name));
            CREATE INDEX places_name_plain ON places (name) INCLUDE (labels);
            CREATE INDEX places_name_id ON places (name, id);
            """,
            "another method, an expression, included columns",
            path="db/schema.sql",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL);
                    CREATE INDEX users_email ON users (email);
                    """,
                "migrations/0002_unique.up.sql": """
                    CREATE UNIQUE INDEX CONCURRENTLY users_email_unique ON users (email);
                    DROP INDEX CONCURRENTLY users_email;
                    """,
            },
            "dropped since",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `posts` (
                        `id` INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
                        `title` VARCHAR(200) NOT NULL,
                        `body` TEXT NOT NULL,
                        KEY `posts_title` (`title`),
                        FULLTEXT KEY `posts_words` (`title`, `body`)
                    ) ENGINE=InnoDB;
                """,
            },
            "MySQL: an index of words",
        ),
    ),
)
