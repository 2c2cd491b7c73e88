"""What is too much is cut: the capture goes on with what it has, or says what there was too much of."""

from __future__ import annotations

import asyncio

import pytest

from calotype.capture.errors import CaptureError, NavigationFailed, RenderTimeout
from calotype.capture.verdict import Cut
from calotype.egress.traffic import Budget
from tests.render.asking import GREEN, picture, take, until

MB = 1_000_000
BUDGET = Budget(bytes_in=MB, bytes_out=MB, connections=40)


def is_green(capture):
    return picture(capture).getpixel((790, 590)) == GREEN


async def test_a_page_that_is_too_much_itself_is_an_error_that_says_so(a_renderer, site):
    async with a_renderer(budget=BUDGET) as renderer:
        with pytest.raises(NavigationFailed, match="the capture has received more than 1 MB"):
            await take(renderer, site.url("/big?bytes=3000000"))

        assert is_green(await take(renderer, site.url("/big?bytes=500000"))), "the next has its own"


async def test_a_part_that_is_too_much_is_left_out_with_all_that_came_later(a_renderer, site):
    async with a_renderer(budget=BUDGET) as renderer:
        greedy, neighbour = await asyncio.gather(
            take(renderer, site.url("/greedy?bytes=3000000"), selector="#done"),
            take(renderer, site.url("/greedy?bytes=1000"), selector="#done"),
        )

    assert is_green(greedy)
    assert greedy.verdict.cut is Cut.TRAFFIC
    assert is_green(neighbour)
    assert neighbour.verdict.cut is None
    assert site.visits["/image"] == 1, "the neighbour's"


async def test_a_page_that_asks_too_often_is_pictured_and_asks_no_more(a_renderer, site):
    async with a_renderer(budget=BUDGET) as renderer:
        capture = await take(renderer, site.url("/hammering?times=60"), selector="#done")

    assert is_green(capture)
    assert capture.verdict.cut is Cut.TRAFFIC
    assert site.visits["/200"] < 40


@pytest.mark.parametrize("part", ["head", "body"])
async def test_a_server_that_drips_costs_its_own_caller_the_deadline_and_nobody_else(a_renderer, site, part):
    async with a_renderer() as renderer:
        dripping = asyncio.create_task(take(renderer, site.url(f"/drip?part={part}"), 3000))
        await until(lambda: site.visits["/drip"])
        assert (await take(renderer, site.url("/home"))).verdict.title == "Home of the site"
        with pytest.raises(RenderTimeout):
            await dripping

        await until(lambda: not any(each._exchanges for each in renderer._pool._exits))


async def test_a_page_that_swells_a_thousandfold_ends_with_its_deadline(a_renderer, site):
    async with a_renderer() as renderer:
        swelling = asyncio.create_task(take(renderer, site.url("/bomb?megabytes=100"), 8000))
        await until(lambda: site.visits["/bomb"])
        assert (await take(renderer, site.url("/home"))).verdict.title == "Home of the site"
        done = await asyncio.gather(swelling, return_exceptions=True)
        assert not isinstance(done[0], BaseException) or isinstance(done[0], CaptureError)
        assert (await take(renderer, site.url("/home"))).verdict.title == "Home of the site"
