"""A change of a column's type that PostgreSQL carries out by writing the whole table anew.

What it flags: `ALTER COLUMN ... TYPE` (Alembic: `op.alter_column(type_=...)`, Django: `AlterField`) on a table that
PostgreSQL had before the migration, where old and new type are stored differently: `integer` to `bigint`, a shorter
`varchar`, another scale of `numeric`, `json` to `jsonb`, `USING` with anything but a cast of the column; and `text` to
`citext` and its like on a column that has an index, which is built anew. The old type is
that of the schema as the migrations before have left it. Left alone is what costs nothing: a longer `varchar`, `varchar`
to `text` and back, more digits of the same scale, a finer time; so are tables that the same migration makes, drops or
empties, the way down, and other databases. The confidence is medium for `timestamp` to `timestamptz` and back, which is
free where the session's time zone is UTC and writes everything anew elsewhere, where the order of the files is a guess,
and where nothing names the database; it is low where the old type is not known, and for types that PostgreSQL does not
bring, which may be domains.

Why: the whole table and all its indexes are written anew under an ACCESS EXCLUSIVE lock. Nobody can read or write the
table meanwhile, the disk needs room for a second copy, and the release that still runs may not know the new type.

How to mend: add a column of the new type, write both from the application, fill the old rows in batches, then let the
application read the new one and drop the old.

What it cannot see: how many rows the table has, and the time zone of the session.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import History, Migration, OperationKind
from qualitygate_checks.database._examples import alembic, django, sql
from qualitygate_checks.database._locks import Cost, Effect, located, told
from qualitygate_checks.database._migrations import by_age, changes, confidence, doubts, mend, origin


def run(project: Project) -> Iterator[Hit]:
    """One hit a column; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for history, migration, effect in located(project, OperationKind.SET_TYPE):
        if effect.cost is not Cost.FREE:
            yield _hit(history, migration, effect)


def _hit(history: History, migration: Migration, effect: Effect) -> Hit:
    operation = effect.change.operation
    (column,) = operation.columns
    doubted = doubts(history, effect.change)
    sure = confidence(doubted)
    if effect.cost is Cost.UNKNOWN:
        sure = Confidence.MEDIUM if "time zone" in effect.reason else Confidence.LOW
    known = effect.cost is not Cost.UNKNOWN
    why = [told(effect) if known else effect.reason, *doubted]
    work = "builds the indexes of" if effect.cost is Cost.BUILD else "writes" if known else "may write"
    whole = "the column" if effect.cost is Cost.BUILD else "the whole table"
    return Hit(
        place=Place(migration.path, operation.span),
        message=f"Changing {effect.table}.{column} to {operation.type or 'another type'} "
        f"{work} {whole} anew while nobody can use it",
        subject=f"{effect.table}.{column}",
        why="; ".join(why),
        mend=mend(
            history,
            "a new column of that type, filled in batches, that takes the place of the old one in a later release",
            "op.add_column of that type, filled in batches, that takes the place of the old one in a later release",
            "AddField of that type with null=True, filled in batches, that takes the place of the old one in a later release",
        ),
        places=origin(effect.change),
        confidence=sure,
    )


CHECK = Check(
    id="rewriting-type-change",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Lock a table that is in use",
    tags=("CWE-667",),
    run=run,
    examined=lambda project: sum(1 for _ in changes(project, OperationKind.SET_TYPE)),
    doc=__doc__,
    bad=(
        example(
            sql(
                "diesel",
                """
                ALTER TABLE users ALTER COLUMN age TYPE bigint; -- <- flagged
                """,
            ),
            "diesel: a wider number",
        ),
        example(
            sql(
                "golang-migrate",
                """
                ALTER TABLE users
                    ALTER COLUMN email TYPE varchar(100), -- <- flagged
                    ALTER COLUMN age SET DATA TYPE text USING age || ' years'; -- <- flagged
                """,
            ),
            "golang-migrate: shorter, and computed",
        ),
        example(
            sql(
                "dbmate",
                """
                ALTER TABLE teams ALTER COLUMN name TYPE citext;
                ALTER TABLE users ALTER COLUMN email TYPE citext; -- <- flagged
                """,
            ),
            "dbmate: an index whose order changes",
        ),
        example(
            sql(
                "prisma",
                """
                -- AlterTable
                ALTER TABLE "users" ALTER COLUMN "created_at" SET DATA TYPE TIMESTAMP(3); -- <- flagged
                """,
            ),
            "Prisma: coarser",
        ),
        example(
            sql(
                "goose",
                """
                ALTER TABLE users ALTER COLUMN created_at TYPE timestamp; -- <- flagged
                """,
            ),
            "goose: free in UTC alone",
        ),
        example(
            alembic('op.alter_column("users", "age", existing_type=sa.Integer(), type_=sa.BigInteger())  # <- flagged'),
            "Alembic",
        ),
        example(
            django(
                """
                migrations.AlterField(  # <- flagged
                    model_name="user",
                    name="email",
                    field=models.CharField(max_length=254),
                ),
                migrations.AlterField("user", "age", models.BigIntegerField(null=True)),  # <- flagged
                """
            ),
            "Django",
        ),
    ),
    good=(
        example(
            sql(
                "diesel",
                """
                ALTER TABLE users
                    ALTER COLUMN email TYPE varchar(640),
                    ALTER COLUMN created_at TYPE timestamp with time zone;
                """,
                """
                ALTER TABLE users ALTER COLUMN email TYPE text USING email::text;
                """,
            ),
            "diesel: longer, and the same",
        ),
        example(
            sql(
                "flyway",
                """
                CREATE TABLE payments (id bigserial PRIMARY KEY, total numeric(10, 2), at time(3));
                ALTER TABLE payments ALTER COLUMN id TYPE integer;
                """,
                """
                ALTER TABLE payments ALTER COLUMN total TYPE numeric(12, 2), ALTER COLUMN at TYPE time;
                """,
            ),
            "Flyway: a new table, then more digits",
        ),
        example(
            alembic(
                """
                op.alter_column("users", "email", existing_type=sa.String(320), type_=sa.Text())
                op.alter_column("teams", "name", type_=sa.String(200), existing_nullable=False)
                """
            ),
            "Alembic: longer",
        ),
        example(
            django(
                """
                migrations.AlterField("user", "email", models.TextField()),
                migrations.AlterField("team", "name", models.CharField(max_length=200)),
                migrations.AlterField("user", "age", models.IntegerField(null=True, help_text="in years")),
                """
            ),
            "Django: longer, and a change that is none to the database",
        ),
    ),
)
