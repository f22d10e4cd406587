"""In: one SQL statement as tokens. Out: the operations that it performs, in the neutral form, with their spans."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import pairwise
from typing import Any

import msgspec

from qualitygate.model.schema import Operation, OperationKind
from qualitygate.model.source import Span
from qualitygate.parse.sql import STRINGS, Statement, TokenType

Kind = OperationKind
Locate = Callable[[int, int], Span]


class NotUnderstood(Exception):
    """The statement speaks of the schema in a form that is not known. ``offset`` is the place in the file."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The words an SQL statement of the three dialects may begin with. What begins otherwise is no SQL that could be judged.
_VERBS = _words(
    """ABORT ALTER ANALYZE ATTACH BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE DELETE
    DESCRIBE DETACH DISCARD DO DROP END EXECUTE EXPLAIN FETCH FLUSH GRANT IMPORT INSERT KILL LISTEN LOAD LOCK MERGE MOVE
    NOTIFY OPTIMIZE PRAGMA PREPARE REASSIGN REFRESH REINDEX RELEASE RENAME REPLACE RESET REVOKE ROLLBACK SAVEPOINT
    SECURITY SELECT SET SHOW START TABLE TRUNCATE UNLISTEN UNLOCK UPDATE USE VACUUM VALUES WITH ("""
)

# What may follow the type of a column: the type, and the expression of a default, end there.
_COLUMN_CLAUSES = _words(
    """CONSTRAINT NOT NULL DEFAULT PRIMARY UNIQUE REFERENCES CHECK GENERATED COLLATE AUTO_INCREMENT AUTOINCREMENT COMMENT ON
    KEY FIRST AFTER DEFERRABLE INITIALLY STORAGE COMPRESSION INVISIBLE VISIBLE VIRTUAL STORED USING AS CHARSET"""
)
# Actions of ALTER TABLE that the final schema does not show: storage, owner, triggers, row security, options of MySQL.
_OTHER_ACTIONS = _words(
    """OWNER ENABLE DISABLE FORCE NO SET RESET REPLICA CLUSTER INHERIT OF NOT WITH WITHOUT ALGORITHM LOCK ENGINE
    AUTO_INCREMENT COMMENT CONVERT DEFAULT CHARACTER CHARSET COLLATE ORDER DISCARD IMPORT TRUNCATE COALESCE REORGANIZE
    EXCHANGE ANALYZE CHECK OPTIMIZE REBUILD REPAIR REMOVE ROW_FORMAT KEY_BLOCK_SIZE STATS_PERSISTENT STATS_AUTO_RECALC
    STATS_SAMPLE_PAGES TABLESPACE ENCRYPTION COMPRESSION PARTITION DEPENDS"""
)
_DEFAULT_SCHEMAS = {"postgres": "public", "": "public", "sqlite": "main"}
_NAMES = frozenset({TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING})
_OPERATORS = frozenset({"(", ".", "::", "[", "->", "->>", "#>", "#>>", "||", "+", "-", "*", "/", "%"})
_OPEN = frozenset({"(", "["})
_CLOSE = frozenset({")", "]"})
_SETTERS = frozenset({"ROLE", "USER", "DATABASE", "SYSTEM"})
# Words of a condition that are kept: enough to see whether it bounds anything.
_CONDITION = 30


def operations(statement: Statement, locate: Locate, values: Collection[str] = frozenset()) -> tuple[Operation, ...]:
    """The operations of one statement; empty for a statement that leaves schema and transaction alone.

    ``locate`` turns a pair of offsets into a span. ``values`` are those that statements before this one have added to
    an enumeration: where they stand here as a text, that is an operation too. Raises :class:`NotUnderstood`.
    """
    try:
        found = tuple(_Reader(statement, locate).statement())
    except IndexError:
        # the statement ends where a name or a word had to follow
        raise NotUnderstood(statement.start) from None
    if values and not any(operation.kind is Kind.ADD_VALUE for operation in found):
        found += uses(statement, locate, values)
    if statement.conditional:
        return tuple(msgspec.structs.replace(operation, conditional=True) for operation in found)
    return found


def uses(statement: Statement, locate: Locate, values: Collection[str]) -> tuple[Operation, ...]:
    """The places of a statement where one of ``values`` stands as a text."""
    return tuple(
        Operation(Kind.USE_VALUE, locate(*statement.offsets(index, index)), to=token.text)
        for index, token in enumerate(statement.tokens)
        if token.token_type in STRINGS and token.text in values
    )


