"""In: what an operation of a contract takes and answers. Out: whether it returns a collection, and how it is paginated.

The evidence was chosen on 60,009 GET operations of 2,639 published contracts: names of parameters alone miss a third of
what is paginated, so that the body and the headers of the answer count as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qualitygate.extract.references import Node
from qualitygate.extract.schemas import Schemas, Shape
from qualitygate.model.contract import Parameter
from qualitygate.model.finding import Confidence
from qualitygate.model.source import Span
from qualitygate.vocabulary import (
    is_envelope_metadata,
    is_fixed_set,
    is_plural,
    is_selection,
    last_word,
    next_page_property,
    normalised,
    purpose,
)

# An array of which the contract promises no more items than this is bounded by itself.
BOUND = 1_000

_LIST_ID = re.compile(r"list(?![a-z])|[a-z0-9_.-]*(?:_list|List|\.list)(?![a-z]).*")
_PAGING_EXTENSIONS = frozenset(("x-ms-pageable", "x-speakeasy-pagination", "x-fern-pagination"))
_IDS = re.compile(r"ids|[a-z]+ids|keys|uuids|names|symbols")
_ID = re.compile(r"[a-z]*(?:id|key|uuid|name|symbol|code|slug|email)")
_RANGE_START = frozenset(
    "start from since after begin startdate startat starttime fromdate datefrom startdatetime".split()
)
_RANGE_END = frozenset("end to until before enddate endat endtime todate dateto enddatetime".split())


@dataclass(frozen=True)
class Exchange:
    """What one operation takes and answers. ``success`` is the JSON schema of its good answer."""

    method: str
    path: str
    operation_id: str
    parameters: tuple[Parameter, ...]
    success: Node | None
    statuses: tuple[str, ...]
    extensions: tuple[str, ...]
    headers: tuple[str, ...]


@dataclass(frozen=True)
class Judgement:
    """Whether an operation returns a collection, why, how surely, and what paginates it (empty: nothing)."""

    collection: bool = False
    why: str = ""
    confidence: Confidence | None = None
    paginated_by: str = ""


class Collections:
    """Judges the operations of one contract; ``methods`` are those of every path, in lower case."""

    def __init__(self, schemas: Schemas, methods: Mapping[str, set[str]]) -> None:
        self._schemas = schemas
        self._methods = methods
        # The paths with one more parameter at their end, and the schemas that such a path returns.
        self._members = {
            head.rstrip("/"): path
            for path in methods
            for head, _, last in [path.rpartition("/")]
            if _is_parameter(last)
        }
        self._returned: set[tuple[str, Span]] = set()
        self._growing: set[str] = set()

    def note_member(self, success: Node | None) -> None:
        """Remember what the GET of one member returns."""
        shape = self._schemas.shape(success) if success is not None else None
        if shape is not None and shape.kind == "object" and shape.name and shape.place is not None:
            self._returned.add((shape.place.path, shape.place.span))

    def note_addition(self, path: str, got: Node | None, posted: Node | None, statuses: Iterable[str]) -> None:
        """Remember a path to which a POST adds: one that says so (201), or answers with other things than the GET.

        A POST that answers the same as the GET asks the same question with a longer form.
        """
        if "201" in statuses or posted is None or got is None:
            self._growing.add(path)
            return
        get, post = self._schemas.shape(got), self._schemas.shape(posted)
        if post.kind != "array" and (get.kind, set(get.properties)) != (post.kind, set(post.properties)):
            self._growing.add(path)

    def judge(self, exchange: Exchange) -> Judgement:
        """Judge one operation."""
        paginated_by = self._paginated_by_request(exchange)
        if exchange.method not in ("GET", "QUERY") or exchange.success is None:
            return Judgement(paginated_by=paginated_by if exchange.method in ("GET", "QUERY") else "")
        body = self._schemas.shape(exchange.success)
        paginated_by = paginated_by or self._paginated_by_answer(exchange, body)
        last = exchange.path.rstrip("/").rpartition("/")[2]
        if _is_parameter(last) or ":" in last or purpose(exchange.path):
            return Judgement(paginated_by=paginated_by)
        array, how = self._array(exchange, body)
        if array is None:
            return Judgement(paginated_by=paginated_by)
        confidence, why = self._evidence(exchange, array, how)
        return Judgement(True, why, confidence, paginated_by or self._bounded_by(exchange, array))

    def _array(self, exchange: Exchange, body: Shape) -> tuple[Shape | None, str]:
        """The array that holds the members, and how it lies in the answer."""
        if body.kind == "array":
            return body, "it returns an array"
        if body.kind != "object":
            return None, ""
        arrays = {}
        for name, node in body.properties.items():
            shape = self._schemas.shape(node)
            # Errors, warnings and links come along with anything.
            if shape.kind == "array" and normalised(name) not in _SIDE_ARRAYS:
                arrays[name] = shape
        if not arrays:
            return None, ""
        resource = normalised(exchange.path.rstrip("/").rpartition("/")[2])
        name = next((name for name in arrays if normalised(name) in (resource, *_ENVELOPES)), "")
        if not name and len(arrays) == 1:
            name = next(iter(arrays))
        if not name and (exchange.path.rstrip("/") in self._members or _LIST_ID.match(exchange.operation_id)):
            name = next(iter(arrays))
        if not name:
            return None, ""
        # An object of many fields with one array among them is a thing that has parts, not a page of things.
        others = [one for one in body.properties if one != name and not _is_envelope_field(one)]
        if others and normalised(name) not in (resource, *_ENVELOPES):
            return None, ""
        if len(others) > 3:
            return None, ""
        return arrays[name], f"its answer is the array `{name}`"

    def _evidence(self, exchange: Exchange, array: Shape, how: str) -> tuple[Confidence, str]:
        path = exchange.path.rstrip("/")
        word = last_word(path)
        member = self._members.get(path)
        # What the service itself defines, and what lies around a place, does not grow with use.
        if is_fixed_set(word) and exchange.path not in self._growing:
            return Confidence.LOW, f"{how}, though of what its name calls a fixed set"
        if is_selection(path):
            return Confidence.LOW, f"{how}, though of what its path calls a selection"
        if _is_around_a_place(exchange.parameters):
            return Confidence.LOW, f"{how}, though only of what lies around a place"
        if member is not None and self._methods[member] & {"get", "put", "patch", "delete"}:
            return Confidence.HIGH, f"{how}, and its members have the path {member}"
        if exchange.path in self._growing:
            return Confidence.HIGH, f"{how}, and a POST on the same path adds to it"
        items = self._schemas.shape(array.items) if array.items is not None else None
        if items is not None and items.place is not None and (items.place.path, items.place.span) in self._returned:
            return Confidence.HIGH, f"{how} of `{items.name}`, which a path of its own returns one by one"
        if _LIST_ID.match(exchange.operation_id):
            return Confidence.MEDIUM, f"{how}, and `{exchange.operation_id}` says that it lists"
        if how == "it returns an array" and is_plural(word):
            return Confidence.MEDIUM, f"{how} of {word}"
        return Confidence.LOW, how

    def _paginated_by_request(self, exchange: Exchange) -> str:
        for parameter in exchange.parameters:
            if parameter.paging and not (parameter.paging == "position" and _is_range(parameter, exchange.parameters)):
                return f"{parameter.source} parameter {parameter.name}"
        return next((key for key in exchange.extensions if key in _PAGING_EXTENSIONS), "")

    def _paginated_by_answer(self, exchange: Exchange, body: Shape) -> str:
        if "206" in exchange.statuses and "content-range" in exchange.headers:
            return "status 206 with Content-Range"
        if "link" in exchange.headers:
            return "header Link"
        for header in exchange.headers:
            if next_page_property([header.removeprefix("x-")]):
                return f"header {header}"
        if body.kind != "object":
            return ""
        if name := next_page_property(body.properties):
            return f"property {name}"
        for outer, node in body.properties.items():
            if is_envelope_metadata(outer):
                inner = self._schemas.shape(node)
                if inner.kind == "object" and (name := next_page_property(inner.properties)):
                    return f"property {outer}.{name}"
        return ""

    def _bounded_by(self, exchange: Exchange, array: Shape) -> str:
        """What keeps the array small without pages; empty where nothing does."""
        if array.max_items is not None and array.max_items <= BOUND:
            return f"at most {array.max_items} items"
        items = self._schemas.shape(array.items) if array.items is not None else None
        if items is not None and (items.kind == "scalar" or items.enumerated):
            return "an array of plain values"
        for parameter in exchange.parameters:
            if parameter.source == "query" and parameter.required and _picks(parameter):
                return f"picked by the required parameter {parameter.name}"
        names = {normalised(parameter.name) for parameter in exchange.parameters if parameter.required}
        if names & _RANGE_START and names & _RANGE_END:
            return "a required range of time"
        return ""


_ENVELOPES = frozenset(
    "data items results result records entries values value list rows content elements objects collection embedded hits".split()
)
_SIDE_ARRAYS = frozenset("errors error warnings messages links link included facets aggregations required".split())
_FIELDS = frozenset(
    "total totalcount totalitems totalresults totalelements count size length success status code message messages error errors "
    "warnings ok kind etag apiversion version self href url uri links link meta metadata id object type timestamp requestid "
    "took time info selflink context summary statuscode statusmessage response responsestatus schema odatacontext odatacount".split()
)


def _is_envelope_field(name: str) -> bool:
    return normalised(name) in _FIELDS or normalised(name) in _SIDE_ARRAYS or bool(next_page_property([name]))


def _is_parameter(segment: str) -> bool:
    """Whether a segment is a parameter, perhaps with an extension: `{id}`, `{id}.json`."""
    return segment.startswith("{") or segment.endswith("}")


def _picks(parameter: Parameter) -> bool:
    """Whether a required parameter names the things that are wanted, one by one."""
    name = normalised(parameter.name)
    return _IDS.fullmatch(name) is not None or (parameter.type == "array" and _ID.fullmatch(name) is not None)


def _is_around_a_place(parameters: tuple[Parameter, ...]) -> bool:
    names = {normalised(parameter.name) for parameter in parameters if parameter.source == "query"}
    return bool(names & {"lat", "latitude"} and names & {"lon", "lng", "long", "longitude"})


def _is_range(parameter: Parameter, parameters: tuple[Parameter, ...]) -> bool:
    """Whether `start` or `after` is one end of a range of time, as its partner tells."""
    if normalised(parameter.name) not in _RANGE_START | _RANGE_END:
        return False
    names = {normalised(other.name) for other in parameters}
    return bool(names & {"end", "enddate", "endtime", "to", "until"}) and normalised(parameter.name) in _RANGE_START
