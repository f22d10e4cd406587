"""Which loops and policies try again, when they give up, and how long they wait."""

from __future__ import annotations

from textwrap import dedent

from qualitygate_checks._retries import Retry, policies, retries

from qualitygate.authoring import Language, ParsedFile, Role, Span
from qualitygate.model import syntax as ir
from qualitygate.model.source import Text
from qualitygate.parse.python import parse_python


def module(program: str) -> ir.Module:
    return parse_python(Text.of(dedent(program).lstrip("\n"))).module()


def found(program: str) -> list[Retry]:
    return list(retries(module(program).body))


def test_a_loop_that_success_leaves_and_an_error_does_not_is_a_retry() -> None:
    (retry,) = found(
        """
        while True:
            try:
                answer = client.post(url).json()
                break
            except ConnectionError:
                time.sleep(2)
        """
    )
    assert (retry.attempt, retry.bounded, retry.growing, retry.remote) == ("post", False, False, True)


def test_a_count_a_raise_or_a_condition_bounds_it() -> None:
    counted, raising, conditional = found(
        """
        for attempt in range(3):
            try:
                break_free()
                break
            except OSError:
                pass

        while True:
            try:
                fetch()
                break
            except OSError:
                if tries > 3:
                    raise

        while tries < 3:
            try:
                fetch()
                break
            except OSError:
                tries += 1
        """
    )
    assert counted.bounded
    assert raising.bounded
    assert conditional.bounded


def test_a_worker_that_goes_on_to_the_next_message_is_no_retry() -> None:
    assert (
        found(
            """
            while True:
                try:
                    for row in queue.get():
                        if row is None:
                            break
                        handle(row)
                except Exception:
                    log.exception("not handled")
            """
        )
        == []
    )


def test_a_walk_over_pages_is_no_retry() -> None:
    assert (
        found(
            """
            for page in range(1, 100):
                answer = requests.get(url, params={"page": page})
                if not answer.json():
                    break
                time.sleep(1)
            """
        )
        == []
    )


def test_a_pause_that_depends_on_the_attempt_grows() -> None:
    doubling, drawn, fixed = found(
        """
        for attempt in range(5):
            try:
                fetch()
                break
            except OSError:
                time.sleep(2**attempt)

        for _ in range(5):
            try:
                fetch()
                break
            except OSError:
                time.sleep(random.random())

        for _ in range(5):
            try:
                fetch()
                break
            except OSError:
                time.sleep(PAUSE)
        """
    )
    assert (doubling.growing, drawn.growing, fixed.growing) == (True, True, False)


def test_policies_are_known_by_what_their_names_stand_for() -> None:
    program = module(
        """
        from celery import Celery
        from retry import retry as again
        from tenacity import retry
        from urllib3.util import Retry

        app = Celery()
        strategy = Retry(total=3)


        @retry
        def first():
            pass


        @again(tries=3)
        def second():
            pass


        @app.task(max_retries=None)
        def third():
            pass
        """
    )
    parsed = ParsedFile(
        "app/tasks.py",
        Language.PYTHON,
        Role.APPLICATION,
        Text.of(""),
        lambda _: Span(1, 1, 1, 1),
        module=program,
        scopes=tuple(ir.scopes(program)),
    )
    assert sorted((policy.library, policy.owner) for policy in policies(parsed)) == [
        ("celery", "third"),
        ("retry", "second"),
        ("tenacity", "first"),
        ("urllib3", ""),
    ]
