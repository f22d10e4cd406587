"""Modules that import one another in a circle.

What it flags: a set of modules of the application each of which imports every other one, at once or by way of others,
when it is loaded. One finding a set, however large, at the import that is cheapest to take out; the other imports that
close circles follow it, lightest first. Of a set that lies in several packages the circles between these are told
first. Imports for the type checker (`if TYPE_CHECKING:`), inside functions and below `if __name__ == "__main__":` do
not count, and neither does the package around an imported module. Told with low confidence is a package that imports its
own modules last, after it has defined all that they take from it: so do applications of Flask that register their views. So
are circles that would be gone if modules took from their neighbours what they take from the package around them, as
those of models and views that a package only gathers: there a line is to be changed, and no design.

Why: the modules of a circle are one piece: none can be loaded, tested, moved or understood without the others. Which of
them is imported first decides whether the program starts at all, so that a harmless change of an import elsewhere ends
in `ImportError: cannot import name ... (most likely due to a circular import)`.

How to mend: move what both sides need into a module below them, or hand it over as an argument. An import that only
annotations need belongs below `if TYPE_CHECKING:`.

What it cannot see: imports by name at run time (`importlib.import_module`, settings, plugins). Which import is the
wrong one is a matter of design: the one that is named carries the fewest names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from posixpath import commonpath

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import ModuleImport
from qualitygate_checks import _graph

_SHOWN = 10
_LONGEST = 6

Edges = dict[tuple[str, str], list[ModuleImport]]


def run(project: Project) -> Iterator[Hit]:
    """One hit a set of modules that reach one another."""
    edges: Edges = {}
    for item in project.imports:
        if item.when == "import":
            edges.setdefault((item.importer, item.imported), []).append(item)
    graph: dict[str, dict[str, int]] = {}
    for (importer, imported), imports in edges.items():
        graph.setdefault(importer, {})[imported] = sum(max(len(item.names), 1) for item in imports)
        graph.setdefault(imported, {})
    modules = {file.path: file.module for file in project.files if file.module is not None}
    for members in _graph.components(graph):
        inside = _graph.within(graph, members)
        doubts = {
            "the package imports its modules last, after all that they take from it": _without(
                inside, lambda importer, imported: _registers(importer, imported, edges, modules)
            ),
            "no circle is left when the modules import from each other what they take from the package around them": (
                _from_neighbours(inside, edges)
            ),
        }
        doubt = next((why for why, rest in doubts.items() if not _graph.components(rest)), "")
        yield _hit(members, inside, edges, doubt)


def _without(graph: _graph.Graph, left_out: Callable[[str, str], bool]) -> dict[str, dict[str, int]]:
    return {
        importer: {imported: weight for imported, weight in successors.items() if not left_out(importer, imported)}
        for importer, successors in graph.items()
    }


def _from_neighbours(graph: _graph.Graph, edges: Edges) -> dict[str, dict[str, int]]:
    """A graph in which modules import from each other what they take through the package that they lie in."""
    straight = _without(graph, _is_around)
    for importer, successors in graph.items():
        for package in successors:
            if _is_around(importer, package):
                taken = {name for item in edges[importer, package] for name in item.names}
                for neighbour in graph[package]:
                    if neighbour != importer and any(
                        taken.intersection(item.names) for item in edges[package, neighbour]
                    ):
                        straight[importer].setdefault(neighbour, 1)
    return straight


def _is_around(importer: str, imported: str) -> bool:
    """Whether a module imports the package that it lies in."""
    folder, _, name = imported.rpartition("/")
    return name == "__init__.py" and importer.startswith(f"{folder}/")


def _registers(importer: str, imported: str, edges: Edges, modules: Mapping[str, ir.Module]) -> bool:
    """Whether a package imports a module of its own after it has defined all that this one takes from it."""
    folder, _, name = importer.rpartition("/")
    back = edges.get((imported, importer), ())
    if name != "__init__.py" or not imported.startswith(f"{folder}/"):
        return False
    line = min(item.place.span.line for item in edges[importer, imported])
    defined = {
        word
        for statement in modules[importer].body
        if not isinstance(statement, ir.Import) and (span := getattr(statement, "span", None)) and span.line < line
        for word in _defines(statement)
    }
    return bool(back) and all(item.names and defined.issuperset(item.names) for item in back)


def _defines(statement: ir.Statement) -> Iterator[str]:
    if isinstance(statement, (ir.Function, ir.Class)):
        yield statement.name
    elif isinstance(statement, ir.Assign):
        yield from (target.id for target in statement.targets if isinstance(target, ir.Name))


def _hit(members: Sequence[str], graph: _graph.Graph, edges: Edges, doubt: str) -> Hit:
    closing = _graph.feedback(graph)
    importer, imported = closing[0]
    circle = [importer, *_graph.shortest(graph, imported, importer)]
    first = edges[importer, imported][0]
    steps = [
        Place(step.place.path, step.place.span, f"{_name(one)} imports {_name(other)}", "call")
        for one, other in pairwise(circle[1:])
        for step in edges[one, other][:1]
    ]
    others = [
        Place(item.place.path, item.place.span, f"also closes a circle: {_name(one)} imports {_name(other)}", "call")
        for one, other in closing[1:_SHOWN]
        for item in edges[one, other][:1]
    ]
    if len(members) == 2:
        message = f"{_name(importer)} and {_name(imported)} import each other"
    else:
        message = (
            f"{len(members)} modules import one another in circles, {_name(importer)} and {_name(imported)} among them"
        )
    why = " -> ".join(_name(path) for path in _short(circle))
    if len(closing) > 1:
        why += f"; {len(closing)} imports together hold the circles"
    if doubt:
        why += f"; not sure: {doubt}"
    packages = _packages(members, graph) if len(members) > 2 else ""
    if packages:
        why = f"{packages}; {why}"
    taken = ", ".join(first.names[:3]) + (", ..." if len(first.names) > 3 else "")
    what = f"{taken} of {_name(imported)}" if taken else _name(imported)
    return Hit(
        place=first.place,
        message=message,
        subject=f"circle of {_name(members[0])}" + (f" and {_name(members[1])}" if len(members) == 2 else ""),
        why=why,
        mend=f"let {_name(importer)} do without {what}: move what both need into a module below them, or hand it over as "
        "an argument",
        places=(*steps[:_SHOWN], *others),
        confidence=Confidence.LOW if doubt else None,
    )


def _packages(members: Sequence[str], graph: _graph.Graph) -> str:
    """The circles between the packages that the modules lie in, the lightest direction of each; empty without any."""
    folder = commonpath([path.rpartition("/")[0] for path in members]) if all("/" in path for path in members) else ""
    start = len(folder) + 1 if folder else 0
    between: dict[str, dict[str, int]] = {}
    for importer, successors in graph.items():
        for imported, weight in successors.items():
            one, other = _package(importer, start), _package(imported, start)
            if one and other and one != other:
                between.setdefault(one, {}).setdefault(other, 0)
                between[one][other] += weight
                between.setdefault(other, {})
    found = _graph.components(between)
    if not found:
        return ""
    inside = _graph.within(between, found[0])
    told = []
    for one, other in _graph.feedback(inside)[:3]:
        back = inside[other].get(one)
        told.append(
            f"{one} takes {inside[one][other]} from {other}" + (f", which takes {back} from it" if back else "")
        )
    return f"{len(found[0])} packages of {_name(folder) or 'the project'} depend on one another ({'; '.join(told)})"


def _package(path: str, start: int) -> str:
    """The folder below ``start`` that a file lies in; empty for a file that lies there itself."""
    head, _, rest = path[start:].partition("/")
    return head if rest else ""


def _short(circle: list[str]) -> list[str]:
    """A circle, without its middle where it is long."""
    return circle if len(circle) <= _LONGEST + 1 else [*circle[: _LONGEST - 1], "...", circle[-1]]


def _name(path: str) -> str:
    """A module as Python names it, from the root of the scan."""
    return path if path == "..." else path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


CHECK = Check(
    id="import-cycle",
    domain=Domain.ARCHITECTURE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Let modules depend in one direction",
    dont="Import in circles",
    tags=("CWE-1047",),
    run=run,
    examined=lambda project: len({item.importer for item in project.imports}),
    doc=__doc__,
    bad=(
        example(
            {
                "shop/models.py": """
                    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

                    from shop.pricing import default_currency  # <- flagged


                    class Base(DeclarativeBase):
                        pass


                    class Order(Base):
                        __tablename__ = "orders"
                        id: Mapped[int] = mapped_column(primary_key=True)
                        currency: Mapped[str] = mapped_column(default=default_currency)
                    """,
                "shop/pricing.py": """
                    from shop.models import Base, Order


                    def default_currency():
                        return "EUR"


                    def total(order: Order, base: Base):
                        return sum(line.amount for line in order.lines)
                    """,
                "shop/__init__.py": "",
            },
            "two modules",
        ),
        example(
            {
                "helpdesk/__init__.py": """
                    from flask import Flask
                    from flask_sqlalchemy import SQLAlchemy

                    app = Flask(__name__)
                    db = SQLAlchemy(app)

                    from helpdesk import views  # <- flagged
                    """,
                "helpdesk/views.py": """
                    from helpdesk import app
                    from helpdesk.models import Ticket


                    @app.get("/api/v1/tickets")
                    def tickets():
                        return [ticket.subject for ticket in Ticket.query.limit(20)]
                    """,
                "helpdesk/models.py": """
                    from helpdesk import db


                    class Ticket(db.Model):
                        id = db.Column(db.Integer, primary_key=True)
                        subject = db.Column(db.String(200))
                    """,
            },
            "an application that imports its views at the end, and they it",
        ),
        example(
            {
                "clinic/__init__.py": "",
                "clinic/patients/__init__.py": "",
                "clinic/patients/models.py": """
                    from django.db import models

                    from ..billing.invoices import open_invoices, overdue_invoices


                    class Patient(models.Model):
                        name = models.CharField(max_length=200)

                        def debts(self):
                            return open_invoices(self) + overdue_invoices(self)
                    """,
                "clinic/billing/__init__.py": "",
                "clinic/billing/invoices.py": """
                    from clinic.billing.letters import send


                    def open_invoices(patient):
                        return []


                    def overdue_invoices(patient):
                        send(patient)
                        return []
                    """,
                "clinic/billing/letters.py": """
                    from clinic.patients import models  # <- flagged


                    def send(patient):
                        return models.Patient.objects.get(pk=patient.pk)
                    """,
            },
            "three modules of two packages, by relative imports and by the module's name",
        ),
        example(
            {
                "api/__init__.py": "",
                "api/deps.py": """
                    try:
                        from api.routes import default_page  # <- flagged
                    except ImportError:
                        default_page = 20


                    def page(size: int = default_page) -> int:
                        return min(size, 100)
                    """,
                "api/routes.py": """
                    from fastapi import APIRouter, Depends

                    from api import deps, errors
                    from api.deps import page, default_page as size

                    router = APIRouter()
                    default_page = 20


                    @router.get("/v1/orders")
                    def orders(size: int = Depends(page)):
                        return errors.answer(deps.page(size))
                    """,
                "api/errors.py": """
                    def answer(value):
                        return {"items": [], "size": value}
                    """,
            },
            "an import that is tried",
        ),
    ),
    good=(
        example(
            {
                "shop/__init__.py": "",
                "shop/models.py": """
                    from __future__ import annotations

                    from typing import TYPE_CHECKING

                    if TYPE_CHECKING:
                        from shop.pricing import Price


                    class Order:
                        price: Price
                    """,
                "shop/pricing.py": """
                    from shop.models import Order


                    class Price:
                        def __init__(self, order: Order):
                            self.order = order
                    """,
            },
            "for the type checker only",
        ),
        example(
            {
                "helpdesk/__init__.py": """
                    from flask import Flask

                    from helpdesk.extensions import db


                    def create_app():
                        app = Flask(__name__)
                        db.init_app(app)
                        from helpdesk.views import tickets

                        app.register_blueprint(tickets)
                        return app
                    """,
                "helpdesk/extensions.py": """
                    from flask_sqlalchemy import SQLAlchemy

                    db = SQLAlchemy()
                    """,
                "helpdesk/views.py": """
                    from flask import Blueprint

                    from helpdesk import create_app
                    from helpdesk.extensions import db

                    tickets = Blueprint("tickets", __name__)
                    """,
            },
            "inside the factory",
        ),
        example(
            {
                "app/__init__.py": "from app.orders import Order",
                "app/orders.py": """
                    from app import settings
                    from app.money import Money


                    class Order:
                        currency = settings.CURRENCY
                        total: Money
                    """,
                "app/money.py": "class Money: ...",
                "app/settings.py": 'CURRENCY = "EUR"',
            },
            "a package that names what its modules hold, and a module that takes another one from it",
        ),
        example(
            {
                "app/__init__.py": "",
                "app/redis.py": """
                    import redis

                    client = redis.Redis(host="cache", socket_timeout=1)
                    """,
                "app/cache.py": """
                    from app.redis import client

                    if __name__ == "__main__":
                        from app.main import warm_up

                        warm_up(client)
                    """,
                "app/main.py": """
                    from app import cache


                    def warm_up(client):
                        cache.client.set("warm", "yes", ex=60)
                    """,
            },
            "a module with the name of a library, and one that can be started",
        ),
    ),
)
