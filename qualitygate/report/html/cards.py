"""In: tables as cards, and the foreign keys between them. Out: SVG in layers, what is pointed at to the left of what points."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qualitygate.report.html.drawing import curve, fit, frame
from qualitygate.report.html.markup import Markup, element

# The width of a character of 11 px mono: enough for every font of the page's list.
_MONO = 6.65


@dataclass(frozen=True)
class Line:
    """A line in a card: text on the left, a shorter one on the right."""

    text: str
    right: str = ""
    key: bool = False


@dataclass(frozen=True)
class Card:
    """A box with a head and lines below it."""

    key: str
    head: str
    lines: tuple[Line, ...]

    @property
    def width(self) -> float:
        """In pixels, as its longest line asks for."""
        lines = (len(line.text) + len(line.right) + 2 * bool(line.right) for line in self.lines)
        return min(_WIDEST, max(len(self.head) * 1.08, *lines, _NARROWEST) * _MONO + 20)

    @property
    def height(self) -> float:
        """In pixels."""
        return _CARD_HEAD + len(self.lines) * _CARD_LINE + (6 if self.lines else 0)


@dataclass(frozen=True)
class Arrow:
    """A reference from a line (by its number) to another card."""

    source: str
    target: str
    line: int


_WIDEST = 320
_NARROWEST = 16
_CARD_HEAD = 24
_CARD_LINE = 16
_BETWEEN = 68
_BELOW = 22
_TALLEST = 1500
_SWEEPS = 6


def cards(nodes: Sequence[Card], arrows: Sequence[Arrow], name: str) -> Markup:
    """Cards in layers: what is pointed at stands to the left of what points; cards without arrows stand below, in rows."""
    known = {node.key: node for node in nodes}
    inside = [one for one in arrows if one.source in known and one.target in known]
    linked = {key for one in inside if one.source != one.target for key in (one.source, one.target)}
    layers = _layers([node for node in nodes if node.key in linked], inside)
    at: dict[str, tuple[float, float]] = {}
    x = 0.0
    tallest = max((sum(known[key].height + _BELOW for key in layer) - _BELOW for layer in layers), default=0.0)
    for layer in layers:
        y = (tallest - sum(known[key].height + _BELOW for key in layer) + _BELOW) / 2
        for key in layer:
            at[key] = (x, y)
            y += known[key].height + _BELOW
        x += max(known[key].width for key in layer) + _BETWEEN
    width = max(0.0, x - _BETWEEN)
    number_of = {node.key: number for number, node in enumerate(nodes)}
    width, bottom = _alone([node for node in nodes if node.key not in linked], at, max(width, 720.0), tallest)
    return element(
        "svg",
        [_arrow(one, known, at, number_of) for one in inside if one.source != one.target],
        [_card(node, *at[node.key], number_of[node.key]) for node in nodes],
        **frame(width, bottom, name),
    )


def _layers(nodes: Sequence[Card], arrows: Sequence[Arrow]) -> list[list[str]]:
    """The keys in layers, each sorted so that few arrows cross. A layer that is too tall becomes several."""
    order = {node.key: number for number, node in enumerate(nodes)}
    below: dict[str, list[str]] = {node.key: [] for node in nodes}
    for arrow in arrows:
        if arrow.source != arrow.target and arrow.source in below and arrow.target not in below[arrow.source]:
            below[arrow.source].append(arrow.target)
    depth = _depths(below)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key in sorted(depth, key=lambda key: order[key]):
        layers[depth[key]].append(key)
    near: dict[str, set[str]] = defaultdict(set)
    for source, targets in below.items():
        for target in targets:
            near[source].add(target)
            near[target].add(source)
    for sweep in range(_SWEEPS):
        place = {key: (row + 0.5) / len(layer) for layer in layers for row, key in enumerate(layer)}
        for layer in layers if sweep % 2 else reversed(layers):
            layer.sort(key=lambda key: sum(place[one] for one in sorted(near[key])) / max(1, len(near[key])))
            place.update({key: (row + 0.5) / len(layer) for row, key in enumerate(layer)})
    heights = {node.key: node.height + _BELOW for node in nodes}
    return [part for layer in layers for part in _parted(layer, heights)]


def _depths(below: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many arrows lead on from each key at most; an arrow that closes a circle does not count."""
    depth: dict[str, int] = {}
    for start in below:
        open_keys: dict[str, None] = {}
        stack = [(start, iter(below[start]))] if start not in depth else []
        if stack:
            open_keys[start] = None
        while stack:
            key, targets = stack[-1]
            following = next((one for one in targets if one not in depth and one not in open_keys), None)
            if following is not None:
                open_keys[following] = None
                stack.append((following, iter(below[following])))
                continue
            stack.pop()
            del open_keys[key]
            depth[key] = max((depth[one] + 1 for one in below[key] if one in depth), default=0)
    return depth


