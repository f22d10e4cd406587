"""Records of the architecture that the code really has: routes, guards, connections, outbound calls, error responses."""

from __future__ import annotations

from enum import Enum

import msgspec

from qualitygate.model.finding import Confidence
from qualitygate.model.source import Place


class Guard(msgspec.Struct, frozen=True):
    """Something that stands before a handler.

    ``kind`` is `authentication` or `throttling` where it is declared (a dependency, decorator, permission class, base
    class, middleware), `identity` where the handler's own code reads who the caller is (``name``: `request.user`, a header), `check`
    where only the name of what it calls says that it asks.
    """

    kind: str
    name: str
    place: Place


class RouteParameter(msgspec.Struct, frozen=True):
    """A parameter of a route: ``source`` is `path`, `query`, `header`, `cookie`, `body` or `form`.

    ``maximum`` is the largest number that the declaration allows, where it bounds one.
    """

    name: str
    source: str
    type: str = ""
    maximum: float | None = None
    place: Place | None = None
    required: bool = False


class Route(msgspec.Struct, frozen=True):
    """One HTTP operation that the code serves.

    ``path`` is full, from the root, parameters as ``{name}``. ``place`` is where the handler's definition begins (at its
    first decorator, as Python counts), ``shown`` where a finding about the route points: the declaration where it stands
    on the handler, else the handler's name. ``declared`` is the line that makes it a route, ``mounts`` the chain that gives its prefixes, outermost first. ``version_how`` is
    `path`, `header`, `query`, `media-type`, `host`, `framework`, `proxy` or empty; ``paginated_by`` names the evidence.
    ``parameters`` are those that the framework fills in, ``parameters_known`` tells that the route reads no other ones.
    ``api`` is false for routes that serve pages and files; ``exempt`` says why the API rules leave it alone (health,
    documentation, webhook, ...). ``uncertain`` says what the analysis could not follow ("mounted through an unknown
    function"); empty when the route is sure.
    """

    method: str
    path: str
    framework: str
    handler: str
    place: Place
    shown: Place
    declared: Place
    mounts: tuple[Place, ...] = ()
    api: bool = True
    exempt: str = ""
    versioned: bool = False
    version_how: str = ""
    collection: bool = False
    collection_why: str = ""
    collection_confidence: Confidence = Confidence.MEDIUM
    paginated: bool = False
    paginated_by: str = ""
    guards: tuple[Guard, ...] = ()
    parameters: tuple[RouteParameter, ...] = ()
    parameters_known: bool = False
    response: str = ""
    uncertain: str = ""


class Scope(str, Enum):
    """How often the code at a place runs."""

    MODULE = "module"
    LIFESPAN = "lifespan"
    MEMOISED = "memoised"
    REQUEST = "request"
    WORKER = "worker"
    COMMAND = "command"
    UNKNOWN = "unknown"


class Connection(msgspec.Struct, frozen=True):
    """A place where a client, engine, pool or connection is made.

    ``kind`` is `database`, `cache`, `http`, `broker`, `search`, `storage` or `mail`; ``constructor`` the resolved name.
    ``chain`` leads from a route to the place when ``scope`` is REQUEST; ``routes`` are the operations that reach it.
    """

    kind: str
    constructor: str
    place: Place
    owner: str
    scope: Scope
    why: str = ""
    chain: tuple[Place, ...] = ()
    routes: tuple[str, ...] = ()
    confidence: Confidence = Confidence.HIGH


class Outbound(msgspec.Struct, frozen=True):
    """A call to another system. ``target`` is a host, or the setting that names one.

    ``timeout`` is as written at the call or where its client is made: `none` switches it off, `set` is a value that is not
    known, `unknown` tells that there may be one; it is empty where there is none.

    ``retry`` names what tries it again: a decorator of the function that makes the call, or the client's transport.
    ``host`` is the target where the code itself spells a host, with `{}` for a part of it that is not known.
    """

    client: str
    call: str
    target: str
    timeout: str
    place: Place
    retry: str = ""
    host: str = ""


class Task(msgspec.Struct, frozen=True):
    """Work that is done apart from the request that asks for it, or by the clock.

    ``library`` is what runs it (`celery`, `rq`, ..., `starlette` for what runs in the process after the response),
    ``name`` what it is called by. ``queue``, ``retries``, ``time_limit`` and ``schedule`` are as written, empty where
    nothing is. ``callers`` are the places that hand it over, ``routes`` the operations that reach one of them.
    """

    library: str
    name: str
    place: Place
    queue: str = ""
    retries: str = ""
    time_limit: str = ""
    schedule: str = ""
    callers: tuple[Place, ...] = ()
    routes: tuple[str, ...] = ()


