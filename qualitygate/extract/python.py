"""In: the text of a Python file. Out: its neutral program form as facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from qualitygate.extract.reading import Reading, Unparsable
from qualitygate.model.source import Span, Text, Unread
from qualitygate.model.syntax import Class, Function, Statement, walk
from qualitygate.model.syntax import scopes as read_scopes
from qualitygate.parse.python_fast import read_module, read_remarks
from qualitygate.parse.python_limits import PythonSyntaxError

if TYPE_CHECKING:
    from qualitygate.parse.python import ParsedPython


# Without one of these words in it a file is no migration.
_MIGRATIONS = ("down_revision", "migrations")


def read_python(path: str, text: Text) -> Reading:
    """Read the Python file at ``path``: by the running Python's own parser where it can, else by libcst, which reads every version.

    Raises ``Unparsable`` for a syntax error.
    """
    trees: list[ParsedPython] = []

    def parsed() -> ParsedPython:
        if not trees:
            from qualitygate.parse.python import parse_python

            trees.append(parse_python(text))
        return trees[0]

    try:
        module, bodies = read_module(text) or (parsed().module(), {})
    except PythonSyntaxError as error:
        raise Unparsable(error.line, error.reason) from None

    scopes = tuple(read_scopes(module, bodies))

    def facts() -> dict[str, Any]:
        definitions = sorted(lines for scope in scopes for lines in _definitions(scope.walked))
        found: dict[str, Any] = {"module": module, "scopes": tuple(definitions)}
        if any(mark in text.content for mark in _MIGRATIONS):
            from qualitygate.extract.python_migrations import read_python_migration

            migration = read_python_migration(module)
            if migration is not None:
                found["script"], lost = migration
                found["unread"] = tuple(Unread(path, line, reason) for line, reason in lost)
        return found

    def remarks() -> tuple[Span, ...]:
        found = read_remarks(text)
        return found if found is not None else parsed().remarks()

    return Reading(lambda: parsed().tree, lambda node: parsed().span(node), facts, module, scopes, remarks)


def _definitions(walked: Iterable[Statement]) -> Iterator[tuple[int, int]]:
    """First and last line of every definition, counted from its header and from each of its decorators.

    Functions in classes are given with their classes, all others with the code that they stand in.
    """
    for statement in walked:
        if isinstance(statement, (Function, Class)):
            yield statement.span.line, statement.end_line
            for decorator in statement.decorators:
                yield decorator.span.line, statement.end_line
            if isinstance(statement, Class):
                yield from _definitions(walk(statement.body))
