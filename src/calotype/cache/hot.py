"""HotBlobs: the bytes of often wanted blobs, in memory, within a bound."""

from __future__ import annotations

from collections import OrderedDict

DEFAULT_HOT_BYTES = 128 * 1024 * 1024
_LARGEST_SHARE = 8
"""A blob larger than this fraction of the room is not kept: it would push out everything else."""


class HotBlobs:
    """Least recently used bytes go first.

    A blob is immutable and its id is never used twice, so nothing here can be stale; whether
    an entry may still be served is the index's to say, before anybody asks here.
    """

    def __init__(self, max_bytes: int = DEFAULT_HOT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._blobs: OrderedDict[str, bytes] = OrderedDict()

    def get(self, blob_id: str) -> bytes | None:
        """Return the bytes if they are here."""
        data = self._blobs.get(blob_id)
        if data is not None:
            self._blobs.move_to_end(blob_id)
        return data

    def put(self, blob_id: str, data: bytes) -> None:
        """Keep the bytes, and let go of what has been wanted least recently."""
        if len(data) > self._max_bytes // _LARGEST_SHARE or blob_id in self._blobs:
            return
        self._blobs[blob_id] = data
        self._bytes += len(data)
        while self._bytes > self._max_bytes:
            _, oldest = self._blobs.popitem(last=False)
            self._bytes -= len(oldest)

    def drop(self, blob_id: str) -> None:
        """Let go of a blob."""
        data = self._blobs.pop(blob_id, None)
        if data is not None:
            self._bytes -= len(data)
