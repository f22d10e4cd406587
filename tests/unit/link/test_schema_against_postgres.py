"""The replay against a real PostgreSQL: the same migrations, the same tables. Skipped where no server is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from qualitygate.extract.sql import read_sql
from qualitygate.link.schema import link_schema, sources_of
from qualitygate.model.facts import FileFacts
from qualitygate.model.schema import Table
from qualitygate.model.source import Language, Role, Text

STEPS = (
    """
    CREATE TABLE users (id bigserial PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, "Nick" text DEFAULT 'x''y');
    CREATE TABLE teams (id uuid DEFAULT gen_random_uuid(), name text, CONSTRAINT teams_key PRIMARY KEY (id));
    CREATE TABLE members (
        team_id uuid NOT NULL REFERENCES teams ON DELETE CASCADE,
        user_id bigint REFERENCES users (id),
        role text CHECK (role IN ('admin', 'user')),
        since timestamp with time zone NOT NULL DEFAULT now(),
        PRIMARY KEY (user_id, team_id),
        UNIQUE (team_id, role)
    );
    CREATE TABLE a_table_whose_name_is_quite_long_already (a_column_whose_name_is_long_too int UNIQUE, b int UNIQUE);
    CREATE INDEX ON users (lower(email)); CREATE INDEX ON users (lower(email)); CREATE INDEX ON users (("Nick" || '!'), id);
    """,
    """
    ALTER TABLE users RENAME TO people;
    ALTER TABLE people RENAME COLUMN id TO person_id;
    ALTER TABLE people ALTER COLUMN email TYPE text, ALTER email DROP NOT NULL, ADD COLUMN age int NOT NULL DEFAULT 0;
    ALTER TABLE members DROP CONSTRAINT members_role_check, DROP CONSTRAINT members_team_id_role_key;
    CREATE UNIQUE INDEX CONCURRENTLY people_nick ON people ("Nick") WHERE "Nick" IS NOT NULL;
    ALTER INDEX users_lower_idx1 RENAME TO people_email;
    """,
    """
    CREATE SCHEMA app;
    CREATE TABLE app.notes (id int GENERATED ALWAYS AS IDENTITY, author bigint, body text NOT NULL, "order" int, extra int);
    ALTER TABLE app.notes ADD PRIMARY KEY (id);
    ALTER TABLE ONLY app.notes ADD CONSTRAINT notes_author FOREIGN KEY (author) REFERENCES public.people (person_id) NOT VALID;
    CREATE INDEX notes_both ON app.notes (author, extra); CREATE INDEX notes_some ON app.notes (author) WHERE extra > 0;
    CREATE INDEX notes_order ON app.notes USING brin ("order"); CREATE INDEX notes_body ON app.notes USING hash (body);
    ALTER TABLE app.notes DROP COLUMN extra, VALIDATE CONSTRAINT notes_author;
    ALTER TABLE app.notes ALTER author SET NOT NULL, ALTER body DROP NOT NULL;
    """,
    """
    CREATE TABLE events (id bigint, at date NOT NULL, kind text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE copied (LIKE a_table_whose_name_is_quite_long_already INCLUDING ALL, id int PRIMARY KEY);
    CREATE TABLE bare (LIKE people, more int);
    CREATE TEMP TABLE scratch (a int);
    CREATE TABLE IF NOT EXISTS people (other int REFERENCES teams);
    ALTER TABLE people ADD COLUMN IF NOT EXISTS age int REFERENCES people, ADD COLUMN IF NOT EXISTS boss bigint REFERENCES people;
    CREATE VIEW v AS SELECT 1 AS one; CREATE MATERIALIZED VIEW m AS SELECT person_id FROM people; CREATE INDEX ON m (person_id);
    """,
    """
    DO $$ BEGIN
        IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'people' AND column_name = 'city') THEN
            ALTER TABLE people ADD COLUMN city text;
        END IF;
        EXECUTE 'CREATE INDEX people_city ON people (city)';
    END $$;
    ALTER TABLE people ADD CONSTRAINT people_nick_key UNIQUE USING INDEX people_nick_full;
    """,
    """
    SET search_path TO app; CREATE TABLE tags (id serial PRIMARY KEY, note int REFERENCES notes); RESET search_path;
    ALTER TABLE app.tags RENAME CONSTRAINT tags_note_fkey TO tags_to_notes;
    ALTER TABLE app.tags SET SCHEMA public;
    ALTER TABLE copied DROP CONSTRAINT copied_pkey; ALTER TABLE teams DROP CONSTRAINT teams_key CASCADE;
    DROP TABLE bare; DROP INDEX people_email, people_city;
    CREATE TABLE ranges (room int, during tsrange, EXCLUDE USING gist (during WITH &&));
    """,
)
UNIQUE_FIRST = 'CREATE UNIQUE INDEX people_nick_full ON people ("Nick");'

USER_SCHEMAS = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'"
NAME = "CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || c.relname"
COLUMNS = f"""
    SELECT {NAME}, a.attname, a.attnotnull FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND {USER_SCHEMAS}"""
NAMES_OF = """(SELECT string_agg(coalesce(a.attname, ''), ',' ORDER BY k.place)
    FROM unnest({numbers}) WITH ORDINALITY k (number, place)
    LEFT JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = k.number AND k.number > 0)"""
CONSTRAINTS = f"""
    SELECT {NAME}, x.conname, {NAMES_OF.format(numbers="x.conkey", table="x.conrelid")},
        coalesce((SELECT relname FROM pg_class WHERE oid = x.confrelid), ''),
        coalesce({NAMES_OF.format(numbers="x.confkey", table="x.confrelid")}, '')
    FROM pg_constraint x JOIN pg_class c ON c.oid = x.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE x.contype = '{{kind}}' AND {USER_SCHEMAS} AND NOT c.relispartition"""
INDEXES = f"""
    SELECT {NAME}, i.relname, x.indisunique, x.indpred IS NOT NULL, m.amname,
        {NAMES_OF.format(numbers="(x.indkey::int2[])[0:x.indnkeyatts - 1]", table="x.indrelid")}
    FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_am m ON m.oid = i.relam JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT x.indisprimary AND c.relkind IN ('r', 'p') AND {USER_SCHEMAS}"""


def binaries() -> Path | None:
    """Where the server's programs are: on the path, or where Debian keeps them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@pytest.fixture(scope="module")
