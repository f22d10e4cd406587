"""What is told of a library call: whether an event loop waits for it, and whether it stands in a lambda."""

from __future__ import annotations

from textwrap import dedent

from qualitygate.link.program import link_program
from qualitygate.model.calls import Call
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Role, Text
from qualitygate.parse.python import parse_python


def calls(program: str, *names: str) -> tuple[Call, ...]:
    module = parse_python(Text.of(dedent(program).lstrip("\n"))).module()
    facts = [FileFacts("app.py", Language.PYTHON, Role.APPLICATION, module=module)]
    return link_program(facts, frozenset(names)).calls


def test_an_event_loop_waits_for_a_plain_function_that_a_coroutine_calls() -> None:
    (call,) = calls(
        """
        import requests
        from fastapi import FastAPI

        app = FastAPI()


        def fetch(url):
            return requests.get(url)


        def convert(url):
            return fetch(url).json()


        @app.get("/rates")
        async def rates(url: str):
            return convert(url)
        """,
        "requests.get",
    )
    assert [place.note for place in call.loop] == ["GET /rates", "rates calls convert", "convert calls fetch"]


def test_no_event_loop_waits_for_what_is_injected_or_handled_in_a_thread() -> None:
    found = calls(
        """
        import requests
        from fastapi import Depends, FastAPI

        app = FastAPI()


        def current(url: str):
            return requests.get(url)


        @app.get("/rates")
        async def rates(rate=Depends(current)):
            return rate


        @app.get("/prices")
        def prices(url: str):
            return requests.post(url)
        """,
        "requests.get",
        "requests.post",
    )
    assert [(call.name, bool(call.routes), call.loop) for call in found] == [
        ("requests.get", True, ()),
        ("requests.post", True, ()),
    ]


def test_a_call_inside_a_lambda_is_made_later() -> None:
    first, second = calls(
        """
        import asyncio

        import requests


        async def fetch(url):
            requests.head(url)
            return await asyncio.to_thread(lambda: requests.get(url))
        """,
        "requests.get",
        "requests.head",
    )
    assert (first.name, first.deferred) == ("requests.head", False)
    assert (second.name, second.deferred) == ("requests.get", True)


def test_a_call_in_a_function_inside_one_that_nothing_calls_is_seen() -> None:
    found = calls(
        """
        import jwt


        class Channels:
            def register(self, app):
                @app.after_request
                def renew(response):
                    response.set_cookie("channel", jwt.encode({"channel": 1}, self.key))
                    return response
        """,
        "jwt.encode",
    )
    assert [call.name for call in found] == ["jwt.encode"]
