"""In: a linked project. Out: what its architecture is made of, summed up: parts, components, routes by prefix, reaches, tables.

Every report that tells or draws the architecture takes it from here. Nothing is judged, and the order of everything is
fixed by the project alone.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname

from qualitygate.model.architecture import Route
from qualitygate.model.facts import FileFacts
from qualitygate.model.project import Project
from qualitygate.model.schema import Table
from qualitygate.model.source import Language, Place, Role, Span
from qualitygate.model.syntax import Import, walk
from qualitygate.vocabulary import is_plural, path_version

# A folder with one of these is built, installed or deployed by itself.
_MANIFESTS = frozenset(("pyproject.toml", "setup.cfg", "Pipfile", "requirements.txt"))
_SETUP = frozenset(("setuptools", "distutils", "skbuild"))
# A folder that holds this share of the code above it is only the way to it.
_MOST = 0.85
_AUTH = frozenset(("authentication", "identity"))


@dataclass(frozen=True)
class Component:
    """A folder of code that stands beside others: a package, an application of Django, a layer.

    ``folder`` is its path; ``name`` is that without the way that it shares with its neighbours. ``part`` is the folder
    of the part that it belongs to. ``alone`` tells that only the files of the folder itself are meant, not its folders.
    """

    folder: str
    name: str
    part: str
    files: int
    lines: int
    place: Place
    routes: int = 0
    tables: int = 0
    tasks: int = 0
    alone: bool = False


@dataclass(frozen=True)
class Part:
    """A folder with a manifest of its own (``place``), and the components of its code, the largest first."""

    folder: str
    place: Place | None
    components: tuple[Component, ...]

    @property
    def lines(self) -> int:
        """Lines of code."""
        return sum(component.lines for component in self.components)


@dataclass(frozen=True)
class Dependency:
    """One component that imports from another (both by number), in so many statements, the first of them at ``place``."""

    source: int
    target: int
    count: int
    place: Place


@dataclass(frozen=True)
class RouteGroup:
    """The routes below a prefix, in the order of the project. ``rest`` tells that longer prefixes have groups of their own."""

    prefix: str
    routes: tuple[Route, ...]
    rest: bool = False

    @property
    def guarded(self) -> int:
        """How many of them ask who is calling."""
        return sum(is_guarded(route) for route in self.routes)


@dataclass(frozen=True)
class Reach:
    """Something outside of the code that it talks to.

    ``kind`` is that of a connection (`database`, `cache`, `http`, `broker`, `search`, `storage`, `mail`) or `host` for
    one that is called over HTTP; ``name`` is the library, the image of the server or the engine that the settings name, or
    the host. ``routes`` counts the operations that get there by making the connection.
    """

    kind: str
    name: str
    places: tuple[Place, ...]
    routes: int = 0


@dataclass(frozen=True)
class TableGroup:
    """Tables that belong together: declared in the same component, or under the same first word."""

    name: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Library:
    """A library of others that the code imports: in how many files, and where first."""

    name: str
    files: int
    place: Place


@dataclass(frozen=True)
class Architecture:
    """What :func:`summarise` finds. ``owners`` gives the number of the component of each table, by its full name."""

    parts: tuple[Part, ...]
    components: tuple[Component, ...]
    dependencies: tuple[Dependency, ...]
    reaches: tuple[Reach, ...]
    tables: tuple[TableGroup, ...]
    owners: dict[str, int]
    libraries: tuple[Library, ...]

    def component(self, path: str) -> int:
        """The number of the component that a file belongs to; -1 for none."""
        return _component_of(path, self.components)

    def part(self, path: str) -> str:
        """The folder of the part that a file belongs to; empty for the root."""
        number = self.component(path)
        return self.components[number].part if number >= 0 else ""


def summarise(project: Project) -> Architecture:
    """The architecture of a project. Ask for it through ``project.once(summarise)``."""
    code = [file for file in project.files if _is_code(file)]
    parts = _parts(project, code)
    components = tuple(component for part in parts for component in part.components)
    owners = {
        table: owner for table, path in _declared(project).items() if (owner := _component_of(path, components)) >= 0
    }
    return Architecture(
        parts=parts,
        components=components,
        dependencies=_dependencies(project, components),
        reaches=_reaches(project),
        tables=_table_groups(project, components, owners),
        owners=owners,
        libraries=_libraries(project, code),
    )


def is_guarded(route: Route) -> bool:
    """Whether something before the handler, or in it, asks who is calling."""
    return any(guard.kind in _AUTH for guard in route.guards)


def by_prefix(routes: Sequence[Route], most: int, whole: int = 12) -> tuple[RouteGroup, ...]:
    """The routes in at most ``most`` groups (at least one) by the beginning of their paths, sorted by it.

    The largest group is divided by the next segment for as long as there is room; where there is not enough for all
    that is below it, the small ones stay together under the prefix that they share. A group of fewer than ``whole`` is
    not divided, nor one of which most have a parameter next; but a parameter at the beginning that leads to many things
    (the tenant of `/api/{tenant}/orders`) is part of the prefix.
    """
    groups: dict[tuple[str, ...], list[Route]] = {(): list(routes)} if routes else {}
    done: set[tuple[str, ...]] = set()
    while divisible := [prefix for prefix in groups if prefix not in done]:
        prefix = min(divisible, key=lambda one: (-len(groups[one]), one))
        if prefix and len(groups[prefix]) < whole:
            break
        done.add(prefix)
        below = _below(prefix, groups[prefix])
        own = below.pop(prefix, [])
        largest = sorted(below, key=lambda one: (-len(below[one]), one))
        if not largest or (prefix and 2 * len(own) > len(groups[prefix]) >= whole > 2):
            continue
        room = most - len(groups) + 1
        if len(largest) + bool(own) > room:
            # one group is kept for what has none of its own
            own += [route for one in largest[max(0, room - 1) :] for route in below[one]]
            del largest[max(0, room - 1) :]
            if 2 * len(own) > len(groups[prefix]):
                break  # most of it would be told together anyway; and to divide smaller ones alone would tell nothing
        del groups[prefix]
        groups.update({one: below[one] for one in largest})
        if own:
            groups[prefix] = own
    order = {id(route): number for number, route in enumerate(routes)}
    found = []
    for prefix, some in groups.items():
        rest = any(other != prefix and other[: len(prefix)] == prefix for other in groups)
        shown = prefix if rest else (*prefix, *_shared([_segments(route.path)[len(prefix) :] for route in some]))
        some.sort(key=lambda route: order[id(route)])
        found.append(RouteGroup("/" + "/".join(shown), tuple(some), rest))
    return tuple(sorted(found, key=lambda group: group.prefix))


def _below(prefix: tuple[str, ...], routes: Sequence[Route]) -> dict[tuple[str, ...], list[Route]]:
    """The routes of a group by the next segment; those that end, or that have a parameter there, under the prefix itself."""
    depth = len(prefix)
    below: dict[tuple[str, ...], list[Route]] = defaultdict(list)
    parameters: dict[str, set[str]] = defaultdict(set)
    for route in routes:
        segments = _segments(route.path)
        if len(segments) > depth + 1 and "{" in segments[depth] and "{" not in segments[depth + 1]:
            parameters[segments[depth]].add(segments[depth + 1])
    general = all(segment in ("api", "rest") or path_version(segment) for segment in prefix)
    leading = {name for name, things in parameters.items() if general and len(things) >= _MANY}
    for route in routes:
        segments = _segments(route.path)
        here = segments[depth] if len(segments) > depth else ""
        below[(*prefix, here) if here and ("{" not in here or here in leading) else prefix].append(route)
    return below


# A parameter that leads to so many things is no identifier of one of them.
_MANY = 8


def _shared(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The segments that all paths begin with, up to the first parameter."""
    shared = 0
    for same in zip(*paths, strict=False):
        if len(set(same)) > 1 or "{" in same[0]:
            break
        shared += 1
    return paths[0][:shared]


