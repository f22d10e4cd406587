"""A cache in the process that only grows.

What it flags: `functools.cache` or `lru_cache(maxsize=None)` on a function with parameters whose values have no small
number; and a container of a module, a class or an object made once that functions fill key by key where it lacks the key,
and from which nothing is ever removed.

Why: every new argument stays in memory for as long as the process lives, and its value with it, however old. The process
grows until it is killed, and until then it answers with what was true long ago.

How to mend: give it a size (`lru_cache(maxsize=1024)`) and, where values change, a time to live (`cachetools.TTLCache`,
or a shared cache with an expiry).

What it cannot see: how many different arguments there really are. Where neither the name nor the type of a parameter or
key speaks of something of which there are ever more (people, their requests, words, days), it is told with low
confidence. Functions without parameters, and with truth values, enumerations, literals, types or functions as their only
parameters, or that the project calls with written values alone, are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from qualitygate.authoring import Check, Confidence, Domain, Hit, Language, Place, Project, Role, Severity, example
from qualitygate.model import syntax as ir
from qualitygate.model.architecture import SharedState, StateChange
from qualitygate_checks._code import Code
from qualitygate_checks._handlers import last_name
from qualitygate_checks._state import is_cache, is_session, places, reason, words

_ENDLESS = frozenset({"functools.cache", "async_lru.alru_cache", "functools.lru_cache", "methodtools.lru_cache"})
# Annotations of parameters that take few values in one program.
_FEW = frozenset({"bool", "type", "Type", "Callable", "Literal", "None", "Enum", "ModuleType", "Path", "Settings"})
# Classes, models and functions of a program have a number.
_CLASSES = re.compile(r"(^|_)(cls|klass|class|model|func|function|module|backend|dialect|locale|language|lang)$")
# Keys of which there are ever more: of people, of their requests and what they hold.
_MANY = re.compile(
    r"(^|_)(users?|usernames?|slugs?|addresses|address|accounts?|customers?|tenants?|orgs?|clients?|sessions?|requests?|tokens?|ips?|hosts?|emails?|ids?|uuids?|"
    r"pks?|query|queries|text|prompts?|messages?|hash|digest|currency|symbol|sku|date|day|word)($|_)"
)
# Identities of what a program or its installation has a number of: `model_id`, `plugin_hash`.
_NUMBERED = re.compile(
    r"(^|_)(model|plugin|provider|schema|template|locale|source|backend|driver|dialect|type|kind)s?($|_)"
)
# Annotations of what there are ever more of.
_UNBOUNDED = frozenset(
    {"UUID", "UUID4", "datetime", "date", "Decimal", "bytes", "Request", "HttpRequest", "User", "Tenant"}
)
_SHORT = re.compile(r"(^|_)(instances?|clients?|engines?|pools?|providers?|plugins?|models?|loaded|registry)($|_)")


def run(project: Project) -> Iterator[Hit]:
    """A hit for every function that remembers without an end, and for every container that is used like that."""
    code = project.once(Code)
    for file in project.files:
        if file.module is not None and file.role is Role.APPLICATION and not file.module.generated:
            known = _imported(file.module.body)
            if any(name in known.values() for name in (*_ENDLESS, "functools", "async_lru")):
                enumerations = _enumerations(file.module.body)
                for function, method, qualname in _functions(file.module.body, ""):
                    for hit in _remembered(file.path, function, method, qualname, known, enumerations):
                        if not _always_the_same(code, file.path, function):
                            yield hit
    for state in project.state:
        if _grows(state):
            yield _container(code, state)


def _always_the_same(code: Code, path: str, function: ir.Function) -> bool:
    """Whether every call that the project makes hands over what is written there: those values have a number."""
    body = next((body for body in code.named(function.name) if body.path == path and body.function is not None), None)
    calls = code.callers(body) if body is not None else None
    return bool(calls) and all(
        isinstance(argument.value, ir.Constant) and not argument.stars
        for call, _ in calls or ()
        for argument in call.arguments
    )


def _remembered(
    path: str,
    function: ir.Function,
    method: bool,
    qualname: str,
    known: Mapping[str, str],
    enumerations: frozenset[str],
) -> Iterator[Hit]:
    for decorator in function.decorators:
        how = _endless(decorator.expression, known)
        if not how:
            continue
        plain = any(last_name(other.expression) in ("staticmethod", "property") for other in function.decorators)
        parameters = function.parameters[1:] if method and not plain else function.parameters
        many = [parameter for parameter in parameters if not _few(parameter, enumerations)]
        if not many:
            continue
        names = ", ".join(f"`{parameter.name}`" for parameter in many[:3])
        object_too = "; it keeps every object alive as well" if method and not plain else ""
        sure = any(_without_number(parameter) for parameter in many)
        unsure = "" if sure else "; nothing says here that there are many of them"
        yield Hit(
            place=Place(path, decorator.span),
            message=f"{function.name}() remembers its result for every {names} it ever saw",
            subject=f"{how} on {qualname}",
            why=f"`{how}` never forgets{object_too}{unsure}",
            mend="give it a size: `lru_cache(maxsize=1024)`, or a time to live where values change",
            confidence=None if sure else Confidence.LOW,
        )


def _endless(expression: ir.Expression, known: Mapping[str, str]) -> str:
    """`cache` or `lru_cache(maxsize=None)` where that is what a decorator is; empty for others."""
    function = expression.function if isinstance(expression, ir.Call) else expression
    name = _dotted(function, known)
    if name == "functools.cache":
        return "cache"
    if name in _ENDLESS and isinstance(expression, ir.Call):
        sizes = [
            argument.value
            for position, argument in enumerate(expression.arguments)
            if argument.name == "maxsize" or (argument.name is None and position == 0)
        ]
        if sizes and isinstance(sizes[0], ir.Constant) and sizes[0].value is None:
            lifetime = any(argument.name == "ttl" for argument in expression.arguments)
            return "" if lifetime else f"{name.rsplit('.', 1)[-1]}(maxsize=None)"
    return ""


def _few(parameter: ir.Parameter, enumerations: frozenset[str]) -> bool:
    if _CLASSES.search(parameter.name):
        return True
    if parameter.annotation is None:
        return parameter.default is not None and isinstance(getattr(parameter.default, "value", None), bool)
    named = {last_name(item) for item in ir.subexpressions(parameter.annotation)} - {"", "Optional", "Union", "|"}
    return bool(named) and all(
        name in _FEW or name in enumerations or name.endswith(("Enum", "Type")) for name in named
    )


def _without_number(parameter: ir.Parameter) -> bool:
    """Whether the name or the type of a parameter speaks of something of which there are ever more."""
    named = (
        {last_name(item) for item in ir.subexpressions(parameter.annotation)}
        if parameter.annotation is not None
        else frozenset[str]()
    )
    return _is_many(parameter.name) or not named.isdisjoint(_UNBOUNDED)


def _is_many(name: str) -> bool:
    plain = words(name)
    return _MANY.search(plain) is not None and _NUMBERED.search(plain) is None


def _grows(state: SharedState) -> bool:
    """Whether a container is filled by key where the key is missing, and never emptied."""
    if state.kind not in ("dict", "defaultdict", "OrderedDict") or is_session(state):
        return False
    filled = [change for change in state.changes if change.how == "item" and change.own_key]
    if not filled or any(change.how in ("removed", "rebound") for change in state.changes):
        return False
    # One entry for each client, engine or plugin is a short list.
    if _SHORT.search(words(state.name)):
        return False
    return is_cache(state) and any(change.routes for change in filled)


def _container(code: Code, state: SharedState) -> Hit:
    filled = [change for change in state.changes if change.how == "item" and change.own_key and change.routes]
    sure = any(_is_many(name) for change in filled for name in _key_names(code, change))
    return Hit(
        place=Place(state.place.path, state.place.span),
        message=f"`{state.name}` gains an entry for every new key and never loses one",
        subject=f"state {state.name}",
        why=reason(filled) + ("" if sure else "; nothing says here that there are many keys"),
        mend="use `cachetools.TTLCache(maxsize=1024, ttl=300)`, or a shared cache with an expiry",
        places=places(filled),
        # One entry for each model, source or template is a short list.
        confidence=Confidence.MEDIUM if sure else Confidence.LOW,
    )


def _key_names(code: Code, change: StateChange) -> list[str]:
    """What a key is called; where the function puts it together, what those parts are called."""
    bodies = (body for body in code.bodies(change.place.path) if body.owner == change.owner)
    body = next(bodies, None)
    bound = body.bindings.get(change.key, []) if body is not None else []
    parts = {
        part.id if isinstance(part, ir.Name) else last_name(part)
        for binding in bound
        for part in ir.subexpressions(binding.value)
        if isinstance(part, (ir.Name, ir.Attribute))
    }
    return sorted(parts - {""}) or [change.key]


def _functions(
    body: Sequence[ir.Statement], prefix: str, method: bool = False
) -> Iterator[tuple[ir.Function, bool, str]]:
    """Functions of a module and its classes, whether they are methods, and their qualified names."""
    for statement in body:
        if isinstance(statement, ir.Function):
            yield statement, method, f"{prefix}{statement.name}"
        elif isinstance(statement, ir.Class):
            yield from _functions(statement.body, f"{prefix}{statement.name}.", True)
        elif isinstance(statement, (ir.If, ir.Try)):
            yield from _functions(statement.body, prefix, method)


def _enumerations(body: Sequence[ir.Statement]) -> frozenset[str]:
    return frozenset(
        statement.name
        for statement in body
        if isinstance(statement, ir.Class) and any(last_name(base.value).endswith("Enum") for base in statement.bases)
    )


def _imported(body: Sequence[ir.Statement]) -> dict[str, str]:
    found = {}
    for statement in body:
        if isinstance(statement, ir.Import) and not statement.level:
            if not statement.names:
                found[statement.alias or statement.module] = statement.module
            for name, alias in statement.names:
                found[alias or name] = f"{statement.module}.{name}"
    return found


def _dotted(expression: ir.Expression, known: Mapping[str, str]) -> str:
    if isinstance(expression, ir.Attribute) and isinstance(expression.value, ir.Name):
        return f"{known.get(expression.value.id, '')}.{expression.name}"
    return known.get(expression.id, "") if isinstance(expression, ir.Name) else ""


def _examined(project: Project) -> int:
    return len(project.state) + sum(
        1
        for file in project.files
        if file.language is Language.PYTHON and file.module is not None
        for _ in _functions(file.module.body, "")
    )


CHECK = Check(
    id="unbounded-memoization",
    domain=Domain.CACHING,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Cache at multiple layers",
    dont="Cache everything forever",
    tags=("CWE-400", "CWE-770", "OWASP-API4:2023"),
    gates=("memory_usage",),
    run=run,
    examined=_examined,
    doc=__doc__,
    bad=(
        example(
            """
            from functools import lru_cache

            from shop.database import session


            @lru_cache(maxsize=None)  # <- flagged
            def price_of(article_id: int, currency: str):
                return session().execute("SELECT price FROM prices WHERE id = :id", {"id": article_id}).scalar()
            """,
            "a price for ever",
            path="shop/prices.py",
        ),
        example(
            """
            import functools


            class Translator:
                @functools.cache  # <- flagged
                def translate(self, text, language):
                    return self.dictionary[language].get(text, text)
            """,
            "every text, and every object",
            path="clinic/translate.py",
        ),
        example(
            """
            from flask import Flask, jsonify

            from helpdesk.accounts import fetch_profile

            app = Flask(__name__)
            _profiles = {}  # <- flagged


            def profile(number):
                if number not in _profiles:
                    _profiles[number] = fetch_profile(number)
                return _profiles[number]


            @app.get("/api/v1/profiles/<int:number>")
            def read_profile(number):
                return jsonify(profile(number))
            """,
            "a dictionary filled by requests",
        ),
        example(
            """
            from fastapi import FastAPI

            from shop.geo import locate

            app = FastAPI()


            class Locator:
                def __init__(self):
                    self.cache = {}  # <- flagged

                def find(self, address):
                    found = self.cache.get(address)
                    if found is None:
                        found = locate(address)
                        self.cache[address] = found
                    return found


            locator = Locator()


            @app.get("/v1/places/{address}")
            def place(address: str):
                return locator.find(address)
            """,
            "kept by an object that is made once",
        ),
    ),
    good=(
        example(
            """
            from enum import Enum
            from functools import cache, lru_cache

            from shop.config import Settings


            class Region(Enum):
                EU = "eu"
                US = "us"


            @cache
            def settings():
                return Settings()


            @cache
            def tax_table(region: Region, reduced: bool = False):
                return {"region": region.value, "reduced": reduced}


            @lru_cache(maxsize=1024)
            def slug(title: str):
                return title.lower().replace(" ", "-")
            """,
            "few arguments, and a size",
            path="shop/settings.py",
        ),
        example(
            """
            from cachetools import TTLCache
            from flask import Flask, jsonify

            from helpdesk.accounts import fetch_profile

            app = Flask(__name__)
            _profiles = TTLCache(maxsize=1024, ttl=300)


            @app.get("/api/v1/profiles/<int:number>")
            def read_profile(number):
                if number not in _profiles:
                    _profiles[number] = fetch_profile(number)
                return jsonify(_profiles[number])
            """,
            "a size and a time to live",
        ),
        example(
            """
            from fastapi import FastAPI

            from shop.geo import locate

            app = FastAPI()
            _cache = {}


            @app.get("/v1/places/{address}")
            def place(address: str):
                if address not in _cache:
                    if len(_cache) > 1000:
                        _cache.clear()
                    _cache[address] = locate(address)
                return _cache[address]
            """,
            "emptied when it is full",
        ),
        example(
            """
            from functools import cached_property, lru_cache


            class Report:
                @cached_property
                def total(self):
                    return sum(self.rows)


            @lru_cache
            def plural(word):
                return word + "s"
            """,
            "one value per object, and the default size of 128",
            path="clinic/reports.py",
        ),
    ),
)
