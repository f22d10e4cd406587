"""The schema after all migrations, and what each operation met on its way."""

from collections.abc import Mapping

import pytest

from qualitygate.extract.python import read_python
from qualitygate.extract.sql import read_sql
from qualitygate.link import link
from qualitygate.model.facts import FileFacts, Setting
from qualitygate.model.project import Project
from qualitygate.model.schema import Change, OperationKind, Table
from qualitygate.model.source import Language, Role, Span, Text

Kind = OperationKind


def linked(files: Mapping[str, str], settings: Mapping[str, tuple[str, str]] | None = None) -> Project:
    facts = [
        FileFacts(path, Language.SQL, Role.MIGRATION, **read_sql(path, Text.of(content)).facts())
        for path, content in files.items()
    ]
    for path, (key, value) in (settings or {}).items():
        facts.append(FileFacts(path, Language.TOML, Role.MIGRATION, settings=(Setting(key, value, Span(1, 1, 1, 2)),)))
    return link(facts)


def after(*migrations: str) -> dict[str, Table]:
    """The tables that PostgreSQL has after these migrations."""
    project = linked({f"migrations/{n:03}_x.up.sql": f"-- jsonb\n{text}" for n, text in enumerate(migrations, 1)})
    tables = {table.full_name: table for table in project.tables}
    assert not project.unread
    return tables


def changes(project: Project, kind: Kind) -> list[Change]:
    (history,) = project.histories
    return [change for step in history.migrations for change in step.changes if change.operation.kind is kind]


def test_columns_follow_every_change() -> None:
    tables = after(
        "CREATE TABLE t (id serial PRIMARY KEY, a int DEFAULT 1, b text NOT NULL, c int);",
        "ALTER TABLE t DROP COLUMN c, ADD COLUMN d varchar(10) DEFAULT NULL, ALTER COLUMN a TYPE bigint;",
        "ALTER TABLE t RENAME a TO amount; ALTER TABLE t ALTER amount SET NOT NULL, ALTER b DROP NOT NULL, ALTER amount DROP DEFAULT;",
    )
    assert [(each.name, each.type, each.nullable, each.default) for each in tables["t"].columns] == [
        ("id", "serial", False, None),
        ("amount", "bigint", False, None),
        ("b", "text", True, None),
        ("d", "varchar(10)", True, None),
    ]


def test_a_place_is_where_the_thing_was_made_last() -> None:
    project = linked(
        {
            "m/1_a.up.sql": "CREATE TABLE t (\n  id int,\n  u int\n);",
            "m/2_b.up.sql": "CREATE TABLE u (id int PRIMARY KEY);\n\nALTER TABLE t\n  ADD FOREIGN KEY (u) REFERENCES u;",
        }
    )
    t, u = project.tables
    assert (t.defined_at.path, t.defined_at.span.line) == ("m/1_a.up.sql", 1)
    assert (t.foreign_keys[0].place.path, t.foreign_keys[0].place.span.line) == ("m/2_b.up.sql", 4)
    assert t.columns[1].place.span == Span(3, 3, 3, 4)
    assert t.foreign_keys[0].references_columns == u.primary_key == ("id",)


def test_names_that_the_server_makes_up_can_be_dropped() -> None:
    tables = after(
        "CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE t (a int UNIQUE, b int REFERENCES u, c int CHECK (c > 0));",
        "CREATE INDEX ON t (lower(b::text)); CREATE INDEX ON t (b); CREATE INDEX ON t (b);",
        "ALTER TABLE t DROP CONSTRAINT t_a_key, DROP CONSTRAINT t_b_fkey, DROP CONSTRAINT t_c_check;",
        "DROP INDEX t_lower_idx; DROP INDEX t_b_idx1;",
    )
    assert [index.name for index in tables["t"].indexes] == ["t_b_idx"]
    assert tables["t"].foreign_keys == ()
    assert tables["t"].checks == ()


