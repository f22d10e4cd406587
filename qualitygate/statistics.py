"""In: counts, samples and a share. Out: percentiles, how many samples one needs, and the bound of a rate that was seen."""

from __future__ import annotations

import math
from collections.abc import Sequence

CONFIDENCE = 0.95
_STEPS = 200
_TINY = 1e-300


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ascending ``ordered`` values that at least ``share`` (0..1) of them do not exceed.

    That is the nearest-rank rule: rank ceil(share * n), never between two values that were measured. Raises ValueError
    where there is no value.
    """
    if not ordered:
        raise ValueError("no values")
    # 0.95 * 20 is 19.000000000000004 in floating point and must stay rank 19
    rank = math.ceil(round(share * len(ordered), 9))
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def minimum_samples(share: float, confidence: float = CONFIDENCE) -> int:
    """How many samples it takes before the largest of them bounds the percentile ``share`` (0..1) with ``confidence``.

    With n independent samples the largest lies below the percentile with the chance share ** n, so n is the smallest
    number with 1 - share ** n >= confidence: 59 for p95, 299 for p99, 2,995 for p99.9.
    """
    if not 0 < share < 1:
        return 1
    return math.ceil(math.log(1 - confidence) / math.log(share))


def upper_rate(failures: int, samples: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided upper bound (0..1) of a rate of which ``failures`` of ``samples`` were seen (Clopper and Pearson).

    It is the largest rate under which so few failures have at least the chance 1 - ``confidence``. Without a sample
    nothing is known: 1.
    """
    if samples <= 0 or failures >= samples:
        return 1.0
    low, high = 0.0, 1.0
    # the chance of at most `failures` at rate x is 1 - I_x(failures + 1, samples - failures), and falls with x
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if _beta(middle, failures + 1, samples - failures) < confidence:
            low = middle
        else:
            high = middle
    return high


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22), Lentz's method."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges quickly on the other side
        return 1.0 - _beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _STEPS + int(10 * math.sqrt(max(a, b)))):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            result *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(1.0, front * result / a)


def _away(value: float) -> float:
    """``value``, kept away from zero, by which Lentz's method divides."""
    return value if abs(value) > _TINY else _TINY
