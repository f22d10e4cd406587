"""A constraint that is checked against every row under a lock that stops writing.

What it flags: a foreign key or check that is added without NOT VALID to a table that PostgreSQL had before the migration:
`ADD CONSTRAINT`, a CHECK inside `ADD COLUMN`, a REFERENCES inside `ADD COLUMN` with a default, what Alembic makes of
`sa.ForeignKey` on an added column, Django's `AddConstraint`, and the CHECK that Django gives each added
`PositiveIntegerField`. Left alone are tables that the same migration makes, drops or empties, `ADD COLUMN ... REFERENCES`
without a default (PostgreSQL reads no row for it), foreign keys of partitioned tables (NOT VALID is not possible there),
the way down, and other databases. It is a note where the columns are new and without a default: every row is read all the
same, but nothing is looked up. The confidence is medium where no migration makes the table, where the order of the files
is a guess, where the statement stands in a block that may not run, and where nothing names the database.

Why: the whole table is read while the lock is held: ACCESS EXCLUSIVE for a check, so that nobody reads or writes; SHARE
ROW EXCLUSIVE on both tables for a foreign key, so that nobody writes.

How to mend: add it as NOT VALID, which holds for new rows at once and reads nothing, and VALIDATE it in a later migration,
which reads the table under a lock that lets writers go on.

What it cannot see: how many rows the table has.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Change, History, Migration, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import Cost, Effect, located, told
from qualitygate_checks.database._migrations import by_age, changes, confidence, doubts, mend, origin

_NAMED = 4  # columns in a message
# Alembic 1.18.2 and later write the key into the column's definition
_OF_COLUMN = " (or op.add_column(..., inline_references=True) with sa.ForeignKey on the column, which reads no row)"
KINDS = (OperationKind.ADD_FOREIGN_KEY, OperationKind.ADD_CHECK)


def run(project: Project) -> Iterator[Hit]:
    """One hit a constraint; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for history, migration, effect in located(project, *KINDS):
        change = effect.change
        partitioned = change.before is not None and change.before.kind == "partitioned"
        foreign = change.operation.kind is OperationKind.ADD_FOREIGN_KEY
        if effect.cost is Cost.SCAN and not (partitioned and foreign):
            yield _hit(history, migration, effect)


def _hit(history: History, migration: Migration, effect: Effect) -> Hit:
    operation = effect.change.operation
    foreign = operation.kind is OperationKind.ADD_FOREIGN_KEY
    columns = operation.columns if foreign else _spoken(effect.change)
    what = "foreign key" if foreign else "check"
    name = operation.name or f"on {', '.join(filter(None, columns[:_NAMED])) or 'a computed value'}"
    doubted = doubts(history, effect.change)
    new = _new_and_empty(migration, effect.change, columns)
    clauses = [told(effect), *(["the columns are new, so that no value is looked up"] if new else []), *doubted]
    waits = "writes of both tables" if effect.also else effect.lock.stops.removesuffix(" wait")
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Adding {what} {name} to {effect.table} makes {waits} wait until every row has been read",
        subject=f"{effect.table}.{operation.name or '+'.join(columns)}",
        why="; ".join(clauses),
        mend=mend(
            history,
            "add it NOT VALID, and VALIDATE CONSTRAINT in a later migration"
            + ("; a column and its CHECK in two actions" if operation.inline else ""),
            f"op.create_{'foreign_key' if foreign else 'check_constraint'}(..., postgresql_not_valid=True)"
            f"{_OF_COLUMN if foreign and new else ''}, and op.execute('ALTER TABLE ... VALIDATE CONSTRAINT ...') in a later "
            "revision",
            "AddConstraintNotValid, and ValidateConstraint in a later migration; a Positive...Field is added as its plain "
            "type, and its check so"
            if not foreign
            else "ADD CONSTRAINT ... NOT VALID by RunSQL, the field as its state_operations, and VALIDATE in a later migration; "
            "a new field with null=True and without a default brings its key without a row being read",
        ),
        places=origin(effect.change),
        severity=Severity.NOTE if new else None,
        confidence=confidence(doubted),
    )


