"""In: the neutral programs of all files. Out: values of names, and every call of a library in the order it is made.

The program is followed, not run: modules from top to bottom, imports first, functions of the project by their bodies
when they are called. Both branches of a condition are followed unless it is decided by a literal. What cannot be told
becomes ``Unknown`` and stays so. Work is bounded: by depth, by repetition of loops and by a number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from qualitygate.frameworks.views import instances
from qualitygate.link.language import BUILTINS, FUNCTIONS, MAX_TEXT, METHODS, bounded, text_of
from qualitygate.link.names import ModuleIndex
from qualitygate.model import syntax as ir
from qualitygate.model.contract import Contract
from qualitygate.model.source import Place, Span
from qualitygate.model.values import (
    Arguments,
    Bound,
    BoundFunction,
    Choice,
    ClassValue,
    Entries,
    Event,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    LambdaValue,
    ModuleValue,
    Pattern,
    Scope,
    Unknown,
    Value,
)

MAX_DEPTH = 14
MAX_LINE = 100
"""Bases of a class that are looked at; thousands in a row would take quadratic time."""
MAX_REPEATS = 5_000
"""Items of one loop that are followed; a server of 350 operations registers them all in one."""
MAX_STEPS = 60_000
"""Statements followed for one module or entry function; far above what real start-up code takes."""
MAX_SPENT = 5 * MAX_STEPS
"""Statements followed in all calls of one function together: a hundred notebooks may each start the same server."""

_SETTINGS_BASES = frozenset({"BaseSettings", "Settings", "Env", "Config"})
_FIELDS = frozenset(
    {
        "pydantic.Field",
        "pydantic.fields.Field",
        "dataclasses.field",
        "attr.ib",
        "attr.attrib",
        "attr.field",
        "attrs.field",
        "msgspec.field",
    }
)
_ENVIRONMENT = frozenset(
    {
        "os.environ.get",
        "os.getenv",
        "decouple.config",
        "starlette.config.Config()",
        "environ.Env()",
        "environs.Env()",
    }
)


@dataclass(eq=False, slots=True)
class Site:
    """A call in a function's body, as tracing sees it: what is called (resolved), with what, where, and in what."""

    callee: Value
    arguments: Arguments
    place: Place
    expression: ir.Call
    in_loop: bool
    conditional: bool
    awaited: bool
    in_try: bool
    deferred: bool = False
    """Inside a lambda: made when, and where, that is called."""


@dataclass(eq=False, slots=True)
class Trace:
    """What tracing one function's body gathers."""

    sites: list[Site] = field(default_factory=list)
    returns: list[tuple[ir.Expression | None, Value, Place]] = field(default_factory=list)
    raises: list[tuple[ir.Expression, Value, Place]] = field(default_factory=list)
    unwritten: list[tuple[FunctionValue, Value | None, Place]] = field(default_factory=list)
    """Functions that run without a call that is written: properties that are read, contexts that are entered."""


class _Return(Exception):
    """The followed function returned on every path seen so far."""


