"""A foreign key with no index on its own columns.

What it flags: a foreign key of the schema as it stands after all migrations, whose columns lead no index, unique
constraint or primary key of their table. It is reported at the line that made the key. The columns may come in any
order at the head of a longer index; a partial index covers only where its condition is that the column is not null; of
other methods than btree only hash covers, and only a single column. MySQL makes the index itself and is left alone, and
so are partitions (their parent is judged). Where migrations are kept once more for another database, PostgreSQL's speak
for both. The confidence is medium where the order of the files is a guess, where a statement of the migrations was not
understood, and where nothing names the database; it is low where an index leads with one column of a longer key.

Why: the database indexes the side that is pointed at, not the side that points. Each DELETE of a parent row, and each
change of its key, then reads the whole child table to find the rows that point at it, under locks; so does each join
from parent to child.

How to mend: add an index that begins with the columns of the key, on a table in use with CREATE INDEX CONCURRENTLY.

What it cannot see: how many rows there are, and whether parent rows are ever deleted. For a small child table, or a
parent that never changes, an answer in the file is right. Indexes made outside the migrations are not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import ForeignKey, Index, Table
from qualitygate_checks.database._migrations import doubtful, tool_of

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_NOT_NULL = frozenset({"is", "not", "null"})
_MENDS = {
    "alembic": "index=True on the column, or op.create_index(..., postgresql_concurrently=True) where the table is in use",
    "django": "leave out db_index=False, or add an index that begins with the field (AddIndexConcurrently)",
}


def run(project: Project) -> Iterator[Hit]:
    """One hit a list of columns that points elsewhere."""
    told: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for table in sorted(_judged(project), key=lambda table: table.dialect != "postgres"):
        seen = set()
        for key in table.foreign_keys:
            if key.columns in seen or _covered(table, key):
                continue
            seen.add(key.columns)
            dialects = told.setdefault((table.full_name, key.columns), set())
            # the same migrations written once more for another database: one fault, told for PostgreSQL
            if dialects <= {table.dialect}:
                dialects.add(table.dialect)
                doubt = doubtful(project, table)
                if not table.dialect:
                    doubt = "; ".join(
                        filter(None, [doubt, "nothing names the database, and MySQL makes the index itself"])
                    )
                yield _hit(table, key, doubt, tool_of(project, table))


def _judged(project: Project) -> Iterator[Table]:
    return (table for table in project.tables if table.dialect != "mysql" and table.kind != "partition")


def _covered(table: Table, key: ForeignKey) -> bool:
    heads = [table.primary_key, *(index.columns for index in table.indexes if _serves(index, key))]
    wanted = set(key.columns)
    return any(set(head[: len(key.columns)]) == wanted for head in heads)


def _serves(index: Index, key: ForeignKey) -> bool:
    """Whether the index can answer an equality on its leading columns."""
    if index.method != "btree" and not (index.method == "hash" and len(key.columns) == 1):
        return False
    # `WHERE parent_id IS NOT NULL` leaves out only rows that point at nothing
    words = set(index.mentions)
    return not index.partial or (words >= _NOT_NULL and words <= _NOT_NULL | set(key.columns))


def _hit(table: Table, key: ForeignKey, doubt: str, tool: str) -> Hit:
    columns = ", ".join(key.columns)
    name = table.full_name
    heads = [table.primary_key, *(index.columns for index in table.indexes if _serves(index, key))]
    narrow = len(key.columns) > 1 and any(head and head[0] in key.columns for head in heads)
    why = f"each DELETE in {key.references_table} reads all of {name} to find the rows that point at it"
    if key.on_delete in ("cascade", "set null", "set default"):
        why += f" (ON DELETE {key.on_delete.upper()})"
    if narrow:
        why += "; an index leads with one of the columns, which may serve"
    if doubt:
        why += f"; {doubt}"
    how = "CREATE INDEX CONCURRENTLY" if table.dialect == "postgres" else "CREATE INDEX"
    return Hit(
        place=Place(key.place.path, key.place.span),
        message=f"Foreign key {name} ({columns}) to {key.references_table} has no index on {columns}",
        subject=f"{name}({columns})",
        why=why,
        mend=_MENDS.get(tool) or f"{how} ON {_written(name)} ({', '.join(_written(column) for column in key.columns)})",
        places=()
        if table.defined_at.path == key.place.path
        else (Place(table.defined_at.path, table.defined_at.span, "the table is made here", "migration"),),
        confidence=Confidence.LOW if narrow else Confidence.MEDIUM if doubt else Confidence.HIGH,
    )


def _written(name: str) -> str:
    """A name as SQL takes it: each part in quotes where it is not plain lower case."""
    parts = name.split(".")
    return ".".join(part if _PLAIN.fullmatch(part) else f'"{part}"' for part in parts)


CHECK = Check(
    id="unindexed-foreign-key",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Index frequently queried columns",
    dont="Index everything blindly",
    tags=("CWE-1067",),
    gates=("database_performance",),
    run=run,
    examined=lambda project: sum(len(table.foreign_keys) for table in _judged(project)),
    doc=__doc__,
    bad=(
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE authors (id bigserial PRIMARY KEY, name text NOT NULL);
                    CREATE TABLE books (
                        id bigserial PRIMARY KEY,
                        author_id bigint NOT NULL REFERENCES authors (id) ON DELETE CASCADE, -- <- flagged
                        title text NOT NULL
                    );
                    CREATE INDEX books_title_author_idx ON books (title, author_id);
                """,
            },
            "the column comes second in the only index",
        ),
        example(
            {
                "prisma/migrations/20240105120000_init/migration.sql": """
                    CREATE TABLE "User" ("id" TEXT NOT NULL, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
                    CREATE TABLE "Post" (
                        "id" TEXT NOT NULL,
                        "authorId" TEXT NOT NULL,
                        "meta" JSONB,

                        CONSTRAINT "Post_pkey" PRIMARY KEY ("id")
                    );
                    CREATE INDEX "Post_authorId_idx" ON "Post"("authorId");
                """,
                "prisma/migrations/20240106120000_keys/migration.sql": """
                    -- AddForeignKey
                    ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey"
                        FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE RESTRICT; -- <- flagged
                """,
                "prisma/migrations/20240107120000_tidy/migration.sql": """
                    DROP INDEX "Post_authorId_idx";
                """,
            },
            "Prisma: the index is dropped two migrations later",
        ),
        example(
            {
                "migrations/2024-02-11-091500_init/up.sql": """
                    CREATE TABLE person (id serial PRIMARY KEY);
                    CREATE TABLE comment (id serial PRIMARY KEY, deleted boolean NOT NULL DEFAULT false);
                """,
                "migrations/2024-03-11-091500_creator/up.sql": """
                    ALTER TABLE comment
                        ADD COLUMN creator_id int REFERENCES person ON UPDATE CASCADE ON DELETE CASCADE, -- <- flagged
                        ADD COLUMN published timestamptz NOT NULL DEFAULT now();
                    CREATE INDEX idx_comment_creator ON comment (creator_id) WHERE NOT deleted;
                """,
            },
            "diesel: a partial index leaves rows out",
        ),
        example(
            {
                "migrations/postgres/V0001.Init.up.sql": """
                    CREATE TABLE owners (id serial PRIMARY KEY);
                    CREATE TABLE pets (id serial PRIMARY KEY, owner_id int NOT NULL REFERENCES owners); -- <- flagged
                """,
                "migrations/sqlite/V0001.Init.up.sql": """
                    CREATE TABLE owners (id INTEGER PRIMARY KEY AUTOINCREMENT);
                    CREATE TABLE pets (id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL REFERENCES owners (id));
                """,
            },
            "kept for two databases, told once",
        ),
        example(
            """
            CREATE TABLE tenants (id integer PRIMARY KEY);
            CREATE TABLE invoices (
                tenant_id integer NOT NULL,
                number integer NOT NULL,
                parent_tenant integer,
                parent_number integer,
                PRIMARY KEY (tenant_id, number),
                FOREIGN KEY (tenant_id) REFERENCES tenants (id),
                FOREIGN KEY (parent_tenant, parent_number) -- <- flagged
                    REFERENCES invoices (tenant_id, number)
            );
            """,
            "a key of two columns",
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
                "migrations/versions/2b3c4d5e6f70_posts.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.create_table(
                            "posts",
                            sa.Column("id", sa.BigInteger(), primary_key=True),
                            sa.Column("author_id", sa.BigInteger(), sa.ForeignKey("users.id", ondelete="CASCADE")),  # <- flagged
                            sa.Column("editor_id", sa.BigInteger(), nullable=True),
                            sa.ForeignKeyConstraint(["editor_id"], ["users.id"], name="posts_editor"),  # <- flagged
                        )


                    def downgrade() -> None:
                        op.drop_table("posts")
                """,
            },
            "Alembic: both forms of a key",
        ),
        example(
            {
                "config/settings.py": """
                    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop"}}
                """,
                "shop/migrations/0001_initial.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        initial = True
                        dependencies = []
                        operations = [
                            migrations.CreateModel(
                                name="Customer",
                                fields=[
                                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                                    ("email", models.EmailField(max_length=254, unique=True)),
                                ],
                            ),
                            migrations.CreateModel(
                                name="Order",
                                fields=[
                                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                                    ("state", models.CharField(db_index=True, max_length=20)),
                                ],
                            ),
                        ]
                """,
                "shop/migrations/0002_order_customer.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        dependencies = [("shop", "0001_initial")]
                        operations = [
                            migrations.AddField(  # <- flagged
                                model_name="order",
                                name="customer",
                                field=models.ForeignKey(db_index=False, null=True, on_delete=models.CASCADE, to="shop.customer"),
                            ),
                        ]
                """,
            },
            "Django: without the index that it makes by itself",
        ),
    ),
    good=(
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE authors (id bigserial PRIMARY KEY, name text NOT NULL);
                    CREATE TABLE books (
                        id bigserial PRIMARY KEY,
                        author_id bigint NOT NULL REFERENCES authors (id),
                        editor_id bigint REFERENCES authors (id)
                    );
                """,
                "migrations/0002_indexes.up.sql": """
                    CREATE INDEX CONCURRENTLY books_author_idx ON books (author_id, id);
                """,
                "migrations/0003_editor.up.sql": """
                    CREATE INDEX CONCURRENTLY books_editor_idx ON books (editor_id) WHERE editor_id IS NOT NULL;
                """,
            },
            "indexes that come in later migrations",
        ),
        example(
            {
                "sql/00001_init.sql": """
                    -- +goose Up
                    CREATE TABLE users (id uuid PRIMARY KEY);
                    CREATE TABLE groups (id uuid PRIMARY KEY);
                    CREATE TABLE members (
                        user_id uuid NOT NULL REFERENCES users,
                        group_id uuid NOT NULL REFERENCES groups,
                        PRIMARY KEY (group_id, user_id),
                        UNIQUE (user_id, group_id)
                    );
                    CREATE TABLE profiles (user_id uuid PRIMARY KEY REFERENCES users);

                    -- +goose Down
                    DROP TABLE profiles;
                    DROP TABLE members;
                """,
            },
            "primary key and unique constraint serve",
        ),
        example(
            {
                "db/migration/V1__init.sql": """
                    CREATE TABLE stores (id bigserial PRIMARY KEY);
                    CREATE TABLE visits (id bigserial PRIMARY KEY, store bigint NOT NULL REFERENCES stores);
                    CREATE TABLE old_visits (id bigserial PRIMARY KEY, store bigint NOT NULL REFERENCES stores);
                    CREATE INDEX visits_store ON visits USING hash (store);
                """,
                "db/migration/V2__rename.sql": """
                    ALTER TABLE visits RENAME COLUMN store TO store_id;
                    ALTER TABLE visits RENAME TO store_visits;
                    DROP TABLE old_visits;
                """,
            },
            "Flyway: renamed and dropped since",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `owners` (`id` INT NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB;
                    CREATE TABLE `pets` (
                        `id` INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
                        `owner_id` INT NOT NULL,
                        CONSTRAINT `fk_pets_owner` FOREIGN KEY (`owner_id`) REFERENCES `owners` (`id`)
                    ) ENGINE=InnoDB;
                """,
            },
            "MySQL makes the index itself",
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
                "migrations/versions/2b3c4d5e6f70_posts.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.create_table(
                            "posts",
                            sa.Column("id", sa.BigInteger(), primary_key=True),
                            sa.Column("author_id", sa.BigInteger(), sa.ForeignKey("users.id"), index=True),
                            sa.Column("editor_id", sa.BigInteger(), sa.ForeignKey("users.id")),
                        )
                        op.create_index("ix_posts_editor", "posts", ["editor_id"], postgresql_where=sa.text("editor_id IS NOT NULL"))


                    def downgrade() -> None:
                        op.drop_table("posts")
                """,
            },
            "Alembic: indexed in both forms",
        ),
        example(
            {
                "config/settings.py": """
                    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop"}}
                """,
                "shop/migrations/0001_initial.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        initial = True
                        dependencies = []
                        operations = [
                            migrations.CreateModel(
                                name="Customer",
                                fields=[
                                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                                    ("email", models.EmailField(max_length=254, unique=True)),
                                ],
                            ),
                            migrations.CreateModel(
                                name="Order",
                                fields=[
                                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                                    ("state", models.CharField(db_index=True, max_length=20)),
                                ],
                            ),
                        ]
                """,
                "shop/migrations/0002_order_customer.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        dependencies = [("shop", "0001_initial")]
                        operations = [
                            migrations.AddField(
                                model_name="order",
                                name="customer",
                                field=models.ForeignKey(null=True, on_delete=models.CASCADE, to="shop.customer"),
                            ),
                            migrations.AddField("customer", "friends", models.ManyToManyField(to="shop.customer")),
                        ]
                """,
            },
            "Django indexes its keys and those of its join tables",
        ),
    ),
)
