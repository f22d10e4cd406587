"""Authentication that the application made up itself.

What it flags: a stored password compared with `==`, or looked up in the database together with the name; a signature, an
API key of a header or a token compared with `==` instead of `compare_digest`; a cookie that says who the user is without a
signature; a token that is only encoded (`base64`) or drawn from `random`.

Why: each of these was broken many times before: a password that can be compared can be read, a comparison that stops at
the first difference tells the secret letter by letter, a cookie is text that the client may change, and `random` can be
foretold from what it gave before.

How to mend: the framework's login (Django's `authenticate`, Flask-Login with a password hasher, OAuth2 or signed tokens for
an API), `hmac.compare_digest` for secrets, `secrets.token_urlsafe` for tokens.

What it cannot see: schemes under other names, and passwords that a helper compares after it renamed them. The second field
of a form (`password == password_confirmation`), comparisons with None or a constant, and cookies that are unsigned by a
serializer are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
from qualitygate_checks._code import Body, bodies_of, last_name, spelling
from qualitygate_checks.security._module import written

# In small letters: a file without one of these is not looked at,
_HINTS = "passw pwd hmac cookies api-key api_key apikey signature b64encode random. token".split()
# and a function only where one of these stands in it, without which nothing of it is judged.
_SIGNS = "passw pwd passphrase pass_phrase hmac cookies header meta b64encode b32encode hexlify rand choice sample shuffle".split()
_PASSWORD = re.compile(
    r"^(?:user_?|raw_?|plain_?|given_?|hashed_?)?(?:password|passwd|pwd|passwort|pass_?phrase)(?:_?hash|_?digest)?$",
    re.IGNORECASE,
)
_REPEATED = re.compile(
    r"confirm|repeat|again|verif|re_?(?:type|enter)|_?[12]$|new|old|current|check|retype", re.IGNORECASE
)
_GIVEN = re.compile(
    r"(?:^|\.)(?:request\w*|req|\w*form|\w*data|body|payload|json|args|params|values|credentials?|creds|kwargs|input|post|cleaned_data|validated_data"
    r"|login\w*|\w+_in|auth|serializer|schema|command|cmd|event|message|self)(?:\.|$)",
    re.IGNORECASE,
)
_STORED = re.compile(
    r"^(?:user|account|member|customer|admin|employee|agent|person|row|record|result|found|existing|db_\w+|\w{0,80}user\w{0,80}|u|obj|entry|author|owner|client|patient|student|current_user)$",
    re.IGNORECASE,
)
_CONFIGURED = re.compile(
    r"(?:^|\.)(?:settings|config|conf|environ|getenv|env|app_config|current_app)(?:\.|$)|^[A-Z][A-Z0-9_]+$"
)
_HEADER = re.compile(
    r"^(?:authorization|x-[\w-]{0,60}(?:key|token|secret|signature|auth)[\w-]{0,60}|api-?key|[\w-]{0,60}signature[\w-]{0,60})$",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"^(?:user|user_?name|user_?id|uid|login|logged_?in|is_?admin|admin|role|is_?authenticated|authenticated|account_?id)$",
    re.IGNORECASE,
)
_UNSIGN = frozenset(
    "unsign loads load decode decrypt verify get_signed_cookie decode_jwt verify_token get_session validate check_token read".split()
)
_TOKEN = re.compile(
    r"(?:^|_)(?:token|session_?id|session_?key|api_?key|otp(?:_?code)?|(?:reset|verification|confirmation|login|invite)_?code"
    r"|(?:reset|login|security)?_?pin(?:_?code)?|cvv|secret|password|passwd|auth_?code|nonce|access_?key)s?$",
    re.IGNORECASE,
)
_KEYGEN = re.compile(r"key_?gen|(?:generate|make|create|new)_\w{0,80}key", re.IGNORECASE)
# A row is looked for by a password that stands in the text of the statement, or in a parameter of it.
_SQL_PASSWORD = re.compile(
    r"\bselect\b.{1,400}\bwhere\b.{0,300}\b(password|passwd|pwd)\s*=\s*['\"]?(?:\{|%s|%\(|\?|:\w|\$\d)",
    re.IGNORECASE | re.DOTALL,
)
_DRAWN = frozenset("random randint randrange choice choices sample getrandbits shuffle".split())
_SIGNING = frozenset(
    "hexdigest digest sign encrypt encode_jwt new HMAC hmac token_urlsafe token_hex token_bytes urandom Fernet".split()
)
_TRANSPORT = re.compile(
    r"basic|header|proxy|smtp|sasl|image|file|avatar|cursor|page|continuation|download|attachment|hash|digest|credential|pagination",
    re.IGNORECASE,
)


def run(file: ParsedFile) -> Iterator[Hit]:
    """Hits for home-made ways to tell who calls, each at the statement that does it."""
    if file.module is None or not _speaks(file.text.content, _HINTS):
        return
    randoms = _imports_random(file.module)
    told: set[tuple[str, str]] = set()
    for body in bodies_of(file.path, file.module, lambda function: _speaks(written(file, function), _SIGNS)):
        for statement, span in _steps(body.statements):
            for expression in ir.evaluated_by(statement):
                for part in ir.subexpressions(expression):
                    found = _judge(part, statement, body, randoms)
                    if found is not None and (body.qualname, found[0]) not in told:
                        message, why, mend, confidence = found
                        told.add((body.qualname, message))  # one way of a function is one decision to mend
                        yield Hit(
                            place=Place(file.path, span),
                            message=message,
                            subject=f"{body.qualname or 'module'} {message}",
                            why=why,
                            mend=mend,
                            confidence=confidence,
                        )


def _speaks(text: str, words: list[str]) -> bool:
    lowered = text.lower()
    return any(word in lowered for word in words)


_Found = tuple[str, str, str, Confidence]
_COMPARE = "compare with `hmac.compare_digest(a, b)`"
_HASHER = "keep an Argon2id, scrypt or bcrypt hash, and let its library verify the password"


def _steps(statements: tuple[ir.Statement, ...]) -> Iterator[tuple[ir.Statement, Span]]:
    for statement in ir.walk(statements):
        span = getattr(statement, "span", None)
        if span is not None and not isinstance(statement, (ir.Function, ir.Class, ir.Import)):
            yield statement, span


def _judge(part: ir.Expression, statement: ir.Statement, body: Body, randoms: frozenset[str]) -> _Found | None:
    if isinstance(part, ir.Operation) and part.operator in ("==", "!=") and len(part.operands) == 2:
        return _compared(part.operands[0], part.operands[1], body)
    if isinstance(part, (ir.Constant, ir.Template)) or (isinstance(part, ir.Operation) and part.operator == "+"):
        return _asked_in_sql(part)
    if isinstance(part, ir.Call):
        return _asked(part, body) or _encoded(part, statement, body) or _drawn(part, statement, body, randoms)
    return _cookie(part, statement, body) if isinstance(part, ir.Subscript) else None


# -- comparisons


def _compared(left: ir.Expression, right: ir.Expression, body: Body) -> _Found | None:
    if isinstance(left, ir.Constant) or isinstance(right, ir.Constant):
        return None
    for one, other in ((left, right), (right, left)):
        if _is_hmac(one, body, 0):
            return (
                "a signature is compared with `==`",
                "the comparison stops at the first difference, and its time tells how far it came",
                _COMPARE,
                Confidence.HIGH,
            )
        if _is_stored_password(one) and _is_given_password(other, body):
            return (
                "a password is compared with what is stored",
                f"`{_shown(one)}` is compared with `==`: it is kept in the clear, or as a hash without a salt of its own",
                _HASHER,
                Confidence.HIGH,
            )
        secret = _header_secret(one, body)
        if secret and _is_secret_value(other):
            return (
                f"`{secret}` of the request is compared with `==`",
                "the comparison stops at the first difference, and its time tells how far it came",
                _COMPARE,
                Confidence.MEDIUM,
            )
    return None


def _is_stored_password(expression: ir.Expression) -> bool:
    """`user.password`, `row["password"]`, `settings.ADMIN_PASSWORD`."""
    name = _key_of(expression)
    if isinstance(expression, ir.Name):
        return bool(_CONFIGURED.search(name)) and name.endswith(("PASSWORD", "PASSWD"))
    if not (_PASSWORD.match(name) or (name.isupper() and name.endswith("PASSWORD"))) or _REPEATED.search(name):
        return False
    if isinstance(expression, ir.Call) and not _CONFIGURED.search(spelling(expression)):
        return False
    holder = expression.value if isinstance(expression, (ir.Attribute, ir.Subscript)) else expression
    written = spelling(holder)
    return bool(_CONFIGURED.search(written)) or bool(_STORED.match(written.rpartition(".")[2]))


def _is_given_password(expression: ir.Expression, body: Body) -> bool:
    """`password`, `form.password`, `request.form["password"]`, also behind a local name."""
    name = _key_of(expression)
    if not _PASSWORD.match(name) or "hash" in name or (_REPEATED.search(name) and not isinstance(expression, ir.Name)):
        return False
    if isinstance(expression, ir.Name):
        return name in body.bindings or name in body.parameters
    return bool(_GIVEN.search(spelling(expression)))


def _key_of(expression: ir.Expression) -> str:
    """The last word of what is read: `password` of `form.password`, of `row["password"]`, of `form.get("password")`."""
    if isinstance(expression, ir.Name):
        return expression.id
    if isinstance(expression, ir.Attribute):
        return expression.name
    if isinstance(expression, ir.Subscript) and isinstance(expression.index, ir.Constant):
        return str(expression.index.value)
    if isinstance(expression, ir.Call) and last_name(expression.function) in ("get", "getenv", "pop", "get_argument"):
        first = expression.arguments[0].value if expression.arguments else None
        return str(first.value) if isinstance(first, ir.Constant) else ""
    if isinstance(expression, ir.Call) and last_name(expression.function) in (
        "strip",
        "encode",
        "decode",
        "get_secret_value",
    ):
        return _key_of(expression.function.value) if isinstance(expression.function, ir.Attribute) else ""
    return ""


def _shown(expression: ir.Expression) -> str:
    name = _key_of(expression)
    if isinstance(expression, ir.Attribute):
        return f"{last_name(expression.value)}.{name}".strip(".")
    return name


def _is_hmac(expression: ir.Expression, body: Body, depth: int) -> bool:
    """Whether an expression is a message authentication code: `hmac.new(...).hexdigest()`, also behind a local name."""
    for part in ir.subexpressions(expression):
        if isinstance(part, ir.Call) and spelling(part.function) in ("hmac.new", "hmac.digest", "hmac.HMAC"):
            return not isinstance(expression, ir.Subscript)
    if isinstance(expression, ir.Name) and depth < 3:
        return any(
            binding.how == "value" and _is_hmac(binding.value, body, depth + 1)
            for binding in body.bindings.get(expression.id, ())
        )
    if isinstance(expression, ir.Call) and isinstance(expression.function, ir.Attribute) and depth < 3:
        if expression.function.name in ("hexdigest", "digest", "decode", "encode"):
            return _is_hmac(expression.function.value, body, depth + 1)
        if expression.function.name in ("b64encode", "urlsafe_b64encode") and expression.arguments:
            return _is_hmac(expression.arguments[0].value, body, depth + 1)
    return False


def _header_secret(expression: ir.Expression, body: Body) -> str:
    """The header with a secret that an expression is: `request.headers["X-Api-Key"]`, also behind a local name."""
    candidates = [expression]
    if isinstance(expression, ir.Name):
        candidates += [binding.value for binding in body.bindings.get(expression.id, ()) if binding.how == "value"]
        parameter = body.parameters.get(expression.id)
        if (
            parameter is not None
            and isinstance(parameter.default, ir.Call)
            and last_name(parameter.default.function) == "Header"
        ):
            name = expression.id.replace("_", "-")
            return name if _HEADER.match(name) else ""
    for candidate in candidates:
        if "headers" in spelling(candidate).split(".") or "META" in spelling(candidate).split("."):
            key = _key_of(candidate).removeprefix("HTTP_").replace("_", "-")
            if _HEADER.match(key):
                return key
    return ""


def _is_secret_value(expression: ir.Expression) -> bool:
    """A setting, a constant of the module, or a field that holds a key."""
    written = spelling(expression)
    name = _key_of(expression)
    return bool(_CONFIGURED.search(written)) or (
        isinstance(expression, ir.Name) and bool(re.search(r"secret|signature|expected", name, re.IGNORECASE))
    )


# -- a password in a query


def _asked(call: ir.Call, body: Body) -> _Found | None:
    """`filter_by(name=name, password=password)`: the database is asked for the password."""
    if last_name(call.function) not in ("filter_by", "filter", "get", "find_one", "get_or_none", "first", "exists"):
        return None
    if not isinstance(call.function, ir.Attribute):
        return None
    given: list[tuple[str, ir.Expression]] = [(item.name, item.value) for item in call.arguments if item.name]
    for item in call.arguments:
        if isinstance(item.value, ir.Mapping):
            given += [(str(key.value), value) for key, value in item.value.items if isinstance(key, ir.Constant)]
        elif isinstance(item.value, ir.Operation) and item.value.operator == "==":
            left, right = item.value.operands[:2]
            if isinstance(left, ir.Attribute):
                given.append((left.name, right))
    names = {name for name, _ in given}
    if len(names) < 2:
        return None
    for name, value in given:
        if (
            _PASSWORD.match(name)
            and not isinstance(value, ir.Constant)
            and last_name(call.function.value) not in ("client", "requests", "session", "http")
        ):
            if last_name(call.function) == "get" and "objects" not in spelling(call.function).split("."):
                return None
            return _asks_for(name)
    return None


def _asked_in_sql(part: ir.Expression) -> _Found | None:
    """`SELECT ... WHERE name = ? AND password = ?`: the same in the text of a statement."""
    found = _SQL_PASSWORD.search(_text_of(part))
    return _asks_for(found[1]) if found else None


def _text_of(part: ir.Expression) -> str:
    """Text as the code puts it together, `{}` for what it puts in."""
    if isinstance(part, ir.Constant):
        return part.value if isinstance(part.value, str) else ""
    if isinstance(part, ir.Template):
        return "".join(_text_of(piece) if isinstance(piece, ir.Constant) else "{}" for piece in part.parts)
    if isinstance(part, ir.Operation) and part.operator == "+":
        return "".join(_text_of(operand) for operand in part.operands)
    return "{}"


def _asks_for(name: str) -> _Found:
    return (
        "the database is asked for a password",
        f"`{name}` is part of the query: it is kept in the clear, or as a hash without a salt of its own",
        "find the user by name, then let the password hasher verify the password",
        Confidence.HIGH,
    )


# -- cookies


def _cookie(part: ir.Subscript, statement: ir.Statement, body: Body) -> _Found | None:
    if not isinstance(part.index, ir.Constant):
        return None
    return _cookie_named(part.value, str(part.index.value), statement, body)


def _cookie_named(holder: ir.Expression, key: str, statement: ir.Statement, body: Body) -> _Found | None:
    words = spelling(holder).split(".")
    if words[-1] not in ("cookies", "COOKIES") or not _WHO.match(key) or (words[0] not in ("request", "req", "self")):
        return None
    if isinstance(statement, ir.Assign) and isinstance(statement.targets[0], ir.Subscript):
        return None
    if any(
        isinstance(part, ir.Call) and last_name(part.function) in _UNSIGN and last_name(part.function) != "get"
        for part in body.expressions()
    ):
        return None
    return (
        f"the cookie `{key}` is believed",
        "a cookie without a signature is text that the client may change: anybody can be any user",
        "keep the user in the framework's signed session, or in a verified token",
        Confidence.HIGH,
    )


# -- tokens


def _encoded(call: ir.Call, statement: ir.Statement, body: Body) -> _Found | None:
    word = last_name(call.function)
    if word == "get" and isinstance(call.function, ir.Attribute) and call.arguments:
        first = call.arguments[0].value
        if isinstance(first, ir.Constant):
            return _cookie_named(call.function.value, str(first.value), statement, body)
    if word not in ("b64encode", "urlsafe_b64encode", "b32encode", "hexlify") or not call.arguments:
        return None
    targets = [_target(target) for target in statement.targets] if isinstance(statement, ir.Assign) else []
    returned = isinstance(statement, ir.Return) and _TOKEN.search(body.qualname.rpartition(".")[2])
    cookie = body.function is not None and "set_cookie" in body.function.calls
    if not returned and not cookie and not any(_TOKEN.search(target) for target in targets):
        return None
    words = " ".join((body.qualname, *targets))
    if _TRANSPORT.search(words) or body.function is None or _SIGNING & set(body.function.calls):
        return None
    inside = list(ir.subexpressions(call.arguments[0].value))
    readable = any(
        (isinstance(part, ir.Template) and sum(not isinstance(piece, ir.Constant) for piece in part.parts) > 0)
        or (isinstance(part, ir.Attribute) and _WHO.match(part.name))
        or (isinstance(part, ir.Name) and _WHO.match(part.id))
        or (isinstance(part, ir.Attribute) and part.name in ("id", "email"))
        or (isinstance(part, ir.Constant) and isinstance(part.value, str) and _WHO.match(part.value))
        for part in inside
    )
    about = any(re.search(r"user|email|login|account|\bid\b", word, re.IGNORECASE) for word in _names(inside))
    if (
        not readable
        or not about
        or any(
            "basic" in str(getattr(part, "value", "")).lower()
            for part in body.expressions()
            if isinstance(part, ir.Constant)
        )
    ):
        return None
    return (
        "a session is only encoded" if cookie else "a token is only encoded",
        "whoever reads it can decode it, change the user in it, and encode it again",
        "sign it: a JWT, `itsdangerous`, or Django's signing; or give out a random one and keep it on the server",
        Confidence.MEDIUM,
    )


def _names(parts: list[ir.Expression]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, ir.Name):
            yield part.id
        elif isinstance(part, ir.Attribute):
            yield part.name


def _imports_random(module: ir.Module) -> frozenset[str]:
    """The names in a module that draw from `random`: `random` itself, and what is imported from it."""
    names: set[str] = set()
    for statement in ir.walk(module.body):
        if isinstance(statement, ir.Import) and statement.module == "random" and not statement.level:
            names.update(alias or name for name, alias in statement.names)
            if not statement.names:
                names.add(statement.alias or "random")
    return frozenset(names)


def _drawn(call: ir.Call, statement: ir.Statement, body: Body, randoms: frozenset[str]) -> _Found | None:
    word = last_name(call.function)
    if word not in _DRAWN:
        return None
    first = spelling(call.function).split(".")[0]
    if first not in randoms or "SystemRandom" in spelling(call.function):
        return None
    targets = [_target(target) for target in statement.targets] if isinstance(statement, ir.Assign) else []
    function = body.qualname.rpartition(".")[2]
    returned = isinstance(statement, ir.Return) and _TOKEN.search(function)
    key = "key" in targets and _KEYGEN.search(function)
    if not returned and not key and not any(_TOKEN.search(target) for target in targets):
        return None
    name = next((target for target in targets if _TOKEN.search(target)), function)
    return (
        f"`{name}` is drawn from `random`",
        "what `random` gives can be foretold from what it gave before",
        "draw it from `secrets`: `secrets.token_urlsafe(32)`, `secrets.randbelow(...)`",
        Confidence.HIGH,
    )


def _target(target: ir.Expression) -> str:
    return _key_of(target)


CHECK = Check(
    id="home-rolled-auth",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use industry standards (OAuth2, JWT)",
    dont="Roll your own authentication",
    tags=("CWE-287", "CWE-208", "CWE-330", "OWASP-API2:2023"),
    gates=("authentication",),
    run=run,
    version=2,
    reads=frozenset({Language.PYTHON}),
    roles=frozenset({Role.APPLICATION}),
    examined=lambda file: int(file.module is not None and _speaks(file.text.content, _HINTS)),
    doc=__doc__,
    bad=(
        example(
            """
            import hashlib
            import random
            import sqlite3

            from flask import Flask, jsonify, request

            app = Flask(__name__)


            @app.post("/api/v1/login")
            def login():
                name, password = request.form["name"], request.form["password"]
                statement = "SELECT id FROM users WHERE name = ? AND password = ?"  # <- flagged
                found = sqlite3.connect("shop.db").execute(statement, (name, password))
                return jsonify(found.fetchone())


            @app.post("/api/v1/forgot")
            def forgot():
                reset_pin = str(random.randint(1000, 9999))  # <- flagged
                return jsonify(send(request.form["name"], reset_pin))


            def keygen(name):
                key = hashlib.sha256(str(random.getrandbits(256)).encode()).hexdigest()  # <- flagged
                return name + "." + key


            def send(name, reset_pin):
                return {"sent": name}
            """,
            "Flask: a statement that asks for the password, a PIN and a key out of random numbers",
        ),
        example(
            """
            from flask import Flask, jsonify, request, session

            from app.models import User

            app = Flask(__name__)


            @app.post("/api/v1/login")
            def login():
                body = request.get_json()
                user = User.query.filter_by(email=body["email"]).first()
                if user and user.password == body["password"]:  # <- flagged
                    session["user_id"] = user.id
                    return jsonify(ok=True)
                return jsonify(error="wrong"), 401


            @app.get("/api/v1/admin")
            def admin():
                if request.cookies.get("is_admin") == "1":  # <- flagged
                    return jsonify(admin=True)
                return jsonify(error="no"), 403
            """,
            "a stored password compared, and a cookie that is believed",
        ),
        example(
            """
            import hashlib
            import hmac
            import os

            from fastapi import FastAPI, Header, HTTPException, Request

            app = FastAPI()
            API_KEY = os.environ["API_KEY"]


            @app.post("/v1/events")
            async def event(request: Request, x_signature: str = Header()):
                expected = hmac.new(API_KEY.encode(), await request.body(), hashlib.sha256).hexdigest()
                if expected != x_signature:  # <- flagged
                    raise HTTPException(401)
                return {"ok": True}


            @app.get("/v1/report")
            async def report(request: Request):
                if request.headers.get("X-API-Key") != API_KEY:  # <- flagged
                    raise HTTPException(401)
                return {"ok": True}
            """,
            "a signature and an API key, letter by letter",
        ),
        example(
            """
            from django.http import JsonResponse

            from clinic.models import Doctor


            def sign_in(request):
                name, password = request.POST["name"], request.POST["password"]
                doctor = Doctor.objects.filter(name=name, password=password).first()  # <- flagged
                return JsonResponse({"signed_in": doctor is not None})
            """,
            "the password is part of the query",
            path="clinic/views.py",
        ),
        example(
            """
            import base64
            import random
            import string


            def make_token(user):
                token = base64.b64encode(f"{user.id}:{user.email}".encode()).decode()  # <- flagged
                return token


            def new_api_key(length=32):
                api_key = "".join(random.choice(string.ascii_letters) for _ in range(length))  # <- flagged
                return api_key
            """,
            "a token that anybody can make, and one that can be foretold",
        ),
    ),
    good=(
        example(
            """
            import random

            import psycopg2
            from argon2 import PasswordHasher
            from flask import Flask, request

            app = Flask(__name__)


            @app.post("/api/v1/login")
            def login():
                with psycopg2.connect("dbname=shop") as connection, connection.cursor() as cursor:
                    cursor.execute("SELECT password FROM users WHERE name = %s", (request.form["name"],))
                    PasswordHasher().verify(cursor.fetchone()[0], request.form["password"])
                    cursor.execute("UPDATE users SET password = %s WHERE name = %s", rehash(request.form))
                key = random.choice(["a", "b"])
                return {"group": key}


            def rehash(form):
                return PasswordHasher().hash(form["password"]), form["name"]
            """,
            "a password that is read and verified, or set anew; a random group",
        ),
        example(
            """
            import hmac
            import secrets

            from flask import Flask, jsonify, request, session
            from werkzeug.security import check_password_hash

            from app.models import User

            app = Flask(__name__)


            @app.post("/api/v1/login")
            def login():
                body = request.get_json()
                user = User.query.filter_by(email=body["email"]).first()
                if user and check_password_hash(user.password, body["password"]):
                    session["user_id"] = user.id
                    return jsonify(ok=True)
                return jsonify(error="wrong"), 401


            @app.post("/api/v1/password")
            def change_password():
                body = request.get_json()
                if body["password"] != body["password_confirmation"]:
                    return jsonify(error="they differ"), 422
                return jsonify(ok=True)


            @app.post("/api/v1/keys")
            def key():
                if not hmac.compare_digest(request.headers["X-API-Key"], app.config["KEY"]):
                    return jsonify(error="wrong key"), 401
                return jsonify(key=secrets.token_urlsafe(32))
            """,
            "a hasher, two fields of a form, a comparison in constant time",
        ),
        example(
            """
            from django.contrib.auth import authenticate, login
            from django.http import JsonResponse


            def sign_in(request):
                user = authenticate(request, username=request.POST["name"], password=request.POST["password"])
                if user is None or user.password == "":
                    return JsonResponse({"error": "wrong"}, status=401)
                login(request, user)
                return JsonResponse({"theme": request.COOKIES.get("theme", "light")})
            """,
            "the framework's own login; a cookie about nothing secret",
            path="clinic/views.py",
        ),
        example(
            """
            import base64
            import random

            import httpx


            def fetch(client_id: str, client_secret: str):
                token = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
                return httpx.get("https://partner.example.com/", headers={"Authorization": f"Basic {token}"}, timeout=5)


            def pick(servers):
                server = random.choice(servers)
                return server
            """,
            "basic authentication towards another service, and chance that guards nothing",
        ),
        example(
            """
            from fastapi import Cookie, FastAPI, Request
            from itsdangerous import URLSafeTimedSerializer

            from app.settings import settings

            app = FastAPI()
            serializer = URLSafeTimedSerializer(settings.secret_key)


            @app.get("/v1/me")
            def me(request: Request):
                user = serializer.loads(request.cookies["user"], max_age=3600)
                return {"user": user}
            """,
            "a cookie that is signed",
        ),
    ),
)
