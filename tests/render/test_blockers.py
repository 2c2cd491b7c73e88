"""Ads, trackers, consent banners and chat widgets: gone when asked, there when not."""

from __future__ import annotations

import logging
from collections import Counter

import pytest
import pytest_asyncio

from calotype.capture.parse import parse_capture
from calotype.capture.verdict import Dismissal
from calotype.clock import Deadline
from calotype.egress.connect import Connector
from calotype.egress.proxy import EgressProxy
from calotype.egress.rules import EgressRules
from calotype.render import chromium, consent
from calotype.render.chromium import ChromiumRenderer
from calotype.render.hiding import Dismissed, Hider
from calotype.render.lists import BUILT_IN, SET_UP
from calotype.render.settings import BrowserSettings
from tests.render.asking import BLUE, GREEN, RED, picture, share_of
from tests.render.conftest import a_profile_root
from tests.site import unwanted
from tests.site.unwanted import (
    COOKIEBOT,
    DIDOMI,
    GREEN_PAGE,
    NO_BANNER,
    NO_CHOICE,
    ONETRUST,
    PAINT_RED,
    PIANO,
    RED_BOX,
    STUBBORN,
    UNKNOWN,
    with_banner,
)
from tests.support.machine import cannot_be_tested

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZE = {"width": 400, "height": 300}


async def to_the_site(_: str) -> tuple[str, ...]:
    """Every name is this machine."""
    return ("127.0.0.1",)


def a_blocker(site, profiles, lists, **settings):
    connector = Connector(EgressRules.parse(site.netloc), resolve=to_the_site)
    browser = BrowserSettings(concurrency=2, profile_root=profiles, block_lists=lists, **settings)
    return EgressProxy(connector), browser


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["built-in", "set-up"])
async def blocker(the_site, request):
    """A renderer that finds every name at the site, with the short lists and with the long ones."""
    lists = {"built-in": BUILT_IN, "set-up": SET_UP}[request.param]
    if not (lists / "ads").is_dir():
        cannot_be_tested(f"there are no lists in {lists}; `make setup` unpacks them")
    with a_profile_root() as profiles:
        proxy, browser = a_blocker(the_site, profiles, lists)
        async with proxy, ChromiumRenderer(browser, proxy) as renderer:
            yield renderer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def short(the_site):
    """The same with the short lists alone, for what does not depend on lists."""
    with a_profile_root() as profiles:
        proxy, browser = a_blocker(the_site, profiles, BUILT_IN)
        async with proxy, ChromiumRenderer(browser, proxy) as renderer:
            yield renderer


@pytest.fixture
def own(site, profiles, tmp_path):
    """Opens a renderer with lists of the test's own, by their folders."""

    def opened(cache=None, **lists):
        for kind, text in lists.items():
            folder = tmp_path / "lists" / kind
            folder.mkdir(parents=True)
            (folder / "own.txt").write_text(text)
        proxy, browser = a_blocker(site, profiles, tmp_path / "lists", filter_cache=cache)
        return Opened(proxy, browser)

    return opened


class Opened:
    def __init__(self, proxy, browser):
        self.proxy, self.renderer = proxy, ChromiumRenderer(browser, proxy)

    async def __aenter__(self):
        await self.proxy.__aenter__()
        return await self.renderer.__aenter__()

    async def __aexit__(self, *failure):
        await self.renderer.__aexit__(*failure)
        await self.proxy.__aexit__(*failure)


async def shoot(renderer, site, path, host="shop.example", budget_ms=60_000, **options):
    url = f"http://{host}:{site.port}{path}"
    request = parse_capture({"url": url, "viewport": SIZE, **options}).request
    return await renderer.render(request, Deadline.after(budget_ms))


def hosts(site):
    """Dismissal often each host was asked for something, by its name."""
    return Counter(request.headers["host"].partition(":")[0] for request in site.requests)


@pytest.fixture
def pages(site):
    site.serve("/paint.js", PAINT_RED)
    site.serve("/red", "<body style='background:#f00'>")
    site.serve("/ads", unwanted.with_ads(site.port))
    site.serve("/trackers", unwanted.with_trackers(site.port))
    site.serve("/chat", unwanted.with_chat(site.port))
    return site


