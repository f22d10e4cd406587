"""In: the surfaces of a contract before and after a change. Out: what its schemas take or promise no more, each once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from qualitygate.authoring import Place, Severity
from qualitygate.model.surface import Property, Shape, Surface

REQUEST, RESPONSE = "request", "response"

_CHARACTERS = {"Length": " characters", "Items": " items", "Properties": " properties"}
_SHOWN = 5
# Of two formats of one type the second takes all that the first takes.
_WIDER = frozenset({("int32", "int64"), ("float", "double")})

_TYPES = frozenset({"array", "boolean", "file", "integer", "number", "object", "string"})

_Key = tuple[int, int, str]


@dataclass(frozen=True)
class Change:
    """One thing that clients can no longer rely on.

    ``kind`` is the same for like changes, ``subject`` names what changed; ``operations`` are those that it reaches.
    """

    kind: str
    place: Place
    message: str
    subject: str
    severity: Severity
    operations: tuple[str, ...] = ()


@dataclass
class _Pair:
    """Two schemas that stand for each other, while what leads to them is still collected."""

    label: str
    found: list[Change] = field(default_factory=list)
    parents: list[_Key] = field(default_factory=list)
    operations: dict[str, None] = field(default_factory=dict)


class Schemas:
    """Compares the schemas that two revisions use in the same places, each pair once."""

    def __init__(self, old: Surface, new: Surface) -> None:
        self._old = old.shapes
        self._new = new.shapes
        self._pairs: dict[_Key, _Pair] = {}

    def compare(self, operation: str, old: int, new: int, direction: str, label: str) -> None:
        """Note that an operation uses the schema ``new`` where it used ``old``; ``label`` is for one without a name."""
        if old < 0 or new < 0:
            return
        first = (old, new, direction)
        waiting = deque([first] if self._add(first, label) else [])
        self._pairs[first].operations[operation] = None
        while waiting:
            key = waiting.popleft()
            one, other = self._old[key[0]], self._new[key[1]]
            pair = self._pairs[key]
            if (direction == REQUEST and other.read_only) or (direction == RESPONSE and one.write_only):
                continue
            pair.found += _differences(one, other, direction, pair.label)
            for child, name in self._children(one, other):
                below = (*child, direction)
                if self._add(below, f"{pair.label}{name}"):
                    waiting.append(below)
                self._pairs[below].parents.append(key)

    def _add(self, key: _Key, label: str) -> bool:
        if key in self._pairs:
            return False
        self._pairs[key] = _Pair(self._new[key[1]].name or label)
        return True

    def _children(self, old: Shape, new: Shape) -> Iterator[tuple[tuple[int, int], str]]:
        """The pairs of schemas below a pair, each with what it adds to the label."""
        before = {each.name: each.schema for each in old.properties}
        pairs = [((before[each.name], each.schema), f".{each.name}") for each in new.properties if each.name in before]
        pairs += [((old.items, new.items), "[]"), ((old.additional, new.additional), ".*")]
        if len(old.alternatives) == len(new.alternatives):
            # Of text that may be anything, the values that stand beside it are suggestions.
            free = any(each >= 0 and _is_free(self._new[each]) for each in new.alternatives)
            both = [each for each in zip(old.alternatives, new.alternatives, strict=True) if min(each) >= 0]
            pairs += [(each, "") for each in both if not free or self._new[each[1]].values is None]
        return ((pair, name) for pair, name in pairs if min(pair) >= 0)

    def changes(self) -> Iterator[Change]:
        """All that was found, each once, with the operations that it reaches."""
        found: dict[Change, dict[str, None]] = {}
        for key, pair in self._pairs.items():
            for change in pair.found:
                found.setdefault(change, {}).update(self._reached(key))
        for change, operations in found.items():
            yield replace(change, operations=tuple(operations))

    def _reached(self, key: _Key) -> dict[str, None]:
        found: dict[str, None] = {}
        seen = {key}
        waiting = [key]
        while waiting:
            pair = self._pairs[waiting.pop()]
            found.update(pair.operations)
            new = [parent for parent in pair.parents if parent not in seen]
            seen.update(new)
            waiting += new
        return found


def _differences(old: Shape, new: Shape, direction: str, label: str) -> Iterator[Change]:
    differences = _request(old, new) if direction == REQUEST else _response(old, new)
    for kind, name, place, clause, severity in differences:
        whole = f"{label}.{name}" if name else label
        yield Change(f"{direction} {kind}", place, f"`{whole}` {clause}", f"{kind} {whole} in {direction}s", severity)


_Found = tuple[str, str, Place, str, Severity]


def _request(old: Shape, new: Shape) -> Iterator[_Found]:
    """What a server took and takes no more."""
    place = new.place
    lost = _lost(old.types, new.types)
    if lost:
        yield (
            "type",
            "",
            place,
            f"must be {_listed(new.types)} in requests ({_listed(old.types)} before)",
            Severity.ERROR,
        )
    elif old.nullable and not new.nullable and new.types:
        yield "null", "", place, "may not be null in requests any more", Severity.ERROR
    elif _is_other_format(old, new):
        yield "format", "", place, f"has the format {new.format} in requests ({old.format} before)", Severity.WARNING
    if old.values is not None and new.values is not None:
        gone = [value for value in old.values if value not in new.values]
        if gone:
            yield "enumeration", "", place, f"does not take {_listed(gone)} any more", Severity.ERROR
    elif new.values is not None and old.types and "boolean" not in old.types:
        yield "enumeration", "", place, f"takes {_count(len(new.values), 'value')} only, and took any", Severity.WARNING
    yield from _bounds(old, new)
    before = {each.name: each for each in old.properties}
    for each in new.properties:
        if each.name not in new.required or each.name in old.required:
            continue
        if each.name in before:
            yield "required", each.name, each.place, "is required in requests, and was not before", Severity.ERROR
        else:
            yield "required", each.name, each.place, "is new and required in requests", Severity.ERROR
    if new.closed and not old.closed:
        for name in sorted(before.keys() - {each.name for each in new.properties}):
            yield "property", name, place, "is refused in requests: no other properties are allowed", Severity.ERROR


def _response(old: Shape, new: Shape) -> Iterator[_Found]:
    """What a server promised and promises no more."""
    place = new.place
    if _lost(new.types, old.types):
        yield "type", "", place, f"is {_listed(new.types)} in responses ({_listed(old.types)} before)", Severity.ERROR
        return
    if old.properties and _says_nothing(new):
        clause = (
            f"is not described in responses any more ({_count(len(old.properties), 'property', 'properties')} before)"
        )
        yield "description", "", place, clause, Severity.WARNING
        return
    if new.nullable and not old.nullable and old.types:
        yield "null", "", place, "may be null in responses, and was never", Severity.ERROR
    elif _is_other_format(new, old):
        yield "format", "", place, f"has the format {new.format} in responses ({old.format} before)", Severity.WARNING
    if old.values is not None and new.values is not None:
        come = [value for value in new.values if value not in old.values]
        if come:
            yield (
                "enumeration",
                "",
                place,
                f"may be {_listed(come)} in responses, which clients do not know",
                Severity.WARNING,
            )
    now = {each.name for each in new.properties}
    # A schema that says nothing of its properties any more may be one of alternatives, or a free form.
    if new.properties or not (new.alternatives or new.additional >= 0):
        for each in old.properties:
            if each.name not in now and not each.deprecated:
                severity = Severity.ERROR if each.name in old.required else Severity.WARNING
                yield "property", each.name, place, "is gone from responses", severity
    for each in new.properties:
        if each.name in old.required and each.name not in new.required:
            yield "optional", each.name, each.place, "may be missing from responses, and never was", Severity.WARNING


def _bounds(old: Shape, new: Shape) -> Iterator[_Found]:
    before = dict(old.bounds)
    for keyword, limit in new.bounds:
        upper = keyword.startswith("max")
        former = before.get(keyword)
        if former is not None and (limit >= former if upper else limit <= former):
            continue
        # A text of at least no character, and a number of at least nothing, are told by their kind.
        if former is None and (not old.types or (not upper and limit <= 1 and keyword != "minimum")):
            continue
        unit = next((words for end, words in _CHARACTERS.items() if keyword.endswith(end)), "")
        told = f"{former:g} before" if former is not None else "no limit before"
        clause = f"takes {'at most' if upper else 'at least'} {limit:g}{unit} in requests ({told})"
        yield keyword, "", new.place, clause, Severity.ERROR if former is not None else Severity.WARNING


def _lost(given: tuple[str, ...], taken: tuple[str, ...]) -> list[str]:
    """The types among ``given`` that ``taken`` does not hold; none where one side does not say."""
    if not given or not taken:
        return []
    accepted = {*taken, "integer"} if "number" in taken else set(taken)
    return [each for each in given if each not in accepted] if {*given, *taken} <= _TYPES else []


def _is_free(shape: Shape) -> bool:
    return shape.types == ("string",) and shape.values is None and not shape.format


def _says_nothing(shape: Shape) -> bool:
    return not (shape.types or shape.properties or shape.alternatives or shape.values)


def _is_other_format(old: Shape, new: Shape) -> bool:
    return bool(old.format and new.format and old.format != new.format and (old.format, new.format) not in _WIDER)


def _listed(values: Iterable[str]) -> str:
    listed = list(values)
    shown = ", ".join(listed[:_SHOWN])
    return f"{shown} and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else shown


def _count(number: int, noun: str, many: str = "") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {many or noun + 's'}"


__all__ = ["REQUEST", "RESPONSE", "Change", "Property", "Schemas"]