def _spoken(change: Change) -> tuple[str, ...]:
    """The columns that a check speaks of: of its words those that are columns, where the table is known."""
    words = change.operation.mentions
    known = {column.name for column in change.before.columns} if change.before is not None else set(words)
    return tuple(word for word in words if word in known)


def _new_and_empty(migration: Migration, change: Change, columns: tuple[str, ...]) -> bool:
    """Whether the same migration adds all these columns, without a value for the rows that are there."""
    table = change.operation.table
    added = {
        each.operation.columns[0]
        for each in migration.changes
        if each.operation.kind is OperationKind.ADD_COLUMN
        and each.operation.table == table
        and each.operation.default is None
        and each.operation.nullable
    }
    return bool(columns) and set(columns) <= added


CHECK = Check(
    id="validated-constraint-addition",
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
                "diesel",
                """
                ALTER TABLE users
                    ADD CONSTRAINT users_team_fk FOREIGN KEY (team_id) REFERENCES teams (id); -- <- flagged
                """,
            ),
            "diesel: a foreign key",
        ),
        example(
            sql(
                "dbmate",
                """
                ALTER TABLE users ADD CHECK (age >= 18); -- <- flagged
                ALTER TABLE users ADD COLUMN score int DEFAULT 0 CHECK (score >= 0); -- <- flagged
                """,
            ),
            "dbmate: checks, of the table and in a column's definition",
        ),
        example(
            sql(
                "prisma",
                """
                -- AlterTable
                ALTER TABLE "users" ADD COLUMN "home_id" BIGINT DEFAULT 1 REFERENCES "teams"; -- <- flagged
                """,
            ),
            "Prisma: with a value for every row",
        ),
        example(
            alembic(
                """
                op.create_foreign_key("users_team_fk", "users", "teams", ["team_id"], ["id"])  # <- flagged
                op.create_check_constraint("users_grown", "users", "age >= 18")  # <- flagged
                op.add_column("users", sa.Column("boss_id", sa.BigInteger(), sa.ForeignKey("users.id")))  # <- flagged
                """
            ),
            "Alembic: by itself, and as a statement of its own behind a column",
        ),
        example(
            django(
                """
                migrations.AddConstraint(  # <- flagged
                    model_name="user",
                    constraint=models.CheckConstraint(condition=models.Q(age__gte=18), name="users_grown"),
                ),
                migrations.AddField("user", "visits", models.PositiveIntegerField(default=0)),  # <- flagged
                """
            ),
            "Django: a constraint, and the one that a positive number brings",
        ),
    ),
    good=(
        example(
            sql(
                "diesel",
                """
                ALTER TABLE users ADD CONSTRAINT users_grown CHECK (age >= 18) NOT VALID;
                """,
                """
                ALTER TABLE users VALIDATE CONSTRAINT users_grown;
                """,
            ),
            "diesel: in two steps",
        ),
        example(
            sql(
                "goose",
                """
                ALTER TABLE users ADD COLUMN boss_id bigint REFERENCES users (id);
                CREATE TABLE logins (id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, CHECK (id > 0));
                ALTER TABLE logins ADD FOREIGN KEY (id) REFERENCES users;
                """,
            ),
            "goose: a key without a value to look up, and a new table",
        ),
        example(
            alembic(
                """
                op.create_foreign_key(
                    "users_team_fk", "users", "teams", ["team_id"], ["id"], postgresql_not_valid=True
                )
                """,
                'op.execute("ALTER TABLE users VALIDATE CONSTRAINT users_team_fk")',
            ),
            "Alembic: in two steps",
        ),
        example(
            django(
                """
                migrations.AddField(
                    "user", "boss", models.ForeignKey(db_index=False, null=True, on_delete=models.CASCADE, to="shop.user")
                ),
                AddConstraintNotValid(
                    model_name="user",
                    constraint=models.CheckConstraint(condition=models.Q(age__gte=18), name="users_grown"),
                ),
                """,
                'ValidateConstraint(model_name="user", name="users_grown"),',
            ),
            "Django: a key in the column's definition, a check in two steps",
        ),
    ),
)
