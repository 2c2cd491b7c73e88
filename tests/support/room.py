"""Counting by hand what the ledger counts as it goes, and asking a bounded cache for key after key."""

from __future__ import annotations

import random
from bisect import bisect
from collections import OrderedDict
from dataclasses import dataclass
from itertools import accumulate

from calotype.cache.room import Room, Usage, held_bytes
from calotype.sql.rows import namespace_of
from calotype.sql.sqlite.entries import SqliteEntryIndex
from tests.support.adapters import Adapters
from tests.support.builders import HERE, an_origin


def counted(adapters: Adapters, account: int | None = None) -> tuple[int, int, int]:
    """Return entries, bytes and bytes on probation, of all or of one account, added up from the rows."""
    index = adapters.index
    assert isinstance(index, SqliteEntryIndex)
    rows = index._database.reader.execute("SELECT id, ns, size FROM entry").fetchall()
    boundary = adapters.ledger.usage(account).boundary
    held = [
        (place, held_bytes(size))
        for place, ns, size in rows
        if account is None or namespace_of(ns).account == account
    ]
    return len(held), sum(size for _, size in held), sum(size for place, size in held if place > boundary)


def told(usage: Usage) -> tuple[int, int, int]:
    """Return the same as the ledger has it."""
    return usage.entries, usage.used_bytes, usage.probation_bytes


@dataclass
class Bounded:
    """A cache of so many bytes, without renderer and blobs."""

    adapters: Adapters
    room: Room

    async def ask(self, key: str, size_bytes: int) -> bool:
        """Say whether key is a hit, and store it if not, with as much eviction as is due."""
        entry = await self.adapters.index.find(HERE, an_origin(key).identity.key)
        if entry is not None:
            self.room.touched.add(entry.place)
            return True
        await self.adapters.keep(an_origin(key, f"https://example.com/{key}"), 86_400, size_bytes)
        await self.settle()
        return False

    async def settle(self) -> None:
        """Evict and sweep until nothing is due."""
        while await self.room.step() is not None:
            await self.adapters.purges.sweep(self.adapters.clock())


def a_trace(
    requests: int, keys: int, *, seed: int, once: float = 0.25, alpha: float = 0.9
) -> list[tuple[str, int]]:
    """Return (key, size) of requests: Zipf over keys, mixed with a share of keys that are asked for once."""
    chance = random.Random(seed)
    weights = list(accumulate(1 / rank**alpha for rank in range(1, keys + 1)))
    sizes = [min(4000 + int(chance.lognormvariate(11, 0.8)), 400_000) for _ in range(keys)]
    trace = []
    for number in range(requests):
        if chance.random() < once:
            trace.append((f"once{number}", sizes[number % keys]))
        else:
            rank = bisect(weights, chance.random() * weights[-1])
            trace.append((f"key{rank}", sizes[rank]))
    return trace


def simple_hits(trace: list[tuple[str, int]], max_bytes: int, *, recent_first: bool) -> int:
    """Return the hits of LRU, or of FIFO, on trace."""
    kept: OrderedDict[str, int] = OrderedDict()
    used = hits = 0
    for key, size in trace:
        if key in kept:
            hits += 1
            if recent_first:
                kept.move_to_end(key)
            continue
        kept[key] = held_bytes(size)
        used += kept[key]
        while used > max_bytes:
            used -= kept.popitem(last=False)[1]
    return hits
