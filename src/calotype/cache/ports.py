"""What the cache needs from an index and from a blob store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from calotype.cache.entry import Birth, CacheEntry, CacheKey, EntryId, Namespace, Seq, Subject
from calotype.cache.failure import Failure
from calotype.cache.purge import LoggedPurge, Purge, PurgeFilter, PurgeRecord


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to render one key, for a while; birth.number is its fencing token."""

    namespace: Namespace
    key: CacheKey
    birth: Birth


@dataclass(frozen=True, slots=True)
class HeldBy:
    """Somebody else renders this key until then, unless they renew."""

    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FailedLately:
    """The same capture failed a moment ago, and nothing says that it would do better now."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Stored:
    """The entry is in the index."""

    softened: bool = False
    """A soft purge since the render began has made it stale already."""
    kept_blob_id: str | None = field(default=None, compare=False)
    """The blob of before, where the entry keeps that in place of one of its own."""


@dataclass(frozen=True, slots=True)
class Barred:
    """A purge that was answered after the render began forbids the store."""

    by: Seq


@dataclass(frozen=True, slots=True)
class Superseded:
    """A render of the same key that began later is stored already."""


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """The lease had run out, and somebody else took over who has not stored yet."""


@dataclass(frozen=True, slots=True)
class BlobReleased:
    """The blob that was to be kept is that of no entry under the key any more, and may be on its way out."""


Committed = Stored | Barred | Superseded | LeaseLost


class EntryIndex(Protocol):
    """Remembers entries. Ours: sql.sqlite.entries.

    Methods raise StoreUnavailable when the database cannot be used.
    """

    async def find(self, namespace: Namespace, key: CacheKey) -> CacheEntry | None:
        """Return the entry under key, expired or not; None when there is none or it was purged."""
        ...

    async def find_by_id(self, entry_id: EntryId) -> CacheEntry | None:
        """Return the entry whose public name is entry_id, in whatever namespace; as find."""
        ...

    async def head(self, namespace: Namespace) -> Seq:
        """Return the number of the newest purge."""
        ...

    async def first_asked(
        self, namespace: Namespace, token: str, asked: str, now: datetime
    ) -> datetime | None:
        """Return when a capture was first asked for by that token, a name that the client gave its request.

        None if this is the first time, or the first within 24 hours; on return it is written down,
        and of any number of callers one is told so. asked is what must be the same for two to be one
        request. Raises IdempotencyMismatch if it is not.
        """
        ...

    async def commit(self, lease: Lease, entry: CacheEntry) -> Committed:
        """Store entry in place of the one under its key, if lease, barrier and version allow it.

        One transaction. The replaced entry's blob goes to the outbox. What a soft purge since its birth
        matches is stored as softened.
        """
        ...

    async def commit_keeping_blob(self, lease: Lease, entry: CacheEntry) -> Committed | BlobReleased:
        """Store entry, as commit does, in place of one whose blob it names as its own: the blob stays.

        If another entry or none is there by now, nothing is stored, since the outbox may have the blob.
        """
        ...

    async def forget_broken(self, entry: CacheEntry) -> None:
        """Drop entry, whose blob is gone or spoilt, unless another has taken its place."""
        ...

    async def page(
        self,
        namespace: Namespace,
        which: PurgeFilter | None,
        before: int | None,
        limit: int,
        *,
        stale: bool = False,
    ) -> tuple[list[CacheEntry], int | None]:
        """Return up to limit entries, newest stored first, and the cursor to go on from, or None.

        which narrows them as it would narrow a purge; before is the cursor of the page before. With
        stale also those that are past their time, but of use yet.
        """
        ...

    async def stats(self, namespace: Namespace | None) -> Stats:
        """Count what could be served now, in one namespace or in all."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """How much is in the cache."""

    entries: int
    bytes: int
    oldest: datetime | None
    newest: datetime | None
    blobs_to_delete: int


class Leases(Protocol):
    """One renderer per key, among all processes on one index. Ours: sql.sqlite.leases."""

    async def acquire(
        self,
        namespace: Namespace,
        subject: Subject,
        now: datetime,
        *,
        content: str = "",
        undaunted: bool = False,
    ) -> Lease | HeldBy | FailedLately:
        """Take the lease on subject.key, or tell how long somebody else has it.

        A lease that has run out, whose holder's process is gone, or whose render is outdated by a purge
        since it began, is taken over; the former holder can store no more. The lease's birth
        follows every purge and every lease before it. For failure.REMEMBERED_FOR after one was given back
        with a failure that is told instead, unless undaunted, or content (what is captured under
        the key) is another, or a purge since concerns it.
        """
        ...

    async def renew(self, lease: Lease, now: datetime) -> bool:
        """Prolong the lease; False when it was lost."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens when it was lost."""
        ...

    async def fail(self, lease: Lease, failure: Failure, now: datetime) -> None:
        """Give the lease back and let those who come next know of failure; nothing if it was lost."""
        ...


