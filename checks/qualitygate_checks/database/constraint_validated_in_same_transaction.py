"""A constraint that is added without validation, and validated before the lock is given back.

What it flags: `VALIDATE CONSTRAINT` of a check or foreign key that the same transaction added as NOT VALID, on a table
that PostgreSQL had before the migration: between BEGIN and COMMIT, in a `DO` block, or in a migration that its tool runs
in a transaction (the list is that of concurrent-index-in-transaction). Where the tool sends the file as one script
(golang-migrate, Prisma) the confidence is medium, since options change it. Tables that the same migration makes, the way
down, and tools whose way is not known are left alone.

Why: NOT VALID exists to make the strong lock short, and VALIDATE to read the table under a weak one. In one transaction
the lock of the first statement (ACCESS EXCLUSIVE for a check, SHARE ROW EXCLUSIVE for a foreign key) is held while the
second reads the whole table: the outage is the one that NOT VALID was to prevent.

How to mend: validate in a migration of its own, after the one that adds the constraint.

What it cannot see: options that are given to the tool on its command line, and both actions in one ALTER TABLE where the
tool opens no transaction.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Change, Migration, OperationKind
from qualitygate_checks.database._migrations import by_age, changes, on_existing, steps

_ADDED = frozenset({OperationKind.ADD_CHECK, OperationKind.ADD_FOREIGN_KEY})
_LOCKS = {OperationKind.ADD_CHECK: "ACCESS EXCLUSIVE", OperationKind.ADD_FOREIGN_KEY: "SHARE ROW EXCLUSIVE"}


def run(project: Project) -> Iterator[Hit]:
    """One hit a constraint; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for _, migration in steps(project):
        held: dict[tuple[str, str], Change] = {}
        opened = False
        for change in migration.changes:
            operation = change.operation
            if operation.kind is OperationKind.BEGIN:
                # what was added before does not belong to the transaction that begins, unless the tool has one open
                held = held if migration.transaction in ("wrapped", "implicit") else {}
                opened = True
            elif operation.kind in (OperationKind.COMMIT, OperationKind.ROLLBACK):
                held, opened = {}, False
            elif operation.kind in _ADDED and not operation.valid and on_existing(change):
                if opened or operation.conditional or migration.transaction in ("wrapped", "implicit"):
                    held[operation.table, operation.name] = change
            elif operation.kind is OperationKind.VALIDATE_CONSTRAINT:
                added = held.get((operation.table, operation.name))
                if added is not None:
                    yield _hit(migration, change, added, opened=opened)


def _hit(migration: Migration, change: Change, added: Change, *, opened: bool) -> Hit:
    operation = change.operation
    lock = _LOCKS[added.operation.kind]
    surely = opened or migration.transaction == "wrapped"
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Validating {operation.name} reads all of {operation.table} under the lock that adding it took",
        subject=f"{operation.table}.{operation.name}",
        why=f"the {lock} lock on {operation.table} is held until the transaction ends",
        mend="validate it in a migration of its own",
        places=(Place(migration.path, added.operation.span, "added in the same transaction", "migration"),),
        confidence=Confidence.HIGH if surely else Confidence.MEDIUM,
    )


