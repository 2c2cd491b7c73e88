"""Database: one writer with group commit, and a reader in the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest

from calotype.cache.errors import StoreUnavailable
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite import database as database_module
from calotype.sql.sqlite.database import Database


@pytest.fixture
def path(tmp_path):
    return tmp_path / "index.db"


@pytest.fixture
async def database(path):
    database = Database(SqliteSettings(path=path, busy_timeout_s=0.1))
    await database.write(lambda connection: connection.execute("CREATE TABLE note(text TEXT UNIQUE)"))
    yield database
    await database.close()


def note(text):
    return lambda connection: connection.execute("INSERT INTO note VALUES (?)", (text,)).lastrowid


def notes(database):
    return [
        text
        for (text,) in database.read(
            lambda reader: reader.execute("SELECT text FROM note ORDER BY rowid").fetchall()
        )
    ]


class Plug:
    """A job that keeps the writer busy until it is pulled, so that others wait together."""

    def __init__(self):
        self.began, self.pulled = threading.Event(), threading.Event()

    def __call__(self, _):
        self.began.set()
        self.pulled.wait(10)


async def plugged(database):
    plug = Plug()
    writing = asyncio.create_task(database.write(plug))
    await asyncio.to_thread(plug.began.wait, 10)
    return plug, writing


async def test_a_write_returns_what_its_job_returns_once_it_can_be_read(database):
    assert await database.write(note("a")) == 1
    assert notes(database) == ["a"]


async def test_writes_that_wait_together_share_a_commit(database):
    commits: list[str] = []
    plug, writing = await plugged(database)
    waiting = [asyncio.create_task(database.write(note(str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    database._writer.set_trace_callback(commits.append)
    plug.pulled.set()
    await asyncio.gather(writing, *waiting)
    database._writer.set_trace_callback(None)

    # The plug's own, and one for all the others.
    assert [statement for statement in commits if statement == "COMMIT"] == ["COMMIT"] * 2
    assert notes(database) == [str(number) for number in range(20)]


async def test_a_job_that_raises_is_undone_alone(database):
    def half(connection):
        note("half")(connection)
        raise ValueError("not a good idea")

    plug, writing = await plugged(database)
    await asyncio.sleep(0)
    waiting = [
        asyncio.create_task(database.write(job)) for job in (note("a"), half, note("b"), note("a"), note("c"))
    ]
    await asyncio.sleep(0)
    plug.pulled.set()
    await writing
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [int, ValueError, int, StoreUnavailable, int]
    assert isinstance(outcomes[3].__cause__, sqlite3.IntegrityError)
    assert notes(database) == ["a", "b", "c"]


async def test_a_caller_that_leaves_does_not_call_its_write_back_nor_harm_the_others(database):
    plug, writing = await plugged(database)
    leaving, staying = (asyncio.create_task(database.write(note(text))) for text in ("leaving", "staying"))
    await asyncio.sleep(0)
    leaving.cancel()
    plug.pulled.set()
    await asyncio.gather(writing, staying)

    assert leaving.cancelled()
    assert notes(database) == ["leaving", "staying"]


async def test_the_reader_sees_only_what_is_committed_and_cannot_write(database):
    seen = []

    def look(connection):
        note("a")(connection)
        seen.append(notes(database))

    await database.write(look)
    assert seen == [[]]
    assert notes(database) == ["a"]
    with pytest.raises(StoreUnavailable):
        database.read_one("INSERT INTO note VALUES ('b')")


async def test_a_lock_held_by_another_process_is_waited_for_and_then_given_up(database, path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await database.write(note("a"))
        assert notes(database) == []
        other.execute("ROLLBACK")

    await database.write(note("b"))
    assert notes(database) == ["b"]


async def test_a_lock_that_is_let_go_in_time_costs_nothing_but_the_wait(path):
    patient = Database(SqliteSettings(path=path, busy_timeout_s=30))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(
            patient.write(lambda connection: connection.execute("SELECT 1").fetchone())
        )
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
        assert await writing == (1,)
    await patient.close()


async def test_data_version_changes_with_every_commit_of_any_process_and_only_then(database, path):
    version = database.data_version()
    assert database.data_version() == version
    await database.write(note("a"))
    after_ours = database.data_version()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("INSERT INTO note VALUES ('b')")
    after_theirs = database.data_version()

    assert len({version, after_ours, after_theirs}) == 3


async def test_a_durable_write_is_synced_in_full_and_an_ordinary_one_is_not(database):
    def level(connection):
        return connection.execute("PRAGMA synchronous").fetchone()[0]

    assert await database.write(level) == 1
    assert await database.write(level, durable=True) == 2
    assert await database.write(level) == 1
    plug, writing = await plugged(database)
    ordinary, durable = (asyncio.create_task(database.write(level, durable=one)) for one in (False, True))
    await asyncio.sleep(0)
    plug.pulled.set()
    # One group, one sync: the ordinary one is as durable as its neighbour.
    assert [await writing, await ordinary, await durable] == [None, 2, 2]


async def test_more_writes_than_may_wait_are_refused(path, monkeypatch):
    monkeypatch.setattr(database_module, "MAX_QUEUED_WRITES", 3)
    database = Database(SqliteSettings(path=path))
    plug, writing = await plugged(database)
    waiting = [asyncio.create_task(database.write(lambda _: 1)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="waiting already"):
        await database.write(lambda _: 1)
    plug.pulled.set()

    assert await asyncio.gather(*waiting) == [1, 1, 1]
    await writing
    await database.close()


async def test_closing_finishes_the_writes_that_wait_and_refuses_new_ones(path):
    database = Database(SqliteSettings(path=path))
    plug, writing = await plugged(database)
    waiting = [asyncio.create_task(database.write(lambda _: "done")) for _ in range(150)]
    await asyncio.sleep(0)
    closing_it = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.write(lambda _: 1)
    plug.pulled.set()
    await closing_it

    assert await asyncio.gather(*waiting) == ["done"] * 150
    await writing
    await database.close()
    with pytest.raises(StoreUnavailable):
        database.data_version()


async def test_an_index_that_is_spoilt_while_it_is_used_is_unavailable_not_wrong(path):
    database = Database(SqliteSettings(path=path))
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        database.read_one("SELECT * FROM nowhere")
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        await database.write(lambda connection: connection.execute("SELECT * FROM nowhere"))
    await database.close()
