"""A migration with no way back.

What it flags: of Alembic, a revision that changes the schema and whose `downgrade` is missing, empty or only raises; of
Django, a migration that runs SQL without `reverse_sql` or Python without `reverse_code`. Left alone are the first
migration of a history, merges, revisions that change no table, and migrations up to the one that `migrations.since`
names.

Why: when a release has to be taken back, its migrations stay. The code of yesterday then meets the schema of today, or
somebody writes the way back by hand in the middle of an incident.

How to mend: write the way back, even where it brings back the structure alone; `migrations.RunSQL.noop` and
`migrations.RunPython.noop` say that going back needs nothing. Where data is lost for good, answer the finding with the
reason.

What it cannot see: whether the way back that is there leads back to where the way up began.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import History, Migration
from qualitygate_checks.database._migrations import by_age, mend


def run(project: Project) -> Iterator[Hit]:
    """One hit a migration; the old ones of a history as one."""
    yield from by_age(project, _hits(project))


def _hits(project: Project) -> Iterator[Hit]:
    for history, migration in _judged(project):
        revision = migration.revision
        if revision is None or revision.reversible or not revision.parents:
            continue
        changes = any(change.operation.name or change.operation.table for change in migration.changes)
        if history.tool == "django" or (changes and len(revision.parents) == 1):
            yield Hit(
                place=Place(migration.path, revision.span),
                message=f"Migration {migration.version} cannot be taken back",
                subject=migration.version,
                why=mend(
                    history,
                    "it has no way back",
                    "it changes the schema, and downgrade() does nothing",
                    "it runs SQL or Python for which no way back is given",
                ),
                mend=mend(
                    history,
                    "write the way back",
                    "write in downgrade() what brings the structure back",
                    "give reverse_sql or reverse_code; `noop` where going back needs nothing",
                ),
                confidence=Confidence.HIGH,
            )


def _judged(project: Project) -> Iterator[tuple[History, Migration]]:
    for history in project.histories:
        for migration in history.migrations:
            if migration.revision is not None and not migration.applied:
                yield history, migration


_BASE = """
from alembic import op
import sqlalchemy as sa

revision = "aaaa"
down_revision = None


def upgrade() -> None:
    op.create_table("plans", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    pass
"""
_INITIAL = """
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.CreateModel("Order", [("id", models.BigAutoField(primary_key=True))])]
"""

CHECK = Check(
    id="irreversible-migration",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Ship a migration that cannot be taken back",
    tags=(),
    run=run,
    examined=lambda project: sum(1 for _ in _judged(project)),
    doc=__doc__,
    bad=(
        example(
            {
                "migrations/versions/aaaa_plans.py": _BASE,
                "migrations/versions/bbbb_price.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "bbbb"  # <- flagged
                    down_revision = "aaaa"


                    def upgrade() -> None:
                        op.add_column("plans", sa.Column("price", sa.Integer()))


                    def downgrade() -> None:
                        raise NotImplementedError("no way back")
                """,
            },
            "Alembic",
        ),
        example(
            {
                "shop/migrations/0001_initial.py": _INITIAL,
                "shop/migrations/0002_totals.py": """
                    from django.db import migrations


                    def fill(apps, schema_editor):
                        apps.get_model("shop", "Order").objects.update(total=0)


                    class Migration(migrations.Migration):  # <- flagged
                        dependencies = [("shop", "0001_initial")]
                        operations = [migrations.RunPython(fill)]
                """,
            },
            "Django",
        ),
    ),
    good=(
        example(
            {
                "migrations/versions/aaaa_plans.py": _BASE,
                "migrations/versions/bbbb_price.py": """
                    import sqlalchemy as sa
                    from alembic import op

                    revision = "bbbb"
                    down_revision = "aaaa"


                    def upgrade() -> None:
                        op.add_column("plans", sa.Column("price", sa.Integer()))


                    def downgrade() -> None:
                        op.drop_column("plans", "price")
                """,
                "migrations/versions/cccc_names.py": """
                    from alembic import op

                    revision = "cccc"
                    down_revision = "bbbb"


                    def upgrade() -> None:
                        op.execute("INSERT INTO plans (id) VALUES (1)")


                    def downgrade() -> None:
                        pass
                """,
            },
            "Alembic: with a way back, and rows alone",
        ),
        example(
            {
                "shop/migrations/0001_initial.py": _INITIAL,
                "shop/migrations/0002_totals.py": """
                    from django.db import migrations


                    def fill(apps, schema_editor):
                        apps.get_model("shop", "Order").objects.update(total=0)


                    class Migration(migrations.Migration):
                        dependencies = [("shop", "0001_initial")]
                        operations = [
                            migrations.RunPython(fill, migrations.RunPython.noop),
                            migrations.RunSQL("ANALYZE shop_order", reverse_sql=migrations.RunSQL.noop),
                        ]
                """,
            },
            "Django: nothing to take back",
        ),
    ),
)
