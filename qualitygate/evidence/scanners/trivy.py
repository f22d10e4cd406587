"""In: the JSON of Trivy. Out: its vulnerabilities, misconfigurations, secrets and licences, without what a secret reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from qualitygate.evidence.formats import Format
from qualitygate.evidence.opened import Opened, Shape, Unreadable
from qualitygate.evidence.scanners.alerts import UNRATED, identified, label, moment, sentence, severity_of_word
from qualitygate.evidence.scanners.places import Places
from qualitygate.model.evidence import Alert, Scanned


class _Vulnerability(msgspec.Struct, rename="pascal"):
    vulnerability_i_d: str = msgspec.field(name="VulnerabilityID", default="unnamed")
    pkg_name: str = ""
    pkg_path: str | None = None
    installed_version: str | None = None
    fixed_version: str | None = None
    status: str | None = None
    severity: str | None = None
    title: str | None = None


class _Cause(msgspec.Struct, rename="pascal"):
    start_line: int | None = None


class _Misconfiguration(msgspec.Struct, rename="pascal"):
    i_d: str = msgspec.field(name="ID", default="")
    title: str | None = None
    message: str | None = None
    severity: str | None = None
    status: str | None = None
    cause_metadata: _Cause | None = None


class _Secret(msgspec.Struct, rename="pascal"):
    """The matched text and its code are not even decoded."""

    rule_i_d: str = msgspec.field(name="RuleID", default="")
    title: str | None = None
    severity: str | None = None
    start_line: int | None = None


class _License(msgspec.Struct, rename="pascal"):
    severity: str | None = None
    pkg_name: str | None = None
    file_path: str | None = None
    name: str = ""


class _Target(msgspec.Struct, rename="pascal"):
    target: str = ""
    vulnerabilities: tuple[_Vulnerability, ...] | None = None
    misconfigurations: tuple[_Misconfiguration, ...] | None = None
    secrets: tuple[_Secret, ...] | None = None
    licenses: tuple[_License, ...] | None = None
    experimental_modified_findings: tuple[Any, ...] | None = None


class _Version(msgspec.Struct, rename="pascal"):
    version: str | None = None


class _Metadata(msgspec.Struct, rename="pascal"):
    commit: str | None = None


class _Report(msgspec.Struct, rename="pascal"):
    schema_version: int
    created_at: str | None = None
    trivy: _Version | None = None
    metadata: _Metadata | None = None
    results: tuple[_Target, ...] | None = None


_READ: Any = _Report | tuple[_Target, ...]


def read_trivy(source: Opened) -> Scanned:
    """What Trivy found, in its report of schema 2 or in the bare list of versions before 0.20."""
    report = source.decode(_READ)
    if not isinstance(report, _Report):
        report = _Report(schema_version=1, results=report)
    if report.schema_version not in (1, 2):
        raise Unreadable(f"is a report of Trivy in schema {report.schema_version}: schema 2 is read")
    places = Places(source.root)
    targets = report.results or ()
    ignored = sum(len(target.experimental_modified_findings or ()) for target in targets)
    return Scanned(
        origin=source.origin(
            f"Trivy JSON (schema {report.schema_version})",
            "trivy",
            version=(report.trivy.version or "") if report.trivy is not None else "",
            finished=moment(report.created_at),
            commit=(report.metadata.commit or "") if report.metadata is not None else "",
        ),
        alerts=identified("trivy", [drafted for target in targets for drafted in _alerts(target, places)], places),
        # Older versions leave out every target in which nothing was found, and the list with them.
        skipped=()
        if targets
        else (
            "everything: the report names no target, which may be a clean one or none (`--list-all-pkgs` names them)",
        ),
        notes=(f"results ignored in Trivy's configuration: {ignored}",) if ignored else (),
    )


def _alerts(target: _Target, places: Places) -> Iterator[tuple[Alert, str | None]]:
    """Each result of one target, and what it is known by; None for the words of its line."""
    path = _path(target.target, places)
    if path is None:
        return
    for one in target.vulnerabilities or ():
        package = sentence(label(one.pkg_name, one.installed_version or ""))
        fixed = f"fixed in {one.fixed_version}" if one.fixed_version else one.status or "no fixed version"
        title = f", {one.title}" if one.title else ""
        at = path or _path(one.pkg_path or "", places) or ""
        message = sentence(f"{package}: {one.vulnerability_i_d}{title}; {fixed}")
        yield Alert(sentence(one.vulnerability_i_d), _severity(one.severity), message, at, package=package), package
    for fault in target.misconfigurations or ():
        if fault.status not in (None, "", "FAIL"):
            continue
        line = (fault.cause_metadata.start_line or 0) if fault.cause_metadata is not None else 0
        message = sentence(fault.message or fault.title or fault.i_d)
        line = max(0, line) if path else 0
        yield Alert(sentence(fault.i_d), _severity(fault.severity), message, path, line), None if line else message
    for secret in target.secrets or ():
        message = sentence(f"{secret.title or secret.rule_i_d} in {target.target}")
        line = max(0, secret.start_line or 0) if path else 0
        yield Alert(sentence(secret.rule_i_d), _severity(secret.severity), message, path, line), ""
    for licence in target.licenses or ():
        package = sentence(licence.pkg_name or licence.file_path or "")
        message = sentence(f"{package}: licence {licence.name}")
        yield Alert(sentence(licence.name), _severity(licence.severity), message, path, package=package), package


def _path(target: str, places: Places) -> str | None:
    """The file that a target is, empty for an image or a folder, None where it stands in another part."""
    path = places.relative(target)
    return path if path is None or places.holds(path) else ""


def _severity(word: str | None) -> str:
    return severity_of_word(word) or UNRATED


def _fits(source: Opened) -> bool:
    """Whether it is a list of targets, each of them named."""
    try:
        targets = source.decode(tuple[_Target, ...])
    except Unreadable:
        return False
    return bool(targets) and all(target.target for target in targets)


FORMATS = (
    Format("Trivy JSON", "trivy", read_trivy, keys=("SchemaVersion", "ArtifactName")),
    Format("Trivy JSON", "trivy", read_trivy, Shape.ARRAY, fits=_fits),
)
