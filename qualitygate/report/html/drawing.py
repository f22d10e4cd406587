"""In: boxes in columns, or counts between things. Out: SVG, laid out here, in the colours of the page.

The layouts are written here because what would make them weighs more than all the rest of the page: a Mermaid bundle is 3 MB
in every report, ELK 1.5 MB, Graphviz a program that is not there; and none of them gives the same bytes without a browser.
What is drawn needs little: columns in a fixed order, and layers of foreign keys that hardly ever run in circles.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qualitygate.report.html.markup import Markup, element

CHARACTER = 6.7  # width of a character of 12 px sans in the mean
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
                d=curve(at[link.source][0] + _BOX, leaving[number], at[link.target][0], arriving[number]),
                stroke_width=1 + math.log2(max(1, link.weight)) / 2,
                class_="edge",
                data_from=number_of[link.source],
                data_to=number_of[link.target],
            )
            for number, link in enumerate(known)
        ],
        [_drawn(box, at[box.key][0], at[box.key][1], number_of[box.key]) for _, boxes in ordered for box in boxes],
        **frame(width, height, name),
    )


def frame(width: float, height: float, name: str, role: str = "img") -> dict[str, str | float]:
    """The attributes of a drawing of that size; ``role`` is `group` for one that holds links."""
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


def curve(x1: float, y1: float, x2: float, y2: float) -> str:
    """The data of a path that leaves and arrives level."""
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
            fit(box.label, int((_BOX - 18) / CHARACTER)),
            x=x + 9,
            y=y + (16 if box.detail else 23),
            class_="head",
        ),
        element("text", fit(box.detail, int((_BOX - 18) / 5.9)), x=x + 9, y=y + 30, class_="title")
        if box.detail
        else None,
        data_key=number,
    )


def fit(text: str, characters: int) -> str:
    """``text``, cut where it has more characters."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


_CELL = 24
_LONG = 22


def matrix(names: Sequence[tuple[str, str]], counts: Mapping[tuple[int, int], int], name: str) -> Markup:
    """How often each row points at each column, as a square of shaded cells. ``names`` pair a short text with a link."""
    size = len(names) * _CELL
    left = 16 + max((len(fit(text, _LONG)) for text, _ in names), default=0) * CHARACTER
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
            element("text", fit(text, _LONG), x=left - 9, y=top + number * _CELL + 16, text_anchor="end"),
            href=f"#{link}",
        )
        for number, (text, link) in enumerate(names)
    ]
    heads = [
        element(
            "text",
            fit(text, _LONG),
            transform=f"translate({left + number * _CELL + 15:.0f} {top - 6:.0f}) rotate(-50)",
            class_="title",
        )
        for number, (text, _) in enumerate(names)
    ]
    return element("svg", rules, cells, rows, heads, **frame(left + size + 90, top + size, name, "group"))


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
