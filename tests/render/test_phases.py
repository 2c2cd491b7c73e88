"""A capture says where its time went, and the phases leave nothing out."""

from __future__ import annotations

import asyncio

import pytest

from calotype.capture.negative import HtmlDocument
from tests.render.asking import kill, page_processes, take

pytestmark = pytest.mark.asyncio(loop_scope="session")

HELD_S = 0.3


async def held(renderer, site, path, name, **wishes):
    """Take path, of which something is held for HELD_S and so much more as the machine takes."""
    capture = asyncio.create_task(take(renderer, site.url(path), **wishes))
    await site.arrival(name)
    await asyncio.sleep(HELD_S)
    site.release(name)
    return await capture


async def test_together_they_are_the_whole_render(renderer, site):
    capture = await take(renderer, site.url("/home"))

    assert [name for name, _ in capture.phases] == ["open", "navigate", "load", "settle", "shoot"]
    assert sum(ms for _, ms in capture.phases) == capture.render_ms
    assert all(ms > 0 for name, ms in capture.phases if name in ("open", "navigate", "shoot"))


async def test_a_server_that_takes_its_time_is_seen_in_navigate(renderer, site):
    capture = await held(renderer, site, "/held/page", "page")

    assert capture.phases.navigate_ms >= HELD_S * 1000 * 0.9


async def test_an_image_that_the_page_waits_for_is_seen_in_load(renderer, site):
    site.serve("/waiting", "<title>Waiting</title><img src=/held/image>")
    capture = await held(renderer, site, "/waiting", "image")

    assert capture.phases.load_ms >= HELD_S * 1000 * 0.9


async def test_a_pause_that_was_asked_for_is_seen_in_settle(renderer, site):
    capture = await take(renderer, site.url("/home"), delay_ms=300)

    assert capture.phases.settle_ms >= 300


async def test_a_document_that_came_with_the_request_has_the_same_phases(renderer):
    capture = await take(renderer, HtmlDocument("<title>Here</title>"))

    assert sum(ms for _, ms in capture.phases) == capture.render_ms


async def test_a_second_attempt_adds_to_the_first(renderer, site):
    capture = asyncio.create_task(take(renderer, site.url("/held/page")))
    await site.arrival("page")
    await asyncio.sleep(HELD_S)
    (house,) = renderer._pool._houses.all
    kill(page_processes(house.process.pid))
    site.release("page")
    taken = await capture

    assert taken.phases.navigate_ms >= HELD_S * 1000 * 0.9
    assert sum(ms for _, ms in taken.phases) == taken.render_ms
