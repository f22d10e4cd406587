"""In: the text of an SQL file and its dialect. Out: its statements, token by token, with exact offsets. Knows sqlglot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.mysql import MySQL
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

__all__ = ["STRINGS", "SqlError", "Statement", "TokenType", "split"]


def _symbols(tokenizer: type[Tokenizer]) -> dict[str, TokenType]:
    # Words stay words: sqlglot folds `PRIMARY KEY` or `CHARACTER VARYING` into one token and swallows the rest of a
    # statement behind `DO` or `RENAME`, and then places inside it are lost. Its template marks go too: masking comes first.
    return {
        key: kind
        for key, kind in tokenizer.KEYWORDS.items()
        if not key[0].isalpha() and "%" not in key and "{" not in key
    }


class _PostgresTokenizer(Postgres.Tokenizer):
    KEYWORDS: ClassVar[dict[str, TokenType]] = _symbols(Postgres.Tokenizer)
    COMMANDS: ClassVar[set[TokenType]] = set()


class _MySQLTokenizer(MySQL.Tokenizer):
    KEYWORDS: ClassVar[dict[str, TokenType]] = _symbols(MySQL.Tokenizer)
    COMMANDS: ClassVar[set[TokenType]] = set()


class _SQLiteTokenizer(SQLite.Tokenizer):
    KEYWORDS: ClassVar[dict[str, TokenType]] = _symbols(SQLite.Tokenizer)
    COMMANDS: ClassVar[set[TokenType]] = set()


_DIALECTS: dict[str, tuple[type[Dialect], type[Tokenizer]]] = {
    "postgres": (Postgres, _PostgresTokenizer),
    "mysql": (MySQL, _MySQLTokenizer),
    "sqlite": (SQLite, _SQLiteTokenizer),
}


class SqlError(Exception):
    """The text cannot be cut into tokens. ``line`` counts from 1; ``reason`` is one clause for the user."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Statement:
    """One statement: its tokens without the closing semicolon. Offsets count in the file, in code points.

    ``masked`` is ``source`` with templates and the like replaced, character for character.
    ``base`` is the offset at which the tokens start to count: 0, or the start of the body that holds the statement.
    ``conditional`` marks a statement inside a block that may not run.
    """

    source: str
    masked: str
    dialect: str
    tokens: tuple[Token, ...]
    base: int = 0
    conditional: bool = False

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Each token in upper case where it is an unquoted word, else as the sign that it is; empty when quoted."""
        return tuple(token.text.upper() if token.token_type not in _QUOTED else "" for token in self.tokens)

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return self.base + self.tokens[0].start

    @property
    def end(self) -> int:
        """Offset past the last character."""
        return self.base + self.tokens[-1].end + 1

    def offsets(self, first: int, last: int) -> tuple[int, int]:
        """Offsets of the tokens ``first`` to ``last``, both included."""
        return self.base + self.tokens[first].start, self.base + self.tokens[last].end + 1

    def text(self, first: int, last: int) -> str:
        """The source of the tokens ``first`` to ``last``, both included, with runs of white space as one blank."""
        start, end = self.offsets(first, last)
        return " ".join(self.source[start:end].split())

    def name(self, index: int) -> str:
        """The name that a token writes, folded as the dialect folds it; a template as it is written."""
        token = self.tokens[index]
        if self.masked is not self.source:
            start, end = self.offsets(index, index)
            written = self.source[start:end].strip('"`[]')
            if written != self.masked[start:end].strip('"`[]'):
                return "" if _WHOLE_TEMPLATE.fullmatch(written) else written.lower()
        quoted = token.token_type is TokenType.IDENTIFIER and self.dialect in ("postgres", "")
        name = token.text if quoted else token.text.lower()
        if len(name) > _POSTGRES_NAME and self.dialect in ("postgres", ""):
            # PostgreSQL cuts a longer name, and later statements may use either form
            return name.encode()[:_POSTGRES_NAME].decode(errors="ignore")
        return name

    def tree(self) -> exp.Expr | None:
        """sqlglot's tree of the statement (offsets in it count from ``start``); None where sqlglot cannot read it."""
        dialect, _ = _DIALECTS.get(self.dialect, _DIALECTS["postgres"])
        try:
            return dialect().parse(self.masked[self.start : self.end])[0]
        except (SqlglotError, RecursionError, IndexError):
            return None


