"""Records of migrations and of the schema they leave: operations, tables, columns, keys, indexes, each with its place."""

from __future__ import annotations

from enum import Enum

import msgspec

from qualitygate.model.source import Place, Span


class OperationKind(str, Enum):
    """What one operation does. A statement that does several things (``ALTER TABLE`` with a list) is several of them."""

    CREATE_TABLE = "create table"
    COPY_TABLE = "copy table"
    DROP_TABLE = "drop table"
    RENAME_TABLE = "rename table"
    MOVE_TABLE = "move table"
    ALTER_TABLE = "alter table"
    ADD_COLUMN = "add column"
    DROP_COLUMN = "drop column"
    RENAME_COLUMN = "rename column"
    SET_TYPE = "set type"
    SET_NOT_NULL = "set not null"
    DROP_NOT_NULL = "drop not null"
    SET_DEFAULT = "set default"
    DROP_DEFAULT = "drop default"
    ADD_PRIMARY_KEY = "add primary key"
    ADD_UNIQUE = "add unique"
    ADD_FOREIGN_KEY = "add foreign key"
    ADD_CHECK = "add check"
    ADD_EXCLUSION = "add exclusion"
    VALIDATE_CONSTRAINT = "validate constraint"
    DROP_CONSTRAINT = "drop constraint"
    RENAME_CONSTRAINT = "rename constraint"
    ATTACH_PARTITION = "attach partition"
    DETACH_PARTITION = "detach partition"
    CREATE_INDEX = "create index"
    DROP_INDEX = "drop index"
    RENAME_INDEX = "rename index"
    REINDEX = "reindex"
    CREATE_VIEW = "create view"
    CREATE_MATERIALIZED_VIEW = "create materialized view"
    REFRESH = "refresh"
    DROP_SCHEMA = "drop schema"
    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SET = "set"
    UPDATE = "update"
    DELETE = "delete"
    TRUNCATE = "truncate"
    CREATE_TYPE = "create type"
    ADD_VALUE = "add value"
    USE_VALUE = "use value"


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing done to the database, whoever says so: an SQL statement, or a step of a migration written in code.

    ``table`` is `schema.table`, or `table` where no schema is written; unquoted names are folded to lower case. ``name``
    is the index, constraint or setting (for ``ALTER_TABLE`` the words of the action), ``to`` a new name, schema or
    value. ``columns`` are plain names, an expression is an empty one; ``mentions`` are all words of an index's
    expressions and condition, or of a check. ``references`` is the table a foreign key names, a partition's parent or
    the model of a copy. ``inline`` marks what stands inside the definition of a table or column; ``conditional`` what
    stands in a block that may not run. What drops an index or a constraint without a name drops those on exactly
    ``columns``, but for the names in ``mentions``. Of a change of rows ``partial`` says that it has a condition, which is
    the ``expression``. Of a setting ``using`` says
    `every session` where a role, a database or the server keeps it. Of a type ``name`` is its name, ``to`` a value of it and ``using`` what it is made of (`enum`,
    `domain`, `checked domain`). ``was`` is the type before, where the step itself names it. ``span`` is the smallest
    stretch that names what is done; ``path`` the file that it is in, where that is another one than the script's.
    """

    kind: OperationKind
    span: Span
    table: str = ""
    name: str = ""
    to: str = ""
    columns: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    type: str = ""
    was: str = ""
    nullable: bool = True
    default: str | None = None
    generated: str = ""
    references: str = ""
    references_columns: tuple[str, ...] = ()
    on_delete: str = ""
    using: str = ""
    expression: str = ""
    unique: bool = False
    concurrently: bool = False
    partial: bool = False
    valid: bool = True
    only: bool = False
    guarded: bool = False
    cascade: bool = False
    temporary: bool = False
    partitioned: bool = False
    inline: bool = False
    conditional: bool = False
    path: str = ""


class Statement(msgspec.Struct, frozen=True, array_like=True):
    """A statement that does something to the schema or to the transaction. ``down`` marks the way back."""

    span: Span
    operations: tuple[Operation, ...]
    down: bool = False


class Step(msgspec.Struct, frozen=True, array_like=True):
    """A part of the way up of a migration, whatever it does: an SQL statement, an operation, a function that it calls.

    ``digest`` is the same for the same words, however they are laid out and commented. ``kind`` is `plain` where all that
    it does is among the operations of the migration, `sql` where it is a text of SQL, else `code`.
    """

    span: Span
    digest: str
    kind: str


PLAIN, SQL, CODE = "plain", "sql", "code"


class Revision(msgspec.Struct, frozen=True):
    """Where a migration that is written in code stands in its history.

    ``parents`` are the migrations it follows, ``depends_on`` those it needs without following them. ``labels`` name a
    branch that is meant to stay one. ``reversible`` is false where the way back is missing or does nothing. ``squashed``
    marks one that stands for others: a database that has applied those does not run it.
    """

    id: str
    span: Span
    parents: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    reversible: bool = True
    squashed: bool = False


class Script(msgspec.Struct, frozen=True):
    """One SQL file, or one migration in code (then with its ``revision``).

    ``dialect`` is `postgres`, `mysql`, `sqlite`, another name that the path gives, or empty where nothing tells.
    ``tool`` is the migration tool whose markers the file carries; ``no_transaction`` says that a marker takes it out of
    the tool's transaction. ``total`` counts statements of every kind, ``lost`` those of them that were not understood.
    ``steps`` is what the way up is made of.
    """

    dialect: str
    statements: tuple[Statement, ...] = ()
    tool: str = ""
    no_transaction: bool = False
    total: int = 0
    revision: Revision | None = None
    steps: tuple[Step, ...] = ()
    lost: int = 0


class Coverage(msgspec.Struct, frozen=True):
    """How many statements and steps of migrations there are, and how many of them were understood."""

    total: int = 0
    understood: int = 0


class Column(msgspec.Struct, frozen=True):
    """A column of the final schema: type as written, whether NULL is allowed, default as written."""

    name: str
    type: str
    nullable: bool
    default: str | None
    place: Place
    generated: str = ""


class ForeignKey(msgspec.Struct, frozen=True):
    """A foreign key of the final schema. ``valid`` is false until a key added as NOT VALID is validated."""

    name: str
    columns: tuple[str, ...]
    references_table: str
    references_columns: tuple[str, ...]
    place: Place
    valid: bool = True
    on_delete: str = ""


class Index(msgspec.Struct, frozen=True):
    """An index of the final schema. ``columns`` holds plain column names; an expression is an empty name.

    ``partial`` says that it has a condition, so that it does not serve every query. ``method`` is `btree` where nothing
    is written. ``constraint`` marks the index behind a unique or exclusion constraint. ``mentions`` are all words of
    its expressions and its condition.
    """

    name: str
    columns: tuple[str, ...]
    unique: bool
    partial: bool
    place: Place
    method: str = "btree"
    constraint: bool = False
    mentions: tuple[str, ...] = ()


class TableCheck(msgspec.Struct, frozen=True):
    """A check constraint of the final schema: its expression as written and the words in it."""

    name: str
    expression: str
    mentions: tuple[str, ...]
    valid: bool
    place: Place


class Table(msgspec.Struct, frozen=True):
    """A table after all migrations.

    ``kind`` is `table`, `partitioned`, `partition`, `view`, `materialized view` or `temporary`. ``schema`` is empty for
    the default schema. ``history`` is the directory of the migrations that made it; ``dialect`` as in ``Script``.
    ``source`` is `migrations` or `models`; ``whole`` is false where columns may be missing, since a base of the model
    is a library's.
    """

    name: str
    schema: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    indexes: tuple[Index, ...]
    defined_at: Place
    kind: str = "table"
    primary_key_name: str = ""
    checks: tuple[TableCheck, ...] = ()
    dialect: str = ""
    history: str = ""
    source: str = "migrations"
    whole: bool = True

    @property
    def full_name(self) -> str:
        """`schema.name`, or the bare name in the default schema."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


