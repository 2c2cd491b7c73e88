"""Copier: does the jobs of copies, one try each."""

from __future__ import annotations

import logging
from datetime import timedelta

from calotype.cache.freshness import Miss
from calotype.cache.store import CacheStore, OpenEntry
from calotype.clock import Clock
from calotype.jobs.engine import Kind, Later
from calotype.jobs.lanes import Lanes
from calotype.storage.bucket import Bucket
from calotype.storage.buckets import Buckets
from calotype.storage.errors import BucketFault
from calotype.storage.ports import COPY, Copies, CopyState, NewCopy, Objects

_AT_ONCE = 32
"""They wait for others, but each holds a picture meanwhile."""
_AT_ONCE_EACH = 4
"""Of one bucket: one that hangs takes no more places than these."""
_LIMIT_S = 180.0
"""Calls have bounds of their own; the rest is for a disk and an index that are slow."""
PAUSES = tuple(timedelta(minutes=m) for m in (0.2, 1, 5, 15, 60, 60, 120, 240, 480, 480))
"""A day in all: what was away over night, or had a wrong key, finds all in its place once it is mended."""
_NO_BUCKET = "the account has no bucket any more"
_NO_PICTURE = "the picture was purged, replaced or let go of before it could be copied"
_log = logging.getLogger("calotype.storage")


class Copier:
    """Copies what is still in the cache when its turn comes."""

    def __init__(
        self, store: CacheStore, buckets: Buckets, copies: Copies, objects: Objects, clock: Clock
    ) -> None:
        self._store, self._buckets, self._copies = store, buckets, copies
        self._objects, self._clock = objects, clock
        self._lanes = Lanes(_AT_ONCE_EACH)

    @property
    def kind(self) -> Kind:
        """The jobs that this does."""
        return Kind(name=COPY, run=self.copy, at_once=_AT_ONCE, limit_s=_LIMIT_S, pauses=PAUSES)

    async def copy(self, copy_id: str) -> None:
        """Try once. Raises what hindered it, to be tried again, or Later when it is not its turn."""
        copy = await self._copies.find(copy_id)
        if copy is None or copy.state in (CopyState.COPIED, CopyState.DROPPED):
            return
        new = copy.new
        bucket = await self._buckets.find(new.namespace)
        if bucket is None:
            await self._drop(new, _NO_BUCKET)
            return
        fault = None
        with self._lanes.lane(bucket.url_of("")) as wait_s:
            if wait_s:
                raise Later(timedelta(seconds=wait_s))
            opened = await self._opened(new)
            if opened is not None:
                fault = await self._put(bucket, new, opened.data)
        if opened is None:
            await self._drop(new, _NO_PICTURE)
        elif fault is not None:
            raise fault
        else:
            await self._copies.end(new, CopyState.COPIED, self._clock())

    async def _put(self, bucket: Bucket, new: NewCopy, data: bytes) -> BucketFault | None:
        """Write the copy; what went wrong is returned, since it too tells how long a turn takes."""
        credentials = self._buckets.credentials_of(bucket)
        try:
            await self._objects.put(bucket, credentials, new.path, data, new.format.media_type, new.acl)
        except BucketFault as exc:
            return exc
        return None

    async def _opened(self, new: NewCopy) -> OpenEntry | None:
        """Return the picture; None once it was purged, softly too, or is not the one under its key."""
        worth = await self._store.look_up(new.namespace, new.key)
        entry = worth.fallback if isinstance(worth, Miss) else worth.entry
        if entry is None or entry.softened:
            return None
        opened = await self._store.read(entry)
        # It may have been replaced, long before or while it was read.
        return opened if opened is not None and opened.entry.blob_id == new.blob_id else None

    async def _drop(self, new: NewCopy, why: str) -> None:
        _log.warning("%s is not copied: %s", new.path, why)
        await self._copies.end(new, CopyState.DROPPED, self._clock(), why)
