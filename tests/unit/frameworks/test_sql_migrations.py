"""Which SQL files are migrations, in which order, up or down, and of which database."""

import pytest

from qualitygate.frameworks.sql_migrations import Line, SqlFile, arrange, dialect_of, dialect_of_engine, markers


def lines(*paths: str, tool: str = "") -> tuple[Line, ...]:
    return arrange([SqlFile(path, tool, dialect_of(path, ""), frozenset({path}), True) for path in paths])


def order(line: Line) -> list[str]:
    return [path for path, _ in line.steps]


@pytest.mark.parametrize(
    ("tool", "expected", "left_out"),
    [
        (
            "golang-migrate",
            ["db/migrations/2_a.up.sql", "db/migrations/10_b.up.sql"],
            ["db/migrations/2_a.down.sql", "db/migrations/10_b.down.sql"],
        ),
        (
            "diesel",
            ["migrations/2017-09-23-182408_a/up.sql", "migrations/20180309122510_b/up.sql"],
            ["migrations/2017-09-23-182408_a/down.sql"],
        ),
        ("prisma", ["prisma/migrations/20240101_a/migration.sql", "prisma/migrations/20240301_b/migration.sql"], []),
        (
            "flyway",
            ["sql/V1__a.sql", "sql/V1.2__b.sql", "sql/V1.10__c.sql", "sql/V2_1__d.sql", "sql/R__views.sql"],
            ["sql/U1__a.sql"],
        ),
        ("plain", ["sql/1_a.sql", "sql/2_b.sql", "sql/10_c.sql"], []),
        ("plain", ["db/migrations/0001.sql", "db/migrations/0002.sql"], ["db/migrations/0002.rollback.sql"]),
        ("supabase", ["supabase/migrations/20240101000000_a.sql"], []),
    ],
)
def test_a_layout_tells_tool_order_and_the_way_down(tool: str, expected: list[str], left_out: list[str]) -> None:
    (line,) = lines(*reversed(expected), *left_out)
    assert line.tool == tool
    assert order(line) == expected
    assert line.ordered


@pytest.mark.parametrize("tool", ["goose", "dbmate", "sql-migrate", "node-pg-migrate"])
def test_a_marker_tells_the_tool_where_the_name_does_not(tool: str) -> None:
    (line,) = lines("sql/00002_b.sql", "sql/00001_a.sql", tool=tool)
    assert line.tool == tool
    assert order(line) == ["sql/00001_a.sql", "sql/00002_b.sql"]


@pytest.mark.parametrize("tool", ["sqlx", "drizzle"])
def test_a_marker_in_one_file_tells_the_tool_of_its_folder(tool: str) -> None:
    (line,) = arrange([SqlFile("m/1_a.sql"), SqlFile("m/2_b.sql", tool), SqlFile("m/3_c.sql")])
    assert line.tool == tool
    assert order(line) == ["m/1_a.sql", "m/2_b.sql", "m/3_c.sql"]


def test_trees_of_one_repository_are_kept_apart() -> None:
    found = lines(
        "users/migrations/001_init.up.sql",
        "orders/migrations/001_init.up.sql",
        "migrations/mysql/001_init.sql",
        "migrations/sqlite/001_init.sql",
        "migrations/postgresql/001_init.sql",
    )
    assert [(line.directory, line.dialect) for line in found] == [
        ("migrations/mysql", "mysql"),
        ("migrations/postgresql", "postgres"),
        ("migrations/sqlite", "sqlite"),
        ("orders/migrations", ""),
        ("users/migrations", ""),
    ]


def test_a_step_without_a_database_in_its_name_belongs_to_each_of_them() -> None:
    found = lines(
        "m/001_init.postgres.up.sql",
        "m/001_init.mysql.up.sql",
        "m/002_all.up.sql",
        "m/003_big.autocommit.up.sql",
        "m/004_only.mysql.up.sql",
        "m/004_only.up.sql",
    )
    assert [(line.tool, line.dialect) for line in found] == [("popx", "mysql"), ("popx", "postgres")]
    assert order(found[0])[-1] == "m/004_only.mysql.up.sql"
    assert order(found[1])[-1] == "m/004_only.up.sql"


def test_a_folder_that_databases_share_joins_each_of_them() -> None:
    found = lines("m/common/V2__b.sql", "m/mysql/V1__a.sql", "m/postgres/V1__a.sql", "m/postgres/V3__c.sql")
    assert [order(line) for line in found] == [
        ["m/mysql/V1__a.sql", "m/common/V2__b.sql"],
        ["m/postgres/V1__a.sql", "m/common/V2__b.sql", "m/postgres/V3__c.sql"],
    ]


