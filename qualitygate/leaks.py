"""In: findings, and the values of the secrets among them. Out: one finding a leak, with every place of the same value.

A value is compared in memory only and goes nowhere. What of it enters a fingerprint is two bytes of a keyed digest: enough
that another value under the same name is a new finding (but once in 65,536 times), too little to try guesses against.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from qualitygate.model.finding import Finding, Status
from qualitygate.model.source import Place, Span

_KEY = b"qgate: a secret in a fingerprint"
# A shorter value may be the same by chance: `root` in two places is not one leak.
_SHORTEST = 8


def unite(findings: Iterable[Finding], values: Mapping[tuple[str, Span], str]) -> tuple[Finding, ...]:
    """The findings, those of one secret value united at its surest place.

    ``values`` are the secrets by path and span; a finding that stands at none of them is handed on as it is. Answered
    findings are marked with their value and stay by themselves: an answer at one place says nothing of another.
    """
    others = []
    leaks: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        value = values.get((finding.path, finding.span))
        if value is None:
            others.append(finding)
            continue
        marked = msgspec.structs.replace(finding, fingerprint=_marked(finding, value))
        if finding.status is Status.ACTIVE and len(value) >= _SHORTEST:
            leaks[finding.check, value].append(marked)
        else:
            others.append(marked)
    return (*others, *(_united(leak) for leak in leaks.values()))


def _marked(finding: Finding, value: str) -> str:
    """The fingerprint of a secret: that of its place and name, and a trace of the value."""
    trace = hashlib.blake2b(f"{finding.fingerprint}\0{value}".encode(), key=_KEY, digest_size=2).digest()
    return hashlib.blake2b(finding.fingerprint.encode() + trace, digest_size=16).hexdigest()


def _united(leak: list[Finding]) -> Finding:
    """The surest of several findings of one value, which names the places of the others."""
    first, *rest = sorted(leak, key=lambda one: (one.confidence.rank, one.path, one.span))
    if not rest:
        return first
    places = tuple(Place(one.path, one.span, "the same value", "setting") for one in rest)
    elsewhere = f"it stands in {len(rest)} more place{'s' if len(rest) > 1 else ''}"
    return msgspec.structs.replace(
        first, places=first.places + places, why=f"{first.why}; {elsewhere}" if first.why else elsewhere
    )
