"""In: an evaluated program with its routes. Out: every client, engine and pool it makes, and how often that code runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from qualitygate.frameworks import RouteDraft
from qualitygate.link.calls import Called, CallGraph, Step, decorators, dotted, remembers, way
from qualitygate.link.evaluate import Evaluator, Site
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Connection, Scope
from qualitygate.model.finding import Confidence
from qualitygate.model.source import Place, Role
from qualitygate.model.values import ClassValue, External, FunctionValue, Instance, Known, Value
from qualitygate.vocabulary import is_probe

# What opens connections, by dotted name: each keeps a pool, or is a connection. A session of SQLAlchemy is neither: it
# borrows from its engine.
CONSTRUCTORS: Mapping[str, str] = {
    **dict.fromkeys(
        """sqlalchemy.create_engine sqlalchemy.engine.create_engine sqlmodel.create_engine
        sqlalchemy.ext.asyncio.create_async_engine sqlmodel.ext.asyncio.create_async_engine
        sqlalchemy.ext.asyncio.engine.create_async_engine sqlalchemy.engine_from_config
        psycopg.connect psycopg.Connection.connect psycopg.AsyncConnection.connect psycopg2.connect psycopg2.pool.ThreadedConnectionPool
        psycopg2.pool.SimpleConnectionPool psycopg_pool.ConnectionPool psycopg_pool.AsyncConnectionPool asyncpg.connect
        asyncpg.create_pool aiopg.create_pool aiomysql.connect aiomysql.create_pool asyncmy.connect asyncmy.create_pool pymysql.connect MySQLdb.connect
        mysql.connector.connect oracledb.connect cx_Oracle.connect pyodbc.connect pymssql.connect databases.Database
        pymongo.MongoClient pymongo.AsyncMongoClient pymongo.mongo_client.MongoClient motor.motor_asyncio.AsyncIOMotorClient
        clickhouse_connect.get_client clickhouse_driver.Client cassandra.cluster.Cluster neo4j.GraphDatabase.driver
        influxdb_client.InfluxDBClient snowflake.connector.connect""".split(),
        "database",
    ),
    **dict.fromkeys(
        """redis.Redis redis.StrictRedis redis.from_url redis.Redis.from_url redis.StrictRedis.from_url redis.ConnectionPool
        redis.ConnectionPool.from_url redis.cluster.RedisCluster redis.RedisCluster redis.asyncio.Redis redis.asyncio.from_url
        redis.asyncio.Redis.from_url redis.asyncio.ConnectionPool redis.asyncio.ConnectionPool.from_url redis.sentinel.Sentinel redis.client.Redis
        aioredis.from_url aioredis.create_redis_pool aioredis.Redis pymemcache.client.base.Client pymemcache.Client
        pylibmc.Client memcache.Client valkey.Valkey valkey.from_url""".split(),
        "cache",
    ),
    **dict.fromkeys(
        """httpx.Client httpx.AsyncClient requests.Session requests.session aiohttp.ClientSession urllib3.PoolManager
        grpc.insecure_channel grpc.secure_channel grpc.aio.insecure_channel grpc.aio.secure_channel zeep.Client""".split(),
        "http",
    ),
    **dict.fromkeys(
        """pika.BlockingConnection pika.SelectConnection aio_pika.connect aio_pika.connect_robust kombu.Connection
        kafka.KafkaProducer kafka.KafkaConsumer aiokafka.AIOKafkaProducer aiokafka.AIOKafkaConsumer confluent_kafka.Producer
        confluent_kafka.Consumer nats.connect stomp.Connection""".split(),
        "broker",
    ),
    **dict.fromkeys(
        """elasticsearch.Elasticsearch elasticsearch.AsyncElasticsearch opensearchpy.OpenSearch opensearchpy.AsyncOpenSearch
        meilisearch.Client typesense.Client qdrant_client.QdrantClient""".split(),
        "search",
    ),
    **dict.fromkeys(
        """boto3.client boto3.resource boto3.Session boto3.session.Session boto3.Session.client boto3.Session.resource
        boto3.session.Session.client boto3.session.Session.resource minio.Minio google.cloud.storage.Client
        azure.storage.blob.BlobServiceClient azure.storage.blob.BlobServiceClient.from_connection_string""".split(),
        "storage",
    ),
}

# Clients that cost a handshake more than a pool: still worth one client, but a team may choose it knowingly.
_LIGHT = frozenset({"requests.Session", "requests.session", "boto3.Session", "boto3.session.Session"})
# Classes whose objects are rows of the database.
_ROWS = frozenset({"Model", "Base", "DeclarativeBase", "SQLModel", "Document"})
_STARTUP = frozenset({"startup", "shutdown", "before_serving", "before_server_start", "main_process_start"})
_WORKER_DECORATORS = frozenset(
    {"task", "shared_task", "actor", "job", "periodic_task", "db_task", "cron", "on_after_configure"}
)
_COMMAND_DECORATORS = frozenset({"command", "callback", "cli"})


@dataclass(frozen=True)
class _Found:
    """A constructor call in a function."""

    function: FunctionValue
    site: Site
    name: str


def link_connections(
    evaluator: Evaluator,
    graph: CallGraph,
    drafts: Sequence[RouteDraft],
    names: Mapping[int, str],
    roles: Mapping[str, Role],
) -> tuple[Connection, ...]:
    """Every connection that application code makes. ``names`` gives a route's name by the identity of its draft."""
    invoked = list(_invoked(evaluator, roles))
    drafts = [*drafts, *invoked]
    names = {**names, **{id(draft): f"every invocation of {draft.name}" for draft in invoked}}
    found = list(_sites(evaluator, graph, roles))
    result: dict[tuple[str, int, int, str], Connection] = {}
    for connection in _at_module_level(evaluator, roles):
        result[_key(connection)] = connection
    wanted = [item.function for item in found]
    within = graph.interesting(wanted) if wanted else frozenset()

    keeps = _Keeps(evaluator, graph, drafts, within)
    reached = _reached(graph, drafts, names, within, keeps.stops)
    started = {id(step.function.node) for step in graph.reach(_startup(evaluator, graph), within)}
    for item in found:
        connection = _classify(evaluator, keeps, item, reached, started)
        result[_key(connection)] = connection
    return tuple(result[key] for key in sorted(result))


