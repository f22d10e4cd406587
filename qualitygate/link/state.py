"""In: an evaluated program with its routes. Out: the containers and variables of the process that functions change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from qualitygate.frameworks import RouteDraft
from qualitygate.link.calls import CallGraph
from qualitygate.link.evaluate import Evaluator
from qualitygate.link.library_calls import ways
from qualitygate.link.mentions import Mentions, Names
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import SharedState, StateChange
from qualitygate.model.source import Place, Role, Span
from qualitygate.model.values import ClassValue, External, FunctionValue, Instance, ModuleValue, Scope

_CONTAINERS = frozenset(
    """dict list set defaultdict OrderedDict deque Counter ChainMap WeakValueDictionary WeakKeyDictionary WeakSet TTLCache
    LRUCache LFUCache Queue SimpleQueue LifoQueue PriorityQueue""".split()
)
_ADDS = frozenset("append appendleft add extend insert setdefault update put put_nowait push".split())
_STARTERS = frozenset("lifespan startup on_startup create_app make_app get_app build_app init_app setup main".split())
# What makes something that runs beside the request.
_RUNNING = frozenset({"create_task", "ensure_future", "create_future", "submit", "Thread", "start_soon"})
_APPLICATION = "application"
_REMOVES = frozenset("pop popleft popitem remove discard clear get_nowait".split())


@dataclass(frozen=True)
class _Holder:
    """A container, or a plain value that a function may replace, as it is found: its name, what makes it, and where. ``owner`` is the class of an object's attribute."""

    path: str
    name: str
    kind: str
    place: Place
    owner: str = ""


def link_state(
    evaluator: Evaluator,
    graph: CallGraph,
    drafts: Sequence[RouteDraft],
    names: Mapping[int, str],
    roles: Mapping[str, Role],
    mentions: Mentions,
) -> tuple[SharedState, ...]:
    """Containers that live as long as the process and that functions change, in the order of their places."""
    scopes = {path: scope for path, scope in evaluator.modules() if roles.get(path) is Role.APPLICATION}
    holders = _holders(evaluator, scopes)
    if not holders:
        return ()
    known = {id(value): holder for holder, value in holders if value is not None}
    own = {(holder.path, holder.name): holder for holder, _ in holders if not holder.owner}
    attributes = {(holder.owner, holder.name): holder for holder, _ in holders if holder.owner}
    words: dict[str, set[str]] = {}
    for holder, _ in holders:
        words.setdefault("" if holder.owner else holder.path, set()).add(holder.name)
    named = {path: set(found) for path, found in words.items()}
    for path, scope in scopes.items():
        mine = words.setdefault(path, set())
        for name, value in scope.names.items():
            if id(value) in known:
                mine.add(name)
            elif isinstance(value, ModuleValue):  # `store.sessions[key] = ...`
                mine |= named.get(value.path, set())
    spoken = {path: Names(found | words.get("", set())) for path, found in words.items()}
    changes: dict[_Holder, list[tuple[FunctionValue, StateChange]]] = {}
    for _, function in sorted(evaluator.functions.items()):
        module = scopes.get(function.path)
        if module is None or not mentions.any_of(function.path, function.node, spoken[function.path]):
            continue
        reader = _Reader(function, module, known, own, attributes)
        for holder, change in reader.changes(evaluator.body(function)):
            changes.setdefault(holder, []).append((function, change))
    reached = ways(graph, drafts, names, [function for found in changes.values() for function, _ in found])
    result = []
    for holder, found in changes.items():
        told = []
        for function, change in found:
            routes, chain, _ = reached.get(id(function.node), ((), (), ()))
            told.append(
                StateChange(
                    change.place, change.owner, change.how, change.key, change.guarded, change.own_key, routes, chain
                )
            )
        told.sort(key=lambda change: (not change.routes, change.place.path, change.place.span))
        result.append(SharedState(holder.name, holder.kind, holder.place, holder.owner, tuple(told)))
    return tuple(sorted(result, key=lambda state: (state.place.path, state.place.span, state.name)))


