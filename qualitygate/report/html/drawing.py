"""In: boxes in columns, or boxes that point at one another. Out: SVG, laid out here, in the colours of the page.

The layouts are written here because what would make them weighs more than all the rest of the page: a Mermaid bundle is 3 MB
in every report, ELK 1.5 MB, Graphviz a program that is not there; and none of them gives the same bytes without a browser.
What is drawn needs little: columns in a fixed order, and layers of foreign keys that hardly ever run in circles.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qualitygate.report.html.markup import Markup, element

_CHARACTER = 6.7  # width of a character of 12 px sans in the mean
MONO = 6.65  # and of 11 px mono, exactly enough for every font of the page's list
_BOX = 252
_GAP = 188
_ROW = 38
_SPACE = 9
_HEAD = 26


@dataclass(frozen=True)
class Box:
    """Something in a column: two short lines."""

    key: str
    label: str
    detail: str = ""


@dataclass(frozen=True)
class Link:
    """A way from one box to another, as broad as its weight."""

    source: str
    target: str
    weight: int = 1


def flow(columns: Sequence[tuple[str, Sequence[Box]]], links: Sequence[Link], name: str) -> Markup:
    """Columns of boxes from left to right, with curves between neighbours.

    The first and the last column keep their order; those between are sorted by what they are linked to.
    """
    ordered = _sorted_columns(columns, links)
    tallest = max(len(boxes) for _, boxes in ordered)
    height = _HEAD + tallest * (_ROW + _SPACE)
    width = len(ordered) * _BOX + (len(ordered) - 1) * _GAP
    at: dict[str, tuple[float, float, int]] = {}
    for number, (_, boxes) in enumerate(ordered):
        # a short column stands in the middle of the long ones
        free = (tallest - len(boxes)) * (_ROW + _SPACE)
        for row, box in enumerate(boxes):
            at[box.key] = (number * (_BOX + _GAP), _HEAD + free / 2 + row * (_ROW + _SPACE), number)
    known = [link for link in links if link.source in at and link.target in at]
    number_of = {key: number for number, key in enumerate(at)}
    leaving, arriving = _ports(known, at)
    return element(
        "svg",
        [
            element("text", title, x=number * (_BOX + _GAP), y=12, class_="title")
            for number, (title, _) in enumerate(ordered)
        ],
        [
            element(
                "path",
                d=_curve(at[link.source][0] + _BOX, leaving[number], at[link.target][0], arriving[number]),
                stroke_width=1 + math.log2(max(1, link.weight)) / 2,
                class_="edge",
                data_from=number_of[link.source],
                data_to=number_of[link.target],
            )
            for number, link in enumerate(known)
        ],
        [_drawn(box, at[box.key][0], at[box.key][1], number_of[box.key]) for _, boxes in ordered for box in boxes],
        **_frame(width, height, name),
    )


def _frame(width: float, height: float, name: str, role: str = "img") -> dict[str, str | float]:
    return {
        "role": role,
        "aria_label": name,
        "width": width,
        "height": height,
        "viewBox": f"-1 -1 {width + 2:.0f} {height + 2:.0f}",
    }


def _sorted_columns(columns: Sequence[tuple[str, Sequence[Box]]], links: Sequence[Link]) -> list[tuple[str, list[Box]]]:
    place = {box.key: row / max(1, len(boxes) - 1) for _, boxes in columns for row, box in enumerate(boxes)}
    near: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for link in links:
        if link.source in place and link.target in place:
            near[link.source].append((place[link.target], link.weight))
            near[link.target].append((place[link.source], link.weight))

    def middle(box: Box) -> float:
        found = near[box.key]
        return sum(at * weight for at, weight in found) / sum(weight for _, weight in found) if found else 1.0

    return [
        (title, sorted(boxes, key=middle) if 0 < number < len(columns) - 1 else list(boxes))
        for number, (title, boxes) in enumerate(columns)
    ]


def _ports(
    links: Sequence[Link], at: Mapping[str, tuple[float, float, int]]
) -> tuple[dict[int, float], dict[int, float]]:
    """The heights at which each link leaves and arrives: spread over the side of a box, in the order of the other ends."""
    sides: tuple[dict[int, float], dict[int, float]] = ({}, {})
    for side, here, there in ((sides[0], "source", "target"), (sides[1], "target", "source")):
        groups: dict[str, list[int]] = defaultdict(list)
        for number, link in enumerate(links):
            groups[getattr(link, here)].append(number)
        for key, numbers in groups.items():
            numbers.sort(key=lambda number: at[getattr(links[number], there)][1])
            for turn, number in enumerate(numbers):
                side[number] = at[key][1] + 5 + (_ROW - 10) * (turn + 1) / (len(numbers) + 1)
    return sides


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    bend = max(24.0, abs(x2 - x1) / 2)
    to = 1 if x2 >= x1 else -1
    return f"M{x1:.1f} {y1:.1f}C{x1 + to * bend:.1f} {y1:.1f} {x2 - to * bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"


def _drawn(box: Box, x: float, y: float, number: int) -> Markup:
    return element(
        "g",
        element("title", f"{box.label}, {box.detail}" if box.detail else box.label),
        element("rect", x=x, y=y, width=_BOX, height=_ROW, rx=3, class_="box"),
        element(
            "text",
            _fit(box.label, int((_BOX - 18) / _CHARACTER)),
            x=x + 9,
            y=y + (16 if box.detail else 23),
            class_="head",
        ),
        element("text", _fit(box.detail, int((_BOX - 18) / 5.9)), x=x + 9, y=y + 30, class_="title")
        if box.detail
        else None,
        data_key=number,
    )


def _fit(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


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
        return min(_WIDEST, max(len(self.head) * 1.08, *lines, _NARROWEST) * MONO + 20)

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
        **_frame(width, bottom, name),
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
        path = _curve(start, y1, end, y2)
    elif x2 >= x1 + source.width:
        start, end = x1 + source.width, x2
        path = _curve(start, y1, end, y2)
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
    room = int((node.width - 18) / MONO)
    head = element("text", _fit(node.head, room), x=x + 9, y=y + 16, class_="head")
    lines = []
    for row, line in enumerate(node.lines):
        base = y + _CARD_HEAD + row * _CARD_LINE + 12
        left = _fit(line.text, max(room - len(line.right) - 1, room // 2))
        right = _fit(line.right, room - len(left) - 1)
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


_CELL = 24
_LONG = 22


def matrix(names: Sequence[tuple[str, str]], counts: Mapping[tuple[int, int], int], name: str) -> Markup:
    """How often each row points at each column, as a square of shaded cells. ``names`` pair a short text with a link."""
    size = len(names) * _CELL
    left = 16 + max((len(_fit(text, _LONG)) for text, _ in names), default=0) * _CHARACTER
    top = min(110.0, max((len(text) for text, _ in names), default=0) * 4.8 + 14)
    most = max(counts.values(), default=1)
    cells = [
        element(
            "g",
            element("title", f"{names[row][0]} points at {names[column][0]} {count} times"),
            element(
                "rect",
                x=left + column * _CELL,
                y=top + row * _CELL,
                width=_CELL - 1,
                height=_CELL - 1,
                class_="own" if row == column else "cell",
                fill_opacity=f"{0.12 + 0.55 * math.log1p(count) / math.log1p(most):.2f}",
            ),
            element(
                "text",
                count,
                x=left + (column + 0.5) * _CELL,
                y=top + row * _CELL + 16,
                text_anchor="middle",
                class_="count",
            ),
        )
        for (row, column), count in sorted(counts.items())
    ]
    rules = [
        element(
            "path",
            d=f"M{left} {top + number * _CELL - 0.5:.1f}h{size}M{left + number * _CELL - 0.5:.1f} {top:.1f}v{size}",
            class_="grid",
        )
        for number in range(len(names) + 1)
    ]
    rows = [
        element(
            "a",
            element("text", _fit(text, _LONG), x=left - 9, y=top + number * _CELL + 16, text_anchor="end"),
            href=f"#{link}",
        )
        for number, (text, link) in enumerate(names)
    ]
    heads = [
        element(
            "text",
            _fit(text, _LONG),
            transform=f"translate({left + number * _CELL + 15:.0f} {top - 6:.0f}) rotate(-50)",
            class_="title",
        )
        for number, (text, _) in enumerate(names)
    ]
    return element("svg", rules, cells, rows, heads, **_frame(left + size + 90, top + size, name, "group"))


def bar(parts: Sequence[tuple[int, str, str]], name: str, width: int = 460) -> Markup:
    """Numbers as one bar: each with its class of the style and its word."""
    total = sum(count for count, _, _ in parts) or 1
    x = 0.0
    drawn = []
    for count, style, word in parts:
        size = width * count / total
        drawn.append(
            element(
                "rect",
                element("title", f"{count:,} {word}"),
                x=x,
                y=0,
                width=max(size - 1, 0.5),
                height=12,
                class_=style,
            )
        )
        x += size
    return element(
        "svg",
        drawn,
        role="img",
        aria_label=name,
        width="100%",
        height=12,
        viewBox=f"0 0 {width} 12",
        preserveAspectRatio="none",
    )
