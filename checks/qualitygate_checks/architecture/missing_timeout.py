"""A call to another system that may wait for ever.

What it flags: a network call that ends only when the other side answers: `requests` and `urllib.request.urlopen` without
a timeout (neither has a default), a connection of `smtplib`, `imaplib`, `poplib`, `ftplib`, `http.client`, `paramiko`,
`socket.create_connection` or `urllib3` that is made without one, a call of a gRPC stub without a deadline, and the
default of `httpx` or `aiohttp` switched off with None. In commands and scripts it is a warning. A Redis client without `socket_timeout` and a stream that httpx
holds open without a limit are told with low confidence.

Why: when the other system hangs, every worker that calls it hangs with it, until none is left to answer requests that
have nothing to do with it. A timeout turns the outage of a neighbour into an error that can be handled.

How to mend: pass a timeout that is shorter than that of your own callers (`timeout=(3.05, 10)`: connect, read), or set it
once for all calls in the session's adapter or the client.

What it cannot see: a timeout inside keyword arguments that are unpacked, limits that a proxy or the operating system
sets, and clients whose type is not known. Clients with a default of their own (httpx 5 s, aiohttp 300 s, boto3 60 s) are
left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._code import Body, Code, last_name
from qualitygate_checks._reach import is_script, owner, way

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
_SESSIONS = (
    "requests.Session",
    "requests.session",
    "requests.sessions.Session",
    "requests_oauthlib.OAuth2Session",
    "requests_oauthlib.OAuth1Session",
)
_REQUESTS = frozenset(
    [f"requests.{verb}" for verb in _VERBS]
    + [f"requests.api.{verb}" for verb in _VERBS]
    + [f"{session}.{verb}" for session in _SESSIONS for verb in _VERBS]
)
# Where `Session.request` has its timeout; the other methods take it by keyword only.
_SESSION_POSITION = 8
# Clients of the standard library and others like it: where the timeout stands among the positional arguments.
_POSITIONS = {
    "urllib.request.urlopen": 2,
    "smtplib.SMTP": 3,
    "smtplib.SMTP_SSL": 5,
    "imaplib.IMAP4": 2,
    "imaplib.IMAP4_SSL": 3,
    "poplib.POP3": 2,
    "poplib.POP3_SSL": 2,
    "ftplib.FTP": 4,
    "ftplib.FTP_TLS": 4,
    "http.client.HTTPConnection": 2,
    "http.client.HTTPSConnection": 2,
    "socket.create_connection": 1,
    "paramiko.SSHClient.connect": 6,
    "paramiko.client.SSHClient.connect": 6,
    "urllib3.PoolManager": None,
}
_STANDARD = frozenset(name for name in _POSITIONS if not name.startswith(("paramiko.", "urllib3.")))
_POOL_CALLS = frozenset({"urllib3.PoolManager.request", "urllib3.PoolManager.urlopen"})
_HTTPX_CLIENTS = frozenset({"httpx.Client", "httpx.AsyncClient"})
_HTTPX = frozenset(
    [f"httpx.{verb}" for verb in (*_VERBS, "stream")]
    + [f"{client}.{verb}" for client in _HTTPX_CLIENTS for verb in (*_VERBS, "stream")]
    + list(_HTTPX_CLIENTS)
)
_REDIS = frozenset(
    {
        "redis.Redis",
        "redis.StrictRedis",
        "redis.from_url",
        "redis.Redis.from_url",
        "redis.StrictRedis.from_url",
        "redis.asyncio.Redis",
        "redis.asyncio.from_url",
        "redis.asyncio.Redis.from_url",
    }
)
_AIOHTTP = frozenset(f"aiohttp.ClientSession.{verb}" for verb in _VERBS) | {"aiohttp.ClientSession"}
_MOUNTS = frozenset(f"{session}.mount" for session in _SESSIONS)
# A host, or a setting in capitals: other names of a variable tell a reader nothing.
_TARGET = re.compile(r"^(?!self\.)[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?$|^(\w+\.)*[A-Z][A-Z0-9_]+$")
# Calls that are held open on purpose: the other side sends when it has something.
_OPEN = re.compile(r"Watch|Stream|Subscribe|Listen|Tail|Follow")
_SHOWN = 5
_DEFAULT = "socket.setdefaulttimeout"
_TOTAL = "aiohttp.ClientTimeout"
_HTTPX_TIMEOUT = "httpx.Timeout"
_MEDIUM = Confidence.MEDIUM


@dataclass(frozen=True)
class _Defaults:
    """What a project sets for many calls at once: files whose sessions have adapters of their own, the socket default."""

    adapted: frozenset[str]
    sockets: bool
    pools: bool


def run(project: Project) -> Iterator[Hit]:
    """A hit for every call, or client, without an end."""
    targets = {outbound.place: outbound.target for outbound in project.outbound}
    code = project.once(Code)
    defaults = _defaults(project, code)
    yield from _stubs(code)
    told: set[tuple[str, str]] = set()
    for call in project.calls:
        fault = _fault(call, defaults)
        if fault is None:
            continue
        if call.name in _STANDARD:
            # `SMTP_SSL(...) if tls else SMTP(...)`: one connection, made in two ways.
            connection = (call.owner, call.name.rsplit(".", 1)[0])
            if connection in told:
                continue
            told.add(connection)
        why, mend, confidence = fault
        shown = _shown(call.name)
        target = targets.get(call.place, "")
        to = f" to {target}" if _TARGET.match(target) else ""
        reached = way(call)
        yield Hit(
            place=call.place,
            message=f"{shown}(){to} may wait for ever",
            subject=f"{call.name} in {owner(call)}",
            why=f"{why}; {reached}" if reached else why,
            mend=mend,
            places=call.chain,
            severity=Severity.WARNING if is_script(call.place.path) else None,
            confidence=confidence,
        )


def _stubs(code: Code) -> Iterator[Hit]:
    """Calls of the generated stubs of gRPC without a deadline: it has none of its own."""
    bodies = [body for path in code.files_that_call("Stub") for body in code.bodies(path)]
    known: dict[str, set[str]] = {}
    for body in bodies:
        for name in _held_stubs(body):
            known.setdefault(body.path, set()).add(name)
    if not known or any(True for _ in code.everywhere("intercept_channel")):
        return  # an interceptor may set a deadline for all
    endless: dict[str, list[tuple[ir.Call, Body]]] = {}
    for body in bodies:
        held = known.get(body.path, set())
        awaited = {id(part.value) for part in body.expressions() if isinstance(part, ir.Await)}
        iterated = set(_iterated(body))
        for part in body.expressions():
            if not isinstance(part, ir.Call) or not _is_unlimited(part, held) or id(part) in iterated:
                continue
            if body.function is not None and body.function.asynchronous and id(part) not in awaited:
                continue  # the answer of a stream is not awaited but iterated
            endless.setdefault(body.path, []).append((part, body))
    for found in endless.values():
        call, body = found[0]
        shown = f"{last_name(call.function)}()"
        yield Hit(
            place=Place(body.path, call.name_span),
            message=f"{shown} may wait for ever, and so may {len(found) - 1} more calls of stubs in this file"
            if len(found) > 1
            else f"{shown} may wait for ever",
            subject=f"grpc {last_name(call.function)} in {body.qualname or body.path}",
            why="a call of gRPC has no deadline of its own",
            mend="pass `timeout=` in seconds, or set a deadline for all calls in an interceptor of the channel",
            places=tuple(Place(other.path, item.name_span, other.qualname, "call") for item, other in found[1:_SHOWN]),
            confidence=_MEDIUM,
        )


def _iterated(body: Body) -> Iterator[int]:
    """Identities of the calls whose answers a loop runs over, at once or under a name: streams."""
    for item in ir.walk(body.statements):
        if isinstance(item, ir.For):
            yield id(item.iterable)
            if isinstance(item.iterable, ir.Name):
                yield from (id(binding.value) for binding in body.bindings.get(item.iterable.id, ()))


def _is_unlimited(call: ir.Call, held: set[str]) -> bool:
    """Whether a call is one of a stub, with its message alone."""
    function = call.function
    if not isinstance(function, ir.Attribute) or last_name(function.value) not in held:
        return False
    if not function.name[:1].isupper() or _OPEN.search(function.name):
        return False
    given = [argument for argument in call.arguments if argument.stars or argument.name is not None]
    return not any(argument.stars or argument.name == "timeout" for argument in given) and len(
        call.arguments
    ) <= 1 + len(given)


def _held_stubs(body: Body) -> Iterator[str]:
    """Names and attributes that a body gives a stub: `self._stub = stock_pb2_grpc.StockStub(channel)`."""
    for statement in ir.walk(body.statements):
        if isinstance(statement, ir.Assign) and isinstance(statement.value, ir.Call):
            made = statement.value
            if last_name(made.function).endswith("Stub") and len(made.arguments) == 1:
                yield from (name for target in statement.targets if (name := last_name(target)))


def _defaults(project: Project, code: Code) -> _Defaults:
    adapted = {
        call.place.path
        for call in project.calls
        if call.name in _MOUNTS and any(":" in item.name for item in call.positional if item.kind == "object")
    }
    # `session.request = partial(session.request, timeout=10)`
    for body in code.everywhere("partial"):
        for part in body.expressions():
            if isinstance(part, ir.Call) and last_name(part.function) == "partial" and part.arguments:
                limited = any(argument.name == "timeout" for argument in part.arguments)
                if limited and last_name(part.arguments[0].value) == "request":
                    adapted.add(body.path)
    sockets = any(call.name == _DEFAULT and not _is_none(call.argument("timeout", 0)) for call in project.calls)
    timed = [call for call in project.calls if call.name in _POOL_CALLS]
    pools = bool(timed) and all(call.argument("timeout") is not None or not call.complete for call in timed)
    return _Defaults(frozenset(adapted), sockets, pools)


def _fault(call: Call, defaults: _Defaults) -> tuple[str, str, Confidence] | None:
    name = call.name
    if name in _REQUESTS:
        if call.place.path in defaults.adapted and name.startswith(_SESSIONS):
            return None
        position = _SESSION_POSITION if name.startswith(_SESSIONS) and name.endswith(".request") else None
        return _absent(call, position, "requests has no default timeout", "pass `timeout=(3.05, 10)` (connect, read)")
    if name in _POSITIONS:
        if (defaults.sockets and name in _STANDARD) or (defaults.pools and name == "urllib3.PoolManager"):
            return None
        module = name.rsplit(".", 1)[0]
        return _absent(call, _POSITIONS[name], f"{module} has no default timeout", "pass `timeout=` in seconds")
    if name in _HTTPX and _is_none(call.argument("timeout")):
        # A stream of events is held open on purpose more often than not.
        confidence = Confidence.LOW if name.endswith(".stream") else _MEDIUM
        return (
            "`timeout=None` switches off the 5 s of httpx",
            "give a number of seconds, or drop the argument",
            confidence,
        )
    if name == _HTTPX_TIMEOUT and _is_none(call.argument("timeout", 0)) and len(call.keywords) <= 1 and call.complete:
        if set(call.keywords) <= {"timeout"}:
            return "a timeout of None switches off the 5 s of httpx", "give numbers of seconds", _MEDIUM
        return None
    if name in _AIOHTTP and _is_none(call.argument("timeout")):
        return "`timeout=None` switches off the 300 s of aiohttp", "drop the argument, or give a ClientTimeout", _MEDIUM
    if name == _TOTAL and _is_none(call.argument("total", 0)) and call.complete:
        limits = [call.argument(word) for word in ("sock_read", "connect", "sock_connect")]
        if all(limit is None or _is_none(limit) for limit in limits):
            return "`total=None` switches off the 300 s of aiohttp", "give `sock_read=` or `total=` in seconds", _MEDIUM
        return None
    if name in _REDIS and call.complete and call.argument("socket_timeout") is None:
        if any(word in call.keywords for word in ("connection_pool", "retry")) or _in_address(call):
            return None
        return (
            "a Redis client has no `socket_timeout` of its own: a server that hangs holds the caller",
            "pass `socket_timeout=` and `socket_connect_timeout=`",
            Confidence.LOW,
        )
    return None


def _absent(call: Call, position: int | None, why: str, mend: str) -> tuple[str, str, Confidence] | None:
    argument = call.argument("timeout", position)
    if argument is None:
        return (why, mend, Confidence.HIGH) if call.complete else None
    return ("the timeout is None", mend, Confidence.HIGH) if _is_none(argument) else None


def _is_none(argument: Argument | None) -> bool:
    return argument is not None and argument.kind == "constant" and argument.value is None and argument.complete


def _in_address(call: Call) -> bool:
    address = call.argument("url", 0)
    return address is not None and isinstance(address.value, str) and "timeout" in address.value


def _shown(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[-2:])


CHECK = Check(
    id="missing-timeout",
    domain=Domain.ARCHITECTURE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Handle dependency failures",
    dont="Wait for other systems without an end",
    tags=("CWE-400", "CWE-1088", "OWASP-API4:2023", "OWASP-API10:2023", "SOC2-A1.2"),
    gates=("graceful_degradation",),
    run=run,
    calls=_REQUESTS
    | frozenset(_POSITIONS)
    | _POOL_CALLS
    | _HTTPX
    | _REDIS
    | _AIOHTTP
    | _MOUNTS
    | {_DEFAULT, _TOTAL, _HTTPX_TIMEOUT},
    examined=lambda project: sum(
        call.name in _REQUESTS or call.name in _POSITIONS or call.name in _HTTPX or call.name in _REDIS
        for call in project.calls
    ),
    doc=__doc__,
    bad=(
        example(
            """
            import grpc

            from shop.protos import stock_pb2, stock_pb2_grpc


            class Stock:
                def __init__(self, address):
                    self._stub = stock_pb2_grpc.StockStub(grpc.insecure_channel(address))

                def level(self, sku):
                    return self._stub.GetLevel(stock_pb2.LevelRequest(sku=sku))  # <- flagged
            """,
            "a stub of gRPC",
            path="shop/stock.py",
        ),
        example(
            {
                "shop/main.py": """
                    from fastapi import FastAPI

                    from shop.rates import current_rate

                    app = FastAPI()


                    @app.get("/v1/prices/{currency}")
                    def prices(currency: str):
                        return {"rate": current_rate(currency)}
                    """,
                "shop/rates.py": """
                    import requests


                    def current_rate(currency):
                        response = requests.get(f"https://rates.example.com/{currency}")  # <- flagged
                        response.raise_for_status()
                        return response.json()["rate"]
                    """,
            },
            "two calls from the route",
        ),
        example(
            """
            import requests
            from flask import Flask, jsonify

            app = Flask(__name__)
            session = requests.Session()
            session.headers["Accept"] = "application/json"


            @app.post("/api/v1/tickets/<int:number>/notify")
            def notify(number):
                session.post("https://chat.example.com/hooks/tickets", json={"ticket": number})  # <- flagged
                return jsonify(ok=True)
            """,
            "a session has no default either",
        ),
        example(
            """
            import smtplib
            from email.message import EmailMessage


            def send(message: EmailMessage) -> None:
                with smtplib.SMTP("mail.example.com", 587) as server:  # <- flagged
                    server.starttls()
                    server.send_message(message)
            """,
            "a mail server that does not answer",
            path="clinic/mail.py",
        ),
        example(
            """
            import httpx
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/v1/search")
            async def search(q: str):
                async with httpx.AsyncClient(timeout=None) as client:  # <- flagged
                    response = await client.get("https://search.example.com/", params={"q": q})
                return response.json()
            """,
            "the default is switched off",
        ),
        example(
            """
            from urllib.request import Request, urlopen

            from celery import shared_task


            @shared_task
            def fetch_feed(url):
                with urlopen(Request(url, headers={"User-Agent": "reader"})) as response:  # <- flagged
                    return response.read()
            """,
            "a worker waits as well",
            path="reader/tasks.py",
        ),
    ),
    good=(
        example(
            """
            import grpc

            from shop.protos import stock_pb2, stock_pb2_grpc


            class Stock:
                def __init__(self, address):
                    self._stub = stock_pb2_grpc.StockStub(grpc.insecure_channel(address))

                def level(self, sku):
                    return self._stub.GetLevel(stock_pb2.LevelRequest(sku=sku), timeout=2)

                def changes(self):
                    yield from self._stub.WatchLevels(stock_pb2.WatchRequest())
            """,
            "a deadline of gRPC, and a stream that stays open",
            path="shop/stock.py",
        ),
        example(
            """
            import requests

            TIMEOUT = (3.05, 10)


            def current_rate(currency):
                response = requests.get(f"https://rates.example.com/{currency}", timeout=TIMEOUT)
                return response.json()["rate"]
            """,
            "a timeout for connecting and one for reading",
        ),
        example(
            """
            import requests
            from requests.adapters import HTTPAdapter


            class TimeoutAdapter(HTTPAdapter):
                def send(self, request, timeout=None, **kwargs):
                    return super().send(request, timeout=timeout or 10, **kwargs)


            session = requests.Session()
            session.mount("https://", TimeoutAdapter())


            def current_rate(currency):
                return session.get(f"https://rates.example.com/{currency}").json()["rate"]
            """,
            "the session's adapter sets one for all calls",
        ),
        example(
            """
            import aiohttp
            import httpx
            from fastapi import FastAPI

            app = FastAPI()
            client = httpx.AsyncClient(base_url="https://search.example.com")


            @app.get("/v1/search")
            async def search(q: str):
                return (await client.get("/", params={"q": q})).json()


            @app.get("/v1/suggestions")
            async def suggestions(q: str):
                async with aiohttp.ClientSession() as session, session.get("https://search.example.com/") as response:
                    return await response.json()
            """,
            "clients with a default of their own",
        ),
        example(
            """
            import requests


            class Client:
                def __init__(self, base, timeout=10):
                    self.base = base
                    self.timeout = timeout

                def call(self, method, path, **options):
                    options.setdefault("timeout", self.timeout)
                    return requests.request(method, self.base + path, **options)
            """,
            "set in arguments that are passed on",
        ),
        example(
            """
            import smtplib
            import socket

            socket.setdefaulttimeout(15)


            def send(message):
                with smtplib.SMTP("mail.example.com") as server:
                    server.send_message(message)
            """,
            "a default for all sockets",
        ),
    ),
)
