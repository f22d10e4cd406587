"""An index that locks a table against writing while it is built.

What it flags: `CREATE INDEX` without CONCURRENTLY on a table that PostgreSQL had before the migration: in SQL, through
Alembic (`op.create_index`, `index=True` on an added column) and through Django (`AddIndex`, `db_index=True`, and the
index that each added `ForeignKey` brings along). A unique constraint, a primary key and an exclusion constraint build an
index too, and are flagged where they do not take one that is there (`USING INDEX`). Left alone are
tables that the same migration makes, temporary tables, partitioned tables (CONCURRENTLY is not possible there), `ON
ONLY`, an index that exists already behind IF NOT EXISTS, the way down, and databases other than PostgreSQL, where the
statement does not lock out writers or has no other form, and migrations up to the one that `migrations.since` names.
Each statement of the history is judged as it met the schema
of its time. The confidence is medium where no migration makes the table, where the order of the files is a guess, where
the statement stands in a block that may not run, and where nothing names the database.

Why: a plain `CREATE INDEX` takes a SHARE lock. Every INSERT, UPDATE and DELETE on the table waits until the whole table
has been read and sorted, and everything that queues behind them waits too: seconds on a small table, an outage on a
large one. Adding a constraint with its index takes ACCESS EXCLUSIVE: reads wait too.

How to mend: `CREATE INDEX CONCURRENTLY`, which lets writers go on. It cannot run inside a transaction, so that it needs
a migration of its own that the tool runs outside one; the finding says how for the tool at hand. An attempt that fails
leaves an invalid index behind: drop it and run the migration again.

What it cannot see: how many rows the table has, and whether the migration was applied long ago. A table that is empty
or small may be locked without harm: answer the finding in the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Change, History, Migration, Operation, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import (
    Cost,
    Effect,
    Lock,
    after_exclusive,
    column_of,
    computed,
    judged,
    told,
)
from qualitygate_checks.database._migrations import by_age, changes, confidence, doubts, mend, origin

KINDS = (
    OperationKind.CREATE_INDEX,
    OperationKind.ADD_UNIQUE,
    OperationKind.ADD_PRIMARY_KEY,
    OperationKind.ADD_EXCLUSION,
)
# Kinds of relation on which the plain form is the only one, or on which nobody waits.
LEFT_ALONE = frozenset({"partitioned", "temporary", "view"})


def run(project: Project) -> Iterator[Hit]:
    """One hit an index; one for a step in code that builds several on the same columns; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    told_of = set()
    for history, migration, found in judged(project, kinds=KINDS):
        for effect in found:
            change, operation = effect.change, effect.change.operation
            if operation.kind not in KINDS or operation.concurrently or operation.only or effect.cost is Cost.FREE:
                continue
            if change.before is not None and (change.before.kind in LEFT_ALONE or _rewritten(change)):
                continue
            built = (migration.path, operation.span, operation.table, operation.columns)
            if not (history.tool == "django" and built in told_of):
                told_of.add(built)
                yield _hit(history, migration, effect, found)


def _rewritten(change: Change) -> bool:
    """Whether the index belongs to a column that is told already for writing the whole table anew."""
    column = column_of(change)
    return change.operation.inline and column is not None and bool(computed(column))


def _hit(history: History, migration: Migration, effect: Effect, found: list[Effect]) -> Hit:
    operation = effect.change.operation
    columns = ", ".join(name or "expression" for name in operation.columns)
    what = _WHAT[operation.kind]
    name = operation.name or (f"on {effect.table} ({columns})" if columns else f"of {effect.table}")
    doubted = doubts(history, effect.change)
    held = effect.lock is Lock.SHARE and after_exclusive(history, migration, effect, found)
    reads = held or effect.lock is not Lock.SHARE
    clauses = [
        told(effect),
        *(["the migration holds ACCESS EXCLUSIVE on it already, so that reads wait too"] if held else []),
    ]
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"{'Taking an index as' if effect.cost is Cost.SCAN else 'Building'} {what} {name} blocks every {'read and write' if reads else 'write'} of {effect.table}",
        subject=f"{effect.table}.{operation.name or '+'.join(operation.columns)}",
        why="; ".join([*clauses, *doubted]),
        mend=_mend(history, migration, operation),
        places=origin(effect.change),
        confidence=confidence(doubted),
    )


_WHAT = {
    OperationKind.CREATE_INDEX: "index",
    OperationKind.ADD_UNIQUE: "the unique constraint",
    OperationKind.ADD_PRIMARY_KEY: "the primary key",
    OperationKind.ADD_EXCLUSION: "the exclusion constraint",
}


def _mend(history: History, migration: Migration, operation: Operation) -> str:
    if operation.kind is OperationKind.ADD_EXCLUSION:
        return "PostgreSQL has no form of it that lets writers go on: add it while the table is small, behind a lock_timeout"
    if operation.kind is OperationKind.CREATE_INDEX:
        return mend(
            history,
            f"CREATE {'UNIQUE ' if operation.unique else ''}INDEX CONCURRENTLY; {migration.escape}",
            "op.create_index(..., postgresql_concurrently=True) inside `with op.get_context().autocommit_block():`, "
            "in a revision of its own (an added column without index=True)",
            "AddIndexConcurrently in a migration of its own with `atomic = False`; a field that brings its index along "
            "is added with db_index=False, and its index declared in Meta.indexes",
        )
    kind = "PRIMARY KEY" if operation.kind is OperationKind.ADD_PRIMARY_KEY else "UNIQUE"
    return mend(
        history,
        f"CREATE UNIQUE INDEX CONCURRENTLY first ({migration.escape}), then ADD CONSTRAINT ... {kind} USING INDEX",
        "op.create_index(..., unique=True, postgresql_concurrently=True) in an `autocommit_block()`, then op.execute("
        f"'ALTER TABLE ... ADD CONSTRAINT ... {kind} USING INDEX ...') in a later revision",
        "RunSQL with CREATE UNIQUE INDEX CONCURRENTLY in a migration with `atomic = False`, then RunSQL with ADD CONSTRAINT "
        f"... {kind} USING INDEX, the operation of the model as its state_operations",
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
    examined=lambda project: sum(1 for _ in changes(project, *KINDS)),
    doc=__doc__,
    bad=(
        example(
            sql(
                "dbmate",
                """
                ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email); -- <- flagged
                ALTER TABLE users ADD COLUMN handle text UNIQUE; -- <- flagged
                ALTER TABLE teams ADD COLUMN number bigserial UNIQUE;
                """,
            ),
            "dbmate: the index of a constraint",
        ),
        example(
            alembic('op.create_unique_constraint("users_email_key", "users", ["email"])  # <- flagged'),
            "Alembic: the index of a constraint",
        ),
        example(
            django(
                """
                migrations.AddField("user", "handle", models.TextField(null=True, unique=True)),  # <- flagged
                migrations.AddConstraint(  # <- flagged
                    model_name="user",
                    constraint=models.UniqueConstraint(fields=["email"], name="users_email_key"),
                ),
                """
            ),
            "Django: the index of a constraint",
        ),
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
            sql(
                "goose without a transaction",
                """
                CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (email);
                ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_email_key;
                """,
            ),
            "goose: the constraint takes an index that is there",
        ),
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
