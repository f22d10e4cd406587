"""In: results in a scanner's own words. Out: alerts with one scale of severity, safe messages and fingerprints of ours."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from qualitygate.evidence.scanners.places import Places
from qualitygate.evidence.texts import epoch, iso
from qualitygate.model.evidence import Alert

# The worst first.
SEVERITIES = ("critical", "high", "medium", "low", "note")
# What is not rated counts as this: unknown is not harmless.
UNRATED = "high"

_WORDS = {
    **{word: word for word in SEVERITIES},
    "unknown": UNRATED,
    "undefined": UNRATED,
    "blocker": "critical",
    "error": "high",
    "major": "high",
    "important": "high",
    "moderate": "medium",
    "warning": "medium",
    "warn": "medium",
    "minor": "low",
    "recommendation": "low",
    "negligible": "note",
    "informational": "note",
    "info": "note",
    "none": "note",
}
_LONGEST = 300
_SECRET = re.compile(
    r"secret|passw|credential|api[-_ ]?key|private[-_ ]?key|token|cwe-(?:259|798|321)(?!\d)", re.IGNORECASE
)
_QUOTE = re.compile(r"(?<![A-Za-z])['\"`]")
# After a colon only what is no word, path or number of a line.
_ASSIGNED = re.compile(
    r"(=\s*)[^\s'\"`]{4,}|(:\s*)(?=[^\s'\"`./]{0,99}\d)(?=[^\s'\"`./]{0,99}[A-Za-z])[^\s'\"`./]{6,199}(?![^\s,;])"
)


def severity_of_word(word: Any) -> str:
    """The severity that a scanner names; empty where the word is no such name."""
    return _WORDS.get(word.strip().lower(), "") if isinstance(word, str) else ""


def severity_of_score(score: Any) -> str:
    """The severity of a CVSS score, by the bands of CVSS 3.1; empty where it is none."""
    try:
        number = float(score)
    except (TypeError, ValueError):
        return ""
    if not 0 <= number <= 10:
        return ""
    for least, severity in ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low")):
        if number >= least:
            return severity
    return "note"


def moment(text: str | None) -> str:
    """A time as tools write it, as ISO 8601 in UTC; empty for none, and for the year 1 that stands for none in Go."""
    seconds = epoch(text or "") or epoch(f"{text}Z")
    return iso(seconds) if seconds is not None and seconds > 0 else ""


def sentence(text: str) -> str:
    """A message in one line, cut where it is a page."""
    line = " ".join(text[: 20 * _LONGEST].split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def speaks_of_secret(about: str) -> bool:
    """Whether the rule with these words (its id, name, tags) is about secrets in files: their lines are not to be kept."""
    return _SECRET.search(about) is not None


def masked(message: str, about: str) -> str:
    """``message`` without the secret that it may quote, where ``about`` (rule, name, tags) says that it is about one.

    Bandit's B105 reads "Possible hardcoded password: 'the password'".
    """
    if not speaks_of_secret(about):
        return message
    # A quoted secret may hold a quotation mark: nothing after the first one is sure to be outside of it.
    quoted = _QUOTE.search(message)
    shown = message[: quoted.start()] + "'***'" if quoted is not None else message
    return _ASSIGNED.sub(lambda found: f"{found[1] or found[2]}***", shown)


def label(package: str, version: str) -> str:
    """A package and its version in words."""
    return f"{package} {version}".strip()


def identified(tool: str, found: Sequence[tuple[Alert, str | None]], places: Places | None = None) -> tuple[Alert, ...]:
    """The alerts with fingerprints. Each comes with what it is known by, beside tool, rule and path.

    That is package and version, or the words of its line (None: to be looked up in ``places``): no line number. Those that
    are alike are told apart by their order. What tools write as fingerprints is not used: most write none, and Semgrep the
    same for all.
    """
    lines = places.words((alert.path, alert.line) for alert, words in found if words is None) if places else {}
    seen: Counter[tuple[str, str, str]] = Counter()
    alerts = []
    for alert, words in found:
        key = (alert.rule, alert.path, lines.get((alert.path, alert.line), "") if words is None else words)
        parts = "\0".join((tool, *key, str(seen[key])))
        digest = hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        alerts.append(msgspec.structs.replace(alert, fingerprint=digest))
        seen[key] += 1
    return tuple(alerts)
