"""In: a report. Out: the last parts of the page: the contract beside the code, what was not read, the trend, what was examined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qualitygate.authoring import Check
from qualitygate.model.agreement import Agreement
from qualitygate.model.architecture import Route
from qualitygate.model.finding import Change, Status
from qualitygate.model.project import Project
from qualitygate.model.verdict import Report
from qualitygate.report.display import understood
from qualitygate.report.html.architecture import at
from qualitygate.report.html.drawing import bar
from qualitygate.report.html.markup import Child, Markup, Speaker, element, joined, plural, prose

_SHOWN = 400
_SHORT = 12


def contracts(project: Project, say: Speaker) -> Markup | None:
    """Each contract beside the routes of the code; None where there is no contract."""
    if not project.contracts:
        return None
    judged = {one.contract.path: one for one in project.agreements}
    return joined(
        [
            _contract(one.path, one.title, len(one.operations), one.format, judged.get(one.path), say)
            for one in project.contracts
        ]
    )


def _contract(path: str, title: str, operations: int, form: str, agreement: Agreement | None, say: Speaker) -> Markup:
    head = [
        element("h3", say(title) or say(path)),
        element("p", element("code", say(path)), f", OpenAPI {say(form)}, {operations:,} operations", class_="faint"),
    ]
    if agreement is None:
        return joined([head, element("p", "It was not compared with the code: no route is known.")])
    if agreement.state == "foreign":
        return joined(
            [
                head,
                element(
                    "p", "Hardly any of its operations is served here: it is taken for another service's contract."
                ),
            ]
        )
    if agreement.state == "driven":
        return joined([head, element("p", "A library makes the routes from the contract itself, so both agree.")])
    served = len({(pair.operation.method, pair.operation.path) for pair in agreement.pairs})
    absent, missing = len(agreement.undocumented), len(agreement.unimplemented)
    unsure = "" if agreement.sure else " Routes may have escaped the analysis, so more of it may be served."
    differing = [
        (
            ", ".join(operation.name for operation in one.operations),
            f"in the contract, {_named(one.routes)} in the code",
        )
        for one in agreement.differences
    ]
    return joined(
        [
            head,
            _covered(agreement.among - absent, absent, "routes that it could have", "in it", "not in it"),
            _covered(served, missing, "operations of it", "served by a route", "served by none"),
            element("p", unsure, class_="faint") if unsure else None,
            _told(
                "Routes that the contract does not have",
                [(f"{route.method} {route.path}", at(route.place)) for route in agreement.undocumented],
                say,
                folded=True,
            ),
            _told(
                "Operations that no route serves",
                [(operation.name, at(operation.place)) for operation in agreement.unimplemented],
                say,
                folded=True,
            ),
            _told("Paths on which both differ", differing, say, folded=True),
        ]
    )


def _named(routes: Sequence[Route]) -> str:
    return ", ".join(f"`{route.method} {route.path}`" for route in routes)


def _covered(there: int, missing: int, what: str, yes: str, no: str) -> Markup | None:
    """A sentence and a bar: how many of all are there."""
    total = there + missing
    if not total:
        return None
    told = f"{there:,} of {total:,} {what} are {yes}"
    parts = [part for part in ((there, "good", yes), (missing, "bad", no)) if part[0]]
    return joined([element("p", f"{told}."), element("div", bar(parts, told), class_="bar-of")])


def unseen(report: Report, say: Speaker) -> Markup:
    """What could not be read or followed, and so was not judged."""
    project = report.project
    parts: list[Child] = [
        _told(
            "Could not be read",
            [(f"{one.path}:{one.line}" if one.line else one.path, one.reason) for one in report.unread],
            say,
            folded=True,
        ),
        _told("Checks that crashed: the gate is undecided", sorted(report.broken.items()), say),
        _told(
            "Routes that may be missing, since they are declared in a way that is not followed",
            [(at(one.place), one.why) for one in project.unfollowed],
            say,
        ),
        _told(
            "Routes that are not sure",
            [(_routes(len(found), found[0]), reason) for reason, found in _by_reason(project)],
            say,
        ),
        _told("Left out of comparisons", [("", note) for note in report.notes], say),
    ]
    told = []
    if report.coverage.total:
        told.append(f"{understood(report.coverage)}.")
    if report.hidden:
        told.append(f"Below the confidence asked for and not in this page: {plural(report.hidden, 'finding')}.")
    if not any(parts) and report.coverage.total == report.coverage.understood:
        told.insert(0, "Everything that was found was read and followed.")
    return joined([[element("p", text) for text in told], parts])


def _by_reason(project: Project) -> list[tuple[str, list[Route]]]:
    """The routes that are not sure, by what was not followed; the reason of most first."""
    reasons: dict[str, list[Route]] = {}
    for route in project.routes:
        if route.uncertain:
            reasons.setdefault(route.uncertain, []).append(route)
    return sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))


def _routes(count: int, first: Route) -> str:
    name = f"{first.method} {first.path}"
    return name if count == 1 else f"{name} and {count - 1:,} more"


def _told(title: str, items: Sequence[tuple[str, str]], say: Speaker, *, folded: bool = False) -> Markup | None:
    """A list that can be opened: names and what is to be said of each; a short one is open unless it is to be folded."""
    if not items:
        return None
    listed = [
        element("li", element("code", say(name)) if name else None, "  " if name else None, prose(say(text)))
        for name, text in items[:_SHOWN]
    ]
    more = element("li", f"and {len(items) - _SHOWN:,} more", class_="faint") if len(items) > _SHOWN else None
    return element(
        "details",
        element("summary", title, element("span", f" {len(items):,}", class_="faint")),
        element("ul", listed, more, class_="things"),
        open=not folded and len(items) <= _SHORT,
    )


def trend(report: Report, say: Speaker) -> Markup | None:
    """How the findings stand to the base and to the baseline; None where there is neither."""
    baselined = sum(finding.status is Status.BASELINED for finding in report.findings)
    suppressed = sum(finding.status is Status.SUPPRESSED for finding in report.findings)
    waived = sum(finding.status is Status.WAIVED for finding in report.findings)
    parts: list[Child] = []
    if report.base is not None:
        active = Counter(finding.change for finding in report.findings if finding.status is Status.ACTIVE)
        numbers = [
            (active[Change.NEW], "new", "new"),
            (active[Change.CHANGED], "warn", "changed"),
            (active[Change.UNCHANGED], "part", "unchanged"),
            (len(report.base.gone), "good", "gone"),
        ]
        told = ", ".join(f"{count:,} {word}" for count, _, word in numbers)
        parts.append(
            [
                element(
                    "p",
                    "Against ",
                    element("code", say(report.base.revision)),
                    f" (parted at {say(report.base.commit[:10])}): {told}.",
                ),
                element("div", bar([one for one in numbers if one[0]], told), class_="bar-of"),
                _told("Gone since the base", [("", one) for one in report.base.gone], say),
            ]
        )
    elif report.unbased:
        parts.append(element("p", "Nothing was compared: no pull request names a base."))
    if baselined or report.stale_baseline:
        stale = len(report.stale_baseline)
        parts.append(
            [
                element(
                    "p",
                    f"The baseline holds back {plural(baselined, 'finding')}; of its entries, {stale:,} stand for nothing any more.",
                ),
                _told(
                    "Entries of the baseline that nothing stands for", [("", one) for one in report.stale_baseline], say
                ),
            ]
        )
    if waived:
        parts.append(
            element("p", f"Waived in the configuration, and found above by their status: {plural(waived, 'finding')}.")
        )
    if suppressed:
        parts.append(
            element("p", f"Answered in the code, and found above by their status: {plural(suppressed, 'finding')}.")
        )
    return joined(parts) if parts else None


def examined(report: Report, checks: Sequence[Check], say: Speaker) -> Markup:
    """What each check looked at: none found in many is another thing than nothing to judge."""
    found = Counter(finding.check for finding in report.findings if finding.status is Status.ACTIVE)
    domains = {check.id: check.domain.value for check in checks}
    busy = sorted(
        (check for check, count in report.examined.items() if count), key=lambda check: (domains.get(check, ""), check)
    )
    idle = sorted(check for check, count in report.examined.items() if not count)
    rows = [
        element(
            "tr",
            element("td", element("code", say(check))),
            element("td", domains.get(check, ""), class_="faint"),
            element("td", report.examined[check], class_="num"),
            element("td", found[check] or "–", class_="num"),
        )
        for check in busy
    ]
    heads = (("Check", ""), ("Domain", ""), ("Examined", "num"), ("Found", "num"))
    return joined(
        [
            element(
                "p", f"{len(busy)} checks had something to judge; {len(idle)} had not, and say nothing about this code."
            ),
            element(
                "details",
                element("summary", "What each check looked at"),
                element(
                    "table",
                    element(
                        "thead",
                        element(
                            "tr", [element("th", head, scope="col", class_=style or None) for head, style in heads]
                        ),
                    ),
                    element("tbody", rows),
                ),
            ),
            element(
                "details",
                element("summary", "Checks that had nothing to judge"),
                element("ul", [element("li", element("code", say(check))) for check in idle], class_="things columns"),
            )
            if idle
            else None,
        ]
    )
