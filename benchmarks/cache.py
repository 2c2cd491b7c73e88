"""The index at size: look-ups, stores, purges and sweeps in an index of a million entries, or of ten.

ENTRIES says how many, BENCH_FOLDER where the index is built, and kept for the next time. What
changes it is done to copies, so that each kind of purge meets entries that no other has touched.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from benchmarks import hit
from benchmarks.bulk import HERE, Bulk, Copy, Storer, build
from benchmarks.faults import BenchmarkFailed
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.purge import Purge, PurgeFilter
from calotype.clock import from_ms
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.entries import SqliteEntryIndex
from calotype.sql.sqlite.purges import SqlitePurgeLog

DEFAULT_ENTRIES = 1_000_000
_LOOK_UPS, _STORES = 20_000, 1000
_SWEEP_FOR_S = 10.0
_MANY_KEYS = 500


@dataclass(slots=True)
class Figures:
    """What was measured, line by line."""

    taken: dict[str, float] = field(default_factory=dict)

    def note(self, name: str, value: float, unit: str, told: str = "", cpu_s: float | None = None) -> None:
        """Print a line, and remember it; processor time is what neighbours lengthen least."""
        self.taken[name] = value
        shown = f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
        cpu = "" if cpu_s is None else f"{cpu_s * 1000:,.1f} CPU"
        print(f"{name:62}{shown:>10} {unit:7}{cpu:>15}  {told}", flush=True)


def run(rounds: int, seconds: int) -> None:
    """Measure and print: the index, then the hit path beside others."""
    entries = int(os.environ.get("ENTRIES", str(DEFAULT_ENTRIES)).replace("_", ""))
    with _folder() as name:
        folder = Path(name)
        bulk = build(folder, entries)
        asyncio.run(measure(folder, bulk, Figures()))
    print()
    hit.run(rounds, seconds)


def _folder() -> AbstractContextManager[str]:
    kept = os.environ.get("BENCH_FOLDER")
    return nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix="calotype-bench-")


async def measure(folder: Path, bulk: Bulk, figures: Figures) -> None:
    """Take all figures of the index in folder."""
    size = (folder / "index.db").stat().st_size
    print(f"\nIndex of {bulk.entries:,} entries; load of the machine {os.getloadavg()[0]:.1f}")
    figures.note("size of the index, an entry", size / bulk.entries, "bytes")
    for steps in (
        _reads, _by_url, _before_few, _before_half, _keys_and_host, _host_and_paths, _paths, _all,
    ):  # fmt: skip
        with Copy(folder) as path:
            began = time.perf_counter()
            at_work = AtWork(Database(SqliteSettings(path=path)), bulk, figures)
            try:
                if steps is _reads:
                    await at_work.index.find(HERE, bulk.key(0))
                    figures.note("open, and answer the first look-up", _ms(began), "ms")
                await steps(at_work)
            finally:
                await at_work.database.close()


class AtWork:
    """An open index, and how long its answers take."""

    def __init__(self, database: Database, bulk: Bulk, figures: Figures) -> None:
        self.database, self.bulk, self.figures = database, bulk, figures
        # Room for no row at all: each look-up goes to the database.
        self.index = SqliteEntryIndex(database, bulk.now, row_cache_entries=0)
        self.purges = SqlitePurgeLog(database)
        self.storer = Storer(database)
        self.stored = 0

    async def purge(self, name: str, which: PurgeFilter, target: str = "") -> None:
        """Measure a purge, and before it the same as a dry run; both must count alike."""
        began, used = time.perf_counter(), time.process_time()
        told = (await self._purge(which, dry_run=True)).count
        used = time.process_time() - used
        self.figures.note(f"{name}, dry run", _ms(began), "ms", f"{told:,} entries", used)
        began, used = time.perf_counter(), time.process_time()
        done = (await self._purge(which)).count
        took_ms, used = _ms(began), time.process_time() - used
        if not done or told != done:
            raise BenchmarkFailed(f"{name}: {told} were to go, and {done} went")
        self.figures.note(name, took_ms, "ms", f"{done:,} entries {target}", used)

    async def _purge(self, which: PurgeFilter, *, dry_run: bool = False) -> Purge:
        return await self.purges.purge(HERE, which, self.bulk.now(), by="benchmark", dry_run=dry_run)

    async def several(self, name: str, filters: Sequence[PurgeFilter], target: str = "") -> None:
        """Measure like purges of different entries."""
        took, done, used = [], 0, time.process_time()
        for which in filters:
            began = time.perf_counter()
            done = (await self._purge(which)).count
            took.append(_ms(began))
            if not done:
                raise BenchmarkFailed(f"{name}: none went")
        used = (time.process_time() - used) / len(took)
        self.figures.note(f"{name}, p50", statistics.median(took), "ms", f"{done:,} entries {target}", used)
        self.figures.note(f"{name}, slowest of {len(took)}", max(took), "ms")

    async def store(self) -> None:
        """Store one entry more."""
        number = self.bulk.entries + self.stored
        self.stored += 1
        await self.storer.store(self.bulk.entry(number, f"elpmaxe.wen/https/{number % 100}"))

    async def sweep(self, name: str) -> None:
        """Measure the sweep for a while."""
        gone = 0
        longest, began, used = 0.0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began < _SWEEP_FOR_S:
            chunk_began = time.perf_counter()
            swept = await self.purges.sweep(self.bulk.now())
            longest = max(longest, _ms(chunk_began))
            gone += swept.entries
            await self.purges.blobs_deleted([place for place, _ in swept.blobs])
            if not swept.more:
                break
        took_s = time.perf_counter() - began
        (looked,) = cast("tuple[int]", self.database.read_one("SELECT cursor FROM sweep"))
        used = time.process_time() - used
        self.figures.note(f"sweep {name}: looked at", looked / took_s, "rows/s", f"{looked:,}", used)
        self.figures.note(f"sweep {name}: removed", gone / took_s, "rows/s", f"{gone:,}")
        self.figures.note(f"sweep {name}: the writer is held at most", longest, "ms")


async def _reads(work: AtWork) -> None:
    bulk, chance = work.bulk, random.Random(3)
    numbers = [chance.randrange(bulk.entries) for _ in range(min(_LOOK_UPS, bulk.entries))]
    keys, ids = [bulk.key(number) for number in numbers], [bulk.id(number) for number in numbers]

    async def by_key(at: int) -> object:
        return await work.index.find(HERE, keys[at])

    async def by_id(at: int) -> object:
        return await work.index.find_by_id(ids[at])

    await _spread(work, "look-up by key, the first time", by_key, len(keys))
    await _spread(work, "look-up by key, warm", by_key, len(keys), "target: p50 < 50 µs")
    await _spread(work, "look-up by id, warm", by_id, len(ids))

    async def store(_: int) -> object:
        await work.store()
        return True

    await _spread(work, "store: acquire, commit and release", store, min(_STORES, bulk.entries))


async def _spread(
    work: AtWork, name: str, step: Callable[[int], Awaitable[object]], times: int, target: str = ""
) -> None:
    took, used = [], time.process_time()
    for at in range(times):
        began = time.perf_counter()
        found = await step(at)
        took.append((time.perf_counter() - began) * 1e6)
        if not found:
            raise BenchmarkFailed(f"{name}: nothing was found")
    took.sort()
    used = (time.process_time() - used) / times
    work.figures.note(f"{name}, p50", took[len(took) // 2], "µs", target, used)
    work.figures.note(f"{name}, p99", took[len(took) * 99 // 100], "µs")


def _host(name: str) -> PurgeFilter:
    return PurgeFilter(url=UrlGlob(f"https://{name}.example/*"))


async def _by_url(work: AtWork) -> None:
    await work.several("purge of one URL", [_one(number) for number in range(7)])
    await work.several("purge of a small host", [_host(f"ten{n}") for n in range(7)], "target: < 10 ms")
    await work.several("purge of a host", [_host(f"thousand{n}") for n in range(7)])
    await work.purge("purge of a big host", _host("big0"), "target: < 50 ms per 250 k")
    await _beside_stores(work, "purge of another big host", _host("big1"))
    await work.purge("purge of */pricing/*", PurgeFilter(url=UrlGlob("*/pricing/*")))
    await work.sweep("after these")


def _one(number: int) -> PurgeFilter:
    # The 1000 entries of a host are 250 URLs, in nine folders.
    return PurgeFilter(url=UrlGlob(f"https://thousand0.example/{number % 9}/{number}.html"))


async def _beside_stores(work: AtWork, name: str, which: PurgeFilter) -> None:
    """Measure how long a store may have to wait for a purge."""
    for _ in range(20):
        await work.store()
    began = time.perf_counter()
    purging = asyncio.create_task(work.purges.purge(HERE, which, work.bulk.now(), by="benchmark"))
    longest = slowest_find = 0.0
    while not purging.done():
        store_began = time.perf_counter()
        storing = asyncio.create_task(work.store())
        while not storing.done():
            find_began = time.perf_counter()
            await work.index.find(HERE, work.bulk.key(0))
            slowest_find = max(slowest_find, _ms(find_began))
            await asyncio.sleep(0)
        await storing
        longest = max(longest, _ms(store_began))
    done = await purging
    work.figures.note(f"{name}, beside stores and look-ups", _ms(began), "ms", f"{done.count:,} entries")
    work.figures.note("  longest store meanwhile", longest, "ms")
    work.figures.note("  longest look-up meanwhile", slowest_find, "ms")


async def _before_few(work: AtWork) -> None:
    few = from_ms(work.bulk.born_ms(work.bulk.entries // 1000))
    await work.purge("purge before a moment, a thousandth", PurgeFilter(before=few))


async def _before_half(work: AtWork) -> None:
    await work.purge("purge before a moment, half", PurgeFilter(before=_half(work.bulk)))
    await work.sweep("after it")


async def _keys_and_host(work: AtWork) -> None:
    bulk = work.bulk
    keys = tuple(bulk.key(number * 7 + 1) for number in range(_MANY_KEYS))
    await work.purge(f"purge of {_MANY_KEYS} keys", PurgeFilter(keys=keys))
    both = PurgeFilter(url=_host("big0").url, before=_half(bulk))
    await work.purge("purge of a big host before a moment", both)
    # With the sweep after that one under way, what is left has to be asked of every row.
    await work.purge("purge before a moment, half, while a sweep is due", PurgeFilter(before=_half(bulk)))


async def _host_and_paths(work: AtWork) -> None:
    month = PathGlob(f"screenshots/{work.bulk.now():%Y/%m}/*")
    await work.purge("purge of a big host's paths", PurgeFilter(url=_host("big1").url, pattern=month))


async def _paths(work: AtWork) -> None:
    day = work.bulk.now() - timedelta(days=10)
    await work.purge("purge of a day's paths", PurgeFilter(pattern=PathGlob(f"screenshots/{day:%Y/%m/%d}/*")))


async def _all(work: AtWork) -> None:
    await work.purge("purge of all", PurgeFilter(everything=True))
    await work.sweep("after all of it")


def _half(bulk: Bulk) -> datetime:
    return from_ms(bulk.born_ms(bulk.entries // 2))


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000
