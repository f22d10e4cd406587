"""In: a followed program. Out: the tables that its SQLAlchemy models declare, with the operations that would make them.

Declarative classes (`Column`, `mapped_column`, `Mapped[...]`, mixins, abstract bases, `declared_attr`), those of
Flask-SQLAlchemy and SQLModel, and tables of the core. Names and defaults are those of SQLAlchemy 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec

from qualitygate.frameworks.declared import bound_of, call_of, declared_at, expression, given_of, name_of
from qualitygate.frameworks.literals import Bound, Given, Names, called, constant, entries, items, last, resolve
from qualitygate.frameworks.sqlalchemy_schema import ColumnRead, column_in, constraint, created, filled, type_in
from qualitygate.model import syntax as ir
from qualitygate.model.schema import Attribute, Model, Operation, OperationKind
from qualitygate.model.source import Place, Span
from qualitygate.model.values import (
    Arguments,
    Choice,
    ClassValue,
    Entries,
    Evaluation,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    Value,
)
from qualitygate.model.values import Bound as Method

_BASES = frozenset(
    {
        "sqlalchemy.orm.DeclarativeBase",
        "sqlalchemy.orm.DeclarativeBaseNoMeta",
        "sqlmodel.SQLModel",
        "sqlmodel.main.SQLModel",
        "flask_sqlalchemy.model.Model",
    }
)
_MAKERS = frozenset({"declarative_base", "automap_base", "generate_base"})
_COLUMNS = frozenset({"Column", "mapped_column", "MappedColumn"})
_WRAPPERS = frozenset({"deferred", "column_property"})
_RELATIONS = frozenset({"relationship", "Relationship", "backref"})
# Packages whose base classes add no column to a model.
_BARE = frozenset(
    {"sqlalchemy", "sqlmodel", "flask_sqlalchemy", "flask_login", "builtins", "typing", "typing_extensions", "abc",
     "dataclasses", "pydantic", "enum", "collections"}
)  # fmt: skip
# What SQLAlchemy makes of the types of annotations (its default `type_annotation_map`), in PostgreSQL's words.
_PLAIN = {
    "bool": "boolean", "bytes": "bytea", "date": "date", "datetime": "timestamp", "Decimal": "numeric",
    "float": "double precision", "int": "integer", "str": "varchar", "time": "time", "timedelta": "interval",
    "UUID": "uuid", "UUID1": "uuid", "UUID3": "uuid", "UUID4": "uuid", "UUID5": "uuid", "EmailStr": "varchar",
    "HttpUrl": "varchar", "AnyUrl": "varchar",
}  # fmt: skip
_WORD = re.compile(r"(?<=[a-z0-9])[A-Z]|(?<!^)[A-Z](?=[a-z])")
_MAX_DEPTH = 8


def read_models(evaluation: Evaluation) -> tuple[Model, ...]:
    """Every table that SQLAlchemy's declarations make, in the order of their places."""
    reader = _Reader(evaluation)
    found = [*reader.classes(), *reader.tables()]
    return tuple(sorted(found, key=lambda model: (model.place.path, model.place.span, model.table)))


@dataclass(frozen=True)
class _Field:
    """An attribute of the class ``cls`` as its base ``owner``, or itself, declares it: value and annotation where there are."""

    name: str
    value: Value | None
    annotation: ir.Expression | None
    owner: ClassValue
    cls: ClassValue


