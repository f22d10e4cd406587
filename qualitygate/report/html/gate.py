"""In: a verdict. Out: the top of the page: the state of the gate, why, and a table of its rows, worst first."""

from __future__ import annotations

from collections import Counter

from qualitygate.model.evidence import EvidenceClass
from qualitygate.model.verdict import Row, State, Verdict
from qualitygate.report.html.markup import Child, Markup, Speaker, element, joined

# In the order of the table: a mark for those who do not see the colour, and the word.
STATES = {
    State.FAIL: ("✕", "failed"),
    State.ERROR: ("!", "error"),
    State.NO_DATA: ("?", "no data"),
    State.INCONCLUSIVE: ("≈", "inconclusive"),
    State.STALE: ("◷", "stale"),
    State.WAIVED: ("~", "waived"),
    State.PASS: ("✓", "passed"),
    State.NOT_APPLICABLE: ("–", "not applicable"),
}
_CLASSES = {
    EvidenceClass.PROVED.value: "proved from the code",
    EvidenceClass.MEASURED.value: "measured",
    EvidenceClass.ATTESTED.value: "stated by people",
    EvidenceClass.UNKNOWN.value: "unknown",
}
_SAID = {
    "open": "The gate is open",
    "closed": "The gate is closed",
    "undecided": "The gate is undecided",
}
_REASONS = 6


def banner(verdict: Verdict, say: Speaker) -> Markup:
    """The state of the gate in words, and the rows that make it so."""
    against = [row for row in _ordered(verdict) if row.required and row.state in _AGAINST[verdict.state]]
    return element(
        "div",
        element("p", _SAID.get(verdict.state, f"The gate is {verdict.state}"), class_="verdict"),
        element("ul", [element("li", _reason(row, say)) for row in against[:_REASONS]], class_="reasons")
        if against
        else None,
        element("p", f"and {len(against) - _REASONS} more rows", class_="faint") if len(against) > _REASONS else None,
        class_=f"banner {verdict.state}",
    )


_MISSING = frozenset({State.NO_DATA, State.INCONCLUSIVE, State.STALE})
_AGAINST: dict[str, frozenset[State]] = {
    "open": frozenset(),
    "closed": frozenset({State.FAIL, State.ERROR}),
    "undecided": frozenset({State.ERROR, *_MISSING}),
}


def _reason(row: Row, say: Speaker) -> Markup:
    told = joined([element("code", say(row.id)), " is ", element("b", say(row.value) or "unknown")])
    limit = joined([told, ", the limit is ", element("b", say(row.limit))]) if row.limit else told
    return joined([limit, f": {say(row.detail)}" if row.detail else ""])


def table(verdict: Verdict, say: Speaker) -> Markup:
    """Every row of the gate, and how many there are of each state and each class of evidence."""
    rows = _ordered(verdict)
    if not rows:
        return element("p", "The gate has no row: nothing was asked for.", class_="faint")
    states = Counter(row.state for row in rows)
    classes = Counter(row.evidence for row in rows)
    told = [f"{states[state]} {word}" for state, (_, word) in STATES.items() if states[state]]
    rests = [f"{count} {say(_CLASSES.get(name, name))}" for name, count in _by_class(classes)]
    wide = any(row.source or row.observed or row.samples is not None for row in rows)
    heads = ["State", "Condition", "Value", "Limit", "Rests on", *(["Source", "Age"] if wide else [])]
    return joined(
        [
            element("p", f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}: {', '.join(told)}. ", class_="lead"),
            element("p", f"Evidence: {', '.join(rests)}.", class_="faint"),
            element(
                "table",
                element("thead", element("tr", [element("th", head, scope="col") for head in heads])),
                element("tbody", [_row(row, say, wide) for row in rows]),
                class_="gate cards",
            ),
        ]
    )


def _by_class(classes: Counter[str]) -> list[tuple[str, int]]:
    order = list(_CLASSES)
    return sorted(classes.items(), key=lambda item: (order.index(item[0]) if item[0] in order else len(order), item[0]))


def _ordered(verdict: Verdict) -> list[Row]:
    order = list(STATES)
    return sorted(verdict.rows, key=lambda row: (order.index(row.state), not row.required))


def _row(row: Row, say: Speaker, wide: bool) -> Markup:
    mark, word = STATES[row.state]
    asked = f"{row.place.path}:{row.place.span.line}" if row.place is not None else ""
    condition: list[Child] = [element("code", say(row.id))]
    if not row.required:
        condition.append(element("span", " shown only", class_="faint"))
    if row.detail:
        condition.append(element("div", say(row.detail), class_="detail"))
    if asked:
        condition.append(element("div", "asked for in ", element("code", say(asked)), class_="detail"))
    cells = [
        element("td", element("span", mark, aria_hidden="true"), f" {word}", class_=f"state {row.state.value}"),
        element("td", condition, data_label="Condition"),
        element("td", say(row.value) or "–", data_label="Value", class_="value"),
        element("td", say(row.limit) or "–", data_label="Limit", class_="value"),
        element("td", say(_CLASSES.get(row.evidence, row.evidence)), data_label="Rests on"),
    ]
    if wide:
        samples = f"{row.samples:,} samples" if row.samples is not None else ""
        source = [say(row.source) or None, element("div", samples, class_="detail") if samples else None]
        cells.append(element("td", source if row.source or samples else "–", data_label="Source", class_="source"))
        when = element("time", say(row.observed[:10]), datetime=say(row.observed)) if row.observed else "–"
        cells.append(element("td", when, data_label="Age"))
    return element("tr", cells)
