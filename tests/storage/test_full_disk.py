"""A disk that is full or fails, at every step: the picture is answered, and all heals by itself."""

from __future__ import annotations

import asyncio
import errno
import itertools
import sqlite3
import threading
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from calotype.bootstrap import open_service
from calotype.cache.breaker import OPEN_S
from calotype.cache.errors import DiskFull, EntryNotFound
from calotype.cache.purge import PurgeFilter
from calotype.cache.room import RoomLimits
from calotype.clock import utc_now
from calotype.faults import Point, armed
from calotype.settings import load_settings
from calotype.shots.shot import Served
from calotype.sql.sqlite import purges as sqlite_purges
from tests.support.builders import HERE
from tests.support.pictures import a_png
from tests.support.renderer import CannedRenderer
from tests.support.service import a_bench
from tests.support.storing import take

PICTURE_BYTES = 300_000
BLOB_STEPS = [point for point in Point if point.startswith("blob-")]


@contextmanager
def failing(point, error):
    """Let that step fail for as long as this lasts; tell how often it was tried."""
    tries = []

    def fail(reached):
        if reached is point:
            tries.append(point)
            raise error()

    with armed(fail):
        yield tries


def refusing(code):
    return lambda: OSError(code, "refused")


def sqlite_error(code):
    error = sqlite3.OperationalError("told by a test")
    error.sqlite_errorcode = code
    return error


@pytest.fixture
async def service(disk):
    renderer = CannedRenderer()
    renderer.picture_bytes = PICTURE_BYTES
    async with open_service(
        load_settings({"data": str(disk.data)}, {"CALOTYPE_CACHE_MIN_FREE": "0"}), renderer
    ) as service:
        yield service


def pages():
    return (f"https://example.com/{number}" for number in itertools.count())


def files(service_folder):
    return sorted(
        path.name for path in (service_folder / "blobs").rglob("*") if path.is_file() or path.is_symlink()
    )


def rows(service):
    return service.remembering.index._database.read_one("SELECT count(*) FROM entry")[0]


def time_passes(service):
    """Let the breaker's time be over."""
    service.remembering.store._breaker._until -= OPEN_S


