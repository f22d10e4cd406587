"""In: a route as its framework declares it. Out: what stands before its handler: who asks for identity, who limits.

A guard is told by the name of a dependency, decorator, permission class, base class or middleware. Where nothing is
declared, the code that the handler runs is looked at: one that reads who the caller is, or checks a signature, is a guard
of the kind `identity`, or `check` where only the name of what it calls tells so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.frameworks import RouteDraft
from qualitygate.link.calls import CallGraph
from qualitygate.link.evaluate import Evaluator
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import Guard
from qualitygate.model.source import Place
from qualitygate.model.values import (
    BoundFunction,
    ClassValue,
    Entries,
    External,
    FunctionValue,
    Instance,
    Items,
    Known,
    Value,
)

_AUTH = re.compile(
    r"auth|login|permission|current_?\w{0,60}user|require_?\w{0,60}user|active_?user|superuser|admin|staff|token|principal|jwt|session_required|credential"
    r"|api_?key|security|protect|has_?access|has_?perm|requires|signed_?in|logged_?in|identity|needs_scope|role_?required"
    r"|(?:owner|member|role|scope|group|team)\w{0,60}required|user_passes_test"
    # the user, not what belongs to one: `get_user_email`, `get_user_db`
    r"|get_?user(?:$|_?(?:id|from|or|with|for|and|dep|info|context|model|obj|data|payload|claims|required|if|async|sync)(?:$|_|[A-Z]))",
    re.IGNORECASE,
)
# What carries such a word without refusing anybody: a service to log in with, a form, somebody who may be missing.
_NO_GUARD = re.compile(
    r"(?:service|repository|repo|manager|backend|settings|config|strategy|form|schema|store|factory|serializer|client|url|name"
    r"|AllowAny|CORSMiddleware|CsrfViewMiddleware|csrf_protect|csrf_exempt)s?$|(?:security|secure)_?headers|_by_(?:id|name|slug|username|email)|_or_404|_from_path"
    r"|^(?:get|list|load|fetch|find)_\w*(?:permissions|roles|fields?|providers?|models?|getter|options|hint)$|optional|maybe|or_none|if_any|try_get|anonymous|exception|requires?_(?:json|form)"
    r"|^(?:(?:permission|authentication)_classes|SecurityMiddleware|AuthenticationMiddleware|SessionMiddleware|RemoteUserMiddleware|PersistentRemoteUserMiddleware|OAuth2PasswordRequestForm\w*)$",
    re.IGNORECASE,
)
_THROTTLE = re.compile(r"throttl|rate_?limit|limiter|ratelimit", re.IGNORECASE)
_MIXINS = re.compile(
    r"(?:LoginRequired|PermissionRequired|GroupRequired|RoleRequired|UserPassesTest|Access|Staff|Superuser|Authenticat|Authoriz|Protected|Secured)"
)
_UNRELATED = re.compile(r"csrf|setup|maintenance|ban|limit|log_|track|nonce|locale|language", re.IGNORECASE)
# `get_all_users()` asks for everybody, not for the caller; `get_secret_value()` reads a setting.
_CHECKS = re.compile(
    r"^_*(?!get_secret_value$|(?:get|load|fetch)_all_(?:users|members|owners|admins|tokens|sessions|logins))(?:(?:check|verify|validate|require|requires|ensure|assert|has|can|get|load|fetch|authenticate|authorize|is|enforce|test|need|needs|must|allow|allowed|raise|security|access)_?"
    r"\w{0,80}(?:auth|permission|perm|access|token|user|login|signature|admin|owner|jwt|session|api_?key|credential|role|scope|privilege|identity|member|team|allowed|permitted|secret)\w{0,80}"
    r"|authenticate\w*|authorize\w*|log_?in|sign_?in|check_password\w*|compare_digest|verify_\w+|construct_event|login_required|protect|check_permissions?|check_object_permissions|has_perms?|unsign|loads_signed|can_\w+)$",
    re.IGNORECASE,
)
_HEADERS = re.compile(
    r"^(?:authorization|proxy-authorization|x-[\w-]{0,60}(?:key|token|signature|secret|auth|identity)[\w-]{0,60}|[\w-]{0,60}signature[\w-]{0,60}|api-?key)$",
    re.IGNORECASE,
)
_HOLDERS = frozenset(
    (
        "request",
        "req",
        "self",
        "g",
        "context",
        "info",
        "flask",
        "session",
        "ctx",
        "controller",
        "websocket",
        "connection",
    )
)
_IDENTITY = frozenset(
    "user current_user auth identity principal is_authenticated is_staff is_superuser current_account auth_subject logged_in account "
    "workspace_user current_identity".split()
)
_PARAMETERS = re.compile(
    r"^(?:current_\w*user|auth_subject|principal|identity|logged_in_user|current_account|auth_user|credentials|authorization|x_\w*(?:token|key|signature))$"
)
_SESSION_KEYS = re.compile(r"user|account|auth|login|logged|identity|username|uid|token|admin", re.IGNORECASE)
_HOOKS = (
    "dispatch",
    "initial",
    "prepare",
    "check_permissions",
    "get_permissions",
    "before_request",
    "get_object",
    "test_func",
)
_FORBIDDEN = re.compile(r"UNAUTHORIZED|FORBIDDEN|HTTP_40[13]")
_MIDDLEWARE = ("dispatch", "__call__", "process_request", "process_view", "process_resource", "before_request")
_HOPS = 2


def link_guards(evaluator: Evaluator, graph: CallGraph, draft: RouteDraft) -> tuple[Guard, ...]:
    """The guards of a route, in the order of their kinds and names."""
    found: dict[tuple[str, str], Guard] = {}

    def add(kind: str, name: str, place: Place | None) -> None:
        found.setdefault((kind, name), Guard(kind, name, place or draft.declared))

    for value in draft.before:
        name = _name(value)
        if isinstance(value, FunctionValue) and draft.framework in ("flask", "sanic", "aiohttp"):
            if _refuses(evaluator, value):
                add("authentication", name, _place(value))
        elif _is_guard(name) and not _lets_pass(value) and _may_refuse(evaluator, graph, value):
            add("authentication", name, _place(value))
        if _THROTTLE.search(name):
            add("throttling", name, _place(value))
    for declared in _declared(evaluator, graph, draft):
        name = _name(declared)
        if isinstance(declared, FunctionValue) and declared.owner is None and not _is_guard(name):
            name = declared.qualname.split(".", 1)[0]  # what `@protected_route(...)` returns is called `decorator`
        if _is_guard(name) and not _lets_pass(declared):
            add("authentication", name, _place(declared))
        if _THROTTLE.search(name):
            add("throttling", name, _place(declared))
    view = _view(draft)
    if view is not None:
        for name, place in _of_view(evaluator, draft, view):
            add("authentication", name, place)
    elif draft.framework == "drf" and isinstance(draft.handler, FunctionValue):
        for name, place in _of_function(evaluator, draft.handler):
            add("authentication", name, place)
    if not any(guard.kind == "authentication" for guard in found.values()):
        for declared in _declared(evaluator, graph, draft):
            wrapper = _wrapper(declared)
            name = wrapper.qualname.split(".", 1)[0] if wrapper is not None else ""
            if wrapper is not None and not _UNRELATED.search(name) and _asks(evaluator, wrapper):
                add("authentication", name, _place(wrapper))
    if not any(guard.kind == "authentication" for guard in found.values()):
        provider = _refusing(evaluator, graph, draft)
        if provider is not None:
            add("authentication", provider.qualname.rsplit(".", 1)[0], _place(provider))
    if not any(guard.kind == "authentication" for guard in found.values()):
        seen = _made_elsewhere(draft) or _identity(evaluator, graph, draft)
        if seen is not None:
            add(*seen)
    return tuple(found[key] for key in sorted(found))


def _made_elsewhere(draft: RouteDraft) -> tuple[str, str, Place] | None:
    """A provider that a call makes which cannot be followed, by the name of that call: `Depends(auth_verifier(["read"]))`."""
    if not isinstance(draft.handler, FunctionValue):
        return None
    for parameter in draft.handler.node.parameters:
        for written in (parameter.default, parameter.annotation):
            for part in ir.subexpressions(written) if written is not None else ():
                if isinstance(part, ir.Call) and _last(part) in ("Depends", "Security") and part.arguments:
                    made = part.arguments[0].value
                    lax = isinstance(made, ir.Call) and any(given.name == "auto_error" for given in made.arguments)
                    if isinstance(made, ir.Call) and not lax and _is_guard(_last(made)):
                        return "authentication", _last(made), Place(draft.handler.path, draft.handler.node.span)
    return None


def _is_guard(name: str) -> bool:
    return bool(_AUTH.search(name)) and not _NO_GUARD.search(name)


def _lets_pass(value: Value) -> bool:
    """Whether a scheme is told to let through who sends no credential: `HTTPBearer(auto_error=False)`."""
    strict = value.arguments.get("auto_error") if isinstance(value, Instance) else None
    return isinstance(strict, Known) and strict.value is False


def _may_refuse(evaluator: Evaluator, graph: CallGraph, value: Value) -> bool:
    """Whether a middleware of the project may turn a request away; what cannot be looked into is taken at its name."""
    cls = value.cls if isinstance(value, Instance) else value
    methods = [
        method
        for base in (evaluator.ancestry(cls) if isinstance(cls, ClassValue) else ())
        if isinstance(base, ClassValue)
        for name in _MIDDLEWARE
        if isinstance(method := base.names.get(name), FunctionValue)
    ]
    return not methods or any(
        isinstance(statement, ir.Raise) or _says_forbidden(statement)
        for step in graph.reach([(method, None) for method in methods])
        if step.hops <= 1
        for statement in ir.walk(evaluator.body(step.function))
    )


def _says_forbidden(statement: ir.Statement) -> bool:
    """Whether a statement speaks of 401 or 403: the number, `HTTPStatus.FORBIDDEN`, `HTTP_401_UNAUTHORIZED`."""
    return any(
        (isinstance(part, ir.Constant) and part.value in (401, 403) and part.value is not True)
        or (isinstance(part, ir.Attribute) and _FORBIDDEN.search(part.name) is not None)
        for expression in ir.evaluated_by(statement)
        for part in ir.subexpressions(expression)
    )


def _refusing(evaluator: Evaluator, graph: CallGraph, draft: RouteDraft) -> FunctionValue | None:
    """A provider of the handler that turns strangers away, whatever its name is."""
    if not isinstance(draft.handler, FunctionValue):
        return None
    mounted = draft.before if draft.framework in ("fastapi", "starlette") else ()
    declared = (*mounted, *_declared(evaluator, graph, draft))
    providers = [value for value in declared if value not in draft.handler.decorators]
    for provider in providers:
        for function, _ in graph.entry(provider):
            for step in graph.reach([(function, None)]):
                if step.hops > _HOPS:
                    break
                if any(_says_forbidden(statement) for statement in ir.walk(evaluator.body(step.function))):
                    return function
    return None


def _view(draft: RouteDraft) -> ClassValue | None:
    """The class that serves: named by the declaration, or the one whose method the handler is."""
    if isinstance(draft.view, ClassValue):
        return draft.view
    return draft.handler.owner if isinstance(draft.handler, FunctionValue) else None


def _declared(evaluator: Evaluator, graph: CallGraph, draft: RouteDraft) -> Iterator[Value]:
    """Decorators and injected providers, those of the providers too."""
    for value in draft.before:
        if isinstance(value, FunctionValue):
            yield from _injected(graph, value)
    if isinstance(draft.handler, FunctionValue):
        yield from _unfolded(draft.handler.decorators)
        yield from _injected(graph, draft.handler)
    view = _view(draft)
    if view is not None:
        for base in evaluator.ancestry(view):
            if isinstance(base, ClassValue):
                yield from _unfolded(base.decorators)
                yield from _class_dependencies(evaluator, graph, base)
        for attribute in ("decorators", "method_decorators"):
            listed = evaluator.attribute(view, attribute)
            if isinstance(listed, Items):
                yield from listed.items
            elif isinstance(listed, Entries):
                yield from listed.entries.values()


def _unfolded(decorators: list[Value]) -> Iterator[Value]:
    """Decorators, with those that `method_decorator(...)` puts on a method."""
    for decorator in decorators:
        yield decorator
        if isinstance(decorator, Instance) and _name(decorator) == "method_decorator":
            for given in decorator.arguments.positional[:1]:
                yield from given.items if isinstance(given, Items) else (given,)


def _class_dependencies(evaluator: Evaluator, graph: CallGraph, cls: ClassValue) -> Iterator[Value]:
    """Providers that a class of handlers names as attributes: `user: User = Depends(current_user)`."""
    for value in cls.names.values():
        if (
            isinstance(value, Instance)
            and isinstance(value.cls, External)
            and value.cls.name.endswith(("Depends", "Security"))
        ):
            provider = value.arguments.get("dependency", 0)
            if provider is not None:
                yield provider
                if isinstance(provider, FunctionValue):
                    yield from _injected(graph, provider)


def _injected(graph: CallGraph, function: FunctionValue) -> list[Value]:
    found: list[Value] = []
    queue: list[FunctionValue] = [function]
    seen: set[int] = set()
    while queue and len(seen) < 30:
        current = queue.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        for value in graph.injected(current):
            found.append(value)
            # also of an object that is called, and of a class that is made: what those ask for in turn
            queue.extend(function for function, _ in graph.entry(value))
    return found


def _of_view(evaluator: Evaluator, draft: RouteDraft, view: ClassValue) -> Iterator[tuple[str, Place | None]]:
    """Base classes that ask for a login, and permission classes: the view's own or the project's default."""
    for base in evaluator.ancestry(view):
        if base is not view and _MIXINS.search(_name(base)):
            yield _name(base), _place(base)
        # What a handler class inherits from Flask-AppBuilder is protected by the library itself.
        if isinstance(base, External) and base.name.startswith("flask_appbuilder.") and draft.handler is view:
            yield "protect", None
    if draft.framework != "drf":
        return
    if isinstance(evaluator.attribute(view, "get_permissions"), (FunctionValue, BoundFunction)):
        yield "get_permissions", None
    own = evaluator.attribute(view, "permission_classes")
    yield from _permissions(own if isinstance(own, Items) else _default_permissions(evaluator))


def _default_permissions(evaluator: Evaluator) -> Value | None:
    for _, scope in evaluator.modules():
        settings = scope.names.get("REST_FRAMEWORK")
        if isinstance(settings, Entries) and "DEFAULT_PERMISSION_CLASSES" in settings.entries:
            return settings.entries["DEFAULT_PERMISSION_CLASSES"]
    return None


def _of_function(evaluator: Evaluator, handler: FunctionValue) -> Iterator[tuple[str, Place | None]]:
    """The permission classes of a view that is a function: those of its decorator, or the project's default."""
    own = next((value for value in handler.decorators if _name(value) == "permission_classes"), None)
    listed = (
        own.arguments.get("permission_classes", 0) if isinstance(own, Instance) else _default_permissions(evaluator)
    )
    yield from _permissions(listed)


