"""Records of a published contract: an OpenAPI document's operations, with the place of everything a finding may name."""

from __future__ import annotations

import msgspec

from qualitygate.model.finding import Confidence
from qualitygate.model.source import Place


class Server(msgspec.Struct, frozen=True):
    """Where the API is served. ``url`` has its variables replaced by their defaults; of 2.0 it is put together.

    ``local`` is true for a server that only the developer's machine or a private network reaches. ``plain_http`` is where
    the document offers it without TLS, None where it does not. Without an entry in the document there is no record: the
    format's default ("/") is not one.
    """

    url: str
    place: Place
    local: bool = False
    plain_http: Place | None = None


class SecurityScheme(msgspec.Struct, frozen=True):
    """A named way to authenticate. ``kind`` as the document spells it (`apiKey`, `http`, `oauth2`, ...).

    ``detail`` is the scheme of `http` (`bearer`, `basic`), the location of an `apiKey` (`header`, `query`, `cookie`);
    ``parameter`` the name of the header, query parameter or cookie that carries the key.
    """

    name: str
    kind: str
    detail: str
    place: Place
    parameter: str = ""


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of an operation, its own or its path's, with references followed.

    ``source`` is `path`, `query`, `header`, `cookie`, `body` or `formData`. ``paging`` says what a query or header
    parameter does for pagination, by its name: `size`, `position` or nothing. ``maximum`` is the inclusive upper bound
    of a number; ``default`` a default as text, None where there is none. ``bounded`` is true where an enumeration limits
    the value, ``bounded_in_words`` where only the description names a limit.
    """

    name: str
    source: str
    place: Place
    required: bool = False
    type: str = ""
    format: str = ""
    maximum: float | None = None
    default: str | None = None
    bounded: bool = False
    bounded_in_words: bool = False
    paging: str = ""


class Response(msgspec.Struct, frozen=True):
    """What an operation answers under one status, references followed.

    ``status`` as written (`200`, `4XX`, `default`). ``schema`` is the name of the schema behind the JSON body, empty
    where it has none; ``shape`` is `object`, `array`, `scalar` or empty (no body, or nothing known of it); ``keys`` are
    the property names of an object body, sorted. ``headers`` are in lower case.
    """

    status: str
    place: Place
    media_types: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    shape: str = ""
    schema: str = ""
    schema_place: Place | None = None
    keys: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True):
    """One operation of a contract.

    ``path`` is as written in the document, ``full_path`` with the path of the first server before it. ``place`` is the
    method's key, ``path_place`` the key of the path in the root document. ``security`` lists the alternatives in force (each the
    names of the schemes it needs together); None where the document says nothing, empty where it says that the
    operation is public. ``version_how`` is `server`, `host`, `path`, `query`, `header` or `media-type`; ``paginated_by``
    names the evidence. ``exempt`` says why the rules of an API leave it alone (`health`, `documentation`, ...).
    ``collection_why`` is a clause that can follow "because". ``controller`` is the module that `x-openapi-router-controller`
    names, in which the operation's function is looked for.
    """

    method: str
    path: str
    full_path: str
    place: Place
    path_place: Place
    operation_id: str = ""
    deprecated: bool = False
    parameters: tuple[Parameter, ...] = ()
    responses: tuple[Response, ...] = ()
    security: tuple[tuple[str, ...], ...] | None = None
    exempt: str = ""
    versioned: bool = False
    version_how: str = ""
    collection: bool = False
    collection_why: str = ""
    collection_confidence: Confidence = Confidence.MEDIUM
    paginated: bool = False
    paginated_by: str = ""
    controller: str = ""

    @property
    def name(self) -> str:
        """Method and path as written, for messages: `GET /users`."""
        return f"{self.method} {self.path}"

    @property
    def secured(self) -> bool:
        """Whether every way to call the operation needs some authentication."""
        return bool(self.security) and all(self.security or ())


class Input(msgspec.Struct, frozen=True):
    """A schema of a contract, or a model of the code, that requests are made of and that holds text or lists.

    ``name`` is that of the schema, or `the body of POST /users` for one without a name. ``unbounded`` are the first paths
    of properties without a limit of length or number (`address.street`, `tags[]`), ``count`` the number of all of them.
    ``operations`` are the first operations that accept it, ``reach`` the number of all of them.
    """

    name: str
    place: Place
    unbounded: tuple[str, ...]
    count: int
    operations: tuple[str, ...]
    reach: int


class Problem(msgspec.Struct, frozen=True):
    """A place where the document is not what its format demands.

    ``message`` is a clause about the thing at the place; ``pointer`` is its JSON pointer in the file.
    """

    place: Place
    message: str
    pointer: str


class Contract(msgspec.Struct, frozen=True):
    """One OpenAPI document with all that it refers to.

    ``format`` is `2.0`, `3.0`, `3.1` or `3.2`; ``release`` the contract's own version. ``place`` is the key that says
    which format it is; ``paths_place`` the key `paths`. ``files`` are the other files that it is made of. ``complete`` is
    false where a reference leads nowhere, so that something that is missing may only be unknown.
    """

    path: str
    format: str
    title: str
    release: str
    place: Place
    paths_place: Place
    servers: tuple[Server, ...] = ()
    schemes: tuple[SecurityScheme, ...] = ()
    operations: tuple[Operation, ...] = ()
    inputs: tuple[Input, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()
    complete: bool = True