class Attribute(msgspec.Struct, frozen=True):
    """An attribute of a model: the column behind it (empty for none), and the label of the model that it leads to."""

    name: str
    column: str
    target: str = ""


class Model(msgspec.Struct, frozen=True):
    """A class of the application that stands for a table, or a table that code declares without a class.

    ``label`` names it in the project (`path:Class`, of Django `app.model`), ``name`` is the class's own (empty without
    one). ``table`` is its full name, which is ``sure`` unless code works it out in a way that is not followed. ``group``
    holds together what is created together: the base class, or Django. ``managed`` is false where the application says
    that the table is another one's. ``operations`` make the table, until ``definition`` holds it.
    """

    label: str
    name: str
    framework: str
    table: str
    place: Place
    group: str
    attributes: tuple[Attribute, ...] = ()
    operations: tuple[Operation, ...] = ()
    managed: bool = True
    sure: bool = True
    whole: bool = True
    definition: Table | None = None

    def attribute(self, name: str) -> Attribute | None:
        """The attribute of that name."""
        return next((each for each in self.attributes if each.name == name), None)


class Change(msgspec.Struct, frozen=True):
    """One operation of a migration, and the table as it stood before it.

    ``before`` is None where no migration of the history makes the table. ``new`` is true where this very migration
    made it, so that nobody else can wait for it. ``effective`` is false for what does nothing: IF NOT EXISTS on what exists.
    """

    operation: Operation
    before: Table | None
    new: bool
    effective: bool = True


