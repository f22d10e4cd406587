"""Attempts that follow one another at a fixed pace, or at none.

What it flags: a loop that tries a remote call again with a pause that never grows (or with no pause at all), and retry
policies of the same kind: `tenacity.retry` with no `wait` or `wait_fixed`, `backoff.constant`, `retrying.retry` and
`retry.retry` with their defaults, a `Retry` of urllib3 without `backoff_factor`, Celery tasks with `autoretry_for` and no
`retry_backoff`.

Why: when a dependency falters, all clients fail at the same moment and come back at the same moment, again and again: the
attempts are the load that keeps it down.

How to mend: let the pause grow and spread it at random: `wait_random_exponential(max=30)`, `backoff.expo` (its jitter is
on by default), `time.sleep(min(30, 2**attempt) * random.random())`, `retry_backoff=True, retry_jitter=True`.

What it cannot see: pauses inside functions that are called in the loop, and what a server's `Retry-After` asks for. Loops
that wait for something to start, or ask for a result until it is there, are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Language, ParsedFile, Place, Severity, example
from qualitygate.model import syntax as ir
from qualitygate_checks._handlers import last_name
from qualitygate_checks._reach import is_script
from qualitygate_checks._retries import Policy, Retry, declared, examined, loops

_WAITING = re.compile(
    r"wait|poll|ready|until|ping|watch|healthy|alive|responsive|probe|pre_?start|start_?up|bootstrap|lock",
    re.IGNORECASE,
)
_MANY = 3
"""More policies of one file than this are one decision: they are told together."""

_MENDS = {
    "tenacity": "wait with `wait_random_exponential(max=30)`",
    "backoff": "use `backoff.expo`",
    "retrying": "add `wait_exponential_multiplier=` and `wait_exponential_max=`",
    "retry": "add `delay=1, backoff=2, jitter=(0, 1)`",
    "urllib3": "add `backoff_factor=0.5` (and `backoff_jitter=` from urllib3 2 on)",
    "celery": "add `retry_backoff=True`: its jitter is on by default",
}


def run(file: ParsedFile) -> Iterator[Hit]:
    """A hit for every retry whose pause does not grow."""
    if file.module is None or file.module.generated or is_script(file.path):
        return
    flat = [
        (policy, why)
        for policy in declared(file)
        if policy.complete and (why := _flat(policy)) and not _WAITING.search(f"{file.path} {policy.owner}")
    ]
    if len(flat) > _MANY:
        policy, why = flat[0]
        yield Hit(
            place=Place(file.path, policy.place),
            message=f"{len(flat)} functions of this file are tried again without backoff, {policy.owner}() first",
            subject="policies without backoff",
            why=why,
            mend=f"{_MENDS[policy.library]}, in one policy that they share",
            places=tuple(Place(file.path, other.place, other.owner, "definition") for other, _ in flat[1 : _MANY + 1]),
        )
        flat = []
    for policy, why in flat:
        yield Hit(
            place=Place(file.path, policy.place),
            message=f"{policy.owner or policy.name}() is tried again without backoff",
            subject=f"{policy.name} on {policy.owner}",
            why=why,
            mend=_MENDS[policy.library],
        )
    for scope, retry in loops(file):
        if retry.polls or _speaks_of_polling(retry):
            continue
        if retry.growing or not _remote(retry) or _WAITING.search(f"{file.path} {scope.qualname} {retry.attempt}"):
            continue
        pause = "the pause between attempts is always the same" if retry.waits else "there is no pause between attempts"
        yield Hit(
            place=Place(file.path, retry.loop.span),
            message=f"{retry.attempt}() is tried again without backoff",
            subject=f"{retry.attempt} in {scope.qualname or file.path}",
            why=pause,
            mend="let the pause grow and spread: `min(30, 2**attempt) * random.random()`, or use tenacity",
            confidence=Confidence.MEDIUM,
        )


def _speaks_of_polling(retry: Retry) -> bool:
    return any(
        isinstance(part, ir.Constant) and isinstance(part.value, str) and "poll" in part.value.lower()
        for expression in ir.expressions(retry.loop.body)
        for part in ir.subexpressions(expression)
    )


def _remote(retry: Retry) -> bool:
    """Without a pause, only counted attempts after an error of a remote system are sure to be a retry."""
    if retry.waits:
        return retry.remote is not False
    return retry.remote is True and isinstance(retry.loop, ir.For)


def _flat(policy: Policy) -> str:
    """Why a policy does not back off; empty where it does."""
    given = policy.arguments
    if policy.library == "tenacity":
        wait = given.get("wait", policy.positional[2] if len(policy.positional) > 2 else None)
        if wait is None:
            return "without `wait` tenacity tries again at once"
        if isinstance(wait, ir.Call) and last_name(wait) in ("wait_fixed", "wait_none"):
            return f"`{last_name(wait)}` waits the same time after every attempt"
    elif policy.library == "backoff":
        generator = given.get("wait_gen", policy.positional[0] if policy.positional else None)
        if last_name(generator) == "constant":
            return "`backoff.constant` waits the same time after every attempt"
    elif policy.library == "retrying":
        if not any(
            name.startswith(("wait_exponential", "wait_func", "wait_incrementing", "wait_random")) for name in given
        ):
            return "the policy of retrying waits the same time, or not at all"
    elif policy.library == "retry":
        if "backoff" not in given and len(policy.positional) < 5:
            return "`backoff` is 1 by default: the pause does not grow"
    elif policy.library == "urllib3":
        counts = [given.get(name) for name in ("total", "connect", "read", "status")] + list(policy.positional[:1])
        tries = any(
            isinstance(count, ir.Constant) and isinstance(count.value, int) and count.value > 1 for count in counts
        )
        if tries and "backoff_factor" not in given:
            return "without `backoff_factor` urllib3 tries again at once"
    elif policy.library == "celery" and "autoretry_for" in given and "retry_backoff" not in given:
        return "without `retry_backoff` Celery waits the same time after every attempt"
    return ""


CHECK = Check(
    id="retry-without-backoff",
    domain=Domain.ARCHITECTURE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Handle dependency failures",
    dont="Retry at a fixed pace",
    tags=("CWE-400", "OWASP-API4:2023"),
    gates=("graceful_degradation",),
    run=run,
    reads=frozenset({Language.PYTHON}),
    words=frozenset({"except", "sleep", "retry", "retries", "Retry", "backoff"}),
    examined=examined,
    doc=__doc__,
    bad=(
        example(
            """
            import time

            import requests


            def charge(order):
                for _ in range(3):  # <- flagged
                    try:
                        return requests.post("https://pay.example.com/charges", json=order, timeout=5).json()
                    except requests.ConnectionError:
                        time.sleep(1)
                raise RuntimeError("payment is down")
            """,
            "always one second",
            path="shop/payment.py",
        ),
        example(
            """
            import requests
            from tenacity import retry, stop_after_attempt, wait_fixed


            @retry(stop=stop_after_attempt(5), wait=wait_fixed(2))  # <- flagged
            def current_rate(currency):
                return requests.get(f"https://rates.example.com/{currency}", timeout=5).json()


            @retry(stop=stop_after_attempt(5))  # <- flagged
            def rates():
                return requests.get("https://rates.example.com/", timeout=5).json()
            """,
            "a fixed pause, and none",
            path="shop/rates.py",
        ),
        example(
            """
            import requests
            from requests.adapters import HTTPAdapter
            from urllib3.util.retry import Retry

            session = requests.Session()
            session.mount("https://", HTTPAdapter(max_retries=Retry(total=5, status_forcelist=[502, 503])))  # <- flagged
            """,
            "the default of urllib3 is no pause",
            path="helpdesk/client.py",
        ),
        example(
            """
            from celery import shared_task

            from clinic.sms import SmsDown, send


            @shared_task(autoretry_for=(SmsDown,), max_retries=5)  # <- flagged
            def remind(number):
                send(number)
            """,
            "a task at a fixed pace",
            path="clinic/tasks.py",
        ),
        example(
            """
            import asyncio

            import aiohttp

            ATTEMPTS = 4


            async def fetch(session, url):
                attempt = 0
                while attempt < ATTEMPTS:  # <- flagged
                    try:
                        async with session.get(url) as response:
                            return await response.json()
                    except aiohttp.ClientError:
                        attempt += 1
                        await asyncio.sleep(0.5)
                return None
            """,
            "a coroutine at a fixed pace",
            path="reader/feeds.py",
        ),
        example(
            """
            import time

            import httpx

            client = httpx.Client()


            def charge(order):
                for _ in range(5):  # <- flagged
                    response = client.post("https://pay.example.com/charges", json=order)
                    if response.status_code == 200:
                        return response.json()
                    time.sleep(2)
                return None
            """,
            "by the status of the answer",
            path="shop/charges.py",
        ),
    ),
    good=(
        example(
            """
            import random
            import time

            import requests


            def charge(order):
                for attempt in range(5):
                    try:
                        return requests.post("https://pay.example.com/charges", json=order, timeout=5).json()
                    except requests.ConnectionError:
                        time.sleep(min(30, 2**attempt) * random.random())
                raise RuntimeError("payment is down")


            def refund(order):
                delay = 1
                for _ in range(5):
                    try:
                        return requests.post("https://pay.example.com/refunds", json=order, timeout=5).json()
                    except requests.ConnectionError:
                        time.sleep(delay)
                        delay *= 2
                raise RuntimeError("payment is down")
            """,
            "a pause that grows",
        ),
        example(
            """
            import backoff
            import requests
            from tenacity import retry, stop_after_attempt, wait_fixed, wait_random, wait_random_exponential


            @retry(stop=stop_after_attempt(5), wait=wait_random_exponential(max=30))
            def current_rate(currency):
                return requests.get(f"https://rates.example.com/{currency}", timeout=5).json()


            @retry(stop=stop_after_attempt(5), wait=wait_fixed(2) + wait_random(0, 3))
            def history(currency):
                return requests.get(f"https://rates.example.com/{currency}/history", timeout=5).json()


            @backoff.on_exception(backoff.expo, requests.RequestException, max_tries=5)
            def rates():
                return requests.get("https://rates.example.com/", timeout=5).json()
            """,
            "policies that back off",
        ),
        example(
            """
            import secrets

            from django.db import IntegrityError

            from clinic.models import Invitation


            def invite(email):
                for _ in range(5):
                    try:
                        return Invitation.objects.create(email=email, code=secrets.token_hex(4))
                    except IntegrityError:
                        continue
                raise RuntimeError("no free code")
            """,
            "another value each time, nothing remote that falters",
        ),
        example(
            """
            import time

            import psycopg


            def wait_for_database(address):
                for _ in range(30):
                    try:
                        return psycopg.connect(address, connect_timeout=2)
                    except psycopg.OperationalError:
                        time.sleep(1)
                raise TimeoutError("the database did not start")
            """,
            "waits for something to start",
        ),
    ),
)
