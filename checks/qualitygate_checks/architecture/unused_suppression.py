"""An answer to which there is no finding.

What it flags: a comment `qgate: ignore[...]` naming a check that ran and found nothing that the answer could speak of, and a
waiver of the configuration to which there is no finding.

Why: the code was mended and the answer forgotten, or it never stood where it was meant to. Left behind it hides the next
fault of that kind on the same spot, with a reason that was given for another one.

How to mend: delete the answer, or the id in it that is not needed. If a finding is to be answered, the comment stands on the
line of the finding, alone on the line before it, or at the header of the definition around it.

What it cannot see: answers to checks that were not part of this run (`--select`) are not judged, nor are those in tests,
examples and documentation.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate_checks.architecture._answers import audited, count, listed, place


def run(project: Project) -> Iterator[Hit]:
    """Yield a hit for each answer that names a check with nothing to answer."""
    for answer in audited(project):
        if answer.idle:
            yield Hit(
                place=place(answer),
                message=f"there is no finding of {listed(answer.idle)} here to answer",
                subject=f"answer {' '.join(answer.idle)}",
                mend="delete the answer"
                if len(answer.idle) == len(answer.directive.checks)
                else f"delete {listed(answer.idle)} from it",
            )


CHECK = Check(
    id="unused-suppression",
    domain=Domain.ARCHITECTURE,
    severity=Severity.NOTE,
    confidence=Confidence.HIGH,
    do="Delete an answer together with what it answered",
    dont="Leave answers behind that hide the next fault",
    doc=__doc__,
    run=run,
    examined=count,
    audits=True,
    bad=(
        example(
            """
            import os

            # qgate: ignore[hardcoded-secret] rotated with every release  # <- flagged
            PAYMENT_KEY = os.environ["PAYMENT_KEY"]
            """,
            title="The secret went to the environment, the answer stayed",
        ),
        example(
            {
                "migrations/0002_orders_index.sql": """
                    CREATE INDEX CONCURRENTLY orders_customer_idx
                        ON orders (customer_id); -- qgate: ignore[blocking-index-creation] small table  -- <- flagged
                """
            },
            title="The index is built without blocking now",
        ),
    ),
    good=(
        example(
            {
                "migrations/0001_orders.sql": "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);",
                "migrations/0002_orders_index.sql": """
                    -- qgate: ignore[blocking-index-creation] the table is still empty in production
                    CREATE INDEX orders_customer_idx ON orders (customer_id);
                """,
            },
            title="The answer has its finding",
        ),
        example(
            {
                "tests/test_payment.py": """
                    # qgate: ignore[hardcoded-secret] made up for the test
                    KEY = "key"
                """
            },
            title="Tests are not audited",
        ),
    ),
)
