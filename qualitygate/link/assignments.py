"""In: an evaluated program and names that checks ask for. Out: the values that code gives to them, and settings in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from qualitygate.link.evaluate import Evaluator
from qualitygate.link.library_calls import argument_of
from qualitygate.link.mentions import Mentions, Names
from qualitygate.model import syntax as ir
from qualitygate.model.calls import Argument, Assignment, Settings
from qualitygate.model.source import Place, Span
from qualitygate.model.values import Scope

# What only a settings module of Django defines.
_MARKS = ("INSTALLED_APPS", "ROOT_URLCONF", "MIDDLEWARE")
_UPDATES = frozenset({"update", "from_mapping"})
# `response.headers.add("Access-Control-Allow-Origin", "*")`: a key and its value.
_SETTERS = frozenset({"add", "set", "setdefault", "append", "set_header", "add_header"})


def link_assignments(
    evaluator: Evaluator, mentions: Mentions, modules: Mapping[str, ir.Module], wanted: frozenset[str]
) -> tuple[Assignment, ...]:
    """Assignments to names, attributes and keys of ``wanted`` in ``modules``, in the order of their places."""
    if not wanted:
        return ()
    scopes = dict(evaluator.modules())
    names = Names(wanted)
    found: list[Assignment] = []
    for path in sorted(modules):
        if path in scopes:
            reader = _Reader(evaluator, scopes[path], wanted, partial(mentions.any_of, path, names=names))
            found.extend(reader.block(modules[path].body, path, "", False))
    return tuple(sorted(found, key=lambda item: (item.place.path, item.place.span, item.name)))


def link_settings(
    evaluator: Evaluator, modules: Mapping[str, ir.Module], assignments: Sequence[Assignment], wanted: frozenset[str]
) -> tuple[Settings, ...]:
    """The settings modules of Django, each with the ``wanted`` names in force there."""
    scopes = {path: scope for path, scope in evaluator.modules() if path in modules}
    marked = {path for path, scope in scopes.items() if any(name in scope.names for name in _MARKS)}
    marked = {
        path for path in marked if _assigns_mark(modules[path]) or _stars(evaluator, modules[path], path) & marked
    }
    places: dict[tuple[str, str], Place] = {}
    for item in assignments:
        if item.owner == item.place.path and not item.target:
            places[item.owner, item.name] = item.place
    result = []
    for path in sorted(marked):
        bases = tuple(sorted(_stars(evaluator, modules[path], path) & marked - {path}))
        values = {}
        for name in sorted(wanted & scopes[path].names.keys()):
            place = places.get((path, name))
            for base in bases:
                place = place or places.get((base, name))
            values[name] = argument_of(scopes[path].names[name], place)
        result.append(Settings(path, values, bases))
    return tuple(result)


def _assigns_mark(module: ir.Module) -> bool:
    return any(
        isinstance(target, ir.Name) and target.id in _MARKS
        for statement in module.body
        if isinstance(statement, ir.Assign)
        for target in statement.targets
    )


def _stars(evaluator: Evaluator, module: ir.Module, path: str) -> set[str]:
    """Paths of the modules whose names a module takes over with a star, directly or through others."""
    found: set[str] = set()
    for statement in _flat(module.body):
        if isinstance(statement, ir.Import) and any(name == "*" for name, _ in statement.names):
            source = evaluator.imported(statement, path)
            if source is not None and source not in found:
                found.add(source)
    return found


def _flat(body: Sequence[ir.Statement]) -> Iterator[ir.Statement]:
    for statement in body:
        yield statement
        if isinstance(statement, (ir.If, ir.Try, ir.With, ir.For)):
            for inner in (statement.body, getattr(statement, "orelse", ()), getattr(statement, "final", ())):
                yield from _flat(inner)
            for handler in getattr(statement, "handlers", ()):
                yield from _flat(handler.body)


class _Reader:
    """Reads the statements of one module."""

    def __init__(
        self, evaluator: Evaluator, scope: Scope, wanted: frozenset[str], mentions: Callable[[ir.Function], bool]
    ) -> None:
        self._evaluator = evaluator
        self._scope = scope
        self._wanted = wanted
        self._mentions = mentions

    def block(self, body: Sequence[ir.Statement], owner: str, qualname: str, conditional: bool) -> Iterator[Assignment]:
        """Assignments in statements, nested blocks, classes and functions included."""
        for statement in body:
            if isinstance(statement, ir.Assign):
                yield from self._assign(statement, owner, conditional)
            elif isinstance(statement, ir.Evaluate):
                yield from self._update(statement.value, owner, conditional)
            elif isinstance(statement, (ir.Function, ir.Class)):
                inner = f"{qualname}.{statement.name}" if qualname else statement.name
                if isinstance(statement, ir.Class):
                    yield from self.block(statement.body, f"{self._scope.path}:{inner}", inner, False)
                elif self._mentions(statement):
                    yield from self.block(ir.statements(statement), f"{self._scope.path}:{inner}", inner, False)
            elif isinstance(statement, (ir.With, ir.Try)):
                yield from self.block(statement.body, owner, qualname, conditional)
                for handler in getattr(statement, "handlers", ()):
                    yield from self.block(handler.body, owner, qualname, True)
                for rest in (getattr(statement, "orelse", ()), getattr(statement, "final", ())):
                    yield from self.block(rest, owner, qualname, conditional)
            elif isinstance(statement, (ir.If, ir.For, ir.While)):
                yield from self.block(statement.body, owner, qualname, True)
                yield from self.block(statement.orelse, owner, qualname, True)
            elif isinstance(statement, ir.Match):
                for case in statement.cases:
                    yield from self.block(case.body, owner, qualname, True)

    def _assign(self, statement: ir.Assign, owner: str, conditional: bool) -> Iterator[Assignment]:
        if statement.value is None or statement.operator:
            return
        for target in statement.targets:
            name, holder = _target(target)
            if name in self._wanted:
                yield self._one(name, holder, statement.value, statement.span, owner, conditional)

    def _update(self, expression: ir.Expression, owner: str, conditional: bool) -> Iterator[Assignment]:
        """`app.config.update(DEBUG=True)`, `app.config.from_mapping({"DEBUG": True})`, `os.environ.setdefault("DEBUG", "1")`."""
        if not isinstance(expression, ir.Call) or not isinstance(expression.function, ir.Attribute):
            return
        holder = spelling(expression.function.value)
        if expression.function.name in _SETTERS and len(expression.arguments) == 2:
            named, given = (argument.value for argument in expression.arguments)
            if isinstance(named, ir.Constant) and isinstance(named.value, str) and named.value in self._wanted:
                yield self._one(named.value, holder, given, expression.span, owner, conditional)
            return
        if expression.function.name not in _UPDATES:
            return
        for argument in expression.arguments:
            span = argument.span or expression.span
            if argument.name in self._wanted and argument.name is not None:
                yield self._one(argument.name, holder, argument.value, span, owner, conditional)
            elif argument.name is None and isinstance(argument.value, ir.Mapping):
                for key, value in argument.value.items:
                    if isinstance(key, ir.Constant) and isinstance(key.value, str) and key.value in self._wanted:
                        yield self._one(key.value, holder, value, key.span or span, owner, conditional)

    def _one(
        self, name: str, holder: str, value: ir.Expression, span: Span, owner: str, conditional: bool
    ) -> Assignment:
        place = Place(self._scope.path, span)
        return Assignment(name, holder, self._argument(value, place), place, owner, conditional)

    def _argument(self, expression: ir.Expression, place: Place) -> Argument:
        return argument_of(self._evaluator.peek(expression, self._scope), place)


def _target(target: ir.Expression) -> tuple[str, str]:
    """The last name of a target and what it belongs to; two empty texts for what is no name, attribute or text key."""
    if isinstance(target, ir.Name):
        return target.id, ""
    if isinstance(target, ir.Attribute):
        return target.name, spelling(target.value)
    if isinstance(target, ir.Subscript) and isinstance(target.index, ir.Constant):
        return (target.index.value if isinstance(target.index.value, str) else ""), spelling(target.value)
    return "", ""


def spelling(expression: ir.Expression) -> str:
    """A dotted name as the code spells it; `?` stands for what is none."""
    if isinstance(expression, ir.Name):
        return expression.id
    if isinstance(expression, ir.Attribute):
        return f"{spelling(expression.value)}.{expression.name}"
    return "?"
