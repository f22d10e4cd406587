"""In: a file of measurements, of another scanner's results or of attestations. Out: records of what it says."""

from __future__ import annotations

from pathlib import Path

from qualitygate.model.evidence import Evidence, Measured, Proof, Scanned, Unusable


def read_evidence(
    path: Path, root: Path, *, kind: str = "", metric: str = "", unit: str = "", inside: bool = False
) -> tuple[Evidence, ...]:
    """Read one file of evidence, whatever tool wrote it: its format is recognised by its content, never by its name.

    Most files hold the report of one tool; a SARIF log may hold those of several, each a record of its own.

    ``path`` is absolute or relative to the current directory. ``root`` is the scanned root: results of scanners are
    resolved against it, and ``path`` is told relative to it where it lies below; with ``inside`` it has to. ``kind`` is
    the tool that the user expects (`k6`, `trivy`, ...; empty: any): another one is an error. ``metric`` and ``unit``
    (`ms`, `s`, `%`, ...) say what a Prometheus answer holds, which does not say so itself. Raises nothing: what
    cannot be used is an :class:`Unusable` with the reason in one line.
    """
    from qualitygate.evidence.opened import Unreadable, named, opened
    from qualitygate.evidence.recognise import of_kind, recognise

    try:
        with opened(path, root, metric=metric, unit=unit, inside=inside) as source:
            read = recognise(source, kind).read(source)
            found: tuple[Measured | Proof | Scanned, ...] = read if isinstance(read, tuple) else (read,)
            return of_kind(found, kind)
    except Unreadable as error:
        # a name from inside the file may have line breaks
        return (Unusable(named(path, root), " ".join(str(error).split())),)
    except OSError as error:
        return (Unusable(named(path, root), error.strerror or "cannot be read"),)