class Evaluator:
    """Follows a whole project. See ``model.values.Evaluation`` for what adapters may ask of it."""

    def __init__(self, modules: Mapping[str, ir.Module], contracts: tuple[Contract, ...] = ()) -> None:
        self._modules = dict(modules)
        self.contracts = contracts
        self.index = ModuleIndex(self._modules)
        self._scopes: dict[str, Scope] = {}
        self._done: set[str] = set()
        self.events: list[Event] = []
        self._instances: tuple[int, tuple[Instance, ...]] | None = None
        self.functions: dict[str, FunctionValue] = {}
        self.classes: dict[str, ClassValue] = {}
        self.cut_short: list[str] = []
        self._bodies: dict[int, tuple[ir.Statement, ...]] = {}
        self._executed: set[int] = set()
        self._remembered: dict[int, Value] = {}
        self._stack: list[int] = []
        self._conditions = 0
        self._loops = 0
        self._tries = 0
        self._lambdas = 0
        self._awaiting = False
        self._steps = 0
        self._spent: dict[int, int] = {}
        self._registers: frozenset[str] = frozenset()
        self._silent = 0
        self._inferring = 0
        self._owner = ""
        self._trace: Trace | None = None
        self._at = Span(1, 1, 1, 1)
        self._tracing = ""
        self._results: list[list[Value]] = []
        self._less_likely: list[list[Value]] = []
        self._unlikely = 0
        self._improbable = 0
        self._typing: dict[str, list[ir.Import]] = {}
        self._line: list[ClassValue] = []
        self._orders: dict[int, list[Value]] = {}
        self._ancestors: dict[int, tuple[tuple[ClassValue | External, ...], frozenset[str]]] = {}
        self._django: list[str] | None = None

    # -- the whole program

    def follow(self, registering: frozenset[str]) -> None:
        """Follow every module, then every function that registers something and that nobody called.

        ``registering`` holds the names of calls and decorators by which frameworks are told of routes.
        """
        self._registers = registering
        for path in sorted(self._modules):
            self._steps = 0
            self._follow_module(path)
        pending = [function for function in self._registering(registering) if id(function) not in self._executed]
        called = {name for function in pending for name in function.node.calls}
        # A factory that nobody calls comes before the helpers that it calls, so that these see its application.
        for function in sorted(pending, key=lambda function: (function.node.name in called, function.path)):
            if id(function) not in self._executed:
                self._steps = 0
                try:
                    self.call(
                        self._method_of(function), self._unknown_arguments(), _place(function.path, function.node.span)
                    )
                except RecursionError:
                    self._cut(function.path)

    def _registering(self, registering: frozenset[str]) -> list[FunctionValue]:
        """Functions that register something: by a call of these names, of a class that comes from one of them, of a
        helper that does so (`create_app`, `init_routes`), or of a method of their own class that does.
        """
        heirs = {
            cls.node.name
            for cls in self.classes.values()
            if any(isinstance(b, External) and b.name.rsplit(".", 1)[-1] in registering for b in self.ancestry(cls))
        }
        helpers = [function for function in self.functions.values() if function.qualname == function.node.name]
        names = registering | heirs
        for _ in range(2):
            names |= {function.node.name for function in helpers if names.intersection(function.node.calls)}
        found = {id(f): f for f in self.functions.values() if names.intersection(f.node.calls)}
        methods = [function for function in self.functions.values() if function.owner is not None]
        for _ in range(3):
            named = {(id(f.owner), f.node.name) for f in found.values() if f.owner is not None}
            for function in methods:
                if any((id(function.owner), name) in named for name in function.node.calls):
                    found.setdefault(id(function), function)
        return list(found.values())

    def _method_of(self, function: FunctionValue) -> Value:
        if function.owner is None:
            return function
        return BoundFunction(Instance(function.owner, Arguments([], {}, False), None), function)

    def _unknown_arguments(self) -> Arguments:
        return Arguments([], {}, False)

    def _follow_module(self, path: str) -> Scope:
        if path in self._scopes:
            return self._scopes[path]
        scope = Scope(path, {})
        self._scopes[path] = scope
        with self._fresh_context(path), suppress(_Return):
            # What a module imports is followed on an account of its own.
            steps, self._steps = self._steps, 0
            try:
                self._block(self._modules[path].body, scope)
            except RecursionError:
                # Thousands of modules that import one another in a row, or terms that stand in one another.
                self._cut(path)
            finally:
                self._steps = steps
        self._done.add(path)
        return scope

    @contextmanager
    def _fresh_context(self, owner: str) -> Iterator[None]:
        saved = (self._conditions, self._loops, self._tries, self._owner, self._trace, self._silent, self._stack)
        self._conditions, self._loops, self._tries, self._owner, self._trace = 0, 0, 0, owner, None
        self._silent, self._stack = 0, []
        try:
            yield
        finally:
            (self._conditions, self._loops, self._tries, self._owner, self._trace, self._silent, self._stack) = saved

    # -- what adapters ask

    def instances(self) -> Sequence[Instance]:
        """Every object that the events hand around or call methods of, each once, in order."""
        # Found once for all frameworks, and anew where more of the program was followed.
        if self._instances is None or self._instances[0] != len(self.events):
            self._instances = len(self.events), tuple(instances(self.events))
        return self._instances[1]

    def modules(self) -> Iterator[tuple[str, Scope]]:
        """Path and scope of every module."""
        yield from sorted(self._scopes.items())

    def module_body(self, path: str) -> tuple[ir.Statement, ...]:
        """The statements of a module of the project."""
        return self._modules[path].body

    def module(self, dotted: str, near: str = "") -> ModuleValue | None:
        """A module by its absolute import name."""
        path = self.index.absolute(dotted, near) if dotted else None
        return None if path is None else ModuleValue(path)

    def lookup(self, dotted: str, near: str = "") -> Value | None:
        """What a dotted string names: `package.module`, `package.module.attribute` or `package.module:attribute`."""
        dotted, _, attribute = dotted.partition(":")
        parts = [part for part in dotted.split(".") if part]
        for length in range(len(parts), 0, -1):
            if (module := self.module(".".join(parts[:length]), near)) is not None:
                value: Value = module
                for name in (*parts[length:], *filter(None, attribute.split("."))):
                    value = self.attribute(value, name)
                return None if isinstance(value, Unknown) else value
        return None

    def ancestry(self, value: Value) -> tuple[ClassValue | External, ...]:
        """The class of an object (or a class itself) and its bases, in the order in which Python looks for attributes."""
        if isinstance(value, Choice):
            value = value.values[0]
        if isinstance(value, Instance):
            value = value.cls
        if isinstance(value, External):
            return (value,)
        return self._kin(value) if isinstance(value, ClassValue) else ()

    def _kin(self, cls: ClassValue) -> tuple[ClassValue | External, ...]:
        known = self._ancestors.get(id(cls))
        if known is None:
            unique: dict[object, ClassValue | External] = {}
            for member in self._linear(cls):
                if isinstance(member, External):
                    unique.setdefault(member.name, member)
                elif isinstance(member, ClassValue):
                    unique.setdefault(id(member), member)
            kin = tuple(unique.values())
            known = self._ancestors[id(cls)] = (kin, frozenset(m.name for m in kin if isinstance(m, External)))
        return known[0]  # the class itself is among them, so that its identity stays its own

    def is_a(self, value: Value | None, names: frozenset[str]) -> bool:
        """Whether a class or an object comes from one of the library classes ``names``."""
        if isinstance(value, Choice):
            value = value.values[0]
        if isinstance(value, Instance):
            value = value.cls
        if isinstance(value, External):
            return value.name in names
        return (
            isinstance(value, ClassValue)
            and bool(self._kin(value))
            and not names.isdisjoint(self._ancestors[id(value)][1])
        )

    def annotation(self, expression: ir.Expression | None, scope: Scope) -> Value:
        """What a type annotation names; text annotations are looked up by name."""
        if expression is None:
            return Unknown()
        if isinstance(expression, ir.Constant) and isinstance(expression.value, str):
            expression = _parse_dotted(expression.value)
            if expression is None:
                return Unknown()
        with self._quietly():
            return self.evaluate(expression, scope)

    def peek(self, expression: ir.Expression, scope: Scope) -> Value:
        """The value of an expression in a scope that was followed already, without any event."""
        with self._quietly():
            return self.evaluate(expression, scope)

    def imported(self, statement: ir.Import, near: str) -> str | None:
        """The path of the project's module that an import in the file ``near`` takes names from; None for a library."""
        if statement.level:
            return self.index.relative(statement.level, statement.module, near)
        return self.index.absolute(statement.module, near)

    # -- statements

    def body(self, function: FunctionValue) -> tuple[ir.Statement, ...]:
        """The decoded statements of a function."""
        key = id(function.node)
        if key not in self._bodies:
            self._bodies[key] = ir.statements(function.node)
        return self._bodies[key]

    def _block(self, statements: Iterable[ir.Statement], scope: Scope) -> None:
        for statement in statements:
            self._steps += 1
            if self._steps > MAX_STEPS:
                self._cut(scope.path)
                return
            self._at = getattr(statement, "span", self._at)
            self._statement(statement, scope)

    def _cut(self, path: str) -> None:
        """Tell that the code of a file was not followed to its end."""
        # Inference has a small budget of its own, and what it leaves out is merely not inferred.
        if not self._inferring and self._trace is None and path not in self.cut_short:
            self.cut_short.append(path)

    def _statement(self, statement: ir.Statement, scope: Scope) -> None:
        follow = _STATEMENTS.get(type(statement))
        if follow is not None:
            follow(self, statement, scope)

    def _evaluate_statement(self, statement: ir.Evaluate, scope: Scope) -> None:
        self.evaluate(statement.value, scope)

    def _with(self, statement: ir.With, scope: Scope) -> None:
        for expression, target in statement.items:
            value = self._entered(self.evaluate(expression, scope))
            if target is not None:
                self._bind(target, value, scope)
        self._block(statement.body, scope)

    def _return(self, statement: ir.Return, scope: Scope) -> None:
        value = self.evaluate(statement.value, scope) if statement.value is not None else Known(None)
        self._returned(value, statement.value, statement.span, scope)
        if not self._conditions:
            raise _Return

    def _while(self, statement: ir.While, scope: Scope) -> None:
        self._looping(statement.test, statement.body, scope)
        self._block(statement.orelse, scope)

    def _raise(self, statement: ir.Raise, scope: Scope) -> None:
        if statement.exception is not None:
            value = self.evaluate(statement.exception, scope)
            if self._trace is not None:
                self._trace.raises.append((statement.exception, value, _place(scope.path, statement.span)))
        if not self._conditions:
            raise _Return

    def _match(self, statement: ir.Match, scope: Scope) -> None:
        self.evaluate(statement.subject, scope)
        for case in statement.cases:
            self._branch(case.body, scope)

    def _returned(self, value: Value, expression: ir.Expression | None, span: Span, scope: Scope) -> None:
        if self._trace is not None:
            self._trace.returns.append((expression, value, _place(scope.path, span)))
        if self._results:
            (self._less_likely if self._unlikely else self._results)[-1].append(value)

    def _define_function(self, node: ir.Function, scope: Scope) -> None:
        qualname = f"{scope.owner}.{node.name}" if scope.owner else node.name
        owner = scope.names.get("__class__")
        function = FunctionValue(scope.path, qualname, node, scope, owner if isinstance(owner, ClassValue) else None)
        self.functions.setdefault(f"{scope.path}:{qualname}", function)
        scope.names[node.name] = function
        bound: Value = function
        for decorator in reversed(node.decorators):
            value = self.evaluate(decorator.expression, scope)
            function.decorators.append(value)
            bound = self._decorate(value, bound, decorator, scope)
        scope.names[node.name] = bound
        for parameter in node.parameters:
            if parameter.default is not None and isinstance(parameter.default, ir.Call):
                continue  # evaluated when the function is followed or asked for its dependencies

    def _decorate(self, value: Value, target: Value, decorator: ir.Decorator, scope: Scope) -> Value:
        place = _place(scope.path, decorator.span)
        if isinstance(value, Instance) and value.event is not None and value.event.target is None:
            value.event.target = target
            return target
        if isinstance(value, Instance) and _class_name(value) == "functools.wraps":
            # A wrapper stands for what it wraps, as for a decorated function: `view = login_required(view)`.
            wrapped = value.arguments.get("wrapped", 0)
            return wrapped if isinstance(wrapped, (FunctionValue, BoundFunction, Instance)) else target
        if isinstance(value, (Bound, External)):
            name = value.name
            receiver = value.receiver if isinstance(value, Bound) else None
            if name in (
                "builtins.property",
                "functools.cached_property",
                "builtins.staticmethod",
                "builtins.classmethod",
            ):
                return target
            self._record(Event(name, receiver, Arguments([target], {}), place, target, owner=self._owner))
            return target
        if isinstance(value, (FunctionValue, BoundFunction, LambdaValue)):
            result = self.call(value, Arguments([target], {}), place)
            # A decorator of the project's own mostly wraps: what is decorated stays what is found under the name.
            made = isinstance(result, ClassValue) or (isinstance(result, Instance) and result.place is not None)
            return result if made else target
        return target

    def _define_class(self, node: ir.Class, scope: Scope) -> None:
        qualname = f"{scope.owner}.{node.name}" if scope.owner else node.name
        bases: list[Value] = []
        keywords: dict[str, Value] = {}
        for argument in node.bases:
            value = self.evaluate(argument.value, scope)
            if argument.name is None:
                bases.append(value.values[0] if isinstance(value, Choice) else value)
            else:
                keywords[argument.name] = value
        names: dict[str, Value] = {}
        cls = ClassValue(scope.path, qualname, node, scope, names, bases, keywords=keywords)
        self.classes.setdefault(f"{scope.path}:{qualname}", cls)
        inner = Scope(scope.path, names, scope, qualname)
        names["__class__"] = cls
        for statement in node.body:
            if isinstance(statement, ir.Assign) and statement.annotation is not None:
                for target in statement.targets:
                    if isinstance(target, ir.Name):
                        cls.annotations[target.id] = statement.annotation
        scope.names[node.name] = cls
        self._block(node.body, inner)
        for decorator in reversed(node.decorators):
            value = self.evaluate(decorator.expression, scope)
            cls.decorators.append(value)
            self._decorate(value, cls, decorator, scope)
        scope.names[node.name] = cls

    def _assign(self, statement: ir.Assign, scope: Scope) -> None:
        if statement.value is None:
            return
        value = self.evaluate(statement.value, scope)
        if statement.operator:
            target = statement.targets[0]
            current = self.evaluate(target, scope) if not isinstance(target, ir.Subscript) else Unknown()
            if isinstance(current, Items) and statement.operator == "+=":
                current.items.extend(self._spliced(value))
                current.complete = current.complete and isinstance(value, Items) and value.complete
                bounded(current)
                return
            value = self.add([current, value]) if statement.operator == "+=" else Unknown("computed")
        for target in statement.targets:
            self._bind(target, value, scope)

    def _bind(self, target: ir.Expression, value: Value, scope: Scope) -> None:
        if isinstance(target, ir.Name):
            if scope.owner and isinstance(scope.names.get("__class__"), ClassValue) and isinstance(value, Known):
                value = self._settings_default(value, scope)
            scope.names[target.id] = value
        elif isinstance(target, ir.Attribute):
            owner = self.evaluate(target.value, scope)
            if isinstance(owner, (Instance, FunctionValue)):
                owner.attributes[target.name] = value
            elif isinstance(owner, ClassValue):
                owner.names[target.name] = value
            elif isinstance(owner, ModuleValue) and owner.path in self._scopes:
                self._scopes[owner.path].names[target.name] = value
        elif isinstance(target, ir.Subscript):
            owner = self.evaluate(target.value, scope)
            index = self.evaluate(target.index, scope)
            if isinstance(owner, Entries):
                if isinstance(index, Known):
                    owner.entries[index.value] = value
                else:
                    owner.complete = False
            elif isinstance(owner, Items) and isinstance(index, Known) and type(index.value) is int:
                # Under a condition either may hold: what was there stays.
                if not self._conditions and -len(owner.items) <= index.value < len(owner.items):
                    owner.items[index.value] = value
            elif isinstance(owner, Instance) and isinstance(index, Known) and isinstance(index.value, str):
                owner.attributes[f"[{index.value}]"] = value
                self._record(
                    Event(
                        "__setitem__",
                        owner,
                        Arguments([index, value], {}),
                        _place(scope.path, _span_of(target) or Span(1, 1, 1, 1)),
                        owner=self._owner,
                    )
                )
        elif isinstance(target, ir.Sequence):
            items = self.items(value)
            for position, item in enumerate(target.items):
                if isinstance(item, ir.Starred):
                    rest = items[position : len(items) - (len(target.items) - position - 1)]
                    self._bind(item.value, Items(rest, isinstance(value, Items) and value.complete), scope)
                    items = [*items[:position], Unknown("unpacked"), *items[position + len(rest) :]]
                else:
                    self._bind(item, items[position] if position < len(items) else Unknown("unpacked"), scope)

    def _settings_default(self, value: Known, scope: Scope) -> Known:
        cls = scope.names["__class__"]
        for base in self.ancestry(cls):
            if isinstance(base, External) and base.name.rsplit(".", 1)[-1] in _SETTINGS_BASES:
                return Known(value.value, sure=False)
        return value

    def _import(self, statement: ir.Import, scope: Scope) -> None:
        if not statement.names:
            first = statement.module if statement.alias else statement.module.split(".", 1)[0]
            path = self.index.absolute(statement.module, scope.path)
            if path is not None:
                self._enter(path)
                path = self.index.absolute(first, scope.path)
            scope.names[statement.alias or first] = ModuleValue(path) if path else External(first)
            return
        if statement.level:
            path = self.index.relative(statement.level, statement.module, scope.path)
        else:
            path = self.index.absolute(statement.module, scope.path)
        for name, alias in statement.names:
            if name == "*":
                if path is not None:
                    self._import_all(path, scope)
                continue
            scope.names[alias or name] = self._imported(path, statement.module, name, scope)

    def _imported(self, path: str | None, module: str, name: str, scope: Scope) -> Value:
        if path is None:
            return External(f"{module}.{name}")
        found = self._member(path, name)
        return found if found is not None else Unknown(f"{name} is not found in {path}", name)

    def _import_all(self, path: str, scope: Scope) -> None:
        source = self._enter(path)
        if source is not None:
            public = source.names.get("__all__")
            wanted = None
            if isinstance(public, Items) and public.complete:
                wanted = {item.value for item in public.items if isinstance(item, Known)}
            for name, value in list(source.names.items()):
                if (name in wanted) if wanted is not None else not name.startswith("_"):
                    scope.names[name] = value

    def _enter(self, path: str) -> Scope | None:
        return self._follow_module(path) if path in self._modules else None

    def _member(self, path: str, name: str) -> Value | None:
        """``name`` of the module or package ``path``: a name of its scope, else a submodule."""
        scope = self._enter(path)
        if scope is not None and name in scope.names:
            return scope.names[name]
        child = self.index.child(path, name)
        if child is not None:
            self._enter(child)
            return ModuleValue(child)
        if scope is not None and "__getattr__" not in scope.names and path not in self._done:
            return Unknown("imported in a circle", name)
        return None

    def _if(self, statement: ir.If, scope: Scope) -> None:
        test = self.evaluate(statement.test, scope)
        truth = self._truth(test)
        if self._trace is not None and _asks_itself(statement.test):
            truth = None
        if truth is True:
            self._block(statement.body, scope)
        elif truth is False:
            if isinstance(test, External):  # TYPE_CHECKING
                names = (inner for inner in statement.body if isinstance(inner, ir.Import))
                self._typing.setdefault(scope.path, []).extend(names)
            self._block(statement.orelse, scope)
        else:
            before = dict(scope.names)
            likely = _likely(test)
            self._branch(statement.body, scope, unlikely=likely is False)
            after = dict(scope.names)
            scope.names.clear()
            scope.names.update(before)
            self._branch(statement.orelse, scope, unlikely=likely is True)
            self._merge(before, after, scope, likely)

    def _branch(self, body: Sequence[ir.Statement], scope: Scope, unlikely: bool = False) -> None:
        self._conditions += 1
        self._unlikely += unlikely
        self._improbable += unlikely
        try:
            self._block(body, scope)
        finally:
            self._conditions -= 1
            self._unlikely -= unlikely
            self._improbable -= unlikely

    def _merge(
        self, before: dict[str, Value], first: dict[str, Value], scope: Scope, likely: bool | None = None
    ) -> None:
        """Names after a condition that cannot be decided: see ``_either``. ``likely`` is what the defaults decide."""
        for name, value in first.items():
            other = scope.names.get(name)
            if other is None:
                scope.names[name] = value
            elif other is not value:
                scope.names[name] = self._either(before.get(name), value, other, likely)

    def _either(self, before: Value | None, first: Value, second: Value, likely: bool | None = None) -> Value:
        if isinstance(first, Unknown):
            return second
        if isinstance(second, Unknown):
            return first
        if before is not None and (first is before or second is before):
            changed = second if first is before else first
            # `prefix = ""; if SITE_ROOT: prefix = ...` keeps its default; `app = None; if ...: app = X()` does not.
            if isinstance(before, Known) and before.value is None:
                return changed
            kept = isinstance(before, (Known, Choice, Pattern))
            if isinstance(before, Items) and isinstance(changed, Items) and before.items:
                # `urls = urls + debug_urls` adds to it; `urls = [prefixed(url) for url in urls]` is another list.
                held = {id(item) for item in changed.items}
                kept = not all(id(item) in held for item in before.items)
            if kept:
                chosen = (changed, before) if likely == (changed is first) else (before, changed)
                return Choice(chosen, default=likely is not None)
            return changed
        if isinstance(first, Known) and isinstance(second, Known) and first.value == second.value:
            return first
        if isinstance(first, Known) and first.value is None:
            return second
        if isinstance(second, Known) and second.value is None:
            return first
        return Choice((second, first) if likely is False else (first, second), default=likely is not None)

    def _for(self, statement: ir.For, scope: Scope) -> None:
        iterable = self.evaluate(statement.iterable, scope)
        if isinstance(iterable, Choice):
            iterable = iterable.values[0]
        if isinstance(iterable, (Items, Entries)) and self._trace is None:
            items = self.items(iterable)
            for item in items[:MAX_REPEATS]:
                self._bind(statement.target, item, scope)
                self._loops += 1
                try:
                    self._block(statement.body, scope)
                finally:
                    self._loops -= 1
        else:
            self._bind(statement.target, self._element(iterable), scope)
            self._looping(None, statement.body, scope)
        self._branch(statement.orelse, scope)

    def _element(self, iterable: Value) -> Value:
        items = self.items(iterable)
        return items[0] if items else Unknown("an element of an unknown sequence")

    def _looping(self, test: ir.Expression | None, body: Sequence[ir.Statement], scope: Scope) -> None:
        if test is not None:
            self.evaluate(test, scope)
        self._loops += 1
        try:
            self._branch(body, scope)
        finally:
            self._loops -= 1

    def _try(self, statement: ir.Try, scope: Scope) -> None:
        self._tries += 1
        try:
            self._branch(statement.body, scope)
        finally:
            self._tries -= 1
        for handler in statement.handlers:
            before = dict(scope.names)
            if handler.name:
                cls = self.evaluate(handler.exception, scope) if handler.exception is not None else Unknown()
                if isinstance(cls, Items) and cls.items:
                    cls = cls.items[0]
                caught = cls if isinstance(cls, (ClassValue, External)) else External("builtins.Exception")
                scope.names[handler.name] = Instance(
                    caught, Arguments([], {}, False), None, {"__caught__": Known(True)}
                )
            self._branch(handler.body, scope)
            # What the body bound is what normally holds: `try: import x / except ImportError: x = None`.
            for name, value in before.items():
                if not isinstance(value, Unknown):
                    scope.names[name] = value
        self._block(statement.orelse, scope)
        self._block(statement.final, scope)

    # -- expressions

    def evaluate(self, expression: ir.Expression, scope: Scope) -> Value:
        """The value of an expression in a scope."""
        if isinstance(expression, ir.Name):
            return self._name(expression.id, scope)
        if isinstance(expression, ir.Constant):
            return Known(expression.value)
        if isinstance(expression, ir.Attribute):
            return self.attribute(self.evaluate(expression.value, scope), expression.name)
        follow = _EXPRESSIONS.get(type(expression))
        return follow(self, expression, scope) if follow is not None else Unknown()

    def _template(self, expression: ir.Template, scope: Scope) -> Value:
        return self.add([self.evaluate(part, scope) for part in expression.parts], text=True)

    def _conditional(self, expression: ir.Conditional, scope: Scope) -> Value:
        test = self.evaluate(expression.test, scope)
        truth = self._truth(test)
        body = self.evaluate(expression.body, scope)
        orelse = self.evaluate(expression.orelse, scope)
        likely = _likely(test)
        return body if truth is True else orelse if truth is False else self._either(None, body, orelse, likely)

    def _await(self, expression: ir.Await, scope: Scope) -> Value:
        self._awaiting = True
        return self.evaluate(expression.value, scope)

    def _lambda(self, expression: ir.Lambda, scope: Scope) -> Value:
        if self._trace is not None:
            self._quiet_parameters(expression, scope)
        return LambdaValue(expression.body, scope)

    def _walrus(self, expression: ir.Walrus, scope: Scope) -> Value:
        value = self.evaluate(expression.value, scope)
        self._bind(expression.target, value, scope)
        return value

    def _starred(self, expression: ir.Starred, scope: Scope) -> Value:
        return self.evaluate(expression.value, scope)

    def _yield(self, expression: ir.Yield, scope: Scope) -> Value:
        value = self.evaluate(expression.value, scope) if expression.value is not None else Known(None)
        if self._results:
            self._results[-1].append(value)
        return Unknown("sent into a generator")

    def _opaque(self, expression: ir.Opaque, scope: Scope) -> Value:
        return Unknown(expression.kind)

    def _quiet_parameters(self, expression: ir.Lambda, scope: Scope) -> None:
        inner = Scope(
            scope.path, {p.name: Unknown("a parameter", p.name) for p in expression.parameters}, scope, scope.owner
        )
        self._lambdas += 1
        try:
            self.evaluate(expression.body, inner)
        finally:
            self._lambdas -= 1

    def _name(self, name: str, scope: Scope) -> Value:
        current: Scope | None = scope
        while current is not None:
            if name in current.names and not (
                current is not scope and isinstance(current.names.get("__class__"), ClassValue) and current.parent
            ):
                return current.names[name]
            current = current.parent
        if name in BUILTINS:
            return External(f"builtins.{name}")
        return self._typing_name(name, scope) or Unknown(f"the name {name} is not known", name)

    def _typing_name(self, name: str, scope: Scope) -> Value | None:
        """A name that is imported for annotations only; a module that is still being followed is not entered for it."""
        for statement in self._typing.get(scope.path, ()):
            if statement.level:
                path = self.index.relative(statement.level, statement.module, scope.path)
            else:
                path = self.index.absolute(statement.module, scope.path)
            if path is not None and path in self._modules and path not in self._done:
                continue
            for imported, alias in statement.names:
                if name == (alias or imported):
                    return self._imported(path, statement.module, imported, scope)
            if not statement.names and name == (statement.alias or statement.module):
                return ModuleValue(path) if path is not None else External(statement.module)
        return None

    def attribute(self, value: Value, name: str) -> Value:
        """The attribute of a value, through objects, classes, modules and libraries."""
        if isinstance(value, External):
            if value.name == "http.HTTPMethod" and name.isupper():
                return Known(name)
            setting = self._django_setting(name) if value.name == "django.conf.settings" else None
            return setting if setting is not None else External(f"{value.name}.{name}")
        if isinstance(value, ModuleValue):
            found = self._member(value.path, name)
            return found if found is not None else Unknown(f"{name} is not found in {value.path}", name)
        if isinstance(value, Instance):
            if name in value.attributes:
                return value.attributes[name]
            if name == "__class__":
                return value.cls
            return self._class_attribute(value.cls, name, value)
        if isinstance(value, (ClassValue, FunctionValue)) and name in ("__name__", "__qualname__", "__module__"):
            return Known(_dotted(value.path) if name == "__module__" else value.node.name)
        if isinstance(value, ClassValue):
            return self._class_attribute(value, name, None)
        if isinstance(value, Choice):
            return self.attribute(value.values[0], name)
        if isinstance(value, FunctionValue) and name in value.attributes:
            return value.attributes[name]
        if isinstance(value, Known) and name in ("value", "name") and isinstance(value.value, str):
            return value  # a member of an enumeration is kept as what it stands for
        return Bound(value, name)

    def _django_setting(self, name: str) -> Value | None:
        """What a settings module of a Django project gives a name; another one may replace it."""
        if self._django is None:
            self._django = [path for path, module in sorted(self._modules.items()) if _configures_django(module)]
        for path in self._django:
            if path in self._done or path not in self._scopes:
                value = self._follow_module(path).names.get(name)
                if isinstance(value, (Known, Pattern, Choice, Items, Entries)):
                    return self._unsure(value)
        return None

    def _class_attribute(self, cls: ClassValue | External, name: str, instance: Instance | None) -> Value:
        library = False
        for base in self.ancestry(cls):
            if isinstance(base, External):
                library = True
                continue
            if name in base.names:
                value = base.names[name]
                if isinstance(value, Instance) and (declared := self._field_default(value, name, instance)) is not None:
                    return declared
                if name == "as_view" and self._is_library_class(cls):
                    break  # an override wraps what the library makes of the class
                return self._bound(value, instance, cls)
            if name in base.annotations:
                return self._typed(self.annotation(base.annotations[name], base.scope))
        receiver: Value = instance if instance is not None else cls
        if isinstance(cls, External) and instance is None:
            return External(f"{cls.name}.{name}")
        if instance is not None and not library and isinstance(cls, ClassValue):
            # Set in `__init__`, perhaps: follow it once to see.
            found = self._from_constructor(cls, name)
            if found is not None:
                return found
        elif instance is not None and isinstance(cls, ClassValue):
            found = self._from_constructor(cls, name)
            if found is not None:
                return found
        return Bound(receiver, name)

    def _field_default(self, value: Instance, name: str, instance: Instance | None) -> Value | None:
        """What an object holds under a field that its class declares: `Field("/api")`, `field(default_factory=list)`.

        None where ``value`` declares no field. The environment or the configuration may replace the default.
        """
        if value.event is not None and value.event.name == "tag" and isinstance(value.event.receiver, Instance):
            value = value.event.receiver  # `Unicode("/").tag(config=True)`
        trait = any(isinstance(base, External) and base.name.startswith("traitlets.") for base in self.ancestry(value))
        if instance is None or not (trait or _class_name(value) in _FIELDS):
            return None
        for method in self._defaulting(instance.cls, name) if trait else ():
            computed = self.call(BoundFunction(instance, method), Arguments([], {}), _place_of(value))
            if isinstance(computed, (Known, Pattern, Choice, Items, Entries, ClassValue)):
                return self._unsure(computed)
        by_position = 0 if trait or _class_name(value).endswith("Field") else None
        default = value.arguments.get("default", by_position) or value.arguments.get("default_value")
        factory = value.arguments.get("default_factory")
        if default is None and factory is not None:
            default = self.call(factory, Arguments([], {}), _place_of(value))
        return Unknown("a field without a default", name) if default is None else self._unsure(default)

    def _defaulting(self, cls: ClassValue | External, name: str) -> Iterator[FunctionValue]:
        """Methods that compute the default of a trait: `@default("name")`."""
        for base in self.ancestry(cls):
            for method in base.names.values() if isinstance(base, ClassValue) else ():
                if isinstance(method, FunctionValue) and any(
                    _last(decorator) == "default" and text_of(decorator.arguments.get("name", 0)) == name
                    for decorator in method.decorators
                    if isinstance(decorator, Instance)
                ):
                    yield method

    def _unsure(self, value: Value) -> Value:
        return Known(value.value, sure=False) if isinstance(value, Known) else value

    def _from_constructor(self, cls: ClassValue, name: str) -> Value | None:
        """An attribute that the constructor sets, by following it once with unknown arguments."""
        key = id(cls)
        if key not in self._remembered:
            blank = Instance(cls, Arguments([], {}, False), None)
            self._remembered[key] = blank
            constructor = self._method(cls, "__init__")
            if constructor is not None:
                with self._quietly():
                    self._follow_function(constructor, blank, Arguments([], {}, False))
        blank_value = self._remembered[key]
        found = blank_value.attributes.get(name) if isinstance(blank_value, Instance) else None
        return None if isinstance(found, (Unknown, type(None))) else found

    def _method(self, cls: ClassValue, name: str) -> FunctionValue | None:
        for base in self.ancestry(cls):
            if isinstance(base, ClassValue) and isinstance(found := base.names.get(name), FunctionValue):
                return found
        return None

    def _is_library_class(self, cls: ClassValue | External) -> bool:
        return any(isinstance(base, External) for base in self.ancestry(cls))

    def _bound(self, found: Value, instance: Instance | None, cls: ClassValue | External) -> Value:
        if not isinstance(found, FunctionValue):
            return found
        names = {_last(decorator) for decorator in found.decorators}
        if found.node.name == "urls" and instance is not None and self._method_named(instance, "register"):
            return Bound(instance, "urls")  # a router of the project's own: what was registered says more
        if names & {"property", "cached_property", "computed_field"}:
            self._runs(found, instance)
            return (
                self.call(BoundFunction(instance, found), Arguments([], {}), _place(found.path, found.node.span))
                if instance
                else Unknown()
            )
        if "staticmethod" in names:
            return found
        if "classmethod" in names:
            actual = cls.names.get("__derived__", cls) if isinstance(cls, ClassValue) else cls
            return BoundFunction(actual if isinstance(actual, ClassValue) else found.owner or Unknown(), found)
        return BoundFunction(instance, found) if instance is not None else found

    def _method_named(self, instance: Instance, name: str) -> bool:
        return isinstance(instance.cls, ClassValue) and self._method(instance.cls, name) is not None

    def _typed(self, value: Value) -> Value:
        """An object known by its type only."""
        if isinstance(value, Choice):
            value = value.values[0]
        if isinstance(value, (ClassValue, External)):
            if isinstance(value, External) and value.name.startswith("builtins."):
                return Unknown(f"a {value.name[9:]}")
            if isinstance(value, External) and value.name.endswith((".Callable", ".Any")):
                return Unknown(f"of the type {value.name}")
            return Instance(value, Arguments([], {}, False), None)
        if isinstance(value, Instance) and value.event is not None and _last(value) in ("Optional", "Annotated"):
            return Unknown()
        return Unknown()

    def _call_expression(self, expression: ir.Call, scope: Scope) -> Value:
        awaited, self._awaiting = self._awaiting, False
        function = expression.function
        if isinstance(function, ir.Name) and function.id == "super":
            return self._super(scope)
        callee = self.evaluate(function, scope)
        arguments = self.arguments(expression, scope)
        place = _place(scope.path, expression.name_span)
        if self._trace is not None and not self._silent:
            self._trace.sites.append(
                Site(
                    callee,
                    arguments,
                    place,
                    expression,
                    self._loops > 0,
                    self._conditions > 0,
                    awaited,
                    self._tries > 0,
                    self._lambdas > 0,
                )
            )
        return self.call(callee, arguments, place)

    def arguments(self, expression: ir.Call, scope: Scope) -> Arguments:
        """The evaluated arguments of a call."""
        result = Arguments([], {})
        for argument in expression.arguments:
            value = self.evaluate(argument.value, scope)
            if argument.stars == 1:
                if isinstance(value, Items) and value.complete:
                    result.positional.extend(value.items)
                else:
                    result.complete = False
            elif argument.stars == 2:
                if isinstance(value, Entries):
                    result.keywords.update({str(key): item for key, item in value.entries.items()})
                    result.complete = result.complete and value.complete
                else:
                    result.complete = False
            elif argument.name is None:
                result.positional.append(value)
                if argument.span is not None:
                    result.places[str(len(result.positional) - 1)] = _place(scope.path, argument.span)
            else:
                result.keywords[argument.name] = value
                if argument.span is not None:
                    result.places[argument.name] = _place(scope.path, argument.span)
        return result

    def _runs(self, function: FunctionValue, receiver: Value | None) -> None:
        """Note a function that runs without a call that is written."""
        if self._trace is not None and not self._silent:
            self._trace.unwritten.append((function, receiver, _place(self._tracing, self._at)))

    def _entered(self, value: Value) -> Value:
        """What ``with value as ...`` gives: what the object's own ``__enter__`` does, where that is another object."""
        if not isinstance(value, Instance) or not isinstance(value.cls, ClassValue):
            return value
        for name in ("__enter__", "__aenter__"):
            method = self._method(value.cls, name)
            if method is not None:
                self._runs(method, value)
                given = self.result_type(method, value)
                return given if isinstance(given, Instance) and given.cls is not value.cls else value
        return value

    def _super(self, scope: Scope) -> Value:
        current: Scope | None = scope
        instance: Value | None = None
        while current is not None:
            if instance is None:
                instance = current.names.get("self", current.names.get("cls"))
            cls = current.names.get("__class__")
            if isinstance(cls, ClassValue):
                if isinstance(instance, ClassValue):  # in a method of the class itself
                    base = self._next_class(instance, cls)
                    bases = list(base.bases) if isinstance(base, ClassValue) and not base.names else [base]
                    return ClassValue(
                        instance.path,
                        instance.qualname,
                        instance.node,
                        instance.scope,
                        {"__derived__": instance},
                        bases,
                    )
                if isinstance(instance, Instance):
                    base = self._next_class(instance, cls)
                    if isinstance(base, (ClassValue, External)):
                        parent = Instance(base, instance.arguments, instance.place, instance.attributes)
                        parent.attributes["__derived__"] = instance
                        return parent
                return Unknown("super of an unknown class")
            current = current.parent
        return Unknown("super outside a class")

    def _next_class(self, instance: Instance | ClassValue, cls: ClassValue) -> Value:
        """Where `super()` in a method of ``cls`` looks: its base, or all that follows it among the object's classes."""
        order = self._linear(instance.cls if isinstance(instance, Instance) else instance)
        index = next((position for position, member in enumerate(order) if member is cls), None)
        rest = [] if index is None else order[index + 1 :]
        below = {id(base) for base in self.ancestry(cls)}
        if all(id(member) in below or isinstance(member, External) for member in rest):
            return cls.bases[0] if cls.bases else External("builtins.object")
        return ClassValue(cls.path, cls.qualname, cls.node, cls.scope, {}, list(rest))

    def _linear(self, cls: Value) -> list[Value]:
        """A class and its bases in the order in which Python looks for attributes; a library's classes last."""
        if id(cls) in self._orders:
            return self._orders[id(cls)]
        if not isinstance(cls, ClassValue) or len(self._line) > MAX_DEPTH or cls in self._line:
            return [cls]
        self._line.append(cls)
        try:
            queues = [self._linear(base)[:MAX_LINE] for base in cls.bases]
        finally:
            self._line.pop()
        queues.append(list(cls.bases))
        order: list[Value] = [cls]
        while queues := [queue for queue in queues if queue]:
            tails = {id(member) for queue in queues for member in queue[1:]}
            head = next((queue[0] for queue in queues if id(queue[0]) not in tails), queues[0][0])
            order.append(head)
            queues = [[member for member in queue if member is not head] for queue in queues]
        self._orders[id(cls)] = order  # it begins with the class itself, whose identity so stays its own
        return order

    def call(self, value: Value, arguments: Arguments, place: Place) -> Value:
        """The result of calling ``value``: the project's own functions are followed, a library's become events."""
        if isinstance(value, FunctionValue):
            return self._call_function(value, None, arguments)
        if isinstance(value, BoundFunction):
            return self._call_function(value.function, value.receiver, arguments)
        if isinstance(value, ClassValue):
            return self._construct(value, arguments, place)
        if isinstance(value, External):
            return self._call_external(value, arguments, place)
        if isinstance(value, Bound):
            return self._call_bound(value, arguments, place)
        if isinstance(value, LambdaValue):
            return self._call_lambda(value)
        if isinstance(value, Choice):
            return self.call(value.values[0], arguments, place)
        if isinstance(value, Instance):
            if isinstance(value.cls, ClassValue) and (method := self._method(value.cls, "__call__")) is not None:
                return self._call_function(method, value, arguments)
            if value.event is not None and arguments.positional:
                # `register(path)(handler)`: a decorator applied by hand, perhaps to one handler after another.
                first = arguments.positional[0]
                if value.event.target is None:
                    value.event.target = first
                    return first
                if isinstance(first, (FunctionValue, BoundFunction)) or _last(first) == "as_view":
                    return first
            return self._record(Event("__call__", value, arguments, place, owner=self._owner))
        if isinstance(value, Unknown):
            return self._record(Event(value.name or "?", value, arguments, place, owner=self._owner))
        return Unknown("called what cannot be called")

    def _call_lambda(self, value: LambdaValue) -> Value:
        key = id(value.body)
        self._steps += 1
        if key in self._stack or len(self._stack) >= MAX_DEPTH or self._steps > MAX_STEPS:
            return Unknown("too deep")
        self._stack.append(key)
        try:
            return self.evaluate(value.body, value.scope)
        finally:
            self._stack.pop()

    def _record(self, event: Event) -> Value:
        event.conditional = self._conditions > 0
        event.unlikely = self._improbable > 0
        if not self._silent and self._trace is None:
            self.events.append(event)
        name = event.name
        if isinstance(event.receiver, (Instance, External, ClassValue)):
            name = f"{_class_name(event.receiver)}.{event.name}"
        called = External(f"{name}()" if event.receiver is not None else name)
        event.result = Instance(called, event.arguments, event.place, event=event)
        return event.result

    def _construct(self, cls: ClassValue, arguments: Arguments, place: Place) -> Value:
        instance = Instance(cls, arguments, place)
        if any(isinstance(base, External) and base.name.startswith("enum.") for base in self.ancestry(cls)):
            return arguments.positional[0] if arguments.positional else instance
        constructor = self._method(cls, "__init__")
        if constructor is not None:
            self._call_function(constructor, instance, arguments)
        self._fill_fields(cls, instance, arguments)
        instance.event = None
        if not self._silent and self._trace is None:
            self.events.append(
                Event("__init__", instance, arguments, place, conditional=self._conditions > 0, owner=self._owner)
            )
        return instance

    def _fill_fields(self, cls: ClassValue, instance: Instance, arguments: Arguments) -> None:
        """Arguments by keyword become attributes where the class declares them (data classes, models)."""
        for name, value in arguments.keywords.items():
            if name not in instance.attributes and any(
                isinstance(base, ClassValue) and name in base.annotations for base in self.ancestry(cls)
            ):
                instance.attributes[name] = value

    def _call_external(self, value: External, arguments: Arguments, place: Place) -> Value:
        name = value.name
        builtin = FUNCTIONS.get(name)
        if builtin is not None:
            result = builtin(self, arguments)
            if result is not None:
                return result
        if name in ("os.environ.get", "os.getenv") or name.startswith("decouple.config"):
            default = arguments.get("default", 1)
            return Known(default.value, sure=False) if isinstance(default, Known) else Unknown("from the environment")
        if name in ("typing.cast",) and len(arguments.positional) > 1:
            return arguments.positional[1]
        if name in ("functools.partial",) and arguments.positional:
            return arguments.positional[0]
        if name == "django.conf.urls.i18n.i18n_patterns":
            return Items([self._record(Event(name, None, arguments, place, owner=self._owner))])
        if name == "functools.wraps":
            return Instance(value, arguments, place)
        if name == "functools.update_wrapper":
            return arguments.get("wrapped", 1) or Unknown("a wrapper")
        return self._record(Event(name, None, arguments, place, owner=self._owner))

    def _call_bound(self, value: Bound, arguments: Arguments, place: Place) -> Value:
        receiver = value.receiver
        if isinstance(receiver, ClassValue):
            receiver = receiver.names.get("__derived__", receiver)
        method = METHODS.get((type(receiver).__name__, value.name))
        if method is not None:
            result = method(self, receiver, arguments)
            if result is not None:
                return result
        if isinstance(receiver, Instance):
            derived = receiver.attributes.get("__derived__")
            if isinstance(derived, Instance):
                receiver = derived
            if isinstance(receiver.cls, External) and receiver.cls.name in (
                "environ.Env",
                "environs.Env",
                "starlette.config.Config",
                "environ.Env()",
            ):
                default = arguments.get("default", 1)
                return (
                    Known(default.value, sure=False) if isinstance(default, Known) else Unknown("from the environment")
                )
        return self._record(Event(value.name, receiver, arguments, place, owner=self._owner))

    # -- functions

    def _call_function(self, function: FunctionValue, receiver: Value | None, arguments: Arguments) -> Value:
        if self._trace is not None or self._inferring:
            return self.result_type(function, receiver)
        cached = any(_last(decorator) in ("lru_cache", "cache", "cached") for decorator in function.decorators)
        if cached and id(function) in self._remembered:
            return self._remembered[id(function)]
        result = self._follow_function(function, receiver, arguments)
        if cached:
            self._remembered[id(function)] = result
        return result

    def _follow_function(self, function: FunctionValue, receiver: Value | None, arguments: Arguments) -> Value:
        key = id(function.node)
        if key in self._stack or len(self._stack) >= MAX_DEPTH or self._steps > MAX_STEPS:
            return self._declared_result(function)
        if self._spent.get(key, 0) > MAX_SPENT:
            if self._registers.intersection(function.node.calls):
                self._cut(function.path)
            return self._declared_result(function)
        self._executed.add(id(function))
        scope = Scope(function.path, {}, function.scope, function.qualname)
        self._parameters(function, receiver, arguments, scope)
        saved = (self._conditions, self._loops, self._owner, self._unlikely)
        self._conditions, self._owner, self._unlikely = 0, f"{function.path}:{function.qualname}", 0
        self._stack.append(key)
        begun = self._steps
        self._results.append([])
        self._less_likely.append([])
        try:
            self._block(self.body(function), scope)
        except _Return:
            pass
        finally:
            self._stack.pop()
            self._spent[key] = self._spent.get(key, 0) + self._steps - begun
            self._conditions, self._loops, self._owner, self._unlikely = saved
            results, less_likely = self._results.pop(), self._less_likely.pop()
        result = self._result_of(function, [*results, *less_likely])
        if isinstance(result, Choice) and less_likely and len(results) == 1:
            return Choice(result.values, default=True)
        return result

    def _result_of(self, function: FunctionValue, results: list[Value]) -> Value:
        """What a function gives back, of what its return statements gave: an object where there is one."""
        known = [value for value in results if not isinstance(value, Unknown)]
        better = [value for value in known if not (isinstance(value, Known) and value.value is None)]
        if not better:
            declared = self._declared_result(function)
            return declared if not isinstance(declared, Unknown) or not known else known[0]
        result: Value = better[0]
        for other in better[1:]:
            result = self._either(None, result, other) if other is not result else result
        if isinstance(result, Known) and len(results) > 1:
            # `return False` on one path says nothing of the others.
            sure = len(known) == len(results) and all(
                isinstance(value, Known) and value.value == result.value and value.sure for value in known
            )
            return Known(result.value, sure)
        return result

    def _declared_result(self, function: FunctionValue) -> Value:
        """What the return annotation says; the element, for a generator."""
        return self.typed(function.node.returns, function.scope)

    def typed(self, expression: ir.Expression | None, scope: Scope) -> Value:
        """An object of the annotated type: the first member of a union, the element of an iterator, without metadata."""
        if expression is None:
            return Unknown()
        if isinstance(expression, ir.Operation) and expression.operator == "|":
            return self.typed(expression.operands[0], scope)
        if isinstance(expression, ir.Constant) and isinstance(expression.value, str):
            return self._typed(self.annotation(expression, scope))
        if isinstance(expression, ir.Subscript):
            base = self.annotation(expression.value, scope)
            inner = (
                expression.index.items[0]
                if isinstance(expression.index, ir.Sequence) and expression.index.items
                else expression.index
            )
            if isinstance(base, External):
                last = base.name.rsplit(".", 1)[-1]
                if last in (
                    "Optional",
                    "Annotated",
                    "Generator",
                    "AsyncGenerator",
                    "Iterator",
                    "AsyncIterator",
                    "Awaitable",
                    "Coroutine",
                    "Iterable",
                    "Final",
                    "ClassVar",
                    "Union",
                    "Mapped",
                ):
                    return self.typed(inner, scope)
                if last in ("list", "List", "Sequence", "tuple", "Tuple", "set", "Set", "Iterable"):
                    return Items([self.typed(inner, scope)], complete=False)
            return self._typed(base)
        value = self.annotation(expression, scope)
        if isinstance(value, Instance) and value.event is None:
            if isinstance(value.cls, External) and value.cls.name.endswith(".Annotated"):
                inside = value.arguments.positional[0] if value.arguments.positional else None
                first = inside.items[0] if isinstance(inside, Items) and inside.items else Unknown()
                return first if isinstance(first, Instance) else self._typed(first)
            return value
        return self._typed(value)

    def result_type(self, function: FunctionValue, receiver: Value | None) -> Value:
        """What a function gives back, without recording what happens in it; remembered."""
        key = -id(function.node)
        if key not in self._remembered:
            declared = self._declared_result(function)
            self._remembered[key] = declared
            if isinstance(declared, (Unknown, Items)):
                with self._quietly():
                    # What a call inside gives back is inferred the same way, so that each function is followed once.
                    self._inferring += 1
                    saved, self._trace = self._trace, None
                    steps, self._steps = self._steps, MAX_STEPS - 2_000
                    try:
                        self._remembered[key] = self._follow_function(function, receiver, Arguments([], {}, False))
                    finally:
                        self._inferring -= 1
                        self._trace = saved
                        self._steps = steps
        return self._remembered[key]

    def _quietly(self) -> Evaluator:
        """``with self._quietly():`` records no event. It is entered so often that the evaluator is its own context."""
        return self

    def __enter__(self) -> None:
        self._silent += 1

    def __exit__(self, *_: object) -> None:
        self._silent -= 1

    def _parameters(self, function: FunctionValue, receiver: Value | None, arguments: Arguments, scope: Scope) -> None:
        positional = list(arguments.positional)
        if receiver is not None:
            positional.insert(0, receiver)
        elif function.owner is not None and not positional:
            names = {_last(decorator) for decorator in function.decorators}
            if "staticmethod" not in names:
                positional.insert(0, Instance(function.owner, Arguments([], {}, False), None))
        taken: set[str] = set()
        for parameter in function.node.parameters:
            value: Value | None = None
            if parameter.kind == "rest":
                value = Items(positional, arguments.complete)
                positional = []
            elif parameter.kind == "keywords":
                rest: dict[str | int | float | bool | None, Value] = {
                    key: item for key, item in arguments.keywords.items() if key not in taken
                }
                value = Entries(rest, arguments.complete)
            else:
                if positional and parameter.kind in ("positional", "plain"):
                    value = positional.pop(0)
                elif parameter.name in arguments.keywords:
                    value = arguments.keywords[parameter.name]
                taken.add(parameter.name)
            if value is None or (isinstance(value, Unknown) and parameter.annotation is not None):
                value = self._parameter_default(function, parameter, arguments, value)
            scope.names[parameter.name] = value

    def _parameter_default(
        self, function: FunctionValue, parameter: ir.Parameter, arguments: Arguments, value: Value | None
    ) -> Value:
        typed = self.typed(parameter.annotation, function.scope)
        if value is None and parameter.default is not None and arguments.complete:
            default = self.evaluate(parameter.default, function.scope)
            if not (isinstance(default, Known) and default.value is None and not isinstance(typed, Unknown)):
                return default
        if not isinstance(typed, Unknown):
            return typed
        if parameter.default is not None and value is None:
            with self._quietly():
                default = self.evaluate(parameter.default, function.scope)
            injected = self._injected(default)
            if injected is not None:
                return injected
            if isinstance(default, Known):
                return Known(default.value, sure=False)
        return Unknown("a parameter", parameter.name)

    def _injected(self, default: Value) -> Value | None:
        """What ``Depends(provider)`` hands to a parameter: what the provider gives back."""
        if (
            isinstance(default, Instance)
            and isinstance(default.cls, External)
            and default.cls.name.endswith((".Depends", ".Security"))
        ):
            provider = default.arguments.get("dependency", 0)
            if isinstance(provider, FunctionValue):
                return self.result_type(provider, None)
            if isinstance(provider, ClassValue):
                return Instance(provider, Arguments([], {}, False), None)
        return None

    def trace(self, function: FunctionValue, receiver: Value | None = None) -> Trace:
        """Every call, return and raise in a function's body, with what is called resolved; nothing else is followed."""
        trace = Trace()
        scope = Scope(function.path, {}, function.scope, function.qualname)
        saved = (self._trace, self._steps, self._silent, self._conditions, self._loops, self._tries, self._stack)
        tracing = self._tracing
        with self._quietly():
            self._parameters(function, receiver, Arguments([], {}, False), scope)
        self._trace, self._steps, self._silent, self._stack = trace, 0, 0, [id(function.node)]
        self._tracing = function.path
        self._conditions, self._loops, self._tries = 0, 0, 0
        try:
            self._trace_block(self.body(function), scope)
        finally:
            (self._trace, self._steps, self._silent, self._conditions, self._loops, self._tries, self._stack) = saved
            self._tracing = tracing
        return trace

    def _trace_block(self, statements: Sequence[ir.Statement], scope: Scope) -> None:
        # Every path counts: code behind an early return is reached too.
        self._conditions += 1
        self._block(statements, scope)

    # -- operations

    def _operation(self, expression: ir.Operation, scope: Scope) -> Value:
        operator = expression.operator
        values = [self.evaluate(operand, scope) for operand in expression.operands]
        if operator == "+":
            return self.add(values)
        if operator == "/":
            return Unknown("a path or a quotient")
        if operator == "%" and len(values) == 2:
            return self._percent(values[0], values[1])
        if operator in ("or", "and"):
            return self._boolean(operator, values)
        if operator == "not":
            truth = self._truth(values[0])
            return Known(not truth) if truth is not None else Unknown("a condition")
        if operator in ("==", "!=", "is", "is not", "in", "not in", "<", ">", "<=", ">=") and len(values) == 2:
            return self._compare(operator, values[0], values[1])
        if operator == "|" and all(isinstance(value, (ClassValue, External)) for value in values):
            return values[0]
        if operator == "|" and all(isinstance(value, Items) for value in values):
            return self.add(values)
        if operator == "|" and all(isinstance(value, Entries) for value in values):
            merged = Entries({})
            for value in values:
                if isinstance(value, Entries):
                    merged.entries.update(value.entries)
            return merged
        if operator == "-" and len(values) == 2 and all(isinstance(value, Items) for value in values):
            return self._without(values[0], values[1])
        if operator in ("*", "-"):
            return self._arithmetic(operator, values)
        return Unknown("computed")

    def _without(self, value: Value, taken: Value) -> Value:
        """The items of a set that another one does not hold."""
        gone = {item.value for item in self.items(taken) if isinstance(item, Known)}
        items = [item for item in self.items(value) if not (isinstance(item, Known) and item.value in gone)]
        return Items(items, all(isinstance(given, Items) and given.complete for given in (value, taken)))

    def _arithmetic(self, operator: str, values: list[Value]) -> Value:
        total: float = 0
        for position, value in enumerate(values):
            if not isinstance(value, Known) or not isinstance(value.value, (int, float)) or abs(value.value) > 1e15:
                return Unknown("computed")
            if position == 0:
                total = value.value if len(values) > 1 or operator == "*" else -value.value
            elif operator == "*":
                total *= value.value
            else:
                total -= value.value
        return Known(total, all(isinstance(value, Known) and value.sure for value in values))

    def _boolean(self, operator: str, values: list[Value]) -> Value:
        for value in values[:-1]:
            truth = self._truth(value)
            if truth is None:
                if operator == "or":
                    # `value or default`: either may hold.
                    return values[-1] if isinstance(value, Unknown) else self._either(None, value, values[-1])
                return Unknown("a condition")
            if truth == (operator == "or"):
                return value
        return values[-1]

    def _compare(self, operator: str, left: Value, right: Value) -> Value:
        sure = all(not isinstance(value, Known) or value.sure for value in (left, right))
        if operator in ("is", "is not") and isinstance(right, Known) and right.value is None:
            if isinstance(left, Known):
                return Known((left.value is None) == (operator == "is"), sure)
            if isinstance(left, Instance):
                # What a function of a library gives may be None (`session.get(...)`); what a class makes is not.
                made = isinstance(left.cls, ClassValue) or left.cls.name.rpartition(".")[2][:1].isupper()
                return Known(operator == "is not") if made and left.place is not None else Unknown("a condition")
            if isinstance(left, (FunctionValue, ClassValue, Items, Entries)):
                return Known(operator == "is not")
            return Unknown("a condition")
        if isinstance(left, Known) and isinstance(right, Known):
            if operator in ("==", "is"):
                return Known(left.value == right.value, sure)
            if operator in ("!=", "is not"):
                return Known(left.value != right.value, sure)
        if text_of(left) is not None and isinstance(right, Known) and operator in ("in", "not in"):
            return Known((str(text_of(left)) in str(right.value)) == (operator == "in"), sure)
        if isinstance(left, Known) and isinstance(right, Items) and right.complete and operator in ("in", "not in"):
            found = any(isinstance(item, Known) and item.value == left.value for item in right.items)
            return Known(found == (operator == "in"), sure)
        return Unknown("a condition")

    def _truth(self, value: Value) -> bool | None:
        """True or False where it is decided by the program alone; None where the environment has a say."""
        if isinstance(value, Known):
            return bool(value.value) if value.sure else None
        if isinstance(value, External) and value.name in ("typing.TYPE_CHECKING", "typing_extensions.TYPE_CHECKING"):
            return False
        if isinstance(value, Items):
            return bool(value.items) if value.complete or value.items else None
        if isinstance(value, Entries):
            return bool(value.entries) if value.complete or value.entries else None
        return None

    def add(self, values: list[Value], text: bool = False) -> Value:
        """The sum of values; ``text`` where every one of them is put into a text."""
        if not text and all(isinstance(value, Items) for value in values):
            items: list[Value] = []
            complete = True
            for value in values:
                items.extend(self._spliced(value))
                complete = complete and isinstance(value, Items) and value.complete
            return bounded(Items(items, complete))
        if not text and any(isinstance(value, Items) for value in values):
            return bounded(Items([item for value in values for item in self._spliced(value)], False))
        values = [value.values[0] if isinstance(value, Choice) else value for value in values]
        if not text and all(isinstance(value, Known) and type(value.value) in (int, float) for value in values):
            numbers = [value.value for value in values if isinstance(value, Known)]
            return Known(sum(numbers))  # type: ignore[arg-type]  # numbers, by the line above
        parts: list[str | None] = []
        holes: list[Value] = []
        sure = True
        for value in values:
            if isinstance(value, Known) and value.value is not None:
                parts.append(str(value.value))
                sure = sure and value.sure
            elif isinstance(value, Pattern):
                parts.extend(value.parts)
                holes.extend(value.holes)
            else:
                parts.append(None)
                holes.append(value)
        if sum(len(part) for part in parts if part is not None) > MAX_TEXT or len(parts) > MAX_TEXT // 10:
            return Unknown("a long text")
        if None not in parts:
            return Known("".join(part for part in parts if part is not None), sure)
        if text or any(part for part in parts):
            return Pattern(tuple(parts), tuple(holes))
        return Unknown("built from unknown parts")

    def _percent(self, left: Value, right: Value) -> Value:
        if not isinstance(left, Known) or not isinstance(left.value, str):
            return Unknown("computed")
        values = list(right.items) if isinstance(right, Items) else [right]
        pieces = left.value.replace("%%", "\0").split("%s")
        if len(pieces) != len(values) + 1:
            return Pattern((left.value.split("%", 1)[0], None), (right,))
        parts: list[Value] = [Known(pieces[0].replace("\0", "%"))]
        for value, piece in zip(values, pieces[1:], strict=False):
            parts += [value, Known(piece.replace("\0", "%"))]
        return self.add(parts, text=True)

    def _sequence(self, expression: ir.Sequence, scope: Scope) -> Value:
        result = Items([], True, _place(scope.path, expression.span))
        for item in expression.items:
            if isinstance(item, ir.Starred):
                value = self.evaluate(item.value, scope)
                result.items.extend(self._spliced(value))
                result.complete = result.complete and isinstance(value, Items) and value.complete
            else:
                result.items.append(self.evaluate(item, scope))
        return bounded(result)

    def _mapping(self, expression: ir.Mapping, scope: Scope) -> Value:
        result = Entries({}, True, _place(scope.path, expression.span))
        for key_expression, value_expression in expression.items:
            value = self.evaluate(value_expression, scope)
            if key_expression is None:
                if isinstance(value, Entries):
                    result.entries.update(value.entries)
                    result.complete = result.complete and value.complete
                else:
                    result.complete = False
                continue
            key = self.evaluate(key_expression, scope)
            if isinstance(key, Known):
                result.entries[key.value] = value
            elif isinstance(key, (External, ClassValue)):
                # `{NotFound: handler}`: a class stands under its name.
                result.entries[key.name if isinstance(key, External) else key.qualname] = value
            else:
                result.complete = False
        return result

    def _subscript(self, expression: ir.Subscript, scope: Scope) -> Value:
        value = self.evaluate(expression.value, scope)
        index = self.evaluate(expression.index, scope)
        if isinstance(value, Choice):
            value = value.values[0]
        if isinstance(expression.index, ir.Operation) and expression.index.operator == ":":
            sliced = self._slice(value, [self.evaluate(operand, scope) for operand in expression.index.operands])
            if sliced is not None:
                return sliced
        if isinstance(value, Items) and isinstance(index, Known) and isinstance(index.value, int):
            if -len(value.items) <= index.value < len(value.items):
                return value.items[index.value]
            return Unknown("an item")
        if isinstance(value, Entries):
            if not isinstance(index, Known):
                return self.any_entry(value)
            found = value.entries.get(index.value)
            return found if found is not None else Unknown("an entry")
        if isinstance(value, External) and value.name == "os.environ":
            return Unknown("from the environment")
        if isinstance(value, External):
            # A generic type with its arguments stands for itself, but the arguments can be asked for.
            return Instance(value, Arguments([index], {}), None) if value.name.endswith(".Annotated") else value
        if isinstance(value, ClassValue):
            return value
        if isinstance(value, Instance):
            found = value.attributes.get(f"[{index.value}]") if isinstance(index, Known) else None
            return found if found is not None else Bound(value, "__getitem__", index)
        return Bound(value, "__getitem__", index)

    def _slice(self, value: Value, bounds: list[Value]) -> Value | None:
        """A part of a list or a text with bounds that are known; None where it cannot be told."""
        numbers: list[int | None] = []
        for bound in bounds:
            if not isinstance(bound, Known) or not (bound.value is None or isinstance(bound.value, int)):
                return None
            numbers.append(bound.value)
        part = slice(*numbers)
        if isinstance(value, Items):
            return Items(value.items[part], value.complete, value.place)
        if isinstance(value, Known) and isinstance(value.value, str):
            return Known(value.value[part], value.sure)
        return None

    def any_entry(self, value: Entries) -> Value:
        """One of the entries, where the key is not known: a table of classes or functions to choose from."""
        options = tuple(dict.fromkeys(value.entries.values()))
        if options and all(isinstance(option, (ClassValue, FunctionValue, Instance)) for option in options):
            return options[0] if len(options) == 1 else Choice(options)
        return Unknown("an entry")

    def _comprehension(self, expression: ir.Comprehension, scope: Scope) -> Value:
        inner = Scope(scope.path, {}, scope, scope.owner)
        generator = expression.generators[0]
        iterable = self.evaluate(generator.iterable, inner)
        place = _place(scope.path, expression.span)
        if self._trace is None and len(expression.generators) == 1 and isinstance(iterable, (Items, Entries)):
            result = Items([], True, place)
            for item in self.items(iterable)[:MAX_REPEATS]:
                self._steps += 1
                if self._steps > MAX_STEPS:
                    break
                self._bind(generator.target, item, inner)
                if any(_is_empty(self.evaluate(condition, inner)) for condition in generator.conditions):
                    continue
                result.items.append(self.evaluate(expression.element, inner))
            result.complete = isinstance(iterable, Items) and iterable.complete and not generator.conditions
            return result if expression.kind != "dict" else Unknown("a dictionary made in a loop")
        self._loops += 1
        try:
            self._bind(generator.target, self._element(iterable), inner)
            for condition in generator.conditions:
                self.evaluate(condition, inner)
            for further in expression.generators[1:]:
                self._bind(further.target, self._element(self.evaluate(further.iterable, inner)), inner)
                for condition in further.conditions:
                    self.evaluate(condition, inner)
            element = self.evaluate(expression.element, inner)
        finally:
            self._loops -= 1
        return Items([element], False, place) if expression.kind != "dict" else Entries({}, False, place)

    def _spliced(self, value: Value) -> list[Value]:
        """The items that ``value`` adds to a list; a library's list (`router.urls`) stands in it as itself."""
        return [value] if isinstance(value, Bound) else self.items(value)

    def items(self, value: Value) -> list[Value]:
        """What a value gives when it is looped over; nothing where that is not known."""
        if isinstance(value, Items):
            return value.items
        if isinstance(value, Entries):
            return [Known(key) for key in value.entries]
        if isinstance(value, Choice):
            return self.items(value.values[0])
        if isinstance(value, ClassValue) and any(
            isinstance(base, External) and base.name.startswith("enum.") for base in self.ancestry(value)
        ):
            return [item for name, item in value.names.items() if isinstance(item, Known) and not name.startswith("_")]
        return []


