"""In: a scanned repository. Out: the sections that say what it is made of: services, components, API, data."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from qualitygate.model.architecture import Route
from qualitygate.model.deployment import Unit
from qualitygate.model.schema import Table
from qualitygate.model.source import Place, Role
from qualitygate.report.architecture_diagrams import MAX_TABLES, Flow, Node, dependencies, entities, groups
from qualitygate.report.architecture_facts import STORES, RouteGroup, TableGroup, by_prefix, image_name
from qualitygate.report.architecture_markup import (
    code,
    count,
    diagram,
    folded,
    items,
    long_table,
    prose,
    series,
    table,
    text,
)
from qualitygate.report.architecture_subject import Subject, is_apart, sentence, share
from qualitygate.vocabulary import path_version

_FRAMEWORKS = {
    "fastapi": "FastAPI",
    "starlette": "Starlette",
    "flask": "Flask",
    "django": "Django",
    "drf": "Django REST framework",
    "ninja": "Django Ninja",
    "aiohttp": "aiohttp",
    "sanic": "Sanic",
    "tornado": "Tornado",
    "litestar": "Litestar",
    "graphql": "GraphQL",
    "connexion": "Connexion",
    "appbuilder": "Flask-AppBuilder",
}
_DIALECTS = {
    "postgres": "PostgreSQL",
    "mysql": "MySQL",
    "sqlite": "SQLite",
    "tsql": "SQL Server",
    "clickhouse": "ClickHouse",
}
_TOOLS = {"plain": "SQL files", "schema": "SQL of a whole schema"}
_KINDS = {
    "database": "Database",
    "cache": "Cache",
    "broker": "Broker",
    "search": "Search",
    "storage": "Object storage",
    "mail": "Mail",
}
_HOSTS = 8  # drawn
_PREFIXES = 30  # told
_BOXES = 30  # of one drawing
_SERVICES = 10  # drawn
_UNFOLDED = 2  # parts whose operations are not folded
_FOLDED_PAGES = 12  # routes
_ROWS = 20  # of a table that is not folded


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
    tables = _tables(subject)
    if tables:
        dialects = sorted({_DIALECTS.get(one.dialect, one.dialect) for one in project.histories if one.dialect})
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
        named = [count(number, _UNITS[kind], _MANY.get(kind, "")) for kind, number in sorted(kinds.items())]
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
        if len(_by_part(subject, project.routes)) > 1:
            parts.append(
                "An arrow to a store or a host begins at the part whose own code makes the connection; what a part reaches "
                "through a package that it shares has none."
            )
    return "\n\n".join(parts)


_MANY = {"process": "processes"}
_UNITS = {
    "image": "container image",
    "service": "compose service",
    "workload": "workload",
    "process": "process",
    "chart": "Helm chart",
}


def frameworks(routes: Sequence[Route]) -> str:
    """The frameworks of routes, the most used first."""
    numbers = Counter(route.framework for route in routes)
    return ", ".join(text(_FRAMEWORKS.get(name, name)) for name, _ in sorted(numbers.items(), key=_often))


def _context(subject: Subject) -> str:
    """The system, its clients and what it talks to, as a flow chart; nothing where there is nothing around it."""
    project, facts = subject.project, subject.facts
    reached = {kind: _names(subject, kind) for kind in _KINDS}
    if not reached["database"] and _tables(subject):
        dialects = sorted({one.dialect for one in project.histories if one.dialect})
        reached["database"] = [_DIALECTS.get(one, one) for one in dialects] or ["of a kind that is not stated"]
    routes = _by_part(subject, project.routes)
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
        words = ", ".join(_FRAMEWORKS.get(one, one) for one in sorted({route.framework for route in routes}))
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


def services(subject: Subject) -> str:
    """The parts of the repository, what is built and run, where programs begin, and who takes code from whom."""
    facts, links = subject.facts, subject.links
    parts = []
    if len(facts.parts) > 1:
        rows = [
            (
                links.named(part.folder or "(root)", part.place) if part.place else code(part.folder or "(root)"),
                f"{part.lines:,}",
                f"{sum(one.routes for one in part.components):,}",
                f"{sum(one.tables for one in part.components):,}",
                f"{sum(one.tasks for one in part.components):,}",
            )
            for part in facts.parts
        ]
        told = long_table(("Part", "Lines:", "Routes:", "Tables:", "Tasks:"), rows, _ROWS, "parts")
        parts.append(
            f"The repository holds {len(facts.parts)} parts with code: folders with a manifest of their own.\n\n{told}"
        )
        across = list(_across(subject))
        if across:
            parts.append("Code that one part takes from another:\n\n" + items(across[:10]))
    elif facts.parts:
        place = facts.parts[0].place
        built = f" ({links.to(place)})" if place else ""
        parts.append(f"One part{built}: no folder below has a manifest of its own, so all code is installed together.")
    apps = subject.project.apps
    if apps:
        parts.append(f"Routes begin at {links.all(apps, 6)}.")
    if subject.units:
        parts.append("What is built and run:\n\n" + _units(subject, subject.units))
        drawn = _needs(subject)
        if drawn:
            parts.append(diagram(drawn))
    else:
        parts.append("No file says what is built or run (container file, compose file, manifest, Procfile, unit).")
    if subject.apart:
        parts.append(
            folded(
                f"For developers and tests, by the names of the files: {len(subject.apart)}",
                _units(subject, subject.apart),
            )
        )
    return "\n\n".join(parts)


def _across(subject: Subject) -> Iterator[str]:
    components = subject.facts.components
    pairs: dict[tuple[str, str], list[tuple[int, Place]]] = defaultdict(list)
    for edge in subject.facts.dependencies:
        source, target = components[edge.source].part, components[edge.target].part
        if source != target:
            pairs[source, target].append((edge.count, edge.place))
    for (source, target), found in sorted(
        pairs.items(), key=lambda one: (-sum(number for number, _ in one[1]), one[0])
    ):
        number = sum(many for many, _ in found)
        yield (
            f"{code(source or '(root)')} from {code(target or '(root)')}: {count(number, 'import')}"
            f" ({subject.links.to(found[0][1])})"
        )


def _units(subject: Subject, units: Sequence[tuple[Unit, Place]]) -> str:
    rows = []
    for unit, place in units:
        runs = [code(unit.command)] if unit.command else []
        runs += [f"image {code(unit.image)}"] if unit.image else []
        runs += [f"ports {text(series(unit.ports))}"] if unit.ports else []
        runs += [f"needs {text(series(unit.needs, 8))}"] if unit.needs else []
        runs += [f"scale {text(unit.scale)}"] if unit.scale else []
        runs += ["health check"] if unit.health else []
        rows.append((_UNITS[unit.kind], text(unit.name), "; ".join(runs), subject.links.to(place)))
    return long_table(("Kind", "Name", "What is stated", "Evidence"), rows, _ROWS, "units")


def _needs(subject: Subject) -> str:
    """What is run, and what each waits for, as a flow chart; nothing where nothing is stated, or too much."""
    flow = Flow()
    files: dict[str, list[Unit]] = defaultdict(list)
    for unit, place in subject.units:
        if unit.kind == "service":
            files[place.path].append(unit)
    for path, units in files.items():
        names = {unit.name for unit in units}
        edges = [
            (f"{path} {unit.name}", f"{path} {need}", "") for unit in units for need in unit.needs if need in names
        ]
        met = {end for edge in edges for end in edge[:2]}
        for unit in units:
            if f"{path} {unit.name}" in met:
                kind = STORES.get(image_name(unit.image), "")
                flow.nodes.append(Node(f"{path} {unit.name}", (unit.name,), kind if kind != "mail" else "", path))
        flow.edges.extend(edges)
    return flow.source() if flow.edges and len(flow.nodes) <= _BOXES else ""


def decomposition(subject: Subject) -> str:
    """The components of the code and what they take from each other."""
    facts, links = subject.facts, subject.links
    components = sorted(facts.components, key=lambda one: (-one.lines, one.folder))
    if not components:
        return "No Python code was found."
    heads = ("Component", "Lines:", "Files:", "Routes:", "Tables:", "Tasks:", "Used by:", "Uses:")
    used, uses = _degrees(subject)
    numbers = {component: number for number, component in enumerate(facts.components)}
    rows = [
        (
            f"[{code(one.folder or '(root)')}]({links.file(one.folder or '.')})"
            + (" (its own files)" if one.alone and one.folder else ""),
            f"{one.lines:,}",
            f"{one.files:,}",
            f"{one.routes or ''}",
            f"{one.tables or ''}",
            f"{one.tasks or ''}",
            f"{used[numbers[one]] or ''}",
            f"{uses[numbers[one]] or ''}",
        )
        for one in components
    ]
    parts = [
        f"{sentence(count(len(components), 'component'))}: the folders where the code divides. `Used by` and `uses` count the "
        "components that import from one, and that it imports from.",
        long_table(heads, rows, _ROWS, "components"),
    ]
    drawn, edges = dependencies(facts.components, facts.dependencies, 12, 26)
    if drawn:
        parts.append(diagram(drawn))
        if edges < len(facts.dependencies):
            parts.append(
                f"Drawn are the {edges} strongest of {count(len(facts.dependencies), 'dependency', 'dependencies')}, among the"
                " largest components; the numbers count import statements."
            )
        else:
            parts.append("The numbers count import statements.")
    mutual = list(_mutual(subject))
    if mutual:
        parts.append(
            f"{sentence(count(len(mutual), 'pair'))} of components import from each other, so that neither can be taken "
            "out alone:\n\n" + items(mutual[:8])
        )
        if len(mutual) > 8:
            parts.append(f"And {count(len(mutual) - 8, 'pair')} more, in fewer places.")
    return "\n\n".join(parts)


def _degrees(subject: Subject) -> tuple[Counter[int], Counter[int]]:
    edges = subject.facts.dependencies
    return Counter(edge.target for edge in edges), Counter(edge.source for edge in edges)


def _mutual(subject: Subject) -> Iterator[str]:
    components = subject.facts.components
    edges = {(edge.source, edge.target): edge for edge in subject.facts.dependencies}
    pairs = [
        (edge, edges[edge.target, edge.source])
        for edge in subject.facts.dependencies
        if edge.source < edge.target
        and (edge.target, edge.source) in edges
        and not (components[edge.source].alone or components[edge.target].alone)
    ]
    for there, back in sorted(
        pairs, key=lambda pair: (-min(pair[0].count, pair[1].count), pair[0].source, pair[0].target)
    ):
        one, other = components[there.source], components[there.target]
        yield (
            f"{code(one.folder)} ({count(there.count, 'import')}, {subject.links.to(there.place)}) and "
            f"{code(other.folder)} ({count(back.count, 'import')}, {subject.links.to(back.place)})"
        )


def api(subject: Subject) -> str:
    """Endpoints by prefix, versioning, pagination, rate limits, the form of errors, and contracts."""
    project, links = subject.project, subject.links
    routes = subject.api
    parts = []
    others = [one for one in subject.facts.libraries if one.name in _NOT_FOLLOWED]
    if others:
        unfollowed = [
            f"{_NOT_FOLLOWED[one.name]} ({code(one.name)} in {count(one.files, 'file')}, {links.to(one.place)})"
            for one in others
        ]
        parts.append(f"**Not counted**, since it is not followed: what the code offers by {series(unfollowed)}.")
    if not project.routes:
        return "\n\n".join(["No HTTP route was found.", *parts])
    by_part = _by_part(subject, routes)
    if len(by_part) > 1:
        for number, (folder, some) in enumerate(by_part.items()):
            title, told = f"{folder or '(root)'}: {count(len(some), 'operation')}", _prefixes(subject, some, 15)
            parts.append(f"**{text(title)}**\n\n{told}" if number < _UNFOLDED else folded(title, told))
    elif routes:
        parts.append(_prefixes(subject, routes))
    apart = [route for route in project.routes if not route.api or route.exempt]
    if apart:
        reasons = Counter(route.exempt or "pages and files" for route in apart)
        told = ", ".join(f"{text(reason)} {number:,}" for reason, number in sorted(reasons.items(), key=_often))
        parts.append(f"Not in the table: {count(len(apart), 'route')} ({told}).")
    pages = [route for route in project.routes if not route.api]
    if len(pages) >= _FOLDED_PAGES:
        parts.append(folded(f"{count(len(pages), 'route')} for pages and files", _prefixes(subject, pages)))
    lines = []
    if routes:
        lines += [_versioning(subject, routes), _pagination(subject, routes), _limits(subject, routes)]
    for contract in project.contracts[:8]:
        agreement = next((one for one in project.agreements if one.contract.path == contract.path), None)
        served = ""
        if agreement is not None and agreement.state == "served":
            served = f"; {share(len(agreement.pairs), len(contract.operations), 'operation')} matched with a route"
            served += (
                f", {count(len(agreement.undocumented), 'route')} of the code in no contract"
                if agreement.undocumented
                else ""
            )
        elif agreement is not None and agreement.state == "foreign":
            served = "; hardly any route of this code serves it: it seems to be another service's"
        elif agreement is not None:
            served = "; the routes are made from it"
        lines.append(
            f"Contract {text(contract.title) or 'without a title'} {text(contract.release)}: OpenAPI {text(contract.format)},"
            f" {count(len(contract.operations), 'operation')}{served} ({links.to(contract.place)})."
        )
    if len(project.contracts) > 8:
        lines.append(f"{len(project.contracts) - 8:,} more contracts.")
    if not project.contracts and routes:
        lines.append("No OpenAPI document is kept in the repository; frameworks may make one when the service runs.")
    if lines:
        parts.append(items(lines))
    return "\n\n".join(parts)


# What serves requests and is not followed, by the name that is imported.
_NOT_FOLLOWED = {
    "pyramid": "Pyramid",
    "bottle": "Bottle",
    "falcon": "Falcon",
    "cherrypy": "CherryPy",
    "quart": "Quart",
    "robyn": "Robyn",
    "blacksheep": "BlackSheep",
    "nameko": "Nameko",
    "graphene": "GraphQL (Graphene)",
    "graphene_django": "GraphQL (Graphene)",
    "strawberry": "GraphQL (Strawberry)",
    "ariadne": "GraphQL (Ariadne)",
    "channels": "Channels",
    "flask_socketio": "Socket.IO",
    "fastmcp": "the Model Context Protocol",
}


def _by_part(subject: Subject, routes: Sequence[Route]) -> dict[str, list[Route]]:
    """The routes by the part that has their handlers, the largest first."""
    found: dict[str, list[Route]] = defaultdict(list)
    for route in routes:
        found[subject.facts.part(route.place.path)].append(route)
    return dict(sorted(found.items(), key=lambda one: (-len(one[1]), one[0])))


def _prefixes(subject: Subject, routes: Sequence[Route], most: int = _PREFIXES) -> str:
    # The same prefix in several versions, with as many operations in each, is one line.
    alike: dict[tuple[str, int, bool], list[RouteGroup]] = defaultdict(list)
    for group in by_prefix(routes, most, 2 if len(routes) <= 2 * most else 12):
        version = path_version(group.prefix)
        segments = (
            ["*" if segment == version else segment for segment in group.prefix.split("/")]
            if version
            else [group.prefix]
        )
        alike["/".join(segments), len(group.routes), group.rest].append(group)
    rows = []
    for (pattern, _, rest), same in alike.items():
        some = [route for group in same for route in group.routes]
        methods = Counter(route.method for route in some)
        collections = [route for route in some if route.collection]
        versions = ", ".join(path_version(group.prefix) for group in same)
        prefix = pattern.replace("*", f"{{{versions}}}" if len(same) > 1 else versions) if versions else pattern
        rows.append(
            (
                code(prefix) + (" (the rest)" if rest else ""),
                f"{len(some):,}",
                text(" ".join(f"{name} {number}" for name, number in sorted(methods.items(), key=_often))),
                _of(sum(subject.declared(route) for route in some), len(some)),
                _of(sum(route.paginated for route in collections), len(collections)),
                subject.links.to(some[0].place),
            )
        )
    heads = ("Prefix", "Operations:", "Methods", "Guard declared:", "Collections paginated:", "First handler")
    return table(heads, rows)


def _often(item: tuple[str, int]) -> tuple[int, str]:
    """The order of names by their numbers, the largest first."""
    return -item[1], item[0]


def _of(some: int, whole: int) -> str:
    return "" if not whole else "all" if some == whole else f"{some:,} of {whole:,}"


def _versioning(subject: Subject, routes: Sequence[Route]) -> str:
    versioned = [route for route in routes if route.versioned]
    if not versioned:
        return f"Versioning: no API operation carries a version ({subject.links.to(routes[0].declared)} is the first)."
    ways = Counter(route.version_how or "unknown means" for route in versioned)
    how = ", ".join(f"{number:,} by {text(way)}" for way, number in sorted(ways.items(), key=_often))
    bare = next((route for route in routes if not route.versioned), None)
    without = (
        f"; without one is for example {code(f'{bare.method} {bare.path}')} ({subject.links.to(bare.place)})"
        if bare
        else ""
    )
    return f"Versioning: {share(len(versioned), len(routes), 'API operation')} carry a version ({how}){without}."


def _pagination(subject: Subject, routes: Sequence[Route]) -> str:
    collections = [route for route in routes if route.collection]
    if not collections:
        return "Pagination: no operation was recognised as one that returns a collection."
    paginated = [route for route in collections if route.paginated]
    ways = Counter(route.paginated_by for route in paginated)
    most = series([f"{prose(way)} ({number:,})" for way, number in sorted(ways.items(), key=_often)], 4)
    how = f", by {most}" if most else ""
    bare = next((route for route in collections if not route.paginated), None)
    without = f"; {code(f'{bare.method} {bare.path}')} is not ({subject.links.to(bare.place)})" if bare else ""
    told = f"Pagination: {share(len(paginated), len(collections), 'operation')} that return a collection "
    told += f"{'is' if len(paginated) == 1 else 'are'} paginated{how}{without}."
    sized = {route for one in subject.project.page_sizes for route in one.routes}
    return told + (
        f" {sentence(count(len(sized), 'operation'))} let the client choose the size of a page." if sized else ""
    )


def _limits(subject: Subject, routes: Sequence[Route]) -> str:
    guards = Counter(guard.name for route in routes for guard in route.guards if guard.kind == "throttling")
    throttled = sum(any(guard.kind == "throttling" for guard in route.guards) for route in routes)
    told = []
    if guards:
        names = series([code(name) for name, _ in sorted(guards.items(), key=_often)], 3)
        told.append(f"{share(throttled, len(routes), 'API operation')} have one of their own ({names})")
    gateways = [file.path for file in subject.project.files if file.limits_requests]
    if gateways:
        told.append(f"a gateway limits requests in [{code(gateways[0])}]({subject.links.file(gateways[0])})")
    libraries = [one for one in subject.facts.libraries if _LIMITER.search(one.name)]
    told += [
        f"{code(one.name)} is imported in {count(one.files, 'file')} ({subject.links.to(one.place)})"
        for one in libraries
    ]
    modules = [
        file.path
        for file in subject.project.files
        if file.module is not None and file.role is Role.APPLICATION and _LIMITER.search(file.path.rpartition("/")[2])
    ]
    told += [f"[{code(path)}]({subject.links.file(path)}) is named for it" for path in modules[:2]]
    if not told:
        return "Rate limits: nothing was found in the code or in a gateway's configuration here that limits requests."
    return f"Rate limits: {'; '.join(told)}."


_LIMITER = re.compile(r"rate_?limit|throttl|limiter|slowapi", re.IGNORECASE)


def data(subject: Subject) -> str:
    """Databases, migrations, tables by domain, what holds them together, and who uses them."""
    project, links = subject.project, subject.links
    tables = _tables(subject)
    if not tables:
        reached = [reach for reach in subject.facts.reaches if reach.kind == "database"]
        told = (
            f" The code connects to {series([f'{code(one.name)} ({subject.best(one.places)})' for one in reached])}."
            if reached
            else ""
        )
        return f"No table was found, in migrations or in models.{told}"
    lines = []
    for history in project.histories[:8]:
        dialect = _DIALECTS.get(history.dialect, history.dialect)
        first = history.migrations[0].path if history.migrations else ""
        where = (
            f"[{code(history.directory or '.')}]({links.file(history.directory or '.')})"
            if first
            else code(history.directory)
        )
        lines.append(
            f"{_TOOLS.get(history.tool) or sentence(text(history.tool))}: {count(len(history.migrations), 'migration')} in {where}"
            + (f", read as {text(dialect)}" if dialect else "")
            + ("" if history.ordered else "; their order is a guess")
            + "."
        )
    if len(project.histories) > 8:
        number = sum(len(history.migrations) for history in project.histories[8:])
        lines.append(f"{len(project.histories) - 8:,} more histories with {count(number, 'migration')}.")
    stores = [reach for reach in subject.facts.reaches if reach.kind == "database"]
    lines += (
        [
            f"Databases are reached by or run as {series([f'{code(one.name)} ({subject.best(one.places)})' for one in stores], 6)}."
        ]
        if stores
        else []
    )
    lines += _consistency(subject, tables)
    parts = [items(lines)]
    parts.append(_table_groups(subject))
    shared = _shared(subject)
    if shared:
        parts.append(shared)
    drawn, left = groups(subject.facts.tables, 12, 26) if len(tables) > MAX_TABLES else ("", 0)
    if drawn:
        told = f"; {left:,} weaker relations are left out" if left else ""
        parts.append(f"Foreign keys from group to group, with their number where there are several{told}:")
        parts.append(diagram(drawn))
    parts += _entity_diagrams(subject, tables)
    return "\n\n".join(parts)


def _tables(subject: Subject) -> list[Table]:
    return [one for one in subject.project.tables if one.kind in ("table", "partitioned")]


def _consistency(subject: Subject, tables: Sequence[Table]) -> Iterator[str]:
    keys = [key for one in tables for key in one.foreign_keys]
    targets = {key.references_table for key in keys}
    alone = [one for one in tables if not one.foreign_keys and one.full_name not in targets]
    unique = sum(index.unique for one in tables for index in one.indexes)
    checks = sum(len(one.checks) for one in tables)
    actions = Counter((key.on_delete or "no action").lower() for key in keys)
    yield (
        f"Consistency: {count(len(keys), 'foreign key')}, {count(unique, 'unique index', 'unique indexes')},"
        f" {count(checks, 'check constraint')}."
        + (
            " When a row that is referred to is deleted: "
            + ", ".join(f"{text(name)} {number:,}" for name, number in sorted(actions.items(), key=_often))
            + "."
            if keys
            else ""
        )
    )
    if alone and keys:
        names = series([subject.links.named(one.full_name, one.defined_at) for one in alone], 6)
        yield f"{sentence(count(len(alone), 'table'))} without keys to or from others: {names}."
    models = sum(one.source == "models" for one in tables)
    if models:
        yield f"{sentence(share(models, len(tables), 'table'))} known from models alone: no migration was seen that makes them."


def _table_groups(subject: Subject) -> str:
    rows = [
        (
            code(group.name or "(root)"),
            f"{len(group.tables):,}",
            series([subject.links.named(one.full_name, one.defined_at) for one in group.tables], 6),
        )
        for group in subject.facts.tables
    ]
    heads = ("Group", "Tables:", "Which")
    return long_table(heads, rows, _ROWS, "groups")


def _shared(subject: Subject) -> str:
    """The tables whose models most components import, besides the one that declares them."""
    facts, project = subject.facts, subject.project
    by_folder: dict[tuple[str, str], str] = {}
    for model in project.models:
        if model.name and model.table in facts.owners:
            by_folder[model.place.path.rpartition("/")[0], model.name] = model.table
    users: dict[str, dict[int, Place]] = defaultdict(dict)
    for one in project.imports:
        for name in one.names if one.when != "typing" else ():
            found = by_folder.get((one.imported.rpartition("/")[0], name))
            user = facts.component(one.importer) if found else -1
            if found and user >= 0 and user != facts.owners[found]:
                users[found].setdefault(user, one.place)
    shared = sorted(
        ((name, found) for name, found in users.items() if len(found) > 1), key=lambda one: (-len(one[1]), one[0])
    )
    if not shared:
        return ""
    rows = [
        (
            code(name),
            code(facts.components[facts.owners[name]].folder),
            f"{len(found):,}",
            series(
                [
                    subject.links.named(facts.components[user].name or "(root)", place)
                    for user, place in sorted(found.items())
                ],
                4,
            ),
        )
        for name, found in shared
    ]
    return (
        "Ownership: a table belongs to the component that declares its model. The models that most other components import:"
        "\n\n" + table(("Table", "Declared in", "Used by:", "Which"), rows[:10])
    )


def _entity_diagrams(subject: Subject, tables: Sequence[Table]) -> Iterator[str]:
    others = {one.full_name: one for one in tables}
    if len(tables) <= MAX_TABLES:
        drawn = entities(tables, others, keys=True, whole=len(tables) <= MAX_TABLES // 2)
        if drawn:
            yield diagram(drawn)
        return
    left = []
    shown = 0
    for group in subject.facts.tables:
        if shown >= 8 or len(group.tables) < 3:
            left.append(group)
            continue
        shown += 1
        for number, some in enumerate(_slices(group)):
            drawn = entities(some, others, keys=len(some) <= MAX_TABLES // 2, whole=False)
            if drawn:
                piece = f", part {number + 1}" if len(group.tables) > MAX_TABLES else ""
                yield folded(f"{group.name or '(root)'}{piece}: {count(len(some), 'table')}", diagram(drawn))
    if left:
        number = sum(len(group.tables) for group in left)
        yield f"Not drawn: {count(number, 'table')} of the smaller groups. `qgate inventory` lists all columns and indexes."


def _slices(group: TableGroup) -> list[Sequence[Table]]:
    return [group.tables[start : start + MAX_TABLES] for start in range(0, len(group.tables), MAX_TABLES)]
