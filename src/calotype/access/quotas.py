"""Quotas: keeps keys within their limits, and counts what they use."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from calotype.access.keys import Caller
from calotype.access.limits import (
    MOST_CREDITS,
    NO_LIMIT,
    QuotaExceeded,
    Rate,
    RateLimited,
    Tokens,
    Usage,
    Window,
    minute_of,
    month_of,
)
from calotype.access.ports import Leased, Meter, Use
from calotype.clock import Clock, Deadline
from calotype.errors import CalotypeError
from calotype.settled import settled

_PLACE_MARGIN = timedelta(seconds=5)
"""Beyond its deadline a capture is over, however it ended: its place is free though its process died."""
_RETRY_CAPTURE_S = 1
_NEVER = Window(datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_log = logging.getLogger("calotype.access")
T = TypeVar("T")


@dataclass(slots=True)
class Spending:
    """One capture under way. It costs nothing until somebody says that it does."""

    spent: bool = False

    def spend(self) -> None:
        """Say that a picture was made."""
        self.spent = True


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one caller may have the browser asked for."""

    quotas: Quotas
    caller: Caller

    def capture(self, deadline: Deadline) -> AbstractAsyncContextManager[Spending]:
        """See Quotas.capture."""
        return self.quotas.capture(self.caller, deadline)


