"""Which responses tell an error, in what shape, and whose words they carry."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from qualitygate.link.program import link_program
from qualitygate.model.architecture import ErrorResponse
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Role, Text
from qualitygate.parse.python import parse_python


def errors(program: str) -> list[ErrorResponse]:
    module = parse_python(Text.of(dedent(program).lstrip("\n"))).module()
    facts = [FileFacts("main.py", Language.PYTHON, Role.APPLICATION, module=module)]
    return list(link_program(facts, frozenset()).errors)


FLASK = """\
import traceback
from flask import Flask, abort, jsonify
from sqlalchemy.exc import SQLAlchemyError
app = Flask(__name__)
class Own(Exception):
    pass
@app.get("/api/rows")
def rows():
    try:
        return jsonify(fetch())
    except {caught} as error:
{body}
"""


@pytest.mark.parametrize(
    ("caught", "body", "exception"),
    [
        ("Exception", "return jsonify(error=str(error)), 500", "builtins.Exception"),
        ("SQLAlchemyError", 'return {"error": f"no: {error}"}, 500', "sqlalchemy.exc.SQLAlchemyError"),
        ("Own", 'return {"error": {"text": "no: " + str(error)}}, 400', "main.py:Own"),
        ("Exception", 'return {"trace": traceback.format_exc()}, 500', "traceback"),
        ("OSError", "return error.args[0], 500", "builtins.OSError"),
        ("Exception", "abort(500, description=str(error))", "builtins.Exception"),
        ("Exception", 'return {"error": "no"}, 500', ""),
        ("Exception", "log(str(error))\nreturn {'error': 'no'}, 500", ""),
    ],
)
def test_the_exception_is_known_whose_text_is_answered(caught: str, body: str, exception: str) -> None:
    (error,) = errors(FLASK.format(caught=caught, body=indent(body, " " * 8)))
    assert (error.exception, error.routes) == (exception, ("GET /api/rows",))


def test_what_is_answered_while_debugging_is_left_out() -> None:
    body = "if app.debug:\n    return str(error), 500\nreturn {'error': 'no'}, 500"
    (error,) = errors(FLASK.format(caught="Exception", body=indent(body, " " * 8)))
    assert error.exception == ""


def test_an_error_handler_answers_for_what_it_catches() -> None:
    found = errors(
        """
        from fastapi import FastAPI
        from fastapi.responses import JSONResponse

        app = FastAPI()

        @app.exception_handler(Exception)
        async def on_error(request, exc):
            return JSONResponse({"detail": str(exc)}, status_code=500)

        @app.get("/rows")
        def rows():
            return []
        """
    )
    assert [(error.exception, error.catches.rsplit(".", 1)[-1], error.routes) for error in found] == [
        ("parameter", "Exception", ())
    ]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ('{"error": "no such row"}', "error"),
        ('{"success": False, "data": None}', "success: false"),
        ('{"status": "failed"}', "status: failed"),
        ('{"code": 404, "message": "no"}', "code: 404"),
        ('{"error": None}', ""),
        ('{"errors": []}', ""),
        ('{"success": True}', ""),
        ('{"status": "ok", "code": 200}', ""),
        ('{"jsonrpc": "2.0", "error": {"code": 1}}', ""),
    ],
)
def test_a_body_may_tell_an_error_under_a_status_of_success(answer: str, says: str) -> None:
    found = errors(
        f"""
        from fastapi import FastAPI

        app = FastAPI()

        @app.get("/rows")
        def rows():
            return {answer}
        """
    )
    assert [(error.says, error.status) for error in found] == ([(says, 200)] if says else [])
