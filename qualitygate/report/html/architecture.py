"""In: a linked project. Out: its architecture for the page: a drawing from the routes to what is reached, and the lists behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from qualitygate.model.architecture import Route
from qualitygate.model.project import Project
from qualitygate.model.source import Place
from qualitygate.report.architecture_facts import (
    Architecture,
    Component,
    RouteGroup,
    by_prefix,
    is_guarded,
    summarise,
)
from qualitygate.report.html.drawing import Box, Link, flow
from qualitygate.report.html.markup import Child, Markup, Speaker, element, joined, path, plural, prose
from qualitygate.report.html.systems import KINDS, System, reached_by

# More boxes in a column than this are not read, but searched.
_MOST = 14
_MOST_HOSTS = 8
_GROUPS = 40
_PLACES = 3
_REST = "rest"
# A part that holds this share of what is drawn is the system; below it there are several.
_MAIN = 0.6


def section(project: Project, say: Speaker) -> Markup | None:
    """The drawing, the routes by prefix and what is reached; None where there is neither."""
    architecture = project.once(summarise)
    reached = reached_by(project)
    if not project.routes and not reached:
        return None
    return joined(
        [
            _lead(project, architecture),
            _drawing(project, architecture, reached, say),
            _routes(project, say),
            _outside(reached, say),
        ]
    )


def _lead(project: Project, architecture: Architecture) -> Markup:
    numbers = [
        (len(architecture.parts), "part"),
        (len(architecture.components), "component"),
        (len(project.routes), "route"),
        (len(project.tables), "table"),
        (len(project.tasks), "task"),
    ]
    told = ", ".join(plural(count, word) for count, word in numbers if count)
    note = (
        "a route asks who calls by a guard before its handler or in the handler itself: what a function that it calls asks may escape"
        if project.routes
        else "no route is known, so that the code serves none, or by a framework that is not read"
    )
    return element(
        "p",
        f"{told}, as they stand in the code. A part is a folder with a manifest of its own; {note}.",
        class_="lead",
    )


def _drawing(project: Project, architecture: Architecture, reached: Sequence[System], say: Speaker) -> Markup | None:
    groups = by_prefix(project.routes, _MOST)
    where = {id(route): architecture.component(route.place.path) for route in project.routes}
    right = [one for one in reached if one.kind != "host"]
    hosts = [one for one in reached if one.kind == "host"]
    shown = {one.key: one.key for one in (*right, *hosts[:_MOST_HOSTS])}
    into: Counter[tuple[int, str]] = Counter()
    for one in reached:
        key = shown.get(one.key, "hosts")
        for place in one.places:
            into[architecture.component(place.path), key] += 1
        for table in one.tables:
            into[architecture.owners.get(table, -1), key] += 1
    weight: Counter[int] = Counter(where.values())
    for (component, _), count in into.items():
        weight[component] += count
    # Of a repository of many services each is a box; of one service, its components.
    units = _units(architecture, weight)
    heavy: Counter[str] = Counter()
    for number, count in weight.items():
        if number >= 0:
            heavy[units[number]] += count
    kept = [unit for unit, _ in heavy.most_common()]
    named = frozenset(kept if len(kept) <= _MOST else kept[: _MOST - 1])

    def box(number: int) -> str:
        return "" if number < 0 else units[number] if units[number] in named else _REST

    links: Counter[tuple[str, str]] = Counter()
    for group in groups:
        for route in group.routes:
            links[f"prefix {group.prefix}", box(where[id(route)])] += 1
    for (component, key), count in into.items():
        links[box(component), key] += count
    middle = [
        _unit_box(unit, [one for one, held in zip(architecture.components, units, strict=True) if held == unit], say)
        for unit in kept
        if unit in named
    ]
    rest = len(kept) - len(named)
    if rest:
        middle.append(Box(_REST, f"{rest:,} more"))
    beyond = len(hosts) - _MOST_HOSTS
    systems = [
        *(Box(one.key, _named(one, say), say(one.detail)) for one in (*right, *hosts[:_MOST_HOSTS])),
        *([Box("hosts", f"{beyond:,} more hosts", "over HTTP")] if beyond > 0 else []),
    ]
    columns = [
        ("Served under", [_prefix_box(group, say) for group in groups]),
        ("Code", middle),
        ("Reached", systems),
    ]
    filled = [(title, boxes) for title, boxes in columns if boxes]
    if len(filled) < 2:
        return None
    found = [Link(source, target, count) for (source, target), count in sorted(links.items()) if source and target]
    name = f"{len(groups)} groups of routes, {len(middle)} components and {len(systems)} systems that they reach"
    return element(
        "div",
        flow(filled, found, name),
        class_="drawing",
        tabindex="0",
        role="group",
        aria_label="Drawing of the architecture",
    )


def _named(system: System, say: Speaker) -> str:
    return say(system.name[:1].upper() + system.name[1:] if system.kind in ("http", "database") else system.name)


def _prefix_box(group: RouteGroup, say: Speaker) -> Box:
    count = len(group.routes)
    open_ones = count - group.guarded
    asked = (
        "all ask who calls"
        if not open_ones
        else f"{open_ones:,} not seen to ask"
        if group.guarded
        else "not seen to ask"
    )
    return Box(f"prefix {group.prefix}", say(_prefix(group)), f"{plural(count, 'route')}, {asked}")


def _prefix(group: RouteGroup) -> str:
    return f"{group.prefix} (others)" if group.rest else group.prefix


def _units(architecture: Architecture, weight: Counter[int]) -> tuple[str, ...]:
    """What box each component belongs to: its part where no part is most of the system, else itself."""
    parts: Counter[str] = Counter()
    for number, count in weight.items():
        if number >= 0:
            parts[architecture.components[number].part] += count
    whole = sum(parts.values())
    if len(parts) > 2 and parts.most_common(1)[0][1] < _MAIN * whole:
        return tuple(f"part {component.part}" for component in architecture.components)
    return tuple(f"code {number}" for number in range(len(architecture.components)))


def _unit_box(unit: str, components: Sequence[Component], say: Speaker) -> Box:
    first = components[0]
    name = (first.name or first.folder) if unit.startswith("code ") else first.part
    counts = (
        (sum(one.routes for one in components), "route"),
        (sum(one.tables for one in components), "table"),
        (sum(one.tasks for one in components), "task"),
    )
    told = [plural(count, word) for count, word in counts if count]
    lines = f"{sum(one.lines for one in components):,} lines"
    return Box(unit, say(name or "top folder"), ", ".join([*told[:2], lines]))


def _routes(project: Project, say: Speaker) -> Markup | None:
    if not project.routes:
        return None
    documented = {
        (pair.route.method, pair.route.path, pair.route.place) for one in project.agreements for pair in one.pairs
    }
    served = any(one.state == "served" for one in project.agreements)
    groups = by_prefix(project.routes, _GROUPS)
    return joined(
        [
            element("h3", "Routes by prefix", id="routes"),
            [_group(group, documented, served, say) for group in groups],
        ]
    )


def _group(group: RouteGroup, documented: set[tuple[str, str, Place]], served: bool, say: Speaker) -> Markup:
    routes = group.routes
    judged = [route for route in routes if route.api and not route.exempt]
    collections = [route for route in routes if route.collection]
    unseen = len(routes) - group.guarded
    asks = f"{unseen:,} not seen to ask" if unseen else "all ask who calls"
    cells = [
        (plural(len(routes), "route"), ""),
        (asks, "" if all(map(is_guarded, judged)) else "less"),
    ]
    if judged:
        cells.append((f"{sum(route.versioned for route in judged):,} of {len(judged):,} versioned", ""))
    else:
        cells.append(("pages or exempt", ""))
    paged = sum(route.paginated for route in collections)
    cells.append((f"{paged:,} of {plural(len(collections), 'list')} paginated" if collections else "", ""))
    if served:
        known = sum((route.method, route.path, route.place) in documented for route in routes)
        cells.append((f"{known:,} in the contract", ""))
    return element(
        "details",
        element(
            "summary",
            element("code", say(_prefix(group))),
            [element("span", text, class_=style or None) for text, style in cells],
        ),
        element(
            "div",
            element("table", element("tbody", [_route(route, say) for route in routes]), class_="full lines"),
            class_="scroll",
            tabindex="0",
            role="group",
            aria_label=say(f"Routes below {group.prefix}"),
        ),
        class_="prefix",
    )


def _route(route: Route, say: Speaker) -> Markup:
    marks = [
        *_asks(route),
        f"version by {route.version_how}" if route.versioned else "",
        (f"paginated by {route.paginated_by}" if route.paginated else "not paginated") if route.collection else "",
        f"uncertain: {route.uncertain}" if route.uncertain else "",
    ]
    return element(
        "tr",
        element("td", element("code", say(f"{route.method} {route.path}"))),
        element("td", prose(say("; ".join(filter(None, marks)))), class_="faint"),
        element("td", element("code", path(say(at(route.place))))),
    )


# What the guards of a route do, in the words of its line.
_GUARDS = {
    "authentication": "guarded by",
    "identity": "reads who calls from",
    "check": "calls",
    "throttling": "throttled by",
}


def _asks(route: Route) -> list[str]:
    """What stands before the handler or in it, by kind; that nothing asks who calls, where nothing is seen to."""
    names: dict[str, dict[str, None]] = {}
    for guard in route.guards:
        names.setdefault(guard.kind, {})[guard.name] = None
    told = [f"{_GUARDS[kind]} {', '.join(names[kind])}" for kind in _GUARDS if kind in names]
    return told if is_guarded(route) else ["not seen to ask who calls", *told]


def _outside(reached: Sequence[System], say: Speaker) -> Markup | None:
    if not reached:
        return None
    rows = [
        element(
            "tr",
            element("td", say(KINDS.get(one.kind, one.kind))),
            element("td", say(one.name), data_label="What"),
            element(
                "td",
                plural(len(one.tables), "table") if one.tables else plural(len(one.places), "place"),
                data_label="How much",
            ),
            element("td", plural(len(one.routes), "route") if one.routes else "–", data_label="Routes"),
            element("td", element("div", places(one.places, say)), data_label="Where"),
        )
        for one in reached
    ]
    heads = ("Kind", "What", "How much", "Reached in requests of", "Where")
    return joined(
        [
            element("h3", "What the code reaches"),
            element(
                "table",
                element("thead", element("tr", [element("th", head, scope="col") for head in heads])),
                element("tbody", rows),
                class_="full cards",
            ),
        ]
    )


def places(found: Iterable[Place], say: Speaker) -> Child:
    """The first places, and how many more there are."""
    every = list(dict.fromkeys(at(place) for place in found))
    if not every:
        return "–"
    more = f" and {len(every) - _PLACES:,} more" if len(every) > _PLACES else ""
    return [
        [element("div", element("code", path(say(one)))) for one in every[:_PLACES]],
        element("div", more, class_="faint") if more else None,
    ]


def at(place: Place) -> str:
    """Path and line."""
    return f"{place.path}:{max(1, place.span.line)}"
