"""An answer whose last day is over.

What it flags: an inline answer whose last day (`until=2027-01-31` in a comment, `until` of an `x-qgate-ignore` in a
contract) is in the past, or is no date, and a waiver of the configuration that is past its own. It does not count any more,
so that what it answered is shown and judged again. One that ends within 14 days is told with less weight.

Why: the fault was accepted for a time, and the time is over. An end that nobody hears of is none.

How to mend: mend what was answered and delete the answer, or give it a new day with the reason for it.

What it cannot see: whether the reason that was given still holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Answer, Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate.model.policy import SOON
from qualitygate_checks.architecture._answers import audited, count, listed, place


def run(project: Project) -> Iterator[Hit]:
    """Yield a hit for each answer that counts no more, or soon will not."""
    for answer in audited(project):
        if answer.expired:
            yield Hit(
                place=place(answer),
                message=f"{_named(answer)} counted until {answer.directive.until!r}",
                subject=_subject(answer),
                why="that day is over, or is no date (year-month-day)",
                mend="mend what it answered, or give it a new day and say why",
            )
        elif answer.days_left is not None and answer.days_left <= SOON:
            yield Hit(
                place=place(answer),
                message=f"{_named(answer)} ends on {answer.directive.until}",
                subject=_subject(answer),
                why="after that day what it answers is shown and judged again",
                mend="mend what it answers before then",
                severity=Severity.WARNING,
            )


def _named(answer: Answer) -> str:
    owner = f" of {answer.directive.owner}" if answer.directive.owner else ""
    return f"this answer{owner} to {listed(answer.directive.checks) or 'nothing'}"


def _subject(answer: Answer) -> str:
    return f"answer {' '.join(answer.directive.checks)}"


CHECK = Check(
    id="expired-suppression",
    domain=Domain.ARCHITECTURE,
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    do="Say until when a finding may stand, and keep to it",
    dont="Let an exception outlive its time",
    doc=__doc__,
    run=run,
    examined=count,
    audits=True,
    bad=(
        example(
            """
            import requests


            def rates() -> str:
                # qgate: ignore[missing-timeout] until=2021-06-30 the new gateway has one  # <- flagged
                return requests.get("https://rates.example.com").text
            """,
            "in a comment",
        ),
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/months:
                get:
                  x-qgate-ignore:
                    - {check: missing-pagination, reason: twelve at most, until: 2020-01-31}  # <- flagged
                  responses:
                    "200": {description: Months, content: {application/json: {schema: {type: array, items: {type: object}}}}}
            """,
            path="openapi.yaml",
        ),
        example(
            """
            swagger: "2.0"
            x-qgate-ignore:
              - check: unversioned-operation  # <- flagged
                reason: the next major version brings one
                until: next summer
            info: {title: Warehouse, version: "3"}
            paths:
              /pallets: {post: {responses: {201: {description: Created}}}}
            """,
            "no date, at the top of a contract in OpenAPI 2.0",
            path="swagger.yaml",
        ),
        example(
            """
            {
              "openapi": "3.1.0",
              "info": {"title": "Carts", "version": "2.0.0"},
              "paths": {
                "/v1/carts": {
                  "post": {
                    "x-qgate-ignore": [
                      {"check": "unsecured-operation", "reason": "until the new login is there", "until": "2024-02-29"}  // <- flagged
                    ],
                    "responses": {"201": {"description": "Made"}}
                  }
                }
              }
            }
            """,
            "in JSON, which has no comments",
            path="openapi.json",
        ),
        example(
            """
            openapi: 3.0.3
            info: {title: Teams, version: 1.4.0}
            paths:
              /v1/teams:
                post:
                  x-qgate-ignore: {check: unsecured-operation, reason: internal network, until: "2024-13-01"}  # <- flagged
                  responses: {"201": {description: Created}}
            """,
            "a single answer, with a month that no year has",
            path="openapi.yaml",
        ),
    ),
    good=(
        example(
            """
            import requests


            def rates() -> str:
                return requests.get("https://rates.example.com").text  # qgate: ignore[missing-timeout] a job (until=2999-01-31)
            """,
            "in a comment, with a day to come",
        ),
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/months:
                get:
                  x-qgate-ignore:
                    - {check: missing-pagination, reason: twelve at most, until: 2999-12-31}
                  responses:
                    "200": {description: Months, content: {application/json: {schema: {type: array, items: {type: object}}}}}
            """,
            "a day to come",
            path="openapi.yaml",
        ),
        example(
            """
            openapi: 3.0.3
            info: {title: Invoices, version: 1.4.0}
            paths:
              /v1/months:
                get:
                  x-qgate-ignore: [{check: missing-pagination, reason: twelve at most}]
                  responses:
                    "200": {description: Months, content: {application/json: {schema: {type: array, items: {type: object}}}}}
            """,
            "without an end",
            path="openapi.yaml",
        ),
        example(
            {
                "tests/openapi.yaml": """
                    openapi: 3.0.3
                    x-qgate-ignore: [{check: unversioned-operation, reason: a test, until: 2020-01-01}]
                    info: {title: A server for tests, version: "1"}
                    paths: {}
                    """
            },
            "material of a test",
        ),
        example(
            """
            values:
              x-qgate: [{check: missing-pagination, until: 2020-01-31}]
            """,
            "another key in a file of another kind",
            path="values.yaml",
        ),
    ),
)
