"""In: operations of a contract that share a fault. Out: the hits that name it once, with the number it reaches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qualitygate.authoring import Confidence, Hit, Place, Severity
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
