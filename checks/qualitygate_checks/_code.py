"""In: a linked project. Out: its functions with what is bound in them, found by place, by name, and by who calls them.

What the linked facts say of a call is the starting point; this is for checks that must know how a value was put together
inside a function and what the callers hand in. Names are matched, nothing is run, and every walk has an end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from qualitygate.authoring import Place, Project, Role, Span
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Route

Wanted: TypeAlias = Callable[[ir.Function], bool]


@dataclass(frozen=True)
class Binding:
    """One place that binds a name: ``how`` is `value`, `element` (of what a loop runs over), `part`, `added` or `entered`.

    ``key`` is the subscript that `name[key] = value` sets.
    """

    how: str
    value: ir.Expression
    line: int
    key: ir.Expression | None = None


@dataclass(eq=False)
class Body:
    """A function, or the code of a module outside of functions, with the names that are bound in it."""

    path: str
    qualname: str
    function: ir.Function | None
    given: tuple[ir.Statement, ...] | None
    outer: Body | None
    cls: ir.Class | None = None

    @cached_property
    def statements(self) -> tuple[ir.Statement, ...]:
        """The statements that were given, else those of the function, decoded when they are first asked for."""
        if self.given is None and self.function is not None:
            return ir.statements(self.function)
        return self.given or ()

    @cached_property
    def inside(self) -> tuple[Body, ...]:
        """The functions that stand in this body, those in its classes included, in order."""
        prefix = f"{self.qualname}." if self.qualname else ""
        return tuple(_inside(self, self.statements, None, prefix))

    @cached_property
    def calls(self) -> tuple[ir.Call, ...]:
        """Every call of the body, in the order of :meth:`expressions`."""
        return tuple([part for part in self.expressions() if type(part) is ir.Call])

    @cached_property
    def bindings(self) -> dict[str, list[Binding]]:
        """What is bound to each name, in the order of the code."""
        return _bound(self.statements)

    @cached_property
    def parameters(self) -> dict[str, ir.Parameter]:
        """The parameters by their names; a module has none."""
        return {parameter.name: parameter for parameter in self.function.parameters} if self.function else {}

    @property
    def owner(self) -> str:
        """`path:function`, or the path alone, as library calls name their owner."""
        return f"{self.path}:{self.qualname}" if self.qualname else self.path

    def expressions(self) -> Iterator[ir.Expression]:
        """Every expression of the body with everything inside it; not those of nested functions."""
        for expression in own_expressions(self.statements):
            yield from ir.subexpressions(expression)


def own_expressions(statements: tuple[ir.Statement, ...]) -> Iterator[ir.Expression]:
    """The expressions of statements and of the classes among them, nested functions left out."""
    yield from ir.expressions(statements)
    for statement in ir.walk(statements):
        if isinstance(statement, ir.Class):
            yield from ir.expressions(statement.body)


class Code:
    """The application's functions, each decoded when it is asked for; all checks share one: `project.once(Code)`."""

    def __init__(self, project: Project) -> None:
        self._modules = {
            file.path: file.module
            for file in project.files
            if file.module is not None and file.role is Role.APPLICATION and not file.module.generated
        }
        self._tops: dict[str, Body] = {}
        self._names: dict[str, list[tuple[str, ir.Function]]] | None = None
        self._words: dict[str, list[str]] | None = None
        self._routes: dict[str, list[Route]] = {}
        for route in project.routes:
            path = route.place.path
            module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            name = route.handler.removeprefix(f"{module}.")
            self._routes.setdefault(f"{path}:{name}", []).append(route)

    def at(self, place: Place, word: str) -> tuple[ir.Call, Body] | None:
        """The call of ``word`` whose called name stands at ``place``, with the body that it stands in."""
        for body in self.bodies(place.path, word):
            function = body.function
            if function is not None and not function.span.line <= place.span.line <= function.end_line:
                continue
            for call in body.calls:
                if call.name_span == place.span:
                    return call, body
        return None

    def handler(self, route: Route) -> Body | None:
        """The function that serves a route, where it is one of the project's own."""
        path = route.place.path
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        name = route.handler.removeprefix(f"{module}.")
        pending = list(self._top(path, self._modules[path]).inside) if path in self._modules else []
        for body in pending:
            if body.qualname == name:
                return body
            if name.startswith(f"{body.qualname}."):
                pending += body.inside
        return None

    def routes(self, body: Body) -> list[Route]:
        """The operations that a function is the handler of."""
        return self._routes.get(body.owner, [])

    def modules(self) -> Iterator[Body]:
        """The code of every module outside of its functions, in the order of the paths."""
        for path, module in sorted(self._modules.items()):
            yield self._top(path, module)

    def bodies(self, path: str, word: str = "", wanted: Wanted | None = None) -> Iterator[Body]:
        """The bodies of a file in which something named ``word`` is called; all of them where it is empty.

        ``wanted`` tells from a function's head, or from its encoded body, whether it and those in it are looked at.
        """
        module = self._modules.get(path)
        if module is None:
            return
        if wanted is None:
            wanted = _every if not word else lambda function: word in function.calls
        yield from _spread(self._top(path, module), wanted)

    def everywhere(self, word: str = "", wanted: Wanted | None = None) -> Iterator[Body]:
        """The same for all files, in the order of their paths."""
        for path in sorted(self._modules) if not word else self._called().get(word, ()):
            yield from self.bodies(path, word, wanted)

    def files_that_call(self, ending: str) -> list[str]:
        """The paths of the files in which something is called whose name ends so."""
        return sorted({path for word, paths in self._called().items() if word.endswith(ending) for path in paths})

    def _called(self) -> dict[str, list[str]]:
        """The files in which something of a name is called, in order: enough to pass over the others."""
        if self._words is None:
            self._words = {}
            for path, module in sorted(self._modules.items()):
                words = {word for function in _heads(module.body) for word in function.calls}
                words.update(last_name(call.function) for call in self._top(path, module).calls)
                for word in words:
                    self._words.setdefault(word, []).append(path)
        return self._words

    def named(self, name: str) -> list[Body]:
        """The functions and methods of this name, in all files."""
        if self._names is None:
            self._names = {}
            for path, module in sorted(self._modules.items()):
                for function in _heads(module.body):
                    self._names.setdefault(function.name, []).append((path, function))
        found = []
        for path, function in self._names.get(name, ()):
            top = self._top(path, self._modules[path])
            found += [body for body in top.inside if body.function is not None and body.function.span == function.span]
        return found

    def callers(self, body: Body, most: int = 60) -> list[tuple[ir.Call, Body]] | None:
        """Calls of a function by its name; None where there are too many.

        Where other functions have the name too, only calls count that can mean no other: in its own file, by an import of
        its module, by the name of its class.
        """
        if body.function is None or body.function.name.startswith("__"):
            return None
        name = body.function.name
        alone = len(self.named(name)) == 1
        found = []
        for caller in self.everywhere(name):
            for call in caller.calls:
                if last_name(call.function) == name:
                    if not alone and not self._means(call, caller, body):
                        continue
                    found.append((call, caller))
                    if len(found) > most:
                        return None
        return found

    def callee(self, call: ir.Call, caller: Body) -> Body | None:
        """The function of the project that a call surely means; None for a library's, and where several may be meant."""
        name = call_name(call)
        if not name:
            return None
        meant = [body for body in self.named(name) if self._means(call, caller, body)]
        return meant[0] if len(meant) == 1 else None

    def _means(self, call: ir.Call, caller: Body, body: Body) -> bool:
        """Whether a call means this one of several functions of the same name."""
        receiver = call.function.value if isinstance(call.function, ir.Attribute) else None
        if body.cls is not None:
            inside = last_name(receiver) in ("self", "cls") if receiver is not None else False
            return (inside and caller.cls is body.cls) or (
                receiver is not None and last_name(receiver) == body.cls.name
            )
        if receiver is None and caller.path == body.path:
            return True
        module = body.path.removesuffix(".py").removesuffix("/__init__")
        wanted = last_name(receiver) if receiver is not None else call_name(call)
        for statement in ir.walk(self._modules[caller.path].body):
            if not isinstance(statement, ir.Import):
                continue
            dotted = statement.module.replace(".", "/")
            for imported, alias in statement.names or (("", statement.alias or statement.module),):
                if (alias or imported).rpartition(".")[2] != wanted:
                    continue
                target = "/".join(filter(None, (dotted, imported if receiver is not None else "")))
                near = caller.path.rpartition("/")[0]
                if target and (module == target or module.endswith(f"/{target}")):
                    rivals = [
                        other.path
                        for other in self.named(body.qualname)
                        if other.path.endswith((f"/{target}.py", f"{target}.py"))
                    ]
                    return len(rivals) < 2 or _shared(near, body.path) == max(_shared(near, path) for path in rivals)
        return False

    def _top(self, path: str, module: ir.Module) -> Body:
        if path not in self._tops:
            self._tops[path] = Body(path, "", None, module.body, None)
        return self._tops[path]