def _permissions(listed: Value | None) -> Iterator[tuple[str, Place | None]]:
    for item in listed.items if isinstance(listed, Items) else ():
        name = _name(item) or str(getattr(item, "value", "")).rpartition(".")[2] or "permission"
        if name != "AllowAny":
            yield name, _place(item)


def _wrapper(decorator: Value) -> FunctionValue | None:
    """The project's function that a decorator runs: itself, or the ``__call__`` of its class."""
    if isinstance(decorator, FunctionValue):
        return decorator
    if isinstance(decorator, Instance) and isinstance(decorator.cls, ClassValue):
        method = decorator.cls.names.get("__call__")
        return method if isinstance(method, FunctionValue) else None
    return None


def _asks(evaluator: Evaluator, wrapper: FunctionValue) -> bool:
    """Whether the code that a decorator puts around a handler looks who calls, and turns some away."""
    bodies = [evaluator.body(wrapper)]
    for body in bodies:
        bodies.extend(ir.statements(inner) for inner in ir.walk(body) if isinstance(inner, ir.Function))
    if len(bodies) == 1 and wrapper.node.name != "__call__":
        return False  # no function inside: it wraps nothing
    bodies = bodies[1:] or bodies  # what the decorator itself does, it does at import: `_validate_signature(handler)`
    looks = any(
        _mentions(expression)
        or _calls_check(expression)
        or any(isinstance(part, ir.Constant) and part.value in (401, 403) for part in ir.subexpressions(expression))
        for body in bodies
        for expression in ir.expressions(body)
    )
    return looks and any(
        _turns_away(branch) for body in bodies for test in _ifs(body) for branch in (test.body, test.orelse)
    )


