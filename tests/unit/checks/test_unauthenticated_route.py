"""Services of one repository that ask nobody, and operations that a contract secures."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from qualitygate_checks.security.unauthenticated_route import CHECK

from qualitygate.analyse import analyse
from qualitygate.authoring import Confidence, Hit
from qualitygate.discover import Layout, language_of
from qualitygate.model.source import SourceFile

INNER = """
    from fastapi import FastAPI

    app = FastAPI()

    @app.post("/v1/jobs")
    def start(name: str):
        return queue.put(name)

    @app.delete("/v1/jobs/{number}")
    def stop(number: int):
        return queue.drop(number)
"""
OUTER = """
    from fastapi import Depends, FastAPI
    from fastapi.security import OAuth2PasswordBearer

    app = FastAPI()
    scheme = OAuth2PasswordBearer(tokenUrl="/v1/token")

    @app.post("/v1/orders", dependencies=[Depends(scheme)])
    def order(name: str):
        return store.add(name)
"""


def hits(files: dict[str, str]) -> list[Hit]:
    contents = {path: dedent(text).lstrip("\n").encode() for path, text in sorted(files.items())}
    layout = Layout.of(contents)
    sources = [
        SourceFile(Path("/example"), path, language_of(path, content), layout.role(path), content)
        for path, content in contents.items()
    ]
    return list(CHECK.hits(analyse(sources, [CHECK], {})))


def test_a_service_that_asks_nobody_beside_one_that_asks_is_told_once_and_with_low_confidence() -> None:
    found = hits(
        {
            "gateway/pyproject.toml": "[project]\nname = 'gateway'\n",
            "gateway/app.py": OUTER,
            "worker/pyproject.toml": "[project]\nname = 'worker'\n",
            "worker/app.py": INNER,
        }
    )
    assert [(hit.message, hit.confidence) for hit in found] == [
        ("nothing in worker asks who calls: 2 operations change data for anybody", Confidence.LOW)
    ]


def test_modules_of_one_service_are_judged_together() -> None:
    found = hits({"pyproject.toml": "[project]\nname = 'shop'\n", "gateway.py": OUTER, "worker.py": INNER})
    assert [(hit.subject, hit.confidence) for hit in found] == [
        ("POST /v1/jobs", Confidence.MEDIUM),
        ("DELETE /v1/jobs/{number}", Confidence.MEDIUM),
    ]


def test_connexion_asks_for_what_its_contract_secures() -> None:
    found = hits(
        {
            "app.py": """
                import connexion

                app = connexion.FlaskApp(__name__)
                app.add_api("openapi.yaml")
            """,
            "orders.py": """
                def place(body):
                    return store.add(body)

                def drop(number):
                    return store.drop(number)
            """,
            "openapi.yaml": """
                openapi: 3.0.3
                info: {title: Orders, version: "1"}
                components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}
                paths:
                  /v1/orders:
                    post:
                      operationId: orders.place
                      security: [{key: []}]
                      responses: {"201": {description: Placed}}
                  /v1/orders/{number}:
                    delete:
                      operationId: orders.drop
                      parameters: [{name: number, in: path, required: true, schema: {type: string}}]
                      responses: {"204": {description: Gone}}
            """,
        }
    )
    assert [hit.subject for hit in found] == ["DELETE /v1/orders/{number}"]
