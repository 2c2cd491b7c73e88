"""Purges against renders: what began before a purge is not stored, nor shown to who came after it.

For every kind of filter, with the render in this process and in another.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from calotype.cache.errors import EntryNotFound
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.key import KeyMaker
from calotype.cache.purge import PurgeFilter
from calotype.shots.shot import Forward, Served
from tests.support.builders import HERE, a_request
from tests.support.clock import NOON
from tests.support.pictures import a_png
from tests.support.shots import a_studio

URL = "https://example.com/blog/a"
TAGS = frozenset({"blog", "post-1"})
NAME = KeyMaker(b"secret").identify(HERE, a_request(URL), None)
EVERY_FILTER = {
    "key": PurgeFilter(keys=(NAME.key,)),
    "id": PurgeFilter(keys=(f"screenshots/{NAME.id}.png",)),
    "url": PurgeFilter(url=UrlGlob(URL)),
    "url under": PurgeFilter(url=UrlGlob("https://example.com/blog/*")),
    "url anywhere": PurgeFilter(url=UrlGlob("*/blog/*")),
    "pattern": PurgeFilter(pattern=PathGlob("screenshots/2024/01/*")),
    "before": PurgeFilter(before=NOON + timedelta(seconds=1)),
    "tags": PurgeFilter(tags=("shop", "post-1")),
    "all": PurgeFilter(everything=True),
    "star": PurgeFilter(url=UrlGlob("*")),
    "combined": PurgeFilter(
        keys=("x", NAME.id),
        tags=("blog",),
        url=UrlGlob("example.com/*"),
        pattern=PathGlob("*.png"),
        before=NOON.replace(year=2025),
    ),
}
MISSES = {
    "another key": PurgeFilter(keys=("another",)),
    "another url": PurgeFilter(url=UrlGlob("https://example.com/blog")),
    "another day": PurgeFilter(pattern=PathGlob("screenshots/2024/01/14/*")),
    "before it began": PurgeFilter(before=NOON),
    "another tag": PurgeFilter(tags=("shop", "post")),
    "the tag and another key": PurgeFilter(keys=("another",), tags=("blog",)),
    "one of two filters": PurgeFilter(keys=(NAME.key,), url=UrlGlob("https://example.org/*")),
}


@pytest.fixture(params=["same process", "another process"])
async def elsewhere(request, tmp_path, clock, studio):
    """Where the purge comes from."""
    if request.param == "same process":
        yield studio
        return
    async with a_studio(tmp_path, clock, renderer=studio.renderer) as another:
        yield another


def each(filters):
    return pytest.mark.parametrize("which", filters.values(), ids=filters.keys())


@each(EVERY_FILTER)
async def test_a_purged_render_answers_its_callers_and_leaves_nothing_behind(studio, elsewhere, which, clock):
    studio.renderer.hold()
    callers = [studio.taking(URL, tags=TAGS), studio.taking(URL, tags=TAGS)]
    await studio.renderer.began.acquire()
    clock.advance(seconds=5)

    assert (await elsewhere.store.purge(HERE, which)).count == 0
    studio.renderer.release()
    first, second = await asyncio.gather(*callers)

    assert {first.served, second.served} == {Served.MISS, Served.COLLAPSED}
    for shot in (first, second):
        assert (shot.stored, shot.detail, shot.opened.data) == (False, "purged", a_png(0))
    assert await studio.store.open(HERE, NAME.key) is None
    assert await elsewhere.store.open(HERE, NAME.id) is None
    assert studio.blob_files() == set()


@each(EVERY_FILTER)
async def test_who_asks_after_the_purge_gets_the_page_of_after_it(studio, elsewhere, which, clock):
    studio.renderer.hold()
    before = studio.taking(URL, tags=TAGS)
    await studio.renderer.began.acquire()
    clock.advance(seconds=5)
    await elsewhere.store.purge(HERE, which)
    after = [studio.taking(URL, tags=TAGS), elsewhere.taking(URL, tags=TAGS)]
    # The new render begins while the old one is still held: nobody waits for what can help nobody.
    await studio.renderer.began.acquire()
    studio.renderer.release()

    old, *new = await asyncio.gather(before, *after)

    assert (old.stored, old.detail, old.opened.data) == (False, "purged", a_png(0))
    assert {shot.opened.data for shot in new} == {a_png(1)}
    hit = await studio.take(URL, tags=TAGS)
    assert (hit.served, hit.opened.data) == (Served.HIT, a_png(1))
    assert len(studio.renderer.renders) == 2


@each(EVERY_FILTER)
async def test_a_purge_of_what_is_stored_lets_the_next_caller_render(studio, elsewhere, which, clock):
    await studio.take(URL, tags=TAGS)
    assert (await elsewhere.take(URL, tags=TAGS)).served is Served.HIT
    clock.advance(seconds=5)

    done = await elsewhere.store.purge(HERE, which)

    assert done.count == 1
    again = await studio.take(URL, tags=TAGS)
    assert (again.served, again.forward, again.stored, again.opened.data) == (
        Served.MISS,
        Forward.MISS,
        True,
        a_png(1),
    )


@each(EVERY_FILTER)
async def test_a_purge_during_a_refresh_takes_the_old_picture_and_bars_the_new_one(
    studio, elsewhere, which, clock
):
    await studio.take(URL, tags=TAGS)
    studio.renderer.hold()
    await studio.renderer.began.acquire()
    refreshing = studio.taking(URL, refresh=True, tags=TAGS)
    await studio.renderer.began.acquire()
    clock.advance(seconds=5)

    assert (await elsewhere.store.purge(HERE, which)).count == 1
    studio.renderer.release()

    assert (await refreshing).detail == "purged"
    assert await studio.store.open(HERE, NAME.key) is None


@each(MISSES)
async def test_a_purge_of_something_else_disturbs_no_render(studio, elsewhere, which, clock):
    studio.renderer.hold()
    before = studio.taking(URL, tags=TAGS)
    await studio.renderer.began.acquire()
    clock.advance(seconds=5)
    await elsewhere.store.purge(HERE, which)
    after = studio.taking(URL, tags=TAGS)
    await asyncio.sleep(0)
    studio.renderer.release()

    assert (await before).stored
    assert (await after).served is Served.COLLAPSED
    assert len(studio.renderer.renders) == 1


async def test_the_tags_of_the_render_decide_and_not_those_of_who_joins_it(studio, elsewhere):
    studio.renderer.hold()
    first = studio.taking(URL, tags=TAGS)
    await studio.renderer.began.acquire()
    await elsewhere.store.purge(HERE, PurgeFilter(tags=("joins",)))
    joining = studio.taking(URL, tags=frozenset({"joins"}))
    await asyncio.sleep(0)
    studio.renderer.release()

    assert (await first).stored
    assert ((await joining).served, (await joining).opened.entry.tags) == (Served.COLLAPSED, TAGS)


async def test_a_hit_with_other_tags_adds_none(studio, elsewhere):
    await studio.take(URL, tags=TAGS)
    hit = await studio.take(URL, tags=frozenset({"other"}))

    assert (hit.served, hit.opened.entry.tags) == (Served.HIT, TAGS)
    assert (await elsewhere.store.purge(HERE, PurgeFilter(tags=("other",)))).count == 0
    assert (await elsewhere.store.purge(HERE, PurgeFilter(tags=("blog",)))).count == 1


async def test_deleting_a_key_whose_render_runs_bars_it_though_there_is_nothing_to_delete(studio, elsewhere):
    studio.renderer.hold()
    taking = studio.taking(URL)
    await studio.renderer.began.acquire()
    with pytest.raises(EntryNotFound):
        await elsewhere.store.delete(HERE, NAME.key)
    studio.renderer.release()

    assert (await taking).detail == "purged"
    assert await studio.store.open(HERE, NAME.key) is None


async def test_under_a_custom_key_the_page_that_is_rendered_decides_whether_one_may_join(studio, elsewhere):
    studio.renderer.hold()
    old = studio.taking("https://example.com/old", key="mine")
    await studio.renderer.began.acquire()
    await elsewhere.store.purge(HERE, PurgeFilter(url=UrlGlob("https://example.com/old")))
    new = studio.taking("https://example.com/new", key="mine")
    await studio.renderer.began.acquire()
    studio.renderer.release()

    assert (await old).detail == "purged"
    assert ((await new).opened.data, (await new).stored) == (a_png(1), True)
