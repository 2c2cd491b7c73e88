"""A page that takes too much memory is ended by itself, its caller is told why, and nobody else notices."""

from __future__ import annotations

import asyncio
import time

import pytest
import pytest_asyncio

from calotype.capture.errors import CaptureError, NavigationFailed, PageTooBig, RenderTimeout
from tests.render.asking import GREEN, browser_pid, members, pages_in_use, picture, share_of, take, until
from tests.render.chaos import BUSY_S, GRACE_S
from tests.render.conftest import a_profile_root, open_renderer
from tests.site.server import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 2**20
LIMIT_BYTES = 300 * MIB

HEAP = "const kept = []; for (;;) kept.push(new Array(1e6).fill(Math.random()));"
BUFFERS = "const kept = []; setInterval(() => kept.push(new Uint8Array(3e7).fill(7)), 10);"
CANVASES = """const kept = []; setInterval(() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 4000;
  const brush = canvas.getContext('2d', {willReadFrequently: true});
  brush.fillStyle = 'red'; brush.fillRect(0, 0, 4000, 4000); brush.getImageData(0, 0, 1, 1);
  kept.push(canvas) }, 10);"""
TEXT = "setInterval(() => document.body.append(('x'.repeat(1e6) + Math.random()).repeat(9)), 10);"
WORKERS = """const code = 'const kept = []; setInterval(() => kept.push(new Uint8Array(1e7).fill(1)), 20)';
  for (let i = 0; i < 20; i++) new Worker(URL.createObjectURL(new Blob([code])));"""
IMAGES = """onload = async () => { const one = await (await fetch('/image?width=4000&height=4000')).blob();
  for (let i = 0; i < 40; i++) { const shown = new Image(90, 90);
    shown.src = URL.createObjectURL(one.slice()); document.body.append(shown); await shown.decode() } }"""


def running(script: str) -> str:
    return f"<!doctype html><title>Bomb</title><body><script>{script}</script>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other_site():
    with Site("127.0.0.2") as other:
        yield other


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def renderer(the_site: Site, other_site: Site):
    """One renderer for all bombs of this file, so that what one leaves behind would harm the next."""
    with a_profile_root() as profiles:
        allowed = f"{the_site.netloc},{other_site.netloc}"
        async with open_renderer(allowed, profiles, page_max_bytes=LIMIT_BYTES) as renderer:
            yield renderer


async def beside_a_neighbour(renderer, site, bomb: str, budget_ms: int = 30_000) -> CaptureError:
    """Take the bomb while another capture is under way, which must not notice."""
    neighbour = asyncio.create_task(take(renderer, site.url("/held/neighbour"), budget_ms=90_000))
    await site.arrival("neighbour")
    browser, started = browser_pid(renderer), time.monotonic()
    with pytest.raises(CaptureError) as told:
        await take(renderer, bomb, budget_ms, selector="#never")
    assert time.monotonic() - started < budget_ms / 1000 + GRACE_S + BUSY_S
    site.release("neighbour")
    assert (await neighbour).verdict.title == "Held"
    assert site.visits["/held/neighbour"] == 1
    assert browser_pid(renderer) == browser
    await until(lambda: pages_in_use(renderer) == 0, 20)
    return told.value


BOMBS = {"heap": HEAP, "buffers": BUFFERS, "canvases": CANVASES, "text": TEXT, "workers": WORKERS}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
async def test_a_page_that_eats_memory_is_ended_and_its_caller_is_told_so(renderer, site, bomb):
    site.serve("/bomb", running(bomb))
    told = await beside_a_neighbour(renderer, site, site.url("/bomb"))

    assert isinstance(told, PageTooBig)
    assert "300 MiB" in str(told)
    assert site.visits["/bomb"] == 1, "it must not be let loose a second time"


async def test_pictures_that_are_small_in_the_mail_and_huge_on_the_wall_are_no_way_round_it(renderer, site):
    site.serve("/bomb", running(IMAGES))
    told = await beside_a_neighbour(renderer, site, site.url("/bomb"))

    assert isinstance(told, PageTooBig)


async def test_a_frame_of_another_site_that_eats_memory_ends_its_page(renderer, site, other_site):
    other_site.serve("/bomb", running(BUFFERS))
    told = await beside_a_neighbour(renderer, site, site.url(f"/framed?src={other_site.url('/bomb')}"))

    assert isinstance(told, PageTooBig)


CROWDS = {
    "frames": "for (let i = 0; i < 3000; i++) document.body.append(document.createElement('iframe'))",
    "elements": """for (let i = 0; i < 1000; i++)
        document.body.append(...Array.from({length: 300}, () => document.createElement('p')))""",
    "depth": """let deepest = document.body;
        for (let i = 0; i < 20000; i++) deepest = deepest.appendChild(document.createElement('b'))""",
    "dialogs": "setInterval(() => { for (;;) alert(1) })",
}


@pytest.mark.parametrize("crowd", CROWDS.values(), ids=CROWDS)
async def test_a_crowd_in_one_page_costs_only_its_own_caller(renderer, site, crowd):
    site.serve("/crowd", running(crowd))
    await beside_a_neighbour(renderer, site, site.url("/crowd"), budget_ms=6000)


async def test_workers_that_leave_the_browser_no_time_cost_others_no_more_than_a_second_try(renderer, site):
    code = "for (let i = 0; i < 1000; i++) new Worker(URL.createObjectURL(new Blob(['for (;;);'])))"
    site.serve("/crowd", running(code))
    neighbour = asyncio.create_task(take(renderer, site.url("/held/neighbour"), budget_ms=90_000))
    await site.arrival("neighbour")
    with pytest.raises(RenderTimeout):
        await take(renderer, site.url("/crowd"), 5000, selector="#never")
    site.release("neighbour")

    assert (await neighbour).verdict.title == "Held"
    await until(lambda: pages_in_use(renderer) == 0, 20)


async def test_an_answer_that_never_ends_is_told_in_time(renderer, site):
    told = await beside_a_neighbour(renderer, site, site.url("/endless"), budget_ms=2000)

    assert isinstance(told, RenderTimeout)


async def test_a_page_that_sends_itself_on_for_ever_is_told_in_time(renderer, site):
    site.serve("/again", running("location.href = '/again?' + Math.random()"))
    told = await beside_a_neighbour(renderer, site, site.url("/again"), budget_ms=4000)

    assert isinstance(told, RenderTimeout | NavigationFailed)


async def test_after_all_of_that_the_browser_goes_on(renderer, site):
    site.serve("/green", "<body bgcolor=#00ff00>")

    assert share_of(picture(await take(renderer, site.url("/green"))), GREEN) == 1


async def test_a_browser_that_has_grown_is_replaced_while_its_captures_go_on(a_renderer, site):
    # Half a megabyte is what no browser can do without; so it has grown too far with its first capture.
    async with a_renderer(browser_max_bytes=MIB // 2, page_max_bytes=2000 * MIB) as renderer:
        renderer._pool._watch.outrageous = float("inf")
        capture = asyncio.create_task(take(renderer, site.url("/held/long"), budget_ms=60_000))
        await site.arrival("long")
        first = browser_pid(renderer)
        await until(lambda: len(renderer._pool._houses.all) == 2, 20)
        assert members(first), "its capture still runs"
        site.release("long")

        assert (await capture).verdict.title == "Held"
        await until(lambda: not members(first), 20)
        assert site.visits["/held/long"] == 1
