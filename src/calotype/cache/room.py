"""Room: keeps the cache within its bytes, and the disk from filling up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from weakref import WeakValueDictionary

from calotype.cache.errors import StoreUnavailable
from calotype.cache.hands import Candidate, Ghosts, Hand, Touched, Turn, walk
from calotype.clock import Clock
from calotype.findings import Fault

GIB = 1024**3
DEFAULT_MAX_BYTES = 10 * GIB
DEFAULT_MIN_FREE_BYTES = GIB
BLOCK_BYTES = 4096
"""Filesystems give room in blocks: a small file holds as much as one of this size."""
CHUNK = 100
"""Entries looked at, and at most let go, in one transaction: it holds the writer for 20 to 50 ms at worst."""
_STEPS_PER_STORE = 5
"""How often a store that finds no room may ask for a chunk before it is given up."""
_FREED_AFTER = timedelta(seconds=65)
"""By then the bytes of what was let go are off the disk: the outbox's minute, and a sweep."""
_IDLE_S = 1.0
_SLOWEST_S, _QUICKEST_S = 0.25, 0.02
"""Between two chunks where eviction starts, and where the budget is used up."""
_BYTES_PER_GHOST = 64 * 1024
_FEWEST_GHOSTS, _MOST_GHOSTS = 1024, 2**22
_log = logging.getLogger("calotype.cache")


def held_bytes(size_bytes: int) -> int:
    """Return the room that a blob of size_bytes holds."""
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A bound on what entries may hold, and the marks that follow from it."""

    max_bytes: int = DEFAULT_MAX_BYTES

    @property
    def start_bytes(self) -> int:
        """Eviction starts above 95 %, so that a store rarely has to wait for it."""
        return self.max_bytes * 95 // 100

    @property
    def stop_bytes(self) -> int:
        """And goes on down to 90 %."""
        return self.max_bytes * 90 // 100

    @property
    def max_entry_bytes(self) -> int:
        """One entry may hold 5 %: a larger one would push out too many others."""
        return self.max_bytes // 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLimits(Budget):
    """The operator's bounds: for the whole cache, for the disk below it, and for each account in it."""

    min_free_bytes: int = DEFAULT_MIN_FREE_BYTES
    account: Budget | None = None
    """What one account may hold, live and test together; None: as much as there is."""

    @property
    def start_free_bytes(self) -> int:
        """The same for the disk: eviction starts below 110 % of what is to stay free."""
        return self.min_free_bytes * 110 // 100

    @property
    def stop_free_bytes(self) -> int:
        """And goes on up to 120 %."""
        return self.min_free_bytes * 120 // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How the room is used, exactly, as of the last commit: all of it, or one account's share."""

    account: int | None = None
    """Whose; None: everybody's."""
    entries: int
    """All that are in the index, those included that nobody can have any more."""
    used_bytes: int
    """The room that they hold."""
    probation_bytes: int
    """The share of those stored after boundary."""
    let_go_bytes: int
    """Room of all entries of everybody that ever went, for whatever reason: it only grows."""
    boundary: int
    """The first hand's place."""
    hand: int
    """The second hand's place."""
    sweeping: bool
    """Whether a pass over the index, for what nobody can have any more, is under way."""

    def at(self, hand: Hand) -> int:
        """Return where a hand stands."""
        return self.boundary if hand is Hand.PROBATION else self.hand


