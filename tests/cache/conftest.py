"""One process's adapters on SQLite, another's on the same file, and a clock."""

from __future__ import annotations

import pytest

from tests.support.adapters import sqlite_adapters
from tests.support.clock import HandClock


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def adapters(tmp_path, clock):
    async with sqlite_adapters(tmp_path / "index.db", clock) as here:
        yield here


@pytest.fixture
async def elsewhere(adapters, tmp_path, clock):
    async with sqlite_adapters(tmp_path / "index.db", clock) as there:
        yield there