def bodies_of(path: str, module: ir.Module, wanted: Wanted) -> Iterator[Body]:
    """The bodies of one file: the module's own first, then its functions that are wanted, in order.

    What stands in a function that is not wanted is not looked at.
    """
    yield from _spread(Body(path, "", None, module.body, None), wanted)


def _every(function: ir.Function) -> bool:
    return True


def _spread(body: Body, wanted: Wanted) -> Iterator[Body]:
    yield body
    for inner in body.inside:
        if inner.function is not None and wanted(inner.function):
            yield from _spread(inner, wanted)


def _heads(statements: tuple[ir.Statement, ...]) -> Iterator[ir.Function]:
    for statement in ir.walk(statements):
        if isinstance(statement, ir.Function):
            yield statement
        elif isinstance(statement, ir.Class):
            yield from _heads(statement.body)


def _inside(outer: Body, statements: tuple[ir.Statement, ...], cls: ir.Class | None, prefix: str) -> Iterator[Body]:
    for statement in ir.walk(statements):
        if isinstance(statement, ir.Class):
            yield from _inside(outer, statement.body, statement, f"{prefix}{statement.name}.")
        elif isinstance(statement, ir.Function):
            yield Body(outer.path, f"{prefix}{statement.name}", statement, None, outer, cls)


