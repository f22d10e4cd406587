"""In: the neutral programs of Django's migrations. Out: their order, and the operations that each does to the schema.

A migration changes the models as Django knows them; what that does to the database follows from the model before and
after. Names, columns, indexes and the order of statements are those of Django 5.2 on PostgreSQL: a foreign key gets an
index, a text with an index a second one for LIKE, an added column its default only for the moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from qualitygate.frameworks.alembic import ordered
from qualitygate.frameworks.literals import (
    Bound,
    Given,
    Names,
    called,
    constant,
    dotted,
    entries,
    is_none,
    items,
    last,
    resolve,
    text,
    texts,
)
from qualitygate.frameworks.row_changes import of_function
from qualitygate.frameworks.sql_migrations import WRAPPED, Tool
from qualitygate.model.schema import Operation, OperationKind, Revision
from qualitygate.model.source import Span
from qualitygate.model.syntax import (
    Argument,
    Assign,
    Attribute,
    Call,
    Class,
    Constant,
    Expression,
    Module,
    Name,
    subexpressions,
)
from qualitygate.model.syntax import Operation as Formula

Kind = OperationKind
DJANGO = Tool("django", WRAPPED, "put it in a migration of its own with `atomic = False`")
Key = tuple[str, str]
"""An application's label with the name of a migration, or of a model in lower case."""


@dataclass(frozen=True)
class Migration:
    """One migration: what it names, and its operations, not read yet.

    A dependency on the user model that the settings choose is the pair of an empty label and the setting's name.
    """

    dependencies: tuple[Key, ...]
    run_before: tuple[Key, ...]
    replaces: tuple[Key, ...]
    operations: tuple[Bound, ...]
    atomic: bool
    span: Span


def read_migration(module: Module) -> Migration | None:
    """The migration that a file holds: a class `Migration` with operations or dependencies; None where it holds none."""
    found = next((each for each in module.body if isinstance(each, Class) and each.name == "Migration"), None)
    if found is None:
        return None
    names = Names.of(module.body)
    if not any(last(dotted(base.value, names)) in ("Migration", "CheckedMigration") for base in found.bases):
        return None
    given: dict[str, Bound] = {}
    # the operations may name what stands above them in the class
    inner = names.inner(given)
    for statement in found.body:
        if isinstance(statement, Assign) and statement.value is not None:
            for target in statement.targets:
                if isinstance(target, Name):
                    given[target.id] = Bound(statement.value, inner)
    if not given.keys() & {"operations", "dependencies"}:
        return None
    return Migration(
        dependencies=tuple(_keys(given.get("dependencies"))),
        run_before=tuple(_keys(given.get("run_before"))),
        replaces=tuple(_keys(given.get("replaces"))),
        operations=tuple(resolve(each) for each in items(given.get("operations")) or ()),
        atomic=constant(given.get("atomic")) is not False,
        span=found.span,
    )


def _keys(bound: Bound | None) -> Iterator[Key]:
    for member in map(resolve, items(bound) or ()):
        if last(called(member.value, member.names)) == "swappable_dependency":
            yield "", "AUTH_USER_MODEL"
            continue
        pair = texts(member)
        if pair is not None and len(pair) == 2:
            yield pair[0], pair[1]


_SILENT = frozenset(
    {
        "RunPython", "AlterModelOptions", "AlterModelManagers", "AlterModelTableComment", "CreateCollation",
        "RemoveCollation", "CreateExtension", "AlterConstraint", "RunSQL", "SeparateDatabaseAndState",
    }
)  # fmt: skip


def sql_of(migration: Migration) -> Iterator[tuple[str | None, Span, str]]:
    """The SQL that a migration runs, with the span of the call and, where it is None, why it cannot be told."""
    for call, given in _calls(migration.operations):
        name = last(dotted(call.function, given.names))
        if name == "RunSQL":
            yield from _run_sql(call, given)
        elif name == "SeparateDatabaseAndState":
            for inner, inside in _calls(items(given.get("database_operations", 0)) or ()):
                if last(dotted(inner.function, inside.names)) == "RunSQL":
                    yield from _run_sql(inner, inside)
        elif name not in _SILENT and name not in _STEPS and not name.endswith("Extension"):
            yield None, call.name_span, f"the operation {name or 'of a computed class'} is not known"


def _run_sql(call: Call, given: Given) -> Iterator[tuple[str | None, Span, str]]:
    bound = given.get("sql", 0)
    if bound is not None and last(dotted(resolve(bound).value, bound.names)) != "noop":
        yield _sql(bound), call.name_span, "the SQL of RunSQL is not told by this file"


def _sql(bound: Bound) -> str | None:
    one = text(bound)
    if one is not None:
        return one
    parts = []
    for member in items(bound) or ():
        pair = items(member)
        part = text(member) if pair is None else text(pair[0]) if pair else None
        if part is None:
            return None
        parts.append(part)
    return ";\n".join(parts) if parts else None


def _calls(operations: Iterable[Bound]) -> Iterator[tuple[Call, Given]]:
    for bound in map(resolve, operations):
        if isinstance(bound.value, Call):
            yield bound.value, Given.of(bound.value, bound.names)


# -- models -------------------------------------------------------------------------------------------------------

# Django's fields as PostgreSQL stores them (its documentation of model fields, and of django.contrib.postgres).
_TYPES = {
    "AutoField": "integer", "BigAutoField": "bigint", "SmallAutoField": "smallint", "BinaryField": "bytea",
    "BooleanField": "boolean", "NullBooleanField": "boolean", "CharField": "varchar", "DateField": "date",
    "DateTimeField": "timestamp with time zone", "DecimalField": "numeric", "DurationField": "interval",
    "FileField": "varchar(100)", "FilePathField": "varchar(100)", "ImageField": "varchar(100)",
    "FloatField": "double precision", "IntegerField": "integer", "BigIntegerField": "bigint",
    "SmallIntegerField": "smallint", "GenericIPAddressField": "inet", "IPAddressField": "inet", "JSONField": "jsonb",
    "PositiveBigIntegerField": "bigint", "PositiveIntegerField": "integer", "PositiveSmallIntegerField": "smallint",
    "SlugField": "varchar(50)", "TextField": "text", "TimeField": "time", "UUIDField": "uuid",
    "EmailField": "varchar(254)", "URLField": "varchar(200)", "CommaSeparatedIntegerField": "varchar",
    "HStoreField": "hstore", "SearchVectorField": "tsvector", "CICharField": "citext", "CIEmailField": "citext",
    "CITextField": "citext", "DateTimeRangeField": "tstzrange", "DateRangeField": "daterange",
    "IntegerRangeField": "int4range", "BigIntegerRangeField": "int8range", "DecimalRangeField": "numrange",
    "ArrayField": "array", "GeneratedField": "", "ForeignKey": "", "OneToOneField": "", "ManyToManyField": "",
    "PointField": "geometry(POINT)", "PolygonField": "geometry(POLYGON)", "MultiPolygonField": "geometry(MULTIPOLYGON)",
    "GeometryField": "geometry(GEOMETRY)", "LineStringField": "geometry(LINESTRING)", "OrderWrt": "integer",
}  # fmt: skip
_BY_LENGTH = sorted(_TYPES, key=len, reverse=True)
_SIZED = frozenset({"CharField", "SlugField", "EmailField", "URLField", "FileField", "ImageField", "FilePathField"})
_POSITIVE = frozenset({"PositiveIntegerField", "PositiveBigIntegerField", "PositiveSmallIntegerField"})
_NO_COLUMN = frozenset({"GenericForeignKey", "GenericRelation", "TaggableManager", "CompositePrimaryKey"})
_NO_EMPTY_TEXT = (
    "Boolean",
    "Date",
    "Time",
    "Decimal",
    "Duration",
    "Float",
    "Integer",
    "UUID",
    "JSON",
    "Binary",
    "Array",
)