def server() -> Iterator[list[str]]:
    """The command line that sends SQL to a server of its own, which lives as long as this module."""
    programs = binaries()
    if programs is None or not (programs / "pg_ctl").exists():
        pytest.skip("no PostgreSQL server is installed")
    client = shutil.which("psql", path=f"{programs}{os.pathsep}{os.environ.get('PATH', '')}")
    if client is None:
        pytest.skip("PostgreSQL's psql is not installed")
    user = None
    if os.geteuid() == 0:
        # the server refuses to run as root
        user = "postgres"
        if subprocess.run(["id", user], capture_output=True, check=False).returncode:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    with tempfile.TemporaryDirectory(prefix="qg", ignore_cleanup_errors=True) as place:
        if user is not None:
            shutil.chown(place, user)
        data = f"{place}/data"

        def run(*command: str) -> None:
            subprocess.run(
                [programs / command[0], *command[1:]], check=True, stdout=subprocess.DEVNULL, user=user, cwd=place
            )

        run("initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        options = f"-k {place} -c listen_addresses='' -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-l", f"{place}/log", "-o", options, "start")
        try:
            os.chmod(place, 0o755)  # noqa: S103 - the socket must be reached by the user of the test
            yield [
                client, "-h", place, "-U", "postgres", "-d", "postgres", "-XqAt", "-F", "|",
                "-v", "ON_ERROR_STOP=1", "-f", "-",
            ]  # fmt: skip
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")


def ask(server: list[str], sql: str) -> set[tuple[str, ...]]:
    answer = subprocess.run(server, input=sql, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return {tuple(row.split("|")) for row in answer.stdout.splitlines()}


def replayed() -> list[Table]:
    texts = [*STEPS[:4], UNIQUE_FIRST, *STEPS[4:]]
    files = []
    for number, content in enumerate(texts, 1):
        path = f"migrations/postgres/{number:03}_step.up.sql"
        files.append(FileFacts(path, Language.SQL, Role.MIGRATION, **read_sql(path, Text.of(content)).facts()))
    assert not [unread for file in files for unread in file.unread]
    return list(link_schema(sources_of(files)).tables)


def yes(value: bool) -> str:
    return "t" if value else "f"


def test_the_replay_leaves_the_tables_that_the_server_has(server: list[str]) -> None:
    for content in (*STEPS[:4], UNIQUE_FIRST, *STEPS[4:]):
        ask(server, content)
    tables = replayed()
    whole = [table for table in tables if table.kind != "partition"]
    assert ask(server, COLUMNS) == {
        (table.full_name, column.name, yes(not column.nullable)) for table in tables for column in table.columns
    }
    assert ask(server, CONSTRAINTS.format(kind="p")) == {
        (table.full_name, table.primary_key_name, ",".join(table.primary_key), "", "")
        for table in whole
        if table.primary_key
    }
    assert ask(server, CONSTRAINTS.format(kind="f")) == {
        (
            table.full_name,
            key.name,
            ",".join(key.columns),
            key.references_table.rpartition(".")[2],
            ",".join(key.references_columns),
        )
        for table in whole
        for key in table.foreign_keys
    }
    assert ask(server, INDEXES) == {
        (
            table.full_name,
            index.name,
            yes(index.unique),
            yes(index.partial),
            index.method,
            ",".join(index.columns),
        )
        for table in tables
        for index in table.indexes
    }
