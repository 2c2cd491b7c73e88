"""A server beside which the command line is run. It needs no browser: pictures are put into its folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from calotype.clock import utc_now
from tests.support.clock import HandClock
from tests.support.server import LiveServer
from tests.support.service import a_bench

Take = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("cli") / "data")
    yield server
    server.kill()


@pytest.fixture
def server(running: LiveServer) -> LiveServer:
    """The module's server, with nothing in its cache."""
    running.client.post("/v1/cache/purge", json={"all": True}).raise_for_status()
    return running


@pytest.fixture
def take(server: LiveServer) -> Take:
    """Puts a picture into the folder that the server uses, and returns what its caller was told."""

    def put(url: str, **cache: object) -> httpx.Response:
        return asyncio.run(_take(server.data, url, cache))

    return put


async def _take(data: Path, url: str, cache: dict[str, object]) -> httpx.Response:
    async with a_bench(data, HandClock(utc_now())) as bench:
        reply = await bench.client.post("/v1/screenshot", json={"url": url, "cache": cache})
    assert reply.status_code == 200, reply.text
    return reply
