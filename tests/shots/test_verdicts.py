"""A picture that fails its verdict takes no good one's place, whichever rule it breaks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from calotype.cache.purge import PurgeFilter
from calotype.capture.errors import PictureRefused
from calotype.capture.verdict import Cut, SettledBy
from calotype.shots.shot import Forward, Served
from tests.support.builders import HERE
from tests.support.pictures import a_png
from tests.support.shots import a_studio

URL = "https://example.com/"
BROKEN: dict[str, dict[str, Any]] = {
    "blank": {"blank": True},
    "bot_wall": {"bot_wall": "cloudflare"},
    "error_page": {"error_page": True},
    "unfinished_images": {"unfinished_images": 1},
    "missing_glyphs": {"missing_glyphs": 1},
    "cut": {"cut": Cut.HEIGHT},
    "console_errors": {"console_errors": 1},
    "unsettled": {"settled_by": SettledBy.NETWORK},
}
every_rule = pytest.mark.parametrize("rule", BROKEN)


@every_rule
class TestPoison:
    async def test_it_is_an_error_and_not_stored(self, studio, renderer, rule):
        renderer.facts = BROKEN[rule]
        with pytest.raises(PictureRefused) as told:
            await studio.take(URL, fail_on=(rule,))

        assert told.value.rule == rule
        assert (await studio.store.purge(HERE, PurgeFilter(everything=True))).count == 0

    async def test_the_last_good_picture_is_served_and_said_to_be_stale(self, studio, clock, renderer, rule):
        await studio.take(URL, ttl_s=60, fail_on=(rule,))
        clock.advance(seconds=60)
        renderer.facts = BROKEN[rule]
        shot = await studio.take(URL, fail_on=(rule,))

        assert (shot.served, shot.forward, shot.detail) == (Served.STALE, Forward.EXPIRED, "sie")
        assert shot.opened.data == a_png(0)

    async def test_a_refresh_that_breaks_it_leaves_the_good_one_in_its_place(self, studio, renderer, rule):
        await studio.take(URL, fail_on=(rule,))
        renderer.facts = BROKEN[rule]
        with pytest.raises(PictureRefused):
            await studio.take(URL, refresh=True, fail_on=(rule,))
        still = await studio.take(URL, fail_on=(rule,))

        assert (still.served, still.opened.data) == (Served.HIT, a_png(0))

    async def test_a_hit_is_judged_by_each_callers_own_rules(self, studio, renderer, rule):
        renderer.facts = BROKEN[rule]
        await studio.take(URL)
        assert (await studio.take(URL)).served is Served.HIT

        renderer.facts = {}
        better = await studio.take(URL, fail_on=(rule,))
        assert (better.served, better.opened.data) == (Served.MISS, a_png(1))
        assert (await studio.take(URL, fail_on=(rule,))).served is Served.HIT

    async def test_one_that_breaks_it_never_stands_in_for_a_page_that_fails(self, studio, renderer, rule):
        renderer.facts = BROKEN[rule]
        await studio.take(URL)
        for _ in range(2):
            with pytest.raises(PictureRefused):
                await studio.take(URL, fail_on=(rule,))
        lenient = await studio.take(URL)

        assert (lenient.served, lenient.opened.data, len(renderer.renders)) == (Served.HIT, a_png(0), 2)

    async def test_without_the_cache_it_is_an_error_too(self, studio, renderer, rule):
        renderer.facts = BROKEN[rule]
        with pytest.raises(PictureRefused):
            await studio.take(URL, enabled=False, fail_on=(rule,))
        assert (await studio.take(URL, enabled=False)).served is Served.MISS

    async def test_a_burst_over_several_processes_renders_once(self, tmp_path, clock, rule):
        async with a_studio(tmp_path, clock) as one, a_studio(tmp_path, clock) as two:
            renderer = one.renderer
            renderer.facts = two.renderer.facts = BROKEN[rule]
            renderer.hold()
            asking = [one.taking(URL, fail_on=(rule,))]
            await renderer.began.acquire()
            asking += [studio.taking(URL, fail_on=(rule,)) for studio in (one, two) for _ in range(10)]
            await asyncio.sleep(0)
            renderer.release()
            outcomes = await asyncio.gather(*asking, return_exceptions=True)

            assert {(type(outcome), getattr(outcome, "rule", "")) for outcome in outcomes} == {
                (PictureRefused, rule)
            }
            assert (len(renderer.renders), len(two.renderer.renders)) == (1, 0)

            # What is remembered is what was seen, and not what the first caller thought of it.
            other = next(word for word in BROKEN if word != rule)
            lenient = await two.take(URL, fail_on=(other,))
            assert (lenient.served, len(two.renderer.renders)) == (Served.MISS, 1)


@pytest.mark.parametrize("rule", ["blank", "bot_wall", "error_page"])
async def test_what_nobody_asked_for_gives_way_only_to_a_picture_that_shows_the_page(
    studio, clock, renderer, rule
):
    await studio.take(URL, ttl_s=60, swr_s=3600)
    clock.advance(seconds=60)
    renderer.facts = BROKEN[rule]
    assert (await studio.take(URL)).served is Served.STALE
    await asyncio.wait(list(studio.revalidator._tasks.values()))
    still = await studio.take(URL)

    assert (still.served, still.opened.data, len(renderer.renders)) == (Served.STALE, a_png(0), 2)


async def test_a_page_that_was_blank_before_may_be_blank_again(studio, clock, renderer):
    renderer.facts = {"blank": True}
    await studio.take(URL, ttl_s=60, swr_s=3600)
    clock.advance(seconds=60)
    await studio.take(URL)
    await asyncio.wait(list(studio.revalidator._tasks.values()))

    assert (await studio.take(URL)).opened.data == a_png(1)
