"""In: source files and file checks. Out: the linked project. Shared by a scan and by the trial of an example."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import Any

from qualitygate.authoring import Check
from qualitygate.extract import extract
from qualitygate.link import link
from qualitygate.model.facts import FileFacts
from qualitygate.model.project import Project
from qualitygate.model.source import SourceFile


def analyse(files: Sequence[SourceFile], checks: Sequence[Check], options: Mapping[str, Any]) -> Project:
    """Extract the facts of every file and link them."""
    by_path = {file.path: file for file in files}
    file_checks = [check for check in checks if check.reads]
    collecting = gc.isenabled()
    gc.disable()
    try:
        facts: list[FileFacts] = [extract(file, file_checks, dict(options), by_path.get) for file in files]
    finally:
        if collecting:
            gc.enable()
    return link(facts)
