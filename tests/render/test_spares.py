"""A blank page stands ready for the next capture of a slot: once, never for long, and without a trace."""

from __future__ import annotations

import asyncio

import pytest

from calotype.capture.errand import MACHINES_OWN
from calotype.capture.errors import RenderTimeout
from calotype.capture.negative import HtmlDocument
from calotype.capture.parse import parse_capture
from calotype.clock import Deadline
from tests.render.asking import GREEN, browser_pid, kill, members, page_processes, picture, take, until
from tests.render.chaos import of_kind

FORBIDDEN = ("10.1.2.3", 80)
AGE_S = 2
NOBODYS = (MACHINES_OWN, None)


def house_of(renderer):
    """The only browser."""
    (house,) = renderer._pool._houses.all
    return house


async def contexts_of(house) -> set[str]:
    told = await house.process.connection.browser.call("Target.getBrowserContexts", {}, 5, dict)
    return set(told["browserContextIds"])


async def one_stands_ready(renderer, site):
    """Take a picture, and return the browser when it has nothing but a page for the next one."""
    await take(renderer, site.url("/home"))
    house = house_of(renderer)
    await until(lambda: house.tabs == 0 and len(house.contexts) == len(house.spares) == 1)
    return house


@pytest.fixture
def closing(monkeypatch):
    """Keeps the pages of captures that are done from being closed until it is set."""

    def closing(renderer):
        gate, pool = asyncio.Event(), renderer._pool
        close = pool._close_tab

        async def close_late(tab):
            await gate.wait()
            await close(tab)

        monkeypatch.setattr(pool, "_close_tab", close_late)
        return gate

    return closing


async def test_the_page_that_stands_ready_is_used_by_one_capture_and_gone_with_it(a_renderer, site):
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        house = await one_stands_ready(renderer, site)
        first = set(house.contexts)
        used = []
        for name in ("a", "b", "c"):
            capture = asyncio.create_task(take(renderer, site.url(f"/held/{name}")))
            await site.arrival(name)
            used.append(set(house.pages))
            site.release(name)
            await capture
        await until(lambda: house.tabs == 0 and len(house.contexts) == len(house.spares) == 1)

        assert used[0] == first
        assert len(set.union(*used)) == 3, "each has its own"
        assert await contexts_of(house) == house.contexts
        assert not house.contexts & set.union(*used)


async def test_it_is_replaced_while_the_capture_runs_that_took_it(a_renderer, site):
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        house = await one_stands_ready(renderer, site)
        capture = asyncio.create_task(take(renderer, site.url("/held/a")))
        await site.arrival("a")
        await until(lambda: len(house.spares) == 1)

        assert house.tabs == 1
        site.release("a")
        await capture


async def test_the_first_capture_has_the_browser_to_itself(a_renderer, site):
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        capture = asyncio.create_task(take(renderer, site.url("/held/a")))
        await site.arrival("a")

        assert len(page_processes(browser_pid(renderer))) == 1
        site.release("a")
        await capture


async def test_there_is_at_most_one_for_each_slot(a_renderer, site):
    async with a_renderer(concurrency=3, spares_below=9) as renderer:
        for _ in range(4):
            await asyncio.gather(*(take(renderer, site.url("/home")) for _ in range(5)))
            assert len(house_of(renderer).spares) <= 3
        house = house_of(renderer)
        await until(lambda: house.tabs == 0 and len(house.contexts) == len(house.spares) == 3)

        assert await contexts_of(house) == house.contexts


async def test_none_is_opened_beside_captures_that_keep_all_cores_busy(a_renderer, site):
    async with a_renderer(concurrency=3, spares_below=2) as renderer:
        captures = [asyncio.create_task(take(renderer, site.url(f"/held/{name}"))) for name in "abc"]
        for name in "abc":
            await site.arrival(name)
        house, pool = house_of(renderer), renderer._pool
        site.release("a")
        await captures[0]
        await until(lambda: house.tabs == 2)
        assert len(house.contexts) == 2
        site.release("b")
        await captures[1]
        await until(lambda: len(house.spares) == 1)
        again = asyncio.create_task(take(renderer, site.url("/held/d")))
        await site.arrival("d")
        await until(lambda: house.tabs == 2)

        assert (pool._turns.free, len(house.spares), len(house.contexts)) == (1, 0, 2)
        site.release("c")
        site.release("d")
        await asyncio.gather(captures[2], again)