def test_a_long_name_is_cut_as_the_server_cuts_it() -> None:
    tables = after(
        "CREATE TABLE u (id int PRIMARY KEY);"
        "CREATE TABLE resource_config_check_sessions (worker_base_resource_type_identifier int REFERENCES u);"
    )
    (key,) = tables["resource_config_check_sessions"].foreign_keys
    assert key.name == "resource_config_check_session_worker_base_resource_type_id_fkey"
    assert len(key.name) == 63


def test_renames_reach_what_points_at_the_thing() -> None:
    tables = after(
        "CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE t (u_id int REFERENCES u (id)); CREATE INDEX i ON t (u_id);",
        "ALTER TABLE u RENAME TO users; ALTER TABLE users RENAME id TO user_id; ALTER TABLE t RENAME u_id TO user_id;",
        "ALTER INDEX i RENAME TO j; CREATE SCHEMA app; ALTER TABLE users SET SCHEMA app;",
    )
    (key,) = tables["t"].foreign_keys
    assert (key.columns, key.references_table, key.references_columns) == (("user_id",), "app.users", ("user_id",))
    assert [(index.name, index.columns) for index in tables["t"].indexes] == [("j", ("user_id",))]


def test_what_rests_on_a_dropped_thing_goes_with_it() -> None:
    tables = after(
        "CREATE TABLE u (id int PRIMARY KEY, code int UNIQUE);"
        "CREATE TABLE t (a int REFERENCES u, b int REFERENCES u (code), c int, d int);"
        "CREATE INDEX i ON t (c, d); CREATE INDEX j ON t (d) WHERE c > 0; CREATE INDEX k ON t (d);",
        "ALTER TABLE t DROP COLUMN c; ALTER TABLE u DROP CONSTRAINT u_code_key CASCADE;",
    )
    assert [index.name for index in tables["t"].indexes] == ["k"]
    assert [key.columns for key in tables["t"].foreign_keys] == [("a",)]
    assert (
        after("CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE t (a int REFERENCES u); DROP TABLE u CASCADE;")[
            "t"
        ].foreign_keys
        == ()
    )


def test_what_exists_already_is_passed_over_whole() -> None:
    tables = after(
        "CREATE TABLE t (a int PRIMARY KEY, b int);",
        "CREATE TABLE IF NOT EXISTS t (a int, c int REFERENCES t, UNIQUE (a));"
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS b int REFERENCES t; CREATE INDEX IF NOT EXISTS i ON t (b);"
        "CREATE INDEX IF NOT EXISTS i ON t (a);",
    )
    assert [column.name for column in tables["t"].columns] == ["a", "b"]
    assert tables["t"].foreign_keys == ()
    assert [(index.name, index.columns) for index in tables["t"].indexes] == [("i", ("b",))]


def test_partitions_and_copies_take_after_their_model() -> None:
    tables = after(
        "CREATE TABLE e (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
        "CREATE TABLE e1 PARTITION OF e FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
        "CREATE TABLE f (LIKE e INCLUDING ALL); CREATE TABLE g (LIKE e, extra text);"
    )
    assert {name: (table.kind, table.primary_key) for name, table in tables.items()} == {
        "e": ("partitioned", ("id", "at")),
        "e1": ("partition", ("id", "at")),
        "f": ("table", ("id", "at")),
        "g": ("table", ()),
    }
    assert [column.name for column in tables["g"].columns] == ["id", "at", "extra"]


def test_views_and_temporary_tables_are_no_tables_of_the_schema() -> None:
    assert list(after("CREATE TABLE t (a int); CREATE VIEW v AS SELECT 1; CREATE TEMP TABLE x (a int);")) == ["t"]


def test_an_index_becomes_the_constraint_that_uses_it() -> None:
    tables = after(
        "CREATE TABLE t (a int NOT NULL, b int);",
        "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a); CREATE UNIQUE INDEX CONCURRENTLY j ON t (b);",
        "ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX i; ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX j;",
    )
    assert tables["t"].primary_key == ("a",)
    assert [(index.name, index.constraint) for index in tables["t"].indexes] == [("k", True)]


