"""How much a key may ask for: plans, windows of time, and the arithmetic of tokens leased in blocks. Pure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from calotype.errors import CalotypeError

NO_LIMIT = 2_147_483_647
"""What clients are told where there is no limit: the largest number that all of them can hold."""
MAX_BATCH = 100
"""Pages in one batch, whatever the limit."""
_WINDOW_S = 60
_BLOCKS = 20
"""A limit is leased in so many blocks: each is a write, and each process may hold most of one unused."""
MOST_REQUESTS, MOST_CREDITS = 1000, 20
"""In a block: a busy process writes some times a second at most, and beside a picture a write is little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one key may ask for; None is without limit."""

    plan: str = ""
    """The name of the plan that the numbers began as; empty without one."""
    requests_per_minute: int | None = None
    concurrent: int | None = None
    """Captures under way at a time, hits not counted."""
    batch: int | None = None
    """Pages in one batch."""
    credits: int | None = None
    """Pictures made in a calendar month (UTC)."""

    @property
    def most_in_batch(self) -> int:
        """How many pages a batch may have."""
        return MAX_BATCH if self.batch is None else min(self.batch, MAX_BATCH)


UNLIMITED = Limits()
PLANS = {
    limits.plan: limits
    for limits in (
        Limits(plan="free", requests_per_minute=10, concurrent=2, batch=5, credits=100),
        Limits(plan="starter", requests_per_minute=60, concurrent=5, batch=20, credits=2_000),
        Limits(plan="growth", requests_per_minute=150, concurrent=10, batch=50, credits=10_000),
        Limits(plan="pro", requests_per_minute=300, concurrent=20, batch=100, credits=25_000),
        Limits(plan="scale", requests_per_minute=600, concurrent=40, batch=100, credits=100_000),
        Limits(plan="enterprise"),
    )
}
"""The rates of free, starter and pro are the service's, all else is ours: it names no other numbers."""


def limits_of(
    plan: str | None = None,
    *,
    requests_per_minute: int | None = None,
    concurrent: int | None = None,
    batch: int | None = None,
    credits_: int | None = None,
) -> Limits:
    """Return the limits of plan, or none, with the numbers that are given in place of the plan's.

    Raises ValueError for a plan that there is not, and for a number that is none.
    """
    if plan is not None and plan.lower() not in PLANS:
        message = f"there is no plan {plan!r}; the plans are {', '.join(PLANS)}"
        raise ValueError(message)
    numbers = {
        "requests_per_minute": requests_per_minute,
        "concurrent": concurrent,
        "batch": batch,
        "credits": credits_,
    }
    for name, number in numbers.items():
        if number is not None and not 0 < number < NO_LIMIT:
            message = f"{name} is a whole number from 1 to {NO_LIMIT - 1}, not {number}"
            raise ValueError(message)
    given = {name: number for name, number in numbers.items() if number is not None}
    return replace(UNLIMITED if plan is None else PLANS[plan.lower()], **given)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time for which units are counted; all processes see the same ones."""

    start: datetime
    end: datetime

    @property
    def number(self) -> int:
        """What tells it from others of its kind: the Unix time at which it starts."""
        return int(self.start.timestamp())


def minute_of(now: datetime) -> Window:
    """Return the minute that now is in; it resets as a whole."""
    start = datetime.fromtimestamp(int(now.timestamp()) // _WINDOW_S * _WINDOW_S, UTC)
    return Window(start, start + timedelta(seconds=_WINDOW_S))


def next_minute(now: datetime) -> int:
    """Return the Unix time at which the minute that now is in ends."""
    return (int(now.timestamp()) // _WINDOW_S + 1) * _WINDOW_S


def month_of(now: datetime) -> Window:
    """Return the calendar month, in UTC, that now is in."""
    start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Window(start, (start + timedelta(days=32)).replace(day=1))


def block_of(limit: int, most: int = MOST_REQUESTS) -> int:
    """Return how many units of limit are leased at a time, at most so many."""
    return max(1, min(limit // _BLOCKS, most))


@dataclass(slots=True, eq=False)
class Tokens:
    """What this process has leased of a key's limit in one window, and not used yet."""

    limit: int
    block: int
    """How many to lease at a time."""
    left: int
    """What nobody had leased yet when this process last did."""
    held: int = 0
    on_trust: bool = False
    """The last block was taken without asking, since the meter could not be asked."""
    leasing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever leases the next block, so that a burst does not lease many."""

    @classmethod
    def of(cls, limit: int, most: int = MOST_REQUESTS) -> Tokens:
        """Return the tokens of a window that has just begun, as far as this process knows."""
        return cls(limit, block_of(limit, most), left=limit)

    @property
    def remaining(self) -> int:
        """What may be used yet, as far as this process knows."""
        return self.held + self.left

    def take(self) -> bool:
        """Use one, if one is held."""
        if self.held == 0:
            return False
        self.held -= 1
        return True

    def leased(self, granted: int, taken: int) -> None:
        """Note that so many were leased, and that all processes together have now taken so many."""
        self.held += granted
        self.left = max(0, self.limit - taken)
        self.on_trust = False

    def trusted(self) -> None:
        """Take one block without asking. No second one follows before the meter could be asked again."""
        if not self.on_trust:
            self.held += self.block
            self.on_trust = True


@dataclass(frozen=True, slots=True)
class Rate:
    """How a key stands with its requests, as every reply tells it."""

    limit: int
    remaining: int
    reset: int
    """Unix time at which the window ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a key has used of its month."""

    limits: Limits
    used: int
    window: Window

    @property
    def remaining(self) -> int:
        """Credits left."""
        return max(0, (NO_LIMIT if self.limits.credits is None else self.limits.credits) - self.used)


class RateLimited(CalotypeError):
    """The key has asked too often, or for too much at a time."""

    code: ClassVar[str] = "rate_limit_exceeded"
    retryable: ClassVar[bool] = True
    hint: ClassVar[str] = "Wait for as long as Retry-After says."

    def __init__(self, problem: str, retry_after_s: int, rate: Rate | None = None) -> None:
        super().__init__(problem)
        self.retry_after_s, self.rate = retry_after_s, rate


class QuotaExceeded(CalotypeError):
    """The key has used up its pictures of this month."""

    code: ClassVar[str] = "quota_exceeded"
    hint: ClassVar[str] = "What is in the cache can still be had. GET /v1/usage says when the month ends."

    def __init__(self, credits_: int) -> None:
        super().__init__(f"This key may have {credits_} pictures made in a month, and has had them.")
