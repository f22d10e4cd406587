"""In: library calls and settings of a program. Out: its caches, and what it keeps in them for how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from qualitygate.model.architecture import Cache
from qualitygate.model.calls import Argument, Call, Settings
from qualitygate.model.source import Place

SETTINGS = frozenset({"CACHES"})
"""The settings that are asked for."""

_REDIS = (
    "redis.Redis",
    "redis.StrictRedis",
    "redis.from_url",
    "redis.Redis.from_url",
    "redis.StrictRedis.from_url",
    "redis.asyncio.Redis",
    "redis.asyncio.from_url",
    "redis.asyncio.Redis.from_url",
    "redis.cluster.RedisCluster",
    "aioredis.from_url",
    "aioredis.Redis",
    "valkey.Valkey",
    "valkey.from_url",
    "flask_redis.FlaskRedis",
    "django_redis.get_redis_connection",
)
_MEMCACHED = ("pymemcache.client.base.Client", "pymemcache.Client", "pylibmc.Client", "memcache.Client")

# What an entry is kept by: library, position of the key (None for none), names and position of its life, its default.
_Entry = tuple[str, int | None, tuple[str, ...], int | None, str]
_ENTRIES: Mapping[str, _Entry] = {
    **{f"{client}.set": ("redis", 0, ("ex", "px", "exat", "pxat"), 2, "never") for client in _REDIS},
    **{f"{client}.{name}": ("redis", 0, ("time",), 1, "") for client in _REDIS for name in ("setex", "psetex")},
    **{f"{client}.set": ("memcached", 0, ("expire", "time"), 2, "never") for client in _MEMCACHED},
    **{
        f"django.core.cache.{holder}.{name}": ("django", 0, ("timeout",), 2, "default")
        for holder in ("cache", "caches")
        for name in ("set", "add", "get_or_set")
    },
    "django.core.cache.cache.set_many": ("django", None, ("timeout",), 1, "default"),
    "django.views.decorators.cache.cache_page": ("django", None, ("timeout",), 0, ""),
    **{f"flask_caching.Cache.{name}": ("flask-caching", 0, ("timeout",), 2, "default") for name in ("set", "add")},
    **{
        f"flask_caching.Cache.{name}": ("flask-caching", None, ("timeout",), 0, "default")
        for name in ("cached", "memoize")
    },
    "aiocache.cached": ("aiocache", None, ("ttl",), None, "never"),
    "aiocache.cached_stampede": ("aiocache", None, ("ttl",), None, "never"),
    "aiocache.decorators.cached": ("aiocache", None, ("ttl",), None, "never"),
    **{
        f"aiocache.{name}.set": ("aiocache", 0, ("ttl",), None, "default")
        for name in ("Cache", "RedisCache", "SimpleMemoryCache", "MemcachedCache")
    },
    "fastapi_cache.decorator.cache": ("fastapi-cache", None, ("expire",), 0, "default"),
}
# What makes a cache: library, name of the backend where the call gives it, names and position of the life.
_STORES: Mapping[str, tuple[str, tuple[str, ...], int | None]] = {
    "flask_caching.Cache": ("flask-caching", ("default_timeout",), None),
    "flask_caching.Cache.init_app": ("flask-caching", ("default_timeout",), None),
    **{
        f"aiocache.{name}": ("aiocache", ("ttl",), None)
        for name in ("Cache", "RedisCache", "SimpleMemoryCache", "MemcachedCache")
    },
    "fastapi_cache.FastAPICache.init": ("fastapi-cache", ("expire",), None),
    "cachetools.TTLCache": ("cachetools", ("ttl",), 1),
    "cachetools.LRUCache": ("cachetools", (), None),
    "cachetools.LFUCache": ("cachetools", (), None),
}
CALLS = frozenset({*_ENTRIES, *_STORES})
"""The calls that are asked for."""


def link_caches(calls: Iterable[Call], settings: Iterable[Settings]) -> tuple[Cache, ...]:
    """Caches and their entries, in the order of their places."""
    found = [*_configured(settings)]
    for call in calls:
        if call.name in _ENTRIES:
            found.append(_entry(call, _ENTRIES[call.name]))
        elif call.name in _STORES:
            found.append(_store(call, *_STORES[call.name]))
    distinct = {(cache.place.path, cache.place.span, cache.kind, cache.name): cache for cache in found}
    return tuple(distinct[key] for key in sorted(distinct))


def _configured(settings: Iterable[Settings]) -> Iterator[Cache]:
    """The caches of Django's settings; where several settings modules say the same, the place is one."""
    for module in settings:
        caches = module.values.get("CACHES")
        if caches is None or caches.kind != "mapping" or caches.place is None:
            continue
        for alias, cache in zip(caches.keys, caches.items, strict=False):
            timeout = cache.entry("TIMEOUT")
            place = Place(caches.place.path, caches.place.span)
            ttl = _life(timeout) if timeout is not None else "300"
            yield Cache("store", "django", alias, ttl, place, module.path, _said(cache.entry("BACKEND")))


def _entry(call: Call, entry: _Entry) -> Cache:
    library, key, names, position, default = entry
    life = next((call.keywords[name] for name in names if name in call.keywords), None)
    if life is None and position is not None and position < len(call.positional):
        life = call.positional[position]
    name = _said(call.argument("key", key)) if key is not None else ""
    ttl = _life(life) if life is not None else default if call.complete else "unknown"
    if "px" in call.keywords or call.name.endswith(".psetex"):
        ttl += " ms" if ttl.isdigit() else ""
    return Cache("entry", library, name, ttl, call.place, call.owner, routes=call.routes)


def _store(call: Call, library: str, names: tuple[str, ...], position: int | None) -> Cache:
    life = next((call.keywords[name] for name in names if name in call.keywords), None)
    if life is None and position is not None and position < len(call.positional):
        life = call.positional[position]
    config = call.argument("config", 1)
    backend = call.argument("cache_class", 0) if library == "aiocache" else call.argument("backend", 0)
    ttl = _life(life) if life is not None else "never" if library == "cachetools" else "default"
    if library == "flask-caching":
        kept = config if config is not None and config.kind == "mapping" else None
        backend = kept.entry("CACHE_TYPE") if kept is not None else None
        given = kept.entry("CACHE_DEFAULT_TIMEOUT") if kept is not None else None
        ttl = _life(given) if given is not None else ttl
    last = call.name.rpartition(".")[2]
    shown = "" if library == "cachetools" else _said(backend)
    return Cache("store", library, last, ttl, call.place, call.owner, shown, call.routes)


def _life(argument: Argument) -> str:
    """How long: seconds, `never` for nothing, or the name of what says it."""
    if argument.kind in ("constant", "setting") and (argument.kind == "constant" or argument.value is not None):
        return "never" if argument.value is None else str(argument.value)
    return argument.name if argument.kind in ("reference", "parameter") and argument.name else "set"


def _said(argument: Argument | None) -> str:
    if argument is None:
        return ""
    if argument.kind in ("constant", "setting"):
        return "" if argument.value is None else str(argument.value)
    if argument.kind == "template":
        return argument.text
    return argument.name.rpartition(":")[2] if argument.kind == "reference" else "{}"
