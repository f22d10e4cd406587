"""In: a scanned repository. Out: the sections that judge and ask: risks with their mending, decisions, open questions, limits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from qualitygate.model.deployment import Decision
from qualitygate.model.finding import Finding, Severity, Status
from qualitygate.model.source import Place, Span
from qualitygate.report.architecture_markup import code, count, folded, items, prose, series, table, text
from qualitygate.report.architecture_subject import Subject, sentence
from qualitygate.report.display import understood
from qualitygate.report.page import page

_SHOWN = 12
_LOAD = frozenset(("api_response_time", "throughput", "database_performance", "memory_usage", "cpu_utilization"))
_WEIGHTS = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.NOTE: "Notes"}
_SENTENCE_END = re.compile(r"[.](?=\s|$)")
_FRAMEWORK = re.compile(r"[A-Z][\w ]{1,30}:")
_LONG = 160  # a mending that speaks of one place alone


def risks(subject: Subject) -> str:
    """The findings by check, the worst first, each with what it threatens and how it is mended."""
    by_check: dict[str, list[Finding]] = defaultdict(list)
    for finding in subject.findings():
        by_check[finding.check].append(finding)
    ranked = sorted(by_check.values(), key=lambda found: (_worst(found).rank, -len(found), found[0].check))
    parts = []
    if ranked:
        parts.append(
            "Ranked by severity, then by how often it was found. A bottleneck is what speaks to response time, throughput or use "
            "of resources. Each line is a rule: `qgate rule ID` tells it whole, `qgate scan` shows every place."
        )
        for severity, title in _WEIGHTS.items():
            some = [found for found in ranked if _worst(found) is severity]
            if not some:
                continue
            shown = [_risk(subject, found) for found in some]
            told = f"**{title}**\n\n" + items(shown[:_SHOWN])
            if severity is Severity.NOTE:
                told = folded(f"{title}: {count(len(shown), 'rule')}", items(shown))
            elif len(shown) > _SHOWN:
                told += "\n\n" + folded(f"{len(shown) - _SHOWN} more", items(shown[_SHOWN:]))
            parts.append(told)
    else:
        parts.append("No finding counts.")
    accepted = [finding for finding in subject.report.findings if finding.status is not Status.ACTIVE]
    if accepted:
        answered = [finding for finding in accepted if finding.status is not Status.BASELINED]
        waived = sum(finding.status is Status.WAIVED for finding in accepted)
        answers = [
            f"{code(one.check)} at {subject.links.to(one.place)}" + (f": {prose(one.answer)}" if one.answer else "")
            for one in answered
        ]
        parts.append(
            f"Accepted: {count(len(answered) - waived, 'finding')} answered in the code, {waived:,} waived in the configuration, "
            f"{len(accepted) - len(answered):,} known from the baseline."
        )
        if answers:
            parts.append(folded("Answers and waivers", items(answers[:60])))
    return "\n\n".join(parts)


def _worst(found: Sequence[Finding]) -> Severity:
    return min((finding.severity for finding in found), key=lambda severity: severity.rank)


def _risk(subject: Subject, found: Sequence[Finding]) -> str:
    check = subject.checks.get(found[0].check)
    first = min(found, key=lambda one: (one.severity.rank, one.confidence.rank, one.place.path, one.place.span))
    kind = "Bottleneck: " if check is not None and _LOAD & set(check.gates) else ""
    title = prose(check.title if check is not None else first.message)
    mend = _mend(subject, first, found)
    unsure = sum(one.confidence.value != "high" for one in found)
    sure = (
        f", {unsure:,} of them likely rather than sure"
        if 0 < unsure < len(found)
        else ", likely rather than sure"
        if unsure
        else ""
    )
    components: dict[int, int] = defaultdict(int)
    for one in found:
        components[subject.facts.component(one.place.path)] += 1
    most = sorted(
        ((number, many) for number, many in components.items() if number >= 0), key=lambda one: (-one[1], one[0])
    )
    where = ""
    if len(found) > 2 and most:
        where = (
            f", most in {series([code(subject.facts.components[number].folder or '(root)') for number, _ in most], 2)}"
        )
    mended = f" Mitigation: {prose(mend)}." if mend else ""
    return (
        f"{kind}{title} ({code(found[0].check)}): {count(len(found), 'finding')}{sure}{where}.{mended} "
        f"Evidence: {subject.links.all(_spread(first, found), 3)}."
    )


def _mend(subject: Subject, first: Finding, found: Sequence[Finding]) -> str:
    """How to mend all of them: what each says, or what the rule says, where that speaks of no single framework."""
    told = _mending(subject, first.check)
    alike = len({one.mend for one in found}) == 1 and len(first.mend) <= _LONG and "[tool.qgate" not in first.mend
    if alike or not told:
        return first.mend
    return f"at the first place: {first.mend}" if _FRAMEWORK.match(told) and first.mend else told


def _mending(subject: Subject, identity: str) -> str:
    check = subject.checks.get(identity)
    told = page(check).section("How to mend") if check is not None else ""
    for end in _SENTENCE_END.finditer(told):
        before = told[: end.start()]
        if before.count("`") % 2 == 0 and not before.endswith("."):
            return before.strip()
    return told.rstrip(".").strip()


def _spread(first: Finding, found: Sequence[Finding]) -> list[Place]:
    """The places of findings, one a file before the rest."""
    places = [first.place, *(one.place for one in found if one is not first)]
    files: set[str] = set()
    fresh = [place for place in places if not (place.path in files or files.add(place.path))]  # type: ignore[func-returns-value]
    return [*fresh, *(place for place in places if place not in fresh)]


def decisions(subject: Subject) -> str:
    """The records of decisions that the repository keeps."""
    found = [(file.path, file.decision) for file in subject.project.files if file.decision is not None]
    if not found:
        return (
            "No decision record was found (a numbered Markdown file in a folder named for decisions, such as `docs/adr`). Why the "
            "system is as it is cannot be read from code."
        )
    rows = [
        (
            f"[{text(decision.title)}]({subject.links.file(path)})",
            text(_status(decision)),
            text(decision.date),
        )
        for path, decision in found
    ]
    silent = sum(not decision.status for _, decision in found)
    told = f"{sentence(count(len(found), 'record'))}" + (f", {silent:,} without a status" if silent else "") + "."
    return f"{told}\n\n" + table(("Decision", "Status", "Date"), rows)


def _status(decision: Decision) -> str:
    told = decision.status or "not stated"
    if decision.replaced_by:
        told += f", by {decision.replaced_by}"
    return told + (f"; replaces {decision.replaces}" if decision.replaces else "")


@dataclass(frozen=True)
class _Question:
    """What an architect asks, the variables of the profile that answer it, and what the code says towards it."""

    words: str
    variables: tuple[str, ...]
    towards: Callable[[Subject], str]


def _nothing(subject: Subject) -> str:
    return ""


def _volumes(subject: Subject) -> str:
    tables = subject.tables
    partitioned = [one for one in tables if one.kind == "partitioned"]
    if not tables:
        return ""
    told = f"the schema has {count(len(tables), 'table')}"
    return told + (
        f", partitioned are {series([code(one.full_name) for one in partitioned])}"
        if partitioned
        else ", none partitioned"
    )


def _personal(subject: Subject) -> str:
    found = [
        (table_.full_name, column)
        for table_ in subject.project.tables
        for column in table_.columns
        if _PERSONAL.fullmatch(column.name.lower())
    ]
    told = [subject.links.named(f"{name}.{column.name}", column.place) for name, column in found]
    return f"columns whose names speak of persons: {series(told, 8)}" if told else ""


_PERSONAL = re.compile(
    r"(?:(?:user|customer|contact|billing|primary|secondary|recipient|from|to)_)?(?:e_?mail(?:_address)?|phone(?:_number)?|mobile"
    r"|first_?name|last_?name|full_?name|surname|birth_?(?:date|day)|date_of_birth|dob|gender|ssn|passport(?:_number)?|iban|tax_id"
    r"|ip_?address|street(?:_address)?|postal_?code|zip_?code)"
)


def _owners(subject: Subject) -> str:
    paths = [file.path for file in subject.project.files if file.path.rpartition("/")[2] == "CODEOWNERS"]
    return f"[{code(paths[0])}]({subject.links.file(paths[0])}) names owners of the code" if paths else ""


def _deployed(subject: Subject) -> str:
    if not subject.units:
        return ""
    return (
        f"{count(len(subject.units), 'unit')} of deployment stated, for example {subject.links.to(subject.units[0][1])}"
    )


def _scaled(subject: Subject) -> str:
    found = [
        f"{text(unit.name)} {text(unit.scale)} ({subject.links.to(place)})"
        for unit, place in subject.units
        if unit.scale
    ]
    return f"stated are {series(found)}" if found else ""


def _kept(subject: Subject) -> str:
    found = [
        task
        for task in subject.project.tasks
        if re.search(
            r"(?:^|[._])(?:purge|expire|clean|prune|retention|delete_(?:old|expired|stale))", task.name, re.IGNORECASE
        )
        and task.name
    ]
    told = [subject.links.named(task.name, task.place) for task in found]
    return f"tasks whose names speak of deletion: {series(told)}" if told else ""


def _limited(subject: Subject) -> str:
    paths = [file.path for file in subject.project.files if file.limits_requests]
    return f"limits requests: [{code(paths[0])}]({subject.links.file(paths[0])})" if paths else ""


def _infrastructure(subject: Subject) -> str:
    paths = [file.path for file in subject.project.files if file.path.endswith(".tf")]
    return (
        f"{count(len(paths), 'file')} of Terraform, which this report does not read ({code(paths[0])})" if paths else ""
    )


_QUESTIONS = (
    _Question(
        "Which load is expected: requests per second on average and at peak, users at the same time?",
        ("expected_load",),
        _nothing,
    ),
    _Question("How much data is there, how fast does it grow, and which tables grow most?", ("data_volume",), _volumes),
    _Question("Which response times and which throughput are promised?", ("performance_targets",), _nothing),
    _Question("Which availability is promised, and to whom?", ("availability_target",), _nothing),
    _Question(
        "How much data may be lost and how long may recovery take (RPO, RTO)? When was a restore last tried?",
        ("recovery",),
        _nothing,
    ),
    _Question(
        "Which laws and standards apply (GDPR, HIPAA, PCI DSS, SOC 2), and to which data?", ("compliance",), _personal
    ),
    _Question("How long is which data kept, and what deletes it?", ("data_retention",), _kept),
    _Question(
        "Where does it run (regions, cloud, own machines), and who brings changes there, how?",
        ("deployment_model",),
        _deployed,
    ),
    _Question("How does it scale, by hand or by itself, and up to what?", ("scaling_strategy",), _scaled),
    _Question(
        "Which infrastructure stands before and beside the code (proxy, gateway, TLS, firewall, replicas, pooler)?",
        ("infrastructure",),
        _infrastructure,
    ),
    _Question("Does something outside of the code limit requests and check callers?", ("gateway",), _limited),
    _Question("Which team owns which component and which table?", ("team_ownership",), _owners),
    _Question("Who is called at night, by which alarms, and which runbooks are there?", ("operations",), _nothing),
    _Question("Who are the clients of the API, and how long does an old version stay?", ("api_clients",), _nothing),
    _Question("What may it cost, and what does it cost now?", ("budget",), _nothing),
)


def questions(subject: Subject) -> str:
    """What an architecture rests on and code cannot tell, but for what the configuration answers."""
    stated = sorted(subject.profile.items())
    parts = []
    if stated:
        parts.append(
            "Stated in the configuration:\n\n"
            + table(("What", "Value"), [(code(name), text(str(value))) for name, value in stated])
        )
    lines = []
    for question in _QUESTIONS:
        if any(
            name == variable or name.startswith(f"{variable}.") for name, _ in stated for variable in question.variables
        ):
            continue
        towards = question.towards(subject)
        lines.append(question.words + (f" *From the code:* {towards}." if towards else ""))
    parts.append("Code does not answer these; whoever knows should write the answers down:\n\n" + items(lines))
    return "\n\n".join(parts)


def limits(subject: Subject) -> str:
    """What this report does not know: files that were not read, places that were not followed."""
    report, project, links = subject.report, subject.project, subject.links
    lines = list(_limits(subject))
    parts = [items(lines)] if lines else []
    unread = [
        f"{links.to(Place(one.path, Span(max(one.line, 1), 1, max(one.line, 1), 1)))}: {text(one.reason)}"
        for one in report.unread
    ]
    if unread:
        parts.append(folded(f"Files, and parts of files, that could not be read: {len(unread):,}", items(unread[:60])))
    lost = [f"{links.to(one.place)}: {text(one.why)}" for one in project.unfollowed]
    if lost:
        parts.append(folded(f"{count(len(lost), 'place')} from which routes may be missing", items(lost[:60])))
    uncertain = [route for route in project.routes if route.uncertain]
    if uncertain:
        why: dict[str, list[Place]] = defaultdict(list)
        for route in uncertain:
            why[route.uncertain].append(route.declared)
        told = [
            f"{text(reason)}: {count(len(places), 'route')} ({links.to(places[0])})"
            for reason, places in sorted(why.items())
        ]
        parts.append(folded(f"{count(len(uncertain), 'route')} of which something is not sure", items(told[:40])))
    return "\n\n".join(parts) or "Everything that was to be read was read, and every route could be followed."


def _limits(subject: Subject) -> Iterator[str]:
    report = subject.report
    others = subject.other_code
    if others:
        told = series([text(suffix) for suffix, _ in others.most_common()], 8)
        yield f"Code in other languages is not read: {count(sum(others.values()), 'file')} ({told})."
    if report.coverage.total:
        yield f"{text(understood(report.coverage))}."
    for check, reason in sorted(report.broken.items()):
        yield f"The check {code(check)} broke and says nothing: {text(reason)}."
    if report.hidden:
        yield f"{sentence(count(report.hidden, 'finding'))} of low confidence left out."
