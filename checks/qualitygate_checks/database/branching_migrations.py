"""A history of migrations that has two ends, or that hangs in the air.

What it flags: of Alembic, two heads in one history (revisions that nothing follows), and a `down_revision` that no file
has; of Django, two migrations of one application that nothing follows, and a dependency on a migration of the project
that is not there. Heads under branch labels of their own, histories in directories of their own, and migrations that a
squashed one replaces are no branches. Each end but the first in the order of application is reported.

Why: `alembic upgrade head` stops with "Multiple head revisions are present", `migrate` with "Conflicting migrations
detected; multiple leaf nodes", and a parent that is missing ends both with an error: the deployment fails before it has
changed anything. It happens when two branches of the code that each add a migration are merged.

How to mend: `alembic merge heads`, or `manage.py makemigrations --merge`; where one of the two was never applied, give it
the other as its parent.

What it cannot see: how the tool is called. `alembic upgrade heads` with several heads on purpose and without labels is
better labelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.schema import History, Migration, Revision


def run(project: Project) -> Iterator[Hit]:
    """One hit an end too many, and one a parent that is missing."""
    for history in project.histories:
        known = {
            migration.version: (migration, migration.revision)
            for migration in history.migrations
            if migration.revision is not None
        }
        yield from _heads(history, known)
        for migration, revision in known.values():
            for parent in revision.parents:
                if parent not in known and not any(version.startswith(parent) for version in known):
                    yield _missing(migration, revision, parent)


_Known = Mapping[str, tuple[Migration, Revision]]


def _heads(history: History, known: _Known) -> Iterator[Hit]:
    # of Django only what follows in the same application counts: others may depend on any migration
    followed = {
        parent
        for _, revision in known.values()
        for parent in revision.parents
        if history.tool != "django" or parent.partition(".")[0] in revision.labels
    }
    ends: dict[frozenset[str], Migration] = {}
    for version, (migration, revision) in known.items():
        if version in followed or any(version.startswith(parent) for parent in followed - known.keys()):
            continue
        labels = frozenset(revision.labels) if history.tool == "django" else _labels(version, known)
        first = ends.setdefault(labels, migration)
        if first is not migration:
            yield _branch(history, first, migration, revision)


def _labels(version: str, known: _Known) -> frozenset[str]:
    """The branch labels of a revision and of all that it follows."""
    found: set[str] = set()
    seen = set()
    waiting = [version]
    while waiting:
        current = waiting.pop()
        if current in known and current not in seen:
            seen.add(current)
            revision = known[current][1]
            found.update(revision.labels)
            waiting += revision.parents
    return frozenset(found)


def _branch(history: History, first: Migration, migration: Migration, revision: Revision) -> Hit:
    other = first.revision.span if first.revision is not None else revision.span
    command = "alembic merge heads" if history.tool == "alembic" else "manage.py makemigrations --merge"
    return Hit(
        place=Place(migration.path, revision.span),
        message=f"Migrations {first.version} and {migration.version} are both the last of their history",
        subject=f"{migration.version} beside {first.version}",
        why=f"{history.tool} does not know which of them to go up to, and stops",
        mend=f"{command}, or let one follow the other",
        places=(Place(first.path, other, "the other end", "migration"),),
        confidence=Confidence.HIGH,
    )


def _missing(migration: Migration, revision: Revision, parent: str) -> Hit:
    return Hit(
        place=Place(migration.path, revision.span),
        message=f"Migration {migration.version} follows {parent}, which is not there",
        subject=f"{migration.version} after {parent}",
        why="the tool cannot build the history, and no migration is applied",
        mend="add the migration that is missing, or name the one that it is to follow",
        confidence=Confidence.HIGH,
    )


def _alembic(name: str, down: str, more: str = "") -> str:
    return f"""
from alembic import op

revision = "{name}"
down_revision = {down}
{more}

def upgrade() -> None:
    op.execute("UPDATE plans SET name = '{name}'")


def downgrade() -> None:
    pass
"""


def _django(*parents: str) -> str:
    dependencies = ", ".join(f'("shop", "{parent}")' for parent in parents)
    return f"""
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [{dependencies}]
    operations = [migrations.AlterModelOptions("order", {{"ordering": ["id"]}})]
"""


def _flagged(code: str, line: str) -> str:
    return code.replace(line, f"{line}  # <- flagged", 1)


CHECK = Check(
    id="branching-migrations",
    domain=Domain.DATABASE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use versioned migrations that let the service run",
    dont="Ship a migration that cannot be applied",
    tags=("CWE-670",),
    run=run,
    examined=lambda project: sum(
        migration.revision is not None for history in project.histories for migration in history.migrations
    ),
    doc=__doc__,
    bad=(
        example(
            {
                "migrations/versions/aaaa_first.py": _alembic("aaaa", "None"),
                "migrations/versions/bbbb_left.py": _alembic("bbbb", '"aaaa"'),
                "migrations/versions/cccc_right.py": _flagged(_alembic("cccc", '"aaaa"'), 'revision = "cccc"'),
            },
            "Alembic: two heads",
        ),
        example(
            {
                "migrations/versions/bbbb_second.py": _flagged(_alembic("bbbb", '"aaaa"'), 'revision = "bbbb"'),
            },
            "Alembic: the parent is missing",
        ),
        example(
            {
                "shop/migrations/0001_initial.py": _django(),
                "shop/migrations/0002_discount.py": _django("0001_initial"),
                "shop/migrations/0002_shipping.py": _flagged(
                    _django("0001_initial"), "class Migration(migrations.Migration):"
                ),
            },
            "Django: two leaves of one application",
        ),
    ),
    good=(
        example(
            {
                "migrations/versions/aaaa_first.py": _alembic("aaaa", "None"),
                "migrations/versions/bbbb_left.py": _alembic("bbbb", '"aaaa"'),
                "migrations/versions/cccc_right.py": _alembic("cccc", '"aaaa"'),
                "migrations/versions/dddd_merge.py": _alembic("dddd", '("bbbb", "cccc")'),
            },
            "Alembic: merged",
        ),
        example(
            {
                "migrations/versions/aaaa_first.py": _alembic("aaaa", "None", 'branch_labels = ("core",)'),
                "migrations/versions/bbbb_tenant.py": _alembic("bbbb", "None", 'branch_labels = ("tenant",)'),
                "migrations/versions/cccc_tenant.py": _alembic("cccc", '"bbbb"'),
            },
            "Alembic: branches with labels",
        ),
        example(
            {
                "shop/migrations/0001_initial.py": _django(),
                "shop/migrations/0002_discount.py": _django("0001_initial"),
                "shop/migrations/0002_shipping.py": _django("0001_initial"),
                "shop/migrations/0003_merge.py": _django("0002_discount", "0002_shipping"),
            },
            "Django: merged",
        ),
    ),
)
