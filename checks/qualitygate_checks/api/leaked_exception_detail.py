"""An error response that tells what went wrong inside.

What it flags: in code that API routes reach and in the application's error handlers, a response with the text of an
exception (`str(error)`, `f"{error}"`, `error.args`) or with a traceback: built in place, handed to a helper or a method
of the framework that answers with it, or raised as an exception of the project's own that a handler renders. High in confidence for `except Exception`, for
errors of databases, files and processes and for tracebacks, medium for other exceptions of libraries. Texts of the
project's own exceptions, of `ValueError` and of errors that libraries word for clients (validation, HTTP errors) are left
to `unstructured-error`. Responses of one function are told once.

Why: the text of an unexpected exception was written for a log: it names tables, queries, hosts, paths and versions, and
changes with every update. It helps an attacker and nobody else.

How to mend: log the exception with its traceback, and answer with a text of your own and an identifier to find it by.

What it cannot see: texts that pass through a queue, a template or more than one helper, and what the debug mode shows.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.architecture import ErrorResponse
from qualitygate_checks.api._leaks import leak

_SHOWN = 5


def run(project: Project) -> Iterator[Hit]:
    """A hit for each function that answers with the text of an exception."""
    owners: dict[str, list[ErrorResponse]] = {}
    for error in project.errors:
        if leak(error) is not None:
            owners.setdefault(error.owner, []).append(error)
    for errors in owners.values():
        yield _hit(errors)


def _hit(errors: list[ErrorResponse]) -> Hit:
    first = errors[0]
    sure = Confidence.HIGH if any(leak(error) is Confidence.HIGH for error in errors) else Confidence.MEDIUM
    status = f" {first.status}" if first.status else ""
    text = "a traceback" if first.exception == "traceback" else f"the text of {_caught(first)}"
    owner = first.owner.split(":", 1)[-1]
    if first.routes:
        others = len(first.routes) - 1
        reach = first.routes[0] + (f" and {others} more" if others else "")
        why = f"clients of {reach} read what was written for a log"
    else:
        why = "this handler answers for every route, and clients read what was written for a log"
    more = [Place(error.place.path, error.place.span, "here too", "definition") for error in errors[1:_SHOWN]]
    return Hit(
        place=first.place,
        message=f"a response{status} carries {text}",
        subject=f"{owner} {first.exception}",
        why=why + (f"; {len(errors)} responses of {owner} do" if len(errors) > 1 else ""),
        mend="log it, and answer with a text of your own",
        places=(*first.chain, *more),
        confidence=sure,
    )


def _caught(error: ErrorResponse) -> str:
    if error.exception == "parameter":
        return "whatever exception comes" if error.catches.isdigit() else f"any `{error.catches.rsplit('.', 1)[-1]}`"
    return f"a caught `{error.exception.rsplit('.', 1)[-1]}`"


CHECK = Check(
    id="leaked-exception-detail",
    domain=Domain.API,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Answer with a consistent error format",
    dont="Return unstructured errors",
    tags=("CWE-209", "OWASP-API8:2023"),
    gates=("data_protection",),
    run=run,
    examined=lambda project: len(project.errors),
    doc=__doc__,
    bad=(
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI, HTTPException

                    from app.stock import reserve

                    app = FastAPI()


                    @app.post("/v1/orders")
                    def order(article: str):
                        try:
                            return reserve(article)
                        except Exception as error:
                            raise HTTPException(status_code=500, detail=str(error))  # <- flagged
                    """,
                "app/stock.py": """
                    def reserve(article):
                        return {"article": article}
                    """,
            },
            "FastAPI: whatever went wrong",
        ),
        example(
            """
            import traceback

            from flask import Flask, jsonify, request
            from sqlalchemy.exc import SQLAlchemyError

            app = Flask(__name__)


            @app.errorhandler(Exception)
            def on_error(error):
                return jsonify(error=str(error)), 500  # <- flagged


            @app.post("/api/v1/tickets")
            def open_ticket():
                try:
                    return save(request.get_json())
                except SQLAlchemyError as error:
                    return jsonify({"error": f"could not save: {error}"}), 503  # <- flagged


            @app.delete("/api/v1/tickets/<int:number>")
            def close(number):
                try:
                    return save({"closed": number})
                except Exception:
                    return {"error": {"code": "failed", "trace": traceback.format_exc()}}, 500  # <- flagged


            def save(ticket):
                return ticket
            """,
            "Flask: a handler for everything, a database, a traceback",
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
                    from rest_framework.response import Response
                    from rest_framework.views import APIView

                    from clinic.booking import book


                    class VisitView(APIView):
                        def post(self, request):
                            return book(request.data["patient"])
                    """,
                "clinic/booking.py": """
                    from rest_framework.response import Response


                    def book(patient):
                        try:
                            open("/var/spool/visits").write(patient)
                        except OSError as error:
                            message = "failed: " + str(error)
                            return Response({"detail": message}, status=500)  # <- flagged
                        return Response({"booked": True})
                    """,
            },
            "Django REST framework: a file, one call away",
        ),
        example(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse

            app = FastAPI()


            @app.exception_handler(Exception)
            async def unexpected(request: Request, exc: Exception):
                return JSONResponse({"detail": repr(exc)}, status_code=500)  # <- flagged


            @app.get("/v1/orders")
            def orders():
                return {"items": []}
            """,
            "a handler of FastAPI",
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
                    from django.db import DatabaseError
                    from rest_framework.exceptions import APIException
                    from rest_framework.response import Response
                    from rest_framework.views import APIView


                    class VisitView(APIView):
                        def get(self, request):
                            try:
                                return Response(list(request.user.visits.values()))
                            except DatabaseError as error:
                                raise APIException(f"database: {error}")  # <- flagged
                    """,
            },
            "an exception of the framework with the text of another",
        ),
        example(
            {
                "shop/app.py": """
                    from flask import Flask, jsonify
                    from flask.views import MethodView

                    from shop.answers import Answering, ShopError, refuse
                    from shop.stock import count

                    app = Flask(__name__)


                    @app.errorhandler(ShopError)
                    def on_shop_error(error):
                        return jsonify(message=error.message), error.status


                    @app.get("/api/v1/stock")
                    def stock():
                        try:
                            return jsonify(count())
                        except Exception as error:
                            return refuse(str(error), 400)  # <- flagged


                    @app.get("/api/v1/offers")
                    def offers():
                        try:
                            return jsonify(count())
                        except Exception as error:
                            raise ShopError(f"no offers: {error}", 502)  # <- flagged


                    class Orders(Answering, MethodView):
                        def get(self):
                            try:
                                return jsonify(count())
                            except OSError as error:
                                return self.fail(500, f"no orders: {error}")  # <- flagged


                    @app.get("/api/v1/prices")
                    def prices():
                        try:
                            return jsonify(count())
                        except Exception as error:
                            response = jsonify({"error": repr(error)})  # <- flagged
                            response.status_code = 500
                            return response


                    app.add_url_rule("/api/v1/orders", view_func=Orders.as_view("orders"))
                    """,
                "shop/answers.py": """
                    from flask import jsonify


                    class ShopError(Exception):
                        def __init__(self, message, status):
                            self.message = message
                            self.status = status


                    def refuse(message, status):
                        return jsonify({"message": message}), status


                    class Answering:
                        def fail(self, status, message):
                            body = {"message": message}
                            return jsonify(body), status
                    """,
                "shop/stock.py": """
                    def count():
                        return {"items": 3}
                    """,
            },
            "Flask: helpers and an own exception that answer with what they are given",
        ),
        example(
            {
                "charts/app.py": """
                    from flask import Flask
                    from flask_appbuilder import AppBuilder

                    from charts.api import ChartApi

                    app = Flask(__name__)
                    appbuilder = AppBuilder(app)
                    appbuilder.add_api(ChartApi)
                    """,
                "charts/api.py": """
                    import logging

                    from flask_appbuilder.api import BaseApi, expose
                    from sqlalchemy.exc import SQLAlchemyError

                    logger = logging.getLogger(__name__)


                    class ChartApi(BaseApi):
                        resource_name = "chart"

                        @expose("/", methods=["POST"])
                        def post(self):
                            try:
                                return self.response(201, id=7)
                            except SQLAlchemyError as error:
                                logger.error("not stored: %s", str(error))
                                return self.response_422(message=str(error))  # <- flagged
                    """,
            },
            "Flask-AppBuilder: a method of the framework",
        ),
    ),
    good=(
        example(
            """
            import logging

            from fastapi import FastAPI, HTTPException
            from fastapi.responses import JSONResponse

            app = FastAPI()
            logger = logging.getLogger(__name__)


            @app.exception_handler(Exception)
            async def unexpected(request, exc):
                logger.exception("unexpected")
                return JSONResponse({"detail": "something went wrong"}, status_code=500)


            @app.post("/v1/orders")
            def order(article: str):
                try:
                    return {"article": article}
                except Exception as error:
                    logger.warning("order failed: %s", error)
                    raise HTTPException(status_code=502, detail="the stock does not answer") from error
            """,
            "logged only",
        ),
        example(
            """
            from flask import Flask, jsonify, request
            from marshmallow import Schema, ValidationError, fields
            from werkzeug.exceptions import HTTPException

            app = Flask(__name__)


            class Ticket(Schema):
                subject = fields.String(required=True)


            @app.errorhandler(HTTPException)
            def on_error(error):
                return jsonify(error=str(error)), error.code


            @app.post("/api/v1/tickets")
            def open_ticket():
                try:
                    return Ticket().load(request.get_json())
                except ValidationError as error:
                    return jsonify(error=str(error)), 422
            """,
            "texts that are meant for clients",
        ),
        example(
            {
                "app/main.py": """
                    from fastapi import FastAPI, HTTPException

                    from app.stock import OutOfStock, reserve

                    app = FastAPI()


                    @app.exception_handler(OutOfStock)
                    async def gone(request, exc: OutOfStock):
                        raise HTTPException(status_code=410, detail=str(exc))


                    @app.post("/v1/orders")
                    def order(article: str):
                        try:
                            return reserve(article)
                        except OutOfStock as error:
                            raise HTTPException(status_code=409, detail=str(error)) from error
                    """,
                "app/stock.py": """
                    class OutOfStock(Exception):
                        pass


                    def reserve(article):
                        raise OutOfStock(f"{article} is out of stock")
                    """,
            },
            "words of the project's own exception",
        ),
        example(
            """
            from fastapi import FastAPI
            from fastapi.responses import JSONResponse

            from app.settings import settings

            app = FastAPI()


            @app.get("/v1/orders")
            def orders():
                try:
                    return {"items": []}
                except RuntimeError as error:
                    detail = str(error) if settings.debug else "something went wrong"
                    return JSONResponse({"detail": detail}, status_code=500)


            @app.exception_handler(Exception)
            async def unexpected(request, exc):
                if settings.debug:
                    return JSONResponse({"detail": str(exc)}, status_code=500)
                return JSONResponse({"detail": "something went wrong"}, status_code=500)
            """,
            "in debug mode alone",
        ),
        example(
            """
            import logging

            from flask import Flask, jsonify, request

            app = Flask(__name__)
            log = logging.getLogger(__name__)


            class Refused(Exception):
                pass


            class Broken(Exception):
                pass


            @app.errorhandler(Refused)
            def on_refused(error):
                return jsonify(message=str(error)), 409


            @app.errorhandler(Broken)
            def on_broken(error):
                log.error("broken: %s", error)
                return jsonify(message="something went wrong"), 500


            @app.post("/api/v1/orders")
            def order():
                try:
                    if not request.get_json():
                        raise Refused("an order has a body")
                    return note("stored", 201)
                except OSError as error:
                    note(str(error), 200)
                    raise Broken(str(error)) from error


            def note(text, status):
                log.info("%s", text)
                return jsonify(stored=True), status
            """,
            "a helper that logs what it is given, and an exception whose handler says nothing of it",
        ),
    ),
)
