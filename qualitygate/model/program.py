"""What the code of a project makes up: the record that following it gives, and that a later scan may be handed again."""

from __future__ import annotations

import msgspec

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
from qualitygate.model.contract import Input
from qualitygate.model.schema import Model
from qualitygate.model.source import Place, Unread


class Program(msgspec.Struct, frozen=True):
    """The architecture of the code: what a scan of the same files may be handed again."""

    routes: tuple[Route, ...] = ()
    imports: tuple[ModuleImport, ...] = ()
    apps: tuple[Place, ...] = ()
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
    page_sizes: tuple[PageSize, ...] = ()
    inputs: tuple[Input, ...] = ()
    state: tuple[SharedState, ...] = ()
    models: tuple[Model, ...] = ()
    unread: tuple[Unread, ...] = ()