_QUOTED = frozenset(
    {
        TokenType.IDENTIFIER,
        TokenType.STRING,
        TokenType.NATIONAL_STRING,
        TokenType.RAW_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.UNICODE_STRING,
        TokenType.BYTE_STRING,
        TokenType.HEX_STRING,
        TokenType.BIT_STRING,
    }
)
STRINGS = _QUOTED - {TokenType.IDENTIFIER}

_MASK = "_"
_POSTGRES_NAME = 63
_TEMPLATE = re.compile(
    r"\{\{[^{}\n]*\}\}|\{%[^\n]{0,999}?%\}|\{#[^\n]{0,999}?#\}|(?<!\$)\$\{[^{}\n$]*\}|<%[^\n]{0,999}?%>"
)
_WHOLE_TEMPLATE = re.compile(r"(?:\{\{[^{}\n]*\}\}|\$\{[^{}\n]*\})")
# Templates that steer instead of standing for a name: they leave nothing in the text.
_CONTROL = re.compile(
    r"\{%|\{#|<%(?!=)|\{\{-?\s*(?:/\*|#|/|!|>|(?:if|else|elif|end|endif|range|with|for|endfor|define|template|block|set)\b)"
)
_PSQL = re.compile(r"^[ \t]*\\[A-Za-z!?][^\r\n]*", re.MULTILINE)
_COPY = re.compile(
    r"^[ \t]*COPY\b[^;]{0,4000}?\bFROM\s+STDIN\b[^;\r\n]{0,500};[ \t]*\r?\n", re.IGNORECASE | re.MULTILINE
)
_COPY_END = re.compile(r"^\\\.[ \t]*\r?$", re.MULTILINE)
_DELIMITER = re.compile(r"^[ \t]*DELIMITER[ \t]+(\S+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
# Not a comment to MySQL, which wants a blank behind the dashes, but to the tools that cut files at it (`--split`).
_BARE_COMMENT = re.compile(r"^--[A-Za-z][^\r\n]*", re.MULTILINE)
_LONG = 100_000
_INSERT = re.compile(r"^[ \t]*(?:INSERT|REPLACE)\b[^;']{1,2000}?\bVALUES(?=\s*\()", re.IGNORECASE | re.MULTILINE)
_ROW = re.compile(r"""(?<!\s)\s*\((?:[^()'"]|'[^']*'|"[^"]*"|\((?:[^()'"]|'[^']*')*\))*\)(?:\s*,)?""")
_ROW_ESCAPED = re.compile(
    r"""(?<!\s)\s*\((?:[^()'"]|'(?:[^'\\]|\\.)*'|"[^"]*"|\((?:[^()'"]|'(?:[^'\\]|\\.)*')*\))*\)(?:\s*,)?""", re.DOTALL
)
_VISIBLE = re.compile(r"[^\r\n]")


def _blank(text: str) -> str:
    return _VISIBLE.sub(" ", text)


def _template(match: re.Match[str]) -> str:
    return " " * len(match[0]) if _CONTROL.match(match[0]) else _MASK * len(match[0])


def _mask(source: str, dialect: str, *, psql: bool, rows: bool) -> str:
    """``source`` with everything that is not SQL replaced by as many characters, so that offsets hold.

    With ``rows``, the rows of long inserts are replaced too: a dump of 5 MB costs 3 seconds and 300 MB else.
    """
    text = source
    if "{" in text or "<%" in text:
        text = _TEMPLATE.sub(_template, text)
    if "\\" in text and dialect not in ("mysql", "sqlite"):
        text = _without_copied_rows(text)
        if psql:
            text = _PSQL.sub(lambda match: _blank(match[0]), text)
    if rows and len(text) > _LONG:
        text = _without_inserted_rows(text, dialect)
    if dialect == "mysql" and "--" in text:
        text = _BARE_COMMENT.sub(lambda match: _blank(match[0]), text)
    if dialect in ("mysql", ""):
        text = _without_delimiters(text)
    return text


def _without_copied_rows(text: str) -> str:
    parts = []
    position = 0
    for match in _COPY.finditer(text):
        if match.start() < position:
            continue
        end = _COPY_END.search(text, match.end())
        stop = end.end() if end else len(text)
        parts += [text[position : match.end()], _blank(text[match.end() : stop])]
        position = stop
    return "".join(parts) + text[position:] if parts else text


def _without_inserted_rows(text: str, dialect: str) -> str:
    """The rows of an INSERT as one string: the cheapest token there is."""
    row = _ROW_ESCAPED if dialect == "mysql" else _ROW
    parts = []
    position = 0
    for match in _INSERT.finditer(text):
        if match.start() < position:
            continue
        stop = match.end()
        while found := row.match(text, stop):
            stop = found.end()
        if stop - match.end() > 2:
            parts += [text[position : match.end()], "'", "x" * (stop - match.end() - 2), "'"]
            position = stop
    return "".join(parts) + text[position:] if parts else text


def _without_delimiters(text: str) -> str:
    """MySQL's client ends a statement at the delimiter in force; inside, semicolons belong to a routine's body."""
    marks = list(_DELIMITER.finditer(text))
    if not marks:
        return text
    parts = [text[: marks[0].start()]]
    for number, mark in enumerate(marks):
        stop = marks[number + 1].start() if number + 1 < len(marks) else len(text)
        region = text[mark.end() : stop]
        delimiter = mark[1]
        if delimiter != ";":
            region = region.replace(";", " ").replace(delimiter, ";" + " " * (len(delimiter) - 1))
        parts += [_blank(mark[0]), region]
    return "".join(parts)


def split(source: str, dialect: str) -> tuple[Statement, ...]:
    """The statements of ``source`` in order, those inside ``DO`` blocks right after the block, as conditional.

    ``dialect`` is `postgres`, `mysql`, `sqlite` or empty (read as PostgreSQL). Raises :class:`SqlError` where the text
    cannot be cut into tokens: a string or comment that does not end.
    """
    masked, tokens = _first_that_holds(source, dialect)
    found = []
    for piece in _pieces(tokens):
        statement = Statement(source, masked, dialect, piece)
        found.append(statement)
        if statement.words[0] == "DO":
            found += _inside(statement)
    return tuple(found)


def _first_that_holds(source: str, dialect: str) -> tuple[str, list[Token]]:
    """The masked text and its tokens. A string may hold what looks like a command of psql, or like the end of a row."""
    for psql, rows in ((True, True), (True, False)):
        masked = _mask(source, dialect, psql=psql, rows=rows)
        try:
            return masked, _tokens(masked, dialect)
        except SqlError:
            continue
    masked = _mask(source, dialect, psql=False, rows=False)
    return masked, _tokens(masked, dialect)


# Everything that opens and closes, and what opens and does not.
_CLOSED = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$"
    r"|(?P<open>['\"`]|/\*|\$\w*\$)",
    re.DOTALL,
)


