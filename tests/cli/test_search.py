"""``qgate search``: the knowledge base answers what engineers ask, offline."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from qualitygate.knowledge import Index, Page, open_index, pages
from qualitygate.load import identity, load
from qualitygate.model.finding import Domain

from .conftest import Run

STACKS = {"node", "python", "go", "java", "rust", "dotnet"}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QGATE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        with open_index(identity(), load) as opened:
            yield opened


@pytest.fixture(scope="module")
def base() -> tuple[Page, ...]:
    return pages(load())


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("cursor pagination", "api/pagination"),
        ("how do I paginate a large table", "api/pagination"),
        ("n+1 queries", "database/query-patterns"),
        ("too many connections", "database/connection-pooling"),
        ("add a column without downtime", "database/migrations"),
        ("index build blocks writes", "blocking-index-creation"),
        ("problem+json", "api/errors"),
        ("double charge", "api/idempotency"),
        ("429 retry-after", "api/rate-limiting"),
        ("jwt expiry", "unexpiring-jwt"),
        ("store passwords", "security/passwords"),
        ("leaked api key in git", "security/secrets"),
        ("cors wildcard credentials", "permissive-cors"),
        ("multi tenant isolation", "architecture/multi-tenancy"),
        ("monolith or microservices", "architecture/service-boundaries"),
        ("circuit breaker", "missing-circuit-breaker"),
        ("requests without timeout", "missing-timeout"),
        ("dead letter queue", "messaging/retries-and-dead-letters"),
        ("exactly once", "messaging/delivery"),
        ("dual write event lost", "messaging/outbox"),
        ("kafka or rabbitmq", "messaging/queue-or-stream"),
        ("distributed transaction compensation", "messaging/sagas"),
        ("cache ttl", "caching/expiry"),
        ("thundering herd", "caching/stampede"),
        ("etag 304", "caching/http-caching"),
        ("liveness readiness", "monitoring/health-checks"),
        ("error budget", "monitoring/slo"),
        ("correlation id", "monitoring/tracing"),
        ("p95 load test samples", "scaling/load-testing"),
        ("blocking call in event loop", "scaling/concurrency"),
        ("sticky sessions", "scaling/statelessness"),
        ("celery task in request", "scaling/background-work"),
        ("uuid or bigint primary key", "database/keys-and-types"),
        ("read your own writes replica", "database/replication"),
        ("shard key", "database/partitioning"),
        ("restore backup rpo", "database/backup-and-recovery"),
        ("optimistic locking", "database/transactions"),
        ("adr", "architecture/decision-records"),
    ],
)
def test_a_question_finds_its_page_among_the_first_three(index: Index, question: str, page: str) -> None:
    assert page in [found.id for found in index.search(question, limit=3)]


@pytest.mark.parametrize("stack", sorted(STACKS))
def test_a_stack_comes_first_and_no_other_stack_is_shown(qgate: Run, stack: str) -> None:
    found = json.loads(qgate("search", "connection pool", "--stack", stack, "--format", "json").stdout)["results"]
    assert found[0]["stack"] == stack
    assert {page["stack"] for page in found} <= {"", stack}


def test_a_domain_leaves_the_others_out(qgate: Run) -> None:
    found = json.loads(qgate("search", "timeout", "--domain", "architecture", "--format", "json").stdout)["results"]
    assert found
    assert {page["domain"] for page in found} == {"architecture"}


def test_an_id_prints_the_whole_page(qgate: Run) -> None:
    result = qgate("search", "api/pagination")
    assert result.returncode == 0
    assert "How a cursor is made" in result.stdout
    assert "missing-pagination, unbounded-page-size" in result.stdout
    assert "rfc8288" in result.stdout


def test_a_misspelt_word_is_answered_with_the_word_that_was_meant(qgate: Run) -> None:
    result = qgate("search", "paginaton")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == "qgate: nothing speaks of 'paginaton'; did you mean 'pagination'?\n"


def test_an_unknown_stack_is_answered_with_those_that_there_are(qgate: Run) -> None:
    result = qgate("search", "timeout", "--stack", "cobol")
    assert result.returncode == 2
    assert "there are dotnet, go, java, node, python, rust" in result.stderr


@pytest.mark.parametrize("words", ['"', "a AND (", "* NEAR", "title:x", "", "''; drop table pages"])
def test_words_are_never_taken_for_the_language_of_the_index(qgate: Run, words: str) -> None:
    assert qgate("search", words).returncode in (0, 3)


@pytest.mark.parametrize("damage", [b"", b"no database", None])
def test_an_index_that_is_damaged_or_cannot_be_kept_is_made_anew(
    qgate: Run, environment: dict[str, str], damage: bytes | None
) -> None:
    cache = Path(environment["QGATE_CACHE_DIR"])
    cache.mkdir(parents=True, exist_ok=True)
    if damage is None:
        (cache / "knowledge.sqlite3").mkdir()
    else:
        (cache / "knowledge.sqlite3").write_bytes(damage)
    for _ in range(2):
        assert "api/pagination" in qgate("search", "cursor pagination").stdout


def test_there_are_guides_for_each_domain_and_each_stack(base: tuple[Page, ...]) -> None:
    assert {page.domain for page in base if page.kind == "guide"} == {domain.value for domain in Domain}
    assert {page.stack for page in base if page.kind == "stack"} == STACKS
    assert {page.domain for page in base} <= {domain.value for domain in Domain}


def test_every_page_is_found_by_its_own_id_and_no_id_is_used_twice(base: tuple[Page, ...]) -> None:
    names = [page.id for page in base]
    assert len(names) == len(set(names))


def test_guides_name_checks_that_exist_and_sources(base: tuple[Page, ...]) -> None:
    # A rule of the catalogue whose check is driven by the profile is named before it is built.
    known = {page.id for page in base if page.kind == "check"}
    wrong = {page.id: set(page.checks) - known for page in base if set(page.checks) - known}
    assert wrong == {}
    assert [page.id for page in base if page.kind != "check" and not page.sources] == []


def test_no_line_of_a_guide_is_a_label_that_nobody_reads(base: tuple[Page, ...]) -> None:
    for page in base:
        if page.kind != "check":
            text = "\n".join((page.summary, *(text for _, text in page.sections)))
            assert not re.search(r"^(?:also known as|do|don.t|dont|check|checks|sources?): ", text, re.MULTILINE | re.I)