class Migration(msgspec.Struct, frozen=True):
    """One deployment unit: what is applied together. ``path`` is the file that holds it.

    ``transaction`` is `wrapped` (the tool opens one around it), `implicit` (sent as one script, which PostgreSQL runs as
    one), `none`, or empty where nothing tells. ``escape`` says, for the user, how this tool runs a statement outside one. ``revision`` is known for a migration that
    is written in code; its ids are versions of the same history. ``applied`` marks what the user calls
    history: its operations made the schema, and are judged no more.
    """

    path: str
    version: str
    transaction: str
    escape: str
    changes: tuple[Change, ...]
    revision: Revision | None = None
    applied: bool = False


_CHANGING = frozenset(
    {
        OperationKind.ADD_COLUMN,
        OperationKind.DROP_COLUMN,
        OperationKind.RENAME_COLUMN,
        OperationKind.RENAME_TABLE,
        OperationKind.SET_TYPE,
        OperationKind.SET_NOT_NULL,
        OperationKind.DROP_NOT_NULL,
        OperationKind.ADD_FOREIGN_KEY,
        OperationKind.ADD_UNIQUE,
        OperationKind.CREATE_INDEX,
    }
)


class History(msgspec.Struct, frozen=True):
    """One independent line of migrations, in the order of their application, or a lone schema (``tool`` is `schema`).

    ``ordered`` is false where the order of the files is a guess. ``believed`` are the tables, and the columns as
    `table.column`, that the tool itself takes to be there after the last migration, whatever made them; empty for a tool
    that keeps no such state.
    """

    tool: str
    directory: str
    dialect: str
    migrations: tuple[Migration, ...]
    ordered: bool = True
    believed: frozenset[str] = frozenset()

    @property
    def found(self) -> frozenset[str]:
        """The tables that the migrations change and that none of them makes: they were there before."""
        return frozenset(
            change.operation.table
            for migration in self.migrations
            for change in migration.changes
            if change.before is None and change.operation.kind in _CHANGING and not change.operation.conditional
        )


__all__ = [
    "CODE",
    "PLAIN",
    "SQL",
    "Attribute",
    "Change",
    "Column",
    "Coverage",
    "ForeignKey",
    "History",
    "Index",
    "Migration",
    "Model",
    "Operation",
    "OperationKind",
    "Place",
    "Revision",
    "Script",
    "Span",
    "Statement",
    "Step",
    "Table",
    "TableCheck",
]
