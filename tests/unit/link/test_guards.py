"""What stands before a handler: declared along the chain of mounts, on classes, or looked up in the code."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from qualitygate.analyse import analyse
from qualitygate.model.source import Language, Role, SourceFile


def guards(files: dict[str, str]) -> dict[str, set[tuple[str, str]]]:
    """Kind and name of the guards of every operation."""
    sources = [
        SourceFile(Path("/example"), path, Language.PYTHON, Role.APPLICATION, dedent(text).encode())
        for path, text in files.items()
    ]
    routes = analyse(sources, [], {}).routes
    return {f"{route.method} {route.path}": {(guard.kind, guard.name) for guard in route.guards} for route in routes}


def test_a_dependency_of_the_mount_guards_every_operation_below() -> None:
    found = guards(
        {
            "app/main.py": """
                from fastapi import APIRouter, Depends, FastAPI

                def current_user():
                    ...

                inner = APIRouter()

                @inner.post("/orders")
                def create():
                    ...

                app = FastAPI()
                app.include_router(inner, prefix="/v1", dependencies=[Depends(current_user)])

                @app.post("/open")
                def open_to_all():
                    ...
                """
        }
    )
    assert found == {"POST /v1/orders": {("authentication", "current_user")}, "POST /open": set()}


def test_a_service_with_which_one_logs_in_is_no_guard() -> None:
    found = guards(
        {
            "app/main.py": """
                from fastapi import Depends, FastAPI

                app = FastAPI()

                def get_auth_service():
                    ...

                def get_optional_user():
                    ...

                @app.post("/orders")
                def create(service=Depends(get_auth_service), user=Depends(get_optional_user)):
                    ...
                """
        }
    )
    assert found == {"POST /orders": set()}


def test_a_function_before_requests_guards_where_it_turns_away_who_did_not_sign_in() -> None:
    template = """
        from flask import Blueprint, Flask, abort, g, request, session

        app = Flask(__name__)
        notes = Blueprint("notes", __name__, url_prefix="/notes")

        @notes.before_request
        def load():
            {body}

        @notes.post("/")
        def add():
            return {{}}

        app.register_blueprint(notes)
        """
    asks = 'if session.get("user_id") is None:\n                abort(401)'
    assert guards({"app.py": template.format(body=asks)}) == {"POST /notes/": {("authentication", "load")}}
    only_reads = 'g.user = session.get("user_id")'
    assert guards({"app.py": template.format(body=only_reads)}) == {"POST /notes/": set()}


def test_a_decorator_in_the_url_module_guards() -> None:
    found = guards(
        {
            "shop/settings.py": 'ROOT_URLCONF = "shop.urls"\nINSTALLED_APPS = []\n',
            "shop/urls.py": """
                from django.contrib.auth.decorators import login_required
                from django.urls import path
                from shop.views import archive, OrderView

                urlpatterns = [path("archive/", login_required(archive)), path("orders/", OrderView.as_view())]
                """,
            "shop/views.py": """
                from django.contrib.auth.mixins import LoginRequiredMixin
                from django.http import JsonResponse
                from django.views import View

                def archive(request):
                    return JsonResponse({})

                class OrderView(LoginRequiredMixin, View):
                    def post(self, request):
                        return JsonResponse({})
                """,
        }
    )
    assert found == {
        "ANY /archive/": {("authentication", "login_required")},
        "POST /orders/": {("authentication", "LoginRequiredMixin")},
    }


def test_the_default_permission_of_the_project_guards_views_without_their_own() -> None:
    found = guards(
        {
            "shop/settings.py": """
                ROOT_URLCONF = "shop.urls"
                INSTALLED_APPS = ["rest_framework"]
                REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}
                """,
            "shop/urls.py": """
                from django.urls import path
                from shop.views import OrderView, SignUpView

                urlpatterns = [path("orders/", OrderView.as_view()), path("join/", SignUpView.as_view())]
                """,
            "shop/views.py": """
                from rest_framework.permissions import AllowAny
                from rest_framework.views import APIView

                class OrderView(APIView):
                    def post(self, request):
                        ...

                class SignUpView(APIView):
                    permission_classes = [AllowAny]

                    def post(self, request):
                        ...
                """,
        }
    )
    assert found == {"POST /orders/": {("authentication", "IsAuthenticated")}, "POST /join/": set()}


def test_a_handler_that_looks_at_the_caller_is_told_apart_from_a_declared_guard() -> None:
    found = guards(
        {
            "app.py": """
                from flask import Flask, abort, request

                app = Flask(__name__)

                def allowed():
                    return request.headers.get("X-Api-Key") in app.config["KEYS"]

                @app.post("/notes")
                def add():
                    if not allowed():
                        abort(401)
                    return {}

                @app.post("/pages")
                def page():
                    verify_signature(request)
                    return {}
                """
        }
    )
    assert found == {"POST /notes": {("identity", "X-Api-Key")}, "POST /pages": {("check", "verify_signature")}}


def test_a_decorator_guards_by_what_it_puts_around_the_handler() -> None:
    found = guards(
        {
            "app/main.py": """
                from flask import Flask, request

                from app.access import counted, scoped, with_merchant

                app = Flask(__name__)

                @app.post("/refunds")
                @scoped("refunds")
                def refund():
                    return {}

                @app.post("/charges")
                @with_merchant
                def charge(merchant):
                    return {}

                @app.post("/visits")
                @counted
                def visit():
                    return {}

                @app.post("/deposits")
                def deposit():
                    if "user" in request["session"]:
                        return {}
                    return {}, 401
                """,
            "app/access.py": """
                from functools import wraps

                from flask import request

                def scoped(scope):
                    def decorated(handler):
                        @wraps(handler)
                        def wrapped(*args, **kwargs):
                            key = request.headers.get("X-API-Key")
                            if not allowed(key, scope):
                                raise Forbidden(scope)
                            return handler(*args, **kwargs)
                        return wrapped
                    return decorated

                def with_merchant(handler):
                    @wraps(handler)
                    def decorated(*args, **kwargs):
                        try:
                            merchant = merchant_of(request)
                            if not merchant:
                                return {"status": "error"}, 401
                        except KeyError:
                            return {}, 500
                        return handler(merchant, *args, **kwargs)
                    return decorated

                def counted(handler):
                    @wraps(handler)
                    def wrapped(*args, **kwargs):
                        if request.method == "POST":
                            return handler(*args, **kwargs)
                        return {}, 405
                    return wrapped
                """,
        }
    )
    assert found == {
        "POST /refunds": {("authentication", "scoped")},
        "POST /charges": {("authentication", "with_merchant")},
        "POST /visits": set(),
        "POST /deposits": {("identity", "session[user]")},
    }


def test_a_view_that_is_a_function_has_the_default_permissions_of_the_project_too() -> None:
    found = guards(
        {
            "clinic/settings.py": """
                ROOT_URLCONF = "clinic.urls"
                REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}
                """,
            "clinic/urls.py": """
                from django.urls import path

                from clinic.views import book, subscribe

                urlpatterns = [path("book/", book), path("subscribe/", subscribe)]
                """,
            "clinic/views.py": """
                from rest_framework.decorators import api_view, permission_classes
                from rest_framework.permissions import AllowAny
                from rest_framework.response import Response

                @api_view(["POST"])
                def book(request):
                    return Response({})

                @api_view(["POST"])
                @permission_classes([AllowAny])
                def subscribe(request):
                    return Response({})
                """,
        }
    )
    assert found == {"POST /book/": {("authentication", "IsAuthenticated")}, "POST /subscribe/": set()}


def test_a_provider_guards_where_it_refuses_whatever_its_name_is() -> None:
    found = guards(
        {
            "app/main.py": """
                from http import HTTPStatus

                from fastapi import Depends, FastAPI, HTTPException, Request, Security
                from fastapi.security import APIKeyHeader

                app = FastAPI()
                header = APIKeyHeader(name="X-API-KEY", auto_error=False)

                class Wallets:
                    def __init__(self, key):
                        self.key = key

                    async def __call__(self, request: Request):
                        if not self.key:
                            raise HTTPException(HTTPStatus.UNAUTHORIZED, "no key")
                        return self.key

                async def wallet(request: Request, key: str = Security(header)):
                    wallets = Wallets(key)
                    return await wallets(request)

                def key_or_nothing(key: str = Security(header)):
                    return key

                @app.post("/payments")
                def pay(wallet = Depends(wallet)):
                    ...

                @app.post("/scans")
                def scan(key = Depends(key_or_nothing)):
                    ...
                """
        }
    )
    assert found == {"POST /payments": {("authentication", "wallet")}, "POST /scans": set()}


def test_a_middleware_guards_only_where_it_may_refuse() -> None:
    found = guards(
        {
            "app/main.py": """
                from fastapi import FastAPI
                from starlette.middleware.base import BaseHTTPMiddleware

                class SecurityHeadersMiddleware(BaseHTTPMiddleware):
                    async def dispatch(self, request, call_next):
                        response = await call_next(request)
                        response.headers["X-Frame-Options"] = "DENY"
                        return response

                class AuthInfoMiddleware(BaseHTTPMiddleware):
                    async def dispatch(self, request, call_next):
                        request.state.started = True
                        return await call_next(request)

                app = FastAPI()
                app.add_middleware(SecurityHeadersMiddleware)
                app.add_middleware(AuthInfoMiddleware)

                @app.post("/orders")
                def create():
                    ...
                """,
        }
    )
    assert found == {"POST /orders": set()}


def test_what_belongs_to_a_user_or_checks_the_code_itself_is_no_guard() -> None:
    found = guards(
        {
            "app/main.py": """
                from functools import wraps
                from inspect import signature

                from fastapi import Depends, FastAPI, HTTPException

                app = FastAPI()

                def get_user_email(user_id: int):
                    return "nobody@example.org"

                def get_user_or_fail(user_id: int):
                    return user_id

                def _validate_signature(handler):
                    return signature(handler)

                def until_gone(handler):
                    _validate_signature(handler)

                    @wraps(handler)
                    async def wrapper(request):
                        if await request.is_disconnected():
                            raise HTTPException(503)
                        return await handler(request)
                    return wrapper

                @app.post("/mails")
                def mail(email: str = Depends(get_user_email)):
                    return email

                @app.post("/runs")
                @until_gone
                async def run(request):
                    return settings.password.get_secret_value()

                @app.post("/names")
                def names():
                    return store.get_all_users()

                @app.post("/orders")
                def order(user: int = Depends(get_user_or_fail)):
                    return user
                """,
        }
    )
    assert found == {
        "POST /mails": set(),
        "POST /runs": set(),
        "POST /names": set(),
        "POST /orders": {("authentication", "get_user_or_fail")},
    }


def test_a_guard_of_one_route_refuses_under_any_name_and_a_decorator_is_named_by_what_made_it() -> None:
    found = guards(
        {
            "app/main.py": """
                from fastapi import Depends, FastAPI, HTTPException

                app = FastAPI()

                def wallet_key(key: str):
                    if key not in KEYS:
                        raise HTTPException(status_code=401)

                def protected_route(method, path, scopes):
                    def decorator(handler):
                        return method(path)(with_scopes(scopes)(handler))
                    return decorator

                @app.post("/scans", dependencies=[Depends(wallet_key)])
                def scan(code: str):
                    return code

                @protected_route(app.post, "/orders", ["orders"])
                def order(code: str):
                    return code
                """,
        }
    )
    assert found == {
        "POST /scans": {("authentication", "wallet_key")},
        "POST /orders": {("authentication", "protected_route")},
    }


def test_a_provider_that_a_loader_makes_is_told_by_the_name_of_the_call() -> None:
    found = guards(
        {
            "app/main.py": """
                from importlib import import_module

                from fastapi import Depends, FastAPI

                app = FastAPI()

                def auth_verifier(scopes):
                    return getattr(import_module("auth"), "Verifier")(scopes)

                def pages(size):
                    return getattr(import_module("pages"), "Pages")(size)

                @app.post("/orders")
                def order(who=Depends(auth_verifier(["orders"]))):
                    return who

                @app.post("/lists")
                def lists(page=Depends(pages(10))):
                    return page
                """,
        }
    )
    assert found == {"POST /orders": {("authentication", "auth_verifier")}, "POST /lists": set()}


def test_what_an_object_asks_for_when_it_is_called_guards_too() -> None:
    found = guards(
        {
            "app/main.py": """
                from typing import Annotated

                from fastapi import Depends, FastAPI

                app = FastAPI()

                def current_user():
                    ...

                class Kind:
                    def __init__(self, kinds):
                        self.kinds = kinds

                    async def __call__(self, user=Depends(current_user)):
                        return user

                class Narrow(Kind):
                    ...

                class Paging:
                    def __init__(self, size: int = 10):
                        self.size = size

                Billing = Annotated[object, Depends(Narrow(["billing"]))]

                @app.patch("/me")
                def update(who: Billing):
                    return who

                @app.get("/lists")
                def lists(page: Annotated[Paging, Depends(Paging)]):
                    return page
                """,
        }
    )
    assert found == {"PATCH /me": {("authentication", "current_user")}, "GET /lists": set()}


def test_a_decorator_that_asks_for_a_group_is_a_guard_under_any_name() -> None:
    found = guards(
        {
            "shop/urls.py": """
                from django.urls import path

                from shop import views

                urlpatterns = [path("export/", views.export), path("bot/", views.bot), path("open/", views.show)]
                """,
            "shop/settings.py": """
                ROOT_URLCONF = "shop.urls"
                """,
            "shop/views.py": """
                from django.contrib.auth.decorators import user_passes_test

                def group_required(*groups):
                    def in_groups(user):
                        return user.groups.filter(name__in=groups).exists()

                    return user_passes_test(in_groups)

                @group_required("user")
                def export(request):
                    ...

                @user_passes_test(lambda user: user.shop)
                def bot(request):
                    ...

                def show(request):
                    ...
                """,
        }
    )
    assert {name: {kind for kind, _ in each} for name, each in found.items()} == {
        "ANY /export/": {"authentication"},
        "ANY /bot/": {"authentication"},
        "ANY /open/": set(),
    }
