"""A token that lives much longer than its use.

What it flags: an access token whose lifetime is longer than `max-minutes` (15 by default): the `exp` that is signed with
PyJWT, python-jose, Authlib or joserfc, followed through helpers, settings and callers; `expires_delta` and
`JWT_ACCESS_TOKEN_EXPIRES` of Flask-JWT-Extended, `ACCESS_TOKEN_LIFETIME` of Simple JWT, `lifetime_seconds` of FastAPI
Users. More than a day is a warning, less is a note.

Why: a token cannot be taken back before it ends: this long a leaked one opens the account, also after the user signed
out, changed the password, or lost a role.

How to mend: access tokens of a few minutes, and a refresh token that is kept on the server and can be revoked.

What it cannot see: lifetimes that only the environment knows (the default is taken), and lists of revoked tokens.
Refresh tokens, and tokens that confirm, invite, reset or unsubscribe, are left alone: they are used once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, Span, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._code import Body, Code, argument_for, last_name, span_of
from qualitygate_checks.security._tokens import ENCODERS, claims_of, settings

_DELTAS = ("datetime.timedelta", "django.utils.timezone.timedelta")
_FLASK = ("flask_jwt_extended.create_access_token", "flask_jwt_extended.utils.create_access_token")
_GIVEN = (
    *_FLASK,
    "litestar.security.jwt.JWTAuth",
    "litestar.security.jwt.JWTCookieAuth",
    "litestar.security.jwt.OAuth2PasswordBearerAuth",
)
_ASSERTION = frozenset(("iss", "iat", "aud", "jti", "exp", "nbf"))  # what a service says of itself to another
_STRATEGIES = ("fastapi_users.authentication.JWTStrategy", "fastapi_users.authentication.strategy.JWTStrategy")
_SETTINGS = ("JWT_ACCESS_TOKEN_EXPIRES", "ACCESS_TOKEN_LIFETIME", "JWT_EXPIRATION_DELTA")
_MINUTES = {
    "weeks": 10080.0,
    "days": 1440.0,
    "hours": 60.0,
    "minutes": 1.0,
    "seconds": 1 / 60,
    "milliseconds": 1 / 60_000,
    "microseconds": 1 / 60_000_000,
}
_POSITIONS = ("days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks")
_OTHER = re.compile(
    r"refresh|reset|verif|confirm|invit|unsubscrib|activat|remember|email|magic|download|signup|registration|api_?token|api_?key"
    r"|state|feed|webhook|personal|device|service|recover|forgot|change",
    re.IGNORECASE,
)
_DAY = 1440.0
_DEEPEST = 6


@dataclass(frozen=True)
class Options:
    """``max_minutes``: the longest lifetime of an access token that is not told."""

    max_minutes: int = 15


@dataclass(frozen=True)
class _Lifetime:
    """Minutes, whether the environment may change them, and where they are written."""

    minutes: float
    sure: bool
    place: Place
    body: Body


def run(project: Project, options: Options) -> Iterator[Hit]:
    """Hits for lifetimes at the place where each is written: of one signing call the longest."""
    code = project.once(Code)
    deltas = {(call.place.path, call.place.span): call for call in project.calls if call.name in _DELTAS}
    told: set[Place] = set()
    for lifetimes, call, setting in _all(code, project, _Reader(code, deltas)):
        longest = max(lifetimes, key=lambda lifetime: lifetime.minutes, default=None)
        if longest is not None and longest.minutes > options.max_minutes and longest.place not in told:
            told.add(longest.place)
            yield _hit(longest, options, call, setting)


def _all(code: Code, project: Project, reader: _Reader) -> Iterator[tuple[list[_Lifetime], Call | None, str]]:
    for call in project.calls:
        if _OTHER.search(call.owner.partition(":")[2]):
            continue
        if call.name in ENCODERS:
            found = claims_of(code, call)
            lifetimes: list[_Lifetime] = []
            for claims, where in found[0] if found is not None else ():
                end = claims.get("exp")
                service = claims.complete and claims.names <= _ASSERTION
                if end is None or service or _is_other(claims.get("type")) or _OTHER.search(where.qualname):
                    continue
                lifetimes += [
                    lifetime
                    for lifetime in reader.lifetimes(end[0], end[1], 0)
                    if not _OTHER.search(lifetime.body.qualname)
                ]
            yield lifetimes, call, ""
        elif call.name in _GIVEN:
            made = code.at(call.place, call.name.rpartition(".")[2])
            for argument in made[0].arguments if made is not None else ():
                if argument.name in ("expires_delta", "default_token_expiration") and made is not None:
                    yield list(reader.lifetimes(argument.value, made[1], 0)), call, ""
        elif call.name in _STRATEGIES:
            seconds = _number(call.argument("lifetime_seconds", 1))
            if seconds is not None:
                body = Body(call.place.path, call.owner.partition(":")[2], None, (), None)
                yield [_Lifetime(seconds[0] / 60, seconds[1], call.place, body)], call, ""
    for body, name, value, span in settings(code, _SETTINGS):
        lifetimes = list(reader.lifetimes(value, body, 0))
        if isinstance(value, ir.Constant) and type(value.value) is int and value.value > 1 and name == _SETTINGS[0]:
            lifetimes.append(_Lifetime(value.value / 60, True, Place(body.path, span), body))
        yield lifetimes, None, name
    for body, value in _entries(code):
        yield list(reader.lifetimes(value, body, 0)), None, "ACCESS_TOKEN_LIFETIME"


def _entries(code: Code) -> Iterator[tuple[Body, ir.Expression]]:
    """`SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": ...}`."""
    for body, _, value, _ in settings(code, ("SIMPLE_JWT", "JWT_AUTH")):
        for key, item in value.items if isinstance(value, ir.Mapping) else ():
            if isinstance(key, ir.Constant) and key.value in _SETTINGS:
                yield body, item


class _Reader:
    """Reads an expiry back to the lifetimes that are added to the present."""

    def __init__(self, code: Code, deltas: dict[tuple[str, Span], Call]) -> None:
        self._code = code
        self._deltas = deltas

    def lifetimes(self, expression: ir.Expression, body: Body, depth: int) -> Iterator[_Lifetime]:
        """Every lifetime that an expression may stand for; none where it cannot be told."""
        if depth > _DEEPEST:
            return
        if isinstance(expression, ir.Call):
            call = self._deltas.get((body.path, expression.name_span))
            if call is not None:
                minutes = _minutes(call)
                if minutes is not None:
                    yield _Lifetime(*minutes, Place(body.path, expression.span), body)
                return
            yield from self._of_call(expression, body, depth)
        elif isinstance(expression, ir.Operation) and expression.operator in ("+", "or"):
            for operand in expression.operands:
                if expression.operator == "+" and (seconds := _seconds(operand)) is not None:
                    if any(_is_clock(other) for other in expression.operands if other is not operand):
                        span = span_of(expression)
                        if span is not None:
                            yield _Lifetime(seconds / 60, True, Place(body.path, span), body)
                    continue
                yield from self.lifetimes(operand, body, depth + 1)
        elif isinstance(expression, ir.Conditional):
            yield from self.lifetimes(expression.body, body, depth + 1)
            yield from self.lifetimes(expression.orelse, body, depth + 1)
        elif isinstance(expression, (ir.Name, ir.Attribute)):
            yield from self._of_name(expression, body, depth)

    def _of_call(self, expression: ir.Call, body: Body, depth: int) -> Iterator[_Lifetime]:
        word = last_name(expression.function)
        if word in (
            "int",
            "float",
            "round",
            "timegm",
            "timestamp",
            "isoformat",
            "replace",
            "utctimetuple",
            "timetuple",
        ):
            if isinstance(expression.function, ir.Attribute):
                yield from self.lifetimes(expression.function.value, body, depth + 1)
            for argument in expression.arguments[:1]:
                yield from self.lifetimes(argument.value, body, depth + 1)
            return
        helpers = self._code.named(word) if word else []
        if len(helpers) == 1:
            for part in helpers[0].statements:
                if isinstance(part, ir.Return) and part.value is not None:
                    yield from self.lifetimes(part.value, helpers[0], depth + 2)

    def _of_name(self, expression: ir.Name | ir.Attribute, body: Body, depth: int) -> Iterator[_Lifetime]:
        if isinstance(expression, ir.Attribute):
            return
        owner: Body | None = body
        while owner is not None and expression.id not in owner.bindings and expression.id not in owner.parameters:
            owner = owner.outer
        if owner is None:
            return
        for binding in owner.bindings.get(expression.id, ()):
            if binding.how == "value":
                yield from self.lifetimes(binding.value, owner, depth + 1)
        if expression.id not in owner.parameters:
            return
        default = owner.parameters[expression.id].default
        if default is not None:
            yield from self.lifetimes(default, owner, depth + 1)
        for call, caller in self._code.callers(owner) or ():
            given = argument_for(call, owner, expression.id)
            if given is not None and given is not default and not _OTHER.search(caller.qualname):
                yield from self.lifetimes(given, caller, depth + 1)


def _minutes(call: Call) -> tuple[float, bool] | None:
    """Minutes of a `timedelta(...)`, and whether they are certain; None where a part is not known."""
    if not call.complete:
        return None
    total, sure = 0.0, True
    given = [*zip(_POSITIONS, call.positional, strict=False), *call.keywords.items()]
    for unit, argument in given:
        number = _number(argument)
        if number is None or unit not in _MINUTES:
            return None
        total += number[0] * _MINUTES[unit]
        sure = sure and number[1]
    return total, sure


def _number(argument: Argument | None) -> tuple[float, bool] | None:
    if argument is None or argument.kind not in ("constant", "setting"):
        return None
    value = argument.value
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    return (
        (float(value), argument.kind == "constant") if isinstance(value, (int, float)) and value is not True else None
    )


def _seconds(expression: ir.Expression) -> float | None:
    """A number of seconds written out: `3600`, `60 * 60 * 24`."""
    if isinstance(expression, ir.Constant) and type(expression.value) in (int, float):
        return float(expression.value)  # type: ignore[arg-type]  # a number, by the line above
    if isinstance(expression, ir.Operation) and expression.operator == "*":
        total = 1.0
        for operand in expression.operands:
            number = _seconds(operand)
            if number is None:
                return None
            total *= number
        return total
    return None


def _is_clock(expression: ir.Expression) -> bool:
    """Whether an expression is the present in seconds: `time.time()`, `int(time.time())`, `now.timestamp()`."""
    return any(
        isinstance(part, ir.Call) and last_name(part.function) in ("time", "timestamp", "timegm")
        for part in ir.subexpressions(expression)
    )


def _is_other(entry: tuple[ir.Expression, Body] | None) -> bool:
    """Whether the claims say that this is no access token."""
    return entry is not None and isinstance(entry[0], ir.Constant) and bool(_OTHER.search(str(entry[0].value)))


def _hit(lifetime: _Lifetime, options: Options, call: Call | None, setting: str) -> Hit:
    long = _spoken(lifetime.minutes)
    default = "" if lifetime.sure else " unless the configuration says otherwise"
    places = list(call.chain) if call is not None else []
    if call is not None:
        places.append(Place(call.place.path, call.place.span, "signed here", "call"))
    return Hit(
        place=lifetime.place,
        message=f"an access token lives for {long}",
        subject=f"{lifetime.body.qualname or 'module'} {setting or 'lifetime'}",
        why=f"it ends {long} after it is made{default}; {options.max_minutes} minutes are the limit",
        mend="make it a few minutes, and give out a refresh token that can be revoked",
        places=tuple(places),
        severity=Severity.WARNING if lifetime.minutes > _DAY else Severity.NOTE,
        confidence=Confidence.HIGH if lifetime.sure else Confidence.MEDIUM,
    )


def _spoken(minutes: float) -> str:
    for unit, size in (("day", 1440.0), ("hour", 60.0)):
        if minutes >= 2 * size or (minutes == size):
            count = round(minutes / size, 1)
            return f"{count:g} {unit}{'' if count == 1 else 's'}"
    return f"{minutes:g} minutes"


CHECK = Check(
    id="long-lived-jwt",
    domain=Domain.SECURITY,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Use industry standards (OAuth2, JWT)",
    dont="Roll your own authentication",
    tags=("CWE-613", "OWASP-API2:2023"),
    gates=("authentication",),
    run=run,
    calls=frozenset((*ENCODERS, *_GIVEN, *_STRATEGIES, *_DELTAS)),
    examined=lambda project: sum(
        1 for call in project.calls if call.name in ENCODERS or call.name in _GIVEN or call.name in _STRATEGIES
    ),
    options=Options(),
    doc=__doc__,
    bad=(
        example(
            {
                "app/settings.py": """
                    from pydantic_settings import BaseSettings


                    class Settings(BaseSettings):
                        secret_key: str
                        access_token_minutes: int = 60 * 24 * 8


                    settings = Settings()
                    """,
                "app/security.py": """
                    from datetime import datetime, timedelta, timezone

                    import jwt

                    from app.settings import settings


                    def create_access_token(subject: str, lifetime: timedelta) -> str:
                        expire = datetime.now(timezone.utc) + lifetime
                        return jwt.encode({"exp": expire, "sub": subject}, settings.secret_key, algorithm="HS256")
                    """,
                "app/main.py": """
                    from datetime import timedelta

                    from fastapi import FastAPI

                    from app.security import create_access_token
                    from app.settings import settings

                    app = FastAPI()


                    @app.post("/v1/login")
                    def login(email: str):
                        lifetime = timedelta(minutes=settings.access_token_minutes)  # <- flagged
                        return {"access_token": create_access_token(email, lifetime)}
                    """,
            },
            "eight days, from a setting through a helper",
        ),
        example(
            """
            import datetime

            from flask import Flask, jsonify, request
            from jose import jwt

            app = Flask(__name__)


            @app.post("/api/v1/login")
            def login():
                claims = {"sub": request.get_json()["email"]}
                claims["exp"] = datetime.datetime.utcnow() + datetime.timedelta(days=30)  # <- flagged
                return jsonify(token=jwt.encode(claims, app.config["SECRET_KEY"]))
            """,
            "thirty days, written out",
        ),
        example(
            """
            from datetime import timedelta

            ROOT_URLCONF = "clinic.urls"
            INSTALLED_APPS = ["rest_framework", "rest_framework_simplejwt"]
            SIMPLE_JWT = {
                "ACCESS_TOKEN_LIFETIME": timedelta(days=7),  # <- flagged
                "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
            }
            """,
            "a setting of Simple JWT",
            path="clinic/settings.py",
        ),
        example(
            """
            from datetime import timedelta

            from flask import Flask, jsonify
            from flask_jwt_extended import JWTManager, create_access_token

            app = Flask(__name__)
            app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(hours=12)  # <- flagged
            jwt = JWTManager(app)


            @app.post("/api/v1/login")
            def login():
                return jsonify(token=create_access_token(identity=1, expires_delta=timedelta(days=365)))  # <- flagged
            """,
            "Flask-JWT-Extended",
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
                end = datetime.now(timezone.utc) + timedelta(minutes=15)
                return {"access_token": jwt.encode({"sub": email, "exp": end}, settings.secret_key, algorithm="HS256")}
            """,
            "a quarter of an hour",
        ),
        example(
            """
            from datetime import datetime, timedelta, timezone

            import jwt

            from app.settings import settings


            def create_refresh_token(subject: str) -> str:
                end = datetime.now(timezone.utc) + timedelta(days=30)
                return jwt.encode({"sub": subject, "exp": end, "type": "refresh"}, settings.secret_key, algorithm="HS256")


            def password_reset_token(email: str) -> str:
                end = datetime.now(timezone.utc) + timedelta(hours=48)
                return jwt.encode({"sub": email, "exp": end}, settings.secret_key, algorithm="HS256")
            """,
            "tokens that are used once",
        ),
        example(
            """
            from datetime import timedelta

            ROOT_URLCONF = "clinic.urls"
            INSTALLED_APPS = ["rest_framework", "rest_framework_simplejwt"]
            SIMPLE_JWT = {
                "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
                "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
            }
            """,
            "Simple JWT within the limit",
            path="clinic/settings.py",
        ),
        example(
            """
            import time
            from datetime import timedelta

            import jwt
            from flask import Flask, session

            app = Flask(__name__)
            app.permanent_session_lifetime = timedelta(days=31)


            @app.post("/api/v1/login")
            def login():
                return jwt.encode({"sub": "1", "exp": int(time.time()) + 600}, app.config["SECRET_KEY"], algorithm="HS256")
            """,
            "ten minutes in seconds; the session is no token",
        ),
    ),
)
