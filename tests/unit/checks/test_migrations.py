"""Old and new migrations, and what a change of type costs."""

from __future__ import annotations

import pytest
from qualitygate_checks.database import blocking_index_creation, column_rename
from qualitygate_checks.database._examples import django, sql
from qualitygate_checks.database._migrations import NEWEST, NEWEST_OF_AN_APPLICATION
from qualitygate_checks.database._types import change

from qualitygate.authoring import Example
from qualitygate.model.finding import Severity
from qualitygate.testing import findings_of


def test_what_the_newest_migrations_do_is_told_one_by_one_and_the_rest_as_one() -> None:
    steps = [f"CREATE INDEX users_{number} ON users (age);\n" for number in range(NEWEST + 3)]
    found = findings_of(blocking_index_creation.CHECK, Example(sql("flyway", *steps)))
    alone = [finding for finding in found if finding.severity is Severity.WARNING]
    (together,) = (finding for finding in found if finding.severity is Severity.NOTE)
    assert len(alone) == NEWEST
    assert {finding.path for finding in alone} == {f"db/migration/V{number}__step.sql" for number in range(5, 15)}
    assert together.path == "db/migration/V4__step.sql"
    assert together.message.startswith("3 findings like this in 3 older migrations of db/migration, the last: Building")
    assert 'since = "4"' in together.mend


def test_each_application_of_django_has_newest_migrations_of_its_own() -> None:
    steps = [f'migrations.RenameField("user", "{old}", "{new}"),' for old, new in zip("acdfg", "cdfgh", strict=True)]
    files = django(*steps)
    files["shop/migrations/0001_initial.py"] = files["shop/migrations/0001_initial.py"].replace('"age"', '"a"')
    found = findings_of(column_rename.CHECK, Example(files))
    alone = [finding.path for finding in found if finding.severity is Severity.WARNING]
    assert len(alone) == NEWEST_OF_AN_APPLICATION
    (together,) = (finding for finding in found if finding.severity is Severity.NOTE)
    assert 'since = "shop.0003_step"' in together.mend


def test_a_single_old_finding_keeps_its_own_words() -> None:
    steps = [
        "CREATE INDEX users_age ON users (age);\n",
        *["SELECT 1;\nCREATE TABLE IF NOT EXISTS n (a int);\n"] * NEWEST,
    ]
    (found,) = findings_of(blocking_index_creation.CHECK, Example(sql("flyway", *steps)))
    assert found.severity is Severity.NOTE
    assert found.message == "Building index users_age blocks every write of users"


@pytest.mark.parametrize(
    ("old", "new", "cost"),
    [
        ("varchar(20)", "character varying(40)", "free"),
        ("character varying(20)", "text", "free"),
        ("text", "varchar", "free"),
        ("text", "varchar(20)", "rewrite"),
        ("numeric(10,2)", "decimal(12, 2)", "free"),
        ("numeric(10, 2)", "numeric(12, 3)", "rewrite"),
        ("numeric(10)", "numeric", "free"),
        ("int", "bigint", "rewrite"),
        ("serial", "integer", "free"),
        ("timestamp(3) without time zone", "timestamp", "free"),
        ("timestamp", "timestamp(3)", "rewrite"),
        ("timestamp", "timestamp with time zone", "zone"),
        ("timestamptz", "timestamp(3)", "rewrite"),
        ("text", "citext", "reorder"),
        ("varchar[]", "text[]", "rewrite"),
        ("text[]", "text[]", "free"),
        ("char(5)", "text", "rewrite"),
        ('"public"."mood"', "mood", "free"),
        ("text", "mood", ""),
        ("no type at all; really", "text", ""),
    ],
)
def test_a_change_of_type_costs_what_it_does_in_postgresql(old: str, new: str, cost: str) -> None:
    assert change(old, new) == cost
