"""Routes of Django REST framework: views, view sets and routers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Table = Callable[[Mapping[str, str]], list[str]]

SETTINGS = """
    INSTALLED_APPS = ["rest_framework"]
    ROOT_URLCONF = "config.urls"
    SECRET_KEY = "x"
    REST_FRAMEWORK = {
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
        "PAGE_SIZE": 20,
    }
"""


def project(urls: str, views: str, settings: str = SETTINGS) -> dict[str, str]:
    """A project with a root URL configuration and one application."""
    return {
        "config/__init__.py": "",
        "config/settings.py": settings,
        "config/urls.py": urls,
        "shop/__init__.py": "",
        "shop/views.py": views,
    }


def test_a_router_lists_actions_methods_and_lookup_fields(table: Table) -> None:
    files = project(
        """
            from django.urls import include, path
            from rest_framework.routers import DefaultRouter
            from shop.views import Books, Shelves

            router = DefaultRouter()
            router.register(r"books", Books)
            router.register("shelves", Shelves, basename="shelf")

            urlpatterns = [path("api/v1/", include(router.urls))]
        """,
        """
            from rest_framework import mixins, viewsets
            from rest_framework.decorators import action

            class Books(viewsets.ModelViewSet):
                lookup_field = "isbn"
                http_method_names = ["get", "post", "delete"]

                def create(self, request): ...

                @action(detail=True, methods=["post"], url_path="lend-out")
                def lend(self, request, isbn=None): ...

                @action(detail=False)
                def recent(self, request): ...

            class Shelves(mixins.RetrieveModelMixin, mixins.UpdateModelMixin, viewsets.GenericViewSet):
                pagination_class = None
        """,
    )
    page = "collection | paged by PageNumberPagination"
    assert table(files) == [
        f"GET /api/v1/books/ shop/views.py:4 | version in path | {page}",
        "POST /api/v1/books/ shop/views.py:8 | version in path",
        "GET /api/v1/books/recent/ shop/views.py:13 | version in path",
        "DELETE /api/v1/books/{isbn}/ shop/views.py:4 | version in path",
        "GET /api/v1/books/{isbn}/ shop/views.py:4 | version in path",
        "POST /api/v1/books/{isbn}/lend-out/ shop/views.py:10 | version in path",
        "GET /api/v1/shelves/{pk}/ shop/views.py:16 | version in path",
        "PATCH /api/v1/shelves/{pk}/ shop/views.py:16 | version in path",
        "PUT /api/v1/shelves/{pk}/ shop/views.py:16 | version in path",
    ]


def test_generic_views_function_views_and_maps_of_actions(table: Table) -> None:
    files = project(
        """
            from django.urls import path
            from shop import views

            urlpatterns = [
                path("books/", views.Books.as_view()),
                path("books/<int:pk>/", views.Book.as_view()),
                path("tags/", views.Tags.as_view({"get": "list", "put": "replace"})),
                path("ping-all/<int:count>/", views.ping_all),
            ]
        """,
        """
            from rest_framework import generics, viewsets
            from rest_framework.decorators import api_view
            from rest_framework.views import APIView

            class Books(generics.ListCreateAPIView):
                def post(self, request):
                    return self.create(request)

            class Book(APIView):
                def get(self, request, pk): ...

                def patch(self, request, pk): ...

            class Tags(viewsets.ReadOnlyModelViewSet):
                pagination_class = None

                def replace(self, request): ...

            @api_view(["POST"])
            def ping_all(request, count): ...
        """,
    )
    assert table(files) == [
        "GET /books/ shop/views.py:5 | collection | paged by PageNumberPagination",
        "POST /books/ shop/views.py:6",
        "GET /books/{pk}/ shop/views.py:10",
        "PATCH /books/{pk}/ shop/views.py:12",
        "POST /ping-all/{count}/ shop/views.py:19",
        "GET /tags/ shop/views.py:14 | collection",
        "PUT /tags/ shop/views.py:17",
    ]


def test_versioning_by_the_accept_header(table: Table) -> None:
    files = project(
        """
            from django.urls import path
            from shop.views import Book

            urlpatterns = [path("books/<int:pk>/", Book.as_view())]
        """,
        """
            from rest_framework.generics import RetrieveAPIView

            class Book(RetrieveAPIView): ...
        """,
        """
            INSTALLED_APPS = ["rest_framework"]
            ROOT_URLCONF = "config.urls"
            REST_FRAMEWORK = {"DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning"}
        """,
    )
    assert table(files) == ["GET /books/{pk}/ shop/views.py:3 | version in header"]


def test_a_router_without_trailing_slashes_as_the_pattern_list(table: Table) -> None:
    files = project(
        """
            from rest_framework import routers
            from shop.views import Books

            router = routers.SimpleRouter(trailing_slash=False)
            router.register("books", Books)
            urlpatterns = router.urls
        """,
        """
            from rest_framework import mixins, viewsets

            class Books(mixins.ListModelMixin, viewsets.GenericViewSet): ...
        """,
    )
    assert table(files) == ["GET /books shop/views.py:3 | collection | paged by PageNumberPagination"]


def test_a_router_that_adds_to_what_its_lists_serve(table: Table) -> None:
    files = project(
        """
            from django.urls import include, path
            from rest_framework.routers import DefaultRouter
            from shop.views import Books

            class BulkRouter(DefaultRouter):
                def __init__(self, *args, **kwargs):
                    super().__init__(*args, **kwargs)
                    self.routes[0].mapping.update({"put": "bulk_update", "delete": "bulk_destroy"})

            router = BulkRouter()
            router.register("books", Books)
            urlpatterns = [path("api/", include((router.urls, "api")))]
        """,
        """
            from rest_framework import mixins, viewsets

            class BulkUpdateMixin:
                def bulk_update(self, request): ...

            class Books(BulkUpdateMixin, mixins.CreateModelMixin, viewsets.GenericViewSet): ...
        """,
    )
    assert table(files) == [
        "POST /api/books/ shop/views.py:6",
        "PUT /api/books/ shop/views.py:4",
    ]


def test_a_copy_of_the_framework_inside_the_project(table: Table) -> None:
    files = project(
        """
            from django.urls import include, path
            from base.routers import DefaultRouter
            from shop.views import Users

            router = DefaultRouter(trailing_slash=False)
            router.register(r"users", Users, base_name="users")

            urlpatterns = [path("api/v1/", include(router.urls))]
        """,
        """
            from base.api import ModelViewSet, list_route

            class Users(ModelViewSet):
                def create(self, request): ...

                @list_route(methods=["POST"])
                def change_password(self, request): ...
        """,
    )
    files |= {
        "base/__init__.py": "",
        "base/routers.py": """
            class BaseRouter:
                def __init__(self):
                    self.registry = []

                def register(self, prefix, viewset, base_name=None):
                    self.registry.append((prefix, viewset, base_name))

                @property
                def urls(self):
                    return self.get_urls()

            class SimpleRouter(BaseRouter):
                def __init__(self, trailing_slash=True):
                    self.trailing_slash = trailing_slash and "/" or ""
                    super(SimpleRouter, self).__init__()

                def get_urls(self):
                    return [make_url(entry) for entry in self.registry]

            class NestedMixin:
                def register(self, *args, **kwargs):
                    super().register(*args, **kwargs)
                    return self

            class DefaultRouter(NestedMixin, SimpleRouter):
                pass
        """,
        "base/api.py": """
            from django.views.generic import View

            def list_route(methods=["get"], **kwargs):
                def decorator(func):
                    func.bind_to_methods = methods
                    func.detail = False
                    return func
                return decorator

            class ViewSetMixin: ...

            class RetrieveModelMixin:
                def retrieve(self, request, pk): ...

            class ModelViewSet(RetrieveModelMixin, ViewSetMixin, View): ...
        """,
    }
    assert table(files) == [
        "POST /api/v1/users shop/views.py:4 | version in path",
        "POST /api/v1/users/change_password shop/views.py:6 | version in path",
        "GET /api/v1/users/{pk} base/api.py:13 | version in path",
    ]


def test_a_view_that_makes_a_list_of_something_lists_nothing_by_that(table: Table) -> None:
    files = project(
        """
            from django.urls import path
            from shop.views import Me, Orders

            urlpatterns = [path("api/v1/me/", Me.as_view()), path("api/v1/orders/", Orders.as_view())]
        """,
        """
            from rest_framework.generics import GenericAPIView
            from rest_framework.mixins import ListModelMixin
            from rest_framework.response import Response
            from shop.models import Order

            class Me(GenericAPIView):
                queryset = Order.objects.all()

                def get(self, request):
                    return Response({"groups": list(request.user.groups.values_list("id", flat=True))})

            class Orders(ListModelMixin, GenericAPIView):
                queryset = Order.objects.all()

                def get(self, request):
                    return self.list(request)
        """,
        SETTINGS.replace('"PAGE_SIZE": 20', '"PAGE_SIZE": None'),
    )
    found = table(files)
    assert [line.split()[1] for line in found if "collection" in line] == ["/api/v1/orders/"]


def test_a_view_set_without_a_prefix_stands_at_the_path_that_includes_it(table: Table) -> None:
    files = project(
        """
            from django.urls import include, path

            urlpatterns = [path("api/v1/shops/<str:shop>/orders/", include("shop.routing"))]
        """,
        """
            from rest_framework.viewsets import ReadOnlyModelViewSet

            class Orders(ReadOnlyModelViewSet):
                pass
        """,
    )
    files["shop/routing.py"] = """
        from rest_framework.routers import DefaultRouter
        from shop.views import Orders

        router = DefaultRouter()
        router.register("", Orders, basename="order")
        urlpatterns = router.urls
    """
    assert [line.split()[1] for line in table(files)] == [
        "/api/v1/shops/{shop}/orders/",
        "/api/v1/shops/{shop}/orders/{pk}/",
    ]
