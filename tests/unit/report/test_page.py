"""The documentation of a check, taken apart and put together."""

from qualitygate.authoring import Check, example
from qualitygate.model.finding import Confidence, Domain, Severity
from qualitygate.report.page import markdown, page, plain

DOC = """A route that can never change.

What it flags: a route without
a version. Exempt are

- health routes,
  of any name
- documentation

Why: clients break. How to mend: is not a heading here.

How to mend: put a version into
the path.

What it cannot see: versions that a proxy adds.
"""

CHECK = Check(
    "unversioned-route",
    Domain.API,
    Severity.WARNING,
    Confidence.HIGH,
    "Version routes",
    "Break clients",
    DOC,
    iter,
    (example({"a.py": "x = 1  # <- flagged\n", "b.sql": "SELECT 1;\n"}),),
    (example('x = """\n```\n"""\n'),),
)


def test_each_heading_has_its_text() -> None:
    found = page(CHECK)
    assert found.title == "A route that can never change"
    assert found.section("What it flags") == (
        "A route without a version. Exempt are\n\n- health routes, of any name\n- documentation"
    )
    assert found.section("Why") == "Clients break. How to mend: is not a heading here."
    assert found.section("How to mend") == "Put a version into the path."
    assert found.section("What it cannot see") == "Versions that a proxy adds."
    assert found.section("Options") == ""


def test_plain_text_holds_everything_but_the_examples() -> None:
    text = plain(CHECK)
    assert text.startswith("A route that can never change.\n\nWhat it flags: A route without a version.")
    assert text.endswith("Do: Version routes.\n\nDon't: Break clients.")


def test_markdown_shows_an_example_of_each_kind() -> None:
    text = markdown(CHECK)
    assert "## Flagged\n\n`a.py`\n\n```python\nx = 1  # <- flagged\n```\n\n`b.sql`\n\n```sql\nSELECT 1;\n```" in text
    assert '## Not flagged\n\n````python\nx = """\n```\n"""\n````' in text
