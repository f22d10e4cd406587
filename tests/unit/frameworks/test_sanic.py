"""Routes of Sanic applications."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qualitygate.model.architecture import Route

Table = Callable[[Mapping[str, str]], list[str]]
Routes = Callable[[Mapping[str, str]], tuple[Route, ...]]


def test_the_version_comes_first_and_the_nearest_one_holds(table: Table) -> None:
    files = {
        "main.py": """
            from sanic import Blueprint, Sanic

            app = Sanic("Shop")
            bp = Blueprint("b", url_prefix="/b", version=1)

            @bp.get("/x")
            async def x(request): ...

            @bp.get("/y", version=3)
            async def y(request): ...

            @app.post("/plain", version="2.1", version_prefix="/rest/v")
            async def plain(request): ...

            inner = Blueprint("n", url_prefix="/n")

            @inner.route("/z/<id:int>", methods=["GET", "PUT"])
            async def z(request, id): ...

            group = Blueprint.group(inner, url_prefix="/grp", version=2, version_prefix="/api/v")
            app.blueprint(bp)
            app.blueprint(group)
        """
    }
    assert table(files) == [
        "GET /api/v2/grp/n/z/{id} main.py:17 | version in path",
        "PUT /api/v2/grp/n/z/{id} main.py:17 | version in path",
        "POST /rest/v2.1/plain main.py:12 | version in path",
        "GET /v1/b/x main.py:6 | version in path",
        "GET /v3/b/y main.py:9 | version in path",
    ]


def test_a_prefix_at_registration_replaces_the_blueprints_own(table: Table) -> None:
    files = {
        "users.py": """
            from sanic import Blueprint

            bp = Blueprint("users", url_prefix="/users")

            @bp.delete("/<name:[a-z]+>")
            async def remove(request, name): ...
        """,
        "main.py": """
            from sanic import Sanic
            from users import bp

            app = Sanic("Shop")
            app.blueprint(bp, url_prefix="/people")
        """,
    }
    assert table(files) == ["DELETE /people/{name} users.py:5"]


def test_class_based_views_by_route_and_by_attachment(table: Table) -> None:
    files = {
        "main.py": """
            from sanic import Sanic
            from sanic.views import HTTPMethodView

            app = Sanic("Shop")

            class Orders(HTTPMethodView):
                async def get(self, request): ...

                async def post(self, request): ...

            class Order(HTTPMethodView, attach=app, uri="/orders/<number>"):
                async def put(self, request, number): ...

            app.add_route(Orders.as_view(), "/orders")
        """
    }
    assert table(files) == [
        "GET /orders main.py:7",
        "POST /orders main.py:9",
        "PUT /orders/{number} main.py:12",
    ]


def test_groups_of_groups_and_blueprints_in_lists(table: Table) -> None:
    files = {
        "main.py": """
            from sanic import Blueprint, Sanic

            one = Blueprint("one", url_prefix="/one")
            two = Blueprint("two", url_prefix="/two", version=7)

            @one.patch("/")
            async def first(request): ...

            @two.get("/")
            async def second(request): ...

            inside = Blueprint.group([one, two], url_prefix="/inside")
            outside = Blueprint.group(inside, url_prefix="/outside", version=1)

            def create_app():
                app = Sanic("Shop")
                app.blueprint(outside)
                return app
        """
    }
    assert table(files) == [
        "PATCH /v1/outside/inside/one main.py:6 | version in path",
        "GET /v1/outside/inside/two main.py:9 | version in path",
    ]


def test_html_is_a_page_and_json_is_data(routes: Routes) -> None:
    files = {
        "main.py": """
            from sanic import Sanic
            from sanic.response import html, json

            app = Sanic("Shop")

            @app.get("/welcome")
            async def welcome(request):
                return html("<h1>Welcome</h1>")

            @app.get("/items")
            async def items(request):
                return json([])
        """
    }
    assert {route.path: route.api for route in routes(files)} == {"/items": True, "/welcome": False}
