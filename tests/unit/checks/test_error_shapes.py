"""What the examples of the checks on errors do not show: problem details as a demand, and shapes used many times."""

from __future__ import annotations

from textwrap import dedent

from qualitygate_checks.api import unstructured_error

from qualitygate.authoring import Hit
from qualitygate.link.program import link_program
from qualitygate.model.facts import FileFacts
from qualitygate.model.project import Project
from qualitygate.model.source import Language, Role, Text
from qualitygate.parse.python import parse_python

FASTAPI = """
    from fastapi import FastAPI, HTTPException
    from fastapi.responses import JSONResponse

    app = FastAPI()
    {handler}

    @app.get("/v1/orders/{{number}}")
    def order(number: int):
        if number < 0:
            return JSONResponse({{"error": "negative"}}, status_code=400)
        raise HTTPException(404, "no such order")
    """
HANDLER = """
    @app.exception_handler(HTTPException)
    async def render(request, error):
        return JSONResponse({body}, status_code=error.status_code{media})
    """


def hits(program: str, strict: bool = False) -> list[Hit]:
    module = parse_python(Text.of(dedent(program).lstrip("\n"))).module()
    facts = FileFacts("main.py", Language.PYTHON, Role.APPLICATION, module=module)
    linked = link_program([facts], frozenset())
    project = Project(
        files=(facts,),
        routes=linked.routes,
        apps=linked.apps,
        errors=linked.errors,
        error_handlers=linked.error_handlers,
    )
    return list(unstructured_error.CHECK.hits(project, unstructured_error.Options(require_problem_details=strict)))


def test_problem_details_are_asked_of_bodies_and_of_what_renders_the_errors_of_the_framework() -> None:
    bare = FASTAPI.format(handler="")
    assert [hit.message for hit in hits(bare, strict=True)] == [
        "an error 400 is not answered with problem details",
        "no handler of this API answers with problem details",
    ]
    other = FASTAPI.format(handler=HANDLER.format(body='{"errors": [error.detail]}', media=""))
    assert [hit.message for hit in hits(other, strict=True)] == [
        "an error 400 is not answered with problem details",
        "the handler of `HTTPException` does not answer with problem details",
    ]
    problem = HANDLER.format(body='{"title": error.detail}', media=', media_type="application/problem+json"')
    assert [hit.message for hit in hits(FASTAPI.format(handler=problem), strict=True)] == [
        "an error 400 is not answered with problem details"
    ]


def test_a_shape_that_is_used_ten_times_is_a_second_convention_with_what_stands_beside_its_keys() -> None:
    program = "from flask import Flask, jsonify\napp = Flask(__name__)\n"
    bodies = ['message="gone"'] * 12 + ['error="gone"'] * 9 + ['error="gone", id=7', 'reason="gone"']
    for number, body in enumerate(bodies):
        program += f'@app.get("/api/v1/things{number}")\ndef thing{number}():\n    return jsonify({body}), 404\n'
    assert [hit.message for hit in hits(program)] == [
        *["an error 404 has a shape of its own (error)"] * 9,
        "an error 404 has a shape of its own (error, id)",
        "an error 404 has a shape of its own (reason)",
    ]
    again = program + '@app.get("/api/v1/last")\ndef last():\n    return jsonify(error="gone"), 404\n'
    assert [hit.message for hit in hits(again)] == [
        "an error 404 has a shape of its own (reason)",
        "11 error responses have a second shape (error)",
    ]
