"""Fills: one render per key, for everyone who asks, in this process and across processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from calotype.cache.barrier import outdated
from calotype.cache.entry import Birth, CacheKey, Namespace, Seq
from calotype.cache.errors import StoreUnavailable
from calotype.cache.failure import Failure, FailureOf, failure_of
from calotype.cache.ports import FailedLately, HeldBy, Lease, Leases, PurgeLog
from calotype.cache.store import Origin
from calotype.capture.errors import CaptureError, RenderTimeout
from calotype.clock import Clock, Deadline
from calotype.settled import settled

HEARTBEAT_S = 5.0
"""A third of a lease's life: two may fail before it is lost."""
_GRACE_S = 0.5
"""Waiting ends this much after the deadline, so that the run's own, more telling error comes first."""
_FIRST_POLL_S, _LAST_POLL_S = 0.05, 0.5
_WORTH_ANOTHER_TRY_S = 0.5
"""A caller with less time left than this beyond the failed flight's gains nothing from a new one."""
_log = logging.getLogger("calotype.cache")

T = TypeVar("T")
_Key = tuple[Namespace, CacheKey]
Recall = Callable[[Failure], CaptureError | None]
"""Says what a remembered failure means to one caller; None if it is none to them."""


class _Recalled(Exception):
    """Instead of a run: the same has failed a moment ago."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass(slots=True, eq=False)
class _Flight(Generic[T]):
    """One run of the work for one key, and those who wait for it."""

    origin: Origin
    deadline: Deadline
    fresh: bool
    """Whether the run renders whatever is stored."""
    undaunted: bool = False
    """Whether it runs though the same has failed a moment ago."""
    behind: _Flight[T] | None = None
    """The flight of the same key that this one lets go first."""
    task: asyncio.Task[T] | None = None
    birth: Birth | None = None
    """None until the lease is ours: whoever joins before asked before the render began."""
    waiting: int = 0
    orphaned: bool = False
    """Whether who began it has left, and nobody has been told yet that it is his."""
    out_of_the_way: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has ended, or may be overtaken since a purge bars it from storing."""

    @property
    def key(self) -> _Key:
        return self.origin.namespace, self.origin.identity.key

    def bequeath(self) -> bool:
        """Say to the first who asks, and to nobody else, whether the run of one who left is his now."""
        orphaned, self.orphaned = self.orphaned, False
        return orphaned