async def test_one_that_nobody_needs_goes_after_a_while_and_the_browser_stays(a_renderer, site):
    async with a_renderer(concurrency=1, spares_below=9, spare_idle_s=0.2) as renderer:
        await take(renderer, site.url("/home"))
        house = house_of(renderer)
        await until(lambda: renderer._pool._turns.free == 1)
        (slot,) = renderer._pool._turns._free
        await until(lambda: slot.way.preparing is not None and slot.way.preparing.done())
        await until(lambda: not page_processes(house.process.pid))

        assert (len(house.spares), house.contexts, await contexts_of(house)) == (0, set(), set())
        await take(renderer, site.url("/home"))
        assert house_of(renderer) is house
        assert site.visits["/home"] == 2


async def test_one_whose_process_dies_costs_nobody_anything(a_renderer, site, caplog):
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        house = await one_stands_ready(renderer, site)
        await until(lambda: page_processes(house.process.pid))
        kill(page_processes(house.process.pid))
        await until(lambda: len(house.spares) == 0)
        capture = await take(renderer, site.url("/home"))

        assert capture.verdict.title == "Home of the site"
        assert site.visits["/home"] == 2
        assert caplog.messages == []
        await until(lambda: house.tabs == 0 and len(house.contexts) == len(house.spares) == 1)
        assert await contexts_of(house) == house.contexts
        assert house.too_big == {}


async def test_none_is_taken_from_a_browser_that_died(a_renderer, site, caplog):
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        house = await one_stands_ready(renderer, site)
        kill({house.process.pid})
        await until(lambda: house.lost)
        await take(renderer, site.url("/home"))

        assert len(house.spares) == 0
        assert site.visits["/home"] == 2
        assert caplog.messages == []


async def test_one_that_has_lost_its_way_out_is_replaced_with_all_others(a_renderer, site):
    async with a_renderer(concurrency=2, spares_below=9) as renderer:
        await asyncio.gather(*(take(renderer, site.url("/home")) for _ in range(2)))
        house = house_of(renderer)
        await until(lambda: house.tabs == 0 and len(house.spares) == 2)
        before = set(house.contexts)
        kill(set(of_kind("network", house.process.pid)))
        # What asks for something has another process of that kind started, once the browser knows.
        while not site.visits["/image"]:
            await take(renderer, HtmlDocument(f"<img src={site.url('/image')}>"))
        assert house.contexts >= before
        capture = await take(renderer, site.url("/home"))
        await until(lambda: house.tabs == 0)

        assert capture.verdict.title == "Home of the site"
        assert site.visits["/home"] == 3
        assert not house.contexts & before


async def test_a_document_that_came_with_the_request_gets_a_fresh_page_and_leaves_the_other(a_renderer, site):
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        house = await one_stands_ready(renderer, site)
        before = set(house.contexts)
        for _ in range(3):
            await take(renderer, HtmlDocument("<title>Here</title>"))
            assert len(house.spares) == 1
        await until(lambda: house.tabs == 0)

        assert house.contexts == before
        assert await contexts_of(house) == before
        capture = asyncio.create_task(take(renderer, site.url("/held/a")))
        await site.arrival("a")
        assert set(house.pages) == before, "it is there for the next one that is asked for"
        site.release("a")
        await capture


async def test_a_browser_that_retires_keeps_none_and_gets_no_more(a_renderer, site):
    async with a_renderer(concurrency=2, spares_below=9, captures_before_recycle=3) as renderer:
        old = await one_stands_ready(renderer, site)
        long = asyncio.create_task(take(renderer, site.url("/held/long")))
        await site.arrival("long")
        await take(renderer, site.url("/home"))
        await until(lambda: old.retired)
        await until(lambda: old.tabs == 1)
        for _ in range(2):
            await take(renderer, site.url("/home"))

        assert len(old.spares) == 0
        assert await contexts_of(old) == set(old.pages)
        assert len(old.pages) == 1
        site.release("long")
        assert (await long).verdict.title == "Held"
        await until(lambda: not members(old.process.pid))
        assert len(house_of(renderer).spares) <= 2


