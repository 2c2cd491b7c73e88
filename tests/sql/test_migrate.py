"""Migrations: applied once, in order, whoever starts first."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing

import pytest

from calotype.errors import ConfigurationError
from calotype.sql.migrate import migrate, migrations
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database
from tests.support.adapters import sqlite_adapters
from tests.support.builders import an_origin
from tests.support.clock import HandClock

START = """
import asyncio, sys
from pathlib import Path
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database

sys.stdin.readline()
database = Database(SqliteSettings(path=Path(sys.argv[1])))
print(database.reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
asyncio.run(database.close())
"""


def schema(path):
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return version, connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()


def opened(path):
    connection = sqlite3.connect(path, isolation_level=None)
    return closing(connection)


async def test_a_fresh_database_gets_every_migration(tmp_path):
    database = Database(SqliteSettings(path=tmp_path / "deep" / "down" / "index.db"))
    await database.close()

    version, tables = schema(tmp_path / "deep" / "down" / "index.db")
    assert version == migrations()[-1][0]
    assert len(tables) > 10


async def test_opening_again_changes_nothing_and_keeps_what_is_there(tmp_path):
    path = tmp_path / "index.db"
    async with sqlite_adapters(path, HandClock()) as adapters:
        entry = await adapters.keep(an_origin())
    before = schema(path)
    async with sqlite_adapters(path, HandClock()) as adapters:
        assert await adapters.has(entry) == [True]

    assert schema(path) == before


def test_migrations_are_numbered_from_one_without_a_gap():
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


async def test_many_processes_may_start_at_once_on_a_new_folder(tmp_path):
    path = str(tmp_path / "new" / "index.db")
    starting = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", START, path,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(6)
    ]  # fmt: skip
    told = await asyncio.gather(*(process.communicate(b"go\n") for process in starting))

    assert [(process.returncode, errors) for process, (_, errors) in zip(starting, told, strict=True)] == [
        (0, b"")
    ] * 6
    assert len({output for output, _ in told}) == 1


async def test_a_database_of_a_newer_calotype_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "index.db"
    with opened(path) as connection:
        connection.execute("CREATE TABLE future(x)")
        connection.execute("PRAGMA user_version = 999")
    before = schema(path)

    with pytest.raises(ConfigurationError, match="newer version"):
        Database(SqliteSettings(path=path))
    assert schema(path) == before


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path):
    with opened(tmp_path / "index.db") as connection:
        # The last table of the first migration is in the way.
        connection.execute("CREATE TABLE sweep(x)")
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection)

        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("sweep",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)
        assert not connection.in_transaction


@pytest.mark.parametrize(
    "make",
    [lambda path: path.write_bytes(b"no database" * 100), lambda path: path.mkdir()],
    ids=["text", "folder"],
)
def test_what_is_no_database_is_refused_with_a_remedy(tmp_path, make):
    make(tmp_path / "index.db")

    with pytest.raises(ConfigurationError, match="CALOTYPE_DATA"):
        Database(SqliteSettings(path=tmp_path / "index.db"))


def test_a_folder_that_cannot_be_made_is_refused_with_a_remedy(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ConfigurationError, match="CALOTYPE_DATA"):
        Database(SqliteSettings(path=tmp_path / "file" / "index.db"))
