"""Turns: who gets the next free place, and who is turned away. Who is next is FairQueue's to say."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from calotype.capture.errand import Errand
from calotype.capture.errors import QueueFull, QueueTimeout
from calotype.clock import Deadline
from calotype.render.fair_queue import FairQueue, Waiter

MAX_RETRY_AFTER_S: Final = 30
"""Nobody's wait in the queue outlasts a request, so neither should the advice to come back."""
FIRST_GUESS_S: Final = 1.0
"""How long a capture takes, until we have seen some."""
MEMORY_OF_DURATIONS: Final = 0.1
"""Weight of the newest capture in the running mean."""

Place = TypeVar("Place")


@dataclass(frozen=True, slots=True)
class _Use:
    """Who has a place, and since when."""

    waiter: Waiter
    since_s: float


class Turns(Generic[Place]):
    """Places that are free, and a bounded queue of callers who want one."""

    def __init__(
        self, at_once: int, queue_limit: int, per_host: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        """at_once is how many places there will be, for the advice when to come back.

        per_host bounds the captures of one host that have a place at a time.
        """
        self._at_once, self._queue_limit, self._per_host = at_once, queue_limit, per_host
        self._now = now
        self._free: list[Place] = []
        self._uses: dict[Place, _Use] = {}
        self._hosts: Counter[str] = Counter()
        self._queue = FairQueue()
        self._turns: dict[Waiter, asyncio.Future[Place]] = {}
        self._mean_s = FIRST_GUESS_S
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many callers wait for a place."""
        return len(self._queue)

    @property
    def free(self) -> int:
        """How many places nobody uses."""
        return len(self._free)

    async def take(self, deadline: Deadline, errand: Errand, host: str | None) -> Place:
        """Wait for a place; give_back returns it. host is where politeness counts it, if anywhere.

        Raises QueueFull when queue_limit callers wait already and this one is not in less of a crowd
        than another: then that one gets it instead, late. Raises QueueTimeout when the deadline comes
        before the turn.
        """
        if self._closed:
            raise QueueFull(0, MAX_RETRY_AFTER_S)
        waiter = Waiter(errand, host, self._mean_s)
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._queue.add(waiter)
        self._turns[waiter] = turn
        self._deal()
        if len(self._queue) > self._queue_limit:
            self._turn_away(self._queue.victim_of(waiter))
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                return await turn
        except BaseException as exc:
            # The turn may have come in the very moment in which we stopped waiting for it.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._take_back(turn.result())
                self._deal()
            elif self._queue.discard(waiter):
                del self._turns[waiter]
            if isinstance(exc, TimeoutError):
                raise QueueTimeout("waiting in the queue", deadline.budget_ms) from exc
            raise

    def give_back(self, place: Place) -> None:
        """Let whoever is next have place; it is free while nobody is."""
        use = self._uses.get(place)
        if use is not None:
            used_s = self._now() - use.since_s
            self._mean_s += MEMORY_OF_DURATIONS * (used_s - self._mean_s)
        self._take_back(place)
        self._deal()

    def close(self) -> None:
        """Send away whoever waits, and whoever comes."""
        self._closed = True
        for waiter in self._queue.waiters:
            self._turn_away(waiter)

    def _deal(self) -> None:
        """Hand out free places for as long as somebody can go."""
        while self._free:
            busy = {host for host, running in self._hosts.items() if running >= self._per_host}
            waiter = self._queue.next(busy)
            if waiter is None:
                return
            place = self._free.pop()
            self._uses[place] = _Use(waiter, self._now())
            if waiter.host is not None:
                self._hosts[waiter.host] += 1
            turn = self._turns.pop(waiter)
            if turn.done():
                # Its owner has been cancelled, and has not come round to leaving the queue.
                self._take_back(place)
            else:
                turn.set_result(place)

    def _take_back(self, place: Place) -> None:
        use = self._uses.pop(place, None)
        self._free.append(place)
        if use is None:
            return
        self._queue.settle(use.waiter, self._now() - use.since_s)
        if use.waiter.host is not None:
            self._hosts[use.waiter.host] -= 1
            if not self._hosts[use.waiter.host]:
                del self._hosts[use.waiter.host]

    def _turn_away(self, waiter: Waiter) -> None:
        self._queue.discard(waiter)
        refusal = QueueFull(len(self._queue), MAX_RETRY_AFTER_S if self._closed else self._retry_after_s())
        turn = self._turns.pop(waiter)
        if not turn.done():
            turn.set_exception(refusal)

    def _retry_after_s(self) -> int:
        clear_s = len(self._queue) * self._mean_s / self._at_once
        return max(1, min(MAX_RETRY_AFTER_S, math.ceil(clear_s)))
