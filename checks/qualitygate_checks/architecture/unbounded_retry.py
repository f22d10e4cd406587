"""A failing call that is tried again without an end.

What it flags: a loop that only success leaves (`while True: try: ... return / except: ...`, or a call, a look at its
answer and a pause) with no count, deadline or raise in it, and retry policies without a limit: `tenacity.retry` without
`stop`, `backoff.on_exception` without `max_tries` or `max_time`, `retrying.retry` and `retry.retry` with their defaults.
Tasks of a queue have a check of their own.

Why: a dependency that stays down is asked for ever, and whoever waits for the answer waits as long: workers fill up with
calls that cannot succeed, and the load keeps the dependency from coming back.

How to mend: limit the attempts or the time (`stop=stop_after_attempt(5)`, `max_tries=5`, `for attempt in range(5)`), then
raise, answer with an error, or hand the work to a queue with a dead-letter place.

What it cannot see: limits that a function called in the loop sets by raising something the handler does not catch, and
policies that are put together elsewhere. What is meant to stand as long as the process does (listeners, consumers, waits
for a start), judged by its name, is told with low confidence. A loop that works off a queue or a stream and goes on after an error is no retry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Language, ParsedFile, Place, Severity, example
from qualitygate.model import syntax as ir
from qualitygate_checks._retries import Policy, declared, examined, loops

_STOPS: dict[str, tuple[str, ...]] = {
    "tenacity": ("stop",),
    "backoff": ("max_tries", "max_time"),
    "retrying": ("stop", "stop_max_attempt_number", "stop_max_delay", "stop_func"),
    "retry": ("tries",),
}
_MENDS = {
    "tenacity": "add `stop=stop_after_attempt(5)` or `stop=stop_after_delay(30)`",
    "backoff": "add `max_tries=5` or `max_time=30`",
    "retrying": "add `stop_max_attempt_number=5`",
    "retry": "add `tries=5`: the default of -1 has no end",
}


# What is meant to stand as long as the process does, or waits for something to start.
_STANDING = re.compile(
    r"listen|consum|subscri|stream|watch|forever|reconnect|daemon|worker|monitor|heartbeat|poll|serve|wait|ready|ping",
    re.IGNORECASE,
)


def run(file: ParsedFile) -> Iterator[Hit]:
    """A hit for every endless loop of attempts and every policy without a limit."""
    if file.module is None or file.module.generated:
        return
    for policy in declared(file):
        if policy.complete and _endless(policy):
            yield Hit(
                place=Place(file.path, policy.place),
                message=f"{policy.owner or policy.name}() is tried again for ever",
                subject=f"{policy.name} on {policy.owner}",
                why=f"the policy of {policy.library} names no limit of attempts or time",
                mend=_MENDS[policy.library],
                confidence=Confidence.LOW if _STANDING.search(policy.owner) else None,
            )
    for scope, retry in loops(file):
        if retry.bounded or retry.remote is False:
            continue
        yield Hit(
            place=Place(file.path, retry.loop.span),
            message=f"{retry.attempt}() is tried again for ever",
            subject=f"{retry.attempt} in {scope.qualname or file.path}",
            why="only success leaves this loop: no count, deadline or raise ends it",
            mend="count the attempts (`for attempt in range(5)`) and raise after the last",
            confidence=Confidence.LOW
            if _STANDING.search(f"{file.path.rsplit('/', 1)[-1]} {scope.qualname} {retry.attempt}")
            else Confidence.MEDIUM,
        )


def _endless(policy: Policy) -> bool:
    if policy.library == "retry" and len(policy.positional) > 1:
        return False
    given = [policy.arguments[name] for name in _STOPS.get(policy.library, ()) if name in policy.arguments]
    if policy.library == "tenacity":
        stop = given[0] if given else policy.positional[1] if len(policy.positional) > 1 else None
        return stop is None or (isinstance(stop, (ir.Name, ir.Attribute)) and _last(stop) == "stop_never")
    return policy.library in _STOPS and not given


def _last(expression: ir.Name | ir.Attribute) -> str:
    return expression.name if isinstance(expression, ir.Attribute) else expression.id


CHECK = Check(
    id="unbounded-retry",
    domain=Domain.ARCHITECTURE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Handle dependency failures",
    dont="Retry without an end",
    tags=("CWE-835", "CWE-770", "OWASP-API4:2023", "SOC2-A1.2"),
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

            import httpx


            def charge(order):
                while True:  # <- flagged
                    try:
                        response = httpx.post("https://pay.example.com/charges", json=order)
                        response.raise_for_status()
                        return response.json()
                    except httpx.HTTPError:
                        time.sleep(1)
            """,
            "only success leaves the loop",
            path="shop/payment.py",
        ),
        example(
            """
            import requests
            from tenacity import retry, wait_exponential


            @retry(wait=wait_exponential(max=60))  # <- flagged
            def current_rate(currency):
                return requests.get(f"https://rates.example.com/{currency}", timeout=5).json()
            """,
            "a policy that waits well, but never stops",
            path="shop/rates.py",
        ),
        example(
            """
            import backoff
            import redis

            client = redis.Redis(host="cache", socket_timeout=1)


            @backoff.on_exception(backoff.expo, redis.ConnectionError)  # <- flagged
            def publish(event):
                client.publish("events", event)
            """,
            "neither tries nor time",
            path="helpdesk/events.py",
        ),
        example(
            """
            import logging
            import time

            import pika


            def connect(parameters):
                connected = False
                while not connected:  # <- flagged
                    try:
                        connection = pika.BlockingConnection(parameters)
                        connected = True
                    except pika.exceptions.AMQPConnectionError:
                        logging.warning("the broker is away")
                        time.sleep(5)
                return connection
            """,
            "a switch that only success turns",
            path="worker/broker.py",
        ),
        example(
            """
            import time

            import requests


            def result_of(job):
                while True:  # <- flagged
                    answer = requests.get(f"https://jobs.example.com/{job}", timeout=5).json()
                    if answer["done"]:
                        return answer["result"]
                    time.sleep(2)
            """,
            "asked until the answer is good",
            path="shop/jobs.py",
        ),
    ),
    good=(
        example(
            """
            import random
            import time

            import httpx


            def charge(order):
                for attempt in range(5):
                    try:
                        return httpx.post("https://pay.example.com/charges", json=order).json()
                    except httpx.TransportError:
                        time.sleep(2**attempt + random.random())
                raise TimeoutError("payment is down")


            def refund(order):
                attempts = 0
                while True:
                    try:
                        return httpx.post("https://pay.example.com/refunds", json=order).json()
                    except httpx.TransportError:
                        attempts += 1
                        if attempts == 5:
                            raise
                        time.sleep(2**attempts + random.random())
            """,
            "attempts are counted",
        ),
        example(
            """
            import requests
            from tenacity import retry, stop_after_attempt, wait_random_exponential


            @retry(stop=stop_after_attempt(5), wait=wait_random_exponential(max=30))
            def current_rate(currency):
                return requests.get(f"https://rates.example.com/{currency}", timeout=5).json()
            """,
            "a policy with a limit",
        ),
        example(
            """
            import logging

            logger = logging.getLogger(__name__)


            def consume(queue, handle):
                while True:
                    try:
                        handle(queue.get())
                    except Exception:
                        logger.exception("a message was not handled")
            """,
            "a worker goes on to the next message",
        ),
        example(
            """
            import time


            def wait_until_ready(client, seconds):
                deadline = time.monotonic() + seconds
                while True:
                    if time.monotonic() > deadline:
                        raise TimeoutError("not ready")
                    try:
                        client.ping()
                        return
                    except ConnectionError:
                        time.sleep(1)


            def ask(prompt):
                while True:
                    try:
                        return int(input(prompt))
                    except ValueError:
                        print("a number, please")
            """,
            "a deadline, and a person who is asked again",
        ),
    ),
)