def _holders(evaluator: Evaluator, scopes: Mapping[str, Scope]) -> list[tuple[_Holder, object]]:
    """Containers of modules, of classes, and of objects that a module makes once."""
    found: list[tuple[_Holder, object]] = []
    singles: dict[int, ClassValue] = {}
    for path, scope in scopes.items():
        for name, statement in _assigned(evaluator.module_body(path)):
            kind = _kind(statement.value)
            value = scope.names.get(name)
            if kind or isinstance(statement.value, ir.Constant):
                place = Place(path, statement.span, f"`{name}` is made here", "definition")
                found.append((_Holder(path, name, kind or "value", place), value if kind else None))
            elif isinstance(value, Instance) and isinstance(value.cls, ClassValue):
                singles[id(value.cls.node)] = value.cls
    for cls in singles.values():
        if cls.path not in scopes or _made_in_functions(cls, evaluator, scopes):
            continue
        constructor = cls.names.get("__init__")
        if isinstance(constructor, FunctionValue):
            for name, made in _set_on_self(evaluator.body(constructor)).items():
                if kind := _kind(made.value):
                    place = Place(cls.path, made.span, f"`{name}` is made here", "definition")
                    found.append((_Holder(cls.path, name, kind, place, f"{cls.path}:{cls.qualname}"), None))
    found.extend((holder, None) for holder in _on_application(evaluator, scopes))
    for cls in _classes(evaluator, scopes):
        # Frameworks copy the defaults of models and data classes into each object.
        if cls.decorators or any(
            isinstance(base, External) and base.name != "builtins.object" for base in evaluator.ancestry(cls)
        ):
            continue
        constructor = cls.names.get("__init__")
        own = set(_set_on_self(evaluator.body(constructor))) if isinstance(constructor, FunctionValue) else set()
        for name, statement in _assigned(cls.node.body):
            kind = _kind(statement.value)
            if kind and name not in own:
                place = Place(cls.path, statement.span, f"`{name}` is made here", "definition")
                found.append((_Holder(cls.path, name, kind, place, f"{cls.path}:{cls.qualname}"), None))
    return found


def _made_in_functions(cls: ClassValue, evaluator: Evaluator, scopes: Mapping[str, Scope]) -> bool:
    """Whether functions make objects of a class too: what these hold is not shared because a module has one of its own."""
    for function in evaluator.functions.values():
        scope = scopes.get(function.path)
        if scope is not None and cls.node.name in function.node.calls:
            value = scope.names.get(cls.node.name)
            if isinstance(value, ClassValue) and value.node is cls.node:
                return True
    return False


def _set_on_self(body: Iterable[ir.Statement]) -> dict[str, ir.Assign]:
    """What a constructor stores on its object, by name."""
    return {
        target.name: statement
        for statement in body
        if isinstance(statement, ir.Assign)
        for target in statement.targets
        if isinstance(target, ir.Attribute) and target.value == ir.Name("self")
    }


def _on_application(evaluator: Evaluator, scopes: Mapping[str, Scope]) -> Iterator[_Holder]:
    """Containers that are hung on an application when it starts: `app.state.users = {}`."""
    bodies = [(path, evaluator.module_body(path)) for path in scopes]
    for _, function in sorted(evaluator.functions.items()):
        if function.path in scopes and function.node.name in _STARTERS:
            bodies.append((function.path, evaluator.body(function)))
    for path, body in bodies:
        for statement, _ in _walk(body, ()):
            if isinstance(statement, ir.Assign) and (kind := _kind(statement.value)):
                for target in statement.targets:
                    if isinstance(target, ir.Attribute) and _is_state(target.value):
                        place = Place(path, statement.span, f"`{target.name}` is made here", "definition")
                        yield _Holder(path, target.name, kind, place, _APPLICATION)


def _is_state(expression: ir.Expression) -> bool:
    """`app.state`, `request.app.state`: what Starlette, Litestar and Quart share between requests."""
    return (
        isinstance(expression, ir.Attribute)
        and expression.name == "state"
        and _last(expression.value) in ("app", "application")
    )


def _classes(evaluator: Evaluator, scopes: Mapping[str, Scope]) -> Iterator[ClassValue]:
    seen: set[int] = set()
    for path, scope in scopes.items():
        for value in scope.names.values():
            if isinstance(value, ClassValue) and value.path == path and id(value.node) not in seen:
                seen.add(id(value.node))
                yield value


