"""An inline answer to a check that does not exist.

What it flags: a comment `qgate: ignore[...]` that names an id which no installed check has, or names none at all.

Why: a mistyped id answers nothing. The author believes that the matter is settled, and the finding comes up again; or the
check has been renamed, and the old answer is a leftover that misleads.

How to mend: write the id as `qgate rules` prints it. An answer to everything at once is not offered: name what you answer.

What it cannot see: whether the id belongs to a pack of checks that is installed elsewhere (in CI, for one) but not here.
"""

from __future__ import annotations

from collections.abc import Iterator

from qualitygate.authoring import Check, Confidence, Domain, Hit, Project, Severity, example
from qualitygate_checks.architecture._answers import audited, count, place


def run(project: Project) -> Iterator[Hit]:
    """Yield a hit for each id that no check has, and for each answer without any."""
    for answer in audited(project):
        for name, nearest in answer.unknown:
            yield Hit(
                place=place(answer),
                message=f"no installed check has the id `{name}`",
                subject=f"answer {name}",
                mend=f"write `{nearest}`" if nearest else "write an id that `qgate rules` prints, or delete the answer",
            )
        if not answer.directive.checks:
            yield Hit(
                place=place(answer),
                message="this answer names no check, so it answers nothing",
                subject="answer",
                mend="name what it answers: `qgate: ignore[check-id] reason`",
            )


CHECK = Check(
    id="unknown-suppression",
    domain=Domain.ARCHITECTURE,
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    do="Name the check that is answered",
    dont="Leave an answer that answers nothing",
    doc=__doc__,
    run=run,
    examined=count,
    audits=True,
    bad=(
        example(
            """
            API_NAME = "orders"
            # qgate: ignore[hardcoded-secrets] the sandbox accepts any key  # <- flagged
            API_KEY = load("API_KEY")
            """,
            title="A mistyped id",
        ),
        example(
            """
            def health():
                return {"status": "up"}  # qgate: ignore nobody calls it  # <- flagged
            """,
            title="No id at all",
        ),
    ),
    good=(
        example(
            """
            API_NAME = "orders"
            API_KEY = load("API_KEY")  # qgate: ignore[hardcoded-secret] read from the vault, see load
            """,
            title="The id of a check that is installed",
        ),
        example(
            {
                "docs/answers.py": """
                    # qgate: ignore[your-check] how an answer is written
                    pass
                """
            },
            title="Documentation may show any id",
        ),
    ),
)
