"""In: a scanned repository. Out: the sections about what it is made of: parts, what is built and run, components."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from qualitygate.model.deployment import Unit
from qualitygate.model.source import Place
from qualitygate.report.architecture_diagrams import Flow, Node, dependencies
from qualitygate.report.architecture_facts import STORES, image_name
from qualitygate.report.architecture_markup import (
    code,
    count,
    diagram,
    folded,
    items,
    long_table,
    series,
    text,
)
from qualitygate.report.architecture_subject import (
    ROWS,
    UNITS,
    Subject,
    sentence,
)

_BOXES = 30  # of one drawing


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
        told = long_table(("Part", "Lines:", "Routes:", "Tables:", "Tasks:"), rows, ROWS, "parts")
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
        rows.append((UNITS[unit.kind], text(unit.name), "; ".join(runs), subject.links.to(place)))
    return long_table(("Kind", "Name", "What is stated", "Evidence"), rows, ROWS, "units")


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
        long_table(heads, rows, ROWS, "components"),
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
