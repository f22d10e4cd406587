"""What migrations in Python change of the rows without SQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from qualitygate_checks.database._examples import alembic, django

from qualitygate.analyse import analyse
from qualitygate.authoring import Example
from qualitygate.discover import Layout, language_of
from qualitygate.model.schema import OperationKind
from qualitygate.model.source import SourceFile


def changed(files: dict[str, str]) -> list[tuple[str, str, bool]]:
    """Kind, table and whether a condition bounds it, of every change of rows in the last migration."""
    sources = sorted(Example(files).sources().items())
    layout = Layout.of(path for path, _ in sources)
    read = [SourceFile(Path("/x"), path, language_of(path, data), layout.role(path), data) for path, data in sources]
    (history,) = analyse(read, [], {}).histories
    return [
        (change.operation.kind.value, change.operation.table, change.operation.partial)
        for change in history.migrations[-1].changes
        if change.operation.kind in (OperationKind.UPDATE, OperationKind.DELETE)
    ]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("op.execute(users.update().values(age=1))", [("update", "users", False)]),
        ("op.execute(users.update().where(users.c.id == 1).values(age=1))", [("update", "users", True)]),
        ("op.execute(users.delete())", [("delete", "users", False)]),
        ("op.execute(sa.update(users).values(age=1))", [("update", "users", False)]),
        ("op.execute(sa.delete(users).where(users.c.id == 1))", [("delete", "users", True)]),
        ("op.get_bind().execute(users.update().values(age=1))", [("update", "users", False)]),
        ("op.execute(users.insert().values(age=1))", []),
        ("op.execute(unknown.update().values(age=1))", []),
    ],
)
def test_expressions_of_sqlalchemy_are_read(statement: str, found: list[tuple[str, str, bool]]) -> None:
    assert changed(alembic(f'users = sa.table("users", sa.column("id"), sa.column("age"))\n{statement}')) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("User.objects.update(age=1)", [("update", "shop_user", False)]),
        ("User.objects.all().order_by('id').update(age=1)", [("update", "shop_user", False)]),
        ("User.objects.filter(age=1).update(age=2)", [("update", "shop_user", True)]),
        ("User.objects.all()[:10].delete()", [("delete", "shop_user", True)]),
        ("for user in User.objects.all():\n        user.save()", [("update", "shop_user", False)]),
        (
            "rows = User.objects.exclude(age=1)\n    for user in rows:\n        user.save()",
            [("update", "shop_user", True)],
        ),
        ("for user in User.objects.all():\n        print(user)", []),
        ("{}.update(a=1)", []),
        ("user = User.objects.first()\n    user.delete()", []),
    ],
)
def test_functions_that_django_runs_are_read(body: str, found: list[tuple[str, str, bool]]) -> None:
    above = f'def fill(apps, schema_editor):\n    User = apps.get_model("shop", "User")\n    {body}\n'
    assert changed(django("migrations.RunPython(fill, migrations.RunPython.noop),", above=above)) == found
