"""One table that two services of a repository map.

What it flags: a table that the migrations of one place make (or none of them does), and that models in two folders stand
for which are installed or built apart: each has a manifest of its own (`pyproject.toml`, `setup.py`, `requirements.txt`,
`Dockerfile`), and neither imports the other's models. One finding a table, at the model that is further from the migrations. The
confidence is low where no migration makes the table: each service may then have a database of its own.

Why: the columns are an interface that nobody has written down. A column that one service renames breaks the other at run
time, each can break rules that the other relies on, and neither can be deployed, moved or scaled by itself.

How to mend: let one service own the table, and the other ask it or listen to its events; or make it one service. Until
then, a role of the database that may only read, and a view for what the other one needs.

What it cannot see: tables that a service uses by SQL alone, services in other repositories, and two databases that have the
same tables by design.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from posixpath import basename, dirname

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Role, Severity, example
from qualitygate.model.schema import Model, Table

_MANIFESTS = frozenset(("pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "requirements.txt", "Dockerfile"))
_LEFT_OUT = frozenset((Role.TEST, Role.EXAMPLE, Role.VENDORED, Role.GENERATED, Role.DOCUMENTATION))


def run(project: Project) -> Iterator[Hit]:
    """One hit a table."""
    parts = _parts(project)
    if len(parts) < 2:
        return
    made: dict[str, list[Table]] = defaultdict(list)
    for table in project.tables:
        if table.source == "migrations":
            made[table.full_name].append(table)
    owners: dict[str, dict[str, Model]] = defaultdict(dict)
    roles = {file.path: file.role for file in project.files}
    for model in project.models:
        if model.sure and (model.managed or made[model.table]) and roles.get(model.place.path) not in _LEFT_OUT:
            owners[model.table].setdefault(_part(model.place.path, parts), model)
    uses = _uses(project, parts)
    for name, by_part in sorted(owners.items()):
        histories = {table.history for table in made[name]}
        apart = [
            part
            for part in by_part
            if not any(part in uses.get(other, ()) or other in uses.get(part, ()) for other in by_part)
        ]
        if len(apart) < 2 or len(histories) > 1:
            continue
        history = next(iter(histories), None)
        near = sorted(apart, key=lambda part: (not _holds(part, history or ""), part))
        yield _hit(name, [(part, by_part[part]) for part in near], made[name])


def _hit(name: str, owners: list[tuple[str, Model]], made: list[Table]) -> Hit:
    part, model = owners[-1]
    first, owner = owners[0]
    places = [
        Place(one.place.path, one.place.span, f"{one.name} in {_shown(where)}", "definition")
        for where, one in owners[:-1]
    ]
    places += [Place(table.defined_at.path, table.defined_at.span, "made here", "migration") for table in made[:1]]
    where = f"the migrations of {_shown(made[0].history)} make it" if made else "no migration here makes it"
    return Hit(
        place=model.place,
        message=f"{model.name} of {_shown(part)} maps the table {name}, which {_shown(first)} maps too",
        subject=f"{name} in {_shown(part)}",
        why=f"{where}; {_shown(first)} and {_shown(part)} are built apart and import nothing of each other, so that the"
        f" columns are an interface between {owner.name} and {model.name}",
        mend="let one of them own the table, and the other ask it or listen to its events",
        places=tuple(places),
        confidence=Confidence.MEDIUM if made else Confidence.LOW,
    )


def _shown(folder: str) -> str:
    return f"`{folder}`" if folder else "the root"


def _parts(project: Project) -> frozenset[str]:
    """The folders with a manifest that hold code of the application."""
    return frozenset(
        dirname(file.path) for file in project.files if basename(file.path) in _MANIFESTS and file.role not in _LEFT_OUT
    )


def _part(path: str, parts: frozenset[str]) -> str:
    folder = dirname(path)
    while folder and folder not in parts:
        folder = dirname(folder)
    return folder


def _holds(part: str, folder: str) -> bool:
    return not part or folder == part or folder.startswith(f"{part}/")


def _uses(project: Project, parts: frozenset[str]) -> Mapping[str, set[str]]:
    """The parts that each part imports from."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in project.imports:
        source, target = _part(one.importer, parts), _part(one.imported, parts)
        if source != target:
            found[source].add(target)
    return found


_MODEL = """
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class {name}(Base):{mark}
    __tablename__ = "{table}"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(40))
"""
_MADE = "CREATE TABLE {table} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number varchar(40) NOT NULL);\n"
_FLAGGED = "  # <- flagged"


def _model(name: str, table: str, mark: str = "") -> str:
    return _MODEL.format(name=name, table=table, mark=mark)