def _tokens(text: str, dialect: str) -> list[Token]:
    named, tokenizer = _DIALECTS.get(dialect, _DIALECTS["postgres"])
    try:
        return tokenizer(dialect=named).tokenize(text)
    except (TokenError, ParseError):
        for match in _CLOSED.finditer(text):
            if match["open"]:
                line = text.count("\n", 0, match.start()) + 1
                raise SqlError(line, f"not SQL: {match['open']} is opened and never closed") from None
        raise SqlError(0, "not SQL: it cannot be cut into words") from None


_ROUTINES = frozenset({"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"})
_NOT_A_BLOCK = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})


def _pieces(tokens: list[Token]) -> Iterator[tuple[Token, ...]]:
    """Cut at semicolons, except in the body of a routine (``BEGIN ... END``) and in the action list of a rule."""
    start = 0
    block = 0
    count = len(tokens)
    index = 0
    while index < count:
        token = tokens[index]
        kind = token.token_type
        if kind is TokenType.SEMICOLON:
            if block == 0 and not (tokens[start].text.upper() == "CREATE" and _in_rule(tokens, start, index)):
                if index > start:
                    yield tuple(tokens[start:index])
                start = index + 1
        elif kind is TokenType.VAR and 3 <= len(token.text) <= 5:
            word = token.text.upper()
            if word == "BEGIN":
                if block or (tokens[start].text.upper() == "CREATE" and _is_routine(tokens, start, index)):
                    block += 1
            elif block and word == "CASE":
                block += 1
            elif block and word == "END":
                following = tokens[index + 1].text.upper() if index + 1 < count else ""
                if following == "CASE":
                    index += 1
                if following not in _NOT_A_BLOCK:
                    block -= 1
        index += 1
    if start < count:
        yield tuple(tokens[start:])


