"""A column that must have a value, added to a table whose rows have none.

What it flags: `ADD COLUMN ... NOT NULL` without DEFAULT, identity or generation expression, in PostgreSQL, on a table
that was there before the migration. Left alone are tables that the same migration makes or empties (TRUNCATE, or DELETE
without WHERE), columns behind IF NOT EXISTS that exist, the way down, and MySQL, which fills in a value of its own. The
confidence is medium where no migration makes the table, where the order of the files is a guess, where the statement
stands in a block that may not run, and where nothing names the database.

Why: the statement fails as soon as the table holds one row, and the deployment with it. Where the table is empty and it
goes through, the release that is still running fails at its next INSERT, since it does not know the column.

How to mend: add the column with a DEFAULT (a constant costs nothing), or add it nullable, fill it in batches, and make it
NOT NULL in a later migration, behind a CHECK that was validated first.

What it cannot see: whether the table holds rows. A default that a domain type carries is not known either.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Change, History, Migration, OperationKind
from qualitygate_checks.database._examples import django
from qualitygate_checks.database._migrations import (
    by_age,
    changes,
    confidence,
    doubts,
    mend,
    on_existing,
    origin,
    steps,
)


def run(project: Project) -> Iterator[Hit]:
    """One hit a column; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for history, migration in steps(project):
        emptied = set()
        for change in migration.changes:
            operation = change.operation
            if operation.kind is OperationKind.TRUNCATE or (
                operation.kind is OperationKind.DELETE and not operation.partial
            ):
                emptied.add(operation.table)
            elif _required(change) and operation.table not in emptied:
                yield _hit(history, migration, change)


def _required(change: Change) -> bool:
    operation = change.operation
    if operation.kind is not OperationKind.ADD_COLUMN or not on_existing(change):
        return False
    return not operation.nullable and operation.default is None and not operation.generated


def _hit(history: History, migration: Migration, change: Change) -> Hit:
    operation = change.operation
    (column,) = operation.columns
    doubted = doubts(history, change)
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Adding {operation.table}.{column} as NOT NULL without a default fails when the table has rows",
        subject=f"{operation.table}.{column}",
        why="; ".join(["rows that exist would hold NULL in it", *doubted]),
        mend=mend(
            history,
            "add it with a DEFAULT, or nullable first and NOT NULL in a later migration",
            "add it with server_default (the database does not see default=), or nullable first and NOT NULL in a later "
            "revision",
            "add it with db_default, or with null=True first and NOT NULL in a later migration",
        ),
        places=origin(change),
        confidence=confidence(doubted),
    )


