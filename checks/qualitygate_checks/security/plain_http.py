"""Traffic without TLS.

What it flags: in a contract, a public server whose address begins with `http://` (its variables replaced by their
defaults), and of OpenAPI 2.0 the scheme `http`. Where the same contract offers the same host with HTTPS as well, it is a
warning. In code, calls and clients of Requests, HTTPX, aiohttp, urllib and their like, gRPC channels without
credentials and web sockets whose address is plain, and names and defaults of settings that hold such an address
(`RATES_URL = "http://..."`, in code and in the variables of containers); every host once, where it is named first. Further `OAUTHLIB_INSECURE_TRANSPORT`, and
`SECURE_SSL_REDIRECT = False` in the production settings of Django. Hosts on the developer's machine and on a private network (one label, a private
number, `.local`, `.internal`) are left alone, and so are names of XML and its like, which nobody fetches.

Why: whoever sits on the way reads and changes what is sent without TLS, credentials first. Generated clients take the
address that the contract gives them.

How to mend: offer and call `https://` alone; let plain HTTP answer with a redirect at most.

What it cannot see: TLS that ends before the service, at a proxy whose address the contract does not name, and addresses
that the environment gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Role, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._reach import way
from qualitygate_checks.security._hosts import address, is_public
from qualitygate_checks.security._settings import is_development, is_false, place_of, production, variables

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream")
_HOLDERS = (
    "requests",
    "httpx",
    "requests.Session",
    "requests.session",
    "requests.sessions.Session",
    "httpx.Client",
    "httpx.AsyncClient",
    "aiohttp.ClientSession",
    "urllib3.PoolManager",
)
_CALLS = frozenset(f"{holder}.{method}" for holder in _HOLDERS for method in _METHODS)
# Clients and calls that take an address first, or by one of these names.
_CLIENTS = frozenset(
    """httpx.Client httpx.AsyncClient aiohttp.ClientSession urllib.request.urlopen urllib.request.Request
    xmlrpc.client.ServerProxy zeep.Client websockets.connect websocket.create_connection aiohttp.ClientSession.ws_connect
    elasticsearch.Elasticsearch elasticsearch.AsyncElasticsearch opensearchpy.OpenSearch hvac.Client boto3.client
    boto3.resource requests.api.request""".split()
)
_CHANNELS = frozenset(("grpc.insecure_channel", "grpc.aio.insecure_channel"))
_ADDRESSES = ("url", "base_url", "endpoint_url", "uri", "wsdl", "hosts")
_PLAIN = frozenset(("http", "ws"))
_TRANSPORT = frozenset(("OAUTHLIB_INSECURE_TRANSPORT", "AUTHLIB_INSECURE_TRANSPORT"))
_NAMED = re.compile(r"(?:^|_)(?:url|uri|endpoint|host|server|api|base|webhook|gateway)s?(?:_|$)", re.IGNORECASE)
# What is spelled like an address and names something.
_NO_ADDRESS = re.compile(
    r"(?:^|_)(?:ns|namespaces?|xmlns|schemas?|dtd|xsd|vocab\w*|ontology|context|type|docs?|help|support|terms|licen[cs]e"
    r"|example|regex|pattern|placeholder|link|proxy|proxies)(?:_|$)",
    re.IGNORECASE,
)
_SHOWN = 5


def run(project: Project) -> Iterator[Hit]:
    """A hit for each place of a contract, and for each host in the code, that is plain HTTP."""
    yield from _contracts(project)
    yield from _code(project)
    yield from _switches(project)


def _code(project: Project) -> Iterator[Hit]:
    """Every host once: at the constant that names it, else at the first call."""
    hosts: dict[str, list[tuple[Place, str, Confidence]]] = {}
    for place, host, name in (*_constants(project), *_variables(project)):
        hosts.setdefault(host, []).append((place, f"`{name}` names {host} without TLS", Confidence.MEDIUM))
    for call in project.calls:
        if call.name in _CALLS | _CLIENTS | _CHANNELS and not is_development(call.place.path):
            for place, host in _called(call):
                text = f"`{_short(call)}` talks to {host} without TLS"
                reached = way(call)
                hosts.setdefault(host, []).append((place, f"{text} ({reached})" if reached else text, Confidence.HIGH))
    for host, uses in hosts.items():
        place, what, _ = uses[0]
        yield Hit(
            place=place,
            message=what,
            subject=f"code {host}",
            why="what is sent and answered can be read and changed on the way",
            mend="call it by https (wss, a secure channel)",
            places=tuple(Place(other.path, other.span, text, "call") for other, text, _ in uses[1:_SHOWN]),
            confidence=Confidence.HIGH if any(sure is Confidence.HIGH for *_, sure in uses) else Confidence.MEDIUM,
        )


def _called(call: Call) -> Iterator[tuple[Place, str]]:
    position = 1 if call.name.endswith(".request") else 0
    if call.name in ("boto3.client", "boto3.resource"):
        position = 99
    candidates = [call.argument("target" if call.name in _CHANNELS else "url", position)]
    candidates += [call.keywords.get(name) for name in _ADDRESSES if name != "url"]
    for argument in candidates:
        for text in _texts(argument):
            channel = call.name in _CHANNELS and "://" not in text
            scheme, host = address(f"http://{text}" if channel else text)
            if argument is not None and scheme in _PLAIN and is_public(host):
                yield argument.place or call.place, host


def _texts(argument: Argument | None) -> Iterator[str]:
    if argument is None:
        return
    if argument.kind == "items":
        for item in argument.items:
            yield from _texts(item)
    elif argument.kind == "template":
        yield argument.text
    elif isinstance(argument.value, str) and argument.complete:
        yield argument.value


def _constants(project: Project) -> Iterator[tuple[Place, str, str]]:
    """Names of modules and classes that are bound to a plain address."""
    for file in project.files:
        if file.module is None or file.role is not Role.APPLICATION or file.module.generated:
            continue
        if not is_development(file.path):
            for holder, statement in _assigned(file.module.body, ""):
                if is_development(f"{file.path}:{holder}") or statement.value is None:
                    continue
                for target in statement.targets:
                    if not isinstance(target, ir.Name) or not _NAMED.search(target.id) or _NO_ADDRESS.search(target.id):
                        continue
                    text = _default(statement.value)
                    scheme, host = address(text)
                    if scheme in _PLAIN and is_public(host):
                        yield Place(file.path, statement.span), host, target.id


def _variables(project: Project) -> Iterator[tuple[Place, str, str]]:
    """Environment variables of container files and the like that hold a plain address."""
    for _, variable, place in variables(project):
        scheme, host = address(variable.value)
        if (
            scheme in _PLAIN
            and is_public(host)
            and _NAMED.search(variable.key)
            and not _NO_ADDRESS.search(variable.key)
        ):
            yield place, host, variable.key


def _assigned(body: tuple[ir.Statement, ...], holder: str) -> Iterator[tuple[str, ir.Assign]]:
    for statement in body:
        if isinstance(statement, ir.Assign):
            yield holder, statement
        elif isinstance(statement, ir.Class):
            yield from _assigned(statement.body, statement.name)


def _default(value: ir.Expression) -> str:
    """The text that a value is, or falls back to: `os.environ.get("RATES_URL", "http://...")`."""
    if isinstance(value, ir.Constant):
        return value.value if isinstance(value.value, str) else ""
    if isinstance(value, ir.Operation) and value.operator == "or":
        return _default(value.operands[-1])
    if isinstance(value, ir.Template) and value.parts:
        return _default(value.parts[0])
    if isinstance(value, ir.Call):
        named = [item.value for item in value.arguments if item.name in ("default", "default_factory")]
        last = [item.value for item in value.arguments if item.name is None][1:2]
        return next((text for item in (*named, *last) if (text := _default(item))), "")
    return ""


def _switches(project: Project) -> Iterator[Hit]:
    for item in project.assignments:
        if (
            item.name in _TRANSPORT
            and not item.conditional
            and str(item.value.value).lower() in ("1", "true")
            and not is_development(item.place.path)
        ):
            yield Hit(
                place=item.place,
                message=f"`{item.name}` lets OAuth run without TLS",
                subject=f"{item.owner} {item.name}",
                why="codes and tokens are sent in the clear",
                mend="drop it; serve development by TLS as well, or set it in the developer's shell alone",
            )
    told = set()
    for settings in production(project):
        place = place_of(settings, "SECURE_SSL_REDIRECT")
        if is_false(settings.values.get("SECURE_SSL_REDIRECT")) and place not in told:
            told.add(place)
            yield Hit(
                place=place,
                message="`SECURE_SSL_REDIRECT = False`: plain HTTP is answered",
                subject=f"{settings.path} redirect",
                why="whoever follows a plain link stays on it, unless a proxy redirects",
                mend="set it to True in the settings of production",
                severity=Severity.WARNING,
                confidence=Confidence.MEDIUM,
            )


def _short(call: Call) -> str:
    parts = call.name.split(".")
    return ".".join(parts[-2:])


def _contracts(project: Project) -> Iterator[Hit]:
    for contract in project.contracts:
        secure = {_host(server.url) for server in contract.servers if server.url.lower().startswith("https://")}
        for server in contract.servers:
            if server.plain_http is None or server.local:
                continue
            both = _host(server.url) in secure
            yield Hit(
                place=Place(server.plain_http.path, server.plain_http.span),
                message=f"The contract offers {_host(server.url) or 'its server'} without TLS",
                subject=_host(server.url),
                why="HTTPS is offered beside it, and a client may take either"
                if both
                else "a client that follows it sends everything in the clear",
                mend="offer `https` alone",
                severity=Severity.WARNING if both else None,
            )


def _host(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1].lower() if "://" in url else ""


CHECK = Check(
    id="plain-http",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Always use HTTPS",
    dont="Allow HTTP in production",
    tags=("OWASP-API8:2023", "CWE-319"),
    gates=("data_protection",),
    calls=_CALLS | _CLIENTS | _CHANNELS,
    assigns=_TRANSPORT | {"SECURE_SSL_REDIRECT"},
    run=run,
    examined=lambda project: (
        sum(len(contract.servers) for contract in project.contracts)
        + sum(1 for call in project.calls if call.name in _CALLS | _CLIENTS | _CHANNELS)
    ),
    doc=__doc__,
    bad=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            servers:
              - url: http://api.example.com/v1  # <- flagged
              - url: http://localhost:8080/v1
            paths: {}
            """,
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            host: warehouse.example.com
            basePath: /v1
            schemes:
              - https
              - http  # <- flagged
            paths: {}
            """,
            "OpenAPI 2.0: both schemes",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.1.0
            info: {title: Teams, version: 2.0.0}
            servers:
              - url: "{scheme}://{host}/v2"  # <- flagged
                variables:
                  scheme: {default: http, enum: [http, https]}
                  host: {default: teams.example.com}
            paths: {}
            """,
            "the default of a variable",
            path="openapi.yaml",
        ),
        example(
            {
                "spec/openapi.yaml": """
                    openapi: 3.0.0
                    info: {title: Bookings, version: "1"}
                    servers: {$ref: servers.yaml}
                    paths: {}
                    """,
                "spec/servers.yaml": """
                    - url: https://bookings.example.com
                    - url: http://bookings.example.com  # <- flagged
                    """,
            },
            "several files",
        ),
        example(
            {
                "app/rates.py": """
                    import httpx
                    import requests

                    RATES_URL = "http://rates.example.com/v2"  # <- flagged


                    def rate(currency):
                        return requests.get(f"{RATES_URL}/{currency}", timeout=3).json()


                    def weather(city):
                        return httpx.get(f"http://weather.example.com/{city}").json()  # <- flagged
                    """,
                "app/settings.py": """
                    from pydantic_settings import BaseSettings


                    class Settings(BaseSettings):
                        payments_url: str = "http://payments.example.com"  # <- flagged
                    """,
                "deploy/compose.yaml": """
                    services:
                      web:
                        environment:
                          STOCK_URL: http://stock.example.com/v1  # <- flagged
                          RATES_URL: http://rates:8080
                    """,
            },
            "calls, a constant, the default of a setting",
        ),
        example(
            """
            import os

            import aiohttp
            import grpc

            os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # <- flagged
            channel = grpc.insecure_channel("stock.example.com:50051")  # <- flagged


            async def quote(article):
                async with aiohttp.ClientSession(base_url="http://prices.example.com") as session:  # <- flagged
                    async with session.get(f"/articles/{article}") as response:
                        return await response.json()
            """,
            "a client, a channel, a switch of a library",
        ),
        example(
            {
                "shop/settings/base.py": """
                    INSTALLED_APPS = ["django.contrib.auth"]
                    SECURE_SSL_REDIRECT = False  # <- flagged
                    """,
                "shop/settings/production.py": """
                    from .base import *

                    DEBUG = False
                    """,
            },
            "Django: plain HTTP is answered in production",
        ),
    ),
    good=(
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            servers:
              - url: https://api.example.com/v1
              - url: http://localhost:8080/v1
              - url: http://invoices:8080
              - url: http://192.168.0.7
              - url: http://invoices.staging.internal
              - url: /v1
            paths: {}
            """,
            "private addresses",
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            info: {title: Warehouse, version: "3"}
            host: warehouse.example.com
            schemes: [https, wss]
            paths: {}
            """,
            "OpenAPI 2.0",
            path="openapi.yaml",
        ),
        example(
            {
                "app/rates.py": """
                    import os

                    import grpc
                    import requests

                    RATES_URL = os.environ.get("RATES_URL", "http://rates:8080")
                    SVG_NAMESPACE = "http://www.w3.org/2000/svg"
                    API_DOCS = {"license": "http://www.apache.org/licenses/LICENSE-2.0"}
                    channel = grpc.insecure_channel("stock:50051")


                    def rate(currency):
                        return requests.get(f"{RATES_URL}/{currency}", timeout=3).json()


                    def metadata():
                        return requests.get("http://169.254.169.254/latest/meta-data", timeout=1).text


                    def weather(city):
                        return requests.get(f"https://weather.example.com/{city}", timeout=3).json()
                    """,
                "app/settings.py": """
                    from pydantic_settings import BaseSettings


                    class Settings(BaseSettings):
                        frontend_url: str = "http://localhost:3000"
                        payments_url: str = "https://payments.example.com"
                    """,
            },
            "containers, the machine itself, names of XML, and TLS",
        ),
        example(
            {
                "shop/settings/base.py": """
                    INSTALLED_APPS = ["django.contrib.auth"]
                    SECURE_SSL_REDIRECT = False
                    """,
                "shop/settings/production.py": """
                    from .base import *

                    SECURE_SSL_REDIRECT = True
                    """,
            },
            "Django: production redirects",
        ),
    ),
)
