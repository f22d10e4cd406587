"""A secret planted in every kind of input appears in no output, no file that is written, and no cache."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from qualitygate.report.formats import FORMATS

# Each place has a secret of its own, put together here so that no scanner takes it for a live one.
ALPHABET = "qXz7Rk2Lm9Tw4Vb8Nc3Yd6Hf1Js5Pg0"
PLACES = {
    "app/settings.py": 'import os\n\nSIGNING_KEY = os.environ.get("SIGNING_KEY", "{}")\n',
    "app/main.py": (
        "import requests\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get('/orders')\ndef orders():\n"
        "    return requests.get('https://api.example.org', headers={{'X-Api-Key': 'a'}}, params={{'api_key': '{}'}}).json()\n"
    ),
    "app/database.py": (
        "from sqlalchemy import create_engine\n\n\ndef orders(name):\n"
        '    engine = create_engine("postgresql://shop:{}@db.internal/shop")\n'
        "    return engine.execute(f\"SELECT * FROM orders WHERE name = '{{name}}'\")\n"
    ),
    "app/broken.py": "SECRET_KEY = '{}'\nprint 'python 2'\ndef (:\n",
    "app/tokens.py": 'ACCESS_TOKEN = b"{}"\n',
    "tests/test_login.py": 'PASSWORD = "{}"\n',
    "migrations/0001_users.sql": (
        "CREATE TABLE users (name text, password text);\nCREATE INDEX users_name ON users (name);\n"
        "INSERT INTO users (name, password) VALUES ('admin', '{}');\nCREATE USER app PASSWORD '{}';\n"
    ),
    "openapi.yaml": (
        "openapi: 3.0.3\ninfo: {{title: Shop, version: '1'}}\nservers: [{{url: 'https://shop:{}@api.shop.io/v1'}}]\n"
        "paths:\n  /orders:\n    get:\n      parameters:\n"
        "        - {{name: api_key, in: query, schema: {{type: string, maxLength: 40}}}}\n"
        "      responses: {{'200': {{description: ok}}}}\nx-gateway:\n  api_token: {}\n"
    ),
    "deploy/shop.env": "API_TOKEN={}\n",
    "deploy/shop.ini": "[mail]\npassword = {}\n",
    "deploy/shop.toml": 'secret_key = "{}"\n',
    "deploy/shop.json": '{{"client_secret": "{}"}}\n',
    "deploy/values.yaml": "db_password: {}\nurl: postgres://app:{}@db/app\n",
    "deploy/Dockerfile": "FROM python\nENV SECRET_KEY={}\n",
    "deploy/start.sh": "export AWS_SECRET_ACCESS_KEY={}\n",
    "notebooks/report.ipynb": '{{"cells": [{{"source": ["api_key = \'{}\'\\n"]}}]}}\n',
    "README.md": "    export API_TOKEN={}\n",
    "pyproject.toml": '[tool.qgate]\nnot-an-option = "{}"\n[tool.shop]\npassword = "{}"\n',
}


def planted() -> tuple[dict[str, str], list[str]]:
    """The files, and every secret in them."""
    files: dict[str, str] = {}
    secrets: list[str] = []
    for path, form in PLACES.items():
        own = []
        for _ in range(form.count("{}")):
            turn = len(secrets) + len(own) + 1
            own.append(ALPHABET[turn % 32 :] + ALPHABET[: turn % 32][:8] + f"{turn:02d}")
        files[path] = form.format(*own)
        secrets += own
    return files, secrets


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    for path, content in planted()[0].items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all of it")):
        named = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@a.example", "GIT_COMMITTER_NAME": "a"}
        variables = {**os.environ, **named, "GIT_COMMITTER_EMAIL": "a@a.example", "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", *arguments], cwd=root, env=variables, check=True)
    (root / "deploy/shop.env").write_text("API_TOKEN=${API_TOKEN}\n")
    return root


@pytest.mark.parametrize("isolated", [True, False], ids=["isolated", "with the configuration that is wrong"])
def test_no_secret_leaves_the_files_that_hold_it(
    qgate, shop: Path, environment: dict[str, str], tmp_path: Path, isolated: bool
) -> None:
    _, secrets = planted()
    assert len(set(secrets)) == len(secrets) > 20
    alone = ["--isolated"] if isolated else []
    # Another scanner quotes what it found.
    quoted = [
        {
            "ruleId": "generic-api-key",
            "message": {"text": f"generic-api-key has detected secret {secret} in a file"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "app/settings.py"},
                        "region": {"startLine": 3, "snippet": {"text": f"SIGNING_KEY = '{secret}'"}},
                    }
                }
            ],
        }
        for secret in secrets
    ]
    log = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "gitleaks"}}, "results": quoted}]}
    (tmp_path / "gitleaks.sarif").write_text(json.dumps(log))
    evidence = f"--evidence={tmp_path}/gitleaks.sarif"
    runs = [
        ["scan", "-v", evidence, *(f"--output={name}={tmp_path}/out.evidence.{name}" for name in FORMATS)],
        ["gate", evidence, "--format", "json"],
        ["evidence", "check", f"{tmp_path}/gitleaks.sarif"],
        ["scan", "--min-confidence", "low", "-v", *(f"--output={name}={tmp_path}/out.{name}" for name in FORMATS)],
        ["scan", "--min-confidence", "low", "--format", "json"],
        ["scan", "--min-confidence", "low", "--history"],
        ["scan", "--staged", "--min-confidence", "low"],
        ["fix", "--diff"],
        ["inventory"],
        ["inventory", "--format", "json"],
        ["report", "--architecture"],
        ["baseline", "write"],
        ["config", "show"],
    ]
    found = 0
    for arguments in runs:
        result = qgate(*arguments, *alone, cwd=shop)
        assert "Traceback" not in result.stderr
        shown = result.stdout + result.stderr
        assert [secret for secret in secrets if secret in shown] == [], arguments
        found += shown.count("hardcoded-secret")
    assert found > 0 or not isolated
    written = [*Path(environment["QGATE_CACHE_DIR"]).rglob("*"), *(shop / ".qgate").rglob("*"), *tmp_path.glob("out.*")]
    assert written or not isolated
    for path in written:
        if path.is_file():
            content = path.read_bytes()
            assert [secret for secret in secrets if secret.encode() in content] == [], path
