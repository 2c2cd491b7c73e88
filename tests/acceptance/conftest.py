"""A real server with a real browser, and the site that it pictures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.site.server import Site
from tests.support.server import LiveServer


@pytest.fixture(scope="session")
def shared_server(shared_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(
        tmp_path_factory.mktemp("acceptance") / "data", CALOTYPE_EGRESS_ALLOW=shared_site.netloc
    )
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: LiveServer) -> LiveServer:
    """The server that most tests share, with nothing in its cache."""
    shared_server.client.post("/v1/cache/purge", json={"all": True}).raise_for_status()
    return shared_server


@pytest.fixture
def own_server(site: Site, tmp_path: object) -> Iterator[LiveServer]:
    """A server that a test may stop, kill and start again."""
    server = LiveServer(tmp_path / "data", CALOTYPE_EGRESS_ALLOW=site.netloc)  # type: ignore[operator]
    yield server
    server.kill()
