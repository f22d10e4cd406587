"""Alembic's revisions: what their steps do, and in which order they follow one another."""

from collections.abc import Mapping
from textwrap import dedent, indent

import pytest

from qualitygate.extract.python import read_python
from qualitygate.link import link
from qualitygate.link.applied import UnknownMigration, mark_applied
from qualitygate.model.facts import FileFacts
from qualitygate.model.project import Project
from qualitygate.model.schema import Operation, OperationKind, Table
from qualitygate.model.source import Language, Role, Text

Kind = OperationKind


def revision(upgrade: str, *, name: str = "aaaa", follows: str | None = None, before: str = "") -> str:
    """A revision with this way up."""
    body = indent(dedent(upgrade).strip(), "    ")
    return (
        f"import sqlalchemy as sa\nfrom alembic import op\n{dedent(before)}\n"
        f"revision = {name!r}\ndown_revision = {follows!r}\n\n\ndef upgrade():\n{body}\n"
    )


def linked(files: Mapping[str, str]) -> Project:
    """The project of these Python files."""
    return link(
        [
            FileFacts(path, Language.PYTHON, Role.MIGRATION, **read_python(path, Text.of(content)).facts())
            for path, content in files.items()
        ]
    )


def after(*upgrades: str, before: str = "") -> dict[str, Table]:
    """The tables after revisions with these ways up, one following the other."""
    names = [f"{number:04x}" for number in range(len(upgrades))]
    files = {
        f"versions/{name}.py": revision(
            upgrade, name=name, follows=names[number - 1] if number else None, before=before if not number else ""
        )
        for number, (name, upgrade) in enumerate(zip(names, upgrades, strict=True))
    }
    project = linked(files)
    assert not project.unread
    return {table.full_name: table for table in project.tables}


def steps(upgrade: str, before: str = "") -> list[Operation]:
    """What one way up does."""
    project = linked({"versions/aaaa.py": revision(upgrade, before=before)})
    return [change.operation for history in project.histories for each in history.migrations for change in each.changes]


USERS = """
op.create_table(
    "users",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("email", sa.String(length=320), nullable=False, unique=True),
    sa.Column("team_id", sa.Integer, sa.ForeignKey("teams.id", ondelete="CASCADE"), index=True),
    sa.Column("tags", sa.ARRAY(sa.String(20)), server_default="{}"),
    sa.Column("paid", sa.Numeric(10, 2), server_default=sa.text("0")),
    sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    sa.CheckConstraint("paid >= 0", name="users_paid"),
)
"""


def test_a_table_is_made_with_its_columns_keys_and_indexes() -> None:
    users = after(USERS)["users"]
    assert [(column.name, column.type, column.nullable, column.default) for column in users.columns] == [
        ("id", "serial", False, None),
        ("email", "varchar(320)", False, None),
        ("team_id", "integer", True, None),
        ("tags", "varchar(20)[]", True, "'{}'"),
        ("paid", "numeric(10, 2)", True, "0"),
        ("made_at", "timestamp with time zone", False, "now()"),
    ]
    assert users.primary_key == ("id",)
    assert [(key.columns, key.references_table, key.on_delete) for key in users.foreign_keys] == [
        (("team_id",), "teams", "cascade")
    ]
    assert [(index.name, index.columns, index.unique) for index in users.indexes] == [
        ("users_email_key", ("email",), True),
        ("ix_users_team_id", ("team_id",), False),
    ]
    assert [check.name for check in users.checks] == ["users_paid"]


def test_one_call_that_alters_a_column_is_several_steps() -> None:
    found = steps(
        """
        op.alter_column("users", "email", nullable=False, type_=sa.Text(), server_default=None, new_column_name="mail")
        """
    )
    assert [each.kind for each in found] == [Kind.SET_NOT_NULL, Kind.DROP_DEFAULT, Kind.SET_TYPE, Kind.RENAME_COLUMN]


def test_a_batch_knows_its_table() -> None:
    users = after(
        USERS,
        """
        with op.batch_alter_table("users", schema=None) as batch_op:
            batch_op.add_column(sa.Column("name", sa.Text()))
            batch_op.create_index(batch_op.f("ix_users_name"), ["name"], unique=False)
            batch_op.drop_constraint("users_email_key", type_="unique")
            batch_op.create_foreign_key("users_boss", "users", ["id"], ["id"])
        """,
    )["users"]
    assert [index.name for index in users.indexes] == ["ix_users_team_id", "ix_users_name"]
    assert [key.name for key in users.foreign_keys][1:] == ["users_boss"]


