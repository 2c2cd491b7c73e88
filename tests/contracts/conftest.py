"""The adapters that exist. Another database is one more name in a list, and a fixture of that name."""

from __future__ import annotations

import pytest

from calotype.blobs.filesystem import FilesystemBlobStore
from calotype.blobs.settings import FilesystemSettings
from calotype.sql.sqlite import purges as sqlite_purges
from tests.support.adapters import sqlite_adapters
from tests.support.clock import HandClock

INDEXES = ["sqlite"]
WAYS_OF_PURGING = [*INDEXES, "marking_sqlite"]


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def sqlite(tmp_path, clock):
    """Two processes on one SQLite file."""
    path = tmp_path / "index.db"
    async with sqlite_adapters(path, clock) as here, sqlite_adapters(path, clock) as there:
        yield here, there


@pytest.fixture
async def marking_sqlite(sqlite, monkeypatch):
    """The same, but every purge marks its entries and leaves the deleting to the sweep."""
    monkeypatch.setattr(sqlite_purges, "DELETED_AT_ONCE", -1)
    return sqlite


@pytest.fixture(params=INDEXES)
def both(request):
    """One process's adapters, and another's on the same index."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def adapters(both):
    return both[0]


@pytest.fixture(params=WAYS_OF_PURGING)
def purging(request):
    """One process's adapters, as they purge what is few, and made to purge all as if it were many."""
    return request.getfixturevalue(request.param)[0]


@pytest.fixture
def filesystem(tmp_path):
    store = FilesystemBlobStore(FilesystemSettings(folder=tmp_path / "blobs"))
    yield store
    store.close()


@pytest.fixture(params=["filesystem"])
def blobs(request):
    return request.getfixturevalue(request.param)
