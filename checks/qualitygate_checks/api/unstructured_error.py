"""An error response that clients cannot read by one rule.

What it flags: in code that API routes reach, an error body (status 400 and above) that is a bare text, a text built from
an exception of the project's own (others are told by `leaked-exception-detail`; low in confidence where the body has the
project's own shape), or an object whose keys are not those of
the project's own errors. The project's own shape is problem details where a handler writes them, else the one that its
framework gives (`detail` of FastAPI and Django REST framework) or the one that most of its responses have; further keys
beside them are fine. A second shape that is used ten times and more is reported once. Where an application relies on the
framework's error type and registers no handler for it, that is said once, at the application: FastAPI's `detail` is then
a text in one response and a list in the next, Flask's `abort()` answers an API with an HTML page. With
`require-problem-details = true` every error body that is not RFC 9457 and no handler that writes it is flagged.

Why: a client that must guess whether an error is text, HTML or one of several objects shows the wrong message or none,
and cannot tell a retry from a bug.

How to mend: raise one exception type and register one handler that answers with problem details (RFC 9457:
`application/problem+json` with type, title, status and detail).

What it cannot see: bodies that are put together at run time, responses of libraries, and handlers that a gateway adds.
Pages and empty bodies are left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.architecture import ErrorHandler, ErrorResponse
from qualitygate_checks.api._leaks import addressed, leak

_CONVENTION = 10
"""From this many places on, a shape is a second convention: one decision to mend, not many slips."""

_SHOWN = 5
_SAYING = frozenset(
    """error errors message messages msg detail details code error_code error_message status success ok reason
    description title result""".split()
)
_PROBLEM = ("type", "title", "status", "detail")
_OWN: dict[str, tuple[str, ...]] = {"fastapi": ("detail",), "starlette": ("detail",), "drf": ("detail",)}


@dataclass(frozen=True)
class Options:
    """``require_problem_details``: flag every error body that is not RFC 9457."""

    require_problem_details: bool = False


def run(project: Project, options: Options) -> Iterator[Hit]:
    """Hits for texts and odd objects, and one for errors that no handler gives a shape."""
    handled = _handled(project.error_handlers)
    problems = _handled([handler for handler in project.error_handlers if handler.problem])
    responses = [error for error in project.errors if error.routes and not error.says]
    for framework in sorted({error.framework for error in responses}):
        errors = [error for error in responses if error.framework == framework]
        yield from _texts(errors)
        if options.require_problem_details:
            yield from _not_problems(project, errors)
        else:
            yield from _odd_objects(errors, _PROBLEM if problems else _OWN.get(framework, ()), framework)
            if not handled:
                yield from _unhandled(project, framework, errors)


def _handled(handlers: Sequence[ErrorHandler]) -> bool:
    """Whether the framework's own HTTP errors pass through a handler of the application."""
    return any(
        handler.catches.rsplit(".", 1)[-1] in ("HTTPException", "APIException", "Exception")
        or handler.catches.isdigit()
        for handler in handlers
    )


def _texts(errors: Sequence[ErrorResponse]) -> Iterator[Hit]:
    bare = [error for error in errors if error.shape == "text"]
    if len(bare) >= _CONVENTION:
        yield _convention(
            bare, f"{len(bare)} errors are answered with a bare text", "bare text", "the bodies are no objects"
        )
        bare = []
    for error in bare:
        yield _hit(error, f"an error{_status(error)} is answered with a bare text", "the body is no object")
    for error in errors:
        if error.shape == "exception" and leak(error) is None:
            # In a body of the usual shape only the words are in doubt; those of an own exception are mostly meant so.
            doubt = Confidence.LOW if addressed(error) else Confidence.MEDIUM
            yield _hit(
                error,
                f"an error{_status(error)} is answered with the text of an exception",
                "what the exception says is made for a log, changes with the library and may tell internals",
                doubt if error.keys else None,
            )


def _odd_objects(errors: Sequence[ErrorResponse], own: tuple[str, ...], framework: str) -> Iterator[Hit]:
    objects = [error for error in errors if error.shape == "object"]
    shapes: Counter[tuple[str, ...]] = Counter(error.keys for error in objects)
    if not own or (
        own != _PROBLEM and framework == "fastapi" and not any(error.shape == "framework" for error in errors)
    ):
        # Without a majority there is no shape to keep to: the smallest of the most used ones is taken.
        own = max(shapes, key=lambda keys: (shapes[keys], -len(keys)), default=own)
    usual = ", ".join(own)
    odd = [error for error in objects if not set(error.keys) >= set(own) and not _names_fields(error, framework)]
    # A convention with further keys beside it is the same convention.
    conventions: dict[tuple[str, ...], list[ErrorResponse]] = {
        keys: [] for keys in sorted(shapes, key=lambda keys: (len(keys), keys)) if shapes[keys] >= _CONVENTION
    }
    for error in odd:
        keys = next((keys for keys in conventions if set(error.keys) >= set(keys)), None)
        why = f"its keys are {', '.join(keys or error.keys)}; the errors of this application carry {usual}"
        if keys is None:
            yield _hit(error, f"an error{_status(error)} has a shape of its own ({', '.join(error.keys)})", why)
            continue
        conventions[keys].append(error)
    for keys, same in conventions.items():
        if same:
            shape = ", ".join(keys)
            yield _convention(
                same,
                f"{len(same)} error responses have a second shape ({shape})",
                f"shape {','.join(keys)}",
                f"its keys are {shape}; the errors of this application carry {usual}",
            )


