"""The gallery: every page of a kind that is hard to picture, and the picture that a person would expect.

The pages and what is true of them are in tests/site/gallery. Captures go on while others are judged.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable

import pytest
import pytest_asyncio
from PIL import Image

from calotype.capture.parse import parse_capture
from calotype.capture.verdict import Verdict
from calotype.clock import Deadline
from calotype.render.chromium import ChromiumRenderer
from tests.site.gallery.catalogue import CATEGORIES, PAGES
from tests.site.gallery.page import VIEWPORT, Page
from tests.site.gallery.truth import Check, Shown, shown
from tests.site.server import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

BUDGET_MS = 60_000
"""On a machine that has much else to do."""
CAPTURES_AT_A_TIME = 3
"""One more than the renderer takes, so that it never waits for us."""


class Exhibition:
    """Captures pages in the background, each once."""

    def __init__(self, renderer: ChromiumRenderer, site: Site) -> None:
        self._renderer, self._site = renderer, site
        self._turns = asyncio.Semaphore(CAPTURES_AT_A_TIME)
        self._tasks: dict[str, asyncio.Task[Shown]] = {}

    def hang(self, pages: Iterable[Page]) -> None:
        for page in pages:
            if page.name not in self._tasks:
                self._tasks[page.name] = asyncio.create_task(self._capture(page))

    async def picture_of(self, page: Page) -> Shown:
        self.hang([page])
        return await self._tasks[page.name]

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _capture(self, page: Page) -> Shown:
        asked = {"viewport": VIEWPORT, **page.asks, "url": self._site.url(page.path)}
        async with self._turns:
            request = parse_capture(asked).request
            return shown(await self._renderer.render(request, Deadline.after(BUDGET_MS)))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exhibition(
    request: pytest.FixtureRequest, renderer: ChromiumRenderer, the_site: Site
) -> AsyncIterator[Exhibition]:
    exhibition = Exhibition(renderer, the_site)
    chosen = [getattr(item, "callspec", None) for item in request.session.items]
    pages = [spec.params["page"] for spec in chosen if spec is not None and "page" in spec.params]
    exhibition.hang(page for page in pages if isinstance(page, Page))
    yield exhibition
    await exhibition.close()


def faults(checks: Iterable[Check], picture: Shown) -> list[str]:
    return [fault for fault in (check(picture) for check in checks) if fault is not None]


def is_taken_for(page: Page, picture: Shown) -> bool:
    return all(check(picture) is None for check in page.truth)


def _marked(page: Page):
    pending = pytest.mark.xfail(strict=True, reason=page.pending)
    return pytest.param(page, id=page.name, marks=pending if page.pending else ())


@pytest.mark.parametrize("page", [_marked(page) for page in PAGES])
async def test_a_page_is_pictured_as_a_person_would_expect(exhibition, page):
    picture = await exhibition.picture_of(page)

    assert faults((*page.truth, *page.facts), picture) == []


@pytest.mark.parametrize("colour", ["white", "black", "lime"])
async def test_no_blank_picture_is_taken_for_any_page(exhibition, colour):
    taken_in = []
    for page in PAGES:
        size = (await exhibition.picture_of(page)).image.size
        if is_taken_for(page, Shown(Image.new("RGB", size, colour), Verdict())):
            taken_in.append(page.name)

    assert taken_in == []


async def test_no_page_is_taken_for_another(exhibition):
    taken_in = [
        f"{other.name} is taken for {page.name}"
        for other in PAGES
        for page in PAGES
        if other is not page and is_taken_for(page, await exhibition.picture_of(other))
    ]

    assert taken_in == []


async def test_the_gallery_is_as_large_as_was_promised():
    assert len(PAGES) >= 80
    assert {category.name for category in CATEGORIES if len(category.pages) < 3} == set()
    assert [name for name, times in Counter(page.name for page in PAGES).items() if times > 1] == []
    assert all(page.truth for page in PAGES)
