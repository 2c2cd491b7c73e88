"""Runner: makes the captures of accepted batches, and has it told when one is over."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import msgspec

from calotype.access.limits import RateLimited
from calotype.access.secretbox import SecretBox
from calotype.batches.batch import Batch, ItemFailure, ItemPicture, ItemState, Outcome
from calotype.batches.errors import Interrupted, NotStored
from calotype.batches.news import News
from calotype.batches.ports import RUN, TELL, BatchLedger, Begun, Completions
from calotype.batches.seals import item_context, webhook_context
from calotype.batches.turns import Turns
from calotype.batches.webhook import Webhook
from calotype.cache.errors import DiskFull, StoreUnavailable
from calotype.capture.errand import Urgency
from calotype.capture.errors import QueueFull, QueueTimeout
from calotype.clock import Clock, Deadline
from calotype.errors import CalotypeError
from calotype.jobs.engine import Kind, Later
from calotype.jobs.lanes import Lanes
from calotype.shots.asked import parse_asked
from calotype.shots.request import Allowance, TakeRequest
from calotype.shots.service import Shots
from calotype.shots.shot import Shot

MAX_TRIES = 5
"""How often the process may die of a capture: then that must end, and its batch go on."""
_TAKES = 3
"""How often in a row a picture is taken that a purge overtakes, or that is there but stale."""
_FULL = (QueueFull, RateLimited)
"""The queue's bound, and the key's: either has room again when others have ended."""
_JITTER = 0.05
OF_ONE_ACCOUNT = 100
"""Batches at a time: far more than the browser has room for, and few enough for others to begin theirs."""
_SENT_AWAY_S = 60.0
"""The longest pause of a batch whose account has as many: one may take hours, and the next but a moment."""
_BATCHES_AT_ONCE = 500
"""Those that wait for their turns hold no more than their rows."""
_BATCH_LIMIT_S = 12 * 3600.0
_PAUSES = tuple(timedelta(seconds=s) for s in (1, 2, 5, 15, 60, 300, 900, 3600, 3600, 3600, 7200, 14_400))
"""What fails a whole batch is the index or the disk, which somebody will mend within the day."""
AllowanceOfKey = Callable[[str], Awaitable[Allowance | None]]
"""The id of a key -> what it may have the browser asked for; None is without limit."""
_log = logging.getLogger("calotype.batches")
_webhook = msgspec.json.Decoder(Webhook)


class Runner:
    """Does the jobs of batches. Idempotent by id: an item that has ended is never begun again."""

    def __init__(
        self,
        ledger: BatchLedger,
        shots: Shots,
        turns: Turns,
        news: News,
        box: SecretBox,
        clock: Clock,
        completions: Completions | None = None,
        allowance: AllowanceOfKey | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Take the parts; without completions nobody is told of an end, who does not ask.

        allowance says what a key may have; without it there is no limit. chance draws from [0, 1).
        """
        self._ledger, self._shots, self._turns, self._news = ledger, shots, turns, news
        self._box, self._clock, self._completions = box, clock, completions
        self._allowance, self._chance = allowance, chance
        self._accounts = Lanes(OF_ONE_ACCOUNT)
        self._under_way: dict[str, asyncio.Task[None]] = {}

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The jobs that this does."""
        return (
            Kind(name=RUN, run=self.run, at_once=_BATCHES_AT_ONCE, limit_s=_BATCH_LIMIT_S, pauses=_PAUSES),
            Kind(name=TELL, run=self.tell, at_once=10, limit_s=60.0, pauses=_PAUSES),
        )

    async def run(self, batch_id: str) -> None:
        """Make what is pending. Raises StoreUnavailable or Later, to be called again later."""
        found = await self._ledger.find(batch_id)
        if found is None:
            return
        with self._accounts.lane(str(found.namespace.account)) as after_s:
            if after_s:
                pause_s = min(after_s, _SENT_AWAY_S * (1 + self._chance()) / 2)
                raise Later(timedelta(seconds=pause_s))
            await self._run(batch_id)

    async def _run(self, batch_id: str) -> None:
        batch = await self._ledger.begin(batch_id)
        if batch is None or batch.state.is_over:
            return
        self._news.tell(batch_id)
        work = asyncio.create_task(self._work(batch), name=f"batch {batch_id}")
        self._under_way[batch_id] = work
        work.add_done_callback(partial(self._ended, batch_id))
        try:
            await asyncio.wait([work])
        finally:
            work.cancel()
            await asyncio.wait([work])
        if not work.cancelled():
            work.result()

    def _ended(self, batch_id: str, work: asyncio.Task[None]) -> None:
        # Whoever lost its lease unawares is still at it when the batch is begun anew.
        if self._under_way.get(batch_id) is work:
            del self._under_way[batch_id]

    def stop(self, batch_id: str) -> None:
        """Stop what is under way in this process of a batch that was cancelled."""
        work = self._under_way.get(batch_id)
        if work is not None:
            work.cancel()

    async def tell(self, batch_id: str) -> None:
        """Have it told that a batch is over, and erase where to."""
        batch = await self._ledger.find(batch_id)
        if batch is None:
            return
        if self._completions is not None:
            webhook = None
            if batch.webhook is not None:
                webhook = _webhook.decode(self._box.open(batch.webhook, webhook_context(batch_id)))
            await self._completions.ended(batch, webhook)
        await self._ledger.told(batch_id)

    async def _work(self, batch: Batch) -> None:
        todo = iter(
            [
                item.position
                for item in batch.items
                if item.state is ItemState.PENDING and item.same_as is None
            ]
        )
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(batch.concurrency):
                    group.create_task(self._share(batch, todo))
        except ExceptionGroup as several:
            # They all met the same trouble, and one says enough.
            raise several.exceptions[0] from several

    async def _share(self, batch: Batch, todo: Iterator[int]) -> None:
        for position in todo:
            outcome = await self._made(batch, position)
            if outcome is None:
                continue
            async with self._only_a_death_counts(batch.id, position):
                ended = await self._ledger.end_item(batch.id, position, outcome, self._clock())
            if ended:
                self._news.tell(batch.id)

    async def _made(self, batch: Batch, position: int) -> Outcome | None:
        """Return what became of an item, however long the queue for it is; None if it is not pending."""
        while True:
            try:
                async with self._turns.turn(batch.namespace.account, batch.weight):
                    begun = await self._ledger.begin_item(batch.id, position)
                    if begun is None:
                        return None
                    async with self._only_a_death_counts(batch.id, position):
                        return await self._outcome(batch, position, begun)
            except _FULL as exc:
                # Without the turn: what this one waits for may be long in coming, and others have room.
                await asyncio.sleep(exc.retry_after_s)

    @asynccontextmanager
    async def _only_a_death_counts(self, batch_id: str, position: int) -> AsyncIterator[None]:
        """Give the try back when what is done within is let go: for want of room, index or disk, or by us."""
        try:
            yield
        except (StoreUnavailable, *_FULL, asyncio.CancelledError):
            try:
                await self._ledger.give_back(batch_id, position)
            except StoreUnavailable as exc:
                _log.warning("a try of item %s of %s counts: %s", position, batch_id, exc)
            raise

    async def _outcome(self, batch: Batch, position: int, begun: Begun) -> Outcome:
        try:
            if begun.tries > MAX_TRIES:
                raise Interrupted(MAX_TRIES)  # noqa: TRY301  told as whatever else can go wrong
            plain = self._box.open(begun.sealed, item_context(batch.id, position))
            asked = parse_asked(msgspec.json.decode(plain))
            several = len(batch.items) > 1
            wishes = asked.wishes
            if several:
                wishes = replace(wishes, ttl_s=spread_ttl(wishes.ttl_s, batch.id, position))
            return ItemPicture.of(
                await self._stored(
                    TakeRequest(
                        namespace=batch.namespace,
                        capture=asked.capture,
                        wishes=wishes,
                        deadline=Deadline.after(asked.capture.budget_ms),
                        urgency=Urgency.BATCH,
                        weight=batch.weight,
                        allowance=await self._allowance_of(batch),
                        storage=asked.storage,
                    )
                )
            )
        except (StoreUnavailable, *_FULL):
            raise
        except CalotypeError as exc:
            return ItemFailure.of(exc)
        except Exception:  # noqa: BLE001
            # A fault of ours, which the others of the batch need not suffer for.
            _log.exception("item %s of %s failed", position, batch.id)
            return ItemFailure.of(CalotypeError("Something went wrong on our side; the log has it."))

    async def _stored(self, asked: TakeRequest) -> Shot:
        """Return a picture that its public URL leads to. Raises CaptureError, StoreUnavailable, _FULL."""
        detail = None
        for _ in range(_TAKES):
            shot = await self._patiently(asked)
            if shot.addressed:
                return shot
            detail = shot.detail
            if detail in (StoreUnavailable.detail, DiskFull.detail):
                raise StoreUnavailable(f"a batch's picture was not stored: {detail}")
            # A purge has overtaken it, or it is stale: here is time to take it as it is now.
            asked = replace(asked, wishes=replace(asked.wishes, refresh=True))
        raise NotStored(detail or "stale")

    async def _allowance_of(self, batch: Batch) -> Allowance | None:
        return None if self._allowance is None else await self._allowance(batch.key_id)

    async def _patiently(self, asked: TakeRequest) -> Shot:
        """Take the shot; its own time begins with each turn in the browser's queue."""
        while True:
            deadline = Deadline.after(asked.capture.budget_ms)
            try:
                return await self._shots.take(replace(asked, deadline=deadline))
            except QueueTimeout:
                pass


def spread_ttl(ttl_s: int, batch_id: str, position: int) -> int:
    """Return ttl_s, or up to a twentieth less: what is made together must not expire together.

    The same for each try of an item.
    """
    chance = hashlib.sha256(f"{batch_id}/{position}".encode()).digest()
    return ttl_s - int(ttl_s * _JITTER * int.from_bytes(chance[:4]) / 2**32)
