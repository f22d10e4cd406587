"""Statements, their places and their operations, as they are read from text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualitygate.model.schema import Operation, OperationKind
from qualitygate.model.source import Text
from qualitygate.parse.ddl import NotUnderstood, operations, uses
from qualitygate.parse.sql import SqlError, split

Kind = OperationKind


def texts(source: str, dialect: str = "postgres") -> list[str]:
    return [source[statement.start : statement.end] for statement in split(source, dialect)]


def read(source: str, dialect: str = "postgres") -> list[Operation]:
    text = Text.of(source)
    return [found for statement in split(source, dialect) for found in operations(statement, text.span)]


def one(source: str, dialect: str = "postgres") -> Operation:
    (found,) = read(source, dialect)
    return found


def test_statements_are_cut_at_semicolons_outside_strings_and_comments() -> None:
    source = "INSERT INTO t VALUES ('a;b'); -- c;d\n/* e;f */ SELECT $$g;h$$;SELECT 1"
    assert texts(source) == ["INSERT INTO t VALUES ('a;b')", "SELECT $$g;h$$", "SELECT 1"]


def test_offsets_count_code_points_behind_other_letters() -> None:
    source = "COMMENT ON TABLE straße IS 'größe €';\r\n\tALTER TABLE \"straße\" ADD COLUMN höhe int;"
    text = Text.of(source)
    found = read(source)[0]
    assert (found.span.line, found.span.column) == (2, 23)
    assert text.line(2)[found.span.column - 1 : found.span.end_column - 1] == "ADD COLUMN höhe"


def test_the_body_of_a_function_is_one_statement_with_its_head() -> None:
    source = """CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC
        SELECT CASE WHEN true THEN 1 END;
        SELECT 2;
    END;
    SELECT 1;"""
    assert len(texts(source)) == 2


def test_the_body_of_a_trigger_is_one_statement_with_its_head() -> None:
    sqlite = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET n = n + 1; DELETE FROM c; END; DROP TABLE a;"
    mysql = (
        "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN IF NEW.x THEN SET @y = 1; END IF; END; DROP TABLE a;"
    )
    assert len(texts(sqlite, "sqlite")) == 2
    assert len(texts(mysql, "mysql")) == 2


def test_mysql_statements_end_at_the_delimiter_in_force() -> None:
    source = "DELIMITER //\nCREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\n  SELECT 2;\nEND//\nDELIMITER ;\nDROP TABLE a;\n"
    found = texts(source, "mysql")
    assert len(found) == 2
    assert found[1] == "DROP TABLE a"


def test_copied_rows_and_commands_of_psql_are_not_sql() -> None:
    source = "\\connect app\nCOPY users (id, name) FROM stdin;\n1\tO'Neil; the first\n2\t\"x\n\\.\n\nSELECT 1;\n\\echo 'done\n"
    assert texts(source) == ["COPY users (id, name) FROM stdin", "SELECT 1"]


@pytest.mark.parametrize("row", ["(1, 'a; b', now())", "(2, 'it''s )', NULL)", "(3, E'it\\'s', \"x\")"])
def test_rows_of_a_long_insert_leave_places_alone(row: str) -> None:
    source = "INSERT INTO t (a, b, c)\nVALUES\n" + ",\n".join([row] * 9000) + ";\nALTER TABLE t ADD COLUMN d int;\n"
    found = read(source)
    assert len(split(source, "postgres")) == 2
    assert [(each.kind, each.span.line) for each in found] == [(Kind.ADD_COLUMN, 9003)]


def test_templates_stand_for_names_and_leave_offsets_alone() -> None:
    source = 'ALTER TABLE {{ index .Options "Namespace" }}.users ADD COLUMN ${prefix}name text;\n{% if x %}\nDROP TABLE a;\n{% endif %}'
    found = read(source)
    assert [each.kind for each in found] == [Kind.ADD_COLUMN, Kind.DROP_TABLE]
    assert found[0].table == "users"
    assert found[0].columns == ("${prefix}name",)
    assert found[1].span.line == 3


def test_a_quoted_name_keeps_its_case_beside_a_template() -> None:
    found = read('ALTER TABLE "_UserToTag" ADD COLUMN "B_1" int; ALTER TABLE "${schema}"."__X__" ADD COLUMN Y int;')
    assert [(each.table, each.columns) for each in found] == [("_UserToTag", ("B_1",)), ("__X__", ("y",))]


def test_a_string_that_never_ends_is_told_with_its_line() -> None:
    with pytest.raises(SqlError) as caught:
        split("SELECT 1;\nSELECT 'open;\n", "postgres")
    assert caught.value.line == 2
    assert "never closed" in caught.value.reason


def test_blocks_are_looked_into_and_what_they_do_is_conditional() -> None:
    source = """DO $do$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'x') THEN
            CREATE INDEX x ON t (a);
        ELSE
            EXECUTE 'ALTER TABLE t ADD COLUMN b int';
        END IF;
        PERFORM 1;
    END
    $do$;"""
    found = read(source)
    assert [(each.kind, each.conditional) for each in found] == [(Kind.CREATE_INDEX, True), (Kind.ADD_COLUMN, True)]
    assert found[0].span.line == 4
    assert found[1].span.line == 6


@pytest.mark.parametrize(
    ("source", "table", "columns", "flags"),
    [
        ("CREATE INDEX i ON t (a, b DESC NULLS LAST)", "t", ("a", "b"), {}),
        ("CREATE INDEX i ON ONLY app.t USING gin (a jsonb_path_ops)", "app.t", ("a",), {"only": True, "using": "gin"}),
        (
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
            "t",
            ("a",),
            {"unique": True, "concurrently": True},
        ),
        ("CREATE INDEX i ON t (lower(a), (b), (c COLLATE \"C\"), (d -> 'x'))", "t", ("", "b", "c", ""), {}),
        ("CREATE INDEX i ON t (a) INCLUDE (b) WITH (fillfactor = 70) WHERE c IS NULL", "t", ("a",), {"partial": True}),
        ("CREATE INDEX ON t ((true))", "t", ("",), {"name": ""}),
    ],
)
def test_every_form_of_an_index_is_read(
    source: str, table: str, columns: tuple[str, ...], flags: dict[str, object]
) -> None:
    found = one(source)
    assert (found.kind, found.table, found.columns) == (Kind.CREATE_INDEX, table, columns)
    assert {name: getattr(found, name) for name in flags} == flags


def test_the_place_of_an_index_ends_with_its_name() -> None:
    source = "\n  CREATE UNIQUE INDEX CONCURRENTLY\n    users_email ON users (email);"
    span = one(source).span
    assert (span.line, span.column, span.end_line, span.end_column) == (2, 3, 3, 16)


def test_a_table_is_read_with_all_its_parts() -> None:
    found = read("""
        CREATE TABLE public.orders (
            id bigserial PRIMARY KEY,
            "Total" numeric(12, 2) NOT NULL DEFAULT 0.00,
            placed timestamp with time zone DEFAULT now() NOT NULL,
            tags text[] DEFAULT '{}'::text[],
            key varchar(40) UNIQUE,
            doubled int GENERATED ALWAYS AS (total * 2) STORED,
            customer_id int CONSTRAINT fk_customer REFERENCES comment (id) ON UPDATE CASCADE ON DELETE SET NULL,
            CONSTRAINT positive CHECK ("Total" > 0),
            FOREIGN KEY (id, key) REFERENCES app.other DEFERRABLE INITIALLY DEFERRED,
            EXCLUDE USING gist (placed WITH =)
        );
    """)
    columns = {each.columns[0]: each for each in found if each.kind is Kind.ADD_COLUMN}
    assert found[0].kind is Kind.CREATE_TABLE
    assert found[0].table == "orders"
    assert {name: (each.type, each.nullable, each.default) for name, each in columns.items()} == {
        "id": ("bigserial", False, None),
        "Total": ("numeric(12, 2)", False, "0.00"),
        "placed": ("timestamp with time zone", False, "now()"),
        "tags": ("text[]", True, "'{}'::text[]"),
        "key": ("varchar(40)", True, None),
        "doubled": ("int", True, None),
        "customer_id": ("int", True, None),
    }
    assert columns["doubled"].generated == "stored"
    keys = [each for each in found if each.kind is Kind.ADD_FOREIGN_KEY]
    assert [(each.columns, each.references, each.references_columns, each.on_delete) for each in keys] == [
        (("customer_id",), "comment", ("id",), "set null"),
        (("id", "key"), "app.other", (), ""),
    ]
    assert {each.kind for each in found} >= {Kind.ADD_PRIMARY_KEY, Kind.ADD_UNIQUE, Kind.ADD_CHECK, Kind.ADD_EXCLUSION}


def test_one_alter_table_is_as_many_operations_as_it_has_actions() -> None:
    found = read("""
        ALTER TABLE IF EXISTS ONLY t
            ADD COLUMN IF NOT EXISTS a int DEFAULT 1 REFERENCES u,
            ADD CONSTRAINT c CHECK (a > 0) NOT VALID,
            VALIDATE CONSTRAINT c,
            ALTER COLUMN b TYPE bigint USING b::bigint,
            ALTER b SET NOT NULL,
            ALTER COLUMN b SET DEFAULT nextval('s'),
            DROP COLUMN IF EXISTS d CASCADE,
            DROP CONSTRAINT e,
            ADD PRIMARY KEY USING INDEX i,
            OWNER TO app,
            ENABLE ROW LEVEL SECURITY;
    """)
    assert [each.kind for each in found] == [
        Kind.ADD_COLUMN,
        Kind.ADD_FOREIGN_KEY,
        Kind.ADD_CHECK,
        Kind.VALIDATE_CONSTRAINT,
        Kind.SET_TYPE,
        Kind.SET_NOT_NULL,
        Kind.SET_DEFAULT,
        Kind.DROP_COLUMN,
        Kind.DROP_CONSTRAINT,
        Kind.ADD_PRIMARY_KEY,
        Kind.ALTER_TABLE,
        Kind.ALTER_TABLE,
    ]
    assert all(each.only and each.guarded for each in found)
    assert [each.valid for each in found[1:3]] == [True, False]
    assert (found[4].type, found[4].using) == ("bigint", "b::bigint")
    assert found[9].using == "i"


@pytest.mark.parametrize(
    ("source", "kind", "name", "to"),
    [
        ("ALTER TABLE t RENAME a TO b", Kind.RENAME_COLUMN, "", "b"),
        ("ALTER TABLE t RENAME COLUMN a TO b", Kind.RENAME_COLUMN, "", "b"),
        ("ALTER TABLE t RENAME TO u", Kind.RENAME_TABLE, "", "u"),
        ("ALTER TABLE t RENAME CONSTRAINT a TO b", Kind.RENAME_CONSTRAINT, "a", "b"),
        ("ALTER INDEX app.a RENAME TO b", Kind.RENAME_INDEX, "a", "b"),
        ("ALTER TABLE t SET SCHEMA app", Kind.MOVE_TABLE, "", "app"),
        ("DROP INDEX CONCURRENTLY IF EXISTS app.a", Kind.DROP_INDEX, "a", ""),
        ("SET LOCAL lock_timeout TO '2s'", Kind.SET, "lock_timeout", "'2s'"),
    ],
)
def test_renames_and_settings_are_read(source: str, kind: Kind, name: str, to: str) -> None:
    found = one(source)
    assert (found.kind, found.name, found.to) == (kind, name, to)


@pytest.mark.parametrize(
    ("source", "condition"),
    [
        ("UPDATE t SET a = 1", ""),
        ("UPDATE ONLY s.t AS x SET a = (SELECT b FROM u WHERE u.id = x.id)", ""),
        ("UPDATE t SET a = (SELECT 1) WHERE  id > 5", "id > 5"),
        ("DELETE FROM t WHERE true", "true"),
        ("DELETE FROM t USING u WHERE t.id = u.id", "t.id = u.id"),
    ],
)
def test_a_change_of_rows_keeps_its_own_condition(source: str, condition: str) -> None:
    operation = one(source)
    assert operation.kind in (Kind.UPDATE, Kind.DELETE)
    assert (operation.expression, operation.partial) == (condition, bool(condition))


@pytest.mark.parametrize(
    ("source", "kind", "name", "to", "using"),
    [
        ("CREATE TYPE app.mood AS ENUM ('a', 'b')", Kind.CREATE_TYPE, "app.mood", "", "enum"),
        ("CREATE TYPE pair AS (a int, b int)", Kind.CREATE_TYPE, "pair", "", ""),
        ("CREATE DOMAIN grade AS int CHECK (VALUE > 0)", Kind.CREATE_TYPE, "grade", "", "checked domain"),
        ("CREATE DOMAIN remark AS text", Kind.CREATE_TYPE, "remark", "", "domain"),
        ("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'Calm' AFTER 'a'", Kind.ADD_VALUE, "mood", "Calm", ""),
        ("SELECT pg_catalog.set_config('lock_timeout', '2s', false)", Kind.SET, "lock_timeout", "'2s'", ""),
        ("ALTER ROLE app SET lock_timeout = '1s'", Kind.SET, "lock_timeout", "'1s'", "every session"),
        ("ALTER DATABASE shop SET statement_timeout TO 5000", Kind.SET, "statement_timeout", "5000", "every session"),
    ],
)
def test_types_and_timeouts_are_read(source: str, kind: Kind, name: str, to: str, using: str) -> None:
    operation = one(source)
    assert (operation.kind, operation.name, operation.to, operation.using) == (kind, name, to, using)


@pytest.mark.parametrize(
    "source",
    [
        "SELECT set_config('search_path', '', false)",
        "SELECT 1",
        "ALTER TYPE mood RENAME VALUE 'a' TO 'b'",
        "ALTER ROLE a LOGIN",
    ],
)
def test_other_forms_of_the_same_statements_do_nothing_to_the_schema(source: str) -> None:
    assert read(source) == []


def test_the_texts_of_a_statement_are_found_where_they_stand() -> None:
    source = "INSERT INTO t VALUES ('calm', 'other', 'Calm')"
    (statement,) = split(source, "postgres")
    (use,) = uses(statement, Text.of(source).span, {"calm"})
    assert (use.kind, use.to, use.span.column) == (Kind.USE_VALUE, "calm", 23)


def test_mysql_states_indexes_and_columns_in_its_own_way() -> None:
    found = read(
        "CREATE TABLE `t` (`id` INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'the, id', `n` VARCHAR(20) CHARACTER SET utf8mb4,"
        " PRIMARY KEY (`id`), KEY `by_n` (`n`(10)), UNIQUE KEY `u` (`n`)) ENGINE=InnoDB;"
        "ALTER TABLE t CHANGE n m VARCHAR(40) NOT NULL AFTER id, DROP FOREIGN KEY f, DROP INDEX by_n, ALGORITHM=INPLACE;",
        "mysql",
    )
    assert [each.kind for each in found if each.kind is not Kind.ALTER_TABLE] == [
        Kind.CREATE_TABLE,
        Kind.ADD_COLUMN,
        Kind.ADD_COLUMN,
        Kind.ADD_PRIMARY_KEY,
        Kind.CREATE_INDEX,
        Kind.ADD_UNIQUE,
        Kind.RENAME_COLUMN,
        Kind.SET_TYPE,
        Kind.SET_NOT_NULL,
        Kind.DROP_CONSTRAINT,
        Kind.DROP_INDEX,
    ]
    assert found[4].columns == ("n",)


def test_a_form_that_is_not_known_is_told_by_its_place() -> None:
    source = "CREATE TABLE t (a int);\nALTER TABLE t ADD CONSTRAINT c SOMETHING NEW;"
    text = Text.of(source)
    second = split(source, "postgres")[1]
    with pytest.raises(NotUnderstood) as caught:
        operations(second, text.span)
    assert text.span(caught.value.offset, caught.value.offset).line == 2


def test_the_tree_of_a_statement_is_sqlglots() -> None:
    (statement,) = split("SELECT id FROM users WHERE email = 'a'", "postgres")
    tree = statement.tree()
    assert tree is not None
    assert tree.key == "select"


def lost(source: str, dialect: str) -> list[int]:
    """Every offset at which reading ``source`` gives up; an error of any other kind fails the test."""
    places = []
    try:
        statements = split(source, dialect)
    except SqlError:
        return []
    for statement in statements:
        places += [statement.start, statement.end - 1]
        try:
            operations(statement, Text.of(source).span)
        except NotUnderstood as caught:
            places.append(caught.offset)
    return places


@given(st.text(alphabet="aé;'\"$-/*\\\n (){}%_,1.:", max_size=60))
def test_any_text_gives_statements_within_it_or_one_clear_error(source: str) -> None:
    for dialect in ("postgres", "mysql", "sqlite", ""):
        assert all(0 <= offset < len(source) for offset in lost(source, dialect))


WORDS = (
    "CREATE TABLE INDEX ALTER DROP ADD COLUMN CONSTRAINT PRIMARY KEY FOREIGN REFERENCES UNIQUE CHECK NOT NULL DEFAULT ON USING"
    " RENAME TO SET TYPE IF EXISTS PARTITION OF BY LIKE INCLUDING t a b ( ) , . 1 'x' int GENERATED AS IDENTITY TRUNCATE CASCADE"
    " VALID VALIDATE MODIFY CHANGE UPDATE DELETE FROM REFRESH BEGIN END DO EXECUTE CONCURRENTLY INHERITS DOMAIN ROLE VALUE"
    " SELECT set_config WHERE"
)


@given(st.lists(st.sampled_from(WORDS.split(" ")), min_size=1, max_size=14))
def test_any_order_of_words_is_understood_or_told(words: list[str]) -> None:
    source = " ".join(words)
    for dialect in ("postgres", "mysql", "sqlite"):
        assert all(0 <= offset < len(source) for offset in lost(source, dialect))
