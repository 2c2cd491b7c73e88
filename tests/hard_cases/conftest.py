"""A site to picture, servers beside each other on one data folder, and caches without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.clock import HandClock
from tests.support.server import CannedServer
from tests.support.service import Bench, a_bench
from tests.support.shots import Studio, a_studio


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def studio(tmp_path: Path, clock: HandClock) -> AsyncIterator[Studio]:
    async with a_studio(tmp_path / "data", clock, hot_bytes=0) as studio:
        yield studio


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with a_bench(tmp_path / "data") as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_canned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CannedServer]:
    server = CannedServer(tmp_path_factory.mktemp("canned") / "data", CANNED_BYTES="5000000")
    yield server
    server.stop()


@pytest.fixture
def canned(shared_canned: CannedServer) -> CannedServer:
    """A server whose pictures have 5 MB, with nothing in its cache."""
    shared_canned.client.post("/v1/cache/purge", json={"all": True}).raise_for_status()
    return shared_canned