class _Keeps:
    """Tells what is made once and kept: what a function remembers, a global or an attribute that is filled while it is empty.

    An attribute keeps nothing for the next request where its object is made for each of them.
    """

    def __init__(
        self, evaluator: Evaluator, graph: CallGraph, drafts: Sequence[RouteDraft], within: frozenset[int]
    ) -> None:
        self._evaluator = evaluator
        self._graph = graph
        self._drafts = drafts
        self._within = within
        self._kept: dict[tuple[int, int], str] = {}
        self._brief: frozenset[int] | None = None

    def how(self, function: FunctionValue, site: Site | None) -> str:
        """How what a function makes at a call, or gives back (None), is kept; empty where it is not."""
        kept = self._anywhere(function, site)
        on_object = kept.startswith("kept in `self.") or "cached_property" in decorators(function)
        return "" if kept and on_object and self._made_per_request(function) else kept

    def stops(self, function: FunctionValue, site: Site | None) -> bool:
        """Whether a way from a request ends here: what a remembered function makes is made once, as is what it keeps."""
        return bool(self.how(function, site) if site is not None else remembers(function) and self.how(function, None))

    def _anywhere(self, function: FunctionValue, site: Site | None) -> str:
        key = (id(function.node), id(site))
        if key not in self._kept:
            if remembers(function):
                self._kept[key] = "the function's result is remembered"
            else:
                self._kept[key] = _kept(self._evaluator, function, site) if site is not None else ""
        return self._kept[key]

    def _made_per_request(self, function: FunctionValue) -> bool:
        if function.owner is None:
            return False
        if self._brief is None:
            self._brief = self._of_requests()
        return id(function.owner.node) in self._brief

    def _of_requests(self) -> frozenset[int]:
        """Classes (by their nodes) whose objects requests make for themselves; none that a module or itself keeps."""
        made: dict[int, ClassValue] = {}
        for draft in self._drafts:
            values = [
                draft.view,
                draft.handler,
                *(value for value in draft.before if not self._graph.is_middleware(value)),
            ]
            roots = list(self._graph.roots(draft))
            for step in self._graph.reach(
                roots, self._within, lambda function, site: bool(self._anywhere(function, site))
            ):
                values += self._graph.injected(step.function)
                values += [
                    site.callee
                    for site in self._graph.sites(step.function)
                    if isinstance(site.callee, ClassValue) and not self._anywhere(step.function, site)
                ]
            for value in values:
                if isinstance(value, ClassValue):
                    made[id(value.node)] = value
        long = {
            id(value.cls.node)
            for _, scope in self._evaluator.modules()
            for value in scope.names.values()
            if isinstance(value, Instance) and isinstance(value.cls, ClassValue)
        }
        brief = set[int]()
        for cls in made.values():
            family = [base for base in self._evaluator.ancestry(cls) if isinstance(base, ClassValue)]
            alone = any("__new__" in base.names or "metaclass" in base.keywords or base.decorators for base in family)
            if not alone and id(cls.node) not in long:
                brief.update(id(base.node) for base in family)
        return frozenset(brief - long)