CHECK = Check(
    id="constraint-validated-in-same-transaction",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Lock a table that is in use",
    tags=("CWE-667",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, OperationKind.VALIDATE_CONSTRAINT)),
    doc=__doc__,
    bad=(
        example(
            {
                "migrations/2024-02-11-091500_create_users/up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY, age int);
                """,
                "migrations/2024-03-02-101010_users_age/up.sql": """
                    ALTER TABLE users ADD CONSTRAINT users_age_check CHECK (age > 0) NOT VALID;
                    ALTER TABLE users VALIDATE CONSTRAINT users_age_check; -- <- flagged
                """,
            },
            "diesel wraps every migration",
        ),
        example(
            {
                "db/migrations/20240101000000_init.sql": """
                    -- migrate:up
                    CREATE TABLE teams (id serial PRIMARY KEY);
                    CREATE TABLE people (id serial PRIMARY KEY, team_id int);
                """,
                "db/migrations/20240201000000_team.sql": """
                    -- migrate:up
                    ALTER TABLE people
                        ADD CONSTRAINT people_team FOREIGN KEY (team_id) REFERENCES teams NOT VALID,
                        VALIDATE CONSTRAINT people_team; -- <- flagged

                    -- migrate:down
                    ALTER TABLE people DROP CONSTRAINT people_team;
                """,
            },
            "dbmate: in one statement",
        ),
        example(
            {
                "db/migrations/000001_init.up.sql": """
                    CREATE TABLE orders (id uuid PRIMARY KEY, total numeric(12, 2));
                """,
                "db/migrations/000002_total.up.sql": """
                    ALTER TABLE orders ADD CONSTRAINT orders_total_set CHECK (total IS NOT NULL) NOT VALID;
                    ALTER TABLE orders VALIDATE CONSTRAINT orders_total_set; -- <- flagged
                    ALTER TABLE orders ALTER COLUMN total SET NOT NULL;
                """,
            },
            "golang-migrate: one script, one transaction",
        ),
        example(
            {
                "sql/00001_accounts.sql": """
                    -- +goose Up
                    CREATE TABLE accounts (id bigint PRIMARY KEY, plan text);
                """,
                "sql/00002_plan.sql": """
                    -- +goose NO TRANSACTION
                    -- +goose Up
                    BEGIN;
                    ALTER TABLE accounts ADD CONSTRAINT accounts_plan CHECK (plan <> '') NOT VALID;
                    ALTER TABLE accounts VALIDATE CONSTRAINT accounts_plan; -- <- flagged
                    COMMIT;
                """,
            },
            "goose: a transaction of one's own",
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
                "migrations/versions/2b3c4d5e6f70_users_email.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.create_check_constraint("users_email_set", "users", "email <> ''", postgresql_not_valid=True)
                        op.execute("ALTER TABLE users VALIDATE CONSTRAINT users_email_set")  # <- flagged


                    def downgrade() -> None:
                        op.drop_constraint("users_email_set", "users")
                """,
            },
            "Alembic: one revision, one transaction",
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
                    from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        dependencies = [("shop", "0001_initial")]
                        operations = [
                            AddConstraintNotValid(
                                model_name="order",
                                constraint=models.CheckConstraint(condition=models.Q(state__gt=""), name="order_state_set"),
                            ),
                            ValidateConstraint("order", "order_state_set"),  # <- flagged
                        ]
                """,
            },
            "Django: one migration",
        ),
    ),
    good=(
        example(
            {
                "migrations/2024-02-11-091500_create_users/up.sql": """
                    CREATE TABLE users (id bigserial PRIMARY KEY, age int);
                """,
                "migrations/2024-03-02-101010_users_age/up.sql": """
                    ALTER TABLE users ADD CONSTRAINT users_age_check CHECK (age > 0) NOT VALID;
                """,
                "migrations/2024-03-03-101010_users_age_valid/up.sql": """
                    ALTER TABLE users VALIDATE CONSTRAINT users_age_check;
                """,
            },
            "diesel: two migrations",
        ),
        example(
            {
                "sql/00001_accounts.sql": """
                    -- +goose Up
                    CREATE TABLE accounts (id bigint PRIMARY KEY, plan text);
                """,
                "sql/00002_plan.sql": """
                    -- +goose NO TRANSACTION
                    -- +goose Up
                    BEGIN;
                    ALTER TABLE accounts ADD CONSTRAINT accounts_plan CHECK (plan <> '') NOT VALID;
                    COMMIT;
                    ALTER TABLE accounts VALIDATE CONSTRAINT accounts_plan;
                """,
            },
            "goose: the transaction ends in between",
        ),
        example(
            {
                "db/migrations/000001_init.up.sql": """
                    CREATE TABLE orders (id uuid PRIMARY KEY, total numeric(12, 2));
                    ALTER TABLE orders ADD CONSTRAINT orders_total_set CHECK (total IS NOT NULL) NOT VALID;
                    ALTER TABLE orders VALIDATE CONSTRAINT orders_total_set;
                """,
            },
            "golang-migrate: a new table",
        ),
        example(
            {
                "db/migrations/20240101000000_init.sql": """
                    -- migrate:up
                    CREATE TABLE people (id serial PRIMARY KEY, age int);
                """,
                "db/migrations/20240201000000_age.sql": """
                    -- migrate:up transaction:false
                    ALTER TABLE people ADD CONSTRAINT people_age CHECK (age > 0) NOT VALID;
                    ALTER TABLE people VALIDATE CONSTRAINT people_age;
                """,
            },
            "dbmate: without a transaction",
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
                "migrations/versions/2b3c4d5e6f70_users_email.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "2b3c4d5e6f70"
                    down_revision = "1a2b3c4d5e6f"


                    def upgrade() -> None:
                        op.create_check_constraint("users_email_set", "users", "email <> ''", postgresql_not_valid=True)
                        with op.get_context().autocommit_block():
                            op.execute("ALTER TABLE users VALIDATE CONSTRAINT users_email_set")


                    def downgrade() -> None:
                        op.drop_constraint("users_email_set", "users")
                """,
            },
            "Alembic: the transaction ends in between",
        ),
    ),
)