def _segments(path: str) -> tuple[str, ...]:
    return tuple(segment for segment in path.split("/") if segment)


def _is_code(file: FileFacts) -> bool:
    return file.language is Language.PYTHON and file.role is Role.APPLICATION and file.module is not None


def _parts(project: Project, code: Sequence[FileFacts]) -> tuple[Part, ...]:
    """The folders with a manifest that hold code; code above all of them belongs to the root."""
    manifests: dict[str, str] = {}
    for file in project.files:
        if file.role is not Role.VENDORED and _is_manifest(file):
            manifests.setdefault(dirname(file.path), file.path)
    inside: dict[str, list[FileFacts]] = defaultdict(list)
    for file in code:
        folder = dirname(file.path)
        while folder and folder not in manifests:
            folder = dirname(folder)
        inside[folder].append(file)
    parts = []
    for folder, files in inside.items():
        manifest = manifests.get(folder)
        place = Place(manifest, Span(1, 1, 1, 1)) if manifest else None
        parts.append(Part(folder, place, _components(project, folder, files)))
    return tuple(sorted(parts, key=lambda part: (-part.lines, part.folder)))


def _is_manifest(file: FileFacts) -> bool:
    name = basename(file.path)
    if name != "setup.py":
        return name in _MANIFESTS
    # the step of a program that sets something up may be called so too
    return file.module is not None and any(
        statement.module.partition(".")[0] in _SETUP
        for statement in walk(file.module.body)
        if isinstance(statement, Import)
    )


