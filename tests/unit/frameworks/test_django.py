"""Routes of Django's URL configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Table = Callable[[Mapping[str, str]], list[str]]

SETTINGS = """
    INSTALLED_APPS = []
    ROOT_URLCONF = "config.urls"
    SECRET_KEY = "x"
"""


def project(urls: str, **files: str) -> dict[str, str]:
    """A project with a root URL configuration; other files by name, `__` for a slash."""
    base = {"config/__init__.py": "", "config/settings.py": SETTINGS, "config/urls.py": urls, "shop/__init__.py": ""}
    return {**base, **{name.replace("__", "/") + ".py": text for name, text in files.items()}}


def test_paths_and_regular_expressions_through_includes(table: Table) -> None:
    files = project(
        r"""
            from django.urls import include, path, re_path

            urlpatterns = [
                path("shop/", include("shop.urls")),
                re_path(r"^old/(?P<year>[0-9]{4})/(\w+)/$", include("shop.old")),
            ]
        """,
        shop__urls="""
            from django.urls import path
            from shop import views

            urlpatterns = [
                path("", views.index),
                path("<slug:name>/", views.detail),
            ]
            urlpatterns += [path("add", views.add)]
        """,
        shop__old="""
            from django.conf.urls import url
            from shop.views import index

            urlpatterns = [url(r"^list$", index)]
        """,
        shop__views="""
            from django.views.decorators.http import require_POST, require_http_methods

            def index(request): ...

            @require_http_methods(["GET", "PUT"])
            def detail(request, name): ...

            @require_POST
            def add(request): ...
        """,
    )
    assert table(files) == [
        "ANY /old/{year}/{0}/list shop/views.py:3",
        "ANY /shop/ shop/views.py:3",
        "POST /shop/add shop/views.py:8",
        "GET /shop/{name}/ shop/views.py:5",
        "PUT /shop/{name}/ shop/views.py:5",
    ]


def test_star_unpacked_lists_tuples_of_an_include_and_wrapped_views(table: Table) -> None:
    files = project(
        """
            from django.urls import include, path
            from django.views.decorators.csrf import csrf_exempt
            from shop.users import urlpatterns as user_urls
            from shop.views import Orders, hook

            order_urls = [path("orders/", Orders.as_view())]

            urlpatterns = [
                *user_urls,
                path("api/v1/", include((order_urls, "orders"), namespace="v1")),
                path("pay/", csrf_exempt(hook)),
            ]
        """,
        shop__users="""
            from django.urls import path
            from shop.views import Users

            urlpatterns = [path("users/<uuid:user_id>/", Users.as_view())]
        """,
        shop__views="""
            from django.views import View

            class Users(View):
                def get(self, request, user_id): ...

                def delete(self, request, user_id): ...

            class Orders(View):
                http_method_names = ["get", "post"]

                def post(self, request): ...

            def hook(request): ...
        """,
    )
    assert table(files) == [
        "POST /api/v1/orders/ shop/views.py:11 | version in path",
        "ANY /pay/ shop/views.py:13",
        "DELETE /users/{user_id}/ shop/views.py:6",
        "GET /users/{user_id}/ shop/views.py:4",
    ]


def test_a_prefix_from_the_settings_keeps_its_default(table: Table) -> None:
    files = project(
        """
            from django.conf import settings
            from django.urls import include, path
            from shop.views import index

            prefix = ""
            if settings.SITE_PATH:
                prefix = f"{settings.SITE_PATH}/"

            patterns = [path("index/<int:page>/", index)]
            urlpatterns = [path(settings.BASE_PATH, include(patterns)), path(prefix + "plain/", index)]
        """,
        shop__views="def index(request, page=1): ...",
        config__settings="""
            import os

            INSTALLED_APPS = []
            ROOT_URLCONF = "config.urls"
            BASE_PATH = os.getenv("BASE_PATH", "base/")
            SITE_PATH = os.getenv("SITE_PATH", "")
        """,
    )
    assert table(files) == [
        "ANY /base/index/{page}/ shop/views.py:1",
        "ANY /plain/ shop/views.py:1",
    ]


def test_translated_patterns_stand_below_a_language(table: Table) -> None:
    files = project(
        """
            from django.conf.urls.i18n import i18n_patterns
            from django.urls import path
            from shop.views import index

            urlpatterns = i18n_patterns(path("about/<int:part>/", index))
        """,
        shop__views="def index(request, part): ...",
    )
    assert table(files) == ["ANY /{language}/about/{part}/ shop/views.py:1"]


def test_without_settings_every_configuration_that_no_other_includes_is_a_root(table: Table) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/urls.py": """
            from django.urls import path
            from shop.views import index

            urlpatterns = [path("things/<int:thing>/", index)]
        """,
        "shop/views.py": "def index(request, thing): ...",
    }
    doubt = "unsure: no settings module names a root URL configuration"
    assert table(files) == [f"ANY /things/{{thing}}/ shop/views.py:1 | {doubt}"]


def test_a_graphql_view_is_one_endpoint(table: Table) -> None:
    files = project(
        """
            from django.urls import path
            from django.views.decorators.csrf import csrf_exempt
            from graphene_django.views import GraphQLView
            from shop.views import OwnView

            urlpatterns = [
                path("graphql/", csrf_exempt(GraphQLView.as_view(graphiql=True))),
                path("own/", OwnView.as_view()),
            ]
        """,
        shop__views="""
            from strawberry.django.views import GraphQLView

            class OwnView(GraphQLView): ...
        """,
    )
    assert table(files) == [
        "POST /graphql/ config/urls.py:7 | exempt: graphql",
        "POST /own/ shop/views.py:3 | exempt: graphql",
    ]


def test_views_of_libraries_and_objects_that_are_called_are_routes(table: Table) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/settings.py": 'INSTALLED_APPS = []\nROOT_URLCONF = "shop.urls"\n',
        "shop/feeds.py": """
            from django.contrib.syndication.views import Feed

            class Latest(Feed):
                title = "Latest"

            class Export:
                def __call__(self, request): ...
        """,
        "shop/urls.py": """
            from django.conf.urls.i18n import i18n_patterns
            from django.contrib.auth.views import LoginView
            from django.urls import path
            from django.views.generic import TemplateView
            from rest_framework.authtoken.views import obtain_auth_token
            from rest_framework.generics import ListAPIView

            from shop import feeds

            urlpatterns = [
                path("about/", TemplateView.as_view(template_name="about.html")),
                path("latest/", feeds.Latest()),
                path("export/", feeds.Export()),
                path("token/", obtain_auth_token),
                path("items/", ListAPIView.as_view(queryset=None)),
            ]
            urlpatterns += i18n_patterns(path("login/", LoginView.as_view()))
            urlpatterns += i18n_patterns(path("plain/", LoginView.as_view()), prefix_default_language=False)
        """,
    }
    assert table(files) == [
        "GET /about/ shop/urls.py:11 | exempt: library",
        "ANY /export/ shop/feeds.py:7",
        "GET /items/ shop/urls.py:15 | exempt: library",
        "ANY /latest/ shop/feeds.py:3",
        "GET /plain/ shop/urls.py:18 | exempt: library",
        "POST /plain/ shop/urls.py:18 | exempt: library",
        "ANY /token/ shop/urls.py:14 | exempt: library",
        "GET /{language}/login/ shop/urls.py:17 | exempt: library",
        "POST /{language}/login/ shop/urls.py:17 | exempt: library",
    ]
