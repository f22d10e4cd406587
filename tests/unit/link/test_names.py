"""Which file an import names."""

from __future__ import annotations

from textwrap import dedent

import pytest

from qualitygate.link.names import ModuleIndex
from qualitygate.model.source import Text
from qualitygate.parse.python import parse_python


def index(files: dict[str, str]) -> ModuleIndex:
    return ModuleIndex({path: parse_python(Text.of(dedent(text))).module() for path, text in files.items()})


def test_an_import_starts_above_the_package_of_the_importing_file() -> None:
    modules = index({"backend/app/__init__.py": "", "backend/app/main.py": "", "backend/app/api/routes.py": ""})
    assert modules.absolute("app.api.routes", "backend/app/main.py") == "backend/app/api/routes.py"


def test_a_module_of_the_project_does_not_shadow_a_library_inside_its_package() -> None:
    modules = index({"app/main.py": "import redis\nfrom app.redis import client\n", "app/redis.py": "import redis\n"})
    assert modules.absolute("redis", "app/main.py") is None
    assert modules.absolute("redis", "app/redis.py") is None
    assert modules.absolute("app.redis", "app/main.py") == "app/redis.py"


def test_a_script_imports_its_neighbours() -> None:
    modules = index({"service/main.py": "import config\n", "service/config.py": ""})
    assert modules.absolute("config", "service/main.py") == "service/config.py"


def test_two_services_of_one_repository_each_import_their_own_app() -> None:
    modules = index({f"{service}/app/{name}.py": "" for service in ("orders", "billing") for name in ("main", "db")})
    assert modules.absolute("app.db", "billing/app/main.py") == "billing/app/db.py"
    assert modules.absolute("app.db", "orders/app/main.py") == "orders/app/db.py"


@pytest.mark.parametrize(
    ("level", "dotted", "found"),
    [
        (1, "models", "shop/cart/models.py"),
        (1, "", "shop/cart/__init__.py"),
        (2, "db", "shop/db.py"),
        (2, "cart.models", "shop/cart/models.py"),
        (2, "missing", None),
    ],
)
def test_leading_dots_climb_from_the_file(level: int, dotted: str, found: str | None) -> None:
    modules = index({"shop/__init__.py": "", "shop/db.py": "", "shop/cart/__init__.py": "", "shop/cart/models.py": ""})
    assert modules.relative(level, dotted, "shop/cart/views.py") == found


def test_a_package_comes_before_a_module_of_the_same_name() -> None:
    modules = index({"app/db.py": "", "app/db/__init__.py": "", "main.py": "import app.db\n"})
    assert modules.absolute("app.db", "main.py") == "app/db/__init__.py"
