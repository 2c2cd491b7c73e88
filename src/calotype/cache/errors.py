"""What can go wrong with remembering."""

from __future__ import annotations

from typing import ClassVar

from calotype.errors import CalotypeError


class EntryNotFound(CalotypeError):
    """No such entry for this caller: unknown, expired, purged, another account's, all told alike."""

    code: ClassVar[str] = "not_found"
    hint: ClassVar[str] = "Keys come in the X-Cache-Key header of a capture, and live until X-Cache-Expires."

    def __init__(self, address: str) -> None:
        super().__init__("There is no such screenshot in the cache.")
        self.address = address


class PreconditionFailed(CalotypeError):
    """The entry is not the one that the caller means; nothing was done."""

    code: ClassVar[str] = "precondition_failed"
    hint: ClassVar[str] = "It has been captured anew since; GET tells its ETag and Last-Modified of now."

    def __init__(self) -> None:
        super().__init__("The screenshot is not the one that If-Match or If-Unmodified-Since names.")


class IdempotencyMismatch(CalotypeError):
    """The Idempotency-Key belongs to another request; nothing was done."""

    code: ClassVar[str] = "idempotency_mismatch"
    hint: ClassVar[str] = "Give each request a key of its own; only the very same may come again under it."

    def __init__(self) -> None:
        super().__init__("Something else was asked for with this Idempotency-Key in the last 24 hours.")


class NotCached(CalotypeError):
    """The caller wants a stored picture or none, and there is none."""

    code: ClassVar[str] = "not_cached"
    hint: ClassVar[str] = "Without 'Cache-Control: only-if-cached' it would be captured now."

    def __init__(self) -> None:
        super().__init__("There is no stored screenshot for this request.")


class PurgeNotFound(CalotypeError):
    """No such purge in this caller's log: unknown, only counted, forgotten, another account's."""

    code: ClassVar[str] = "not_found"
    hint: ClassVar[str] = "A purge is told of for 30 days; a dry run is never logged."

    def __init__(self, purge_id: str) -> None:
        super().__init__("There is no such purge in the log.")
        self.purge_id = purge_id


class BlobExists(CalotypeError):
    """A blob id was used twice; blobs are immutable."""

    code: ClassVar[str] = "blob_exists"


class BlobNotFound(CalotypeError):
    """No blob under that id, or not the one that was written."""

    code: ClassVar[str] = "blob_not_found"


class StoreUnavailable(CalotypeError):
    """Index or blob store cannot be read or written just now."""

    code: ClassVar[str] = "store_unavailable"
    retryable: ClassVar[bool] = True
    detail: ClassVar[str] = "store-unavailable"
    """What Cache-Status says of a picture that was not stored for this reason."""


class DiskFull(StoreUnavailable):
    """There is no room left, on the disk or in its quota."""

    detail: ClassVar[str] = "disk-full"
