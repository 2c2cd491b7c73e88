"""When a delivery that has failed is tried again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

GIVEN_UP_AFTER = timedelta(days=1)
"""Whoever was away over night, or had to be mended, finds all in its place in the morning."""
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=4)
SHORTEST_PAUSE = timedelta(seconds=1)
"""However the dice fall, a receiver is not asked again in the same breath."""
_DOUBLINGS = 30
"""More than lead to the longest pause, and few enough for a timedelta."""


def longest_pause(failures: int) -> timedelta:
    """Return the bound of the pause after so many failures in a row: 10 s, 20 s, 40 s, ... 4 hours."""
    doublings = min(failures - 1, _DOUBLINGS)
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << doublings))


def next_try(
    failures: int, since: datetime, now: datetime, chance: float, retry_after: timedelta | None = None
) -> datetime | None:
    """Return when to try again after so many failures in a row; None to give up.

    The tries began at since, and the last comes a day after that. The pause is anything up to its
    bound, as chance in [0, 1) has it, so that what failed together does not come back together. A
    receiver may ask for a longer pause (Retry-After), as far as the longest there is.
    """
    end = since + GIVEN_UP_AFTER
    if now >= end:
        return None
    asked_for = min(retry_after or timedelta(), LONGEST_PAUSE)
    pause = max(SHORTEST_PAUSE, asked_for, longest_pause(failures) * chance)
    return min(now + pause, end)