# One look into a table for each node that is followed: a chain of questions would be asked millions of times.
_STATEMENTS: Mapping[type, Callable[[Evaluator, Any, Scope], None]] = {
    ir.Evaluate: Evaluator._evaluate_statement,
    ir.Assign: Evaluator._assign,
    ir.Function: Evaluator._define_function,
    ir.Class: Evaluator._define_class,
    ir.Import: Evaluator._import,
    ir.If: Evaluator._if,
    ir.For: Evaluator._for,
    ir.With: Evaluator._with,
    ir.Return: Evaluator._return,
    ir.Try: Evaluator._try,
    ir.While: Evaluator._while,
    ir.Raise: Evaluator._raise,
    ir.Match: Evaluator._match,
}
_EXPRESSIONS: Mapping[type, Callable[[Evaluator, Any, Scope], Value]] = {
    ir.Call: Evaluator._call_expression,
    ir.Template: Evaluator._template,
    ir.Operation: Evaluator._operation,
    ir.Sequence: Evaluator._sequence,
    ir.Mapping: Evaluator._mapping,
    ir.Subscript: Evaluator._subscript,
    ir.Conditional: Evaluator._conditional,
    ir.Await: Evaluator._await,
    ir.Comprehension: Evaluator._comprehension,
    ir.Lambda: Evaluator._lambda,
    ir.Walrus: Evaluator._walrus,
    ir.Starred: Evaluator._starred,
    ir.Yield: Evaluator._yield,
    ir.Opaque: Evaluator._opaque,
}


