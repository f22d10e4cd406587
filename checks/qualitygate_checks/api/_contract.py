"""In: operations that share a fault, or what serves them. Out: hits that name it once, and pairs of routes and operations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from qualitygate.authoring import Confidence, Hit, Place, Project, Severity
from qualitygate.model.architecture import Route
from qualitygate.model.contract import Contract, Operation

# Further places shown with a finding that stands for many.
SHOWN = 5
# More operations than this share a cause, whatever their share of the contract.
ALONE = 10

_NO_ERRORS = frozenset(("HEAD", "OPTIONS", "TRACE"))


def judged(contract: Contract) -> list[Operation]:
    """The operations that the rules of an API hold for."""
    return [
        operation for operation in contract.operations if not operation.exempt and operation.method not in _NO_ERRORS
    ]


def place(operation: Operation, note: str = "") -> Place:
    """An operation as a further place of a finding."""
    return Place(operation.place.path, operation.place.span, note or operation.name, "contract")


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


def hits(
    contract: Contract,
    guilty: Sequence[Operation],
    among: int,
    *,
    subject: str,
    one: str,
    many: str,
    why: str,
    mend: str,
    confidence: Confidence,
    severity: Severity | None = None,
) -> Iterator[Hit]:
    """One hit for the contract where at least half of ``among`` operations, or many, are guilty; else one for each.

    ``one`` and ``many`` make the message: `{}` stands for who is guilty ("GET /users", "12 of the 30 operations").
    """
    if not guilty:
        return
    if len(guilty) > 1 and (2 * len(guilty) >= among or len(guilty) > ALONE):
        who = f"All {among} operations" if len(guilty) == among else f"{len(guilty)} of the {among} operations"
        yield Hit(
            place=contract.paths_place,
            message=many.format(who),
            subject=subject,
            why=why,
            mend=mend,
            places=tuple(place(operation) for operation in guilty[:SHOWN]),
            confidence=confidence,
            severity=severity,
        )
        return
    for operation in guilty:
        yield Hit(
            place=operation.place,
            message=one.replace("{}", operation.name),
            subject=f"{subject} {operation.name}",
            why=why,
            mend=mend,
            confidence=confidence,
            severity=severity,
        )
