"""In: a verdict. Out: the gate as lines of text: what decides in a table, the rest folded into a line for each state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from qualitygate.model.evidence import EvidenceClass
from qualitygate.model.verdict import Row, State, Verdict
from qualitygate.report.display import Palette, pad, width, wrapped

_MARKS = {
    State.PASS: "ok",
    State.FAIL: "x",
    State.ERROR: "!",
    State.INCONCLUSIVE: "?",
    State.NO_DATA: "?",
    State.STALE: "?",
    State.WAIVED: "-",
    State.NOT_APPLICABLE: "-",
}
# The words of each state in the first line, the worst first.
_COUNTED = {
    State.ERROR: "in error",
    State.FAIL: "failed",
    State.INCONCLUSIVE: "inconclusive",
    State.NO_DATA: "without data",
    State.STALE: "stale",
    State.PASS: "passed",
    State.WAIVED: "waived",
    State.NOT_APPLICABLE: "not applicable",
}
_ORDER = tuple(_COUNTED)
# Narrower than this, the last column is not worth its place beside the others.
_NARROWEST = 30
_DATED = {"content": "run ", "file": "file "}
Cell = tuple[str, Callable[[str], str]]


def gate_lines(
    verdict: Verdict, paint: Palette, plain: Callable[[str], str], columns: int | None, verbose: bool
) -> Iterator[str]:
    """The gate. ``plain`` makes a text safe to show, ``columns`` is None where lines are not to be broken.

    Rows that are required decide, and stand in the table; so does what is waived. The others are named by their state,
    each in full with ``verbose``.
    """
    color = {"open": paint.good, "closed": paint.error}.get(verdict.state, paint.warning)
    yield f"{paint.strong('Gate')}  {color(verdict.state.upper())}{_summary(verdict.rows)}"
    decides = [row for row in verdict.rows if verbose or (row.required and row.state is not State.NOT_APPLICABLE)]
    decides.sort(key=lambda row: (_ORDER.index(row.state), not row.required))
    yield from _table([_cells(row, paint, plain) for row in decides], columns)
    if not verbose:
        yield from _folded([row for row in verdict.rows if row not in decides], paint, plain, columns)


def _summary(rows: tuple[Row, ...]) -> str:
    """How many rows that decide are in each state, and what all that apply rest on."""
    states = Counter(row.state for row in rows if row.required)
    counts = ", ".join(f"{states[state]} {words}" for state, words in _COUNTED.items() if states[state])
    classes = Counter(row.evidence for row in rows if row.state is not State.NOT_APPLICABLE)
    rests = ", ".join(f"{classes[one.value]} {one.value}" for one in EvidenceClass if classes[one.value])
    return (f"   {counts}" if counts else "") + (f"   ({rests})" if rests else "")


def _cells(row: Row, paint: Palette, plain: Callable[[str], str]) -> tuple[Cell, ...]:
    color = {State.PASS: paint.good, State.FAIL: paint.error, State.ERROR: paint.error}.get(row.state, paint.warning)
    state = row.state.value.replace("_", " ")
    quiet = row.state in (State.PASS, State.WAIVED, State.NOT_APPLICABLE) or not row.required
    if not row.required and row.state is not State.NOT_APPLICABLE:
        state += ", not required"
    return (
        (_MARKS[row.state], color if row.required else paint.faint),
        (plain(row.id), str),
        (plain(row.value), str),
        (plain(row.limit), str),
        (state if quiet else state.upper(), color if row.required else paint.faint),
        (plain(_rests_on(row)), paint.faint),
    )


def _rests_on(row: Row) -> str:
    """The class of evidence, where and when it was taken, from how much, and what is to be said of it."""
    dated = f", {_DATED.get(row.dated_by, '')}of {row.observed[:10]}" if row.observed else ""
    source = row.source + dated if row.source else ""
    samples = f"{row.samples:,} samples" if row.samples is not None else ""
    told = "; ".join(filter(None, (", ".join(filter(None, (source, samples))), row.detail)))
    if row.state is State.NOT_APPLICABLE or row.evidence == EvidenceClass.UNKNOWN.value:
        return row.detail
    return f"{row.evidence}: {told}" if told else row.evidence


def _table(rows: list[tuple[Cell, ...]], columns: int | None) -> Iterator[str]:
    """Rows of coloured cells, aligned; the last cell is broken to what is left of the line, or put below."""
    if not rows:
        return
    sizes = [max(width(row[number][0]) for row in rows) for number in range(len(rows[0]) - 1)]
    left = 2 + sum(sizes) + 2 * len(sizes) - 1
    for row in rows:
        cells = [color(pad(text, size)) for (text, color), size in zip(row, sizes, strict=False)]
        text, color = row[-1]
        head = f"  {cells[0]} {'  '.join(cells[1:])}"
        if columns is not None and columns - left < _NARROWEST and left + width(text) > columns:
            yield head.rstrip()
            if text:
                yield f"       {color(wrapped(text, columns, ' ' * 7))}"
        else:
            yield f"{head}  {color(wrapped(text, columns, ' ' * left))}".rstrip()


def _folded(rows: list[Row], paint: Palette, plain: Callable[[str], str], columns: int | None) -> Iterator[str]:
    """One line for all rows of a kind that decide nothing."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row.state is State.NOT_APPLICABLE:
            groups.setdefault("not applicable", []).append(f"{row.id} ({row.detail})")
        elif row.state is State.PASS:
            groups.setdefault("passed too", []).append(row.id)
        elif row.state is State.NO_DATA:
            groups.setdefault("no evidence", []).append(row.id)
        else:
            state = row.state.value
            told = f", {state}" if row.state not in (State.FAIL, State.WAIVED) else ""
            groups.setdefault("not kept, not required", []).append(f"{row.id} ({row.value}{told})")
    for label in ("not kept, not required", "passed too", "no evidence", "not applicable"):
        if names := groups.get(label):
            text = wrapped(plain(", ".join(names)), columns, " " * (len(label) + 4))
            yield f"  {paint.faint(f'{label}:')} {paint.faint(text)}"