def _is_routine(tokens: list[Token], start: int, end: int) -> bool:
    return any(token.text.upper() in _ROUTINES for token in tokens[start : min(end, start + 16)])


def _in_rule(tokens: list[Token], start: int, end: int) -> bool:
    if not any(token.text.upper() == "RULE" for token in tokens[start : start + 4]):
        return False
    depth = 0
    for token in tokens[start:end]:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
    return depth > 0


_TAG = re.compile(r"\$[^$\s]*\$")
_OPENERS = frozenset({"BEGIN", "THEN", "ELSE", "LOOP"})
_VERBS = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE", "UPDATE", "DELETE", "EXECUTE"})


def _inside(block: Statement) -> Iterator[Statement]:
    """The statements of a ``DO`` block that touch the schema or rows, and those that it executes from a plain literal."""
    for token in block.tokens:
        if token.token_type is not TokenType.HEREDOC_STRING:
            continue
        tag = _TAG.match(block.source, block.base + token.start)
        if tag is None:
            continue
        base = tag.end()
        end = block.base + token.end + 1 - (tag.end() - tag.start())
        for piece in _split_body(block.masked[base:end], block.dialect):
            body = Statement(block.source, block.masked, block.dialect, piece, base, conditional=True)
            start = _verb(body.words)
            if start is None:
                continue
            inner = Statement(block.source, block.masked, block.dialect, piece[start:], base, conditional=True)
            if inner.words[0] != "EXECUTE":
                yield inner
            elif len(inner.tokens) == 2 and inner.tokens[1].token_type in (TokenType.STRING, TokenType.HEREDOC_STRING):
                yield from _executed(inner)


def _executed(statement: Statement) -> Iterator[Statement]:
    start, end = statement.offsets(1, 1)
    tag = _TAG.match(statement.source, start)
    width = tag.end() - tag.start() if tag else 1
    literal = statement.masked[start + width : end - width]
    if "''" in literal:
        return  # doubled quotes stand for one: the literal is not the SQL that runs
    for piece in _split_body(literal, statement.dialect):
        yield Statement(statement.source, statement.masked, statement.dialect, piece, start + width, conditional=True)


def _split_body(body: str, dialect: str) -> list[tuple[Token, ...]]:
    try:
        return list(_pieces(_tokens(body, dialect)))
    except SqlError:
        return []


def _verb(words: tuple[str, ...]) -> int | None:
    """Where the statement proper begins behind ``IF ... THEN``, ``BEGIN`` and their like."""
    for index, word in enumerate(words):
        if word in _VERBS and (index == 0 or words[index - 1] in _OPENERS):
            return index
    return None