def _assigned(body: Iterable[ir.Statement]) -> Iterator[tuple[str, ir.Assign]]:
    for statement in body:
        if isinstance(statement, ir.Assign) and not statement.operator:
            for target in statement.targets:
                if isinstance(target, ir.Name) and not target.id.startswith("__"):
                    yield target.id, statement


def _kind(value: ir.Expression | None) -> str:
    """What makes a container; empty for everything else. Mappings and lists with content are tables more often than state."""
    if isinstance(value, ir.Mapping):
        return "dict"
    if isinstance(value, ir.Sequence) and value.kind in ("list", "set"):
        return value.kind
    if isinstance(value, ir.Call):
        name = _last(value.function)
        return name if name in _CONTAINERS else ""
    return ""


def _last(expression: ir.Expression) -> str:
    if isinstance(expression, ir.Attribute):
        return expression.name
    return expression.id if isinstance(expression, ir.Name) else ""


class _Reader:
    """Finds the changes that one function makes."""

    def __init__(
        self,
        function: FunctionValue,
        scope: Scope,
        known: Mapping[int, _Holder],
        own: Mapping[tuple[str, str], _Holder],
        attributes: Mapping[tuple[str, str], _Holder],
    ) -> None:
        self._function = function
        self._scope = scope
        self._known = known
        self._own = own
        self._attributes = attributes
        self._outer: set[str] = set()
        self._looks: dict[str, set[str]] = {}
        self._local: set[str] = {parameter.name for parameter in function.node.parameters}

    def changes(self, body: Sequence[ir.Statement]) -> Iterator[tuple[_Holder, StateChange]]:
        """Every change, with the container that it is made to."""
        for statement, _ in _walk(body, ()):
            if isinstance(statement, ir.Outer):
                self._outer.update(statement.names)
        for statement, _ in _walk(body, ()):
            if isinstance(statement, ir.Assign) and statement.value is not None:
                # `known = rates.get(currency)`: a look at `known` is a look into `rates`.
                for target in _bound(statement):
                    self._looks.setdefault(target, set()).update(_names(statement.value))
            for target in _bound(statement):
                if target not in self._outer:
                    self._local.add(target)
        for statement, tests in _walk(body, ()):
            yield from self._statement(statement, tests)

    def _statement(
        self, statement: ir.Statement, tests: tuple[ir.Expression, ...]
    ) -> Iterator[tuple[_Holder, StateChange]]:
        if isinstance(statement, ir.Assign):
            for target in statement.targets:
                if isinstance(target, ir.Subscript):
                    yield from self._change(target.value, "item", target.index, statement.span, tests)
                elif isinstance(target, (ir.Name, ir.Attribute)) and statement.value is not None:
                    # `self.x = []` gives the object a list of its own where the class has one.
                    rebound = (
                        target.id in self._outer if isinstance(target, ir.Name) else target.value != ir.Name("self")
                    )
                    if rebound and self._function.node.name not in _STARTERS:
                        yield from self._change(target, "rebound", None, statement.span, tests)
        elif isinstance(statement, ir.Forget):
            for target in statement.targets:
                if isinstance(target, ir.Subscript):
                    yield from self._change(target.value, "removed", target.index, self._function.node.span, tests)
        for expression in ir.evaluated_by(statement):
            for item in ir.subexpressions(expression):
                if isinstance(item, ir.Call) and isinstance(item.function, ir.Attribute):
                    how = (
                        "added" if item.function.name in _ADDS else "removed" if item.function.name in _REMOVES else ""
                    )
                    if how:
                        key = item.arguments[0].value if item.arguments else None
                        if how == "added" and key is not None and self._names_of(key) & _RUNNING:
                            continue  # kept so that it is not collected while it runs
                        yield from self._change(item.function.value, how, key, item.name_span, tests)

    def _change(
        self,
        target: ir.Expression,
        how: str,
        key: ir.Expression | None,
        span: Span,
        tests: tuple[ir.Expression, ...],
    ) -> Iterator[tuple[_Holder, StateChange]]:
        while isinstance(target, ir.Subscript):  # `users[name]["seen"] = now` changes `users`
            key = target.index
            target = target.value
        holder = self._holder(target)
        if holder is None or (holder.kind == "value" and how != "rebound"):
            return
        owner = f"{self._function.path}:{self._function.qualname}"
        place = Place(self._function.path, span, f"{self._function.qualname} changes `{holder.name}`", "definition")
        looked = {name for test in tests for name in self._names_of(test)}
        spelled = target.id if isinstance(target, ir.Name) else holder.name
        guarded = bool(looked & {holder.name, spelled})
        yield holder, StateChange(place, owner, how, _spelled(key), guarded, self._own_key(key))

    def _names_of(self, expression: ir.Expression) -> set[str]:
        """The names in an expression, and those that its own names were worked out from."""
        names = _names(expression)
        return names.union(*(self._looks.get(name, ()) for name in names))

    def _holder(self, target: ir.Expression) -> _Holder | None:
        if isinstance(target, ir.Attribute) and _is_state(target.value):
            return self._attributes.get((_APPLICATION, target.name))
        if isinstance(target, ir.Name):
            if target.id in self._local:
                return None
            holder = self._own.get((self._function.path, target.id))
            return holder or self._known.get(id(self._scope.names.get(target.id)))
        if isinstance(target, ir.Attribute) and isinstance(target.value, ir.Name):
            cls = self._function.owner
            if target.value.id in ("self", "cls") and cls is not None:
                return self._attributes.get((f"{cls.path}:{cls.qualname}", target.name))
            if target.value.id in self._local:
                return None
            value = self._scope.names.get(target.value.id)
            if isinstance(value, ClassValue):
                return self._attributes.get((f"{value.path}:{value.qualname}", target.name))
            if isinstance(value, Instance) and isinstance(value.cls, ClassValue):
                return self._attributes.get((f"{value.cls.path}:{value.cls.qualname}", target.name))
            path = getattr(value, "path", "")
            return (
                self._own.get((path, target.name))
                if path and not isinstance(value, (FunctionValue, External))
                else None
            )
        return None

    def _own_key(self, key: ir.Expression | None) -> bool:
        """Whether a key comes from what the function was given or worked out, so that keys may become ever more."""
        return key is not None and bool(_names(key) & self._local)


