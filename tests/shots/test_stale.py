"""Pictures past their time: served while a new one is made, or in place of one that fails; never unsaid."""

from __future__ import annotations

import asyncio

import pytest

from calotype.cache import early
from calotype.cache.errors import StoreUnavailable
from calotype.cache.purge import PurgeFilter
from calotype.capture.errand import Errand, Urgency
from calotype.capture.errors import (
    BrowserCrashed,
    NavigationFailed,
    NothingToShow,
    PageNotFound,
    QueueFull,
    RenderTimeout,
    TargetForbidden,
    TargetRefused,
)
from calotype.shots.shot import Forward, Served
from tests.support.builders import HERE
from tests.support.pictures import a_png

URL = "https://example.com/"
DOWN = NavigationFailed(URL, "net::ERR_CONNECTION_REFUSED")
EVERYTHING = PurgeFilter(everything=True)


def story(shot):
    return shot.served, shot.forward, shot.detail


SWR = (Served.STALE, None, "swr")
SIE = (Served.STALE, Forward.EXPIRED, "sie")


async def settled(studio):
    under_way = list(studio.revalidator._tasks.values())
    if under_way:
        await asyncio.wait(under_way)


class TestWhileRevalidating:
    async def test_the_old_picture_is_served_at_once_and_then_the_new_one(self, studio, clock):
        await studio.take(URL, ttl_s=60, swr_s=60)
        clock.advance(seconds=60)
        studio.renderer.hold()

        old = await studio.take(URL, ttl_s=60, swr_s=60)
        assert (story(old), old.opened.data) == (SWR, a_png(0))
        studio.renderer.release()
        await settled(studio)
        new = await studio.take(URL)
        assert (new.served, new.opened.data) == (Served.HIT, a_png(1))

    async def test_the_browser_is_told_that_nobody_waits_for_the_new_one(self, studio, clock, renderer):
        await studio.take(URL, ttl_s=60, swr_s=60)
        clock.advance(seconds=60)
        await studio.take(URL)
        await settled(studio)
        await studio.take(URL, enabled=False)

        assert renderer.errands == [
            Errand(account=HERE.account, urgency=urgency)
            for urgency in (Urgency.INTERACTIVE, Urgency.BACKGROUND, Urgency.INTERACTIVE)
        ]

    async def test_however_many_ask_meanwhile_one_new_picture_is_made(self, studio, clock, renderer):
        await studio.take(URL, ttl_s=60, swr_s=60)
        clock.advance(seconds=60)
        renderer.hold()
        shots = [await studio.take(URL) for _ in range(50)]
        renderer.release()
        await settled(studio)

        assert {shot.served for shot in shots} == {Served.STALE}
        assert len(renderer.renders) == 2

    async def test_the_new_picture_has_the_tags_of_the_old_one_whoever_came_by(self, studio, clock):
        tags = frozenset({"shop", "p-1"})
        await studio.take(URL, ttl_s=60, swr_s=60, tags=tags)
        clock.advance(seconds=60)
        await studio.take(URL, tags=frozenset({"other"}))
        await settled(studio)
        new = await studio.take(URL)

        assert (new.served, new.opened.data, new.opened.entry.tags) == (Served.HIT, a_png(1), tags)
        assert (await studio.store.purge(HERE, PurgeFilter(tags=("other",)))).count == 0
        assert (await studio.store.purge(HERE, PurgeFilter(tags=("p-1",)))).count == 1

    async def test_a_purge_by_the_old_tags_bars_the_new_picture_under_way(self, studio, clock, renderer):
        await studio.take(URL, ttl_s=60, swr_s=60, tags=frozenset({"shop"}))
        clock.advance(seconds=60)
        await renderer.began.acquire()
        renderer.hold()
        await studio.take(URL)
        await renderer.began.acquire()
        assert (await studio.store.purge(HERE, PurgeFilter(tags=("shop",)))).count == 1
        renderer.release()
        await settled(studio)

        assert (await studio.take(URL)).opened.data == a_png(2)

    async def test_whoever_asked_a_good_picture_does_not_give_way_to_a_broken_page(self, studio, clock):
        await studio.take(URL, ttl_s=60, swr_s=3600)
        clock.advance(seconds=60)
        studio.renderer.http_status = 503
        await studio.take(URL, fail_on=())
        await settled(studio)
        assert (await studio.take(URL)).opened.data == a_png(0)

    async def test_a_picture_of_a_broken_page_may_give_way_to_another_one(self, studio, clock):
        studio.renderer.http_status = 503
        await studio.take(URL, ttl_s=60, swr_s=3600)
        clock.advance(seconds=60)
        await studio.take(URL)
        await settled(studio)

        assert (await studio.take(URL)).opened.data == a_png(1)

    async def test_the_window_ends_and_then_the_caller_waits(self, studio, clock):
        await studio.take(URL, ttl_s=60, swr_s=60)
        clock.advance(seconds=120)

        assert story(await studio.take(URL)) == (Served.MISS, Forward.EXPIRED, None)

    async def test_by_default_there_is_no_such_window(self, studio, clock):
        await studio.take(URL, ttl_s=60)
        clock.advance(seconds=60)

        assert (await studio.take(URL)).served is Served.MISS

    async def test_a_caller_may_decline(self, studio, clock):
        await studio.take(URL, ttl_s=60, swr_s=60)
        clock.advance(seconds=60)

        assert (await studio.take(URL, swr_s=0)).served is Served.MISS

    @pytest.mark.parametrize("wish", [{"refresh": True}, {"enabled": False}])
    async def test_who_wants_a_new_one_gets_a_new_one(self, studio, clock, wish):
        await studio.take(URL, ttl_s=60, swr_s=60)
        clock.advance(seconds=60)

        assert (await studio.take(URL, **wish)).opened.data == a_png(1)

    async def test_if_the_page_is_down_the_old_one_goes_on_being_served_and_the_page_is_left_in_peace(
        self, studio, clock, renderer
    ):
        await studio.take(URL, ttl_s=60, swr_s=3600)
        clock.advance(seconds=60)
        renderer.failing = DOWN
        for _ in range(10):
            assert story(await studio.take(URL)) == SWR
            await settled(studio)

        assert len(renderer.renders) == 2

    async def test_nor_is_it_made_anew_with_each_hit_while_no_new_one_can_be_stored(
        self, studio, clock, renderer, monkeypatch
    ):
        await studio.take(URL, ttl_s=60, swr_s=3600)
        clock.advance(seconds=60)

        async def refuse(*_):
            raise StoreUnavailable("a quota is used up")

        monkeypatch.setattr(studio.blobs, "put", refuse)
        for _ in range(10):
            assert story(await studio.take(URL)) == SWR
            await settled(studio)

        assert len(renderer.renders) == 2

    async def test_a_defect_of_ours_is_logged_and_not_met_with_each_hit(
        self, studio, clock, renderer, caplog
    ):
        await studio.take(URL, ttl_s=60, swr_s=3600)
        clock.advance(seconds=60)
        renderer.failing = ValueError("a slip")
        for _ in range(10):
            assert story(await studio.take(URL)) == SWR
            await settled(studio)
        renderer.failing = None
        clock.advance(seconds=5)
        await studio.take(URL)
        await settled(studio)

        assert (await studio.take(URL)).served is Served.HIT
        assert [record.exc_info is not None for record in caplog.records if "stale" in record.message] == [
            True
        ]

    async def test_a_purge_takes_it_away_and_bars_the_new_one_under_way(self, studio, clock, renderer):
        await studio.take(URL, ttl_s=60, swr_s=3600)
        clock.advance(seconds=60)
        renderer.hold()
        await studio.take(URL)
        await renderer.began.acquire()
        await renderer.began.acquire()
        assert (await studio.store.purge(HERE, EVERYTHING)).count == 1
        renderer.release()
        await settled(studio)

        after = await studio.take(URL)
        assert (after.served, after.opened.data) == (Served.MISS, a_png(2))


