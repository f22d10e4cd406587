"""In: the facts of all files. Out: the contracts that the repository publishes, each once."""

from __future__ import annotations

from collections.abc import Sequence

from qualitygate.model.contract import Contract
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Place, Role

# A contract in docs/ is what clients are promised; one among tests, examples or vendored files is somebody's material.
_PUBLISHED = frozenset((Role.APPLICATION, Role.MIGRATION, Role.DOCUMENTATION))


def link_contracts(files: Sequence[FileFacts]) -> tuple[Contract, ...]:
    """The contracts of ``files``, in the order of their paths.

    Left out are contracts of files that are not judged, the same contract in another notation (`openapi.json` beside
    `openapi.yaml`: the first path stays), and a document whose operations are all part of another one that refers to it.
    """
    contracts = [facts.contract for facts in files if facts.contract is not None and facts.role in _PUBLISHED]
    contracts.sort(key=lambda contract: contract.path)
    referred = {path for contract in contracts for path in contract.files}
    kept: list[Contract] = []
    seen: set[tuple[object, ...]] = set()
    for contract in contracts:
        identity = (
            contract.title,
            contract.release,
            tuple(sorted((operation.method, operation.full_path) for operation in contract.operations)),
        )
        if identity in seen or (contract.path in referred and _is_part(contract, contracts)):
            continue
        seen.add(identity)
        kept.append(contract)
    return tuple(kept)


def _is_part(contract: Contract, contracts: Sequence[Contract]) -> bool:
    """Whether another contract that refers to this one has all its operations."""
    places = _places(contract)
    return any(
        places <= _places(other) for other in contracts if other is not contract and contract.path in other.files
    )


def _places(contract: Contract) -> set[tuple[str, Place]]:
    return {(operation.method, operation.place) for operation in contract.operations}