def _components(project: Project, part: str, files: Sequence[FileFacts]) -> tuple[Component, ...]:
    base = part
    while True:
        groups = _children(base, files)
        total = sum(file.lines for group in groups.values() for file in group)
        largest = max(groups, key=lambda folder: (sum(file.lines for file in groups[folder]), folder))
        if largest == base or sum(file.lines for file in groups[largest]) < _MOST * total or not total:
            break
        base = largest
    # What lies beside the way that was taken is told too, folder by folder.
    found = dict(groups)
    taken = {file.path for group in groups.values() for file in group}
    for file in files:
        if file.path not in taken:
            found.setdefault(_beside(file.path, part, base), []).append(file)
    declared = Counter(_declared(project).values())
    result = []
    for folder, group in found.items():
        paths = {file.path for file in group}
        first = min(group, key=lambda file: (basename(file.path) != "__init__.py", file.path))
        alone = folder == base or folder in (part, "")
        result.append(
            Component(
                folder=folder,
                name=folder[len(base) + 1 :] if base and folder.startswith(f"{base}/") else folder,
                part=part,
                files=len(group),
                lines=sum(file.lines for file in group),
                place=Place(first.path, Span(1, 1, 1, 1)),
                routes=sum(route.place.path in paths for route in project.routes),
                tables=sum(count for path, count in declared.items() if _within(path, folder, alone)),
                tasks=sum(task.place.path in paths for task in project.tasks),
                alone=alone,
            )
        )
    return tuple(sorted(result, key=lambda component: (-component.lines, component.folder)))


def _children(base: str, files: Iterable[FileFacts]) -> dict[str, list[FileFacts]]:
    """The files below ``base`` by the folder right below it that holds them; its own by its name."""
    groups: dict[str, list[FileFacts]] = defaultdict(list)
    start = f"{base}/" if base else ""
    for file in files:
        if file.path.startswith(start):
            child, slash, _ = file.path[len(start) :].partition("/")
            groups[start + child if slash else base].append(file)
    return groups


def _beside(path: str, part: str, base: str) -> str:
    """The folder that a file outside of ``base`` belongs to: the first one that does not lead to ``base``."""
    folder = part
    while f"{base}/".startswith(f"{folder}/" if folder else ""):
        start = f"{folder}/" if folder else ""
        child, slash, _ = path[len(start) :].partition("/")
        if not slash:
            return folder
        folder = start + child
    return folder


def _within(path: str, folder: str, alone: bool) -> bool:
    return dirname(path) == folder if alone else path.startswith(f"{folder}/") or not folder


def _component_of(path: str, components: Sequence[Component]) -> int:
    best, length = -1, -1
    for number, component in enumerate(components):
        if _within(path, component.folder, component.alone) and len(component.folder) > length:
            best, length = number, len(component.folder)
    return best


def _declared(project: Project) -> dict[str, str]:
    """The file that declares each table: that of its model, else that of the migration that makes it."""
    declared = {table.full_name: table.defined_at.path for table in project.tables}
    for model in project.models:
        if model.table in declared:
            declared[model.table] = model.place.path
    return declared


def _dependencies(project: Project, components: Sequence[Component]) -> tuple[Dependency, ...]:
    number = {path: _component_of(path, components) for path in {one.importer for one in project.imports}}
    number |= {path: _component_of(path, components) for path in {one.imported for one in project.imports}}
    found: dict[tuple[int, int], list[Place]] = defaultdict(list)
    for one in project.imports:
        source, target = number[one.importer], number[one.imported]
        if one.when != "typing" and source != target and min(source, target) >= 0:
            found[source, target].append(one.place)
    return tuple(
        Dependency(source, target, len(places), min(places, key=_order))
        for (source, target), places in sorted(found.items())
    )


def _reaches(project: Project) -> tuple[Reach, ...]:
    places: dict[tuple[str, str], list[Place]] = defaultdict(list)
    routes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for connection in project.connections:
        key = (connection.kind, connection.constructor.partition(".")[0])
        places[key].append(connection.place)
        routes[key].update(connection.routes)
    for outbound in project.outbound:
        if outbound.host:
            places["host", outbound.host].append(outbound.place)
    for cache in project.caches:
        name = _backend_name(cache.backend)
        if cache.kind == "store" and name.replace("{}", "") and name not in _INSIDE:
            places["cache", name].append(cache.place)
    for file in project.files:
        for unit in file.units:
            image = image_name(unit.image)
            if image in STORES:
                places[STORES[image], image].append(Place(file.path, unit.span))
    for settings in project.settings:
        databases = settings.values.get("DATABASES")
        for entry in databases.items if databases is not None and databases.kind == "mapping" else ():
            engine = entry.entry("ENGINE")
            if engine is not None and isinstance(engine.value, str) and (place := engine.place or entry.place):
                places["database", engine.value.rpartition(".")[2]].append(place)
    return tuple(
        Reach(kind, name, tuple(sorted(found, key=_order)), len(routes[kind, name]))
        for (kind, name), found in sorted(places.items())
    )


