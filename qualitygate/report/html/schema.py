"""In: a linked project. Out: its schema for the page: drawn by groups of tables, and each table with its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qualitygate.model.project import Project
from qualitygate.model.schema import Table
from qualitygate.report.architecture_facts import TableGroup, summarise
from qualitygate.report.html.architecture import at
from qualitygate.report.html.cards import Arrow, Card, Line, cards
from qualitygate.report.html.drawing import matrix
from qualitygate.report.html.markup import Markup, Speaker, element, joined, plural

# So many tables are drawn in one picture; more are drawn group by group.
_TOGETHER = 30
_LINES = 9
_NAMED = 6


def section(project: Project, say: Speaker) -> Markup | None:
    """The schema after all migrations; None where no table is known."""
    groups = project.once(summarise).tables
    tables = [table for group in groups for table in group.tables]
    if not tables:
        return None
    others = Counter(table.kind for table in project.tables if table.kind not in ("table", "partitioned"))
    more = "".join(f", {plural(count, kind)}" for kind, count in sorted(others.items()))
    keys = sum(len(table.foreign_keys) for table in tables)
    modelled = sum(table.source == "models" for table in tables)
    lead = f"{plural(len(tables), 'table')} after all migrations{more}, {plural(keys, 'foreign key')}."
    if modelled:
        lead += f" No migration here makes {plural(modelled, 'table')}: told as the models declare them."
    if len(tables) <= _TOGETHER or len(groups) == 1:
        pictures = [_picture(TableGroup("all tables", tuple(tables)), say), _listed(tables, say)]
    else:
        pictures = [
            _overview(groups, say),
            *(
                element(
                    "details",
                    element(
                        "summary",
                        element("b", say(group.name)),
                        f" {plural(len(group.tables), 'table')} ",
                        element("span", say(_names(group)), class_="faint"),
                    ),
                    _picture(group, say),
                    _listed(group.tables, say),
                    id=f"tables-{number}",
                )
                for number, group in enumerate(groups)
            ),
        ]
    return joined([element("p", lead, class_="lead"), pictures])


def _names(group: TableGroup) -> str:
    names = [table.name for table in group.tables]
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")


def _overview(groups: Sequence[TableGroup], say: Speaker) -> Markup:
    """The foreign keys within and between the groups: a square, since the groups of real schemas point in circles."""
    home = {table.full_name: number for number, group in enumerate(groups) for table in group.tables}
    counts = Counter(
        (number, home[key.references_table])
        for number, group in enumerate(groups)
        for table in group.tables
        for key in table.foreign_keys
        if key.references_table in home
    )
    names = [(say(group.name), f"tables-{number}") for number, group in enumerate(groups)]
    told = f"Foreign keys between {len(groups)} groups of tables"
    return joined(
        [
            element(
                "p",
                "Foreign keys between the groups of tables: a row points at a column, as often as the cell says.",
                class_="faint",
            ),
            _framed(matrix(names, counts, told), told),
        ]
    )


def _picture(group: TableGroup, say: Speaker) -> Markup:
    inside = {table.full_name for table in group.tables}
    nodes, arrows = [], []
    for table in group.tables:
        keys = [key for key in table.foreign_keys if key.columns]
        owned = [column for column in table.primary_key if all(column not in key.columns for key in keys)]
        lines = [Line(say(column), "key", True) for column in owned]
        for key in keys:
            if len(lines) == _LINES and len(keys) + len(owned) > _LINES + 1:
                break
            if key.references_table in inside:
                arrows.append(Arrow(table.full_name, key.references_table, len(lines)))
            lines.append(Line(say(", ".join(key.columns)), say(key.references_table.rpartition(".")[2]), True))
        rest = len(table.columns) - len({*owned, *(column for key in keys for column in key.columns)})
        if rest > 0:
            lines.append(Line(plural(rest, "more column" if lines else "column")))
        nodes.append(Card(table.full_name, say(table.full_name), tuple(lines)))
    name = f"{len(nodes)} tables of {say(group.name)} with their keys"
    return _framed(cards(nodes, arrows, name), name)


def _framed(drawing: Markup, name: str) -> Markup:
    return element("div", drawing, class_="drawing", tabindex="0", role="group", aria_label=name)


def _listed(tables: Sequence[Table], say: Speaker) -> Markup:
    """Every table with its columns, keys and indexes, for those who search and those who cannot see the drawing."""
    return element(
        "details",
        element("summary", "Columns, keys and indexes"),
        [_table(table, say) for table in sorted(tables, key=lambda table: table.full_name)],
        class_="tables",
    )


def _table(table: Table, say: Speaker) -> Markup:
    columns = [
        element(
            "li",
            element("code", say(column.name)),
            f" {say(column.type)}",
            None if column.nullable else " not null",
            " primary key" if column.name in table.primary_key else None,
        )
        for column in table.columns
    ]
    keys = [
        element(
            "li",
            element("code", say(", ".join(key.columns))),
            " references ",
            element(
                "code",
                say(
                    f"{key.references_table} ({', '.join(key.references_columns)})"
                    if key.references_columns
                    else key.references_table
                ),
            ),
            None if key.valid else " (not validated)",
        )
        for key in table.foreign_keys
    ]
    indexes = [
        element(
            "li",
            "unique index " if index.unique else "index ",
            element("code", say(index.name)) if index.name else None,
            f" on {say(', '.join(name or 'an expression' for name in index.columns))}",
            " with a condition" if index.partial else None,
        )
        for index in table.indexes
    ]
    return element(
        "details",
        element(
            "summary",
            element("code", say(table.full_name)),
            element("span", f" {len(table.columns)} columns, {say(at(table.defined_at))}", class_="faint"),
        ),
        element("ul", columns, class_="things columns"),
        element("ul", keys, indexes, class_="things") if keys or indexes else None,
    )
