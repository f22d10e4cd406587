"""Limits: an operator, a number with its unit or a variable of the profile, in the unit of what is limited."""

from __future__ import annotations

import pytest

from qualitygate.parse.limit import LimitError, Variable, parse_bound, parse_quantity

VARIABLES = {"expected_load.rps": Variable("rps", 500.0), "availability_target": Variable("%", None)}


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("< 200 ms", "ms", 200),
        ("<200ms", "ms", 200),
        ("< 0.2 s", "ms", 200),
        ("<= 5 min", "s", 300),
        ("< 0.1 %", "ratio", 0.001),
        (">= 99.9 %", "ratio", 0.999),
        ("> 600 rpm", "rps", 10),
        (">= 600/s", "rps", 600),
        ("== 0", "", 0),
        ("<= 1_000", "", 1000),
        ("< 250 µs", "ms", 0.25),
        ("< 2 GiB", "MB", 2147.483648),
    ],
)
def test_a_number_is_turned_into_the_unit_of_what_is_limited(text: str, unit: str, value: float) -> None:
    bound = parse_bound(text, unit, {})
    assert bound.value == value
    assert bound.holds(value) is (bound.operator in ("<=", ">=", "=="))


def test_a_variable_can_be_multiplied_and_is_shown_with_its_number() -> None:
    bound = parse_bound(">= expected_load.rps * 1.2", "rps", VARIABLES)
    assert (bound.value, bound.text) == (600.0, ">= 600 rps (expected_load.rps * 1.2)")


def test_a_variable_that_is_not_set_leaves_the_limit_open() -> None:
    bound = parse_bound(">= availability_target", "ratio", VARIABLES)
    assert (bound.value, bound.variable) == (None, "availability_target")
    with pytest.raises(ValueError, match="availability_target is not set"):
        bound.holds(1.0)


def test_a_limit_without_a_metric_stays_in_the_unit_that_it_is_written_in() -> None:
    bound = parse_bound("< 5 min", None, {})
    assert (bound.value, bound.unit, bound.scale) == (5.0, "min", 1.0)


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("200 ms", "ms", "begins with none of"),
        ("< fast", "ms", "'fast' is no variable with a number"),
        ("< 200", "ms", "needs a unit: s, ns, us"),
        ("< 5 %", "ms", "'%' is a unit of share, and a time is asked for"),
        ("< 5 parsecs", "ms", "unknown unit 'parsecs'"),
        ("== 3 ms", "", "a count, without a unit"),
        ("< ", "ms", "no number"),
        ("< -5 ms", "ms", "no number"),
        ("< 1e9 ms", "ms", "unknown unit|no number"),
        ("< expected_load.rps * fast", "rps", "no number"),
        ("< availability_target", "ms", "unit of share"),
        ("=< 5 ms", "ms", "begins with none of"),
    ],
)
def test_what_is_no_limit_is_refused_with_the_reason(text: str, unit: str, words: str) -> None:
    with pytest.raises(LimitError, match=words):
        parse_bound(text, unit, VARIABLES)


def test_a_long_text_is_refused_at_once() -> None:
    with pytest.raises(LimitError):
        parse_bound("< " + "a." * 50_000 + "!", "ms", {})


def test_a_quantity_is_a_number_with_a_unit() -> None:
    assert parse_quantity("14d", "s") == 14 * 86400
    assert parse_quantity("70 %", "%") == 70
    with pytest.raises(LimitError, match="needs a unit"):
        parse_quantity("14", "s")