class TestAFullDisk:
    async def test_a_picture_is_answered_uncached_and_all_is_well_once_there_is_room(self, service, disk):
        urls = pages()
        kept = await take(service, next(urls))
        before = files(disk.data)
        disk.fill()
        for number in range(1, 4):
            shot = await take(service, next(urls))
            assert (shot.served, shot.stored, shot.detail) == (Served.MISS, False, "disk-full")
            assert shot.opened.data == a_png(number, PICTURE_BYTES)
            time_passes(service)
        assert files(disk.data) == before
        assert rows(service) == 1
        assert (await take(service, "https://example.com/0")).opened == kept.opened

        disk.free()
        time_passes(service)
        again = await take(service, url := next(urls))
        assert again.stored
        assert (await take(service, url)).served is Served.HIT
        assert (disk.data / "ballast").exists()

    async def test_a_purge_and_a_delete_can_be_written_down(self, service, disk):
        urls = [next(pages_) for pages_ in [pages()] for _ in range(3)]
        shots = [await take(service, url) for url in urls]
        disk.fill()
        await service.remembering.store.delete(HERE, shots[0].opened.entry.key)
        # What the log holds already is no proof: a good many, so that it must grow.
        for number in range(400):
            with pytest.raises(EntryNotFound):
                await service.remembering.store.delete(HERE, f"unknown-{number}")
        assert (await service.remembering.store.purge(HERE, PurgeFilter(everything=True))).count == 2
        for shot in shots:
            assert await service.remembering.store.open(HERE, shot.opened.entry.key) is None
        # Only a real disk is so full that the ballast is needed.
        assert (disk.data / "ballast").exists() is not disk.real

    async def test_the_room_that_deletes_need_is_not_taken_by_pictures(self, service, disk):
        urls = pages()
        await take(service, next(urls))
        disk.fill()
        service.remembering.ballast.drop()
        before = files(disk.data)
        for _ in range(3):
            shot = await take(service, next(urls))
            assert (shot.stored, shot.detail) == (False, "disk-full")
            time_passes(service)

        assert files(disk.data) == before

    async def test_the_breaker_spares_a_full_disk_for_a_while(self, service, disk):
        urls = pages()
        await take(service, next(urls))
        disk.fill()
        assert (await take(service, next(urls))).detail == "disk-full"
        disk.free()
        # There is room again, but nobody has looked.
        assert (await take(service, next(urls))).detail == "disk-full"
        time_passes(service)
        assert (await take(service, next(urls))).stored

    async def test_eviction_can_be_written_down_and_makes_the_room_that_stores_need(self, service, disk):
        remembering, urls = service.remembering, pages()
        shots = [await take(service, next(urls)) for _ in range(120)]
        disk.fill()
        assert (await take(service, next(urls))).detail in ("disk-full", "no-room")
        remembering.room._limits = RoomLimits(max_bytes=1, min_free_bytes=0)
        while await remembering.room.step() is not None:
            await remembering.sweeper.step()
        assert rows(service) == 0
        # A minute later the bytes go as well, and nobody but the cache has made room.
        remembering.sweeper._clock = lambda: utc_now() + timedelta(minutes=2)
        while await remembering.sweeper.step():
            pass
        assert files(disk.data) == []
        remembering.room._limits = RoomLimits(min_free_bytes=0)
        time_passes(service)
        if not disk.real:
            disk.free()
        assert all(shot.stored for shot in shots)
        assert (await take(service, next(urls))).stored

    async def test_a_checkpoint_that_finds_no_room_loses_nothing_and_is_made_up_for(self, service, disk):
        urls, database = pages(), service.remembering.index._database
        kept = await take(service, first := next(urls))
        await database.write(
            lambda connection: connection.execute("CREATE TABLE large AS SELECT zeroblob(4000000) AS text")
        )
        service.remembering.ballast.drop()
        disk.fill()
        with closing(sqlite3.connect(disk.data / "index.sqlite", isolation_level=None)) as other:
            if disk.real:
                with pytest.raises(sqlite3.OperationalError, match="full"):
                    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            assert (await take(service, first)).opened == kept.opened
            assert (await take(service, next(urls))).detail == "disk-full"
            assert other.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            disk.free()
            time_passes(service)
            assert (await take(service, next(urls))).stored
            assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0] == 0
            assert other.execute("SELECT length(text) FROM large").fetchall() == [(4_000_000,)]
        assert (await take(service, first)).served is Served.HIT


class TestEveryStep:
    @pytest.mark.parametrize(
        ("code", "detail"),
        [(errno.ENOSPC, "disk-full"), (errno.EDQUOT, "disk-full"), (errno.EIO, "store-unavailable")],
        ids=["ENOSPC", "EDQUOT", "EIO"],
    )
    @pytest.mark.parametrize("point", BLOB_STEPS)
    async def test_of_writing_a_blob_may_fail(self, service, disk, point, code, detail):
        urls = pages()
        await take(service, next(urls))
        before = files(disk.data)
        with failing(point, refusing(code)) as tries:
            shots = [await take(service, next(urls)) for _ in range(3)]

        assert {(shot.stored, shot.detail) for shot in shots} == {(False, detail)}
        assert len(tries) == 1, "the breaker was to keep the others from the disk"
        assert (files(disk.data), rows(service)) == (before, 1)
        time_passes(service)
        assert (await take(service, next(urls))).stored

    @pytest.mark.parametrize(
        ("code", "detail", "tried"),
        [
            (sqlite3.SQLITE_FULL, "disk-full", 2),
            (sqlite3.SQLITE_IOERR_WRITE, "store-unavailable", 2),
            (sqlite3.SQLITE_IOERR_FSYNC, "store-unavailable", 1),
        ],
        ids=["full", "write", "fsync"],
    )
    async def test_of_the_commit_may_fail(self, service, disk, code, detail, tried):
        urls = pages()
        await take(service, next(urls))
        before = files(disk.data)
        with failing(Point.COMMIT_INSIDE, lambda: sqlite_error(code)) as tries:
            shots = [await take(service, next(urls)) for _ in range(3)]

        assert {(shot.stored, shot.detail) for shot in shots} == {(False, detail)}
        # Once more after room was made, where that might have helped.
        assert len(tries) == tried
        assert (files(disk.data), rows(service)) == (before, 1)
        time_passes(service)
        assert (await take(service, next(urls))).stored
        assert (disk.data / "ballast").exists()

    async def test_of_a_group_commit_may_fail_and_nobodys_write_is_done_twice_or_half(self, service):
        database = service.remembering.index._database
        await database.write(lambda connection: connection.execute("CREATE TABLE note(text TEXT)"))
        service.remembering.ballast.lay()
        begun, together, refusals = threading.Event(), threading.Event(), [sqlite3.SQLITE_FULL]

        def plug(_):
            begun.set()
            together.wait(10)

        def note(text):
            def write(connection):
                connection.execute("INSERT INTO note VALUES (?)", (text,))
                if text == "b" and refusals:
                    raise sqlite_error(refusals.pop())

            return write

        plugging = asyncio.create_task(database.write(plug))
        await asyncio.to_thread(begun.wait, 10)
        writes = [asyncio.create_task(database.write(note(text))) for text in "abc"]
        await asyncio.sleep(0)
        together.set()
        await asyncio.gather(plugging, *writes)

        assert refusals == []
        noted = database.read(lambda reader: reader.execute("SELECT text FROM note").fetchall())
        assert noted == [("a",), ("b",), ("c",)]

    async def test_a_database_that_can_grow_no_more_refuses_with_its_true_reason(self, service):
        database = service.remembering.index._database
        service.remembering.ballast.drop()
        pages_now = await database.write(
            lambda connection: connection.execute("PRAGMA page_count").fetchone()[0]
        )
        database._writer.execute(f"PRAGMA max_page_count = {pages_now}")
        with pytest.raises(DiskFull):
            await database.write(
                lambda connection: connection.execute("CREATE TABLE big AS SELECT zeroblob(1000000) AS x")
            )
        database._writer.execute("PRAGMA max_page_count = 1000000000")
        assert await database.write(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)


