"""Browsers are replaced by age, and one that was replaced has only so long to finish what it is at."""

from __future__ import annotations

import asyncio

from tests.render.asking import browser_pid, members, take, until


async def a_held_capture(renderer, site):
    """Have a capture wait for its server; return it, and the browser that it is in."""
    capture = asyncio.create_task(take(renderer, site.url("/held/long"), budget_ms=60_000))
    await site.arrival("long")
    return capture, renderer._pool._houses.all[0]


async def test_a_browser_that_is_old_is_replaced_while_its_captures_go_on(a_renderer, site):
    async with a_renderer(browser_max_age_s=0.01) as renderer:
        capture, old = await a_held_capture(renderer, site)
        await until(lambda: old.retired, 20)
        assert members(old.process.pid), "its capture still runs"
        site.release("long")

        assert (await capture).verdict.title == "Held"
        assert site.visits["/held/long"] == 1
        await until(lambda: not members(old.process.pid), 20)
        assert browser_pid(renderer) != old.process.pid


async def test_a_browser_grows_old_though_nobody_asks_for_anything(a_renderer, site):
    async with a_renderer(browser_max_age_s=3600) as renderer:
        await take(renderer, site.url("/home"))
        houses = renderer._pool._houses
        (old,) = houses.all
        old.born_at -= 3601
        await until(lambda: not members(old.process.pid), 20)

        (young,) = houses.all
        assert young is not old


async def test_one_that_has_done_nothing_is_not_replaced_for_its_age(a_renderer, site):
    async with a_renderer(browser_max_age_s=3600) as renderer:
        await take(renderer, site.url("/home"))
        houses = renderer._pool._houses
        (old,) = houses.all
        old.born_at -= 3601
        await until(lambda: houses.all and houses.all[-1] is not old, 20)
        young = houses.all[-1]
        young.born_at -= 3601
        await until(lambda: not members(old.process.pid), 20)
        houses.retire_if_due(young)

        assert houses.launch is None
        assert houses.all == [young]


async def test_a_browser_whose_captures_do_not_end_is_killed_in_the_end_and_they_go_on_in_the_next(
    a_renderer, site, caplog
):
    async with a_renderer(captures_before_recycle=2, drain_timeout_s=0.5) as renderer:
        await take(renderer, site.url("/home"))
        capture, old = await a_held_capture(renderer, site)
        await until(lambda: site.visits["/held/long"] == 2, 20)

        assert old.retired
        await until(lambda: not members(old.process.pid), 20)
        assert "the captures in an old browser do not come to an end; it is killed" in caplog.messages
        site.release("long")
        assert (await capture).verdict.title == "Held"
        assert browser_pid(renderer) != old.process.pid


async def test_until_then_they_have_the_time_that_was_set(a_renderer, site):
    async with a_renderer(captures_before_recycle=1, drain_timeout_s=3600) as renderer:
        capture, old = await a_held_capture(renderer, site)
        await until(lambda: old.retired, 20)
        old.retired_at -= 3590
        renderer._pool._houses.retire_if_due(old)
        assert old in renderer._pool._houses.all
        old.retired_at -= 20
        await until(lambda: site.visits["/held/long"] == 2, 20)

        site.release("long")
        assert (await capture).verdict.title == "Held"
