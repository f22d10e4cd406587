"""Routes of Tornado applications."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Table = Callable[[Mapping[str, str]], list[str]]


def test_tuples_specifications_and_rules(table: Table) -> None:
    files = {
        "main.py": r"""
            import tornado.web
            from tornado.routing import HostMatches, PathMatches, Rule
            from tornado.web import RequestHandler, URLSpec, url

            class Base(RequestHandler):
                def options(self): ...

                def get(self, *args): ...

            class Items(Base):
                async def post(self): ...

            class Item(Base):
                def delete(self, item_id): ...

            app = tornado.web.Application(
                [
                    (r"/items/?", Items),
                    URLSpec(r"/items/(?P<item_id>\d+)$", Item, name="item"),
                    url(r"/copies/([^/]+)", Item),
                    Rule(PathMatches(r"/rules"), Items),
                    (HostMatches("example.com"), [(r"/hosted", Items)]),
                ]
            )
        """
    }
    assert table(files) == [
        "DELETE /copies/{0} main.py:14",
        "GET /copies/{0} main.py:8",
        "GET /hosted main.py:8",
        "POST /hosted main.py:11",
        "GET /items/ main.py:8",
        "POST /items/ main.py:11",
        "DELETE /items/{item_id} main.py:14",
        "GET /items/{item_id} main.py:8",
        "GET /rules main.py:8",
        "POST /rules main.py:11",
    ]


def test_an_application_class_that_gathers_handlers_from_modules_below_a_base_url(table: Table) -> None:
    files = {
        "server/__init__.py": "",
        "server/users.py": r"""
            from tornado.web import RequestHandler

            class Users(RequestHandler):
                def get(self): ...

            default_handlers = [(r"/api/users", Users)]
        """,
        "server/teams.py": r"""
            from tornado.web import RequestHandler

            class Team(RequestHandler):
                def put(self, name): ...

            default_handlers = [(r"/api/teams/([^/]+)", Team)]
        """,
        "server/app.py": """
            import importlib
            from tornado import web

            def url_path_join(*pieces):
                initial = pieces[0].startswith("/")
                stripped = [piece.strip("/") for piece in pieces]
                result = "/".join(piece for piece in stripped if piece)
                if initial:
                    result = "/" + result
                return result

            class Server(web.Application):
                def __init__(self, base_url="/hub/", **settings):
                    handlers = []
                    for name in ("server.users", "server.teams"):
                        handlers.extend(importlib.import_module(name).default_handlers)
                    handlers = [(url_path_join(base_url, pattern), *rest) for pattern, *rest in handlers]
                    super().__init__(handlers, **settings)

            def main():
                Server().listen(8888)
        """,
    }
    assert table(files) == [
        "PUT /hub/api/teams/{0} server/teams.py:4",
        "GET /hub/api/users server/users.py:4",
    ]


def test_handlers_that_are_added_later(table: Table) -> None:
    files = {
        "main.py": """
            from tornado.web import Application, RequestHandler

            class Status(RequestHandler):
                def get(self):
                    self.write({"up": True})

            def make_app():
                app = Application()
                app.add_handlers(r".*", [(r"/api/v2/status/now", Status)])
                return app
        """
    }
    assert table(files) == ["GET /api/v2/status/now main.py:4 | version in path"]


def test_a_handler_that_is_named_by_text(table: Table) -> None:
    files = {
        "web/__init__.py": "",
        "web/home.py": """
            from tornado.web import RequestHandler

            class Home(RequestHandler):
                def get(self): ...
        """,
        "web/app.py": """
            from tornado.web import Application

            app = Application([("/home", "web.home.Home")])
        """,
    }
    assert table(files) == ["GET /home web/home.py:4"]
