"""Hot: which bytes to keep in memory. LRU, SIEVE and S3-FIFO on the same traces and in the same bytes."""

from __future__ import annotations

import random
import time
from bisect import bisect
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from calotype.cache.hot import HotBlobs

REQUESTS, KEYS, SEED = 200_000, 20_000, 1
SHARES = (0.03, 0.1, 0.3)
"""Of the bytes of all that is asked for more than once."""
_SCALE = 64
"""A byte stands for so many of a picture: the traces' bytes need not all be there."""
_SMALL, _LARGE = 4_000, 2_000_000
_LARGEST_SHARE = 8
"""As HotBlobs has it: what would take more than this fraction of the room is not kept."""
Trace = list[tuple[str, int]]


class Policy(Protocol):
    """What is measured: HotBlobs' own interface, as far as a trace needs it."""

    def get(self, blob_id: str) -> bytes | None:
        """Return the bytes if they are kept."""
        ...

    def put(self, blob_id: str, data: bytes) -> None:
        """Keep the bytes, within the bound."""
        ...


class Lru:
    """Least recently used goes first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._blobs: OrderedDict[str, bytes] = OrderedDict()

    def get(self, blob_id: str) -> bytes | None:
        """See Policy."""
        data = self._blobs.get(blob_id)
        if data is not None:
            self._blobs.move_to_end(blob_id)
        return data

    def put(self, blob_id: str, data: bytes) -> None:
        """See Policy."""
        if len(data) > self._max_bytes // _LARGEST_SHARE or blob_id in self._blobs:
            return
        self._blobs[blob_id] = data
        self._bytes += len(data)
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._blobs.popitem(last=False)[1])


class Sieve:
    """One queue and one hand: what was touched stays where it is, once more (Zhang et al., NSDI 2024)."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._blobs: dict[str, bytes] = {}
        self._touched: dict[str, bool] = {}
        self._newer: dict[str, str | None] = {}
        self._older: dict[str, str | None] = {}
        self._newest: str | None = None
        self._oldest: str | None = None
        self._hand: str | None = None

    def get(self, blob_id: str) -> bytes | None:
        """See Policy."""
        data = self._blobs.get(blob_id)
        if data is not None:
            self._touched[blob_id] = True
        return data

    def put(self, blob_id: str, data: bytes) -> None:
        """See Policy."""
        if len(data) > self._max_bytes // _LARGEST_SHARE or blob_id in self._blobs:
            return
        while self._bytes + len(data) > self._max_bytes:
            self._evict()
        self._blobs[blob_id], self._touched[blob_id] = data, False
        self._older[blob_id], self._newer[blob_id] = self._newest, None
        if self._newest is not None:
            self._newer[self._newest] = blob_id
        self._newest = blob_id
        self._oldest = self._oldest or blob_id
        self._bytes += len(data)

    def _evict(self) -> None:
        at = self._hand or self._oldest
        while at is not None and self._touched[at]:
            self._touched[at] = False
            at = self._newer[at] or self._oldest
        if at is None:
            return
        older, newer = self._older.pop(at), self._newer.pop(at)
        if older is not None:
            self._newer[older] = newer
        else:
            self._oldest = newer
        if newer is not None:
            self._older[newer] = older
        else:
            self._newest = older
        self._hand = newer
        self._bytes -= len(self._blobs.pop(at))
        del self._touched[at]


class S3Fifo:
    """A small queue on probation, a main one that goes round, and the names of what left the small one.

    Yang et al., SOSP 2023: a tenth of the room is small; counts go up to three.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._small_bytes, self._main_bytes = max_bytes, 0, 0
        self._blobs: dict[str, bytes] = {}
        self._counts: dict[str, int] = {}
        self._small: deque[str] = deque()
        self._main: deque[str] = deque()
        self._ghosts: OrderedDict[str, None] = OrderedDict()

    def get(self, blob_id: str) -> bytes | None:
        """See Policy."""
        data = self._blobs.get(blob_id)
        if data is not None and self._counts[blob_id] < 3:
            self._counts[blob_id] += 1
        return data

    def put(self, blob_id: str, data: bytes) -> None:
        """See Policy."""
        if len(data) > self._max_bytes // _LARGEST_SHARE or blob_id in self._blobs:
            return
        while self._small_bytes + self._main_bytes + len(data) > self._max_bytes:
            self._evict()
        self._blobs[blob_id], self._counts[blob_id] = data, 0
        if blob_id in self._ghosts:
            del self._ghosts[blob_id]
            self._main.append(blob_id)
            self._main_bytes += len(data)
        else:
            self._small.append(blob_id)
            self._small_bytes += len(data)

    def _evict(self) -> None:
        if self._small and (self._small_bytes > self._max_bytes // 10 or not self._main):
            self._evict_small()
        else:
            self._evict_main()

    def _evict_small(self) -> None:
        blob_id = self._small.popleft()
        size = len(self._blobs[blob_id])
        self._small_bytes -= size
        if self._counts[blob_id] > 1:
            self._counts[blob_id] = 0
            self._main.append(blob_id)
            self._main_bytes += size
            return
        del self._blobs[blob_id], self._counts[blob_id]
        self._ghosts[blob_id] = None
        while len(self._ghosts) > len(self._blobs) + 1:
            self._ghosts.popitem(last=False)

    def _evict_main(self) -> None:
        while True:
            blob_id = self._main.popleft()
            if self._counts[blob_id] == 0:
                break
            self._counts[blob_id] -= 1
            self._main.append(blob_id)
        self._main_bytes -= len(self._blobs.pop(blob_id))
        del self._counts[blob_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How a trace is drawn."""

    name: str
    alpha: float = 0.9
    once: float = 0.25
    """The share of requests for what is never asked for again."""
    drift: int = 0
    """After so many requests each, the favourites have moved on by a hundredth of the keys."""