async def test_a_browser_does_not_wait_for_them_before_it_goes(a_renderer, site):
    async with a_renderer(concurrency=2, spares_below=9, captures_before_recycle=3) as renderer:
        old = await one_stands_ready(renderer, site)
        await asyncio.gather(*(take(renderer, site.url("/home")) for _ in range(2)))

        await until(lambda: old.retired)
        await until(lambda: not members(old.process.pid), 5)


async def test_one_that_was_being_opened_as_its_browser_retired_goes_at_once(a_renderer, site, monkeypatch):
    async with a_renderer(concurrency=2, spares_below=9) as renderer:
        long = asyncio.create_task(take(renderer, site.url("/held/long")))
        await site.arrival("long")
        old, pool, gate, began = house_of(renderer), renderer._pool, asyncio.Event(), asyncio.Event()
        capture = asyncio.create_task(take(renderer, site.url("/held/short")))
        await site.arrival("short")
        open_page = pool._open_page

        async def open_late(*where):
            began.set()
            await gate.wait()
            return await open_page(*where)

        monkeypatch.setattr(pool, "_open_page", open_late)
        site.release("short")
        await capture
        await began.wait()
        old.born_at = float("-inf")
        pool._houses.retire_if_due(old)
        await until(lambda: old.retired, 20)
        gate.set()
        await until(lambda: len(old.contexts) == old.tabs == 1)

        assert len(old.spares) == 0
        assert await contexts_of(old) == set(old.pages)
        site.release("long")
        await long


async def test_they_are_dropped_when_a_capture_takes_too_long(a_renderer, site):
    async with a_renderer(concurrency=2, spares_below=9) as renderer:
        await asyncio.gather(*(take(renderer, site.url("/home")) for _ in range(2)))
        house = house_of(renderer)
        await until(lambda: house.tabs == 0 and len(house.spares) == 2)
        before = set(house.contexts)
        with pytest.raises(RenderTimeout):
            await take(renderer, site.url("/held/slow"), budget_ms=500)
        await until(lambda: house.tabs == 0 and not renderer._pool._houses.busy)

        assert not house.contexts & before, "what befell the capture may have befallen them"


async def test_they_are_no_captures_to_those_who_watch_the_browser(a_renderer, site):
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        house = await one_stands_ready(renderer, site)

        assert (house.tabs, house.opened, house.pages) == (0, 1, {})


async def test_the_next_capture_does_not_wait_for_the_page_before_it_to_be_closed(a_renderer, site, closing):
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        gate = closing(renderer)
        await take(renderer, site.url("/home"))
        await take(renderer, site.url("/home"))
        third = asyncio.create_task(take(renderer, site.url("/home")))
        await until(lambda: renderer._pool.waiting == 1)

        assert house_of(renderer).tabs == 2, "one that is being closed, and no more"
        gate.set()
        await third
        await until(lambda: house_of(renderer).tabs == 0)


async def test_a_page_that_is_being_closed_goes_its_own_way_still(a_renderer, site, closing):
    ask = f"setInterval(() => fetch('http://{FORBIDDEN[0]}/' + Math.random()).catch(() => 0), 5)"
    site.serve("/asking", f"<title>Asking</title><script>{ask}</script>")
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        gate, pool = closing(renderer), renderer._pool
        await take(renderer, site.url("/asking"))
        next_capture = asyncio.create_task(take(renderer, site.url("/held/next")))
        await site.arrival("next")
        (slot,) = pool._turns._uses
        before = slot.other.exit._traffic
        asked = before.connections
        await until(lambda: before.connections > asked + 10)

        assert slot.other.exit.refused == {FORBIDDEN}
        assert slot.exit.refused == set()
        assert slot.exit._traffic.connections <= 2, "its own"
        gate.set()
        await until(lambda: slot.other.exit.refused == set())
        site.release("next")
        assert (await next_capture).verdict.title == "Held"


