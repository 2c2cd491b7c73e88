"""Time: the wall clock that entries live by, and the deadlines that waits end at."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the current time, aware, in UTC. Tests hold one and move it by hand."""


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


# Whole numbers all the way: a float cannot hold every millisecond of today exactly.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND, _MICROSECOND = timedelta(milliseconds=1), timedelta(microseconds=1)


def to_ms(moment: datetime) -> int:
    """Return milliseconds since the epoch, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """Return the moment that is ms milliseconds after the epoch."""
    return _EPOCH + ms * _MILLISECOND


def to_us(moment: datetime) -> int:
    """Return microseconds since the epoch."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """Return the moment that is us microseconds after the epoch."""
    return _EPOCH + us * _MICROSECOND


def iso_seconds(moment: datetime) -> str:
    """Spell moment as `2024-01-19T00:00:00Z`, whole seconds, as every reply does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Deadline:
    """The instant at which a whole request must have been answered.

    One deadline is shared by every step of a request, its wait in the queue included,
    so that no step's own allowance can add up to more than the caller will wait.
    """

    at: float
    """On time.monotonic()'s scale, in seconds."""
    budget_ms: int
    """What was granted at arrival; error messages name it."""

    @classmethod
    def after(cls, budget_ms: int, since: float | None = None) -> Deadline:
        """Return the deadline that is budget_ms after since, on time.monotonic()'s scale, else from now."""
        start = time.monotonic() if since is None else since
        return cls(at=start + budget_ms / 1000, budget_ms=budget_ms)

    def remaining_s(self) -> float:
        """Return the seconds left, never less than zero."""
        return max(0.0, self.at - time.monotonic())

    def passed(self) -> bool:
        """Say whether no time is left."""
        return time.monotonic() >= self.at
