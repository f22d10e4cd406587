"""A concurrent operation inside a transaction, which PostgreSQL refuses.

What it flags: `CREATE INDEX CONCURRENTLY`, `DROP INDEX CONCURRENTLY`, `REINDEX CONCURRENTLY` and `DETACH PARTITION
CONCURRENTLY` between BEGIN and COMMIT, in a `DO` block, or in a migration that its tool runs in a transaction: Flyway
(where it stands beside other statements), goose, dbmate, diesel, sqlx, sql-migrate, node-pg-migrate, Liquibase, popx and
drizzle wrap a migration unless it says otherwise, and so do Alembic (but for what stands in an `autocommit_block`) and
Django (but for a migration with `atomic = False`); golang-migrate and Prisma send a file as one script, which PostgreSQL
runs as one transaction as soon as it holds two statements (here the confidence is medium: options change it). `REFRESH
MATERIALIZED VIEW CONCURRENTLY` may stand in a transaction and is left alone, and so are tools whose way is not known.

Why: PostgreSQL answers "cannot run inside a transaction block", the migration fails, and with it the deployment. A
timeout that is set before the index in the same file makes a transaction of a script that was none.

How to mend: give the statement a migration of its own that runs outside a transaction; the finding says how for the
tool at hand.

What it cannot see: options that are given to the tool on its command line or in its configuration.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import History, Migration, Operation, OperationKind
from qualitygate_checks.database._migrations import by_age, changes, steps

CONCURRENT = frozenset(
    {
        OperationKind.CREATE_INDEX,
        OperationKind.DROP_INDEX,
        OperationKind.REINDEX,
        OperationKind.DETACH_PARTITION,
    }
)
_OPENS = frozenset({OperationKind.BEGIN})
_CLOSES = frozenset({OperationKind.COMMIT, OperationKind.ROLLBACK})


def run(project: Project) -> Iterator[Hit]:
    """One hit a statement; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for history, migration in steps(project):
        opened: Place | None = None
        ended = False
        for change in migration.changes:
            operation = change.operation
            if operation.kind in _OPENS:
                # after a COMMIT, BEGIN only brings back the transaction that the tool had open
                place = Place(migration.path, operation.span, "the transaction begins here", "migration")
                opened, ended = (None if ended else place), False
            elif operation.kind in _CLOSES:
                opened, ended = None, migration.transaction == "wrapped"
            elif _concurrent(operation) and not ended:
                reason = _reason(history, migration, operation, opened)
                if reason:
                    yield _hit(migration, operation, opened, reason)


def _concurrent(operation: Operation) -> bool:
    return operation.concurrently and operation.kind in CONCURRENT


def _reason(history: History, migration: Migration, operation: Operation, opened: Place | None) -> str:
    if operation.conditional and migration.path.endswith(".sql"):
        return "a DO block is part of a transaction"
    if opened is not None:
        return "it stands between BEGIN and COMMIT"
    if migration.transaction == "wrapped":
        return f"{history.tool} runs this migration in a transaction"
    if migration.transaction == "implicit":
        return f"{history.tool} sends this file as one script, and its statements are one transaction"
    return ""


def _hit(migration: Migration, operation: Operation, opened: Place | None, reason: str) -> Hit:
    what = operation.name or operation.table
    surely = operation.conditional or opened is not None or migration.transaction == "wrapped"
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"{operation.kind.value.upper()} CONCURRENTLY of {what} fails inside a transaction",
        subject=f"{operation.kind.value} {what}",
        why=reason,
        mend=migration.escape,
        places=() if opened is None else (opened,),
        confidence=Confidence.HIGH if surely else Confidence.MEDIUM,
    )


