"""Whether what was read again and again has grown, however noisy the readings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median


def growth(readings: Sequence[float]) -> float:
    """Return by what share of itself it has grown: 0.1 is a tenth.

    The larger of two answers. How much more the median of the last quarter is than that of the first, which
    sees a step; and where the rise of the second half (the median of the slopes between all its pairs, as
    Theil and Sen have it) would lead in the time of all readings: what fills up and is full does not count
    there, what never ends does. A quarter of the readings may be anything at all.
    """
    quarter, half = max(2, len(readings) // 4), readings[len(readings) // 2 :]
    start, end = median(readings[:quarter]), median(readings[-quarter:])
    slopes = [(late - early) / (to - at) for (at, early), (to, late) in combinations(enumerate(half), 2)]
    return max(end - start, median(slopes) * (len(readings) - 1)) / start
