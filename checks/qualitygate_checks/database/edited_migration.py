"""A migration that was there before the change, and does something else now.

What it flags: with a base to compare with (`--base`), a migration of the base whose statements are others now: of SQL each
statement of the way up, of Alembic the steps of `upgrade`, of Django the operations, with the functions of the file that
they call. Comments, layout, the way back, what a migration follows, and edits of a Django or Alembic step that leave the
database the same (a label, the module a type is imported from) are no change, nor is the repeatable migration of Flyway.

Why: a migration runs once. Databases that ran the old form never see the new one, and new databases never saw the old:
from then on the two differ, and the next migration meets a schema that nobody tested. Flyway, sqlx and Prisma keep a
checksum of what they ran, and refuse to go on.

How to mend: put the file back as it was, and do what is to be done in a new migration.

What it cannot see: whether the migration ran anywhere. One that was merged and never deployed may be edited; answer the
finding with that reason.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from difflib import SequenceMatcher

import msgspec

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import CODE, PLAIN, History, Migration, Script, Span, Step

_NOWHERE = Span(0, 0, 0, 0)
_SHOWN = 5
_CHECKSUMS = frozenset({"flyway", "sqlx", "prisma", "liquibase"})


def run(project: Project) -> Iterator[Hit]:
    """One hit for each edited migration, at the first step that is another."""
    if project.base is None:
        return
    scripts = _scripts(project)
    old_scripts = _scripts(project.base)
    for history, migration, old in _in_both(project, project.base):
        script, old_script = scripts.get(migration.path), old_scripts.get(old.path)
        if script is None or old_script is None:
            continue
        same = _operations(migration) == _operations(old)
        changed, gone = _difference(_judged(script, same), _judged(old_script, same))
        if changed or gone:
            yield _hit(history, migration, changed, gone)


def _in_both(project: Project, base: Project) -> Iterator[tuple[History, Migration, Migration]]:
    """Every migration that the base has too: under its path, else under its version in a history of the same tool."""
    by_path = {one.path: one for history in base.histories for one in history.migrations}
    by_version = {
        (history.tool, history.directory, one.version): one for history in base.histories for one in history.migrations
    }
    for history in project.histories:
        if history.tool == "schema":
            continue
        for migration in history.migrations:
            old = by_path.get(migration.path) or by_version.get((history.tool, history.directory, migration.version))
            if old is not None and not migration.path.rpartition("/")[2].startswith("R__"):
                yield history, migration, old


def _scripts(project: Project) -> dict[str, Script]:
    return {file.path: file.script for file in project.files if file.script is not None}


def _operations(migration: Migration) -> Hashable:
    operations = (change.operation for change in migration.changes)
    return tuple(msgspec.structs.replace(operation, span=_NOWHERE) for operation in operations)


def _judged(script: Script, same: bool) -> list[Step]:
    """The steps that count: where the operations are the same, only those that do more than operations tell."""
    return [step for step in script.steps if not (same and step.kind == PLAIN)]


def _difference(new: list[Step], old: list[Step]) -> tuple[list[Step], list[Step]]:
    """The steps that are others or that were added, and those that are gone for good."""
    matcher = SequenceMatcher(None, [step.digest for step in old], [step.digest for step in new], autojunk=False)
    changed: list[Step] = []
    gone: list[Step] = []
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind != "equal":
            changed += new[first:last]
            gone += old[start + (last - first) : end]
    return changed, gone


def _hit(history: History, migration: Migration, changed: list[Step], gone: list[Step]) -> Hit:
    told = [f"{_steps(len(changed))} {'is' if len(changed) == 1 else 'are'} new or changed"] if changed else []
    if gone:
        told.append(f"{_steps(len(gone))} {'is' if len(gone) == 1 else 'are'} gone")
    whole = migration.revision.span if migration.revision is not None else Span(1, 1, 1, 2)
    only_code = all(step.kind == CODE for step in (*changed, *gone))
    doubt = "; only Python code is another, which may do the same" if only_code else ""
    refuses = f"; {history.tool} finds another checksum and refuses to go on" if history.tool in _CHECKSUMS else ""
    return Hit(
        place=Place(migration.path, changed[0].span if changed else whole),
        message=f"Migration {migration.version} is edited after the fact: {' and '.join(told)}",
        subject=migration.version or migration.path,
        why=f"databases that ran it before never run what is new in it, and differ from now on{refuses}{doubt}",
        mend="put it back as it was, and make the change in a new migration",
        confidence=Confidence.LOW if only_code else Confidence.MEDIUM,
        places=tuple(Place(migration.path, step.span, "changed too", "migration") for step in changed[1:_SHOWN]),
    )


def _steps(number: int) -> str:
    return f"{number} step" if number == 1 else f"{number} steps"


_ORDERS = """
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    total numeric(12, 2) NOT NULL
);
"""
_ALEMBIC = '''
"""Orders."""
import sqlalchemy as sa
from alembic import op

revision = "3f2a"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
    )
    op.execute("INSERT INTO orders (id, state) VALUES (0, 'none')")


def downgrade() -> None:
    op.drop_table("orders")
'''
_DJANGO = """
from django.db import migrations, models


