"""Hard cases 1 to 9: races."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from calotype.cache.entry import CacheKey
from calotype.cache.globs import UrlGlob
from calotype.cache.ports import Stored
from calotype.cache.purge import PurgeFilter
from calotype.cache.reconciler import Reconciler
from calotype.cache.room import RoomLimits
from calotype.cache.sweeper import Sweeper
from calotype.cache.url_key import url_key
from calotype.sql.rows import INSERT_ENTRY, directory_of, entry_values, ns_number
from calotype.sql.sqlite import purges
from tests.support.adapters import sqlite_adapters
from tests.support.builders import HERE, an_entry, an_id, an_origin
from tests.support.server import LiveServer
from tests.support.shots import a_studio
from tests.support.slow_reader import SlowReader

PAGE = "/held/door"
PURGES = {
    "keys": lambda old: {"keys": [old["key"]]},
    "pattern": lambda _: {"pattern": f"screenshots/{datetime.now(UTC):%Y}/*"},
    "url": lambda old: {"url": f"{old['site']}/held/*"},
    "before": lambda _: {"before": (datetime.now(UTC) + timedelta(seconds=5)).isoformat()},
    "all": lambda _: {"all": True},
}


@pytest.fixture(scope="module")
def two(shared_site, tmp_path_factory):
    data = tmp_path_factory.mktemp("two") / "data"
    one = LiveServer(data, CALOTYPE_EGRESS_ALLOW=shared_site.netloc)
    other = LiveServer(data, key=one.key, CALOTYPE_EGRESS_ALLOW=shared_site.netloc)
    yield one, other
    one.stop()
    other.stop()


class TestARenderInAnotherProcess:
    """Case 1, with two servers: one renders, the other is asked to purge."""

    @pytest.mark.parametrize("how", [*PURGES, "DELETE"])
    def test_started_before_a_purge_and_finished_after_it_is_answered_and_not_stored(self, two, site, how):
        renders, purges_ = two
        site.release("door")
        first = renders.shot(site.url(PAGE), cache={"refresh": True})
        old = {"key": first.headers["X-Cache-Key"], "site": site.url("")}
        site.forget()
        with ThreadPoolExecutor(2) as pool:
            running = pool.submit(renders.shot, site.url(PAGE), cache={"refresh": True})
            assert site.arrived("door").wait(15)
            if how == "DELETE":
                assert purges_.client.delete(f"/v1/cache/{old['key']}").json()["deleted"] is True
            else:
                assert purges_.client.post("/v1/cache/purge", json=PURGES[how](old)).json()["purged"] == 1
            site.release("door")
            caller = running.result()

        assert (caller.status_code, caller.headers["Content-Type"]) == (200, "image/png")
        assert "stored=?0; detail=purged" in caller.headers["Cache-Status"]
        for server in two:
            assert server.client.get(f"/v1/cache/{old['key']}").status_code == 404


class TestARefreshWhileReadersStream:
    """Case 6."""

    READERS, BYTES_PER_S = 6, 4_000_000

    def test_every_stream_is_one_version_byte_for_byte_and_as_long_as_it_said(self, canned):
        url = "https://example.com/"
        taken = canned.shot(url)
        path = f"/v1/cache/{taken.headers['X-Cache-Key']}"
        versions = {taken.headers["ETag"]: taken.content}
        early = [SlowReader(canned.url, canned.key, path) for _ in range(self.READERS)]
        with ThreadPoolExecutor(self.READERS) as pool:
            reading = [pool.submit(one.read, one.length, self.BYTES_PER_S) for one in early]
            for _ in range(3):
                fresh = canned.shot(url, cache={"refresh": True})
                versions[fresh.headers["ETag"]] = fresh.content
                early.append(late := SlowReader(canned.url, canned.key, path))
                late.read(late.length, 50_000_000)
            canned.client.delete(path).raise_for_status()
            for one in reading:
                one.result()

        assert len(set(versions.values())) == 4
        for reader in early:
            reader.hang_up()
            assert reader.status == 200
            assert len(reader.body) == reader.length == 5_000_000
            assert reader.body == versions[reader.headers["etag"]]
        assert {reader.headers["etag"] for reader in early[: self.READERS]} == {taken.headers["ETag"]}
        assert canned.client.get(path).status_code == 404


async def fill(adapters, count, host="https://site.example/"):
    """Put so many entries under host into the index, quicker than one by one; return their keys."""
    lease = await adapters.lease(an_origin("first"))
    await adapters.leases.release(lease)

    def insert(connection: sqlite3.Connection) -> list[str]:
        ns, keys = ns_number(HERE), [f"k{number}" for number in range(count)]
        blank = an_entry(an_origin("k", host), birth=lease.birth, stored_at=adapters.clock(), ttl_s=86_400)
        connection.execute(
            "INSERT INTO dir(ns, dkey, dir_id) VALUES (?, ?, 1)", (ns, directory_of(blank.path))
        )
        for number, key in enumerate(keys, 1):
            connection.execute(
                "INSERT INTO url(ns, ukey, url_id) VALUES (?, ?, ?)", (ns, url_key(f"{host}{number}"), number)
            )
            entry = replace(blank, key=CacheKey(key), id=an_id(key), blob_id=f"{number:032x}")
            connection.execute(INSERT_ENTRY, entry_values(entry, number, 1))
        return keys

    return await adapters.index._database.write(insert)


class TestALargePurgeAmongReadersAndWriters:
    """Case 7, with a small part of its entries: nothing that is asserted depends on their number."""

    ENTRIES, READERS, WRITERS = 5_000, 60, 20

    async def test_no_reader_sees_what_is_gone_the_count_is_exact_and_no_write_waits_for_the_sweep(  # noqa: C901, PLR0915  one scene, told in one piece
        self, tmp_path, clock
    ):
        async with (
            sqlite_adapters(tmp_path / "index.db", clock) as here,
            sqlite_adapters(tmp_path / "index.db", clock) as there,
        ):
            keys = await fill(here, self.ENTRIES)
            stale: list[str] = []
            swept, waits, written = [0], [], []
            answered, over = asyncio.Event(), asyncio.Event()
            sites = [*("https://site.example/w",) * 2, "https://other.example/w"]

            async def read(number: int) -> int:
                chance, adapters, reads = random.Random(number), [here, there][number % 2], 0
                while not over.is_set():
                    key, after = chance.choice(keys), answered.is_set()
                    if await adapters.index.find(HERE, key) is not None and after:
                        stale.append(key)
                    reads += 1
                    await asyncio.sleep(0)
                return reads

            async def write(number: int) -> None:
                adapters = [here, there][number % 2]
                for turn in itertools.count():
                    origin = an_origin(f"w{number}-{turn}", f"{sites[turn % 3]}{number}/{turn}")
                    before, lease = swept[0], await adapters.lease(origin)
                    entry = an_entry(origin, birth=lease.birth, stored_at=clock(), ttl_s=86_400)
                    outcome = await adapters.index.commit(lease, entry)
                    await adapters.leases.release(lease)
                    if adapters is here:  # between processes it is SQLite's lock that says who is next
                        waits.append(swept[0] - before)
                    if outcome == Stored():
                        written.append(entry)
                    elif not answered.is_set():
                        await answered.wait()  # what bars a store will be answered
                    if over.is_set():
                        return

            async def sweep() -> None:
                sweeper = Sweeper(here.purges, None, clock)  # type: ignore[arg-type]
                while await sweeper.step():
                    swept[0] += 1
                    await asyncio.sleep(0)

            readers = [asyncio.create_task(read(number)) for number in range(self.READERS)]
            writers = [asyncio.create_task(write(number)) for number in range(self.WRITERS)]
            while len(written) < self.WRITERS:  # noqa: ASYNC110  they tell nobody
                await asyncio.sleep(0)
            done = await there.purge(PurgeFilter(url=UrlGlob("https://site.example/*")))
            answered.set()
            writes_before = len(written)
            await sweep()
            over.set()
            reads = await asyncio.gather(*readers)
            await asyncio.gather(*writers)

            assert stale == []
            assert sum(reads) > self.READERS
            gone = [entry for entry in written if not await here.index.find(HERE, entry.key)]
            assert all(entry.url_key.startswith(url_key("https://site.example/")) for entry in gone)
            assert done.count == self.ENTRIES + len(gone)
            assert (await here.index.stats(HERE)).entries == len(written) - len(gone)
            # A store is three writes, and each has at most one chunk before it, and one under way.
            assert len(written) > writes_before
            assert swept[0] >= self.ENTRIES // 500
            assert max(waits) <= 6


class TestPurgesAtOnce:
    """Case 8."""

    @pytest.mark.parametrize("few", [500, 0], ids=["deleting", "marking"])
    async def test_that_overlap_count_no_entry_twice_and_a_second_one_nothing(
        self, tmp_path, clock, few, monkeypatch
    ):
        monkeypatch.setattr(purges, "DELETED_AT_ONCE", few)
        async with (
            sqlite_adapters(tmp_path / "index.db", clock) as here,
            sqlite_adapters(tmp_path / "index.db", clock) as there,
        ):
            paths = [f"{first}/{second}" for first in "abc" for second in "xyz"]
            origins = [an_origin(path, f"https://example.com/{path}") for path in paths]
            entries = await here.keep_many(origins)
            asked = ["https://example.com/a/*", "*/x", "https://example.com/*/y", "*/a/z", "*/b/*"]
            filters = [PurgeFilter(url=UrlGlob(glob)) for glob in asked]
            done = await asyncio.gather(*(one.purge(which) for which in filters for one in (here, there)))
            gone = [there_still for there_still in await here.has(*entries) if not there_still]

            assert sum(purge.count for purge in done) == len(gone) == 8  # all but c/z
            assert [(await here.purge(which)).count for which in filters] == [0] * 5


ORDERS = [*itertools.permutations(range(4))]


class TestEverythingThatLetsGo:
    """Case 9: eviction, expiry, a purge's sweep and the orphan sweep meet the same entry."""

    @pytest.mark.parametrize(
        ("order", "at_once"),
        [*((order, False) for order in ORDERS), *((order, True) for order in ORDERS[::5])],
        ids=str,
    )
    async def test_one_blob_is_deleted_once_the_counters_are_right_and_nothing_fails(  # noqa: C901  one scene
        self, tmp_path, clock, order, at_once, monkeypatch
    ):
        monkeypatch.setattr(purges, "DELETED_AT_ONCE", 0)  # so that the purge leaves something to sweep
        deleted: Counter[str] = Counter()
        async with (
            a_studio(tmp_path, clock, hot_bytes=0) as here,
            a_studio(tmp_path, clock, hot_bytes=0) as there,
        ):

            class Counted:
                put, get, after, absent = here.blobs.put, here.blobs.get, here.blobs.after, here.blobs.absent
                drop_unfinished = here.blobs.drop_unfinished

                async def delete(self, blob_id: str) -> None:
                    deleted[blob_id] += 1
                    await here.blobs.delete(blob_id)

            entry = (await here.take(ttl_s=60)).opened.entry
            clock.advance(seconds=59.5)
            sweepers = [Sweeper(one.adapters.purges, Counted(), clock) for one in (here, there)]
            orphans = Reconciler(there.adapters.register, Counted(), lambda: 1e11)
            there.room._limits = RoomLimits(max_bytes=1, min_free_bytes=0)

            async def purge() -> None:
                await here.store.purge(HERE, PurgeFilter(everything=True))
                await sweepers[0].step()

            async def expire() -> None:
                clock.advance(seconds=1)
                await sweepers[1].step()

            async def evict() -> None:
                while await there.room.step() is not None:
                    pass

            async def orphan_sweep() -> None:
                while await orphans.step():
                    pass

            steps = [[purge, expire, evict, orphan_sweep][number]() for number in order]
            if at_once:
                await asyncio.gather(*steps)
            else:
                for step in steps:
                    await step
            for _ in range(3):
                clock.advance(hours=2)
                await orphan_sweep()
                for sweeper in sweepers * 2:
                    await sweeper.step()

            assert deleted == {entry.blob_id: 1}
            usage = here.adapters.ledger.usage()
            assert (usage.entries, usage.used_bytes, usage.probation_bytes) == (0, 0, 0)
            assert (await here.store.stats()).blobs_to_delete == 0
            assert here.blob_files() == set()