class TestLists:
    @pytest.mark.parametrize("kind", ["ads", "trackers"])
    async def test_what_is_blocked_is_neither_asked_for_nor_seen(self, blocker, pages, kind):
        shot = await shoot(blocker, pages, f"/{kind}", block={kind: True})

        assert share_of(picture(shot), GREEN) == 1, "no ad, no empty frame, no broken picture"
        assert set(hosts(pages)) == {"shop.example"}

    @pytest.mark.parametrize("kind", ["ads", "trackers"])
    async def test_what_is_not_blocked_is_there(self, blocker, pages, kind):
        others = {"ads": "trackers", "trackers": "ads"}[kind]
        shot = await shoot(blocker, pages, f"/{kind}")

        assert share_of(picture(shot), RED) > 0.5
        assert len(hosts(pages)) == 4, "the page and three others"
        assert others not in pages.visits

    async def test_chat_widgets_go(self, short, pages):
        shot = await shoot(short, pages, "/chat", block={"chat_widgets": True})
        assert share_of(picture(shot), GREEN) == 1
        assert set(hosts(pages)) == {"shop.example"}

        shot = await shoot(short, pages, "/chat")
        assert share_of(picture(shot), RED) == 1
        assert hosts(pages)["static.olark.com"] == 1

    async def test_one_kind_is_no_other(self, short, pages):
        tracked = await shoot(short, pages, "/trackers", block={"ads": True, "chat_widgets": True})
        sold = await shoot(short, pages, "/ads", block={"trackers": True, "chat_widgets": True})

        assert share_of(picture(tracked), RED) > 0.5
        assert share_of(picture(sold), RED) > 0.5

    async def test_the_page_that_is_asked_for_is_never_blocked(self, blocker, pages):
        block = {"ads": True, "trackers": True}
        shot = await shoot(blocker, pages, "/red", host="ad.doubleclick.net", block=block)
        assert (shot.verdict.http_status, share_of(picture(shot), RED)) == (200, 1)

        to = f"/redirect?to=http://static.chartbeat.com:{pages.port}/red"
        shot = await shoot(blocker, pages, to, block=block)
        assert (shot.verdict.http_status, share_of(picture(shot), RED)) == (200, 1)

    async def test_frames_of_other_sites_are_looked_into(self, short, pages):
        pages.serve(
            "/inner",
            f"{unwanted.with_ads(pages.port)}<img src='http://ib.adnxs.com:{pages.port}/image?colour=ff0000'>",
        )
        inner = f"<iframe src='http://news.example:{pages.port}/inner' width=400 height=300 style='border:0'>"
        pages.serve("/outer", f"{GREEN_PAGE}{inner}</iframe>")

        shot = await shoot(short, pages, "/outer", block={"ads": True})
        assert share_of(picture(shot), GREEN) == 1
        assert set(hosts(pages)) == {"shop.example", "news.example"}

        assert share_of(picture(await shoot(short, pages, "/outer")), RED) > 0.5

    async def test_exceptions_of_a_list_are_honoured(self, own, site):
        rules = (
            "/paint.js$script\n@@||shop.example^*paint.js?kept\n##.box\nshop.example#@#.box\n"
            "##[data-box]\n@@||plain.example^$generichide\n"
        )
        site.serve("/paint.js", PAINT_RED)
        site.serve("/boxes", f"{GREEN_PAGE}<div class=box style='{RED_BOX}'></div>")
        site.serve("/data", f"{GREEN_PAGE}<div data-box style='{RED_BOX}'></div>")
        site.serve("/script", f"{GREEN_PAGE}<script src=/paint.js></script>")
        site.serve("/kept", f"{GREEN_PAGE}<script src=/paint.js?kept></script>")
        async with own(ads=rules) as renderer:

            async def is_green(path, host):
                shot = await shoot(renderer, site, path, host=host, block={"ads": True})
                return share_of(picture(shot), GREEN) == 1

            assert [await is_green("/script", "shop.example"), await is_green("/kept", "shop.example")] == [
                True,
                False,
            ]
            for path, kept in (("/boxes", "shop.example"), ("/data", "plain.example")):
                assert await is_green(path, "other.example")
                assert not await is_green(path, kept)
            assert not await is_green("/boxes", "plain.example"), "a class alone is a generic rule, too"

    async def test_what_comes_after_load_is_hidden_as_well(self, short, site):
        late = f"document.body.insertAdjacentHTML('beforeend', `<div class=adsbygoogle style='{RED_BOX}'>`)"
        site.serve("/late", f"{GREEN_PAGE}<script>onload = () => setTimeout(() => {late}, 300)</script>")
        options = {"wait": {"for_selector": ".adsbygoogle"}}

        hidden = await shoot(short, site, "/late", block={"ads": True}, wait={"delay": 600})
        shown = await shoot(short, site, "/late", **options)
        assert share_of(picture(hidden), GREEN) == 1
        assert share_of(picture(shown), RED) > 0.1

    async def test_filters_are_kept_between_starts_until_the_lists_change(self, own, site, tmp_path):
        site.serve("/boxes", f"{GREEN_PAGE}<div class=box style='{RED_BOX}'></div>")
        data = tmp_path / "data"
        data.mkdir()
        async with own(cache=data / "filters", ads="##.box") as renderer:
            await shoot(renderer, site, "/boxes", block={"ads": True})
        (kept,) = (data / "filters").iterdir()
        written = kept.stat().st_mtime_ns

        async with own(cache=data / "filters") as renderer:
            shot = await shoot(renderer, site, "/boxes", block={"ads": True})
        assert share_of(picture(shot), GREEN) == 1
        assert [path.stat().st_mtime_ns for path in (data / "filters").iterdir()] == [written]

        (tmp_path / "lists" / "ads" / "own.txt").write_text("##.other")
        async with own(cache=data / "filters") as renderer:
            shot = await shoot(renderer, site, "/boxes", block={"ads": True})
        assert share_of(picture(shot), RED) > 0.1
        assert [path.name for path in (data / "filters").iterdir()] != [kept.name]


