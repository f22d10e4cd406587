"""Routes of Flask applications, and of flask-restx, flask-restful, flask-smorest and Flask-AppBuilder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Table = Callable[[Mapping[str, str]], list[str]]


def test_a_prefix_at_registration_replaces_the_blueprints_own(table: Table) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/orders.py": """
            from flask import Blueprint

            bp = Blueprint("orders", __name__, url_prefix="/orders")

            @bp.route("/<int:order_id>")
            def one(order_id): ...

            @bp.post("/")
            def place(): ...
        """,
        "shop/app.py": """
            from flask import Flask
            from shop.orders import bp

            def create_app():
                app = Flask(__name__)
                app.register_blueprint(bp)
                app.register_blueprint(bp, url_prefix="/v1/override", name="again")
                return app
        """,
    }
    assert table(files) == [
        "POST /orders/ shop/orders.py:8",
        "GET /orders/{order_id} shop/orders.py:5",
        "POST /v1/override/ shop/orders.py:8 | version in path",
        "GET /v1/override/{order_id} shop/orders.py:5 | version in path",
    ]


def test_nested_blueprints_add_their_prefixes(table: Table) -> None:
    files = {
        "app.py": """
            from flask import Blueprint, Flask

            parent = Blueprint("parent", __name__, url_prefix="/parent")
            child = Blueprint("child", __name__, url_prefix="/child")

            @child.get("/things/<path:name>")
            def thing(name): ...

            parent.register_blueprint(child)
            app = Flask(__name__)
            app.register_blueprint(parent, url_prefix="/api/v3")
        """
    }
    assert table(files) == ["GET /api/v3/child/things/{name} app.py:6 | version in path"]


def test_a_loop_over_a_tuple_of_blueprints_in_a_factory_behind_a_factory(table: Table) -> None:
    files = {
        "lib/__init__.py": """
            from lib import factory
            from lib.users import mod as users
            from lib.roles import mod as roles

            BLUEPRINTS = (users, roles)

            def create_app(config=None):
                return factory.create_app(blueprints=BLUEPRINTS)
        """,
        "lib/factory.py": """
            from flask import Flask

            API_VERSION = 1

            def create_app(blueprints=None):
                app = Flask(__name__)
                configure_blueprints(app, blueprints)
                return app

            def configure_blueprints(app, blueprints):
                for blueprint in blueprints:
                    app.register_blueprint(blueprint, url_prefix="/api/{0}".format(API_VERSION))
        """,
        "lib/users.py": """
            from flask import Blueprint
            from flask_restful import Api, Resource

            mod = Blueprint("users", __name__)
            api = Api(mod)

            class User(Resource):
                def get(self, user_id): ...

                def put(self, user_id): ...

            api.add_resource(User, "/users/<int:user_id>", "/people/<int:user_id>")
        """,
        "lib/roles.py": """
            from flask import Blueprint

            mod = Blueprint("roles", __name__)

            @mod.route("/roles/<name>", methods=["DELETE"])
            def remove(name): ...
        """,
    }
    assert table(files) == [
        "GET /api/1/people/{user_id} lib/users.py:8 | version in path",
        "PUT /api/1/people/{user_id} lib/users.py:10 | version in path",
        "DELETE /api/1/roles/{name} lib/roles.py:5 | version in path",
        "GET /api/1/users/{user_id} lib/users.py:8 | version in path",
        "PUT /api/1/users/{user_id} lib/users.py:10 | version in path",
    ]


def test_a_helper_registers_a_list_of_paths_and_views_under_decorators(table: Table) -> None:
    files = {
        "app/__init__.py": "",
        "app/utils.py": """
            def register(blueprint, routes, decorators=None):
                for path, view in routes:
                    function = view.as_view(view.__name__)
                    for decorator in decorators or []:
                        function = decorator(function)
                    blueprint.add_url_rule(path, view_func=function)
        """,
        "app/users.py": """
            from functools import wraps
            from flask import Blueprint
            from flask.views import MethodView
            from app.utils import register

            def login_required(view):
                @wraps(view)
                def inner(*args, **kwargs):
                    return view(*args, **kwargs)
                return inner

            class Users(MethodView):
                def get(self): ...

                def post(self): ...

            class User(MethodView):
                def delete(self, user_id): ...

            blueprint = Blueprint("users", __name__)
            register(blueprint, [("/data/users", Users), ("/data/users/<user_id>", User)], [login_required])
        """,
        "app/main.py": """
            import importlib
            from flask import Flask

            MODULES = ["users"]

            app = Flask(__name__)
            for name in MODULES:
                module = importlib.import_module(f"app.{name}")
                app.register_blueprint(module.blueprint)
        """,
    }
    assert table(files) == [
        "GET /data/users app/users.py:13",
        "POST /data/users app/users.py:15",
        "DELETE /data/users/{user_id} app/users.py:18",
    ]


def test_namespaces_of_restx_below_a_blueprint(table: Table) -> None:
    files = {
        "api.py": """
            from flask import Blueprint, Flask
            from flask_restx import Api, Namespace, Resource

            cats = Namespace("cats")
            dogs = Namespace("dogs", path="/hounds")

            @cats.route("/", "/all")
            class Cats(Resource):
                def get(self): ...

            @dogs.route("/<name>")
            class Dog(Resource):
                def patch(self, name): ...

            blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
            api = Api(blueprint)
            api.add_namespace(cats)
            api.add_namespace(dogs, path="/dogs")

            app = Flask(__name__)
            app.register_blueprint(blueprint)
        """
    }
    assert table(files) == [
        "GET /api/v1/cats/ api.py:9 | version in path",
        "GET /api/v1/cats/all api.py:9 | version in path",
        "PATCH /api/v1/dogs/{name} api.py:13 | version in path",
    ]


def test_an_api_class_of_the_project_with_a_registration_of_its_own(table: Table) -> None:
    files = {
        "app.py": """
            from flask import Flask
            from flask_restful import Api, Resource

            class TenantApi(Api):
                def add_tenant_resource(self, resource, *urls, **options):
                    return self.add_resource(resource, *["/<tenant>" + url for url in urls], **options)

            api = TenantApi()

            class Query(Resource):
                def get(self, tenant, query_id): ...

            api.add_tenant_resource(Query, "/api/queries/<query_id>", endpoint="query")

            def create_app():
                app = Flask(__name__)
                api.init_app(app)
                return app
        """
    }
    assert table(files) == ["GET /{tenant}/api/queries/{query_id} app.py:11"]


def test_smorest_blueprints(table: Table) -> None:
    files = {
        "app.py": """
            from flask import Flask
            from flask.views import MethodView
            from flask_smorest import Api, Blueprint

            app = Flask(__name__)
            api = Api(app)
            blp = Blueprint("pets", "pets", url_prefix="/pets")

            @blp.route("/<pet_id>")
            class PetById(MethodView):
                def get(self, pet_id): ...

                def delete(self, pet_id): ...

            api.register_blueprint(blp, url_prefix="/v2/pets")
        """
    }
    assert table(files) == [
        "DELETE /v2/pets/{pet_id} app.py:13 | version in path",
        "GET /v2/pets/{pet_id} app.py:11 | version in path",
    ]


def test_apis_of_appbuilder_with_their_library_operations(table: Table) -> None:
    files = {
        "app.py": """
            from flask import Flask
            from flask_appbuilder import AppBuilder, BaseView, ModelRestApi, expose

            class ChartApi(ModelRestApi):
                resource_name = "chart"
                include_route_methods = {"get", "delete", "copy"}

                @expose("/<pk>/copy", methods=("POST",))
                def copy(self, pk): ...

                @expose("/hidden")
                def hidden(self): ...

            class Welcome(BaseView):
                route_base = "/welcome"

                @expose("<name>/")
                def page(self, name): ...

            appbuilder = AppBuilder()

            class Setup:
                def init_views(self):
                    appbuilder.add_api(ChartApi)
                    appbuilder.add_view_no_menu(Welcome)

            app = Flask(__name__)
        """
    }
    assert table(files) == [
        "DELETE /api/v1/chart/{pk} app.py:4 | version in path",
        "GET /api/v1/chart/{pk} app.py:4 | version in path",
        "POST /api/v1/chart/{pk}/copy app.py:8 | version in path",
        "GET /welcome/{name}/ app.py:17",
    ]


def test_listing_bodies_are_collections_and_page_words_page_them(table: Table) -> None:
    files = {
        "app.py": """
            from flask import Flask, jsonify, request
            from models import Book, Author

            app = Flask(__name__)

            @app.get("/api/books")
            def books():
                return jsonify([book.to_dict() for book in Book.query.all()])

            @app.get("/api/authors")
            def authors():
                page = request.args.get("page", 1, type=int)
                authors = Author.query.offset(20 * page).limit(20).all()
                return jsonify([author.to_dict() for author in authors])

            @app.get("/api/books/<int:book_id>")
            def book(book_id):
                return jsonify(Book.query.get(book_id).to_dict())
        """
    }
    assert table(files) == [
        "GET /api/authors app.py:10 | collection | paged by .limit()",
        "GET /api/books app.py:6 | collection",
        "GET /api/books/{book_id} app.py:16",
    ]


def test_a_graphql_view_is_one_endpoint(table: Table) -> None:
    files = {
        "app.py": """
            from flask import Flask
            from strawberry.flask.views import GraphQLView

            app = Flask(__name__)
            app.add_url_rule("/graphql", view_func=GraphQLView.as_view("graphql", schema=schema))
        """
    }
    assert table(files) == ["POST /graphql app.py:5 | exempt: graphql"]


def test_methods_of_a_rule_hold_over_those_of_its_view_class(table: Table) -> None:
    files = {
        "app.py": """
            from http import HTTPMethod

            from flask import Flask
            from flask.views import MethodView

            class Rules(MethodView):
                def get(self, rule_id=None): ...

                def post(self, rule_id=None): ...

            app = Flask(__name__)
            view = Rules.as_view("rules")
            app.add_url_rule("/rules", view_func=view, methods=["GET", "POST"])
            app.add_url_rule("/rules/<rule_id>", view_func=view, methods=[HTTPMethod.GET.value])
        """
    }
    assert table(files) == [
        "GET /rules app.py:7",
        "POST /rules app.py:9",
        "GET /rules/{rule_id} app.py:7",
    ]


def test_a_view_class_that_makes_its_own_view_function_is_read_as_the_class(table: Table) -> None:
    files = {
        "app.py": """
            from flask import Flask
            from flask.views import MethodView

            class Audited(MethodView):
                @classmethod
                def as_view(cls, name, *args, **kwargs):
                    made = type(name, (cls,), {})
                    return super(Audited, made).as_view(name, *args, **kwargs)

            class Bulk(Audited):
                def post(self): ...

            app = Flask(__name__)
            app.add_url_rule("/bulk", view_func=Bulk.as_view("bulk", mode="set"))
        """
    }
    assert table(files) == ["POST /bulk app.py:11"]


def test_blueprints_of_modules_that_are_imported_by_name_are_found(table: Table) -> None:
    module = """
        from flask import Blueprint

        def blueprint():
            bp = Blueprint({name!r}, __name__, url_prefix="/{name}")

            @bp.get("/")
            def index(): ...

            return bp
    """
    files = {
        "web/__init__.py": "",
        "web/parts/__init__.py": "",
        "web/parts/users.py": module.format(name="users"),
        "web/parts/rules.py": module.format(name="rules"),
        "web/app.py": """
            import importlib
            from flask import Flask

            ENDPOINTS = {"users", "rules", "old"}
            REMOVED = {"old"}

            def apply(app, names):
                for name in names:
                    module = importlib.import_module("." + name, package="web.parts")
                    if hasattr(module, "blueprint"):
                        app.register_blueprint(module.blueprint())

            app = Flask(__name__)
            apply(app, ENDPOINTS - REMOVED)
        """,
    }
    assert table(files) == [
        "GET /rules/ web/parts/rules.py:6",
        "GET /users/ web/parts/users.py:6",
    ]
