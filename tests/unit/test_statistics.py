"""Percentiles, the samples that they need, and the bound of an error rate, against exact arithmetic."""

from __future__ import annotations

from math import comb

import pytest

from qualitygate.statistics import minimum_samples, percentile, upper_rate


@pytest.mark.parametrize(("share", "samples"), [(0.95, 59), (0.99, 299), (0.999, 2995), (0.5, 5)])
def test_a_percentile_needs_this_many_samples(share: float, samples: int) -> None:
    assert minimum_samples(share) == samples
    assert 1 - share**samples >= 0.95 > 1 - share ** (samples - 1)


@pytest.mark.parametrize(("samples", "failures"), [(3000, 0), (4750, 1), (6300, 2), (10520, 5)])
def test_so_many_requests_show_an_error_rate_under_a_thousandth(samples: int, failures: int) -> None:
    assert upper_rate(failures, samples) < 0.001
    assert upper_rate(failures + 1, samples) > 0.001


@pytest.mark.parametrize("samples", [1, 2, 7, 30, 60])
def test_the_bound_is_the_rate_that_makes_so_few_failures_a_chance_of_one_in_twenty(samples: int) -> None:
    for failures in range(samples):
        rate = upper_rate(failures, samples)
        chance = sum(comb(samples, one) * rate**one * (1 - rate) ** (samples - one) for one in range(failures + 1))
        assert chance == pytest.approx(0.05, abs=1e-9)


def test_the_bound_of_a_large_run_lies_close_above_what_was_seen() -> None:
    assert 0.5 < upper_rate(5_000_000, 10_000_000) < 0.5003
    assert 3e-8 < upper_rate(3, 100_000_000) < 8e-8


def test_nothing_is_known_of_a_rate_without_samples_or_of_one_that_always_failed() -> None:
    assert upper_rate(0, 0) == upper_rate(5, 5) == 1


def test_a_percentile_is_one_of_the_values_by_nearest_rank() -> None:
    values = [float(value) for value in range(1, 21)]
    assert percentile(values, 0.95) == 19
    assert percentile(values, 0.951) == 20
    assert percentile(values, 0.0) == 1
    assert percentile([7.0], 0.99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
