"""What a front end of ``extract`` hands back: a parsed tree with places, and the facts that can be taken from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qualitygate.model.source import Span
from qualitygate.model.syntax import Module


class Unparsable(Exception):
    """The file is not what its language allows. ``line`` counts from 1; ``reason`` is one clause for the user."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Reading:
    """A parsed file. ``span`` gives the place of a node of ``tree``; ``facts`` the fields of ``FileFacts`` it fills.

    ``module`` is the neutral form of a program.
    """

    tree: Any
    span: Callable[[Any], Span]
    facts: Callable[[], dict[str, Any]]
    module: Module | None = None
