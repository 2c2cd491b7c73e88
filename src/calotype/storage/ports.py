"""What customer storage needs from a database, and from the world outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from calotype.cache.entry import CacheKey, Namespace
from calotype.capture.output import ImageFormat
from calotype.storage.bucket import Acl, Bucket, Credentials

COPY = "copy"
"""The kind of the job that copies; submitted when a copy is accepted, and when it is tried again."""
KEPT = timedelta(days=31)
"""How long it is known that something was copied, or was not: longer than any picture is a hit."""
MAX_WAITING = 50_000
"""Copies of one account that may wait, or have failed: a day of one every two seconds."""


class CopyState(StrEnum):
    """How far a copy is."""

    WAITING = "waiting"
    COPIED = "copied"
    DROPPED = "dropped"
    """There was nothing to copy any more, or nowhere to copy it to."""
    FAILED = "failed"
    """Tried for the last time: its job is a dead letter, which can be begun anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCopy:
    """A picture about to be copied."""

    id: str
    """`copy_` and 32 hex digits: the same for the same place in the same bucket."""
    namespace: Namespace
    path: str
    acl: Acl
    key: CacheKey
    """Under which the picture is in the cache,"""
    blob_id: str
    """and which of all that were there under it."""
    format: ImageFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What is known of a copy."""

    new: NewCopy
    state: CopyState
    accepted_at: datetime
    ended_at: datetime | None
    failures: int
    """Of its job, in a row."""
    fault: str
    """Why the last try failed, or why it was dropped."""


class BucketStore(Protocol):
    """Keeps one bucket for each namespace. Ours: sql.sqlite.storage. Methods raise StoreUnavailable."""

    async def find(self, namespace: Namespace) -> Bucket | None:
        """Return the bucket, as any process has set it last. Never suspends."""
        ...

    async def set(self, bucket: Bucket) -> None:
        """Keep a bucket in place of the one before it, if there was one; durable on return."""
        ...

    async def remove(self, namespace: Namespace) -> bool:
        """Forget the bucket; False if there was none. Durable on return."""
        ...


class Copies(Protocol):
    """Keeps copies. Ours: sql.sqlite.storage. Methods raise StoreUnavailable."""

    async def accept(self, new: NewCopy, now: datetime) -> bool:
        """Keep a copy as one that waits, in place of what was known of it, and submit its job COPY.

        Both or neither. It survives the death of the process on return, as the picture does. False when
        MAX_WAITING of its account wait or have failed already: nothing is kept then.
        """
        ...

    async def find(self, copy_id: str) -> Copy | None:
        """Return what is known of a copy. Never suspends."""
        ...

    async def end(self, new: NewCopy, state: CopyState, now: datetime, why: str = "") -> None:
        """End a copy that waits, as one that was copied, or that was dropped and why.

        One that was accepted meanwhile otherwise than new says, goes on waiting.
        """
        ...

    async def latest(self, namespace: Namespace, state: CopyState | None, limit: int) -> Sequence[Copy]:
        """Return the copies that were accepted last, the latest first: all, or those of a state."""
        ...

    async def retry(self, namespace: Namespace, copy_id: str | None) -> int:
        """Have a failed copy tried anew, or with None all of a namespace; return how many they are.

        Durable on return.
        """
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Forget up to limit copies that were accepted before that moment and no job is about any more."""
        ...


class Objects(Protocol):
    """Objects in buckets. Ours: s3.objects. Methods raise BucketFault."""

    async def check(self, bucket: Bucket) -> None:
        """Judge where bucket is, without going there. Raises EndpointForbidden.

        It is judged again whenever it is connected to, for names can be made to lead elsewhere.
        """
        ...

    async def put(
        self, bucket: Bucket, credentials: Credentials, path: str, data: bytes, media_type: str, acl: Acl
    ) -> None:
        """Write an object whole or not at all, over what was there."""
        ...

    async def delete(self, bucket: Bucket, credentials: Credentials, path: str) -> None:
        """Delete an object. Deleting one that is absent is not an error."""
        ...
