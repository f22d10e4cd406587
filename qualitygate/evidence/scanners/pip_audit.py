"""In: the JSON of pip-audit. Out: a vulnerability each, and what it did not audit."""

from __future__ import annotations

from typing import Any

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.opened import Opened, Shape, Unreadable
from qualitygate.evidence.scanners.alerts import UNRATED, identified, label, sentence
from qualitygate.model.evidence import Alert, Scanned


class _Vulnerability(msgspec.Struct):
    id: str
    fix_versions: tuple[str, ...] | None = None
    aliases: tuple[str, ...] | None = None


class _Dependency(msgspec.Struct):
    name: str
    version: str | None = None
    vulns: tuple[_Vulnerability, ...] | None = None
    skip_reason: str | None = None


class _Audit(msgspec.Struct):
    dependencies: tuple[_Dependency, ...]


_READ: Any = _Audit | tuple[_Dependency, ...]


def read_pip_audit(source: Opened) -> Scanned:
    """What pip-audit found; early versions wrote the list of dependencies alone.

    pip-audit rates nothing, so that each vulnerability weighs as much as what is not rated. It ends well and says "No
    known vulnerabilities found" where it skipped every dependency: what was skipped is told, and an audit of nothing.
    """
    decoded = source.decode(_READ)
    dependencies = decoded.dependencies if isinstance(decoded, _Audit) else decoded
    found: list[tuple[Alert, str | None]] = []
    skipped = []
    for dependency in dependencies:
        package = sentence(label(dependency.name, dependency.version or ""))
        if dependency.skip_reason is not None or dependency.vulns is None:
            skipped.append(f"{package}: {sentence(dependency.skip_reason or 'no answer')}")
        for vulnerability in dependency.vulns or ():
            found.append((_alert(package, vulnerability), package))
    if not dependencies:
        skipped.append("everything: the list of dependencies is empty")
    return Scanned(
        origin=source.origin("pip-audit JSON", "pip-audit"),
        alerts=identified("pip-audit", found),
        skipped=tuple(skipped),
        notes=(f"pip-audit rates nothing: each vulnerability counts as {UNRATED}",) if found else (),
    )


def _alert(package: str, vulnerability: _Vulnerability) -> Alert:
    aliases = f" ({', '.join(vulnerability.aliases[:3])})" if vulnerability.aliases else ""
    fixed = ", ".join((vulnerability.fix_versions or ())[:5])
    message = f"{package}: {vulnerability.id}{aliases}; {f'fixed in {fixed}' if fixed else 'no fixed version'}"
    return Alert(sentence(vulnerability.id), UNRATED, sentence(message), package=package)


def _fits(source: Opened) -> bool:
    """Whether it is a list of dependencies with an answer for one of them."""
    try:
        decoded = source.decode(_READ)
    except Unreadable:
        return False
    if isinstance(decoded, _Audit):
        return True
    return any(one.vulns is not None or one.skip_reason is not None for one in decoded)


FORMATS = (
    Format("pip-audit JSON", "pip-audit", read_pip_audit, keys=("dependencies",), fits=_fits),
    Format("pip-audit JSON", "pip-audit", read_pip_audit, Shape.ARRAY, fits=_fits),
)
