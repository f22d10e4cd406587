"""In: a linked project. Out: what it reaches outside of its code, each system once: databases, caches, queues, hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from qualitygate.model.project import Project
from qualitygate.model.source import Place
from qualitygate.report.html.markup import plural

_UNNAMED = "hosts without a name here"


@dataclass
class System:
    """One thing that the code reaches: its places, and what is said of it."""

    kind: str
    name: str
    detail: str
    places: list[Place] = field(default_factory=list)
    routes: set[str] = field(default_factory=set)
    tables: list[str] = field(default_factory=list)
    dialect: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind} {self.name}"


# In the order in which they are told: the kinds of what is reached, and the word for one.
KINDS = {
    "database": "database",
    "cache": "cache",
    "search": "search",
    "storage": "storage",
    "broker": "broker",
    "task": "tasks",
    "queue": "queues and topics",
    "mail": "mail",
    "host": "host",
    "http": "HTTP",
}


def reached_by(project: Project) -> list[System]:
    """What is reached, by kind: the database with its tables first, named hosts after all else but those without a name."""
    systems: dict[tuple[str, str], System] = {}

    def system(kind: str, name: str) -> System:
        return systems.setdefault((kind, name), System(kind, name, ""))

    dialects = Counter(table.dialect for table in project.tables)
    for table in project.tables:
        # tables without a known dialect belong to the one that there is
        dialect = table.dialect or next((one for one, _ in dialects.most_common() if one), "")
        one = system("database", dialect if len(dialects.keys() - {""}) > 1 else "database")
        one.dialect = dialect if one.name == "database" else ""
        one.tables.append(table.full_name)
    made = [connection for connection in project.connections if connection.kind == "database"]
    home = next((one for (kind, _), one in systems.items() if kind == "database"), None)
    for connection in project.connections:
        library = connection.constructor.partition(".")[0]
        if connection.kind == "http":
            one = system("http", _UNNAMED)
        elif connection.kind == "database" and home is not None:
            one = home
        else:
            one = system(connection.kind, library)
        one.places.append(connection.place)
        one.routes.update(connection.routes)
    for outbound in project.outbound:
        kind, name = ("host", outbound.host) if outbound.host else ("http", _UNNAMED)
        system(kind, name).places.append(outbound.place)
    for cache in project.caches:
        one = system("cache", cache.library)
        one.places.append(cache.place)
        one.routes.update(cache.routes)
    for task in project.tasks:
        one = system("task", task.library)
        one.places.append(task.place)
        one.routes.update(task.routes)
    for channel in project.channels:
        one = system("queue", channel.library)
        one.places.append(channel.place)
        one.routes.update(channel.routes)
    libraries = sorted({connection.constructor.partition(".")[0] for connection in made})
    order = list(KINDS)
    for one in systems.values():
        one.detail = _detail(one, libraries)
    return sorted(
        systems.values(),
        key=lambda one: (
            order.index(one.kind) if one.kind in order else len(order),
            -len(one.tables),
            -len(one.places),
            one.name,
        ),
    )


def _detail(system: System, libraries: Sequence[str]) -> str:
    count = len(system.places)
    if system.kind == "database":
        told = [plural(len(system.tables), "table") if system.tables else "", system.dialect, ", ".join(libraries)]
        return ", ".join(filter(None, told)) or "database"
    if system.kind == "task":
        return plural(count, "task")
    words = {"queue": "sends or reads messages", "host": "over HTTP", "http": "over HTTP"}
    return f"{words.get(system.kind, KINDS.get(system.kind, system.kind))}, {plural(count, 'place')}"
