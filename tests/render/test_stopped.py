"""One deadline for everything: whatever of the browser stands still, its caller is told in time."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from calotype.capture.errors import CaptureError, RenderTimeout
from tests.render.asking import browser_pid, members, pages_in_use, take, until
from tests.render.chaos import BUSY_S, GRACE_S, of_kind

QUICK = {"open_timeout_s": 2.0, "dispose_timeout_s": 1.0}
"""A browser that stands still is given up sooner than usual, so that these tests are over soon."""
BUDGET_MS = 2000


async def stopped(renderer, site, kind: str, budget_ms: int = BUDGET_MS) -> None:
    """Have a capture meet a process that stands still, which its caller is told of in time."""
    capture = asyncio.create_task(take(renderer, site.url("/held/a"), budget_ms=budget_ms))
    await site.arrival("a")
    started = time.monotonic()
    for pid in of_kind(kind, browser_pid(renderer)):
        os.kill(pid, signal.SIGSTOP)
    site.release("a")
    with pytest.raises(RenderTimeout):
        await capture
    assert time.monotonic() - started < budget_ms / 1000 + GRACE_S + BUSY_S


@pytest.mark.parametrize("kind", ["browser", "gpu", "network"])
async def test_a_browser_of_which_a_part_stands_still_is_replaced(a_renderer, site, kind):
    async with a_renderer(**QUICK) as renderer:
        await take(renderer, site.url("/home"))
        first = browser_pid(renderer)
        await stopped(renderer, site, kind)

        await until(lambda: not members(first), 20)
        assert (await take(renderer, site.url("/home"))).verdict.http_status == 200
        assert browser_pid(renderer) != first


async def test_a_page_that_stands_still_costs_only_its_own_caller(a_renderer, site):
    async with a_renderer(**QUICK) as renderer:
        await take(renderer, site.url("/home"))
        first = browser_pid(renderer)
        await stopped(renderer, site, "page")

        assert (await take(renderer, site.url("/home"))).verdict.http_status == 200
        assert browser_pid(renderer) == first
        await until(lambda: pages_in_use(renderer) == 0, 20)


async def test_a_page_that_is_slow_by_itself_costs_the_browser_nothing(a_renderer, site):
    async with a_renderer(open_timeout_s=10) as renderer:
        neighbour = asyncio.create_task(take(renderer, site.url("/held/neighbour")))
        await site.arrival("neighbour")
        first = browser_pid(renderer)
        with pytest.raises(RenderTimeout):
            await take(renderer, site.url("/held/slow"), budget_ms=500)
        (house,) = renderer._pool._houses.all
        assert house.examined_at > 0
        await until(lambda: not renderer._pool._houses.busy, 20)
        site.release("neighbour")

        assert (await neighbour).verdict.title == "Held"
        assert site.visits["/held/neighbour"] == 1
        assert browser_pid(renderer) == first


async def test_a_launch_that_stands_still_is_cut_short_by_the_callers_deadline(a_renderer, site, profiles):
    script = profiles / "browser.sh"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    try:
        async with a_renderer(binary=script, launch_timeout_s=3) as renderer:
            started = time.monotonic()
            with pytest.raises(CaptureError):
                await take(renderer, site.url("/home"), budget_ms=1000)
            assert time.monotonic() - started < 1 + GRACE_S + BUSY_S
    finally:
        script.unlink()
