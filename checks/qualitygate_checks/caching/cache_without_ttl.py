"""A cached value that never expires.

What it flags: a value that is put into a cache with no time to live: `set` of a Redis or Valkey client without `ex`, `px`,
`exat`, `pxat` or `keepttl`, and with no `expire` for the same client in the function; Django's `cache.set(...,
timeout=None)` and a `TIMEOUT` of None in `CACHES`; `timeout=0` of Flask-Caching; `ttl=None` of aiocache, the default;
`cache()` of fastapi-cache without `expire`, here and at its start; memcached clients whose expiry is 0.

Why: what is cached for ever is answered for ever, long after it has changed. The cache grows until it evicts what is
needed, or refuses to take more.

How to mend: give every value the longest age at which it is still good: `client.set(key, value, ex=300)`.

What it cannot see: an eviction policy of the server, and clients whose type is not known. Keys that say that they are no
cache (locks, counters, sequences, queues, flags, statistics) are left alone; the defaults of Django and of Flask-Caching
are 300 seconds. Told with low confidence are values that are written in the code, a key that the same file deletes or
that is set beside one that expires, the one value of a function without parameters, and what a script caches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Place, Project, Severity, example
from qualitygate.model.calls import Argument, Call
from qualitygate_checks._code import Code
from qualitygate_checks._reach import is_script, owner, way

_CLIENTS = (
    "redis.Redis",
    "redis.StrictRedis",
    "redis.from_url",
    "redis.Redis.from_url",
    "redis.StrictRedis.from_url",
    "redis.asyncio.Redis",
    "redis.asyncio.from_url",
    "redis.asyncio.Redis.from_url",
    "redis.asyncio.client.Redis",
    "redis.client.Redis",
    "redis.cluster.RedisCluster",
    "redis.RedisCluster",
    "aioredis.from_url",
    "aioredis.Redis",
    "valkey.Valkey",
    "valkey.from_url",
    "valkey.asyncio.Valkey",
    "flask_redis.FlaskRedis",
    "django_redis.get_redis_connection",
)
_BY = ("", ".pipeline")
_SETS = frozenset(f"{client}{by}.set" for client in _CLIENTS for by in _BY)
_EXPIRES = frozenset(
    f"{client}{by}.{method}"
    for client in _CLIENTS
    for by in _BY
    for method in ("expire", "pexpire", "expireat", "pexpireat")
)
_DELETES = frozenset(f"{client}{by}.{method}" for client in _CLIENTS for by in _BY for method in ("delete", "unlink"))
_SETS_FOR = frozenset(f"{client}{by}.{method}" for client in _CLIENTS for by in _BY for method in ("setex", "psetex"))
_LIFETIMES = ("ex", "px", "exat", "pxat", "keepttl")
_DJANGO = frozenset(
    f"{cache}.{method}"
    for cache in ("django.core.cache.cache", "django.core.cache.caches")
    for method in ("set", "add", "get_or_set", "set_many", "touch")
)
_POSITIONS = {"set": 2, "add": 2, "get_or_set": 2, "set_many": 1, "touch": 1}
_FLASK = frozenset(f"flask_caching.Cache.{method}" for method in ("set", "add", "cached", "memoize", "set_many"))
_MEMCACHED = frozenset(
    f"{client}.set"
    for client in ("pymemcache.client.base.Client", "pymemcache.Client", "pylibmc.Client", "memcache.Client")
)
_FASTAPI = frozenset({"fastapi_cache.decorator.cache"})
_FASTAPI_START = "fastapi_cache.FastAPICache.init"
_AIOCACHE = frozenset({"aiocache.cached", "aiocache.Cache.set", "aiocache.RedisCache.set"})
_CACHES = _SETS | _DJANGO | _FLASK | _MEMCACHED | _AIOCACHE | _FASTAPI
_NO_CACHE = re.compile(
    r"(?<![a-z])(?:lock|mutex|seq|sequence|queue|counter|count|flag|lease|leader|semaphore|offset|cursor|checkpoint|last|"
    r"config|setting|enabled|feature|maintenance|bucket|heartbeat|paused?|registry|stop|cancel|abort|halt|running|active|"
    r"state|status|progress|test|probe|ping|stat|statistic|metric|file_hash|checksum|etag)s?(?![a-z])",
    re.IGNORECASE,
)
# Work that comes again and again, and then renews what it has put there.
_RENEWED = re.compile(r"(^|[/_.:])(jobs?|tasks?|workers?|cron|schedul\w*|housekeeping)([/_.:]|$)", re.IGNORECASE)
_KEEPER = re.compile(r"(?<![a-z])(?:lock|mutex|sequence|queue|counter|config|setting)s?(?![a-z])", re.IGNORECASE)


def run(project: Project) -> Iterator[Hit]:
    """A hit for every value that is cached without an end, and for a cache whose default has none."""
    expiring = {call.owner for call in project.calls if call.name in _EXPIRES}
    code = project.once(Code)
    timed = {call.owner for call in project.calls if call.name in _SETS_FOR}
    deleted = {(call.place.path, _key(call)) for call in project.calls if call.name in _DELETES}
    limited = any(call.name == _FASTAPI_START and call.argument("expire") is not None for call in project.calls)
    for call in project.calls:
        fault = None if limited and call.name in _FASTAPI else _fault(call, expiring)
        if fault is None:
            continue
        why, mend, confidence = fault
        reached = way(call)
        doubt = _doubt(call, code, bool(reached), (call.place.path, _key(call)) in deleted, call.owner in timed)
        why = f"{why}; {doubt}" if doubt else why
        yield Hit(
            place=call.place,
            message=f"{'.'.join(call.name.split('.')[-2:])}() caches{_key(call)} for ever",
            subject=f"{call.name} in {owner(call)}",
            why=f"{why}; {reached}" if reached else why,
            mend=mend,
            places=call.chain,
            confidence=Confidence.LOW if doubt else confidence,
        )
    for settings in project.settings:
        caches = settings.values.get("CACHES")
        for alias, cache in zip(caches.keys, caches.items, strict=False) if caches is not None else ():
            timeout = cache.entry("TIMEOUT")
            if timeout is not None and _is_none(timeout) and caches is not None and caches.place is not None:
                yield Hit(
                    place=Place(caches.place.path, caches.place.span),
                    message=f"the cache `{alias}` keeps what it is given for ever",
                    subject=f"CACHES {alias}",
                    why="its `TIMEOUT` is None",
                    mend="give `TIMEOUT` a number of seconds; Django's default is 300",
                )


def _doubt(call: Call, code: Code, requested: bool, deleted: bool, timed: bool) -> str:
    """Why a value may be kept for ever on purpose; empty where nothing says so.

    ``requested`` tells that a request leads there, ``deleted`` that the file deletes the key, ``timed`` that the function
    lets another key expire.
    """
    if _is_flag(call):
        return "what is kept is written in the code, so that it may be a mark and no copy"
    if not requested and _is_renewed(call):
        return "a task or a command puts it there, and may renew it each time that it runs"
    if call.name.endswith(".cached") and is_script(call.place.path):
        return "a script keeps it, which ends"
    if call.name.endswith(".cached") and _has_one_value(code, call):
        return "the function has no parameters, so that there is one value of it"
    if call.name in _SETS and _key(call) and deleted:
        return "this file deletes the same key elsewhere"
    if call.name in _SETS and timed:
        return "another key that this function sets does expire, and may say when it is old"
    return ""


def _fault(call: Call, expiring: set[str]) -> tuple[str, str, Confidence] | None:
    name = call.name
    if name in _SETS:
        if not call.complete or len(call.positional) > 2 or call.owner in expiring:
            return None
        given = [call.argument(word) for word in _LIFETIMES]
        if any(item is not None and not _is_none(item) for item in given) or call.argument("get") is not None:
            return None
        if _is_bookkeeping(call):
            return None
        return "`set` of Redis has no expiry of its own", "add `ex=` in seconds", Confidence.MEDIUM
    if name in _DJANGO:
        timeout = call.argument("timeout", _POSITIONS[name.rsplit(".", 1)[-1]])
        if timeout is not None and _is_none(timeout) and _is_written(timeout) and not _is_bookkeeping(call):
            return "`timeout=None` means never", "give a number of seconds, or take the default", Confidence.HIGH
    elif name in _FLASK:
        timeout = call.argument("timeout", 0 if name.endswith(("cached", "memoize")) else 2)
        if timeout is not None and timeout.kind == "constant" and timeout.value == 0:
            return "a timeout of 0 means never", "give a number of seconds; the default is 300", Confidence.HIGH
    elif name in _MEMCACHED:
        expire = call.argument("expire", 2) or call.argument("time", 2)
        never = expire is None or (expire.kind == "constant" and expire.value == 0)
        if never and call.complete and not _is_bookkeeping(call):
            return "an expiry of 0, the default, means never", "give an expiry in seconds", Confidence.MEDIUM
    elif name in _FASTAPI:
        expire = call.argument("expire", 0)
        if call.complete and (expire is None or _is_none(expire)):
            return "`expire` is None, the default: never", "add `expire=` in seconds", Confidence.HIGH
    elif name in _AIOCACHE:
        ttl = call.argument("ttl")
        if (ttl is None and name.endswith("cached") and call.complete) or (ttl is not None and _is_none(ttl)):
            return "`ttl` is None, the default: never", "add `ttl=` in seconds", Confidence.HIGH
    return None


def _has_one_value(code: Code, call: Call) -> bool:
    """Whether a decorator caches a function without parameters, which has one value for as long as the process lives."""
    return any(
        body.function is not None and not body.function.parameters
        for body in code.bodies(call.place.path)
        for decorator in (body.function.decorators if body.function is not None else ())
        if decorator.span.line <= call.place.span.line <= decorator.span.end_line
    )


def _is_none(argument: Argument) -> bool:
    return argument.kind == "constant" and argument.value is None and argument.complete


def _is_written(argument: Argument) -> bool:
    """Whether None stands in the call itself: an attribute that is None at first may be anything by then."""
    if argument.place is None:
        return False
    span = argument.place.span
    return span.line == span.end_line and span.end_column - span.column in (len("None"), len("timeout=None"))


def _is_bookkeeping(call: Call) -> bool:
    """Whether the key says that it is no cached value, or the call that it only takes a lock."""
    taken = call.argument("nx")
    key = call.argument("key", 0) or call.argument("name")
    text = f"{key.value or ''} {key.text} {key.name}" if key is not None else ""
    if (taken is not None and taken.value is True) or _NO_CACHE.search(text):
        return True
    return _KEEPER.search(f"{call.place.path.rsplit('/', 1)[-1]} {owner(call)}") is not None


def _is_flag(call: Call) -> bool:
    """Whether what is put there is written in the code: a mark, and no copy of anything that may change."""
    value = call.argument("value", 1) if call.name.rsplit(".", 1)[-1] in ("set", "add") else None
    return value is not None and value.kind == "constant" and value.value is not None and value.complete


def _is_renewed(call: Call) -> bool:
    """Whether a task or a command puts a value under one fixed key: what it holds is as old as the last run."""
    key = call.argument("key", 0) or call.argument("name")
    fixed = key is not None and key.kind == "constant"
    return fixed and (is_script(call.place.path) or _RENEWED.search(call.owner) is not None)


def _key(call: Call) -> str:
    key = call.argument("key", 0) or call.argument("name")
    text = "" if key is None else key.text or (key.value if isinstance(key.value, str) else "")
    return f" `{text}`" if text and len(text) < 60 else ""


CHECK = Check(
    id="cache-without-ttl",
    domain=Domain.CACHING,
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    do="Cache at multiple layers",
    dont="Cache everything forever",
    tags=("CWE-770", "OWASP-API4:2023"),
    gates=("memory_usage", "data_consistency"),
    run=run,
    calls=_CACHES | _EXPIRES | _DELETES | _SETS_FOR | {_FASTAPI_START},
    assigns=frozenset({"CACHES"}),
    examined=lambda project: sum(call.name in _CACHES for call in project.calls),
    doc=__doc__,
    bad=(
        example(
            """
            import json

            import redis
            from fastapi import FastAPI

            from shop.articles import load

            app = FastAPI()
            cache = redis.Redis(host="cache", socket_timeout=1)


            @app.get("/v1/articles/{number}")
            def article(number: int):
                known = cache.get(f"article:{number}")
                if known is None:
                    known = json.dumps(load(number))
                    cache.set(f"article:{number}", known)  # <- flagged
                return json.loads(known)
            """,
            "an article for ever",
        ),
        example(
            """
            from django.core.cache import cache

            from clinic.models import Visit


            def visits_of(patient):
                return cache.get_or_set(f"visits:{patient.pk}", lambda: list(Visit.objects.all()), None)  # <- flagged


            def remember(patient, visits):
                cache.set(f"visits:{patient.pk}", visits, timeout=None)  # <- flagged
            """,
            "the default switched off",
            path="clinic/caching.py",
        ),
        example(
            """
            from flask import Flask, jsonify
            from flask_caching import Cache

            app = Flask(__name__)
            cache = Cache(app, config={"CACHE_TYPE": "RedisCache"})


            @app.get("/api/v1/statuses")
            @cache.cached(timeout=0)  # <- flagged
            def statuses():
                return jsonify(["open", "closed"])
            """,
            "zero means never",
        ),
        example(
            {
                "clinic/settings.py": """
                    ROOT_URLCONF = "clinic.urls"
                    INSTALLED_APPS = ["clinic"]
                    CACHES = {  # <- flagged
                        "default": {
                            "BACKEND": "django.core.cache.backends.redis.RedisCache",
                            "LOCATION": "redis://cache:6379/1",
                            "TIMEOUT": None,
                        }
                    }
                    """,
                "clinic/urls.py": "urlpatterns = []\n",
            },
            "a whole cache without an end",
        ),
        example(
            """
            from redis.asyncio import Redis


            class ProfileCache:
                def __init__(self, client: Redis):
                    self.client = client

                async def store(self, number: int, profile: str):
                    await self.client.set(f"profile:{number}", profile)  # <- flagged
            """,
            "a client known by its type",
            path="shop/profiles.py",
        ),
    ),
    good=(
        example(
            """
            import redis
            from fastapi import FastAPI

            app = FastAPI()
            cache = redis.Redis(host="cache", socket_timeout=1)


            @app.put("/v1/articles/{number}")
            def article(number: int, body: str):
                cache.set(f"article:{number}", body, ex=300)
                cache.setex(f"title:{number}", 300, body[:20])
                cache.set(f"stock:{number}", body)
                cache.expire(f"stock:{number}", 60)
                return {"ok": True}
            """,
            "an expiry at once, or right after",
        ),
        example(
            """
            from django.core.cache import cache


            def remember(patient, visits):
                cache.set(f"visits:{patient.pk}", visits)
                cache.set(f"names:{patient.pk}", patient.name, timeout=60 * 60)
            """,
            "the default of Django is 300 seconds",
            path="clinic/caching.py",
        ),
        example(
            """
            import redis

            client = redis.Redis(host="queue", socket_timeout=1)


            def next_number():
                if client.set("orders:lock", "1", nx=True):
                    client.set("orders:sequence", 1)
                return client.incr("orders:sequence")
            """,
            "a lock and a sequence",
            path="shop/numbers.py",
        ),
        example(
            """
            from flask import Flask, jsonify
            from flask_caching import Cache

            app = Flask(__name__)
            cache = Cache(app)


            @app.get("/api/v1/statuses")
            @cache.cached()
            def statuses():
                cache.set("seen", True, timeout=30)
                return jsonify(["open", "closed"])
            """,
            "the default of Flask-Caching is 300 seconds",
        ),
    ),
)
