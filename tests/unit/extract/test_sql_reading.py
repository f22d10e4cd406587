"""An SQL file as facts: what is kept, what is told as not understood."""

import msgspec
import pytest

from qualitygate.extract.reading import Unparsable
from qualitygate.extract.settings import read_settings
from qualitygate.extract.sql import read_sql
from qualitygate.model.schema import Script
from qualitygate.model.source import Text


def test_facts_survive_the_cache() -> None:
    text = Text.of("-- +goose Up\nCREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n-- +goose Down\nDROP TABLE t;\n")
    script = read_sql("m/1_a.sql", text).facts()["script"]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(script), type=Script) == script
    assert (script.tool, script.total) == ("goose", 3)
    assert [(statement.span.line, statement.down) for statement in script.statements] == [(2, False), (5, True)]


def test_a_statement_that_is_not_understood_is_told_and_hides_no_other() -> None:
    text = Text.of("CREATE TABLE t (a int);\n\nALTER TABLE t FROB;\nCREATE TABLE ();\n  nonsense here;\nDROP TABLE t;")
    facts = read_sql("m/1_a.sql", text).facts()
    assert [(unread.line, unread.reason) for unread in facts["unread"]] == [
        (3, "statement not understood: ALTER TABLE ..."),
        (4, "statement not understood: CREATE TABLE ..."),
        (5, "statement not understood: NONSENSE HERE ..."),
    ]
    assert (facts["script"].total, len(facts["script"].statements)) == (5, 2)


def test_a_file_that_cannot_be_cut_into_words_is_refused_with_its_line() -> None:
    with pytest.raises(Unparsable) as caught:
        read_sql("m/1_a.sql", Text.of("SELECT 1;\n\nSELECT $$ never closed"))
    assert caught.value.line == 3


def test_statements_have_places_for_file_checks() -> None:
    text = Text.of("SELECT 1;\n  UPDATE t SET a = 1;")
    reading = read_sql("queries.sql", text)
    assert [reading.span(statement).line for statement in reading.grow()] == [1, 2]


def test_a_dialect_that_is_not_read_is_named_only() -> None:
    reading = read_sql("clickhouse/1_a.sql", Text.of("CREATE TABLE t (a LowCardinality(String)) ENGINE = MergeTree"))
    assert reading.grow() == ()
    assert reading.facts() == {"script": Script("clickhouse")}


def test_settings_beside_migrations_are_facts_with_lines() -> None:
    text = Text.of(
        '# how diesel runs it\nrun_in_transaction = false\n\n[lock]\nprovider = "postgresql"\nids = [1, 2]\n'
    )
    settings = read_settings(text).facts()["settings"]
    assert [(each.key, each.value, each.span.line) for each in settings] == [
        ("run_in_transaction", "false", 2),
        ("lock.provider", "postgresql", 5),
        ("lock.ids.0", "1", 6),
        ("lock.ids.1", "2", 6),
    ]


def test_settings_that_are_not_toml_are_refused() -> None:
    with pytest.raises(Unparsable):
        read_settings(Text.of("run_in_transaction = = false\n"))
