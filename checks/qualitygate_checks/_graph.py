"""In: a directed graph, as the successors of each node. Out: its circles, and a small set of edges that holds them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

Graph = Mapping[str, Mapping[str, int]]
"""For each node its successors, with the weight of the edge: what it would cost to remove it."""


def components(graph: Graph) -> list[tuple[str, ...]]:
    """The sets of nodes that all reach one another, of two nodes and more; each sorted, largest set first."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    open_nodes: list[str] = []
    is_open: set[str] = set()
    found: list[tuple[str, ...]] = []
    for start in sorted(graph):
        if start in index:
            continue
        work = [(start, iter(sorted(graph.get(start, ()))))]
        index[start] = low[start] = len(index)
        open_nodes.append(start)
        is_open.add(start)
        while work:
            node, successors = work[-1]
            for successor in successors:
                if successor not in index:
                    index[successor] = low[successor] = len(index)
                    open_nodes.append(successor)
                    is_open.add(successor)
                    work.append((successor, iter(sorted(graph.get(successor, ())))))
                    break
                if successor in is_open:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = []
                    while True:
                        member = open_nodes.pop()
                        is_open.discard(member)
                        members.append(member)
                        if member == node:
                            break
                    if len(members) > 1:
                        found.append(tuple(sorted(members)))
    return sorted(found, key=lambda members: (-len(members), members))


def within(graph: Graph, members: Iterable[str]) -> dict[str, dict[str, int]]:
    """The part of a graph between some of its nodes."""
    chosen = set(members)
    return {
        node: {successor: weight for successor, weight in graph.get(node, {}).items() if successor in chosen}
        for node in sorted(chosen)
    }


def feedback(graph: Graph) -> list[tuple[str, str]]:
    """A small set of edges without which no circle is left, lightest first.

    Nodes are put in a row by the greedy rule of Eades, Lin and Smyth (1993): what nobody needs first, what needs nobody
    last, else the one whose edges out outweigh those in by most. Edges against the row are the set; those that turn out
    not to close any circle are taken back, heaviest first.
    """
    incoming: dict[str, dict[str, int]] = {node: {} for node in graph}
    outgoing = {node: dict(successors) for node, successors in graph.items()}
    for node, successors in graph.items():
        for successor, weight in successors.items():
            incoming[successor][node] = weight
    left, head, tail = set(graph), [], []
    while left:
        sink = min((node for node in left if not outgoing[node]), default=None)
        source = min((node for node in left if not incoming[node]), default=None)
        if sink is not None:
            tail.append(sink)
            chosen = sink
        elif source is not None:
            head.append(source)
            chosen = source
        else:
            chosen = max(sorted(left), key=lambda node: sum(outgoing[node].values()) - sum(incoming[node].values()))
            head.append(chosen)
        left.discard(chosen)
        for successor in outgoing[chosen]:
            incoming[successor].pop(chosen, None)
        for predecessor in incoming[chosen]:
            outgoing[predecessor].pop(chosen, None)
    position = {node: number for number, node in enumerate([*head, *reversed(tail)])}
    kept: dict[str, dict[str, int]] = {node: {} for node in graph}
    against = []
    for node, successors in graph.items():
        for successor, weight in successors.items():
            if position[node] < position[successor]:
                kept[node][successor] = weight
            else:
                against.append((weight, node, successor))
    result = []
    for weight, node, successor in sorted(against, key=lambda edge: (-edge[0], edge[1], edge[2])):
        if shortest(kept, successor, node):
            result.append((weight, node, successor))
        else:
            kept[node][successor] = weight
    return [(node, successor) for _, node, successor in sorted(result)]


def shortest(graph: Graph, start: str, end: str) -> list[str]:
    """The nodes of a shortest way from ``start`` to ``end``; empty where there is none."""
    before: dict[str, str] = {}
    queue = deque([start])
    seen = {start}
    while queue:
        node = queue.popleft()
        if node == end:
            way = [node]
            while way[-1] != start:
                way.append(before[way[-1]])
            return way[::-1]
        for successor in sorted(graph.get(node, ())):
            if successor not in seen:
                seen.add(successor)
                before[successor] = node
                queue.append(successor)
    return []