class TestInCaseOfAnError:
    async def test_if_the_index_is_down_as_well_the_page_is_asked_once_and_its_failure_told(
        self, studio, clock, renderer
    ):
        await studio.take(URL, ttl_s=60)
        clock.advance(seconds=60)
        renderer.failing = DOWN
        renderer.hold()
        waiting = studio.taking(URL)
        await renderer.began.acquire()
        await renderer.began.acquire()
        studio.adapters.index._database.reader.close()
        renderer.release()
        with pytest.raises(NavigationFailed):
            await waiting

        assert len(renderer.renders) == 2

    @pytest.mark.parametrize(
        "failing",
        [DOWN, RenderTimeout("loading", 1), BrowserCrashed("The page"), NothingToShow("no area")],
        ids=lambda error: type(error).__name__,
    )
    async def test_a_page_that_is_down_keeps_its_last_good_picture(self, studio, clock, failing):
        await studio.take(URL, ttl_s=60)
        clock.advance(seconds=60)
        studio.renderer.failing = failing
        last_good = await studio.take(URL)

        assert (story(last_good), last_good.opened.data) == (SIE, a_png(0))

    @pytest.mark.parametrize(("status", "rule"), [(503, "http_5xx"), (404, "http_404")])
    async def test_so_does_one_whose_new_picture_breaks_a_rule(self, studio, clock, status, rule):
        await studio.take(URL, ttl_s=60, fail_on=(rule,))
        clock.advance(seconds=60)
        studio.renderer.http_status = status
        last_good = await studio.take(URL, fail_on=(rule,))

        assert (story(last_good), last_good.failed_status) == (SIE, status)
        assert last_good.opened.entry.verdict.http_status == 200

    @pytest.mark.parametrize("failing", [TargetForbidden("example.com"), QueueFull(100, 5)])
    async def test_what_is_no_fault_of_the_page_is_told(self, studio, clock, failing):
        await studio.take(URL, ttl_s=60)
        clock.advance(seconds=60)
        studio.renderer.failing = failing

        with pytest.raises(type(failing)):
            await studio.take(URL)

    async def test_the_window_ends(self, studio, clock):
        await studio.take(URL, ttl_s=60)
        clock.advance(seconds=60 + 86_400)
        studio.renderer.failing = DOWN

        with pytest.raises(NavigationFailed):
            await studio.take(URL)

    @pytest.mark.parametrize("wish", [{"sie_s": 0}, {"refresh": True}, {"enabled": False}])
    async def test_who_wants_the_truth_gets_the_error(self, studio, clock, wish):
        await studio.take(URL, ttl_s=60)
        clock.advance(seconds=60)
        studio.renderer.failing = DOWN

        with pytest.raises(NavigationFailed):
            await studio.take(URL, **wish)

    async def test_a_hit_that_expires_while_a_stricter_caller_asks_in_vain_is_judged_by_its_rules(
        self, studio, clock, renderer
    ):
        await studio.take(URL, ttl_s=60, sie_s=3600)
        await renderer.began.acquire()
        clock.advance(seconds=60)
        renderer.hold()
        asking = studio.taking(URL, fail_on=("http_5xx",))
        await renderer.began.acquire()
        renderer.failing = DOWN
        renderer.release()

        assert story(await asking) == SIE

    async def test_nothing_that_was_purged_comes_back(self, studio, clock):
        await studio.take(URL, ttl_s=60)
        clock.advance(seconds=60)
        await studio.store.purge(HERE, EVERYTHING)
        studio.renderer.failing = DOWN

        with pytest.raises(NavigationFailed):
            await studio.take(URL)

    async def test_nor_what_was_purged_while_the_browser_was_asked_in_vain(self, studio, clock, renderer):
        await studio.take(URL, ttl_s=60)
        clock.advance(seconds=60)
        await renderer.began.acquire()
        renderer.hold()
        renderer.failing = DOWN
        asking = studio.taking(URL)
        await renderer.began.acquire()
        await studio.store.purge(HERE, EVERYTHING)
        renderer.release()

        with pytest.raises(NavigationFailed):
            await asking

    async def test_a_picture_that_breaks_the_callers_rules_is_not_good(self, studio, clock):
        studio.renderer.http_status = 404
        await studio.take(URL, ttl_s=60)
        for seconds in (0, 60):
            clock.advance(seconds=seconds)
            with pytest.raises(PageNotFound):
                await studio.take(URL, fail_on=("http_404",))

    async def test_a_failing_picture_never_takes_the_place_of_a_good_one(self, studio, clock):
        await studio.take(URL, ttl_s=60, fail_on=("http_5xx",))
        studio.renderer.http_status = 500
        with pytest.raises(TargetRefused):
            await studio.take(URL, refresh=True, fail_on=("http_5xx",))

        still = await studio.take(URL, fail_on=("http_5xx",))
        assert (still.served, still.opened.data) == (Served.HIT, a_png(0))

    async def test_when_the_page_is_back_the_next_caller_sees_it(self, studio, clock):
        await studio.take(URL, ttl_s=60)
        clock.advance(seconds=60)
        studio.renderer.failing = DOWN
        await studio.take(URL)
        studio.renderer.failing = None
        clock.advance(seconds=3)

        assert (await studio.take(URL)).served is Served.MISS


