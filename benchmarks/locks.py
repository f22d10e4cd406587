"""In: a PostgreSQL that is installed here. Out: what each form of DDL locks and does there, beside what the checks take it to do.

    python benchmarks/locks.py [--rows N]

A server of its own is started in a temporary directory. Each form runs in a transaction that is taken back; the lock is read
from pg_locks, a rewrite from the table's file, a build from the files of its indexes, a scan from the rows that were read.
The exit code is 1 where one of them differs from what `qualitygate_checks.database._locks` says of the same statements.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qualitygate_checks.database._locks import Cost, Lock, checked_domains, effects

from qualitygate.extract.sql import read_sql
from qualitygate.link.schema import link_schema
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Role, Text

BASE = """
CREATE TABLE u (id bigserial PRIMARY KEY, x int);
CREATE TABLE t (
    id bigserial PRIMARY KEY, a int, b varchar(20), c numeric(10, 2), d timestamp, e timestamptz, f char(5), g time(3),
    h interval(3), i bit varying(5), j json, k cidr, l text, m varchar(10)[], n int NOT NULL, o timestamp(3), p bigint, q varchar[],
    CONSTRAINT t_p_fk FOREIGN KEY (p) REFERENCES u
);
CREATE INDEX t_a_idx ON t (a);
CREATE TYPE mood AS ENUM ('calm');
CREATE DOMAIN plain AS int;
CREATE DOMAIN checked AS int CHECK (VALUE > 0);
"""
ROWS = """
INSERT INTO u (x) SELECT g FROM generate_series(1, {rows}) g;
INSERT INTO t (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
SELECT g, 'b', 1, now(), now(), 'f', '10:00', '1 day', B'1', '{{}}', '10.0.0.0/8', 'l', '{{}}', 1, now(), g
FROM generate_series(1, {rows}) g;
ANALYZE;
"""
VALIDATED = "ALTER TABLE t ADD CONSTRAINT c1 CHECK ({}) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c1;"
# What was there before, and the form.
FORMS: tuple[tuple[str, str], ...] = (
    *(
        ("", f"ALTER TABLE t ADD COLUMN z {definition}")
        for definition in (
            "int", "int DEFAULT 1", "int NOT NULL DEFAULT 1", "timestamptz DEFAULT now()",
            "timestamptz DEFAULT current_timestamp", "timestamptz DEFAULT statement_timestamp()",
            "text DEFAULT current_user", "text DEFAULT md5('x')", "text DEFAULT 'a' || 'b'",
            "text DEFAULT to_char(now(), 'YYYY')", "timestamp DEFAULT timezone('utc', now())",
            "timestamptz DEFAULT now() + interval '1 day'", "jsonb DEFAULT jsonb_build_object('a', 1)",
            "mood DEFAULT 'calm'", "text[] DEFAULT '{}'", "int[] DEFAULT array[]::int[]",
            "timestamptz DEFAULT clock_timestamp()", "text DEFAULT timeofday()", "double precision DEFAULT random()",
            "uuid DEFAULT gen_random_uuid()", "serial", "bigserial", "int GENERATED ALWAYS AS IDENTITY",
            "int GENERATED ALWAYS AS (a * 2) STORED", "plain", "checked", "int CHECK (z > 0)", "int DEFAULT 1 CHECK (z > 0)",
            "int UNIQUE", "bigint REFERENCES u", "bigint DEFAULT 1 REFERENCES u", "bigint DEFAULT NULL REFERENCES u",
        )
    ),
    ("", "ALTER TABLE t ADD COLUMN z bigint; ALTER TABLE t ADD FOREIGN KEY (z) REFERENCES u"),
    ("", "ALTER TABLE t ADD COLUMN z int, ADD CONSTRAINT c2 CHECK (z > 0) NOT VALID"),
    ("", "ALTER TABLE t ADD CONSTRAINT c2 FOREIGN KEY (p) REFERENCES u"),
    ("", "ALTER TABLE t ADD CONSTRAINT c2 FOREIGN KEY (p) REFERENCES u NOT VALID"),
    ("ALTER TABLE t ADD CONSTRAINT c1 FOREIGN KEY (p) REFERENCES u NOT VALID;", "ALTER TABLE t VALIDATE CONSTRAINT c1"),
    ("", "ALTER TABLE t ADD CONSTRAINT c2 CHECK (a > 0)"),
    ("", "ALTER TABLE t ADD CONSTRAINT c2 CHECK (a > 0) NOT VALID"),
    ("ALTER TABLE t ADD CONSTRAINT c1 CHECK (a > 0) NOT VALID;", "ALTER TABLE t VALIDATE CONSTRAINT c1"),
    ("", "ALTER TABLE t ADD CONSTRAINT c2 CHECK (a > 0) NOT VALID, VALIDATE CONSTRAINT c2"),
    ("", "ALTER TABLE t ALTER a SET NOT NULL"),
    ("", "ALTER TABLE t ALTER n SET NOT NULL"),
    (VALIDATED.format("a IS NOT NULL"), "ALTER TABLE t ALTER a SET NOT NULL"),
    (VALIDATED.format("a IS NOT NULL AND a < 1000000000"), "ALTER TABLE t ALTER a SET NOT NULL"),
    (VALIDATED.format("a IS NOT NULL OR n = 1"), "ALTER TABLE t ALTER a SET NOT NULL"),
    (VALIDATED.format("a > 0"), "ALTER TABLE t ALTER a SET NOT NULL"),
    ("ALTER TABLE t ADD CONSTRAINT c1 CHECK (a IS NOT NULL) NOT VALID;", "ALTER TABLE t ALTER a SET NOT NULL"),
    ("", "ALTER TABLE t ADD CONSTRAINT c2 UNIQUE (id, a)"),
    ("CREATE UNIQUE INDEX t_u ON t (a);", "ALTER TABLE t ADD CONSTRAINT c2 UNIQUE USING INDEX t_u"),
    ("ALTER TABLE t DROP CONSTRAINT t_pkey;", "ALTER TABLE t ADD PRIMARY KEY (id)"),
    (
        "ALTER TABLE t DROP CONSTRAINT t_pkey; CREATE UNIQUE INDEX t_u ON t (id);",
        "ALTER TABLE t ADD CONSTRAINT c2 PRIMARY KEY USING INDEX t_u",
    ),
    (
        "ALTER TABLE t DROP CONSTRAINT t_pkey; CREATE UNIQUE INDEX t_u ON t (a);",
        "ALTER TABLE t ADD CONSTRAINT c2 PRIMARY KEY USING INDEX t_u",
    ),
    (
        f"ALTER TABLE t DROP CONSTRAINT t_pkey; CREATE UNIQUE INDEX t_u ON t (a); {VALIDATED.format('a IS NOT NULL')}",
        "ALTER TABLE t ADD CONSTRAINT c2 PRIMARY KEY USING INDEX t_u",
    ),
    ("", "ALTER TABLE t ADD CONSTRAINT c2 EXCLUDE USING btree (id WITH =)"),
    *(
        ("", f"ALTER TABLE t ALTER {change}")
        for change in (
            "b TYPE varchar(40)", "b TYPE varchar", "b TYPE text", "l TYPE varchar", "c TYPE numeric(12, 2)", "c TYPE numeric",
            "i TYPE bit varying(8)", "k TYPE inet", "g TYPE time(6)", "g TYPE time", "h TYPE interval", "b TYPE text USING b::text",
            "o TYPE timestamp", "m TYPE text[]", "m TYPE varchar(20)[]", "b TYPE varchar(10)", "l TYPE varchar(20)",
            "a TYPE bigint", "c TYPE numeric(10, 4)", "c TYPE numeric(8, 2)", "f TYPE text", "f TYPE char(8)", "f TYPE varchar(5)",
            "g TYPE time(0)", "d TYPE timestamp(0)", "j TYPE jsonb", "l TYPE text USING l || ''", "a TYPE text", "a TYPE oid",
            "a TYPE int", "n TYPE plain", "q TYPE text[]", "q TYPE varchar(9)[]", "n TYPE oid",
        )
    ),
    ("", "ALTER TABLE t DROP COLUMN a"),
    ("", "ALTER TABLE t RENAME COLUMN a TO z"),
    ("", "ALTER TABLE t RENAME TO z"),
    ("", "ALTER TABLE t RENAME CONSTRAINT t_p_fk TO z"),
    ("", "ALTER TABLE t DROP CONSTRAINT t_p_fk"),
    ("", "ALTER TABLE t ALTER a SET DEFAULT 1"),
    ("", "ALTER TABLE t ALTER a DROP DEFAULT"),
    ("", "ALTER TABLE t ALTER n DROP NOT NULL"),
    ("", "ALTER TABLE t ENABLE ROW LEVEL SECURITY"),
    ("", "ALTER TABLE t ALTER a SET STATISTICS 100"),
    ("", "ALTER TABLE t SET (fillfactor = 70)"),
    ("", "ALTER TABLE t DISABLE TRIGGER USER"),
    ("", "ALTER TABLE t SET UNLOGGED"),
    ("", "CREATE INDEX t_z ON t (b)"),
    ("", "CREATE UNIQUE INDEX t_z ON t (id)"),
    ("", "DROP INDEX t_a_idx"),
    ("", "CREATE TABLE w (id bigint PRIMARY KEY REFERENCES t)"),
    ("", "CREATE TABLE w (id bigint); ALTER TABLE w ADD FOREIGN KEY (id) REFERENCES t"),
    ("", "DROP TABLE t"),
    ("", "TRUNCATE t"),
    ("", "UPDATE t SET a = 1"),
    ("", "DELETE FROM t WHERE true"),
)  # fmt: skip

_MODES = {
    "AccessExclusiveLock": Lock.ACCESS_EXCLUSIVE,
    "ShareRowExclusiveLock": Lock.SHARE_ROW_EXCLUSIVE,
    "ShareLock": Lock.SHARE,
    "ShareUpdateExclusiveLock": Lock.SHARE_UPDATE_EXCLUSIVE,
    "RowExclusiveLock": Lock.ROW_EXCLUSIVE,
}
_RANKS = (Cost.FREE, Cost.SCAN, Cost.BUILD, Cost.REWRITE)


@dataclass(frozen=True)
class Outcome:
    """The strongest lock on each of the two tables, and what is done to `t`."""

    t: Lock | None
    u: Lock | None
    cost: Cost

    def __str__(self) -> str:
        return f"{self.t.value if self.t else '-':24} {self.u.value if self.u else '-':24} {self.cost.value}"


# `t` and `u` by number, since a form may rename them.
_SEEN = """
SELECT pg_relation_filenode(:t), coalesce((SELECT seq_tup_read FROM pg_stat_xact_all_tables WHERE relid = :t), 0),
    (SELECT coalesce(string_agg(pg_relation_filenode(indexrelid)::text, ' ' ORDER BY indexrelid), '')
     FROM pg_index WHERE indrelid = :t);
"""
_LOCKED = "SELECT (relation = :u)::int, mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN (:t, :u);"


def measured(ask: list[str], before: str, form: str) -> Outcome:
    """Run the form on the server. Raises ``RuntimeError`` with the server's answer where it fails."""
    numbers = "SELECT 't'::regclass::oid AS t, 'u'::regclass::oid AS u \\gset\n"
    script = f"{numbers} BEGIN; {before} COMMIT; BEGIN; {_SEEN} {form}; {_SEEN} {_LOCKED} ROLLBACK;"
    restore = f"BEGIN; {_undo(before)} COMMIT;"
    answer = subprocess.run(ask, input=script, capture_output=True, text=True, check=False)
    if before:
        undone = subprocess.run(ask, input=restore, capture_output=True, text=True, check=False)
        if undone.returncode:
            raise RuntimeError(f"{before}\n{undone.stderr}")
    if answer.returncode:
        raise RuntimeError(f"{form}\n{answer.stderr}")
    rows = [line.split("|") for line in answer.stdout.splitlines() if "|" in line]
    (file, read, indexes), (file_after, read_after, indexes_after) = rows[0], rows[1]
    locks: dict[str, set[Lock]] = {"0": set(), "1": set()}
    for number, mode in rows[2:]:
        if mode in _MODES:
            locks[number].add(_MODES[mode])
    cost = Cost.FREE
    if file_after and file != file_after and "TRUNCATE" not in form:
        cost = Cost.REWRITE
    elif set(indexes_after.split()) - set(indexes.split()) and "TRUNCATE" not in form:
        cost = Cost.BUILD
    elif int(read_after) > int(read):
        cost = Cost.SCAN
    return Outcome(_strongest(locks["0"]), _strongest(locks["1"]), cost)


def _undo(before: str) -> str:
    """What takes the preparation back."""
    undo = "ALTER TABLE t DROP CONSTRAINT IF EXISTS c1; DROP INDEX IF EXISTS t_u;"
    return (
        f"{undo} ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id);" if "DROP CONSTRAINT t_pkey" in before else undo
    )


def _strongest(locks: set[Lock]) -> Lock | None:
    return next((lock for lock in Lock if lock in locks), None)


def expected(before: str, form: str) -> Outcome:
    """What the checks say of the same statements, each part a migration of its own."""
    files = []
    for number, text in enumerate((BASE, before, form), start=1):
        path = f"migrations/postgres/{number:03}_step.up.sql"
        facts = read_sql(path, Text.of(text)).facts()
        files.append(FileFacts(path, Language.SQL, Role.MIGRATION, **facts))
    (history,), _ = link_schema(files)
    t: set[Lock] = set()
    u: set[Lock] = set()
    cost = Cost.FREE
    for effect in effects(history.migrations[-1], checked_domains(history)):
        places = ((effect.table, effect.lock), *effect.also)
        t.update(lock for table, lock in places if table == "t")
        u.update(lock for table, lock in places if table == "u")
        if effect.table == "t" and effect.cost is not Cost.UNKNOWN:
            cost = max(cost, effect.cost, key=_RANKS.index)
    return Outcome(_strongest(t), _strongest(u), cost)


@contextmanager
def server() -> Iterator[list[str]]:
    """A server that lives as long as the block; gives the command that sends SQL to it. Raises ``SystemExit`` without one."""
    found = shutil.which("initdb")
    programs = Path(found).parent if found else max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if programs is None:
        raise SystemExit("no PostgreSQL server is installed")
    # the server refuses to run as root
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="qg", ignore_cleanup_errors=True) as place:
        if user is not None:
            shutil.chown(place, user)

        def run(*command: str) -> None:
            subprocess.run(
                [programs / command[0], *command[1:]], check=True, stdout=subprocess.DEVNULL, user=user, cwd=place
            )

        run("initdb", "-D", f"{place}/data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        options = f"-k {place} -c listen_addresses='' -c fsync=off -c timezone=Europe/Berlin"
        run("pg_ctl", "-D", f"{place}/data", "-w", "-l", f"{place}/log", "-o", options, "start")
        try:
            os.chmod(place, 0o755)  # noqa: S103 - the socket must be reached by the user who measures
            psql = shutil.which("psql") or str(programs / "psql")
            yield [psql, "-h", place, "-U", "postgres", "-XqAt", "-F", "|", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        finally:
            run("pg_ctl", "-D", f"{place}/data", "-m", "immediate", "stop")


def main() -> int:
    """Measure every form, print the table, and say which of them differ."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=5_000)
    rows = options.parse_args().rows
    different = 0
    with server() as ask:
        subprocess.run(ask, input=BASE + ROWS.format(rows=rows), text=True, check=True)
        version = subprocess.run(
            ask, input="SHOW server_version", capture_output=True, text=True, check=True
        ).stdout.strip()
        print(f"PostgreSQL {version}, {len(FORMS)} forms\n{'':3}{'lock on t':24} {'lock on u':24} work on t")
        for before, form in FORMS:
            real, said = measured(ask, before, form), expected(before, form)
            different += real != said
            print(f"{'   ' if real == said else 'X  '}{real}   {f'[{before}] ' if before else ''}{form}")
            if real != said:
                print(f"   {said}   <- the checks")
    print(f"{len(FORMS) - different} of {len(FORMS)} as the checks say")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
