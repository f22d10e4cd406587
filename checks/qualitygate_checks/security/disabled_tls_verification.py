"""A connection with TLS that does not check whom it talks to.

What it flags: a client that is told not to verify the certificate of the other side: `verify=False` of Requests, HTTPX,
boto3 and their like, `ssl=False` and `verify_ssl=False` of aiohttp, `ssl.CERT_NONE`, `check_hostname = False`,
`ssl._create_unverified_context`, `cert_reqs="CERT_NONE"`, `ssl_cert_reqs=None` of Redis, `tlsAllowInvalidCertificates`
of MongoDB, `verify_certs=False` of Elasticsearch, `OPT_X_TLS_NEVER` of LDAP, and a parameter that turns verification off
by its default. Code that connects to look at the certificate itself is low in confidence. A context on which both the certificate and the host name go unchecked is told once. Where a condition on
a setting of that name decides, or the same function sets the context to check in another mode, the confidence is low: the
operator chooses.

Why: without the check TLS still encrypts, but to anybody: whoever is on the way answers with a certificate of their own
and reads and changes everything, credentials first.

How to mend: leave verification on; for a private authority hand over its certificate (`verify="/etc/ssl/own-ca.pem"`,
`ssl.create_default_context(cafile=...)`).

What it cannot see: a value that comes from the environment or from a caller in another file, and options that are put
together at run time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from qualitygate.authoring import Check, Confidence, Domain, Hit, Language, ParsedFile, Place, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate_checks.security._module import Step, dotted, imports, own, scope_steps

_HINT = re.compile(
    r"verify|CERT_NONE|_create_unverified|_create_stdlib_context|check_hostname|validate_cert|cert_reqs|tlsInsecure"
    r"|tlsAllowInvalid|disable_ssl|tls_insecure|OPT_X_TLS|ssl\s*=\s*False|ssl_verify|PYTHONHTTPSVERIFY"
)
# Methods and clients by which `verify` means the certificate, whatever object they are called on.
_METHODS = frozenset("get post put patch delete head options request".split())
_CLIENTS = frozenset(
    """send stream client asyncclient session resource httptransport
    asynchttptransport tlsconfig urlopen download fetch api_request make_request do_request http_request""".split()
)
_LIBRARIES = frozenset("requests httpx boto3 botocore hvac docker niquests aioboto3 httpcore requests_oauthlib".split())
# Libraries whose `verify` is about a signature.
_SIGNATURES = frozenset("jwt jose authlib joserfc itsdangerous cryptography nacl".split())
_AIOHTTP = frozenset("get post put patch delete head options request ws_connect tcpconnector clientsession".split())
# Keywords that turn verification off by being false, whatever takes them.
_FALSE = frozenset(
    """verify_ssl ssl_verify verify_certs validate_certs validate_cert verify_cert ssl_verify_cert tls_verify verify_tls
    verify_ssl_certs verify_ssl_cert verify_ssl_certificate ssl_verify_certificate ssl_check_hostname check_hostname
    ssl_verify_hostname verify_hostname ssl_assert_hostname assert_hostname""".split()
)
_TRUE = frozenset(
    """tlsAllowInvalidCertificates tlsAllowInvalidHostnames tlsInsecure disable_ssl_certificate_validation
    disable_ssl_verification ssl_no_verify allow_invalid_certificates""".split()
)
_REQUIREMENTS = frozenset(("cert_reqs", "ssl_cert_reqs", "verify_mode", "ssl_ca_reqs", "tls_require_cert"))
_UNVERIFIED = frozenset(("ssl._create_unverified_context", "ssl._create_stdlib_context"))
_OFFER = re.compile(r"disable|insecure|ignore|skip", re.IGNORECASE)
_CHOICE = re.compile(r"verif|insecure|cert|trust|self_?signed|check_?host|skip", re.IGNORECASE)
# Who asks for the certificate itself looks at it afterwards.
_LOOKS = frozenset(("getpeercert", "get_server_certificate", "getpeercertchain", "get_peer_certificate", "peer_cert"))


def run(file: ParsedFile) -> Iterator[Hit]:
    """Hits for the calls and assignments of one file that turn verification off."""
    if file.module is None or not _HINT.search(file.text.content):
        return
    imported = imports(file)
    constants = _constants(file.module)
    for scope in file.scopes:
        looks = scope.function is not None and not _LOOKS.isdisjoint(scope.function.calls)
        found = [hit for step in scope_steps(scope) for hit in _step(file, scope, step, imported, constants)]
        looks = looks or (bool(found) and _checks_too(scope))
        unchecked = any("certificate" in hit.message for hit in found)
        for hit in found:
            # Not to check the host name is part of not to check the certificate.
            if not (unchecked and "host name" in hit.message):
                yield msgspec.structs.replace(hit, confidence=Confidence.LOW) if looks else hit


def _checks_too(scope: ir.Scope) -> bool:
    """Whether the same code sets a context to check as well: the mode that is asked for decides."""
    for statement in scope.walked:
        for target in statement.targets if isinstance(statement, ir.Assign) else ():
            if isinstance(target, ir.Attribute) and target.name == "verify_mode" and isinstance(statement, ir.Assign):
                value = statement.value
                if isinstance(value, ir.Attribute) and value.name in ("CERT_REQUIRED", "CERT_OPTIONAL"):
                    return True
    return False


def _constants(module: ir.Module) -> dict[str, ir.Constant]:
    """Names that the module binds once, to a literal."""
    found: dict[str, list[ir.Expression | None]] = {}
    for statement in module.body:
        for target in statement.targets if isinstance(statement, ir.Assign) else ():
            if isinstance(target, ir.Name):
                found.setdefault(target.id, []).append(statement.value if isinstance(statement, ir.Assign) else None)
    return {
        name: values[0] for name, values in found.items() if len(values) == 1 and isinstance(values[0], ir.Constant)
    }


def _step(
    file: ParsedFile, scope: ir.Scope, step: Step, imported: Mapping[str, str], constants: Mapping[str, ir.Constant]
) -> Iterator[Hit]:
    for expression in own(step.statement):
        if isinstance(expression, ir.Call):
            for span, what, sure in _call(expression, scope, imported, constants):
                yield _hit(file, scope, step, span, what, sure)
        elif isinstance(expression, ir.Mapping):
            for key, value in expression.items:
                if isinstance(key, ir.Constant) and isinstance(key.value, str) and key.value != "verify_mode":
                    what = _keyword(key.value, value, imported, constants)
                    if what:
                        sure = Confidence.LOW if _is_offer(step.statement) else Confidence.HIGH
                        yield _hit(file, scope, step, key.span or expression.span, what, sure)
    if isinstance(step.statement, ir.Assign) and step.statement.value is not None:
        for target in step.statement.targets:
            what, sure = _assigned(target, step.statement.value, imported, constants)
            if what:
                yield _hit(file, scope, step, step.statement.span, what, sure)


def _is_offer(statement: ir.Statement) -> bool:
    """Whether a mapping describes an option, as documentation does: `{"disable_ssl_verification": {...: False}}`."""
    return any(
        isinstance(key, ir.Constant) and isinstance(key.value, str) and _OFFER.search(key.value)
        for part in own(statement)
        if isinstance(part, ir.Mapping)
        for key, _ in part.items
    )


def _call(
    call: ir.Call, scope: ir.Scope, imported: Mapping[str, str], constants: Mapping[str, ir.Constant]
) -> Iterator[tuple[Span, str, Confidence]]:
    name = dotted(call.function, imported)
    last = name.rsplit(".", 1)[-1]
    if name in _UNVERIFIED:
        yield call.name_span, f"`{name}` makes a context that does not check the certificate", Confidence.HIGH
        return
    if last == "tls_insecure_set" and call.arguments and _value(call.arguments[0].value, constants) is True:
        yield call.span, "`tls_insecure_set(True)` leaves the host name unchecked", Confidence.HIGH
    if last == "set_verify" and call.arguments and dotted(call.arguments[0].value, imported).endswith("VERIFY_NONE"):
        yield call.span, "`VERIFY_NONE` leaves the certificate unchecked", Confidence.HIGH
    if last == "set_option" and len(call.arguments) > 1:
        policy = dotted(call.arguments[1].value, imported).rsplit(".", 1)[-1]
        if dotted(call.arguments[0].value, imported).endswith("OPT_X_TLS_REQUIRE_CERT") and policy in (
            "OPT_X_TLS_NEVER",
            "OPT_X_TLS_ALLOW",
        ):
            yield call.span, f"`{policy}` leaves the certificate of the directory unchecked", Confidence.HIGH
    for argument in call.arguments:
        if argument.name is None:
            continue
        span = argument.span or call.span
        if argument.name == "verify" and _means_certificate(name, imported):
            if _value(argument.value, constants) is False:
                yield span, f"`{_short(call)}` does not check the certificate (`verify=False`)", Confidence.HIGH
            elif _defaults_to_false(argument.value, scope):
                message = f"`{_short(call)}` does not check the certificate unless its caller asks for it"
                yield span, message, Confidence.MEDIUM
        elif argument.name == "ssl" and last.lower() in _AIOHTTP and _uses(imported, "aiohttp"):
            if _value(argument.value, constants) is False:
                yield span, f"`{_short(call)}` does not check the certificate (`ssl=False`)", Confidence.HIGH
        else:
            what = _keyword(argument.name, argument.value, imported, constants)
            if what:
                yield span, what, Confidence.HIGH
            elif argument.name in _FALSE and _defaults_to_false(argument.value, scope):
                message = f"`{_short(call)}` does not check the certificate unless its caller asks for it"
                yield span, message, Confidence.MEDIUM


def _keyword(name: str, value: ir.Expression, imported: Mapping[str, str], constants: Mapping[str, ir.Constant]) -> str:
    """What a keyword or key with this value turns off; empty where it turns nothing off."""
    found = _value(value, constants)
    if (name in _FALSE and found is False) or (name in _TRUE and found is True):
        what = "host name" if "ostname" in name else "certificate"
        return f"`{name}={found}` leaves the {what} unchecked"
    if name in _REQUIREMENTS:
        text = dotted(value, imported) if isinstance(value, (ir.Name, ir.Attribute)) else ""
        nothing = isinstance(value, ir.Constant) and value.value is None and name == "ssl_cert_reqs"
        if text.endswith("CERT_NONE") or nothing or (isinstance(found, str) and found.lower() in ("cert_none", "none")):
            return f"`{name}` leaves the certificate unchecked"
    return ""


def _assigned(
    target: ir.Expression, value: ir.Expression, imported: Mapping[str, str], constants: Mapping[str, ir.Constant]
) -> tuple[str, Confidence]:
    """What an assignment turns off; empty where it turns nothing off."""
    if isinstance(target, ir.Attribute):
        name = dotted(target, imported)
        if name == "ssl._create_default_https_context" and dotted(value, imported) in _UNVERIFIED:
            return "`ssl._create_unverified_context` leaves the certificate unchecked in all of urllib", Confidence.HIGH
        own_object = isinstance(target.value, ir.Name) and target.value.id in ("self", "cls")
        if target.name == "verify" and _value(value, constants) is False and not own_object:
            if _uses(imported, *_LIBRARIES) or "session" in name.lower():
                return f"`{name}` is off: the certificate goes unchecked", Confidence.HIGH
            return "", Confidence.HIGH
        if target.name == "verify_mode" or (not own_object and target.name in _FALSE | _TRUE | _REQUIREMENTS):
            return _keyword(target.name, value, imported, constants), Confidence.HIGH
    if isinstance(target, ir.Subscript) and isinstance(target.index, ir.Constant):
        key = target.index.value
        if key == "PYTHONHTTPSVERIFY" and _value(value, constants) in ("0", 0):
            return "`PYTHONHTTPSVERIFY=0` leaves the certificate unchecked in all of urllib", Confidence.HIGH
        if isinstance(key, str) and key != "verify_mode":
            return _keyword(key, value, imported, constants), Confidence.HIGH
    return "", Confidence.HIGH


def _means_certificate(name: str, imported: Mapping[str, str]) -> bool:
    root, last = name.split(".", 1)[0], name.rsplit(".", 1)[-1].lower().lstrip("_")
    if root in _SIGNATURES or last in ("decode", "loads", "unsign"):
        return False
    if root in _LIBRARIES:
        return True
    return last in _METHODS or (last in _CLIENTS and _uses(imported, *_LIBRARIES))


def _uses(imported: Mapping[str, str], *libraries: str) -> bool:
    return any(name.split(".", 1)[0] in libraries for name in imported.values())


def _value(expression: ir.Expression, constants: Mapping[str, ir.Constant]) -> object:
    """The literal that an expression is or names; ``...`` for anything else."""
    if isinstance(expression, ir.Name) and expression.id in constants:
        expression = constants[expression.id]
    return expression.value if isinstance(expression, ir.Constant) else ...


def _defaults_to_false(expression: ir.Expression, scope: ir.Scope) -> bool:
    if not isinstance(expression, ir.Name) or scope.function is None:
        return False
    return any(
        parameter.name == expression.id
        and isinstance(parameter.default, ir.Constant)
        and parameter.default.value is False
        for parameter in scope.function.parameters
    )


def _short(call: ir.Call) -> str:
    return dotted(call.function, {}).removeprefix("?.")


def _word(part: ir.Expression) -> str:
    if isinstance(part, ir.Constant):
        return part.value if isinstance(part.value, str) else ""
    return part.id if isinstance(part, ir.Name) else part.name if isinstance(part, ir.Attribute) else ""


def _hit(file: ParsedFile, scope: ir.Scope, step: Step, span: Span, what: str, sure: Confidence) -> Hit:
    choice = any(_CHOICE.search(_word(part)) for condition in step.conditions for part in ir.subexpressions(condition))
    return Hit(
        place=Place(file.path, span),
        message=what,
        subject=f"{scope.qualname or 'module'} {'host name' if 'host name' in what else 'certificate'}",
        why="whoever is on the way may answer with a certificate of their own"
        + ("; a setting decides over it here" if choice else ""),
        mend="leave verification on, and hand over the certificate of a private authority where there is one",
        confidence=Confidence.LOW if choice else sure,
    )


CHECK = Check(
    id="disabled-tls-verification",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Always use HTTPS",
    dont="Allow HTTP in production",
    tags=("OWASP-API8:2023", "CWE-295"),
    gates=("data_protection",),
    reads=frozenset({Language.PYTHON}),
    words=frozenset("verif Verif VERIF ssl Ssl SSL cert Cert CERT tls Tls TLS hostname".split()),
    run=run,
    doc=__doc__,
    bad=(
        example(
            """
            import requests


            def exchange_rate(currency):
                response = requests.get(
                    f"https://rates.example.com/{currency}",
                    timeout=5,
                    verify=False,  # <- flagged
                )
                return response.json()
            """,
            "one call of Requests",
        ),
        example(
            """
            import httpx
            from requests import Session

            VERIFY = False

            client = httpx.AsyncClient(base_url="https://stock.internal", verify=VERIFY)  # <- flagged
            session = Session()
            session.verify = False  # <- flagged
            """,
            "clients made once, by a name",
        ),
        example(
            """
            import ssl
            from urllib.request import urlopen

            import aiohttp


            def fetch(url):
                context = ssl.create_default_context()
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE  # <- flagged
                return urlopen(url, context=context, timeout=3).read()


            def page(url):
                return urlopen(url, context=ssl._create_unverified_context()).read()  # <- flagged


            async def quote(url):
                async with aiohttp.ClientSession() as session:
                    async with session.get(url, ssl=False) as response:  # <- flagged
                        return await response.json()
            """,
            "contexts of the standard library and aiohttp",
        ),
        example(
            """
            import redis
            import urllib3
            from elasticsearch import Elasticsearch
            from pymongo import MongoClient

            cache = redis.Redis(host="cache.example.com", ssl=True, ssl_cert_reqs=None)  # <- flagged
            pool = urllib3.PoolManager(cert_reqs="CERT_NONE")  # <- flagged
            search = Elasticsearch("https://search.example.com", verify_certs=False)  # <- flagged
            orders = MongoClient("mongodb://orders.example.com", tls=True, tlsAllowInvalidCertificates=True)  # <- flagged

            CELERY_BROKER_USE_SSL = {"ssl_cert_reqs": "none"}  # <- flagged
            """,
            "databases, caches, brokers",
        ),
        example(
            """
            import requests


            class Warehouse:
                def stock(self, article, verify=False):
                    url = f"https://warehouse.example.com/stock/{article}"
                    return requests.get(url, verify=verify, timeout=3).json()  # <- flagged
            """,
            "off by default",
        ),
    ),
    good=(
        example(
            """
            import ssl

            import asyncpg


            async def connect(address, mode):
                context = ssl.create_default_context()
                if mode == "verify-full":
                    context.verify_mode = ssl.CERT_REQUIRED
                return await asyncpg.connect(address, ssl=context)
            """,
            "the mode that was asked for",
        ),
        example(
            """
            import requests
            import httpx

            client = httpx.Client(verify="/etc/ssl/certs/own-ca.pem")


            def exchange_rate(currency):
                return requests.get(f"https://rates.example.com/{currency}", timeout=5, verify=True).json()
            """,
            "verified, also against an authority of one's own",
        ),
        example(
            """
            import ssl

            import aiohttp

            context = ssl.create_default_context(cafile="own-ca.pem")


            async def quote(url):
                async with aiohttp.ClientSession() as session:
                    async with session.get(url, ssl=context) as response:
                        return await response.json()
            """,
            "a context with an authority",
        ),
        example(
            """
            import jwt
            import requests

            from app.settings import settings


            def header_of(token):
                return jwt.decode(token, verify=False)


            def stock(article):
                return requests.get(f"https://stock.example.com/{article}", verify=settings.ca_bundle, timeout=3)
            """,
            "a signature is another matter; the setting is not known",
        ),
        example(
            """
            import redis
            from elasticsearch import Elasticsearch

            cache = redis.Redis(host="cache.example.com", ssl=True, ssl_cert_reqs="required")
            search = Elasticsearch("https://search.example.com", verify_certs=True, ca_certs="ca.pem")


            def activate(account, verify=False):
                account.send(verify=False)
                return account.save(verify=verify)
            """,
            "verified clients; to verify something else",
        ),
    ),
)
