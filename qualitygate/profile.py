"""In: a linked project. Out: what its profile seems to be, each variable with the reason in this code.

A proposal for people to confirm: the verdict rests on what the configuration says, never on this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from posixpath import basename

from qualitygate.model.deployment import Unit
from qualitygate.model.project import Project
from qualitygate.model.source import Place, Role
from qualitygate.report.architecture_facts import summarise

_LANGUAGES: Mapping[str, str] = {
    ".py": "python",
    ".go": "go",
    ".java": "java",
    ".kt": "kotlin",
    ".rs": "rust",
    ".cs": "csharp",
    ".rb": "ruby",
    ".php": "php",
    ".js": "javascript",
    ".ts": "typescript",
}
# By database: the drivers that speak to it alone, and the words that the images of a container and the addresses have.
_DATABASES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "postgresql": (
        frozenset(("asyncpg", "psycopg", "psycopg2", "psycopg_pool", "aiopg", "pg8000")),
        frozenset(("postgres", "postgresql", "postgis", "timescaledb", "pgvector")),
    ),
    "mysql": (
        frozenset(("pymysql", "MySQLdb", "aiomysql", "asyncmy", "mysql")),
        frozenset(("mysql", "mariadb", "percona")),
    ),
    "mongodb": (frozenset(("pymongo", "motor", "beanie", "mongoengine")), frozenset(("mongo", "mongodb"))),
    "cassandra": (frozenset(("cassandra",)), frozenset(("cassandra", "scylla"))),
    "neo4j": (frozenset(("neo4j", "neomodel")), frozenset(("neo4j",))),
    "sqlite": (frozenset(("sqlite3", "aiosqlite")), frozenset(("sqlite", "sqlite3"))),
}
_APPROACHES: Mapping[str, str] = {
    "postgresql": "relational",
    "mysql": "relational",
    "sqlite": "relational",
    "mongodb": "document",
    "cassandra": "wide-column",
    "neo4j": "graph",
}
_DIALECTS: Mapping[str, str] = {"postgres": "postgresql", "mysql": "mysql", "sqlite": "sqlite"}
_CACHES = ("redis", "memcached", "valkey", "dynomite")
_SERVERLESS = frozenset(("serverless.yml", "serverless.yaml", "samconfig.toml"))


@dataclass(frozen=True)
class Trait:
    """One variable of the profile, the value that it seems to have, and why, in one clause with a place."""

    variable: str
    value: str
    why: str


def detect(project: Project) -> tuple[Trait, ...]:
    """What the code shows of the profile, in the order in which the configuration has it.

    A variable that the code cannot tell (the cut into services, how it is scaled, what is expected of it) is left out.
    """
    traits = (
        *_interface(project),
        *_database(project),
        *_deployment(project),
        *_language(project),
        *_framework(project),
        *_cache(project),
    )
    order = ("api_style", "database_approach", "deployment_model", "primary_language", "web_framework")
    rank = {name: number for number, name in enumerate(order)}
    return tuple(sorted(traits, key=lambda trait: rank.get(trait.variable, len(rank))))


def _interface(project: Project) -> Iterable[Trait]:
    graph = [route for route in project.routes if route.framework == "graphql"]
    rest = [route for route in project.routes if route.api and not route.exempt and route.framework != "graphql"]
    operations = project.operations
    if graph and rest:
        yield Trait("api_style", "mixed", f"{_count(len(rest), 'route')}, and GraphQL at {_at(graph[0].shown)}")
    elif graph:
        yield Trait("api_style", "graphql", f"GraphQL at {_at(graph[0].shown)}")
    elif rest:
        yield Trait("api_style", "rest", f"{_count(len(rest), 'route')}, the first at {_at(rest[0].shown)}")
    elif operations:
        yield Trait(
            "api_style", "rest", f"the contract {project.contracts[0].path}, {_count(len(operations), 'operation')}"
        )


def _database(project: Project) -> Iterable[Trait]:
    votes = _votes(project)
    names = [name for name in votes if name != "sqlite"] or list(votes)
    kinds = {_APPROACHES[name] for name in names}
    if len(kinds) > 1:
        yield Trait("database_approach", "polyglot", "; ".join(votes[name][0] for name in names))
    elif kinds:
        yield Trait("database_approach", kinds.pop(), votes[names[0]][0])
    elif project.models:
        yield Trait("database_approach", "relational", f"models, the first at {_at(project.models[0].place)}")
    # Two databases of one kind: which is the one that it owns is not for us to say. SQLite is what a service runs on until
    # it is told of another one.
    if len(names) == 1 and names != ["sqlite"]:
        yield Trait("database_primary", names[0], "; ".join(votes[names[0]][:2]))


def _votes(project: Project) -> dict[str, list[str]]:
    """The reasons that speak for each database, the strongest first."""
    found: dict[str, list[str]] = {}
    for path, unit in _units(project):
        words = frozenset(basename(unit.image.partition("@")[0]).partition(":")[0].replace("_", "-").split("-"))
        for name, (_, images) in _DATABASES.items():
            if images & words and unit.kind in ("service", "workload"):
                found.setdefault(name, []).append(f"the {unit.kind} {unit.name} at {path}:{unit.span.line}")
    for history in project.histories:
        if name := _DIALECTS.get(history.dialect, ""):
            found.setdefault(name, []).append(f"the migrations of {history.directory or 'the root'}")
    for library in project.once(summarise).libraries:
        for name, (drivers, _) in _DATABASES.items():
            if library.name in drivers:
                found.setdefault(name, []).append(f"the driver {library.name} at {_at(library.place)}")
    return found


def _deployment(project: Project) -> Iterable[Trait]:
    units = _units(project)
    by_kind = {unit.kind: (path, unit) for path, unit in reversed(units)}
    for kinds, value in ((("workload", "chart"), "kubernetes"), (("image", "service"), "containers")):
        for kind in kinds:
            if kind in by_kind:
                path, unit = by_kind[kind]
                yield Trait("deployment_model", value, f"the {kind} {unit.name} at {path}:{unit.span.line}")
                return
    for file in project.files:
        if basename(file.path) in _SERVERLESS:
            yield Trait("deployment_model", "serverless", file.path)
            return
        if basename(file.path) == "Procfile":
            yield Trait("deployment_model", "paas", file.path)
            return


def _language(project: Project) -> Iterable[Trait]:
    counts: Counter[str] = Counter()
    for file in project.files:
        dot = file.path.rfind(".")
        if file.role in (Role.APPLICATION, Role.MIGRATION) and (name := _LANGUAGES.get(file.path[dot:])):
            counts[name] += 1
    if counts:
        name, count = counts.most_common(1)[0]
        yield Trait("primary_language", name, f"{count} of {counts.total()} source files")


def _framework(project: Project) -> Iterable[Trait]:
    counts = Counter(route.framework for route in project.routes)
    if counts:
        name, count = counts.most_common(1)[0]
        first = next(route for route in project.routes if route.framework == name)
        yield Trait("web_framework", name, f"{_count(count, 'route')}, the first at {_at(first.shown)}")


def _cache(project: Project) -> Iterable[Trait]:
    stores = [(cache.backend or cache.library, cache.place) for cache in project.caches]
    stores += [(one.constructor, one.place) for one in project.connections if one.kind == "cache"]
    for name in _CACHES:
        for words, place in stores:
            if name in words.lower():
                yield Trait("caching_solution", name, _at(place))
                return


def _units(project: Project) -> list[tuple[str, Unit]]:
    return [(file.path, unit) for file in project.files if file.role is not Role.TEST for unit in file.units]


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _at(place: Place) -> str:
    return f"{place.path}:{place.span.line}"