@dataclass(frozen=True, slots=True)
class Swept:
    """What one short sweep did, and whether there is more to do at once."""

    entries: int
    blobs: tuple[tuple[int, str], ...]
    """Blobs whose time in the outbox is over: (place in the outbox, blob id)."""
    more: bool


class PurgeLog(Protocol):
    """Purges, in order. Ours: sql.sqlite.purges."""

    async def since(self, namespace: Namespace, seq: Seq) -> Sequence[PurgeRecord] | None:
        """Return the purges numbered above seq, in order; None when the log no longer reaches back so far."""
        ...

    async def purge(
        self,
        namespace: Namespace,
        which: PurgeFilter,
        now: datetime,
        *,
        by: str,
        dry_run: bool = False,
        soft: bool = False,
        once: str | None = None,
    ) -> Purge:
        """Make what which matches unobtainable, and count it; both are done, durably, on return.

        With once, a name that the client gave the request, it is done once: who asks again within
        purge.REPLAYED_FOR is told what it did then; another purge of that name raises IdempotencyMismatch.
        With soft make it stale instead, and count what was fresh. by says who asks, for the audit trail. With
        dry_run only count.
        """
        ...

    async def delete_if(
        self,
        namespace: Namespace,
        address: str,
        now: datetime,
        condition: Callable[[CacheEntry], bool],
        *,
        by: str,
    ) -> None:
        """Purge the one fresh entry that address names, provided that condition holds of it then and there.

        No store can come between the question and the deed. Raises EntryNotFound, PreconditionFailed; then
        nothing has happened and nothing is logged, so a running render of the key is not barred either.
        condition may be called on another thread.
        """
        ...

    async def describe(self, namespace: Namespace, purge_id: str) -> LoggedPurge | None:
        """Return what is known of a purge; None when it is unknown, forgotten, or another namespace's."""
        ...

    async def page(
        self, namespace: Namespace, before: int | None, limit: int
    ) -> tuple[Sequence[LoggedPurge], int | None]:
        """Return up to limit purges, newest first, and the cursor to go on from, or None."""
        ...

    async def sweep(self, now: datetime) -> Swept:
        """Free, for some milliseconds, what purged and expired entries still hold in the index.

        Purges of more than KEPT_FOR ago are forgotten; since() no longer reaches back beyond them.
        """
        ...

    async def blobs_deleted(self, places: Sequence[int]) -> None:
        """Take blobs that are gone off the outbox."""
        ...


class BlobStore(Protocol):
    """Keeps bytes under an id. Ours: blobs.filesystem."""

    async def put(self, blob_id: str, data: bytes) -> None:
        """Store data whole and durably, or not at all; a reader never sees part of a blob.

        Blobs are immutable: raises BlobExists if the id is taken, else StoreUnavailable.
        """
        ...

    async def get(self, blob_id: str) -> bytes:
        """Return the bytes. Raises BlobNotFound, StoreUnavailable."""
        ...

    async def delete(self, blob_id: str) -> None:
        """Forget the blob. Deleting one that is absent is not an error."""
        ...


@dataclass(frozen=True, slots=True)
class KeptBlob:
    """A blob as it lies in its store."""

    blob_id: str
    written_at: float
    """Seconds since the epoch, by the clock of the store."""


class WalkedBlobs(BlobStore, Protocol):
    """A BlobStore that can say what it holds. Ours: blobs.filesystem.

    Methods raise StoreUnavailable when it cannot be read or written.
    """

    async def after(self, blob_id: str) -> Sequence[KeptBlob]:
        """Return, in order, some of the blobs whose ids come after blob_id, and none only when there is none.

        Of those between the first and the last returned none is left out.
        """
        ...

    async def absent(self, blob_ids: Sequence[str]) -> Sequence[str]:
        """Return those ids under which no blob lies."""
        ...

    async def drop_unfinished(self, before: float) -> int:
        """Remove what was begun before then (seconds since the epoch) and never became a blob; count it."""
        ...


class BlobRegister(Protocol):
    """Which blobs the index knows of. Ours: sql.sqlite.register.

    Methods raise StoreUnavailable when the database cannot be used.
    """

    async def unknown(self, blob_ids: Sequence[str]) -> Sequence[str]:
        """Return those ids that neither an entry, be it purged or expired, nor the outbox names."""
        ...

    async def named(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Return (place, blob id) of up to limit entries whose places come after after, in order."""
        ...

    async def forget(self, blob_ids: Sequence[str]) -> int:
        """Drop the entries whose blobs these are; return how many there were."""
        ...