def _parted(layer: list[str], heights: Mapping[str, float]) -> Iterable[list[str]]:
    total = sum(heights[key] for key in layer)
    parts = math.ceil(total / _TALLEST)
    if parts <= 1:
        yield layer
        return
    current: list[str] = []
    for key in layer:
        current.append(key)
        if sum(heights[one] for one in current) >= total / parts:
            yield current
            current = []
    if current:
        yield current


def _alone(nodes: Sequence[Card], at: dict[str, tuple[float, float]], width: float, top: float) -> tuple[float, float]:
    """Places the cards that nothing is linked to in rows below; gives the width and the height of all."""
    x, y, tallest = 0.0, top + (_BELOW * 1.5 if top and nodes else 0), 0.0
    for node in sorted(nodes, key=lambda node: -node.height):
        if x and x + node.width > width:
            x, y, tallest = 0.0, y + tallest + _BELOW, 0.0
        at[node.key] = (x, y)
        x += node.width + _BELOW
        tallest = max(tallest, node.height)
    return width, y + tallest


def _arrow(
    arrow: Arrow, known: Mapping[str, Card], at: Mapping[str, tuple[float, float]], number_of: Mapping[str, int]
) -> Markup:
    source, target = known[arrow.source], known[arrow.target]
    (x1, y1), (x2, y2) = at[arrow.source], at[arrow.target]
    y1 += _CARD_HEAD + arrow.line * _CARD_LINE + _CARD_LINE / 2 + 1
    y2 += _CARD_HEAD / 2
    if x2 + target.width <= x1:
        start, end = x1, x2 + target.width
        path = curve(start, y1, end, y2)
    elif x2 >= x1 + source.width:
        start, end = x1 + source.width, x2
        path = curve(start, y1, end, y2)
    else:
        # both in one column: around the right side
        start, end = x1 + source.width, x2 + target.width
        out = max(start, end) + 30
        path = f"M{start:.1f} {y1:.1f}C{out:.1f} {y1:.1f} {out:.1f} {y2:.1f} {end:.1f} {y2:.1f}"
    return element(
        "g",
        element(
            "path",
            d=path,
            class_="edge key",
            data_from=number_of[arrow.source],
            data_to=number_of[arrow.target],
        ),
        element("circle", cx=end, cy=y2, r=2.6, class_="end"),
    )


def _card(node: Card, x: float, y: float, number: int) -> Markup:
    room = int((node.width - 18) / _MONO)
    head = element("text", fit(node.head, room), x=x + 9, y=y + 16, class_="head")
    lines = []
    for row, line in enumerate(node.lines):
        base = y + _CARD_HEAD + row * _CARD_LINE + 12
        left = fit(line.text, max(room - len(line.right) - 1, room // 2))
        right = fit(line.right, room - len(left) - 1)
        lines.append(element("text", left, x=x + 9, y=base, class_="mono" if line.key else "mono soft"))
        if right:
            lines.append(element("text", right, x=x + node.width - 9, y=base, text_anchor="end", class_="mono soft"))
    return element(
        "g",
        element("title", node.head),
        element("rect", x=x, y=y, width=node.width, height=node.height, rx=3, class_="box"),
        head,
        element("path", d=f"M{x:.1f} {y + _CARD_HEAD:.1f}h{node.width:.1f}", class_="edge") if node.lines else None,
        lines,
        data_key=number,
    )
