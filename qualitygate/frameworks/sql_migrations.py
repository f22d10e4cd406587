"""In: the paths and markers of SQL files. Out: which are migrations of which tool, in which order, up or down.

One table of layouts, from the documentation of each tool: Flyway, golang-migrate, goose, dbmate, diesel, sqlx, Prisma,
sql-migrate, node-pg-migrate, Liquibase (formatted SQL), drizzle, popx, Supabase, and plain numbered directories.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from qualitygate.model.syntax import Import, Module

WRAPPED, IMPLICIT, NONE, UNKNOWN = "wrapped", "implicit", "none", ""


@dataclass(frozen=True)
class Tool:
    """How a migration tool runs a file: its transaction, and the words that tell a user how to leave it."""

    name: str
    transaction: str
    escape: str


_ALONE = "give it a migration of its own with no other statement"
TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "flyway",
            WRAPPED,
            f"{_ALONE} (Flyway then runs it outside a transaction), or set executeInTransaction=false in <script>.sql.conf",
        ),
        Tool(
            "golang-migrate",
            IMPLICIT,
            f"{_ALONE}: golang-migrate sends a file as one script, which is one transaction as soon as it holds two statements",
        ),
        Tool(
            "goose", WRAPPED, "put it in a migration of its own with `-- +goose NO TRANSACTION` at the top of the file"
        ),
        Tool("dbmate", WRAPPED, "put it in a migration of its own that begins with `-- migrate:up transaction:false`"),
        Tool(
            "diesel",
            WRAPPED,
            "put it in a migration of its own with `run_in_transaction = false` in the metadata.toml beside up.sql",
        ),
        Tool("sqlx", WRAPPED, "put it in a migration of its own whose first line is `-- no-transaction`"),
        Tool(
            "prisma",
            IMPLICIT,
            f"{_ALONE}: Prisma sends migration.sql as one script, which is one transaction as soon as it holds two statements",
        ),
        Tool("sql-migrate", WRAPPED, "put it in a migration of its own with `-- +migrate Up notransaction`"),
        Tool("node-pg-migrate", WRAPPED, "put it in a migration of its own that is run with --no-transaction"),
        Tool("liquibase", WRAPPED, "put it in a changeset of its own with `runInTransaction:false`"),
        Tool("drizzle", WRAPPED, "run it outside drizzle's migrator, which wraps all migrations in one transaction"),
        Tool("popx", WRAPPED, "put it in a migration of its own that is called <name>.autocommit.up.sql"),
        Tool("supabase", UNKNOWN, _ALONE),
        Tool("plain", UNKNOWN, "put it in a migration of its own that runs outside a transaction"),
        Tool("schema", UNKNOWN, "put it in a script of its own that runs outside a transaction"),
    )
}


@dataclass(frozen=True)
class Markers:
    """What the comments of a file say: its tool, the stretches (offsets) of the way down, and leaving the transaction."""

    tool: str = ""
    down: tuple[tuple[int, int], ...] = ()
    no_transaction: bool = False


_NEVER = r"(?!)"
# tool, a word that every such file has, the comment that opens the way up, the comment that opens the way down
_SECTIONS = tuple(
    (tool, word, re.compile(up, re.MULTILINE | re.IGNORECASE), re.compile(down, re.MULTILINE | re.IGNORECASE))
    for tool, word, up, down in (
        ("goose", "+goose", r"^--[ \t]*\+goose[ \t]+Up\b", r"^--[ \t]*\+goose[ \t]+Down\b"),
        ("sql-migrate", "+migrate", r"^--[ \t]*\+migrate[ \t]+Up\b", r"^--[ \t]*\+migrate[ \t]+Down\b"),
        ("dbmate", "migrate:", r"^--[ \t]*migrate:up\b", r"^--[ \t]*migrate:down\b"),
        ("node-pg-migrate", " migration", r"^--[ \t]*Up Migration\b", r"^--[ \t]*Down Migration\b"),
        ("liquibase", "liquibase", r"^--[ \t]*liquibase formatted sql\b", _NEVER),
        ("drizzle", "statement-breakpoint", r"^[^\n]*--> statement-breakpoint", _NEVER),
    )
)
_NO_TRANSACTION = re.compile(
    r"^--[ \t]*(?:\+goose[ \t]+NO[ \t]+TRANSACTION|no-transaction|migrate:up[^\n]*\btransaction[ \t]*:[ \t]*false"
    r"|\+migrate[ \t]+Up[^\n]*\bnotransaction|changeset[^\n]*\brunInTransaction:[ \t]*false|atlas:txmode[ \t]+none)",
    re.MULTILINE | re.IGNORECASE,
)


def markers(content: str) -> Markers:
    """What the comments of one file say."""
    if "--" not in content:
        return Markers()
    lowered = content.lower()
    no_transaction = ("trans" in lowered or "txmode" in lowered) and _NO_TRANSACTION.search(content) is not None
    for tool, word, up, down in _SECTIONS:
        if word not in lowered:
            continue
        opened = [match.start() for match in up.finditer(content)]
        closed = [match.start() for match in down.finditer(content)]
        if opened or closed:
            ends = [*opened, len(content)]
            return Markers(tool, tuple((start, ends[bisect_right(opened, start)]) for start in closed), no_transaction)
    return Markers("sqlx" if no_transaction and content.lstrip().startswith("--") else "", (), no_transaction)


# Dialects whose statements are read. Of a file in another one (its path or its writing tells) only the presence is noted.
READ = frozenset({"", "postgres", "mysql", "sqlite"})
_DIALECT_WORDS = {
    "postgres": "postgres", "postgresql": "postgres", "postgis": "postgres", "pg": "postgres", "psql": "postgres", "pgsql": "postgres",
    "cockroach": "cockroach", "cockroachdb": "cockroach", "crdb": "cockroach", "yugabyte": "postgres",
    "mysql": "mysql", "mariadb": "mysql", "tidb": "mysql",
    "sqlite": "sqlite", "sqlite3": "sqlite", "d1": "sqlite", "libsql": "sqlite", "turso": "sqlite",
    "mssql": "mssql", "sqlserver": "mssql", "oracle": "oracle", "h2": "h2", "hsqldb": "hsqldb", "db2": "db2",
    "clickhouse": "clickhouse", "snowflake": "snowflake", "bigquery": "bigquery", "redshift": "redshift",
    "cassandra": "cassandra", "spanner": "spanner", "duckdb": "duckdb", "hive": "hive", "spark": "spark",
}  # fmt: skip
# Modules that talk to one database only: they tell the dialect of migrations that do not tell it themselves.
DRIVERS: Mapping[str, str] = {
    "psycopg": "postgres", "psycopg2": "postgres", "asyncpg": "postgres", "pg8000": "postgres", "aiopg": "postgres",
    "psycopg_pool": "postgres", "pymysql": "mysql", "MySQLdb": "mysql", "aiomysql": "mysql", "asyncmy": "mysql",
    "mysql": "mysql", "sqlite3": "sqlite", "aiosqlite": "sqlite",
}  # fmt: skip
_WORD = re.compile(r"[a-z0-9]+")
# Words that only one of the dialects has; the one with most of them wins. Comments do not count: Prisma quotes names with backticks there.
_COMMENT = re.compile(r"--[^\n]*|/\*[^*]*(?:\*+[^/*][^*]*)*\**(?:/|\Z)")
_BACKTICK = re.compile(
    r"(?:\b(?:table|exists|into|from|update|on|key|references|index|add|column|drop|modify)\s+|[(,]\s*)`\w",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[a-z_][a-z0-9_]*|::|\$\$")
_SIGNS: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split(" "))
    for name, words in {
        "postgres": "serial bigserial smallserial jsonb timestamptz :: $$ gen_random_uuid uuid_generate_v4 concurrently bytea"
        " citext extension plpgsql nextval regclass gin gist brin lock_timeout statement_timeout varying zone tsvector"
        " int8 int4 bool owned pg_catalog",
        "mysql": "auto_increment innodb myisam unsigned utf8mb4 charset modify tinytext mediumtext longtext tinyint"
        " mediumint longblob mediumblob",
        "sqlite": "autoincrement pragma rowid strftime sqlite_master",
        "mssql": "nvarchar sysutcdatetime getutcdate uniqueidentifier dbo datetime2 nonclustered",
        "clickhouse": "mergetree replacingmergetree lowcardinality aggregatingmergetree",
    }.items()
}


def dialect_of_path(path: str) -> str:
    """The dialect that a path names, nearest to the file first; empty where it names none."""
    for part in reversed(PurePosixPath(path).parts):
        for word in reversed(_WORD.findall(part.lower())):
            if word in _DIALECT_WORDS:
                return _DIALECT_WORDS[word]
    return ""


def dialect_of(path: str, content: str) -> str:
    """The dialect of one file: what its path names, else what its writing shows; empty where nothing tells."""
    named = dialect_of_path(path)
    if named:
        return named
    head = _COMMENT.sub("", content[:50_000])
    words = set(_WORDS.findall(head.lower()))
    votes = {name: len(words & signs) for name, signs in _SIGNS.items()}
    best = max(votes, key=lambda name: votes[name])
    if votes[best] and list(votes.values()).count(votes[best]) == 1:
        return best
    return "mysql" if not votes["postgres"] and _BACKTICK.search(head) else ""


_ENGINE = re.compile(
    r"(?:django\.db\.backends\.|django\.contrib\.gis\.db\.backends\.)(?P<backend>[a-z]+)|(?P<scheme>[a-z]+)(?:[0-9+][a-z0-9+]*)?://"
)


def dialect_of_engine(value: str) -> str:
    """The dialect that a setting names: a backend of Django, or the address of a database; empty where it names none."""
    match = _ENGINE.match(value)
    return _DIALECT_WORDS.get(match["backend"] or match["scheme"], "") if match else ""


_OF_ONE = {
    "sqlalchemy.dialects.postgresql": "postgres", "sqlalchemy.dialects.mysql": "mysql", "sqlalchemy.dialects.sqlite": "sqlite",
    "django.contrib.postgres": "postgres",
}  # fmt: skip


def dialect_of_imports(module: Module) -> str:
    """The dialect of a migration in code by what it imports for one database only; empty where that is none or several."""
    found: set[str] = set()
    for statement in module.body:
        if isinstance(statement, Import):
            for name in (statement.module, *(f"{statement.module}.{name}" for name, _ in statement.names)):
                found.update(dialect for path, dialect in _OF_ONE.items() if f"{name}.".startswith(f"{path}."))
    return found.pop() if len(found) == 1 else ""


@dataclass(frozen=True)
class SqlFile:
    """What the arrangement needs to know of a file: its path, the tool its markers name, and what it does."""

    path: str
    tool: str = ""
    dialect: str = ""
    creates: frozenset[str] = frozenset()
    changes: bool = True


@dataclass(frozen=True)
class Line:
    """One line of migrations: the files of the way up in the order of their application, each with its version."""

    tool: str
    directory: str
    dialect: str
    steps: tuple[tuple[str, str], ...]
    ordered: bool = True


_NUMBER = re.compile(r"\d+")
_FLYWAY = re.compile(r"^(?P<kind>[VRUB])(?P<version>\d[\d._]*)?__(?P<name>.+)\.sql$")
_UP_DOWN = re.compile(
    r"^(?P<version>\d+)(?:[-_.]|(?![\d]))(?P<name>[^.]*)(?P<infix>(?:\.[A-Za-z0-9]+)*)\.(?P<way>up|down)\.sql$",
    re.IGNORECASE,
)
_UP_DOWN_NAMED = re.compile(r"^(?P<version>.+)[._-](?P<way>up|down)\.sql$", re.IGNORECASE)
_NUMBERED = re.compile(r"^(?:[vV]?)(?P<version>\d+(?:[._]\d+)*)[-_. ].*\.sql$|^(?P<bare>\d+)\.sql$")
_VERSION_FOLDER = re.compile(r"^[vV]?\d+(?:[._]\d+)*$")
_BACK = re.compile(
    r"(?:^|[._-])(?:down|undo|rollback|revert|backward|backwards|drop)\.sql$|(?:^|/)(?:down|revert|rollback|undo|verify)/",
    re.IGNORECASE,
)
_SCHEMA = re.compile(r"(?:^|[._-])(?:schema|structure|init|initdb|ddl|tables?|database|db)(?:[._-]|$)", re.IGNORECASE)
_SCHEMA_DIRECTORY = re.compile(r"(?:^|/)(?:schemas?|ddl|tables)$", re.IGNORECASE)
_MIGRATIONS = re.compile(r"(?:^|/)[^/]*migrat[^/]*(?:/|$)", re.IGNORECASE)


@dataclass
class _Group:
    files: list[tuple[tuple[object, ...], str, str]] = field(default_factory=list)
    dialects: list[str] = field(default_factory=list)
    ordered: bool = True


@dataclass(frozen=True)
class _Around:
    """What lies around a file: the names in each folder, and what they say of the folder.

    ``marked`` gives the tool that a mark in one file names for its whole folder; ``numbered`` counts numbered files;
    ``stepped`` are folders whose numbered sub-folders are steps (`delta/58/01_x.sql`); ``popx`` are folders where a
    name has a dialect or `autocommit` before `.up`, as ory's popx writes it.
    """

    names: Mapping[str, Set[str]]
    marked: Mapping[str, str]
    numbered: Mapping[str, int]
    stepped: Set[str]
    popx: Set[str]

    @staticmethod
    def of(files: Sequence[SqlFile]) -> _Around:
        """Look over all files once."""
        names: dict[str, set[str]] = defaultdict(set)
        marked: dict[str, str] = {}
        for file in files:
            path = PurePosixPath(file.path)
            names[str(path.parent)].add(path.name)
            if file.tool:
                marked.setdefault(str(path.parent), file.tool)
        folders = [PurePosixPath(folder) for folder in names]
        above = Counter(str(folder.parent) for folder in folders if _VERSION_FOLDER.match(folder.name))
        return _Around(
            names,
            marked,
            {folder: sum(_NUMBERED.match(name) is not None for name in inside) for folder, inside in names.items()},
            frozenset(folder for folder, count in above.items() if count > 1),
            frozenset(folder for folder, inside in names.items() if any(_infix(name) for name in inside)),
        )

    def tool(self, file: SqlFile) -> str:
        """The tool whose marks the file or its folder carries: sqlx and drizzle mark only the files that need it."""
        path = PurePosixPath(file.path)
        return file.tool or (self.marked.get(str(path.parent), "") if _NUMBER.match(path.name) else "")


_Groups = dict[tuple[str, str, str], _Group]


def arrange(files: Sequence[SqlFile], settings: Mapping[str, str] | None = None) -> tuple[Line, ...]:
    """The independent lines of migrations among ``files``, and the lone schemas that no line makes.

    ``settings`` maps the paths of lock and configuration files (Prisma's migration_lock.toml) to the dialect they name.
    Files of the way down are left out. Copies for several dialects are lines of their own.
    """
    around = _Around.of(files)
    groups: _Groups = defaultdict(_Group)
    rest = []
    for file in sorted(files, key=lambda file: file.path):
        placed = _place(file, around.tool(file), around)
        if placed is None:
            rest.append(file)
            continue
        tool, directory, infix, key, version = placed
        if key is not None:
            group = groups[tool, directory, infix]
            group.files.append((key, file.path, version))
            group.dialects.append(file.dialect)
            group.ordered = group.ordered and tool != "unordered"
    creates = {file.path: file.creates for file in files}
    lines = _without_copies(_lines(groups, settings or {}), creates)
    made = {table for line in lines for path, _ in line.steps for table in creates[path]}
    lines += _schemas([file for file in rest if not file.creates & made])
    return tuple(sorted(lines, key=lambda line: (line.directory, line.tool, line.dialect, line.steps)))


def _lines(groups: _Groups, settings: Mapping[str, str]) -> list[Line]:
    shared = _shared(groups)
    lines = []
    for (tool, directory, infix), group in groups.items():
        if tool == "flyway" and directory in shared.values():
            continue
        if not infix and any((tool, directory) == other[:2] and other[2] for other in groups):
            # steps without a dialect in their name belong to every dialect of the directory
            continue
        steps = list(group.files)
        if infix and (tool, directory, "") in groups:
            own = {version for _, _, version in steps}
            steps += [step for step in groups[tool, directory, ""].files if step[2] not in own]
        if tool == "flyway" and directory in shared:
            steps += groups[tool, shared[directory], ""].files
        dialect = dialect_of_path(f"{directory}/x.{infix}.sql" if infix else f"{directory}/x.sql")
        dialect = dialect or settings.get(f"{directory}/migration_lock.toml", "") or _majority(group.dialects)
        ordered = tuple((path, version) for _, path, version in sorted(steps))
        lines.append(Line("plain" if tool == "unordered" else tool, directory, dialect, ordered, group.ordered))
    return lines


def _without_copies(lines: list[Line], creates: Mapping[str, Set[str]]) -> list[Line]:
    """Numbered files outside any folder of migrations may only repeat them: a generator's input, a dump in parts."""
    surely = [line for line in lines if line.tool != "plain" or _MIGRATIONS.search(line.directory)]
    made = {table for line in surely for path, _ in line.steps for table in creates[path]}
    others = [line for line in lines if line not in surely]
    return surely + [line for line in others if not any(creates[path] & made for path, _ in line.steps)]


def _schemas(files: Sequence[SqlFile]) -> list[Line]:
    """The files that are a schema by their name or their folder's: those of one folder and dialect together."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for file in files:
        path = PurePosixPath(file.path)
        if file.creates and (_SCHEMA.search(path.stem) or _SCHEMA_DIRECTORY.search(str(path.parent))):
            found[str(path.parent), file.dialect].append((file.path, path.name))
    return [Line("schema", directory, dialect, tuple(steps)) for (directory, dialect), steps in found.items()]


def _shared(groups: Mapping[tuple[str, str, str], _Group]) -> dict[str, str]:
    """Flyway is given several folders: beside or above one for each database lies one that all of them share."""
    folders = {directory for tool, directory, _ in groups if tool == "flyway"}
    named = {folder for folder in folders if PurePosixPath(folder).name.lower() in _DIALECT_WORDS}
    found = {}
    for folder in sorted(named):
        parent = PurePosixPath(folder).parent
        for other in sorted(folders - named):
            if other == str(parent) or PurePosixPath(other).parent == parent:
                found[folder] = other
    return found


def _majority(dialects: Sequence[str]) -> str:
    named = [dialect for dialect in dialects if dialect]
    return max(sorted(set(named)), key=named.count) if named else ""


def _place(file: SqlFile, tool: str, around: _Around) -> tuple[str, str, str, tuple[object, ...] | None, str] | None:
    """Tool, directory, dialect infix, sort key (None for the way down) and version of a file; None where it is none."""
    path = PurePosixPath(file.path)
    name, parent = path.name, path.parent
    above = str(parent.parent)
    key: tuple[object, ...] | None
    if name == "migration.sql" and parent.name:
        return "prisma", above, "", (parent.name,), parent.name
    if name in ("up.sql", "down.sql") and _NUMBER.match(parent.name):
        # the version ends at the first underscore; its dashes do not count
        key = (parent.name.partition("_")[0].replace("-", ""), parent.name) if name == "up.sql" else None
        return "diesel", above, "", key, parent.name
    directory = str(parent)
    if tool in ("goose", "dbmate", "sql-migrate", "node-pg-migrate", "liquibase", "drizzle"):
        return tool, directory, "", _natural(name), _version(name)
    if above in around.stepped and _VERSION_FOLDER.match(parent.name) and not _BACK.search(file.path):
        folder, (number, *_) = _parts_of(parent.name), (*_parts_of(name), 0)
        key = (0, folder[0], (*folder, number), name)
        return ("plain", above, "", key, f"{parent.name}/{path.stem}") if file.changes else None
    if match := _FLYWAY.match(name):
        if match["kind"] == "U":
            return "flyway", directory, "", None, ""
        if match["kind"] == "R" or match["version"]:
            numbers = tuple(int(number) for number in _NUMBER.findall(match["version"] or ""))
            key = (1, (), match["name"]) if match["kind"] == "R" else (0, numbers, "")
            return "flyway", directory, "", key, match["version"] or match["name"]
    if match := _UP_DOWN.match(name):
        tool = "popx" if directory in around.popx else tool if tool == "sqlx" else "golang-migrate"
        infix = next((word for word in _infix(name) if word in _DIALECT_WORDS), "")
        key = None if match["way"].lower() == "down" else (int(match["version"]), match["name"])
        return tool, directory, infix, key, f"{match['version']}_{match['name']}"
    match = _UP_DOWN_NAMED.match(name)
    if match and (_MIGRATIONS.search(directory) or _pair(match, around.names[directory])):
        return "plain", directory, "", None if match["way"].lower() == "down" else _natural(name), match["version"]
    if _BACK.search(file.path) and (_MIGRATIONS.search(directory) or _NUMBER.match(name)):
        return "plain", directory, "", None, ""
    if (match := _NUMBERED.match(name)) and file.changes:
        if tool != "sqlx":
            tool = "supabase" if directory.endswith("supabase/migrations") else "plain"
        if _MIGRATIONS.search(directory) or around.numbered[directory] > 1:
            return tool, directory, "", _natural(name), _version(name)
    if _MIGRATIONS.search(directory) and file.changes:
        return "unordered", directory, "", (name,), path.stem
    return None


def _infix(name: str) -> list[str]:
    """The words between the name and `.up` that name a dialect or `autocommit`."""
    match = _UP_DOWN.match(name)
    words = match["infix"].lower().split(".") if match else []
    return [word for word in words if word in _DIALECT_WORDS or word == "autocommit"]


def _pair(match: re.Match[str], names: Set[str]) -> bool:
    """Whether the file of the other way lies beside it."""
    ways = ("down", "DOWN", "Down") if match["way"].lower() == "up" else ("up", "UP", "Up")
    name = match.string
    return any(name[: match.start("way")] + way + name[match.end("way") :] in names for way in ways)


def _parts_of(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBER.findall(name))


def _natural(name: str) -> tuple[object, ...]:
    """Numbers by value, then the name: 2 before 10."""
    found = _NUMBER.match(name.lstrip("vV"))
    return (0, int(found[0]), _parts(name), name) if found else (1, 0, (), name)


def _parts(name: str) -> tuple[int, ...]:
    found = _NUMBERED.match(name)
    return _parts_of((found["version"] or "") if found else "")


def _version(name: str) -> str:
    found = _NUMBERED.match(name)
    return (found["version"] or found["bare"]) if found else name.rpartition(".")[0]
