"""In: a project and the one that it was before a change, with their files. Out: the project, ready to be compared."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qualitygate.extract.cache import digest
from qualitygate.extract.reading import Unparsable
from qualitygate.link.base import with_base
from qualitygate.model.project import Project
from qualitygate.model.source import SourceFile
from qualitygate.model.surface import Surface
from qualitygate.parse.text import Undecodable, decode


def attach_base(project: Project, files: Sequence[SourceFile], base: Project, before: Sequence[SourceFile]) -> Project:
    """``project`` with ``base`` in it, and both with the surfaces of the contracts that are not the same in both.

    ``files`` and ``before`` are the files that the two were made of.
    """
    facts = {file.path: file for file in base.files}
    same = {file.path for file in project.files if facts.get(file.path) is file}
    # What checks find in either now depends on the other too.
    one, other = _identity(project, base, "change"), _identity(base, project, "base")
    project = msgspec.structs.replace(project, surfaces=_surfaces(project, files, same), identity=one)
    return with_base(project, msgspec.structs.replace(base, surfaces=_surfaces(base, before, same), identity=other))


def _identity(project: Project, other: Project, side: str) -> str:
    known = project.identity and other.identity
    return digest("\0".join((side, project.identity, other.identity)).encode()) if known else ""


def _surfaces(project: Project, files: Sequence[SourceFile], same: set[str]) -> tuple[Surface, ...]:
    changed = [contract.path for contract in project.contracts if contract.path not in same]
    if not changed:
        return ()
    from qualitygate.extract.openapi import read_contract_surface

    by_path = {file.path: file for file in files}
    found = []
    for path in changed:
        file = by_path[path]
        try:
            text = decode(file.read(), file.language)
            surface = read_contract_surface(file.path, text, file.language, by_path.get)
        except (OSError, Undecodable, Unparsable):
            continue  # it changed since it was read
        if surface is not None:
            found.append(surface)
    return tuple(found)