@pytest.fixture
def dismissed(monkeypatch):
    """What became of the banners of the captures so far."""
    hiders = []

    class Remembered(Hider):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            hiders.append(self)

    monkeypatch.setattr(chromium, "Hider", Remembered)
    return lambda: [hider.dismissed for hider in hiders]


@pytest.fixture
def unhurried(monkeypatch):
    """Declining may take as long as a busy machine makes it."""
    monkeypatch.setattr(consent, "LOOK_S", 40.0)
    monkeypatch.setattr(consent, "BUDGET_S", 40.0)


BANNERS = {"block": {"cookie_banners": True}}


class TestCookieBanners:
    @pytest.mark.parametrize(
        ("banner", "name"),
        [
            (ONETRUST, "Onetrust"),
            (DIDOMI, "didomi"),
            (COOKIEBOT, "Cybotcookiebot"),
            (UNKNOWN, "HEURISTIC-REJECT"),
        ],
        ids=["onetrust", "didomi", "cookiebot", "unknown"],
    )
    async def test_a_banner_is_declined(self, short, site, dismissed, unhurried, banner, name):
        # Most come a moment after the page has loaded.
        site.serve("/shop", with_banner(banner, late_ms=0 if banner is ONETRUST else 200))
        shot = await shoot(short, site, "/shop", **BANNERS)

        assert share_of(picture(shot), GREEN) == 1
        assert (site.visits["/said/reject"], site.visits["/said/accept"]) == (1, 0)
        assert dismissed() == [Dismissed(name, Dismissal.DECLINED)]
        told = shot.verdict
        assert (told.consent_banner, told.consent_product) == (Dismissal.DECLINED, name)

    async def test_it_stays_when_nobody_asked(self, short, site, dismissed):
        site.serve("/shop", with_banner(ONETRUST))
        shot = await shoot(short, site, "/shop", block={"ads": True})

        assert share_of(picture(shot), RED) > 0.9
        assert site.visits["/said/reject"] == 0
        assert dismissed() == [None]

    @pytest.mark.parametrize("host", ["shop.example", "consent.example"], ids=["same site", "other site"])
    async def test_a_banner_in_a_frame_is_declined(self, short, site, dismissed, unhurried, host):
        site.serve("/banner", f"<body style='margin:0;background:#0f0'>{PIANO}")
        source = f"http://{host}:{site.port}/banner"
        site.serve(
            "/shop", f"{GREEN_PAGE}<iframe src='{source}' width=400 height=300 style='border:0'></iframe>"
        )
        shot = await shoot(short, site, "/shop", **BANNERS)

        assert share_of(picture(shot), GREEN) == 1
        assert site.visits["/said/reject"] == 1
        assert dismissed() == [Dismissed("piano.io", Dismissal.DECLINED)]

    @pytest.mark.parametrize("banner", [NO_CHOICE, STUBBORN], ids=["no choice", "stubborn"])
    async def test_one_that_cannot_be_declined_is_hidden_and_nothing_is_accepted(
        self, short, site, dismissed, banner
    ):
        site.serve("/shop", with_banner(banner))
        shot = await shoot(short, site, "/shop", **BANNERS)

        assert share_of(picture(shot), GREEN) == 1
        assert site.visits["/said/accept"] == 0
        (one,) = dismissed()
        assert one is not None
        assert one.how is Dismissal.HIDDEN

    async def test_a_dialog_that_asks_for_something_else_is_left_alone(self, short, site, dismissed):
        site.serve("/shop", with_banner(NO_BANNER))
        shot = await shoot(short, site, "/shop", **BANNERS)

        assert share_of(picture(shot), RED) > 0.1
        assert set(site.visits) == {"/shop"}
        assert dismissed() == [None]

    @pytest.mark.parametrize("banner", [ONETRUST, STUBBORN], ids=["declined", "hidden"])
    async def test_the_page_can_be_scrolled_again(self, short, site, banner):
        site.serve("/shop", with_banner(banner, locked=True))
        script = (
            "document.documentElement.scrollTop = 1e6; "
            "if (getComputedStyle(document.body).position !== 'static') throw 'still fixed'"
        )
        shot = await shoot(
            short, site, "/shop", page={"scripts": [script]}, capture={"mode": "viewport"}, **BANNERS
        )

        assert share_of(picture(shot), BLUE) == pytest.approx(1 / 3, abs=0.01)

    async def test_a_page_that_locks_itself_stays_as_it_is(self, short, site):
        site.serve("/app", with_banner("", locked=True))
        script = "if (getComputedStyle(document.body).position !== 'fixed') throw 'unlocked'"

        await shoot(short, site, "/app", page={"scripts": [script]}, **BANNERS)

    async def test_declining_that_loads_the_page_again_is_followed(self, short, site, unhurried):
        again = ONETRUST.replace('document.querySelector("[data-banner]").remove()', "")
        script = (
            "<script>if (document.cookie) document.querySelector('[data-banner]').remove(); else "
            "document.querySelector('#onetrust-reject-all-handler').addEventListener('click', () => "
            "{ document.cookie = 'no=1'; location.reload() })</script>"
        )
        site.serve("/shop", f"{GREEN_PAGE}{again}{script}")
        shot = await shoot(short, site, "/shop", **BANNERS)

        assert share_of(picture(shot), GREEN) == 1
        assert site.visits["/shop"] == 2

    async def test_a_document_of_the_request_may_have_a_banner(self, short, dismissed, unhurried):
        # It has no site to tell.
        html = with_banner(ONETRUST).replace("told.send()", "0")
        request = parse_capture({"html": html, "viewport": SIZE, **BANNERS}).request
        shot = await short.render(request, Deadline.after(60_000))

        assert share_of(picture(shot), GREEN) == 1
        assert dismissed() == [Dismissed("Onetrust", Dismissal.DECLINED)]

    async def test_what_became_of_it_is_logged(self, short, site, unhurried, caplog):
        site.serve("/shop", with_banner(ONETRUST))
        with caplog.at_level(logging.INFO, "calotype.render"):
            await shoot(short, site, "/shop", **BANNERS)

        assert "a consent banner (Onetrust) was declined" in caplog.text
