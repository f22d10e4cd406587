"""Routes of Litestar applications."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qualitygate.model.architecture import Route

Table = Callable[[Mapping[str, str]], list[str]]
Routes = Callable[[Mapping[str, str]], tuple[Route, ...]]


def test_application_routers_controllers_and_handlers_are_layers_of_a_path(table: Table) -> None:
    files = {
        "app/controllers.py": """
            from litestar import Controller, get, post

            class Things(Controller):
                path = "/things"

                @get()
                async def list_things(self) -> list[str]: ...

                @post("/{thing_id:int}/copies/")
                async def copy(self, thing_id: int) -> None: ...
        """,
        "app/main.py": """
            from litestar import Litestar, Router, get
            from app.controllers import Things

            @get(["/a", "/b/{name:str}"])
            async def both() -> dict: ...

            v1 = Router(path="/v1", route_handlers=[Things])
            app = Litestar(route_handlers=[Router("/api", route_handlers=[v1]), both], path="/base")
        """,
    }
    assert table(files) == [
        "GET /base/a app/main.py:4",
        "GET /base/api/v1/things app/controllers.py:6 | version in path | collection",
        "POST /base/api/v1/things/{thing_id}/copies app/controllers.py:9 | version in path",
        "GET /base/b/{name} app/main.py:4",
    ]


def test_methods_of_a_route_are_texts_or_members_of_the_enumeration(table: Table) -> None:
    files = {
        "main.py": """
            from litestar import HttpMethod, Litestar, route

            @route("/orders", http_method=[HttpMethod.POST, "PUT"])
            async def orders() -> None: ...

            app = Litestar([orders])
        """
    }
    assert table(files) == ["POST /orders main.py:3", "PUT /orders main.py:3"]


def test_a_plugin_adds_handlers_even_after_a_library_had_the_configuration(table: Table) -> None:
    files = {
        "app/plugin.py": """
            from typing import cast
            from litestar.plugins import InitPluginProtocol
            from litestar.security.jwt import OAuth2PasswordBearerAuth

            auth = OAuth2PasswordBearerAuth(token_secret="x", token_url="/login")

            class Core(InitPluginProtocol):
                def on_app_init(self, app_config):
                    from app.teams import Teams

                    app_config = cast("AppConfig", auth.on_app_init(app_config))
                    self._routes(app_config, controllers=[Teams])
                    return app_config

                def _routes(self, app_config, *, controllers):
                    app_config.route_handlers.extend(controllers)
        """,
        "app/teams.py": """
            from litestar import Controller, delete

            class Teams(Controller):
                path = "/api/teams"

                @delete("/{team_id:uuid}")
                async def remove(self, team_id): ...
        """,
        "app/asgi.py": """
            def create_app():
                from litestar import Litestar
                from app.plugin import Core

                return Litestar(plugins=[Core()])
        """,
    }
    assert table(files) == ["DELETE /api/teams/{team_id} app/teams.py:6"]


def test_a_handler_that_is_registered_late_is_served(table: Table) -> None:
    files = {
        "main.py": """
            from litestar import Litestar, patch

            @patch("/settings/{name:str}")
            async def change(name: str) -> None: ...

            app = Litestar(path="/api/v2")
            app.register(change)
        """
    }
    assert table(files) == ["PATCH /api/v2/settings/{name} main.py:3 | version in path"]


def test_controllers_inherit_the_handlers_of_their_bases(table: Table) -> None:
    files = {
        "main.py": """
            from litestar import Controller, Litestar, get

            class Base(Controller):
                @get("/count")
                async def count(self) -> int: ...

            class Users(Base):
                path = "/users"

            class Orders(Base):
                path = "/orders"

            app = Litestar(route_handlers=[Users, Orders])
        """
    }
    assert table(files) == ["GET /orders/count main.py:4", "GET /users/count main.py:4"]


def test_paged_answers_and_types_that_are_imported_for_annotations_only(table: Table) -> None:
    files = {
        "main.py": """
            from __future__ import annotations
            from typing import TYPE_CHECKING
            from litestar import Litestar, get

            if TYPE_CHECKING:
                from advanced_alchemy.service import OffsetPagination

            @get("/tags")
            async def list_tags() -> OffsetPagination[str]: ...

            app = Litestar([list_tags])
        """
    }
    assert table(files) == ["GET /tags main.py:8 | collection | paged by OffsetPagination"]


def test_guards_of_every_layer_stand_before_a_handler(routes: Routes) -> None:
    files = {
        "main.py": """
            from litestar import Controller, Litestar, get

            def requires_token(connection, handler): ...

            def requires_permission(connection, handler): ...

            class Admin(Controller):
                guards = [requires_permission]

                @get("/stats")
                async def stats(self) -> dict: ...

            app = Litestar(route_handlers=[Admin], guards=[requires_token])
        """
    }
    (route,) = routes(files)
    assert [guard.name for guard in route.guards] == ["requires_permission", "requires_token"]


def test_a_graphql_controller_is_one_endpoint(table: Table) -> None:
    files = {
        "main.py": """
            from litestar import Litestar
            from strawberry.litestar import make_graphql_controller

            app = Litestar(route_handlers=[make_graphql_controller(schema, path="/graphql")])
        """
    }
    assert table(files) == ["POST /graphql main.py:4 | exempt: graphql"]
