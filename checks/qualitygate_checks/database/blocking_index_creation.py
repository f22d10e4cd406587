"""An index that locks a table against writing while it is built.

What it flags: `CREATE INDEX` without CONCURRENTLY on a table that PostgreSQL had before the migration: in SQL, through
Alembic (`op.create_index`, `index=True` on an added column) and through Django (`AddIndex`, `db_index=True`, and the
index that each added `ForeignKey` brings along). Left alone are
tables that the same migration makes, temporary tables, partitioned tables (CONCURRENTLY is not possible there), `ON
ONLY`, an index that exists already behind IF NOT EXISTS, the way down, and databases other than PostgreSQL, where the
statement does not lock out writers or has no other form, and migrations up to the one that `migrations.since` names.
Each statement of the history is judged as it met the schema
of its time. The confidence is medium where no migration makes the table, where the order of the files is a guess, where
the statement stands in a block that may not run, and where nothing names the database.

Why: a plain `CREATE INDEX` takes a SHARE lock. Every INSERT, UPDATE and DELETE on the table waits until the whole table
has been read and sorted, and everything that queues behind them waits too: seconds on a small table, an outage on a
large one.

How to mend: `CREATE INDEX CONCURRENTLY`, which lets writers go on. It cannot run inside a transaction, so that it needs
a migration of its own that the tool runs outside one; the finding says how for the tool at hand. An attempt that fails
leaves an invalid index behind: drop it and run the migration again.

What it cannot see: how many rows the table has, and whether the migration was applied long ago. A table that is empty
or small may be locked without harm: answer the finding in the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Change, History, Migration, OperationKind
from qualitygate_checks.database._migrations import changes, confidence, doubts, mend, on_existing, origin

# Kinds of relation on which the plain form is the only one, or on which nobody waits.
LEFT_ALONE = frozenset({"partitioned", "temporary", "view"})


def run(project: Project) -> Iterator[Hit]:
    """One hit a statement; one for a step in code that builds several indexes on the same columns."""
    told = set()
    for history, migration, change in changes(project, OperationKind.CREATE_INDEX):
        operation = change.operation
        if operation.concurrently or operation.only or not on_existing(change):
            continue
        built = (migration.path, operation.span, operation.table, operation.columns)
        if history.tool == "django" and built in told:
            continue
        told.add(built)
        if change.before is None or change.before.kind not in LEFT_ALONE:
            yield _hit(history, migration, change)


def _hit(history: History, migration: Migration, change: Change) -> Hit:
    operation = change.operation
    index = operation.name or f"on {operation.table} ({', '.join(name or 'expression' for name in operation.columns)})"
    doubted = doubts(history, change)
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Building index {index} blocks every write to {operation.table}",
        subject=f"{operation.table}.{operation.name or '+'.join(operation.columns)}",
        why="; ".join(["a SHARE lock is held until the whole table has been read", *doubted]),
        mend=mend(
            history,
            f"CREATE {'UNIQUE ' if operation.unique else ''}INDEX CONCURRENTLY; {migration.escape}",
            "op.create_index(..., postgresql_concurrently=True) inside `with op.get_context().autocommit_block():`, "
            "in a revision of its own (an added column without index=True)",
            "AddIndexConcurrently in a migration of its own with `atomic = False`; a field that brings its index along "
            "is added with db_index=False, and its index declared in Meta.indexes",
        ),
        places=origin(change),
        confidence=confidence(doubted),
    )


CHECK = Check(
    id="blocking-index-creation",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Lock a table that is in use",
    tags=("CWE-667",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, OperationKind.CREATE_INDEX)),
    doc=__doc__,
    bad=(
        example(
            {
                "migrations/2024-02-11-091500_create_users/up.sql": """
                    CREATE TABLE users (
                        id bigserial PRIMARY KEY,
                        email text NOT NULL
                    );
                """,
                "migrations/2024-03-02-101010_users_email/up.sql": """
                    CREATE UNIQUE INDEX users_email_idx ON users (lower(email)); -- <- flagged
                """,
                "migrations/2024-03-02-101010_users_email/down.sql": """
                    DROP INDEX users_email_idx;
                    CREATE INDEX users_email_plain_idx ON users (email);
                """,
            },
            "diesel: an index on a table of an earlier migration",
        ),
        example(
            {
                "db/migrations/000001_init.up.sql": """
                    CREATE TABLE IF NOT EXISTS orders (
                        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                        customer_id uuid NOT NULL,
                        state text NOT NULL
                    );
                    CREATE INDEX orders_customer_idx ON orders (customer_id);
                """,
                "db/migrations/000002_shipments.up.sql": """
                    BEGIN;
                    ALTER TABLE orders ADD COLUMN shipped_at timestamptz;
                    CREATE INDEX IF NOT EXISTS orders_customer_idx ON orders (customer_id);
                    CREATE INDEX orders_open_idx -- <- flagged
                        ON orders USING btree (state, shipped_at) WHERE shipped_at IS NULL;
                    CREATE TABLE shipments (id uuid PRIMARY KEY, order_id uuid NOT NULL REFERENCES orders);
                    CREATE INDEX shipments_order_idx ON shipments (order_id);
                    COMMIT;
                """,
            },
            "golang-migrate: old and new tables in one migration",
        ),
        example(
            {
                "prisma/migrations/migration_lock.toml": 'provider = "postgresql"\n',
                "prisma/migrations/20240105120000_init/migration.sql": """
                    -- CreateTable
                    CREATE TABLE "Trace" (
                        "id" TEXT NOT NULL,
                        "projectId" TEXT NOT NULL,
                        "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

                        CONSTRAINT "Trace_pkey" PRIMARY KEY ("id")
                    );
                """,
                "prisma/migrations/20240212080000_rename/migration.sql": """
                    ALTER TABLE "Trace" RENAME TO "traces";
                """,
                "prisma/migrations/20240301093000_index/migration.sql": """
                    -- CreateIndex
                    CREATE INDEX "traces_projectId_createdAt_idx" ON "traces"("projectId", "createdAt"); -- <- flagged
                """,
            },
            "Prisma: the table was renamed in between",
        ),
        example(
            {
                "sql/00001_accounts.sql": """
                    -- +goose Up
                    CREATE TABLE accounts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner text NOT NULL);

                    -- +goose Down
                    DROP TABLE accounts;
                """,
                "sql/00002_owner_index.sql": """
                    -- +goose Up
                    -- +goose StatementBegin
                    CREATE INDEX accounts_owner_idx ON public.accounts (owner text_pattern_ops); -- <- flagged
                    -- +goose StatementEnd

                    -- +goose Down
                    DROP INDEX accounts_owner_idx;
                """,
            },
            "goose: both ways in one file",
        ),
        example(
            {
                "src/main/resources/db/migration/V2__orders_index.sql": """
                    DO $$
                    BEGIN
                        IF NOT EXISTS (SELECT 1 FROM pg_indexes WHERE indexname = 'orders_total_idx') THEN
                            CREATE INDEX orders_total_idx ON orders (total); -- <- flagged
                        END IF;
                    END
                    $$;
                """,
                "src/main/resources/db/migration/V1__orders.sql": """
                    CREATE TABLE orders (id bigserial PRIMARY KEY, total numeric(12, 2) NOT NULL);
                """,
            },
            "Flyway: inside a block",
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
                "migrations/versions/2b3c4d5e6f70_users_by_name.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.add_column("users", sa.Column("team_id", sa.BigInteger(), index=True))  # <- flagged
                        with op.batch_alter_table("users") as batch:
                            batch.add_column(sa.Column("name", sa.Text()))
                            batch.create_index("ix_users_name", [sa.text("lower(name)")])  # <- flagged
                        op.execute("CREATE INDEX ix_users_id_name ON users (id, name)")  # <- flagged


                    def downgrade() -> None:
                        op.drop_index("ix_users_name", "users")
                """,
            },
            "Alembic: in its own words, in a batch, in SQL",
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
                                field=models.ForeignKey(null=True, on_delete=models.PROTECT, to="shop.customer"),
                            ),
                            migrations.AddIndex(  # <- flagged
                                model_name="order",
                                index=models.Index(fields=["state", "-id"], name="order_state_id"),
                            ),
                        ]
                """,
            },
            "Django: the index of a foreign key, and one of its own",
        ),
    ),
    good=(
        example(
            {
                "migrations/2024-02-11-091500_create_users/up.sql": """
                    CREATE TABLE users (
                        id bigserial PRIMARY KEY,
                        email text NOT NULL
                    );
                    CREATE UNIQUE INDEX users_email_idx ON users (email);
                """,
                "migrations/2024-03-02-101010_users_created/metadata.toml": "run_in_transaction = false\n",
                "migrations/2024-03-02-101010_users_created/up.sql": """
                    CREATE INDEX CONCURRENTLY users_email_lower_idx ON users (lower(email));
                """,
            },
            "diesel: with the table, and concurrently outside a transaction",
        ),
        example(
            {
                "db/migrations/20240101000000_events.sql": """
                    -- migrate:up
                    CREATE TABLE events (
                        id bigserial,
                        at timestamptz NOT NULL
                    ) PARTITION BY RANGE (at);

                    -- migrate:down
                    DROP TABLE events;
                """,
                "db/migrations/20240201000000_events_index.sql": """
                    -- migrate:up
                    CREATE INDEX events_at_idx ON events (at);
                    CREATE TEMP TABLE kept AS SELECT id FROM events;
                    CREATE INDEX kept_id_idx ON kept (id);

                    -- migrate:down
                    DROP INDEX events_at_idx;
                """,
            },
            "dbmate: a partitioned table and a temporary one",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `orders` (
                        `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
                        `customer_id` BIGINT UNSIGNED NOT NULL,
                        PRIMARY KEY (`id`)
                    ) ENGINE=InnoDB;
                """,
                "migrations/mysql/0002_index.sql": """
                    CREATE INDEX `orders_customer` ON `orders` (`customer_id`);
                """,
                "migrations/sqlite/0001_init.sql": """
                    CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, customer_id INTEGER NOT NULL);
                """,
                "migrations/sqlite/0002_index.sql": """
                    CREATE INDEX orders_customer ON orders (customer_id);
                """,
            },
            "other databases",
        ),
        example(
            {
                "migrations/0001_init.up.sql": """
                    CREATE TABLE readings (id bigserial PRIMARY KEY, sensor int NOT NULL, value float8);
                """,
                "migrations/0002_daily.up.sql": """
                    CREATE MATERIALIZED VIEW daily AS SELECT sensor, avg(value) AS value FROM readings GROUP BY sensor;
                    CREATE UNIQUE INDEX daily_sensor_idx ON daily (sensor);
                """,
                "migrations/0003_rebuild.up.sql": """
                    ALTER TABLE readings RENAME TO readings_old;
                    CREATE TABLE readings (LIKE readings_old INCLUDING DEFAULTS);
                    CREATE INDEX readings_sensor_idx ON readings (sensor);
                """,
                "migrations/0003_rebuild.down.sql": """
                    CREATE INDEX readings_old_sensor_idx ON readings_old (sensor);
                """,
            },
            "golang-migrate: a new view, a table made anew, the way down",
        ),
        example(
            """
            CREATE TABLE authors (id integer PRIMARY KEY, name text);
            CREATE INDEX authors_name ON authors (name);
            """,
            "a lone schema",
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
                "migrations/versions/2b3c4d5e6f70_users_by_name.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.add_column("users", sa.Column("name", sa.Text()))
                        with op.get_context().autocommit_block():
                            op.create_index("ix_users_name", "users", ["name"], postgresql_concurrently=True)


                    def downgrade() -> None:
                        op.create_index("ix_users_old", "users", ["id"])
                """,
            },
            "Alembic: with the table, concurrently, the way down",
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
                    from django.contrib.postgres.operations import AddIndexConcurrently
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        atomic = False
                        dependencies = [("shop", "0001_initial")]
                        operations = [
                            migrations.AddField(
                                model_name="order",
                                name="customer",
                                field=models.ForeignKey(db_index=False, null=True, on_delete=models.PROTECT, to="shop.customer"),
                            ),
                            AddIndexConcurrently(
                                model_name="order",
                                index=models.Index(fields=["customer"], name="order_customer"),
                            ),
                            migrations.AlterField("order", "state", models.CharField(choices=[("new", "New")], db_index=True, max_length=20)),
                        ]
                """,
            },
            "Django: concurrently, and a change that the database does not see",
        ),
    ),
)
