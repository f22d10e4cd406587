"""What of a program's routing is not understood is told, by place and with what stood in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Read = Callable[[Mapping[str, str]], list[str]]


def test_routers_of_plugins_and_of_libraries_are_told(unfollowed: Read) -> None:
    files = {
        "app.py": """
            from fastapi import APIRouter, FastAPI
            from fastapi.staticfiles import StaticFiles
            from shop_plugins import plugins
            from somewhere import make_router, router

            app = FastAPI()
            own = APIRouter()
            app.include_router(own)
            app.mount("/static", StaticFiles(directory="static"))
            app.include_router(router)
            app.include_router(make_router("orders"))
            for plugin in plugins():
                app.include_router(plugin.router)
        """
    }
    assert unfollowed(files) == [
        "app.py:10 include_router() of somewhere.router, which a library brings",
        "app.py:11 include_router() of what somewhere.make_router() of a library gives",
        "app.py:13 include_router() of `router` of an object that is not known",
    ]


def test_blueprints_groups_and_sub_applications_that_are_not_known_are_told(unfollowed: Read) -> None:
    files = {
        "flasks.py": """
            from flask import Flask
            from other import bp

            app = Flask(__name__)
            app.register_blueprint(bp)
        """,
        "sanics.py": """
            from sanic import Sanic
            from other import group

            app = Sanic("shop")
            app.blueprint(group)
        """,
        "aio.py": """
            from aiohttp import web
            from other import admin, routes

            app = web.Application()
            app.add_routes(routes)
            app.add_routes([web.static("/files", "files")])
            app.add_subapp("/admin", admin)
        """,
        "torn.py": """
            from tornado.web import Application
            from other import handlers

            app = Application(handlers)
        """,
    }
    assert unfollowed(files) == [
        "aio.py:5 add_routes() of other.routes, which a library brings",
        "aio.py:7 add_subapp() of other.admin, which a library brings",
        "flasks.py:5 register_blueprint() of other.bp, which a library brings",
        "sanics.py:5 blueprint() of other.group, which a library brings",
        "torn.py:4 the list of handlers of other.handlers, which a library brings",
    ]


def test_url_modules_of_libraries_and_view_sets_that_are_not_known_are_told(unfollowed: Read) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/settings.py": 'INSTALLED_APPS = []\nROOT_URLCONF = "shop.urls"\n',
        "shop/urls.py": """
            from django.contrib import admin
            from django.urls import include, path
            from push.views import DeviceViewSet
            from rest_framework.routers import DefaultRouter

            router = DefaultRouter()
            router.register("devices", DeviceViewSet)

            urlpatterns = [
                path("admin/", admin.site.urls),
                path("accounts/", include("allauth.urls")),
                path("api/", include(router.urls)),
            ]
        """,
    }
    assert unfollowed(files) == [
        "shop/urls.py:7 register() of push.views.DeviceViewSet, which a library brings",
        "shop/urls.py:10 path() of django.contrib.admin.site.urls, which a library brings",
        "shop/urls.py:11 include() of allauth.urls, which is no module of the project",
    ]


def test_a_document_that_is_not_there_is_told(unfollowed: Read) -> None:
    files = {
        "app.py": """
            import connexion

            app = connexion.FlaskApp(__name__)
            app.add_api("missing.yaml")
        """
    }
    assert unfollowed(files) == ["app.py:4 add_api() of a document that is not found"]
