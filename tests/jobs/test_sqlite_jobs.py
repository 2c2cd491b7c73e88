"""Jobs on SQLite: whoever shares the file shares the machine, so a dead process is seen to be dead."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from calotype.jobs.engine import Kind
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.jobs import SqliteJobs
from tests.support.clock import HandClock
from tests.support.waiting import becomes


@pytest.fixture
async def database(tmp_path):
    database = Database(SqliteSettings(path=tmp_path / "index.db"))
    yield database
    await database.close()


async def held_by(database, owner, lease_ms):
    def hold(connection: sqlite3.Connection):
        connection.execute("UPDATE job SET owner = ?, lease_ms = ?", (owner, lease_ms))

    await database.write(hold)


async def run_until_done(jobs):
    done = asyncio.Event()

    async def do(_subject):
        done.set()

    kind = Kind(name="frame", run=do, at_once=1, pauses=(), limit_s=10)
    running = asyncio.create_task(jobs.run([kind]))
    try:
        await done.wait()
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_what_a_dead_process_held_is_taken_at_once(database):
    clock = HandClock()
    jobs = SqliteJobs(database, clock)
    await jobs.submit("frame", "a")
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    await held_by(database, f"{gone.pid}:0000", int(clock().timestamp() * 1000) + 10_000)

    await run_until_done(jobs)


async def test_a_lease_that_ends_later_than_any_could_does_not_hold(database):
    clock = HandClock()
    jobs, other = SqliteJobs(database, clock), SqliteJobs(database, clock)
    await jobs.submit("frame", "a")
    await held_by(database, other._owner.name, int(clock().timestamp() * 1000) + 3_600_000)

    await run_until_done(jobs)


class Held:
    """A handler that never ends by itself, and counts how often it was begun."""

    def __init__(self):
        self.begun = 0

    async def __call__(self, _subject):
        self.begun += 1
        await asyncio.Event().wait()

    @property
    def kind(self):
        return Kind(name="frame", run=self, at_once=5, pauses=(), limit_s=10_000)


@asynccontextmanager
async def running(jobs, held):
    task = asyncio.create_task(jobs.run([held.kind]))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def looks(jobs, monkeypatch):
    """Return when jobs has looked for what is due once more, from the beginning to the end."""
    count, look = 0, jobs._look

    async def counted(kinds):
        nonlocal count
        await look(kinds)
        count += 1

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "_look", counted)
        jobs.wake()
        await becomes(lambda: count)


@pytest.mark.parametrize("behind_ms", [1, 2_000])
async def test_a_process_whose_clock_is_a_little_behind_takes_nothing_from_who_runs_it(
    database, monkeypatch, behind_ms
):
    clock = HandClock()
    first = SqliteJobs(database, clock)
    await first.submit("frame", "a")
    clock.advance(seconds=5)
    second = SqliteJobs(database, HandClock(clock() - timedelta(milliseconds=behind_ms)))
    here, there = Held(), Held()
    async with running(first, here):
        await becomes(lambda: here.begun)
        async with running(second, there):
            await looks(second, monkeypatch)

    assert (here.begun, there.begun) == (1, 0)


@pytest.mark.parametrize("lease_ms", [0, 2**50])
async def test_what_a_process_still_runs_it_does_not_begin_beside(database, monkeypatch, lease_ms):
    jobs, held = SqliteJobs(database, HandClock()), Held()
    await jobs.submit("frame", "a")
    async with running(jobs, held):
        await becomes(lambda: held.begun)
        await looks(jobs, monkeypatch)
        # As when another process has taken it over and let go of it, before this one has noticed.
        await held_by(database, jobs._owner.name, lease_ms)
        await looks(jobs, monkeypatch)

    assert held.begun == 1


async def test_a_job_is_there_if_and_only_if_the_rows_that_it_is_about_are(database):
    jobs = SqliteJobs(database, HandClock())

    def fails(connection):
        jobs.enqueue(connection, "frame", "a")
        raise RuntimeError("the rows could not be written")

    with pytest.raises(RuntimeError):
        await database.write(fails)
    assert database.read_one("SELECT count(*) FROM job") == (0,)

    await database.write(lambda connection: jobs.enqueue(connection, "frame", "b"))
    assert database.read_one("SELECT subject FROM job") == ("b",)


async def test_who_mourns_is_called_in_the_transaction_in_which_a_job_dies_and_not_while_it_is_wanted(
    database,
):
    jobs, begun, mourned = SqliteJobs(database, HandClock()), 0, []

    def mourn(connection, death):
        mourned.append((death.subject, death.failures, death.error, begun))
        jobs.enqueue(connection, "burial", death.subject)

    async def fail(subject):
        nonlocal begun
        begun += 1
        if begun == 1:
            # Once more, for something new: this failure is not the last.
            await jobs.submit("frame", subject)
        raise ValueError("session=1")

    buried = asyncio.Event()

    async def bury(_subject):
        buried.set()

    jobs.mourn("frame", mourn)
    await jobs.submit("frame", "a")
    kinds = [
        Kind(name=name, run=run, at_once=1, pauses=(), limit_s=10)
        for name, run in (("frame", fail), ("burial", bury))
    ]
    task = asyncio.create_task(jobs.run(kinds))
    await becomes(buried.is_set)
    task.cancel()
    await asyncio.wait([task])

    assert mourned == [("a", 1, "ValueError", 2)]
