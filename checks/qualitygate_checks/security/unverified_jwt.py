"""A token that is believed without proof.

What it flags: a JSON Web Token whose signature is not checked: `verify_signature: False` or `verify=False` given to
`jwt.decode()`, `get_unverified_claims()`, the algorithm `none`, an algorithm that the token itself may choose (no
`algorithms=` where the library then takes any, or one read from the token's own header), and lists that mix HMAC with
public-key algorithms.

Why: a token is text from the client. Without a checked signature anybody writes their own, with any user and any role
in it.

How to mend: `jwt.decode(token, key, algorithms=["RS256"])`, with the algorithm written in the code.

What it cannot see: checks made by a gateway in front of the service. Reading a token to find its key or its issuer is
left alone where the same function then checks it; an ID token that just came from the provider over TLS, and a function
that by its name only sorts tokens, are told with low confidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._code import Body, Code, last_name, spelling

_PYJWT = ("jwt.decode", "jwt.api_jwt.decode", "jwt.decode_complete", "jwt.PyJWT.decode")
_JOSE = ("jose.jwt.decode",)
_PEEKS = ("jose.jwt.get_unverified_claims", "jose.jws.get_unverified_claims")
_DECODERS = (*_PYJWT, *_JOSE, *_PEEKS)
_ENCODERS = ("jwt.encode", "jwt.api_jwt.encode", "jose.jwt.encode")
_DIRECT = re.compile(r"id_?token", re.IGNORECASE)
_PEEKING = re.compile(r"^_?(?:is|has)_|unverified|unsafe|peek|issuer|kid|inspect|without_verif|audience", re.IGNORECASE)
_FETCH = frozenset(("post", "fetch_token", "fetch_access_token", "request", "authorize_access_token", "exchange_code"))


def run(project: Project) -> Iterator[Hit]:
    """Hits for tokens that are read without a checked signature."""
    code = project.once(Code)
    for call in project.calls:
        if call.name in _ENCODERS:
            given = call.argument("algorithm", 2)
            if _is_none(given):
                yield _hit(call, "a token is made without a signature", "its algorithm is `none`", _SIGN)
            continue
        if call.name not in _DECODERS:
            continue
        found = code.at(call.place, call.name.rpartition(".")[2])
        body = found[1] if found is not None else None
        trouble = _trouble(call, found[0] if found is not None else None, body)
        if trouble is None:
            continue
        message, why, confidence = trouble
        if message == _UNCHECKED and body is not None and found is not None:
            if _verifies(body, found[0]):
                continue
            if _PEEKING.search(body.qualname.rpartition(".")[2]):
                confidence = Confidence.LOW
                why += "; the function seems to sort tokens, not to trust them"
            if _came_direct(body, found[0]):
                confidence = Confidence.LOW
                why += "; it seems to come from the provider itself"
        yield _hit(call, message, why, _MEND, confidence)


_UNCHECKED = "the signature of a token is not checked"
_MEND = 'check it: `jwt.decode(token, key, algorithms=["RS256"])`, with the algorithm you sign with'
_SIGN = 'sign it: `algorithm="RS256"` (or ES256, EdDSA) with a private key'


def _trouble(call: Call, expression: ir.Call | None, body: Body | None) -> tuple[str, str, Confidence] | None:
    """What is wrong with a call that reads a token, why, and how sure that is; None where nothing is."""
    if call.name in _PEEKS:
        return _UNCHECKED, "`get_unverified_claims` takes what the client wrote", Confidence.HIGH
    options = call.argument("options", 3)
    if options is not None and _is_false(options.entry("verify_signature")):
        return _UNCHECKED, "`verify_signature` is False", Confidence.HIGH
    if _is_false(call.keywords.get("verify")):
        return _UNCHECKED, "`verify` is False", Confidence.HIGH
    given = call.argument("algorithms", 2)
    if given is None:
        if not call.complete:
            return None
        why = "without `algorithms` the token itself says how it is signed"
        return "a token may choose its own algorithm", why, Confidence.HIGH if call.name in _JOSE else Confidence.MEDIUM
    if expression is not None and body is not None and _chosen_by_token(expression, body):
        return (
            "a token may choose its own algorithm",
            "`alg` is read from the header that the client wrote",
            Confidence.HIGH,
        )
    names = [str(item.value) for item in (given.items or (given,)) if item.kind == "constant"]
    if any(name.lower() == "none" for name in names):
        return _UNCHECKED, "`none` is among the algorithms: a token without signature passes", Confidence.HIGH
    if any(name.startswith("HS") for name in names) and any(name[:2] in ("RS", "ES", "PS", "Ed") for name in names):
        why = f"{', '.join(names)}: a public key may then pass as the secret of an HMAC"
        return "a token may be signed by a public key or by a secret", why, Confidence.MEDIUM
    return None


def _chosen_by_token(expression: ir.Call, body: Body) -> bool:
    """Whether the algorithms come from the header of the token: `header["alg"]`, `header.get("alg")`."""
    given = next((item.value for item in expression.arguments if item.name == "algorithms"), None)
    if given is None:
        return False
    parts = list(ir.subexpressions(given))
    for name in [part.id for part in parts if isinstance(part, ir.Name)]:
        parts += [
            part
            for binding in body.bindings.get(name, ())
            if binding.how == "value"
            for part in ir.subexpressions(binding.value)
        ]
    for part in parts:
        receiver = None
        if isinstance(part, ir.Subscript) and isinstance(part.index, ir.Constant) and part.index.value == "alg":
            receiver = part.value
        elif (
            isinstance(part, ir.Call)
            and isinstance(part.function, ir.Attribute)
            and part.function.name == "get"
            and part.arguments
            and isinstance(part.arguments[0].value, ir.Constant)
            and part.arguments[0].value.value == "alg"
        ):
            receiver = part.function.value
        if receiver is not None and _is_header(receiver, body):
            return True
    return False


def _is_header(receiver: ir.Expression, body: Body) -> bool:
    if "get_unverified_header" in spelling(receiver):
        return True
    return isinstance(receiver, ir.Name) and any(
        "get_unverified_header" in spelling(binding.value) for binding in body.bindings.get(receiver.id, ())
    )


def _verifies(body: Body, peek: ir.Call) -> bool:
    """Whether the function, besides reading the token, checks one."""
    for part in body.expressions():
        if not isinstance(part, ir.Call) or part.name_span == peek.name_span:
            continue
        word = last_name(part.function)
        decodes = word == "decode" and spelling(part.function).split(".")[0] not in ("base64", "codecs")
        if decodes and _switch(part, "verify_signature") is not False and len(part.arguments) > 1:
            return True
        if re.match(r"_*(?:verify|validate|check)_?\w*", word):
            return True
    return False


def _switch(call: ir.Call, name: str) -> object:
    for part in ir.subexpressions(call):
        if isinstance(part, ir.Mapping):
            for key, value in part.items:
                if isinstance(key, ir.Constant) and key.value == name and isinstance(value, ir.Constant):
                    return value.value
    return None


def _came_direct(body: Body, peek: ir.Call) -> bool:
    """Whether the token is an ID token, or the answer of a call that the function itself makes."""
    if not peek.arguments:
        return False
    if _DIRECT.search(spelling(peek.arguments[0].value)) or any(
        isinstance(part, ir.Constant) and isinstance(part.value, str) and _DIRECT.search(part.value)
        for part in ir.subexpressions(peek.arguments[0].value)
    ):
        return True
    return body.function is not None and bool(_FETCH & set(body.function.calls))


def _is_false(argument: Argument | None) -> bool:
    return argument is not None and argument.kind == "constant" and argument.value is False


def _is_none(argument: Argument | None) -> bool:
    return argument is not None and argument.kind == "constant" and str(argument.value).lower() == "none"


def _hit(call: Call, message: str, why: str, mend: str, confidence: Confidence = Confidence.HIGH) -> Hit:
    reached = f"; {call.routes[0]} leads here" if call.routes else ""
    return Hit(
        place=call.place,
        message=message,
        subject=f"{call.owner.partition(':')[2] or 'module'} {message}",
        why=why + reached,
        mend=mend,
        places=call.chain,
        confidence=confidence,
    )


CHECK = Check(
    id="unverified-jwt",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Use industry standards (OAuth2, JWT)",
    dont="Roll your own authentication",
    tags=("CWE-347", "OWASP-API2:2023"),
    gates=("authentication",),
    run=run,
    calls=frozenset((*_DECODERS, *_ENCODERS)),
    examined=lambda project: sum(1 for call in project.calls if call.name in _DECODERS),
    doc=__doc__,
    bad=(
        example(
            """
            import jwt
            from fastapi import Depends, FastAPI
            from fastapi.security import HTTPBearer

            app = FastAPI()
            bearer = HTTPBearer()


            def current_user(credentials=Depends(bearer)):
                claims = jwt.decode(credentials.credentials, options={"verify_signature": False})  # <- flagged
                return claims["sub"]


            @app.get("/v1/orders")
            def orders(user=Depends(current_user)):
                return {"user": user}
            """,
            "the signature is not checked",
        ),
        example(
            """
            from functools import wraps

            import jwt
            from flask import Flask, g, request

            app = Flask(__name__)


            def signed_in(view):
                @wraps(view)
                def wrapper(*args, **kwargs):
                    token = request.headers["Authorization"].removeprefix("Bearer ")
                    header = jwt.get_unverified_header(token)
                    g.user = jwt.decode(token, app.config["KEY"], algorithms=[header["alg"]])  # <- flagged
                    return view(*args, **kwargs)

                return wrapper


            @app.get("/api/v1/tickets")
            @signed_in
            def tickets():
                return {"tickets": []}


            @app.get("/api/v1/legacy")
            def legacy():
                return jwt.decode(request.args["token"], verify=False)  # <- flagged
            """,
            "an algorithm of the client's choice, and the switch of older versions",
        ),
        example(
            """
            from django.http import JsonResponse
            from jose import jwt


            def profile(request):
                claims = jwt.get_unverified_claims(request.headers["Authorization"][7:])  # <- flagged
                return JsonResponse({"name": claims["name"]})


            def orders(request):
                claims = jwt.decode(request.COOKIES["session"], "orders-public-key")  # <- flagged
                return JsonResponse({"orders": claims["orders"]})
            """,
            "claims of python-jose without proof, and any algorithm",
        ),
        example(
            """
            import jwt


            def guest_token(name: str, key: str) -> str:
                return jwt.encode({"sub": name, "exp": 1893456000}, None, algorithm="none")  # <- flagged


            def read(token: str, key: str) -> dict:
                return jwt.decode(token, key, algorithms=["HS256", "none"])  # <- flagged


            def read_partner(token: str, key: str) -> dict:
                return jwt.decode(token, key, algorithms=["HS256", "RS256"])  # <- flagged
            """,
            "the algorithm none, and two families mixed",
        ),
    ),
    good=(
        example(
            """
            import jwt
            from fastapi import Depends, FastAPI
            from fastapi.security import HTTPBearer

            from app.settings import settings

            app = FastAPI()
            bearer = HTTPBearer()


            def current_user(credentials=Depends(bearer)):
                claims = jwt.decode(credentials.credentials, settings.public_key, algorithms=["RS256"])
                return claims["sub"]


            @app.get("/v1/orders")
            def orders(user=Depends(current_user)):
                return {"user": user}
            """,
            "the algorithm stands in the code",
        ),
        example(
            """
            import jwt


            def read(token: str, keys: dict[str, str]) -> dict:
                issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
                return jwt.decode(token, keys[issuer], algorithms=["ES256"], issuer=issuer)


            def key_of(token: str) -> str:
                return jwt.get_unverified_header(token)["kid"]
            """,
            "read first to find the key, then checked",
        ),
        example(
            """
            from flask import Flask, request
            from jose import jwt

            app = Flask(__name__)
            ALGORITHM = "HS256"


            @app.get("/api/v1/tickets")
            def tickets():
                claims = jwt.decode(request.headers["Authorization"][7:], app.config["KEY"], algorithms=[ALGORITHM])
                return {"user": claims["sub"]}


            @app.get("/api/v1/files")
            def files():
                claims = jwt.decode(request.headers["Authorization"][7:], app.config["KEY"], ALGORITHM)
                return {"user": claims["sub"]}
            """,
            "a constant of the module, also by position",
        ),
        example(
            """
            import httpx
            import jwt


            def sign_in(code: str) -> str:
                answer = httpx.post("https://login.example.com/token", data={"code": code}, timeout=5).json()
                return jwt.decode(answer["id_token"], key_of(answer), algorithms=["RS256"], audience="orders")["sub"]


            def key_of(answer: dict) -> str:
                return answer["key"]
            """,
            "an ID token, checked",
        ),
    ),
)
