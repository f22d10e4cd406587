"""In: what the code proved, and the evidence that the policy and the user name. Out: the verdict on both."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timezone
from pathlib import Path

import msgspec

from qualitygate.discover import way_down
from qualitygate.discover.revision import LARGEST, contents
from qualitygate.discover.since import changed_since
from qualitygate.judge import Case, judge
from qualitygate.model.evidence import ATTESTATIONS, REPORT, Attestation, Given, Proof, Scanned, Unusable
from qualitygate.model.policy import Condition, EvidenceSource, Kind, Policy
from qualitygate.model.source import Place
from qualitygate.model.verdict import Verdict
from qualitygate.suppress import waive_alerts


def gather(
    policy: Policy, named: Sequence[EvidenceSource], root: Path, *, proved: bool = False, base: str = ""
) -> tuple[Given, ...]:
    """The evidence that the policy and the command line name, read.

    Where this run has ``proved`` what the code proves, reports of earlier ones are left out. Results of other scanners that
    the commit ``base`` has too are marked. Raises :class:`InputError` where that commit cannot be read.
    """
    sources = [one for one in (*policy.evidence, *named) if not (proved and one.kind == REPORT)]
    if not sources:
        return ()
    # Imported here: most scans judge the code alone.
    from qualitygate.evidence.collect import collect

    directory = policy.directory or root
    given = collect(sources, directory, root, lambda commit: changed_since(directory, commit))
    return tuple(
        msgspec.structs.replace(one, evidence=_with_base(one.evidence, root, base))
        if base and isinstance(one.evidence, Scanned)
        else one
        for one in given
        if not (proved and isinstance(one.evidence, Proof))
    )


def proved_by(given: Iterable[Given]) -> Proof | None:
    """What the reports of qgate among the evidence prove together, as far as they speak of this commit."""
    proofs = [one.evidence for one in given if isinstance(one.evidence, Proof) and not one.stale]
    if not proofs:
        return None
    examined = Counter[str]()
    for one in proofs:
        examined.update(one.examined)
    return Proof(
        tuple(finding for one in proofs for finding in one.findings),
        dict(examined),
        {check: reason for one in proofs for check, reason in one.broken.items()},
        tuple(item for one in proofs for item in one.unread),
        proofs[0].origin,
    )


def on_code(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """The conditions that the code alone can answer."""
    return tuple(one for one in conditions if one.kind in (Kind.FINDINGS, Kind.RATIO))


def weigh(
    proof: Proof | None, given: Sequence[Given], policy: Policy, root: Path, prefix: str = "", *, stated: bool = False
) -> Verdict:
    """The verdict. ``prefix`` leads from the repository's top to ``root``; with ``stated`` statements of people count."""
    now = datetime.now(timezone.utc)
    statements = _statements(policy.directory or root, now.date()) if stated else ()
    way = way_down(policy.directory, root)
    answered = [
        msgspec.structs.replace(one, evidence=waive_alerts(one.evidence, policy.waivers, way, now.date()))
        if isinstance(one.evidence, Scanned)
        else one
        for one in given
    ]
    return judge(
        Case(
            now=now,
            limits=policy.limits,
            proof=proof,
            given=(*answered, *(Given(one.path, one) for one in statements if isinstance(one, Unusable))),
            attestations=tuple(one for one in statements if isinstance(one, Attestation)),
            conditions=tuple(replace(one, place=placed(one.place, root, prefix)) for one in policy.conditions),
            waivers=policy.waivers,
        )
    )


def placed(place: Place | None, root: Path, prefix: str = "") -> Place | None:
    """A place in the configuration from the scanned root; None where that is in no repository with it."""
    if place is None:
        return None
    path = Path(os.path.relpath(place.path, root)).as_posix()
    outside = posixpath.normpath(prefix + path).startswith("../")
    return None if outside else msgspec.structs.replace(place, path=path)


def _with_base(scanned: Scanned, root: Path, commit: str) -> Scanned:
    """The results of another scanner, those marked that stood in the base."""
    from qualitygate.evidence.scanners.standing import mark_stood

    def head(path: str) -> bytes | None:
        file = root / path
        try:
            inside = Path(os.path.realpath(file)).is_relative_to(os.path.realpath(root))
            return file.read_bytes() if inside and file.stat().st_size <= LARGEST else None
        except OSError:
            return None

    return mark_stood(scanned, head, lambda paths: contents(root, commit, paths))


def _statements(directory: Path, today: date) -> tuple[Attestation | Unusable, ...]:
    """The statements that are kept beside the configuration."""
    file = directory / ATTESTATIONS
    if not os.path.lexists(file):
        return ()
    from qualitygate.evidence.attestations import read_attestations

    return read_attestations(file, directory, today)