@dataclass(frozen=True)
class Field:
    """A field of a model. ``kind`` is the field of Django that it is or descends from by its name."""

    name: str
    kind: str
    given: Given
    to: Key | None = None
    path: str = ""
    """The file, where it is not that of the model."""

    def placed(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """The same operations, in the file of the field."""
        for operation in operations:
            yield msgspec.structs.replace(operation, path=self.path) if self.path else operation

    @property
    def span(self) -> Span:
        """What names the field."""
        return self.given.call.name_span

    @property
    def relation(self) -> bool:
        """Whether it points at another model with a column."""
        return self.kind in ("ForeignKey", "OneToOneField")

    @property
    def column(self) -> str:
        """The column; empty for a field that has none."""
        if self.kind == "ManyToManyField" or self.kind in _NO_COLUMN:
            return ""
        named = self.given.text("db_column")
        return named or (f"{self.name}_id" if self.relation else self.name)

    @property
    def null(self) -> bool:
        """Whether the column takes NULL."""
        return self.given.true("null", self.kind == "NullBooleanField") and not self.primary_key

    @property
    def primary_key(self) -> bool:
        """Whether it is the key."""
        return self.given.true("primary_key")

    @property
    def unique(self) -> bool:
        """Whether the column is unique, the primary key aside."""
        return (self.given.true("unique") or self.kind == "OneToOneField") and not self.primary_key

    @property
    def indexed(self) -> bool:
        """Whether it has a plain index of its own."""
        by_default = self.kind in ("ForeignKey", "SlugField")
        return self.given.true("db_index", by_default) and not self.unique and not self.primary_key

    @property
    def generated(self) -> str:
        """As ``Operation.generated``."""
        if self.kind.endswith("AutoField"):
            return "identity"
        if self.kind == "GeneratedField":
            return "stored" if self.given.true("db_persist") else "virtual"
        return ""

    @property
    def database_default(self) -> str | None:
        """The default that the database keeps."""
        bound = self.given.named.get("db_default")
        return _expression(bound) if bound is not None else None

    @property
    def one_off(self) -> str | None:
        """The value that Django gives the rows that are there, when it adds the column."""
        bound = self.given.named.get("default")
        if bound is not None:
            value = resolve(bound).value
            if isinstance(value, Constant):
                return None if value.value is None else _literal(value.value)
            return "'...'"
        if not self.null and self.given.true("blank") and not any(word in self.kind for word in _NO_EMPTY_TEXT):
            return "''" if not self.relation else None
        return "'...'" if self.given.true("auto_now") or self.given.true("auto_now_add") else None


def _literal(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


_FUNCTIONS = {"Now": "statement_timestamp()", "Random": "random()", "RandomUUID": "gen_random_uuid()"}


def _expression(bound: Bound) -> str:
    bound = resolve(bound)
    value = bound.value
    if isinstance(value, Constant):
        return "NULL" if value.value is None else _literal(value.value)
    name = last(called(value, bound.names))
    if name == "Value" and isinstance(value, Call) and value.arguments:
        return _expression(Bound(value.arguments[0].value, bound.names))
    return _FUNCTIONS.get(name, "'...'")


@dataclass(frozen=True)
class Keyed:
    """An index or a constraint of a model, by its name. ``kind`` is the operation that makes it, ``path`` as of a field."""

    name: str
    kind: OperationKind
    fields: tuple[str, ...]
    span: Span
    using: str = ""
    unique: bool = False
    partial: bool = False
    lookups: tuple[str, ...] = ()
    written: str = ""
    path: str = ""


@dataclass(frozen=True)
class Model:
    """A model as it stands after some migrations."""

    app: str
    name: str
    named_table: str
    fields: Mapping[str, Field]
    kept: bool = True
    unique_together: tuple[tuple[str, ...], ...] = ()
    index_together: tuple[tuple[str, ...], ...] = ()
    keyed: Mapping[str, Keyed] = field(default_factory=dict)

    @property
    def table(self) -> str:
        """The table: the one that is named, or label and model with an underscore."""
        return self.named_table.replace('"', "") or _shortened(f"{self.app}_{self.name.lower()}")

    @property
    def key(self) -> Field | None:
        """The field that is the primary key."""
        return next((each for each in self.fields.values() if each.primary_key), None)

    def columns(self, fields: Iterable[str]) -> tuple[str, ...]:
        """The columns of some fields, with or without a minus before the name."""
        names = (name.lstrip("-") for name in fields)
        return tuple(self.fields[name].column if name in self.fields else name for name in names)


_LONGEST = 63


def _digest(*parts: str, length: int) -> str:
    whole = hashlib.md5(usedforsecurity=False)
    for part in parts:
        whole.update(part.encode())
    return whole.hexdigest()[:length]


def _shortened(name: str) -> str:
    """A table's name that PostgreSQL can hold: Django ends a longer one with four digits of its digest."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 4]}{_digest(name, length=4)}"


def _named(table: str, columns: Sequence[str], suffix: str = "") -> str:
    """The name that Django gives an index or constraint: table, columns, a digest of both and a suffix."""
    plain = table.rpartition(".")[2]
    end = f"{_digest(plain, *columns, length=8)}{suffix}"
    joined = "_".join(columns)
    name = f"{plain}_{joined}_{end}"
    if len(name) <= _LONGEST:
        return name
    end = end[: _LONGEST // 3]
    room = (_LONGEST - len(end)) // 2 - 1
    name = f"{plain[:room]}_{joined[:room]}_{end}"
    return f"D{name[:-1]}" if name[0] == "_" or name[0].isdigit() else name


# The models of Django's own applications that name their table themselves.
_CONTRIB: Mapping[Key, str] = {
    ("contenttypes", "contenttype"): "django_content_type",
    ("admin", "logentry"): "django_admin_log",
    ("sites", "site"): "django_site",
    ("flatpages", "flatpage"): "django_flatpage",
    ("redirects", "redirect"): "django_redirect",
}


# -- the state ----------------------------------------------------------------------------------------------------


class State:
    """The models as they stand between two operations. Lives for one history.

    ``user_model`` is what the settings name as AUTH_USER_MODEL.
    """

    def __init__(self, user_model: str = "auth.User", automatic: str = "BigAutoField") -> None:
        self.models: dict[Key, Model] = {}
        self.user_model = user_model
        self.automatic = automatic

    def copy(self) -> State:
        """The same models, to be changed apart."""
        twin = State(self.user_model, self.automatic)
        twin.models = dict(self.models)
        return twin

    def believed(self) -> frozenset[str]:
        """The tables that the models have now, and their columns as `table.column`."""
        tables = {model.table for model in self.models.values()}
        columns = {f"{model.table}.{each.column}" for model in self.models.values() for each in model.fields.values()}
        joined = {
            self.join_table(model, each)
            for model in self.models.values()
            for each in model.fields.values()
            if each.kind == "ManyToManyField"
        }
        return frozenset(tables | columns | joined)

    def apply(self, migration: Migration, app: str, sql: Mapping[Span, Sequence[Operation]]) -> list[Operation]:
        """Carry out a migration of the application ``app``; what it does to the schema, in order.

        ``sql`` holds what the SQL of the migration does, by the span of the call that runs it.
        """
        found: list[Operation] = []
        # an index of a new foreign key, and the key itself, come when all else is done
        for call, given in _calls(migration.operations):
            found += self.step(call, given, app, sql)
        return found

    def step(self, call: Call, given: Given, app: str, sql: Mapping[Span, Sequence[Operation]]) -> list[Operation]:
        name = last(dotted(call.function, given.names))
        if name == "RunSQL":
            for inner, inside in _calls(items(given.get("state_operations", 2)) or ()):
                self.step(inner, inside, app, {})
            return list(sql.get(call.name_span, ()))
        if name == "SeparateDatabaseAndState":
            found: list[Operation] = []
            aside = self.copy()
            for inner, inside in _calls(items(given.get("database_operations", 0)) or ()):
                found += aside.step(inner, inside, app, sql)
            for inner, inside in _calls(items(given.get("state_operations", 1)) or ()):
                self.step(inner, inside, app, {})
            return found
        if name == "RunPython":
            return list(self.run(given))
        step = _STEPS.get(name)
        return [] if step is None else list(step(self, given, app))

    def run(self, given: Given) -> Iterator[Operation]:
        """What the function of RunPython does to rows, where the file holds it."""
        code = given.get("code", 0)
        function = given.names.top.functions.get(code.value.id) if code and isinstance(code.value, Name) else None
        if function is not None:
            yield from of_function(function, given.names.top, self.table_of)

    def table_of(self, label: str, name: str) -> str:
        """The table of a model by its label and its name in lower case; empty for one that is not known."""
        model = self.models.get((label, name))
        return model.table if model is not None and model.kept else ""

    # -- what names mean ------------------------------------------------------------------------------------------

    def field(self, name: str, bound: Bound | None, app: str, model: str) -> Field | None:
        bound = resolve(bound) if bound is not None else None
        if bound is None or not isinstance(bound.value, Call):
            return None
        given = Given.of(bound.value, bound.names)
        written = last(dotted(bound.value.function, bound.names))
        kind = written if written in _NO_COLUMN else next((each for each in _BY_LENGTH if written.endswith(each)), "")
        to = None
        if kind in ("ForeignKey", "OneToOneField", "ManyToManyField"):
            to = self.model_key(given.get("to", 0), app, model)
        return Field(name, kind, given, to)

    def numbered(self, span: Span) -> Field:
        """The key that Django adds to a model without one."""
        call = Call(Name(self.automatic), (Argument(Constant(True), "primary_key"),), span, span)
        return Field("id", self.automatic, Given.of(call, Names()))

    def model_key(self, bound: Bound | None, app: str, model: str) -> Key | None:
        """The model that a relation names: `app.Model`, `Model`, `self`, or the user model of the settings."""
        if bound is None:
            return None
        written = text(bound)
        if written is None:
            path = dotted(resolve(bound).value, bound.names)
            if last(path) != "AUTH_USER_MODEL":
                return None
            written = self.user_model
        if written == "self":
            return app, model.lower()
        label, _, name = written.rpartition(".")
        return label.lower() if label not in self.labels() else label or app, name.lower()

    def labels(self) -> frozenset[str]:
        return frozenset(label for label, _ in self.models) | {""}

    def target(self, relation: Field) -> tuple[str, str]:
        """The table and the column that a relation points at, by Django's rules where the model is not known."""
        model = self.models.get(relation.to) if relation.to is not None else None
        if model is None:
            table = _CONTRIB.get(relation.to, "_".join(relation.to)) if relation.to is not None else ""
            return table, relation.given.text("to_field") or "id"
        pointed = model.fields.get(relation.given.text("to_field")) or model.key
        return model.table, pointed.column if pointed is not None else "id"

    def type(self, each: Field, depth: int = 0) -> str:
        """The type of a field's column; empty where it is not known."""
        if each.relation:
            model = self.models.get(each.to) if each.to is not None else None
            pointed = (model.fields.get(each.given.text("to_field")) or model.key) if model is not None else None
            if pointed is None:
                return "integer" if model is None else "bigint"
            return self.type(pointed, depth + 1) if depth < 10 else ""
        if each.kind in ("ArrayField", "GeneratedField") and depth < 10:
            name = "base_field" if each.kind == "ArrayField" else "output_field"
            inner = self.field(each.name, each.given.get(name, 0 if each.kind == "ArrayField" else None), "", "")
            found = self.type(inner, depth + 1) if inner is not None else ""
            return f"{found}[]" if each.kind == "ArrayField" else found
        base = _TYPES.get(each.kind, "")
        if each.kind in _SIZED:
            size = constant(each.given.named.get("max_length"))
            stem = base.partition("(")[0]
            return f"{stem}({size})" if isinstance(size, int) else base
        if each.kind == "DecimalField":
            digits = constant(each.given.named.get("max_digits"))
            places = constant(each.given.named.get("decimal_places"))
            return f"{base}({digits}, {places})" if digits is not None else base
        return base

    # -- statements -----------------------------------------------------------------------------------------------

    def added(self, model: Model, each: Field, span: Span, *, inline: bool) -> Iterator[Operation]:
        """A column with what stands in its definition. ``inline``: the table is being made."""
        table = model.table
        default = each.database_default
        yield Operation(
            Kind.ADD_COLUMN,
            span,
            table,
            columns=(each.column,),
            type=self.type(each),
            nullable=each.null,
            default=default if inline or default is not None else each.one_off,
            generated=each.generated,
            inline=inline,
        )
        if not inline and default is None and each.one_off is not None:
            yield Operation(Kind.DROP_DEFAULT, span, table, columns=(each.column,), inline=True)
        if each.primary_key:
            yield Operation(Kind.ADD_PRIMARY_KEY, span, table, columns=(each.column,), inline=inline)
        if each.unique:
            yield Operation(Kind.ADD_UNIQUE, span, table, columns=(each.column,), unique=True, inline=inline)
        if each.kind in _POSITIVE:
            yield self.positive(table, each, span, inline=inline)

    def positive(self, table: str, each: Field, span: Span, *, inline: bool) -> Operation:
        return Operation(
            Kind.ADD_CHECK,
            span,
            table,
            expression=f'"{each.column}" >= 0',
            mentions=(each.column,),
            inline=inline,
        )

    def pointed(self, model: Model, each: Field, span: Span, *, inline: bool) -> Iterator[Operation]:
        """The foreign key of a relation."""
        if not each.relation or not each.given.true("db_constraint", True):
            return
        table, column = self.target(each)
        if table:
            name = _named(model.table, (each.column,), f"_fk_{table.rpartition('.')[2]}_{column}")
            yield Operation(
                Kind.ADD_FOREIGN_KEY,
                span,
                model.table,
                name,
                columns=(each.column,),
                references=table,
                references_columns=(column,),
                inline=inline,
            )

    def indexed(self, model: Model, each: Field, span: Span) -> Iterator[Operation]:
        """The indexes of a field: its own, and the one that serves LIKE on a text."""
        if each.indexed:
            name = _named(model.table, (each.column,))
            yield Operation(Kind.CREATE_INDEX, span, model.table, name, columns=(each.column,))
        kind = self.type(each)
        keyed = each.indexed or each.unique or each.primary_key
        if keyed and kind.partition("(")[0] in ("varchar", "text") and not each.given.text("db_collation"):
            yield _like(span, model.table, each.column)

    def made_table(self, model: Model, span: Span) -> Iterator[Operation]:
        """The table of a model with all that belongs to it, in the order in which Django makes it."""
        fields = model.fields.values()
        columns = [each for each in fields if each.column]
        yield Operation(Kind.CREATE_TABLE, span, model.table)
        for each in columns:
            yield from each.placed(self.added(model, each, each.span, inline=True))
        for names in model.unique_together:
            yield _unique_together(model, names, span, inline=True)
        for constraint in model.keyed.values():
            if constraint.kind is not Kind.CREATE_INDEX:
                made = msgspec.structs.replace(self.made(model, constraint, constraint.span), inline=True)
                yield msgspec.structs.replace(made, path=constraint.path)
        for each in columns:
            yield from each.placed(self.pointed(model, each, each.span, inline=True))
        for each in columns:
            yield from each.placed(self.indexed(model, each, each.span))
        for names in model.index_together:
            columns_ = model.columns(names)
            yield Operation(
                Kind.CREATE_INDEX, span, model.table, _named(model.table, columns_, "_idx"), columns=columns_
            )
        for index in model.keyed.values():
            if index.kind is Kind.CREATE_INDEX:
                yield msgspec.structs.replace(self.made(model, index, index.span), path=index.path)
        for each in fields:
            if each.kind == "ManyToManyField":
                yield from each.placed(self.joined(model, each, each.span))

    def joined(self, model: Model, each: Field, span: Span) -> Iterator[Operation]:
        """The table behind a many-to-many field."""
        if (through := each.given.get("through")) is not None and not is_none(through):
            return
        table = self.join_table(model, each)
        yield Operation(Kind.CREATE_TABLE, span, table)
        shared: dict[str, Any] = {"table": table, "inline": True}
        kind = _TYPES[self.automatic]
        yield Operation(
            Kind.ADD_COLUMN, span, columns=("id",), type=kind, nullable=False, generated="identity", **shared
        )
        yield Operation(Kind.ADD_PRIMARY_KEY, span, columns=("id",), **shared)
        ends = self.ends(model, each)
        for column, _, _, type_ in ends:
            yield Operation(Kind.ADD_COLUMN, span, columns=(column,), type=type_, nullable=False, **shared)
        columns = tuple(column for column, *_ in ends)
        name = _named(table, columns, "_uniq")
        yield Operation(Kind.ADD_UNIQUE, span, name=name, columns=columns, unique=True, **shared)
        for column, target, pointed, _ in ends:
            if target and each.given.true("db_constraint", True):
                name = _named(table, (column,), f"_fk_{target.rpartition('.')[2]}_{pointed}")
                yield Operation(
                    Kind.ADD_FOREIGN_KEY,
                    span,
                    name=name,
                    columns=(column,),
                    references=target,
                    references_columns=(pointed,),
                    **shared,
                )
        for column, _, _, type_ in ends:
            yield Operation(Kind.CREATE_INDEX, span, table, _named(table, (column,)), columns=(column,))
            if type_.partition("(")[0] in ("varchar", "text"):
                yield _like(span, table, column)

    def join_table(self, model: Model, each: Field) -> str:
        return each.given.text("db_table").replace('"', "") or _shortened(f"{model.table}_{each.name}")

    def ends(self, model: Model, each: Field) -> list[tuple[str, str, str, str]]:
        """Column, table, column there and type of both sides of a many-to-many field."""
        own = model.key
        other = self.models.get(each.to) if each.to is not None else None
        to_self = each.to == (model.app, model.name.lower())
        target, pointed = self.target(each)
        name = each.to[1] if each.to is not None else each.name
        kind = self.type(other.key) if other is not None and other.key is not None else "integer"
        return [
            (
                f"from_{model.name.lower()}_id" if to_self else f"{model.name.lower()}_id",
                model.table,
                own.column if own is not None else "id",
                self.type(own) if own is not None else "bigint",
            ),
            (f"to_{name}_id" if to_self else f"{name}_id", target, pointed, kind),
        ]

    def made(
        self, model: Model, each: Keyed, span: Span, *, concurrently: bool = False, valid: bool = True
    ) -> Operation:
        """The operation that makes an index or a constraint of a model."""
        columns = model.columns(each.fields)
        mentions = tuple(dict.fromkeys(word for lookup in each.lookups for word in _words(model, lookup)))
        return Operation(
            each.kind,
            span,
            model.table,
            each.name,
            columns=columns if each.kind is not Kind.ADD_CHECK else (),
            mentions=mentions,
            using=each.using,
            expression=each.written,
            unique=each.unique,
            partial=each.partial,
            concurrently=concurrently,
            valid=valid,
        )


def _words(model: Model, lookup: str) -> Iterator[str]:
    """The words that a lookup puts into a condition: `parent__isnull=False` is `parent_id is not null`."""
    name, *rest = lookup.split("__")
    yield model.fields[name].column if name in model.fields else name
    if rest == ["isnull", "no"]:
        yield from ("is", "not", "null")
    elif rest:
        yield "__".join(rest)


# -- indexes and constraints --------------------------------------------------------------------------------------


def read_index(bound: Bound) -> Keyed | None:
    """The index that a call declares; None for anything else."""
    bound = resolve(bound)
    if not isinstance(bound.value, Call):
        return None
    given = Given.of(bound.value, bound.names)
    kind = last(called(bound.value, bound.names))
    method = next(
        (name for name in ("gin", "gist", "brin", "hash", "spgist", "bloom") if kind.lower().startswith(name)), ""
    )
    condition = given.named.get("condition")
    lookups = _lookups(condition)
    fields = texts(given.get("fields")) or ()
    expressions = given.places if kind != "Index" or not fields else ()
    if expressions:
        fields = tuple(_plain(each) for each in expressions)
        lookups += tuple(name for each in expressions for name in _fields_in(each))
    lookups += tuple(word for word in ("opclasses", "include") if word in given.named)
    return Keyed(
        given.text("name"),
        Kind.CREATE_INDEX,
        fields,
        bound.value.name_span,
        using=method,
        partial=condition is not None,
        lookups=lookups,
    )


def _plain(bound: Bound) -> str:
    """The field of `F("x")`, `F("x").desc()` or `OpClass(F("x"), ...)`; empty for a computed value."""
    bound = resolve(bound)
    value: Expression = bound.value
    known = text(bound)
    if known is not None:
        return known
    while isinstance(value, Call):
        name = last(called(value, bound.names))
        if name in ("F", "OpClass", "OrderBy", "Collate") and value.arguments:
            inner = value.arguments[0].value
            if isinstance(inner, Constant) and isinstance(inner.value, str):
                return inner.value
            value = inner
        elif isinstance(value.function, Attribute) and value.function.name in ("asc", "desc"):
            value = value.function.value
        else:
            return ""
    return ""


def _fields_in(bound: Bound) -> tuple[str, ...]:
    return tuple(
        inner.value
        for inner in subexpressions(resolve(bound).value)
        if isinstance(inner, Constant) and isinstance(inner.value, str) and inner.value.isidentifier()
    )


def _lookups(bound: Bound | None) -> tuple[str, ...]:
    """The lookups of a condition: those of `Q(x=1)` and of `Q(("x", 1))`."""
    if bound is None:
        return ()
    found = []
    for inner in subexpressions(resolve(bound).value):
        if not isinstance(inner, Call):
            continue
        for argument in inner.arguments:
            pair = items(Bound(argument.value, bound.names)) if argument.name is None else None
            if argument.name is not None and not argument.name.startswith("_"):
                found.append(_lookup(argument.name, constant(Bound(argument.value, bound.names))))
            elif pair is not None and len(pair) == 2 and (name := text(pair[0])):
                found.append(_lookup(name, constant(pair[1])))
    return tuple(found)


def _joint(bound: Bound | None) -> str:
    """What stands between the parts of a condition: `and`, unless one of them is negated or an alternative."""
    mixed = bound is not None and any(
        isinstance(inner, Formula) and inner.operator in ("|", "~", "^")
        for inner in subexpressions(resolve(bound).value)
    )
    return " or " if mixed else " and "


def _lookup(name: str, value: object) -> str:
    return f"{name}__no" if name.endswith("__isnull") and value is False else name


def read_constraint(bound: Bound) -> Keyed | None:
    """The constraint that a call declares; None for anything else."""
    bound = resolve(bound)
    if not isinstance(bound.value, Call):
        return None
    given = Given.of(bound.value, bound.names)
    kind = last(called(bound.value, bound.names))
    name, span = given.text("name"), bound.value.name_span
    if kind.endswith("CheckConstraint"):
        condition = given.named.get("condition") or given.named.get("check")
        lookups = _lookups(condition)
        return Keyed(name, Kind.ADD_CHECK, (), span, lookups=lookups, written=_joint(condition).join(lookups))
    if kind.endswith("ExclusionConstraint"):
        return Keyed(name, Kind.ADD_EXCLUSION, (), span, using=(given.text("index_type") or "gist").lower())
    if not kind.endswith("UniqueConstraint"):
        return None
    fields = texts(given.get("fields")) or ()
    condition = given.named.get("condition")
    computed = given.places
    if condition is None and not computed and not given.named.keys() & {"include", "opclasses"}:
        return Keyed(name, Kind.ADD_UNIQUE, fields, span, unique=True)
    lookups = _lookups(condition) + tuple(each for place in computed for each in _fields_in(place))
    fields = fields or tuple(_plain(place) for place in computed)
    partial = condition is not None
    return Keyed(name, Kind.CREATE_INDEX, fields, span, unique=True, partial=partial, lookups=lookups)


# -- operations ---------------------------------------------------------------------------------------------------

_Found = Iterator[Operation]


def _like(span: Span, table: str, column: str) -> Operation:
    """The index beside that of a text, by which PostgreSQL finds what begins with some letters."""
    return Operation(
        Kind.CREATE_INDEX,
        span,
        table,
        _named(table, (column,), "_like"),
        columns=(column,),
        mentions=("varchar_pattern_ops",),
    )


def read_together(bound: Bound | None) -> tuple[tuple[str, ...], ...]:
    """`unique_together`: one tuple of fields, or several."""
    members = items(bound)
    if not members:
        return ()
    if all(text(member) is not None for member in members):
        return (tuple(text(member) or "" for member in members),)
    return tuple(names for member in members if (names := texts(member)))


def _create_model(state: State, given: Given, app: str) -> _Found:
    name = given.text("name", 0)
    if not name:
        return
    options = entries(given.get("options", 2))
    fields: dict[str, Field] = {}
    for member in items(given.get("fields", 1)) or ():
        pair = items(member)
        if pair and len(pair) == 2 and (called_ := text(pair[0])):
            each = state.field(called_, pair[1], app, name)
            if each is not None:
                fields[called_] = each
    proxy = constant(options.get("proxy")) is True
    kept = constant(options.get("managed")) is not False and not proxy
    span = given.call.name_span
    if not any(each.primary_key for each in fields.values()) and not proxy:
        fields = {"id": state.numbered(span), **fields}
    keyed = {}
    for member in items(options.get("indexes")) or ():
        if (index := read_index(member)) is not None:
            keyed[index.name] = index
    for member in items(options.get("constraints")) or ():
        if (constraint := read_constraint(member)) is not None:
            keyed[constraint.name] = constraint
    model = Model(
        app,
        name,
        text(options.get("db_table")) or "",
        fields,
        kept,
        read_together(options.get("unique_together")),
        read_together(options.get("index_together")),
        keyed,
    )
    if proxy and (parents := items(given.get("bases", 3))):
        parent = state.models.get(state.model_key(parents[0], app, name) or ("", ""))
        model = replace(model, named_table=parent.table if parent else "", fields=parent.fields if parent else {})
    state.models[app, name.lower()] = model
    if kept:
        yield from state.made_table(model, span)


def _unique_together(model: Model, names: Sequence[str], span: Span, *, inline: bool) -> Operation:
    columns = model.columns(names)
    name = _named(model.table, columns, "_uniq")
    return Operation(Kind.ADD_UNIQUE, span, model.table, name, columns=columns, unique=True, inline=inline)


def _model(state: State, given: Given, app: str, argument: str = "model_name") -> Model | None:
    return state.models.get((app, given.text(argument, 0).lower()))


def _keep(state: State, model: Model) -> None:
    state.models[model.app, model.name.lower()] = model


def _delete_model(state: State, given: Given, app: str) -> _Found:
    model = state.models.pop((app, given.text("name", 0).lower()), None)
    if model is None or not model.kept:
        return
    span = given.call.name_span
    for each in model.fields.values():
        if each.kind == "ManyToManyField" and each.given.get("through") is None:
            yield Operation(Kind.DROP_TABLE, span, state.join_table(model, each), cascade=True)
    yield Operation(Kind.DROP_TABLE, span, model.table, cascade=True)


def _add_field(state: State, given: Given, app: str) -> _Found:
    model = _model(state, given, app)
    name = given.text("name", 1)
    each = state.field(name, given.get("field", 2), app, given.text("model_name", 0))
    if model is None or each is None:
        return
    model = replace(model, fields={**model.fields, name: each})
    _keep(state, model)
    span = given.call.name_span
    if not model.kept:
        return
    if each.kind == "ManyToManyField":
        yield from state.joined(model, each, span)
    elif each.column:
        yield from state.added(model, each, span, inline=False)
        # the key stands in the column's definition: nothing is scanned, unless rows get a value
        filled = each.database_default is not None or each.one_off is not None
        yield from state.pointed(model, each, span, inline=not filled)
        yield from state.indexed(model, each, span)


def _remove_field(state: State, given: Given, app: str) -> _Found:
    model = _model(state, given, app)
    name = given.text("name", 1)
    if model is None or name not in model.fields:
        return
    each = model.fields[name]
    _keep(state, replace(model, fields={key: kept for key, kept in model.fields.items() if key != name}))
    span = given.call.name_span
    if not model.kept:
        return
    if each.kind == "ManyToManyField":
        if each.given.get("through") is None:
            yield Operation(Kind.DROP_TABLE, span, state.join_table(model, each), cascade=True)
    elif each.column:
        yield Operation(Kind.DROP_COLUMN, span, model.table, columns=(each.column,), cascade=True)


def _alter_field(state: State, given: Given, app: str) -> _Found:
    model = _model(state, given, app)
    name = given.text("name", 1)
    new = state.field(name, given.get("field", 2), app, given.text("model_name", 0))
    if model is None or new is None:
        return
    old = model.fields.get(name)
    before = state.type(old) if old is not None else ""
    changed = replace(model, fields={**model.fields, name: new})
    _keep(state, changed)
    if old is not None and model.kept and new.column and old.column:
        yield from _altered(state, changed, old, new, before, given.call.name_span)


def _altered(state: State, model: Model, old: Field, new: Field, before: str, span: Span) -> _Found:
    """What it takes to turn the column of one field into that of another (the order of Django's schema editor)."""
    table = model.table
    shared: dict[str, Any] = {"table": table, "columns": (new.column,)}
    if old.column != new.column:
        yield Operation(Kind.RENAME_COLUMN, span, table, columns=(old.column,), to=new.column)
    points = new.relation and new.given.true("db_constraint", True)
    pointed = old.relation and old.given.true("db_constraint", True)
    after = state.type(new)
    moved = pointed and points and (state.target(old) != state.target(new) or before != after)
    if pointed and (not points or moved):
        yield Operation(Kind.DROP_CONSTRAINT, span, using="foreign key", **shared)
    if old.unique and not new.unique and not new.primary_key:
        yield Operation(Kind.DROP_CONSTRAINT, span, using="unique", mentions=tuple(model.keyed), **shared)
    # a unique text has an index for LIKE beside the unique one
    bare = old.unique and not new.unique and not new.indexed and before.partition("(")[0] in ("varchar", "text")
    if (old.indexed and not new.indexed) or bare:
        yield Operation(Kind.DROP_INDEX, span, mentions=tuple(model.keyed), **shared)
    if old.kind in _POSITIVE and new.kind not in _POSITIVE:
        yield Operation(Kind.DROP_CONSTRAINT, span, using="check", **shared)
    if before != after and before and after:
        yield Operation(Kind.SET_TYPE, span, type=after, **shared)
    if old.database_default != new.database_default:
        default = new.database_default
        yield Operation(Kind.DROP_DEFAULT if default is None else Kind.SET_DEFAULT, span, default=default, **shared)
    if old.null and not new.null and not new.generated:
        if new.one_off is not None or new.database_default is not None:
            yield Operation(Kind.UPDATE, span, table, partial=True)
        yield Operation(Kind.SET_NOT_NULL, span, **shared)
    elif new.null and not old.null:
        yield Operation(Kind.DROP_NOT_NULL, span, **shared)
    if new.unique and not old.unique:
        name = _named(table, (new.column,), "_uniq")
        yield Operation(Kind.ADD_UNIQUE, span, name=name, unique=True, **shared)
    if new.primary_key and not old.primary_key:
        yield Operation(Kind.ADD_PRIMARY_KEY, span, **shared)
    if (new.indexed and not old.indexed) or (new.unique and not old.unique):
        yield from state.indexed(model, new, span)
    if points and (not pointed or moved):
        yield from state.pointed(model, new, span, inline=False)
    if new.kind in _POSITIVE and old.kind not in _POSITIVE:
        yield state.positive(table, new, span, inline=False)


def _rename_field(state: State, given: Given, app: str) -> _Found:
    model = _model(state, given, app)
    old, new = given.text("old_name", 1), given.text("new_name", 2)
    if model is None or old not in model.fields or not new:
        return
    each = model.fields[old]
    renamed = replace(each, name=new)

    def other(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.replace(old, new) if name.lstrip("-") == old else name for name in names)

    changed = replace(
        model,
        fields={(new if key == old else key): (renamed if key == old else kept) for key, kept in model.fields.items()},
        unique_together=tuple(other(names) for names in model.unique_together),
        index_together=tuple(other(names) for names in model.index_together),
        keyed={key: replace(kept, fields=other(kept.fields)) for key, kept in model.keyed.items()},
    )
    _keep(state, changed)
    if not model.kept:
        return
    span = given.call.name_span
    if each.kind == "ManyToManyField":
        if each.given.get("through") is None and state.join_table(model, each) != state.join_table(changed, renamed):
            yield Operation(
                Kind.RENAME_TABLE, span, state.join_table(model, each), to=state.join_table(changed, renamed)
            )
    elif each.column != renamed.column:
        yield Operation(Kind.RENAME_COLUMN, span, model.table, columns=(each.column,), to=renamed.column)


def _rename_model(state: State, given: Given, app: str) -> _Found:
    old, new = given.text("old_name", 0), given.text("new_name", 1)
    model = state.models.pop((app, old.lower()), None)
    if model is None or not new:
        return
    changed = replace(model, name=new)
    _keep(state, changed)
    span = given.call.name_span
    before, after = (app, old.lower()), (app, new.lower())
    if model.kept:
        yield from _moved(state, model, changed, span)
    for key, other in list(state.models.items()):
        pointing = {name: each for name, each in other.fields.items() if each.to == before}
        if not pointing:
            continue
        fields = {name: replace(each, to=after) if name in pointing else each for name, each in other.fields.items()}
        state.models[key] = replace(other, fields=fields)
        for each in pointing.values():
            if each.kind == "ManyToManyField" and each.given.get("through") is None and other.kept and key != after:
                table = state.join_table(other, each)
                yield Operation(Kind.RENAME_COLUMN, span, table, columns=(f"{old.lower()}_id",), to=f"{new.lower()}_id")


def _moved(state: State, model: Model, changed: Model, span: Span) -> _Found:
    """The table under its new name, and the tables of its many-to-many fields with it."""
    if model.table != changed.table:
        yield Operation(Kind.RENAME_TABLE, span, model.table, to=changed.table)
    for each in model.fields.values():
        if each.kind != "ManyToManyField" or each.given.get("through") is not None:
            continue
        old, new = state.join_table(model, each), state.join_table(changed, each)
        if old != new:
            yield Operation(Kind.RENAME_TABLE, span, old, to=new)
        for one, other in zip(state.ends(model, each), state.ends(changed, each), strict=True):
            if one[0] != other[0]:
                yield Operation(Kind.RENAME_COLUMN, span, new, columns=(one[0],), to=other[0])


def _alter_table(state: State, given: Given, app: str) -> _Found:
    model = _model(state, given, app, "name")
    if model is not None:
        changed = replace(model, named_table=given.text("table", 1))
        _keep(state, changed)
        if model.kept:
            yield from _moved(state, model, changed, given.call.name_span)


def _alter_unique(state: State, given: Given, app: str) -> _Found:
    model = _model(state, given, app, "name")
    if model is None:
        return
    new = read_together(given.get("unique_together", 1))
    _keep(state, replace(model, unique_together=new))
    span = given.call.name_span
    for names in model.unique_together:
        if names not in new and model.kept:
            columns = model.columns(names)
            named = tuple(model.keyed)
            yield Operation(Kind.DROP_CONSTRAINT, span, model.table, columns=columns, using="unique", mentions=named)
    for names in new:
        if names not in model.unique_together and model.kept:
            yield _unique_together(model, names, span, inline=False)


def _alter_index(state: State, given: Given, app: str) -> _Found:
    model = _model(state, given, app, "name")
    if model is None:
        return
    new = read_together(given.get("index_together", 1))
    _keep(state, replace(model, index_together=new))
    span = given.call.name_span
    for names in model.index_together:
        if names not in new and model.kept:
            named = tuple(model.keyed)
            yield Operation(Kind.DROP_INDEX, span, model.table, columns=model.columns(names), mentions=named)
    for names in new:
        if names not in model.index_together and model.kept:
            columns = model.columns(names)
            yield Operation(Kind.CREATE_INDEX, span, model.table, _named(model.table, columns, "_idx"), columns=columns)


def _add_keyed(
    read: Callable[[Bound], Keyed | None], argument: str, *, concurrently: bool = False, valid: bool = True
) -> Callable[[State, Given, str], _Found]:
    def step(state: State, given: Given, app: str) -> _Found:
        model = _model(state, given, app)
        bound = given.get(argument, 1)
        each = read(bound) if bound is not None else None
        if model is None or each is None:
            return
        model = replace(model, keyed={**model.keyed, each.name: each})
        _keep(state, model)
        if model.kept:
            yield state.made(model, each, given.call.name_span, concurrently=concurrently, valid=valid)

    return step


def _remove_keyed(*, concurrently: bool = False) -> Callable[[State, Given, str], _Found]:
    def step(state: State, given: Given, app: str) -> _Found:
        model = _model(state, given, app)
        name = given.text("name", 1)
        if model is None:
            return
        each = model.keyed.get(name)
        _keep(state, replace(model, keyed={key: kept for key, kept in model.keyed.items() if key != name}))
        if model.kept:
            index = each is None or each.kind is Kind.CREATE_INDEX
            kind = Kind.DROP_INDEX if index else Kind.DROP_CONSTRAINT
            yield Operation(kind, given.call.name_span, model.table, name, concurrently=concurrently)

    return step


def _rename_index(state: State, given: Given, app: str) -> _Found:
    model = _model(state, given, app)
    new, old = given.text("new_name", 1), given.text("old_name", 2)
    if model is None:
        return
    span = given.call.name_span
    if old:
        keyed = {(new if key == old else key): kept for key, kept in model.keyed.items()}
        _keep(state, replace(model, keyed=keyed))
        if model.kept:
            yield Operation(Kind.RENAME_INDEX, span, model.table, old, to=new)
        return
    names = texts(given.get("old_fields", 3)) or ()
    kept_together = tuple(each for each in model.index_together if each != names)
    made = Keyed(new, Kind.CREATE_INDEX, names, span)
    _keep(state, replace(model, index_together=kept_together, keyed={**model.keyed, new: made}))
    columns = model.columns(names)
    if model.kept:
        yield Operation(Kind.RENAME_INDEX, span, model.table, _named(model.table, columns, "_idx"), to=new)


def _order(state: State, given: Given, app: str) -> _Found:
    """AlterOrderWithRespectTo keeps the order in a column of its own."""
    model = _model(state, given, app, "name")
    if model is None:
        return
    span = given.call.name_span
    wanted = bool(given.text("order_with_respect_to", 1))
    if wanted and "_order" not in model.fields:
        call = Call(Name("OrderWrt"), (), given.call.span, span)
        each = Field("_order", "OrderWrt", Given.of(call, given.names))
        _keep(state, replace(model, fields={**model.fields, "_order": each}))
        if model.kept:
            yield Operation(
                Kind.ADD_COLUMN, span, model.table, columns=("_order",), type="integer", nullable=False, default="0"
            )
            yield Operation(Kind.DROP_DEFAULT, span, model.table, columns=("_order",), inline=True)
    elif not wanted and "_order" in model.fields:
        _keep(state, replace(model, fields={key: kept for key, kept in model.fields.items() if key != "_order"}))
        if model.kept:
            yield Operation(Kind.DROP_COLUMN, span, model.table, columns=("_order",), cascade=True)


def _validate(state: State, given: Given, app: str) -> _Found:
    model = _model(state, given, app)
    if model is not None:
        yield Operation(Kind.VALIDATE_CONSTRAINT, given.call.name_span, model.table, given.text("name", 1))


_STEPS: Mapping[str, Callable[[State, Given, str], _Found]] = {
    "CreateModel": _create_model,
    "DeleteModel": _delete_model,
    "AddField": _add_field,
    "RemoveField": _remove_field,
    "AlterField": _alter_field,
    "RenameField": _rename_field,
    "RenameModel": _rename_model,
    "AlterModelTable": _alter_table,
    "AlterUniqueTogether": _alter_unique,
    "AlterIndexTogether": _alter_index,
    "AddIndex": _add_keyed(read_index, "index"),
    "AddIndexConcurrently": _add_keyed(read_index, "index", concurrently=True),
    "RemoveIndex": _remove_keyed(),
    "RemoveIndexConcurrently": _remove_keyed(concurrently=True),
    "AddConstraint": _add_keyed(read_constraint, "constraint"),
    "AddConstraintNotValid": _add_keyed(read_constraint, "constraint", valid=False),
    "RemoveConstraint": _remove_keyed(),
    "ValidateConstraint": _validate,
    "RenameIndex": _rename_index,
    "AlterOrderWithRespectTo": _order,
}
SCHEMA_STEPS = frozenset(_STEPS) | {"AlterModelOptions", "AlterModelManagers"}
"""The operations whose whole effect on the database is known."""


# -- the history --------------------------------------------------------------------------------------------------


def arrange_migrations(
    migrations: Mapping[Key, Migration], user_model: str = "auth.User"
) -> tuple[tuple[Key, tuple[str, ...]], ...]:
    """The migrations of one project in the order of their application, each with what it follows as `label.name`.

    What a squashed one replaces is left out; so is what lies outside the project.
    """
    labels = {label for label, _ in migrations}
    stands: dict[Key, Key] = {}
    for key in sorted(migrations):
        for replaced in migrations[key].replaces:
            if replaced != key:
                stands[replaced] = key

    def standing(key: Key) -> Key:
        for _ in range(50):
            if key not in stands:
                break
            key = stands[key]
        return key

    kept = [key for key in sorted(migrations) if standing(key) == key]
    first: dict[str, Key] = {}
    final: dict[str, Key] = {}
    for key in kept:
        first.setdefault(key[0], key)
        final[key[0]] = key
    users = user_model.rpartition(".")[0]

    def found(key: Key) -> Key:
        label, name = key
        if not label:
            return first.get(users, key)
        if name == "__first__":
            return first.get(label, key)
        if name in ("__latest__",):
            return final.get(label, key)
        return standing(key)

    parents: dict[str, list[str]] = {"\0".join(key): [] for key in kept}
    for key in kept:
        for dependency in sorted(migrations[key].dependencies):
            parent = found(dependency)
            if parent != key:
                parents["\0".join(key)].append("\0".join(parent))
        for follower in migrations[key].run_before:
            parents.setdefault("\0".join(found(follower)), []).append("\0".join(key))
    # a squashed migration depends on what those that it replaces depended on
    for key in sorted(migrations):
        stand = standing(key)
        if stand != key and "\0".join(stand) in parents:
            for dependency in migrations[key].dependencies:
                parent = found(dependency)
                if parent != stand and parent[0] != stand[0]:
                    parents["\0".join(stand)].append("\0".join(parent))
    names = ordered(["\0".join(key) for key in kept], parents)
    return tuple(
        (
            (name.partition("\0")[0], name.partition("\0")[2]),
            tuple(parent.replace("\0", ".") for parent in parents[name] if parent.partition("\0")[0] in labels),
        )
        for name in names
    )


def revision_of(key: Key, migration: Migration, parents: tuple[str, ...]) -> Revision:
    """Where a migration stands. Each application is a branch of its own, labelled by its name."""
    return Revision(
        f"{key[0]}.{key[1]}",
        migration.span,
        parents,
        labels=(key[0],),
        reversible=_reversible(migration),
        squashed=bool(migration.replaces),
    )


def _reversible(migration: Migration) -> bool:
    """Whether everything that it runs has a way back."""
    for call, given in _calls(migration.operations):
        name = last(dotted(call.function, given.names))
        if name == "RunSQL" and given.get("reverse_sql", 1) is None:
            return False
        if name == "RunPython" and given.get("reverse_code", 1) is None:
            return False
    return True


__all__ = [
    "DJANGO",
    "Field",
    "Keyed",
    "Migration",
    "Model",
    "State",
    "arrange_migrations",
    "read_constraint",
    "read_index",
    "read_migration",
    "read_together",
    "revision_of",
    "sql_of",
]
