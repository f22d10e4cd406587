"""Which containers and variables of a process are seen to change, and by which requests."""

from __future__ import annotations

from textwrap import dedent

from qualitygate.link import link
from qualitygate.link.program import link_program
from qualitygate.model.architecture import SharedState
from qualitygate.model.facts import FileFacts
from qualitygate.model.source import Language, Role, Text
from qualitygate.parse.python import parse_python


def state(files: dict[str, str]) -> dict[str, SharedState]:
    facts = [
        FileFacts(
            path,
            Language.PYTHON,
            Role.APPLICATION,
            module=parse_python(Text.of(dedent(text).lstrip("\n"))).module(),
        )
        for path, text in files.items()
    ]
    project = link(facts, link_program(facts, frozenset()))
    return {found.name: found for found in project.state}


def test_a_dictionary_of_another_module_is_followed_to_where_it_is_made() -> None:
    found = state(
        {
            "app/store.py": "carts = {}\n",
            "app/main.py": """
                from fastapi import FastAPI

                from app.store import carts as baskets

                app = FastAPI()


                @app.post("/carts/{name}")
                def add(name: str):
                    baskets[name] = []
                """,
        }
    )
    (change,) = found["carts"].changes
    assert found["carts"].place.path == "app/store.py"
    assert (change.owner, change.how, change.key, change.own_key) == ("app/main.py:add", "item", "name", True)
    assert change.routes == ("POST /carts/{name}",)


def test_a_container_is_followed_through_the_module_that_holds_it() -> None:
    found = state(
        {
            "store.py": "sessions: dict[str, str] = {}\n",
            "routes.py": """
                import store


                def start(key):
                    store.sessions[key] = "open"
                """,
        }
    )
    assert [(change.owner, change.key) for change in found["sessions"].changes] == [("routes.py:start", "key")]


def test_a_local_name_hides_the_container_of_the_module() -> None:
    found = state(
        {
            "app.py": """
                seen = set()
                numbers = []


                def collect(rows, numbers):
                    seen = set()
                    for row in rows:
                        seen.add(row)
                    numbers.append(1)
                    return seen
                """
        }
    )
    assert found == {}


def test_a_change_behind_a_look_into_the_container_is_guarded() -> None:
    found = state(
        {
            "app.py": """
                rates = {}
                model = None


                def rate(currency):
                    if currency in rates:
                        return rates[currency]
                    rates[currency] = fetch(currency)
                    return rates[currency]


                def price(article):
                    known = rates.get(article)
                    if known is None:
                        known = fetch(article)
                        rates[article] = known
                    return known


                def load():
                    global model
                    if model is None:
                        model = read()
                    return model
                """
        }
    )
    assert [change.guarded for change in found["rates"].changes] == [True, True]
    assert [(change.how, change.guarded) for change in found["model"].changes] == [("rebound", True)]


def test_an_object_that_a_module_makes_once_shares_what_its_constructor_makes() -> None:
    found = state(
        {
            "app.py": """
                class Store:
                    def __init__(self):
                        self.entries = {}

                    def put(self, key, value):
                        self.entries[key] = value

                    def drop(self, key):
                        self.entries.pop(key, None)


                class Scratch:
                    def __init__(self):
                        self.notes = []

                    def note(self, text):
                        self.notes.append(text)


                store = Store()
                """
        }
    )
    assert set(found) == {"entries"}
    assert found["entries"].owner == "app.py:Store"
    assert [change.how for change in found["entries"].changes] == ["item", "removed"]


def test_lists_of_models_and_data_classes_belong_to_each_object() -> None:
    found = state(
        {
            "app.py": """
                from dataclasses import dataclass

                from pydantic import BaseModel


                class Order(BaseModel):
                    lines: list = []

                    def add(self, line):
                        self.lines.append(line)


                @dataclass
                class Basket:
                    notes = []

                    def add(self, note):
                        self.notes.append(note)


                class Shared:
                    members = []

                    def add(self, member):
                        self.members.append(member)
                """
        }
    )
    assert set(found) == {"members"}


def test_what_hangs_on_the_state_of_an_application_is_shared() -> None:
    found = state(
        {
            "app.py": """
                from fastapi import FastAPI, Request

                app = FastAPI()
                app.state.users = {}


                @app.put("/users/{name}")
                def put(request: Request, name: str):
                    request.app.state.users[name] = True
                """
        }
    )
    (change,) = found["users"].changes
    assert found["users"].owner == "application"
    assert change.routes == ("PUT /users/{name}",)


def test_a_plain_variable_counts_only_where_a_function_replaces_it() -> None:
    found = state(
        {
            "app.py": """
                LIMIT = 5
                counter = 0


                def count():
                    global counter
                    counter += 1
                    LIMIT = 6
                    return LIMIT
                """
        }
    )
    assert set(found) == {"counter"}
    assert found["counter"].kind == "value"
