"""In: the text of a Python file. Out: its neutral program form as facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from qualitygate.extract.reading import Reading, Unparsable
from qualitygate.model.source import Text, Unread
from qualitygate.model.syntax import Class, For, Function, If, Statement, Try, While, With, statements
from qualitygate.parse.python_fast import read_module
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
        module = read_module(text)
        if module is None:
            module = parsed().module()
    except PythonSyntaxError as error:
        raise Unparsable(error.line, error.reason) from None

    def facts() -> dict[str, Any]:
        found: dict[str, Any] = {"module": module, "scopes": tuple(sorted(_scopes(module.body)))}
        if any(mark in text.content for mark in _MIGRATIONS):
            from qualitygate.extract.python_migrations import read_python_migration

            migration = read_python_migration(module)
            if migration is not None:
                found["script"], lost = migration
                found["unread"] = tuple(Unread(path, line, reason) for line, reason in lost)
        return found

    return Reading(lambda: parsed().tree, lambda node: parsed().span(node), facts, module)


def _scopes(body: Iterable[Statement]) -> Iterator[tuple[int, int]]:
    """First and last line of every definition, counted from its header and from each of its decorators."""
    for statement in body:
        if isinstance(statement, (Function, Class)):
            yield statement.span.line, statement.end_line
            for decorator in statement.decorators:
                yield decorator.span.line, statement.end_line
            yield from _scopes(statements(statement) if isinstance(statement, Function) else statement.body)
        elif isinstance(statement, (If, For, While, With, Try)):
            yield from _scopes(statement.body)
            if not isinstance(statement, With):
                yield from _scopes(statement.orelse)
            if isinstance(statement, Try):
                yield from _scopes(statement.final)
                for handler in statement.handlers:
                    yield from _scopes(handler.body)
