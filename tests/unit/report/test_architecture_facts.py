"""A project is summed up: parts, components and what they take from each other, routes by prefix, reaches, tables."""

from collections.abc import Mapping
from pathlib import Path

from qualitygate.analyse import analyse
from qualitygate.discover import Layout, language_of
from qualitygate.load import load
from qualitygate.model.architecture import Route
from qualitygate.model.project import Project
from qualitygate.model.source import Place, SourceFile, Span
from qualitygate.report.architecture_facts import Architecture, by_prefix, summarise

HERE = Place("app.py", Span(1, 1, 1, 1))


def project_of(files: Mapping[str, str]) -> Project:
    layout = Layout.of(files)
    return analyse(
        [
            SourceFile(Path("/x"), path, language_of(path, text.encode()), layout.role(path), text.encode())
            for path, text in sorted(files.items())
        ],
        load().checks,
        {},
    )


def summed(files: Mapping[str, str]) -> Architecture:
    return project_of(files).once(summarise)


def routes(*paths: str) -> list[Route]:
    return [Route("GET", path, "fastapi", "app.f", HERE, HERE, HERE) for path in paths]


LINES = "def work():\n" + "    pass\n" * 20


def test_components_are_the_folders_where_the_code_divides() -> None:
    found = summed(
        {
            "pyproject.toml": "[project]\nname = 'shop'\n",
            "src/shop/__init__.py": "",
            "src/shop/orders/api.py": "from shop.people import models\nimport httpx\n" + LINES,
            "src/shop/people/models.py": "import httpx\nimport json\n" + LINES,
        }
    )
    (part,) = found.parts
    assert part.place is not None
    assert part.place.path == "pyproject.toml"
    assert [(one.name, one.folder) for one in part.components] == [
        ("orders", "src/shop/orders"),
        ("people", "src/shop/people"),
        ("src/shop", "src/shop"),
    ]
    (edge,) = found.dependencies
    assert (found.components[edge.source].name, found.components[edge.target].name, edge.count) == (
        "orders",
        "people",
        1,
    )
    assert edge.place.path == "src/shop/orders/api.py"
    assert [(one.name, one.files) for one in found.libraries] == [("httpx", 2)]


def test_a_folder_with_a_manifest_is_a_part_and_a_step_called_setup_is_none() -> None:
    found = summed(
        {
            "billing/pyproject.toml": "",
            "billing/app.py": LINES,
            "billing/steps/setup.py": "import billing\n" + LINES,
            "mailer/setup.py": "from setuptools import setup\n\nsetup()\n",
            "mailer/send.py": LINES,
        }
    )
    assert {part.folder for part in found.parts} == {"billing", "mailer"}


def test_a_table_belongs_to_the_component_that_declares_its_model() -> None:
    model = "from django.db import models\n\n\nclass {0}(models.Model):\n    name = models.TextField()\n"
    found = summed(
        {
            "people/__init__.py": "",
            "people/models.py": model.format("Person"),
            "orders/__init__.py": "",
            "orders/models.py": model.format("Order"),
        }
    )
    owners = {table: found.components[number].name for table, number in found.owners.items()}
    assert owners == {"orders_order": "orders", "people_person": "people"}
    assert {group.name: [table.name for table in group.tables] for group in found.tables} == {
        "orders": ["orders_order"],
        "people": ["people_person"],
    }


def test_the_largest_prefix_is_divided_until_there_is_no_room() -> None:
    paths = [f"/v1/{thing}/{number}" for thing in ("orders", "people") for number in range(20)] + ["/v1/ping", "/x"]
    told = {
        most: [(one.prefix, len(one.routes), one.rest) for one in by_prefix(routes(*paths), most)] for most in (3, 4)
    }
    assert told == {
        4: [("/v1/orders", 20, False), ("/v1/people", 20, False), ("/v1/ping", 1, False), ("/x", 1, False)],
        3: [("/v1", 41, False), ("/x", 1, False)],
    }
    assert sum(len(group.routes) for group in by_prefix(routes(*paths), 1)) == len(paths)
    assert by_prefix([], 4) == ()


def test_parameters_end_a_prefix() -> None:
    (group,) = by_prefix(routes("/{tenant}/orders", "/{tenant}/people"), 9)
    assert group.prefix == "/"


def test_a_parameter_that_leads_to_many_things_is_part_of_the_prefix() -> None:
    things = [f"thing{number}" for number in range(9)]
    paths = [f"/{{tenant}}/{thing}/{{id}}" for thing in things for _ in range(3)] + ["/health"]
    groups = by_prefix(routes(*paths), 30, 2)
    assert [group.prefix for group in groups] == ["/health", *(f"/{{tenant}}/{thing}" for thing in things)]


def test_a_group_of_which_most_have_a_parameter_next_stays_whole() -> None:
    paths = [f"/orders/{{id}}/{part}" for part in ("lines", "notes") for _ in range(10)] + ["/orders/archive", "/x"]
    assert [group.prefix for group in by_prefix(routes(*paths), 9)] == ["/orders", "/x"]


def test_a_host_that_the_code_spells_is_told_and_a_variable_is_not() -> None:
    code = (
        "import requests\n\n\ndef pay(settings):\n"
        "    requests.get('https://pay.example.com/v1', timeout=3)\n"
        "    requests.get(settings.bank.url, timeout=3)\n"
        "    requests.get(f'https://{settings.region}.bank.example.com/', timeout=3)\n"
        "    requests.get(f'https://{settings.host}/', timeout=3)\n"
        "    requests.get(f'https://{settings.host}:8080/', timeout=3)\n"
        "    requests.get(f'https://pay.example.com{settings.path}', timeout=3)\n"
    )
    assert [(reach.kind, reach.name) for reach in summed({"pay.py": code}).reaches] == [
        ("host", "pay.example.com"),
        ("host", "{}.bank.example.com"),
    ]


def test_the_client_gives_a_call_its_host_and_its_time_limit() -> None:
    code = (
        "import httpx\nimport requests\n\nbank = httpx.Client(base_url='https://bank.example.com', timeout=3)\n"
        "shop = requests.Session()\n\n\ndef pay(other: httpx.Client):\n"
        "    bank.get('/pay')\n    other.get('/pay')\n    shop.get('https://shop.example.com')\n    bank.get('/pay', timeout=None)\n"
    )
    found = [(one.host, one.timeout) for one in project_of({"pay.py": code}).outbound]
    assert found == [
        ("bank.example.com", "3"),
        ("", "unknown"),
        ("shop.example.com", ""),
        ("bank.example.com", "none"),
    ]
