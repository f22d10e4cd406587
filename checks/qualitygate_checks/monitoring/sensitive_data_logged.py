"""A password, token or key that is written to the log.

What it flags: a call that logs (`logging`, structlog, loguru, the logger of an application or an object, also `print`)
with a value whose name says that it is a credential: a variable, an attribute, an entry of a mapping, alone or inside an
f-string; and whole request headers, cookies or the environment, which carry them.

Why: logs are copied to more places and read by more people than any database, and are kept for long. Whoever reads them
can act as the user; most laws and standards count it as a leak.

How to mend: log what identifies (a user's id, the last four characters, a digest), or nothing. A filter of the logging
configuration is a second net, not the first.

What it cannot see: objects whose text contains a secret, and names that do not tell. Values that pass through a function
(`mask(token)`, `len(password)`) are trusted. Personal data such as e-mail addresses are not judged unless `names` lists
the words that you count as sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import (
    Check,
    Confidence,
    Domain,
    Hit,
    Language,
    ParsedFile,
    Place,
    Role,
    Severity,
    Span,
    example,
)
from qualitygate.model import syntax as ir
from qualitygate_checks._handlers import LEVELS, last_name, log_level
from qualitygate_checks._reach import is_script
from qualitygate_checks.security._module import imports, own, scope_steps

_SURE = re.compile(
    r"(^|_)(password|passwd|passphrase|secret|secret_key|client_secret|private_key|api_?key|access_key|access_token|"
    r"refresh_token|auth_token|bearer_token|id_token|jwt|jwt_token|credentials|authorization|otp|cvv|cvc|ssn|card_number|"
    r"credit_card|recovery_codes?)$"
)
# An address of a database or a broker has its password inside.
_LIKELY = re.compile(
    r"(^|_)(token|cookies|session_?cookie|(database|db|redis|broker|amqp|postgres|mongo)_(url|uri|dsn)|connection_string)$"
)
# Tokens of another kind: of a page, a parser, a language model, a lock.
_OTHER = re.compile(
    r"(^|_)(next|page|continuation|continue|sync|cancel|cancellation|stop|start|end|eos|bos|pad|unk|max|min|num|n|total|"
    r"first|last|current|peek|lexer|parser|prev|previous|change|resume|cursor|fencing|lock|is|has|use|no|needs?|missing|"
    r"valid|invalid|hashed|encrypted|masked|redacted|hide|show|orm|log|safe|new_line|public)_"
)
_NO_KEY = re.compile(r"(?<![a-z])(locks?|locked|txt|dns|challenge|claims?|lexer|cursor)(?![a-z])", re.IGNORECASE)
_FETCHES = frozenset({"get", "head", "post", "urlopen", "urlretrieve", "download", "stream"})
_HOLDERS = re.compile(
    r"self|cls|user|account|request|req|session|auth|settings|config|conf|cred|login|form|data|body|payload|client|api|"
    r"response|resp|args|options"
)
_WHOLE = {"headers": "the headers", "cookies": "the cookies", "environ": "the environment"}
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")
# Functions that give back what they are given, as text.
_OPEN = frozenset({"str", "repr", "format", "dumps", "dict", "list", "join", "pformat", "strip", "decode", "encode"})
_TERMINALS = frozenset({"click", "typer", "argparse", "rich", "fire", "traitlets", "getpass"})
_TEXT_METHODS = frozenset(dir(str)) | frozenset(dir(bytes)) | {"get_secret_value"}
_SINKS = LEVELS | {"print"}
_HIDING = frozenset({"SecretStr", "SecretBytes", "Secret"})


@dataclass(frozen=True)
class Options:
    """``names``: further last words of names that you count as sensitive (`email`, `iban`)."""

    names: tuple[str, ...] = ()


def run(file: ParsedFile, options: Options) -> Iterator[Hit]:
    """A hit for every call that logs something sensitive, once for each name."""
    if file.module is None or file.module.generated or not _writes_logs(file.text.content):
        return
    heads = {name.split(".", 1)[0] for name in imports(file).values()}
    command = is_script(file.path) or bool(heads & _TERMINALS)  # what a command shows its user is no log
    for scope in file.scopes:
        if not scope.may_call(_SINKS):
            continue
        hidden: frozenset[str] | None = None
        for call, conditions in _logging(scope):
            level = log_level(call)
            if "__name__" in conditions:
                continue  # what a module shows who starts it is no log
            printed = isinstance(call.function, ir.Name) and call.function.id == "print" and not command
            if not level and not printed:
                continue
            if hidden is None:
                hidden = _hidden(scope.function) | _objects(scope.statements)
            shown: set[str] = set()
            for argument in call.arguments:
                told = len(shown)
                for name, confidence in _sensitive(argument.value, options.names):
                    if name in shown or name in hidden:
                        continue
                    shown.add(name)
                    if confidence is Confidence.MEDIUM and _other_kind(call, scope.qualname):
                        continue
                    if name.lower().endswith(("_url", "_uri")) and name in _fetched(scope):
                        continue
                    quiet = printed or level in ("debug", "trace")
                    sure = Confidence.MEDIUM if quiet and confidence is Confidence.HIGH else confidence
                    span = argument.span or call.name_span
                    sure = Confidence.LOW if "DEBUG" in conditions or (quiet and is_script(file.path)) else sure
                    yield _hit(file, span, call, name, scope.qualname, sure)
                known = len(shown) > told or argument.name in shown  # `api_key=environment.api_key` is one value
                if argument.name is not None and not known and _plain(argument.value):
                    kind = _kind(argument.name, options.names)
                    if kind is not None and argument.name not in hidden:
                        shown.add(argument.name)
                        span = argument.span or call.name_span
                        yield _hit(file, span, call, argument.name, scope.qualname, kind)


def _logging(scope: ir.Scope) -> Iterator[tuple[ir.Call, frozenset[str]]]:
    """The calls of a scope with the names that the conditions over them ask for."""
    for step in scope_steps(scope):
        for item in own(step.statement):
            if isinstance(item, ir.Call):
                yield item, frozenset(last_name(part) for test in step.conditions for part in ir.subexpressions(test))


def _fetched(scope: ir.Scope) -> frozenset[str]:
    """The names of what a scope fetches over HTTP: the address of a download has no password inside."""
    return frozenset(
        last_name(argument.value)
        for call in scope.calls
        if last_name(call) in _FETCHES
        for argument in call.arguments[:1]
    )


def _other_kind(call: ir.Call, owner: str) -> bool:
    """Whether the message, or the function, speaks of a token that opens nothing: of a lock, a page, a DNS record."""
    texts = [
        item.value
        for argument in call.arguments
        for item in ir.subexpressions(argument.value)
        if isinstance(item, ir.Constant) and isinstance(item.value, str)
    ]
    return _NO_KEY.search(" ".join((*texts, owner))) is not None


def _writes_logs(text: str) -> bool:
    """Whether a file logs at all, judged by its words: most do not, and need not be walked."""
    return "log" in text or "LOG" in text or "print(" in text or "console" in text


def _hidden(function: ir.Function | None) -> frozenset[str]:
    """Parameters of a type that does not show its value."""
    if function is None:
        return frozenset()
    return frozenset(
        parameter.name
        for parameter in function.parameters
        if parameter.annotation is not None
        and any(last_name(item) in _HIDING for item in ir.subexpressions(parameter.annotation))
    )


def _objects(statements: tuple[ir.Statement, ...]) -> frozenset[str]:
    """Names that are used as objects with attributes (`token.expires_at`): a record of a token shows no token."""
    return frozenset(
        item.value.id
        for expression in ir.expressions(statements)
        for item in ir.subexpressions(expression)
        if isinstance(item, ir.Attribute) and isinstance(item.value, ir.Name) and item.name not in _TEXT_METHODS
    )


def _sensitive(expression: ir.Expression, further: tuple[str, ...]) -> Iterator[tuple[str, Confidence]]:
    """Names of credentials whose value an argument shows."""
    if isinstance(expression, (ir.Name, ir.Attribute)):
        name = last_name(expression)
        kind = _kind(name, further)
        if kind is not None:
            foreign = isinstance(expression, ir.Attribute) and not _HOLDERS.search(last_name(expression.value).lower())
            # The token of an order or a payment is a number of its own more often than a credential.
            yield name, Confidence.LOW if kind is Confidence.MEDIUM and foreign else kind
        elif isinstance(expression, ir.Attribute) and name in _WHOLE and _of_request(expression):
            yield name, Confidence.MEDIUM
    elif isinstance(expression, ir.Subscript):
        key = expression.index
        if isinstance(key, ir.Constant) and isinstance(key.value, str):
            kind = _kind(key.value, further)
            if kind is not None:
                yield key.value, kind
    elif isinstance(expression, ir.Template):
        for part in expression.parts:
            yield from _sensitive(part, further)
    elif isinstance(expression, ir.Operation) and expression.operator in ("%", "+", "or", "and"):
        for operand in expression.operands:
            yield from _sensitive(operand, further)
    elif isinstance(expression, ir.Sequence):
        for item in expression.items:
            yield from _sensitive(item, further)
    elif isinstance(expression, ir.Mapping):
        for entry, value in expression.items:
            named = entry.value if isinstance(entry, ir.Constant) and isinstance(entry.value, str) else ""
            kind = _kind(named, further) if named and _plain(value) else None
            if kind is not None:
                yield named, kind
            else:
                yield from _sensitive(value, further)
    elif isinstance(expression, ir.Conditional):
        yield from _sensitive(expression.body, further)
        yield from _sensitive(expression.orelse, further)
    elif isinstance(expression, ir.Await):
        yield from _sensitive(expression.value, further)
    elif isinstance(expression, ir.Call):
        yield from _through(expression, further)


def _through(call: ir.Call, further: tuple[str, ...]) -> Iterator[tuple[str, Confidence]]:
    """What a call lets through: `data.get("password")`, `secret.get_secret_value()`, `str(token)`."""
    name = last_name(call)
    arguments = [argument.value for argument in call.arguments]
    if name in ("get", "pop") and isinstance(call.function, ir.Attribute):
        if arguments and isinstance(arguments[0], ir.Constant) and isinstance(arguments[0].value, str):
            kind = _kind(arguments[0].value, further)
            if kind is not None:
                yield arguments[0].value, kind
    elif name == "get_secret_value" and isinstance(call.function, ir.Attribute):
        yield last_name(call.function.value) or "secret", Confidence.HIGH
    elif name in _OPEN:
        if isinstance(call.function, ir.Attribute):
            yield from _sensitive(call.function.value, further)
        for argument in arguments:
            yield from _sensitive(argument, further)


def _plain(expression: ir.Expression) -> bool:
    """Whether a value is handed over as it is: a name, an attribute, an entry."""
    return isinstance(expression, (ir.Name, ir.Attribute, ir.Subscript)) and not _is_slice(expression)


def _is_slice(expression: ir.Expression) -> bool:
    return (
        isinstance(expression, ir.Subscript)
        and isinstance(expression.index, ir.Operation)
        and expression.index.operator == ":"
    )


def _kind(name: str, further: tuple[str, ...]) -> Confidence | None:
    """How sure a name is that of a credential; None where it is not."""
    words = "_".join(word.lower() for word in _WORDS.findall(name))
    if name.isupper() and "_" not in name and len(name) < 4:
        return None
    if words.rsplit("_", 1)[-1] in further or words in further:
        return Confidence.HIGH
    if _OTHER.search(words):
        return None
    if _SURE.search(words):
        return Confidence.HIGH
    return Confidence.MEDIUM if _LIKELY.search(words) else None


def _of_request(expression: ir.Attribute) -> bool:
    holder = last_name(expression.value)
    return holder in ("request", "req") or (expression.name == "environ" and holder == "os")


def _hit(file: ParsedFile, span: Span, call: ir.Call, name: str, owner: str, confidence: Confidence) -> Hit:
    sink = last_name(call)
    what = _WHOLE.get(name, f"`{name}`")
    return Hit(
        place=Place(file.path, span),
        message=f"{what} is written to the log" if what[0] == "`" else f"{what} are written to the log",
        subject=f"{name} in {owner or file.path}",
        why=f"{sink}() writes the value as it is",
        mend="log an id or a digest instead, or leave it out",
        confidence=confidence,
    )


CHECK = Check(
    id="sensitive-data-logged",
    domain=Domain.MONITORING,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Log what identifies",
    dont="Write credentials to the log",
    tags=("CWE-532", "OWASP-API8:2023", "PCI-DSS-3.3", "GDPR-32", "SOC2-CC6.1", "ISO-27001-A.8.15"),
    gates=("data_protection",),
    run=run,
    reads=frozenset({Language.PYTHON}),
    roles=frozenset({Role.APPLICATION}),
    options=Options(),
    examined=lambda file: sum(
        bool(log_level(call)) for scope in file.scopes if scope.may_call(LEVELS) for call in scope.calls
    ),
    doc=__doc__,
    bad=(
        example(
            """
            import logging

            from fastapi import APIRouter

            from shop.accounts import verify

            router = APIRouter()
            logger = logging.getLogger(__name__)


            @router.post("/v1/login")
            def login(username: str, password: str):
                logger.info("login of %s with %s", username, password)  # <- flagged
                return verify(username, password)
            """,
            "a password among the arguments",
        ),
        example(
            """
            from flask import Flask, jsonify, request

            app = Flask(__name__)


            @app.post("/api/v1/sessions")
            def create_session():
                data = request.get_json()
                app.logger.debug(f"payload for {data['user']}: {data['password']}")  # <- flagged
                app.logger.warning("headers: %s", request.headers)  # <- flagged
                return jsonify(ok=True)
            """,
            "an entry in an f-string, and all headers",
        ),
        example(
            """
            import structlog

            log = structlog.get_logger()


            async def refresh(client, settings):
                response = await client.post("/token", data={"client_secret": settings.client_secret})
                log.info("refreshed", access_token=response.json()["access_token"])  # <- flagged
                log.error("configuration", extra={"api_key": settings.api_key})  # <- flagged
            """,
            "fields of a structured log",
            path="shop/tokens.py",
        ),
        example(
            """
            class ResetView:
                def post(self, request):
                    token = self.make_token(request.user)
                    self.logger.info("reset link: /reset/" + token)  # <- flagged
                    print("jwt:", request.user.jwt)  # <- flagged
            """,
            "put together with +, and printed",
            path="clinic/views.py",
        ),
    ),
    good=(
        example(
            """
            import logging

            logger = logging.getLogger(__name__)


            def login(user, password, token):
                logger.info("login of user %s", user.id)
                logger.info("password has %d characters, token set: %s", len(password), token is not None)
                logger.info("token ends in %s", token[-4:])
                logger.warning("wrong password for user %s", user.id)
            """,
            "what identifies, and what is measured",
        ),
        example(
            """
            import structlog

            from shop.masking import mask

            log = structlog.get_logger()


            def page(client, next_page_token, token_count):
                log.info("page", next_page_token=next_page_token, tokens=token_count)
                log.info("client", api_key=mask(client.api_key), secret_name=client.secret.name)
            """,
            "tokens of pages, masked values, names of secrets",
            path="shop/pages.py",
        ),
        example(
            """
            import logging

            from pydantic import SecretStr

            logger = logging.getLogger(__name__)


            def connect(host: str, password: SecretStr):
                logger.info("connecting to %s with %s", host, password)
            """,
            "a type that hides its value",
            path="shop/db.py",
        ),
        example(
            """
            from flask import current_app


            def rotate(key):
                current_app.logger.info("rotated %s", key.id, extra={"token": "[hidden]"})
                current_app.logger.info("headers: %s", sorted(key.headers))
            """,
            "a constant in place of the value",
            path="helpdesk/keys.py",
        ),
    ),
)