async def test_what_is_refused_to_a_page_that_stood_ready_is_told_of_its_own_capture(a_renderer, site):
    site.serve("/asking", f"<title>Asking</title><img src='http://{FORBIDDEN[0]}/'>")
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        await one_stands_ready(renderer, site)
        refused = []
        for path in ("/asking", "/home", "/asking"):
            async with renderer._pool.slot(Deadline.after(20_000), *NOBODYS) as slot:
                tab = await slot.open_tab()
                await tab.session.call("Page.enable", {}, 5)
                loaded = asyncio.Event()
                tab.session.on("Page.loadEventFired", dict, lambda _, loaded=loaded: loaded.set())
                await tab.session.call("Page.navigate", {"url": site.url(path)}, 5)
                await asyncio.wait_for(loaded.wait(), 10)
                refused.append(slot.exit.refused)

        assert refused == [{FORBIDDEN}, set(), {FORBIDDEN}]


OPTIONS = {
    "plain": {},
    "large": {"viewport": {"width": 1000, "height": 700, "scale": 2}},
    "phone": {"viewport": {"width": 390, "height": 700, "mobile": True}},
    "told": {
        "browser": {"timezone": "Asia/Tokyo", "locale": "de-DE", "dark_mode": True, "user_agent": "Somebody"},
        "network": {"cookies": [{"name": "taste", "value": "sweet", "domain": "127.0.0.1"}]},
    },
    "deterministic": {"capture": {"deterministic": True}},
}
SHOWS = """<!doctype html><body><pre></pre><script>
document.title = document.querySelector('pre').textContent = [innerWidth, innerHeight, devicePixelRatio,
  navigator.maxTouchPoints, COOKIE, navigator.userAgent, navigator.language, document.hasFocus(),
  matchMedia('(prefers-color-scheme: dark)').matches, new Date(0).toLocaleString(), document.hidden,
  history.length, SEEDED].join(' ')</script>"""


@pytest.mark.parametrize("target", ["url", "html"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
async def test_a_page_that_stood_ready_shows_what_a_fresh_one_shows(a_renderer, site, options, target):
    seeded = "Date.now(), Math.random(), performance.now()" if "capture" in options else "0"
    # A document that came with the request has no cookies.
    html = SHOWS.replace("SEEDED", seeded).replace("COOKIE", "document.cookie" if target == "url" else "0")
    site.serve("/shows", html)
    asked = {"url": site.url("/shows")} if target == "url" else {"html": html}
    request = parse_capture({**asked, **options, "fail_on": []}).request
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        fresh = await renderer.render(request, Deadline.after(20_000))
        house = house_of(renderer)
        await until(lambda: len(house.spares) == 1)
        warm = await renderer.render(request, Deadline.after(20_000))

    assert warm.verdict == fresh.verdict
    assert warm.verdict.title
    assert warm.image == fresh.image


async def test_its_clock_begins_with_the_document_that_it_is_given(a_renderer, site):
    html = "<script>document.title = performance.now()</script>"
    site.serve("/clock", html)
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        await one_stands_ready(renderer, site)
        for asked in ({"url": site.url("/clock")}, {"html": html}):
            await asyncio.sleep(AGE_S)
            capture = await renderer.render(parse_capture(asked).request, Deadline.after(20_000))
            assert float(capture.verdict.title) < capture.render_ms


async def test_nothing_is_left_of_them_when_the_server_closes(a_renderer, site, profiles):
    async with a_renderer(concurrency=2, spares_below=9) as renderer:
        await asyncio.gather(*(take(renderer, site.url("/home")) for _ in range(2)))
        house = house_of(renderer)
        await until(lambda: len(house.spares) == 2)

    assert members(house.process.pid) == {}
    assert len(house.spares) == 0
    assert list(profiles.iterdir()) == []


async def test_nor_of_one_that_is_just_being_opened(a_renderer, site, profiles):
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        await take(renderer, site.url("/home"))
        house = house_of(renderer)

    assert members(house.process.pid) == {}
    assert len(house.spares) == 0
    assert list(profiles.iterdir()) == []


async def test_a_capture_that_finds_one_gives_the_picture_that_was_asked_for(a_renderer, site):
    site.serve("/green", "<body bgcolor=#00ff00>")
    async with a_renderer(concurrency=1, spares_below=9) as renderer:
        await one_stands_ready(renderer, site)
        image = picture(await take(renderer, site.url("/green"), width_px=320, height_px=200))

    assert image.getcolors() == [(320 * 200, GREEN)]