def image_name(image: str) -> str:
    """The bare name of a container image: `postgres` of `docker.io/library/postgres:16-alpine`."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0].lower()


def _backend_name(backend: str) -> str:
    """The library of a cache's backend, or the word by which Django calls it: `django_redis`, `locmem`."""
    parts = backend.split(".")
    return parts[-2] if parts[0] == "django" and len(parts) > 1 else parts[0]


# Backends that keep their entries in the process or on its disk: nothing else is reached.
_INSIDE = frozenset("locmem dummy simple SimpleCache null NullCache filebased filesystem FileSystemCache".split())
# What the images of well-known servers keep or carry; the names are those of the registries.
STORES = {
    **dict.fromkeys(
        """postgres postgresql pgautoupgrade postgis pgvector timescaledb timescaledb-ha mysql mariadb percona mongo mongodb mssql-server
        cockroach clickhouse clickhouse-server cassandra scylla neo4j influxdb couchdb""".split(),
        "database",
    ),
    **dict.fromkeys("redis redis-stack redis-stack-server valkey memcached keydb dragonfly".split(), "cache"),
    **dict.fromkeys("rabbitmq kafka cp-kafka redpanda nats activemq pulsar mosquitto".split(), "broker"),
    **dict.fromkeys("elasticsearch opensearch meilisearch typesense solr qdrant weaviate".split(), "search"),
    **dict.fromkeys("minio localstack azurite fake-gcs-server seaweedfs".split(), "storage"),
    **dict.fromkeys("mailhog mailpit maildev mailcatcher inbucket".split(), "mail"),
}


def _table_groups(project: Project, components: Sequence[Component], owners: dict[str, int]) -> tuple[TableGroup, ...]:
    """Tables by the component that declares them; where that tells too little, by what their names begin with."""
    tables = [table for table in project.tables if table.kind in ("table", "partitioned")]
    groups: dict[str, list[Table]] = defaultdict(list)
    for table in tables:
        owner = owners.get(table.full_name, -1)
        groups[components[owner].name or components[owner].folder if owner >= 0 else table.history].append(table)
    if tables and max(map(len, groups.values())) > max(_LARGE, len(tables) * 0.6):
        groups = _by_word(tables)
    return tuple(
        TableGroup(name, tuple(group))
        for name, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    )


# More tables than this in one drawing are hard to read.
_LARGE = 25


def _by_word(tables: Sequence[Table]) -> dict[str, list[Table]]:
    """Tables by the first word of their names; one that is alone joins the group that its keys lead to."""
    words: dict[str, list[Table]] = defaultdict(list)
    for table in tables:
        words[_stem(table.name)].append(table)
    groups: dict[str, list[Table]] = {word: list(found) for word, found in words.items() if len(found) > 1}
    home = {table.full_name: word for word, found in groups.items() for table in found}
    for table in (found[0] for found in words.values() if len(found) == 1):
        near = Counter(home[key.references_table] for key in table.foreign_keys if key.references_table in home)
        best = min(near, key=lambda one: (-near[one], len(groups[one]), one)) if near else "others"
        groups.setdefault(best, []).append(table)
    return groups


def _stem(name: str) -> str:
    """The first word of a name, without the ending of a plural."""
    word = name.lower().partition("_")[0]
    return word[:-3] + "y" if word.endswith("ies") else word[:-1] if is_plural(word) and word.endswith("s") else word


def _libraries(project: Project, code: Sequence[FileFacts]) -> tuple[Library, ...]:
    """What the code imports that is neither its own nor Python's, the most used first."""
    inside = {(one.importer, one.place.span) for one in project.imports}
    statements = [
        (file.path, statement, statement.module.partition(".")[0])
        for file in code
        for statement in walk(file.module.body if file.module is not None else ())
        if isinstance(statement, Import) and not statement.level
    ]
    own = {name for path, statement, name in statements if (path, statement.span) in inside}
    found: dict[str, dict[str, Place]] = defaultdict(dict)
    for path, statement, name in statements:
        if name not in own and name not in sys.stdlib_module_names:
            found[name].setdefault(path, Place(path, statement.span))
    return tuple(
        Library(name, len(places), next(iter(places.values())))
        for name, places in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    )


def _order(place: Place) -> tuple[str, Span]:
    return place.path, place.span
