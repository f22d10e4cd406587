"""In: the text of an SQL file. Out: its statements as facts, with places, and what of it was not understood."""

from __future__ import annotations

from typing import Any

from qualitygate.extract.reading import Reading, Unparsable
from qualitygate.extract.steps import steps_of_sql
from qualitygate.frameworks.sql_migrations import READ, dialect_of, markers
from qualitygate.model.schema import OperationKind, Script, Statement
from qualitygate.model.source import Text, Unread


def read_sql(path: str, text: Text) -> Reading:
    """Read one SQL file: the tree is the tuple of its parsed statements (``qualitygate.parse.sql.Statement``).

    Raises ``Unparsable`` where the text cannot be cut into words. A statement that speaks of the schema in an unknown
    form becomes an ``Unread`` of the file and does not hide the others.
    """
    from qualitygate.parse.sql import SqlError, split

    dialect = dialect_of(path, text.content)
    if dialect not in READ:
        return Reading(tuple, lambda offsets: text.span(*offsets), lambda: {"script": Script(dialect)})
    try:
        statements = split(text.content, dialect)
    except SqlError as error:
        raise Unparsable(error.line, error.reason) from None

    def facts() -> dict[str, Any]:
        from qualitygate.parse.ddl import NotUnderstood, operations

        marks = markers(text.content)
        kept = []
        unread = []
        values: set[str] = set()
        for statement in statements:
            try:
                found = operations(statement, text.span, values)
            except NotUnderstood as lost:
                line = text.span(lost.offset, lost.offset).line
                words = " ".join(word for word in statement.words[:2] if word.isalpha())
                unread.append(Unread(path, line, f"statement not understood: {words or 'no SQL'} ..."))
                continue
            if found:
                values.update(one.to for one in found if one.kind is OperationKind.ADD_VALUE)
                down = any(start <= statement.start < end for start, end in marks.down)
                kept.append(Statement(text.span(statement.start, statement.end), found, down))
        steps = steps_of_sql(statements, text, marks.down)
        script = Script(
            dialect, tuple(kept), marks.tool, marks.no_transaction, len(statements), steps=steps, lost=len(unread)
        )
        # for answers that stand above a statement of several lines
        spans = [text.span(one.start, one.end) for one in statements] if "qgate:" in text.content else []
        scopes = tuple(sorted((span.line, span.end_line) for span in spans))
        return {"script": script, "scopes": scopes, "unread": tuple(unread)}

    return Reading(lambda: statements, lambda statement: text.span(statement.start, statement.end), facts)
