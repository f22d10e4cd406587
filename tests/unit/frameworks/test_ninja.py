"""Routes of Django Ninja below Django's URL configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Table = Callable[[Mapping[str, str]], list[str]]

BASE = {
    "config/__init__.py": "",
    "config/settings.py": """
        INSTALLED_APPS = []
        ROOT_URLCONF = "config.urls"
        SECRET_KEY = "x"
    """,
    "shop/__init__.py": "",
}


def test_routers_by_object_and_by_name_below_a_mounted_api(table: Table) -> None:
    files = {
        **BASE,
        "config/urls.py": """
            from django.urls import path
            from shop.api import api

            urlpatterns = [path("api/v1/", api.urls)]
        """,
        "shop/api.py": """
            from ninja import NinjaAPI, Router

            api = NinjaAPI()
            inner = Router()

            @api.get("/hello")
            def hello(request): ...

            @inner.api_operation(["POST", "PATCH"], "/{int:item_id}")
            def change(request, item_id: int): ...

            api.add_router("/items/", inner)
            api.add_router("/events", "shop.events.router")
        """,
        "shop/events.py": """
            from ninja import Router

            router = Router()

            @router.delete("/{name}")
            def remove(request, name: str): ...
        """,
    }
    assert table(files) == [
        "DELETE /api/v1/events/{name} shop/events.py:5 | version in path",
        "GET /api/v1/hello shop/api.py:6 | version in path",
        "PATCH /api/v1/items/{item_id} shop/api.py:9 | version in path",
        "POST /api/v1/items/{item_id} shop/api.py:9 | version in path",
    ]


def test_the_version_of_an_api_is_not_in_its_urls(table: Table) -> None:
    files = {
        **BASE,
        "config/urls.py": """
            from django.urls import path
            from ninja import NinjaAPI

            api = NinjaAPI(version="2.0")

            @api.get("shop/items/{item_id}")
            def item(request, item_id: int): ...

            urlpatterns = [path("api/", api.urls)]
        """,
    }
    assert table(files) == ["GET /api/shop/items/{item_id} config/urls.py:6 | version in framework"]


def test_declared_lists_are_collections_and_a_decorator_pages_them(table: Table) -> None:
    files = {
        **BASE,
        "config/urls.py": """
            from typing import List
            from django.urls import path
            from ninja import NinjaAPI, Schema
            from ninja.pagination import paginate

            class Book(Schema):
                title: str

            api = NinjaAPI()

            @api.get("/books", response=List[Book])
            def books(request): ...

            @api.get("/authors", response={200: List[Book], 404: Book})
            @paginate
            def authors(request): ...

            urlpatterns = [path("api/", api.urls)]
        """,
    }
    assert table(files) == [
        "GET /api/authors config/urls.py:14 | collection | paged by @paginate",
        "GET /api/books config/urls.py:11 | collection",
    ]


def test_controllers_of_ninja_extra(table: Table) -> None:
    files = {
        **BASE,
        "config/urls.py": """
            from django.urls import path
            from ninja_extra import NinjaExtraAPI, api_controller, http_get, route

            @api_controller("/math")
            class MathController:
                @http_get("/add/{a}")
                def add(self, a: int): ...

                @route.post("/store")
                def store(self): ...

            api = NinjaExtraAPI()
            api.register_controllers(MathController)

            urlpatterns = [path("api/", api.urls)]
        """,
    }
    assert table(files) == [
        "GET /api/math/add/{a} config/urls.py:6",
        "POST /api/math/store config/urls.py:9",
    ]


def test_an_api_that_nothing_mounts_is_told_as_unsure(table: Table) -> None:
    files = {
        "api.py": """
            from ninja import NinjaAPI

            api = NinjaAPI()

            @api.put("/state/{name}")
            def state(request, name: str): ...
        """
    }
    assert table(files) == ["PUT /state/{name} api.py:5 | unsure: no URL configuration is seen to mount this API"]
