"""An index that is dropped under a lock that stops even reading.

What it flags: `DROP INDEX` without CONCURRENTLY on a table that PostgreSQL had before the migration: in SQL, through
Alembic (`op.drop_index`) and through Django (`RemoveIndex`, `db_index` taken away). Left alone are indexes that the same
migration makes, tables that it makes or drops, partitioned tables (CONCURRENTLY is not possible there), an index behind
IF EXISTS that is not there, statements behind a `lock_timeout`, the way down, and other databases. The confidence is
medium where no migration makes the index, where the order of the files is a guess, where the statement stands in a block
that may not run, and where nothing names the database.

Why: dropping takes an ACCESS EXCLUSIVE lock on the table. The work is short, but the lock has to wait for every
transaction that uses the table, and until then all new reads and writes queue behind it: one long report is enough for an
outage.

How to mend: `DROP INDEX CONCURRENTLY`, outside a transaction; the finding says how for the tool at hand. Or set a
`lock_timeout` before it, so that the statement gives up instead of holding up all others.

What it cannot see: a lock_timeout that the server or the role sets, and how long transactions on the table take.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import Change, History, Migration, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import Effect, limited, located, told
from qualitygate_checks.database._migrations import by_age, changes, confidence, doubts, mend, origin


def run(project: Project) -> Iterator[Hit]:
    """One hit an index; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for history, migration, effect in located(project, OperationKind.DROP_INDEX):
        change = effect.change
        left_alone = change.before is not None and change.before.kind in ("partitioned", "temporary")
        if not (change.operation.concurrently or left_alone or _made_here(migration, change)) and not limited(
            migration, change
        ):
            yield _hit(history, migration, effect)


def _made_here(migration: Migration, change: Change) -> bool:
    name = change.operation.name
    indexes = change.before.indexes if change.before is not None else ()
    return any(index.name == name and index.place.path == migration.path for index in indexes)


def _hit(history: History, migration: Migration, effect: Effect) -> Hit:
    operation = effect.change.operation
    index = operation.name or f"on {', '.join(operation.columns)}"
    doubted = doubts(history, effect.change)
    table = effect.table or "its table"
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Dropping index {index} makes every read and write of {table} queue",
        subject=f"{effect.table}.{operation.name or '+'.join(operation.columns)}",
        why="; ".join([told(effect) if effect.table else "the lock is ACCESS EXCLUSIVE on its table", *doubted]),
        mend=mend(
            history,
            f"DROP INDEX CONCURRENTLY; {migration.escape}",
            "op.drop_index(..., postgresql_concurrently=True) inside `with op.get_context().autocommit_block():`, in a "
            "revision of its own",
            "RemoveIndexConcurrently in a migration of its own with `atomic = False`; an index of a field is dropped by "
            "RunSQL there, with the AlterField as its state_operations",
        ),
        places=origin(effect.change),
        confidence=confidence(doubted),
    )


CHECK = Check(
    id="blocking-index-drop",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Lock a table that is in use",
    tags=("CWE-667",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, OperationKind.DROP_INDEX)),
    doc=__doc__,
    bad=(
        example(sql("diesel", "DROP INDEX users_email_idx; -- <- flagged\n"), "diesel"),
        example(
            sql(
                "golang-migrate",
                """
                BEGIN;
                DROP INDEX IF EXISTS users_email_idx, -- <- flagged
                    users_gone_idx;
                COMMIT;
                """,
            ),
            "golang-migrate: one that is there, one that is not",
        ),
        example(
            alembic(
                """
                op.drop_index("users_email_idx", table_name="users")  # <- flagged
                with op.batch_alter_table("teams") as batch:
                    batch.create_index("teams_name_idx", ["name"])
                """
            ),
            "Alembic",
        ),
        example(
            django('migrations.RemoveIndex(model_name="user", name="users_email_idx"),  # <- flagged'),
            "Django: an index of the model",
        ),
        example(
            django(
                """
                migrations.AlterField(  # <- flagged
                    model_name="user",
                    name="team",
                    field=models.ForeignKey(db_index=False, null=True, on_delete=models.PROTECT, to="shop.team"),
                ),
                """
            ),
            "Django: the index of a field",
        ),
    ),
    good=(
        example(
            sql("goose without a transaction", "DROP INDEX CONCURRENTLY IF EXISTS users_email_idx;\n"),
            "goose: concurrently",
        ),
        example(
            sql(
                "dbmate",
                """
                SET lock_timeout = '2s';
                DROP INDEX users_email_idx;
                """,
            ),
            "dbmate: it gives up after two seconds",
        ),
        example(
            sql(
                "flyway",
                """
                DROP INDEX IF EXISTS users_gone_idx;
                CREATE TABLE logins (id bigserial PRIMARY KEY, user_id bigint);
                CREATE INDEX logins_user_idx ON logins (user_id);
                DROP INDEX logins_user_idx;
                """,
            ),
            "Flyway: nothing that is there, and what the migration makes itself",
        ),
        example(
            sql(
                "prisma",
                """
                DROP INDEX "users_email_idx";
                DROP TABLE "users";
                """,
            ),
            "Prisma: its table goes too",
        ),
        example(
            alembic(
                """
                with op.get_context().autocommit_block():
                    op.drop_index("users_email_idx", table_name="users", postgresql_concurrently=True)
                """
            ),
            "Alembic: concurrently",
        ),
        example(
            django('RemoveIndexConcurrently(model_name="user", name="users_email_idx"),', atomic=False),
            "Django: concurrently",
        ),
    ),
)
