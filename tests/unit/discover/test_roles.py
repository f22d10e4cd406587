"""What the name of a file says: its language and what it is for."""

from __future__ import annotations

import pytest

from qualitygate.discover.roles import Layout, is_contract, language_of
from qualitygate.model.source import Language, Role


def role(path: str, *others: str) -> Role:
    return Layout.of((path, *others)).role(path)


@pytest.mark.parametrize(
    ("path", "head", "language"),
    [
        ("app/main.py", b"", Language.PYTHON),
        ("app/MAIN.PY", b"", Language.PYTHON),
        ("schema.sql", b"", Language.SQL),
        ("openapi.yaml", b"", Language.YAML),
        (".github/workflows/test.yml", b"", Language.YAML),
        ("package.json", b"", Language.JSON),
        ("pyproject.toml", b"", Language.TOML),
        ("setup.cfg", b"", Language.INI),
        (".env", b"", Language.ENV),
        (".env.production", b"", Language.ENV),
        ("docker/Dockerfile", b"", Language.DOCKERFILE),
        ("docker/Dockerfile.worker", b"", Language.DOCKERFILE),
        ("bin/serve", b"#!/usr/bin/env python3\n", Language.PYTHON),
        ("bin/serve", b"#!/usr/bin/python\n", Language.PYTHON),
        ("bin/serve", b"#!/bin/sh\npython -m app\n", Language.TEXT),
        ("README.md", b"", Language.TEXT),
        ("stubs/app.pyi", b"", Language.TEXT),
    ],
)
def test_a_language_is_known_by_name_or_first_line(path: str, head: bytes, language: Language) -> None:
    assert language_of(path, head) is language


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("app/main.py", Role.APPLICATION),
        ("tests/test_api.py", Role.TEST),
        ("app/tests.py", Role.TEST),
        ("app/api_test.py", Role.TEST),
        ("conftest.py", Role.TEST),
        ("integration_tests/run.py", Role.TEST),
        ("api_tests/package.json", Role.TEST),
        ("tests/migrations/0001_initial.py", Role.TEST),
        ("app/latest/views.py", Role.APPLICATION),
        ("app/contest.py", Role.APPLICATION),
        ("app/testimonials/views.py", Role.APPLICATION),
        ("spec/openapi.yaml", Role.APPLICATION),
        ("examples/app.py", Role.EXAMPLE),
        (".semgrep/rules/task.py", Role.EXAMPLE),
        (".github/workflows/ci.yaml", Role.APPLICATION),
        ("node_modules/left-pad/package.json", Role.VENDORED),
        (".venv/lib/site.py", Role.VENDORED),
        ("app/orders_pb2.py", Role.GENERATED),
        ("package-lock.json", Role.GENERATED),
        ("reports/qgate.sarif", Role.GENERATED),
        ("semgrep.sarif.json", Role.GENERATED),
        ("docs/conf.py", Role.DOCUMENTATION),
    ],
)
def test_a_role_is_known_by_path(path: str, expected: Role) -> None:
    assert role(path) is expected


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("vendor", Role.VENDORED),
        ("samples", Role.EXAMPLE),
        ("demo", Role.EXAMPLE),
        ("docs", Role.DOCUMENTATION),
        ("lab_tests", Role.TEST),
    ],
)
def test_a_word_of_the_business_is_application_code_inside_a_package(folder: str, expected: Role) -> None:
    assert role(f"{folder}/models.py") is expected
    assert role(f"shop/{folder}/models.py", f"shop/{folder}/__init__.py") is Role.APPLICATION
    assert role(f"shop/{folder}/models.py", "shop/__init__.py") is Role.APPLICATION


@pytest.mark.parametrize(
    ("path", "evidence"),
    [
        ("shop/migrations/0001_initial.py", ()),
        ("migrations/versions/ae1027a6acf_add_orders.py", ("migrations/env.py",)),
        ("alembic/versions/add_orders.py", ()),
        ("database/versions/add_orders.py", ("database/env.py",)),
        ("db/migrate/add_orders.sql", ()),
        ("db/migrations/add_orders.sql", ()),
        ("migrations/2024-01-01-000000_orders/up.sql", ()),
        ("migrations/orders/up.sql", ()),
        ("migrations/postgres/orders.sql", ()),
    ],
)
def test_migrations_are_known_by_evidence(path: str, evidence: tuple[str, ...]) -> None:
    assert role(path, *evidence) is Role.MIGRATION


@pytest.mark.parametrize(
    "path",
    [
        "app/api/versions/orders.py",
        "app/services/migrations/accounts.py",
        "app/migrate/users.py",
    ],
)
def test_a_folder_that_is_only_called_so_holds_no_migrations(path: str) -> None:
    assert role(path, "app/__init__.py") is Role.APPLICATION


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"openapi: 3.1.0\ninfo: {}\n", True),
        (b"# our contract\nswagger: '2.0'\n", True),
        (b'{"components": {}, "openapi": "3.0.3"}', True),
        (b"site_name: Docs\nplugins: [openapi]\n", False),
        (b"", False),
    ],
)
def test_a_contract_is_known_by_its_own_key(head: bytes, expected: bool) -> None:
    assert is_contract(head) is expected