def fill(apps, schema_editor):
    apps.get_model("shop", "Order").objects.filter(state="").update(state="new")


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("order", "state", models.CharField(max_length=20, default="")),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
"""

CHECK = Check(
    id="edited-migration",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Use versioned migrations: one change, one migration",
    dont="Rewrite a migration that databases have run",
    tags=("CWE-694",),
    run=run,
    examined=lambda project: len(list(_in_both(project, project.base))) if project.base is not None else 0,
    doc=__doc__,
    bad=(
        example(
            """
            CREATE TABLE orders (  -- <- flagged
                id bigint PRIMARY KEY,
                total numeric(14, 2) NOT NULL
            );
            """,
            "SQL: a type is another now",
            path="migrations/V1__orders.sql",
            base=_ORDERS,
        ),
        example(
            _ORDERS + "CREATE INDEX orders_total ON orders (total);  -- <- flagged\n",
            "SQL: a statement is added",
            path="db/migrations/20260401120000_orders.sql",
            base=_ORDERS,
        ),
        example(
            _ALEMBIC.replace(
                """    op.execute("INSERT INTO orders (id, state) VALUES (0, 'none')")""",
                """    op.execute("INSERT INTO orders (id, state) VALUES (1, 'none')")  # <- flagged""",
            ),
            "Alembic: other rows are written",
            path="migrations/versions/3f2a_orders.py",
            base=_ALEMBIC,
        ),
        example(
            _ALEMBIC.replace("    op.create_table(", "    op.create_table(  # <- flagged").replace(
                "String(20)", "String(40)"
            ),
            "Alembic: a column is made wider where it was made",
            path="migrations/versions/3f2a_orders.py",
            base=_ALEMBIC,
        ),
        example(
            {
                "shop/migrations/0001_initial.py": _DJANGO,
                "shop/migrations/0002_state.py": _DJANGO.replace(
                    "def fill(apps, schema_editor):", "def fill(apps, schema_editor):  # <- flagged"
                ).replace('state="new"', 'state="open"'),
            },
            "Django: the function that RunPython calls",
            base={"shop/migrations/0001_initial.py": _DJANGO, "shop/migrations/0002_state.py": _DJANGO},
        ),
    ),
    good=(
        example(
            """
            -- Orders, one row each.
            create table orders (id bigint primary key, total numeric(12,2) not null);
            """,
            "SQL: a comment and another layout",
            path="migrations/V1__orders.sql",
            base=_ORDERS,
        ),
        example(
            {
                "migrations/V1__orders.sql": _ORDERS,
                "migrations/V2__total.sql": "ALTER TABLE orders ALTER COLUMN total TYPE numeric(14, 2);\n",
            },
            "SQL: a migration of its own",
            base={"migrations/V1__orders.sql": _ORDERS},
        ),
        example(
            _ALEMBIC.replace('op.drop_table("orders")', 'op.execute("DROP TABLE orders CASCADE")').replace(
                "down_revision = None", 'down_revision = None\nbranch_labels = ("shop",)'
            ),
            "Alembic: the way back is another",
            path="migrations/versions/3f2a_orders.py",
            base=_ALEMBIC,
        ),
        example(
            {
                "shop/migrations/0001_initial.py": _DJANGO,
                "shop/migrations/0002_state.py": _DJANGO.replace(
                    'max_length=20, default=""', 'max_length=20, default="", help_text="Where it stands"'
                ),
            },
            "Django: a label that the database does not know",
            base={"shop/migrations/0001_initial.py": _DJANGO, "shop/migrations/0002_state.py": _DJANGO},
        ),
        example(
            {"schema.sql": "CREATE TABLE orders (id bigint PRIMARY KEY, state text);\n"},
            "the schema as a whole, no migration",
            base={"schema.sql": "CREATE TABLE orders (id bigint PRIMARY KEY);\n"},
        ),
    ),
)
