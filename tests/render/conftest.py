from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from calotype.egress.connect import Connector
from calotype.egress.exchange import Bounds
from calotype.egress.proxy import EgressProxy
from calotype.egress.resolve import Resolve
from calotype.egress.rules import EgressRules
from calotype.egress.traffic import Budget
from calotype.render.chromium import ChromiumRenderer
from calotype.render.settings import BrowserSettings
from tests.site.server import Site

Open = Callable[..., AbstractAsyncContextManager[ChromiumRenderer]]


@pytest.fixture(scope="session")
def the_site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def site(the_site: Site) -> Site:
    the_site.forget()
    return the_site


@contextmanager
def a_profile_root() -> Iterator[Path]:
    """A folder for browsers' profiles; whoever leaves one behind fails.

    Not one of pytest's own, since those are closed to the user that browsers run as.
    """
    with tempfile.TemporaryDirectory(prefix="calotype-test-") as name:
        root = Path(name)
        root.chmod(0o755)
        yield root
        assert list(root.iterdir()) == []


@pytest.fixture
def profiles() -> Iterator[Path]:
    with a_profile_root() as root:
        yield root


@asynccontextmanager
async def open_renderer(
    allowed: str, profiles: Path, resolve: Resolve | None = None, budget: Budget | None = None, **settings
) -> AsyncIterator[ChromiumRenderer]:
    browser = BrowserSettings(**{"concurrency": 2, "profile_root": profiles, **settings})
    connector = Connector(EgressRules.parse(allowed), resolve=resolve)
    async with (
        EgressProxy(connector, bounds=Bounds(budget=budget or Budget())) as proxy,
        ChromiumRenderer(browser, proxy) as renderer,
    ):
        yield renderer


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def renderer(the_site: Site) -> AsyncIterator[ChromiumRenderer]:
    """One renderer for all tests that need no other; they run in the session's loop."""
    allowed = f"{the_site.netloc}, localhost:{the_site.port}"  # To a browser these are two sites.
    with a_profile_root() as profiles:
        async with open_renderer(allowed, profiles) as renderer:
            yield renderer


@pytest.fixture
def a_renderer(site: Site, profiles: Path) -> Open:
    """Opens a renderer of the test's own, which may visit the site."""
    return lambda allowed=site.netloc, **settings: open_renderer(allowed, profiles, **settings)
