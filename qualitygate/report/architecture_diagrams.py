"""In: the architecture summed up. Out: diagrams of Mermaid, each small enough to be drawn and to be read.

GitHub draws no diagram of more than 50,000 characters or 500 edges. What is left out of a drawing is told by the page
that shows it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from qualitygate.model.schema import Table
from qualitygate.report.architecture_facts import Component, Dependency, TableGroup
from qualitygate.report.display import visible

MAX_CHARACTERS = 50_000
MAX_EDGES = 500
MAX_TABLES = 24  # of one drawing
_COLUMNS = 12  # of one table
_LONGEST = 60  # a label
_PLAIN = frozenset(" .,_-/()+=*'?")
_WORD = re.compile(r"[^A-Za-z0-9_\u00C0-\uFFFF]")
_SHAPES = {
    "database": ("[(", ")]"),
    "cache": ("[(", ")]"),
    "search": ("[(", ")]"),
    "storage": ("[(", ")]"),
    "broker": ("[[", "]]"),
    "outside": ("([", "])"),
    "": ("[", "]"),
}


def label(value: str) -> str:
    """``value`` as a quoted label: what could mean something to Mermaid or to HTML is written as its number."""
    shown = visible(" ".join(value.split()))
    if len(shown) > _LONGEST:
        shown = shown[: _LONGEST - 1] + "…"
    return '"' + "".join(one if one.isalnum() or one in _PLAIN else f"#{ord(one)};" for one in shown) + '"'


@dataclass(frozen=True)
class Node:
    """A box: ``kind`` gives its form (`database`, `cache`, `broker`, `search`, `storage`, `outside`, or nothing)."""

    name: str
    lines: tuple[str, ...]
    kind: str = ""
    group: str = ""


@dataclass(frozen=True)
class Flow:
    """A flow chart that is being put together; nodes are told by name, edges by the names of their ends."""

    direction: str = "LR"
    nodes: list[Node] = field(default_factory=list)
    edges: list[tuple[str, str, str]] = field(default_factory=list)

    def source(self) -> str:
        """The text of the diagram."""
        number = {node.name: f"n{position}" for position, node in enumerate(self.nodes)}
        lines = [f"flowchart {self.direction}"]
        groups = dict.fromkeys(node.group for node in self.nodes)
        for position, group in enumerate(groups):
            if group:
                lines.append(f"  subgraph s{position}[{label(group)}]")
            for node in self.nodes:
                if node.group == group:
                    opening, closing = _SHAPES[node.kind]
                    words = "<br/>".join(label(line)[1:-1] for line in node.lines)
                    lines.append(f'  {"  " * bool(group)}{number[node.name]}{opening}"{words}"{closing}')
            if group:
                lines.append("  end")
        for start, end, words in self.edges[:MAX_EDGES]:
            arrow = f"-->|{label(words)}|" if words else "-->"
            lines.append(f"  {number[start]} {arrow} {number[end]}")
        return "\n".join(lines)


def dependencies(
    components: Sequence[Component], edges: Sequence[Dependency], most_nodes: int, most_edges: int
) -> tuple[str, int]:
    """Who imports from whom, and how many of the edges are drawn.

    The components with the most code, and the strongest edges among them; none where nothing depends on anything.
    """
    largest = sorted(range(len(components)), key=lambda one: (-components[one].lines, components[one].folder))
    chosen = set(largest[:most_nodes])
    inside = sorted(
        (edge for edge in edges if edge.source in chosen and edge.target in chosen),
        key=lambda edge: (-edge.count, edge.source, edge.target),
    )[:most_edges]
    met = sorted({end for edge in inside for end in (edge.source, edge.target)})
    flow = Flow()
    for number in met:
        flow.nodes.append(Node(str(number), (components[number].name or "(root)",)))
    for edge in sorted(inside, key=lambda edge: (edge.source, edge.target)):
        flow.edges.append((str(edge.source), str(edge.target), str(edge.count)))
    return (flow.source() if inside else ""), len(inside)


def groups(found: Sequence[TableGroup], most: int, most_edges: int) -> tuple[str, int]:
    """Groups of tables, and how many keys lead from one to another; and how many relations are not drawn.

    Nothing where no key leads out of its group.
    """
    home = {table.full_name: group.name for group in found for table in group.tables}
    edges: Counter[tuple[str, str]] = Counter()
    for group in found:
        for table in group.tables:
            for key in table.foreign_keys:
                other = home.get(key.references_table, group.name)
                if other != group.name:
                    edges[group.name, other] += 1
    shown = {group.name for group in found[:most]}
    inside = [edge for edge in edges if shown.issuperset(edge)]
    strongest = sorted(inside, key=lambda edge: (-edges[edge], edge))[:most_edges]
    met = {end for edge in strongest for end in edge}
    flow = Flow()
    for group in found[:most]:
        if group.name in met:
            many = len(group.tables)
            flow.nodes.append(Node(group.name, (group.name or "(root)", f"{many} table{'s' * (many != 1)}")))
    for start, end in sorted(strongest):
        many = edges[start, end]
        flow.edges.append((start, end, str(many) if many > 1 else ""))
    return (flow.source() if strongest else ""), len(edges) - len(strongest)


def entities(tables: Sequence[Table], others: Mapping[str, Table], *, keys: bool, whole: bool) -> str:
    """Tables (with their ``keys``; ``whole``: with their first columns) and what they refer to; ``others`` are all by name.

    A table that lies elsewhere is drawn without columns. Nothing where it would be more than can be drawn.
    """
    drawn = {table.full_name: f"t{number}" for number, table in enumerate(tables)}
    away: dict[str, str] = {}
    relations = []
    for table in tables:
        unique = {index.columns for index in table.indexes if index.unique and not index.partial} | {table.primary_key}
        for key in table.foreign_keys:
            target = key.references_table
            if target not in drawn and target not in away:
                away[target] = f"t{len(drawn) + len(away)}"
            optional = any((column := table.column(name)) is None or column.nullable for name in key.columns)
            many = "|o" if key.columns in unique else "}o"
            end = drawn.get(target) or away[target]
            words = label(", ".join(key.columns) or "key")
            relations.append(f"  {drawn[table.full_name]} {many}--{'o|' if optional else '||'} {end} : {words}")
    lines = ["erDiagram"]
    for table in tables:
        lines += _entity(table, drawn[table.full_name], keys, whole)
    for name, number in away.items():
        lines.append(f"  {number}[{label(others[name].full_name if name in others else name)}]")
    lines += relations
    source = "\n".join(lines)
    return source if len(source) <= MAX_CHARACTERS and len(relations) <= MAX_EDGES else ""


def _entity(table: Table, number: str, keys: bool, whole: bool) -> Iterable[str]:
    if not keys:
        yield f"  {number}[{label(table.full_name)}]"
        return
    foreign = {name for key in table.foreign_keys for name in key.columns}
    first = [one for one in table.columns if one.name in foreign or one.name in table.primary_key]
    rest = [one for one in table.columns if one not in first] if whole else []
    shown = (first + rest)[: _COLUMNS if whole else None]
    yield f"  {number}[{label(table.full_name)}]" + (" {" if shown else "")
    for column in shown:
        marks = [mark for mark, names in (("PK", table.primary_key), ("FK", foreign)) if column.name in names]
        yield f"    {_word(column.type.lower()) or 'unknown'} {_word(column.name)} {', '.join(marks)}".rstrip()
    if shown:
        yield "  }"


def _word(value: str) -> str:
    """``value`` as one word that Mermaid takes for a type or a name."""
    word = re.sub(r"_{2,}", "_", _WORD.sub("_", " ".join(value.split()))).strip("_")[:_LONGEST]
    return word if not word or word[0].isalpha() or word[0] == "_" else f"_{word}"
