"""In: a report with its project. Out: the architecture of the repository as a page of Markdown with diagrams of Mermaid.

Everything on the page is read from the repository; each statement leads to the line that it rests on. The page is the
same for the same repository, wherever and whenever it is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from qualitygate.authoring import Check
from qualitygate.model.verdict import Report
from qualitygate.report import architecture_api as api
from qualitygate.report import architecture_behaviour as behaviour
from qualitygate.report import architecture_data as data
from qualitygate.report import architecture_overview as overview
from qualitygate.report import architecture_risks as risks
from qualitygate.report import architecture_structure as structure
from qualitygate.report.architecture_facts import summarise
from qualitygate.report.architecture_markup import Links, text
from qualitygate.report.architecture_subject import Subject
from qualitygate.report.redact import Redactor

_SECTIONS: tuple[tuple[str, Callable[[Subject], str]], ...] = (
    ("Overview", overview.overview),
    ("Services and boundaries", structure.services),
    ("Components", structure.decomposition),
    ("API", api.api),
    ("Data", data.data),
    ("Caching", behaviour.caching),
    ("Communication", behaviour.communication),
    ("Authentication and authorisation", behaviour.access),
    ("Performance and scalability", behaviour.load),
    ("Resilience", behaviour.resilience),
    ("Error handling", behaviour.errors),
    ("Observability", behaviour.insight),
    ("Security and compliance", behaviour.security),
    ("Bottlenecks and risks", risks.risks),
    ("Decisions", risks.decisions),
    ("Open questions", risks.questions),
    ("What this report does not know", risks.limits),
)

_HOW_SURE = (
    "Read from the code that is there, without running it; each statement links to the line that it rests on. Numbers count "
    "what was recognised, so that there may be more. What is only likely says so; what code cannot tell is asked under "
    "[Open questions](#open-questions), and what could not be read or followed is listed at the end."
)


def render(report: Report, checks: Sequence[Check], profile: Mapping[str, str | float], folder: Path) -> bytes:
    """The page as UTF-8.

    ``profile`` maps what the configuration says of the service to its value. ``folder`` is the absolute path of the one that
    the page is to lie in: links lead from there.
    """
    subject = Subject(
        report=report,
        facts=report.project.once(summarise),
        links=Links(Path(os.path.realpath(report.root)), Path(os.path.realpath(folder))),
        checks={check.id: check for check in checks},
        profile=profile,
    )
    parts = [
        f"# Architecture of {text(report.root.name or 'this repository')}",
        f"Written by qgate {report.version}. {_HOW_SURE}",
    ]
    parts += [f"## {title}\n\n{section(subject)}" for title, section in _SECTIONS]
    page = "\n\n".join(parts) + "\n"
    return _without(Redactor.of(report).values, page).encode("utf-8", "replace")


def _without(secrets: Sequence[str], page: str) -> str:
    """The page without the values of secrets, however its text and its diagrams spell their letters."""
    for secret in secrets:
        if len(secret) < _LONGEST and "\n" not in secret:
            spelled = "".join(rf"(?:\\?{re.escape(one)}|#{ord(one)};)" for one in secret)
            page = re.sub(spelled, "(secret)", page)
        else:
            page = page.replace(secret, "(secret)")
    return page


_LONGEST = 500  # what is longer is no value that is told in a line