def _key(connection: Connection) -> tuple[str, int, int, str]:
    span = connection.place.span
    return connection.place.path, span.line, span.column, connection.constructor


def _at_module_level(evaluator: Evaluator, roles: Mapping[str, Role]) -> Iterator[Connection]:
    for event in evaluator.events:
        name = event.name
        if isinstance(event.receiver, (External, Instance)):
            holder = event.receiver
            cls = (
                holder.name
                if isinstance(holder, External)
                else holder.cls.name
                if isinstance(holder.cls, External)
                else ""
            )
            name = f"{cls}.{event.name}"
        kind = CONSTRUCTORS.get(name)
        if kind is None or ":" in event.owner or roles.get(event.place.path) is not Role.APPLICATION:
            continue
        yield Connection(kind, name, event.place, event.owner, Scope.MODULE, "made once, when the module is imported")


def _sites(evaluator: Evaluator, graph: CallGraph, roles: Mapping[str, Role]) -> Iterator[_Found]:
    """Constructor calls in functions; a function whose calls cannot name one is not decoded."""
    called = Called(CONSTRUCTORS)
    for function in _all_functions(evaluator):
        if roles.get(function.path) is not Role.APPLICATION:
            continue
        if not called.may_be_in(function):
            continue
        for site in graph.sites(function):
            name = dotted(site.callee)
            # A client that is handed a pool borrows from it, as a session of SQLAlchemy does from its engine.
            if name in CONSTRUCTORS and "connection_pool" not in site.arguments.keywords:
                yield _Found(function, site, name)


def _all_functions(evaluator: Evaluator) -> Iterable[FunctionValue]:
    return [function for _, function in sorted(evaluator.functions.items())]


def _invoked(evaluator: Evaluator, roles: Mapping[str, Role]) -> Iterator[RouteDraft]:
    """The functions that a serverless platform runs for every event, by the parameters that it hands over."""
    for function in _all_functions(evaluator):
        given = [parameter.name.strip("_") for parameter in function.node.parameters]
        alone = function.owner is None and "." not in function.qualname
        if alone and given == ["event", "context"] and roles.get(function.path) is Role.APPLICATION:
            declared = Place(function.path, function.node.span)
            yield RouteDraft("serverless", "", "", function, declared, name=function.qualname)


def _reached(
    graph: CallGraph,
    drafts: Sequence[RouteDraft],
    names: Mapping[int, str],
    within: frozenset[int],
    stops: Callable[[FunctionValue, Site | None], bool],
) -> dict[int, tuple[Step, RouteDraft, list[str]]]:
    """For each function of interest the nearest way from a route, that route, and the names of all that reach it."""
    result: dict[int, tuple[Step, RouteDraft, list[str]]] = {}
    for draft in drafts:
        if draft.path and is_probe(draft.path):
            continue  # a health check may well open its own connection
        for step in graph.reach(graph.roots(draft), within, stops):
            key = id(step.function.node)
            name = names[id(draft)]
            if key not in result:
                result[key] = (step, draft, [name])
                continue
            nearest, _first, reaching = result[key]
            if name not in reaching:
                reaching.append(name)
            if step.hops < nearest.hops:
                reaching.remove(name)
                result[key] = (step, draft, [name, *reaching])
    return result


def _startup(evaluator: Evaluator, graph: CallGraph) -> Iterator[tuple[FunctionValue, Value | None]]:
    """Functions that run once when the application starts or stops."""
    for event in evaluator.events:
        handed: list[Value] = []
        if event.name == "on_event" or event.name == "add_event_handler":
            word = event.arguments.get("event_type", 0)
            if isinstance(word, Known) and word.value in _STARTUP:
                handed += [value for value in (event.target, event.arguments.get("func", 1)) if value is not None]
        elif event.name in _STARTUP and event.target is not None:
            handed.append(event.target)
        elif event.name == "append" and getattr(event.receiver, "name", "") in ("on_startup", "cleanup_ctx"):
            handed += event.arguments.positional[:1]
        for keyword in ("lifespan", "on_startup", "on_shutdown"):
            value = event.arguments.get(keyword)
            if value is not None:
                handed += (
                    getattr(value, "items", [value]) if not isinstance(value, (FunctionValue, ClassValue)) else [value]
                )
        for value in handed:
            yield from graph.called(value)
    for function in _all_functions(evaluator):
        if function.node.name in ("ready", "lifespan") and (
            function.node.name == "lifespan"
            or (function.owner is not None and function.owner.node.name.endswith("Config"))
        ):
            yield function, None


