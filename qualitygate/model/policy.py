"""Records of what the user wants: which files, which checks, how sure, and when the gate is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qualitygate.model.finding import Confidence, Severity


@dataclass(frozen=True)
class Selection:
    """Which checks run: ids and domains; an empty ``select`` means all. ``ignore`` wins over ``select``.

    ``per_path`` pairs a glob with the ids and domains whose findings in such files are left out.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_path: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Limits:
    """When the gate is open. None switches a row off.

    ``unread`` says what an unreadable file does: `fail`, `warn` (shown, counted) or `ignore`. ``required`` names checks
    that must have examined something: with nothing to judge they leave the gate undecided instead of open. ``scope`` says
    which findings count where there is a base to compare with: `new` or `all`.
    """

    errors: int | None = 0
    warnings: int | None = None
    notes: int | None = None
    unread: str = "warn"
    required: tuple[str, ...] = ()
    scope: str = "new"


@dataclass(frozen=True)
class Policy:
    """The configuration in force.

    ``include``, ``exclude`` and the patterns of ``selection.per_path`` are globs relative to ``directory``, the folder of
    the configuration file (None: there is no file, and they are relative to the scanned root). ``baseline`` is a path,
    absolute or relative to the current directory; empty: the default place below ``directory``, where it exists.
    ``base`` is the revision to compare with, `auto` for that of a pull request; empty: none.
    ``applied`` names migrations that are applied everywhere, with all that come before them.
    ``options`` maps a check's id to its options in force, where they are not its defaults; ``severities`` maps it to the
    severity that the user gave it, which wins over the check's own. ``origins`` maps each dotted key to where its value
    comes from.
    """

    selection: Selection = Selection()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_confidence: Confidence = Confidence.MEDIUM
    limits: Limits = Limits()
    baseline: str = ""
    base: str = ""
    applied: tuple[str, ...] = ()
    directory: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