def _dotted(path: str) -> str:
    """The import name of a file, as seen from the root."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _place(path: str, span: Span) -> Place:
    return Place(path, span)


def _configures_django(module: ir.Module) -> bool:
    return any(
        isinstance(target, ir.Name) and target.id in ("INSTALLED_APPS", "ROOT_URLCONF")
        for statement in module.body
        if isinstance(statement, ir.Assign)
        for target in statement.targets
    )


def _is_empty(value: Value) -> bool:
    """Whether a condition does not hold, taking defaults for what they are."""
    return _likely(value) is False


def _asks_itself(test: ir.Expression) -> bool:
    """Whether a condition looks at an attribute of the object itself (`self._client is None`): it changes as methods run."""
    return any(
        isinstance(part, ir.Attribute) and isinstance(part.value, ir.Name) and part.value.id in ("self", "cls")
        for part in ir.subexpressions(test)
    )


def _likely(value: Value) -> bool | None:
    """What a condition comes to with the defaults that the environment may replace; None where that is not known."""
    if isinstance(value, Choice):
        return _likely(value.values[0])
    return bool(value.value) if isinstance(value, Known) else None


def _place_of(value: Instance) -> Place:
    return value.place or Place("", Span(1, 1, 1, 1))


def _span_of(expression: ir.Expression) -> Span | None:
    if isinstance(expression, (ir.Attribute, ir.Subscript)):
        return _span_of(expression.value)
    return getattr(expression, "span", None)


def _last(value: Value) -> str:
    """The last name of what was called or named, for decorators that need no resolving."""
    if isinstance(value, (External, Bound)):
        return value.name.rsplit(".", 1)[-1]
    if isinstance(value, Instance):
        if value.event is not None:
            return value.event.name.rsplit(".", 1)[-1]
        return value.cls.name.rsplit(".", 1)[-1] if isinstance(value.cls, External) else value.cls.node.name
    if isinstance(value, (FunctionValue, ClassValue)):
        return value.node.name
    return value.name if isinstance(value, Unknown) else ""


def _class_name(value: Value) -> str:
    cls = value.cls if isinstance(value, Instance) else value
    return cls.name if isinstance(cls, External) else cls.node.name if isinstance(cls, ClassValue) else "?"


def _parse_dotted(text: str) -> ir.Expression | None:
    """A text annotation that is a dotted name, perhaps with arguments (which are left out)."""
    head = text.split("[", 1)[0].split("|", 1)[0].strip()
    parts = head.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    result: ir.Expression = ir.Name(parts[0])
    for part in parts[1:]:
        result = ir.Attribute(result, part)
    return result
