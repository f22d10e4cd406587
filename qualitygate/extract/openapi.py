"""In: the text of a YAML or JSON file. Out: its contract as facts, where it is one.

A contract is recognised by its content: a root with `swagger: 2.0` or `openapi: 3.x`. The other files of a contract in
several files are read through its references, and are no contracts of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from qualitygate.extract.collection import Collections, Exchange
from qualitygate.extract.inputs import Inputs
from qualitygate.extract.reading import Reading, Unparsable
from qualitygate.extract.references import File, Node, References
from qualitygate.extract.schemas import Schemas, is_json
from qualitygate.extract.surface import METHODS, read_surface
from qualitygate.model.contract import Contract, Operation, Parameter, Problem, Response, SecurityScheme, Server
from qualitygate.model.finding import Confidence
from qualitygate.model.source import Language, Place, SourceFile, Text
from qualitygate.model.surface import Surface
from qualitygate.parse.document import Document, Malformed, join_pointer, load
from qualitygate.parse.validity import violations
from qualitygate.vocabulary import (
    host_version,
    is_version_parameter,
    is_versioned_media_type,
    paging_role,
    path_version,
    purpose,
)

Sibling = Callable[[str], "SourceFile | None"]

# More faults than this in one document have a common cause.
MAX_PROBLEMS = 50

_KEY = re.compile(r"(?:^|[\n\r{,])[ \t]*[\"']?(?:openapi|swagger)[\"']?[ \t]*:[ \t]*[\"']?[2-9]\.")
_FORMAT = re.compile(r"(2\.0|3\.[0-2])(?:\.\d+)?(?:-[\w.]+)?")
# Not a format yet where a template is still to fill it in.
_UNKNOWN_FORMAT = re.compile(r"[3-9]\.(?!.*(?:\{\{|\$\{)).*")
# Nine anchors in one file can stand for a billion values; fewer cannot hurt.
_ANCHOR = re.compile(r"(?:^|[\s\[{,:-])&[\w.-]+")
_MANY_ANCHORS = 9
_LIMIT_IN_WORDS = re.compile(
    r"(?:\b(?:max|maximum|maximal|limit of|limited to|up to|at most|no more than|not exceed|cannot exceed|between|from 1 to|"
    r"less than|capped at|range|highest)\b|<=?|\b[01] ?(?:-|to|\.\.))[^.\n]{0,60}?\d",
    re.IGNORECASE,
)
_CONTROLLERS = ("x-openapi-router-controller", "x-swagger-router-controller")
_TEMPLATE = ("{{", "{%")
# A name of one label is a container or a host of the local network; the numbers are those of RFC 1918.
_LOCAL = re.compile(
    r"[^.:{}]+|(?:127|10)(?:\.\d+){3}|192\.168(?:\.\d+){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d+){2}|0\.0\.0\.0|\[[0-9a-f:]*\]"
    r"|(?:[^.]+\.)+(?:local|localhost|test|internal|localdomain|lan|svc)"
    # a host that whoever installs the product fills in
    r"|(?:[^.]+\.)*your(?:[-_]|domain|company|server|host|site|instance|org)[^.]*(?:\.[a-z]+)*",
    re.IGNORECASE,
)


def read_document(path: str, text: Text, language: Language, sibling: Sibling) -> Reading | None:
    """Read one document; None where it is no contract.

    ``sibling`` gives another file of the scan. Raises ``Unparsable`` for a contract that is not valid YAML or JSON, and
    for a file of any kind whose aliases explode; a template of such a file (`{{ ... }}`) that is no YAML yet is left
    alone without a word.
    """
    content = text.content
    if ("openapi" in content or "swagger" in content) and _KEY.search(content):
        return _read(path, text, language, sibling)
    if "&" in content and "*" in content and language is Language.YAML:
        _defuse(text)
    return None


def _defuse(text: Text) -> None:
    """Raise ``Unparsable`` where the aliases of a file that nobody else reads stand for too much."""
    if sum(1 for _, _ in zip(_ANCHOR.finditer(text.content), range(_MANY_ANCHORS), strict=False)) < _MANY_ANCHORS:
        return
    try:
        for _ in load(text, Language.YAML):
            pass
    except Malformed as error:
        if error.bound:
            raise Unparsable(error.line, error.reason) from None


def read_contract_surface(path: str, text: Text, language: Language, sibling: Sibling) -> Surface | None:
    """What the contract in one document promises, schema by schema; None where it is no contract. Raises ``Unparsable``."""
    reader = _reader(path, text, language, sibling)
    return read_surface(path, reader.top, reader.references, reader.old) if reader is not None else None


def _read(path: str, text: Text, language: Language, sibling: Sibling) -> Reading | None:
    reader = _reader(path, text, language, sibling)
    if reader is None:
        return None
    document = reader.root.document
    return Reading(lambda: document, document.span, reader.facts)


def _reader(path: str, text: Text, language: Language, sibling: Sibling) -> _Reader | None:
    try:
        documents = list(load(text, language))
    except Malformed as error:
        if any(sign in text.content for sign in _TEMPLATE) and not error.bound:
            return None
        raise Unparsable(error.line, f"not valid {language.value.upper()}: {error.reason}") from None
    for document in documents:
        if (found := _format(document)) is not None:
            key, version = found
            if (match := _FORMAT.fullmatch(version)) is None:
                line = document.key(document.data, key).line
                raise Unparsable(line, f"a contract in the unknown format {key} {version[:20]}")
            return _Reader(File(path, document), key, match[1], sibling)
    return None


def _format(document: Document) -> tuple[str, str] | None:
    data = document.data
    if not isinstance(data, dict) or not data.keys() & {"info", "paths", "webhooks", "components"}:
        return None
    for key in ("openapi", "swagger"):
        value = data.get(key)
        if isinstance(value, (str, float)) and not isinstance(value, bool):
            version = str(value).strip()
            if _FORMAT.fullmatch(version) or _UNKNOWN_FORMAT.fullmatch(version):
                return key, version
    return None


class _Reader:
    """Reads one contract. Lives while its facts are taken."""

    def __init__(self, root: File, key: str, version: str, sibling: Sibling) -> None:
        self.root = root
        self.key = key
        self.version = version
        self.old = version == "2.0"
        self.data: dict[str, Any] = root.document.data
        self.references = References(root, sibling)
        self.schemas = Schemas(self.references)
        self.inputs = Inputs(self.references, self.schemas)
        self.versioning: set[str] = set()
        self.top = Node(root, self.data, root.place(root.document.key(self.data, key)))

    def facts(self) -> dict[str, Any]:
        """The fields of ``FileFacts`` that a contract fills."""
        contract = self._contract()
        files = self.references.depends_on
        return {
            "contract": contract,
            "unread": self.references.unread,
            "depends_on": tuple(sorted(files.items())),
        }

    def _contract(self) -> Contract:
        document = self.root.document
        info = _mapping(self.data.get("info"))
        servers = tuple(self._servers_of_old() if self.old else self._servers(self.top))
        schemes = tuple(self._schemes())
        # A header that every call must carry is declared as a key here and there, though it chooses a version.
        self.versioning = {scheme.name for scheme in schemes if is_version_parameter(scheme.parameter, scheme.detail)}
        operations = tuple(self._operations(servers))
        return Contract(
            path=self.root.path,
            format=self.version,
            title=_text(info.get("title")),
            release=_text(info.get("version")),
            place=self.top.place,
            paths_place=self.root.place(document.key(self.data, "paths")) if "paths" in self.data else self.top.place,
            servers=servers,
            schemes=schemes,
            operations=operations,
            inputs=tuple(self.inputs.found()),
            problems=tuple(self._problems()),
            files=tuple(sorted(path for path, digest in self.references.depends_on.items() if digest)),
            complete=not self.references.unread,
        )

    def _problems(self) -> Iterator[Problem]:
        document = self.root.document
        for duplicate in document.duplicates:
            first = f"first in line {duplicate.first.line}"
            message = f"the key `{duplicate.key}` stands twice ({first}): the first is lost"
            yield Problem(self.root.place(duplicate.again), message, "")
        for violation in violations(self.data, self.version, MAX_PROBLEMS):
            path = violation.path
            name = f"`{_shown(path)}`" if path else "the document"
            place = self.root.place(document.span(path)) if path else self.top.place
            yield Problem(place, f"{name} {violation.message}", join_pointer(path))

    # Servers

    def _servers(self, holder: Node) -> Iterator[Server]:
        for node in self.references.items(holder, "servers"):
            if not isinstance(node.data, dict) or not isinstance(node.data.get("url"), str):
                continue
            url = node.data["url"]
            for name, variable in _mapping(node.data.get("variables")).items():
                default = _mapping(variable).get("default")
                if isinstance(default, (str, int, float)):
                    url = url.replace("{" + name + "}", str(default))
            place = node.file.place(node.file.document.value(node.data, "url"), role="contract")
            yield Server(url, place, _is_local(url), place if url.lower().startswith("http://") else None)

    def _servers_of_old(self) -> Iterator[Server]:
        host = self.data.get("host")
        base = self.data.get("basePath")
        if not isinstance(host, str) and not isinstance(base, str):
            return
        schemes = _texts(self.data.get("schemes"))
        key = "basePath" if isinstance(base, str) else "host"
        url = str(base or "")
        if isinstance(host, str) and host:
            scheme = "https" if "https" in schemes or not schemes else schemes[0]
            url = f"{scheme}://{host}{url if url.startswith('/') or not url else '/' + url}"
        place = self.root.place(self.root.document.value(self.data, key), role="contract")
        plain = None
        if "http" in schemes:
            number = self.data["schemes"].index("http")
            plain = self.root.place(self.root.document.key(self.data["schemes"], number), role="contract")
        yield Server(url, place, _is_local(url), plain)

    # Security

    def _schemes(self) -> Iterator[SecurityScheme]:
        holder = self.top if self.old else self.references.child(self.top, "components")
        schemes = (
            self.references.child(holder, "securityDefinitions" if self.old else "securitySchemes") if holder else None
        )
        for name, node in self.references.entries(schemes):
            target = self.references.follow(node)
            if target is None or not isinstance(target.data, dict):
                continue
            data = target.data
            kind = _text(data.get("type"))
            detail = _text(data.get("scheme") or data.get("in"))
            yield SecurityScheme(name, kind, detail, node.place, _text(data.get("name")))

    def _security(self, data: dict[str, Any]) -> tuple[tuple[str, ...], ...] | None:
        declared = data.get("security", self.data.get("security"))
        if not isinstance(declared, list):
            return None
        return tuple(tuple(sorted(alternative)) for alternative in declared if isinstance(alternative, dict))

    # Operations

    def _operations(self, servers: tuple[Server, ...]) -> Iterator[Operation]:
        items: list[tuple[str, Place, Node]] = []
        for path, node in self.references.entries(self.references.child(self.top, "paths")):
            if not path.startswith("/"):
                continue
            item = self.references.follow(node)
            if item is not None and isinstance(item.data, dict):
                items.append((path, node.place, item))
        collections = Collections(self.schemas, {path: set(item.data) & set(METHODS) for path, _, item in items})
        # What GET /things/{id} returns says that GET /things is a collection of them: read those first.
        for path, _, item in items:
            if path.endswith("}") and (operation := self.references.followed(item, "get")) is not None:
                collections.note_member(self._success(operation))
            got, posted = self.references.followed(item, "get"), self.references.followed(item, "post")
            if got is not None and posted is not None:
                statuses = _mapping(posted.data.get("responses"))
                collections.note_addition(path, self._success(got), self._success(posted), statuses)
        for path, path_place, item in items:
            shared = self._parameters(item)
            for method, node in self._methods(item):
                yield self._operation(path, path_place, item, method, node, shared, servers, collections)

    def _methods(self, item: Node) -> Iterator[tuple[str, Node]]:
        for method in [key for key in item.data if key in METHODS]:
            # Tools follow a reference here too, and large documents are cut into files at this joint.
            if (node := self.references.followed(item, method)) is not None:
                yield method.upper(), node
        for method, entry in self.references.entries(self.references.child(item, "additionalOperations")):
            if isinstance(entry.data, dict):
                yield method, entry

    def _operation(
        self,
        path: str,
        path_place: Place,
        item: Node,
        method: str,
        node: Node,
        shared: dict[tuple[str, str], Parameter],
        servers: tuple[Server, ...],
        collections: Collections,
    ) -> Operation:
        data = node.data
        parameters = {**shared, **self._parameters(node)}
        own_servers = tuple(self._servers(node)) or tuple(self._servers(item)) if not self.old else ()
        servers = own_servers or servers
        responses = dict(self._responses(node))
        version_how = _version_how(
            path, servers, parameters.values(), responses.values(), self._request_media_types(node)
        )
        security = self._security(data)
        # One that is opened needs neither: which version it is of, the clients of the others say.
        if not version_how and self.versioning and (not security or any(map(self.versioning.intersection, security))):
            version_how = "header"
        for body in self._bodies(item, node):
            self.inputs.accept(f"{method} {path}", body)
        exempt = purpose(path)
        success = self._success(node)
        exchange = Exchange(
            method=method,
            path=path,
            operation_id=_text(data.get("operationId")),
            parameters=tuple(parameters.values()),
            success=success,
            statuses=tuple(responses),
            extensions=tuple(key for key in data if key.startswith("x-")),
            headers=tuple(header for response in responses.values() for header in response.headers),
        )
        judged = collections.judge(exchange)
        return Operation(
            method=method,
            path=path,
            full_path=_prefix(servers) + path,
            place=node.place,
            path_place=path_place,
            operation_id=exchange.operation_id,
            controller=next(
                (_text(given.get(key)) for given in (data, item.data) for key in _CONTROLLERS if key in given), ""
            ),
            deprecated=data.get("deprecated") is True,
            parameters=tuple(parameters.values()),
            responses=tuple(responses.values()),
            security=security,
            exempt=exempt,
            versioned=bool(version_how),
            version_how=version_how,
            collection=judged.collection,
            collection_why=judged.why,
            collection_confidence=judged.confidence or Confidence.MEDIUM,
            paginated=bool(judged.paginated_by),
            paginated_by=judged.paginated_by,
        )

    def _parameters(self, holder: Node) -> dict[tuple[str, str], Parameter]:
        found: dict[tuple[str, str], Parameter] = {}
        for item in self.references.items(holder, "parameters"):
            node = self.references.follow(item)
            if node is None or not isinstance(node.data, dict) or not isinstance(node.data.get("name"), str):
                continue
            data = node.data
            name, source = data["name"], _text(data.get("in"))
            schema = data if self.old and source != "body" else self.schemas.of_parameter(node)
            found[name, source] = _parameter(name, source, data, schema, node)
        return found

    def _request_media_types(self, node: Node) -> tuple[str, ...]:
        if self.old:
            return _texts(node.data.get("consumes", self.data.get("consumes")))
        body = self.references.followed(node, "requestBody")
        return tuple(_mapping(body.data.get("content"))) if body is not None else ()

    def _bodies(self, item: Node, node: Node) -> Iterator[Node]:
        """The schemas of the bodies that an operation accepts, those of files aside."""
        if self.old:
            for holder in (item, node):
                for entry in self.references.items(holder, "parameters"):
                    parameter = self.references.follow(entry)
                    if parameter is not None and _mapping(parameter.data).get("in") == "body":
                        yield from filter(None, (self.references.child(parameter, "schema"),))
            return
        body = self.references.followed(node, "requestBody")
        for media_type, entry in self.references.entries(self.references.child(body, "content")):
            if is_json(media_type) or media_type in _FORMS:
                media = self.references.follow(entry)
                yield from filter(None, (self.references.child(media, "schema"),))

    # Responses

    def _responses(self, node: Node) -> Iterator[tuple[str, Response]]:
        for status, entry in self.references.entries(self.references.child(node, "responses")):
            response = self.references.follow(entry)
            if response is None or not isinstance(response.data, dict):
                yield status, Response(status, entry.place)
                continue
            headers = tuple(sorted(str(name).lower() for name in _mapping(response.data.get("headers"))))
            media_types = self._media_types(node, response)
            schema = self._schema(response)
            body = self.schemas.shape(schema) if schema is not None else None
            yield (
                status,
                Response(
                    status,
                    entry.place,
                    media_types,
                    headers,
                    shape=body.kind if body is not None else "",
                    schema=body.name if body is not None else "",
                    schema_place=body.place if body is not None else None,
                    keys=tuple(sorted(body.properties)) if body is not None and not status.startswith("2") else (),
                ),
            )

    def _media_types(self, node: Node, response: Node) -> tuple[str, ...]:
        if self.old:
            return _texts(node.data.get("produces", self.data.get("produces"))) if "schema" in response.data else ()
        return tuple(_mapping(response.data.get("content")))

    def _schema(self, response: Node) -> Node | None:
        """The schema of the JSON body of a response."""
        if self.old:
            return self.references.child(response, "schema")
        content = self.references.child(response, "content")
        for media_type, node in self.references.entries(content):
            if is_json(media_type):
                media = self.references.follow(node)
                return self.references.child(media, "schema") if media is not None else None
        return None

    def _success(self, node: Node) -> Node | None:
        """The JSON schema of what an operation answers when all is well; None for streams and other media."""
        entries = dict(self.references.entries(self.references.child(node, "responses")))
        statuses = sorted(status for status in entries if re.fullmatch(r"2(?:\d\d|XX|xx)", status))
        if not statuses and "default" in entries:
            statuses = ["default"]
        for status in statuses:
            response = self.references.follow(entries[status])
            if response is None or not isinstance(response.data, dict):
                continue
            if any(kind.split(";")[0].strip() in _STREAMS for kind in self._media_types(node, response)):
                return None
            if (schema := self._schema(response)) is not None:
                return schema
        return None


_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_STREAMS = frozenset(
    ("text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/stream+json")
)


def _parameter(name: str, source: str, data: dict[str, Any], schema: dict[str, Any], node: Node) -> Parameter:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "")
    form = _text(schema.get("format"))
    paging = paging_role(name) if source in ("query", "header") else ""
    if not paging and source == "query":
        # One parameter that holds a whole query as an object.
        paging = next(filter(None, map(paging_role, _mapping(schema.get("properties")))), "")
    # `count=true` asks for a total, and `start=2024-01-01` is a filter: neither moves through pages.
    if kind == "boolean" or form in ("date", "date-time"):
        paging = ""
    default = schema.get("default")
    return Parameter(
        name=name,
        source=source,
        place=node.file.place(node.file.document.value(node.data, "name"), role="contract"),
        required=data.get("required") is True,
        type=_text(kind),
        format=form,
        maximum=_largest(schema, kind == "integer"),
        default=str(default) if isinstance(default, (str, int, float)) else None,
        bounded="enum" in schema or "const" in schema,
        bounded_in_words=any(
            _LIMIT_IN_WORDS.search(_text(text)[:2000]) for text in (data.get("description"), schema.get("description"))
        ),
        paging=paging,
    )


def _largest(schema: dict[str, Any], whole: bool) -> float | None:
    """The largest number that a schema allows; the bound itself where numbers come as near to it as one likes."""
    maximum, exclusive = schema.get("maximum"), schema.get("exclusiveMaximum")
    below = exclusive is True
    if isinstance(exclusive, (int, float)) and not isinstance(exclusive, bool):
        below = not isinstance(maximum, (int, float)) or exclusive <= maximum
        maximum = exclusive if below else maximum
    if not isinstance(maximum, (int, float)) or isinstance(maximum, bool):
        return None
    return float(maximum) - (below and whole)


def _version_how(
    path: str,
    servers: tuple[Server, ...],
    parameters: Any,
    responses: Any,
    request_media_types: tuple[str, ...],
) -> str:
    for server in servers:
        address = _split(server.url)
        if path_version(address.path, depth=20):
            return "server"
        if address.netloc and host_version(address.netloc):
            return "host"
    if path_version(path):
        return "path"
    for parameter in parameters:
        if is_version_parameter(parameter.name, parameter.source):
            return str(parameter.source)
    media_types = [media_type for response in responses for media_type in response.media_types]
    if any(map(is_versioned_media_type, (*media_types, *request_media_types))):
        return "media-type"
    return ""


def _split(url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError:
        # A bracket that opens an IPv6 address and does not close it.
        return urlsplit("")


def _prefix(servers: tuple[Server, ...]) -> str:
    if not servers:
        return ""
    path = str(_split(servers[0].url).path).rstrip("/")
    return path if path.startswith("/") or not path else "/" + path


def _is_local(url: str) -> bool:
    host = str(_split(url).netloc).rsplit("@", 1)[-1]
    return bool(host) and _LOCAL.fullmatch(re.sub(r":[^:\]]*$", "", host)) is not None


def _shown(path: tuple[str | int, ...]) -> str:
    """The end of a path, as far as it tells one place from another at a glance."""
    return ".".join(str(part) for part in path[-3:])


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