def _classify(
    evaluator: Evaluator,
    keeps: _Keeps,
    item: _Found,
    reached: Mapping[int, tuple[Step, RouteDraft, list[str]]],
    started: set[int],
) -> Connection:
    function, site = item.function, item.site
    kind = CONSTRUCTORS[item.name]
    owner = f"{function.path}:{function.qualname}"

    def connection(scope: Scope, why: str, confidence: Confidence = Confidence.HIGH) -> Connection:
        return Connection(kind, item.name, site.place, owner, scope, why, confidence=confidence)

    kept = keeps.how(function, site)
    if kept:
        return connection(Scope.MEMOISED, kept)
    wrapped = decorators(function)
    if wrapped & _WORKER_DECORATORS:
        return connection(Scope.WORKER, "made in a background task")
    if wrapped & _COMMAND_DECORATORS:
        return connection(Scope.COMMAND, "made by a command")
    nearest = reached.get(id(function.node))
    if nearest is None:
        if id(function.node) in started:
            return connection(Scope.LIFESPAN, "made when the application starts")
        if (
            function.path.rsplit("/", 1)[-1] in ("manage.py", "cli.py", "commands.py")
            or "/management/commands/" in function.path
        ):
            return connection(Scope.COMMAND, "made by a command")
        return connection(Scope.UNKNOWN, "no request path is seen to reach it", Confidence.LOW)
    step, draft, routes = nearest
    chain = way(step, draft.declared, routes[0])
    confidence = Confidence.HIGH
    why = _why(step, routes)
    if item.name in _LIGHT or kind in ("http", "storage"):
        confidence = Confidence.MEDIUM
    if kind == "database" and _of_a_row(evaluator, function):
        confidence = Confidence.LOW
        why += "; not sure: the address may be data, with a database of its own for every row"
    elif draft.uncertain:
        confidence = Confidence.MEDIUM
        why += f"; not sure: {draft.uncertain}"
    return Connection(kind, item.name, site.place, owner, Scope.REQUEST, why, chain, tuple(routes), confidence)


def _of_a_row(evaluator: Evaluator, function: FunctionValue) -> bool:
    """Whether a function is a method of what is stored in the database: `Tenant.engine`."""
    return function.owner is not None and any(
        "__tablename__" in base.names if isinstance(base, ClassValue) else _last_word(base) in _ROWS
        for base in evaluator.ancestry(function.owner)
    )


def _last_word(value: Value) -> str:
    return value.name.rsplit(".", 1)[-1] if isinstance(value, External) else ""


def _why(step: Step, routes: Sequence[str]) -> str:
    names = [item.function.qualname for item in step.chain()]
    shown = " -> ".join(names)
    count = f"{len(routes)} operations reach it" if len(routes) > 1 else "1 operation reaches it"
    return f"{routes[0]} runs {shown}; {count}"


_OUTSIDE = (ir.Attribute, ir.Subscript)


