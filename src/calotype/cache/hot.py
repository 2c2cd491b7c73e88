"""HotBlobs: the bytes of often wanted blobs, in memory, within a bound."""

from __future__ import annotations

from collections import OrderedDict

DEFAULT_HOT_BYTES = 128 * 1024 * 1024
_LARGEST_SHARE = 8
"""A blob larger than this fraction of the room is not kept: it would push out everything else."""
_PROBATION_SHARE = 10
"""The newest tenth of the bytes is on probation."""


class HotBlobs:
    """What is new is on probation, and what is not wanted again before its turn comes goes (S3-FIFO).

    So bytes that are wanted once pass by what is wanted often. Main goes round: what was wanted since its
    last turn gets another. What left probation and is wanted again soon comes into main at once.

    A blob is immutable and its id is never used twice, so nothing here can be stale; whether
    an entry may still be served is the index's to say, before anybody asks here.
    """

    def __init__(self, max_bytes: int = DEFAULT_HOT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._blobs: dict[str, bytes] = {}
        self._touched: set[str] = set()
        """Wanted since they came, or since their last turn."""
        self._probation: OrderedDict[str, None] = OrderedDict()
        self._main: OrderedDict[str, None] = OrderedDict()
        self._ghosts: OrderedDict[str, None] = OrderedDict()
        """The names of what left probation last, as many as there are blobs."""
        self._bytes = self._probation_bytes = 0

    def get(self, blob_id: str) -> bytes | None:
        """Return the bytes if they are here."""
        data = self._blobs.get(blob_id)
        if data is not None:
            self._touched.add(blob_id)
        return data

    def put(self, blob_id: str, data: bytes) -> None:
        """Keep the bytes, and let go of what is least wanted."""
        if len(data) > self._max_bytes // _LARGEST_SHARE or blob_id in self._blobs:
            return
        while self._bytes + len(data) > self._max_bytes:
            self._let_go()
        self._blobs[blob_id] = data
        self._bytes += len(data)
        if blob_id in self._ghosts:
            del self._ghosts[blob_id]
            self._main[blob_id] = None
        else:
            self._probation[blob_id] = None
            self._probation_bytes += len(data)

    def _let_go(self) -> None:
        """Give the next blob its turn; it goes, or stays in main."""
        if self._probation_bytes > self._max_bytes // _PROBATION_SHARE or not self._main:
            blob_id, _ = self._probation.popitem(last=False)
            self._probation_bytes -= len(self._blobs[blob_id])
            if blob_id not in self._touched:
                self._ghosts[blob_id] = None
                while len(self._ghosts) > len(self._blobs):
                    self._ghosts.popitem(last=False)
        else:
            blob_id, _ = self._main.popitem(last=False)
        if blob_id in self._touched:
            self._touched.remove(blob_id)
            self._main[blob_id] = None
        else:
            self._bytes -= len(self._blobs.pop(blob_id))

    def drop(self, blob_id: str) -> None:
        """Let go of a blob."""
        data = self._blobs.pop(blob_id, None)
        if data is None:
            return
        self._bytes -= len(data)
        self._touched.discard(blob_id)
        if blob_id in self._probation:
            del self._probation[blob_id]
            self._probation_bytes -= len(data)
        else:
            del self._main[blob_id]