def _refuses(evaluator: Evaluator, function: FunctionValue) -> bool:
    """Whether a function that runs before every request turns away who did not sign in.

    One that only refuses a wrong token, and lets through who sends none, does not.
    """
    if _UNRELATED.search(function.node.name):
        return False
    if any(_is_guard(_name(decorator)) for decorator in function.decorators):
        return True
    body = evaluator.body(function)
    for statement in _ifs(body):
        negative = any(
            isinstance(part, ir.Operation) and part.operator in ("not", "is", "not in", "!=", "==")
            for part in ir.subexpressions(statement.test)
        )
        if negative and (_mentions(statement.test) or _calls_check(statement.test)) and _turns_away(statement.body):
            return True
    return bool(re.search(r"require|login_required|ensure|check_auth|authenticate", function.node.name, re.IGNORECASE))


def _ifs(body: tuple[ir.Statement, ...]) -> Iterator[ir.If]:
    for statement in body:
        if isinstance(statement, ir.If):
            yield statement
            yield from _ifs(statement.body)
            yield from _ifs(statement.orelse)
        elif isinstance(statement, (ir.With, ir.Try)):
            yield from _ifs(statement.body)


def _turns_away(body: tuple[ir.Statement, ...]) -> bool:
    return any(
        isinstance(statement, ir.Raise)
        or (isinstance(statement, ir.Return) and statement.value is not None)
        or (
            isinstance(statement, ir.Evaluate)
            and isinstance(statement.value, ir.Call)
            and _last(statement.value) in ("abort", "exit")
        )
        for statement in body
    )


