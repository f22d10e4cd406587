"""The linked project: what every project check reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec

from qualitygate.model.agreement import Agreement
from qualitygate.model.architecture import (
    Cache,
    Channel,
    Connection,
    ErrorHandler,
    ErrorResponse,
    ModuleImport,
    Outbound,
    PageSize,
    Route,
    SharedState,
    Task,
    Unfollowed,
)
from qualitygate.model.calls import Assignment, Call, Settings
from qualitygate.model.contract import Contract, Input, Operation
from qualitygate.model.facts import Directive, FileFacts
from qualitygate.model.schema import Coverage, History, Model, Table
from qualitygate.model.source import Language, Place, Role, Unread
from qualitygate.model.surface import Surface

_T = TypeVar("_T")


class Answer(msgspec.Struct, frozen=True):
    """An inline answer in a file, and what it was good for.

    ``unknown`` pairs each id that no installed check has with the nearest that one has (or nothing). ``idle`` are the ids
    of checks that ran and said nothing that the answer could speak of. ``expired`` tells that its last day is over, ``days_left`` how many days
    it still counts (None where no day ends it).
    """

    path: str
    language: Language
    role: Role
    directive: Directive
    unknown: tuple[tuple[str, str], ...] = ()
    idle: tuple[str, ...] = ()
    expired: bool = False
    days_left: int | None = None


class Project(msgspec.Struct, frozen=True, dict=True):
    """Facts of all files, joined. Everything is in a fixed order: the same input gives the same project.

    ``calls`` holds the library calls that the checks of this run ask for, ``assignments`` the values given to names that
    they ask for, and ``settings`` those in force in the settings modules of Django. ``tables`` are those of the migrations,
    and of ``models`` that no migrations make. ``answers`` are known to the checks that audit them, which run after all
    others. ``base`` is the project as it was before the change that is judged; None where nothing is compared.
    ``identity`` is a digest of all that the project was read from; empty where that is not known.
    """

    files: tuple[FileFacts, ...] = ()
    routes: tuple[Route, ...] = ()
    connections: tuple[Connection, ...] = ()
    outbound: tuple[Outbound, ...] = ()
    tasks: tuple[Task, ...] = ()
    channels: tuple[Channel, ...] = ()
    caches: tuple[Cache, ...] = ()
    unfollowed: tuple[Unfollowed, ...] = ()
    calls: tuple[Call, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    settings: tuple[Settings, ...] = ()
    errors: tuple[ErrorResponse, ...] = ()
    error_handlers: tuple[ErrorHandler, ...] = ()
    state: tuple[SharedState, ...] = ()
    page_sizes: tuple[PageSize, ...] = ()
    inputs: tuple[Input, ...] = ()
    imports: tuple[ModuleImport, ...] = ()
    apps: tuple[Place, ...] = ()
    contracts: tuple[Contract, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    histories: tuple[History, ...] = ()
    tables: tuple[Table, ...] = ()
    models: tuple[Model, ...] = ()
    unread: tuple[Unread, ...] = ()
    answers: tuple[Answer, ...] = ()
    base: Project | None = None
    surfaces: tuple[Surface, ...] = ()
    identity: str = ""

    def once(self, make: Callable[[Project], _T]) -> _T:
        """What ``make`` works out of this project, worked out when it is first asked for and shared by all checks."""
        known: dict[Any, Any] = self.__dict__
        if make not in known:
            known[make] = make(self)
        return cast(_T, known[make])

    @property
    def coverage(self) -> Coverage:
        """How much of the SQL and of the migrations was understood."""
        scripts = [file.script for file in self.files if file.script is not None]
        total = sum(script.total for script in scripts)
        return Coverage(total, total - sum(script.lost for script in scripts))

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of all contracts, in the order of the contracts and of the documents."""
        return tuple(operation for contract in self.contracts for operation in contract.operations)