class Fills(Generic[T]):
    """Coalesces callers. A local flight per key, and under it the lease that other processes see.

    What fails is remembered with the lease, for all processes and for some seconds.

    Close it to stop every flight; nothing it started is left running.
    """

    def __init__(
        self,
        leases: Leases,
        purges: PurgeLog,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        fails: FailureOf = failure_of,
    ) -> None:
        self._fails = fails
        self._leases, self._purges, self._clock, self._sleep = leases, purges, clock, sleep
        self._flights: dict[_Key, list[_Flight[T]]] = {}
        """In the order in which they were asked for; only the first has begun."""
        self._tasks: set[asyncio.Task[T]] = set()

    async def run(
        self,
        origin: Origin,
        arrived: Seq,
        deadline: Deadline,
        work: Callable[[Lease], Awaitable[T]],
        *,
        fresh: bool = False,
        recall: Recall | None = None,
        inherit: Callable[[], None] = lambda: None,
    ) -> tuple[T, bool]:
        """Return what work gives, and whether another caller's run gave it.

        Of a run whose caller has left, inherit is called for the first of the others that gets what it gives.
        arrived is the newest purge when the caller came. It does not join a render that a purge
        up to then bars: it would be shown the page of before. With fresh it joins
        no render that has begun, whatever was purged; all such callers share the next one. Nobody
        joins a run for another request under the same custom key: they take turns, as they came.
        What work raises is raised to everyone who waited for it, except that a caller with
        more patience than the one whose deadline ended the run starts another, if that run had begun late
        or had been granted less. Who comes in the seconds after a failure gets it from memory, unless
        fresh, or recall says that it is none to them.
        """
        undaunted = fresh
        while True:
            flight = await self._joinable(origin, arrived, fresh=fresh)
            joined = flight is not None
            if flight is None:
                flight = self._launch(_Flight(origin, deadline, fresh, undaunted), work)
            try:
                given = await self._wait(flight, deadline)
            except asyncio.CancelledError:
                flight.orphaned |= not joined
                raise
            except _Recalled as recalled:
                failure = recalled.failure
                error = failure.error(deadline.budget_ms) if recall is None else recall(failure)
                if error is not None:
                    raise error from None
                undaunted = True
            except RenderTimeout:
                flight.orphaned |= not joined
                patience_s = deadline.at - flight.deadline.at
                if not joined or patience_s < _WORTH_ANOTHER_TRY_S or deadline.passed():
                    raise
            else:
                if joined and flight.bequeath():
                    inherit()
                return given, joined

    async def _joinable(self, origin: Origin, arrived: Seq, *, fresh: bool) -> _Flight[T] | None:
        """Return the run that may answer this caller; those that a purge bars lose their places."""
        while flights := self._flights.get((origin.namespace, origin.identity.key)):
            # Who wants what there is takes the first that comes; who wants it new, or another picture under
            # the same key, must not be overtaken by those who asked before.
            in_order = fresh or any(flight.origin.content != origin.content for flight in flights)
            flight = flights[-1] if in_order else flights[0]
            birth = flight.birth
            if birth is not None and birth.seq < arrived and await self._is_barred(flight.origin, birth):
                self._drop(flight)
                continue
            if flight not in flights:
                continue  # the log was read over the network, and meanwhile it ended
            if flight.origin.content != origin.content:
                return None
            # A run that began as a look-up may yet find what was stored before a fresh caller came.
            return flight if not fresh or (flight.fresh and flight.birth is None) else None
        return None

    async def _is_barred(self, origin: Origin, birth: Birth) -> bool:
        records = await self._purges.since(origin.namespace, birth.seq)
        return records is None or outdated(records, origin.subject(birth.at), birth) is not None

    def _launch(self, flight: _Flight[T], work: Callable[[Lease], Awaitable[T]]) -> _Flight[T]:
        # One running and at most one waiting to run, however many ask for a refresh of the same.
        flights = self._flights.setdefault(flight.key, [])
        flight.behind = flights[-1] if flights else None
        flights.append(flight)
        flight.task = asyncio.create_task(self._fly(flight, work))
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._landed)
        return flight

    def _drop(self, flight: _Flight[T]) -> None:
        """Let nobody join flight or wait for it any more."""
        flight.out_of_the_way.set()
        flights = self._flights.get(flight.key, [])
        if flight in flights:
            flights.remove(flight)
        if not flights:
            self._flights.pop(flight.key, None)

    def _landed(self, task: asyncio.Task[T]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: those who waited have it, and there may be none left

    async def _fly(self, flight: _Flight[T], work: Callable[[Lease], Awaitable[T]]) -> T:
        try:
            if flight.behind is not None:
                await flight.behind.out_of_the_way.wait()
                flight.behind = None
            lease = await self._lease(flight)
            flight.birth = lease.birth
            whole = flight.deadline.remaining_s() + _WORTH_ANOTHER_TRY_S >= flight.deadline.budget_ms / 1000
            heart = asyncio.create_task(self._beat(lease))
            failure: Failure | None = None
            try:
                result = await work(lease)
                failure = self._fails(result)
            except CaptureError as exc:
                # A timeout after a wait for the lease says nothing to those who have all of their time.
                failure = self._fails(exc) if whole or not isinstance(exc, RenderTimeout) else None
                raise
            else:
                return result
            finally:
                heart.cancel()
                try:
                    await asyncio.wait([heart])
                finally:
                    await self._release(lease, failure)
        finally:
            self._drop(flight)

    async def _lease(self, flight: _Flight[T]) -> Lease:
        pause_s, deadline = _FIRST_POLL_S, flight.deadline
        while True:
            lease = await self._acquire(flight)
            if isinstance(lease, FailedLately):
                raise _Recalled(lease.failure)
            if not isinstance(lease, HeldBy):
                return lease
            if deadline.passed():
                raise RenderTimeout(
                    "waiting for another process that captures the same page", deadline.budget_ms
                )
            await self._sleep(min(pause_s, deadline.remaining_s()))
            pause_s = min(pause_s * 2, _LAST_POLL_S)

    async def _acquire(self, flight: _Flight[T]) -> Lease | HeldBy | FailedLately:
        now, origin = self._clock(), flight.origin
        taking = asyncio.create_task(
            self._leases.acquire(
                origin.namespace,
                origin.subject(now),
                now,
                content=origin.content,
                undaunted=flight.undaunted,
            )
        )
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            # The write goes on without us; a lease nobody knows of would close the key for its whole life.
            await settled(taking)
            if taking.exception() is None and isinstance(lease := taking.result(), Lease):
                await self._release(lease)
            raise

    async def _beat(self, lease: Lease) -> None:
        while True:
            await self._sleep(HEARTBEAT_S)
            try:
                kept = await self._leases.renew(lease, self._clock())
            except StoreUnavailable as exc:
                _log.warning("lease on %s could not be prolonged: %s", lease.key, exc)
                continue
            if not kept:
                _log.warning("lease on %s was lost; its render will not be stored", lease.key)
                return

    async def _release(self, lease: Lease, failure: Failure | None = None) -> None:
        try:
            if failure is None:
                await self._leases.release(lease)
            else:
                await self._leases.fail(lease, failure, self._clock())
        except StoreUnavailable as exc:
            # The picture is there; a lease that nobody gives back runs out by itself.
            _log.warning("lease on %s could not be given back: %s", lease.key, exc)

    async def _wait(self, flight: _Flight[T], deadline: Deadline) -> T:
        if flight.task is None:
            message = "a flight is waited for only once it has its task"
            raise RuntimeError(message)
        flight.waiting += 1
        try:
            # The caller that began the work may hang up while others still wait, so the task belongs
            # to the flight: waiting is shielded, and only the last caller to leave cancels it.
            async with asyncio.timeout(deadline.remaining_s() + _GRACE_S):
                return await asyncio.shield(flight.task)
        except TimeoutError as exc:
            raise RenderTimeout("being rendered", deadline.budget_ms) from exc
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                # It takes a while to stop; who comes meanwhile must not be stopped with it.
                self._drop(flight)
                flight.task.cancel()

    async def close(self) -> None:
        """Stop every flight and wait until each has let go of what it held."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
