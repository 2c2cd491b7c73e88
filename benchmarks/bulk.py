"""An index of any size, filled as the store fills it; only the files of the pictures are left out."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import multiprocessing
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from benchmarks.faults import BenchmarkFailed
from calotype.cache.entry import Birth, CacheEntry, CacheKey, EntryId, Mode, Namespace, Seq, storage_path
from calotype.cache.policy import expiry
from calotype.cache.ports import Lease, Stored
from calotype.cache.url_key import url_key, url_of_key
from calotype.capture.output import ImageFormat
from calotype.capture.verdict import Verdict
from calotype.clock import from_ms, to_ms, utc_now
from calotype.sql.rows import INSERT_ENTRY, directory_of, entry_values, ns_number
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.entries import SqliteEntryIndex
from calotype.sql.sqlite.leases import SqliteLeases

HERE = Namespace(1, Mode.LIVE)
FEWEST = 2000
STEP_BY_STEP = 20_000
"""So many entries go through lease, commit and release; the rest through the commit's INSERT alone."""
_DAYS = 30
"""Over which the births are spread; the longest ttl there is, so that little has expired."""
_PER_URL = 4
_ALPHA = 0.9
_SUBDOMAINS = ("www", "blog", "shop", "app")
_ENDINGS = (".com", ".de", ".org", ".co.uk")
_PATHS = ("", "about", "blog/a-post-with-a-title", "products/", "docs/guide/page", "search?q=")
_EXPIRED_OF, _PRICING_OF = 100, 100
"""One entry in so many has outlived its ttl; one URL in so many has `/pricing/` in its path."""
_CHUNK = 5000
_MAKERS = 2
_MADE_WITHIN_S = 300

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bulk:
    """What is, or will be, in an index of so many entries; the same each time, entry by entry."""

    entries: int
    built_ms: int
    """The moment that the index was made for; measurements stop the clock there."""

    def now(self) -> datetime:
        """Return that moment: a Clock."""
        return from_ms(self.built_ms)

    @property
    def big(self) -> int:
        """Entries of a big host: 250,000 of 10 million."""
        return min(250_000, self.entries // 10) // _PER_URL * _PER_URL

    def hosts(self) -> dict[str, int]:
        """Return the hosts whose size is known beforehand, and how many URLs each has."""
        sizes = {"big": self.big, "thousand": min(1000, self.big // 2), "ten": 12}
        counts = {"big": 3, "thousand": 7, "ten": 7}
        return {f"{size}{n}.example": sizes[size] // _PER_URL for size in sizes for n in range(counts[size])}

    def id(self, number: int) -> EntryId:
        """Return the id of the entry of that number; `cache_` and the id is its key."""
        return EntryId(hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).hexdigest())

    def key(self, number: int) -> CacheKey:
        """Return its key."""
        return CacheKey(f"cache_{self.id(number)}")

    def url_keys(self) -> list[str]:
        """Return all URLs' keys, in the order in which they first come: planted hosts, others by Zipf."""
        count, names = self.entries // _PER_URL, max(self.entries // 100, 10)
        planted = self.hosts().items()
        urls = [f"https://{host}/{n % 9}/{n}.html" for host, size in planted for n in range(size)]
        weights = list(itertools.accumulate(1 / rank**_ALPHA for rank in range(1, names + 1)))
        ranks = random.Random(1).choices(range(names), cum_weights=weights, k=count - len(urls))
        for n, rank in enumerate(ranks):
            # Popular names have four hosts, the others two or three.
            subdomain = _SUBDOMAINS[(n + rank) % min(4, 1 + names // (rank + 1))]
            host = f"{subdomain}.site{rank}{_ENDINGS[rank % 4]}"
            urls.append(f"https://{host}/{'' if n % _PRICING_OF else 'pricing/'}{_PATHS[n % len(_PATHS)]}{n}")
        random.Random(2).shuffle(urls)
        return [url_key(url) for url in urls]

    def born_ms(self, number: int) -> int:
        """Return when the entry of that number was born: they come evenly."""
        span = _DAYS * 86_400_000
        return self.built_ms - span + (number + 1) * span // (self.entries + 1)

    def ttl_s(self, number: int) -> int:
        """Return its time to live: mostly some days more than it has lived already."""
        if number % _EXPIRED_OF == 0:
            return 3600
        days_old = (self.built_ms - self.born_ms(number)) // 86_400_000
        return int(min(days_old + (2, 7, 30)[number % 3], 30)) * 86_400

    def entry(self, number: int, ukey: str) -> CacheEntry:
        """Return that entry as a render of a second and a half would have made it."""
        entry_id, born_at = self.id(number), from_ms(self.born_ms(number))
        stored_at, digest = born_at + timedelta(milliseconds=1500), bytes.fromhex(entry_id) * 2
        return CacheEntry(
            namespace=HERE,
            key=self.key(number),
            id=entry_id,
            url_key=ukey,
            path=storage_path(entry_id, ImageFormat.PNG, born_at),
            blob_id=entry_id[::-1],
            size_bytes=20_000 + number * 7919 % 300_000,
            sha256=digest,
            format=ImageFormat.PNG,
            width_px=1280,
            height_px=720,
            birth=Birth(Seq(0), number + 1, born_at),
            stored_at=stored_at,
            fresh_until=expiry(stored_at, self.ttl_s(number)),
            render_ms=1500,
            verdict=Verdict(http_status=200, final_url=url_of_key(ukey), title="A page"),
            negative=digest[:16],
        )


class AtOnce:
    """A Database whose writes happen at once, in the transaction that it is used in."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def write(self, run: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        """See Database."""
        del durable
        return run(self._connection)


class Storer:
    """Stores entries with the store's own steps: a lease, the commit with all its checks, the release."""

    def __init__(self, database: Database | AtOnce) -> None:
        own = cast("Database", database)
        self._leases, self._index = SqliteLeases(own), SqliteEntryIndex(own, utc_now)

    async def store(self, entry: CacheEntry) -> None:
        """Store an entry, born when it says. Raises BenchmarkFailed."""
        subject = entry.subject
        lease = await self._leases.acquire(HERE, subject, subject.born_at)
        if not isinstance(lease, Lease):
            raise BenchmarkFailed(f"somebody else renders {subject.key}")
        outcome = await self._index.commit(lease, replace(entry, birth=lease.birth))
        await self._leases.release(lease)
        if not isinstance(outcome, Stored):
            raise BenchmarkFailed(f"{subject.key} was not stored: {outcome}")


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise BenchmarkFailed("a step of the store waited for something")


def build(folder: Path, entries: int, step_by_step: int = STEP_BY_STEP, built_ms: int | None = None) -> Bulk:
    """Build the index folder/index.db, or find it built; say what is in it."""
    if entries < FEWEST:
        raise BenchmarkFailed(f"ENTRIES is {entries}, and makes no sense below {FEWEST}")
    folder.mkdir(parents=True, exist_ok=True)
    path, note = folder / "index.db", folder / "bulk.json"
    if not note.exists():
        # A build that was broken off has left no note, and nothing that can be gone on with.
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        bulk = Bulk(entries, to_ms(utc_now()) if built_ms is None else built_ms)
        fill(path, bulk, step_by_step)
        note.write_text(json.dumps(asdict(bulk)))
    bulk = Bulk(**json.loads(note.read_text()))
    if bulk.entries != entries:
        raise BenchmarkFailed(
            f"{folder} holds {bulk.entries} entries, not {entries}; "
            "name another with BENCH_FOLDER, or remove it"
        )
    _bring_up_to_date(path)
    return bulk


def _bring_up_to_date(path: Path) -> None:
    asyncio.run(Database(SqliteSettings(path=path)).close())


def fill(path: Path, bulk: Bulk, step_by_step: int) -> None:
    """Make an index where there is none, and store all of bulk in it."""
    _bring_up_to_date(path)
    connection = sqlite3.connect(path, isolation_level=None)
    # One transaction, in memory, and no way back: pages that many rows touch are written once.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -8000000")
    ukeys, began = bulk.url_keys(), time.monotonic()
    storer = Storer(AtOnce(connection))
    connection.execute("BEGIN IMMEDIATE")
    for number in range(min(step_by_step, bulk.entries)):
        finish(storer.store(bulk.entry(number, ukeys[number % len(ukeys)])))
    if step_by_step < bulk.entries:
        _fill_in_bulk(connection, bulk, step_by_step, ukeys)
    connection.execute("COMMIT")
    connection.close()
    print(f"Built {bulk.entries:,} entries in {time.monotonic() - began:,.0f} s: the first {step_by_step:,}")
    print("with lease, commit and release each, all others with the commit's INSERT; no blobs.")


def _fill_in_bulk(connection: sqlite3.Connection, bulk: Bulk, there: int, ukeys: list[str]) -> None:
    """Leave behind what the steps would have left, by the same INSERT and with its triggers."""
    # Made in processes of their own, or the making would take turns with the storing at one interpreter.
    context = multiprocessing.get_context("fork")
    queues: list[multiprocessing.Queue[Any]] = [context.Queue(2) for _ in range(_MAKERS)]
    makers = [
        context.Process(target=_make, args=(bulk, there + at * _CHUNK, ukeys, queue), daemon=True)
        for at, queue in enumerate(queues)
    ]
    for maker in makers:
        maker.start()
    try:
        for queue in itertools.cycle(queues):
            rows, urls, dirs = queue.get(timeout=_MADE_WITHIN_S)
            connection.executemany("INSERT INTO url(ns, ukey, url_id) VALUES (?, ?, ?)", urls)
            connection.executemany("INSERT OR IGNORE INTO dir(ns, dkey, dir_id) VALUES (?, ?, ?)", dirs)
            connection.executemany(INSERT_ENTRY, rows)
            there += len(rows)
            if there == bulk.entries:
                connection.execute("UPDATE ns SET births = ? WHERE ns = ?", (there, ns_number(HERE)))
                return
    finally:
        for maker in makers:
            maker.terminate()
            maker.join()


def _make(bulk: Bulk, first: int, ukeys: list[str], queue: multiprocessing.Queue[Any]) -> None:
    for begin in range(first, bulk.entries, _MAKERS * _CHUNK):
        queue.put(_made(bulk, range(begin, min(begin + _CHUNK, bulk.entries)), ukeys))


def _made(bulk: Bulk, numbers: range, ukeys: list[str]) -> tuple[list[Any], list[Any], set[Any]]:
    """Return rows of entry, url and dir; numbers in the dictionaries are in the order of first use."""
    ns, first_day = ns_number(HERE), bulk.born_ms(0) // 86_400_000
    rows, dirs = [], set()
    for number in numbers:
        url_id = number % len(ukeys) + 1
        entry = bulk.entry(number, ukeys[url_id - 1])
        dir_id = bulk.born_ms(number) // 86_400_000 - first_day + 1
        dirs.add((ns, directory_of(entry.path), dir_id))
        rows.append(entry_values(entry, url_id, dir_id))
    urls = [(ns, ukeys[number], number + 1) for number in numbers if number < len(ukeys)]
    return rows, urls, dirs


class Copy:
    """A copy of an index, to be purged as one likes."""

    def __init__(self, folder: Path) -> None:
        self._original, self._path = folder / "index.db", folder / "copy.db"

    def __enter__(self) -> Path:
        """Return its path."""
        self._remove()
        shutil.copyfile(self._original, self._path)
        return self._path

    def __exit__(self, *_: object) -> None:
        self._remove()

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
