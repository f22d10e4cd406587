"""In: a verdict. Out: the top of the page: the state of the gate, why, and a table of its rows, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qualitygate.model.evidence import EvidenceClass
from qualitygate.model.verdict import Row, State, Verdict
from qualitygate.report.html.markup import Child, Markup, Speaker, element, joined, plural

# In the order of the table: a mark for those who do not see the colour, and the words.
STATES = {
    State.ERROR: ("!", "in error"),
    State.FAIL: ("✕", "failed"),
    State.INCONCLUSIVE: ("≈", "inconclusive"),
    State.NO_DATA: ("?", "without data"),
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
_GROUNDS = {
    EvidenceClass.PROVED.value: "the code",
    EvidenceClass.MEASURED.value: "a measurement",
    EvidenceClass.ATTESTED.value: "a statement",
    EvidenceClass.UNKNOWN.value: "nothing yet",
}
_SAID = {
    "open": "The gate is open",
    "closed": "The gate is closed",
    "undecided": "The gate is undecided",
}
_REASONS = 6


def banner(verdict: Verdict, say: Speaker) -> Markup:
    """The state of the gate in words, and the rows that make it so."""
    against = [row for row in _ordered(verdict) if row.required and row.state not in _KEPT]
    if verdict.state == "closed":
        # What is missing opens no gate that something else closes.
        against = [row for row in against if row.state not in _MISSING] or against
    waived = sum(row.required and row.state is State.WAIVED for row in verdict.rows)
    classes = Counter(row.evidence for row in verdict.rows if row.state is not State.NOT_APPLICABLE)
    rests = ", ".join(f"{count} {say(_CLASSES.get(name, name))}" for name, count in _by_class(classes))
    more = len(against) - _REASONS
    return element(
        "div",
        element("p", _SAID.get(verdict.state, f"The gate is {verdict.state}"), class_="verdict"),
        element("ul", [element("li", _reason(row, say)) for row in against[:_REASONS]], class_="reasons")
        if against
        else None,
        element("p", f"and {plural(more, 'more row')}", class_="faint") if more > 0 else None,
        element("p", f"{plural(waived, 'required row')} waived.", class_="waivers") if waived else None,
        element("p", f"Its rows: {rests}.", class_="faint") if rests else None,
        class_=f"banner {verdict.state}",
    )


_MISSING = frozenset({State.NO_DATA, State.INCONCLUSIVE, State.STALE})
_KEPT = frozenset({State.PASS, State.WAIVED, State.NOT_APPLICABLE})


def _reason(row: Row, say: Speaker) -> Markup:
    told = joined([element("code", say(row.id)), " is ", element("b", say(row.value) or "not known")])
    limit = joined([told, ", asked for ", element("b", say(row.limit))]) if row.limit else told
    return joined([limit, f": {say(row.detail)}" if row.detail else ""])


def table(verdict: Verdict, say: Speaker) -> Markup:
    """Every row of the gate: what decides in a table, the rest in one to be opened; and how many there are of each kind."""
    rows = _ordered(verdict)
    if not rows:
        return element("p", "The gate has no row: nothing was asked for.", class_="faint")
    deciding = [row for row in rows if row.required and row.state is not State.NOT_APPLICABLE]
    others = [row for row in rows if row not in deciding]
    count = f"{len(deciding)} {'row decides' if len(deciding) == 1 else 'rows decide'}"
    return joined(
        [
            element("p", f"{count}: {_states(deciding)}." if deciding else f"{count}.", class_="lead"),
            _table(deciding, say) if deciding else None,
            element(
                "details",
                element(
                    "summary",
                    f"{len(others)} {'row is' if len(others) == 1 else 'rows are'} shown and not required: {_states(others)}",
                ),
                _table(others, say),
                open=not deciding,
            )
            if others
            else None,
        ]
    )


def _table(rows: Sequence[Row], say: Speaker) -> Markup:
    heads = ("State", "Condition", "Value", "Limit", "Rests on")
    return element(
        "table",
        element("thead", element("tr", [element("th", head, scope="col") for head in heads])),
        element("tbody", [_row(row, say) for row in rows]),
        class_="gate cards",
    )


def _states(rows: Sequence[Row]) -> str:
    states = Counter(row.state for row in rows)
    return ", ".join(f"{states[state]} {words}" for state, (_, words) in STATES.items() if states[state])


def _by_class(classes: Counter[str]) -> list[tuple[str, int]]:
    order = list(_CLASSES)
    return sorted(classes.items(), key=lambda item: (order.index(item[0]) if item[0] in order else len(order), item[0]))


def _ordered(verdict: Verdict) -> list[Row]:
    order = list(STATES)
    return sorted(verdict.rows, key=lambda row: (order.index(row.state), not row.required))


def _row(row: Row, say: Speaker) -> Markup:
    mark, words = STATES[row.state]
    asked = f"{row.place.path}:{row.place.span.line}" if row.place is not None else ""
    condition: list[Child] = [element("code", say(row.id))]
    if row.detail:
        condition.append(element("div", say(row.detail), class_="detail"))
    if asked:
        condition.append(element("div", "asked for in ", element("code", say(asked)), class_="detail"))
    cells = [
        element("td", element("span", mark, aria_hidden="true"), f" {words}", class_=_style(row)),
        element("td", condition, data_label="Condition"),
        _cell("Value", say(row.value), "value"),
        _cell("Limit", say(row.limit), "limit"),
        _cell("Rests on", _grounds(row, say)),
    ]
    return element("tr", cells)


def _grounds(row: Row, say: Speaker) -> Child:
    """The class of evidence; below it where it comes from, from how much, and when."""
    if row.state is State.NOT_APPLICABLE:
        return ""
    when = element("time", say(row.observed[:10]), datetime=say(row.observed)) if row.observed else None
    samples = plural(row.samples, "sample") if row.samples is not None else None
    taken = [samples, ", " if samples and when else None, when]
    return [
        say(_GROUNDS.get(row.evidence, row.evidence)),
        element("div", say(row.source), class_="detail") if row.source else None,
        element("div", taken, class_="detail") if samples or when else None,
    ]


def _style(row: Row) -> str:
    return f"state {row.state.value}" if row.required else f"state {row.state.value} aside"


def _cell(label: str, content: Child, style: str = "") -> Markup:
    """A cell that has its heading beside it where there is no room for a table; an empty one is left out there."""
    if not content:
        return element("td", "–", class_=f"{style} none".strip())
    return element("td", element("div", content), data_label=label, class_=style or None)
