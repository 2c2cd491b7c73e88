"""CacheStore: the one way to find, open, store and let go of entries; keeps index and blobs in step."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeGuard

from calotype.cache.breaker import Breaker
from calotype.cache.entry import (
    MAX_ADDRESS_BYTES,
    CacheEntry,
    CacheKey,
    EntryId,
    Identity,
    Namespace,
    Seq,
    Subject,
    id_in_address,
    storage_path,
)
from calotype.cache.errors import BlobNotFound, EntryNotFound, PurgeNotFound, StoreUnavailable
from calotype.cache.freshness import UNLIMITED, Hit, Lookup, Windows, classify
from calotype.cache.hands import Touched
from calotype.cache.hot import HotBlobs
from calotype.cache.policy import Lifetime, expiry
from calotype.cache.ports import (
    BlobReleased,
    BlobStore,
    Committed,
    EntryIndex,
    Lease,
    PurgeLog,
    Stats,
    Stored,
)
from calotype.cache.purge import LoggedPurge, Purge, PurgeFilter
from calotype.cache.room import Refused, Room
from calotype.cache.tags import NO_TAGS, Tags
from calotype.cache.verifier import Verifier
from calotype.capture.output import ImageFormat
from calotype.capture.result import Capture
from calotype.clock import Clock, from_ms, to_ms
from calotype.faults import Point, reached
from calotype.settled import settled

_MAGIC = {
    ImageFormat.PNG: (b"\x89PNG\r\n\x1a\n", 0, b""),
    ImageFormat.JPEG: (b"\xff\xd8\xff", 0, b""),
    ImageFormat.WEBP: (b"RIFF", 8, b"WEBP"),
    ImageFormat.AVIF: (b"\0\0\0", 4, b"ftypavif"),
    ImageFormat.PDF: (b"%PDF-", 0, b""),
}
"""How a file of each format begins, and what stands where after that."""
_NONE = Lifetime(ttl_s=0)
_log = logging.getLogger("calotype.cache")


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """An entry together with its bytes: ready to be sent, whatever happens to it now."""

    entry: CacheEntry
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of an entry before its capture: whose it is, and what it shows."""

    namespace: Namespace
    identity: Identity
    content: EntryId
    """Names the request itself, whatever key it is kept under: equal for equal pictures."""
    url_key: str
    format: ImageFormat
    negative: bytes
    tags: Tags = NO_TAGS

    def subject(self, born_at: datetime) -> Subject:
        """Return what a purge filter would see of a render that began at born_at."""
        return Subject(
            key=self.identity.key,
            id=self.identity.id,
            url_key=self.url_key,
            path=storage_path(self.identity.id, self.format, born_at),
            born_at=born_at,
            tags=self.tags,
        )


