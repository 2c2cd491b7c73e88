"""Sweeper: what can no longer be had is freed, a while later; what can is not."""

from __future__ import annotations

import asyncio

import pytest

from calotype.cache.errors import StoreUnavailable
from calotype.cache.purge import PurgeFilter
from calotype.cache.sweeper import Sweeper
from calotype.sql.sqlite.outbox import BLOB_GRACE_MS
from tests.support.builders import HERE
from tests.support.clock import HandClock
from tests.support.shots import a_studio


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def studio(tmp_path, clock):
    async with a_studio(tmp_path, clock, hot_bytes=0) as studio:
        yield studio


async def sweep(studio):
    while await studio.sweeper.step():
        pass


def rows(studio, table):
    (count,) = studio.adapters.index._database.reader.execute(f"SELECT count(*) FROM {table}").fetchone()
    return count


async def test_a_purged_picture_outlives_its_entry_by_the_time_a_reply_takes(studio, clock):
    shot = await studio.take()
    await studio.store.purge(HERE, PurgeFilter(everything=True))
    assert await studio.store.open(HERE, shot.opened.entry.key) is None

    clock.advance(milliseconds=BLOB_GRACE_MS - 1)
    await sweep(studio)
    assert studio.blob_files() == {shot.opened.entry.blob_id}
    clock.advance(milliseconds=1)
    await sweep(studio)
    assert studio.blob_files() == set()
    assert rows(studio, "blob_gc") == 0


async def test_an_expired_picture_goes_and_a_fresh_one_stays(studio, clock):
    await studio.take("https://example.com/brief", ttl_s=60, sie_s=0)
    lasting = await studio.take("https://example.com/lasting", ttl_s=86_400)
    clock.advance(hours=2)
    await sweep(studio)
    clock.advance(minutes=2)
    await sweep(studio)

    assert studio.blob_files() == {lasting.opened.entry.blob_id}
    assert (await studio.take("https://example.com/lasting")).opened == lasting.opened
    assert (rows(studio, "entry"), rows(studio, "url"), rows(studio, "dir")) == (1, 1, 1)


async def test_a_replaced_picture_goes_and_its_successor_stays(studio, clock):
    await studio.take(ttl_s=86_400)
    refreshed = await studio.take(refresh=True, ttl_s=86_400)
    clock.advance(minutes=2)
    await sweep(studio)

    assert studio.blob_files() == {refreshed.opened.entry.blob_id}
    assert (await studio.take()).opened == refreshed.opened


async def test_when_all_is_gone_no_row_of_it_is_left(studio, clock):
    for number in range(5):
        await studio.take(f"https://example.com/{number}")
    await studio.store.purge(HERE, PurgeFilter(everything=True))
    clock.advance(minutes=2)
    await sweep(studio)

    assert [rows(studio, table) for table in ("entry", "url", "dir", "blob_gc", "lease")] == [0] * 5
    assert studio.blob_files() == set()


class StubbornBlobs:
    """Blobs of which the first cannot be deleted for now."""

    def __init__(self, blobs, failures):
        self._blobs, self._failures = blobs, failures
        self.put, self.get = blobs.put, blobs.get

    async def delete(self, blob_id):
        if self._failures:
            self._failures -= 1
            raise StoreUnavailable("the disk is not there")
        await self._blobs.delete(blob_id)


async def test_a_picture_that_cannot_be_deleted_holds_up_no_other_and_is_tried_again(studio, clock):
    for number in range(3):
        await studio.take(f"https://example.com/{number}")
    await studio.store.purge(HERE, PurgeFilter(everything=True))
    clock.advance(minutes=2)
    sweeper = Sweeper(studio.adapters.purges, StubbornBlobs(studio.blobs, failures=1), clock)
    await sweeper.step()
    assert (rows(studio, "blob_gc"), len(studio.blob_files())) == (1, 1)
    await sweeper.step()

    assert (rows(studio, "blob_gc"), len(studio.blob_files())) == (0, 0)


async def test_a_crash_between_deleting_a_picture_and_noting_it_does_no_harm(studio, clock):
    shot = await studio.take()
    await studio.store.purge(HERE, PurgeFilter(everything=True))
    await studio.blobs.delete(shot.opened.entry.blob_id)
    clock.advance(minutes=2)
    await sweep(studio)

    assert rows(studio, "blob_gc") == 0


async def test_an_index_that_cannot_be_used_puts_the_sweep_off(studio, caplog):
    await studio.adapters.index._database.close()
    sweeping = asyncio.create_task(studio.sweeper.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert "sweep put off" in caplog.text
    assert not sweeping.done()
    sweeping.cancel()
    await asyncio.wait([sweeping])