def _kept(evaluator: Evaluator, function: FunctionValue, site: Site) -> str:
    """How the function keeps what it makes for the next call; empty where it does not.

    Kept is what is stored outside the function (a global, an attribute, an entry) under a condition that looks whether
    it is there already; and what a singleton's ``__new__`` or an attribute of a module-level object holds.
    """
    body = evaluator.body(function)
    if not any(
        isinstance(statement, ir.Outer)
        or (isinstance(statement, ir.Assign) and any(isinstance(one, _OUTSIDE) for one in statement.targets))
        for statement in ir.walk(body)
    ):
        return ""  # it stores nothing outside of itself
    outer: set[str] = set()
    looks: dict[str, list[ir.Expression]] = {}
    for _, statement in _walk(body, ()):
        if isinstance(statement, ir.Outer):
            outer.update(statement.names)
        elif isinstance(statement, ir.Assign) and statement.value is not None:
            # `client = _clients.get(key)`: a condition on `client` asks for what `_clients` holds.
            for target in statement.targets:
                if isinstance(target, ir.Name):
                    looks.setdefault(target.id, []).append(statement.value)

    def asked(target: ir.Expression, tests: Iterable[ir.Expression]) -> bool:
        return any(
            _mentions(test, part)
            or any(_mentions(look, part) for name in looks if _mentions(test, name) for look in looks[name])
            for test in tests
            for part in _parts(target)
        )

    def stored(target: ir.Expression) -> bool:
        outside = isinstance(target, _OUTSIDE) or (isinstance(target, ir.Name) and target.id in outer)
        return outside and not _is_flask_g(evaluator, target, function)

    for tests, statement in _walk(body, ()):
        if not isinstance(statement, (ir.Assign, ir.Return, ir.Evaluate)) or not _contains(
            statement.value, site.expression
        ):
            continue
        targets = statement.targets if isinstance(statement, ir.Assign) else ()
        for target in targets:
            if stored(target) and asked(target, tests):
                return f"kept in `{_spelled(target)}` and made only where that is empty"
        # `if key not in _clients: client = make(); _clients[key] = client`
        if targets and isinstance(targets[0], ir.Name) and tests:
            for _, later in _walk(body, ()):
                if (
                    isinstance(later, ir.Assign)
                    and isinstance(later.value, ir.Name)
                    and later.value.id == targets[0].id
                    and stored(later.targets[0])
                    and asked(later.targets[0], tests)
                ):
                    return f"kept in `{_spelled(later.targets[0])}` and made only where that is empty"
    return ""


def _is_flask_g(evaluator: Evaluator, target: ir.Expression, function: FunctionValue) -> bool:
    application = False  # `request.app.state.redis` outlives the request
    while isinstance(target, (ir.Attribute, ir.Subscript)):
        application = application or (isinstance(target, ir.Attribute) and target.name in ("app", "application"))
        target = target.value
    if not isinstance(target, ir.Name):
        return False
    value = evaluator.evaluate(target, function.scope)
    if isinstance(value, External) and value.name in (
        "flask.g",
        "quart.g",
        "flask.request",
        "flask._app_ctx_stack.top",
    ):
        return True
    if application:
        return False
    return target.id in ("request", "req") or any(
        parameter.name == target.id and parameter.name.startswith("req") for parameter in function.node.parameters
    )


def _walk(
    statements: Iterable[ir.Statement], tests: tuple[ir.Expression, ...]
) -> Iterator[tuple[tuple[ir.Expression, ...], ir.Statement]]:
    """Every statement with the conditions that it stands under."""
    for statement in statements:
        yield tests, statement
        if isinstance(statement, ir.If):
            yield from _walk(statement.body, (*tests, statement.test))
            yield from _walk(statement.orelse, (*tests, statement.test))
            if any(isinstance(inner, (ir.Return, ir.Raise)) for inner in ir.walk(statement.body)):
                # `if _client is not None: return _client` puts the rest of the block under the condition.
                tests = (*tests, statement.test)
        elif isinstance(statement, (ir.For, ir.While, ir.With)):
            yield from _walk(statement.body, tests)
        elif isinstance(statement, ir.Try):
            # `try: return _clients[key] / except KeyError: _clients[key] = make()`
            looked = tuple(
                inner.value for inner in statement.body if isinstance(inner, ir.Return) and inner.value is not None
            )
            yield from _walk(statement.body, tests)
            for handler in statement.handlers:
                yield from _walk(handler.body, (*tests, *looked))
            yield from _walk(statement.orelse, tests)
            yield from _walk(statement.final, tests)


def _contains(expression: ir.Expression | None, call: ir.Call) -> bool:
    return expression is not None and any(part is call or part == call for part in ir.subexpressions(expression))


def _spelled(expression: ir.Expression) -> str:
    if isinstance(expression, ir.Name):
        return expression.id
    if isinstance(expression, ir.Attribute):
        return f"{_spelled(expression.value)}.{expression.name}"
    if isinstance(expression, ir.Subscript):
        return f"{_spelled(expression.value)}[...]"
    return "..."


def _parts(target: ir.Expression) -> Iterator[str]:
    """The names whose mention in a condition shows that it asks for the target."""
    if isinstance(target, ir.Name):
        yield target.id
    elif isinstance(target, ir.Attribute):
        yield target.name
        if isinstance(target.value, ir.Attribute):
            yield from _parts(target.value)
    elif isinstance(target, ir.Subscript):
        yield from _parts(target.value)


def _mentions(test: ir.Expression, name: str) -> bool:
    return any(
        (isinstance(part, ir.Name) and part.id == name)
        or (isinstance(part, ir.Attribute) and part.name == name)
        or (isinstance(part, ir.Constant) and part.value == name)
        for part in ir.subexpressions(test)
    )
