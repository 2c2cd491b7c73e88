"""Jobs on SQLite: whoever shares the file shares the machine, so a dead process is seen to be dead."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys

import pytest

from calotype.jobs.engine import Kind
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.jobs import SqliteJobs
from tests.support.clock import HandClock


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