def _identity(evaluator: Evaluator, graph: CallGraph, draft: RouteDraft) -> tuple[str, str, Place] | None:
    """What the handler, or what it calls within two steps, reads of who the caller is (`identity`), or checks (`check`)."""
    roots: list[tuple[FunctionValue, Value | None]] = []
    if isinstance(draft.handler, FunctionValue):
        roots.append((draft.handler, None))
        for parameter in draft.handler.node.parameters:
            if _PARAMETERS.match(parameter.name):
                return "identity", parameter.name, Place(draft.handler.path, draft.handler.node.span)
    for view in (_view(draft), draft.handler):
        for base in evaluator.ancestry(view) if isinstance(view, ClassValue) else ():
            if isinstance(base, ClassValue):
                for hook in _HOOKS:
                    method = base.names.get(hook)
                    if isinstance(method, FunctionValue):
                        roots.append((method, None))
    for step in graph.reach(roots):
        if step.hops > _HOPS:
            break
        function = step.function
        place = Place(function.path, function.node.span)
        body = ir.expressions(evaluator.body(function))
        seen = next((found for part in body if (found := _mentions(part))), "")
        if seen:
            return "identity", seen, place
        names = (*(_name(decorator) for decorator in _unfolded(function.decorators)),)
        name = next((word for word in names if _is_guard(word)), "")
        name = name or next((word for word in function.node.calls if _CHECKS.match(word)), "")
        if name:
            return "check", name, place
    return None


