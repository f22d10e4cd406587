"""A password that is kept by something too quick to guess.

What it flags: a password given to a general hash function (`hashlib.md5`, `sha1`, `sha256`, ..., with or without a salt),
to a scheme of passlib or Werkzeug that is one, to PBKDF2 with fewer than 100,000 rounds or bcrypt with fewer than 2^10;
Django's PASSWORD_HASHERS that begin with MD5, SHA-1 or an unsalted hasher.

Why: a graphics card tries thousands of millions of such hashes a second. One leaked table, and most of the passwords in
it are known the same day, on other sites too.

How to mend: Argon2id, scrypt or bcrypt, by the framework's own means: `argon2.PasswordHasher().hash(password)`,
`make_password()`, `generate_password_hash()`.

What it cannot see: passwords under another name, and hashes that another service makes. A hash that is handed on to a
slow one, a look-up of leaked passwords, and hashes of what is already a hash are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._code import Body, Code, last_name
from qualitygate_checks.security._tokens import settings

_QUICK = frozenset(
    "md4 md5 sha1 sha224 sha256 sha384 sha512 sha3_224 sha3_256 sha3_384 sha3_512 blake2b blake2s new".split()
)
_HASHES = frozenset(f"hashlib.{name}" for name in _QUICK)
_SLOW = frozenset(
    "hashpw gensalt scrypt pbkdf2_hmac PBKDF2HMAC Scrypt Argon2id hash_secret hash_password_slow derive checkpw make_password "
    "check_password generate_password_hash check_password_hash PasswordHasher".split()
)
_CONTEXTS = ("passlib.context.CryptContext", "passlib.apps.LazyCryptContext", "passlib.context.LazyCryptContext")
_WERKZEUG = ("werkzeug.security.generate_password_hash", "flask_bcrypt.generate_password_hash")
_BCRYPT = ("bcrypt.gensalt",)
_PBKDF2 = ("hashlib.pbkdf2_hmac",)
_WEAK_SCHEMES = frozenset(
    "plaintext ldap_plaintext hex_md4 hex_md5 hex_sha1 hex_sha256 hex_sha512 md5_crypt apr_md5_crypt des_crypt bsdi_crypt bigcrypt crypt16 "
    "sha1_crypt ldap_md5 ldap_sha1 ldap_salted_md5 ldap_salted_sha1 ldap_hex_md5 ldap_hex_sha1 lmhash nthash mysql323 mysql41 "
    "oracle10 mssql2000 mssql2005 atlassian_pbkdf2_sha1 django_salted_md5 django_salted_sha1 django_des_crypt django_disabled unix_disabled".split()
)
_PASSLIB = frozenset(
    f"passlib.hash.{scheme}.{method}"
    for scheme in _WEAK_SCHEMES
    for method in ("hash", "encrypt")
    if scheme[-8:] != "disabled"
)
_ROUNDS = 100_000
_COST = 10

_PASSWORD = re.compile(
    r"(?:^|_)(?:pass(?:word|wd|phrase|code)?|pwd|passw|raw_password|plain_password)\d?$|password", re.IGNORECASE
)
_NO_PASSWORD = re.compile(
    r"hash|digest|encrypted|salt|field|form|serializer|reset|token|changed|_at$|_id$|policy|validator|error|length|crypt|file|path|url"
    r"|count|history|expir|date|hint|env|key$|name$",
    re.IGNORECASE,
)
_LOOKUP = re.compile(
    r"pwned|hibp|breach|leak|compromis|gravatar|digest|ntlm|htpasswd|cache|etag|fingerprint|checksum|wpa|protocol|redis_?key|legacy",
    re.IGNORECASE,
)
_WEAK_HASHER = re.compile(r"(?:Unsalted\w{1,40}|MD5|SHA1|Crypt)PasswordHasher$")
_TESTING = re.compile(r"debug|test|fast|(?:^|_)dev(?:_|$)|(?:^|_)ci(?:_|$)", re.IGNORECASE)
_TRIAL = re.compile(r"(?:^|[/_.])(?:tests?|testing|ci|dev|development|local)(?:[/_.]|$)")


def run(project: Project) -> Iterator[Hit]:
    """Hits for passwords that are hashed too quickly."""
    code = project.once(Code)
    for call in project.calls:
        if call.name in _HASHES:
            yield from _hashed(code, call)
        elif call.name in _CONTEXTS:
            schemes = call.argument("schemes", 0)
            first = schemes.items[0].value if schemes is not None and schemes.items else None
            if first in _WEAK_SCHEMES:
                yield _hit(
                    call, f"passwords are hashed with `{first}`", "it is the first scheme: new passwords are kept by it"
                )
        elif call.name in _PASSLIB:
            scheme = call.name.split(".")[2]
            yield _hit(call, f"a password is hashed with `{scheme}`", "it was made to be quick, or to be read")
        elif call.name in _WERKZEUG:
            yield from _method(call)
        elif call.name in _BCRYPT:
            rounds = _number(call.argument("rounds", 0))
            if rounds is not None and rounds < _COST:
                yield _hit(call, f"bcrypt makes 2^{rounds} rounds", f"fewer than 2^{_COST} are tried too quickly")
        elif call.name in _PBKDF2:
            rounds = _number(call.argument("iterations", 3))
            if rounds is not None and rounds < _ROUNDS and _about_password(code, call):
                yield _hit(call, f"PBKDF2 makes {rounds:,} rounds", f"fewer than {_ROUNDS:,} are tried too quickly")
    for body, name, value, span in settings(code, ("PASSWORD_HASHERS",)):
        first_item = value.items[0] if isinstance(value, ir.Sequence) and value.items else None
        text = first_item.value if isinstance(first_item, ir.Constant) else None
        for_tests = _TRIAL.search(body.path) or _under_trial(body, span)
        if isinstance(text, str) and _WEAK_HASHER.search(text) and not for_tests:
            place = (
                Place(body.path, first_item.span) if isinstance(first_item, ir.Constant) and first_item.span else None
            )
            yield Hit(
                place=place or Place(body.path, span),
                message=f"passwords are hashed with {text.rpartition('.')[2]}",
                subject=name,
                why="it is the first of PASSWORD_HASHERS: new passwords are kept by it",
                mend="put Argon2PasswordHasher or ScryptPasswordHasher first; the old one may stay behind it to read old hashes",
            )


def _under_trial(body: Body, span: Span) -> bool:
    """Whether a setting stands under a condition that speaks of tests or debugging: `if USE_FAST_HASHER:`."""
    return any(
        isinstance(statement, ir.If)
        and any(getattr(inner, "span", None) == span for inner in ir.walk(statement.body))
        and any(
            _TESTING.search(part.id if isinstance(part, ir.Name) else getattr(part, "name", "") or "")
            for part in ir.subexpressions(statement.test)
        )
        for statement in ir.walk(body.statements)
    )


def _hashed(code: Code, call: Call) -> Iterator[Hit]:
    security = call.keywords.get("usedforsecurity")
    if security is not None and security.value is False:
        return
    found = code.at(call.place, call.name.rpartition(".")[2])
    if found is None:
        return
    expression, body = found
    name = _password_in(expression, body)
    if not name or _excused(body):
        return
    algorithm = call.name.rpartition(".")[2]
    if algorithm == "new":
        given = call.argument("name", 0)
        algorithm = str(given.value) if given is not None and given.kind == "constant" else "a hash of hashlib"
    yield _hit(
        call,
        f"the password `{name}` is hashed with {algorithm.upper().replace('_', '-')}",
        "a general hash is made to be quick: guesses are too" + _reached(call),
    )


def _password_in(expression: ir.Call, body: Body) -> str:
    """The name of a password that is hashed by the call, or by `update()` on what it makes; empty for none."""
    given = [argument.value for argument in expression.arguments]
    if not given or (last_name(expression.function) == "new" and len(given) == 1):
        # `digest = hashlib.sha256(); digest.update(password)`
        names = {
            name for name, bindings in body.bindings.items() for binding in bindings if binding.value == expression
        }
        for part in body.expressions():
            if (
                isinstance(part, ir.Call)
                and isinstance(part.function, ir.Attribute)
                and part.function.name == "update"
                and last_name(part.function.value) in names
            ):
                given += [argument.value for argument in part.arguments]
    for value in given:
        name = _named_password(value, body, 0)
        if name:
            return name
    return ""


def _named_password(value: ir.Expression, body: Body, depth: int) -> str:
    for part in ir.subexpressions(value):
        name = ""
        if isinstance(part, ir.Name):
            name = part.id
        elif isinstance(part, ir.Attribute):
            # `user.password` of a stored user is a hash already; of a form it is what was typed.
            holder = last_name(part.value)
            name = (
                part.name
                if re.search(
                    r"form|data|body|payload|cred|request|input|login|schema|args|params|obj_in|_in$|create",
                    holder,
                    re.IGNORECASE,
                )
                else ""
            )
        elif isinstance(part, ir.Subscript) and isinstance(part.index, ir.Constant):
            name = str(part.index.value)
        elif (
            isinstance(part, ir.Call)
            and last_name(part.function) == "get"
            and part.arguments
            and isinstance(part.arguments[0].value, ir.Constant)
        ):
            name = str(part.arguments[0].value.value)
        if name and _PASSWORD.search(name) and not _NO_PASSWORD.search(name) and not name.isupper():
            return name
        if depth < 2 and isinstance(part, ir.Name):
            for binding in body.bindings.get(part.id, ()):
                # What was hashed once is told there.
                hashed = any(
                    isinstance(item, ir.Call) and last_name(item.function) in ("hexdigest", "digest")
                    for item in ir.subexpressions(binding.value)
                )
                if binding.how == "value" and not hashed and (found := _named_password(binding.value, body, depth + 1)):
                    return found
    return ""


def _excused(body: Body) -> bool:
    """Whether the function does something else with the hash: hands it to a slow one, or asks for leaked passwords."""
    if _LOOKUP.search(body.qualname):
        return True
    # A hasher of its own that goes on to the slow one it derives from: old hashes of another system are wrapped so.
    if body.cls is not None and any(last_name(base.value).endswith("PasswordHasher") for base in body.cls.bases):
        return True
    for part in body.expressions():
        if isinstance(part, ir.Call) and last_name(part.function) in _SLOW:
            return True
        if isinstance(part, ir.Constant) and isinstance(part.value, str) and "pwnedpasswords" in part.value:
            return True
    return False


def _about_password(code: Code, call: Call) -> bool:
    found = code.at(call.place, "pbkdf2_hmac")
    return found is not None and bool(_password_in(*found))


def _method(call: Call) -> Iterator[Hit]:
    given = call.argument("method", 1)
    if given is None or given.kind != "constant" or not isinstance(given.value, str):
        return
    parts = given.value.split(":")
    if parts[0] in ("plain", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"):
        yield _hit(
            call, f"a password is hashed with `{given.value}`", "a general hash is made to be quick: guesses are too"
        )
    elif parts[0] == "pbkdf2" and len(parts) > 2 and parts[2].isdigit() and int(parts[2]) < _ROUNDS:
        yield _hit(call, f"PBKDF2 makes {int(parts[2]):,} rounds", f"fewer than {_ROUNDS:,} are tried too quickly")


def _number(argument: Argument | None) -> int | None:
    value = argument.value if argument is not None and argument.kind == "constant" else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _reached(call: Call) -> str:
    return f"; {call.routes[0]} leads here" if call.routes else ""


def _hit(call: Call, message: str, why: str) -> Hit:
    return Hit(
        place=call.place,
        message=message,
        subject=f"{call.owner.partition(':')[2] or 'module'} {call.name}",
        why=why,
        mend="use Argon2id, scrypt or bcrypt: `argon2.PasswordHasher().hash(password)`, or the framework's own hasher",
        places=call.chain,
    )


CHECK = Check(
    id="weak-password-hash",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use industry standards (OAuth2, JWT)",
    dont="Roll your own authentication",
    tags=("CWE-916", "CWE-328", "OWASP-API2:2023", "PCI-DSS-8.3.2"),
    gates=("authentication", "data_protection"),
    run=run,
    calls=frozenset((*_HASHES, *_CONTEXTS, *_PASSLIB, *_WERKZEUG, *_BCRYPT, *_PBKDF2)),
    examined=lambda project: sum(
        1
        for call in project.calls
        if call.name in _HASHES | _PASSLIB or call.name in (*_CONTEXTS, *_WERKZEUG, *_BCRYPT, *_PBKDF2)
    ),
    doc=__doc__,
    bad=(
        example(
            """
            import hashlib

            from flask import Flask, jsonify, request

            app = Flask(__name__)


            def hash_password(password: str, salt: str) -> str:
                return hashlib.sha256((salt + password).encode()).hexdigest()  # <- flagged


            @app.post("/api/v1/agents")
            def add_agent():
                body = request.get_json()
                return jsonify(hash=hash_password(body["password"], "agents")), 201


            @app.post("/api/v1/login")
            def login():
                digest = hashlib.md5()  # <- flagged
                digest.update(request.form["password"].encode())
                return jsonify(hash=digest.hexdigest())
            """,
            "SHA-256 with a salt, and MD5 fed step by step",
        ),
        example(
            """
            import hashlib
            import os

            from fastapi import FastAPI
            from passlib.context import CryptContext
            from pydantic import BaseModel

            app = FastAPI()
            context = CryptContext(schemes=["md5_crypt", "bcrypt"])  # <- flagged


            class NewUser(BaseModel):
                email: str
                password: str


            @app.post("/v1/users")
            def add_user(user_in: NewUser):
                salt = os.urandom(16)
                key = hashlib.pbkdf2_hmac("sha256", user_in.password.encode(), salt, 1000)  # <- flagged
                return {"hash": salt.hex() + key.hex(), "other": context.hash(user_in.password)}
            """,
            "a weak scheme first, and PBKDF2 with a thousand rounds",
        ),
        example(
            """
            INSTALLED_APPS = ["django.contrib.auth"]
            PASSWORD_HASHERS = [
                "django.contrib.auth.hashers.MD5PasswordHasher",  # <- flagged
                "django.contrib.auth.hashers.PBKDF2PasswordHasher",
            ]
            """,
            "Django told to use MD5",
            path="clinic/settings.py",
        ),
        example(
            """
            import bcrypt
            from werkzeug.security import generate_password_hash


            def keep(password: str) -> str:
                return generate_password_hash(password, method="sha256")  # <- flagged


            def keep_slowly(password: str) -> bytes:
                return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4))  # <- flagged
            """,
            "Werkzeug with a general hash, bcrypt with sixteen rounds",
        ),
    ),
    good=(
        example(
            """
            import os

            USE_FAST_HASHER = os.environ.get("USE_FAST_HASHER") == "1"
            PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
            if USE_FAST_HASHER:
                PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
            """,
            "Django: a quick hasher for tests alone",
            path="clinic/settings.py",
        ),
        example(
            """
            import base64
            import hashlib

            import bcrypt
            from argon2 import PasswordHasher
            from passlib.context import CryptContext
            from werkzeug.security import generate_password_hash

            context = CryptContext(schemes=["argon2", "bcrypt", "md5_crypt"], deprecated="auto")


            def keep(password: str) -> str:
                return PasswordHasher().hash(password)


            def keep_with_werkzeug(password: str) -> str:
                return generate_password_hash(password)


            def keep_long(password: str) -> bytes:
                short = base64.b64encode(hashlib.sha256(password.encode()).digest())
                return bcrypt.hashpw(short, bcrypt.gensalt())
            """,
            "slow ones, one of them behind a hash that shortens",
        ),
        example(
            """
            import hashlib

            import httpx


            def is_pwned(password: str) -> bool:
                digest = hashlib.sha1(password.encode()).hexdigest().upper()
                found = httpx.get(f"https://api.pwnedpasswords.com/range/{digest[:5]}", timeout=5)
                return digest[5:] in found.text
            """,
            "a look-up of leaked passwords",
        ),
        example(
            """
            import hashlib

            from flask import Flask, request

            app = Flask(__name__)


            @app.post("/api/v1/files")
            def upload():
                digest = hashlib.sha256(request.get_data()).hexdigest()
                return {"digest": digest}


            def reset_token(user, secret: str) -> str:
                return hashlib.sha256(f"{user.id}{user.password}{secret}".encode()).hexdigest()
            """,
            "files, and a token over a hash that is stored",
        ),
        example(
            """
            INSTALLED_APPS = ["django.contrib.auth"]
            PASSWORD_HASHERS = [
                "django.contrib.auth.hashers.Argon2PasswordHasher",
                "django.contrib.auth.hashers.MD5PasswordHasher",
            ]
            """,
            "an old hasher only to read old hashes",
            path="clinic/settings.py",
        ),
    ),
)
