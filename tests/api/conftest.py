"""The whole service, without a browser: one for each test, or one for a module that leaves no traces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.service import NOBODY, Bench, a_bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with a_bench(tmp_path / "data", CALOTYPE_EGRESS_ALLOW=NOBODY) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with a_bench(tmp_path_factory.mktemp("module") / "data") as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def shared_bench(module_bench: Bench) -> Bench:
    """The module's bench, as new; its tests run in the module's loop."""
    renderer = module_bench.renderer
    renderer.failing, renderer.http_status, renderer.facts = None, 200, {}
    renderer.release()
    if renderer.renders:
        await module_bench.client.post("/v1/cache/purge", json={"all": True})
        renderer.renders.clear()
    return module_bench