def test_helpers_loops_and_constants_of_the_file_are_followed() -> None:
    tables = after(
        """
        for name in TABLES:
            make(name)
        [op.create_index(f"ix_{name}_at", name, ["at"]) for name in TABLES]
        """,
        before="""
        TABLES = ("logs", "visits")

        def at():
            return sa.Column("at", sa.DateTime())

        def make(name, key="id"):
            op.create_table(name, sa.Column(key, sa.BigInteger(), primary_key=True), at())
        """,
    )
    assert {name: [index.name for index in table.indexes] for name, table in tables.items()} == {
        "logs": ["ix_logs_at"],
        "visits": ["ix_visits_at"],
    }


def test_sql_in_strings_is_read_and_what_is_not_told_is_named() -> None:
    project = linked(
        {
            "versions/aaaa.py": revision(
                """
                op.execute("CREATE TABLE plans (id serial PRIMARY KEY); ALTER TABLE plans ADD COLUMN name text")
                op.get_bind().execute(sa.text("CREATE INDEX plans_name ON plans (name)"))
                op.execute(read("other.sql"))
                op.execute(STATEMENT)
                op.execute(sa.table("plans").update().values(name="x"))
                """
            )
        }
    )
    (plans,) = project.tables
    assert [column.name for column in plans.columns] == ["id", "name"]
    assert [index.name for index in plans.indexes] == ["plans_name"]
    assert [unread.line for unread in project.unread] == [12]


def test_what_only_another_database_runs_is_left_out() -> None:
    found = steps(
        """
        bind = op.get_bind()
        if bind.dialect.name == "mysql":
            op.drop_table("a")
        elif bind.dialect.name in ("postgresql", "sqlite"):
            op.drop_table("b")
        if exists("c"):
            op.drop_table("c")
        if str(bind.engine.url).startswith("sqlite") is False:
            op.drop_table("d")
        """
    )
    assert [(each.table, each.conditional) for each in found] == [("b", False), ("c", True), ("d", False)]


def test_a_block_outside_the_transaction_ends_it_and_begins_another() -> None:
    found = steps(
        """
        with op.get_context().autocommit_block():
            op.create_index("ix", "users", ["id"], postgresql_concurrently=True)
        """
    )
    assert [each.kind for each in found] == [Kind.COMMIT, Kind.CREATE_INDEX, Kind.BEGIN]


def test_the_way_back_is_no_part_of_the_schema() -> None:
    code = revision('op.create_table("a", sa.Column("id", sa.Integer))')
    project = linked({"versions/aaaa.py": f'{code}\n\ndef downgrade():\n    op.drop_table("a")\n'})
    assert [table.name for table in project.tables] == ["a"]


def test_revisions_follow_one_another_across_branches_and_merges() -> None:
    files = {
        "versions/a_last.py": revision('op.drop_column("t", "b")', name="dddd", follows="cccc"),
        "versions/b_merge.py": revision("pass", name="cccc").replace(
            "down_revision = None", 'down_revision = ("bbb1", "bbb2")'
        ),
        "versions/c_one.py": revision('op.add_column("t", sa.Column("b", sa.Text))', name="bbb1", follows="aaaa"),
        "versions/d_two.py": revision('op.add_column("t", sa.Column("c", sa.Text))', name="bbb2", follows="aaaa"),
        "versions/e_first.py": revision('op.create_table("t", sa.Column("a", sa.Text))', name="aaaa"),
    }
    project = linked(files)
    (history,) = project.histories
    assert [migration.version for migration in history.migrations] == ["aaaa", "bbb1", "bbb2", "cccc", "dddd"]
    assert [column.name for column in project.tables[0].columns] == ["a", "c"]


def test_what_is_applied_is_a_revision_and_all_that_it_follows() -> None:
    files = {
        "versions/1.py": revision("pass", name="aaaa"),
        "versions/2.py": revision("pass", name="bbbb", follows="aaaa"),
        "versions/3.py": revision("pass", name="cccc", follows="aaaa"),
    }
    histories = linked(files).histories
    for name in ("bbbb", "versions/2.py", "2.py", "2"):
        (history,) = mark_applied(histories, [name])
        assert [migration.applied for migration in history.migrations] == [True, True, False]
    with pytest.raises(UnknownMigration, match="dddd"):
        mark_applied(histories, ["dddd"])


def test_names_that_double_each_other_end_soon() -> None:
    doubled = "\n".join(f"n{number} = n{number + 1} + n{number + 1}" for number in range(60))
    assert steps("op.execute(n0)", before=f"{doubled}\nn60 = n60 + ''") == []
