"""An import that the project's own rules on its layers forbid.

What it flags: an import against a rule that the project has written down: in the options of this check (`layers`, from
the highest down, and `forbidden`, as `app.domain -> app.api`), in a `layers`, `forbidden` or `independence` contract of
import-linter (`.importlinter`, `setup.cfg`, `pyproject.toml`), or in the `layers` and `depends_on` of `tach.toml`. Each
contract means what its tool says: import-linter's follow imports through modules that belong to no layer and honour
`ignore_imports`, `allow_indirect_imports` and `exclude_type_checking_imports`; those of tach speak of imports that are
written out. Imports inside functions count. One finding a module and a layer.

Why: a lower layer that knows a higher one cannot be used or tested without it, and the next change of the higher one
breaks what was meant to be independent of it. A rule that is written down and broken is worse than none: it is believed.

How to mend: move what is needed down into the lower layer, or let the higher layer hand it over (an argument, an
interface that the lower layer owns).

What it cannot see: imports by name at run time, contracts of the kinds `protected`, `acyclic_siblings` and of one's own
making, the interfaces of tach. Without any rule it says nothing: layers are not guessed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Role, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import ModuleImport
from qualitygate.model.facts import Setting

_SHOWN = 8
_LAYER = re.compile(r"[|:]")


@dataclass(frozen=True)
class Options:
    """``layers``: modules or packages, the highest first; none may import one above it, nor by way of others.

    ``forbidden``: `importer -> imported`, each a module, a package or, on the right, a library.
    """

    layers: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ban:
    """``importer`` must not import ``imported``; ways through modules of ``closed`` belong to other bans."""

    importer: str
    imported: str
    why: str
    closed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """What one contract forbids. ``near`` is the folder of the file that holds it."""

    name: str
    near: str
    place: Place | None
    bans: tuple[Ban, ...]
    direct: bool = False
    typing: bool = False
    ignored: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Tach:
    """The modules of a `tach.toml`: which each depends on (None: not told), and its layer."""

    near: str
    depends: Mapping[str, tuple[str, ...] | None]
    layer_of: Mapping[str, str]
    layers: tuple[str, ...]
    free: frozenset[str]
    unchecked: frozenset[str]
    places: Mapping[str, Place]
    typing: bool


def run(project: Project, options: Options) -> Iterator[Hit]:
    """One hit a module and a layer or module that it must not know."""
    tree = _Tree(project)
    for rule in _rules(project, options):
        yield from _broken(rule, tree)
    for file in project.files:
        declared = _tach(file.path, file.settings)
        if declared is not None:
            yield from _undeclared(declared, tree)


# -- what is declared


def _rules(project: Project, options: Options) -> Iterator[Rule]:
    own = list(_layer_bans([([name], True) for name in options.layers]))
    for line in options.forbidden:
        importer, _, imported = line.partition("->")
        own.append(Ban(importer.strip(), imported.strip(), "the configuration of this check forbids it"))
    if own:
        yield Rule("the configuration of this check", "", None, tuple(own))
    for file in project.files:
        if any(setting.key.startswith("importlinter.") for setting in file.settings):
            yield from _contracts(file.path, _tree_of(file.settings, "importlinter"))


def _layer_bans(layers: Sequence[tuple[list[str], bool]]) -> Iterator[Ban]:
    """Bans between layers, highest first, each a list of modules and whether these are independent of one another."""
    names = [group for group, _ in layers]
    everything = tuple(name for group in names for name in group)
    for high, upper in enumerate(names):
        for lower in names[high + 1 :]:
            for importer in lower:
                for imported in upper:
                    yield Ban(importer, imported, f"{importer} lies below {imported}", everything)
        if layers[high][1]:
            for importer in upper:
                for imported in upper:
                    if importer != imported:
                        yield Ban(importer, imported, f"{importer} and {imported} are independent", everything)


def _contracts(path: str, declared: Mapping[str, object]) -> Iterator[Rule]:
    near = path.rpartition("/")[0]
    typing = _text(declared.get("exclude_type_checking_imports")).lower() != "true"
    contracts = declared.get("contracts")
    for contract in contracts.values() if isinstance(contracts, dict) else ():
        if not isinstance(contract, dict):
            continue
        kind = _text(contract.get("type"))
        bans: list[Ban] = []
        if kind == "layers":
            containers = _list(contract.get("containers")) or [""]
            for container in containers:
                layers = [_layer(line, container) for line in _list(contract.get("layers"))]
                bans += _layer_bans(layers)
        elif kind == "forbidden":
            for importer in _list(contract.get("source_modules")):
                for imported in _list(contract.get("forbidden_modules")):
                    bans.append(Ban(importer, imported, f"{importer} must not know {imported}"))
        elif kind == "independence":
            names = _list(contract.get("modules"))
            bans += [
                Ban(one, other, f"{one} and {other} are independent")
                for one in names
                for other in names
                if one != other
            ]
        ignored = []
        for line in _list(contract.get("ignore_imports")):
            importer, _, imported = line.partition("->")
            ignored.append((importer.strip(), imported.strip()))
        if bans:
            yield Rule(
                _text(contract.get("name")) or kind,
                near,
                _place(path, contract, "name" if "name" in contract else "type"),
                tuple(bans),
                direct=_text(contract.get("allow_indirect_imports")).lower() == "true",
                typing=typing,
                ignored=tuple(ignored),
            )


def _layer(line: str, container: str) -> tuple[list[str], bool]:
    names = [part.strip().strip("()") for part in _LAYER.split(line) if part.strip()]
    return [f"{container}.{name}" if container else name for name in names], ":" not in line


def _tach(path: str, settings: Sequence[Setting]) -> Tach | None:
    if not any(setting.key.startswith("tach.modules.") for setting in settings):
        return None
    declared = _tree_of(settings, "tach")
    depends: dict[str, tuple[str, ...] | None] = {}
    layer_of: dict[str, str] = {}
    places: dict[str, Place] = {}
    free, unchecked = set(), set()
    modules = declared.get("modules")
    for module in modules.values() if isinstance(modules, dict) else ():
        if not isinstance(module, dict):
            continue
        wanted = module.get("depends_on")
        for name in [*_list(module.get("path")), *_list(module.get("paths"))]:
            depends[name] = None if wanted is None else tuple(_dependencies(wanted))
            place = _place(path, module, "path" if "path" in module else "paths")
            if place is not None:
                places[name] = place
            if "layer" in module:
                layer_of[name] = _text(module["layer"])
            if _text(module.get("utility")) == "true":
                free.add(name)
            if _text(module.get("unchecked")) == "true":
                unchecked.add(name)
    return Tach(
        path.rpartition("/")[0],
        depends,
        layer_of,
        tuple(_list(declared.get("layers"))),
        frozenset(free),
        frozenset(unchecked),
        places,
        _text(declared.get("ignore_type_checking_imports")) == "false",
    )


def _dependencies(wanted: object) -> Iterator[str]:
    for item in wanted.values() if isinstance(wanted, dict) else [wanted]:
        if isinstance(item, dict):
            yield from _list(item.get("path"))
        elif _text(item) not in ("", "[]"):
            yield _text(item)


def _tree_of(settings: Sequence[Setting], tool: str) -> dict[str, object]:
    """Settings as nested mappings; lists have their numbers as keys."""
    tree: dict[str, object] = {}
    for setting in settings:
        first, *rest = setting.key.split(".")
        if first != tool or not rest:
            continue
        node = tree
        for part in rest[:-1]:
            inner = node.get(part)
            if not isinstance(inner, dict):
                inner = node[part] = {}
            node = inner
        node[rest[-1]] = setting
    return tree


def _text(value: object) -> str:
    return value.value if isinstance(value, Setting) else ""


def _list(value: object) -> list[str]:
    """The texts of a list, or the one text that stands for it."""
    if isinstance(value, dict):
        return [_text(item) for item in value.values() if _text(item)]
    return [_text(value)] if _text(value) not in ("", "[]") else []


def _place(path: str, tree: Mapping[str, object], key: str) -> Place | None:
    value = tree.get(key)
    if isinstance(value, dict):
        value = next(iter(value.values()), None)
    return Place(path, value.span, "the rule", "setting") if isinstance(value, Setting) else None


# -- what is imported


@dataclass(eq=False)
class _Tree:
    """The application's modules: found by the names in a rule, with what they import."""

    project: Project
    edges: dict[str, list[ModuleImport]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    known: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    roots: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for item in self.project.imports:
            self.edges.setdefault(item.importer, []).append(item)
        self.paths = sorted(
            file.path for file in self.project.files if file.module is not None and file.role is Role.APPLICATION
        )

    def root(self, name: str, near: str) -> str | None:
        """The folder that a dotted name starts from: below ``near`` where there is one, else the nearest to the top."""
        first = name.split(".", 1)[0]
        if (first, near) not in self.roots:
            start = re.compile(rf"((?:.*?/)?){re.escape(first)}(?:/|\.py$)")
            found = {match[1] for path in self.paths if (match := start.match(path))}
            inside = [root for root in found if not near or root.startswith(f"{near}/")]
            self.roots[first, near] = min(inside or found, key=lambda root: (root.count("/"), root), default=None)
        return self.roots[first, near]

    def files(self, name: str, near: str) -> frozenset[str]:
        """The files of a module, or of a package and all below it; `*` stands for one part of a name, `**` for any."""
        if (name, near) not in self.known:
            root = self.root(name, near)
            wanted = _pattern(name)
            self.known[name, near] = frozenset(
                path
                for path in self.paths
                if root is not None and path.startswith(root) and wanted.match(_dotted(path[len(root) :]) + ".")
            )
        return self.known[name, near]

    def ignored(self, rule: Rule) -> frozenset[tuple[str, str]]:
        """The pairs of files whose imports a rule lets pass."""
        patterns = [(_pattern(importer), _pattern(imported)) for importer, imported in rule.ignored]
        return frozenset(
            (item.importer, item.imported)
            for items in (self.edges.values() if patterns else ())
            for item in items
            if any(_exactly(one, item.importer) and _exactly(other, item.imported) for one, other in patterns)
        )


def _pattern(name: str) -> re.Pattern[str]:
    parts = [
        "(?:[^.]+\\.)+" if p == "**" else "[^.]+\\." if p == "*" else re.escape(p) + "\\." for p in name.split(".")
    ]
    return re.compile("".join(parts))


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _broken(rule: Rule, tree: _Tree) -> Iterator[Hit]:
    told: set[tuple[str, str]] = set()
    ignored = tree.ignored(rule)
    for ban in rule.bans:
        sources = tree.files(ban.importer, rule.near)
        targets = tree.files(ban.imported, rule.near) - sources
        closed = frozenset(path for name in ban.closed for path in tree.files(name, rule.near)) - sources - targets
        if not targets and sources and tree.root(ban.imported, rule.near) is None:
            yield from _libraries(rule, ban, sources, tree)
            continue
        for path in sorted(sources):
            chains = _chains(rule, path, targets, sources | closed, ignored, tree)
            if chains and (path, ban.imported) not in told:
                told.add((path, ban.imported))
                yield _hit(rule, ban, chains, tree)


def _chains(
    rule: Rule,
    path: str,
    targets: frozenset[str],
    barred: frozenset[str],
    ignored: frozenset[tuple[str, str]],
    tree: _Tree,
) -> list[list[ModuleImport]]:
    """Every direct import of a target by ``path``, else the shortest way to one through modules outside the rule."""
    direct = [[item] for item in _allowed(rule, ignored, tree, path) if item.imported in targets]
    if direct or rule.direct:
        return direct
    before: dict[str, ModuleImport] = {}
    queue = deque([path])
    while queue:
        current = queue.popleft()
        for item in _allowed(rule, ignored, tree, current):
            if item.imported in targets:
                chain = [item]
                while chain[0].importer != path:
                    chain.insert(0, before[chain[0].importer])
                return [chain]
            if item.imported not in before and item.imported != path and item.imported not in barred:
                before[item.imported] = item
                queue.append(item.imported)
    return []


def _allowed(rule: Rule, ignored: frozenset[tuple[str, str]], tree: _Tree, path: str) -> Iterator[ModuleImport]:
    for item in tree.edges.get(path, ()):
        if (rule.typing or item.when != "typing") and (item.importer, item.imported) not in ignored:
            yield item


def _exactly(wanted: re.Pattern[str], path: str) -> bool:
    """Whether a dotted name, with its wildcards, is that of a file from some root."""
    dotted = _dotted(path) + "."
    starts = (0, *(point.end() for point in re.finditer(r"\.", dotted)))
    return any(wanted.fullmatch(dotted, start) for start in starts)


def _hit(rule: Rule, ban: Ban, chains: list[list[ModuleImport]], tree: _Tree) -> Hit:
    chain = chains[0]
    first = chain[0]
    importer = _shown(first.importer, ban.importer, rule.near, tree)
    imported = _shown(chain[-1].imported, ban.imported, rule.near, tree)
    way = f"{importer} imports {imported}"
    if len(chain) > 1:
        through = ", ".join(_dotted(item.imported) for item in chain[:-1][:4])
        way += f" by way of {through}"
    taken = ", ".join(first.names[:3]) if len(chain) == 1 else ""
    more = [item for other in chains[1:] for item in other] if len(chain) == 1 else chain[1:]
    return Hit(
        place=first.place,
        message=way,
        subject=f"{importer} imports {ban.imported}",
        why=f"{ban.why}, by {_quoted(rule)}",
        mend=(f"move {taken} below {ban.importer}" if taken else "move what is needed down")
        + f", or let {ban.imported} hand it over",
        places=(
            *((rule.place,) if rule.place else ()),
            *(
                Place(item.place.path, item.place.span, f"imports {_dotted(item.imported)}", "call")
                for item in more[:_SHOWN]
            ),
        ),
    )


def _quoted(rule: Rule) -> str:
    return f"the contract `{rule.name}`" if rule.place is not None else rule.name


def _shown(path: str, name: str, near: str, tree: _Tree) -> str:
    """A file by its dotted name, from where the rule's names start."""
    root = tree.root(name, near) or ""
    return _dotted(path[len(root) :] if path.startswith(root) else path)


def _libraries(rule: Rule, ban: Ban, sources: Iterable[str], tree: _Tree) -> Iterator[Hit]:
    """Imports of a library that is forbidden; only those that are written out in the modules themselves."""
    wanted = set(sources)
    for file in tree.project.files:
        if file.module is None or file.path not in wanted:
            continue
        found = [
            statement
            for statement, typing in imports(file.module.body)
            if (rule.typing or not typing)
            and not statement.level
            and any(_within(name, ban.imported) for name in _names(statement))
            and not any(_lets_pass(ignored, file.path, name) for ignored in rule.ignored for name in _names(statement))
        ]
        if found:
            importer = _shown(file.path, ban.importer, rule.near, tree)
            yield Hit(
                place=Place(file.path, found[0].span),
                message=f"{importer} imports {ban.imported}",
                subject=f"{importer} imports {ban.imported}",
                why=f"{ban.why}, by {_quoted(rule)}",
                mend=f"keep {ban.imported} out of {ban.importer}: let a module that may know it do this part",
                places=(
                    *((rule.place,) if rule.place else ()),
                    *(Place(file.path, item.span, "here too", "call") for item in found[1:_SHOWN]),
                ),
            )


def _lets_pass(ignored: tuple[str, str], path: str, name: str) -> bool:
    """Whether an exception names the import of a library: by its full name, or by the library's own."""
    importer, imported = ignored
    wanted = _pattern(imported)
    return _exactly(_pattern(importer), path) and any(
        wanted.fullmatch(f"{found}.") for found in (name, name.split(".", 1)[0])
    )


def _names(statement: ir.Import) -> Iterator[str]:
    yield statement.module
    yield from (f"{statement.module}.{name}" for name, _ in statement.names)


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def imports(body: Iterable[ir.Statement], typing: bool = False) -> Iterator[tuple[ir.Import, bool]]:
    """Every import of a module, those inside functions too, each with whether it is for the type checker only."""
    for statement in body:
        if isinstance(statement, ir.Import):
            yield statement, typing
        elif isinstance(statement, ir.Function):
            yield from imports(ir.statements(statement), typing)
        else:
            test = getattr(statement, "test", None)
            checker = isinstance(test, (ir.Name, ir.Attribute)) and (
                (test.id if isinstance(test, ir.Name) else test.name) == "TYPE_CHECKING"
            )
            for name in ("body", "orelse", "final"):
                inner = getattr(statement, name, None)
                if isinstance(inner, tuple):
                    yield from imports(inner, typing or (checker and name == "body"))
            for block in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                yield from imports(block.body, typing)


def _undeclared(declared: Tach, tree: _Tree) -> Iterator[Hit]:
    """Imports between modules of tach that neither a dependency nor the order of the layers allows."""
    owner: dict[str, str] = {}
    for name in sorted(declared.depends, key=lambda name: name.count(".")):
        owner.update(dict.fromkeys(tree.files(name, declared.near), name))
    told = set()
    for path in sorted(owner):
        importer = owner[path]
        if importer in declared.unchecked:
            continue
        for item in tree.edges.get(path, ()):
            imported = owner.get(item.imported, importer)
            if imported == importer or imported in declared.free or (item.when == "typing" and not declared.typing):
                continue
            why = _why_not(declared, importer, imported)
            if not why or (path, imported) in told:
                continue
            told.add((path, imported))
            shown = _shown(path, importer, declared.near, tree)
            place = declared.places.get(importer)
            yield Hit(
                place=item.place,
                message=f"{shown} imports {_shown(item.imported, imported, declared.near, tree)}",
                subject=f"{shown} imports {imported}",
                why=why,
                mend=f"move what is needed out of {imported}, or name it in depends_on of {importer}"
                if "depends_on" in why
                else f"move what is needed down, or let {imported} hand it over",
                places=(place,) if place is not None else (),
            )


def _why_not(declared: Tach, importer: str, imported: str) -> str:
    one, other = declared.layer_of.get(importer, ""), declared.layer_of.get(imported, "")
    if one in declared.layers and other in declared.layers:
        above = declared.layers.index(one) - declared.layers.index(other)
        if above > 0:
            return f"{importer} is of the layer `{one}`, which lies below `{other}`"
        if above < 0:
            return ""
    allowed = declared.depends[importer]
    if allowed is None or any(_pattern(name).fullmatch(f"{imported}.") for name in allowed):
        return ""
    return f"{imported} is not in depends_on of {importer}"


CHECK = Check(
    id="layer-violation",
    domain=Domain.ARCHITECTURE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Keep the layers that the project declares",
    dont="Let a lower layer know a higher one",
    tags=("CWE-1047", "CWE-1061"),
    run=run,
    examined=lambda project: (
        len(project.imports)
        if any(
            setting.key.startswith(("importlinter.", "tach.")) for file in project.files for setting in file.settings
        )
        else 0
    ),
    options=Options(),
    doc=__doc__,
    bad=(
        example(
            {
                ".importlinter": """
                    [importlinter]
                    root_package = shop

                    [importlinter:contract:1]
                    name = Layers of the shop
                    type = layers
                    layers =
                        shop.api
                        shop.services
                        shop.domain
                    """,
                "shop/__init__.py": "",
                "shop/api/__init__.py": "",
                "shop/api/schemas.py": "class OrderOut: ...",
                "shop/services/__init__.py": "",
                "shop/services/orders.py": """
                    from shop.domain.order import Order


                    def place(order: Order):
                        from shop.api.schemas import OrderOut  # <- flagged

                        return OrderOut()
                    """,
                "shop/domain/__init__.py": "",
                "shop/domain/order.py": """
                    from shop.common import money  # <- flagged


                    class Order:
                        total = money.zero
                    """,
                "shop/common/__init__.py": "",
                "shop/common/money.py": """
                    from shop.services import rates

                    zero = rates.zero
                    """,
                "shop/services/rates.py": "zero = 0",
            },
            "inside a function, and by way of a module of no layer",
        ),
        example(
            {
                "pyproject.toml": """
                    [tool.importlinter]
                    root_packages = ["clinic"]
                    include_external_packages = true

                    [[tool.importlinter.contracts]]
                    name = "The domain knows no framework"
                    type = "forbidden"
                    source_modules = ["clinic.domain"]
                    forbidden_modules = ["django", "clinic.web"]
                    allow_indirect_imports = true
                    """,
                "clinic/__init__.py": "",
                "clinic/domain/__init__.py": "",
                "clinic/domain/visits.py": """
                    from django.db import models  # <- flagged

                    from ..web import views  # <- flagged


                    class Visit(models.Model):
                        view = views.show
                    """,
                "clinic/web/__init__.py": "",
                "clinic/web/views.py": """
                    from django.http import HttpResponse


                    def show(request):
                        return HttpResponse("visit")
                    """,
            },
            "a library and a package that are forbidden",
        ),
        example(
            {
                "backend/tach.toml": """
                    layers = ["entry", "core"]

                    [[modules]]
                    path = "helpdesk.routes"
                    layer = "entry"
                    depends_on = ["helpdesk.tickets"]

                    [[modules]]
                    path = "helpdesk.tickets"
                    layer = "core"
                    depends_on = []

                    [[modules]]
                    path = "helpdesk.mail"
                    layer = "core"
                    depends_on = []
                    """,
                "backend/helpdesk/__init__.py": "",
                "backend/helpdesk/routes.py": """
                    from flask import Blueprint

                    from helpdesk.mail import send
                    from helpdesk.tickets import all_tickets

                    pages = Blueprint("pages", __name__)
                    """,
                "backend/helpdesk/tickets.py": """
                    from helpdesk.mail import send  # <- flagged
                    from helpdesk import routes  # <- flagged


                    def all_tickets():
                        return [send, routes]
                    """,
                "backend/helpdesk/mail.py": "def send(): ...",
            },
            "tach: a dependency that is not declared, and a higher layer",
        ),
        example(
            {
                "setup.cfg": """
                    [metadata]
                    name = warehouse

                    [importlinter]
                    root_package = warehouse
                    exclude_type_checking_imports = True

                    [importlinter:contract:parts]
                    name = Parts do not know each other
                    type = independence
                    modules =
                        warehouse.stock
                        warehouse.orders
                    ignore_imports =
                        warehouse.orders.stock_view -> warehouse.stock.models
                    """,
                "warehouse/__init__.py": "",
                "warehouse/stock/__init__.py": "",
                "warehouse/stock/models.py": "class Item: ...",
                "warehouse/orders/__init__.py": "",
                "warehouse/orders/stock_view.py": "from warehouse.stock.models import Item",
                "warehouse/orders/models.py": """
                    from typing import TYPE_CHECKING

                    from warehouse.stock import models as stock  # <- flagged

                    if TYPE_CHECKING:
                        from warehouse.stock.models import Item


                    class Order:
                        item: "Item"
                    """,
            },
            "independent parts, with one import that is allowed",
        ),
    ),
    good=(
        example(
            {
                ".importlinter": """
                    [importlinter]
                    root_package = shop

                    [importlinter:contract:1]
                    name = Layers of the shop
                    type = layers
                    containers =
                        shop
                    layers =
                        api
                        orders | payments
                        (reports)
                        domain
                    """,
                "shop/__init__.py": "",
                "shop/api.py": "from shop import orders, payments, domain",
                "shop/orders.py": "from shop.domain import Order",
                "shop/payments.py": "from shop.domain import Order",
                "shop/domain.py": "class Order: ...",
            },
            "layers that hold",
        ),
        example(
            {
                "pyproject.toml": """
                    [tool.importlinter]
                    root_package = "clinic"

                    [[tool.importlinter.contracts]]
                    name = "Patients do not know the web, but by way of the registry"
                    type = "forbidden"
                    source_modules = ["clinic.patients"]
                    forbidden_modules = ["clinic.web"]
                    allow_indirect_imports = true
                    """,
                "clinic/__init__.py": "",
                "clinic/patients.py": "from clinic import registry",
                "clinic/registry.py": "from clinic import web",
                "clinic/web.py": "from django.http import JsonResponse",
            },
            "only direct imports are forbidden",
        ),
        example(
            {
                "tach.toml": """
                    [[modules]]
                    path = "helpdesk.routes"
                    depends_on = [{ path = "helpdesk.tickets" }]

                    [[modules]]
                    path = "helpdesk.tickets"

                    [[modules]]
                    path = "helpdesk.log"
                    depends_on = []
                    utility = true
                    """,
                "helpdesk/__init__.py": "",
                "helpdesk/routes.py": """
                    from helpdesk.log import log
                    from helpdesk.tickets import all_tickets
                    """,
                "helpdesk/tickets.py": """
                    from helpdesk.log import log
                    from helpdesk.other import anything
                    """,
                "helpdesk/log.py": "def log(): ...",
                "helpdesk/other.py": "def anything(): ...",
            },
            "tach: declared, a utility, and a module that declares nothing",
        ),
        example(
            {
                "app/domain/__init__.py": "",
                "app/domain/models.py": "from app.api.schemas import OrderOut",
                "app/api/__init__.py": "",
                "app/api/schemas.py": "class OrderOut: ...",
                "app/__init__.py": "",
            },
            "without a rule nothing is guessed",
        ),
    ),
)
