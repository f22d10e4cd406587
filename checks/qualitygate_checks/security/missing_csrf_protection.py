"""Requests that change something and that any page may send with the user's session.

What it flags: a Django project with sessions whose middleware lacks `CsrfViewMiddleware` (once); a view of Django that is
exempt from it (`csrf_exempt`) and still relies on the session (`login_required`, `LoginRequiredMixin`, `request.user`, `request.session`); a session authentication of the REST framework
whose check is overridden; a
Flask application that signs people in with sessions, serves forms and has no CSRF protection (once); and protection that
is switched off (`WTF_CSRF_ENABLED = False`) outside of tests. Webhooks and views that take a token are left alone.

Why: the browser sends the cookie of the session along with every request, also with one that a page of a stranger makes.
Without a token that only the own pages know, that page changes what the user may change.

How to mend: Django: add `django.middleware.csrf.CsrfViewMiddleware`; Flask: `CSRFProtect(app)`; authenticate programs
with a token in a header rather than exempt their views.

What it cannot see: checks of the Origin header by hand or at a proxy, and cookies that are `SameSite=Strict`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Role, Severity, example
from qualitygate.model import syntax as ir
from qualitygate_checks.security._module import dotted, functions, top_imports
from qualitygate_checks.security._settings import is_development, is_false, place_of, production, texts

_SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
_SIGNED_IN = frozenset(
    "login_required permission_required user_passes_test staff_member_required superuser_required".split()
)
_MIXINS = frozenset(("LoginRequiredMixin", "PermissionRequiredMixin", "UserPassesTestMixin", "StaffuserRequiredMixin"))
# What a view calls that only shows something.
_SHOWING = frozenset(("render", "redirect", "reverse", "render_to_string", "HttpResponse", "TemplateResponse"))
_SWITCHES = frozenset(("WTF_CSRF_ENABLED", "WTF_CSRF_CHECK_DEFAULT"))
_APPS = frozenset(("flask.Flask", "quart.Quart"))
_PROTECTION = re.compile(r"csrf|xsrf|seasurf|flask_wtf", re.IGNORECASE)
_CHANGES = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_TOKENS = re.compile(r"authorization|api_?key|token|signature|hmac", re.IGNORECASE)


def run(project: Project) -> Iterator[Hit]:
    """Hits for projects without protection, exempt views, and protection that is switched off."""
    yield from _django(project)
    yield from _exempt(project)
    yield from _flask(project)


def _django(project: Project) -> Iterator[Hit]:
    told = set()
    for settings in production(project):
        name = "MIDDLEWARE" if "MIDDLEWARE" in settings.values else "MIDDLEWARE_CLASSES"
        value = settings.values.get(name)
        listed = texts(value)
        place = place_of(settings, name)
        if value is None or not value.complete or _SESSIONS not in listed or place in told:
            continue
        if len(listed) < len(value.items) or any(_PROTECTION.search(item) for item in listed):
            continue
        told.add(place)
        yield Hit(
            place=place,
            message="no middleware of this Django project checks a CSRF token",
            subject=f"{settings.path} middleware",
            why="it has sessions, and `CsrfViewMiddleware` is not among its middleware",
            mend="add `django.middleware.csrf.CsrfViewMiddleware` after the sessions",
        )


def _exempt(project: Project) -> Iterator[Hit]:
    webhooks = {(route.place.path, route.handler.rsplit(".", 1)[-1]) for route in project.routes if route.exempt}
    for file in project.files:
        if file.module is None or file.role is not Role.APPLICATION or file.module.generated:
            continue
        for statement in file.module.body:
            if isinstance(statement, ir.Function) and (file.path, statement.name) not in webhooks:
                yield from _view(file.path, statement, statement.decorators, imports_of=file.module)
            elif isinstance(statement, ir.Class):
                yield from _class(file.path, statement)


def _class(path: str, cls: ir.Class) -> Iterator[Hit]:
    """A view class that is exempt and signs people in, and an authentication by session that checks no token."""
    bases = [_word(base.value) for base in cls.bases]
    for decorator in cls.decorators:
        words = {_word(part) for part in ir.subexpressions(decorator.expression) if isinstance(part, ir.Name)}
        if "csrf_exempt" not in words or "method_decorator" not in words:
            continue
        relied = next((base for base in bases if base in _MIXINS), "")
        signed = [_word(part) for other in cls.decorators for part in ir.subexpressions(other.expression)]
        relied = relied or next((word for word in signed if word in _SIGNED_IN), "")
        if relied:
            yield Hit(
                place=Place(path, decorator.span),
                message=f"`{cls.name}` is exempt from CSRF protection and relies on the session",
                subject=f"{cls.name} exempt",
                why=f"`{relied}` takes the user from the session, which the browser sends with requests of any page",
                mend="drop the exemption, or authenticate with a token in a header",
            )
    if "SessionAuthentication" in bases:
        for statement in cls.body:
            if (
                isinstance(statement, ir.Function)
                and statement.name == "enforce_csrf"
                and not {"enforce_csrf", "process_view", "CSRFCheck"} & set(statement.calls)
            ):
                yield Hit(
                    place=Place(path, statement.span),
                    message=f"`{cls.name}` authenticates by the session and checks no CSRF token",
                    subject=f"{cls.name} enforce_csrf",
                    why="it overrides what `SessionAuthentication` checks for requests that change something",
                    mend="drop the override, or authenticate with a token in a header",
                )


def _view(
    path: str, function: ir.Function, decorators: tuple[ir.Decorator, ...], imports_of: ir.Module
) -> Iterator[Hit]:
    spelled = [_word(decorator.expression) for decorator in decorators]
    if "csrf_exempt" not in spelled:
        return
    decorator = decorators[spelled.index("csrf_exempt")]
    if not dotted(decorator.expression, top_imports(imports_of)).startswith("django."):
        return
    relied = next((f"@{word}" for word in spelled if word in _SIGNED_IN), "")
    if not set(function.calls) - _SHOWING:
        return  # it shows a page and changes nothing
    body = ir.statements(function)
    if not relied:
        relied = _relies(body)
    if not relied or _reads_token(body) or _only_reads(decorators):
        return
    yield Hit(
        place=Place(path, decorator.span),
        message=f"`{function.name}` is exempt from CSRF protection and relies on the session",
        subject=f"{function.name} exempt",
        why=f"`{relied}` takes the user from the session, which the browser sends with requests of any page",
        mend="drop the exemption, or authenticate with a token in a header",
        confidence=Confidence.HIGH if relied.startswith("@") else Confidence.MEDIUM,
    )


def _word(expression: ir.Expression) -> str:
    if isinstance(expression, ir.Call):
        expression = expression.function
    return expression.id if isinstance(expression, ir.Name) else getattr(expression, "name", "")


def _relies(body: tuple[ir.Statement, ...]) -> str:
    for expression in ir.expressions(body):
        for part in ir.subexpressions(expression):
            if (
                isinstance(part, ir.Attribute)
                and part.name in ("user", "session")
                and isinstance(part.value, ir.Name)
                and part.value.id == "request"
            ):
                return f"request.{part.name}"
    return ""


def _reads_token(body: tuple[ir.Statement, ...]) -> bool:
    return any(
        (isinstance(part, ir.Constant) and isinstance(part.value, str) and _TOKENS.search(part.value) is not None)
        or (isinstance(part, ir.Attribute) and _TOKENS.search(part.name) is not None)
        for expression in ir.expressions(body)
        for part in ir.subexpressions(expression)
    )


def _only_reads(decorators: tuple[ir.Decorator, ...]) -> bool:
    for decorator in decorators:
        if _word(decorator.expression) in ("require_GET", "require_safe"):
            return True
        if _word(decorator.expression) == "require_http_methods" and isinstance(decorator.expression, ir.Call):
            methods = {
                part.value
                for part in ir.subexpressions(decorator.expression)
                if isinstance(part, ir.Constant) and isinstance(part.value, str)
            }
            return not methods & _CHANGES
    return False


def _flask(project: Project) -> Iterator[Hit]:
    flasks = [call.place for call in project.calls if call.name in _APPS and not is_development(call.place.path)]
    if not flasks and any(route.framework in ("flask", "quart") for route in project.routes):
        flasks = [place for place in project.apps if not is_development(place.path)]  # of a class of its own
    for item in project.assignments:
        development = is_development(item.place.path) or is_development(item.owner)
        if item.name == "WTF_CSRF_CHECK_DEFAULT" and _protects_by_hand(project):
            continue
        if item.name in _SWITCHES and is_false(item.value) and not item.conditional and not development:
            yield Hit(
                place=item.place,
                message=f"CSRF protection is switched off (`{item.name} = False`)",
                subject=f"{item.owner} {item.name}",
                why="forms are accepted from any page that a signed-in user visits",
                mend="leave it on, and switch it off in the configuration of the tests alone",
            )
    if not flasks:
        return
    forms = [
        route
        for route in project.routes
        if route.framework in ("flask", "quart") and not route.api and not route.exempt and route.method in _CHANGES
    ]
    imported, protected = _imports(project)
    signed_in = "flask_login" if "flask_login" in imported else _own_session(project)
    if forms and signed_in and not protected:
        yield Hit(
            place=flasks[0],
            message=f"{len(forms)} form{'s' if len(forms) > 1 else ''} of this application can be sent by any page: "
            "no CSRF protection is set up",
            subject="no protection",
            why=f"people are signed in by a session ({signed_in}), and `{forms[0].method} {forms[0].path}` checks no token",
            mend="CSRFProtect(app) of flask_wtf, and `{{ csrf_token() }}` in the forms",
            places=tuple(
                Place(form.shown.path, form.shown.span, f"{form.method} {form.path}", "route") for form in forms[:5]
            ),
            confidence=Confidence.MEDIUM,
        )


def _own_session(project: Project) -> str:
    """What a page of Flask reads of the session to know who calls (`session[user]`); empty where none does."""
    return next(
        (
            f"`{guard.name}`"
            for route in project.routes
            if route.framework in ("flask", "quart") and not route.api
            for guard in route.guards
            if guard.kind == "identity" and guard.name.startswith("session[")
        ),
        "",
    )


def _protects_by_hand(project: Project) -> bool:
    """Whether some function calls `csrf.protect()` for the requests that it chooses, as Flask-WTF describes."""
    return any(
        "protect" in function.calls
        for file in project.files
        if file.module is not None and _PROTECTION.search(" ".join(top_imports(file.module).values()))
        for function in functions(file.module)
    )


def _imports(project: Project) -> tuple[set[str], bool]:
    """The libraries that the project imports, and whether anything in it speaks of CSRF."""
    found: set[str] = set()
    protected = False
    for file in project.files:
        if file.module is None:
            continue
        for name in top_imports(file.module).values():
            found.add(name.split(".", 1)[0])
            protected = protected or _PROTECTION.search(name) is not None
        for statement in file.module.body:
            if isinstance(statement, ir.Class) and _PROTECTION.search(statement.name):
                protected = True
        for function in functions(file.module):
            if any(_PROTECTION.search(name) for name in (function.name, *function.calls)):
                protected = True
    return found, protected


def _examined(project: Project) -> int:
    return len(project.settings) + sum(1 for route in project.routes if not route.api and route.method in _CHANGES)


CHECK = Check(
    id="missing-csrf-protection",
    domain=Domain.SECURITY,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Let forms carry a token that only your own pages know",
    dont="Trust a request because it carries a session",
    tags=("CWE-352", "OWASP-API8:2023"),
    gates=("authorization",),
    calls=_APPS,
    assigns=frozenset((*_SWITCHES, "MIDDLEWARE", "MIDDLEWARE_CLASSES")),
    run=run,
    examined=_examined,
    doc=__doc__,
    bad=(
        example(
            """
            from flask import Flask, redirect, render_template, request, session

            app = Flask(__name__)  # <- flagged


            @app.get("/posts")
            def posts():
                return render_template("posts.html", user=session.get("user"))


            @app.post("/posts")
            def publish():
                if "user" not in session:
                    return redirect("/login")
                store(session["user"], request.form["text"])
                return redirect("/posts")


            def store(user, text):
                print(user, text)
            """,
            "Flask: a session of its own, and forms without a token",
        ),
        example(
            {
                "shop/settings.py": """
                    ROOT_URLCONF = "shop.urls"
                    INSTALLED_APPS = ["django.contrib.sessions", "django.contrib.auth"]
                    MIDDLEWARE = [  # <- flagged
                        "django.middleware.security.SecurityMiddleware",
                        "django.contrib.sessions.middleware.SessionMiddleware",
                        "django.contrib.auth.middleware.AuthenticationMiddleware",
                    ]
                    """,
                "shop/urls.py": """
                    from django.urls import path

                    urlpatterns = []
                    """,
            },
            "Django: the middleware is missing",
        ),
        example(
            """
            from django.contrib.auth.decorators import login_required
            from django.http import JsonResponse
            from django.views.decorators.csrf import csrf_exempt


            @csrf_exempt  # <- flagged
            @login_required
            def close_account(request):
                request.user.delete()
                return JsonResponse({"closed": True})


            @csrf_exempt  # <- flagged
            def add_to_basket(request):
                request.session["basket"] = [*request.session.get("basket", []), request.POST["article"]]
                return JsonResponse({"added": True})
            """,
            "Django: exempt views that rely on the session",
        ),
        example(
            """
            from django.contrib.auth.mixins import LoginRequiredMixin
            from django.utils.decorators import method_decorator
            from django.views import View
            from django.views.decorators.csrf import csrf_exempt
            from rest_framework.authentication import SessionAuthentication


            @method_decorator(csrf_exempt, name="dispatch")  # <- flagged
            class CloseAccount(LoginRequiredMixin, View):
                def post(self, request):
                    request.user.delete()


            class Unchecked(SessionAuthentication):
                def enforce_csrf(self, request):  # <- flagged
                    return
            """,
            "Django: classes",
        ),
        example(
            """
            from flask import Flask, redirect, render_template, request
            from flask_login import LoginManager, login_required

            app = Flask(__name__)  # <- flagged
            LoginManager(app)


            @app.route("/profile", methods=["GET", "POST"])
            @login_required
            def profile():
                if request.method == "POST":
                    save(request.form["name"])
                    return redirect("/profile")
                return render_template("profile.html")


            def save(name):
                return name
            """,
            "Flask: forms and sessions, and nothing that checks",
        ),
        example(
            {
                "helpdesk/config.py": """
                    class Config:
                        WTF_CSRF_ENABLED = False  # <- flagged
                    """,
                "helpdesk/app.py": """
                    from flask import Flask
                    from flask_wtf.csrf import CSRFProtect

                    csrf = CSRFProtect()


                    def create_app():
                        app = Flask(__name__)
                        app.config.from_object("helpdesk.config.Config")
                        app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # <- flagged
                        csrf.init_app(app)
                        return app
                    """,
            },
            "Flask: switched off",
        ),
    ),
    good=(
        example(
            {
                "shop/settings.py": """
                    ROOT_URLCONF = "shop.urls"
                    INSTALLED_APPS = ["django.contrib.sessions"]
                    MIDDLEWARE = [
                        "django.contrib.sessions.middleware.SessionMiddleware",
                        "django.middleware.csrf.CsrfViewMiddleware",
                    ]
                    """,
            },
            "Django",
        ),
        example(
            """
            import hmac

            from django.http import HttpResponse, JsonResponse
            from django.shortcuts import redirect, render
            from django.views.decorators.csrf import csrf_exempt
            from django.views.decorators.http import require_GET


            @csrf_exempt
            def payment_webhook(request):
                expected = hmac.new(b"k", request.body, "sha256").hexdigest()
                if not hmac.compare_digest(expected, request.headers["X-Signature"]):
                    return HttpResponse(status=401)
                return JsonResponse({"received": True})


            @csrf_exempt
            @require_GET
            def whoami(request):
                return JsonResponse({"name": request.user.get_username()})


            @csrf_exempt
            def welcome(request):
                if not request.user.is_authenticated:
                    return redirect("login")
                return render(request, "welcome.html")
            """,
            "Django: a webhook with a signature, and a view that only reads",
        ),
        example(
            """
            from flask import Flask, redirect, render_template, request
            from flask_login import LoginManager, login_required
            from flask_wtf.csrf import CSRFProtect

            app = Flask(__name__)
            LoginManager(app)
            CSRFProtect(app)


            @app.route("/profile", methods=["GET", "POST"])
            @login_required
            def profile():
                if request.method == "POST":
                    return redirect("/profile")
                return render_template("profile.html")
            """,
            "Flask with protection",
        ),
        example(
            {
                "helpdesk/config.py": """
                    class TestingConfig:
                        WTF_CSRF_ENABLED = False
                    """,
                "helpdesk/app.py": """
                    from flask import Flask, jsonify, request

                    app = Flask(__name__)


                    @app.post("/api/v1/tickets")
                    def open_ticket():
                        return jsonify(subject=request.get_json()["subject"]), 201
                    """,
            },
            "an API without sessions, and a configuration of tests",
        ),
    ),
)
