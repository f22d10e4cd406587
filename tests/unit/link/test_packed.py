"""A schema in the form that is kept is the same schema, and no part of it stands there twice."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from qualitygate.analyse import analyse
from qualitygate.discover import discover
from qualitygate.link.packed import Packed, pack, unpack
from qualitygate.link.schema import Schema, link_schema, sources_of

FIXTURES = Path(__file__).parents[3] / "fixtures"


@pytest.fixture(scope="module")
def schema() -> Schema:
    return link_schema(sources_of(analyse(discover((FIXTURES,)).files, (), {}).files))


def test_what_was_packed_is_the_same_schema(schema: Schema) -> None:
    assert len(schema.histories) > 3
    assert unpack(msgspec.msgpack.decode(msgspec.msgpack.encode(pack(schema)), type=Packed)) == schema


def test_tables_that_had_a_column_in_common_have_it_again(schema: Schema) -> None:
    def parts(some: Schema) -> int:
        changes = [change for history in some.histories for one in history.migrations for change in one.changes]
        tables = [change.before for change in changes if change.before is not None] + list(some.tables)
        return len({id(column) for table in tables for column in table.columns})

    assert parts(unpack(msgspec.msgpack.decode(msgspec.msgpack.encode(pack(schema)), type=Packed))) == parts(schema)
    assert len(pack(schema).columns) == parts(schema)


def test_a_project_without_migrations_has_an_empty_schema() -> None:
    assert unpack(pack(Schema())) == Schema()
