"""In: a scanned repository. Out: the section about its data: databases, migrations, tables by group and by owner, drawn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from qualitygate.model.schema import Table
from qualitygate.model.source import Place
from qualitygate.report.architecture_diagrams import MAX_TABLES, entities, groups
from qualitygate.report.architecture_facts import TableGroup
from qualitygate.report.architecture_markup import (
    code,
    count,
    diagram,
    folded,
    items,
    long_table,
    series,
    table,
    text,
)
from qualitygate.report.architecture_subject import (
    DIALECTS,
    ROWS,
    Subject,
    often,
    sentence,
    share,
)

_TOOLS = {"plain": "SQL files", "schema": "SQL of a whole schema"}


def data(subject: Subject) -> str:
    """Databases, migrations, tables by domain, what holds them together, and who uses them."""
    project, links = subject.project, subject.links
    tables = subject.tables
    if not tables:
        reached = [reach for reach in subject.facts.reaches if reach.kind == "database"]
        told = (
            f" The code connects to {series([f'{code(one.name)} ({subject.best(one.places)})' for one in reached])}."
            if reached
            else ""
        )
        return f"No table was found, in migrations or in models.{told}"
    lines = []
    for history in project.histories[:8]:
        dialect = DIALECTS.get(history.dialect, history.dialect)
        first = history.migrations[0].path if history.migrations else ""
        where = (
            f"[{code(history.directory or '.')}]({links.file(history.directory or '.')})"
            if first
            else code(history.directory)
        )
        lines.append(
            f"{_TOOLS.get(history.tool) or sentence(text(history.tool))}: {count(len(history.migrations), 'migration')} in {where}"
            + (f", read as {text(dialect)}" if dialect else "")
            + ("" if history.ordered else "; their order is a guess")
            + "."
        )
    if len(project.histories) > 8:
        number = sum(len(history.migrations) for history in project.histories[8:])
        lines.append(f"{len(project.histories) - 8:,} more histories with {count(number, 'migration')}.")
    stores = [reach for reach in subject.facts.reaches if reach.kind == "database"]
    lines += (
        [
            f"Databases are reached by or run as {series([f'{code(one.name)} ({subject.best(one.places)})' for one in stores], 6)}."
        ]
        if stores
        else []
    )
    lines += _consistency(subject, tables)
    parts = [items(lines)]
    parts.append(_table_groups(subject))
    shared = _shared(subject)
    if shared:
        parts.append(shared)
    drawn, left = groups(subject.facts.tables, 12, 26) if len(tables) > MAX_TABLES else ("", 0)
    if drawn:
        told = f"; {left:,} weaker relations are left out" if left else ""
        parts.append(f"Foreign keys from group to group, with their number where there are several{told}:")
        parts.append(diagram(drawn))
    parts += _entity_diagrams(subject, tables)
    return "\n\n".join(parts)


def _consistency(subject: Subject, tables: Sequence[Table]) -> Iterator[str]:
    keys = [key for one in tables for key in one.foreign_keys]
    targets = {key.references_table for key in keys}
    alone = [one for one in tables if not one.foreign_keys and one.full_name not in targets]
    unique = sum(index.unique for one in tables for index in one.indexes)
    checks = sum(len(one.checks) for one in tables)
    actions = Counter((key.on_delete or "no action").lower() for key in keys)
    yield (
        f"Consistency: {count(len(keys), 'foreign key')}, {count(unique, 'unique index', 'unique indexes')},"
        f" {count(checks, 'check constraint')}."
        + (
            " When a row that is referred to is deleted: "
            + ", ".join(f"{text(name)} {number:,}" for name, number in sorted(actions.items(), key=often))
            + "."
            if keys
            else ""
        )
    )
    if alone and keys:
        names = series([subject.links.named(one.full_name, one.defined_at) for one in alone], 6)
        yield f"{sentence(count(len(alone), 'table'))} without keys to or from others: {names}."
    models = sum(one.source == "models" for one in tables)
    if models:
        yield f"{sentence(share(models, len(tables), 'table'))} known from models alone: no migration was seen that makes them."


def _table_groups(subject: Subject) -> str:
    rows = [
        (
            code(group.name or "(root)"),
            f"{len(group.tables):,}",
            series([subject.links.named(one.full_name, one.defined_at) for one in group.tables], 6),
        )
        for group in subject.facts.tables
    ]
    heads = ("Group", "Tables:", "Which")
    return long_table(heads, rows, ROWS, "groups")


def _shared(subject: Subject) -> str:
    """The tables whose models most components import, besides the one that declares them."""
    facts, project = subject.facts, subject.project
    by_folder: dict[tuple[str, str], str] = {}
    for model in project.models:
        if model.name and model.table in facts.owners:
            by_folder[model.place.path.rpartition("/")[0], model.name] = model.table
    users: dict[str, dict[int, Place]] = defaultdict(dict)
    for one in project.imports:
        for name in one.names if one.when != "typing" else ():
            found = by_folder.get((one.imported.rpartition("/")[0], name))
            user = facts.component(one.importer) if found else -1
            if found and user >= 0 and user != facts.owners[found]:
                users[found].setdefault(user, one.place)
    shared = sorted(
        ((name, found) for name, found in users.items() if len(found) > 1), key=lambda one: (-len(one[1]), one[0])
    )
    if not shared:
        return ""
    rows = [
        (
            code(name),
            code(facts.components[facts.owners[name]].folder),
            f"{len(found):,}",
            series(
                [
                    subject.links.named(facts.components[user].name or "(root)", place)
                    for user, place in sorted(found.items())
                ],
                4,
            ),
        )
        for name, found in shared
    ]
    return (
        "Ownership: a table belongs to the component that declares its model. The models that most other components import:"
        "\n\n" + table(("Table", "Declared in", "Used by:", "Which"), rows[:10])
    )


def _entity_diagrams(subject: Subject, tables: Sequence[Table]) -> Iterator[str]:
    others = {one.full_name: one for one in tables}
    if len(tables) <= MAX_TABLES:
        drawn = entities(tables, others, keys=True, whole=len(tables) <= MAX_TABLES // 2)
        if drawn:
            yield diagram(drawn)
        return
    left = []
    shown = 0
    for group in subject.facts.tables:
        if shown >= 8 or len(group.tables) < 3:
            left.append(group)
            continue
        shown += 1
        for number, some in enumerate(_slices(group)):
            drawn = entities(some, others, keys=len(some) <= MAX_TABLES // 2, whole=False)
            if drawn:
                piece = f", part {number + 1}" if len(group.tables) > MAX_TABLES else ""
                yield folded(f"{group.name or '(root)'}{piece}: {count(len(some), 'table')}", diagram(drawn))
    if left:
        number = sum(len(group.tables) for group in left)
        yield f"Not drawn: {count(number, 'table')} of the smaller groups. `qgate inventory` lists all columns and indexes."


def _slices(group: TableGroup) -> list[Sequence[Table]]:
    return [group.tables[start : start + MAX_TABLES] for start in range(0, len(group.tables), MAX_TABLES)]