class CacheStore:
    """Every door opens entries here: router, hit gate, public files, command line."""

    def __init__(
        self,
        index: EntryIndex,
        purges: PurgeLog,
        blobs: BlobStore,
        hot: HotBlobs,
        clock: Clock,
        room: Room | None = None,
        breaker: Breaker | None = None,
        verifier: Verifier | None = None,
    ) -> None:
        """Without room there is no bound on what is stored."""
        self._index, self._purges, self._blobs, self._hot, self._clock = index, purges, blobs, hot, clock
        self._room = room
        self._touched = Touched() if room is None else room.touched
        self._breaker, self._verifier = breaker, verifier or Verifier()
        self._spoilt = 0

    async def look_up(self, namespace: Namespace, key: CacheKey, accepted: Windows = UNLIMITED) -> Lookup:
        """Say what the entry under key is worth now, to who accepts a stale one within these windows."""
        return classify(await self._index.find(namespace, key), self._clock(), accepted)

    async def first_asked(self, namespace: Namespace, token: str, asked: str) -> datetime | None:
        """Return when a capture was first asked for by that token, or None if it is now.

        Raises IdempotencyMismatch if asked, which stands for all of the request, was another then.
        """
        return await self._index.first_asked(namespace, token, asked, self._clock())

    async def head(self, namespace: Namespace) -> Seq:
        """Return the number of the newest purge: a caller's moment of arrival in the order of purges."""
        return await self._index.head(namespace)

    async def open(self, namespace: Namespace, address: str) -> OpenEntry | None:
        """Return the entry that address names, with its bytes; None when it cannot be had.

        address is a key, or else an id, `screenshots/<id>` or storage path.
        """
        entry = await self.resolve(namespace, address)
        return None if entry is None else await self.read(entry)

    async def open_public(self, path: str) -> OpenEntry | None:
        """Return the entry behind a public URL's path, which needs no key and cannot be guessed."""
        entry_id = id_in_address(path)
        entry = None if entry_id is None else await self._index.find_by_id(entry_id)
        return None if not self._fresh(entry) else await self.read(entry)

    async def resolve(self, namespace: Namespace, address: str) -> CacheEntry | None:
        """Return the fresh entry that address names."""
        if len(address) > MAX_ADDRESS_BYTES:
            return None  # no entry has such a name, and the index would remember that it has not
        entry = await self._index.find(namespace, CacheKey(address))
        if entry is None:
            entry_id = id_in_address(address)
            entry = None if entry_id is None else await self._index.find_by_id(entry_id)
            if entry is not None and entry.namespace != namespace:
                return None
        return entry if self._fresh(entry) else None

    def _fresh(self, entry: CacheEntry | None) -> TypeGuard[CacheEntry]:
        return isinstance(classify(entry, self._clock()), Hit)

    async def read(self, entry: CacheEntry) -> OpenEntry | None:
        """Return entry with its bytes; None when the disk no longer holds what was written.

        A blob that is gone, spoilt or of another size is looked up once more, since the entry may
        have been replaced in between; then the entry is dropped, and the caller renders.
        """
        self._touched.add(entry.place)
        data = self._hot.get(entry.blob_id)
        if data is not None:
            return OpenEntry(entry, data)
        try:
            data = await self._blobs.get(entry.blob_id)
        except BlobNotFound:
            data = b""
        if len(data) == entry.size_bytes and await self._verifier.sound(entry, data):
            self._hot.put(entry.blob_id, data)
            return OpenEntry(entry, data)
        now_there = await self._index.find(entry.namespace, entry.key)
        if self._fresh(now_there) and now_there.blob_id != entry.blob_id:
            return await self.read(now_there)
        if now_there is not None:
            self._spoilt += 1
            _log.error(
                "blob %s of %s is missing or spoilt, the %d. since the start; entry dropped",
                entry.blob_id,
                entry.path,
                self._spoilt,
            )
            await self._index.forget_broken(entry)
        return None

    async def store(self, lease: Lease, opened: OpenEntry) -> Committed | Refused:
        """Keep what unstored made, unless room or the order of events forbids it; say what became of it.

        Blob first, then entry: a crash in between leaves an orphan, never an entry without
        picture. The same picture as before keeps its blob, and only its entry is new. Raises
        StoreUnavailable.
        """
        _check(opened)
        if self._breaker is not None:
            await self._breaker.admit()
        # A caller may be cancelled at any await; the blob may only be taken back when it is known
        # that no row names it, so this little story is always told to its end.
        story = asyncio.create_task(self._keep(lease, opened))
        try:
            return await asyncio.shield(story)
        except StoreUnavailable as exc:
            if self._breaker is not None:
                self._breaker.trip(exc)
            raise
        except asyncio.CancelledError:
            await settled(story)
            raise

    async def _keep(self, lease: Lease, opened: OpenEntry) -> Committed | Refused:
        unchanged = await self._commit_unchanged(lease, opened)
        if not isinstance(unchanged, BlobReleased):
            return unchanged
        if self._room is None:
            return await self._put_and_commit(lease, opened)
        entry = opened.entry
        async with self._room.reserve(entry.namespace.account, entry.size_bytes) as refused:
            return await self._put_and_commit(lease, opened) if refused is None else refused

    async def _commit_unchanged(self, lease: Lease, opened: OpenEntry) -> Committed | BlobReleased:
        """Store the entry of a picture that is the one of before, whose blob it keeps.

        That blob must not be deleted whatever comes of it: it is the other entry's. BlobReleased says
        that there is none to keep.
        """
        before = await self._index.find(opened.entry.namespace, opened.entry.key)
        if before is None or (before.sha256, before.size_bytes) != (
            opened.entry.sha256,
            opened.entry.size_bytes,
        ):
            return BlobReleased()
        # What the entry says of its blob may no longer be so, and memory may hold what the disk has lost.
        try:
            there = await self._blobs.get(before.blob_id)
        except (BlobNotFound, StoreUnavailable):
            return BlobReleased()
        if there != opened.data:
            return BlobReleased()
        entry = replace(opened.entry, blob_id=before.blob_id)
        reached(Point.COMMIT_BEFORE)
        outcome = await self._index.commit_keeping_blob(lease, entry)
        reached(Point.COMMIT_AFTER)
        if isinstance(outcome, Stored):
            self._hot.put(before.blob_id, opened.data)
            return replace(outcome, kept_blob_id=before.blob_id)
        return outcome

    async def _put_and_commit(self, lease: Lease, opened: OpenEntry) -> Committed:
        blob_id = opened.entry.blob_id
        await self._blobs.put(blob_id, opened.data)
        try:
            reached(Point.COMMIT_BEFORE)
            outcome = await self._index.commit(lease, opened.entry)
        except StoreUnavailable:
            with contextlib.suppress(StoreUnavailable):  # then it is an orphan, and found as such
                await self._blobs.delete(blob_id)
            raise
        reached(Point.COMMIT_AFTER)
        if isinstance(outcome, Stored):
            self._hot.put(blob_id, opened.data)
        else:
            await self._blobs.delete(blob_id)
        return outcome

    def unstored(
        self, lease: Lease, origin: Origin, capture: Capture, granted: Lifetime = _NONE
    ) -> OpenEntry:
        """Return capture as an entry that is in no index yet; what it is granted counts from now."""
        # To the millisecond, as the index keeps it: what is told now and what is read back later must agree.
        stored_at = from_ms(to_ms(self._clock()))
        entry = CacheEntry(
            namespace=origin.namespace,
            key=origin.identity.key,
            id=origin.identity.id,
            url_key=origin.url_key,
            path=storage_path(origin.identity.id, capture.format, lease.birth.at),
            blob_id=secrets.token_hex(16),
            size_bytes=len(capture.image),
            sha256=hashlib.sha256(capture.image).digest(),
            format=capture.format,
            width_px=capture.width_px,
            height_px=capture.height_px,
            birth=lease.birth,
            stored_at=stored_at,
            fresh_until=expiry(stored_at, granted.ttl_s),
            swr_s=granted.windows.swr_s,
            sie_s=granted.windows.sie_s,
            render_ms=capture.render_ms,
            verdict=capture.verdict,
            negative=origin.negative,
            tags=origin.tags,
        )
        return OpenEntry(entry, capture.image)

    async def delete(
        self,
        namespace: Namespace,
        address: str,
        *,
        only_if: Callable[[CacheEntry], bool] | None = None,
        by: str = "",
    ) -> None:
        """Let go of the one entry that address names. Raises EntryNotFound when there is none.

        It is a purge by key, and goes into the log even if nothing is there: a render of that
        key that runs now must not store afterwards. What is stale is not found either, but goes.
        With only_if, a pure function, it goes only if that holds of it, else PreconditionFailed is
        raised; and without a fresh entry nothing is logged: what such a render will store is not
        the entry that the caller means.
        """
        if only_if is not None:
            await self._purges.delete_if(namespace, address, self._clock(), only_if, by=by)
            return
        done = await self.purge(namespace, PurgeFilter(keys=(address,)), by=by)
        if not done.addressed:
            raise EntryNotFound(address)

    async def purge(
        self,
        namespace: Namespace,
        which: PurgeFilter,
        *,
        by: str = "",
        dry_run: bool = False,
        soft: bool = False,
        once: str | None = None,
    ) -> Purge:
        """Let go of all that which matches; on return none of it can be had any more.

        With soft it is stale on return: no address leads to it, but a capture request may be served it while
        a new one is made, or in place of one that fails. by goes into the audit trail: the id of the
        key that asks, or `cli`. once is the request's Idempotency-Key. Raises IdempotencyMismatch.
        """
        return await self._purges.purge(
            namespace, which, self._clock(), by=by, dry_run=dry_run, soft=soft, once=once
        )

    async def describe_purge(self, namespace: Namespace, purge_id: str) -> LoggedPurge:
        """Return what became of a purge. Raises PurgeNotFound."""
        found = await self._purges.describe(namespace, purge_id)
        if found is None:
            raise PurgeNotFound(purge_id)
        return found

    async def purges(
        self, namespace: Namespace, before: int | None, limit: int
    ) -> tuple[Sequence[LoggedPurge], int | None]:
        """Return up to limit purges, newest first, and the cursor of the next page or None."""
        return await self._purges.page(namespace, before, limit)

    async def page(
        self,
        namespace: Namespace,
        which: PurgeFilter | None,
        before: int | None,
        limit: int,
        *,
        stale: bool = False,
    ) -> tuple[Sequence[CacheEntry], int | None]:
        """Return up to limit entries, newest first, and the cursor of the next page or None.

        With stale also those that no address leads to any more, but that may yet serve.
        """
        return await self._index.page(namespace, which, before, limit, stale=stale)

    async def stats(self, namespace: Namespace | None = None) -> Stats:
        """Count what is in the cache."""
        return await self._index.stats(namespace)


def _check(opened: OpenEntry) -> None:
    # A cache that keeps half a file serves it for a day; better none.
    head, place, more = _MAGIC[opened.entry.format]
    if not opened.data.startswith(head) or not opened.data.startswith(more, place):
        message = f"{len(opened.data)} bytes that are no {opened.entry.format} were not stored"
        raise StoreUnavailable(message)
