"""Routes of aiohttp's server applications."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qualitygate.model.architecture import Route

Table = Callable[[Mapping[str, str]], list[str]]
Routes = Callable[[Mapping[str, str]], tuple[Route, ...]]


def test_every_way_to_add_a_route(table: Table) -> None:
    files = {
        "main.py": r"""
            from aiohttp import web

            routes = web.RouteTableDef()

            @routes.get("/tables/{name}")
            async def by_table(request): ...

            @routes.view("/views/{id:\\d{4}}")
            class Thing(web.View):
                async def get(self): ...

                async def delete(self): ...

            async def index(request): ...

            async def change(request): ...

            app = web.Application()
            app.add_routes(routes)
            app.add_routes([web.post("/lists", change), web.route("*", "/any", index)])
            app.router.add_get("/", index)
            app.router.add_route("PUT", "/routes", change)
            resource = app.router.add_resource("/resources/{key:[a-z]+}")
            resource.add_route("PATCH", change)
            add_route = app.router.add_route
            add_route("POST", "/aliases", change)
            app.router.add_static("/static", "static")
            web.run_app(app)
        """
    }
    assert table(files) == [
        "GET / main.py:14 | exempt: root",
        "POST /aliases main.py:16",
        "ANY /any main.py:14",
        "POST /lists main.py:16",
        "PATCH /resources/{key} main.py:16",
        "PUT /routes main.py:16",
        "GET /tables/{name} main.py:5",
        "DELETE /views/{id} main.py:12",
        "GET /views/{id} main.py:10",
    ]


def test_a_sub_application_keeps_its_prefix_over_files_and_functions(table: Table) -> None:
    files = {
        "shop/handlers.py": """
            from aiohttp import web

            class Orders:
                async def list(self, request): ...

                async def place(self, request): ...

            def setup(app: web.Application) -> None:
                orders = Orders()
                app.router.add_get("/orders", orders.list)
                app.router.add_post("/orders", orders.place)
        """,
        "shop/main.py": """
            from aiohttp import web
            from shop.handlers import setup

            async def health(request): ...

            def create_app() -> web.Application:
                app = web.Application()
                app.router.add_get("/healthz", health)
                api = web.Application()
                setup(api)
                app.add_subapp("/api/v1/", api)
                return app
        """,
    }
    assert table(files) == [
        "GET /api/v1/orders shop/handlers.py:4 | version in path",
        "POST /api/v1/orders shop/handlers.py:6 | version in path",
        "GET /healthz shop/main.py:4 | exempt: health",
    ]


def test_routes_in_a_loop_over_a_table(table: Table) -> None:
    files = {
        "main.py": """
            from aiohttp import web

            async def users(request): ...

            async def teams(request): ...

            ROUTES = [("GET", "/users", users), ("POST", "/teams", teams)]

            app = web.Application()
            for method, path, handler in ROUTES:
                app.router.add_route(method, "/api" + path, handler)
        """
    }
    assert table(files) == ["POST /api/teams main.py:5", "GET /api/users main.py:3"]


def test_an_application_of_a_subclass(table: Table) -> None:
    files = {
        "main.py": """
            from aiohttp import web

            async def state(request): ...

            class Service(web.Application):
                def __init__(self):
                    super().__init__(middlewares=[])
                    self.router.add_get("/state", state)

            app = Service()
        """
    }
    assert table(files) == ["GET /state main.py:3"]


def test_an_application_that_is_not_seen_leaves_a_doubt(table: Table) -> None:
    files = {
        "plugin.py": """
            async def state(request): ...

            def register(server):
                server.http.router.add_get("/plugin/state", state)
        """
    }
    doubt = "unsure: it is registered on an application that is not seen"
    assert table(files) == [f"GET /plugin/state plugin.py:1 | {doubt}"]


def test_a_registry_class_gathers_handlers_and_one_loop_adds_them_all(table: Table) -> None:
    names = "".join(f"Route.get('/items/{number}')(first)\n" for number in range(320))
    files = {
        "server/__init__.py": "",
        "server/route.py": """
            class Route:
                _routes = []

                @classmethod
                def get(cls, path, **options):
                    def register(function):
                        prefix = "/v2/admin" if "admin" in function.__module__ else "/v2"
                        cls._routes.append(("GET", prefix + path, function))
                        return function
                    return register
        """,
        "server/admin.py": """
            from server.route import Route

            @Route.get("/state/{part}")
            def state(request): ...
        """,
        "server/items.py": "from server.route import Route\n\ndef first(request): ...\n\n" + names,
        "server/app.py": """
            from aiohttp import web
            from server import admin, items
            from server.route import Route

            app = web.Application()
            for method, path, handler in Route._routes:
                app.router.add_route(method, path, handler)
        """,
    }
    lines = table(files)
    assert len(lines) == 321
    assert lines[0] == "GET /v2/admin/state/{part} server/admin.py:3 | version in path"
    assert lines[-1] == "GET /v2/items/99 server/items.py:3 | version in path"


def test_rendered_templates_are_pages(routes: Routes) -> None:
    files = {
        "main.py": """
            import aiohttp_jinja2
            from aiohttp import web

            @aiohttp_jinja2.template("index.html")
            async def index(request):
                return {"title": "Shop"}

            async def items(request):
                return web.json_response([])

            app = web.Application()
            app.router.add_get("/index", index)
            app.router.add_get("/items", items)
        """
    }
    assert {route.path: route.api for route in routes(files)} == {"/index": False, "/items": True}
