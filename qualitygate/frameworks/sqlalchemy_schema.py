"""In: calls that declare tables, columns, constraints and indexes of SQLAlchemy. Out: the operations that make them.

Shared by the migrations of Alembic and the models of an application. Types are those of PostgreSQL, names those that
SQLAlchemy 2.1 gives.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from qualitygate.frameworks.literals import (
    HOLE,
    Bound,
    Given,
    called,
    constant,
    dotted,
    is_none,
    items,
    last,
    resolve,
    text,
    texts,
)
from qualitygate.model.schema import Operation, OperationKind
from qualitygate.model.source import Span
from qualitygate.model.syntax import Attribute, Call, Constant, subexpressions

Kind = OperationKind
_MAX_DEPTH = 8


def qualified(name: str, schema: str) -> str:
    return f"{schema}.{name}" if schema and schema != "public" and name else name


def table_in(given: Given, name: str, place: int) -> str:
    return qualified(given.text(name, place), given.text("schema"))


def name_in(bound: Bound | None) -> str:
    return text(bound) or ""


def created(given: Given) -> Iterator[Operation]:
    """The operations of `create_table("name", Column(...), ...)`, and of `Table("name", metadata, Column(...), ...)`."""
    table = table_in(given, "table_name", 0)
    prefixes = texts(given.get("prefixes")) or ()
    yield Operation(
        Kind.CREATE_TABLE,
        given.call.name_span,
        table,
        guarded=given.true("if_not_exists"),
        temporary=any(prefix.upper().startswith("TEMP") for prefix in prefixes),
        partitioned=given.get("postgresql_partition_by") is not None,
    )
    columns: list[ColumnRead] = []
    rest: list[Operation] = []
    for bound in map(resolve, given.places[1:]):
        path = called(bound.value, bound.names)
        if last(path) == "Column" and isinstance(bound.value, Call):
            columns.append(column_in(Given.of(bound.value, bound.names)))
        elif isinstance(bound.value, Call):
            rest += constraint(last(path), Given.of(bound.value, bound.names), table)
    yield from filled(table, columns, rest)


def filled(table: str, columns: Sequence[ColumnRead], rest: Sequence[Operation]) -> Iterator[Operation]:
    """The operations that give a new table its columns, and ``rest``, the constraints and indexes that are declared apart."""
    explicit = any(each.kind is Kind.ADD_PRIMARY_KEY for each in rest)
    key = tuple(column.name for column in columns if column.primary_key)
    numbered = serial_key(columns) if not explicit else ""
    for column in columns:
        made = column.operation(table, serial=bool(numbered) and column.name == numbered)
        yield msgspec.structs.replace(made, inline=True)
    if key and not explicit:
        first = next(column for column in columns if column.primary_key)
        yield Operation(Kind.ADD_PRIMARY_KEY, first.span, table, columns=key, inline=True, path=first.path)
    for column in columns:
        yield from (msgspec.structs.replace(each, inline=True) for each in column.constraints(table))
    yield from (each for each in rest if each.kind is not Kind.CREATE_INDEX)
    for column in columns:
        yield from column.indexes(table)
    yield from (each for each in rest if each.kind is Kind.CREATE_INDEX)


def serial_key(columns: Iterable[ColumnRead]) -> str:
    """The column that SQLAlchemy makes serial: the only integer of the key, without default and reference."""
    keys = [column for column in columns if column.primary_key]
    if len(keys) == 1 and keys[0].type in ("integer", "bigint", "smallint"):
        (column,) = keys
        if column.default is None and not column.references and column.autoincrement and not column.generated:
            return column.name
    return ""


def constraint(kind: str, given: Given, table: str) -> Iterator[Operation]:
    """One constraint or index among the arguments of ``create_table``."""
    span = given.call.name_span
    name = name_in(given.named.get("name"))
    shared: dict[str, Any] = {"table": table, "name": name, "inline": True}
    if kind == "PrimaryKeyConstraint":
        yield Operation(Kind.ADD_PRIMARY_KEY, span, columns=_names(given.places), **shared)
    elif kind == "UniqueConstraint":
        yield Operation(Kind.ADD_UNIQUE, span, columns=_names(given.places), unique=True, **shared)
    elif kind == "ForeignKeyConstraint":
        columns = texts(given.get("columns", 0)) or ("",)
        target, referred = targets(texts(given.get("refcolumns", 1)) or ())
        yield Operation(
            Kind.ADD_FOREIGN_KEY,
            span,
            columns=columns,
            references=target,
            references_columns=referred,
            on_delete=given.text("ondelete").lower(),
            valid=not given.true("postgresql_not_valid"),
            **shared,
        )
    elif kind == "CheckConstraint":
        yield check(span, given.text("sqltext", 0), given, shared)
    elif kind == "ExcludeConstraint":
        yield Operation(
            Kind.ADD_EXCLUSION,
            span,
            columns=tuple(pair_name(place) for place in given.places),
            using=given.text("using") or "gist",
            **shared,
        )
    elif kind == "Index":
        yield index_in(given, given.text("name", 0), table, [*given.places[1:]])


def _names(places: Iterable[Bound]) -> tuple[str, ...]:
    return tuple(name_in(place) for place in places)


def pair_name(place: Bound) -> str:
    members = items(place)
    name = name_in(members[0]) if members else ""
    return name if name.isidentifier() else ""


def check(span: Span, expression: str, given: Given, shared: Mapping[str, Any]) -> Operation:
    valid = not given.true("postgresql_not_valid")
    words = words_of(expression)
    return Operation(Kind.ADD_CHECK, span, expression=expression, mentions=words, valid=valid, **shared)


_WORD = re.compile(r"'(?:[^']|'')*'|\"([^\"]+)\"|([A-Za-z_][A-Za-z0-9_$]*)")
_ORDERED = re.compile(
    r"\s*\"?([A-Za-z_][A-Za-z0-9_$]*)\"?(?:\s+[a-z_]+_ops)?(?:\s+(?:ASC|DESC))?(?:\s+NULLS\s+(?:FIRST|LAST))?\s*$",
    re.IGNORECASE,
)


def words_of(expression: str) -> tuple[str, ...]:
    found = (match[1] or (match[2] or "").lower() for match in _WORD.finditer(expression.replace(HOLE, " ")))
    return tuple(dict.fromkeys(word for word in found if word))


def targets(references: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """`schema.table.column`, once for each column, as a table and its columns."""
    parts = [reference.rpartition(".") for reference in references]
    table = parts[0][0] if parts else ""
    return table.removeprefix("public."), tuple(column for _, _, column in parts)


@dataclass(frozen=True)
class ColumnRead:
    """What one ``sa.Column`` says."""

    name: str
    span: Span
    type: str
    nullable: bool
    primary_key: bool
    default: str | None
    generated: str
    autoincrement: bool
    unique: bool
    indexed: bool
    references: tuple[tuple[str, tuple[str, ...], str, str], ...]
    checks: tuple[str, ...]
    path: str = ""
    """The file, where it is not that of the table."""

    def operation(self, table: str, *, serial: bool = False) -> Operation:
        """The column itself."""
        return Operation(
            Kind.ADD_COLUMN,
            self.span,
            table,
            columns=(self.name,),
            type=_SERIAL[self.type] if serial else self.type,
            nullable=self.nullable and not serial,
            default=self.default,
            generated="serial" if serial else self.generated,
            path=self.path,
        )

    def constraints(self, table: str) -> Iterator[Operation]:
        """Its keys and checks."""
        shared: dict[str, Any] = {"table": table, "path": self.path}
        if self.unique and not self.indexed:
            yield Operation(Kind.ADD_UNIQUE, self.span, columns=(self.name,), unique=True, **shared)
        for target, referred, name, on_delete in self.references:
            yield Operation(
                Kind.ADD_FOREIGN_KEY,
                self.span,
                name=name,
                columns=(self.name,),
                references=target,
                references_columns=referred,
                on_delete=on_delete,
                **shared,
            )
        for expression in self.checks:
            yield Operation(Kind.ADD_CHECK, self.span, expression=expression, mentions=words_of(expression), **shared)

    def indexes(self, table: str) -> Iterator[Operation]:
        """The index of ``index=True``, by SQLAlchemy's own convention."""
        if self.indexed:
            plain = table.replace(".", "_")
            yield Operation(
                Kind.CREATE_INDEX,
                self.span,
                table,
                shortened(f"ix_{plain}_{self.name}"),
                columns=(self.name,),
                unique=self.unique,
                path=self.path,
            )