def test_the_search_path_decides_where_a_table_is_made() -> None:
    tables = after("SET search_path TO app; CREATE TABLE t (a int); CREATE INDEX i ON t (a); RESET search_path;")
    assert [index.name for index in tables["app.t"].indexes] == ["i"]


def test_a_change_shows_the_table_as_it_stood_before() -> None:
    project = linked(
        {
            "m/1_a.up.sql": "CREATE TABLE t (a varchar(10)); CREATE INDEX i ON t (a);",
            "m/1_a.down.sql": "DROP TABLE t;",
            "m/2_b.up.sql": "ALTER TABLE t ALTER a TYPE text; CREATE INDEX j ON t (a); CREATE INDEX IF NOT EXISTS j ON t (a);",
        }
    )
    (retyped,) = changes(project, Kind.SET_TYPE)
    assert retyped.before is not None
    assert [column.type for column in retyped.before.columns] == ["varchar(10)"]
    assert [(each.new, each.effective) for each in changes(project, Kind.CREATE_INDEX)] == [
        (True, True),
        (False, True),
        (False, False),
    ]
    assert changes(project, Kind.DROP_TABLE) == []


def test_the_transaction_is_the_tools_unless_a_marker_takes_the_file_out() -> None:
    project = linked(
        {
            "m/1_a/up.sql": "CREATE TABLE t (a jsonb);",
            "m/2_b/up.sql": "CREATE INDEX CONCURRENTLY i ON t (a);",
        },
        {"m/2_b/metadata.toml": ("run_in_transaction", "false")},
    )
    assert [step.transaction for step in project.histories[0].migrations] == ["wrapped", "none"]
    script = linked(
        {"m/1_a.up.sql": "CREATE TABLE t (a int);", "m/2_b.up.sql": "DROP TABLE t; CREATE TABLE t (b int);"}
    )
    assert [step.transaction for step in script.histories[0].migrations] == ["none", "implicit"]


def test_sqlite_rebuilds_a_table_and_keeps_what_points_at_it() -> None:
    project = linked(
        {
            "sqlite/1_a.sql": "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE t (u INTEGER REFERENCES u(id));",
            "sqlite/2_b.sql": "CREATE TABLE new_u (id INTEGER PRIMARY KEY, name TEXT); DROP TABLE u; ALTER TABLE new_u RENAME TO u;",
        }
    )
    t, u = project.tables
    assert [key.references_table for key in t.foreign_keys] == ["u"]
    assert [column.name for column in u.columns] == ["id", "name"]


def test_two_databases_of_one_repository_do_not_mix() -> None:
    project = linked(
        {
            "a/migrations/1_x.up.sql": "CREATE TABLE t (id serial PRIMARY KEY);",
            "b/migrations/1_x.up.sql": "CREATE TABLE t (id serial PRIMARY KEY, other jsonb);",
        }
    )
    assert [(table.history, len(table.columns)) for table in project.tables] == [
        ("a/migrations", 1),
        ("b/migrations", 2),
    ]


@pytest.mark.parametrize(
    ("code", "dialect"),
    [
        ("import psycopg\nimport sqlite3\n", "postgres"),
        ("from aiomysql import connect\n", "mysql"),
        ("import sqlite3\n", "sqlite"),
        ("import psycopg\nimport pymysql\n", ""),
        ('DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "app"}}\n', "postgres"),
        ('DATABASE_URL = "sqlite:///app.db"\n', "sqlite"),
        ("import json\n", ""),
    ],
)
def test_the_code_tells_the_database_where_the_migrations_do_not(code: str, dialect: str) -> None:
    script = read_sql("m/1_a.up.sql", Text.of("CREATE TABLE t (a int);")).facts()
    module = read_python("app/main.py", Text.of(code)).facts()
    project = link(
        [
            FileFacts("m/1_a.up.sql", Language.SQL, Role.MIGRATION, **script),
            FileFacts("app/db.py", Language.PYTHON, Role.APPLICATION, **module),
        ]
    )
    assert [history.dialect for history in project.histories] == [dialect]
