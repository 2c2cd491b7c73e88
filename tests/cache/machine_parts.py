"""What the game with the cache is played with: its pages and sizes, a process, blobs in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

from calotype.cache.entry import CacheKey, Identity, Namespace
from calotype.cache.errors import BlobExists, BlobNotFound
from calotype.cache.fill import Fills
from calotype.cache.key import KeyMaker
from calotype.cache.ports import KeptBlob, Lease
from calotype.cache.reconciler import Reconciler
from calotype.cache.room import BLOCK_BYTES, Room, RoomLimits
from calotype.cache.store import CacheStore, Origin
from calotype.cache.sweeper import Sweeper
from calotype.shots.service import Shots
from calotype.shots.shot import Shot
from tests.support.adapters import Adapters
from tests.support.builders import HERE, THERE, a_request

KEYS = KeyMaker(b"secret")
PAGES = ["https://example.com/a", "https://example.com/b/c", "http://www.example.com/a", "https://b.example/"]
GLOBS = [*PAGES, "https://example.com/*", "*/a", "https://*.example.com/*", "example.com/b/*", "*"]
PATHS = ["screenshots/2024/01/15/*", "screenshots/2024/01/*", "*1?/*", "*.png", "*.jpeg"]
TAGS = ["red", "green", "blue"]
SIZES = [100, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES]
PAUSES_S = [0.001, 0.5, 1, 1, 14, 16, 61, 3_600, 50_000, -30]
BUDGETS = [5, 8, 12, 10_000]
"""In blocks."""

T = TypeVar("T")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run what never suspends; a loop would take ten times as long, and most of it is looking up."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise AssertionError(f"{work} suspends")


NAMESPACES = st.sampled_from([HERE, HERE, HERE, THERE])
WHO = st.sampled_from([0, 1])
CUSTOM = st.sampled_from([None, None, "mine"])


def key_of(custom: str | None) -> CacheKey | None:
    """Return the key that a caller chose, if they did."""
    return None if custom is None else CacheKey(custom)


KEY = CUSTOM.map(key_of)
SOME_TAGS = st.frozensets(st.sampled_from(TAGS))
SEVERAL = st.lists(st.tuples(CUSTOM, st.sampled_from(PAGES)), min_size=2)


NAMES: dict[Namespace, list[Identity]] = {
    namespace: [
        *(KEYS.identify(namespace, a_request(page), None) for page in PAGES),
        KEYS.identify(namespace, a_request(), CacheKey("mine")),
    ]
    for namespace in (HERE, THERE)
}


def never() -> float:
    """Verify nothing: what is read is compared here."""
    return 1.0


class Roomy(RoomLimits):
    """One entry may hold a third instead of 5 %, or a handful could never use a budget up."""

    @property
    def max_entry_bytes(self) -> int:
        return self.max_bytes // 3


class MemoryBlobs:
    """WalkedBlobs in a dictionary that both processes share."""

    def __init__(self, disk: dict[str, bytes], deleted: Counter[str]) -> None:
        self._disk, self._deleted = disk, deleted

    async def put(self, blob_id: str, data: bytes) -> None:
        if blob_id in self._disk:
            raise BlobExists(blob_id)
        self._disk[blob_id] = data

    async def get(self, blob_id: str) -> bytes:
        if blob_id not in self._disk:
            raise BlobNotFound(blob_id)
        return self._disk[blob_id]

    async def delete(self, blob_id: str) -> None:
        self._deleted[blob_id] += 1
        self._disk.pop(blob_id, None)

    async def after(self, blob_id: str) -> Sequence[KeptBlob]:
        return [KeptBlob(one, 0.0) for one in sorted(self._disk) if one > blob_id][:3]

    async def absent(self, blob_ids: Sequence[str]) -> Sequence[str]:
        return [one for one in blob_ids if one not in self._disk]

    async def drop_unfinished(self, before: float) -> int:
        return 0


@dataclass
class Process:
    """What one process has of the cache."""

    adapters: Adapters
    store: CacheStore
    shots: Shots
    fills: Fills[Shot]
    sweeper: Sweeper
    room: Room
    reconciler: Reconciler


@dataclass
class Render:
    """A render that has begun."""

    who: int
    lease: Lease
    origin: Origin
    number: int


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a purge filter; names of entries are drawn as numbers, and moments as seconds ago."""
    kinds = st.sampled_from(["keys", "url", "pattern", "before", "tags", "everything"])
    several = st.lists(kinds, min_size=2, max_size=3, unique=True)
    chosen = draw(st.one_of(kinds.map(lambda kind: [kind]), several))
    ways = {
        "keys": st.lists(st.integers(0, 14), min_size=1, max_size=4),
        "url": st.sampled_from(GLOBS),
        "pattern": st.sampled_from(PATHS),
        "before": st.sampled_from([0, 1, 60, 3_600, -5]),
        "tags": st.lists(st.sampled_from([*TAGS, "unused"]), min_size=1, max_size=2, unique=True),
        "everything": st.just(value=True),
    }
    return {name: draw(ways[name]) for name in chosen}
