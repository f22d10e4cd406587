"""In: the contracts of a repository and the routes of its code. Out: which route serves which operation.

Paths are compared without the names of their parameters, slashes at the end, converters and patterns. The code may
stand behind a proxy that strips the prefix of the contract's server, or be mounted under one that the contract does not
name: of all ways to lay the paths of a contract over those of the code, the one that covers most of them holds.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import PurePosixPath

from qualitygate.model import syntax as ir
from qualitygate.model.agreement import Agreement, Difference, Pair
from qualitygate.model.architecture import Route
from qualitygate.model.contract import Contract, Operation
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Role

Pattern = tuple[str, ...]

# Answered by the framework itself, or by none.
_UNCOMPARED = frozenset(("HEAD", "OPTIONS", "TRACE", "CONNECT"))
# A contract belongs to the code when the code serves this share of its paths, or it has this share of the code's.
_SERVED = 0.3
_COVERED = 0.5
# Libraries that make the routes from the contract.
_DRIVERS = frozenset(("connexion", "pyramid_openapi3", "rororo"))
_PARAMETER = re.compile(r"\{[^{}]*\}|<[^<>]*>")
# A query or a fragment, by which contracts set apart what has one path.
_END = re.compile(r"#|\?(?!\})")
_REGEX = re.compile(r"[*+()\[\]|\\?^$]|\.\*")
_HOLE = "{}"
_UNKNOWN = "{?}"
# A prefix has no more segments than this.
_LEADING = 3
# Two spellings of one word are at least so alike (`role` and `roles`, `organisation` and `organization`).
_ALIKE = 0.8
_CROWD = 20


def link_agreements(
    contracts: Sequence[Contract], routes: Sequence[Route], files: Sequence[FileFacts], *, sure: bool
) -> tuple[Agreement, ...]:
    """One agreement for each contract, in their order; none where the code has no route.

    ``sure`` says whether all routes of the code were found.
    """
    if not contracts:
        return ()
    driven = [PurePosixPath(file.path).parent for file in files if _drives(file)]
    served = [_Route(route) for route in routes if route.method not in _UNCOMPARED and route.framework != "graphql"]
    if not served and not driven:
        return ()
    layouts = [_layout(contract, served) for contract in contracts]
    documented = {id(route.route) for layout in layouts if layout is not None for route in layout.matched}
    found = []
    for contract, layout in zip(contracts, layouts, strict=True):
        if layout is not None:
            found.append(layout.agreement(documented, sure))
        elif any(_near(contract, directory) for directory in driven):
            found.append(Agreement(contract, "driven"))
        elif any(not operation.exempt for operation in contract.operations):
            found.append(Agreement(contract, "foreign"))
    return tuple(found)


def _drives(file: FileFacts) -> bool:
    """Whether a program hands contracts to a library that makes the routes from them."""
    return (
        file.language is Language.PYTHON
        and file.role is Role.APPLICATION
        and file.module is not None
        and any(
            isinstance(statement, ir.Import) and statement.module.partition(".")[0] in _DRIVERS
            for statement in ir.walk(file.module.body)
        )
    )


def _near(contract: Contract, directory: PurePosixPath) -> bool:
    """Whether a contract lies in the same part of the repository as a program: below it, beside it, or above it."""
    home = PurePosixPath(contract.path).parent
    top = directory.parts[:1]
    return home.parts[:1] == top or not home.parts or not top


def pattern(path: str) -> Pattern:
    """The segments of a path, every parameter as ``{}``: `/users/{id}/` is ("users", "{}")."""
    segments = []
    for segment in _END.split(path, maxsplit=1)[0].split("/"):
        if segment:
            bare = _PARAMETER.sub(lambda part: part[0] if part[0] == _UNKNOWN else _HOLE, segment)
            segments.append(_HOLE if _REGEX.search(bare.replace(_UNKNOWN, "")) else bare)
    return tuple(segments)


class _Route:
    """A route with the form of its path."""

    def __init__(self, route: Route, form: Pattern | None = None) -> None:
        self.route = route
        self.pattern = pattern(route.path) if form is None else form
        self.judged = route.api and not route.exempt

    @property
    def open(self) -> bool:
        """Whether a part may stand for several segments: one that is not known, or a pattern that is glued to a word."""
        return any((_HOLE in part and part != _HOLE) or _UNKNOWN in part for part in self.pattern)

    def within(self, words: Sequence[str]) -> _Route:
        """The route with what is not known of its prefix taken from what the paths of a contract begin with.

        `v{?}` is the `v0` of the contract; a prefix of which nothing is known is left out.
        """
        front = next((at for at, part in enumerate(self.pattern) if _UNKNOWN not in part), len(self.pattern))
        if not front:
            return self
        parts = []
        for part in self.pattern[:front]:
            before, _, after = part.partition(_UNKNOWN)
            known = (one for one in words if one.startswith(before) and one.endswith(after))
            if (before or after) and (word := next(known, "")):
                parts.append(word)
            elif before or after:
                return self
        return _Route(self.route, (*parts, *self.pattern[front:]))


@dataclass(frozen=True)
class _Lay:
    """How the paths of a contract are laid over those of the code: so many segments less, these in front."""

    less: int = 0
    front: Pattern = ()

    def over(self, path: Pattern) -> Pattern:
        return self.front + path[self.less :]


def _layout(contract: Contract, routes: Sequence[_Route]) -> _Layout | None:
    """The contract over the routes of the nearest directory around it that serve it; None where none do."""
    operations = [operation for operation in contract.operations if operation.method not in _UNCOMPARED]
    best: _Layout | None = None
    parents = PurePosixPath(contract.path).parents
    seen = -1
    for directory in parents:
        near = [route for route in routes if _below(route.route.shown.path, directory)]
        if len(near) == seen or not near:
            continue
        seen = len(near)
        found = _Layout(contract, operations, near)
        if found.belongs and (best is None or found.share > 1.5 * best.share):
            best = found
    return best


def _below(path: str, directory: PurePosixPath) -> bool:
    return not directory.parts or path.startswith(f"{directory}/")


class _Layout:
    """One contract laid over some routes. Lives while they are compared."""

    def __init__(self, contract: Contract, operations: Sequence[Operation], routes: Sequence[_Route]) -> None:
        self.contract = contract
        self.operations = operations
        self.paths = {operation.full_path: pattern(operation.full_path) for operation in operations}
        self.by_pattern: dict[Pattern, list[_Route]] = defaultdict(list)
        leading = Counter(part for path in self.paths.values() for part in path[:_LEADING] if _HOLE not in part)
        words = [word for word, _ in leading.most_common()]
        self.routes = [route.within(words) for route in routes]
        for route in self.routes:
            self.by_pattern[route.pattern].append(route)
        self.lay = self._best()
        self.common = self._common()

    def _best(self) -> _Lay:
        """The way of laying that covers most of the contract's paths; of equals the one that changes least."""
        telling = {self.paths[operation.full_path] for operation in self.operations if not operation.exempt}
        telling = telling or set(self.paths.values())
        suffixes: dict[Pattern, set[Pattern]] = defaultdict(set)
        for form in self.by_pattern:
            for start in range(len(form)):
                suffixes[form[start:]].add(form[:start])
        most = len(_common(telling))
        votes: Counter[_Lay] = Counter()
        for path in telling:
            for less in range(min(most, len(path) - 1) + 1 if path else 0):
                votes.update(_Lay(less, front) for front in suffixes.get(path[less:], ()))
        if not votes:
            return _Lay()
        return max(votes, key=lambda lay: (votes[lay], -lay.less - len(lay.front), lay.front))

    def _common(self) -> Pattern:
        """What the paths of the contract have in common, in the code's terms: below it lies all that it speaks of."""
        laid = {self.lay.over(path) for path in self.paths.values()}
        common = _common(laid)
        if common in laid:
            common = common[:-1]
        return common if len(common) >= len(self.lay.front) else self.lay.front

    def laid(self, operation: Operation) -> Pattern:
        return self.lay.over(self.paths[operation.full_path])

    @cached_property
    def exact(self) -> set[Pattern]:
        """Paths that contract and code write alike."""
        return {path for path in map(self.laid, self.operations) if path in self.by_pattern}

    @cached_property
    def share(self) -> float:
        """The share of the contract's paths that the code has."""
        laid = set(map(self.laid, self.operations))
        return len(self.exact) / len(laid) if laid else 0.0

    @property
    def belongs(self) -> bool:
        """Whether this code serves the contract, going by what is common to both."""
        telling = {self.laid(operation) for operation in self.operations if not operation.exempt}
        if not telling:
            return False
        both = len(self.exact & telling)
        own = {route.pattern for route in self.scope}
        much = both >= _COVERED * len(own)
        # One path in common of a few may be chance (`/meta`).
        enough = both >= 2 or 2 * both > len(telling) or much
        return bool(both) and enough and (both >= _SERVED * len(telling) or much)

    @cached_property
    def scope(self) -> list[_Route]:
        """The routes that the contract should have: those of an API, below its prefix, in the service that serves it."""
        files = [
            PurePosixPath(route.route.shown.path).parent.parts for path in self.exact for route in self.by_pattern[path]
        ]
        service = _common(set(files)) if files else ()
        front = len(self.common)
        return [
            route
            for route in self.routes
            if route.judged
            and route.pattern[:front] == self.common
            and PurePosixPath(route.route.shown.path).parts[: len(service)] == service
        ]

    @cached_property
    def serving(self) -> Mapping[Pattern, list[_Route]]:
        """The routes that serve each path of the contract, whatever their method: written alike, or by a pattern."""
        found: dict[Pattern, list[_Route]] = {}
        loose = [route for route in self.routes if route.open]
        taken = {id(route) for path in self.exact for route in self.by_pattern[path]}
        for path in dict.fromkeys(map(self.laid, self.operations)):
            if path in self.by_pattern:
                found[path] = self.by_pattern[path]
            elif around := [route for route in loose if _covers(route.pattern, path)]:
                found[path] = around
            else:
                # The code names what the contract leaves open (/reports/daily for /reports/{kind}), or the other way round.
                near = [
                    route
                    for route in self.scope
                    if id(route) not in taken and (_fits(path, route.pattern) or _fits(route.pattern, path))
                ]
                if near:
                    found[path] = near
        return found

    @property
    def matched(self) -> Iterable[_Route]:
        """The routes whose method and path the contract has."""
        for operation in self.operations:
            for route in self.serving.get(self.laid(operation), ()):
                if route.route.method in (operation.method, "ANY"):
                    yield route

    def agreement(self, documented: set[int], sure: bool) -> Agreement:
        """What agrees, and what does not; ``documented`` are the routes (by identity) that some contract has."""
        pairs = []
        missing: list[Operation] = []
        for operation in self.operations:
            serving = [
                route
                for route in self.serving.get(self.laid(operation), ())
                if route.route.method in (operation.method, "ANY")
            ]
            pairs += [Pair(operation, route.route) for route in serving]
            if not serving and not operation.exempt:
                missing.append(operation)
        doubts = Counter(pair.route.uncertain for pair in pairs)
        extra = [
            route
            for route in self.scope
            if id(route.route) not in documented
            and not any(_UNKNOWN in part for part in route.pattern)
            and (not route.route.uncertain or doubts[route.route.uncertain])
            and not (route.route.method == "ANY" and route.pattern in self.exact)
        ]
        differences = [*self._methods(missing, extra), *self._spellings(missing, extra)]
        told_operations = {id(one) for difference in differences for one in difference.operations}
        told_routes = {id(one) for difference in differences for one in difference.routes}
        catches_all = any(
            route.pattern == (*self.common, _HOLE) for route in self.routes if route.route.method == "ANY"
        )
        return Agreement(
            self.contract,
            "served",
            tuple(pairs),
            tuple(differences),
            tuple(route.route for route in extra if id(route.route) not in told_routes),
            tuple(operation for operation in missing if id(operation) not in told_operations),
            len(self.scope),
            sure and not catches_all and not any(_UNKNOWN in part for route in self.routes for part in route.pattern),
        )

    def _methods(self, missing: Sequence[Operation], extra: Sequence[_Route]) -> Iterable[Difference]:
        """Paths under which the contract has one method and the code another."""
        by_path: dict[Pattern, list[_Route]] = defaultdict(list)
        for route in extra:
            by_path[route.pattern].append(route)
        wanted: dict[Pattern, list[Operation]] = defaultdict(list)
        for operation in missing:
            wanted[self.laid(operation)].append(operation)
        for path, operations in wanted.items():
            if path in by_path:
                yield Difference("method", tuple(operations), tuple(route.route for route in by_path[path]))

    def _spellings(self, missing: Sequence[Operation], extra: Sequence[_Route]) -> Iterable[Difference]:
        """Paths that differ in the spelling of one word, and have a method in common."""
        left = {path for path in map(self.laid, missing) if path not in {route.pattern for route in extra}}
        strange = {route.pattern for route in extra if route.pattern not in set(map(self.laid, self.operations))}
        by_shape: dict[tuple[int, Pattern], list[Pattern]] = defaultdict(list)
        for path in strange:
            for number in range(len(path)):
                by_shape[number, path[:number] + path[number + 1 :]].append(path)
        taken: set[Pattern] = set()
        for path in sorted(left):
            near = (
                other
                for number in range(len(path))
                for other in _few(by_shape.get((number, path[:number] + path[number + 1 :]), ()))
                if other not in taken and _alike(path[number], other[number])
            )
            for other in near:
                operations = tuple(operation for operation in missing if self.laid(operation) == path)
                routes = tuple(route.route for route in extra if route.pattern == other)
                if {operation.method for operation in operations} & {route.method for route in routes}:
                    taken.add(other)
                    yield Difference("path", operations, routes)
                    break


