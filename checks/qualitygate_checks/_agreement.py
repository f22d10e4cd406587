"""In: a project whose contracts were held against its code. Out: which route serves which operation, both ways."""

from __future__ import annotations

from collections import defaultdict

from qualitygate.authoring import Place, Project
from qualitygate.model.architecture import Route
from qualitygate.model.contract import Operation


def served(project: Project) -> dict[Place, list[Route]]:
    """The routes that serve each operation, by the operation's place."""
    found: defaultdict[Place, list[Route]] = defaultdict(list)
    for agreement in project.agreements:
        for pair in agreement.pairs:
            found[pair.operation.place].append(pair.route)
    return dict(found)


def promised(project: Project) -> dict[tuple[str, str, Place], list[Operation]]:
    """The operations of contracts that each route serves, by the route's :func:`key`."""
    found: defaultdict[tuple[str, str, Place], list[Operation]] = defaultdict(list)
    for agreement in project.agreements:
        for pair in agreement.pairs:
            found[key(pair.route)].append(pair.operation)
    return dict(found)


def key(route: Route) -> tuple[str, str, Place]:
    """What tells a route from all others: method, path and the place of its handler."""
    return route.method, route.path, route.place