CHECK = Check(
    id="required-column-addition",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Ship a migration that cannot be applied",
    tags=("CWE-670",),
    run=run,
    examined=lambda project: sum(on_existing(change) for _, _, change in changes(project, OperationKind.ADD_COLUMN)),
    doc=__doc__,
    bad=(
        example(
            {
                "migrations/2024-02-11-091500_create_users/up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL);
                """,
                "migrations/2024-03-02-101010_users_tenant/up.sql": """
                    ALTER TABLE users
                        ADD COLUMN seen_at timestamptz,
                        ADD COLUMN tenant_id bigint NOT NULL; -- <- flagged
                """,
            },
            "diesel",
        ),
        example(
            {
                "prisma/migrations/migration_lock.toml": 'provider = "postgresql"\n',
                "prisma/migrations/20240105120000_init/migration.sql": """
                    CREATE TABLE "Post" ("id" TEXT NOT NULL, CONSTRAINT "Post_pkey" PRIMARY KEY ("id"));
                """,
                "prisma/migrations/20240212080000_author/migration.sql": """
                    -- AlterTable
                    ALTER TABLE "Post" ADD COLUMN     "authorId" TEXT NOT NULL; -- <- flagged
                """,
            },
            "Prisma",
        ),
        example(
            {
                "sql/00001_accounts.sql": """
                    -- +goose Up
                    CREATE TABLE plans (id serial PRIMARY KEY);
                    CREATE TABLE accounts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
                """,
                "sql/00002_plan.sql": """
                    -- +goose Up
                    DELETE FROM accounts WHERE id < 0;
                    ALTER TABLE accounts ADD plan_id int NOT NULL REFERENCES plans (id); -- <- flagged
                """,
            },
            "goose: some rows are deleted, not all",
        ),
        example(
            {
                "db/migration/V1__orders.sql": """
                    CREATE TABLE orders (id bigserial PRIMARY KEY);
                """,
                "db/migration/V2__currency.sql": """
                    ALTER TABLE orders ADD COLUMN IF NOT EXISTS currency char(3) NOT NULL; -- <- flagged
                    UPDATE orders SET currency = 'EUR';
                """,
            },
            "Flyway: filled too late",
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
                "migrations/versions/2b3c4d5e6f70_users_plan.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.add_column("users", sa.Column("plan", sa.String(20), nullable=False, default="free"))  # <- flagged


                    def downgrade() -> None:
                        op.drop_column("users", "plan")
                """,
            },
            "Alembic: the default of Python is not one of the database",
        ),
    ),
    good=(
        example(
            django(
                """
                migrations.AddField("team", "owner", models.ForeignKey(on_delete=models.CASCADE, to="shop.user")),
                """,
                replaces='[("shop", "0002_owner"), ("shop", "0003_owner_set")]',
            ),
            "Django: a squashed migration, which only a new database runs",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY);
                    ALTER TABLE users ADD COLUMN email text NOT NULL;
                """,
                "migrations/0002_more.up.sql": """
                    ALTER TABLE users ADD COLUMN state text NOT NULL DEFAULT 'new', ADD COLUMN nick text;
                    ALTER TABLE users ADD COLUMN number bigint NOT NULL GENERATED ALWAYS AS IDENTITY;
                    ALTER TABLE users ADD COLUMN initial text NOT NULL GENERATED ALWAYS AS (left(email, 1)) STORED;
                    ALTER TABLE users ADD COLUMN IF NOT EXISTS email text NOT NULL;
                """,
                "migrations/0002_more.down.sql": """
                    ALTER TABLE users ADD COLUMN legacy text NOT NULL;
                """,
            },
            "defaults, identity, generated, the table's own migration, the way down",
        ),
        example(
            {
                "db/migrations/20240101000000_cache.sql": """
                    -- migrate:up
                    CREATE TABLE cache (key text PRIMARY KEY, body bytea);
                """,
                "db/migrations/20240201000000_cache_at.sql": """
                    -- migrate:up
                    TRUNCATE cache;
                    ALTER TABLE cache ADD COLUMN stored_at timestamptz NOT NULL;
                """,
            },
            "dbmate: the table is emptied first",
        ),
        example(
            {
                "migrations/2024-02-11-091500_init/up.sql": """
                    CREATE TABLE person (id serial PRIMARY KEY);
                """,
                "migrations/2024-03-11-091500_name/up.sql": """
                    ALTER TABLE person ADD COLUMN name text;
                    UPDATE person SET name = 'person ' || id;
                    ALTER TABLE person ALTER COLUMN name SET NOT NULL;
                """,
            },
            "diesel: nullable first",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `orders` (`id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB;
                """,
                "migrations/mysql/0002_note.sql": """
                    ALTER TABLE `orders` ADD COLUMN `note` VARCHAR(20) NOT NULL AFTER `id`;
                """,
            },
            "MySQL",
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
                "migrations/versions/2b3c4d5e6f70_users_plan.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.add_column("users", sa.Column("plan", sa.String(20), nullable=False, server_default="free"))
                        op.add_column("users", sa.Column("seen_at", sa.DateTime(timezone=True)))


                    def downgrade() -> None:
                        op.drop_column("users", "plan")
                """,
            },
            "Alembic: a default of the database",
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
                "shop/migrations/0002_order_note.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        dependencies = [("shop", "0001_initial")]
                        operations = [
                            migrations.AddField("order", "note", models.TextField(default="")),
                            migrations.AddField("order", "paid", models.DateTimeField(null=True)),
                        ]
                """,
            },
            "Django gives old rows the default",
        ),
    ),
)