def _common(paths: Iterable[Pattern]) -> Pattern:
    """The fixed segments that all paths begin with."""
    shared: list[str] = []
    for segments in zip(*paths, strict=False):
        if len(set(segments)) > 1 or _HOLE in segments[0]:
            break
        shared.append(segments[0])
    return tuple(shared)


def _few(paths: Sequence[Pattern]) -> Sequence[Pattern]:
    """The paths in order where they are few: among many neighbours a likeness says nothing, and costs much to look for."""
    return sorted(paths) if len(paths) <= _CROWD else ()


def _fits(general: Pattern, special: Pattern) -> bool:
    """Whether a path is one of those that a pattern with parameters stands for."""
    return len(general) == len(special) and all(
        one in (_HOLE, other) for one, other in zip(general, special, strict=True)
    )


def _covers(form: Pattern, path: Pattern) -> bool:
    """Whether a pattern whose parts may stand for several segments matches a path, read as one line of text.

    Both are walked once, going back to the last open part only.
    """
    pieces = "/".join(form).replace(_UNKNOWN, _HOLE).split(_HOLE)
    text = "/".join(path).replace(_HOLE, "\0")
    if not text.startswith(pieces[0]):
        return False
    at = len(pieces[0])
    for piece in pieces[1:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return (len(pieces) == 1 and at == len(text)) or (
        len(pieces) > 1 and text.endswith(pieces[-1]) and len(text) - len(pieces[-1]) >= at
    )


def _alike(one: str, other: str) -> bool:
    """Whether two fixed segments are one word in two spellings."""
    if _HOLE in one or _HOLE in other or max(len(one), len(other)) > 60:
        return False
    plain, also = (re.sub(r"[-_.]", "", word.lower()) for word in (one, other))
    # v1 and v2 are no spellings of one another.
    if re.sub(r"\D", "", plain) != re.sub(r"\D", "", also):
        return False
    return plain == also or SequenceMatcher(None, plain, also, autojunk=False).ratio() >= _ALIKE
