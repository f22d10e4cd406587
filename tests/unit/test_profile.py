"""What the code shows of a profile, each time with the reason in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qualitygate.load import load
from qualitygate.model.policy import Policy
from qualitygate.profile import detect
from qualitygate.run import Request, survey

FIXTURES = Path(__file__).parents[2] / "fixtures"


def detected(root: Path) -> dict[str, str]:
    project = survey(Request((root,), Policy(), use_cache=False), load())
    traits = detect(project)
    assert all(trait.why for trait in traits)
    return {trait.variable: trait.value for trait in traits}


@pytest.mark.parametrize(
    ("fixture", "framework"),
    [("django-clinic", "drf"), ("fastapi-shop", "fastapi"), ("flask-helpdesk", "flask")],
)
def test_the_framework_of_most_routes_is_that_of_the_service(fixture: str, framework: str) -> None:
    found = detected(FIXTURES / fixture / "sound")
    assert found["web_framework"] == framework
    assert found["api_style"] == "rest"
    assert found["primary_language"] == "python"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"compose.yml": "services: {db: {image: 'postgres:17'}}\n"}, "postgresql"),
        ({"compose.yml": "services: {db: {image: 'bitnami/mariadb:11'}}\n"}, "mysql"),
        ({"app/db.py": "import motor.motor_asyncio\n"}, "mongodb"),
        ({"app/db.py": "import asyncpg\nimport pymysql\n"}, None),
        ({"app/db.py": "import sqlite3\n"}, None),
        ({"app/db.py": "import json\n"}, None),
    ],
)
def test_a_database_is_named_where_one_alone_is_spoken_of(
    tmp_path: Path, files: dict[str, str], expected: str | None
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert detected(tmp_path).get("database_primary") == expected


def test_databases_of_two_kinds_make_it_polyglot(tmp_path: Path) -> None:
    (tmp_path / "db.py").write_text("import asyncpg\nimport pymongo\n")
    found = detected(tmp_path)
    assert found["database_approach"] == "polyglot"
    assert "database_primary" not in found