def shortened(name: str) -> str:
    """A name that PostgreSQL can hold: SQLAlchemy ends a longer one with four digits of its digest."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 8]}_{hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[-4:]}"


_LONGEST = 63
_SERIAL = {"integer": "serial", "bigint": "bigserial", "smallint": "smallserial"}


def column_in(given: Given) -> ColumnRead:
    places = [resolve(place) for place in given.places]
    name = given.text("name", 0)
    kind = ""
    references = []
    checks = []
    generated = ""
    required = False
    rest = places[1:] if places and text(places[0]) is not None else places
    for place in (*rest, *(resolve(given.named[key]) for key in ("type_",) if key in given.named)):
        path = last(called(place.value, place.names))
        if path in _ITEMS and isinstance(place.value, Call):
            inner = Given.of(place.value, place.names)
            if path == "ForeignKey":
                target, referred = targets([inner.text("column", 0)])
                references.append((target, referred, inner.text("name"), inner.text("ondelete").lower()))
            elif path == "CheckConstraint":
                checks.append(inner.text("sqltext", 0))
            elif path == "Computed":
                generated = "virtual" if constant(inner.get("persisted", 1)) is False else "stored"
            elif path == "Identity":
                generated, required = "identity", True
        elif not kind:
            kind = type_in(place)
    primary = given.true("primary_key")
    default = given.named.get("server_default")
    if default is not None and last(called(resolve(default).value, resolve(default).names)) in ("Computed", "Identity"):
        generated = last(called(resolve(default).value, resolve(default).names)).lower().replace("computed", "stored")
        required = required or generated == "identity"
        default = None
    nullable = constant(given.named.get("nullable"))
    return ColumnRead(
        name=name,
        span=given.call.name_span,
        type=kind,
        nullable=(nullable is not False) if isinstance(nullable, bool) else not (primary or required),
        primary_key=primary,
        default=default_in(default),
        generated=generated,
        autoincrement=constant(given.named.get("autoincrement")) is not False,
        unique=given.true("unique"),
        indexed=given.true("index"),
        references=tuple(references),
        checks=tuple(checks),
    )


_ITEMS = frozenset({"ForeignKey", "CheckConstraint", "Computed", "Identity", "Sequence", "FetchedValue"})


def default_in(bound: Bound | None) -> str | None:
    """A server default as SQL: a plain string is a literal, ``text()`` and functions are expressions."""
    if bound is None or is_none(bound):
        return None
    bound = resolve(bound)
    value = bound.value
    if isinstance(value, Call) and last(called(value, bound.names)) not in ("str", "dedent"):
        path = called(value, bound.names)
        written = text(bound)
        if written is not None:
            return written
        if last(path) in ("true", "false", "null"):
            return last(path)
        return f"{last(path)}({', '.join(filter(None, (default_in(place) for place in Given.of(value, bound.names).places)))})"
    known = text(bound)
    if known is not None:
        return "'" + known.replace("'", "''") + "'"
    literal = constant(bound)
    if literal is not None:
        return str(literal).lower() if isinstance(literal, bool) else str(literal)
    path = dotted(value, bound.names)
    return last(path) or "..."


# SQLAlchemy's types as PostgreSQL writes them; what is not here is written as in the code.
_TYPES = {
    "Integer": "integer", "INTEGER": "integer", "INT": "integer", "BigInteger": "bigint", "BIGINT": "bigint",
    "SmallInteger": "smallint", "SMALLINT": "smallint", "Text": "text", "TEXT": "text", "UnicodeText": "text",
    "Boolean": "boolean", "BOOLEAN": "boolean", "Date": "date", "DATE": "date", "Float": "double precision",
    "FLOAT": "double precision", "Double": "double precision", "DOUBLE_PRECISION": "double precision", "REAL": "real",
    "LargeBinary": "bytea", "BYTEA": "bytea", "PickleType": "bytea", "JSON": "json", "JSONB": "jsonb", "UUID": "uuid",
    "Uuid": "uuid", "UUIDType": "uuid", "GUID": "uuid", "Interval": "interval", "INTERVAL": "interval", "INET": "inet",
    "CIDR": "cidr", "MACADDR": "macaddr", "TSVECTOR": "tsvector", "HSTORE": "hstore", "CITEXT": "citext",
    # SQLAlchemy-Utils
    "ChoiceType": "varchar(255)", "EmailType": "varchar(255)", "URLType": "text", "IPAddressType": "varchar(50)",
    "LocaleType": "varchar(10)", "TimezoneType": "varchar(50)", "CountryType": "varchar(2)",
    "CurrencyType": "varchar(3)", "ColorType": "varchar(20)", "PhoneNumberType": "varchar(20)", "ScalarListType": "text",
    "JSONType": "json", "TSVectorType": "tsvector",
}  # fmt: skip
_LENGTHS = {
    "String": "varchar", "Unicode": "varchar", "VARCHAR": "varchar", "NVARCHAR": "varchar", "AutoString": "varchar",
    "CHAR": "char", "NCHAR": "char", "Numeric": "numeric", "NUMERIC": "numeric", "DECIMAL": "numeric", "BIT": "bit",
}  # fmt: skip


def type_in(bound: Bound, depth: int = 0) -> str:
    bound = resolve(bound)
    value = bound.value
    if isinstance(value, Call) and isinstance(value.function, Attribute) and value.function.name == "with_variant":
        for argument in value.arguments:
            if constant(Bound(argument.value, bound.names)) == "postgresql":
                return type_in(Bound(value.arguments[0].value, bound.names), depth + 1)
        return type_in(Bound(value.function.value, bound.names), depth + 1)
    given = Given.of(value, bound.names) if isinstance(value, Call) else None
    name = last(dotted(value.function if isinstance(value, Call) else value, bound.names))
    if name in _TYPES:
        return _TYPES[name]
    if name in _LENGTHS:
        sizes = [constant(place) for place in given.places[:2]] if given else []
        if given:
            sizes += [constant(given.named[key]) for key in ("length", "precision", "scale") if key in given.named]
        written = ", ".join(str(size) for size in sizes if isinstance(size, int) and not isinstance(size, bool))
        return f"{_LENGTHS[name]}({written})" if written else _LENGTHS[name]
    if name in ("DateTime", "TIMESTAMP", "Time", "TIME", "DATETIME"):
        zone = given is not None and (given.true("timezone") or (given.places and constant(given.places[0]) is True))
        base = "time" if name in ("Time", "TIME") else "timestamp"
        return f"{base} with time zone" if zone else base
    if name in ("Enum", "ENUM") and given is not None:
        return given.text("name") or "varchar"
    if name == "ARRAY" and given is not None and depth < _MAX_DEPTH:
        inner = given.get("item_type", 0)
        return f"{type_in(inner, depth + 1)}[]" if inner is not None else "[]"
    # `TYPES[0]` of a name that is not followed
    return "" if name.startswith("__") else name


def index_in(given: Given, name: str, table: str, members: Iterable[Bound]) -> Operation:
    columns = []
    mentions: list[str] = []
    for member in map(resolve, members):
        written = text(member)
        raw = written is not None and isinstance(member.value, Call)
        match = _ORDERED.match(written) if raw and written is not None else None
        if written is not None and not raw:
            columns.append(written)
        elif match is not None:
            columns.append(match[1])
        else:
            columns.append(_ordered(member))
            if not columns[-1]:
                mentions += words_of(written or strings_in(member))
    mentions += [word for word in ("postgresql_ops", "postgresql_include", "mysql_length") if word in given.named]
    where = given.named.get("postgresql_where")
    partial = where is not None and not is_none(where)
    if where is not None and partial:
        mentions += words_of(text(where) or strings_in(where))
    return Operation(
        Kind.CREATE_INDEX,
        given.call.name_span,
        table,
        shortened(name),
        columns=tuple(columns),
        mentions=tuple(dict.fromkeys(mentions)),
        using=given.text("postgresql_using"),
        unique=given.true("unique") or constant(given.get("unique", 4)) is True,
        concurrently=given.true("postgresql_concurrently"),
        partial=partial,
        guarded=given.true("if_not_exists"),
    )


def _ordered(member: Bound) -> str:
    """The column of `sa.column("x").desc()`, `sa.desc("x")`; empty for an expression."""
    value = member.value
    while isinstance(value, Call):
        if isinstance(value.function, Attribute) and value.function.name in ("desc", "asc", "nullslast", "nullsfirst"):
            inner = value.function.value
            if isinstance(inner, (Call, Constant)):
                value = inner
                continue
        if last(called(value, member.names)) in ("column", "desc", "asc", "literal_column") and value.arguments:
            known = text(Bound(value.arguments[0].value, member.names))
            return known if known is not None and known.isidentifier() else ""
        return ""
    return ""


def strings_in(bound: Bound) -> str:
    """All texts inside an expression, which name the columns that it is made of."""
    found = []
    for inner in subexpressions(resolve(bound).value):
        if isinstance(inner, Constant) and isinstance(inner.value, str):
            found.append(inner.value)
        elif isinstance(inner, Attribute):
            found.append(inner.name)
    return " ".join(found)