class TestAfterASoftPurge:
    async def test_the_old_picture_is_served_as_stale_and_a_new_one_made(self, studio):
        await studio.take(URL)
        assert (await studio.store.purge(HERE, EVERYTHING, soft=True)).count == 1

        shot = await studio.take(URL)
        assert story(shot) == (Served.STALE, None, "soft-purged")
        await settled(studio)
        new = await studio.take(URL)
        assert (new.served, new.opened.data) == (Served.HIT, a_png(1))

    async def test_no_address_leads_to_it_meanwhile(self, studio):
        entry = (await studio.take(URL)).opened.entry
        await studio.store.purge(HERE, EVERYTHING, soft=True)

        assert await studio.store.open(HERE, entry.key) is None
        assert await studio.store.open_public(entry.path) is None

    async def test_it_stands_in_if_the_page_is_down_for_one_who_takes_nothing_stale_otherwise(self, studio):
        await studio.take(URL)
        await studio.store.purge(HERE, EVERYTHING, soft=True)
        studio.renderer.failing = DOWN

        assert story(await studio.take(URL, swr_s=0)) == SIE

    async def test_a_render_that_began_before_it_is_stored_as_stale(self, studio, renderer):
        renderer.hold()
        asking = studio.taking(URL)
        await renderer.began.acquire()
        await studio.store.purge(HERE, EVERYTHING, soft=True)
        renderer.release()
        assert (await asking).stored

        assert (await studio.take(URL)).served is Served.STALE

    async def test_so_is_one_that_shows_what_was_there_before_and_no_address_is_told(self, studio, renderer):
        renderer.same = 0
        before = await studio.take(URL)
        await renderer.began.acquire()
        renderer.hold()
        asking = studio.taking(URL, refresh=True)
        await renderer.began.acquire()
        await studio.store.purge(HERE, EVERYTHING, soft=True)
        renderer.release()
        again = await asking

        assert again.opened.entry.blob_id == before.opened.entry.blob_id
        assert (again.stored, again.addressed, again.detail) == (True, False, "soft-purged")

    async def test_nobody_who_comes_after_it_joins_such_a_render(self, studio, renderer):
        renderer.hold()
        before = studio.taking(URL)
        await renderer.began.acquire()
        await studio.store.purge(HERE, EVERYTHING, soft=True)
        after = studio.taking(URL)
        await renderer.began.acquire()
        renderer.release()

        assert {(await before).opened.data, (await after).opened.data} == {a_png(0), a_png(1)}
        assert (await after).opened.data == a_png(1)
        now = await studio.take(URL)
        assert (now.served, now.opened.data) == (Served.HIT, a_png(1))

    async def test_a_hard_purge_still_takes_it(self, studio):
        await studio.take(URL)
        await studio.store.purge(HERE, EVERYTHING, soft=True)

        assert (await studio.store.purge(HERE, EVERYTHING)).count == 1
        assert (await studio.take(URL)).served is Served.MISS


