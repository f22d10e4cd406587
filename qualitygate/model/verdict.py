"""Records of the end of a run: the gate's rows and state, and all that a report may print."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import msgspec

from qualitygate.model.finding import Finding
from qualitygate.model.project import Project
from qualitygate.model.schema import Coverage
from qualitygate.model.source import Place, Span, Text, Unread


class State(str, Enum):
    """The state of one row of the gate."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"
    STALE = "stale"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"
    ERROR = "error"


class Row(msgspec.Struct, frozen=True):
    """One condition of the gate: what was asked, what was found, and the class of evidence it rests on.

    ``evidence`` is `proved`, `measured`, `attested` or `unknown`. ``required`` rows decide; the others are shown.
    ``source`` names the file or tool that the value comes from, ``observed`` when (ISO 8601, UTC) by its `content` or by the
    time of its `file` (``dated_by``), ``samples`` from how many. ``place`` is the line of the configuration that asks for it, where one does. ``detail`` is one clause: why it is
    so, and for what is missing, what to do.
    """

    id: str
    state: State
    value: str
    limit: str
    evidence: str = "proved"
    detail: str = ""
    required: bool = True
    source: str = ""
    observed: str = ""
    samples: int | None = None
    place: Place | None = None
    dated_by: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """The gate. ``exit_code``: 0 open, 1 closed, 2 undecided by an internal error, 3 nothing to scan, 4 evidence missing."""

    state: str
    rows: tuple[Row, ...]
    exit_code: int


class Base(msgspec.Struct, frozen=True):
    """The commit that a change is compared with.

    ``revision`` is what was asked for, ``variable`` the one of the environment that named it (empty: the user did), and
    ``commit`` the one at which it and HEAD parted. ``gone`` names what was found there and is found no more.
    """

    revision: str
    commit: str
    variable: str = ""
    gone: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """What a run found, before it is written in any format.

    ``findings`` are all that the confidence filter lets through, whatever their status, worst first; ``hidden`` counts
    those that it held back. ``examined`` maps each check that ran to the number of things it looked at. ``broken`` maps
    a crashed check to the reason. ``texts`` and ``secrets`` (both by path) serve code frames: a secret's span is masked
    wherever its line is shown. ``contents`` are the bytes behind the texts, for line hashes. ``prefix`` leads from the
    repository's top to the scanned root, with a slash at its end where it is not empty. ``stale_baseline`` names what
    the baseline knows and is found no more; ``stale_fingerprints`` identifies the same, in the same order. ``base`` is
    known where the findings were compared with those of a commit; ``unbased`` says that one was asked for and that there
    is no pull request to name it.
    ``coverage`` tells how much of the migrations was understood. ``commit`` is the one that is checked out (empty: unknown).
    ``gate_place`` is the line that stands for the gate in formats that take nothing without a place: of the configuration
    file or, without one, of a file that was read (None: nothing was).
    ``notes`` tell, a sentence each, what of the tree was left out of a comparison, and why. ``project`` is what the
    findings were found in, for the reports that draw it.
    """

    version: str
    root: Path
    prefix: str
    files: int
    seconds: float
    findings: tuple[Finding, ...]
    hidden: int
    examined: Mapping[str, int]
    broken: Mapping[str, str]
    unread: tuple[Unread, ...]
    verdict: Verdict
    texts: Mapping[str, Text]
    secrets: Mapping[str, tuple[Span, ...]]
    contents: Mapping[str, bytes] = {}
    stale_baseline: tuple[str, ...] = ()
    stale_fingerprints: tuple[str, ...] = ()
    base: Base | None = None
    unbased: bool = False
    notes: tuple[str, ...] = ()
    coverage: Coverage = Coverage()
    project: Project = Project()
    commit: str = ""
    gate_place: Place | None = None
