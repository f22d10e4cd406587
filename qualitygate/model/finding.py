"""Records of what a check says: levels, findings, and what was examined for them."""

from __future__ import annotations

from enum import Enum

import msgspec

from qualitygate.model.source import Place, Span


class Severity(str, Enum):
    """How much a finding weighs. The default gate closes on errors."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return tuple(Severity).index(self)


class Confidence(str, Enum):
    """How strong the evidence is. Medium and high are shown by default."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the surest."""
        return tuple(Confidence).index(self)


class Domain(str, Enum):
    """The eight domains of backend architecture."""

    API = "api"
    ARCHITECTURE = "architecture"
    CACHING = "caching"
    DATABASE = "database"
    MESSAGING = "messaging"
    MONITORING = "monitoring"
    SCALING = "scaling"
    SECURITY = "security"


class Status(str, Enum):
    """Whether a finding counts: `active`, or not: answered in the code, waived in the configuration, or in the baseline."""

    ACTIVE = "active"
    SUPPRESSED = "suppressed"
    WAIVED = "waived"
    BASELINED = "baselined"


class Change(str, Enum):
    """How a finding stands to the base of a comparison.

    `new`: it was not there, or weighed less. `changed`: it was, in another file, at other code or in other words.
    """

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class Edit(msgspec.Struct, frozen=True):
    """What would mend a fault in the file that it stands in: ``text`` in the place of ``span``, naming ``imports``."""

    span: Span
    text: str
    imports: tuple[str, ...] = ()


class Hit(msgspec.Struct, frozen=True):
    """What a check yields: one fault, at the smallest span that carries it.

    ``message`` is one sentence about this code. ``subject`` names the thing in a way that survives edits (a route, a
    qualified function, a table and column): it is part of the fingerprint and must hold neither a line nor a secret.
    ``why`` is the reason in this code, ``mend`` what to do here. ``places`` tell the way to the fault (route, mount,
    call, migration). ``severity`` and ``confidence`` override the check's own. ``secret`` marks a place whose text is
    never to be stored or shown. ``answer`` is what the code says in the language of another tool: the finding is
    suppressed by it. ``edit`` mends the fault without changing what the code means, where that can be done for sure.
    ``count`` is how many of the things that the check examined the hit stands for: a mount for all routes below it.
    """

    place: Place
    message: str
    subject: str
    why: str = ""
    mend: str = ""
    places: tuple[Place, ...] = ()
    severity: Severity | None = None
    confidence: Confidence | None = None
    secret: bool = False
    answer: str = ""
    edit: Edit | None = None
    count: int = 1


class Finding(msgspec.Struct, frozen=True):
    """A hit of a known check, with its identity.

    ``fingerprint`` is a digest of check, path and subject (and an ordinal where they repeat): no line, no text of the
    code, so that a baseline survives edits. ``answer`` is the reason given where the finding is suppressed. ``change`` is
    known where the findings were compared with those of a base. ``edits``, each with the path of its file, mend it. ``count``
    is how many of the things examined it stands for.
    """

    check: str
    domain: Domain
    severity: Severity
    confidence: Confidence
    message: str
    place: Place
    subject: str
    fingerprint: str
    why: str = ""
    mend: str = ""
    places: tuple[Place, ...] = ()
    tags: tuple[str, ...] = ()
    status: Status = Status.ACTIVE
    answer: str = ""
    change: Change | None = None
    edits: tuple[tuple[str, Edit], ...] = ()
    count: int = 1

    @property
    def path(self) -> str:
        """The path of the finding's own place."""
        return self.place.path

    @property
    def span(self) -> Span:
        """The span of the finding's own place."""
        return self.place.span


class CheckRun(msgspec.Struct, frozen=True):
    """What one check did: its findings, how many things it examined, and the reason where it crashed."""

    check: str
    findings: tuple[Finding, ...]
    examined: int
    error: str = ""
