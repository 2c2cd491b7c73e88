"""CacheStore: index and blobs in step, whatever breaks and whoever leaves."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from calotype.cache.entry import Seq
from calotype.cache.errors import EntryNotFound, StoreUnavailable
from calotype.cache.freshness import Hit, Miss
from calotype.cache.policy import MAX_TTL_S, Lifetime
from calotype.cache.ports import Barred, Stored
from calotype.cache.purge import PurgeFilter
from calotype.capture.output import ImageFormat
from calotype.capture.result import Capture
from calotype.capture.verdict import Verdict
from calotype.faults import Point, armed
from tests.support.adapters import sqlite_adapters
from tests.support.builders import HERE, THERE, an_origin
from tests.support.clock import NOON, HandClock
from tests.support.pictures import a_capture, a_png
from tests.support.shots import a_studio

PAGE = an_origin("k", "https://example.com/a")


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture(params=[0, 1_000_000], ids=["cold", "hot"])
async def studio(tmp_path, clock, request):
    async with a_studio(tmp_path, clock, hot_bytes=request.param) as studio:
        yield studio


@pytest.fixture
async def cold(tmp_path, clock):
    """A studio that reads every picture from its file."""
    async with a_studio(tmp_path, clock, hot_bytes=0) as studio:
        yield studio


async def stored(studio, origin=PAGE, number=0, ttl_s=3600):
    """Store a picture, and return it as an entry with its bytes."""
    lease = await studio.adapters.lease(origin)
    opened = studio.store.unstored(lease, origin, a_capture(number), Lifetime(ttl_s=ttl_s))
    assert await studio.store.store(lease, opened) == Stored()
    await studio.adapters.leases.release(lease)
    return opened


def file_of(studio, opened):
    blob_id = opened.entry.blob_id
    return studio.folder / "blobs" / blob_id[:2] / blob_id[2:4] / blob_id


async def in_outbox(studio):
    return (await studio.store.stats()).blobs_to_delete


async def test_what_was_stored_is_opened_as_it_was_by_every_name(studio):
    opened = await stored(studio)
    entry = opened.entry
    for address in (entry.key, entry.id, f"screenshots/{entry.id}", entry.path, f"{entry.id}.webp"):
        assert await studio.store.open(HERE, address) == opened
    for path in (entry.path, f"screenshots/{entry.id}.png", f"screenshots/1999/01/01/{entry.id}.png"):
        assert await studio.store.open_public(path) == opened


async def test_an_entry_is_what_it_says(studio, clock):
    clock.advance(microseconds=1999)
    opened = await stored(studio, ttl_s=60)
    entry = (await studio.store.open(HERE, "k")).entry

    assert entry == opened.entry
    assert entry.path == f"screenshots/2024/01/15/{entry.id}.png"
    assert (entry.size_bytes, entry.width_px, entry.height_px, entry.format) == (
        len(a_png()),
        1,
        1,
        ImageFormat.PNG,
    )
    assert entry.stored_at == NOON + timedelta(milliseconds=1)
    assert (entry.fresh_until, entry.ttl_s) == (NOON + timedelta(seconds=61), 60)


@pytest.mark.parametrize("microseconds", [0, 1, 999, 500_000, 999_999])
@pytest.mark.parametrize("ttl_s", [1, 60, MAX_TTL_S])
async def test_the_ttl_that_was_granted_is_told_whatever_the_fraction_of_the_second(
    cold, clock, ttl_s, microseconds
):
    clock.advance(microseconds=microseconds)

    assert (await stored(cold, ttl_s=ttl_s)).entry.ttl_s == ttl_s


async def test_unknown_expired_purged_and_other_accounts_entries_are_all_alike(studio, clock):
    assert await studio.store.open(HERE, "unknown") is None
    expired = await stored(studio, an_origin("expired"), ttl_s=1)
    theirs = await stored(studio, an_origin("theirs", namespace=THERE))
    purged = await stored(studio, an_origin("purged"))
    await studio.store.delete(HERE, "purged")
    clock.advance(seconds=1)

    for gone in (expired, purged):
        assert await studio.store.open(HERE, gone.entry.key) is None
        assert await studio.store.open(HERE, gone.entry.path) is None
        assert await studio.store.open_public(gone.entry.path) is None
    assert await studio.store.open(HERE, theirs.entry.key) is None
    assert await studio.store.open(HERE, theirs.entry.id) is None
    assert await studio.store.look_up(HERE, expired.entry.key) == Miss(expired=True)
    assert await studio.store.look_up(HERE, purged.entry.key) == Miss(expired=False)
    assert await studio.store.look_up(THERE, theirs.entry.key) == Hit(theirs.entry)


async def test_deleting_says_whether_there_was_anything(studio, clock):
    opened = await stored(studio)
    await studio.store.delete(HERE, opened.entry.path)
    for address in ("k", opened.entry.id, "unknown"):
        with pytest.raises(EntryNotFound):
            await studio.store.delete(HERE, address)
    await stored(studio, ttl_s=1)
    clock.advance(seconds=1)
    with pytest.raises(EntryNotFound):
        await studio.store.delete(HERE, "k")


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", a_png()[:7], b"\xff\xd8\xff\xe0", b"RIFF....WEBP", b" " + a_png()],
    ids=["nothing", "a page", "half a head", "jpeg", "webp", "moved"],
)
async def test_bytes_that_are_no_png_are_not_kept_as_one(studio, data):
    lease = await studio.adapters.lease(PAGE)
    capture = Capture(
        image=data, format=ImageFormat.PNG, width_px=1, height_px=1, verdict=Verdict(), render_ms=1
    )
    with pytest.raises(StoreUnavailable):
        await studio.store.store(lease, studio.store.unstored(lease, PAGE, capture, Lifetime(ttl_s=60)))

    assert studio.blob_files() == set()
    assert await studio.store.open(HERE, "k") is None


@pytest.mark.parametrize(
    ("image_format", "data", "fits"),
    [
        (ImageFormat.JPEG, b"\xff\xd8\xff\xe0rest", True),
        (ImageFormat.WEBP, b"RIFF\x10\0\0\0WEBPVP8 ", True),
        (ImageFormat.JPEG, a_png(), False),
        (ImageFormat.WEBP, b"RIFF\x10\0\0\0WAVEfmt ", False),
    ],
)
async def test_every_format_is_known_by_how_it_begins(cold, image_format, data, fits):
    origin = an_origin("k", image_format=image_format)
    lease = await cold.adapters.lease(origin)
    capture = Capture(
        image=data, format=image_format, width_px=1, height_px=1, verdict=Verdict(), render_ms=1
    )
    opened = cold.store.unstored(lease, origin, capture, Lifetime(ttl_s=60))
    if fits:
        assert await cold.store.store(lease, opened) == Stored()
        assert await cold.store.open(HERE, "k") == opened
    else:
        with pytest.raises(StoreUnavailable):
            await cold.store.store(lease, opened)


async def test_a_refused_store_takes_its_bytes_back(studio):
    lease = await studio.adapters.lease(PAGE)
    opened = studio.store.unstored(lease, PAGE, a_capture(), Lifetime(ttl_s=60))
    await studio.store.purge(HERE, PurgeFilter(keys=("k",)))

    assert await studio.store.store(lease, opened) == Barred(Seq(1))
    assert studio.blob_files() == set()


async def test_a_commit_that_fails_takes_its_bytes_back(studio):
    lease = await studio.adapters.lease(PAGE)
    opened = studio.store.unstored(lease, PAGE, a_capture(), Lifetime(ttl_s=60))
    await studio.adapters.index._database.close()
    with pytest.raises(StoreUnavailable):
        await studio.store.store(lease, opened)

    assert studio.blob_files() == set()


def remove(path):
    path.unlink()


def truncate(path):
    os.truncate(path, 20)


def empty(path):
    os.truncate(path, 0)


def extend(path):
    with path.open("ab") as file:
        file.write(b"more")


def make_folder(path):
    path.unlink()
    path.mkdir()


def make_link(path):
    secret = path.parent / "secret"
    path.rename(secret)
    path.symlink_to(secret)


@pytest.mark.parametrize("spoil", [remove, truncate, empty, extend, make_folder, make_link])
async def test_a_picture_that_is_not_what_was_written_is_a_miss_and_its_entry_dropped(cold, spoil):
    spoilt, sound = await stored(cold), await stored(cold, an_origin("sound"))
    spoil(file_of(cold, spoilt))

    assert await cold.store.open(HERE, "k") is None
    assert await cold.store.look_up(HERE, "k") == Miss(expired=False)
    assert await cold.store.open(HERE, "sound") == sound
    assert await in_outbox(cold) == 1
    again = await stored(cold, number=1)
    assert await cold.store.open(HERE, "k") == again


async def test_an_entry_replaced_between_look_up_and_reading_is_read_anew(cold):
    old = await stored(cold)
    new = await stored(cold, number=1)
    file_of(cold, old).unlink()

    assert await cold.store.read(old.entry) == new
    assert await cold.store.open(HERE, "k") == new


async def test_an_entry_purged_between_look_up_and_reading_is_gone(cold):
    old = await stored(cold)
    await cold.store.delete(HERE, "k")
    file_of(cold, old).unlink()

    assert await cold.store.read(old.entry) is None
    assert await in_outbox(cold) == 1


async def test_what_is_hot_is_served_without_its_file_but_never_after_a_purge(tmp_path, clock):
    async with a_studio(tmp_path, clock) as studio:
        opened = await stored(studio)
        file_of(studio, opened).unlink()
        assert await studio.store.open(HERE, "k") == opened
        await studio.store.purge(HERE, PurgeFilter(keys=("k",)))

        assert await studio.store.open(HERE, "k") is None
        assert await studio.store.open_public(opened.entry.path) is None


@pytest.mark.parametrize("times", [1, 2, 3], ids=["once", "twice", "thrice"])
@pytest.mark.parametrize("turns", [*range(6), 20])
async def test_a_caller_may_be_cancelled_at_any_moment_and_row_and_bytes_stay_together(cold, turns, times):
    lease = await cold.adapters.lease(PAGE)
    opened = cold.store.unstored(lease, PAGE, a_capture(), Lifetime(ttl_s=60))
    storing = asyncio.create_task(cold.store.store(lease, opened))
    for _ in range(turns):
        await asyncio.sleep(0)
    for _ in range(times):
        storing.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([storing])

    there = await cold.store.open(HERE, "k")
    assert there in (None, opened)
    assert cold.blob_files() == ({opened.entry.blob_id} if there else set())
    assert await in_outbox(cold) == 0


async def test_a_caller_cancelled_while_its_picture_is_refused_leaves_no_bytes(cold):
    lease = await cold.adapters.lease(PAGE)
    opened = cold.store.unstored(lease, PAGE, a_capture(), Lifetime(ttl_s=60))
    await cold.store.purge(HERE, PurgeFilter(everything=True))
    storing = asyncio.create_task(cold.store.store(lease, opened))
    await asyncio.sleep(0)
    storing.cancel()
    await asyncio.wait([storing])

    assert storing.cancelled()
    assert cold.blob_files() == set()


class TestTheSamePictureAgain:
    """A refresh whose bytes are those of before writes no blob, and no blob is deleted under its entry."""

    async def test_keeps_its_blob_and_everything_else_is_new(self, studio, clock):
        before = await stored(studio)
        written = file_of(studio, before).stat()
        clock.advance(seconds=90)
        again = await stored(studio, ttl_s=60)

        now_there = await studio.store.open(HERE, "k")
        assert now_there == replace(again, entry=replace(again.entry, blob_id=before.entry.blob_id))
        assert now_there.entry.birth.at == clock()
        assert studio.blob_files() == {before.entry.blob_id}
        assert file_of(studio, before).stat() == written
        assert await in_outbox(studio) == 0

    async def test_counts_no_bytes_as_let_go(self, studio):
        await stored(studio)
        before = studio.adapters.ledger.usage()
        await stored(studio)
        assert studio.adapters.ledger.usage() == before
        await stored(studio, number=1)

        assert studio.adapters.ledger.usage().let_go_bytes == before.let_go_bytes + 4096

    async def test_keeps_its_blob_even_where_the_entry_has_expired(self, studio, clock):
        before = await stored(studio, ttl_s=1)
        clock.advance(seconds=1)
        await stored(studio)

        assert (await studio.store.open(HERE, "k")).entry.blob_id == before.entry.blob_id

    @pytest.mark.parametrize("spoil", [remove, truncate, empty, extend])
    async def test_is_written_anew_where_the_disk_no_longer_holds_it(self, studio, spoil):
        """Memory may still hold it; the next process would find nothing."""
        before = await stored(studio)
        spoil(file_of(studio, before))
        again = await stored(studio)

        assert file_of(studio, again).read_bytes() == again.data
        assert await studio.store.open(HERE, "k") == again

    async def test_is_written_anew_where_another_picture_came_in_between(self, studio):
        first = await stored(studio)
        second = await stored(studio, number=1)
        again = await stored(studio)

        assert await studio.store.open(HERE, "k") == again
        assert await in_outbox(studio) == 2
        assert studio.blob_files() == {opened.entry.blob_id for opened in (first, second, again)}

    @pytest.mark.parametrize("meanwhile", ["dropped", "swept"])
    async def test_is_written_anew_where_the_entry_goes_just_before_the_commit(self, cold, clock, meanwhile):
        before = await stored(cold, ttl_s=1)
        clock.advance(hours=2)
        lease = await cold.adapters.lease(PAGE)
        opened = cold.store.unstored(lease, PAGE, a_capture(), Lifetime(ttl_s=60))

        first_time = [False, True]

        async def in_another_process():
            async with sqlite_adapters(cold.folder / "index.db", clock) as elsewhere:
                if meanwhile == "dropped":
                    await elsewhere.index.forget_broken(before.entry)
                else:
                    assert (await elsewhere.purges.sweep(clock())).entries == 1

        def at_once(point):
            if point is Point.COMMIT_BEFORE and first_time.pop():
                other = threading.Thread(target=lambda: asyncio.run(in_another_process()))
                other.start()
                other.join()

        with armed(at_once):
            assert await cold.store.store(lease, opened) == Stored()

        assert await cold.store.open(HERE, "k") == opened
        assert await in_outbox(cold) == 1
        clock.advance(minutes=2)
        await cold.sweeper.step()
        assert cold.blob_files() == {opened.entry.blob_id}

    async def test_is_not_stored_after_a_purge_and_leaves_the_blob_of_before(self, cold):
        before = await stored(cold)
        lease = await cold.adapters.lease(PAGE)
        opened = cold.store.unstored(lease, PAGE, a_capture(), Lifetime(ttl_s=60))
        await cold.store.purge(HERE, PurgeFilter(keys=("k",)))

        assert await cold.store.store(lease, opened) == Barred(Seq(1))
        assert cold.blob_files() == {before.entry.blob_id}

    async def test_that_is_refused_leaves_the_blob_of_the_entry_that_stays(self, cold):
        early = await cold.adapters.lease(PAGE)
        cold.clock.advance(seconds=16)
        before = await stored(cold)
        opened = cold.store.unstored(early, PAGE, a_capture(), Lifetime(ttl_s=60))

        assert await cold.store.store(early, opened) != Stored()
        assert await cold.store.open(HERE, "k") == before
        assert cold.blob_files() == {before.entry.blob_id}

    async def test_of_another_key_has_a_blob_of_its_own(self, studio):
        one, other = await stored(studio), await stored(studio, an_origin("other"))
        await studio.store.delete(HERE, "k")

        assert one.entry.blob_id != other.entry.blob_id
        assert await studio.store.open(HERE, "other") == other

    async def test_needs_no_room(self, tmp_path, clock):
        free = [2**50]
        async with a_studio(tmp_path, clock, free_bytes=lambda: free[0]) as studio:
            await stored(studio)
            free[0] = 0
            await stored(studio)