class TestRememberedFailures:
    async def test_a_page_that_is_down_is_asked_once_by_those_who_come_right_after(self, studio, renderer):
        renderer.failing = DOWN
        for _ in range(5):
            with pytest.raises(NavigationFailed):
                await studio.take(URL)

        assert len(renderer.renders) == 1

    async def test_a_status_is_judged_by_each_callers_own_rules(self, studio, renderer):
        renderer.http_status = 503
        for _ in range(2):
            with pytest.raises(TargetRefused):
                await studio.take(URL, fail_on=("http_5xx",))
        lenient = await studio.take(URL)

        assert (lenient.served, lenient.stored, len(renderer.renders)) == (Served.MISS, True, 2)

    async def test_a_refresh_asks_all_the_same(self, studio, renderer):
        renderer.failing = DOWN
        for _ in range(2):
            with pytest.raises(NavigationFailed):
                await studio.take(URL, refresh=True)

        assert len(renderer.renders) == 2

    async def test_after_a_purge_it_is_asked_anew(self, studio, renderer):
        renderer.failing = DOWN
        for _ in range(2):
            with pytest.raises(NavigationFailed):
                await studio.take(URL)
            await studio.store.purge(HERE, EVERYTHING)

        assert len(renderer.renders) == 2

    async def test_another_request_under_the_same_custom_key_is_not_told_of_it(self, studio, renderer):
        renderer.failing = DOWN
        for url in ("https://example.com/a", "https://example.com/b"):
            with pytest.raises(NavigationFailed):
                await studio.take(url, key="mine")

        assert len(renderer.renders) == 2