class _Reader:
    """A cursor over the tokens of one statement."""

    def __init__(self, statement: Statement, locate: Locate) -> None:
        self.of = statement
        self.words = statement.words
        self.count = len(statement.tokens)
        self.locate = locate
        self.at = 0

    # -- moving ---------------------------------------------------------------------------------------------------

    def sees(self, *words: str) -> bool:
        return self.words[self.at : self.at + len(words)] == words

    def sees_any(self, words: frozenset[str]) -> bool:
        return self.at < self.count and self.words[self.at] in words

    def take(self, *words: str) -> bool:
        if self.sees(*words):
            self.at += len(words)
            return True
        return False

    def need(self, *words: str) -> None:
        if not self.take(*words):
            raise self.lost()

    def lost(self) -> NotUnderstood:
        index = min(self.at, self.count - 1)
        return NotUnderstood(self.of.offsets(index, index)[0])

    def span(self, first: int, last: int | None = None) -> Span:
        """From the token ``first`` to ``last``, or to the one just read."""
        return self.locate(*self.of.offsets(first, max(first, self.at - 1 if last is None else last)))

    def name(self) -> str:
        """One name."""
        if self.at >= self.count:
            raise self.lost()
        kind = self.of.tokens[self.at].token_type
        if kind is not TokenType.VAR and kind is not TokenType.IDENTIFIER and kind is not TokenType.STRING:
            raise self.lost()
        self.at += 1
        return self.of.name(self.at - 1)

    def table(self) -> str:
        """A name with up to two qualifiers: the last two parts, without the default schema of PostgreSQL."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        schema = parts[-2] if len(parts) > 1 else ""
        if not schema or schema == _DEFAULT_SCHEMAS.get(self.of.dialect):
            return parts[-1]
        return f"{schema}.{parts[-1]}"

    def block(self) -> tuple[int, int]:
        """Read balanced parentheses; the indexes of the first and the last token inside (last < first when empty)."""
        self.need("(")
        first = self.at
        depth = 1
        while self.at < self.count:
            word = self.words[self.at]
            self.at += 1
            if word == "(":
                depth += 1
            elif word == ")":
                depth -= 1
                if depth == 0:
                    return first, self.at - 2
        raise self.lost()

    def skip(self, stops: frozenset[str], end: int | None = None) -> None:
        """Move on to one of ``stops``, to a comma or to a closing parenthesis that stands outside all parentheses."""
        end = self.count if end is None else end
        depth = 0
        while self.at < end:
            word = self.words[self.at]
            if depth == 0 and (word in stops or word == "," or word in _CLOSE):
                return
            depth += (word in _OPEN) - (word in _CLOSE)
            self.at += 1

    def mentions(self, first: int, last: int) -> tuple[str, ...]:
        """Every name between two tokens, once each."""
        named = (TokenType.VAR, TokenType.IDENTIFIER)
        found = (self.of.name(index) for index in range(first, last + 1) if self.of.tokens[index].token_type in named)
        return tuple(dict.fromkeys(found))

    def columns(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """A list of key columns in parentheses: their names (empty for an expression), and the words of expressions.

        Words beside a plain column count too, where they make the index another one: an operator class, a collation, a
        length, and a direction among several columns. The third part is what PostgreSQL would call each of them in a name that it makes up.
        """
        first, last = self.block()
        after, self.at = self.at, first
        names: list[str] = []
        mentions: list[str] = []
        stems: list[str] = []
        while self.at <= last:
            start = self.at
            self.skip(frozenset(), last + 1)
            stop = self.at - 1
            self.at += 1
            name = self.key_column(start, stop)
            names.append(name)
            if name:
                stems.append(name)
                beside = self.words[start + 1 : stop + 1] if self.words[start] != "(" else self.words[start : stop + 1]
                ordinary = {"ASC", "NULLS", "FIRST", "LAST", *(("DESC",) if start == first and self.at > last else ())}
                mentions += [word.lower() for word in beside if word not in ordinary]
            else:
                mentions += self.mentions(start, stop)
                called = stop > start and self.words[start + 1] == "(" and self.words[start].isidentifier()
                stems.append(self.of.name(start) if called else "expr")
        self.at = after
        return tuple(names), tuple(dict.fromkeys(mentions)), tuple(stems)

    def key_column(self, start: int, stop: int) -> str:
        """The column of one member of an index, or nothing for an expression.

        `title varchar_pattern_ops DESC`, `title(20)` of MySQL and `(title COLLATE "C")` are the column; `lower(title)`
        is not.
        """
        while start < stop and self.words[start] == "(" and self.words[stop] == ")":
            start, stop = start + 1, stop - 1
            if stop > start and self.words[start + 1] != "COLLATE":
                return ""
        if (
            start > stop
            or self.of.tokens[start].token_type not in _NAMES
            or self.words[start] in ("TRUE", "FALSE", "NULL")
        ):
            return ""
        following = self.words[start + 1] if start < stop else ""
        prefix = following == "(" and stop >= start + 2 and self.of.tokens[start + 2].token_type is TokenType.NUMBER
        return "" if following in _OPERATORS and not prefix else self.of.name(start)

    def if_exists(self) -> bool:
        return self.take("IF", "EXISTS") or self.take("IF", "NOT", "EXISTS")

    # -- statements -----------------------------------------------------------------------------------------------

    def statement(self) -> Iterator[Operation]:
        first = self.words[0]
        if first not in _VERBS:
            raise self.lost()
        if first == "CREATE":
            yield from self.create()
        elif first == "ALTER":
            yield from self.alter()
        elif first == "DROP":
            yield from self.drop()
        elif first == "RENAME" and self.take("RENAME", "TABLE"):
            while True:
                start = self.at
                table = self.table()
                self.need("TO")
                yield Operation(Kind.RENAME_TABLE, self.span(start), table, to=self.table())
                if not self.take(","):
                    break
        else:
            yield from self.other(first)

    def other(self, first: str) -> Iterator[Operation]:
        """Transaction control, settings, and changes of rows."""
        if (first == "BEGIN") or self.sees("START", "TRANSACTION"):
            yield Operation(Kind.BEGIN, self.span(0, 0))
        elif first in ("COMMIT", "END"):
            yield Operation(Kind.COMMIT, self.span(0, 0))
        elif first in ("ROLLBACK", "ABORT") and "TO" not in self.words[:4]:
            yield Operation(Kind.ROLLBACK, self.span(0, 0))
        elif first == "SET" and self.count > 3:
            self.at = 1
            if not self.take("LOCAL"):
                self.take("SESSION")
            # `SET @variable = ...` of MySQL sets nothing that lasts
            name = self.table() if self.words[self.at].isidentifier() else ""
            if name and (self.take("=") or self.take("TO")):
                yield Operation(
                    Kind.SET, self.span(0, self.count - 1), name=name, to=self.of.text(self.at, self.count - 1)
                )
        elif first == "SELECT" and self.count > 6 and "SET_CONFIG" in self.words[1:4]:
            self.at = self.words.index("SET_CONFIG") + 2
            name = self.of.tokens[self.at].text.lower()
            # the path that names are found by is written down by dumps only, which qualify every name
            if (
                self.of.tokens[self.at].token_type in STRINGS
                and name.endswith("_timeout")
                and self.words[self.at + 1] == ","
            ):
                to = self.of.text(self.at + 2, self.at + 2)
                yield Operation(Kind.SET, self.span(0, self.count - 1), name=name, to=to)
        elif first == "RESET" and self.count > 1:
            self.at = 1
            yield Operation(Kind.SET, self.span(0, self.count - 1), name=self.table(), to="default")
        elif first in ("UPDATE", "DELETE"):
            self.at = 1
            self.take("FROM")
            only = self.take("ONLY")
            table = self.table()
            span = self.span(0)
            kind = Kind.UPDATE if first == "UPDATE" else Kind.DELETE
            condition = self.condition()
            yield Operation(kind, span, table, only=only, partial=bool(condition), expression=condition)
        elif first == "TRUNCATE":
            self.at = 1
            self.take("TABLE")
            while True:
                self.take("ONLY")
                start = self.at
                yield Operation(Kind.TRUNCATE, self.span(start, start), self.table(), cascade="CASCADE" in self.words)
                self.take("*")
                if not self.take(","):
                    break
        elif first == "REFRESH" and self.take("REFRESH", "MATERIALIZED", "VIEW"):
            concurrently = self.take("CONCURRENTLY")
            table = self.table()
            yield Operation(Kind.REFRESH, self.span(0), table, concurrently=concurrently)
        elif first == "REINDEX":
            concurrently = "CONCURRENTLY" in self.words
            yield Operation(Kind.REINDEX, self.span(0, min(2, self.count - 1)), concurrently=concurrently)

    def condition(self) -> str:
        """The condition of a change of rows, from its own WHERE on; empty where every row is changed."""
        depth = 0
        while self.at < self.count:
            word = self.words[self.at]
            if word == "WHERE" and depth == 0:
                last = min(self.count - 1, self.at + _CONDITION)
                return self.of.text(self.at + 1, last) if last > self.at else ""
            depth += (word in _OPEN) - (word in _CLOSE)
            self.at += 1
        return ""

    def create(self) -> Iterator[Operation]:
        self.at = 1
        self.take("OR", "REPLACE")
        temporary = False
        while self.sees_any(frozenset({"GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED", "FOREIGN", "RECURSIVE"})):
            temporary |= self.words[self.at] in ("TEMP", "TEMPORARY")
            self.at += 1
        if self.take("TABLE"):
            yield from self.create_table(temporary)
        elif self.take("MATERIALIZED", "VIEW"):
            guarded = self.if_exists()
            yield Operation(Kind.CREATE_MATERIALIZED_VIEW, self.span(self.at, self.at), self.table(), guarded=guarded)
        elif self.take("VIEW"):
            guarded = self.if_exists()
            yield Operation(Kind.CREATE_VIEW, self.span(self.at, self.at), self.table(), guarded=guarded)
        elif self.take("TYPE"):
            name = self.table()
            yield Operation(Kind.CREATE_TYPE, self.span(2), name=name, using="enum" if self.sees("AS", "ENUM") else "")
        elif self.take("DOMAIN"):
            name, span = self.table(), self.span(2)
            using = "checked domain" if "CHECK" in self.words or ("NOT", "NULL") in pairwise(self.words) else "domain"
            yield Operation(Kind.CREATE_TYPE, span, name=name, using=using)
        else:
            while self.sees_any(frozenset({"UNIQUE", "FULLTEXT", "SPATIAL", "CLUSTERED", "NONCLUSTERED"})):
                self.at += 1
            if self.take("INDEX"):
                yield self.create_index()

    def create_index(self) -> Operation:
        before = self.words[: self.at]
        unique = "UNIQUE" in before
        special = next((word.lower() for word in ("FULLTEXT", "SPATIAL") if word in before), "")
        concurrently = self.take("CONCURRENTLY")
        guarded = self.if_exists()
        name = "" if self.sees("ON") or self.sees("USING") else self.table()
        named = self.span(0)
        using = self.name() if self.take("USING") else special
        self.need("ON")
        only = self.take("ONLY")
        table = self.table()
        if self.take("USING"):
            using = self.name()
        columns, mentions, stems = self.columns()
        partial = False
        start = self.at
        while self.at < self.count:
            if self.sees("INCLUDE"):
                mentions = (*mentions, "include")
            if self.take("WHERE"):
                partial = True
                start = self.at
                self.at = self.count
            else:
                self.at += 1
        if partial:
            mentions = tuple(dict.fromkeys((*mentions, *self.mentions(start, self.count - 1))))
        return Operation(
            Kind.CREATE_INDEX,
            named,
            table,
            # an index lives in the schema of its table: only its own name counts
            name.rpartition(".")[2],
            columns=columns,
            mentions=mentions,
            using=using,
            expression="" if name else "_".join(stems),
            unique=unique,
            concurrently=concurrently,
            partial=partial,
            only=only,
            guarded=guarded,
        )

    def create_table(self, temporary: bool) -> Iterator[Operation]:
        guarded = self.if_exists()
        start = self.at
        table = self.table()
        span = self.span(start)
        body: list[Operation] = []
        parent = ""
        using = ""
        if self.take("PARTITION", "OF"):
            parent = self.table()
            using = "partition"
        elif self.take("LIKE"):
            body.append(Operation(Kind.COPY_TABLE, span, table, references=self.table(), using="all", inline=True))
        if self.sees("(") and not self.sees("(", "SELECT"):
            first, last = self.block()
            after, self.at = self.at, first
            while self.at <= last:
                body += self.element(table, last + 1)
                if self.at <= last and not self.take(","):
                    raise self.lost()
            self.at = after
        if self.take("INHERITS"):
            first, _ = self.block()
            after, self.at = self.at, first
            parent, using = self.table(), "inherits"
            self.at = after
        rest = self.words[self.at :]
        partitioned = ("PARTITION", "BY") in pairwise(rest)
        if not body and not parent:
            # CREATE TABLE ... AS: its columns are those of a query
            if (
                "SELECT" not in rest
                and "AS" not in rest
                and "VALUES" not in rest
                and not self.words[start + 1 :][:2] == ("(", ")")
            ):
                raise self.lost()
            using = "query"
        yield Operation(
            Kind.CREATE_TABLE,
            span,
            table,
            references=parent,
            using=using,
            guarded=guarded,
            temporary=temporary,
            partitioned=partitioned,
        )
        yield from body

    # -- parts of a table -----------------------------------------------------------------------------------------

    def element(self, table: str, end: int) -> Iterator[Operation]:
        """One member of the list of CREATE TABLE: a column with its constraints, a constraint, or an index of MySQL."""
        start = self.at
        if self.take("LIKE"):
            source = self.table()
            first = self.at
            self.skip(frozenset(), end)
            pairs = pairwise(self.words[first : self.at])
            parts = " ".join(part.lower() for verb, part in pairs if verb == "INCLUDING")
            yield Operation(Kind.COPY_TABLE, self.span(start), table, references=source, using=parts, inline=True)
        elif (constraint := self.constraint(table, end, inline=True)) is not None:
            yield constraint
        else:
            yield from self.column(table, end, inline=True)

    def constraint(self, table: str, end: int, *, inline: bool) -> Operation | None:
        """A table constraint (or an index of MySQL) where one stands here; None where a column does."""
        start = self.at
        name = ""
        if self.take("CONSTRAINT"):
            # MySQL allows a constraint without a name here
            name = "" if self.sees_any(frozenset({"PRIMARY", "UNIQUE", "FOREIGN", "CHECK"})) else self.name()
        shared: dict[str, Any] = {"table": table, "name": name, "inline": inline}
        found: Operation
        if self.sees("PRIMARY", "KEY"):
            start = self.at
            self.at += 2
            if self.take("USING", "INDEX"):
                index = self.name()
                found = Operation(Kind.ADD_PRIMARY_KEY, self.span(start), using=index, **shared)
            else:
                self.skip(frozenset({"("}), end)
                columns, _, _ = self.columns()
                found = Operation(Kind.ADD_PRIMARY_KEY, self.span(start), columns=columns, **shared)
        elif self.sees("UNIQUE"):
            start = self.at
            self.at += 1
            if self.take("USING", "INDEX"):
                index = self.name()
                found = Operation(Kind.ADD_UNIQUE, self.span(start), using=index, unique=True, **shared)
            else:
                self.take("NULLS", "NOT", "DISTINCT") or self.take("NULLS", "DISTINCT")
                self.take("KEY") or self.take("INDEX")
                if not self.sees("(") and not self.sees("USING"):
                    shared["name"] = self.name()
                self.skip(frozenset({"("}), end)
                columns, _, _ = self.columns()
                found = Operation(Kind.ADD_UNIQUE, self.span(start), columns=columns, unique=True, **shared)
        elif self.sees("FOREIGN", "KEY"):
            start = self.at
            self.at += 2
            if not self.sees("("):
                shared["name"] = shared["name"] or self.name()
            columns, _, _ = self.columns()
            span = self.span(start)
            found = self.references(Operation(Kind.ADD_FOREIGN_KEY, span, columns=columns, **shared), end)
        elif self.sees("CHECK", "("):
            found = self.check(shared)
        elif self.sees("EXCLUDE", "USING") or self.sees("EXCLUDE", "("):
            self.at += 1
            using = self.name() if self.take("USING") else "gist"
            columns, mentions, _ = self.columns()
            found = Operation(
                Kind.ADD_EXCLUSION, self.span(start), columns=columns, mentions=mentions, using=using, **shared
            )
        elif name and self.take("NOT", "NULL"):
            column = self.name()
            found = Operation(Kind.SET_NOT_NULL, self.span(start), columns=(column,), **shared)
        elif self.of.dialect in ("mysql", "") and not name and (key := self.mysql_index(shared)) is not None:
            found = key
        elif name:
            raise self.lost()
        else:
            self.at = start
            return None
        rest = self.at
        self.skip(frozenset(), end)
        if self.of.words[rest : self.at][:2] == ("NOT", "VALID") or "VALID" in self.words[rest : self.at]:
            found = msgspec.structs.replace(found, valid=False)
        return found

    def check(self, shared: dict[str, Any]) -> Operation:
        start = self.at
        self.at += 1
        first, last = self.block()
        return Operation(
            Kind.ADD_CHECK,
            self.span(start),
            mentions=self.mentions(first, last),
            expression=self.of.text(first, last) if last >= first else "",
            **shared,
        )

    def mysql_index(self, shared: dict[str, Any]) -> Operation | None:
        start = self.at
        while self.sees_any(frozenset({"FULLTEXT", "SPATIAL", "KEY", "INDEX"})):
            self.at += 1
        using = next((word.lower() for word in self.words[start : self.at] if word in ("FULLTEXT", "SPATIAL")), "")
        if self.at == start:
            return None
        name = "" if self.sees("(") or self.sees("USING") else self.name() if self.at < self.count else ""
        if self.take("USING"):
            self.at += 1
        # a column may be called `key`: there a type follows, not a list of names
        if not self.sees("(") or self.of.tokens[min(self.at + 1, self.count - 1)].token_type is TokenType.NUMBER:
            self.at = start
            return None
        columns, mentions, _ = self.columns()
        return Operation(
            Kind.CREATE_INDEX,
            self.span(start),
            **(shared | {"name": name}),
            columns=columns,
            mentions=mentions,
            using=using,
        )

    def references(self, operation: Operation, end: int) -> Operation:
        """Complete a foreign key with what follows: ``REFERENCES table (columns) ON DELETE ...``."""
        self.need("REFERENCES")
        target = self.table()
        columns: tuple[str, ...] = ()
        if self.sees("("):
            columns, _, _ = self.columns()
        on_delete = ""
        while self.at < end:
            if self.take("MATCH"):
                self.at += 1
            elif self.sees("ON", "DELETE") or self.sees("ON", "UPDATE"):
                delete = self.words[self.at + 1] == "DELETE"
                self.at += 2
                width = 2 if self.sees("SET") or self.sees("NO") else 1
                if delete:
                    on_delete = " ".join(self.words[self.at : self.at + width]).lower()
                self.at += width
                if self.sees("("):
                    self.block()
            elif not (
                self.take("NOT", "DEFERRABLE") or self.take("DEFERRABLE") or self.take("INITIALLY", "DEFERRED")
            ) and not self.take("INITIALLY", "IMMEDIATE"):
                break
        return msgspec.structs.replace(operation, references=target, references_columns=columns, on_delete=on_delete)

    def column(self, table: str, end: int, *, inline: bool) -> Iterator[Operation]:
        """A column definition: the column, then each constraint that its definition carries."""
        start = self.at
        name = self.name()
        named = self.span(start)
        kind = self.type(end)
        shared: dict[str, Any] = {"table": table, "columns": (name,), "inline": True}
        nullable = True
        default: str | None = None
        generated = ""
        constraints: list[Operation] = []
        constraint = ""
        while self.at < end and not self.sees(",") and not self.sees(")"):
            here = self.at
            if self.take("CONSTRAINT"):
                constraint = self.name()
                continue
            if self.take("NOT", "NULL"):
                nullable = False
            elif self.take("NULL"):
                pass
            elif self.take("DEFAULT"):
                default = self.expression(end)
            elif self.take("PRIMARY", "KEY") or (self.of.dialect == "mysql" and self.take("KEY")):
                nullable = False
                constraints.append(Operation(Kind.ADD_PRIMARY_KEY, self.span(here), name=constraint, **shared))
            elif self.take("UNIQUE"):
                self.take("KEY") or self.take("NULLS", "NOT", "DISTINCT") or self.take("NULLS", "DISTINCT")
                constraints.append(Operation(Kind.ADD_UNIQUE, self.span(here), name=constraint, unique=True, **shared))
            elif self.sees("REFERENCES"):
                bare = Operation(Kind.ADD_FOREIGN_KEY, named, name=constraint, **shared)
                constraints.append(self.references(bare, end))
            elif self.sees("CHECK", "("):
                constraints.append(self.check(shared | {"name": constraint, "columns": ()}))
            elif self.sees("GENERATED") or self.sees("AS", "("):
                generated = self.generated(end)
                nullable = nullable and generated != "identity"
            elif self.take("AUTO_INCREMENT") or self.take("AUTOINCREMENT"):
                generated = "identity"
            else:
                self.at += 1
                if self.sees("(") and self.words[here] not in ("COLLATE", "COMMENT"):
                    self.block()
                continue
            constraint = ""
        if kind.lower().split("(")[0].strip() in (
            "serial",
            "bigserial",
            "smallserial",
            "serial4",
            "serial8",
            "serial2",
        ):
            nullable = False
            generated = "serial"
        yield Operation(
            Kind.ADD_COLUMN,
            named,
            table,
            columns=(name,),
            type=kind,
            nullable=nullable,
            default=default,
            generated=generated,
            inline=inline,
        )
        yield from constraints

    def type(self, end: int) -> str:
        """The type of a column as written; empty where SQLite's is left out."""
        start = self.at
        while self.at < end and not self.sees(",") and not self.sees(")"):
            if self.sees("("):
                self.block()
            elif self.sees("["):
                while self.at < end and not self.take("]"):
                    self.at += 1
            elif self.sees_any(_COLUMN_CLAUSES) or self.sees("CHARACTER", "SET"):
                break
            else:
                self.at += 1
        return self.of.text(start, self.at - 1) if self.at > start else ""

    def expression(self, end: int) -> str:
        """The expression of a default as written; a plain string loses nothing, a long one is not kept."""
        start = self.at
        self.at += 1
        if self.words[start] == "(":
            self.at = start
            self.block()
        elif self.words[start] in ("+", "-"):
            self.at += 1
        while self.at < end and not self.sees(","):
            if self.sees("("):
                self.block()
            elif self.sees("["):
                while self.at < end and not self.take("]"):
                    self.at += 1
            elif self.sees(")") or self.sees_any(_COLUMN_CLAUSES) or self.sees("CHARACTER", "SET"):
                break
            else:
                self.at += 1
        if start >= self.count:
            raise self.lost()
        return self.of.text(start, self.at - 1)

    def generated(self, end: int) -> str:
        """``GENERATED ... AS IDENTITY`` is `identity`, an expression `stored` or `virtual`."""
        while self.at < end and not self.sees("AS"):
            self.at += 1
        self.need("AS")
        if self.take("IDENTITY"):
            if self.sees("("):
                self.block()
            return "identity"
        self.block()
        # without a word MySQL, SQLite and PostgreSQL 18 compute it on reading; before 18 STORED has to be written
        return "stored" if self.take("STORED") or self.take("PERSISTED") else "virtual"

    # -- ALTER ----------------------------------------------------------------------------------------------------

    def alter(self) -> Iterator[Operation]:
        self.at = 1
        self.take("FOREIGN")
        materialized = self.take("MATERIALIZED")
        if self.take("TABLE") or self.take("VIEW"):
            view = materialized or self.words[self.at - 1] == "VIEW"
            guarded = self.if_exists()
            only = self.take("ONLY")
            if self.sees("ALL", "IN"):
                return
            table = self.table()
            self.take("*")
            while self.at < self.count:
                first = self.at
                for operation in self.action(table):
                    yield (
                        msgspec.structs.replace(operation, only=only, guarded=operation.guarded or guarded)
                        if only or guarded
                        else operation
                    )
                if view:
                    return
                if self.at < self.count:
                    self.need(",")
                if self.at == first:
                    raise self.lost()
        elif self.take("INDEX"):
            self.if_exists()
            start = self.at
            name = self.table().rpartition(".")[2]
            if self.take("RENAME", "TO"):
                yield Operation(Kind.RENAME_INDEX, self.span(start), name=name, to=self.name())
        elif self.sees_any(_SETTERS) and "SET" in self.words[2:9]:
            # what a role, a database or the server sets holds for every session to come
            self.at = self.words.index("SET") + 1
            name = self.name()
            if self.take("=") or self.take("TO"):
                to = self.of.text(self.at, self.count - 1)
                yield Operation(Kind.SET, self.span(0, self.count - 1), name=name, to=to, using="every session")
        elif self.take("TYPE"):
            name = self.table()
            if self.take("ADD", "VALUE"):
                self.if_exists()
                self.at += 1
                yield Operation(Kind.ADD_VALUE, self.span(0), name=name, to=self.of.tokens[self.at - 1].text)

    def action(self, table: str) -> Iterator[Operation]:
        """One action of ALTER TABLE, up to the comma behind it."""
        start = self.at
        if self.take("ADD"):
            yield from self.add(table, start)
        elif self.take("DROP"):
            yield self.drop_part(table, start)
        elif self.take("ALTER"):
            yield self.alter_column(table, start)
        elif self.take("RENAME"):
            yield self.rename(table, start)
        elif self.take("MODIFY"):
            self.take("COLUMN")
            yield from self.redefine(table)
        elif self.take("CHANGE"):
            self.take("COLUMN")
            old = self.name()
            mark = self.at
            new = self.name()
            if new != old:
                yield Operation(Kind.RENAME_COLUMN, self.span(start), table, columns=(old,), to=new)
            self.at = mark
            yield from self.redefine(table)
        elif self.take("VALIDATE", "CONSTRAINT"):
            yield Operation(Kind.VALIDATE_CONSTRAINT, self.span(start, self.at), table, self.name())
        elif self.take("ATTACH", "PARTITION"):
            part = self.table()
            yield Operation(Kind.ATTACH_PARTITION, self.span(start), table, references=part)
        elif self.take("DETACH", "PARTITION"):
            part = self.table()
            concurrently = self.take("CONCURRENTLY")
            yield Operation(Kind.DETACH_PARTITION, self.span(start), table, references=part, concurrently=concurrently)
        elif self.take("SET", "SCHEMA"):
            yield Operation(Kind.MOVE_TABLE, self.span(start, self.at), table, to=self.name())
        elif not self.sees_any(_OTHER_ACTIONS):
            raise self.lost()
        else:
            words = " ".join(self.words[start : start + 2]).lower()
            yield Operation(Kind.ALTER_TABLE, self.span(start, min(start + 1, self.count - 1)), table, words)
        if self.of.dialect == "mysql" and (self.take("FIRST") or self.take("AFTER")):
            self.at += not self.sees(",")
        self.skip(frozenset())

    def add(self, table: str, start: int) -> Iterator[Operation]:
        if self.take("COLUMN"):
            guarded = self.if_exists()
            yield from self.added_column(table, start, guarded)
            return
        constraint = self.constraint(table, self.count, inline=False)
        if constraint is not None:
            yield constraint
        elif self.sees("PARTITION"):
            yield Operation(Kind.ALTER_TABLE, self.span(start, self.at), table, "add partition")
        else:
            guarded = self.if_exists()
            yield from self.added_column(table, start, guarded)

    def added_column(self, table: str, start: int, guarded: bool) -> Iterator[Operation]:
        if self.sees("("):
            first, last = self.block()
            after, self.at = self.at, first
            while self.at <= last:
                yield from self.column(table, last + 1, inline=False)
                if self.at <= last:
                    self.need(",")
            self.at = after
            return
        named = self.span(start, self.at)
        for operation in self.column(table, self.count, inline=False):
            if operation.kind is Kind.ADD_COLUMN:
                yield msgspec.structs.replace(operation, guarded=guarded, span=named)
            else:
                yield msgspec.structs.replace(operation, guarded=guarded)

    def redefine(self, table: str) -> Iterator[Operation]:
        """MySQL states the whole column again: its type and whether it takes NULL."""
        for operation in self.column(table, self.count, inline=False):
            if operation.kind is not Kind.ADD_COLUMN:
                yield operation
                continue
            yield Operation(Kind.SET_TYPE, operation.span, table, columns=operation.columns, type=operation.type)
            kind = Kind.DROP_NOT_NULL if operation.nullable else Kind.SET_NOT_NULL
            yield Operation(kind, operation.span, table, columns=operation.columns, inline=True)
            if operation.default is not None:
                yield Operation(
                    Kind.SET_DEFAULT, operation.span, table, columns=operation.columns, default=operation.default
                )

    def drop_part(self, table: str, start: int) -> Operation:
        if self.take("CONSTRAINT") or self.take("CHECK") or self.take("FOREIGN", "KEY"):
            kind = Kind.DROP_CONSTRAINT
        elif self.take("PRIMARY", "KEY"):
            return Operation(Kind.DROP_CONSTRAINT, self.span(start), table, using="primary key")
        elif self.of.dialect in ("mysql", "") and self.words[self.at : self.at + 1] in (("INDEX",), ("KEY",)):
            self.at += 1
            kind = Kind.DROP_INDEX
        elif self.take("PARTITION"):
            return Operation(Kind.ALTER_TABLE, self.span(start), table, "drop partition")
        else:
            self.take("COLUMN")
            kind = Kind.DROP_COLUMN
        guarded = self.if_exists()
        name = self.name()
        span = self.span(start)
        cascade = self.take("CASCADE")
        if kind is Kind.DROP_COLUMN:
            return Operation(kind, span, table, columns=(name,), guarded=guarded, cascade=cascade)
        return Operation(kind, span, table, name, guarded=guarded, cascade=cascade)

    def alter_column(self, table: str, start: int) -> Operation:
        if self.sees("CONSTRAINT") or self.sees("INDEX"):
            words = " ".join(self.words[start : start + 2]).lower()
            return Operation(Kind.ALTER_TABLE, self.span(start, start + 1), table, words)
        self.take("COLUMN")
        column = self.name()
        shared: dict[str, Any] = {"table": table, "columns": (column,)}
        if self.take("SET", "NOT", "NULL"):
            return Operation(Kind.SET_NOT_NULL, self.span(start), **shared)
        if self.take("DROP", "NOT", "NULL"):
            return Operation(Kind.DROP_NOT_NULL, self.span(start), **shared)
        if self.take("SET", "DEFAULT"):
            span = self.span(start)
            return Operation(Kind.SET_DEFAULT, span, default=self.expression(self.count), **shared)
        if self.take("DROP", "DEFAULT"):
            return Operation(Kind.DROP_DEFAULT, self.span(start), **shared)
        if self.take("TYPE") or self.take("SET", "DATA", "TYPE"):
            kind = self.type(self.count)
            span = self.span(start)
            self.skip(frozenset({"USING"}))
            using = ""
            if self.take("USING"):
                first = self.at
                self.skip(frozenset())
                using = self.of.text(first, self.at - 1) if self.at > first else ""
            return Operation(Kind.SET_TYPE, span, type=kind, using=using, **shared)
        if self.take("ADD", "GENERATED"):
            return Operation(Kind.ALTER_TABLE, self.span(start), name="add generated", **shared)
        words = " ".join(self.words[self.at : self.at + 2]).lower()
        return Operation(Kind.ALTER_TABLE, self.span(start), name=words, **shared)

    def rename(self, table: str, start: int) -> Operation:
        if self.take("TO") or self.take("AS"):
            return Operation(Kind.RENAME_TABLE, self.span(start, self.at), table, to=self.table())
        if self.take("CONSTRAINT"):
            kind = Kind.RENAME_CONSTRAINT
        elif self.of.dialect == "mysql" and (self.take("INDEX") or self.take("KEY")):
            kind = Kind.RENAME_INDEX
        else:
            self.take("COLUMN")
            kind = Kind.RENAME_COLUMN
        old = self.name()
        if not self.take("TO"):
            # MySQL: RENAME new_name
            return Operation(Kind.RENAME_TABLE, self.span(start), table, to=old)
        new = self.name()
        if kind is Kind.RENAME_COLUMN:
            return Operation(kind, self.span(start), table, columns=(old,), to=new)
        return Operation(kind, self.span(start), table, old, to=new)

    # -- DROP -----------------------------------------------------------------------------------------------------

    def drop(self) -> Iterator[Operation]:
        self.at = 1
        self.take("FOREIGN") or self.take("TEMPORARY") or self.take("MATERIALIZED")
        if self.take("TABLE") or self.take("VIEW"):
            kind = Kind.DROP_TABLE
        elif self.take("INDEX"):
            kind = Kind.DROP_INDEX
        elif self.take("SCHEMA"):
            kind = Kind.DROP_SCHEMA
        else:
            return
        concurrently = self.take("CONCURRENTLY")
        guarded = self.if_exists()
        cascade = "CASCADE" in self.words
        while True:
            start = self.at
            name = self.table()
            span = self.span(start)
            if kind is Kind.DROP_TABLE:
                yield Operation(kind, span, name, guarded=guarded, cascade=cascade)
            else:
                table = self.table() if kind is Kind.DROP_INDEX and self.take("ON") else ""
                yield Operation(
                    kind,
                    span,
                    table,
                    name.rpartition(".")[2],
                    guarded=guarded,
                    cascade=cascade,
                    concurrently=concurrently,
                )
            if not self.take(","):
                return


__all__ = ["NotUnderstood", "operations", "uses"]
