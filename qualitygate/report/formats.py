"""In: the name of a format, and a report. Out: the report in that format; a writer is imported when it is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from qualitygate.authoring import Check
from qualitygate.model.verdict import Report
from qualitygate.report.text import Style
from qualitygate.report.text import render as render_text

# One line a format: the module beside this one and its function `(report, checks) -> bytes`, and what it is for.
_WRITERS = {
    "json": ("json:render", "everything, for programs (schemas/report-1.json)"),
    "sarif": ("sarif:render", "SARIF 2.1.0 as GitHub code scanning reads it"),
    "sarif-full": ("sarif:render_full", "SARIF 2.1.0 with suppressions, fixes and the gate"),
    "github": ("github:render", "annotations of GitHub Actions; the step summary too, where there is one"),
    "gitlab": ("gitlab:render", "GitLab Code Quality"),
    "html": ("html:render", "one page with the gate, the findings and the architecture drawn; needs no network"),
    "junit": ("junit:render", "JUnit XML: a case for each condition and each check"),
    "markdown": ("markdown:render", "a comment of a pull request"),
    "rdjson": ("rdjson:render", "reviewdog"),
    "sonar": ("sonar:render", "SonarQube's generic issues"),
}
FORMATS = {"text": "for people", **{name: what for name, (_, what) in _WRITERS.items()}}


def rendered(report: Report, checks: Sequence[Check], name: str, style: Style) -> bytes:
    """The report in one of :data:`FORMATS`, as UTF-8. ``checks`` have the severities that are in force.

    ``style`` is for text alone.
    """
    if name == "text":
        return render_text(report, style).encode("utf-8", "replace")
    module, _, function = _WRITERS[name][0].partition(":")
    data: bytes = getattr(import_module(f"qualitygate.report.{module}"), function)(report, checks)
    return data