class Channel(msgspec.Struct, frozen=True):
    """A place that reads messages from a queue or topic (``direction`` is `consumes`) or sends them there (`publishes`).

    ``name`` is the queue or topic as far as it is known, with ``{}`` for what is not.
    """

    library: str
    direction: str
    name: str
    place: Place
    owner: str
    routes: tuple[str, ...] = ()


class Cache(msgspec.Struct, frozen=True):
    """A cache that is configured (``kind`` is `store`), or a place that keeps something in one (`entry`).

    ``name`` is the alias of a store or the key of an entry, with ``{}`` for what is not known; ``backend`` what a store
    keeps its entries in. ``ttl`` is how long they live: seconds, `never`, `default`, or the name of what says it.
    """

    kind: str
    library: str
    name: str
    ttl: str
    place: Place
    owner: str
    backend: str = ""
    routes: tuple[str, ...] = ()


class Unfollowed(msgspec.Struct, frozen=True):
    """A place where routes are declared or mounted in a way that is not understood: routes may be missing from there."""

    place: Place
    why: str


class ErrorHandler(msgspec.Struct, frozen=True):
    """A handler for an exception or status that an application registers; ``problem`` where it answers with RFC 9457."""

    catches: str
    place: Place
    problem: bool


class ErrorResponse(msgspec.Struct, frozen=True):
    """A response that tells an error, as one place in the code builds it.

    ``shape`` is `text` (a bare string), `object` (an ad hoc mapping: ``keys``), `framework` (the framework's own error
    type with text, `framework-object` with a mapping), `problem` (RFC 9457), `exception` (text built from the
    exception), `empty` or `unknown`. ``status`` is 0 when unknown, and below 400 where the body tells an error that the
    status does not (``says`` is what in the body tells it). ``exception`` names what the text of an `exception` is from:
    the class that was caught (`builtins.OSError`, `path:Class`), or `traceback`. ``routes`` name the operations that
    reach it, by the way that ``chain`` shows for the first; an error handler's response has none, and ``catches`` names
    what the handler takes.
    """

    shape: str
    keys: tuple[str, ...]
    status: int
    place: Place
    owner: str
    routes: tuple[str, ...]
    chain: tuple[Place, ...] = ()
    framework: str = ""
    exception: str = ""
    says: str = ""
    catches: str = ""


class StateChange(msgspec.Struct, frozen=True):
    """A place where a function changes a container that outlives the request.

    ``how`` is `item` (a key is set), `added`, `removed` or `rebound` (another object under the same name). ``key`` is
    the key or the first argument as the code names it, ``own_key`` true where it comes from the function's parameters or
    variables. ``guarded`` is true where a condition looks into the container first. ``routes`` and ``chain`` as for a
    library call.
    """

    place: Place
    owner: str
    how: str
    key: str = ""
    guarded: bool = False
    own_key: bool = False
    routes: tuple[str, ...] = ()
    chain: tuple[Place, ...] = ()


class SharedState(msgspec.Struct, frozen=True):
    """A container, or a variable, that lives as long as the process, and its changes, those that requests reach first.

    ``kind`` is what makes it (`dict`, `defaultdict`, `TTLCache`, ..., `value` for a plain variable); ``owner`` is `path:Class` for the attribute of a
    class or of an object that a module makes once, `application` for what hangs on the application's state, empty for a
    name of the module.
    """

    name: str
    kind: str
    place: Place
    owner: str
    changes: tuple[StateChange, ...]


class ModuleImport(msgspec.Struct, frozen=True):
    """One module of the application that another one imports: both by the paths of their files, and what is taken.

    ``when`` is `import` (when the importer is loaded), `call` (inside a function, or only in a program that is started)
    or `typing` (for the type checker alone). ``names`` is empty where the module itself is taken.
    """

    importer: str
    imported: str
    when: str
    place: Place
    names: tuple[str, ...] = ()


class PageSize(msgspec.Struct, frozen=True):
    """A request parameter that sets how many items a route returns.

    ``bound`` names what limits it from above: a keyword of its declaration, a call, a comparison; it is empty where
    nothing does. ``typed`` tells a parameter that the code declares from one that it reads by hand. ``routes`` name the
    operations that take it; of a ``paginator`` of Django REST framework they are not told apart.
    """

    name: str
    place: Place
    bound: str
    typed: bool
    routes: tuple[str, ...] = ()
    paginator: str = ""
