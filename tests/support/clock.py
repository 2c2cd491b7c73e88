"""A clock that tests hold in their hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOON = datetime(2024, 1, 15, 12, 0, 0, tzinfo=UTC)


class HandClock:
    """Calling it tells the time; only advance and set move it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **amount: float) -> None:
        """Move by a timedelta's keywords: advance(hours=1)."""
        self.now += timedelta(**amount)
