"""In: an open file of evidence. Out: the format that it is in, found by its content."""

from __future__ import annotations

import msgspec

from qualitygate.evidence import report
from qualitygate.evidence.formats import Format
from qualitygate.evidence.measurements import (
    ab,
    autocannon,
    gatling,
    hey,
    jmeter,
    k6,
    locust,
    oha,
    prometheus,
    pytest_benchmark,
    vegeta,
    wrk,
)
from qualitygate.evidence.opened import Opened, Shape, Unreadable, decoded
from qualitygate.evidence.scanners import pip_audit, sarif, trivy
from qualitygate.model.evidence import Measured, Proof, Scanned

# Every format that is read. Each one is told from all others by its own `keys` and `fits`, so their order is of no matter.
FORMATS: tuple[Format, ...] = (
    *k6.FORMATS,
    *locust.FORMATS,
    *jmeter.FORMATS,
    *vegeta.FORMATS,
    *oha.FORMATS,
    *hey.FORMATS,
    *wrk.FORMATS,
    *autocannon.FORMATS,
    *ab.FORMATS,
    *gatling.FORMATS,
    *pytest_benchmark.FORMATS,
    *prometheus.FORMATS,
    *sarif.FORMATS,
    *pip_audit.FORMATS,
    *trivy.FORMATS,
    *report.FORMATS,
)


def recognise(source: Opened, kind: str = "") -> Format:
    """The format of ``source``. Raises Unreadable where there is none, or where it is not of the ``kind`` expected."""
    keys = _keys(source)
    found = next((one for one in FORMATS if _is(one, source, keys)), None)
    if found is None:
        expected = f": expected {kind}" if kind else ""
        raise Unreadable(f"is {source.shape.value} of no format that qgate reads{expected}")
    # Any scanner may write SARIF: whose it is is known when it is read.
    if kind and found.kind not in (kind, sarif.KIND):
        raise Unreadable(f"is not of {kind}: it is {found.name}")
    return found


def of_kind(found: tuple[Measured | Proof | Scanned, ...], kind: str) -> tuple[Measured | Proof | Scanned, ...]:
    """Those of ``found`` that are of the ``kind`` expected (empty: any). Raises Unreadable where none is."""
    scanned = [one for one in found if isinstance(one, Scanned)]
    if kind in ("", sarif.KIND) or not scanned:
        return found
    wanted = tuple(one for one in scanned if one.written_by(kind))
    if not wanted:
        raise Unreadable(f"is not of {kind}: it holds the results of {', '.join(one.origin.tool for one in scanned)}")
    return wanted


def _is(form: Format, source: Opened, keys: frozenset[str]) -> bool:
    return form.shape is source.shape and keys.issuperset(form.keys) and (form.fits is None or form.fits(source))


def _keys(source: Opened) -> frozenset[str]:
    """The keys at the top of a JSON object, as far as a format asks for them: the rest is passed over, not built."""
    if source.shape is not Shape.OBJECT:
        return frozenset()
    wanted = sorted({key for form in FORMATS for key in form.keys})
    names = {f"f{number}": key for number, key in enumerate(wanted)}
    fields = [(name, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for name in names]
    top = decoded(source.document, msgspec.defstruct("Top", fields, rename=names))
    return frozenset(key for name, key in names.items() if getattr(top, name) is not msgspec.UNSET)
