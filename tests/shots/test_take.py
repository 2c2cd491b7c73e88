"""Shots.take: when the cache answers, when the browser, and what is remembered of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter

import pytest

from calotype.cache.policy import CachePolicy, HitsWhen
from calotype.cache.purge import PurgeFilter
from calotype.capture.errand import Urgency
from calotype.capture.errors import NavigationFailed, PageNotFound, RenderTimeout, TargetRefused
from calotype.shots.shot import Forward, Served
from tests.support.builders import HERE, TRIAL
from tests.support.pictures import a_png
from tests.support.shots import a_studio

URL = "https://example.com/"
EVERYTHING = PurgeFilter(everything=True)


def story(shot):
    return shot.served, shot.forward, shot.stored, shot.detail


RENDERED = (Served.MISS, Forward.MISS, True, None)
HIT = (Served.HIT, None, True, None)


async def test_the_first_caller_gets_a_render_and_the_next_the_same_bytes_from_the_cache(studio, renderer):
    first, second = await studio.take(URL), await studio.take(URL)

    assert (story(first), story(second)) == (RENDERED, HIT)
    assert first.opened == second.opened
    assert first.opened.data == a_png(0)
    assert len(renderer.renders) == 1


async def test_another_page_another_account_and_another_mode_are_other_pictures(studio, renderer):
    await studio.take(URL)
    for other in (
        {"url": "https://example.com/a"},
        {"url": URL, "namespace": TRIAL},
        {"url": URL, "key": "mine"},
    ):
        assert story(await studio.take(**other)) == RENDERED
    assert len(renderer.renders) == 4


async def test_an_entry_is_a_hit_until_the_instant_it_expires_and_then_rendered_anew(studio, clock):
    await studio.take(URL, ttl_s=60)
    clock.advance(seconds=60, microseconds=-1)
    assert story(await studio.take(URL)) == HIT
    clock.advance(microseconds=1)

    again = await studio.take(URL)
    assert story(again) == (Served.MISS, Forward.EXPIRED, True, None)
    assert again.opened.data == a_png(1)


async def test_a_hit_does_not_prolong_an_entry(studio, clock):
    await studio.take(URL, ttl_s=60)
    clock.advance(seconds=59)
    await studio.take(URL, ttl_s=60)
    clock.advance(seconds=1)

    assert (await studio.take(URL)).served is Served.MISS


async def test_refresh_renders_though_there_is_a_hit_and_replaces_it(studio):
    await studio.take(URL)
    refreshed = await studio.take(URL, refresh=True)

    assert story(refreshed) == (Served.MISS, Forward.REFRESH, True, None)
    assert (await studio.take(URL)).opened.data == refreshed.opened.data == a_png(1)


async def test_a_refresh_that_fails_leaves_the_old_picture(studio, renderer):
    await studio.take(URL)
    renderer.failing = NavigationFailed(URL, "net::ERR_FAILED")
    with pytest.raises(NavigationFailed):
        await studio.take(URL, refresh=True)

    assert story(await studio.take(URL)) == HIT


async def test_with_caching_disabled_nothing_is_looked_up_and_nothing_remembered(studio, renderer):
    await studio.take(URL)
    uncached = await studio.take(URL, enabled=False, refresh=True)

    assert story(uncached) == (Served.MISS, Forward.BYPASS, False, None)
    assert uncached.opened.data == a_png(1)
    assert (await studio.take(URL)).opened.data == a_png(0)
    assert len(studio.blob_files()) == 1


async def test_where_hits_are_opt_in_only_a_caller_who_asks_for_what_is_available_gets_one(tmp_path, clock):
    async with a_studio(tmp_path, clock, policy=CachePolicy(hits_when=HitsWhen.AVAILABLE)) as studio:
        assert story(await studio.take(URL)) == RENDERED
        assert story(await studio.take(URL)) == RENDERED
        available = await studio.take(URL, available=True)

        assert story(available) == HIT
        assert available.opened.data == a_png(1)
        assert (await studio.take(URL, available=True, refresh=True)).served is Served.MISS


async def test_a_custom_key_is_the_identity_whatever_page_is_asked_for_under_it(studio):
    first = await studio.take("https://example.com/a", key="mine")

    assert (await studio.take("https://example.com/b", key="mine")).opened == first.opened
    assert first.opened.entry.key == "mine"


async def test_a_burst_of_callers_shares_one_render(studio, renderer):
    renderer.hold()
    burst = [studio.taking(URL) for _ in range(20)]
    await renderer.began.acquire()
    renderer.release()
    shots = await asyncio.gather(*burst)

    assert len(renderer.renders) == 1
    assert Counter(shot.served for shot in shots) == {Served.MISS: 1, Served.COLLAPSED: 19}
    assert {shot.opened.data for shot in shots} == {a_png(0)}


async def test_a_failure_is_shared_and_forgotten_after_three_seconds(studio, renderer, clock):
    renderer.failing = NavigationFailed(URL, "net::ERR_FAILED")
    renderer.hold()
    burst = [studio.taking(URL) for _ in range(5)]
    await renderer.began.acquire()
    renderer.release()
    outcomes = await asyncio.gather(*burst, return_exceptions=True)
    renderer.failing = None

    assert [type(outcome) for outcome in outcomes] == [NavigationFailed] * 5
    clock.advance(seconds=3)
    assert story(await studio.take(URL)) == RENDERED
    assert len(renderer.renders) == 2


async def test_a_deadline_that_passes_is_told_and_nothing_goes_on_behind_it(studio, renderer):
    renderer.hold()
    with pytest.raises(RenderTimeout):
        await studio.take(URL, budget_ms=30)
    renderer.release()

    assert renderer.running == 0
    assert story(await studio.take(URL)) == RENDERED


# ---- verdicts


async def test_a_page_that_breaks_the_callers_rules_is_an_error_and_not_stored(studio, renderer):
    renderer.http_status = 404
    with pytest.raises(PageNotFound):
        await studio.take(URL, fail_on=("http_404",))

    assert await studio.adapters.index.head(HERE) == 0
    assert studio.blob_files() == set()


async def test_a_failing_page_never_replaces_a_good_picture(studio, renderer):
    await studio.take(URL)
    renderer.http_status = 500
    with pytest.raises(TargetRefused):
        await studio.take(URL, refresh=True, fail_on=("http_5xx",))

    assert (await studio.take(URL, fail_on=("http_5xx",))).opened.data == a_png(0)


async def test_a_picture_that_another_caller_was_content_with_is_a_miss_for_a_stricter_one(studio, renderer):
    renderer.http_status = 404
    lenient = await studio.take(URL)
    assert story(lenient) == RENDERED
    renderer.http_status = 200

    strict = await studio.take(URL, fail_on=("http_404",))
    assert story(strict) == RENDERED
    assert strict.opened.data == a_png(1)
    assert (await studio.take(URL)).opened.data == a_png(1)


@pytest.mark.parametrize("strict_first", [True, False])
async def test_callers_who_share_a_render_are_each_judged_by_their_own_rules(studio, renderer, strict_first):
    renderer.http_status = 404
    renderer.hold()
    rules = {"strict": ("http_404",), "lenient": ()}
    order = ["strict", "lenient"] if strict_first else ["lenient", "strict"]
    taking = {who: studio.taking(URL, fail_on=rules[who]) for who in order}
    await renderer.began.acquire()
    renderer.release()

    with pytest.raises(PageNotFound):
        await taking["strict"]
    lenient = await taking["lenient"]
    assert lenient.opened.data == a_png(0)
    assert len(renderer.renders) == 1
    # Who began the render decides on storing: what a strict caller began is not kept when it fails.
    assert (lenient.stored, lenient.detail) == ((False, "verdict") if strict_first else (True, None))
    assert (await studio.take(URL)).served is (Served.MISS if strict_first else Served.HIT)


# ---- a store that fails


async def test_an_index_that_cannot_be_used_is_passed_by(studio, renderer):
    await studio.take(URL)
    await studio.adapters.index._database.close()
    shot = await studio.take(URL)

    assert story(shot) == (Served.MISS, Forward.MISS, False, "store-unavailable")
    assert shot.opened.data == a_png(1)


async def test_an_index_locked_by_somebody_else_is_passed_by(tmp_path, clock):
    async with a_studio(tmp_path, clock, busy_timeout_s=0.05) as studio:
        with sqlite3.connect(tmp_path / "index.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            shot = await studio.take(URL)
            other.execute("ROLLBACK")
        other.close()

        assert (shot.stored, shot.detail) == (False, "store-unavailable")
        assert story(await studio.take(URL)) == RENDERED


async def test_a_blob_store_that_cannot_be_written_costs_only_the_storing(studio, renderer):
    renderer.hold()
    taking = studio.taking(URL)
    await renderer.began.acquire()
    (studio.folder / "blobs" / "tmp").rmdir()
    renderer.release()
    shot = await taking

    assert story(shot) == (Served.MISS, Forward.MISS, False, "store-unavailable")
    assert shot.opened.data == a_png(0)
    (studio.folder / "blobs" / "tmp").mkdir()
    assert story(await studio.take(URL)) == RENDERED


async def test_what_is_no_picture_is_answered_but_not_remembered(studio, renderer):
    renderer.spoil = b"<html>"
    shot = await studio.take(URL)
    renderer.spoil = None

    assert story(shot) == (Served.MISS, Forward.MISS, False, "store-unavailable")
    assert studio.blob_files() == set()
    assert story(await studio.take(URL)) == RENDERED


async def test_an_entry_whose_picture_is_lost_is_rendered_anew(tmp_path, clock):
    async with a_studio(tmp_path, clock, hot_bytes=0) as studio:
        await studio.take(URL)
        (lost,) = studio.blob_files()
        (tmp_path / "blobs" / lost[:2] / lost[2:4] / lost).unlink()

        assert story(await studio.take(URL)) == RENDERED
        assert story(await studio.take(URL)) == HIT


# ---- two processes


async def test_two_processes_share_one_render(tmp_path, clock):
    async with a_studio(tmp_path, clock) as here, a_studio(tmp_path, clock) as there:
        here.renderer.hold()
        first = here.taking(URL)
        await here.renderer.began.acquire()
        second = there.taking(URL)
        here.renderer.release()

        assert (await first).opened == (await second).opened
        assert (await second).served is Served.HIT
        assert there.renderer.renders == []


async def test_a_refresh_is_not_answered_with_what_another_process_began_before_it(tmp_path, clock):
    async with a_studio(tmp_path, clock) as here, a_studio(tmp_path, clock) as there:
        here.renderer.hold()
        old = here.taking(URL)
        await here.renderer.began.acquire()
        waiting = there.taking(URL)
        await asyncio.sleep(0)
        refresh = there.taking(URL, refresh=True)
        await asyncio.sleep(0)
        here.renderer.release()

        assert (await waiting).opened == (await old).opened
        assert (await refresh).served is Served.MISS
        assert len(there.renderer.renders) == 1
        assert (await here.take(URL)).opened == (await refresh).opened


async def test_the_newest_refresh_of_a_custom_key_stays_whatever_else_was_asked_under_it(studio, renderer):
    renderer.hold()
    asked = []
    for path in ("red", "lime", "blue"):
        url = f"https://example.com/{path}"
        asked.append(asyncio.create_task(studio.take(url, key="banner", refresh=True)))
        await asyncio.sleep(0)
    renderer.release()
    shots = await asyncio.gather(*asked)

    pages = [render.negative.target.url.rsplit("/", 1)[1] for render in renderer.renders]
    assert pages == ["red", "lime", "blue"]
    assert [shot.opened.data for shot in shots] == [a_png(0), a_png(1), a_png(2)]
    assert (await studio.take("https://example.com/red", key="banner")).opened.data == a_png(2)


async def test_a_failing_page_under_a_custom_key_fails_nobody_who_asked_for_another(studio, renderer):
    renderer.hold()
    renderer.http_status = 404
    missing = asyncio.create_task(studio.take("https://example.com/gone", key="k", fail_on=("http_404",)))
    await renderer.began.acquire()
    good = asyncio.create_task(studio.take("https://example.com/good", key="k", fail_on=("http_404",)))
    await asyncio.sleep(0)
    renderer.release()
    with pytest.raises(PageNotFound):
        await missing
    renderer.http_status = 200

    assert story(await good) == RENDERED


class TestWhoWaits:
    async def test_somebody_does_while_a_capture_is_made_for_them_and_a_moment_longer(self, studio):
        now = 1000.0
        studio.shots._monotonic = lambda: now
        assert not studio.shots.somebody_waits()
        studio.renderer.hold()
        taking = studio.taking()
        await studio.renderer.began.acquire()
        now += 60
        assert studio.shots.somebody_waits()

        studio.renderer.release()
        await taking
        now += 9.9
        assert studio.shots.somebody_waits()
        now += 0.2
        assert not studio.shots.somebody_waits()

    async def test_nobody_does_for_a_hit_or_for_a_batch(self, studio):
        await studio.take(urgency=Urgency.BATCH)
        await studio.take()

        assert len(studio.renderer.renders) == 1
        assert not studio.shots.somebody_waits()
