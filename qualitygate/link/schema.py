"""In: the facts of SQL files and of migrations in Python. Out: the histories of migrations, each operation beside the table it met, and the final tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from posixpath import commonpath

import msgspec

from qualitygate.frameworks.alembic import ALEMBIC, arrange_revisions, transaction_of
from qualitygate.frameworks.django_migrations import DJANGO, State, arrange_migrations, read_migration, revision_of
from qualitygate.frameworks.sql_migrations import (
    DRIVERS,
    IMPLICIT,
    NONE,
    READ,
    TOOLS,
    Line,
    SqlFile,
    arrange,
    dialect_of_engine,
    dialect_of_path,
)
from qualitygate.model.facts import FileFacts
from qualitygate.model.schema import (
    Change,
    Column,
    ForeignKey,
    History,
    Index,
    Migration,
    Model,
    Operation,
    OperationKind,
    Script,
    Table,
    TableCheck,
)
from qualitygate.model.source import Place, Role
from qualitygate.model.syntax import Assign, Class, Constant, Expression, If, Import, Name, Statement
from qualitygate.model.syntax import Mapping as Display

Kind = OperationKind
_IN_CODE = frozenset({ALEMBIC.name, DJANGO.name})
_ESCAPES = {tool.name: tool.escape for tool in (*TOOLS.values(), ALEMBIC, DJANGO)}
_STORED = frozenset({"table", "partitioned", "partition"})
_DIALECTS = {"postgresql": "postgres", "cockroachdb": "cockroach", "sqlserver": "mssql"}


_BESIDE = frozenset({"env.py", "apps.py", "manage.py"})


class Sources(msgspec.Struct, frozen=True):
    """All that the schema is made of: the files that say something of it, and what the code at large says in few words."""

    files: tuple[FileFacts, ...] = ()
    driver: str = ""
    user_model: str = ""
    automatic: str = ""


class Schema(msgspec.Struct, frozen=True):
    """Every line of migrations with its changes, and the tables that all of them leave."""

    histories: tuple[History, ...] = ()
    tables: tuple[Table, ...] = ()


def sources_of(files: Sequence[FileFacts]) -> Sources:
    """What the schema of a project is made of; ``files`` are all that it has."""
    if all(facts.script is None for facts in files):
        return Sources()
    return Sources(
        files=tuple(
            facts
            for facts in files
            if facts.script is not None or facts.settings or facts.path.rpartition("/")[2] in _BESIDE
        ),
        driver=driver_of(files),
        user_model=setting_of(files, "AUTH_USER_MODEL"),
        automatic=setting_of(files, "DEFAULT_AUTO_FIELD").rpartition(".")[2],
    )


def link_schema(sources: Sources) -> Schema:
    """Follow every line of migrations from its first to its last."""
    files = sources.files
    scripts = {
        facts.path: facts.script for facts in files if facts.script is not None and facts.script.tool not in _IN_CODE
    }
    settings = {(facts.path, setting.key): setting.value for facts in files for setting in facts.settings}
    locks = {path: _DIALECTS.get(value, value) for (path, key), value in settings.items() if key == "provider"}
    lines = arrange([_described(path, script) for path, script in scripts.items()], locks)
    in_code = any(facts.script is not None and facts.script.tool in _IN_CODE for facts in files)
    driver = sources.driver if in_code or any(not line.dialect for line in lines) else ""
    histories = []
    tables: list[Table] = []
    for line in lines:
        if line.dialect not in READ:
            continue
        steps = []
        for path, version in line.steps:
            operations = [
                operation
                for statement in scripts[path].statements
                if not statement.down
                for operation in statement.operations
            ]
            steps.append((path, version, _transaction(line, path, scripts[path], settings), operations))
        dialect = line.dialect or driver
        migrations, final = replay(line.tool, line.directory, dialect, steps)
        if migrations:
            histories.append(History(line.tool, line.directory, dialect, migrations, line.ordered))
            tables += (table for table in final if table.kind in _STORED)
    for history, final in (*_alembic(files, driver), *_django(sources, driver)):
        histories.append(history)
        tables += (table for table in final if table.kind in _STORED)
    return Schema(tuple(histories), tuple(sorted(tables, key=lambda table: (table.history, table.full_name))))


Linked = tuple[History, tuple[Table, ...]]


def _alembic(files: Sequence[FileFacts], driver: str) -> Iterator[Linked]:
    """The histories of Alembic's revisions."""
    facts = {each.path: each for each in files}
    scripts = {
        path: each.script for path, each in facts.items() if each.script is not None and each.script.tool == "alembic"
    }
    revisions = {path: script.revision for path, script in scripts.items() if script.revision is not None}
    for chain in arrange_revisions(revisions):
        environment = _above(chain.directory, "env.py", facts)
        mode = transaction_of(environment.module if environment is not None else None)
        dialect = dialect_of_path(chain.directory) or driver or _agreed(scripts[path] for path in chain.paths)
        steps = [
            (
                path,
                revisions[path].id,
                mode,
                [each for statement in scripts[path].statements for each in statement.operations],
            )
            for path in chain.paths
        ]
        migrations, tables = replay("alembic", chain.directory, dialect, steps)
        marked = (msgspec.structs.replace(each, revision=revisions[each.path]) for each in migrations)
        yield History("alembic", chain.directory, dialect, tuple(marked)), tables


