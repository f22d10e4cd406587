"""A migration that changes every row of a table in one statement.

What it flags: `UPDATE` or `DELETE` without a condition that bounds it (no WHERE, `WHERE true`, `WHERE x IS NULL` alone) on
a table that was there before the migration: in SQL, through Alembic (`op.execute`, also of `table.update()`), and through
Django (`RunPython` that calls `.objects.update()` or saves every row in a loop). Left alone are tables that the same
migration makes or empties, temporary tables, the way down, and SQLite. The confidence is medium where no migration makes
the table, where the order of the files is a guess, where the statement stands in a block that may not run, where nothing
names the database, and where the only condition is `IS NULL` on a column that was there before, which few rows may meet.

Why: each row that is changed stays locked until the transaction ends, and every other change of it waits. A large table
takes minutes to hours, all rows are written a second time, the replicas fall behind, and what fails in the end is undone
whole.

How to mend: change the rows in batches of some thousand, each in a transaction of its own, outside the migration or in
one that runs outside a transaction.

What it cannot see: how many rows the table has; a small table may be changed at once: answer the finding in the file.
Changes of rows by functions that the migration imports are not followed.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import History, Migration, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import Cost, Effect, after_exclusive, judged
from qualitygate_checks.database._migrations import (
    POSTGRES,
    SHARED,
    by_age,
    changes,
    confidence,
    doubts,
    mend,
    origin,
)

_LOCKED = "the transaction holds ACCESS EXCLUSIVE on the table already, so that nobody reads or writes it until all rows are done"
KINDS = (OperationKind.UPDATE, OperationKind.DELETE)


def run(project: Project) -> Iterator[Hit]:
    """One hit a statement; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for history, migration, found in judged(project, SHARED, KINDS):
        for effect in found:
            temporary = effect.change.before is not None and effect.change.before.kind == "temporary"
            if effect.change.operation.kind in KINDS and effect.cost is Cost.SCAN and not temporary:
                yield _hit(history, migration, effect, after_exclusive(history, migration, effect, found))


def _hit(history: History, migration: Migration, effect: Effect, locked: bool) -> Hit:
    operation = effect.change.operation
    doubted = doubts(history, effect.change)
    verb = "Updating" if operation.kind is OperationKind.UPDATE else "Deleting"
    condition = f"its only condition is `{operation.expression}`" if operation.partial else "it has no condition"
    which = f"where {operation.expression}" if operation.partial else ""
    filled = not operation.partial or _filled_here(migration, effect)
    if not filled:
        doubted.append("few rows may hold NULL")
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"{verb} all rows of {effect.table} {which}".rstrip() + " in one transaction locks them until it ends",
        subject=f"{operation.kind.value} {effect.table}",
        why="; ".join([condition, *([_LOCKED] if locked and history.dialect in POSTGRES else []), *doubted]),
        mend=mend(
            history,
            f"in batches by key, each in a transaction of its own: {migration.escape}",
            "in batches by key, inside `with op.get_context().autocommit_block():`, or in a job beside the migration",
            "in batches by key, in a migration with `atomic = False`, or in a management command beside it",
        ),
        places=origin(effect.change),
        confidence=confidence(doubted),
    )


def _filled_here(migration: Migration, effect: Effect) -> bool:
    """Whether the condition is on a column that the same migration adds, and that no row has a value in."""
    spoken = {word.strip('"').rpartition(".")[2].lower() for word in effect.change.operation.expression.split()[:1]}
    return any(
        each.operation.kind is OperationKind.ADD_COLUMN
        and each.operation.table == effect.change.operation.table
        and each.operation.columns[0] in spoken
        for each in migration.changes
    )


CHECK = Check(
    id="unbounded-data-change",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Change a whole table at once",
    tags=("CWE-667",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, *KINDS, dialects=SHARED)),
    doc=__doc__,
    bad=(
        example(
            sql(
                "diesel",
                """
                ALTER TABLE users ADD COLUMN state text;
                UPDATE users SET state = 'active'; -- <- flagged
                """,
            ),
            "diesel",
        ),
        example(
            sql(
                "golang-migrate",
                """
                UPDATE users SET age = 0 WHERE age IS NULL; -- <- flagged
                DELETE FROM teams WHERE true; -- <- flagged
                UPDATE users u SET email = (SELECT t.name FROM teams t WHERE t.id = u.team_id); -- <- flagged
                """,
            ),
            "golang-migrate: conditions that bound nothing",
        ),
        example(
            alembic(
                """
                users = sa.table("users", sa.column("id"), sa.column("age"))
                op.execute(users.update().values(age=0))  # <- flagged
                op.execute("UPDATE teams SET name = lower(name)")  # <- flagged
                op.get_bind().execute(sa.delete(users))  # <- flagged
                """
            ),
            "Alembic: in SQL, and in words of SQLAlchemy",
        ),
        example(
            django(
                "migrations.RunPython(fill, migrations.RunPython.noop),",
                above="""
                def fill(apps, schema_editor):
                    User = apps.get_model("shop", "User")
                    User.objects.update(age=0)  # <- flagged
                    Team = apps.get_model("shop.Team")
                    for team in Team.objects.order_by("id").iterator():
                        team.name = team.name.lower()
                        team.save(update_fields=["name"])  # <- flagged
                """,
            ),
            "Django: in Python",
        ),
        example(
            {
                "migrations/mysql/0001_init.sql": """
                    CREATE TABLE `orders` (`id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB;
                """,
                "migrations/mysql/0002_all.sql": """
                    UPDATE `orders` SET `id` = `id` + 1; -- <- flagged
                """,
            },
            "MySQL",
        ),
        example(
            django('migrations.RunSQL("UPDATE shop_user SET age = 0", migrations.RunSQL.noop),  # <- flagged'),
            "Django: in SQL",
        ),
    ),
    good=(
        example(
            sql(
                "diesel",
                """
                UPDATE users SET age = 0 WHERE id BETWEEN 1 AND 10000;
                DELETE FROM teams WHERE name = 'test';
                """,
            ),
            "diesel: some rows",
        ),
        example(
            sql(
                "goose",
                """
                CREATE TABLE plans (id bigserial PRIMARY KEY, price numeric(10, 2));
                INSERT INTO plans (price) VALUES (10), (20);
                UPDATE plans SET price = price * 2;
                CREATE TEMP TABLE kept AS SELECT id FROM users;
                DELETE FROM kept;
                """,
            ),
            "goose: tables that the migration makes",
        ),
        example(
            alembic(
                """
                users = sa.table("users", sa.column("id"), sa.column("age"))
                op.execute(users.update().where(users.c.id < 1000).values(age=0))
                op.execute(users.insert().values(age=0))
                """
            ),
            "Alembic: some rows",
        ),
        example(
            django(
                "migrations.RunPython(fill, migrations.RunPython.noop),",
                above="""
                def fill(apps, schema_editor):
                    User = apps.get_model("shop", "User")
                    User.objects.filter(team__name="test").update(age=0)
                    names = {}
                    names.update(a=1)
                    for user in User.objects.filter(email="a@example.org"):
                        user.save()
                """,
            ),
            "Django: some rows",
        ),
        example(
            {
                "migrations/sqlite/0001_init.sql": """
                    CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT);
                """,
                "migrations/sqlite/0002_all.sql": """
                    UPDATE orders SET id = id + 1;
                """,
            },
            "SQLite",
        ),
    ),
)
