"""Routes of FastAPI and Starlette applications."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Table = Callable[[Mapping[str, str]], list[str]]


def test_prefixes_of_routers_and_of_their_inclusion_add_up_over_files(table: Table) -> None:
    files = {
        "app/__init__.py": "",
        "app/api/__init__.py": "",
        "app/core/__init__.py": "",
        "app/core/config.py": """
            from pydantic_settings import BaseSettings

            class Settings(BaseSettings):
                API_PREFIX: str = "/api/v1"

            settings = Settings()
        """,
        "app/api/users.py": """
            from fastapi import APIRouter

            router = APIRouter(prefix="/users", tags=["users"])

            @router.get("/", response_model=list[str])
            async def list_users(): ...

            @router.get("/{user_id:int}")
            async def read_user(user_id: int): ...

            @router.api_route("/{user_id}/avatar", methods=["PUT", "DELETE"])
            async def avatar(user_id: int): ...
        """,
        "app/api/main.py": """
            from fastapi import APIRouter
            from . import users

            api_router = APIRouter()
            api_router.include_router(users.router, prefix="/people")
        """,
        "app/main.py": """
            from fastapi import FastAPI
            from app.api.main import api_router
            from app.core.config import settings

            app = FastAPI()
            app.include_router(api_router, prefix=settings.API_PREFIX)
        """,
    }
    assert table(files) == [
        "GET /api/v1/people/users/ app/api/users.py:5 | version in path | collection",
        "GET /api/v1/people/users/{user_id} app/api/users.py:8 | version in path",
        "DELETE /api/v1/people/users/{user_id}/avatar app/api/users.py:11 | version in path",
        "PUT /api/v1/people/users/{user_id}/avatar app/api/users.py:11 | version in path",
    ]


def test_a_router_that_is_included_twice_serves_twice(table: Table) -> None:
    files = {
        "main.py": """
            from fastapi import APIRouter, FastAPI

            router = APIRouter()

            @router.post("/orders")
            def place_order(): ...

            app = FastAPI()
            for version in ("v1", "v2"):
                app.include_router(router, prefix=f"/{version}")
        """
    }
    assert table(files) == [
        "POST /v1/orders main.py:5 | version in path",
        "POST /v2/orders main.py:5 | version in path",
    ]


def test_a_factory_builds_routers_with_paths_from_its_arguments(table: Table) -> None:
    files = {
        "main.py": """
            from fastapi import APIRouter, FastAPI

            def crud_router(name, model):
                router = APIRouter(prefix=f"/{name}")

                @router.get("/{item_id}")
                def read(item_id: int): ...

                def remove(item_id: int): ...

                router.add_api_route("/{item_id}", remove, methods=["DELETE"])
                return router

            def create_app() -> FastAPI:
                app = FastAPI(title="Shop")
                for name in ["orders", "invoices"]:
                    app.include_router(crud_router(name, object))
                return app
        """
    }
    assert table(files) == [
        "DELETE /invoices/{item_id} main.py:9",
        "GET /invoices/{item_id} main.py:6",
        "DELETE /orders/{item_id} main.py:9",
        "GET /orders/{item_id} main.py:6",
    ]


def test_a_mounted_application_keeps_its_prefix_and_the_root_path_is_no_part_of_it(table: Table) -> None:
    files = {
        "main.py": """
            from fastapi import FastAPI

            app = FastAPI()
            api = FastAPI(root_path="/api/v1")

            @api.get("/teams")
            def teams(): ...

            @app.get("/health")
            def health(): ...

            app.mount("/api/v1", app=api)
        """
    }
    assert table(files) == [
        "GET /api/v1/teams main.py:6 | version in path",
        "GET /health main.py:9 | exempt: health",
    ]


def test_of_two_ways_to_mount_the_one_that_the_settings_choose_by_default_counts(table: Table) -> None:
    files = {
        "main.py": """
            import os
            from fastapi import FastAPI

            ADMIN_HOST = os.getenv("ADMIN_HOST", None)

            admin = FastAPI()

            @admin.get("/users/{name}")
            def user(name: str): ...

            app = FastAPI()
            if ADMIN_HOST is None:
                app.mount("/office", admin)
            else:
                app.host(ADMIN_HOST, admin)
        """
    }
    assert table(files) == ["GET /office/users/{name} main.py:8"]


def test_a_proxy_prefix_alone_is_told_as_such(table: Table) -> None:
    files = {
        "main.py": """
            from fastapi import FastAPI

            app = FastAPI(root_path="/api/v2")

            @app.get("/teams/{name}")
            def team(name: str): ...
        """
    }
    assert table(files) == ["GET /teams/{name} main.py:5 | version in proxy"]


def test_subclasses_of_routers_and_class_based_views_register_as_their_bases_do(table: Table) -> None:
    files = {
        "routing.py": """
            from fastapi import APIRouter, Depends

            class AdminRouter(APIRouter):
                def __init__(self, tags=None, prefix="", **kwargs):
                    super().__init__(tags=tags, prefix="/admin" + prefix, dependencies=[Depends(check)], **kwargs)

            def check(): ...
        """,
        "main.py": """
            from fastapi import FastAPI
            from fastapi_utils.cbv import cbv
            from routing import AdminRouter

            router = AdminRouter(prefix="/backups")

            @cbv(router)
            class Backups:
                @router.get("/{name}")
                def one(self, name: str): ...

                @router.delete("/{name}")
                def remove(self, name: str): ...

            app = FastAPI()
            app.include_router(router, prefix="/api")
        """,
    }
    assert table(files) == [
        "DELETE /api/admin/backups/{name} main.py:12 | exempt: administration",
        "GET /api/admin/backups/{name} main.py:9 | exempt: administration",
    ]


def test_a_helper_that_registers_is_followed(table: Table) -> None:
    files = {
        "main.py": """
            from fastapi import APIRouter, FastAPI

            items = APIRouter(prefix="/items")

            @items.patch("/{item_id}")
            def change(item_id: int): ...

            def add_versioned(app, router, versions):
                for version in versions:
                    app.include_router(router, prefix=f"/v{version}")

            app = FastAPI()
            add_versioned(app, items, [1, 2])
        """
    }
    assert table(files) == [
        "PATCH /v1/items/{item_id} main.py:5 | version in path",
        "PATCH /v2/items/{item_id} main.py:5 | version in path",
    ]


def test_versions_of_a_wrapped_application_serve_what_came_before(table: Table) -> None:
    files = {
        "main.py": """
            from fastapi import FastAPI
            from fastapi_versioning import VersionedFastAPI, version

            app = FastAPI()

            @app.get("/greet")
            @version(1, 0)
            def greet(): ...

            @app.get("/part")
            @version(2, 0)
            def part(): ...

            app = VersionedFastAPI(app, version_format="{major}", prefix_format="/v{major}")
        """
    }
    assert table(files) == [
        "GET /v1/greet main.py:6 | version in path",
        "GET /v2/greet main.py:6 | version in path",
        "GET /v2/part main.py:10 | version in path",
    ]


def test_cadwyn_supplies_the_version_by_a_header(table: Table) -> None:
    files = {
        "main.py": """
            from datetime import date
            from cadwyn import Cadwyn, HeadVersion, Version, VersionBundle, VersionedAPIRouter

            router = VersionedAPIRouter(prefix="/users")

            @router.post("")
            async def create_user(): ...

            app = Cadwyn(versions=VersionBundle(HeadVersion(), Version(date(2024, 1, 1))))
            app.generate_and_include_versioned_routers(router)
        """
    }
    assert table(files) == ["POST /users main.py:6 | version in header"]


def test_routers_that_a_library_makes_are_known_by_their_documentation(table: Table) -> None:
    files = {
        "main.py": """
            import strawberry
            from fastapi import FastAPI
            from fastapi_users import FastAPIUsers
            from strawberry.fastapi import GraphQLRouter

            users = FastAPIUsers(get_user_manager, [backend])
            schema = strawberry.Schema(Query)

            app = FastAPI()
            app.include_router(users.get_auth_router(backend), prefix="/auth/jwt", tags=["auth"])
            app.include_router(GraphQLRouter(schema), prefix="/graphql")
        """
    }
    assert table(files) == [
        "POST /auth/jwt/login main.py:10",
        "POST /auth/jwt/logout main.py:10 | exempt: oauth",
        "POST /graphql main.py:11 | exempt: graphql",
    ]


def test_a_router_that_nothing_includes_is_not_served(table: Table) -> None:
    files = {
        "main.py": """
            from fastapi import APIRouter, FastAPI

            unused = APIRouter(prefix="/unused")

            @unused.get("/things")
            def things(): ...

            app = FastAPI()

            @app.get("/used")
            def used(): ...
        """
    }
    assert table(files) == ["GET /used main.py:10"]


def test_a_router_without_any_application_in_sight_is_told_as_unsure(table: Table) -> None:
    files = {
        "plugin.py": """
            from fastapi import APIRouter

            router = APIRouter(prefix="/plugin")

            @router.put("/state")
            def state(): ...
        """
    }
    assert table(files) == ["PUT /plugin/state plugin.py:5 | unsure: no application is seen to include this router"]


def test_starlette_routes_mounts_and_endpoint_classes(table: Table) -> None:
    files = {
        "main.py": """
            from starlette.applications import Starlette
            from starlette.endpoints import HTTPEndpoint
            from starlette.routing import Mount, Route

            async def homepage(request): ...

            class User(HTTPEndpoint):
                async def get(self, request): ...

                async def delete(self, request): ...

            app = Starlette(
                routes=[
                    Route("/", homepage),
                    Mount("/api/v1", routes=[
                        Route("/users/{username}", User),
                        Mount("/reports", routes=[Route("/{year:int}", homepage, methods=["POST"])]),
                    ]),
                ]
            )
        """
    }
    assert table(files) == [
        "GET / main.py:5 | exempt: root",
        "POST /api/v1/reports/{year} main.py:5 | version in path",
        "DELETE /api/v1/users/{username} main.py:10 | version in path",
        "GET /api/v1/users/{username} main.py:8 | version in path",
    ]


def test_list_responses_are_collections_and_page_parameters_page_them(table: Table) -> None:
    files = {
        "main.py": """
            from typing import Annotated
            from fastapi import Depends, FastAPI
            from pydantic import BaseModel

            class Book(BaseModel):
                title: str

            def paging(limit: int = 50, offset: int = 0): ...

            app = FastAPI()

            @app.get("/books", response_model=list[Book])
            def books(): ...

            @app.get("/authors")
            def authors(wanted: Annotated[dict, Depends(paging)]) -> list[Book]: ...

            @app.get("/books/{title}")
            def book(title: str) -> Book: ...
        """
    }
    assert table(files) == [
        "GET /authors main.py:15 | collection | paged by the parameter `limit`",
        "GET /books main.py:12 | collection",
        "GET /books/{title} main.py:18",
    ]


def test_a_router_class_of_the_project_that_wraps_its_handlers_is_read_through(table: Table) -> None:
    files = {
        "server/__init__.py": "",
        "server/router.py": """
            from starlette.routing import Router

            class APIRouter(Router):
                def __init__(self, prefix=""):
                    self.prefix = prefix
                    super().__init__()

                def post(self, path):
                    def decorator(func):
                        async def wrapper(request):
                            return await func(request=request)

                        self.add_route(path=self.prefix + path, endpoint=wrapper, methods=["POST"])
                        return wrapper

                    return decorator

                def include_router(self, router, prefix=""):
                    self.mount(path=self.prefix + prefix, app=router)
        """,
        "server/files.py": """
            from server.router import APIRouter

            router = APIRouter()

            @router.post("/save")
            async def save(request): ...
        """,
        "server/main.py": """
            from starlette.applications import Starlette
            from server.files import router as files
            from server.router import APIRouter

            def build(base_url=""):
                router = APIRouter(prefix=base_url)
                router.include_router(files, prefix="/api/files")
                return router.routes

            def make(base_url=""):
                return Starlette(routes=build(base_url=base_url))
        """,
        "server/start.py": """
            import sys
            from server.main import make

            app = make()

            def behind_proxy(settings):
                return make(base_url=settings.base)
        """,
    }
    assert table(files) == ["POST /api/files/save server/files.py:5"]


def test_routers_of_a_subclass_of_fastapi_users_are_known(table: Table) -> None:
    files = {
        "app.py": """
            from fastapi import FastAPI
            from fastapi_users import FastAPIUsers

            class Users(FastAPIUsers):
                pass

            users = Users(None, [])
            app = FastAPI()
            app.include_router(users.get_auth_router(None), prefix="/auth")
        """
    }
    assert table(files) == [
        "POST /auth/login app.py:9",
        "POST /auth/logout app.py:9 | exempt: oauth",
    ]


def test_a_version_that_is_worked_out_elsewhere_is_one(table: Table) -> None:
    files = {
        "app.py": """
            from fastapi import FastAPI
            from somewhere import info

            app = FastAPI()

            @app.get(f"/v{info.major}/orders")
            def orders(): ...
        """
    }
    assert table(files) == [
        "GET /v{?}/orders app.py:6 | version in path | unsure: a part of the path is not known",
    ]
