"""An inline answer without a reason.

What it flags: a comment `qgate: ignore[...]` that gives no reason after the bracket. Such an answer does not count: what it
speaks of is still reported.

Why: a finding that is waved through is a decision. In a year nobody knows whether it was right, still holds, or was made in
a hurry; the reason is what the next reader and the next reviewer need.

How to mend: write the reason after the bracket, for one who does not know the story:
`# qgate: ignore[missing-pagination] at most twelve regions, fixed by law`.

What it cannot see: whether the reason is a good one.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate_checks.architecture._answers import audited, count, listed, place


def run(project: Project) -> Iterator[Hit]:
    """Yield a hit for each answer that has no reason."""
    for answer in audited(project):
        directive = answer.directive
        if not directive.reason:
            named = listed(directive.checks) or "nothing"
            yield Hit(
                place=place(answer),
                message=f"this answer to {named} gives no reason, so it does not count",
                subject=f"answer {' '.join(directive.checks)}",
                mend="say after the bracket why this code may stay as it is",
            )


CHECK = Check(
    id="unexplained-suppression",
    domain=Domain.ARCHITECTURE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Say why a finding may stand",
    dont="Silence a finding without a word",
    doc=__doc__,
    run=run,
    examined=count,
    audits=True,
    bad=(
        example(
            """
            import requests

            TIMEOUT = 5
            BASE = "https://rates.example.com"


            def rates():
                # qgate: ignore[plain-http]  # <- flagged
                return requests.get(BASE, timeout=TIMEOUT).json()
            """,
            title="An answer before a line of Python",
        ),
        example(
            {
                "migrations/0007_orders_index.sql": """
                    -- qgate: ignore[blocking-index-creation]:  -- <- flagged
                    CREATE INDEX orders_customer_idx ON orders (customer_id);
                """
            },
            title="An answer in a migration",
        ),
    ),
    good=(
        example(
            """
            REGIONS = ("north", "south", "east", "west")


            # qgate: ignore[missing-pagination] four regions, fixed by contract
            def regions():
                return list(REGIONS)
            """,
            title="The reason stands after the bracket",
        ),
        example(
            '''
            HELP = """
            Write the reason after the bracket:
                # qgate: ignore[missing-pagination]
            """
            ''',
            title="A text that shows how an answer is written is none",
        ),
    ),
)
