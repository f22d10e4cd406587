"""The replay against SQLite itself, which comes with Python: the same migrations, the same tables."""

import sqlite3

from qualitygate.extract.sql import read_sql
from qualitygate.link.schema import link_schema, sources_of
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Role, Text

STEPS = (
    """
    CREATE TABLE owners (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE COLLATE NOCASE, [note] blob);
    CREATE TABLE pets (
        id INTEGER PRIMARY KEY,
        owner_id INTEGER NOT NULL REFERENCES owners (id) ON DELETE CASCADE,
        "kind of" TEXT DEFAULT 'cat' CHECK ("kind of" <> ''),
        born DATE DEFAULT CURRENT_TIMESTAMP,
        untyped,
        UNIQUE (owner_id, born)
    );
    CREATE TABLE visits (pet_id INTEGER, day TEXT, PRIMARY KEY (pet_id, day), FOREIGN KEY (pet_id) REFERENCES pets (id)) WITHOUT ROWID;
    CREATE INDEX pets_owner ON pets (owner_id DESC);
    CREATE UNIQUE INDEX IF NOT EXISTS pets_open ON pets (born) WHERE untyped IS NULL;
    CREATE TRIGGER stamp AFTER INSERT ON pets BEGIN
        UPDATE pets SET born = CASE WHEN born IS NULL THEN 'now' END; DELETE FROM visits WHERE day = '';
    END;
    """,
    """
    PRAGMA foreign_keys = OFF;
    CREATE TABLE pets_new (
        id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, name TEXT NOT NULL,
        CONSTRAINT fk_owner FOREIGN KEY (owner_id) REFERENCES owners (id)
    );
    INSERT INTO pets_new SELECT id, owner_id, '' FROM pets;
    DROP TABLE pets;
    ALTER TABLE pets_new RENAME TO pets;
    CREATE INDEX pets_name ON pets (name, owner_id);
    """,
    """
    ALTER TABLE owners ADD COLUMN phone VARCHAR(40) NOT NULL DEFAULT '';
    ALTER TABLE owners RENAME COLUMN name TO full_name;
    ALTER TABLE visits RENAME TO consultations;
    CREATE TABLE IF NOT EXISTS owners (other INTEGER);
    DROP INDEX pets_name; CREATE INDEX pets_by_name ON pets (name);
    """,
)


def test_the_replay_leaves_the_tables_that_sqlite_has() -> None:
    database = sqlite3.connect(":memory:", isolation_level=None)
    files = []
    for number, content in enumerate(STEPS, 1):
        database.executescript(content)
        path = f"migrations/sqlite/{number:03}_step.sql"
        files.append(FileFacts(path, Language.SQL, Role.MIGRATION, **read_sql(path, Text.of(content)).facts()))
    assert not [unread for file in files for unread in file.unread]
    tables = {table.name: table for table in link_schema(sources_of(files)).tables}
    named = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    assert set(tables) == {name for (name,) in named}
    for name, table in tables.items():
        columns = database.execute('SELECT name, type, "notnull", pk FROM pragma_table_info(?)', (name,)).fetchall()
        assert [(each.name, each.type.lower()) for each in table.columns] == [
            (row[0], row[1].lower()) for row in columns
        ]
        key = set(table.primary_key)
        assert key == {row[0] for row in columns if row[3]}
        assert {each.name for each in table.columns if not each.nullable} - key == {
            row[0] for row in columns if row[2]
        } - key
        keys = database.execute('SELECT "from", "table" FROM pragma_foreign_key_list(?)', (name,)).fetchall()
        assert sorted((each.columns[0], each.references_table) for each in table.foreign_keys) == sorted(keys)
        indexes = database.execute(
            "SELECT name, \"unique\", partial FROM pragma_index_list(?) WHERE origin <> 'pk'", (name,)
        ).fetchall()
        found = set()
        for index, unique, partial in indexes:
            parts = database.execute("SELECT name FROM pragma_index_info(?)", (index,)).fetchall()
            found.add((tuple(part for (part,) in parts), bool(unique), bool(partial)))
        assert {(each.columns, each.unique, each.partial) for each in table.indexes} == found
