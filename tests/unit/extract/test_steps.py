"""What a migration is made of: the same words are the same step, however they are laid out."""

from __future__ import annotations

import pytest

from qualitygate.extract.python import read_python
from qualitygate.extract.sql import read_sql
from qualitygate.model.schema import CODE, PLAIN, SQL, Step
from qualitygate.model.source import Text


def sql(text: str) -> tuple[Step, ...]:
    steps: tuple[Step, ...] = read_sql("migrations/1_a.sql", Text.of(text)).facts()["script"].steps
    return steps


def python(text: str) -> tuple[Step, ...]:
    steps: tuple[Step, ...] = read_python("migrations/versions/a.py", Text.of(text)).facts()["script"].steps
    return steps


def digests(steps: tuple[Step, ...]) -> list[str]:
    return [step.digest for step in steps]


ALEMBIC = """
from alembic import op
import sqlalchemy as sa

revision = "b"
down_revision = "a"
STATES = ["new", "old"]


def fill(connection):
    "Fill it."
    for state in STATES:
        connection.execute(sa.text("UPDATE t SET s = :s"), {"s": state})


def upgrade():
    op.add_column("t", sa.Column("s", sa.Text()))
    op.execute("UPDATE t SET s = 'new'")
    fill(op.get_bind())


def downgrade():
    op.drop_column("t", "s")
"""
DJANGO = """
from django.db import migrations, models

def forward(apps, schema_editor):
    apps.get_model("a", "T").objects.update(s="new")

def backward(apps, schema_editor):
    pass

class Migration(migrations.Migration):
    dependencies = [("a", "0001_initial")]
    operations = [
        migrations.AddField("t", "s", models.TextField(default="")),
        migrations.RunPython(forward, backward),
        migrations.RunSQL("UPDATE t SET s = 'x'", "SELECT 1"),
    ]
"""


@pytest.mark.parametrize(
    "other",
    [
        "-- a remark\ncreate  table T(\n a INT );\nINSERT INTO t VALUES (1) ;",
        "CREATE TABLE t (a int); /* one row */ insert into t values (1);",
    ],
)
def test_layout_case_and_comments_are_no_part_of_an_sql_step(other: str) -> None:
    assert digests(sql(other)) == digests(sql("CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n"))


@pytest.mark.parametrize(
    "other",
    [
        "INSERT INTO t VALUES (2);",
        "INSERT INTO t VALUES ('1');",
        'INSERT INTO "T" VALUES (1);',
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING;",
    ],
)
def test_other_words_are_another_step(other: str) -> None:
    assert digests(sql(other)) != digests(sql("INSERT INTO t VALUES (1);"))


def test_the_body_of_a_function_may_be_laid_out_anew() -> None:
    one = "CREATE FUNCTION f() RETURNS trigger AS $$\nBEGIN\n  NEW.a := 'A b';\n  RETURN NEW;\nEND $$ LANGUAGE plpgsql;"
    same = one.replace("\n  ", "\n        ").replace("RETURN NEW", "return new")
    assert digests(sql(one)) == digests(sql(same))
    assert digests(sql(one)) != digests(sql(one.replace("'A b'", "'A  b'")))


def test_the_way_back_of_an_sql_file_is_no_step() -> None:
    text = "-- +goose Up\nCREATE TABLE t (a int);\n-- +goose Down\nDROP TABLE t;\n"
    assert len(sql(text)) == 1


def test_the_kinds_of_steps_of_a_revision() -> None:
    assert [step.kind for step in python(ALEMBIC)] == [PLAIN, SQL, CODE, CODE, CODE]
    assert [step.kind for step in python(DJANGO)] == [PLAIN, CODE, SQL, CODE]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('down_revision = "a"', 'down_revision = "z"'),
        ('op.drop_column("t", "s")', "pass"),
        ("def fill(connection):", "def fill(connection: object) -> None:"),
        ('"Fill it."', '"Fill the column."'),
        ("UPDATE t SET s = 'new'", "update t\\n  set s = 'new'"),
        ("\n\ndef upgrade", "\n\n\n# the way up\ndef upgrade"),
    ],
)
def test_what_is_no_change_of_a_revision(old: str, new: str) -> None:
    assert old in ALEMBIC
    assert digests(python(ALEMBIC.replace(old, new))) == digests(python(ALEMBIC))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["new", "old"]', '["new"]'),
        ("SET s = :s", "SET r = :s"),
        ("SET s = 'new'", "SET s = 'old'"),
        ("Text()", "Uuid()"),
    ],
)
def test_what_is_a_change_of_a_revision(old: str, new: str) -> None:
    assert old in ALEMBIC
    assert digests(python(ALEMBIC.replace(old, new))) != digests(python(ALEMBIC))


def test_the_way_back_of_djangos_operations_is_no_step() -> None:
    other = DJANGO.replace("    pass\n", "    return None\n").replace('"SELECT 1"', '"SELECT 2"')
    assert digests(python(other)) == digests(python(DJANGO))
    assert digests(python(DJANGO.replace('s="new"', 's="old"'))) != digests(python(DJANGO))
