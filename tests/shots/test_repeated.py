"""An Idempotency-Key on a capture: sent again it is answered, not done again, and never with what is gone."""

from __future__ import annotations

import asyncio

import pytest

from calotype.cache.errors import IdempotencyMismatch
from calotype.cache.globs import UrlGlob
from calotype.cache.policy import CachePolicy, HitsWhen
from calotype.cache.purge import PurgeFilter
from calotype.capture.errors import NavigationFailed, PictureRefused
from calotype.shots.shot import Served
from tests.support.builders import HERE, THERE
from tests.support.shots import a_studio

PAGE = "https://example.com/"
EVERYTHING = PurgeFilter(url=UrlGlob("*"))


async def again(studio, **how):
    """Ask for a new picture, under a name."""
    return await studio.take(PAGE, once="a", refresh=True, **how)


async def test_a_refresh_that_comes_again_is_answered_with_the_picture_that_it_made(studio):
    await studio.take(PAGE)
    studio.clock.advance(seconds=1)
    first = await again(studio)
    studio.clock.advance(hours=1)
    second = await again(studio)

    assert len(studio.renderer.renders) == 2
    assert (second.served, second.opened.data) == (Served.HIT, first.opened.data)


async def test_it_is_not_answered_with_a_picture_that_breaks_its_own_rules(studio):
    studio.renderer.facts = {"blank": True}
    with pytest.raises(PictureRefused):
        await again(studio, fail_on=("blank",))
    studio.clock.advance(seconds=30)
    await studio.take(PAGE)  # by somebody who is content with a blank page
    studio.clock.advance(seconds=1)

    with pytest.raises(PictureRefused):
        await again(studio, fail_on=("blank",))


async def test_without_the_name_and_under_another_it_is_done_again(studio):
    await again(studio)
    await studio.take(PAGE, refresh=True)
    await studio.take(PAGE, refresh=True, once="b")
    await studio.take(PAGE, refresh=True, once="a", namespace=THERE)

    assert len(studio.renderer.renders) == 4


async def test_a_day_later_it_is_done_again(studio):
    await again(studio, ttl_s=200_000)
    studio.clock.advance(hours=24)
    await again(studio, ttl_s=200_000)

    assert len(studio.renderer.renders) == 2


@pytest.mark.parametrize("soft", [False, True])
async def test_what_was_purged_is_captured_anew(studio, soft):
    first = await again(studio)
    studio.clock.advance(seconds=1)
    await studio.store.purge(HERE, EVERYTHING, soft=soft)
    second = await again(studio)

    assert second.served is Served.MISS
    assert second.opened.data != first.opened.data


async def test_what_has_expired_is_captured_anew(studio):
    await again(studio, ttl_s=60)
    studio.clock.advance(seconds=60)

    assert (await again(studio, ttl_s=60)).served is Served.MISS


async def test_something_else_under_the_same_name_is_refused(studio):
    await again(studio)
    for other in ({"ttl_s": 60}, {"tags": frozenset({"x"})}, {"fail_on": ("blank",)}, {"key": "own"}):
        with pytest.raises(IdempotencyMismatch):
            await again(studio, **other)
    with pytest.raises(IdempotencyMismatch):
        await studio.take("https://example.com/other", once="a", refresh=True)

    assert len(studio.renderer.renders) == 1


async def test_those_that_come_at_once_share_one_render(studio):
    studio.renderer.hold()
    crowd = [asyncio.create_task(again(studio)) for _ in range(5)]
    await studio.renderer.began.acquire()
    crowd += [asyncio.create_task(again(studio)) for _ in range(5)]
    await asyncio.sleep(0)
    studio.renderer.release()
    shots = await asyncio.gather(*crowd)

    assert len(studio.renderer.renders) == 1
    assert len({shot.opened.data for shot in shots}) == 1


async def test_a_render_that_had_begun_before_the_first_is_no_answer(studio):
    studio.renderer.hold()
    earlier = studio.taking(PAGE, refresh=True)
    await studio.renderer.began.acquire()
    studio.clock.advance(seconds=1)
    crowd = [asyncio.create_task(again(studio)) for _ in range(3)]
    await asyncio.sleep(0.05)
    studio.renderer.release()
    shots = await asyncio.gather(*crowd)

    assert len(studio.renderer.renders) == 2
    assert (await earlier).opened.data not in {shot.opened.data for shot in shots}


async def test_after_a_failure_it_is_tried_again_and_what_was_there_before_is_no_answer(studio):
    await studio.take(PAGE)
    studio.clock.advance(seconds=1)
    studio.renderer.failing = NavigationFailed(PAGE, "net::ERR_CONNECTION_REFUSED")
    with pytest.raises(NavigationFailed):
        await again(studio)
    studio.renderer.failing = None
    studio.clock.advance(seconds=4)

    assert (await again(studio)).served is Served.MISS


async def test_it_outlives_the_process_that_answered_first(tmp_path, clock):
    async with a_studio(tmp_path, clock) as one:
        first = await again(one)
    async with a_studio(tmp_path, clock) as other:
        second = await again(other)

        assert (second.served, second.opened.data) == (Served.HIT, first.opened.data)
        assert other.renderer.renders == []


async def test_two_processes_that_are_asked_at_once_render_once(tmp_path, clock):
    async with a_studio(tmp_path, clock) as one, a_studio(tmp_path, clock) as other:
        one.renderer.hold()
        first = asyncio.create_task(again(one))
        await one.renderer.began.acquire()
        second = asyncio.create_task(again(other))
        await asyncio.sleep(0.1)
        one.renderer.release()

        assert (await second).opened.data == (await first).opened.data
        assert other.renderer.renders == []


async def test_where_hits_have_to_be_asked_for_it_needs_not_ask(tmp_path, clock):
    policy = CachePolicy(hits_when=HitsWhen.AVAILABLE)
    async with a_studio(tmp_path, clock, policy=policy) as studio:
        for _ in range(2):
            await studio.take(PAGE, once="a")

        assert len(studio.renderer.renders) == 1
