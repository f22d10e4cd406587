"""In: a migration as it met the schema. Out: for each of its changes the lock that PostgreSQL takes, and what it does meanwhile.

The table of locks is PostgreSQL's documentation of ALTER TABLE and of explicit locking; what is read, built or written anew
was measured on PostgreSQL 15. `benchmarks/locks.py` measures all of it again and compares.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from qualitygate.authoring import APPLICATION, Project
from qualitygate.model.schema import Change, Column, History, Migration, Operation, OperationKind, Table
from qualitygate_checks.database._migrations import POSTGRES, SHARED, steps
from qualitygate_checks.database._types import change as change_of_type

Kind = OperationKind


class Lock(str, Enum):
    """The lock modes that a change of the schema takes on a table, the strongest first."""

    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"

    @property
    def stops(self) -> str:
        """Who has to wait."""
        return {
            "ACCESS EXCLUSIVE": "reads and writes wait",
            "SHARE ROW EXCLUSIVE": "writes wait",
            "SHARE": "writes wait",
        }.get(self.value, "nobody who reads or writes waits")

    @property
    def blocks(self) -> bool:
        """Whether writers have to wait."""
        return self in (Lock.ACCESS_EXCLUSIVE, Lock.SHARE_ROW_EXCLUSIVE, Lock.SHARE)


class Cost(str, Enum):
    """For how long in kind the lock is held."""

    FREE = "free"
    SCAN = "scan"
    BUILD = "build"
    REWRITE = "rewrite"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Effect:
    """What one change does to a table that was there before its migration.

    ``reason`` says what makes it cost what it costs; ``also`` are further tables that it locks.
    """

    change: Change
    table: str
    lock: Lock
    cost: Cost = Cost.FREE
    reason: str = ""
    also: tuple[tuple[str, Lock], ...] = ()


TIMEOUTS = ("lock_timeout", "statement_timeout")
# Release notes: since 11 a constant default is kept beside the table, since 12 SET NOT NULL believes a valid check.
_KEEPS_DEFAULTS = 11
_BELIEVES_CHECKS = 12
AE, SRE, SUE = Lock.ACCESS_EXCLUSIVE, Lock.SHARE_ROW_EXCLUSIVE, Lock.SHARE_UPDATE_EXCLUSIVE
# Changes of the definition alone, whatever the table holds.
_BRIEF = frozenset(
    {
        Kind.DROP_TABLE,
        Kind.RENAME_TABLE,
        Kind.MOVE_TABLE,
        Kind.DROP_COLUMN,
        Kind.RENAME_COLUMN,
        Kind.DROP_NOT_NULL,
        Kind.SET_DEFAULT,
        Kind.DROP_DEFAULT,
        Kind.RENAME_CONSTRAINT,
        Kind.TRUNCATE,
    }
)
# The other actions of ALTER TABLE, by their first words; what is not here takes the strongest lock for a moment.
_ACTIONS: Mapping[str, tuple[Lock, Cost]] = {
    "set (": (SUE, Cost.FREE),
    "reset (": (SUE, Cost.FREE),
    "set statistics": (SUE, Cost.FREE),
    "cluster on": (SUE, Cost.FREE),
    "set without": (SUE, Cost.FREE),
    "enable trigger": (SRE, Cost.FREE),
    "disable trigger": (SRE, Cost.FREE),
    "set logged": (AE, Cost.REWRITE),
    "set unlogged": (AE, Cost.REWRITE),
    "set access": (AE, Cost.REWRITE),
    "set tablespace": (AE, Cost.REWRITE),
    "add generated": (AE, Cost.FREE),
}
# pg_proc.provolatile = 'v' among the functions that return a value and take at most two arguments, PostgreSQL 15 to 18,
# and those of uuid-ossp and pgcrypto.
_VOLATILE = re.compile(
    r"\b(clock_timestamp|timeofday|random|random_normal|gen_random_uuid|uuidv4|uuidv7|nextval|setval|lastval|currval"
    r"|txid_status|uuid_generate_v1|uuid_generate_v1mc|uuid_generate_v4|gen_random_bytes|gen_salt)\s*\(",
    re.IGNORECASE,
)
_STRING = re.compile(r"'[^']*'")
_GENERATED = {
    "serial": "the next number of a sequence",
    "identity": "the next number of its identity",
    "stored": "its stored expression",
}


Judged = tuple[History, Migration, list[Effect]]
"""A migration that is to be judged, with its history and what each of its changes locks."""


@dataclass(frozen=True)
class Options:
    """``postgres``: the major version of the server; 0 for the oldest that images in compose and CI files name, else 16."""

    postgres: int = 0


NEWEST_KNOWN = 16


def version(project: Project, options: Options) -> int:
    """The major version of PostgreSQL that migrations are judged for."""
    named = [
        int(setting.value)
        for file in project.files
        if file.role in APPLICATION
        for setting in file.settings
        if setting.key == "image.postgres"
    ]
    return options.postgres or min(named, default=NEWEST_KNOWN)


def judged(
    project: Project,
    dialects: Container[str] = POSTGRES,
    kinds: Container[OperationKind] = frozenset(OperationKind),
    postgres: int = NEWEST_KNOWN,
) -> Iterator[Judged]:
    """Every migration that is to be judged and that holds a change of one of ``kinds``, with what each of its changes locks.

    What they lock holds of PostgreSQL alone.
    """
    found = project.once(_newest) if postgres >= _BELIEVES_CHECKS else _worked_out(project, postgres)
    for history, migration, located in found:
        if history.dialect in dialects and any(change.operation.kind in kinds for change in migration.changes):
            yield history, migration, located


def _newest(project: Project) -> tuple[Judged, ...]:
    """What all changes lock on a server whose version makes no difference."""
    return _worked_out(project, NEWEST_KNOWN)


def _worked_out(project: Project, postgres: int) -> tuple[Judged, ...]:
    found = []
    last: History | None = None
    domains: frozenset[str] = frozenset()
    for history, migration in steps(project, SHARED):
        if history is not last:
            last, domains = history, checked_domains(history)
        found.append((history, migration, list(effects(migration, domains, postgres))))
    return tuple(found)


def effects(migration: Migration, domains: frozenset[str], postgres: int = NEWEST_KNOWN) -> Iterator[Effect]:
    """What each change of a migration locks, in order.

    ``domains`` are the types that carry a condition, ``postgres`` is the server's major version.

    Tables that the migration itself makes, or drops in the end, are nobody's to wait for, and left out. So is what does
    nothing (IF NOT EXISTS on what exists).
    """
    dropped = {
        change.before.full_name if change.before is not None else change.operation.table
        for change in migration.changes
        if change.operation.kind is Kind.DROP_TABLE
    }
    walk = _Walk(domains, postgres)
    for change in migration.changes:
        effect = walk.effect(change) if change.effective else None
        if effect is not None and (effect.table not in dropped or change.operation.kind is Kind.DROP_TABLE):
            yield effect
        walk.note(change)


def located(
    project: Project, *kinds: OperationKind, dialects: Container[str] = POSTGRES, postgres: int = NEWEST_KNOWN
) -> Iterator[tuple[History, Migration, Effect]]:
    """The effects of changes of these kinds, as :func:`judged` gives them."""
    for history, migration, found in judged(project, dialects, kinds, postgres):
        for effect in found:
            if effect.change.operation.kind in kinds:
                yield history, migration, effect


def told(effect: Effect) -> str:
    """Which lock on which table, who waits, and for how long in kind."""
    lock = f"{'an' if effect.lock.value[0] == 'A' else 'a'} {effect.lock.value} lock on {effect.table}"
    also = "".join(f", and {mode.value} on {other}" for other, mode in effect.also)
    if effect.cost in (Cost.FREE, Cost.UNKNOWN):
        return (
            f"{lock}{also}: short once it is granted, but it waits for every transaction that uses the table, and meanwhile "
            f"all new {effect.lock.stops.removesuffix(' wait')} queue behind it"
        )
    return f"{effect.reason} under {lock}{also}, and {effect.lock.stops} until it is done"


def limited(migration: Migration, change: Change) -> bool:
    """Whether the migration has set, before this change, how long a statement may wait for a lock."""
    found = False
    for each in migration.changes:
        if each is change:
            return found
        operation = each.operation
        if operation.kind is Kind.SET and operation.name in TIMEOUTS and not operation.using:
            found = operation.to.strip("'\" ").lower() not in ("0", "default")
    return found


def checked_domains(history: History) -> frozenset[str]:
    """The types of a history that are domains with a condition of their own."""
    return frozenset(
        change.operation.name
        for migration in history.migrations
        for change in migration.changes
        if change.operation.kind is Kind.CREATE_TYPE and change.operation.using == "checked domain"
    )


class _Walk:
    """Goes through the changes of one migration and remembers what it has made."""

    def __init__(self, domains: frozenset[str], postgres: int) -> None:
        self.domains = domains
        self.postgres = postgres
        self.made: set[str] = set()
        self.columns: dict[tuple[str, str], Operation] = {}
        self.emptied: set[str] = set()

    def note(self, change: Change) -> None:
        operation = change.operation
        if operation.kind is Kind.CREATE_TABLE:
            self.made.add(operation.table)
        elif operation.kind is Kind.ADD_COLUMN and change.effective:
            self.columns[operation.table, operation.columns[0]] = operation
        elif operation.kind is Kind.TRUNCATE:
            self.emptied.add(operation.table)

    def effect(self, change: Change) -> Effect | None:
        operation = change.operation
        if operation.kind is Kind.ADD_FOREIGN_KEY:
            return self.foreign_key(change)
        before = change.before
        if (
            change.new
            or (before is None and operation.table in self.made)
            or (before is not None and before.kind == "view")
        ):
            return None
        table = operation.table or (before.full_name if before is not None else "")
        found = self.on_table(change, before)
        if found is None or (not table and operation.kind is not Kind.DROP_INDEX):
            return None
        lock, cost, reason = found
        if operation.table in self.emptied and cost is not Cost.FREE:
            cost, reason = Cost.FREE, "the table was emptied before"
        return Effect(change, table, lock, cost, reason, self.beside(change))

    def on_table(self, change: Change, before: Table | None) -> tuple[Lock, Cost, str] | None:
        operation = change.operation
        kind = operation.kind
        if kind in _BRIEF:
            # Django's default that goes at once with its column, and what MySQL says again
            return None if operation.inline else (AE, Cost.FREE, "")
        if kind is Kind.ADD_COLUMN:
            value = computed(operation, self.domains)
            if not value and self.postgres < _KEEPS_DEFAULTS and operation.default not in (None, "NULL", "null"):
                value = f"the default, which PostgreSQL {self.postgres} writes into it"
            return (AE, Cost.REWRITE, f"every row gets {value}") if value else (AE, Cost.FREE, "")
        if kind is Kind.SET_NOT_NULL:
            return None if operation.inline else (AE, *self.not_null(operation, before))
        if kind is Kind.SET_TYPE:
            return (AE, *type_change(operation, before))
        if kind is Kind.ADD_UNIQUE:
            return (AE, Cost.FREE, "") if operation.using else (AE, Cost.BUILD, "a unique index is built")
        if kind is Kind.ADD_PRIMARY_KEY:
            return (AE, *self.primary_key(operation, before))
        if kind is Kind.ADD_EXCLUSION:
            return AE, Cost.BUILD, "an index is built"
        if kind is Kind.ADD_CHECK:
            return (AE, Cost.SCAN, "every row is checked") if operation.valid else (AE, Cost.FREE, "")
        if kind is Kind.VALIDATE_CONSTRAINT:
            return SUE, Cost.SCAN, "every row is checked"
        if kind is Kind.DROP_CONSTRAINT:
            return AE, Cost.FREE, ""
        if kind is Kind.CREATE_INDEX:
            return (SUE if operation.concurrently else Lock.SHARE), Cost.BUILD, "the index is built"
        if kind is Kind.DROP_INDEX:
            return (SUE if operation.concurrently else AE), Cost.FREE, ""
        if kind in (Kind.UPDATE, Kind.DELETE):
            cost = Cost.FREE if bounded(operation) else Cost.SCAN
            return Lock.ROW_EXCLUSIVE, cost, "" if cost is Cost.FREE else "every row is changed"
        if kind is Kind.REFRESH:
            return (Lock.ROW_EXCLUSIVE if operation.concurrently else AE), Cost.BUILD, "the view is filled anew"
        if kind is Kind.ATTACH_PARTITION:
            return SUE, Cost.FREE, ""
        if kind is Kind.DETACH_PARTITION:
            return (SUE if operation.concurrently else AE), Cost.FREE, ""
        if kind is Kind.ALTER_TABLE:
            lock, cost = _ACTIONS.get(operation.name, (AE, Cost.FREE))
            return lock, cost, "" if cost is Cost.FREE else "the table is written anew"
        return None

    def not_null(self, operation: Operation, before: Table | None) -> tuple[Cost, str]:
        (name,) = operation.columns
        column = before.column(name) if before is not None else None
        if not operation.valid or (column is not None and not column.nullable):
            return Cost.FREE, ""
        if self.postgres >= _BELIEVES_CHECKS and before is not None and proved_not_null(before, name):
            return Cost.FREE, "a check that is valid proves it"
        return Cost.SCAN, "every row is read for a NULL"

    def primary_key(self, operation: Operation, before: Table | None) -> tuple[Cost, str]:
        if not operation.using:
            return Cost.BUILD, "a unique index is built"
        index = next((each for each in before.indexes if each.name == operation.using), None) if before else None
        for name in index.columns if index is not None else ():
            column = before.column(name) if before is not None else None
            if column is not None and column.nullable and before is not None and not proved_not_null(before, name):
                return Cost.SCAN, f"{name} may be NULL, so that every row is read"
        return Cost.FREE, ""

    def foreign_key(self, change: Change) -> Effect | None:
        operation = change.operation
        other = operation.references
        foreign = other and other not in self.made and other != operation.table
        if change.new or operation.table in self.made:
            # the table is new, the one that it names is not
            return Effect(change, other, SRE) if foreign else None
        also = ((other, SRE),) if foreign else ()
        added = [self.columns.get((operation.table, name)) for name in operation.columns]
        # even DEFAULT NULL makes PostgreSQL look
        filled = [column for column in added if column is None or column.default is not None]
        if not operation.valid or operation.table in self.emptied:
            return Effect(change, operation.table, SRE, also=also)
        if operation.inline and not filled:
            return Effect(change, operation.table, AE, also=also)
        lock = AE if operation.inline else SRE
        return Effect(change, operation.table, lock, Cost.SCAN, "every row is looked up in the other table", also)

    def beside(self, change: Change) -> tuple[tuple[str, Lock], ...]:
        """The other tables that a change locks: dropping a foreign key, or what has one, locks the table it names."""
        operation, before = change.operation, change.before
        if before is None:
            return ()
        if operation.kind is Kind.DROP_CONSTRAINT:
            gone = [key for key in before.foreign_keys if key.name == operation.name]
        elif operation.kind is Kind.DROP_TABLE:
            gone = list(before.foreign_keys)
        else:
            return ()
        others = dict.fromkeys(key.references_table for key in gone if key.references_table not in self.made)
        return tuple((other, AE) for other in others if other != before.full_name)


def computed(operation: Operation | Column, domains: frozenset[str] = frozenset()) -> str:
    """What PostgreSQL computes for each row when it adds the column, in words; empty where nothing is."""
    if operation.generated:
        return _GENERATED.get(operation.generated, "")
    found = _VOLATILE.search(_STRING.sub("''", operation.default or ""))
    if found is not None:
        return f"{found[1].lower()}()"
    return f"a look by the condition of the domain {operation.type}" if operation.type.lower() in domains else ""


_CAST = re.compile(r"\(*\s{0,9}\"?(?P<column>\w+)\"?\s{0,9}\)*\s{0,9}(?:::[\w. ()\[\],\"]+)*")
_CAST_CALL = re.compile(r"CAST\s*\(\s*\"?(?P<column>\w+)\"?\s+AS\s[\w. ()\[\],\"]+\)", re.IGNORECASE)


def type_change(operation: Operation, before: Table | None) -> tuple[Cost, str]:
    """What a change of type costs, and from which type it comes."""
    (name,) = operation.columns
    column = before.column(name) if before is not None else None
    old = (column.type if column is not None else "") or operation.was
    if operation.using:
        cast = _CAST.fullmatch(operation.using) or _CAST_CALL.fullmatch(operation.using)
        if cast is None or cast["column"].lower() != name.lower():
            return Cost.REWRITE, "every value is computed anew"
    if not old or not operation.type:
        return Cost.UNKNOWN, "the type before is not known"
    found = change_of_type(old, operation.type)
    told = f"{old} to {operation.type}"
    if found == "zone":
        return Cost.UNKNOWN, f"{told}: free where the session's time zone is UTC, else every row is written anew"
    if not found:
        return Cost.UNKNOWN, f"{told}: one of them is none of PostgreSQL's own types"
    if found == "reorder" and before is not None:
        keyed = {
            *before.primary_key,
            *(column for index in before.indexes for column in (*index.columns, *index.mentions)),
        }
        return (Cost.BUILD, f"{told}: its indexes are built anew") if name in keyed else (Cost.FREE, told)
    return (Cost.FREE if found in ("free", "reorder") else Cost.REWRITE), told


_BOUNDLESS = re.compile(r"(?:true|1\s*=\s*1|\"?\w+\"?(?:\.\"?\w+\"?)?\s+is\s+(?:not\s+)?null)", re.IGNORECASE)


def bounded(operation: Operation) -> bool:
    """Whether the condition of a change of rows can leave many out: `true`, `1 = 1` and `x IS NULL` alone cannot."""
    return operation.partial and not _BOUNDLESS.fullmatch(operation.expression.strip().rstrip(";"))


def proved_not_null(table: Table, column: str) -> bool:
    """Whether a check that is valid already says that the column is never NULL (PostgreSQL 12 and later believe it)."""
    return any(check.valid and _says_not_null(check.expression, column) for check in table.checks)


def _says_not_null(expression: str, column: str) -> bool:
    said = re.compile(
        rf'\(*\s*"?{re.escape(column)}"?\s+is\s+not\s+null\s*\)*|{re.escape(column)}__isnull__no', re.IGNORECASE
    )
    if re.search(r"\bor\b", expression, re.IGNORECASE):
        return False
    return any(said.fullmatch(part.strip()) for part in re.split(r"\band\b", expression, flags=re.IGNORECASE))


@dataclass(frozen=True)
class Transaction:
    """What is done under one transaction: its effects in order, and whether it surely is one.

    ``opened`` says what makes it one, for the user.
    """

    effects: tuple[Effect, ...]
    opened: str
    surely: bool


def transactions(history: History, migration: Migration, found: Sequence[Effect]) -> Iterator[Transaction]:
    """The transactions of a migration that hold several changes. ``found`` are its effects."""
    by_tool = migration.transaction in ("wrapped", "implicit")
    inside = by_tool
    opened = _opened(history, migration)
    waiting = list(found)
    held: list[Effect] = []
    for change in migration.changes:
        kind = change.operation.kind
        if kind in (Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK):
            if kind is not Kind.BEGIN or not (by_tool and inside):
                yield from _whole(held, migration, opened)
                held = []
                opened = "BEGIN opens it" if kind is Kind.BEGIN else opened
            inside = kind is Kind.BEGIN
        while waiting and waiting[0].change is change:
            effect = waiting.pop(0)
            if inside:
                held.append(effect)
    yield from _whole(held, migration, opened)


def _whole(held: Sequence[Effect], migration: Migration, opened: str) -> Iterator[Transaction]:
    if held:
        yield Transaction(tuple(held), opened, opened.startswith("BEGIN") or migration.transaction == "wrapped")


def _opened(history: History, migration: Migration) -> str:
    if migration.transaction == "implicit":
        return f"{history.tool} sends the file as one script, which is one transaction"
    return f"{history.tool} runs the migration in one transaction"


def after_exclusive(history: History, migration: Migration, effect: Effect, found: Sequence[Effect]) -> bool:
    """Whether the transaction of an effect holds the strongest lock on the same table before; ``found`` are all effects."""
    for transaction in transactions(history, migration, found):
        for number, each in enumerate(transaction.effects):
            if each is effect:
                before = transaction.effects[:number]
                return any(one.lock is Lock.ACCESS_EXCLUSIVE and one.table == effect.table for one in before)
    return False


def column_of(change: Change) -> Column | None:
    """The column that a change speaks of, as it was before."""
    if change.before is None or not change.operation.columns:
        return None
    return change.before.column(change.operation.columns[0])