class TestTheBallast:
    async def test_it_is_laid_with_the_first_picture_and_gone_with_the_server(self, disk):
        settings = load_settings({"data": str(disk.data)}, {"CALOTYPE_CACHE_MIN_FREE": "0"})
        async with open_service(settings, CannedRenderer()) as service:
            await take(service, "https://example.com/")
            assert (disk.data / "ballast").exists()
        assert not (disk.data / "ballast").exists()

    async def test_it_is_thrown_out_once_for_a_commit_and_the_commit_tried_again(self, service, disk):
        service.remembering.ballast.lay()
        refusals = [sqlite3.SQLITE_FULL]

        def write(connection):
            if refusals:
                refusals.pop()
                raise sqlite_error(sqlite3.SQLITE_FULL)
            return "done"

        assert await service.remembering.index._database.write(write) == "done"
        assert not (disk.data / "ballast").exists()

    async def test_without_it_a_full_disk_is_told(self, service):
        service.remembering.ballast.drop()

        def write(connection):
            raise sqlite_error(sqlite3.SQLITE_FULL)

        with pytest.raises(DiskFull):
            await service.remembering.index._database.write(write)


async def test_the_reply_says_that_the_disk_is_full(tmp_path):
    async with a_bench(tmp_path) as bench:
        with failing(Point.BLOB_WRITTEN, refusing(errno.ENOSPC)):
            reply = await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"})

    assert reply.status_code == 200
    assert reply.headers["cache-status"] == "calotype; fwd=uri-miss; stored=?0; detail=disk-full"
    assert reply.headers["cache-control"] == "no-store"
    assert "x-cache-url" not in reply.headers


async def test_a_purge_that_cannot_be_written_down_is_refused_and_not_pretended(tmp_path, monkeypatch):
    async with a_bench(tmp_path) as bench:
        await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"})
        bench.service.remembering.ballast.drop()

        def full(*_, **__):
            raise sqlite_error(sqlite3.SQLITE_FULL)

        with monkeypatch.context() as patched:
            patched.setattr(sqlite_purges, "_purge", full)
            reply = await bench.client.post("/v1/cache/purge", json={"all": True})
        assert (reply.status_code, reply.json()["error"]["retryable"]) == (503, True)
        assert "retry-after" in reply.headers
        assert (await bench.client.post("/v1/cache/purge", json={"all": True})).json()["purged"] == 1
