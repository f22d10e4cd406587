"""A lock that is kept while the same transaction does something slow.

What it flags: in one transaction, on tables that PostgreSQL had before the migration, an ACCESS EXCLUSIVE lock and after it
a statement that takes long on another table (all rows changed, an index built, the table scanned or written anew), or
VALIDATE of a constraint that an earlier migration added, or a materialized view that is filled. One finding a transaction.
Two such locks on different tables without slow work between them are told with low confidence: each may wait while the
other is held, and transactions that take them in the other order end in a deadlock. What blocks by itself on the same
table is told by the check for it. Left alone are tables that the same migration makes or drops, the way down, other
databases, and tools whose way with transactions is not known. Where the tool sends the file as one script (golang-migrate,
Prisma) the confidence is medium, since options change it.

Why: a lock is given back when the transaction ends, not when the statement does. The ALTER TABLE of a millisecond at its
head becomes an outage as long as all that follows.

How to mend: give the slow part a migration of its own, before or after.

What it cannot see: how many rows the tables have, and options that are given to the tool on its command line.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import History, Migration, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import Cost, Effect, Lock, Transaction, judged, transactions
from qualitygate_checks.database._migrations import by_age, steps

_ADDING = (OperationKind.ADD_CHECK, OperationKind.ADD_FOREIGN_KEY)
_SLOW = (Cost.SCAN, Cost.BUILD, Cost.REWRITE)
# What is slow and holds up nobody by itself, so that no other check speaks of it.
_QUIET = (OperationKind.VALIDATE_CONSTRAINT, OperationKind.REFRESH)


def run(project: Project) -> Iterator[Hit]:
    """One hit a transaction; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for history, migration, found in judged(project):
        for transaction in transactions(history, migration, found) if len(found) > 1 else ():
            pair = _chain(transaction)
            if pair is not None:
                yield _hit(history, migration, transaction, *pair)


def _chain(transaction: Transaction) -> tuple[Effect, Effect] | None:
    """The first lock that is kept through slow work, with that work; else with the first lock on another table."""
    held: dict[str, Effect] = {}
    second: tuple[Effect, Effect] | None = None
    added = set()
    for effect in transaction.effects:
        operation = effect.change.operation
        if operation.kind in _ADDING:
            added.add((operation.table, operation.name))
        first = next(iter(held.values()), None)
        own = operation.kind is OperationKind.VALIDATE_CONSTRAINT and (operation.table, operation.name) in added
        if first is not None and effect.cost in _SLOW and not own:
            other = next((each for each in held.values() if each.table != effect.table), None)
            if operation.kind in _QUIET:
                return first, effect
            if other is not None:
                return other, effect
        if effect.lock is Lock.ACCESS_EXCLUSIVE and operation.kind is not OperationKind.DROP_TABLE:
            if held and effect.table not in held and second is None and first is not None:
                second = first, effect
            held.setdefault(effect.table, effect)
    return second


def _hit(history: History, migration: Migration, transaction: Transaction, first: Effect, then: Effect) -> Hit:
    operation = then.change.operation
    slow = then.cost in _SLOW
    sure = Confidence.HIGH if transaction.surely else Confidence.MEDIUM
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"{first.table} stays locked while {_work(then)}"
        if slow
        else f"{first.table} and {then.table} are locked one after the other in one transaction",
        subject=f"{first.table} and {operation.kind.value} {then.table}",
        why=f"the ACCESS EXCLUSIVE lock is held until the transaction ends, so that nobody reads or writes {first.table}; "
        f"{transaction.opened}",
        mend="give the slow part a migration of its own" if slow else "a migration for each table",
        places=(Place(migration.path, first.change.operation.span, "the lock is taken here", "migration"),),
        severity=None if slow else Severity.NOTE,
        confidence=sure if slow else Confidence.LOW,
    )


def _work(effect: Effect) -> str:
    table = effect.table
    return {
        OperationKind.UPDATE: f"all rows of {table} are updated",
        OperationKind.DELETE: f"all rows of {table} are deleted",
        OperationKind.VALIDATE_CONSTRAINT: f"all rows of {table} are checked",
        OperationKind.REFRESH: f"the view {table} is filled anew",
        OperationKind.CREATE_INDEX: f"an index of {table} is built",
    }.get(effect.change.operation.kind, f"{table} is {'read' if effect.cost is Cost.SCAN else 'worked through'} whole")


CHECK = Check(
    id="long-lock-chain",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Lock a table that is in use",
    tags=("CWE-667",),
    run=run,
    examined=lambda project: sum(1 for _ in steps(project)),
    doc=__doc__,
    bad=(
        example(
            sql(
                "diesel",
                """
                ALTER TABLE teams ADD COLUMN state text;
                ALTER TABLE users ADD COLUMN state text;
                UPDATE users SET state = 'active'; -- <- flagged
                """,
            ),
            "diesel: all rows after a column of another table",
        ),
        example(
            sql(
                "golang-migrate",
                """
                ALTER TABLE users DROP COLUMN age;
                CREATE INDEX teams_name_idx ON teams (name); -- <- flagged
                """,
            ),
            "golang-migrate: an index of another table",
        ),
        example(
            sql(
                "goose without a transaction",
                "ALTER TABLE users ADD CONSTRAINT users_age CHECK (age > 0) NOT VALID;\n",
                """
                BEGIN;
                ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
                ALTER TABLE users VALIDATE CONSTRAINT users_age; -- <- flagged
                COMMIT;
                """,
            ),
            "goose: a constraint of an earlier migration",
        ),
        example(
            alembic(
                """
                op.add_column("teams", sa.Column("size", sa.Integer()))
                op.execute("UPDATE users SET age = 0 WHERE age IS NULL")  # <- flagged
                """
            ),
            "Alembic",
        ),
        example(
            django(
                """
                migrations.AddField("team", "state", models.TextField(null=True)),
                migrations.RunPython(fill, migrations.RunPython.noop),
                """,
                above="""
                def fill(apps, schema_editor):
                    apps_user = apps.get_model("shop", "User")
                    apps_user.objects.all().update(age=0)  # <- flagged
                """,
            ),
            "Django",
        ),
    ),
    good=(
        example(
            sql(
                "diesel",
                "ALTER TABLE teams ADD COLUMN state text;\n",
                "UPDATE users SET age = 0;\n",
            ),
            "diesel: two migrations",
        ),
        example(
            sql(
                "goose without a transaction",
                """
                ALTER TABLE teams ADD COLUMN state text;
                UPDATE users SET age = 0;
                """,
            ),
            "goose: without a transaction",
        ),
        example(
            sql(
                "flyway",
                """
                CREATE TABLE logins (id bigserial PRIMARY KEY, user_id bigint);
                ALTER TABLE logins ADD COLUMN at timestamptz;
                UPDATE logins SET at = now();
                UPDATE users SET age = 18 WHERE id = 1;
                """,
            ),
            "Flyway: a new table, and one row",
        ),
        example(
            alembic(
                """
                op.execute("UPDATE users SET age = 0")
                op.add_column("teams", sa.Column("state", sa.Text()))
                """
            ),
            "Alembic: the slow part comes first",
        ),
        example(
            django(
                """
                migrations.AddField("team", "state", models.TextField(null=True)),
                migrations.RunPython(fill, migrations.RunPython.noop),
                """,
                atomic=False,
                above="""
                def fill(apps, schema_editor):
                    apps_user = apps.get_model("shop", "User")
                    apps_user.objects.all().update(state="active")
                """,
            ),
            "Django: not atomic",
        ),
    ),
)
