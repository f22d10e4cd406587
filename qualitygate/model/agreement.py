"""Records of how the published contracts and the code go together: which route serves which operation."""

from __future__ import annotations

import msgspec

from qualitygate.model.architecture import Route
from qualitygate.model.contract import Contract, Operation


class Pair(msgspec.Struct, frozen=True):
    """An operation and a route that serves it."""

    operation: Operation
    route: Route


class Difference(msgspec.Struct, frozen=True):
    """One path that contract and code both have, and do not agree on.

    ``kind`` is `method` (other methods under the same path) or `path` (a path that is spelled in two ways).
    """

    kind: str
    operations: tuple[Operation, ...]
    routes: tuple[Route, ...]


class Agreement(msgspec.Struct, frozen=True):
    """One contract beside the routes that the code of its repository has.

    ``state`` is `served` (routes of the code serve it), `foreign` (hardly any does: another service's contract) or
    `driven` (a library makes the routes from the contract itself). Of a contract that is not served the rest is empty.
    ``pairs`` are what agrees, ``differences`` what agrees in part. ``undocumented`` are the routes of the same service
    that no contract has, ``unimplemented`` the operations that no route serves; ``among`` counts the routes that the
    contract should have. ``sure`` is false where routes may have escaped the analysis.
    """

    contract: Contract
    state: str
    pairs: tuple[Pair, ...] = ()
    differences: tuple[Difference, ...] = ()
    undocumented: tuple[Route, ...] = ()
    unimplemented: tuple[Operation, ...] = ()
    among: int = 0
    sure: bool = True
