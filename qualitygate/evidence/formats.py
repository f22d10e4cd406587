"""What a reader of one format declares: how the format is told from all others, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qualitygate.evidence.opened import Opened, Shape
from qualitygate.model.evidence import Measured, Proof, Scanned


@dataclass(frozen=True)
class Format:
    """One format of a file of evidence.

    ``name`` is what it is called in words (`k6 handleSummary`), ``kind`` how a configuration calls the tool (`k6`). A
    JSON object is of this format where it has all of the ``keys`` at its top; ``fits``, where given, must agree too, and
    sees no more than the head of the text or what it decodes. ``read`` takes the open file and returns what it says, of
    each tool where it holds the reports of several; it raises Unreadable for one that is damaged, or that cannot be used
    with advice what to give in its place.
    """

    name: str
    kind: str
    read: Callable[[Opened], Measured | Proof | Scanned | tuple[Scanned, ...]]
    shape: Shape = Shape.OBJECT
    keys: tuple[str, ...] = ()
    fits: Callable[[Opened], bool] | None = None
