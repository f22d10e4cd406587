"""Routes of Connexion: the operations of the documents that an application is handed, with the functions they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Table = Callable[[Mapping[str, str]], list[str]]

DOCUMENT = """
    openapi: 3.0.3
    info: {title: Orders, version: "1.0"}
    servers:
      - url: /api/v1
    paths:
      /orders:
        get:
          operationId: shop.orders.search
          responses: {"200": {description: All}}
        post:
          x-openapi-router-controller: shop.orders
          operationId: place
          responses: {"201": {description: Placed}}
      /orders/{order_id}:
        get:
          operationId: one
          parameters:
            - {name: order_id, in: path, required: true, schema: {type: string}}
          responses: {"200": {description: One}}
"""
HANDLERS = """
    def search(): ...

    def place(body): ...

    def one(order_id): ...
"""


def test_operations_are_served_by_the_functions_that_their_ids_name(table: Table) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/orders.py": HANDLERS,
        "shop/openapi.yaml": DOCUMENT,
        "shop/app.py": """
            import connexion

            app = connexion.FlaskApp(__name__, specification_dir=".")
            app.add_api("openapi.yaml", resolver=connexion.RelativeResolver("shop.orders"))
        """,
    }
    assert table(files) == [
        "GET /api/v1/orders shop/orders.py:1 | version in path",
        "POST /api/v1/orders shop/orders.py:3 | version in path",
        "GET /api/v1/orders/{order_id} shop/orders.py:5 | version in path",
    ]


def test_a_base_path_replaces_that_of_the_server_and_a_parser_hands_the_document_on(table: Table) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/orders.py": HANDLERS,
        "shop/spec/openapi.yaml": DOCUMENT,
        "other/openapi.yaml": DOCUMENT.replace("Orders", "Others").replace("/orders", "/others"),
        "shop/app.py": """
            import os
            from connexion import AsyncApp
            from connexion.resolver import RestyResolver
            from parsing import Parser

            HERE = os.path.dirname(__file__)

            def create_app():
                app = AsyncApp("orders")
                document = Parser(os.path.join(HERE, "spec", "openapi.yaml"))
                for prefix in ("/v1", "/v2"):
                    app.add_api(document.specification, base_path=prefix, resolver=RestyResolver("shop"))
                return app
        """,
    }
    assert [line.split(" | ")[0] for line in table(files)] == [
        "GET /v1/orders shop/orders.py:1",
        "POST /v1/orders shop/orders.py:3",
        "GET /v1/orders/{order_id} shop/spec/openapi.yaml:15",
        "GET /v2/orders shop/orders.py:1",
        "POST /v2/orders shop/orders.py:3",
        "GET /v2/orders/{order_id} shop/spec/openapi.yaml:15",
    ]


def test_without_ids_a_resolver_takes_the_function_from_method_and_path(table: Table) -> None:
    files = {
        "api/__init__.py": "",
        "api/pets.py": """
            def search(): ...

            def post(body): ...

            def get(id): ...
        """,
        "spec/pets.yaml": """
            swagger: "2.0"
            info: {title: Pets, version: "1"}
            basePath: /v1
            paths:
              /pets:
                get:
                  responses: {"200": {description: All}}
                post:
                  responses: {"201": {description: Made}}
              /pets/{id}:
                get:
                  parameters: [{name: id, in: path, required: true, type: string}]
                  responses: {"200": {description: One}}
        """,
        "run.py": """
            import connexion
            from connexion.resolver import RestyResolver
            from flask import Blueprint

            pages = Blueprint("pages", __name__, url_prefix="/pages")

            @pages.get("/about")
            def about(): ...

            app = connexion.App(__name__, specification_dir="spec/")
            app.add_api("pets.yaml", resolver=RestyResolver("api"))
            flask_app = app.app
            flask_app.register_blueprint(pages)
        """,
    }
    assert [line.split(" | ")[0] for line in table(files)] == [
        "GET /pages/about run.py:7",
        "GET /v1/pets api/pets.py:1",
        "POST /v1/pets api/pets.py:3",
        "GET /v1/pets/{id} api/pets.py:5",
    ]
