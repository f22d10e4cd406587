"""``migrations.since``: what is applied everywhere is judged no more for what it locks."""

from __future__ import annotations

import json
from pathlib import Path

CHECKS = "blocking-index-creation,unindexed-foreign-key"


def found(result) -> list[tuple[str, str]]:
    return [(finding["check"], finding["path"]) for finding in json.loads(result.stdout)["findings"]]


def history(repository: Path) -> None:
    folder = repository / "versions-of-shop" / "migrations"
    folder.mkdir(parents=True)
    (folder / "001_shops.up.sql").write_text(
        "CREATE TABLE owners (id bigserial PRIMARY KEY);\n"
        "CREATE TABLE shops (id bigserial PRIMARY KEY, name text, owner_id bigint REFERENCES owners);\n"
    )
    (folder / "002_names.up.sql").write_text("CREATE INDEX shops_name ON shops (name);\n")
    (folder / "003_ids.up.sql").write_text("CREATE INDEX shops_ids ON shops (id, name);\n")


def test_applied_migrations_are_not_judged_and_the_schema_is(qgate, repository: Path) -> None:
    history(repository)
    paths = ("scan", "--format", "json", "--select", CHECKS, "versions-of-shop")
    everything = found(qgate(*paths))
    assert [path.rpartition("/")[2] for check, path in everything if check == "blocking-index-creation"] == [
        "002_names.up.sql",
        "003_ids.up.sql",
    ]
    (repository / "qgate.toml").write_text('[migrations]\nsince = "002_names.up.sql"\n')
    rest = found(qgate(*paths))
    assert [path.rpartition("/")[2] for check, path in rest if check == "blocking-index-creation"] == ["003_ids.up.sql"]
    assert [check for check, _ in rest].count("unindexed-foreign-key") == 1


def test_a_migration_that_is_not_there_is_told(qgate, repository: Path) -> None:
    history(repository)
    (repository / "qgate.toml").write_text('[migrations]\nsince = ["002_names.up.sql", "004_more.up.sql"]\n')
    result = qgate("scan", "versions-of-shop")
    assert result.returncode == 2
    assert "migrations.since: no migration here is called '004_more.up.sql'" in result.stderr


def test_the_key_is_validated_and_shown(qgate, repository: Path) -> None:
    (repository / "qgate.toml").write_text("[migrations]\nsince = 7\nuntil = 'x'\n")
    result = qgate("scan")
    assert result.returncode == 2
    assert "qgate.toml:2: migrations.since must be text or an array, not 7" in result.stderr
    assert "qgate.toml:3: unknown key 'until' in migrations" in result.stderr
    (repository / "qgate.toml").write_text("[migrations]\nsince = 'aaaa'\n")
    assert "migrations.since" in qgate("config", "show").stdout


def test_how_much_of_the_migrations_was_understood_is_told(qgate, repository: Path) -> None:
    history(repository)
    whole = qgate("scan", "versions-of-shop")
    assert "SQL and migrations: 4 statements, all understood\n" in whole.stdout
    broken = repository / "versions-of-shop" / "migrations" / "004_more.up.sql"
    broken.write_text("SELECT 1;\nALTER TABLE shops FROBNICATE name;\n")
    shown = qgate("scan", "versions-of-shop").stdout
    assert "SQL and migrations: 6 statements, 83.3 % understood, 1 not\n" in shown
    assert "versions-of-shop/migrations/004_more.up.sql:2" in shown
    assert "SQL and migrations: 6 statements" in qgate("inventory", "versions-of-shop").stdout
    for command in ("scan", "inventory"):
        document = json.loads(qgate(command, "--format", "json", "versions-of-shop").stdout)
        assert document["statements"] == {"total": 6, "understood": 5}
        assert [(one["line"], one["reason"]) for one in document["unread"]] == [
            (2, "statement not understood: ALTER TABLE ...")
        ]
