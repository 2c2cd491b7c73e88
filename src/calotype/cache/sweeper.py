"""Sweeper: frees in the background what purged and expired entries still hold."""

from __future__ import annotations

import asyncio
import logging

from calotype.cache.errors import StoreUnavailable
from calotype.cache.ports import BlobStore, PurgeLog
from calotype.clock import Clock

_IDLE_S = 2.0
_BETWEEN_CHUNKS_S = 0.02
"""A breath for other writers while there is much to do."""
_log = logging.getLogger("calotype.cache")


class Sweeper:
    """Takes many short steps, never one long one.

    Correctness does not wait for it: nothing that it removes could be had any more.
    """

    def __init__(self, purges: PurgeLog, blobs: BlobStore, clock: Clock) -> None:
        self._purges, self._blobs, self._clock = purges, blobs, clock

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                more = await self.step()
            except StoreUnavailable as exc:
                _log.warning("sweep put off: %s", exc)
                more = False
            await asyncio.sleep(_BETWEEN_CHUNKS_S if more else _IDLE_S)

    async def step(self) -> bool:
        """Do one chunk: rows, then blobs whose rows went a while ago. Returns whether more is due at once."""
        swept = await self._purges.sweep(self._clock())
        gone = []
        for place, blob_id in swept.blobs:
            try:
                await self._blobs.delete(blob_id)
            except StoreUnavailable as exc:
                # It stays in the outbox, for the next time.
                _log.warning("%s", exc)
            else:
                gone.append(place)
        if gone:
            await self._purges.blobs_deleted(gone)
        return swept.more