def _bound(statements: tuple[ir.Statement, ...]) -> dict[str, list[Binding]]:
    found: dict[str, list[Binding]] = {}
    for statement in ir.walk(statements):
        if isinstance(statement, ir.Assign) and statement.value is not None:
            how = "added" if statement.operator else "value"
            for target in statement.targets:
                _bind_target(found, target, statement.value, how, statement.span.line)
        elif isinstance(statement, ir.For):
            _bind_target(found, statement.target, statement.iterable, "element", statement.span.line)
        elif isinstance(statement, ir.With):
            for expression, entered in statement.items:
                if entered is not None:
                    _bind_target(found, entered, expression, "entered", statement.span.line)
    for expression in own_expressions(statements):
        for part in ir.subexpressions(expression):
            kind = type(part)
            if kind is ir.Name or kind is ir.Constant or kind is ir.Attribute:
                continue
            if isinstance(part, ir.Comprehension):
                for generator in part.generators:
                    _bind_target(found, generator.target, generator.iterable, "element", part.span.line)
            elif isinstance(part, ir.Walrus):
                _bind_target(found, part.target, part.value, "value", 0)
            elif (
                isinstance(part, ir.Call)
                and isinstance(part.function, ir.Attribute)
                and isinstance(part.function.value, ir.Name)
                and part.function.name in ("append", "extend", "insert", "add", "update")
                and part.arguments
            ):
                _note(found, part.function.value.id, Binding("added", part.arguments[-1].value, part.span.line))
    return found


def _bind_target(
    found: dict[str, list[Binding]], target: ir.Expression, value: ir.Expression, how: str, line: int
) -> None:
    if isinstance(target, ir.Name):
        _note(found, target.id, Binding(how, value, line))
    elif isinstance(target, ir.Sequence):
        pairs = (
            zip(target.items, value.items, strict=True)
            if isinstance(value, ir.Sequence) and how == "value" and len(value.items) == len(target.items)
            else ((item, value) for item in target.items)
        )
        inner = how if isinstance(value, ir.Sequence) and how == "value" else "element" if how == "element" else "part"
        for item, part in pairs:
            _bind_target(found, item, part, inner, line)
    elif isinstance(target, ir.Starred):
        _bind_target(found, target.value, value, "part", line)
    elif isinstance(target, ir.Subscript) and isinstance(target.value, ir.Name):
        _note(found, target.value.id, Binding("added", value, line, target.index))


def _note(found: dict[str, list[Binding]], name: str, binding: Binding) -> None:
    found.setdefault(name, []).append(binding)


def declared_functions(project: Project) -> Iterator[tuple[str, ir.Function]]:
    """Path and head of every function and method of the application; no body is decoded."""
    for file in project.files:
        if file.module is not None and file.role is Role.APPLICATION and not file.module.generated:
            for function in _heads(file.module.body):
                yield file.path, function


def call_name(call: ir.Call) -> str:
    """The last word of what is called."""
    return last_name(call.function)


def _shared(one: str, other: str) -> int:
    """How many folders two paths have in common, from the root."""
    count = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right:
            break
        count += 1
    return count


def last_name(expression: ir.Expression) -> str:
    """The last word of a dotted name: `get` of `client.session.get`; empty for anything else."""
    if isinstance(expression, ir.Name):
        return expression.id
    return expression.name if isinstance(expression, ir.Attribute) else ""


def spelling(expression: ir.Expression) -> str:
    """A dotted name as written, with calls and subscripts passed over; empty where it starts from something else."""
    parts: list[str] = []
    current = expression
    while True:
        if isinstance(current, ir.Name):
            parts.append(current.id)
            return ".".join(reversed(parts))
        if isinstance(current, ir.Attribute):
            parts.append(current.name)
            current = current.value
        elif isinstance(current, ir.Call):
            current = current.function
        elif isinstance(current, (ir.Subscript, ir.Await)):
            current = current.value
        else:
            return ".".join(reversed(parts))


def argument_for(call: ir.Call, callee: Body, parameter: str) -> ir.Expression | None:
    """What a call hands to a parameter, or the parameter's default; None where that cannot be told."""
    names = [item.name for item in callee.parameters.values() if item.kind in ("positional", "plain")]
    if names and names[0] in ("self", "cls") and callee.cls is not None:
        names = names[1:]
    position = 0
    for argument in call.arguments:
        if argument.stars:
            return None
        if argument.name == parameter:
            return argument.value
        if argument.name is None:
            if position < len(names) and names[position] == parameter:
                return argument.value
            position += 1
    return callee.parameters[parameter].default if parameter in callee.parameters else None


def span_of(expression: ir.Expression) -> Span | None:
    """The span of an expression, or of the first part of it that has one."""
    own: Span | None = getattr(expression, "span", None)
    if own is not None:
        return own
    spans: list[Span] = sorted(
        span for part in ir.subexpressions(expression) if (span := getattr(part, "span", None)) is not None
    )
    return Span(spans[0].line, spans[0].column, spans[-1].end_line, spans[-1].end_column) if spans else None