class _Reader:
    """Reads the models of one program."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._members: dict[str, list[ClassValue]] = {}
        self._roots: dict[str, str] = {}
        self._names: dict[str, tuple[str, bool]] = {}
        self._columns: dict[int, tuple[str, str]] = {}
        for key, cls in sorted(evaluation.classes.items()):
            members = [member for member in evaluation.ancestry(cls) if isinstance(member, ClassValue)]
            root = self._root(members)
            if root:
                self._members[key], self._roots[key] = members, root
        for key in self._members:
            self._names[key] = self._table(key)
        for key, members in self._members.items():
            for each in self._fields(members):
                if isinstance(each.value, Instance) and name_of(each.value) in _COLUMNS and each.owner is members[0]:
                    column = column_in(given_of(each.value)).name or each.name
                    self._columns[id(each.value)] = (self._names[key][0], column)

    # -- classes --------------------------------------------------------------------------------------------------

    def classes(self) -> Iterator[Model]:
        """The models of declarative classes."""
        for key, members in self._members.items():
            table, sure = self._names[key]
            model = self._model(key, members, table, sure) if table else None
            # a base that works out the names of its children is no table itself
            if model is not None and model.attributes:
                yield model

    def _root(self, members: list[ClassValue]) -> str:
        """What the class's tables are created with; empty for a class that is no model."""
        for member in members:
            for base in member.bases:
                if isinstance(base, External) and (
                    base.name in _BASES
                    or base.name.startswith(("advanced_alchemy.base.", "litestar.plugins.sqlalchemy."))
                ):
                    # all of SQLModel's own classes share one set of tables
                    shared = base.name.startswith("sqlmodel.")
                    return base.name if shared else f"{member.path}:{member.qualname}"
                if name_of(base) in _MAKERS:
                    return f"{member.path} {name_of(base)}"
                if isinstance(base, Method) and base.name == "Model":
                    return "db.Model"
            for decorator in member.decorators:
                if name_of(decorator) == "as_declarative" or (
                    isinstance(decorator, Method) and decorator.name in ("mapped", "as_declarative_base")
                ):
                    return f"{member.path}:{member.qualname}"
        # The base may come from a package that is not at hand.
        foreign = any(not isinstance(base, ClassValue) for member in members for base in member.bases)
        named = isinstance(members[0].names.get("__tablename__"), Known)
        if foreign and named and any(name_of(each.value) in _COLUMNS for each in self._fields(members) if each.value):
            return "a base of a library"
        return ""

    def _table(self, key: str) -> tuple[str, bool]:
        """The full name of a class's table, empty for none, and whether it is sure."""
        members = self._members[key]
        cls = members[0]
        if _known(cls.names.get("__abstract__")) is True:
            return "", True
        core = cls.names.get("__table__")
        if isinstance(core, Instance) and core.arguments.positional:
            name = _known(core.arguments.positional[0])
            return (name, True) if isinstance(name, str) else ("", True)
        if self._is_sqlmodel(members) and _known(cls.keywords.get("table")) is not True:
            return "", True
        if self._roots[key] == "db.Model":
            return self._flask_table(members)
        name, sure = self._written(members)
        if not name and self._is_sqlmodel(members):
            name = cls.node.name.lower()
        if not name:
            return "", True
        schema = self._schema(members)
        return (f"{schema}.{name}" if schema else name), sure

    def _flask_table(self, members: list[ClassValue]) -> tuple[str, bool]:
        """The table of a class of Flask-SQLAlchemy: one without a key of its own shares that of the model that it is built on."""
        parent = next((one for one in members[1:] if self._is_parent(one)), None)
        above = self._members[f"{parent.path}:{parent.qualname}"] if parent is not None else []
        own = [member for member in members if all(member is not one for one in above)]
        if not self._has_key(own):
            return self._table(f"{parent.path}:{parent.qualname}") if parent is not None else ("", True)
        name, sure = self._written(own)
        name = name or _WORD.sub(lambda match: f"_{match[0]}", members[0].node.name).lower()
        schema = self._schema(own)
        return (f"{schema}.{name}" if schema else name), sure

    def _is_parent(self, cls: ClassValue) -> bool:
        """Whether a base is a model with a table, not one that only gives columns."""
        members = self._members.get(f"{cls.path}:{cls.qualname}")
        return members is not None and _known(cls.names.get("__abstract__")) is not True and self._has_key(members)

    def _written(self, members: list[ClassValue]) -> tuple[str, bool]:
        """What ``__tablename__`` says of the class, and whether it says it plainly."""
        for member in members:
            value = member.names.get("__tablename__")
            known = _known(value)
            if isinstance(known, str):
                return known, True
            if isinstance(value, FunctionValue):
                result = _known(self._evaluation.call(value, Arguments([members[0]], {}), _place(member)))
                if isinstance(result, str) and result:
                    return result, False
                # most such functions put the class's name into snake case
                return _WORD.sub(lambda match: f"_{match[0]}", members[0].node.name).lower(), False
        return "", True

    def _schema(self, members: list[ClassValue]) -> str:
        for member in members:
            given = self._table_args(member, members[0])
            for bound in (given, *((items(given) or [])[-1:] if given is not None else ())):
                named = entries(bound).get("schema") if bound is not None else None
                schema = constant(named) if named is not None else None
                if isinstance(schema, str) and schema != "public":
                    return schema
        return ""

    def _table_args(self, member: ClassValue, cls: ClassValue) -> Bound | None:
        value = member.names.get("__table_args__")
        if isinstance(value, FunctionValue):
            value = self._evaluation.call(value, Arguments([cls], {}), _place(member))
        return bound_of(value, self._column_name) if isinstance(value, (Items, Entries)) else None

    def _column_name(self, value: Value) -> ir.Expression | None:
        """A column inside an index or constraint is its name."""
        found = self._columns.get(id(value))
        return ir.Constant(found[1]) if found is not None else None

    def _column_path(self, value: Value) -> ir.Expression | None:
        """A column that a foreign key names is `table.column`."""
        if isinstance(value, Instance) and name_of(value) == "ForeignKey" and value.arguments.positional:
            found = self._columns.get(id(value.arguments.positional[0]))
            if found is not None and found[0]:
                call = call_of(value)
                first = ir.Argument(ir.Constant(".".join(found)))
                return ir.Call(call.function, (first, *call.arguments[1:]), call.span, call.name_span)
        return None

    def _is_sqlmodel(self, members: list[ClassValue]) -> bool:
        return any(
            isinstance(base, External) and base.name.startswith("sqlmodel.")
            for member in members
            for base in member.bases
        )

    def _has_key(self, members: list[ClassValue]) -> bool:
        return any(
            name_of(each.value) in _COLUMNS and _known(each.value.arguments.keywords.get("primary_key")) is True
            for each in self._fields(members)
            if isinstance(each.value, Instance)
        )

    def _is_table(self, cls: ClassValue) -> bool:
        return bool(self._names.get(f"{cls.path}:{cls.qualname}", ("", True))[0])

    def _fields(self, members: list[ClassValue]) -> Iterator[_Field]:
        """The attributes of a class and of its bases, the nearest of each name."""
        seen = set()
        for member in members:
            for name in (*member.names, *(name for name in member.annotations if name not in member.names)):
                if name in seen or name.startswith("__"):
                    continue
                seen.add(name)
                yield _Field(name, member.names.get(name), member.annotations.get(name), member, members[0])

    def _model(self, key: str, members: list[ClassValue], table: str, sure: bool) -> Model:
        cls = members[0]
        parent = next((member for member in members[1:] if self._is_table(member)), None)
        inherited = set()
        if parent is not None:
            above = f"{parent.path}:{parent.qualname}"
            inherited = {id(member) for member in self._members[above]}
            named = "__tablename__" in cls.names or not self._written(members)[1] or self._roots[key] == "db.Model"
            if not named:
                table = self._names[above][0]
        own = [member for member in members if id(member) not in inherited]
        columns: list[ColumnRead] = []
        attributes: list[Attribute] = []
        for each in self._fields(own):
            column = self._column(each, cls)
            if column is not None:
                columns.append(column)
                attributes.append(Attribute(each.name, column.name))
        if parent is not None:
            above = f"{parent.path}:{parent.qualname}"
            attributes += [
                Attribute(each.name, column.name)
                for each in self._fields(self._members[above])
                if (column := self._column(each, parent)) is not None
            ]
        single = parent is not None and table == self._names[f"{parent.path}:{parent.qualname}"][0]
        rest: list[Operation] = []
        for member in own:
            given = self._table_args(member, cls)
            for bound in map(resolve, items(given) or ()):
                if isinstance(bound.value, ir.Call):
                    kind = last(called(bound.value, bound.names))
                    path = member.path if member is not cls else ""
                    made = constraint(kind, Given.of(bound.value, bound.names), table)
                    rest += [msgspec.structs.replace(operation, path=path) for operation in made]
            if given is not None:
                break
        place = _place(cls)
        operations = list(filled(table, columns, rest))
        if not single:
            operations.insert(0, Operation(OperationKind.CREATE_TABLE, cls.node.span, table))
        core = cls.names.get("__table__")
        if isinstance(core, Instance):
            operations = [*_moved(created(given_of(core, self._column_path)), core.place, cls.path)]
        return Model(
            label=key,
            name=cls.node.name,
            framework="sqlalchemy",
            table=table,
            place=place,
            group=self._roots[key],
            attributes=tuple(attributes),
            operations=tuple(operations),
            sure=sure,
            whole=self._is_whole(members),
        )

    def _is_whole(self, members: list[ClassValue]) -> bool:
        for member in members:
            for base in member.bases:
                if isinstance(base, External) and base.name.partition(".")[0] not in _BARE:
                    return False
                if not isinstance(base, (External, ClassValue, Method)) and name_of(base) not in _MAKERS:
                    return False
        return True

    # -- columns --------------------------------------------------------------------------------------------------

    def _column(self, each: _Field, cls: ClassValue) -> ColumnRead | None:
        """The column that an attribute declares; None for one that declares none."""
        value = _likely(each.value) if each.value is not None else None
        if isinstance(value, FunctionValue) and any(_is_declared(decorator) for decorator in value.decorators):
            each = replace(each, annotation=value.node.returns)
            value = self._evaluation.call(value, Arguments([cls], {}), _place(each.owner))
        while isinstance(value, Instance) and name_of(value) in _WRAPPERS and value.arguments.positional:
            value = value.arguments.positional[0]
        place = declared_at(each.owner, each.name, value)
        path = each.owner.path if each.owner.path != cls.path else ""
        if isinstance(value, Instance) and name_of(value) in _COLUMNS:
            read = column_in(given_of(value, self._column_path))
            explicit = "nullable" in value.arguments.keywords
            return self._annotated(replace(read, span=place, path=path), each, explicit)
        if each.annotation is None or (isinstance(value, Instance) and name_of(value) in _RELATIONS):
            return None
        if _subscripted(each.annotation) in ("Mapped", "MappedColumn"):
            return self._annotated(_empty(each.name, place, path), each, False) if value is None else None
        if self._is_sqlmodel([each.owner, *self._bases(each.owner)]):
            return self._field(each, value, place, path)
        return None

    def _bases(self, cls: ClassValue) -> list[ClassValue]:
        return [member for member in self._evaluation.ancestry(cls) if isinstance(member, ClassValue)]

    def _annotated(self, read: ColumnRead, each: _Field, explicit: bool) -> ColumnRead:
        """A column with what its annotation says of the name, the type and NULL."""
        read = replace(read, name=read.name or each.name)
        if each.annotation is None or not isinstance(each.annotation, ir.Subscript):
            return read
        kind, null, inner = self._typed(each.annotation.index, each)
        if inner is not None:
            base = column_in(given_of(inner, self._column_path))
            read = replace(
                read,
                type=read.type or base.type,
                primary_key=read.primary_key or base.primary_key,
                unique=read.unique or base.unique,
                indexed=read.indexed or base.indexed,
                references=read.references or base.references,
                default=read.default if read.default is not None else base.default,
                generated=read.generated or base.generated,
            )
        nullable = read.nullable if explicit else null and not read.primary_key
        return replace(read, type=read.type or kind, nullable=nullable)

    def _typed(self, written: ir.Expression, each: _Field, depth: int = 0) -> tuple[str, bool, Instance | None]:
        """What a type annotation says: the column's type, whether NULL is allowed, and a column that it carries along."""
        if depth > _MAX_DEPTH:
            return "", False, None
        if isinstance(written, ir.Constant):
            return "", written.value is None, None
        if isinstance(written, ir.Operation) and written.operator == "|":
            parts = [self._typed(part, each, depth + 1) for part in written.operands]
            kind = next((kind for kind, _, _ in parts if kind), "")
            return kind, any(null for _, null, _ in parts), next((one for *_, one in parts if one is not None), None)
        if isinstance(written, ir.Subscript):
            outer = _subscripted(written)
            inside = written.index.items if isinstance(written.index, ir.Sequence) else (written.index,)
            if outer in ("Optional", "Annotated", "Final") and inside:
                kind, null, carried = self._typed(inside[0], each, depth + 1)
                for extra in inside[1:] if outer == "Annotated" else ():
                    more = _likely(self._evaluation.evaluate(extra, each.owner.scope))
                    if isinstance(more, Instance) and name_of(more) in _COLUMNS:
                        carried = more
                return kind, null or outer == "Optional", carried
            if outer == "Union":
                parts = [self._typed(part, each, depth + 1) for part in inside]
                return next((k for k, *_ in parts if k), ""), any(null for _, null, _ in parts), None
            return self._mapped(outer, each.cls), False, None
        value = (
            self._evaluation.evaluate(written, each.owner.scope)
            if isinstance(written, (ir.Name, ir.Attribute))
            else None
        )
        if isinstance(value, Instance) and name_of(value) == "Annotated":
            # `key = Annotated[int, mapped_column(primary_key=True)]`
            parts_ = value.arguments.positional[0] if value.arguments.positional else None
            members = parts_.items if isinstance(parts_, Items) else []
            first = members[0] if members else None
            name = first.name.rpartition(".")[2] if isinstance(first, External) else ""
            along = (one for one in map(_likely, members) if isinstance(one, Instance) and name_of(one) in _COLUMNS)
            return self._mapped(name, each.cls), False, next(along, None)
        if isinstance(value, ClassValue):
            kind = self._mapped(value.node.name, each.cls)
            enum = any(
                isinstance(base, External) and base.name.startswith("enum.")
                for base in self._evaluation.ancestry(value)
            )
            return kind or (value.node.name.lower() if enum else ""), False, None
        name = (
            value.name.rpartition(".")[2]
            if isinstance(value, External)
            else written.id
            if isinstance(written, ir.Name)
            else ""
        )
        return self._mapped(name, each.cls), False, None

    def _mapped(self, name: str, cls: ClassValue) -> str:
        """The column's type for a type of Python: what the base's `type_annotation_map` says, else SQLAlchemy's default."""
        for member in self._bases(cls):
            for statement in member.node.body:
                if isinstance(statement, ir.Assign) and isinstance(statement.value, ir.Mapping):
                    if not any(isinstance(t, ir.Name) and t.id == "type_annotation_map" for t in statement.targets):
                        continue
                    for key, value in statement.value.items:
                        if key is not None and _last(key) == name:
                            made = self._evaluation.evaluate(value, member.scope)
                            return type_in(bound_of(made))
        return _PLAIN.get(name, "")

    def _field(self, each: _Field, value: Value | None, place: Span, path: str) -> ColumnRead | None:
        """A field of SQLModel."""
        annotation = each.annotation
        if annotation is None or _subscripted(annotation) in ("ClassVar", "list", "List", "set", "Sequence"):
            given = value.arguments.keywords if isinstance(value, Instance) else {}
            if "sa_column" not in given and "sa_type" not in given:
                return None
        kind, null, _ = self._typed(annotation, each) if annotation is not None else ("", True, None)
        read = replace(_empty(each.name, place, path), type=kind, nullable=null)
        if not isinstance(value, Instance) or name_of(value) != "Field":
            return read
        given = value.arguments.keywords
        inner = given.get("sa_column")
        if isinstance(inner, Instance):
            column = column_in(given_of(inner, self._column_path))
            return replace(column, name=column.name or each.name, span=place, path=path, type=column.type or kind)
        if "sa_type" in given:
            kind = type_in(Bound(expression(given["sa_type"]), Names()))
        size = _known(given.get("max_length"))
        if kind == "varchar" and isinstance(size, int):
            kind = f"varchar({size})"
        key = _known(given.get("primary_key")) is True
        explicit = _known(given.get("nullable"))
        target = _known(given.get("foreign_key"))
        references: tuple[tuple[str, tuple[str, ...], str, str], ...] = ()
        if isinstance(target, str) and "." in target:
            table, _, column_name = target.rpartition(".")
            references = ((table, (column_name,), "", str(_known(given.get("ondelete")) or "").lower()),)
        return replace(
            read,
            type=kind,
            nullable=explicit if isinstance(explicit, bool) else null and not key,
            primary_key=key,
            unique=_known(given.get("unique")) is True,
            indexed=_known(given.get("index")) is True,
            references=references,
        )

    # -- tables of the core ---------------------------------------------------------------------------------------

    def tables(self) -> Iterator[Model]:
        """Tables that modules declare without a class: `Table("name", metadata, Column(...))`."""
        taken = {
            id(core)
            for members in self._members.values()
            if isinstance(core := members[0].names.get("__table__"), Instance)
        }
        for event in self._evaluation.events:
            made = event.result
            if event.name.rpartition(".")[2] != "Table" or made is None or id(made) in taken or ":" in event.owner:
                continue
            if not _of_sqlalchemy(made) or not any(name_of(one) == "Column" for one in event.arguments.positional):
                continue
            given = given_of(made, self._column_path)
            operations = tuple(created(given))
            if operations and operations[0].table:
                names = [operation.columns[0] for operation in operations if operation.kind is OperationKind.ADD_COLUMN]
                yield Model(
                    label=f"{event.place.path}:{operations[0].table}",
                    name="",
                    framework="sqlalchemy",
                    table=operations[0].table,
                    place=event.place,
                    group=_metadata(event.arguments.positional),
                    attributes=tuple(Attribute(name, name) for name in names),
                    operations=operations,
                )


