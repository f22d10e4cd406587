"""A new column whose value PostgreSQL computes for every row, under a lock that stops even reading.

What it flags: `ADD COLUMN` on a table that was there before the migration, where the column is serial or an identity,
is generated and stored, has a default that calls a volatile function (`gen_random_uuid()`, `random()`, `nextval()`,
`clock_timestamp()` and their like; before PostgreSQL 11 any default), or is of a domain with a CHECK that these migrations make. A constant, `now()`, `current_timestamp` and other stable expressions cost nothing
from PostgreSQL 11 on and are left alone, as are tables that the same migration makes, and the way down. The confidence
is medium where no migration makes the table, where the order of the files is a guess, where the statement stands in a
block that may not run, and where nothing names the database.

Why: the whole table and all its indexes are written anew under an ACCESS EXCLUSIVE lock. Nobody can read or write the
table meanwhile, and the disk needs room for a second copy.

How to mend: add the column without the default, set the default for new rows in a second statement, and fill the old
rows in batches. For a stored generated column, add a plain column that a trigger keeps.

What it cannot see: how many rows the table has, and whether a function of one's own is volatile: only PostgreSQL's and
those of its usual extensions (uuid-ossp, pgcrypto) are known.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import History, Migration, OperationKind
from qualitygate_checks.database._examples import sql
from qualitygate_checks.database._locks import Cost, Effect, Options, located, told, version
from qualitygate_checks.database._migrations import by_age, changes, confidence, doubts, mend, on_existing, origin


def run(project: Project, options: Options) -> Iterator[Hit]:
    """One hit a column; the old ones of a history as one."""
    yield from by_age(project, _hits(project, version(project, options)))


def _hits(project: Project, postgres: int) -> Iterator[Hit]:
    for history, migration, effect in located(project, OperationKind.ADD_COLUMN, postgres=postgres):
        if effect.cost is Cost.REWRITE:
            yield _hit(history, migration, effect)


def _hit(history: History, migration: Migration, effect: Effect) -> Hit:
    change = effect.change
    operation = change.operation
    (column,) = operation.columns
    doubted = doubts(history, change)
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Adding {operation.table}.{column} writes the whole table {operation.table} anew",
        subject=f"{operation.table}.{column}",
        why="; ".join([told(effect), *doubted]),
        mend=mend(
            history,
            "add the column bare, set its default in a second statement, and fill the old rows in batches",
            "op.add_column without server_default, op.alter_column(..., server_default=...) after it, and fill the old "
            "rows in batches",
            "add the field with null=True and no db_default, set db_default in a second AlterField, and fill the old rows "
            "in batches",
        ),
        places=origin(change),
        confidence=confidence(doubted),
    )


CHECK = Check(
    id="rewriting-column-addition",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Lock a table that is in use",
    tags=("CWE-667",),
    run=run,
    examined=lambda project: sum(on_existing(change) for _, _, change in changes(project, OperationKind.ADD_COLUMN)),
    doc=__doc__,
    options=Options(),
    bad=(
        example(
            {
                **sql("goose", "ALTER TABLE users ADD COLUMN state text NOT NULL DEFAULT 'new'; -- <- flagged\n"),
                ".github/workflows/test.yaml": """
                    jobs:
                      test:
                        services:
                          postgres:
                            image: "postgres:10"
                """,
            },
            "goose: a server that writes every default",
        ),
        example(
            sql(
                "diesel",
                """
                CREATE DOMAIN grade AS integer CHECK (VALUE BETWEEN 1 AND 6);
                CREATE DOMAIN remark AS text;
                ALTER TABLE users ADD COLUMN note remark;
                ALTER TABLE users ADD COLUMN mark grade; -- <- flagged
                """,
            ),
            "diesel: a domain with a condition, and one without",
        ),
        example(
            {
                "migrations/2024-02-11-091500_create_users/up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL);
                """,
                "migrations/2024-03-02-101010_users_token/up.sql": """
                    ALTER TABLE users ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid(); -- <- flagged
                """,
            },
            "diesel: another value for each row",
        ),
        example(
            {
                "db/migrations/000001_init.up.sql": """
                    CREATE TABLE orders (id uuid PRIMARY KEY, net numeric(12, 2) NOT NULL);
                """,
                "db/migrations/000002_number.up.sql": """
                    ALTER TABLE orders ADD COLUMN number bigserial; -- <- flagged
                    ALTER TABLE orders
                        ADD COLUMN gross numeric(12, 2) GENERATED ALWAYS AS (net * 1.19) STORED; -- <- flagged
                """,
            },
            "golang-migrate: serial and stored",
        ),
        example(
            {
                "sql/00001_events.sql": """
                    -- +goose Up
                    CREATE TABLE events (at timestamptz NOT NULL, body jsonb);
                """,
                "sql/00002_event_id.sql": """
                    -- +goose Up
                    ALTER TABLE events ADD COLUMN id bigint GENERATED BY DEFAULT AS IDENTITY; -- <- flagged
                """,
            },
            "goose: identity",
        ),
        example(
            {
                "db/migration/V1__leads.sql": """
                    CREATE TABLE leads (id bigint PRIMARY KEY, name varchar(80));
                """,
                "db/migration/V2__score.sql": """
                    ALTER TABLE leads
                        ADD COLUMN score double precision DEFAULT (random() * 100), -- <- flagged
                        ADD COLUMN note text DEFAULT 'random()';
                """,
            },
            "Flyway: an expression",
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
                "migrations/versions/2b3c4d5e6f70_users_token.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        token = sa.text("gen_random_uuid()")
                        op.add_column("users", sa.Column("token", sa.Uuid(), server_default=token, nullable=False))  # <- flagged
                        op.add_column("users", sa.Column("number", sa.BigInteger(), sa.Identity()))  # <- flagged


                    def downgrade() -> None:
                        op.drop_column("users", "token")
                """,
            },
            "Alembic: another value for each row",
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
                "shop/migrations/0002_order_key.py": """
                    from django.contrib.postgres.functions import RandomUUID
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        dependencies = [("shop", "0001_initial")]
                        operations = [
                            migrations.AddField(  # <- flagged
                                model_name="order",
                                name="key",
                                field=models.UUIDField(db_default=RandomUUID()),
                            ),
                        ]
                """,
            },
            "Django: a volatile default of the database",
        ),
    ),
    good=(
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY);
                    ALTER TABLE users ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();
                """,
                "migrations/0002_more.up.sql": """
                    ALTER TABLE users
                        ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
                        ADD COLUMN state text NOT NULL DEFAULT 'new',
                        ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
                        ADD COLUMN changed_at timestamp DEFAULT (now() at time zone 'utc');
                """,
            },
            "constants and stable expressions",
        ),
        example(
            {
                "prisma/migrations/20240105120000_init/migration.sql": """
                    CREATE TABLE "Post" ("id" SERIAL NOT NULL, CONSTRAINT "Post_pkey" PRIMARY KEY ("id"));
                """,
                "prisma/migrations/20240212080000_key/migration.sql": """
                    ALTER TABLE "Post" ADD COLUMN "key" UUID;
                    ALTER TABLE "Post" ALTER COLUMN "key" SET DEFAULT gen_random_uuid();
                """,
            },
            "Prisma: the default comes after the column",
        ),
        example(
            {
                "db/migrations/20240101000000_init.sql": """
                    -- migrate:up
                    CREATE TABLE jobs (id bigserial PRIMARY KEY);

                    -- migrate:down
                    ALTER TABLE jobs ADD COLUMN old_id bigserial;
                """,
            },
            "dbmate: the way down",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `orders` (`id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB;
                """,
                "migrations/mysql/0002_gross.sql": """
                    ALTER TABLE `orders` ADD COLUMN `gross` INT GENERATED ALWAYS AS (`id` * 2) VIRTUAL;
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
                "migrations/versions/2b3c4d5e6f70_users_token.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.add_column("users", sa.Column("token", sa.Uuid()))
                        op.alter_column("users", "token", server_default=sa.text("gen_random_uuid()"))
                        op.add_column("users", sa.Column("created_at", sa.DateTime(), server_default=sa.func.now(), nullable=False))


                    def downgrade() -> None:
                        op.drop_column("users", "token")
                """,
            },
            "Alembic: the default comes after the column",
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
                "shop/migrations/0002_order_key.py": """
                    import uuid

                    from django.db.models.functions import Now
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        dependencies = [("shop", "0001_initial")]
                        operations = [
                            migrations.AddField("order", "key", models.UUIDField(default=uuid.uuid4)),
                            migrations.AddField("order", "placed", models.DateTimeField(db_default=Now())),
                        ]
                """,
            },
            "Django: one value for all rows, and the time",
        ),
    ),
)
