"""One server for each module: real HTTP, a real index, and a canned renderer for a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from calotype.cache.failure import REMEMBERED_FOR
from tests.clients.wire import Wire
from tests.support.scene import Scene, a_scene


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    # Of the older clients' ways to sign the operator has to allow two.
    folder = tmp_path_factory.mktemp("clients") / "data"
    async with a_scene(folder, CALOTYPE_SIGNED_RECIPES="A,B,C,D") as scene:
        yield scene


@pytest_asyncio.fixture(loop_scope="module")
async def scene(module_scene: Scene) -> Scene:
    """The module's server, as new."""
    renderer = module_scene.renderer
    renderer.failing = None
    module_scene.clock.now += REMEMBERED_FOR + timedelta(seconds=1)
    emptied = await Wire(module_scene.port).exchange(
        "POST", "/v1/cache/purge", {"Authorization": f"Bearer {module_scene.key}"}, b'{"all": true}'
    )
    assert emptied.status == 200
    renderer.renders.clear()
    return module_scene
