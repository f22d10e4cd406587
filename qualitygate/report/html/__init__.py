"""In: a report and the checks. Out: one HTML file that needs nothing else: the gate, the findings, the architecture.

The page holds its style, its script and its data. Its policy lets a browser load nothing from anywhere, and run no script
but this one (by its digest), whatever the scanned repository's names and lines say.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.resources import files

from qualitygate.authoring import Check
from qualitygate.model.finding import Change, Domain, Finding, Severity, Status
from qualitygate.model.verdict import Report
from qualitygate.report.html import architecture, findings, gate, rest, schema
from qualitygate.report.html.markup import Child, Markup, Speaker, element, joined, plural, script_data
from qualitygate.report.redact import Redactor

_DATE = "%Y-%m-%d %H:%M UTC"
_FREQUENT = 8


def render(report: Report, checks: Sequence[Check]) -> bytes:
    """The page as UTF-8. ``checks`` have the severities that are in force.

    It tells when it was written; SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/) says so
    where two pages of the same state are to be the same.
    """
    say = Speaker(Redactor.of(report))
    style, script = _resource("page.css"), _resource("page.js")
    name = say(report.root.name) or "/"
    sections = _sections(report, checks, say)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{name}: gate {report.verdict.state}"),
        Markup(f"<style>{style}</style>"),
    )
    navigation = element(
        "nav",
        [element("a", title, href=f"#{identity}") for identity, title, _ in sections],
        aria_label="Parts of this page",
    )
    body = element(
        "body",
        element("a", "Skip to the findings", href="#findings", class_="skip"),
        element(
            "div",
            navigation,
            element("button", "Scheme: auto", type="button", id="scheme", hidden=True),
            class_="bar",
        ),
        element(
            "main",
            _header(report, name, say),
            [
                element("section", element("h2", title), content, id=identity, aria_label=title, tabindex="-1")
                for identity, title, content in sections
            ],
        ),
        element(
            "footer",
            f"Written by qgate {report.version} on {_now().strftime(_DATE)}. Nothing was run and nothing was loaded to make or to show this page.",
        ),
        script_data("data", findings.data(report, checks, say)),
        Markup(f"<script>{script}</script>"),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n".encode()


def _resource(name: str) -> str:
    return files("qualitygate.report.html").joinpath(name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing may be loaded, sent or framed; style and script are these two, by their digests."""
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _now() -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), timezone.utc) if epoch.isdecimal() else datetime.now(timezone.utc)


def _header(report: Report, name: str, say: Speaker) -> Markup:
    active = [finding for finding in report.findings if finding.status is Status.ACTIVE]
    facts: list[Child] = [element("b", report.files), " files read in ", f"{report.seconds:.1f} s"]
    if report.commit:
        facts += [", commit ", element("code", say(report.commit[:10])), " checked out"]
    if report.base is not None:
        facts += [
            ", compared with ",
            element("code", say(report.base.revision)),
            " at ",
            element("code", say(report.base.commit[:10])),
        ]
    return element(
        "header",
        element("p", "Quality gate of a backend", class_="kicker"),
        element("h1", name),
        gate.banner(report.verdict, say),
        element("p", _counts(active), " ", facts, ".", class_="lead"),
    )


def _counts(active: Sequence[Finding]) -> Markup:
    by_severity = Counter(finding.severity for finding in active)
    new = sum(finding.change is Change.NEW for finding in active)
    if not active:
        return joined(["No findings in force."])
    levels = ", ".join(plural(by_severity[one], one.value) for one in Severity if by_severity[one])
    return joined(
        [
            element("b", len(active)),
            " findings in force" if len(active) != 1 else " finding in force",
            f" ({levels})",
            f", {new:,} of them new" if new else "",
            ".",
        ]
    )