CHECK = Check(
    id="shared-table",
    domain=Domain.DATABASE,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Give each table one owner",
    dont="Let two services write the same tables",
    tags=("CWE-1057",),
    gates=("data_consistency",),
    run=run,
    examined=lambda project: len(project.models),
    doc=__doc__,
    bad=(
        example(
            {
                "orders/pyproject.toml": '[project]\nname = "orders"\nversion = "1.0"\n',
                "orders/app/models.py": _model("Order", "orders"),
                "orders/migrations/0001_orders.sql": _MADE.format(table="orders"),
                "billing/pyproject.toml": '[project]\nname = "billing"\nversion = "1.0"\n',
                "billing/app/models.py": _model("BilledOrder", "orders", _FLAGGED),
            },
            "billing maps the table of orders",
        ),
        example(
            {
                "services/stock/requirements.txt": "sqlalchemy==2.0.44\n",
                "services/stock/models.py": _model("Item", "items"),
                "services/shop/requirements.txt": "sqlalchemy==2.0.44\n",
                "services/shop/models.py": _model("Article", "items", _FLAGGED),
                "services/stock/migrations/V1__items.sql": _MADE.format(table="items"),
            },
            "two services, told by their requirements",
        ),
        example(
            {
                "database/migrations/0001_parcels.sql": _MADE.format(table="parcels"),
                "api/Dockerfile": "FROM python:3.12-slim\nCOPY . /srv\n",
                "api/models.py": _model("Parcel", "parcels"),
                "tracker/Dockerfile": "FROM python:3.12-slim\nCOPY . /srv\n",
                "tracker/models.py": _model("TrackedParcel", "parcels", _FLAGGED),
            },
            "the migrations belong to neither",
        ),
        example(
            {
                "clinic/requirements.txt": "django==5.2\n",
                "clinic/visits/models.py": """
                    from django.db import models


                    class Visit(models.Model):
                        day = models.DateField()
                    """,
                "clinic/visits/__init__.py": "",
                "clinic/visits/migrations/__init__.py": "",
                "clinic/visits/migrations/0001_initial.py": """
                    from django.db import migrations, models


                    class Migration(migrations.Migration):
                        initial = True
                        operations = [
                            migrations.CreateModel(
                                name="Visit",
                                fields=[("id", models.BigAutoField(primary_key=True)), ("day", models.DateField())],
                            )
                        ]
                    """,
                "reports/requirements.txt": "sqlalchemy==2.0.44\n",
                "reports/tables.py": _model("VisitRow", "visits_visit", _FLAGGED),
            },
            "SQLAlchemy over the table of a Django application",
        ),
    ),
    good=(
        example(
            {
                "orders/pyproject.toml": '[project]\nname = "orders"\nversion = "1.0"\n',
                "orders/app/models.py": _model("Order", "orders"),
                "orders/migrations/0001_orders.sql": _MADE.format(table="orders"),
                "billing/pyproject.toml": '[project]\nname = "billing"\nversion = "1.0"\n',
                "billing/app/models.py": _model("Order", "orders"),
                "billing/migrations/0001_orders.sql": _MADE.format(table="orders"),
            },
            "each service makes a table of that name in a database of its own",
        ),
        example(
            {
                "core/pyproject.toml": '[project]\nname = "core"\nversion = "1.0"\n',
                "core/models.py": _model("Order", "orders"),
                "core/migrations/0001_orders.sql": _MADE.format(table="orders"),
                "worker/pyproject.toml": '[project]\nname = "worker"\nversion = "1.0"\n',
                "worker/tasks.py": """
                    from core.models import Order


                    def count(session):
                        return session.query(Order).count()
                    """,
            },
            "the models of one library",
        ),
        example(
            {
                "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0"\n',
                "shop/orders/models.py": _model("Order", "orders"),
                "shop/search/models.py": _model("FoundOrder", "orders"),
                "migrations/0001_orders.sql": _MADE.format(table="orders"),
            },
            "two modules of one service",
        ),
        example(
            {
                "orders/pyproject.toml": '[project]\nname = "orders"\nversion = "1.0"\n',
                "orders/app/models.py": _model("Order", "orders"),
                "orders/migrations/0001_orders.sql": _MADE.format(table="orders"),
                "billing/pyproject.toml": '[project]\nname = "billing"\nversion = "1.0"\n',
                "billing/app/models.py": _model("Invoice", "invoices"),
                "billing/migrations/0001_invoices.sql": _MADE.format(table="invoices"),
            },
            "a table each",
        ),
    ),
)
