"""What waits to be scrolled to is in the picture, and a page that has no end is pictured up to a cap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calotype.capture.retouch import Retouch
from calotype.capture.verdict import Cut, SettledBy
from calotype.clock import Deadline
from calotype.render import scroll
from tests.render.asking import (
    FULL_PAGE,
    GREEN,
    RED,
    WHITE,
    a_request,
    an_element,
    box_of,
    picture,
    share_of,
    take,
)
from tests.site.pages import HEAD
from tests.site.unrest import LOADERS, growing, lazily

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNSCROLLED = replace(FULL_PAGE, scroll=False)


class TestLazyLoading:
    @pytest.mark.parametrize("kind", LOADERS)
    async def test_what_loads_when_it_is_scrolled_to_is_in_a_full_page(self, renderer, site, kind):
        site.serve("/lazily", lazily(kind))
        capture = await take(renderer, site.url("/lazily"), area=FULL_PAGE)

        assert box_of(picture(capture), GREEN) == (0, 2900, 800, 3100)
        assert capture.verdict.settled_by is SettledBy.QUIET
        assert (capture.verdict.cut, capture.verdict.unfinished_images) == (None, 0)

    @pytest.mark.parametrize("kind", LOADERS)
    async def test_unless_that_is_not_wished_for(self, renderer, site, kind):
        site.serve("/lazily", lazily(kind))
        image = picture(await take(renderer, site.url("/lazily"), area=UNSCROLLED))

        # What the browser itself puts off is loaded in any case.
        assert (share_of(image, GREEN) > 0, share_of(image, RED) > 0) == (
            kind == "attribute",
            kind != "attribute",
        )

    async def test_a_picture_of_the_viewport_scrolls_nowhere(self, renderer, site):
        site.serve("/told", f"{lazily('observer')}<script>onscroll = () => document.title = 'moved'</script>")

        assert (await take(renderer, site.url("/told"))).verdict.title == ""
        assert (await take(renderer, site.url("/told"), area=FULL_PAGE)).verdict.title == "moved"

    async def test_what_loads_in_a_tall_element_is_there(self, renderer, site):
        site.serve("/tall-one", f"<div id=e>{lazily('observer', 1500)}</div>")
        image = picture(await take(renderer, site.url("/tall-one"), area=an_element("#e")))

        assert box_of(image, GREEN) == (0, 1500, 800, 1700)

    @pytest.mark.parametrize("area", [FULL_PAGE, an_element("#inner")], ids=["full page", "element"])
    async def test_a_scroller_that_holds_the_content_is_scrolled_through(self, renderer, site, area):
        shell = "<div style='height:60px'></div><div id=box style='height:540px;overflow-y:auto'>"
        watch = (
            "onload = () => box.onscroll = () => { most = Math.max(most, box.scrollTop);"
            " document.title = `${most} ${box.scrollTop}` }"
        )
        page = f"{shell}<div id=inner>{lazily('observer')}</div></div><script>let most = 0; {watch}</script>"
        site.serve("/shell", HEAD + page)
        capture = await take(renderer, site.url("/shell"), area=area)

        assert site.visits["/image"] == 1
        assert capture.verdict.title == f"{2 * 2900 + 200 - 540} 0"


class TestBackAtTheTop:
    async def test_what_scrolling_does_to_a_page_is_undone(self, renderer, site):
        page = (
            f"{HEAD}<style>header{{position:sticky;top:0;height:50px;background:#00ff00}}.away{{display:none}}</style>"
            "<header id=bar></header><div style='height:4000px'></div><script>"
            "let before = 0; onscroll = () => { bar.className = scrollY > before ? 'away' : '';"
            " before = scrollY; document.title = 'at ' + scrollY }</script>"
        )
        site.serve("/sticky", page)
        capture = await take(renderer, site.url("/sticky"), area=FULL_PAGE)

        assert box_of(picture(capture), GREEN) == (0, 0, 800, 50)
        assert capture.verdict.title == "at 0"

    async def test_smooth_scrolling_does_not_hold_it_up(self, renderer, site):
        site.serve("/smooth", f"<style>html{{scroll-behavior:smooth}}</style>{lazily('observer')}")
        image = picture(await take(renderer, site.url("/smooth"), area=FULL_PAGE))

        assert box_of(image, GREEN) == (0, 2900, 800, 3100)

    async def test_what_was_to_be_scrolled_to_is_where_it_was_wanted(self, renderer, site):
        site.serve(
            "/told",
            f"{HEAD}<div style='height:1000px'></div><p id=there style='margin:0'>x"
            "<div style='height:2000px'></div>"
            "<script>onscroll = () => document.title = scrollY</script>",
        )
        asked = a_request(site.url("/told"), area=FULL_PAGE)
        asked = replace(asked, negative=replace(asked.negative, page=Retouch(scroll_to="#there")))
        capture = await renderer.render(asked, Deadline.after(20_000))

        assert capture.verdict.title == "1000"


class TestWithoutEnd:
    async def test_a_page_that_grows_to_an_end_is_pictured_whole(self, renderer, site):
        site.serve("/growing", growing(5, "fetch('/slow?ms=150&' + parts)"))
        capture = await take(renderer, site.url("/growing"), area=FULL_PAGE)

        assert capture.height_px == 7 * 700 + 10
        assert capture.verdict.cut is None

    async def test_one_that_grows_after_a_while_of_its_own_is_too(self, renderer, site):
        tells = "new Promise(later => { main.title = parts; setTimeout(later, 170) })"
        site.serve("/growing", growing(4, tells))
        capture = await take(renderer, site.url("/growing"), area=FULL_PAGE)

        assert capture.height_px == 6 * 700 + 10
        assert capture.verdict.cut is None

    async def test_one_that_never_ends_is_cut_after_so_many_steps(self, renderer, site, monkeypatch):
        monkeypatch.setattr(scroll, "MAX_STEPS", 6)
        site.serve("/growing", growing(9999))
        capture = await take(renderer, site.url("/growing"), area=FULL_PAGE)

        assert capture.verdict.cut is Cut.STEPS
        # To the end of what was there, 450 px a step beyond it, and what was in view or near it then.
        assert 1400 + 6 * 450 <= capture.height_px <= 1400 + 8 * 700
        assert share_of(picture(capture), WHITE) == 0

    async def test_one_that_never_ends_and_is_slow_is_cut_after_a_time(self, renderer, site, monkeypatch):
        monkeypatch.setattr(scroll, "PATIENCE_S", 1.5)
        site.serve("/growing", growing(9999, "fetch('/slow?ms=200&' + parts)"))
        capture = await take(renderer, site.url("/growing"), area=FULL_PAGE)

        assert capture.verdict.cut is Cut.TIME
        assert 1400 < capture.height_px < 1400 + 20 * 700

    async def test_one_that_takes_long_to_scroll_through_is_pictured_whole_all_the_same(
        self, renderer, site, monkeypatch
    ):
        monkeypatch.setattr(scroll, "PATIENCE_S", 0.1)
        capture = await take(renderer, site.url("/tall?height=20000"), area=FULL_PAGE, width_px=100)

        assert (capture.height_px, capture.verdict.cut) == (20_000, Cut.TIME)

    async def test_one_that_moves_by_itself_is_not_waited_for_at_every_step(self, renderer, site):
        move = "document.body.dataset.n = ++n; requestAnimationFrame(go)"
        script = f"let n = 0; const go = () => {{ {move} }}; go()"
        site.serve("/moving", f"{HEAD}<div style='height:12000px'></div><script>{script}</script>")
        capture = await take(renderer, site.url("/moving"), area=FULL_PAGE, width_px=100, budget_ms=60_000)

        assert (capture.height_px, capture.verdict.cut) == (12_000, None)

    async def test_one_that_never_ends_is_cut_at_a_height(self, renderer, site):
        site.serve("/growing", growing(9999))
        capture = await take(renderer, site.url("/growing"), area=replace(FULL_PAGE, max_height_px=3000))

        assert capture.verdict.cut is Cut.HEIGHT
        assert capture.height_px == 3000
        assert share_of(picture(capture), GREEN) == 1

    @pytest.mark.parametrize("area", [FULL_PAGE, UNSCROLLED], ids=["scrolled", "unscrolled"])
    async def test_a_page_that_is_too_high_from_the_start_is_cut_there(self, renderer, site, area):
        wanted = replace(area, max_height_px=1234)
        capture = await take(renderer, site.url("/tall"), area=wanted)

        assert (capture.height_px, capture.verdict.cut) == (1234, Cut.HEIGHT)

    async def test_a_page_as_high_as_was_asked_for_is_whole(self, renderer, site):
        capture = await take(renderer, site.url("/tall"), area=replace(FULL_PAGE, max_height_px=5000))

        assert (capture.height_px, capture.verdict.cut) == (5000, None)

    async def test_a_deadline_that_is_near_leaves_time_for_the_picture(self, renderer, site):
        site.serve("/growing", growing(9999, "fetch('/slow?ms=100&' + parts)"))
        capture = await take(renderer, site.url("/growing"), area=FULL_PAGE, budget_ms=6_000)

        assert capture.verdict.cut is not None


async def test_a_page_that_heeds_only_the_first_thing_it_is_told_grows_all_the_same(renderer, site):
    rows = "<div style='height:200px;border-bottom:1px solid'></div>" * 4
    site.serve(
        "/heedless",
        f"""{HEAD}<main>{rows}</main><p id=end style='height:1px;margin:0'></p><script>
        const main = document.querySelector('main');
        new IntersectionObserver(seen => {{ if (seen[0].isIntersecting)
          for (let i = 0; i < 4; i++) main.append(main.children[i].cloneNode(true)); }},
          {{rootMargin: '200px'}}).observe(document.getElementById('end'));
        </script>""",
    )
    area = replace(FULL_PAGE, max_height_px=2400)

    for _ in range(3):
        assert picture(await take(renderer, site.url("/heedless"), area=area)).height == 2400


async def test_a_page_that_leaves_while_its_end_is_waited_for_is_followed(renderer, site):
    leave = "fetch('/held/answer'); setTimeout(() => location = '/counter', 300)"
    script = f"onscroll = () => {{ onscroll = null; {leave} }}"
    site.serve("/leaving", f"{HEAD}<div style='height:1500px'></div><script>{script}</script>")

    assert (await take(renderer, site.url("/leaving"), area=FULL_PAGE)).verdict.title == "Visit 1"