def _django(sources: Sources, driver: str) -> Iterator[Linked]:
    """The histories of Django's migrations: one for each project, which a `manage.py` marks where there are several."""
    facts = {each.path: each for each in sources.files}
    roots = [path.rpartition("/")[0] for path in facts if path.rpartition("/")[2] == "manage.py"]
    projects: dict[str, dict[tuple[str, str], FileFacts]] = {}
    for path, each in facts.items():
        if each.script is None or each.script.tool != "django" or each.module is None:
            continue
        folder, _, name = path.rpartition("/")
        root = _nearest(folder, roots) if len(roots) > 1 else ""
        projects.setdefault(root, {})[label_of(folder, facts), name.removesuffix(".py")] = each
    for members in projects.values():
        user_model = sources.user_model or "auth.User"
        read = {key: read_migration(each.module) for key, each in members.items() if each.module is not None}
        migrations = {key: migration for key, migration in read.items() if migration is not None}
        automatic = sources.automatic
        state = State(user_model, automatic if automatic in ("AutoField", "BigAutoField") else "AutoField")
        steps = []
        revisions = {}
        for key, parents in arrange_migrations(migrations, user_model):
            revisions[members[key].path] = revision_of(key, migrations[key], parents)
            each = members[key]
            sql = {statement.span: statement.operations for statement in each.script.statements} if each.script else {}
            operations = state.apply(migrations[key], key[0], sql)
            mode = DJANGO.transaction if migrations[key].atomic else NONE
            steps.append((each.path, f"{key[0]}.{key[1]}", mode, operations))
        directory = commonpath(each.path.rpartition("/")[0] for each in members.values())
        dialect = driver or _agreed(each.script for each in members.values() if each.script is not None)
        done, tables = replay("django", directory, dialect, steps)
        marked = (msgspec.structs.replace(each, revision=revisions[each.path]) for each in done)
        yield History("django", directory, dialect, tuple(marked), believed=state.believed()), tables


def _agreed(scripts: Iterable[Script]) -> str:
    """The one dialect that migrations in code are written for; empty where they name none or several."""
    found = {script.dialect for script in scripts} - {""}
    return found.pop() if len(found) == 1 else ""


def _above(directory: str, name: str, facts: Mapping[str, FileFacts]) -> FileFacts | None:
    """The file of that name in the directory or in the nearest one above it."""
    while True:
        found = facts.get(f"{directory}/{name}" if directory else name)
        if found is not None or not directory:
            return found
        directory = directory.rpartition("/")[0]


def _nearest(folder: str, roots: Iterable[str]) -> str:
    """The deepest of ``roots`` that holds the folder; empty for none."""
    return max((root for root in roots if f"{folder}/".startswith(f"{root}/") or not root), key=len, default="")