def _names_fields(error: ErrorResponse, framework: str) -> bool:
    """Whether the keys are those of what was sent, as Django REST framework tells what is wrong with which field."""
    return framework == "drf" and _SAYING.isdisjoint(key.lower() for key in error.keys)


def _convention(errors: Sequence[ErrorResponse], message: str, subject: str, why: str) -> Hit:
    return Hit(
        place=errors[0].place,
        message=message,
        subject=subject,
        why=why,
        mend=_MEND,
        places=tuple(
            Place(other.place.path, other.place.span, other.routes[0] if other.routes else "", "definition")
            for other in errors[1 : _SHOWN + 1]
        ),
    )


def _unhandled(project: Project, framework: str, errors: Sequence[ErrorResponse]) -> Iterator[Hit]:
    raised = [error for error in errors if error.shape == "framework"]
    if not raised or framework not in ("fastapi", "starlette", "flask"):
        return
    place = project.apps[0] if project.apps else raised[0].place
    if framework == "flask":
        message = "errors of this API are HTML pages: no handler gives them a shape"
        why = f"abort() is called in {len(raised)} places, and no error handler is registered"
    else:
        message = "errors of this API have no shape of their own: no handler is registered for HTTPException"
        why = (
            f"{len(raised)} errors carry their `detail` as a bare text while validation errors carry a list, "
            "and no exception handler makes one shape of them"
        )
    yield Hit(
        place=place,
        message=message,
        subject="no error handler",
        why=why,
        mend=_MEND,
        places=tuple(
            Place(error.place.path, error.place.span, error.routes[0] if error.routes else "", "definition")
            for error in raised[:3]
        ),
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
    )


def _not_problems(project: Project, errors: Sequence[ErrorResponse]) -> Iterator[Hit]:
    """The bodies that the code writes itself, and once what renders the framework's own errors."""
    for error in errors:
        if error.shape == "object":
            yield _hit(error, f"an error{_status(error)} is not answered with problem details", "RFC 9457 is required")
    raised = [error for error in errors if error.shape in ("framework", "framework-object")]
    if not raised or _handled([handler for handler in project.error_handlers if handler.problem]):
        return
    rendering = [handler for handler in project.error_handlers if _handled([handler])]
    place = rendering[0].place if rendering else project.apps[0] if project.apps else raised[0].place
    message = "no handler of this API answers with problem details"
    if rendering:
        message = f"the handler of `{rendering[0].catches.rsplit('.', 1)[-1]}` does not answer with problem details"
    count = "1 error is" if len(raised) == 1 else f"{len(raised)} errors are"
    yield Hit(
        place=place,
        message=message,
        subject="no problem details",
        why=f"RFC 9457 is required, and {count} raised for it to answer",
        mend=_MEND,
        places=tuple(
            Place(error.place.path, error.place.span, error.routes[0] if error.routes else "", "definition")
            for error in raised[:_SHOWN]
        ),
    )


_MEND = "raise one exception type and answer it in one handler, with problem details (RFC 9457)"


def _status(error: ErrorResponse) -> str:
    return f" {error.status}" if error.status else ""


def _hit(error: ErrorResponse, message: str, why: str, confidence: Confidence | None = None) -> Hit:
    owner = error.owner.split(":", 1)[-1]
    count = len(error.routes)
    reaches = f"; {count} operations reach it" if count > 1 else ""
    return Hit(
        place=error.place,
        message=message,
        subject=f"{owner} {error.status or ''} {error.shape}".strip(),
        why=why + reaches,
        mend=_MEND,
        places=error.chain,
        confidence=confidence,
        severity=None if confidence is None else Severity.WARNING,
    )