def _likely(value: Value) -> Value:
    """A value, or the likeliest of those that a condition chooses from: `mapped_column(...) if ... else mapped_column(...)`."""
    return value.values[0] if isinstance(value, Choice) else value


def _of_sqlalchemy(made: Instance) -> bool:
    name = made.cls.name if isinstance(made.cls, External) else ""
    return name.startswith("sqlalchemy.") or name.endswith("SQLAlchemy.Table()")


def _metadata(arguments: list[Value]) -> str:
    """What a table of the core belongs to, as far as it is told."""
    owner = arguments[1] if len(arguments) > 1 else None
    if isinstance(owner, Method) and isinstance(owner.receiver, ClassValue):
        return f"{owner.receiver.path}:{owner.receiver.qualname}"
    return "db.Model" if isinstance(owner, Method) else "a table of the core"


def _moved(operations: Iterator[Operation], place: Place | None, path: str) -> Iterator[Operation]:
    for operation in operations:
        elsewhere = place is not None and place.path != path and not operation.path
        yield msgspec.structs.replace(operation, path=place.path) if elsewhere and place is not None else operation


def _is_declared(decorator: Value) -> bool:
    if isinstance(decorator, External):
        return "declared_attr" in decorator.name
    return isinstance(decorator, Method) and decorator.name in ("declared_attr", "directive")


def _empty(name: str, span: Span, path: str) -> ColumnRead:
    return ColumnRead(name, span, "", True, False, None, "", True, False, False, (), (), path)


def _known(value: Value | None) -> str | int | float | bool | None:
    return value.value if isinstance(value, Known) else None


def _place(cls: ClassValue) -> Place:
    return Place(cls.path, cls.node.span)


def _last(written: ir.Expression) -> str:
    if isinstance(written, ir.Attribute):
        return written.name
    return written.id if isinstance(written, ir.Name) else ""


def _subscripted(annotation: ir.Expression) -> str:
    """`Mapped` of `Mapped[int]`; empty for anything else."""
    return _last(annotation.value) if isinstance(annotation, ir.Subscript) else ""


__all__ = ["read_models"]
