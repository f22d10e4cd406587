"""A small faulty repository, and the command as a process in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

FILES = {
    "app/settings.py": 'smtp_host = "mail.internal"\nsmtp_password = "Meadow!2031-post"\n',
    "migrations/0001_orders.sql": (
        "CREATE TABLE customers (id bigint PRIMARY KEY);\n"
        "CREATE TABLE orders (\n"
        "    id bigint PRIMARY KEY,\n"
        "    created_at timestamptz NOT NULL,\n"
        "    customer_id bigint NOT NULL REFERENCES customers (id)\n"
        ");\n"
    ),
    "migrations/0002_index.sql": "CREATE INDEX orders_created_at ON orders (created_at);\n",
    "openapi.yaml": (
        "openapi: 3.0.3\n"
        "info: {title: Orders, version: 1.0.0}\n"
        "servers: [{url: https://orders.example.com}]\n"
        "paths:\n"
        "  /orders:\n"
        "    get:\n"
        "      responses:\n"
        '        "200": {description: All, content: {application/json: {schema: {type: array, items: {type: object}}}}}\n'
        '    post: {responses: {"201": {description: Created}}}\n'
    ),
}
SECRET = "Meadow!2031-post"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a secret, two faulty migrations and a contract; no git, no configuration."""
    root = tmp_path / "orders"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of a process that knows nothing of the machine's own colours and caches."""
    unwanted = {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}
    kept = {key: value for key, value in os.environ.items() if key not in unwanted and not key.startswith("QGATE_")}
    return {**kept, "QGATE_CACHE_DIR": str(tmp_path / "cache"), "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def qgate(repository: Path, environment: dict[str, str]) -> Run:
    """Runs the command in the repository; keywords are variables of its environment."""

    def run(*arguments: str, cwd: Path = repository, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "qualitygate", *arguments],
            cwd=cwd,
            env={**environment, **variables},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run
