"""IndexProbe: real locks and real files say whether the index can be written."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from calotype.cache.errors import StoreUnavailable
from calotype.findings import Fault
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite import probe as module
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.probe import IndexProbe
from tests.support.troubles import locked, read_only


@pytest.fixture
async def database(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_WAIT_S", 0.1)
    database = Database(SqliteSettings(path=tmp_path / "index.db", busy_timeout_s=0.1))
    yield database
    await database.close()


@pytest.fixture
def probe(database):
    return IndexProbe(database)


def write_once(connection):
    connection.execute("UPDATE room SET hand = hand + 1")


async def test_an_index_that_can_be_written_is_written_once_and_then_left_in_peace(database, probe):
    before = database.data_version()
    assert probe.check() is None
    after = database.data_version()
    assert after != before
    # Whoever commits makes every process forget the rows it remembers.
    assert [probe.check() for _ in range(3)] == [None] * 3

    assert database.data_version() == after


async def test_what_another_process_keeps_locked_is_told_until_it_lets_go(database, probe, tmp_path):
    assert probe.check() is None
    database.wrote_at -= 1
    with locked(tmp_path / "index.db"):
        assert probe.check() is Fault.LOCKED

    assert probe.check() is None


async def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    database = Database(SqliteSettings(path=tmp_path / "data" / "index.db"))
    try:
        with read_only(tmp_path / "data"):
            assert IndexProbe(database).check() in (Fault.READ_ONLY, Fault.FAILING)
        assert IndexProbe(database).check() is None
    finally:
        await database.close()


async def test_a_writer_that_failed_is_not_believed_until_something_was_written(database, probe):
    assert probe.check() is None
    database.well = False
    before = database.data_version()
    assert probe.check() is None

    assert database.data_version() != before
    assert database.well


async def test_after_a_failure_a_commit_that_wrote_nothing_proves_nothing(database, probe, tmp_path):
    await database.write(write_once)
    with locked(tmp_path / "index.db"), pytest.raises(StoreUnavailable):
        await database.write(write_once)
    await database.write(lambda _: None)
    before = database.data_version()
    assert probe.check() is None

    assert database.data_version() != before


async def test_a_failed_group_is_noted_and_the_next_good_one_too(database, tmp_path):
    with locked(tmp_path / "index.db"), pytest.raises(StoreUnavailable, match="locked"):
        await database.write(write_once)
    assert not database.well
    await database.write(write_once)

    assert database.well


async def test_a_lock_that_outlasts_a_wait_is_waited_for_less_until_it_is_gone(tmp_path):
    database = Database(SqliteSettings(path=tmp_path / "index.db", busy_timeout_s=0.5))
    waits = []

    def note(statement):
        if "busy_timeout" in statement:
            waits.append(statement.rpartition(" ")[2])

    database._writer.set_trace_callback(note)
    with locked(tmp_path / "index.db"):
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="locked"):
                await database.write(write_once)
    for _ in range(2):
        await database.write(write_once)
    await database.close()

    assert waits == ["500", "250", "250", "500"]


async def test_it_does_not_queue_behind_what_waits_for_the_writer(database, probe):
    goes_on, inside = threading.Event(), threading.Event()

    def hold(connection):
        write_once(connection)
        inside.set()
        assert goes_on.wait(30)

    waiting = [asyncio.create_task(database.write(hold))]
    try:
        await asyncio.to_thread(inside.wait, 30)
        waiting += [asyncio.create_task(database.write(write_once)) for _ in range(3000)]
        await asyncio.sleep(0)

        assert await asyncio.to_thread(probe.check) is Fault.LOCKED
        assert database._jobs.qsize() == 3000
    finally:
        goes_on.set()
        await asyncio.gather(*waiting)
    assert probe.check() is None


async def test_a_busy_writer_that_gets_through_is_proof_enough(database, probe, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_WAIT_S", 0.0)
    with locked(tmp_path / "index.db"):
        assert probe.check() is Fault.LOCKED
        # As if our own writer's groups followed so closely that nobody else gets in between.
        fails = probe._try

        def comes_too_late(connection, *, writing):
            database.wrote_at = time.monotonic()
            fails(connection, writing=writing)

        monkeypatch.setattr(probe, "_try", comes_too_late)
        assert probe.check() is None