CHECK = Check(
    id="unstructured-error",
    domain=Domain.API,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Answer with a consistent error format",
    dont="Return unstructured errors",
    tags=("CWE-755", "OWASP-API8:2023"),
    run=run,
    examined=lambda project: len(project.errors),
    options=Options(),
    strict=Options(require_problem_details=True),
    doc=__doc__,
    bad=(
        example(
            """
            from flask import Flask, jsonify, request

            app = Flask(__name__)


            @app.post("/api/v1/tickets")
            def open_ticket():
                body = request.get_json()
                if "subject" not in body:
                    return "subject is missing", 400  # <- flagged
                if len(body["subject"]) > 200:
                    return jsonify(error="subject is too long", code="too_long"), 422
                if body.get("priority") not in ("low", "high"):
                    return jsonify(error="no such priority", code="priority"), 422
                return jsonify(id=1), 201
            """,
            "a bare text beside the application's own objects",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI, HTTPException
                    from fastapi.responses import JSONResponse, PlainTextResponse

                    from app.orders import find

                    app = FastAPI()


                    @app.exception_handler(HTTPException)
                    async def on_error(request, error):
                        return JSONResponse({"detail": error.detail}, status_code=error.status_code)


                    @app.get("/v1/orders/{number}")
                    def read_order(number: int):
                        return find(number)


                    @app.delete("/v1/orders/{number}")
                    def cancel_order(number: int):
                        return PlainTextResponse("already shipped", status_code=409)  # <- flagged
                    """,
                "app/orders.py": """
                    from fastapi import HTTPException, status
                    from fastapi.responses import JSONResponse


                    def find(number):
                        if number < 0:
                            return JSONResponse({"msg": "bad number"}, status.HTTP_400_BAD_REQUEST)  # <- flagged
                        raise HTTPException(status_code=404, detail="no such order")
                    """,
            },
            "an object of its own shape, one call away from the handler",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import VisitView

                    urlpatterns = [path("api/v1/visits/", VisitView.as_view())]
                    """,
                "clinic/views.py": """
                    from rest_framework import status
                    from rest_framework.response import Response
                    from rest_framework.views import APIView

                    from clinic.billing import BillingError, book


                    class VisitView(APIView):
                        def post(self, request):
                            try:
                                book(request.data["patient"])
                            except BillingError as error:
                                return Response({"detail": str(error)}, status=status.HTTP_502_BAD_GATEWAY)  # <- flagged
                            except KeyError:
                                return Response({"error": "patient"}, status=status.HTTP_400_BAD_REQUEST)  # <- flagged
                            return Response({"booked": True}, status=status.HTTP_201_CREATED)
                    """,
                "clinic/billing.py": """
                    class BillingError(Exception):
                        pass


                    def book(patient):
                        raise BillingError(patient)
                    """,
            },
            "the text of an exception, and a key that the framework's own errors do not have",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI

                    from app.items import router

                    app = FastAPI(title="Items")  # <- flagged
                    app.include_router(router, prefix="/api/v1")
                    """,
                "app/items.py": """
                    from fastapi import APIRouter, HTTPException

                    router = APIRouter(prefix="/items")


                    @router.get("/{number}")
                    def read_item(number: int):
                        raise HTTPException(status_code=404, detail="Item not found")
                    """,
            },
            "no handler at all: said once, where it would be added",
        ),
    ),
    good=(
        example(
            """
            from fastapi import FastAPI, HTTPException, Request
            from fastapi.responses import JSONResponse

            app = FastAPI()


            @app.exception_handler(HTTPException)
            async def problem(request: Request, error: HTTPException):
                body = {"type": "about:blank", "title": error.detail, "status": error.status_code, "detail": error.detail}
                return JSONResponse(body, status_code=error.status_code, media_type="application/problem+json")


            @app.get("/v1/orders/{number}")
            def read_order(number: int):
                raise HTTPException(status_code=404, detail="no such order")
            """,
            "one handler writes problem details",
        ),
        example(
            """
            from flask import Flask, jsonify, request

            app = Flask(__name__)


            @app.get("/api/v1/tickets/<int:number>")
            def ticket(number):
                if number > 100:
                    return jsonify(error="no such ticket", code="missing"), 404
                return jsonify(number=number)


            @app.delete("/api/v1/tickets/<int:number>")
            def close(number):
                if number > 100:
                    return jsonify(error="no such ticket", code="missing", ticket=number), 404
                return "", 204
            """,
            "one shape all over, one of them with a key more",
        ),
        example(
            """
            from flask import Flask, render_template

            app = Flask(__name__)


            @app.get("/tickets/<int:number>")
            def page(number):
                if number > 100:
                    return render_template("missing.html"), 404
                return render_template("ticket.html", number=number)


            @app.get("/robots.txt")
            def robots():
                return "User-agent: *", 200
            """,
            "pages are for people",
        ),
        example(
            """
            from flask import Flask, jsonify, request

            app = Flask(__name__)


            class RefusedTicket(Exception):
                def __init__(self, message, code):
                    super().__init__(code)
                    self.message = message
                    self.code = code


            def check(body):
                if "subject" not in body:
                    raise RefusedTicket("a ticket needs a subject", "subject")


            @app.post("/api/v1/tickets")
            def open_ticket():
                try:
                    check(request.get_json())
                except RefusedTicket as refused:
                    return jsonify(error=refused.message, code=refused.code), 422
                return jsonify(id=1), 201
            """,
            "the message that an exception of the application carries for clients",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["rest_framework"]
                    """,
                "clinic/urls.py": """
                    from django.urls import path

                    from clinic.views import VisitView

                    urlpatterns = [path("api/v1/visits/", VisitView.as_view())]
                    """,
                "clinic/views.py": """
                    from rest_framework.exceptions import NotFound, ValidationError
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class VisitView(APIView):
                        def get(self, request):
                            raise NotFound("no such visit")

                        def post(self, request):
                            if "patient" not in request.data:
                                raise ValidationError({"patient": "is missing"})
                            if request.data["patient"] == "0":
                                return Response({"detail": "not allowed", "code": "blocked"}, status=403)
                            return Response({"booked": True}, status=201)
                    """,
            },
            "the framework's own exceptions, and its own shape",
        ),
    ),
)