def _mentions(expression: ir.Expression) -> str:
    """What in an expression tells who the caller is: `request.user`, `session["user_id"]`, a header; empty for nothing."""
    for part in ir.subexpressions(expression):
        if isinstance(part, ir.Name) and part.id in ("current_user", "current_identity", "auth_subject"):
            return part.id
        if isinstance(part, ir.Attribute) and part.name in _IDENTITY:
            first = _first(part.value)
            if first in _HOLDERS:
                return f"{first}.{part.name}"
        if isinstance(part, ir.Constant) and isinstance(part.value, str) and _HEADERS.match(part.value):
            return part.value
        if isinstance(part, (ir.Subscript, ir.Call)) or (
            isinstance(part, ir.Operation) and part.operator in ("in", "not in")
        ):
            key = _session_key(part)
            if key:
                return f"session[{key}]"
    return ""


def _calls_check(expression: ir.Expression) -> bool:
    return any(isinstance(part, ir.Call) and _CHECKS.match(_last(part)) for part in ir.subexpressions(expression))


def _session_key(part: ir.Expression) -> str:
    """The key of `session["user"]`, `session.get("user")` or `"user" in session`, where it is about a user."""
    holder: ir.Expression | None = None
    key: ir.Expression | None = None
    if isinstance(part, ir.Subscript):
        holder, key = part.value, part.index
    elif (
        isinstance(part, ir.Call)
        and isinstance(part.function, ir.Attribute)
        and part.function.name == "get"
        and part.arguments
    ):
        holder, key = part.function.value, part.arguments[0].value
    elif isinstance(part, ir.Operation) and len(part.operands) == 2:
        key, holder = part.operands
    if holder is None or not isinstance(key, ir.Constant) or not isinstance(key.value, str):
        return ""
    named = holder.name if isinstance(holder, ir.Attribute) else getattr(holder, "id", "")
    if isinstance(holder, ir.Subscript) and isinstance(holder.index, ir.Constant):
        named = holder.index.value  # request["session"]
    return key.value if "session" in str(named).lower() and _SESSION_KEYS.search(key.value) else ""


def _first(expression: ir.Expression) -> str:
    """The first name of a dotted one."""
    while isinstance(expression, (ir.Attribute, ir.Subscript)):
        expression = expression.value
    return expression.id if isinstance(expression, ir.Name) else ""


def _last(call: ir.Call) -> str:
    function = call.function
    return function.id if isinstance(function, ir.Name) else getattr(function, "name", "")


def _name(value: Value) -> str:
    if isinstance(value, (FunctionValue, ClassValue)):
        return value.node.name
    if isinstance(value, BoundFunction):
        return value.function.node.name
    if isinstance(value, Instance):
        if value.event is not None:
            return value.event.name.rsplit(".", 1)[-1]
        return value.cls.name.rsplit(".", 1)[-1] if isinstance(value.cls, External) else value.cls.node.name
    name = getattr(value, "name", "")
    return name.rsplit(".", 1)[-1] if isinstance(name, str) else ""


def _place(value: Value) -> Place | None:
    if isinstance(value, (FunctionValue, ClassValue)):
        return Place(value.path, value.node.span)
    return value.place if isinstance(value, Instance) else None