def label_of(folder: str, facts: Mapping[str, FileFacts]) -> str:
    """The label of the application that a folder of migrations belongs to: what its configuration says, else its name."""
    above, _, _ = folder.rpartition("/")
    configuration = facts.get(f"{above}/apps.py")
    if configuration is not None and configuration.module is not None:
        for statement in configuration.module.body:
            if isinstance(statement, Class):
                for inner in statement.body:
                    found = _value(inner, "label")
                    if found:
                        return found
    return above.rpartition("/")[2]


def setting_of(files: Iterable[FileFacts], name: str) -> str:
    """The text that a setting of Django has; empty where none is given."""
    for facts in files:
        if facts.role is Role.APPLICATION and facts.module is not None:
            for statement in facts.module.body:
                found = _value(statement, name)
                if found:
                    return found
    return ""


def _value(statement: Statement, name: str) -> str:
    if not isinstance(statement, Assign) or not isinstance(statement.value, Constant):
        return ""
    named = any(isinstance(target, Name) and target.id == name for target in statement.targets)
    return statement.value.value if named and isinstance(statement.value.value, str) else ""


def driver_of(files: Sequence[FileFacts]) -> str:
    """The one database that the code speaks to, by its drivers and settings.

    SQLite counts only alone, since tests and tools use it beside another.
    """
    found = set()
    for facts in files:
        waiting = list(facts.module.body) if facts.module is not None else []
        # grows while it is gone through: settings choose their database under a condition
        for statement in waiting:
            if isinstance(statement, If):
                waiting += (*statement.body, *statement.orelse)
            elif isinstance(statement, Import):
                found.add(DRIVERS.get(statement.module.partition(".")[0], ""))
            elif isinstance(statement, Assign) and statement.value is not None:
                found.update(dialect_of_engine(value) for value in _texts(statement.value))
    found -= {""}
    found = found - {"sqlite"} or found
    return found.pop() if len(found) == 1 else ""


def _texts(value: Expression) -> Iterator[str]:
    """The texts of a constant, or of the values of a display of constants, however deep."""
    waiting: list[Expression] = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Constant):
            if isinstance(each.value, str):
                yield each.value
        elif isinstance(each, Display):
            waiting += [inner for _, inner in each.items]


def _described(path: str, script: Script) -> SqlFile:
    up = [operation for statement in script.statements if not statement.down for operation in statement.operations]
    creates = frozenset(operation.table for operation in up if operation.kind is Kind.CREATE_TABLE)
    return SqlFile(path, script.tool, script.dialect, creates, bool(script.statements))


def _transaction(line: Line, path: str, script: Script, settings: Mapping[tuple[str, str], str]) -> str:
    """How the tool runs this file, its own markers considered."""
    if script.no_transaction or ".autocommit." in path:
        return NONE
    directory = path.rpartition("/")[0]
    if (
        line.tool == "diesel"
        and settings.get((f"{directory}/metadata.toml", "run_in_transaction"), "").lower() == "false"
    ):
        return NONE
    mode = TOOLS[line.tool].transaction
    if line.tool == "flyway":
        # Flyway sees for itself what cannot run in one, and then runs the whole file without
        outside = [each for each in script.statements if any(operation.concurrently for operation in each.operations)]
        return NONE if outside and len(outside) == script.total else mode
    # a script of one statement is no transaction of several
    return NONE if mode == IMPLICIT and script.total == 1 else mode


def replay(
    tool: str,
    directory: str,
    dialect: str,
    steps: Iterable[tuple[str, str, str, Sequence[Operation]]],
) -> tuple[tuple[Migration, ...], tuple[Table, ...]]:
    """Apply the operations of ``steps`` (path, version, transaction, operations) in their order, to an empty database.

    The operations may come from any reader. Returns the migrations with their changes and the tables at the end,
    partitions and views left out of neither.
    """
    database = _Database(dialect, directory)
    migrations = []
    for path, version, transaction, operations in steps:
        # migrations are applied on many days: a setting does not outlive the file
        database.search_path = ""
        changes = tuple(database.apply(operation, path) for operation in operations)
        migrations.append(Migration(path, version, transaction, _ESCAPES[tool], changes))
    return tuple(migrations), tuple(database.tables.values())