class RoomLedger(Protocol):
    """Counts the room that entries hold, in the transactions that move them. Ours: sql.sqlite.room.

    Methods raise StoreUnavailable when the database cannot be used.
    """

    def usage(self, account: int | None = None) -> Usage:
        """Return the counters, of everybody or of one account. Never suspends."""
        ...

    def accounts_above(self, used_bytes: int) -> Sequence[int]:
        """Return the up to CHUNK accounts that hold most, of those that hold more than used_bytes.

        Never suspends.
        """
        ...

    async def candidates(self, hand: Hand, usage: Usage, now: datetime) -> Sequence[Candidate]:
        """Return the up to CHUNK entries that come after where hand stands in usage, in order of place.

        Where usage is an account's, so are the hand and the entries.
        On probation that is everything stored after boundary, in main everything up to it.
        """
        ...

    async def evict(self, hand: Hand, usage: Usage, turn: Turn, now: datetime) -> int:
        """Let go of what turn takes, move the hand to where it reached, and return the bytes let go.

        One transaction. Nothing happens, and 0 is returned, if another process has moved the hand since
        usage. An entry whose refresh has begun meanwhile stays, unless nobody could have it.
        """
        ...

    async def begin_pass(self, now: datetime) -> None:
        """Let the sweep look through the index soon, unless it did a few minutes ago or does now."""
        ...


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The picture would hold more than one entry may."""


@dataclass(frozen=True, slots=True)
class NoRoom:
    """There is no room, and none could be made quickly: the budget is used up or the disk is full."""


Refused = TooLarge | NoRoom


class Room:
    """Lets go of entries in the background, a chunk at a time, and of a few more when a store needs them.

    An account with a budget has two hands of its own, which walk through its own entries only.
    Several processes may do so on one index: the hands are in the index, and who finds one moved
    leaves it. Each goes by the hits it has seen itself.
    """

    def __init__(
        self, ledger: RoomLedger, limits: RoomLimits, free_bytes: Callable[[], int], clock: Clock
    ) -> None:
        self._ledger, self._limits, self._free_bytes, self._clock = ledger, limits, free_bytes, clock
        self.touched = Touched()
        self._ghosts = Ghosts(min(max(limits.max_bytes // _BYTES_PER_GHOST, _FEWEST_GHOSTS), _MOST_GHOSTS))
        self._doors: WeakValueDictionary[int | None, asyncio.Lock] = WeakValueDictionary()
        self._hand_moves = asyncio.Lock()
        self._evicting = False
        self._full_accounts: dict[int, None] = {}
        """In the order in which their turns come."""
        self._reserved: Counter[int | None] = Counter()
        """Bytes by account, and under None those of all."""
        self._let_go: deque[tuple[datetime, int]] = deque()

    @contextlib.asynccontextmanager
    async def reserve(self, account: int, size_bytes: int) -> AsyncIterator[Refused | None]:
        """Hold room for a blob of account while it is being stored; give the reason if there is none."""
        held = held_bytes(size_bytes)
        # What an account is to let go for itself goes first: then less of everybody's has to.
        budgets: dict[int | None, Budget] = {None: self._limits}
        if self._limits.account is not None:
            budgets = {account: self._limits.account, None: self._limits}
        if any(held > budget.max_entry_bytes for budget in budgets.values()):
            yield TooLarge()
            return
        # Eviction frees the disk only a minute later, so this store cannot wait for it.
        free = self._free()
        if free - self._reserved[None] - held < self._limits.min_free_bytes:
            _log.warning(
                "a picture was not stored: %d bytes are free on its disk, and %d are to stay so "
                "(CALOTYPE_CACHE_MIN_FREE)",
                free,
                self._limits.min_free_bytes,
            )
            yield NoRoom()
            return
        admitted = []
        try:
            for whose, budget in budgets.items():
                if not await self._admit(held, whose, budget):
                    yield NoRoom()
                    return
                admitted.append(whose)
            yield None
        finally:
            for whose in admitted:
                self._reserved[whose] -= held
                if not self._reserved[whose]:
                    del self._reserved[whose]

    async def _admit(self, held: int, whose: int | None, budget: Budget) -> bool:
        """Reserve held bytes beside what is stored and reserved, after a bounded attempt to make them fit."""
        # One after the other: together, each would evict for all the others as well.
        door = self._doors.setdefault(whose, asyncio.Lock())
        async with door:
            for steps_left in reversed(range(_STEPS_PER_STORE + 1)):
                used = self._ledger.usage(whose).used_bytes
                missing = used + self._reserved[whose] + held - budget.max_bytes
                if missing <= 0:
                    self._reserved[whose] += held
                    return True
                if steps_left:
                    await self._move_hand(missing, whose, budget)
        return False

    def check(self) -> Fault | None:
        """Say whether the disk is below what is to stay free: then no picture is stored."""
        return Fault.FULL if self._free() < self._limits.min_free_bytes else None

    async def run(self) -> None:
        """Keep to the bounds until cancelled."""
        while True:
            try:
                pause_s = await self.step()
            except StoreUnavailable as exc:
                _log.warning("eviction put off: %s", exc)
                pause_s = None
            await asyncio.sleep(_IDLE_S if pause_s is None else pause_s)

    async def step(self) -> float | None:
        """Do what is due, up to a chunk for an account and one for all; return the seconds until the next.

        None when nothing is due.
        """
        pauses = (await self._step_for_account(), await self._step_for_all())
        return min((pause for pause in pauses if pause is not None), default=None)

    async def _step_for_account(self) -> float | None:
        budget = self._limits.account
        if budget is None:
            return None
        full = self._full_accounts
        new = [one for one in self._ledger.accounts_above(budget.start_bytes) if one not in full]
        full.update(dict.fromkeys(new))
        if new:
            await self._ledger.begin_pass(self._clock())
        while full:
            account = next(iter(full))
            del full[account]
            usage = self._ledger.usage(account)
            wanted = usage.used_bytes - budget.stop_bytes
            if wanted > 0:
                full[account] = None  # behind the others: one whose entries all stay stops nobody
                if not usage.sweeping or usage.used_bytes > budget.max_bytes:
                    await self._move_hand(wanted, account, budget)
                return _pause_s(usage, budget)
        return None

    async def _step_for_all(self) -> float | None:
        usage, now = self._ledger.usage(), self._clock()
        over_disk = self._over_disk(usage, now)
        wanted = max(self._over_budget(usage), over_disk)
        if wanted <= 0 or usage.entries == 0:
            self._evicting = False
            return None
        if not self._evicting:
            self._evicting = True
            _log.info("the cache holds %d bytes of %d: letting go", usage.used_bytes, self._limits.max_bytes)
            await self._ledger.begin_pass(now)
            usage = self._ledger.usage()
        # What nobody can have any more goes first, as long as that can wait.
        if not usage.sweeping or over_disk > 0 or usage.used_bytes > self._limits.max_bytes:
            await self._move_hand(wanted, None, self._limits)
        return _QUICKEST_S if over_disk > 0 else _pause_s(usage, self._limits)

    def _over_budget(self, usage: Usage) -> int:
        limits = self._limits
        above = limits.stop_bytes if self._evicting else limits.start_bytes
        return usage.used_bytes - limits.stop_bytes if usage.used_bytes > above else 0

    def _over_disk(self, usage: Usage, now: datetime) -> int:
        limits = self._limits
        free = self._free() + self._leaving_bytes(usage, now)
        below = limits.stop_free_bytes if self._evicting else limits.start_free_bytes
        return limits.stop_free_bytes - free if free < below else 0

    def _free(self) -> int:
        try:
            return self._free_bytes()
        except StoreUnavailable:
            # Whoever writes there next is told what is wrong with it.
            return 2**63

    def _leaving_bytes(self, usage: Usage, now: datetime) -> int:
        """Return how much of what was let go is still on the disk, for its last minute."""
        seen = self._let_go
        if not seen or seen[-1][1] != usage.let_go_bytes:
            seen.append((now, usage.let_go_bytes))
        while len(seen) > 1 and seen[1][0] <= now - _FREED_AFTER:
            seen.popleft()
        return usage.let_go_bytes - seen[0][1]

    async def _move_hand(self, wanted_bytes: int, whose: int | None, budget: Budget) -> None:
        async with self._hand_moves:
            usage, now = self._ledger.usage(whose), self._clock()
            hand = _hand(usage, budget)
            candidates = await self._ledger.candidates(hand, usage, now)
            turn = walk(hand, candidates, wanted_bytes, self.touched, self._ghosts, usage.entries)
            # Where main ends there are no candidates, and the turn leads back to place 0: round it goes.
            await self._ledger.evict(hand, usage, turn, now)


def _hand(usage: Usage, budget: Budget) -> Hand:
    # A tenth of what there is: a full disk may keep the cache far below its budget.
    share = min(usage.used_bytes, budget.max_bytes) // 10
    return Hand.PROBATION if usage.probation_bytes > share else Hand.MAIN


def _pause_s(usage: Usage, budget: Budget) -> float:
    """Return a shorter breath the nearer the budget's end is (Squid's swap marks do so)."""
    if usage.used_bytes >= budget.max_bytes:
        return _QUICKEST_S
    share = (usage.used_bytes - budget.start_bytes) / (budget.max_bytes - budget.start_bytes)
    return _SLOWEST_S - max(0.0, share) * (_SLOWEST_S - _QUICKEST_S)
