"""Reconciler: orphans go after their hour, entries without picture go, and nothing else does."""

from __future__ import annotations

import asyncio
import os
import secrets
import time

import pytest

from calotype.cache import reconciler as reconciler_module
from calotype.cache.errors import StoreUnavailable
from calotype.cache.freshness import Miss
from calotype.cache.purge import PurgeFilter
from calotype.cache.reconciler import SPARED_S, Reconciler
from tests.support.builders import HERE
from tests.support.clock import HandClock
from tests.support.shots import a_studio


@pytest.fixture
async def studio(tmp_path):
    async with a_studio(tmp_path, HandClock(), hot_bytes=0) as studio:
        yield studio


class Hours:
    """The wall clock, some hours from now."""

    def __init__(self, later_h=0.0):
        self.later_h = later_h

    def __call__(self):
        return time.time() + self.later_h * 3600


def reconciler(studio, later_h=2.0):
    return Reconciler(studio.adapters.register, studio.blobs, Hours(later_h))


async def one_pass(reconciler):
    steps = 1
    while await reconciler.step():
        steps += 1
    return steps


def file_of(studio, blob_id):
    return studio.folder / "blobs" / blob_id[:2] / blob_id[2:4] / blob_id


async def an_orphan(studio):
    blob_id = secrets.token_hex(16)
    await studio.blobs.put(blob_id, b"its entry was never committed")
    return blob_id


async def test_orphans_vanish_in_one_pass_and_pictures_with_an_entry_stay(studio):
    shots = [await studio.take(f"https://example.com/{number}") for number in range(5)]
    for _ in range(5):
        await an_orphan(studio)
    await one_pass(reconciler(studio))

    assert studio.blob_files() == {shot.opened.entry.blob_id for shot in shots}
    assert all(await studio.adapters.has(*(shot.opened.entry for shot in shots)))


@pytest.mark.parametrize(("age_s", "stays"), [(SPARED_S - 60, True), (SPARED_S + 60, False)])
async def test_a_young_file_is_spared_since_its_entry_may_be_on_its_way(studio, age_s, stays):
    orphan = await an_orphan(studio)
    written = time.time() - age_s
    os.utime(file_of(studio, orphan), (written, written))
    await one_pass(reconciler(studio, later_h=0))

    assert studio.blob_files() == ({orphan} if stays else set())


async def test_what_waits_in_the_outbox_is_left_to_the_sweep(studio):
    shot = await studio.take()
    await studio.store.purge(HERE, PurgeFilter(everything=True))
    await one_pass(reconciler(studio))

    assert studio.blob_files() == {shot.opened.entry.blob_id}


async def test_an_expired_entrys_picture_is_left_to_the_sweep(studio):
    shot = await studio.take(ttl_s=1)
    studio.clock.advance(hours=1)
    await one_pass(reconciler(studio))

    assert studio.blob_files() == {shot.opened.entry.blob_id}


async def test_an_entry_whose_picture_is_missing_is_dropped_before_anybody_asks(studio):
    lost = await studio.take("https://example.com/lost")
    sound = await studio.take("https://example.com/sound")
    file_of(studio, lost.opened.entry.blob_id).unlink()
    await one_pass(reconciler(studio))

    assert await studio.store.look_up(HERE, lost.opened.entry.key) == Miss(expired=False)
    assert (await studio.take("https://example.com/sound")).opened == sound.opened


async def test_what_was_left_half_written_goes_at_the_first_step(studio):
    aside = studio.folder / "blobs" / "tmp" / secrets.token_hex(16)
    aside.write_bytes(b"half")
    await reconciler(studio, later_h=0).step()
    assert aside.exists()
    await reconciler(studio, later_h=2).step()
    assert not aside.exists()


async def test_a_step_looks_at_one_folder_and_a_few_rows(studio, monkeypatch):
    monkeypatch.setattr(reconciler_module, "_ROWS_AT_ONCE", 2)
    for number in range(6):
        await studio.take(f"https://example.com/{number}")
    orphan = await an_orphan(studio)
    folders = {blob[:4] for blob in studio.blob_files()}
    walk = reconciler(studio)
    before = len(studio.blob_files())
    await walk.step()
    assert before - len(studio.blob_files()) <= 1

    # One more step finds that nothing is left.
    assert await one_pass(walk) == len(folders)
    assert orphan not in studio.blob_files()
    assert await one_pass(walk) in (len(folders), len(folders) + 1)


async def test_a_file_that_comes_and_an_entry_that_goes_during_a_pass_do_no_harm(studio):
    first = await studio.take("https://example.com/first")
    walk = reconciler(studio)
    await walk.step()
    await studio.store.purge(HERE, PurgeFilter(keys=(first.opened.entry.key,)))
    second = await studio.take("https://example.com/second")
    await one_pass(walk)
    await one_pass(walk)

    assert studio.blob_files() == {first.opened.entry.blob_id, second.opened.entry.blob_id}
    assert await studio.adapters.has(second.opened.entry) == [True]


class StoringMeanwhile:
    """A register that is asked only after one more picture has been stored, file and entry."""

    def __init__(self, studio):
        self._studio, self.stored = studio, []
        register = studio.adapters.register
        self.named, self.forget = register.named, register.forget

    async def unknown(self, blob_ids):
        shot = await self._studio.take(f"https://example.com/meanwhile/{len(self.stored)}")
        self.stored.append(shot.opened.entry)
        return await self._studio.adapters.register.unknown(blob_ids)


async def test_what_is_stored_between_listing_and_asking_is_safe(studio):
    await an_orphan(studio)
    register = StoringMeanwhile(studio)
    walk = Reconciler(register, studio.blobs, Hours(2))
    for _ in range(10):
        await walk.step()

    assert register.stored
    assert all(await studio.adapters.has(*register.stored))
    assert {entry.blob_id for entry in register.stored} <= studio.blob_files()


class FailingOnce:
    """Blobs whose next delete fails."""

    def __init__(self, blobs):
        self._blobs, self.failures = blobs, 1
        self.put, self.get = blobs.put, blobs.get
        self.after, self.absent, self.drop_unfinished = blobs.after, blobs.absent, blobs.drop_unfinished

    async def delete(self, blob_id):
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the disk is not there")
        await self._blobs.delete(blob_id)


async def test_an_orphan_that_cannot_be_removed_holds_up_no_other_and_is_tried_in_the_next_pass(studio):
    for _ in range(3):
        await an_orphan(studio)
    walk = Reconciler(studio.adapters.register, FailingOnce(studio.blobs), Hours(2))
    await one_pass(walk)
    assert len(studio.blob_files()) == 1
    await one_pass(walk)

    assert studio.blob_files() == set()


async def test_an_index_that_cannot_be_used_puts_the_walk_off(studio, monkeypatch):
    await studio.adapters.index._database.close()
    noted = asyncio.Event()
    monkeypatch.setattr(reconciler_module._log, "warning", lambda *_: noted.set())
    walking = asyncio.create_task(reconciler(studio).run())
    await asyncio.wait_for(noted.wait(), 10)

    assert not walking.done()
    walking.cancel()
    await asyncio.wait([walking])