def test_folders_called_by_a_number_are_steps_of_the_folder_above() -> None:
    (line,) = lines(
        "s/delta/9/02_b.sql", "s/delta/10/01_c.sql", "s/delta/9/01_a.sql", "s/delta/11_d.sql", "s/delta/8_e.sql"
    )
    assert order(line) == [
        "s/delta/8_e.sql",
        "s/delta/9/01_a.sql",
        "s/delta/9/02_b.sql",
        "s/delta/10/01_c.sql",
        "s/delta/11_d.sql",
    ]


def test_up_and_down_beside_each_other_need_no_number() -> None:
    (line,) = lines("db/V0002.Keys.up.sql", "db/V0002.Keys.down.sql", "db/V0001.Init.up.sql", "db/V0001.Init.down.sql")
    assert order(line) == ["db/V0001.Init.up.sql", "db/V0002.Keys.up.sql"]


def test_a_lone_schema_counts_and_a_dump_of_migrations_does_not() -> None:
    made = frozenset({"users"})
    alone = arrange([SqlFile("db/schema.sql", creates=made)])
    beside = arrange([SqlFile("db/schema.sql", creates=made), SqlFile("db/migrations/1_a.up.sql", creates=made)])
    other = arrange([SqlFile("db/report.sql", creates=made)])
    assert [line.tool for line in alone] == ["schema"]
    assert [line.tool for line in beside] == ["golang-migrate"]
    assert other == ()


def test_files_without_numbers_have_no_known_order() -> None:
    (line,) = lines("migrations/add_users.sql", "migrations/add_orders.sql")
    assert not line.ordered


@pytest.mark.parametrize(
    ("content", "tool", "down", "no_transaction"),
    [
        ("-- +goose Up\nA;\n-- +goose Down\nB;\n", "goose", "-- +goose Down\nB;\n", False),
        ("-- +goose NO TRANSACTION\n-- +goose Up\nA;\n", "goose", "", True),
        ("-- migrate:up transaction:false\nA;\n\n-- migrate:down\nB;", "dbmate", "-- migrate:down\nB;", True),
        ("-- +migrate Down\nB;\n-- +migrate Up notransaction\nA;", "sql-migrate", "-- +migrate Down\nB;\n", True),
        ("--liquibase formatted sql\n--changeset a:1 runInTransaction:false\nA;", "liquibase", "", True),
        ("-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);", "sqlx", "", True),
        ("CREATE TABLE t (a int); -- no marker\n", "", "", False),
    ],
)
def test_comments_tell_the_way_down_and_the_transaction(
    content: str, tool: str, down: str, no_transaction: bool
) -> None:
    found = markers(content)
    assert (found.tool, found.no_transaction) == (tool, no_transaction)
    assert "".join(content[start:end] for start, end in found.down) == down


@pytest.mark.parametrize(
    ("path", "content", "dialect"),
    [
        ("m/1.sql", "CREATE TABLE t (id BIGSERIAL, at TIMESTAMPTZ, d JSONB)", "postgres"),
        ("m/1.sql", "CREATE TABLE `t` (id INT AUTO_INCREMENT) ENGINE=InnoDB", "mysql"),
        ("m/1.sql", "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)", "sqlite"),
        ("m/1.sql", "CREATE TABLE t (id INTEGER PRIMARY KEY)", ""),
        ("m/1.sql", '/* drop the column `a` on the table `b` */ ALTER TABLE "b" DROP COLUMN "a"', ""),
        ("db/mysql/1.sql", "CREATE TABLE t (d JSONB)", "mysql"),
        ("m/1_a.cockroach.up.sql", "", "cockroach"),
    ],
)
def test_the_database_is_told_by_the_path_then_by_the_writing(path: str, content: str, dialect: str) -> None:
    assert dialect_of(path, content) == dialect


@pytest.mark.parametrize(
    ("value", "dialect"),
    [
        ("django.db.backends.postgresql", "postgres"),
        ("django.contrib.gis.db.backends.postgis", "postgres"),
        ("django.db.backends.sqlite3", "sqlite"),
        ("postgresql+asyncpg://app@db/app", "postgres"),
        ("mysql+pymysql://app@db/app", "mysql"),
        ("https://example.org/mysql", ""),
        ("mysql", ""),
    ],
)
def test_a_setting_names_the_database(value: str, dialect: str) -> None:
    assert dialect_of_engine(value) == dialect