class Quotas:
    """Leases blocks of each limit from the meter and serves requests from those.

    What all processes admit never exceeds a limit, unless the meter cannot be asked: then each may
    admit one block more. A process that dies takes the rest of its blocks with it, and those count as used.
    """

    def __init__(self, meter: Meter, clock: Clock) -> None:
        self._meter, self._clock = meter, clock
        self._minute = self._month = _NEVER
        self._requests: dict[str, Tokens] = {}
        self._credits: dict[str, Tokens] = {}

    def admit_now(self, caller: Caller) -> Rate | None:
        """Count one request of a caller that has a limit, without waiting.

        None when that cannot be done, and nothing was counted.
        """
        minute = self._this_minute()
        tokens = self._requests_of(caller)
        return _rate(tokens, minute) if tokens.take() else None

    async def admit(self, caller: Caller) -> Rate:
        """Count one request of a caller that has a limit. Raises RateLimited when its minute is used up."""
        rate = self.admit_now(caller)
        if rate is not None:
            return rate
        minute = self._this_minute()
        tokens = self._requests_of(caller)
        if await self._take(tokens, caller, Use.REQUESTS, minute):
            return _rate(tokens, minute)
        wait_s = max(1, math.ceil((minute.end - self._clock()).total_seconds()))
        message = f"This key may make {tokens.limit} requests a minute, and has made them."
        raise RateLimited(message, wait_s, _rate(tokens, minute))

    def allowance(self, caller: Caller) -> Allowance:
        """Return what caller may have the browser asked for."""
        return Allowance(self, caller)

    @asynccontextmanager
    async def capture(self, caller: Caller, deadline: Deadline) -> AsyncIterator[Spending]:
        """Hold a place and a credit for a capture of caller that ends by deadline.

        The credit is given back unless it was spent. Raises RateLimited when as many captures as
        the key may have are under way, QuotaExceeded when its month is used up.
        """
        async with self._place(caller, deadline):
            month = self._this_month()
            # Pictures of test keys are free.
            tokens = self._credits_of(caller) if caller.mode == "live" else None
            if tokens is not None and not await self._take(tokens, caller, Use.CREDITS, month):
                raise QuotaExceeded(tokens.limit)
            spending = Spending()
            try:
                yield spending
            finally:
                if tokens is not None and not spending.spent:
                    tokens.held += 1

    def usage(self, caller: Caller) -> Usage:
        """Return what caller's key has used of this month. Raises StoreUnavailable."""
        month = self._this_month()
        tokens = self._credits.get(caller.key_id)
        taken = self._meter.taken(caller.key_id, Use.CREDITS, month.number)
        # A block on trust was never taken.
        held = 0 if tokens is None or tokens.on_trust else tokens.held
        return Usage(limits=caller.limits, used=max(0, taken - held), window=month)

    async def close(self) -> None:
        """Give back what was leased and not used; a credit is good for the whole month."""
        month = self._this_month()
        for key_id, tokens in self._credits.items():
            if tokens.held and not tokens.on_trust:
                try:
                    await self._meter.give_back(key_id, Use.CREDITS, month.number, tokens.held)
                except CalotypeError as exc:
                    _log.warning("%d credits of %s count as used: %s", tokens.held, key_id, exc)
        self._credits.clear()

    @asynccontextmanager
    async def _place(self, caller: Caller, deadline: Deadline) -> AsyncIterator[None]:
        limit = caller.limits.concurrent
        if limit is None:
            yield
            return
        now = self._clock()
        until = now + timedelta(seconds=deadline.remaining_s()) + _PLACE_MARGIN
        try:
            place = await _unless_left(
                self._meter.enter(caller.key_id, limit, now, until), self._leave_if_entered
            )
        except CalotypeError as exc:
            _log.warning("a capture of %s is not counted: %s", caller.key_id, exc)
            yield
            return
        if place is None:
            message = f"This key may have {limit} captures under way, and has them."
            raise RateLimited(message, _RETRY_CAPTURE_S)
        try:
            yield
        finally:
            await self._leave(place)

    async def _leave_if_entered(self, place: int | None) -> None:
        if place is not None:
            await self._leave(place)

    async def _leave(self, place: int) -> None:
        try:
            await self._meter.leave(place)
        except CalotypeError as exc:
            _log.warning("a capture's place stays taken until its deadline: %s", exc)

    async def _take(self, tokens: Tokens, caller: Caller, what: Use, window: Window) -> bool:
        """Use one token, of a new block if need be; False when there are none."""
        async with tokens.leasing:
            if tokens.take():
                return True
            if what is Use.REQUESTS and tokens.left == 0:
                return False  # for the rest of the minute, without asking again
            try:
                leasing = self._meter.lease(caller.key_id, what, window.number, tokens.block, tokens.limit)
                lease = await _unless_left(leasing, partial(_keep, tokens))
            except CalotypeError as exc:
                _log.warning("what %s uses is counted here alone: %s", caller.key_id, exc)
                tokens.trusted()
            else:
                await _keep(tokens, lease)
            return tokens.take()

    def _this_minute(self) -> Window:
        now = self._clock()
        if not self._minute.start <= now < self._minute.end:
            self._minute = minute_of(now)
            self._requests.clear()
        return self._minute

    def _this_month(self) -> Window:
        now = self._clock()
        if not self._month.start <= now < self._month.end:
            self._month = month_of(now)
            self._credits.clear()
        return self._month

    def _requests_of(self, caller: Caller) -> Tokens:
        tokens = self._requests.get(caller.key_id)
        if tokens is None:
            limit = caller.limits.requests_per_minute
            assert limit is not None
            tokens = self._requests[caller.key_id] = Tokens.of(limit)
        return tokens

    def _credits_of(self, caller: Caller) -> Tokens:
        tokens = self._credits.get(caller.key_id)
        if tokens is None:
            limit = caller.limits.credits
            tokens = Tokens.of(NO_LIMIT if limit is None else limit, MOST_CREDITS)
            self._credits[caller.key_id] = tokens
        return tokens


async def _unless_left(work: Coroutine[Any, Any, T], keep: Callable[[T], Awaitable[None]]) -> T:
    """Return what work gives, which goes on if the caller leaves meanwhile; keep is then given it.

    A write that nobody knows of any more would hold its place, or count as used, for its whole life.
    """
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await settled(working)
        if not working.cancelled() and working.exception() is None:
            await keep(working.result())
        raise


async def _keep(tokens: Tokens, lease: Leased) -> None:
    tokens.leased(lease.granted, lease.taken)


def _rate(tokens: Tokens, minute: Window) -> Rate:
    return Rate(tokens.limit, tokens.remaining, int(minute.end.timestamp()))
