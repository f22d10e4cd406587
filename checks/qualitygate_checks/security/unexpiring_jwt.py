"""A token that never expires.

What it flags: a JSON Web Token that is signed without an `exp` claim: `jwt.encode()` of PyJWT, python-jose, Authlib and
joserfc, where all claims are in sight, also those that callers hand in; `create_access_token(expires_delta=False)` and
`JWT_ACCESS_TOKEN_EXPIRES = False` of Flask-JWT-Extended, `JWTStrategy(lifetime_seconds=None)` of FastAPI Users, and an
expiry that is not checked when the token is read (`verify_exp: False`).

Why: a token cannot be taken back. One that leaks, from a log, a browser or a laptop, opens the account for ever, also
after the password was changed.

How to mend: give every token an `exp` a few minutes ahead, and a refresh token that can be revoked for the rest.

What it cannot see: claims that are built at run time or by another library. Tokens that a service signs about itself for
another service (`iss` and `iat` alone) are left alone: the receiver limits their age.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._code import Code, span_of
from qualitygate_checks.security._tokens import ENCODERS, claims_of, settings

_FLASK = ("flask_jwt_extended.create_access_token", "flask_jwt_extended.utils.create_access_token")
_STRATEGIES = ("fastapi_users.authentication.JWTStrategy", "fastapi_users.authentication.strategy.JWTStrategy")
_DECODERS = ("jwt.decode", "jwt.api_jwt.decode", "jose.jwt.decode")
_RENEWAL = re.compile(
    r"refresh|renew|logout|revoke|expired|introspect|peek|unverified|blacklist|blocklist", re.IGNORECASE
)
_MAKES = re.compile(r"token|jwt", re.IGNORECASE)
_ASSERTION = frozenset(("iss", "iat", "aud", "jti"))


def run(project: Project) -> Iterator[Hit]:
    """Hits for tokens without an end, at the claims where they are written out."""
    code = project.once(Code)
    for call in project.calls:
        if call.name in ENCODERS:
            yield from _signed(code, call)
        elif call.name in _FLASK:
            if _is(call.argument("expires_delta", 2), False):
                yield _made(call, "expires_delta=False", "leave `expires_delta` out, or give it a few minutes")
        elif call.name in _STRATEGIES:
            if _is(call.argument("lifetime_seconds", 1), None):
                yield _made(call, "lifetime_seconds=None", "set `lifetime_seconds` to a few minutes")
        elif call.name in _DECODERS and not _RENEWAL.search(_function(call)):
            options = call.argument("options", 3)
            checked = options.entry("verify_exp") if options is not None else None
            signature = options.entry("verify_signature") if options is not None else None
            if _is(checked, False) and not _is(signature, False):
                yield Hit(
                    place=call.place,
                    message="the end of a token is not checked",
                    subject=f"{_function(call)} verify_exp",
                    why="`verify_exp` is False: a token that ended is still taken" + _reached(call),
                    mend="leave `verify_exp` at its default",
                    places=call.chain,
                    confidence=Confidence.MEDIUM,
                )
    for body, name, value, span in settings(code, ("JWT_ACCESS_TOKEN_EXPIRES",)):
        if isinstance(value, ir.Constant) and value.value is False:
            yield Hit(
                place=Place(body.path, span),
                message="tokens of this application never expire",
                subject=name,
                why=f"{name} is False: Flask-JWT-Extended then leaves `exp` out",
                mend=f"set {name} to `timedelta(minutes=15)` and use refresh tokens",
            )


def _signed(code: Code, call: Call) -> Iterator[Hit]:
    found = claims_of(code, call)
    if found is None:
        return
    alternatives, expression, body = found
    for claims, place in alternatives:
        if claims.get("exp") is not None or not (claims.complete or claims.open):
            continue
        if claims.open and not _MAKES.search(place.qualname.rpartition(".")[2]):
            continue
        if claims.complete and (not claims.names or claims.names <= _ASSERTION):
            continue
        away = place is not body
        known = ", ".join(sorted(claims.names)) or "what the caller hands in"
        entry = next((value for _, value, owner in claims.entries if owner is place), None) if away else None
        span = span_of(entry) if entry is not None else None
        places = list(call.chain)
        if away and span is not None:
            places.append(Place(call.place.path, call.place.span, "signed here", "call"))
        yield Hit(
            place=Place(place.path, span) if away and span is not None else Place(body.path, expression.name_span),
            message="a token is signed that never expires",
            subject=f"{place.qualname or 'module'} exp",
            why=f"its claims ({known}) hold no `exp`" + _reached(call),
            mend='add `"exp": datetime.now(timezone.utc) + timedelta(minutes=15)` to the claims',
            places=tuple(places),
            confidence=Confidence.HIGH if claims.complete else Confidence.MEDIUM,
        )


def _made(call: Call, written: str, mend: str) -> Hit:
    return Hit(
        place=call.place,
        message="a token is made that never expires",
        subject=f"{_function(call)} {written}",
        why=f"`{written}` leaves the token without an end" + _reached(call),
        mend=mend,
        places=call.chain,
    )


def _is(argument: Argument | None, value: bool | None) -> bool:
    return argument is not None and argument.kind == "constant" and argument.value is value


def _function(call: Call) -> str:
    return call.owner.partition(":")[2] or "module"


def _reached(call: Call) -> str:
    return f"; {call.routes[0]} leads here" if call.routes else ""


CHECK = Check(
    id="unexpiring-jwt",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use industry standards (OAuth2, JWT)",
    dont="Roll your own authentication",
    tags=("CWE-613", "OWASP-API2:2023"),
    gates=("authentication",),
    run=run,
    calls=frozenset((*ENCODERS, *_FLASK, *_STRATEGIES, *_DECODERS)),
    examined=lambda project: sum(
        1 for call in project.calls if call.name in ENCODERS or call.name in _FLASK or call.name in _STRATEGIES
    ),
    doc=__doc__,
    bad=(
        example(
            """
            import jwt
            from fastapi import FastAPI

            from app.settings import settings

            app = FastAPI()


            @app.post("/v1/login")
            def login(email: str):
                claims = {"sub": email, "scope": "orders"}
                token = jwt.encode(claims, settings.secret_key, algorithm="HS256")  # <- flagged
                return {"access_token": token, "token_type": "bearer"}
            """,
            "claims without an end",
        ),
        example(
            {
                "app/security.py": """
                    from datetime import datetime, timezone

                    from jose import jwt

                    from app.settings import SECRET_KEY


                    def create_access_token(data: dict) -> str:
                        to_encode = data.copy()
                        to_encode.update({"iat": datetime.now(timezone.utc)})
                        return jwt.encode(to_encode, SECRET_KEY, algorithm="HS256")
                    """,
                "app/main.py": """
                    from flask import Flask, jsonify, request

                    from app.security import create_access_token

                    app = Flask(__name__)


                    @app.post("/api/v1/login")
                    def login():
                        body = request.get_json()
                        token = create_access_token({"sub": body["email"]})  # <- flagged
                        return jsonify(access_token=token)
                    """,
            },
            "the caller hands in what is missing an end",
        ),
        example(
            """
            from flask import Flask, jsonify
            from flask_jwt_extended import JWTManager, create_access_token

            app = Flask(__name__)
            app.config["JWT_SECRET_KEY"] = app.config["SECRET_KEY"]
            app.config["JWT_ACCESS_TOKEN_EXPIRES"] = False  # <- flagged
            jwt = JWTManager(app)


            @app.post("/api/v1/devices/<int:number>/token")
            def device_token(number):
                return jsonify(token=create_access_token(identity=number, expires_delta=False))  # <- flagged
            """,
            "Flask-JWT-Extended told to leave the end out",
        ),
        example(
            """
            from django.conf import settings
            from django.http import JsonResponse
            from joserfc import jwt
            from joserfc.jwk import OctKey


            def session(request):
                key = OctKey.import_key(settings.SECRET_KEY)
                claims = dict(sub=str(request.user.pk), role="patient")
                return JsonResponse({"token": jwt.encode({"alg": "HS256"}, claims, key)})  # <- flagged
            """,
            "claims of joserfc, as keywords",
        ),
    ),
    good=(
        example(
            """
            from datetime import datetime, timedelta, timezone

            import jwt
            from fastapi import FastAPI

            from app.settings import settings

            app = FastAPI()


            @app.post("/v1/login")
            def login(email: str):
                claims = {"sub": email}
                claims["exp"] = datetime.now(timezone.utc) + timedelta(minutes=15)
                return {"access_token": jwt.encode(claims, settings.secret_key, algorithm="HS256")}
            """,
            "an end is added",
        ),
        example(
            {
                "app/security.py": """
                    from datetime import datetime, timedelta, timezone

                    from jose import jwt

                    from app.settings import SECRET_KEY


                    def create_access_token(data: dict, lifetime: timedelta | None = None) -> str:
                        to_encode = data.copy()
                        expire = datetime.now(timezone.utc) + (lifetime or timedelta(minutes=15))
                        to_encode.update({"exp": expire})
                        return jwt.encode(to_encode, SECRET_KEY, algorithm="HS256")


                    def sign(claims: dict) -> str:
                        return jwt.encode({**claims, "iss": "orders"}, SECRET_KEY, algorithm="HS256")


                    def invite(email: str, until: int) -> str:
                        return sign({"sub": email, "exp": until})
                    """,
            },
            "helpers that add an end, and a caller that hands one in",
        ),
        example(
            """
            import time

            import jwt


            def provider_token(team: str, key_id: str, key: str) -> str:
                return jwt.encode({"iss": team, "iat": time.time()}, key, algorithm="ES256", headers={"kid": key_id})
            """,
            "a service speaks for itself: the receiver limits the age",
        ),
        example(
            """
            from flask import Flask, jsonify
            from flask_jwt_extended import JWTManager, create_access_token

            app = Flask(__name__)
            jwt = JWTManager(app)


            @app.post("/api/v1/login")
            def login():
                return jsonify(token=create_access_token(identity=1))
            """,
            "the library's own end of fifteen minutes",
        ),
    ),
)
