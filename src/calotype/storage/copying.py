"""Copying: takes on what is to be copied, and says where to; the copying itself is the copier's."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from dataclasses import dataclass

from calotype.cache.entry import CacheEntry, Namespace
from calotype.cache.errors import StoreUnavailable
from calotype.capture.errors import InvalidRequest
from calotype.clock import Clock
from calotype.storage.bucket import Bucket
from calotype.storage.buckets import Buckets
from calotype.storage.ports import Copies, Copy, CopyState, NewCopy
from calotype.storage.wishes import StorageWishes

_ID_DIGITS = 32
_log = logging.getLogger("calotype.storage")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the copy of a picture is, or soon will be."""

    path: str
    url: str


class Copying:
    """Accepts copies. Who has set no bucket does not wait for this."""

    def __init__(self, buckets: Buckets, copies: Copies, clock: Clock) -> None:
        self._buckets, self._copies, self._clock = buckets, copies, clock

    async def check(self, namespace: Namespace, wishes: StorageWishes) -> None:
        """Raise InvalidRequest when wishes count on a bucket that the account does not have."""
        field = wishes.asked_for
        # An index that does not answer is no client's fault; accept will tell the log.
        with contextlib.suppress(StoreUnavailable):
            if not field or await self._buckets.find(namespace) is not None:
                return
            raise InvalidRequest(
                field,
                "asks for a copy, and the account has no bucket",
                "leave it out, or have the operator set one with 'calotype storage set'",
            )

    async def accept(self, wishes: StorageWishes, entry: CacheEntry, *, hit: bool) -> Place | None:
        """Have entry, which is stored, copied if it is to be and is not yet; return where to.

        A hit asks for no copy that exists or waits, unless with another acl, nor for one that has failed. A
        new capture asks for any but one of itself that waits: the bucket may have let go of what was copied.
        An index that does not answer has nothing copied: the log has it.
        """
        if wishes.enabled is False:
            return None
        try:
            bucket = await self._buckets.find(entry.namespace)
            if bucket is None:
                return None
            new = _new(bucket, wishes, entry)
            known = await self._copies.find(new.id)
            if known is not None and known.state is CopyState.FAILED and hit:
                return None
            if not _is_settled(known, new, wishes, hit=hit) and not await self._copies.accept(
                new, self._clock()
            ):
                _log.warning("%s is not copied: too many of its account's copies wait", entry.path)
                return None
        except StoreUnavailable as exc:
            _log.warning("%s is not copied: %s", entry.path, exc)
            return None
        return Place(new.path, bucket.url_of(new.path))


def _is_settled(known: Copy | None, new: NewCopy, wishes: StorageWishes, *, hit: bool) -> bool:
    """Say whether what is known of a copy is all that is asked for."""
    if known is None or wishes.acl not in (None, known.new.acl):
        return False
    match known.state:
        case CopyState.COPIED:
            return hit
        case CopyState.WAITING:
            # Of a new capture with the same bytes nothing would be found under the name of the old one's.
            return hit or (known.new.key, known.new.blob_id) == (new.key, new.blob_id)
        case CopyState.FAILED | CopyState.DROPPED:
            return False


def _new(bucket: Bucket, wishes: StorageWishes, entry: CacheEntry) -> NewCopy:
    path = (wishes.path or bucket.path).path_of(entry)
    named = f"{entry.namespace.account}/{entry.namespace.mode.value} {bucket.url_of(path)}"
    return NewCopy(
        id=f"copy_{hashlib.sha256(named.encode()).hexdigest()[:_ID_DIGITS]}",
        namespace=entry.namespace,
        path=path,
        acl=wishes.acl or bucket.acl,
        key=entry.key,
        blob_id=entry.blob_id,
        format=entry.format,
    )
