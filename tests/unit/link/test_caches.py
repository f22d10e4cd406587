"""Caches that are configured, and what is kept in them for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qualitygate.model.architecture import Cache
from qualitygate.model.project import Project

Read = Callable[[Mapping[str, str]], Project]


def _line(cache: Cache) -> str:
    place = f"{cache.place.path}:{cache.place.span.line}"
    backend = f" in {cache.backend}" if cache.backend else ""
    return f"{cache.kind} {cache.library} {cache.name or '-'}{backend} {cache.ttl} {place}"


def test_the_caches_of_djangos_settings_and_their_entries_are_told(project: Read) -> None:
    read = project(
        {
            "shop/__init__.py": "",
            "shop/settings.py": """
                INSTALLED_APPS = []
                CACHES = {
                    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "TIMEOUT": 60},
                    "pages": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "TIMEOUT": None},
                    "plain": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
                }
            """,
            "shop/views.py": """
                from django.core.cache import cache
                from django.views.decorators.cache import cache_page

                @cache_page(60 * 15)
                def page(request):
                    cache.set("totals", 1, 30)
                    cache.get_or_set(f"user:{request.user.pk}", 2, timeout=None)
                    cache.add("seen", 3)
            """,
        }
    )
    assert [_line(cache) for cache in read.caches] == [
        "store django default in django.core.cache.backends.redis.RedisCache 60 shop/settings.py:2",
        "store django pages in django.core.cache.backends.locmem.LocMemCache never shop/settings.py:2",
        "store django plain in django.core.cache.backends.locmem.LocMemCache 300 shop/settings.py:2",
        "entry django - 900 shop/views.py:4",
        "entry django totals 30 shop/views.py:6",
        "entry django user:{} never shop/views.py:7",
        "entry django seen default shop/views.py:8",
    ]


def test_entries_of_redis_and_of_the_caching_libraries_are_told_with_their_life(project: Read) -> None:
    read = project(
        {
            "app.py": """
                import redis
                from aiocache import cached
                from cachetools import TTLCache
                from fastapi import FastAPI
                from flask_caching import Cache

                app = FastAPI()
                cache = Cache(config={"CACHE_TYPE": "RedisCache", "CACHE_DEFAULT_TIMEOUT": 120})
                local = TTLCache(maxsize=100, ttl=30)
                client = redis.Redis()

                @cached(ttl=5)
                async def rates(): ...

                @cache.memoize(60)
                def slow(): ...

                @app.get("/orders/{order_id}")
                def order(order_id: int):
                    client.set(f"order:{order_id}", "x", ex=10)
                    client.setex("total", 20, "x")
                    client.set("kept", "x")
            """
        }
    )
    assert [_line(cache) for cache in read.caches] == [
        "store flask-caching Cache in RedisCache 120 app.py:8",
        "store cachetools TTLCache 30 app.py:9",
        "entry aiocache - 5 app.py:12",
        "entry flask-caching - 60 app.py:15",
        "entry redis order:{} 10 app.py:20",
        "entry redis total 20 app.py:21",
        "entry redis kept never app.py:22",
    ]
    assert read.caches[4].routes == ("GET /orders/{order_id}",)
