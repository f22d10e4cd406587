"""In: a scanned repository. Out: the section about its API: endpoints by prefix, versions, pages, rate limits, contracts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from qualitygate.model.architecture import Route
from qualitygate.model.source import Role
from qualitygate.report.architecture_facts import RouteGroup, by_prefix
from qualitygate.report.architecture_markup import (
    code,
    count,
    folded,
    items,
    prose,
    series,
    table,
    text,
)
from qualitygate.report.architecture_subject import (
    Subject,
    of,
    often,
    sentence,
    share,
)
from qualitygate.vocabulary import path_version

_PREFIXES = 30  # told
_UNFOLDED = 2  # parts whose operations are not folded
_FOLDED_PAGES = 12  # routes
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
_LIMITER = re.compile(r"rate_?limit|throttl|limiter|slowapi", re.IGNORECASE)


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
    by_part = subject.by_part(routes)
    if len(by_part) > 1:
        for number, (folder, some) in enumerate(by_part.items()):
            title, told = f"{folder or '(root)'}: {count(len(some), 'operation')}", _prefixes(subject, some, 15)
            parts.append(f"**{text(title)}**\n\n{told}" if number < _UNFOLDED else folded(title, told))
    elif routes:
        parts.append(_prefixes(subject, routes))
    apart = [route for route in project.routes if not route.api or route.exempt]
    if apart:
        reasons = Counter(route.exempt or "pages and files" for route in apart)
        told = ", ".join(f"{text(reason)} {number:,}" for reason, number in sorted(reasons.items(), key=often))
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
                text(" ".join(f"{name} {number}" for name, number in sorted(methods.items(), key=often))),
                of(sum(subject.declared(route) for route in some), len(some)),
                of(sum(route.paginated for route in collections), len(collections)),
                subject.links.to(some[0].place),
            )
        )
    heads = ("Prefix", "Operations:", "Methods", "Guard declared:", "Collections paginated:", "First handler")
    return table(heads, rows)


def _versioning(subject: Subject, routes: Sequence[Route]) -> str:
    versioned = [route for route in routes if route.versioned]
    if not versioned:
        return f"Versioning: no API operation carries a version ({subject.links.to(routes[0].declared)} is the first)."
    ways = Counter(route.version_how or "unknown means" for route in versioned)
    how = ", ".join(f"{number:,} by {text(way)}" for way, number in sorted(ways.items(), key=often))
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
    most = series([f"{prose(way)} ({number:,})" for way, number in sorted(ways.items(), key=often)], 4)
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
        names = series([code(name) for name, _ in sorted(guards.items(), key=often)], 3)
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
