"""Captures queue in order and within bounds; browsers come and go without anyone noticing."""

from __future__ import annotations

import asyncio
import time

import pytest

from calotype.capture.errand import Errand
from calotype.capture.errors import QueueFull, RenderTimeout
from calotype.clock import Deadline
from tests.render.asking import a_request, browser_pid, members, page_processes, pages_in_use, take, until


async def test_no_more_than_the_slots_are_taken_at_a_time_and_the_rest_in_order(a_renderer, site):
    async with a_renderer(concurrency=2) as renderer:
        captures = [asyncio.create_task(take(renderer, site.url(f"/held/{index}"))) for index in range(5)]
        await site.arrival("0")
        await site.arrival("1")
        assert renderer._pool.waiting == 3
        assert len(page_processes(browser_pid(renderer))) == 2
        for index in range(5):
            assert [f"/held/{n}" in site.visits for n in range(5)] == [n <= index + 1 for n in range(5)]
            site.release(str(index))
            await captures[index]
            if index < 3:
                await site.arrival(str(index + 2))


async def test_a_full_queue_turns_away_at_once_and_says_when_to_come_back(a_renderer, site):
    async with a_renderer(concurrency=1, queue_limit=2) as renderer:
        held = asyncio.create_task(take(renderer, site.url("/held/a")))
        await site.arrival("a")
        waiting = [asyncio.create_task(take(renderer, site.url("/home"))) for _ in range(2)]
        await until(lambda: renderer._pool.waiting == 2)
        started = time.monotonic()
        with pytest.raises(QueueFull) as refusal:
            await take(renderer, site.url("/home"))

        assert time.monotonic() - started < 0.1
        assert 1 <= refusal.value.retry_after_s <= 30
        assert "2 captures are waiting" in str(refusal.value)
        site.release("a")
        await asyncio.gather(held, *waiting)


async def test_an_accounts_crowd_neither_delays_nor_shuts_out_another(a_renderer, site):
    async with a_renderer(concurrency=1, queue_limit=4) as renderer:

        def ask(path, account):
            errand = Errand(account=account)
            request = a_request(site.url(path))
            return asyncio.create_task(renderer.render(request, Deadline.after(60_000), errand))

        held = ask("/held/a", 1)
        await site.arrival("a")
        crowd = [ask(f"/held/crowd{index}", 1) for index in range(4)]
        await until(lambda: renderer._pool.waiting == 4)
        other = ask("/home", 2)
        with pytest.raises(QueueFull):
            await crowd.pop()
        site.release("a")
        captured = await other

        assert captured.verdict.title == "Home of the site"
        assert captured.queue_ms > 0
        assert site.visits["/held/crowd0"] <= 1, "it goes first, but for one that is under way"
        assert site.visits["/held/crowd1"] == 0
        for index in range(3):
            site.release(f"crowd{index}")
        await asyncio.gather(held, *crowd)


async def test_a_public_host_has_its_own_bound_and_others_pass_by_it(a_renderer, site):
    # Named by its network alone the site is public as far as politeness goes; by its address it is ours.
    async with a_renderer("127.0.0.0/8", concurrency=3, per_host=1) as renderer:
        at = f"http://localhost:{site.port}"
        captures = [asyncio.create_task(take(renderer, f"{at}/held/{name}")) for name in ("a", "b")]
        await site.arrival("a")
        own = [asyncio.create_task(take(renderer, site.url(f"/held/own{index}"))) for index in range(2)]
        await site.arrival("own0")
        await site.arrival("own1")

        assert renderer._pool.waiting == 1
        site.release("own0")
        await own[0]
        await until(lambda: renderer._pool._turns.free == 1)
        assert site.visits["/held/b"] == 0, "rather than a second one at that host"
        site.release("a")
        await site.arrival("b")
        site.release("b")
        site.release("own1")
        await asyncio.gather(*captures, *own)


async def test_whoever_waits_past_the_deadline_is_told_so_and_leaves_the_queue(a_renderer, site):
    async with a_renderer(concurrency=1) as renderer:
        held = asyncio.create_task(take(renderer, site.url("/held/a")))
        await site.arrival("a")
        with pytest.raises(RenderTimeout, match="300 ms; it was waiting in the queue"):
            await take(renderer, site.url("/home"), budget_ms=300)

        assert renderer._pool.waiting == 0
        site.release("a")
        await held
        await take(renderer, site.url("/home"))
        assert site.visits["/home"] == 1


async def test_whoever_is_cancelled_in_the_queue_leaves_it(a_renderer, site):
    async with a_renderer(concurrency=1) as renderer:
        held = asyncio.create_task(take(renderer, site.url("/held/a")))
        await site.arrival("a")
        leaving, staying = (
            asyncio.create_task(take(renderer, site.url(path))) for path in ("/slow", "/home")
        )
        await until(lambda: renderer._pool.waiting == 2)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        site.release("a")

        assert (await staying).verdict.title == "Home of the site"
        assert (await held).verdict.title == "Held"
        assert site.visits["/slow"] == 0


