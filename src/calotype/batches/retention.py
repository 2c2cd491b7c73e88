"""Retention: forgets what has ended a while ago."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from calotype.batches.ports import BatchLedger
from calotype.cache.errors import StoreUnavailable
from calotype.clock import Clock
from calotype.jobs.engine import DEAD_KEPT, JobEngine
from calotype.storage import ports as storage
from calotype.webhooks.ports import DELIVERED_KEPT, FAILED_KEPT, Deliveries

KEPT = timedelta(days=30)
"""How long a batch is told of after its end; its pictures live by their own ttl."""
_CHUNK = 100
_IDLE_S = 3600.0
_BETWEEN_CHUNKS_S = 0.1
_log = logging.getLogger("calotype.batches")


class Retention:
    """Takes short steps, in each process by itself: what one has forgotten the others do not find."""

    def __init__(
        self,
        ledger: BatchLedger,
        deliveries: Deliveries,
        copies: storage.Copies,
        jobs: JobEngine,
        clock: Clock,
    ) -> None:
        self._ledger, self._deliveries, self._copies = ledger, deliveries, copies
        self._jobs, self._clock = jobs, clock

    async def run(self) -> None:
        """Forget until cancelled."""
        while True:
            try:
                more = await self.step()
            except StoreUnavailable as exc:
                _log.warning("forgetting put off: %s", exc)
                more = False
            await asyncio.sleep(_BETWEEN_CHUNKS_S if more else _IDLE_S)

    async def step(self) -> bool:
        """Forget a chunk; say whether more is due at once."""
        now = self._clock()
        forgotten = await self._ledger.forget(now - KEPT, _CHUNK)
        forgotten += await self._deliveries.forget(now - DELIVERED_KEPT, now - FAILED_KEPT, _CHUNK)
        forgotten += await self._copies.forget(now - storage.KEPT, _CHUNK)
        forgotten += await self._jobs.forget_dead(now - DEAD_KEPT, _CHUNK)
        return forgotten > 0
