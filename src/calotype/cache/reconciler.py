"""Reconciler: blobs that nothing names are removed, entries whose blob is gone are dropped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from calotype.cache.errors import StoreUnavailable
from calotype.cache.ports import BlobRegister, WalkedBlobs

SPARED_S = 3600.0
"""A file younger than this may be a picture whose entry is on its way."""
_ROWS_AT_ONCE = 500
_BETWEEN_STEPS_S = 1.0
"""Ten million pictures are walked through in 18 hours; a thousand in a quarter of one."""
_BETWEEN_PASSES_S = 3600.0
_AFTER_FAILURE_S = 60.0
_log = logging.getLogger("calotype.cache")


class Reconciler:
    """Walks through blobs and entries side by side, for ever, in steps of some milliseconds.

    A crash between the write of a blob and the commit of its entry leaves an orphan; a file that somebody
    removed leaves an entry without picture. Both are rare and harmless, so there is no hurry.
    """

    def __init__(
        self, register: BlobRegister, blobs: WalkedBlobs, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._register, self._blobs, self._wall_clock = register, blobs, wall_clock
        self._begin_pass()

    def _begin_pass(self) -> None:
        self._begun = False
        self._blob: str | None = ""
        """Blobs up to this id have been looked at in this pass; None when all have."""
        self._place: int | None = 0
        """The same for entries."""

    async def run(self) -> None:
        """Walk until cancelled."""
        while True:
            try:
                pause_s = _BETWEEN_STEPS_S if await self.step() else _BETWEEN_PASSES_S
            except StoreUnavailable as exc:
                _log.warning("looking for orphans put off: %s", exc)
                pause_s = _AFTER_FAILURE_S
            await asyncio.sleep(pause_s)

    async def step(self) -> bool:
        """Look at the next few blobs and the next few entries; return whether the pass goes on.

        A step that fails is done again by the next call.
        """
        if not self._begun:
            unfinished = await self._blobs.drop_unfinished(self._wall_clock() - SPARED_S)
            if unfinished:
                _log.warning("removed %d half-written pictures of a process that crashed", unfinished)
            self._begun = True
        if self._blob is not None:
            self._blob = await self._remove_orphans(self._blob)
        if self._place is not None:
            self._place = await self._drop_missing(self._place)
        if self._blob is None and self._place is None:
            self._begin_pass()
            return False
        return True

    async def _remove_orphans(self, after: str) -> str | None:
        # Blobs are listed before the index is asked: an entry that is committed in between is known.
        kept = await self._blobs.after(after)
        if not kept:
            return None
        written_before = self._wall_clock() - SPARED_S
        old = [blob.blob_id for blob in kept if blob.written_at < written_before]
        orphans = await self._register.unknown(old) if old else []
        for blob_id in orphans:
            try:
                await self._blobs.delete(blob_id)
            except StoreUnavailable as exc:
                # One that cannot be removed must not keep the walk from all behind it.
                _log.warning("%s", exc)
            else:
                _log.warning("removed picture %s, which no entry names", blob_id)
        return kept[-1].blob_id

    async def _drop_missing(self, after: int) -> int | None:
        # The other way round: a blob is there before its entry is, so what is absent now was lost.
        named = await self._register.named(after, _ROWS_AT_ONCE)
        if not named:
            return None
        absent = await self._blobs.absent([blob_id for _, blob_id in named])
        if absent:
            dropped = await self._register.forget(absent)
            _log.error("dropped %d entries whose pictures are missing", dropped)
        return named[-1][0]
