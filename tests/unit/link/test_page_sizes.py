"""What sets the size of a page, and what bounds it."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from qualitygate.link.program import link_program
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Role, Text
from qualitygate.parse.python import parse_python


def bounds(program: str) -> dict[str, str]:
    """The page sizes of a program, each with what bounds it."""
    module = parse_python(Text.of(dedent(program).lstrip("\n"))).module()
    facts = [FileFacts("main.py", Language.PYTHON, Role.APPLICATION, module=module)]
    return {size.name: size.bound for size in link_program(facts, frozenset()).page_sizes}


FASTAPI = """\
from typing import Annotated, Optional
from fastapi import Depends, FastAPI, Header, Query
from pydantic import conint
app = FastAPI()
@app.get("/orders")
def orders({parameters}):
{body}
def first(limit):
    return min(limit, 100)
"""


@pytest.mark.parametrize(
    ("parameters", "body", "expected"),
    [
        ("limit: int = 10", "return []", {"limit": ""}),
        ("limit: Optional[int] = None", "return []", {"limit": ""}),
        ("limit: int = Query(10, ge=1)", "return []", {"limit": ""}),
        ("limit: int = Query(10, le=100)", "return []", {"limit": "le"}),
        ("limit: Annotated[int, Query(lt=100)] = 10", "return []", {"limit": "lt"}),
        ("limit: int = Query(10, lt=2147483647)", "return []", {"limit": ""}),
        ("limit: conint(le=5) = 1", "return []", {}),
        ("limit: int = 10", "if limit > 100:\n    raise ValueError\nreturn []", {"limit": "a comparison"}),
        ("limit: int = 10", "if limit < 1:\n    raise ValueError\nreturn []", {"limit": ""}),
        ("limit: int = 10", "return rows[: min(limit, 50)]", {"limit": "min"}),
        ("limit: int = 10", "return first(limit)", {"limit": "min"}),
        ("limit: int = Header(10)", "return []", {}),
        ("limit: str = ''", "return []", {}),
        ("order: int = 10", "return []", {}),
    ],
)
def test_a_declared_parameter_is_bounded_by_its_declaration_or_the_code(
    parameters: str, body: str, expected: dict[str, str]
) -> None:
    assert bounds(FASTAPI.format(parameters=parameters, body=indent(body, "    "))) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('size = request.args.get("per_page", 20, type=int)\nreturn jsonify(rows[:size])', {"per_page": ""}),
        (
            'size = request.args.get("per_page", 20, type=int)\nreturn jsonify(rows[: min(size, 9)])',
            {"per_page": "min"},
        ),
        ('size = min(int(request.args.get("per_page", 20)), 100)\nreturn jsonify([])', {"per_page": "min"}),
        ('log(request.args.get("per_page"))\nreturn jsonify([])', {}),
        ('size = other.get("per_page")\nreturn jsonify([])', {}),
    ],
)
def test_a_parameter_read_by_hand_is_bounded_by_the_code(body: str, expected: dict[str, str]) -> None:
    head = 'from flask import Flask, jsonify, request\napp = Flask(__name__)\n@app.get("/api/rows")\ndef read():\n'
    assert bounds(head + indent(body, "    ")) == expected


def test_a_paginator_without_a_maximum_takes_any_size() -> None:
    assert bounds(
        """
        from rest_framework.pagination import LimitOffsetPagination, PageNumberPagination

        class Fixed(PageNumberPagination):
            page_size = 5

        class Sized(PageNumberPagination):
            page_size_query_param = "size"

        class Bounded(LimitOffsetPagination):
            max_limit = 100
        """
    ) == {"size": "", "limit": "max_limit"}


def test_the_query_is_followed_into_the_function_that_it_is_handed_to() -> None:
    program = """
        from flask import Flask, request
        app = Flask(__name__)
        class Page:
            @staticmethod
            def of(params):
                size = params.get("page_size", 20, int)
                return size
        def remote(options):
            return options.get("limit")
        @app.get("/api/orders")
        def orders():
            remote({"limit": 5})
            return rows(Page.of(request.args))
        """
    assert bounds(program) == {"page_size": ""}