class TestEarlyRefresh:
    async def test_a_hot_picture_is_made_anew_before_it_expires_while_hits_go_on(
        self, studio, clock, monkeypatch
    ):
        monkeypatch.setattr(studio.shots._early, "_draw", lambda: 0.0)
        await studio.take(URL, ttl_s=100)
        clock.advance(seconds=95)
        shots = [await studio.take(URL, ttl_s=100) for _ in range(early.HOT_HITS)]
        await settled(studio)

        assert {shot.served for shot in shots} == {Served.HIT}
        clock.advance(seconds=5)
        fresh = await studio.take(URL)
        assert (fresh.served, fresh.opened.data) == (Served.HIT, a_png(1))

    async def test_who_asks_only_for_what_is_cached_causes_none(self, studio, clock, monkeypatch):
        monkeypatch.setattr(studio.shots._early, "_draw", lambda: 0.0)
        await studio.take(URL, ttl_s=100)
        clock.advance(seconds=95)
        for _ in range(early.HOT_HITS + 1):
            await studio.take(URL, only_if_cached=True)
        await settled(studio)

        assert len(studio.renderer.renders) == 1

    async def test_under_a_key_of_ones_own_a_hit_never_puts_another_page_in_its_place(
        self, studio, clock, monkeypatch
    ):
        monkeypatch.setattr(studio.shots._early, "_draw", lambda: 0.0)
        await studio.take("https://a.example/", key="shop", ttl_s=100)
        clock.advance(seconds=95)
        for _ in range(early.HOT_HITS + 1):
            await studio.take("https://b.example/", key="shop", ttl_s=100)
            await settled(studio)

        shown = await studio.take("https://a.example/", key="shop")
        assert (shown.served, shown.opened.data) == (Served.HIT, a_png(0))