def build(dialect: str, models: Iterable[Model]) -> dict[str, Table]:
    """The tables that models declare, by full name, as if all were made on an empty database."""
    database = _Database(dialect, "", "models")
    # the class of a table first, then those that share it and add columns
    for model in sorted(models, key=lambda model: not any(each.kind is Kind.CREATE_TABLE for each in model.operations)):
        for operation in model.operations:
            if operation.kind is not Kind.CREATE_TABLE or operation.table not in database.tables:
                database.apply(operation, model.place.path)
        if not model.whole and model.table in database.tables:
            database.update(database.tables[model.table], whole=False)
    return database.tables


class _Database:
    """The tables as they stand between two operations, by full name. Lives for one replay."""

    def __init__(self, dialect: str, history: str, source: str = "migrations") -> None:
        self.dialect = dialect
        self.history = history
        self.source = source
        self.tables: dict[str, Table] = {}
        self.search_path = ""
        self.skipping = False

    def apply(self, operation: Operation, path: str) -> Change:
        """Carry out one operation; what it met, and whether it did anything."""
        handler = _HANDLERS.get(operation.kind)
        key = self.key(operation.table)
        if operation.kind in (Kind.DROP_INDEX, Kind.RENAME_INDEX) and not operation.table:
            key = next((name for name, table in self.tables.items() if _index(table, operation.name)), "")
        before = self.tables.get(key)
        effective = True
        if not operation.inline:
            self.skipping = False
        if self.skipping:
            effective = False
        elif handler is not None:
            effective = handler(self, operation, key, before, self.place(operation, path))
            # what IF NOT EXISTS passes over, it passes over whole, constraints of the definition and all
            self.skipping = self.skipping or (
                not effective and not operation.inline and operation.kind in (Kind.CREATE_TABLE, Kind.ADD_COLUMN)
            )
        new = before is not None and (before.defined_at.path == path or before.kind == "temporary")
        return Change(operation, before, new, effective)

    def place(self, operation: Operation, path: str) -> Place:
        """Where the operation stands."""
        role = "migration" if self.source == "migrations" else "definition"
        return Place(operation.path or path, operation.span, role=role)

    # -- names ----------------------------------------------------------------------------------------------------

    def key(self, name: str) -> str:
        """The full name of the table that ``name`` finds, or that it would make."""
        if not name or name in self.tables or "." in name:
            return name
        if self.search_path and f"{self.search_path}.{name}" in self.tables:
            return f"{self.search_path}.{name}"
        found = [full for full in self.tables if full.endswith(f".{name}")]
        return found[0] if len(found) == 1 else name

    def update(self, table: Table, **changes: object) -> None:
        """Put the changed table in the place of the old one."""
        self.tables[table.full_name] = msgspec.structs.replace(table, **changes)

    # -- tables ---------------------------------------------------------------------------------------------------

    def create_table(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if self.search_path and "." not in operation.table and not operation.temporary:
            key = f"{self.search_path}.{operation.table}"
        else:
            key = operation.table
        if key in self.tables and (operation.guarded or operation.conditional):
            return False
        schema, _, name = key.rpartition(".")
        kind = {
            Kind.CREATE_VIEW: "view",
            Kind.CREATE_MATERIALIZED_VIEW: "materialized view",
        }.get(operation.kind, "table")
        if operation.temporary:
            kind = "temporary"
        elif operation.partitioned:
            kind = "partitioned"
        elif operation.using == "partition":
            kind = "partition"
        table = Table(
            name, schema, (), (), (), (), place, kind, dialect=self.dialect, history=self.history, source=self.source
        )
        parent = self.tables.get(self.key(operation.references)) if operation.references else None
        if parent is not None:
            table = msgspec.structs.replace(table, columns=parent.columns, checks=parent.checks)
            if operation.using == "partition":
                table = msgspec.structs.replace(
                    table,
                    primary_key=parent.primary_key,
                    primary_key_name=_choose(name, (), "pkey", frozenset()) if parent.primary_key else "",
                    foreign_keys=parent.foreign_keys,
                    indexes=parent.indexes,
                )
        self.tables.pop(key, None)
        self.tables[key] = table
        return True

    def copy_table(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        source = self.tables.get(self.key(operation.references))
        if before is None or source is None:
            return False
        parts = frozenset(
            ("defaults", "constraints", "indexes") if "all" in operation.using else operation.using.split()
        )
        columns = tuple(
            msgspec.structs.replace(
                column,
                place=place,
                default=column.default if "defaults" in parts else None,
                generated=column.generated if "defaults" in parts else "",
            )
            for column in source.columns
        )
        copied = msgspec.structs.replace(before, columns=before.columns + columns)
        if "constraints" in parts:
            copied = msgspec.structs.replace(copied, checks=before.checks + source.checks)
        self.tables[key] = copied
        if "indexes" in parts:
            self.copy_indexes(source, key, place)
        return True

    def copy_indexes(self, source: Table, key: str, place: Place) -> None:
        """Give the table ``key`` the indexes of ``source``, under names of its own."""
        copied = self.tables[key]
        if source.primary_key:
            name = _choose(copied.name, (), "pkey", self.names())
            self.tables[key] = msgspec.structs.replace(copied, primary_key=source.primary_key, primary_key_name=name)
        for index in source.indexes:
            label = "key" if index.constraint else "idx"
            name = _choose(copied.name, tuple(column or "expr" for column in index.columns), label, self.names())
            table = self.tables[key]
            self.update(table, indexes=(*table.indexes, msgspec.structs.replace(index, name=name, place=place)))

    def drop_table(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return not operation.guarded
        del self.tables[key]
        # SQLite rebuilds a table by dropping it and renaming a copy: what points at it stays
        if self.dialect != "sqlite":
            for table in list(self.tables.values()):
                kept = tuple(each for each in table.foreign_keys if self.key(each.references_table) != key)
                if len(kept) != len(table.foreign_keys):
                    self.update(table, foreign_keys=kept)
        return True

    def drop_schema(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        for name in [name for name, table in self.tables.items() if table.schema == operation.name]:
            del self.tables[name]
        return True

    def rename_table(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return False
        schema, _, name = operation.to.rpartition(".")
        if operation.kind is Kind.MOVE_TABLE:
            schema, name = ("" if operation.to == "public" else operation.to), before.name
        elif not schema:
            schema = before.schema
        renamed = msgspec.structs.replace(before, name=name, schema=schema)
        self.tables = {
            (renamed.full_name if full == key else full): (renamed if full == key else table)
            for full, table in self.tables.items()
        }
        for table in list(self.tables.values()):
            if any(each.references_table == key for each in table.foreign_keys):
                keys = tuple(
                    msgspec.structs.replace(each, references_table=renamed.full_name)
                    if each.references_table == key
                    else each
                    for each in table.foreign_keys
                )
                self.update(table, foreign_keys=keys)
        return True

    def attach(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        part = self.tables.get(self.key(operation.references))
        if part is not None:
            self.update(part, kind="partition" if operation.kind is Kind.ATTACH_PARTITION else "table")
        return True

    # -- columns --------------------------------------------------------------------------------------------------

    def add_column(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return True
        (name,) = operation.columns
        if before.column(name) is not None:
            return False
        default = None if operation.default is not None and operation.default.upper() == "NULL" else operation.default
        column = Column(name, operation.type, operation.nullable, default, place, operation.generated)
        self.update(before, columns=(*before.columns, column))
        return True

    def drop_column(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        (name,) = operation.columns
        if before is None or before.column(name) is None:
            return before is None and not operation.guarded
        in_key = name in before.primary_key
        self.update(
            before,
            columns=tuple(column for column in before.columns if column.name != name),
            primary_key=() if in_key else before.primary_key,
            primary_key_name="" if in_key else before.primary_key_name,
            foreign_keys=tuple(each for each in before.foreign_keys if name not in each.columns),
            indexes=tuple(each for each in before.indexes if name not in each.columns and name not in each.mentions),
            checks=tuple(each for each in before.checks if name not in each.mentions),
        )
        for table in list(self.tables.values()):
            kept = tuple(
                each
                for each in table.foreign_keys
                if self.key(each.references_table) != key or name not in each.references_columns
            )
            if len(kept) != len(table.foreign_keys):
                self.update(table, foreign_keys=kept)
        return True

    def rename_column(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        (old,) = operation.columns
        if before is None or before.column(old) is None:
            return before is None

        def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(operation.to if name == old else name for name in names)

        self.update(
            before,
            columns=tuple(
                msgspec.structs.replace(column, name=operation.to) if column.name == old else column
                for column in before.columns
            ),
            primary_key=renamed(before.primary_key),
            foreign_keys=tuple(
                msgspec.structs.replace(each, columns=renamed(each.columns)) for each in before.foreign_keys
            ),
            indexes=tuple(
                msgspec.structs.replace(each, columns=renamed(each.columns), mentions=renamed(each.mentions))
                for each in before.indexes
            ),
            checks=tuple(msgspec.structs.replace(each, mentions=renamed(each.mentions)) for each in before.checks),
        )
        for table in list(self.tables.values()):
            if any(self.key(each.references_table) == key for each in table.foreign_keys):
                keys = tuple(
                    msgspec.structs.replace(each, references_columns=renamed(each.references_columns))
                    if self.key(each.references_table) == key
                    else each
                    for each in table.foreign_keys
                )
                self.update(table, foreign_keys=keys)
        return True

    def change_column(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return True
        (name,) = operation.columns
        column = before.column(name)
        if column is None:
            return True
        effects: dict[OperationKind, dict[str, object]] = {
            Kind.SET_TYPE: {"type": operation.type},
            Kind.SET_NOT_NULL: {"nullable": False},
            Kind.DROP_NOT_NULL: {"nullable": True},
            Kind.SET_DEFAULT: {"default": operation.default},
            Kind.DROP_DEFAULT: {"default": None, "generated": "" if column.generated == "serial" else column.generated},
        }
        new = msgspec.structs.replace(column, place=place, **effects[operation.kind])
        self.update(before, columns=tuple(new if each is column else each for each in before.columns))
        return True

    # -- keys, constraints, indexes -------------------------------------------------------------------------------

    def add_primary_key(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return True
        columns = operation.columns
        indexes = before.indexes
        if operation.using:
            index = _index(before, operation.using)
            columns = index.columns if index else ()
            indexes = tuple(each for each in indexes if each is not index)
        elif operation.inline:
            # PostgreSQL makes one index of a key that is declared unique as well
            indexes = tuple(each for each in indexes if not (each.constraint and each.columns == columns))
        self.update(
            before,
            primary_key=columns,
            primary_key_name=operation.name or operation.using or _choose(before.name, (), "pkey", self.names()),
            columns=tuple(
                msgspec.structs.replace(column, nullable=False) if column.name in columns else column
                for column in before.columns
            ),
            indexes=indexes,
        )
        return True

    def add_unique(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return True
        if operation.using:
            # the index becomes the constraint, and takes its name
            indexes = tuple(
                msgspec.structs.replace(each, constraint=True, name=operation.name or each.name)
                if each.name == operation.using
                else each
                for each in before.indexes
            )
        elif operation.inline and operation.columns == before.primary_key:
            return False
        else:
            name = operation.name or _choose(before.name, operation.columns, "key", self.names())
            indexes = (*before.indexes, Index(name, operation.columns, True, False, place, constraint=True))
        self.update(before, indexes=indexes)
        return True

    def add_exclusion(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is not None:
            name = operation.name or _choose(before.name, operation.columns, "excl", self.names())
            index = Index(name, operation.columns, False, False, place, operation.using, True, operation.mentions)
            self.update(before, indexes=(*before.indexes, index))
        return True

    def add_foreign_key(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return True
        target = self.key(operation.references)
        columns = operation.references_columns
        if not columns and target in self.tables:
            columns = self.tables[target].primary_key
        used = frozenset(each.name for each in before.foreign_keys)
        name = operation.name or _choose(before.name, operation.columns, "fkey", used)
        if (operation.conditional or operation.guarded) and any(
            each.name == name or (each.columns == operation.columns and each.references_table == target)
            for each in before.foreign_keys
        ):
            return False
        added = ForeignKey(name, operation.columns, target, columns, place, operation.valid, operation.on_delete)
        self.update(before, foreign_keys=(*before.foreign_keys, added))
        return True

    def add_check(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is not None:
            used = frozenset(each.name for each in before.checks)
            names = {column.name for column in before.columns}
            column = tuple(name for name in operation.mentions if name in names)
            name = operation.name or _choose(before.name, column if len(column) == 1 else (), "check", used)
            added = TableCheck(name, operation.expression, operation.mentions, operation.valid, place)
            self.update(before, checks=(*before.checks, added))
        return True

    def validate(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is not None:
            self.update(
                before,
                foreign_keys=tuple(
                    msgspec.structs.replace(each, valid=True) if each.name == operation.name else each
                    for each in before.foreign_keys
                ),
                checks=tuple(
                    msgspec.structs.replace(each, valid=True) if each.name == operation.name else each
                    for each in before.checks
                ),
            )
        return True

    def drop_constraint(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return not operation.guarded
        name = operation.name
        if not name and operation.columns:
            return self.drop_constraints_on(operation, before)
        if operation.cascade:
            self.unlink(key, before.primary_key if name == before.primary_key_name else _columns(before, name))
            before = self.tables[key]
        if operation.using == "primary key" or (name and name == before.primary_key_name):
            self.update(before, primary_key=(), primary_key_name="")
            return True
        after = msgspec.structs.replace(
            before,
            foreign_keys=tuple(each for each in before.foreign_keys if each.name != name),
            indexes=tuple(each for each in before.indexes if not (each.constraint and each.name == name)),
            checks=tuple(each for each in before.checks if each.name != name),
        )
        self.tables[key] = after
        return after != before

    def drop_constraints_on(self, operation: Operation, before: Table) -> bool:
        """Drop the constraints of one kind that stand on exactly these columns."""
        columns, kept = operation.columns, operation.mentions
        after = before
        if operation.using == "foreign key":
            after = msgspec.structs.replace(
                before, foreign_keys=tuple(each for each in before.foreign_keys if each.columns != columns)
            )
        elif operation.using == "unique":
            indexes = tuple(
                each
                for each in before.indexes
                if not (each.constraint and each.unique and each.columns == columns and each.name not in kept)
            )
            after = msgspec.structs.replace(before, indexes=indexes)
        elif operation.using == "check":
            after = msgspec.structs.replace(
                before, checks=tuple(each for each in before.checks if each.mentions != columns or each.name in kept)
            )
        self.tables[before.full_name] = after
        return after != before

    def unlink(self, key: str, columns: tuple[str, ...]) -> None:
        """Drop the foreign keys that rest on these unique columns of the table ``key``."""
        for table in list(self.tables.values()):
            kept = tuple(
                each
                for each in table.foreign_keys
                if self.key(each.references_table) != key or set(each.references_columns) != set(columns)
            )
            if columns and len(kept) != len(table.foreign_keys):
                self.update(table, foreign_keys=kept)

    def rename_constraint(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return True
        old, new = operation.name, operation.to
        self.update(
            before,
            primary_key_name=new if before.primary_key_name == old else before.primary_key_name,
            foreign_keys=tuple(
                msgspec.structs.replace(each, name=new) if each.name == old else each for each in before.foreign_keys
            ),
            indexes=tuple(
                msgspec.structs.replace(each, name=new) if each.name == old else each for each in before.indexes
            ),
            checks=tuple(
                msgspec.structs.replace(each, name=new) if each.name == old else each for each in before.checks
            ),
        )
        return True

    def create_index(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return True
        if operation.name and (operation.guarded or operation.conditional) and operation.name in self.names():
            return False
        name = operation.name or _choose(before.name, (operation.expression,), "idx", self.names())
        index = Index(
            name,
            operation.columns,
            operation.unique,
            operation.partial,
            place,
            (operation.using or "btree").lower(),
            mentions=operation.mentions,
        )
        self.update(before, indexes=(*before.indexes, index))
        return True

    def drop_index(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if before is None:
            return not operation.guarded
        if operation.cascade:
            self.unlink(key, _columns(before, operation.name))
            before = self.tables[key]
        if operation.name:
            kept = tuple(each for each in before.indexes if each.name != operation.name)
        else:
            kept = tuple(
                each
                for each in before.indexes
                if each.unique or each.columns != operation.columns or each.name in operation.mentions
            )
        self.update(before, indexes=kept)
        return len(kept) != len(before.indexes)

    def set(self, operation: Operation, key: str, before: Table | None, place: Place) -> bool:
        if operation.name in ("search_path", "all") and not operation.using:
            first = operation.to.split(",")[0].strip("\"' ").lower()
            self.search_path = "" if first in ("public", "default", "$user") else first
        return True

    def names(self) -> frozenset[str]:
        """The names of all indexes: PostgreSQL picks a free one for an index without a name."""
        return frozenset(index.name for table in self.tables.values() for index in table.indexes) | frozenset(
            table.primary_key_name for table in self.tables.values()
        )


Handler = Callable[[_Database, Operation, str, "Table | None", Place], bool]
_HANDLERS: Mapping[OperationKind, Handler] = {
    Kind.CREATE_TABLE: _Database.create_table,
    Kind.CREATE_VIEW: _Database.create_table,
    Kind.CREATE_MATERIALIZED_VIEW: _Database.create_table,
    Kind.COPY_TABLE: _Database.copy_table,
    Kind.DROP_TABLE: _Database.drop_table,
    Kind.DROP_SCHEMA: _Database.drop_schema,
    Kind.RENAME_TABLE: _Database.rename_table,
    Kind.MOVE_TABLE: _Database.rename_table,
    Kind.ATTACH_PARTITION: _Database.attach,
    Kind.DETACH_PARTITION: _Database.attach,
    Kind.ADD_COLUMN: _Database.add_column,
    Kind.DROP_COLUMN: _Database.drop_column,
    Kind.RENAME_COLUMN: _Database.rename_column,
    Kind.SET_TYPE: _Database.change_column,
    Kind.SET_NOT_NULL: _Database.change_column,
    Kind.DROP_NOT_NULL: _Database.change_column,
    Kind.SET_DEFAULT: _Database.change_column,
    Kind.DROP_DEFAULT: _Database.change_column,
    Kind.ADD_PRIMARY_KEY: _Database.add_primary_key,
    Kind.ADD_UNIQUE: _Database.add_unique,
    Kind.ADD_EXCLUSION: _Database.add_exclusion,
    Kind.ADD_FOREIGN_KEY: _Database.add_foreign_key,
    Kind.ADD_CHECK: _Database.add_check,
    Kind.VALIDATE_CONSTRAINT: _Database.validate,
    Kind.DROP_CONSTRAINT: _Database.drop_constraint,
    Kind.RENAME_CONSTRAINT: _Database.rename_constraint,
    Kind.CREATE_INDEX: _Database.create_index,
    Kind.DROP_INDEX: _Database.drop_index,
    Kind.RENAME_INDEX: _Database.rename_constraint,
    Kind.SET: _Database.set,
}


def _index(table: Table, name: str) -> Index | None:
    found = next((index for index in table.indexes if index.name == name), None)
    if found is None and name and name == table.primary_key_name:
        return Index(name, table.primary_key, True, False, table.defined_at, constraint=True)
    return found


def _columns(table: Table, name: str) -> tuple[str, ...]:
    index = _index(table, name)
    return index.columns if index is not None else ()


def _choose(table: str, columns: tuple[str, ...], label: str, used: frozenset[str]) -> str:
    """The name that PostgreSQL gives: table, columns and label with underscores, at most 63 bytes, numbered when taken.

    The longer of the two parts is shortened first (makeObjectName in the server's source).
    """
    second = "_".join(columns)
    number = 0
    while True:
        tail = f"{label}{number or ''}"
        first, rest = table, second
        room = 63 - len(tail) - 1 - (1 if rest else 0)
        while len(first) + len(rest) > room:
            if len(first) > len(rest):
                first = first[:-1]
            else:
                rest = rest[:-1]
        name = "_".join(part for part in (first, rest, tail) if part)
        if name not in used:
            return name
        number += 1