CHECK = Check(
    id="concurrent-index-in-transaction",
    domain=Domain.DATABASE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Ship a migration that cannot be applied",
    tags=("CWE-670",),
    run=run,
    examined=lambda project: sum(_concurrent(each.operation) for _, _, each in changes(project, *CONCURRENT)),
    doc=__doc__,
    bad=(
        example(
            {
                "migrations/2024-02-11-091500_create_users/up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL);
                """,
                "migrations/2024-03-02-101010_users_email/up.sql": """
                    CREATE INDEX CONCURRENTLY users_email_idx ON users (email); -- <- flagged
                """,
            },
            "diesel wraps every migration",
        ),
        example(
            {
                "db/migrations/000001_init.up.sql": """
                    CREATE TABLE orders (id uuid PRIMARY KEY, state text NOT NULL, at timestamptz);
                """,
                "db/migrations/000002_state.up.sql": """
                    SET lock_timeout = '2s';
                    CREATE INDEX CONCURRENTLY orders_state_idx ON orders (state); -- <- flagged
                """,
            },
            "golang-migrate: the setting makes a transaction of the script",
        ),
        example(
            {
                "sql/00001_accounts.sql": """
                    -- +goose NO TRANSACTION
                    -- +goose Up
                    CREATE INDEX CONCURRENTLY accounts_owner_idx ON accounts (owner);
                    BEGIN;
                    DROP INDEX CONCURRENTLY accounts_old_idx; -- <- flagged
                    COMMIT;

                    -- +goose Down
                    DROP INDEX CONCURRENTLY accounts_owner_idx;
                """,
            },
            "goose: a transaction of one's own",
        ),
        example(
            {
                "db/migration/V2__orders_index.sql": """
                    ALTER TABLE orders ADD COLUMN total numeric(12, 2);
                    CREATE INDEX CONCURRENTLY orders_total_idx ON orders (total); -- <- flagged
                """,
                "db/migration/V1__orders.sql": """
                    CREATE TABLE orders (id bigserial PRIMARY KEY);
                """,
                "db/migration/V3__events.sql": """
                    DO $$ BEGIN
                        DROP INDEX CONCURRENTLY IF EXISTS orders_old_idx; -- <- flagged
                    END $$;
                """,
            },
            "Flyway: beside another statement, and in a block",
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
                        op.create_index("ix_users_name", "users", ["id", "email"], postgresql_concurrently=True)  # <- flagged


                    def downgrade() -> None:
                        op.drop_index("ix_users_name", "users")
                """,
            },
            "Alembic: inside the transaction of the revision",
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
                "shop/migrations/0002_order_state.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        dependencies = [("shop", "0001_initial")]
                        operations = [
                            migrations.RunSQL(  # <- flagged
                                "CREATE INDEX CONCURRENTLY order_state_id ON shop_order (state, id)",
                                migrations.RunSQL.noop,
                            ),
                        ]
                """,
            },
            "Django: an atomic migration",
        ),
    ),
    good=(
        example(
            {
                "migrations/2024-03-02-101010_users_email/metadata.toml": "run_in_transaction = false\n",
                "migrations/2024-03-02-101010_users_email/up.sql": """
                    CREATE INDEX CONCURRENTLY users_email_idx ON users (email);
                """,
            },
            "diesel: told not to",
        ),
        example(
            {
                "db/migrations/20240101000000_events.sql": """
                    -- migrate:up transaction:false
                    CREATE INDEX CONCURRENTLY events_at_idx ON events (at);

                    -- migrate:down transaction:false
                    DROP INDEX CONCURRENTLY events_at_idx;
                """,
            },
            "dbmate: told not to",
        ),
        example(
            {
                "prisma/migrations/20240105120000_index/migration.sql": """
                    -- CreateIndex
                    CREATE INDEX CONCURRENTLY IF NOT EXISTS "traces_at_idx" ON "traces"("at");
                """,
                "prisma/migrations/20240106120000_refresh/migration.sql": """
                    ALTER TABLE "traces" ADD COLUMN "seen" BOOLEAN;
                    REFRESH MATERIALIZED VIEW CONCURRENTLY daily;
                """,
            },
            "Prisma: the only statement of its file, and a refresh, which may",
        ),
        example(
            {
                "db/migration/V1__orders.sql": """
                    CREATE TABLE orders (id bigserial PRIMARY KEY, total numeric(12, 2));
                """,
                "db/migration/V2__orders_index.sql": """
                    CREATE INDEX CONCURRENTLY orders_total_idx ON orders (total);
                    DROP INDEX CONCURRENTLY IF EXISTS orders_old_idx;
                """,
                "db/migration/V3__plain.sql": """
                    CREATE INDEX orders_id_total_idx ON orders (id, total);
                """,
            },
            "Flyway: on its own it runs outside a transaction",
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
                        with op.get_context().autocommit_block():
                            op.create_index("ix_users_name", "users", ["id", "email"], postgresql_concurrently=True)


                    def downgrade() -> None:
                        op.drop_index("ix_users_name", "users")
                """,
            },
            "Alembic: outside the transaction",
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
                "shop/migrations/0002_order_state.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        atomic = False
                        dependencies = [("shop", "0001_initial")]
                        operations = [
                            migrations.RunSQL(
                                "CREATE INDEX CONCURRENTLY order_state_id ON shop_order (state, id)",
                                migrations.RunSQL.noop,
                            ),
                        ]
                """,
            },
            "Django: not atomic",
        ),
    ),
)
