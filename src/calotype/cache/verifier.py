"""Verifier: are these the bytes that were written? Their number tells little, their digest all."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable

from calotype.cache.entry import CacheEntry

SAMPLED = 0.01
"""The share of reads that are verified although nothing speaks against the disk."""
_REMEMBERED = 100_000
"""Blobs known to be sound, at 100 bytes each. Beyond, all are forgotten: to verify one again is cheap."""
_HASH_IN_LOOP_BYTES = 1024 * 1024
"""Up to this size a digest (0.8 ms) costs less than a hop to a thread disturbs."""


class Verifier:
    """Verifies each blob at its first read if a process before crashed, otherwise one read in a hundred."""

    def __init__(self, *, after_crash: bool = False, chance: Callable[[], float] = random.random) -> None:
        self._after_crash, self._chance = after_crash, chance
        self._sound: set[str] = set()

    async def sound(self, entry: CacheEntry, data: bytes) -> bool:
        """Return False only for data that is not what was stored as entry. Suspends only above 1 MiB."""
        if not self._is_due(entry.blob_id):
            return True
        if len(data) <= _HASH_IN_LOOP_BYTES:
            digest = hashlib.sha256(data).digest()
        else:
            digest = await asyncio.to_thread(lambda: hashlib.sha256(data).digest())
        if digest != entry.sha256:
            return False
        if self._after_crash:
            if len(self._sound) >= _REMEMBERED:
                self._sound.clear()
            self._sound.add(entry.blob_id)
        return True

    def _is_due(self, blob_id: str) -> bool:
        if self._after_crash and blob_id not in self._sound:
            return True
        return self._chance() < SAMPLED
