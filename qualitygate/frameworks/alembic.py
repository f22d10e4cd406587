"""In: the neutral program of an Alembic revision. Out: its place in the history and the operations of its way up.

What each step does is what Alembic 1.20 and SQLAlchemy 2.1 send to PostgreSQL: one ALTER for each change of a column, a
foreign key of an added column as a constraint of its own, ``index=True`` as a plain CREATE INDEX. The file is followed,
not run: loops over displays are unrolled, functions of the file entered, both branches of an open condition read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from qualitygate.frameworks.literals import (
    HOLE,
    Bound,
    Given,
    Names,
    arguments,
    bindings,
    called,
    constant,
    dotted,
    items,
    last,
    resolve,
    text,
    texts,
    unpacked,
)
from qualitygate.frameworks.row_changes import of_expression
from qualitygate.frameworks.sql_migrations import NONE, WRAPPED, Tool
from qualitygate.frameworks.sqlalchemy_schema import (
    check,
    column_in,
    created,
    default_in,
    index_in,
    pair_name,
    qualified,
    serial_key,
    shortened,
    strings_in,
    table_in,
    type_in,
)
from qualitygate.model.schema import Operation, OperationKind, Revision, Statement
from qualitygate.model.source import Span
from qualitygate.model.syntax import (
    Assign,
    Attribute,
    Call,
    Comprehension,
    Constant,
    Evaluate,
    Expression,
    For,
    Function,
    If,
    Import,
    Module,
    Name,
    Raise,
    Return,
    Try,
    With,
    expressions,
    statements,
    subexpressions,
)
from qualitygate.model.syntax import Operation as Formula
from qualitygate.model.syntax import Statement as Code

Kind = OperationKind
ALEMBIC = Tool(
    "alembic",
    WRAPPED,
    "put it in a revision of its own, inside `with op.get_context().autocommit_block():`",
)
ReadSql = Callable[[str, Span, Collection[str]], "tuple[tuple[Operation, ...], bool]"]
"""Reads SQL text that stands at a span, after some values were added to enumerations: what it does, and whether all of
it was understood."""

_MAX_OPERATIONS = 20_000
_MAX_DEPTH = 8
_MAX_REPEATS = 300


@dataclass(frozen=True)
class Read:
    """What a revision says: where it stands, what it does, and the lines that were not understood, with the reason."""

    revision: Revision
    statements: tuple[Statement, ...]
    lost: tuple[tuple[int, str], ...]
    total: int


def is_revision(module: Module) -> bool:
    """Whether the file is a revision: it names itself and the one before it."""
    given = {
        target.id
        for statement in module.body
        if isinstance(statement, Assign)
        for target in statement.targets
        if isinstance(target, Name)
    }
    return {"revision", "down_revision"} <= given


def read_revision(module: Module, sql: ReadSql) -> Read:
    """Read one revision; ``sql`` reads the texts that it executes."""
    names = Names.of(module.body)
    walk = _Walk(names, sql)
    upgrade = names.functions.get("upgrade")
    if upgrade is not None:
        walk.block(statements(upgrade), names, conditional=False, depth=0)
    return Read(_revision(module, names), tuple(walk.found), tuple(walk.lost), walk.total)


def transaction_of(environment: Module | None) -> str:
    """How ``env.py`` runs a revision: in a transaction, unless it speaks of autocommit."""
    if environment is None:
        return WRAPPED
    waiting: list[Code] = list(environment.body)
    for statement in waiting:
        if isinstance(statement, Function):
            waiting += statements(statement)
    for expression in expressions(tuple(waiting)):
        for inner in subexpressions(expression):
            if isinstance(inner, Constant) and inner.value == "AUTOCOMMIT":
                return NONE
            if isinstance(inner, Call) and any(
                argument.name == "transactional_ddl"
                and isinstance(argument.value, Constant)
                and argument.value.value is False
                for argument in inner.arguments
            ):
                return NONE
    return WRAPPED


def _revision(module: Module, names: Names) -> Revision:
    def several(name: str) -> tuple[str, ...]:
        bound = names.find(name)
        if bound is None:
            return ()
        one = text(bound)
        return (one,) if one else texts(bound) or ()

    place = next(
        statement.span
        for statement in module.body
        if isinstance(statement, Assign)
        and any(isinstance(target, Name) and target.id == "revision" for target in statement.targets)
    )
    downgrade = names.functions.get("downgrade")
    return Revision(
        id=text(names.find("revision")) or "",
        span=place,
        parents=several("down_revision"),
        depends_on=several("depends_on"),
        labels=several("branch_labels"),
        reversible=downgrade is not None and _does_something(statements(downgrade)),
    )


def _does_something(body: Iterable[Code]) -> bool:
    return any(
        not isinstance(statement, (Raise, Import))
        and not (isinstance(statement, Return) and statement.value is None)
        and not (isinstance(statement, Evaluate) and not isinstance(statement.value, (Call, Comprehension)))
        for statement in body
    )


# The databases that a condition may speak of. Where nothing else tells, a revision is read as PostgreSQL runs it.
_DATABASES = {
    "postgres": True, "postgresql": True, "mysql": False, "mariadb": False, "sqlite": False, "mssql": False,
    "oracle": False, "cockroachdb": False,
}  # fmt: skip
_DIALECT_CLASS = re.compile(r"(?i)^(?:.*\.)?(postgres|postgresql|mysql|mariadb|sqlite|mssql|oracle)\.?(?:dialect)?$")


def _decided(test: Expression, names: Names) -> bool | None:
    """What a condition comes to on PostgreSQL; None where the file does not tell."""
    value = resolve(Bound(test, names)).value
    if isinstance(value, Constant):
        return bool(value.value)
    if isinstance(value, Formula):
        if value.operator == "not":
            inner = _decided(value.operands[0], names)
            return None if inner is None else not inner
        if value.operator in ("and", "or"):
            known = [_decided(operand, names) for operand in value.operands]
            if value.operator == "and":
                return False if False in known else True if None not in known else None
            return True if True in known else False if None not in known else None
        if value.operator in ("==", "!=", "is", "is not", "in", "not in") and len(value.operands) == 2:
            return _compared(value, names)
    if isinstance(value, Call):
        method = value.function.name if isinstance(value.function, Attribute) else last(dotted(value.function, names))
        if method == "startswith" and value.arguments:
            return _database(Bound(value.arguments[0].value, names))
        if method == "isinstance" and len(value.arguments) == 2:
            match = _DIALECT_CLASS.match(dotted(value.arguments[1].value, names))
            return _DATABASES[match[1].lower()] if match else None
        if method == "is_offline_mode":
            return False
    return None


def _compared(test: Formula, names: Names) -> bool | None:
    first, second = (Bound(operand, names) for operand in test.operands)
    negative = test.operator in ("!=", "is not", "not in")
    for one, other in ((first, second), (second, first)):
        value = constant(other)
        if isinstance(value, bool):
            inner = _decided(one.value, names)
            return None if inner is None else (inner is value) is not negative
    members = texts(second)
    if members:
        known = [_DATABASES.get(member) for member in members]
        answer = None if None in known else any(known)
    else:
        answer = _database(first) if _database(first) is not None else _database(second)
    return None if answer is None else answer is not negative


def _database(bound: Bound) -> bool | None:
    value = constant(bound)
    return _DATABASES.get(value.partition("+")[0].rstrip(":/")) if isinstance(value, str) else None


@dataclass(frozen=True)
class _Batch:
    """What ``with op.batch_alter_table(...) as batch`` binds."""

    table: str


class _Walk:
    """Goes through the way up and gathers what it does, in order."""

    def __init__(self, names: Names, sql: ReadSql) -> None:
        self.top = names
        self.sql = sql
        self.found: list[Statement] = []
        self.lost: list[tuple[int, str]] = []
        self.total = 0
        self.batches: dict[str, _Batch] = {}
        self.values: set[str] = set()

    # -- statements -----------------------------------------------------------------------------------------------

    def block(self, body: Iterable[Code], names: Names, *, conditional: bool, depth: int) -> Names:
        """Follow statements; the names after them."""
        for statement in body:
            if len(self.found) > _MAX_OPERATIONS or not names.steps.take():
                return names
            if isinstance(statement, Evaluate):
                self.expression(statement.value, names, conditional, depth)
            elif isinstance(statement, Assign):
                if statement.value is not None:
                    self.expression(statement.value, names, conditional, depth)
                names = names.inner(bindings(statement, names))
            elif isinstance(statement, Return):
                if statement.value is not None:
                    self.expression(statement.value, names, conditional, depth)
                return names
            elif isinstance(statement, If):
                decided = _decided(statement.test, names)
                ends = False
                for taken, branch in ((True, statement.body), (False, statement.orelse)):
                    if decided is None or decided is taken:
                        names = self.block(branch, names, conditional=conditional or decided is None, depth=depth)
                        ends = ends or (bool(branch) and isinstance(branch[-1], (Return, Raise)))
                if ends and decided is not None:
                    return names
                conditional = conditional or ends
            elif isinstance(statement, For):
                self.loop(statement.target, Bound(statement.iterable, names), statement.body, names, conditional, depth)
            elif isinstance(statement, With):
                names = self.managed(statement, names, conditional, depth)
            elif isinstance(statement, Try):
                names = self.block(statement.body, names, conditional=conditional, depth=depth)
                names = self.block(statement.orelse, names, conditional=conditional, depth=depth)
                names = self.block(statement.final, names, conditional=conditional, depth=depth)
        return names

    def loop(
        self, target: Expression, iterable: Bound, body: Iterable[Code], names: Names, conditional: bool, depth: int
    ) -> None:
        members = items(iterable)
        if members is None or len(members) > _MAX_REPEATS:
            self.block(body, names.inner(unpacked(target, None)), conditional=True, depth=depth)
            return
        for member in members:
            if not names.steps.take():
                return
            self.block(body, names.inner(_taken(target, member)), conditional=conditional, depth=depth)

    def managed(self, statement: With, names: Names, conditional: bool, depth: int) -> Names:
        """A ``with`` block: of a batch, or one outside the transaction."""
        outside: Call | None = None
        for expression, target in statement.items:
            if not isinstance(expression, Call):
                continue
            method = last(dotted(expression.function, names)) or (
                expression.function.name if isinstance(expression.function, Attribute) else ""
            )
            if method == "batch_alter_table" and isinstance(target, Name):
                given = Given.of(expression, names)
                self.batches[target.id] = _Batch(qualified(given.text("table_name", 0), given.text("schema", 1)))
                names = names.inner({target.id: None})
            elif method == "autocommit_block":
                outside = expression
            elif target is not None:
                names = names.inner(unpacked(target, None))
        if outside is not None:
            self.add(outside.name_span, [Operation(Kind.COMMIT, outside.name_span)], conditional=False)
        names = self.block(statement.body, names, conditional=conditional, depth=depth)
        if outside is not None:
            self.add(outside.name_span, [Operation(Kind.BEGIN, outside.name_span)], conditional=False)
        return names

    # -- calls ----------------------------------------------------------------------------------------------------

    def expression(self, expression: Expression, names: Names, conditional: bool, depth: int) -> None:
        if isinstance(expression, Comprehension) and len(expression.generators) == 1:
            generator = expression.generators[0]
            body = (Evaluate(expression.element, expression.span),)
            maybe = conditional or bool(generator.conditions)
            self.loop(generator.target, Bound(generator.iterable, names), body, names, maybe, depth)
            return
        for inner in reversed([each for each in subexpressions(expression) if isinstance(each, Call)]):
            self.call(inner, names, conditional, depth)

    def call(self, call: Call, names: Names, conditional: bool, depth: int) -> None:
        function = call.function
        if isinstance(function, Name) and function.id in self.top.functions:
            if depth < _MAX_DEPTH:
                entered = self.top.functions[function.id]
                inner = self.top.inner(arguments(entered, call, names))
                self.block(statements(entered), inner, conditional=conditional, depth=depth + 1)
            return
        batch: _Batch | None = None
        if isinstance(function, Attribute) and isinstance(function.value, Name):
            batch = self.batches.get(function.value.id)
        path = dotted(function, names)
        if batch is None and not path.startswith("alembic.op."):
            if isinstance(function, Attribute) and function.name in ("execute", "exec_driver_sql"):
                self.executed(call, names, conditional, surely=False)
            return
        method = function.name if isinstance(function, Attribute) else last(path)
        if method == "execute":
            self.executed(call, names, conditional, surely=True)
            return
        step = _STEPS.get(method)
        if step is None:
            return
        self.total += 1
        given = Given.of(call, names)
        if batch is not None:
            given = _unbatched(method, given, batch)
        operations = list(step(given))
        # A table or a column whose name the file does not tell
        if any(HOLE in f"{each.table}\0{each.name}" or "" in (each.table, *_plain(each)) for each in operations):
            self.lost.append((call.span.line, f"a name in op.{method}() is not told by this file"))
            return
        self.add(call.name_span, operations, conditional=conditional)

    def executed(self, call: Call, names: Names, conditional: bool, *, surely: bool) -> None:
        given = Given.of(call, names)
        bound = given.get("sqltext", 0)
        known = text(bound)
        if known is None:
            changed = of_expression(bound, call.name_span) if bound is not None else None
            if changed is not None:
                self.add(call.name_span, (changed,), conditional=conditional)
            # an expression of SQLAlchemy (`table.insert().values(...)`) changes rows, not the schema
            elif surely and not isinstance(resolve(bound).value if bound is not None else None, Call):
                self.total += 1
                self.lost.append((call.span.line, "the SQL of op.execute() is not told by this file"))
            return
        self.total += 1
        operations, understood = self.sql(known, call.name_span, self.values)
        self.values.update(each.to for each in operations if each.kind is Kind.ADD_VALUE)
        if not understood:
            self.lost.append((call.span.line, "statement not understood"))
        self.add(call.name_span, operations, conditional=conditional)

    def add(self, span: Span, operations: Iterable[Operation], *, conditional: bool) -> None:
        kept = tuple(
            msgspec.structs.replace(each, conditional=True) if conditional else each
            for each in operations
            if HOLE not in each.table
        )
        if kept:
            self.found.append(Statement(span, kept))


def _taken(target: Expression, member: Bound) -> dict[str, Bound | None]:
    if isinstance(target, Name):
        return {target.id: member}
    return unpacked(target, items(member))


def _plain(operation: Operation) -> tuple[str, ...]:
    """The columns that must have a name."""
    return operation.columns if operation.kind in _OF_COLUMNS else ()


_OF_COLUMNS = frozenset(
    {
        Kind.ADD_COLUMN,
        Kind.DROP_COLUMN,
        Kind.RENAME_COLUMN,
        Kind.SET_TYPE,
        Kind.SET_NOT_NULL,
        Kind.DROP_NOT_NULL,
        Kind.SET_DEFAULT,
        Kind.DROP_DEFAULT,
        Kind.ADD_FOREIGN_KEY,
        Kind.ADD_UNIQUE,
        Kind.ADD_PRIMARY_KEY,
    }
)


# Where the table stands among the places of a step of `op`; a batch leaves it out.
_TABLE_AT = {
    "add_column": 0,
    "drop_column": 0,
    "alter_column": 0,
    "create_index": 1,
    "drop_index": 1,
    "create_foreign_key": 1,
    "create_unique_constraint": 1,
    "create_primary_key": 1,
    "create_check_constraint": 1,
    "create_exclude_constraint": 1,
    "drop_constraint": 1,
}


def _unbatched(method: str, given: Given, batch: _Batch) -> Given:
    """The arguments as the same step of ``op`` takes them."""
    place = _TABLE_AT.get(method)
    if place is None:
        return given
    table = Bound(Constant(batch.table), given.names)
    places = [*given.places]
    # `batch.alter_column(column_name="x")`: what is named stays named
    while len(places) < place:
        name = "constraint_name" if "constraint_name" in given.named else "index_name"
        places.append(given.named.get(name, Bound(Constant(None), given.names)))
    return Given(given.call, given.names, (*places[:place], table, *places[place:]), given.named)


# -- steps --------------------------------------------------------------------------------------------------------


def _add_column(given: Given) -> Iterator[Operation]:
    table = table_in(given, "table_name", 0)
    bound = given.get("column", 1)
    bound = resolve(bound) if bound is not None else None
    if bound is None or not isinstance(bound.value, Call) or last(called(bound.value, bound.names)) != "Column":
        yield Operation(Kind.ADD_COLUMN, given.call.name_span, table, columns=("",))
        return
    column = column_in(Given.of(bound.value, bound.names))
    span = given.call.name_span
    numbered = column.primary_key and bool(serial_key([column]))
    yield msgspec.structs.replace(
        column.operation(table, serial=numbered), span=span, guarded=given.true("if_not_exists")
    )
    written = given.true("inline_references")
    for each in (*column.constraints(table), *column.indexes(table)):
        inline = written and each.kind is Kind.ADD_FOREIGN_KEY
        yield msgspec.structs.replace(each, span=span, inline=inline)


def _drop_column(given: Given) -> Iterator[Operation]:
    columns = (given.text("column_name", 1),)
    guarded = given.true("if_exists")
    yield Operation(
        Kind.DROP_COLUMN, given.call.name_span, table_in(given, "table_name", 0), columns=columns, guarded=guarded
    )


def _alter_column(given: Given) -> Iterator[Operation]:
    span = given.call.name_span
    shared: dict[str, Any] = {"table": table_in(given, "table_name", 0), "columns": (given.text("column_name", 1),)}
    nullable = constant(given.named.get("nullable"))
    if isinstance(nullable, bool):
        yield Operation(Kind.DROP_NOT_NULL if nullable else Kind.SET_NOT_NULL, span, **shared)
    default = given.named.get("server_default")
    if default is not None and constant(default) is not False:
        written = default_in(default)
        if written is None:
            yield Operation(Kind.DROP_DEFAULT, span, **shared)
        elif last(called(resolve(default).value, resolve(default).names)) not in ("Computed", "Identity"):
            yield Operation(Kind.SET_DEFAULT, span, default=written, **shared)
    kind = given.named.get("type_")
    if kind is not None:
        existing = given.named.get("existing_type")
        was = type_in(existing) if existing is not None else ""
        yield Operation(
            Kind.SET_TYPE, span, type=type_in(kind), was=was, using=given.text("postgresql_using"), **shared
        )
    renamed = given.text("new_column_name") or given.text("name")
    if renamed:
        yield Operation(Kind.RENAME_COLUMN, span, to=renamed, **shared)


def _create_index(given: Given) -> Iterator[Operation]:
    table = table_in(given, "table_name", 1)
    yield index_in(given, given.text("index_name", 0), table, items(given.get("columns", 2)) or [])


def _drop_index(given: Given) -> Iterator[Operation]:
    yield Operation(
        Kind.DROP_INDEX,
        given.call.name_span,
        table_in(given, "table_name", 1),
        shortened(given.text("index_name", 0)),
        guarded=given.true("if_exists"),
        concurrently=given.true("postgresql_concurrently"),
    )


def _drop_table(given: Given) -> Iterator[Operation]:
    guarded = given.true("if_exists")
    yield Operation(Kind.DROP_TABLE, given.call.name_span, table_in(given, "table_name", 0), guarded=guarded)


def _rename_table(given: Given) -> Iterator[Operation]:
    to = given.text("new_table_name", 1)
    yield Operation(Kind.RENAME_TABLE, given.call.name_span, table_in(given, "old_table_name", 0), to=to)


def _create_foreign_key(given: Given) -> Iterator[Operation]:
    yield Operation(
        Kind.ADD_FOREIGN_KEY,
        given.call.name_span,
        qualified(given.text("source_table", 1), given.text("source_schema")),
        given.text("constraint_name", 0),
        columns=texts(given.get("local_cols", 3)) or ("",),
        references=qualified(given.text("referent_table", 2), given.text("referent_schema")),
        references_columns=texts(given.get("remote_cols", 4)) or (),
        on_delete=given.text("ondelete").lower(),
        valid=not given.true("postgresql_not_valid"),
    )


def _create_unique(given: Given) -> Iterator[Operation]:
    yield Operation(
        Kind.ADD_UNIQUE,
        given.call.name_span,
        table_in(given, "table_name", 1),
        given.text("constraint_name", 0),
        columns=texts(given.get("columns", 2)) or ("",),
        unique=True,
    )


def _create_primary_key(given: Given) -> Iterator[Operation]:
    yield Operation(
        Kind.ADD_PRIMARY_KEY,
        given.call.name_span,
        table_in(given, "table_name", 1),
        given.text("constraint_name", 0),
        columns=texts(given.get("columns", 2)) or ("",),
    )


def _create_check(given: Given) -> Iterator[Operation]:
    condition = given.get("condition", 2)
    expression = text(condition) or (strings_in(condition) if condition is not None else "")
    shared = {"table": table_in(given, "table_name", 1), "name": given.text("constraint_name", 0)}
    yield check(given.call.name_span, expression, given, shared)


def _create_exclude(given: Given) -> Iterator[Operation]:
    yield Operation(
        Kind.ADD_EXCLUSION,
        given.call.name_span,
        table_in(given, "table_name", 1),
        given.text("constraint_name", 0),
        columns=tuple(pair_name(place) for place in given.places[2:]),
        using=given.text("using") or "gist",
    )


def _drop_constraint(given: Given) -> Iterator[Operation]:
    kind = given.text("type_", 2)
    name = given.text("constraint_name", 0)
    if name or kind == "primary":
        yield Operation(
            Kind.DROP_CONSTRAINT,
            given.call.name_span,
            table_in(given, "table_name", 1),
            name,
            using="primary key" if kind == "primary" else "",
            guarded=given.true("if_exists"),
        )


_STEPS: Mapping[str, Callable[[Given], Iterator[Operation]]] = {
    "create_table": created,
    "drop_table": _drop_table,
    "rename_table": _rename_table,
    "add_column": _add_column,
    "drop_column": _drop_column,
    "alter_column": _alter_column,
    "create_index": _create_index,
    "drop_index": _drop_index,
    "create_foreign_key": _create_foreign_key,
    "create_unique_constraint": _create_unique,
    "create_primary_key": _create_primary_key,
    "create_check_constraint": _create_check,
    "create_exclude_constraint": _create_exclude,
    "drop_constraint": _drop_constraint,
}
SCHEMA_STEPS = frozenset(_STEPS)
"""The methods of `op` whose whole effect is read as operations."""


# -- the history --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """Revisions that belong together, by path, in the order of their application; ``directory`` holds them."""

    directory: str
    paths: tuple[str, ...]


def arrange_revisions(revisions: Mapping[str, Revision]) -> tuple[Chain, ...]:
    """The independent histories among the revisions of a tree, by path: one for each directory, joined where one
    directory's revisions follow another's. Parents come first; ties are broken by path.

    A directory of revisions inside another one, which nothing leads to, is left out: Alembic does not look there.
    """
    directories = {path.rpartition("/")[0] for path in revisions}
    leader = {directory: directory for directory in directories}

    def head(directory: str) -> str:
        while leader[directory] != directory:
            directory = leader[directory]
        return directory

    by_id: dict[str, list[str]] = {}
    for path in sorted(revisions):
        by_id.setdefault(revisions[path].id, []).append(path)
    parents: dict[str, list[str]] = {}
    for path in sorted(revisions):
        own = path.rpartition("/")[0]
        found = []
        for parent in (*revisions[path].parents, *revisions[path].depends_on):
            named = by_id.get(parent) or [
                paths[0] for known, paths in by_id.items() if len(parent) >= 4 and known.startswith(parent)
            ]
            # the same id in another directory belongs to another history
            near = next((each for each in named if each.rpartition("/")[0] == own), named[0] if named else None)
            if near is not None:
                found.append(near)
                leader[head(near.rpartition("/")[0])] = head(own)
        parents[path] = found
    groups: dict[str, list[str]] = {}
    for path in sorted(revisions):
        groups.setdefault(head(path.rpartition("/")[0]), []).append(path)
    for leading in list(groups):
        outer = {head(each) for each in directories if leading.startswith(f"{each}/")}
        if outer - {leading}:
            del groups[leading]
    return tuple(
        Chain(min(path.rpartition("/")[0] for path in paths), ordered(paths, parents)) for paths in groups.values()
    )


def ordered(paths: Iterable[str], parents: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """``paths`` so that each comes after its parents; a cycle is broken at its first path."""
    done: dict[str, None] = {}
    wanted = set(paths)
    for start in sorted(wanted):
        waiting = [(start, False)]
        open_ = set()
        while waiting:
            path, ready = waiting.pop()
            if path in done:
                continue
            if ready:
                done[path] = None
                continue
            if path in open_:
                continue
            open_.add(path)
            waiting.append((path, True))
            waiting += [(parent, False) for parent in reversed(list(parents.get(path, ()))) if parent in wanted]
    return tuple(done)


__all__ = ["ALEMBIC", "Chain", "Read", "arrange_revisions", "is_revision", "ordered", "read_revision", "transaction_of"]
