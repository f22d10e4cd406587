"""In: a scanned repository. Out: the section that says it all in a table and a drawing: what there is, and what it talks to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qualitygate.model.architecture import Route
from qualitygate.model.source import Place
from qualitygate.report.architecture_diagrams import Flow, Node
from qualitygate.report.architecture_markup import (
    code,
    count,
    diagram,
    series,
    table,
    text,
)
from qualitygate.report.architecture_subject import (
    DIALECTS,
    FRAMEWORKS,
    UNITS,
    Subject,
    frameworks,
    is_apart,
)

_KINDS = {
    "database": "Database",
    "cache": "Cache",
    "broker": "Broker",
    "search": "Search",
    "storage": "Object storage",
    "mail": "Mail",
}
_HOSTS = 8  # drawn
_SERVICES = 10  # drawn
_MANY = {"process": "processes"}


def overview(subject: Subject) -> str:
    """Key figures, and the system among what it talks to."""
    project, facts, report = subject.project, subject.facts, subject.report
    files = sum(component.files for component in facts.components)
    rows = [("Code", f"{count(sum(part.lines for part in facts.parts), 'line')} of Python in {count(files, 'file')}")]
    others = subject.other_code
    if sum(others.values()) > files:
        unread = series([f"{number:,} of {text(suffix)}" for suffix, number in others.most_common()], 4)
        rows.append(("Code that is not read", f"{count(sum(others.values()), 'file')}: {unread}"))
    if project.routes:
        pages = sum(not route.api for route in project.routes)
        told = [f"{count(len(subject.api), 'API operation')}"]
        told += [f"{pages:,} for pages and files"] if pages else []
        rest = len(project.routes) - len(subject.api) - pages
        told += [f"{rest:,} for health, administration, documentation and the like"] if rest else []
        rows.append((f"Routes ({frameworks(project.routes)})", ", ".join(told)))
    if project.contracts:
        operations = sum(len(contract.operations) for contract in project.contracts)
        rows.append(
            ("Contracts", f"{count(len(project.contracts), 'OpenAPI document')}, {count(operations, 'operation')}")
        )
    tables = subject.tables
    if tables:
        dialects = sorted({DIALECTS.get(one.dialect, one.dialect) for one in project.histories if one.dialect})
        where = f" ({', '.join(map(text, dialects))})" if dialects else ""
        migrations = sum(len(history.migrations) for history in project.histories)
        rows.append((f"Data{where}", f"{count(len(tables), 'table')}, {count(migrations, 'migration')}"))
    if project.tasks:
        libraries = sorted({task.library for task in project.tasks})
        scheduled = sum(bool(task.schedule) for task in project.tasks)
        rows.append(
            (
                f"Background work ({series([text(one) for one in libraries])})",
                count(len(project.tasks), "task") + (f", {scheduled:,} by the clock" if scheduled else ""),
            )
        )
    talks = [
        f"{title.lower()}: {series([text(name) for name in names])}"
        for kind, title in _KINDS.items()
        if (names := _names(subject, kind))
    ]
    if talks:
        rows.append(("Talks to", "; ".join(talks)))
    if subject.units:
        kinds = Counter(unit.kind for unit, _ in subject.units)
        named = [count(number, UNITS[kind], _MANY.get(kind, "")) for kind, number in sorted(kinds.items())]
        rows.append(("Runs as", ", ".join(named)))
    if facts.libraries:
        used = series([code(one.name) for one in facts.libraries], 12)
        rows.append(("Libraries, the most used first", used))
    severities = Counter(finding.severity.value for finding in subject.findings())
    told_findings = ", ".join(count(severities[one], one) for one in ("error", "warning", "note") if severities[one])
    rows.append(
        ("[Findings](#bottlenecks-and-risks)", f"{told_findings or 'none'}; the gate is {report.verdict.state.lower()}")
    )
    parts = [table(("What", "In this repository"), rows)]
    drawn = _context(subject)
    if drawn:
        parts.append(diagram(drawn))
        if len(subject.by_part(project.routes)) > 1:
            parts.append(
                "An arrow to a store or a host begins at the part whose own code makes the connection; what a part reaches "
                "through a package that it shares has none."
            )
    return "\n\n".join(parts)


def _context(subject: Subject) -> str:
    """The system, its clients and what it talks to, as a flow chart; nothing where there is nothing around it."""
    project, facts = subject.project, subject.facts
    reached = {kind: _names(subject, kind) for kind in _KINDS}
    if not reached["database"] and subject.tables:
        dialects = sorted({one.dialect for one in project.histories if one.dialect})
        reached["database"] = [DIALECTS.get(one, one) for one in dialects] or ["of a kind that is not stated"]
    routes = subject.by_part(project.routes)
    tasks = Counter(facts.part(task.place.path) for task in project.tasks)
    running = sorted({*routes, *tasks}, key=lambda part: (-len(routes.get(part, ())) - tasks[part], part))
    if not running:
        return ""
    flow = Flow()
    if routes:
        flow.nodes.append(Node("clients", ("Clients",), "outside"))
    for part in running[:_SERVICES]:
        _draw_part(subject, flow, part if len(running) > 1 else "", routes.get(part, []), tasks[part])
    if len(running) > _SERVICES:
        flow.nodes.append(Node("more", (f"{len(running) - _SERVICES} more parts",), group=subject.report.root.name))
    drawn = {node.name for node in flow.nodes}
    alone = next(
        name for name in (*(f"web {part}" for part in running), *(f"work {part}" for part in running)) if name in drawn
    )
    ends: list[tuple[str, str, list[Place]]] = []
    for kind, title in _KINDS.items():
        if reached[kind]:
            flow.nodes.append(Node(kind, (title, series(reached[kind], 4)), kind if kind != "mail" else "outside"))
            ends.append((kind, "", [place for one in facts.reaches if one.kind == kind for place in one.places]))
    hosts = [host for host in _names(subject, "host") if not _is_local(host)]
    if hosts:
        more = len(hosts) - _HOSTS
        lines = (*hosts[:_HOSTS], f"and {more} more") if more > 0 else tuple(hosts)
        flow.nodes.append(Node("hosts", lines, "outside"))
        ends.append(("hosts", "HTTP", [place for one in facts.reaches if one.name in hosts for place in one.places]))
    for name, words, places in ends:
        parts = (
            {facts.part(place.path) for place in places if place.path.endswith(".py")} if len(running) > 1 else set()
        )
        starts = [f"{kind} {part}" for part in running if part in parts for kind in ("web", "work")]
        # Which of several parts reaches what only a file of deployment names is not known.
        for start in [start for start in starts if start in drawn] or ([alone] if len(running) == 1 else []):
            flow.edges.append((start, name, words))
    return flow.source()


def _draw_part(subject: Subject, flow: Flow, part: str, routes: Sequence[Route], tasks: int) -> None:
    """A part with what it serves and does; ``part`` is empty where there is one alone. Work is drawn apart then."""
    project, group = subject.project, subject.report.root.name
    folder = (part,) if part else ()
    if part:
        lines = (
            *folder,
            *([count(len(routes), "route")] if routes else []),
            *([count(tasks, "task")] if tasks else []),
        )
        flow.nodes.append(Node(f"web {part}", lines, group=group))
        flow.edges.extend([("clients", f"web {part}", "")] if routes else [])
        return
    name = subject.facts.part((routes[0] if routes else project.tasks[0]).place.path)
    if routes:
        words = ", ".join(FRAMEWORKS.get(one, one) for one in sorted({route.framework for route in routes}))
        flow.nodes.append(Node(f"web {name}", ("Web", words, count(len(routes), "route")), group=group))
        flow.edges.append(("clients", f"web {name}", ""))
    if tasks:
        words = ", ".join(sorted({task.library for task in project.tasks})[:3])
        flow.nodes.append(Node(f"work {name}", ("Background work", words, count(tasks, "task")), group=group))
        if routes and any(task.routes for task in project.tasks):
            flow.edges.append((f"web {name}", f"work {name}", "hands over"))


def _names(subject: Subject, kind: str) -> list[str]:
    """What of a kind is reached, but for what only developers reach; servers before libraries."""
    found = [
        (min(place.path.endswith(".py") for place in places), reach.name)
        for reach in subject.facts.reaches
        if reach.kind == kind and (places := [place for place in reach.places if not is_apart(place.path)])
    ]
    return list(dict.fromkeys(name for _, name in sorted(found)))


def _is_local(host: str) -> bool:
    return host.partition(":")[0] in ("localhost", "127.0.0.1", "0.0.0.0", "host.docker.internal")  # noqa: S104 - a name to compare with
