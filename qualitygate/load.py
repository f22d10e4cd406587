"""In: the installed distributions. Out: their packs of checks. Nothing of the working directory is ever imported."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from qualitygate.authoring import Check, Pack

GROUP = "qualitygate.checks"


class PackError(Exception):
    """A pack could not be loaded; the argument is one clear line."""


@dataclass(frozen=True)
class Installed:
    """The checks of all packs, in the order of their ids, and a digest of the code that they are (for the cache).

    ``guides`` are the folders of guides that the packs bring.
    """

    checks: tuple[Check, ...]
    identity: str
    guides: tuple[Path, ...] = ()


def load() -> Installed:
    """Load every pack that a distribution offers under the entry-point group ``qualitygate.checks``.

    Distributions are looked for where installers put them, and a pack is imported only where it lies in its own
    distribution. Raises :class:`PackError` where one does not, cannot be imported, or brings an id twice, and where
    there is none at all.
    """
    checks: dict[str, Check] = {}
    origins: set[Path] = set()
    guides: list[Path] = []
    for distribution, entry in _entries(_site_directories(sys.path)):
        origins.add(_origin(distribution, entry))
        pack = _import(entry)
        if pack.guides is not None:
            guides.append(pack.guides)
        for check in pack.checks:
            if check.id in checks:
                raise PackError(f"pack {entry.value}: a second check with the id {check.id!r}")
            checks[check.id] = check
    if not checks:
        raise PackError(f"no pack of checks is installed (entry-point group {GROUP!r})")
    return Installed(tuple(checks[name] for name in sorted(checks)), _digest(origins), tuple(guides))


def identity() -> str:
    """The ``identity`` of what :func:`load` would load, without importing any of it. Raises :class:`PackError`."""
    return _digest({_origin(distribution, entry) for distribution, entry in _entries(_site_directories(sys.path))})


def _digest(origins: set[Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for origin in sorted(origins):
        sources = [*origin.rglob("*.py"), *origin.rglob("*.md")] if origin.is_dir() else [origin]
        for source in sorted(sources):
            digest.update(source.read_bytes())
    return digest.hexdigest()


def _site_directories(path: Sequence[str]) -> list[str]:
    """The entries of ``sys.path`` that an installer fills. The current directory is none, whatever its name."""
    here = os.path.realpath(os.curdir)
    return [
        entry
        for entry in path
        if os.path.isabs(entry)
        and os.path.basename(entry.rstrip(os.sep)) in ("site-packages", "dist-packages")
        and os.path.realpath(entry) != here
    ]


def _entries(directories: list[str]) -> Iterator[tuple[metadata.Distribution, metadata.EntryPoint]]:
    """Each entry point of the group with its distribution; where two offer the same, the first on the path counts."""
    found: dict[tuple[str, str], tuple[metadata.Distribution, metadata.EntryPoint]] = {}
    for distribution in metadata.distributions(path=directories):
        # Most distributions have no entry point of this kind: asked of the text, since parsing takes its time.
        if GROUP in (distribution.read_text("entry_points.txt") or ""):
            for entry in distribution.entry_points:
                if entry.group == GROUP:
                    found.setdefault((entry.value, entry.name), (distribution, entry))
    yield from (found[key] for key in sorted(found))


def _origin(distribution: metadata.Distribution, entry: metadata.EntryPoint) -> Path:
    """The folder (or the file) of the top-level package of a pack, found without importing any of it.

    Raises :class:`PackError` where an import would take it from anywhere but its distribution.
    """
    package = entry.module.partition(".")[0]
    try:
        specification = importlib.util.find_spec(package)
    except (ImportError, ValueError) as error:
        raise PackError(f"pack {entry.value} cannot be found: {error}") from None
    if specification is None:
        raise PackError(f"pack {entry.value} cannot be found: no module named {package!r}")
    if specification.submodule_search_locations:
        places = [Path(os.path.realpath(place)) for place in specification.submodule_search_locations]
    else:
        places = [Path(os.path.realpath(specification.origin or ""))]
    homes = _homes(distribution)
    for place in places:
        if not any(home in place.parents for home in homes):
            raise PackError(f"pack {entry.value} would be imported from {place}, outside of its distribution: refused")
    return places[0]


def _homes(distribution: metadata.Distribution) -> list[Path]:
    """Where the code of a distribution may lie: beside its metadata, or in the folder of an editable install."""
    homes = [Path(os.path.realpath(str(distribution.locate_file(""))))]
    try:
        direct = json.loads(distribution.read_text("direct_url.json") or "{}")
        if direct.get("dir_info", {}).get("editable") is True:
            location = urlsplit(direct["url"])
            if location.scheme == "file":
                path = unquote(location.path)
                # file:///C:/folder on Windows
                homes.append(Path(os.path.realpath(path[1:] if path[2:3] == ":" else path)))
    except (ValueError, AttributeError, KeyError, TypeError):
        pass  # metadata that cannot be read widens nothing
    return homes


def _import(entry: metadata.EntryPoint) -> Pack:
    try:
        pack = getattr(importlib.import_module(entry.module), entry.attr or "PACK")
    except Exception as error:  # whatever the code of a pack raises is told in one line
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PackError(f"pack {entry.value} did not load: {reason}") from error
    if not isinstance(pack, Pack):
        raise PackError(f"pack {entry.value} did not load: it is no Pack")
    return pack