LOADS = (
    Load(name="Zipf 0.9, a quarter once"),
    Load(name="Zipf 0.7, half once", alpha=0.7, once=0.5),
    Load(name="Zipf 1.1, a tenth once", alpha=1.1, once=0.1),
    Load(name="Zipf 0.9, drifting", drift=5000),
)
POLICIES: dict[str, Callable[[int], Policy]] = {
    "LRU": Lru,
    "SIEVE": Sieve,
    "S3-FIFO": S3Fifo,
    "HotBlobs": HotBlobs,
}


def run(_rounds: int, _seconds: int) -> None:
    """Measure and print. One round says it all but for the time: the traces are always the same."""
    print(f"\nHot: hits of {REQUESTS} requests over {KEYS} keys, in numbers / in bytes\n")
    print(f"| load | room | {' | '.join(POLICIES)} |\n| --- | --- |{' --- |' * len(POLICIES)}")
    spent: dict[str, list[float]] = {name: [] for name in POLICIES}
    for load in LOADS:
        trace = a_trace(load)
        again = sum({key: size for key, size in trace if key.startswith("key")}.values())
        for share in SHARES:
            told = []
            for name, policy in POLICIES.items():
                began = time.perf_counter()
                hits, byte_hits = hit_ratios(policy(int(again * share)), trace)
                spent[name].append((time.perf_counter() - began) / REQUESTS)
                told.append(f"{hits:.3f} / {byte_hits:.3f}")
            print(f"| {load.name} | {share:.0%} | {' | '.join(told)} |")
    gets = {name: get_ns(policy) for name, policy in POLICIES.items()}
    means_us = [1e6 * sum(times_s) / len(times_s) for times_s in spent.values()]
    print(f"| µs a request, misses and all | | {' | '.join(f'{mean:.1f}' for mean in means_us)} |")
    print(f"| ns a hit | | {' | '.join(f'{get:.0f}' for get in gets.values())} |")


def a_trace(load: Load) -> Trace:
    """Return (blob, bytes) of every request."""
    chance = random.Random(SEED)
    weights = list(accumulate(1 / rank**load.alpha for rank in range(1, KEYS + 1)))
    sizes = [_a_size(chance) for _ in range(KEYS)]
    trace = []
    for number in range(REQUESTS):
        if chance.random() < load.once:
            trace.append((f"once{number}", sizes[number % KEYS]))
            continue
        rank = bisect(weights, chance.random() * weights[-1])
        moved = number // load.drift * (KEYS // 100) if load.drift else 0
        key = (rank + moved) % KEYS
        trace.append((f"key{key}", sizes[key]))
    return trace


def _a_size(chance: random.Random) -> int:
    return min(_SMALL + int(chance.lognormvariate(11.5, 1.0)), _LARGE) // _SCALE


def hit_ratios(policy: Policy, trace: Trace) -> tuple[float, float]:
    """Return the share of requests, and of bytes, that policy had."""
    hits = hit_bytes = 0
    data: dict[int, bytes] = {}
    for key, size in trace:
        if policy.get(key) is not None:
            hits += 1
            hit_bytes += size
        else:
            if size not in data:
                data[size] = bytes(size)
            policy.put(key, data[size])
    return hits / len(trace), hit_bytes / sum(size for _, size in trace)


def get_ns(make: Callable[[int], Policy]) -> float:
    """Return what one hit costs."""
    policy = make(10_000_000)
    names = [f"{number:032x}" for number in range(1000)]
    for name in names:
        policy.put(name, b"x")
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for name in names:
            policy.get(name)
        best = min(best, time.perf_counter() - began)
    return best / len(names) * 1e9
