"""In: the installed distributions. Out: their packs of checks. Nothing of the working directory is ever imported."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata

from qualitygate.authoring import Check, Pack

GROUP = "qualitygate.checks"


class PackError(Exception):
    """A pack could not be loaded; the argument is one clear line."""


@dataclass(frozen=True)
class Installed:
    """The checks of all packs, by id, and the identity of what is installed (for the cache)."""

    checks: tuple[Check, ...]
    identity: str


def load() -> Installed:
    """Load every pack that is installed under the entry-point group. Raises :class:`PackError`."""
    checks: dict[str, Check] = {}
    names = []
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        pack = entry.load().PACK
        if not isinstance(pack, Pack):
            raise PackError(f"{entry.value}: PACK is not a Pack")
        names.append(f"{entry.name}={entry.value}")
        for check in pack.checks:
            if check.id in checks:
                raise PackError(f"{entry.value}: a second check with the id {check.id!r}")
            checks[check.id] = check
    if not checks:
        raise PackError(f"no pack of checks is installed (entry-point group {GROUP!r})")
    return Installed(tuple(checks[name] for name in sorted(checks)), "\n".join(names))
