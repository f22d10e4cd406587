"""The linked project: what every project check reads."""

from __future__ import annotations

import msgspec

from qualitygate.model.architecture import Connection, ErrorResponse, Outbound, Route
from qualitygate.model.contract import Contract, Operation
from qualitygate.model.facts import FileFacts
from qualitygate.model.schema import History, Table
from qualitygate.model.source import Unread


class Project(msgspec.Struct, frozen=True):
    """Facts of all files, joined. Everything is in a fixed order: the same input gives the same project."""

    files: tuple[FileFacts, ...] = ()
    routes: tuple[Route, ...] = ()
    connections: tuple[Connection, ...] = ()
    outbound: tuple[Outbound, ...] = ()
    errors: tuple[ErrorResponse, ...] = ()
    error_handlers: tuple[str, ...] = ()
    contracts: tuple[Contract, ...] = ()
    histories: tuple[History, ...] = ()
    tables: tuple[Table, ...] = ()
    unread: tuple[Unread, ...] = ()

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of all contracts, in the order of the contracts and of the documents."""
        return tuple(operation for contract in self.contracts for operation in contract.operations)