def _sections(report: Report, checks: Sequence[Check], say: Speaker) -> Sequence[tuple[str, str, Markup]]:
    """Identity, title and content of each part of the page that has something to tell."""
    return (
        ("gate", "Gate", gate.table(report.verdict, say)),
        ("findings", "Findings", _findings(report, checks)),
        *(
            (identity, title, content)
            for identity, title, content in (
                ("architecture", "Architecture", architecture.section(report.project, say)),
                ("schema", "Schema", schema.section(report.project, say)),
                ("contract", "Contract", rest.contracts(report.project, say)),
            )
            if content is not None
        ),
        ("unseen", "Not read or followed", rest.unseen(report, say)),
        *(("trend", "Trend", content) for content in (rest.trend(report, say),) if content is not None),
        ("examined", "Examined", rest.examined(report, checks, say)),
    )


def _findings(report: Report, checks: Sequence[Check]) -> Markup:
    """The counts by domain and severity, the filters, and the place that the script fills."""
    if not report.findings:
        return element("p", "Nothing was found.", class_="lead")
    active = [finding for finding in report.findings if finding.status is Status.ACTIVE]
    return joined(
        [
            element("div", _matrix(active), _frequent(active, checks), class_="overview"),
            element(
                "noscript",
                element("p", "The list of findings needs JavaScript; the table above and the rest of the page do not."),
            ),
            element("div", id="filters", role="search", aria_label="Filter the findings", hidden=True),
            element("p", id="shown", role="status", class_="faint"),
            element("div", id="list"),
        ]
    )


def _matrix(active: Sequence[Finding]) -> Markup:
    """How many findings are in force, by domain and severity; each number filters the list."""
    counts = Counter((finding.domain, finding.severity) for finding in active)
    domains = [domain for domain in Domain if any(counts[domain, severity] for severity in Severity)]
    head = [
        element("th", "Domain", scope="col"),
        *(element("th", f"{one.value}s", scope="col") for one in Severity),
        element("th", "All", scope="col"),
    ]
    rows = [
        element(
            "tr",
            element("th", domain.value, scope="row"),
            [
                element(
                    "td",
                    _jump(counts[domain, severity], domain=domain.value, severity=severity.value),
                    class_=severity.value,
                )
                for severity in Severity
            ],
            element("td", _jump(sum(counts[domain, severity] for severity in Severity), domain=domain.value)),
        )
        for domain in domains
    ]
    total = element(
        "tr",
        element("th", "all", scope="row"),
        [
            element(
                "td",
                _jump(sum(counts[domain, severity] for domain in domains), severity=severity.value),
                class_=severity.value,
            )
            for severity in Severity
        ],
        element("td", _jump(len(active))),
    )
    return element(
        "table",
        element("caption", "Findings in force, by domain and severity"),
        element("thead", element("tr", head)),
        element("tbody", rows, total if len(domains) > 1 else None),
        class_="matrix",
    )


def _frequent(active: Sequence[Finding], checks: Sequence[Check]) -> Markup | None:
    """The checks that found most, worst first; each filters the list."""
    titles = {check.id: check.title for check in checks}
    worst: dict[str, Severity] = {}
    for finding in active:
        worst[finding.check] = min(
            worst.get(finding.check, finding.severity), finding.severity, key=lambda one: one.rank
        )
    counts = Counter(finding.check for finding in active).most_common(_FREQUENT)
    if not counts:
        return None
    rows = [
        element(
            "tr",
            element("td", _jump(count, check=check), class_=worst[check].value),
            element("td", titles.get(check, check), " ", element("code", check, class_="faint")),
        )
        for check, count in counts
    ]
    return element("table", element("caption", "Checks that found most"), element("tbody", rows), class_="frequent")


def _jump(count: int, *, domain: str = "", severity: str = "", check: str = "") -> Child:
    if not count:
        return element("span", "·", class_="faint", aria_hidden="true")
    words = " ".join(filter(None, (domain, severity, check))) or "all"
    return element(
        "button",
        count,
        type="button",
        class_="jump",
        data_domain=domain,
        data_severity=severity,
        data_check=check or None,
        aria_label=f"{count} {words}: show",
    )