async def test_a_turn_that_comes_as_its_owner_leaves_goes_to_the_next(a_renderer, site, monkeypatch):
    async with a_renderer(concurrency=1) as renderer:
        pool = renderer._pool
        held = asyncio.create_task(take(renderer, site.url("/held/a")))
        await site.arrival("a")
        leaving, staying = (asyncio.create_task(take(renderer, site.url("/home"))) for _ in range(2))
        await until(lambda: pool.waiting == 2)
        give_back = pool._turns.give_back

        def give_and_cancel(slot):
            give_back(slot)
            leaving.cancel()

        monkeypatch.setattr(pool._turns, "give_back", give_and_cancel)
        site.release("a")

        await asyncio.wait([held, staying, leaving])
        assert leaving.cancelled()
        assert staying.result().verdict.title == "Home of the site"
        assert site.visits["/home"] == 1
        await until(lambda: pool._turns.free == 1)


async def test_a_cancelled_capture_stops_and_frees_its_slot(a_renderer, site):
    async with a_renderer(concurrency=1) as renderer:
        capture = asyncio.create_task(take(renderer, site.url("/held/a")))
        await site.arrival("a")
        capture.cancel()
        with pytest.raises(asyncio.CancelledError):
            await capture

        assert (await take(renderer, site.url("/home"))).verdict.http_status == 200
        await until(lambda: pages_in_use(renderer) == 0)


async def test_a_capture_cancelled_at_any_moment_leaves_no_page(a_renderer, site):
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        await take(renderer, site.url("/home"))
        for after_s in (0, 0, 0.001, 0.002, 0.003, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15):
            capture = asyncio.create_task(take(renderer, site.url("/scripts")))
            await asyncio.sleep(after_s)
            capture.cancel()
            await asyncio.wait([capture])
        await take(renderer, site.url("/home"))
        (house,) = renderer._pool._houses.all

        await until(lambda: house.tabs == 0 and len(house.contexts) == len(house.spares) == 1)
        contexts = await house.process.connection.browser.call("Target.getBrowserContexts", {}, 5, dict)
        assert set(contexts["browserContextIds"]) == house.contexts


async def test_a_browser_is_recycled_after_its_captures_while_others_go_on(a_renderer, site):
    async with a_renderer(concurrency=2, captures_before_recycle=3) as renderer:
        long = asyncio.create_task(take(renderer, site.url("/held/long")))
        await site.arrival("long")
        first = browser_pid(renderer)
        await asyncio.gather(*(take(renderer, site.url("/home")) for _ in range(2)))
        await until(lambda: len(renderer._pool._houses.all) == 2)
        second = renderer._pool._houses.all[1].process.pid
        await take(renderer, site.url("/home"))

        assert members(first), "its capture still runs"
        site.release("long")
        assert (await long).verdict.title == "Held"
        await until(lambda: not members(first))
        assert browser_pid(renderer) == second
        assert site.visits["/held/long"] == 1


async def test_a_recycled_browser_that_nobody_uses_is_stopped(a_renderer, site):
    async with a_renderer(captures_before_recycle=1) as renderer:
        pids = set()
        for _ in range(3):
            await take(renderer, site.url("/home"))
            pids |= {house.process.pid for house in renderer._pool._houses.all}
            await until(
                lambda: len(renderer._pool._houses.all) == 1 and renderer._pool._houses.launch is None
            )

        (last,) = {house.process.pid for house in renderer._pool._houses.all}
        assert len(pids | {last}) >= 3
        await until(lambda: not any(members(pid) for pid in pids - {last}))


async def test_no_browser_runs_until_the_first_capture(a_renderer, site, profiles):
    async with a_renderer() as renderer:
        assert renderer._pool._houses.all == []
        await take(renderer, site.url("/home"))
        assert len(renderer._pool._houses.all) == 1


async def test_captures_that_come_together_share_one_launch(a_renderer, site, profiles):
    async with a_renderer(concurrency=4) as renderer:
        await asyncio.gather(*(take(renderer, site.url("/home")) for _ in range(4)))

        assert len(renderer._pool._houses.all) == 1
        assert len(list(profiles.iterdir())) == len({browser_pid(renderer)})


async def test_closing_ends_the_browser_even_under_captures(a_renderer, site, profiles):
    async with a_renderer() as renderer:
        capture = asyncio.create_task(take(renderer, site.url("/held/a")))
        await site.arrival("a")
        browser = browser_pid(renderer)
        capture.cancel()
    with pytest.raises(asyncio.CancelledError):
        await capture
    assert members(browser) == {}


async def test_whoever_waits_when_the_server_closes_is_sent_away(a_renderer, site):
    async with a_renderer(concurrency=1) as renderer:
        held = asyncio.create_task(take(renderer, site.url("/held/a")))
        await site.arrival("a")
        waiting = asyncio.create_task(take(renderer, site.url("/home")))
        await until(lambda: renderer._pool.waiting == 1)
        held.cancel()
        # Before the turn is passed on: the pool closes in the same breath.
        await renderer.__aexit__(None, None, None)
        with pytest.raises(QueueFull):
            await waiting
    with pytest.raises(asyncio.CancelledError):
        await held
