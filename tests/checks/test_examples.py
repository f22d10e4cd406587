"""Every installed check against its own examples, through the real pipeline."""

import pytest

from qualitygate.authoring import Check, Example
from qualitygate.load import load
from qualitygate.testing import flagged_by

CHECKS = load().checks
CASES = [
    pytest.param(check, example, id=f"{check.id}-{kind}-{number}")
    for check in CHECKS
    for kind, examples in (("bad", check.bad), ("good", check.good))
    for number, example in enumerate(examples, start=1)
]


@pytest.mark.parametrize(("check", "example"), CASES)
def test_a_check_flags_exactly_the_marked_lines_of_its_examples(check: Check, example: Example) -> None:
    assert flagged_by(check, example) == example.flagged


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_has_bad_examples_with_marks_and_good_ones_without(check: Check) -> None:
    assert check.bad, "a check with no bad example cannot be shown to fail"
    assert check.good, "a check with no good example cannot be shown to be silent"
    assert all(example.flagged for example in check.bad)
    assert not any(example.flagged for example in check.good)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_documents_what_why_how_and_what_it_cannot_see(check: Check) -> None:
    for heading in ("What it flags:", "Why:", "How to mend:", "What it cannot see:"):
        assert heading in check.doc, f"the documentation of {check.id} lacks {heading!r}"
