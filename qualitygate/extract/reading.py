"""What a front end of ``extract`` hands back: a parsed tree with places, and the facts that can be taken from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qualitygate.model.source import Span
from qualitygate.model.syntax import Module, Scope


class Unparsable(Exception):
    """The file is not what its language allows. ``line`` counts from 1; ``reason`` is one clause for the user."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Reading:
    """A parsed file.

    ``grow`` gives the tree that file checks may ask for, ``span`` the place of one of its nodes, ``facts`` the fields of
    ``FileFacts`` that the file fills.

    ``module`` is the neutral form of a program, ``scopes`` its functions, ``remarks`` gives its strings that stand as
    statements.
    """

    grow: Callable[[], Any]
    span: Callable[[Any], Span]
    facts: Callable[[], dict[str, Any]]
    module: Module | None = None
    scopes: tuple[Scope, ...] = ()
    remarks: Callable[[], tuple[Span, ...]] = tuple
