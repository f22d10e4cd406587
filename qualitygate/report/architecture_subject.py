"""What the sections of the architecture report are written from, and the small questions that several of them ask."""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from qualitygate.authoring import Check
from qualitygate.model.architecture import Route
from qualitygate.model.deployment import Unit
from qualitygate.model.finding import Finding, Status
from qualitygate.model.project import Project
from qualitygate.model.schema import Table
from qualitygate.model.source import Place, Role
from qualitygate.model.verdict import Report
from qualitygate.report.architecture_facts import Architecture
from qualitygate.report.architecture_markup import Links, code, count, series, text

_APART = re.compile(
    r"(?:^|[/._-])(?:dev|devel|development|devcontainer|tests?|testing|ci|local|debug|e2e|cypress|github|worktree"
    r"|benchmarks?|playground|preview|demo|samples?)(?:[/._-]|$)",
    re.IGNORECASE,
)
_OTHER_CODE = frozenset(
    ".js .jsx .mjs .ts .tsx .vue .svelte .go .java .kt .rs .rb .php .cs .scala .ex .exs .c .cpp .h .swift .dart .lua".split()
)
_NEARLY_ALL = 0.95
_MANY = 12  # fewer routes tell nothing of what stands everywhere
_PUBLIC = frozenset(("health", "documentation", "root", "metrics", "well-known"))
FRAMEWORKS = {
    "fastapi": "FastAPI",
    "starlette": "Starlette",
    "flask": "Flask",
    "django": "Django",
    "drf": "Django REST framework",
    "ninja": "Django Ninja",
    "aiohttp": "aiohttp",
    "sanic": "Sanic",
    "tornado": "Tornado",
    "litestar": "Litestar",
    "graphql": "GraphQL",
    "connexion": "Connexion",
    "appbuilder": "Flask-AppBuilder",
}
DIALECTS = {
    "postgres": "PostgreSQL",
    "mysql": "MySQL",
    "sqlite": "SQLite",
    "tsql": "SQL Server",
    "clickhouse": "ClickHouse",
}
UNITS = {
    "image": "container image",
    "service": "compose service",
    "workload": "workload",
    "process": "process",
    "chart": "Helm chart",
}
ROWS = 20  # of a table that is not folded


@dataclass(frozen=True)
class Subject:
    """A scanned repository. ``checks`` are the installed ones by id; ``profile`` is what the configuration says of it."""

    report: Report
    facts: Architecture
    links: Links
    checks: Mapping[str, Check]
    profile: Mapping[str, str | float]

    @property
    def project(self) -> Project:
        """The linked project."""
        return self.report.project

    @property
    def api(self) -> list[Route]:
        """The routes that clients call: no pages, no health checks, no documentation."""
        return [route for route in self.project.routes if route.api and not route.exempt]

    @cached_property
    def everywhere(self) -> frozenset[str]:
        """The guards before nearly every route, health checks among them: they may note the caller, and refuse nobody."""
        routes = self.project.routes
        seen = Counter(
            name
            for route in routes
            for name in {guard.name for guard in route.guards if guard.kind == "authentication"}
        )
        public = {guard.name for route in routes if route.exempt in _PUBLIC for guard in route.guards}
        return frozenset(
            name for name, number in seen.items() if name in public and number >= max(_MANY, _NEARLY_ALL * len(routes))
        )

    def declared(self, route: Route) -> bool:
        """Whether something that says who is calling is declared before the handler, other than what stands everywhere."""
        return any(guard.kind == "authentication" and guard.name not in self.everywhere for guard in route.guards)

    @property
    def tables(self) -> list[Table]:
        """The tables of the schema, views left out."""
        return [one for one in self.project.tables if one.kind in ("table", "partitioned")]

    def by_part(self, routes: Sequence[Route]) -> dict[str, list[Route]]:
        """The routes by the part that has their handlers, the largest first."""
        found: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            found[self.facts.part(route.place.path)].append(route)
        return dict(sorted(found.items(), key=lambda one: (-len(one[1]), one[0])))

    @property
    def open(self) -> list[Route]:
        """Those of them before and in which nothing was seen that asks who is calling, or that asks anything by its name."""
        return [
            route
            for route in self.api
            if not self.declared(route) and not any(guard.kind in ("identity", "check") for guard in route.guards)
        ]

    @property
    def other_code(self) -> Counter[str]:
        """How many files of other languages there are, by suffix: they are not read."""
        return Counter(
            suffix
            for file in self.project.files
            if file.role is Role.APPLICATION and (suffix := posixpath.splitext(file.path)[1]) in _OTHER_CODE
        )

    @property
    def units(self) -> list[tuple[Unit, Place]]:
        """What is built and run, but for what only developers run."""
        return [(unit, place) for unit, place in self._units() if not is_apart(place.path)]

    @property
    def apart(self) -> list[tuple[Unit, Place]]:
        """What only developers and tests run, by the names of the files that say so."""
        return [(unit, place) for unit, place in self._units() if is_apart(place.path)]

    def _units(self) -> Iterable[tuple[Unit, Place]]:
        return ((unit, Place(file.path, unit.span)) for file in self.project.files for unit in file.units)

    def findings(self) -> list[Finding]:
        """The findings that count, the worst first."""
        return [finding for finding in self.report.findings if finding.status is Status.ACTIVE]

    def of_gates(self, *gates: str) -> list[Finding]:
        """The findings that count, of the checks that speak to one of these rows of the gate."""
        wanted = {check.id for check in self.checks.values() if set(gates) & set(check.gates)}
        return [finding for finding in self.findings() if finding.check in wanted]

    def about(self, words: str) -> list[Finding]:
        """The findings that count, of the checks whose rule speaks of something."""
        wanted = {check.id for check in self.checks.values() if words in check.do.lower()}
        return [finding for finding in self.findings() if finding.check in wanted]

    def best(self, places: Sequence[Place]) -> str:
        """A link to the first place that is not for developers alone, else to the first."""
        return self.links.to(next((place for place in places if not is_apart(place.path)), places[0]))

    def told(self, findings: Sequence[Finding]) -> str:
        """Findings by check, the most frequent first: `` `missing-timeout` 12, `unbounded-retry` 1 ``."""
        numbers: dict[str, int] = {}
        for finding in findings:
            numbers[finding.check] = numbers.get(finding.check, 0) + 1
        ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
        return series([f"{code(check)} {number:,}" for check, number in ordered], 8)


def is_apart(path: str) -> bool:
    """Whether the name of a file or of its folders says that it is for developers, tests or demonstrations."""
    return _APART.search(path) is not None


def share(some: int, whole: int, one: str, many: str = "") -> str:
    """`3 of 8 calls`, `all 8 calls`, `none of the 8 calls`, `1 of 1 call`."""
    if whole > 1 and some in (0, whole):
        return f"{'all' if some else 'none of the'} {count(whole, one, many)}"
    return f"{some:,} of {count(whole, one, many)}"


def sentence(words: str) -> str:
    """``words`` with a capital at their beginning."""
    return words[:1].upper() + words[1:]


def frameworks(routes: Sequence[Route]) -> str:
    """The frameworks of routes, the most used first."""
    numbers = Counter(route.framework for route in routes)
    return ", ".join(text(FRAMEWORKS.get(name, name)) for name, _ in sorted(numbers.items(), key=often))


def often(item: tuple[str, int]) -> tuple[int, str]:
    """The order of names by their numbers, the largest first."""
    return -item[1], item[0]


def of(some: int, whole: int) -> str:
    """`all` or `3 of 8`; nothing of nothing."""
    return "" if not whole else "all" if some == whole else f"{some:,} of {whole:,}"