def _walk(
    body: Sequence[ir.Statement], tests: tuple[ir.Expression, ...]
) -> Iterator[tuple[ir.Statement, tuple[ir.Expression, ...]]]:
    """Statements of a body and its blocks with the conditions over them; nested functions and classes left out."""
    for statement in body:
        yield statement, tests
        if isinstance(statement, (ir.Function, ir.Class)):
            continue
        inside = (*tests, statement.test) if isinstance(statement, (ir.If, ir.While)) else tests
        leaves = (
            isinstance(statement, ir.If)
            and bool(statement.body)
            and isinstance(statement.body[-1], (ir.Return, ir.Raise))
        )
        for block in ir.blocks(statement):
            yield from _walk(block, inside)
        if leaves and isinstance(statement, ir.If):
            tests = (*tests, statement.test)  # what follows `if key in known: return known[key]` runs where it is not


def _bound(statement: ir.Statement) -> Iterator[str]:
    """Names that a statement binds."""
    targets: list[ir.Expression] = []
    if isinstance(statement, ir.Assign):
        targets += statement.targets
    elif isinstance(statement, ir.For):
        targets.append(statement.target)
    elif isinstance(statement, ir.With):
        targets += [target for _, target in statement.items if target is not None]
    while targets:
        target = targets.pop()
        if isinstance(target, ir.Name):
            yield target.id
        elif isinstance(target, ir.Sequence):
            targets += target.items
        elif isinstance(target, ir.Starred):
            targets.append(target.value)


def _names(expression: ir.Expression) -> set[str]:
    found = set()
    for item in ir.subexpressions(expression):
        if isinstance(item, ir.Name):
            found.add(item.id)
        elif isinstance(item, ir.Attribute):
            found.add(item.name)
    return found


def _spelled(key: ir.Expression | None) -> str:
    """A key as the code names it: the last name or the literal; empty for anything else."""
    if isinstance(key, ir.Constant):
        return str(key.value)
    if isinstance(key, ir.Attribute):
        return key.name
    return key.id if isinstance(key, ir.Name) else ""
