"""Scans: whatever they look through, and however long, they hold up neither writes nor look-ups."""

from __future__ import annotations

import asyncio
import threading

import pytest

from calotype.cache.errors import StoreUnavailable
from calotype.cache.globs import UrlGlob
from calotype.cache.purge import PurgeFilter
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite import database as module
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.entries import SqliteEntryIndex
from tests.support.adapters import pages, sqlite_adapters
from tests.support.builders import HERE
from tests.support.clock import HandClock

FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
async def database(tmp_path):
    database = Database(SqliteSettings(path=tmp_path / "index ?#%.db", busy_timeout_s=0.1))
    await database.write(lambda connection: connection.execute("CREATE TABLE note(text TEXT)"))
    yield database
    await database.close()


def add(connection):
    connection.execute("INSERT INTO note VALUES ('x')")


def count(connection):
    return connection.execute("SELECT count(*) FROM note").fetchone()[0]


class Slow:
    """A scan that reads twice, the second time when it is told to."""

    def __init__(self):
        self.begun, self.goes_on = threading.Event(), threading.Event()

    def __call__(self, connection):
        before = count(connection)
        self.begun.set()
        assert self.goes_on.wait(30)
        return before, count(connection)


@pytest.fixture
async def slow(database):
    slow = Slow()
    scanning = asyncio.create_task(database.scan(slow))
    await asyncio.to_thread(slow.begun.wait, 30)
    yield slow, scanning
    slow.goes_on.set()
    await asyncio.wait([scanning])


async def test_a_scan_sees_what_was_written_before_it(database):
    for number in range(1, 4):
        await database.write(add)
        assert await database.scan(count) == number


async def test_a_scan_that_takes_long_holds_up_no_write_and_sees_one_state(database, slow):
    scan, scanning = slow
    await database.write(add)
    assert database.read(count) == 1
    assert await database.scan(count) == 1
    scan.goes_on.set()

    assert await scanning == (0, 0)


async def test_a_scan_that_takes_too_long_is_ended_and_the_next_is_not(database, monkeypatch):
    monkeypatch.setattr(module, "SCAN_S", 0.05)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="narrow the filter"):
            await database.scan(lambda connection: connection.execute(FOR_EVER).fetchone())
    monkeypatch.setattr(module, "SCAN_S", 30.0)

    assert await database.scan(count) == 0


async def test_a_scan_writes_nothing_but_tables_of_its_own(database):
    with pytest.raises(StoreUnavailable, match="readonly"):
        await database.scan(add)
    for _ in range(3):
        await database.scan(lambda connection: connection.execute("CREATE TEMP TABLE own(id INTEGER)"))

    assert await database.scan(count) == 0


async def test_more_than_can_wait_are_refused_and_whoever_leaves_is_counted_until_its_scan_ends(
    database, slow, monkeypatch
):
    scan, scanning = slow
    monkeypatch.setattr(module, "MAX_WAITING_SCANS", 1)
    others = [asyncio.create_task(database.scan(scan)) for _ in range(2)]
    await asyncio.sleep(0)
    for leaving in others:
        leaving.cancel()
    await asyncio.wait(others)
    with pytest.raises(StoreUnavailable, match="waiting"):
        await database.scan(count)
    scan.goes_on.set()
    await scanning
    await database.close()

    assert database._scans_asked_for == 0


async def test_closing_ends_the_scans_that_run(database):
    begun = threading.Event()

    def scan(connection):
        begun.set()
        connection.execute(FOR_EVER).fetchone()

    scanning = asyncio.create_task(database.scan(scan))
    await asyncio.to_thread(begun.wait, 30)
    await database.close()
    with pytest.raises(StoreUnavailable):
        await scanning
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.scan(count)


async def test_lists_and_figures_are_told_while_the_writer_is_busy(tmp_path):
    async with sqlite_adapters(tmp_path / "index.db", HandClock()) as adapters:
        await adapters.keep_many(pages(20))
        await adapters.purge(PurgeFilter(keys=("k1",)))
        holding, goes_on = threading.Event(), threading.Event()

        def hold(_connection):
            holding.set()
            assert goes_on.wait(30)

        assert isinstance(adapters.index, SqliteEntryIndex)
        held = asyncio.create_task(adapters.index._database.write(hold))
        await asyncio.to_thread(holding.wait, 30)
        try:
            filters = [
                None,
                PurgeFilter(url=UrlGlob("*/1*")),
                PurgeFilter(keys=("k2", "k3")),
                PurgeFilter(before=adapters.clock().replace(year=2030)),
            ]
            found = [len((await adapters.index.page(HERE, which, None, 100))[0]) for which in filters]
            assert found == [19, 10, 2, 19]
            assert (await adapters.index.stats(HERE)).entries == 19
            purges, _ = await adapters.purges.page(HERE, None, 10)
            assert [purge.count for purge in purges] == [1]
            assert not held.done()
        finally:
            goes_on.set()
            await held
