"""What a page still does when it has loaded is waited for, and no longer than it is worth."""

from __future__ import annotations

import pytest

from calotype.capture.errand import MACHINES_OWN
from calotype.capture.negative import WaitUntil
from calotype.capture.output import Area, AreaKind, Clip
from calotype.capture.parse import parse_capture
from calotype.capture.verdict import SettledBy
from calotype.clock import Deadline
from calotype.render import process, settle, wait
from calotype.render.cdp import Session
from calotype.render.flags import FLAGS
from calotype.render.page import Page
from calotype.render.world import FunctionThrew
from tests.render.asking import FULL_PAGE, GREEN, RED, an_element, picture, share_of, take
from tests.site.unrest import IMAGE, SHOWN

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def called(monkeypatch):
    """The names of the calls that are made, in their order."""
    names = []
    call = Session.call

    def noting(self, method, *rest):
        names.append(method)
        return call(self, method, *rest)

    monkeypatch.setattr(Session, "call", noting)
    return names


async def test_our_functions_share_one_world_in_a_document(renderer, site, called):
    await take(renderer, site.url("/home"), selector="h1", area=FULL_PAGE)

    assert called.count("Page.createIsolatedWorld") == 1
    assert called.count("Runtime.callFunctionOn") > 1


async def test_another_document_gets_a_world_of_its_own(renderer, site, called):
    capture = await take(renderer, site.url("/self-reload"), selector="body", delay_ms=300)

    assert capture.verdict.title == "Reload 2"
    assert called.count("Page.createIsolatedWorld") == 2


async def test_a_fault_in_one_of_our_functions_says_what_it_is(renderer):
    async with renderer._pool.slot(Deadline.after(20_000), MACHINES_OWN, None) as slot:
        tab = await slot.open_tab()
        page = Page(tab.session, tab.target_id)

        with pytest.raises(FunctionThrew, match="Error: of ours"):
            await page.run("() => { throw new Error('of ours') }", [], 5, str)


async def test_a_page_at_rest_costs_one_look(renderer, site, called):
    capture = await take(renderer, site.url("/home"))

    assert capture.verdict.settled_by is SettledBy.QUIET
    assert called.count("Runtime.callFunctionOn") == 2, "the look, and its title"


@pytest.fixture
def served(site):
    """Serves a page that runs a script when it has loaded, and returns its address."""

    def served(script="", body="", name="/served"):
        page = f"<!doctype html><style>html,body{{margin:0}}</style><body>{body}"
        site.serve(name, f"{page}<script>onload = () => {{ {script} }}</script>")
        return site.url(name)

    return served


class TestWhatHasNoEnd:
    @pytest.mark.parametrize(
        ("script", "asked_for"),
        [
            ("navigator.sendBeacon('/held/beacon', 'x')", "/held/beacon"),
            ("new EventSource('/events')", "/events"),
            ("new WebSocket(`ws://${location.host}/websocket`)", "/websocket"),
            ("const v = document.createElement('video'); v.src = '/held/video'; v.load()", "/held/video"),
        ],
        ids=["beacon", "event stream", "websocket", "media"],
    )
    async def test_is_not_waited_for(self, renderer, site, served, script, asked_for):
        for until in (WaitUntil.LOAD, WaitUntil.NETWORK_IDLE):
            capture = await take(renderer, served(script), until=until)

            assert capture.verdict.settled_by is SettledBy.QUIET
            assert site.visits[asked_for]

    async def test_a_long_poll_is_waited_for_until_it_is_seen_to_be_one(self, renderer, served, monkeypatch):
        monkeypatch.setattr(settle, "LONG_POLL_S", 0.3)
        monkeypatch.setattr(settle, "PATIENCE_S", 60)
        capture = await take(renderer, served("fetch('/held/poll')"), budget_ms=60_000)

        assert capture.verdict.settled_by is SettledBy.NETWORK
        assert capture.render_ms < 20_000, "well before patience ended"

    async def test_elements_that_move_for_ever_are_pictured_as_they_are(self, renderer, served, monkeypatch):
        go = "document.body.style.paddingTop = ++n % 9 + 'px'; requestAnimationFrame(go)"
        move = f"let n = 0; const go = () => {{ {go} }}; go()"
        monkeypatch.setattr(settle, "PATIENCE_S", 60)
        url = served(f"document.body.bgColor = '#00ff00'; {move}")
        capture = await take(renderer, url, budget_ms=60_000)

        assert capture.verdict.settled_by is SettledBy.PAINT
        assert capture.render_ms < 20_000, "well before patience ended"
        assert share_of(picture(capture), GREEN) == 1

    async def test_a_network_that_never_falls_idle_ends_in_a_picture_that_says_so(
        self, renderer, site, monkeypatch
    ):
        monkeypatch.setattr(wait, "IDLE_PATIENCE_S", 0.7)
        capture = await take(renderer, site.url("/busy?times=999&every=50"), until=WaitUntil.NETWORK_IDLE)

        assert capture.verdict.settled_by is SettledBy.NETWORK
        assert share_of(picture(capture), RED) == 1

    async def test_requests_that_follow_each_other_for_ever_end_with_patience(
        self, renderer, site, monkeypatch
    ):
        monkeypatch.setattr(settle, "PATIENCE_S", 0.7)
        capture = await take(renderer, site.url("/busy?times=9999&every=0"))

        assert capture.verdict.settled_by is SettledBy.NETWORK


class TestWhatIsStillToCome:
    async def test_what_a_fetch_that_is_under_way_paints_is_in_the_picture(self, renderer, served):
        script = "fetch('/slow?ms=600').then(() => { document.body.bgColor = '#00ff00' })"
        capture = await take(renderer, served(script))

        assert share_of(picture(capture), GREEN) == 1
        assert capture.verdict.settled_by is SettledBy.QUIET

    async def test_so_is_what_the_next_one_brings(self, renderer, served):
        fetches = "await fetch('/slow?ms=200'); await fetch('/slow?ms=201'); await fetch('/slow?ms=202');"
        capture = await take(
            renderer, served(f"(async () => {{ {fetches} document.body.bgColor = '#00ff00' }})()")
        )

        assert share_of(picture(capture), GREEN) == 1

    async def test_a_page_that_is_only_parsed_is_not_waited_for_so_far(self, renderer, site):
        site.serve(
            "/parsed",
            "<body bgcolor=#00ff00><script>fetch('/held/fetch')</script><img src=/held/image hidden>",
        )
        capture = await take(renderer, site.url("/parsed"), until=WaitUntil.DOM_CONTENT_LOADED)

        assert capture.verdict.settled_by is SettledBy.QUIET
        assert share_of(picture(capture), GREEN) == 1

    async def test_changes_that_come_frame_by_frame_are_waited_for(self, renderer, served):
        go = (
            "document.body.dataset.n = ++n; if (n < 25) requestAnimationFrame(go);"
            " else document.body.bgColor = '#00ff00'"
        )
        capture = await take(renderer, served(f"let n = 0; const go = () => {{ {go} }}; go()"))

        assert share_of(picture(capture), GREEN) == 1
        assert capture.verdict.settled_by is SettledBy.QUIET

    async def test_a_font_that_never_comes_is_named(self, renderer, served, monkeypatch):
        monkeypatch.setattr(settle, "PATIENCE_S", 0.7)
        load = "const f = new FontFace('never', 'url(/held/font)'); document.fonts.add(f); f.load()"

        assert (await take(renderer, served(load))).verdict.settled_by is SettledBy.FONTS

    @pytest.mark.parametrize(
        "flags",
        [
            pytest.param((), id="same process"),
            pytest.param(
                ("--site-per-process",),
                id="process of its own",
                marks=pytest.mark.xfail(
                    strict=False,
                    reason="on a busy machine a frame's own process tells of its requests a moment late",
                ),
            ),
        ],
    )
    async def test_a_frame_of_another_site_counts_as_well(self, a_renderer, site, monkeypatch, flags):
        monkeypatch.setattr(process, "FLAGS", (*FLAGS, *flags))
        green = "document.body.bgColor = '#00ff00'"
        site.serve(
            "/inner",
            # What it fetches is under way, and known to be, well before the image lets the page be loaded.
            "<body bgcolor=#ff0000><script>(async () => {"
            f"for (let n = 0; n < 3; n++) await fetch('/slow?ms=400&n=' + n); {green} }})()</script>"
            "<img hidden src='/slow?ms=250'>",
        )
        site.serve(
            "/outer",
            "<style>body{margin:0}iframe{border:0;width:800px;height:600px;display:block}</style>"
            f"<iframe src='http://localhost:{site.port}/inner'></iframe>",
        )
        async with a_renderer(f"{site.netloc}, localhost:{site.port}") as renderer:
            for until in (WaitUntil.LOAD, WaitUntil.NETWORK_IDLE):
                capture = await take(renderer, site.url("/outer"), until=until)

                assert share_of(picture(capture), GREEN) == 1
                assert capture.verdict.settled_by is SettledBy.QUIET


class TestImages:
    @pytest.mark.parametrize("kind", SHOWN)
    async def test_one_that_is_under_way_is_waited_for(self, renderer, served, kind):
        capture = await take(renderer, served(f"document.body.innerHTML = `{SHOWN[kind]}`"))

        assert share_of(picture(capture), GREEN) > 0.99
        assert capture.verdict.settled_by is SettledBy.QUIET
        assert capture.verdict.unfinished_images == 0

    @pytest.mark.parametrize("kind", SHOWN)
    async def test_one_that_never_comes_is_counted(self, renderer, served, kind, monkeypatch):
        monkeypatch.setattr(settle, "PATIENCE_S", 0.7)
        markup = SHOWN[kind].replace(IMAGE, "/held/image")
        capture = await take(renderer, served(f"document.body.innerHTML = `{markup}`"))

        assert capture.verdict.settled_by is SettledBy.IMAGES
        assert capture.verdict.unfinished_images == 1

    @pytest.mark.parametrize("kind", SHOWN)
    async def test_one_that_is_not_there_is_counted(self, renderer, served, kind):
        markup = SHOWN[kind].replace(IMAGE, "/missing.png")
        capture = await take(renderer, served(body=markup))

        assert capture.verdict.settled_by is SettledBy.QUIET
        assert capture.verdict.unfinished_images == 1

    async def test_one_that_is_no_image_is_counted(self, renderer, served):
        body = "<img src=/home><img src='data:image/png;base64,AAAA'><img src='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\"/>'><img>"
        capture = await take(renderer, served(body=body))

        assert capture.verdict.unfinished_images == 2, "an image without a source, or without a size, is none"

    async def test_only_those_in_the_picture_count(self, renderer, served):
        body = (
            "<img src=/missing.png style='display:none'><div style='height:2000px'></div>"
            "<img src=/missing.png>"
            "<div id=d style='width:50px;height:50px;background:url(/missing.png?2)'></div>"
        )
        url = served(body=body)

        counted = [
            (await take(renderer, url, area=area)).verdict.unfinished_images
            for area in (None, FULL_PAGE, an_element("#d"), Area(AreaKind.CLIP, clip=Clip(0, 0, 99, 99)))
        ]
        assert counted == [0, 2, 1, 0]

    async def test_one_that_nobody_sees_is_not_waited_for(self, renderer, served):
        unseen = (
            "<img src=/held/image style=display:none><div style=height:2000px></div><img src=/held/image>"
        )
        script = f"document.body.innerHTML = '{unseen}'"
        capture = await take(renderer, served(script))

        assert capture.verdict.settled_by is SettledBy.QUIET
        assert capture.verdict.unfinished_images == 0

    async def test_those_in_open_shadow_roots_are_waited_for(self, renderer, served):
        script = f"document.body.attachShadow({{mode: 'open'}}).innerHTML = \"<img src='{IMAGE}'>\""

        assert share_of(picture(await take(renderer, served(script))), GREEN) > 0.99

    async def test_those_in_frames_of_the_same_site_are_waited_for(self, renderer, site, served):
        inner = served(
            f"setTimeout(() => document.body.innerHTML = `<img src='{IMAGE}'><img src=/missing.png>`)",
            name="/inner",
        )
        frame = "style='border:0;width:800px;height:600px;display:block'"
        capture = await take(renderer, served(body=f"<iframe src='{inner}' {frame}></iframe>"))

        assert share_of(picture(capture), GREEN) > 0.99
        assert capture.verdict.unfinished_images == 0, "the other one is below what the frame shows"

    async def test_those_that_the_caller_would_not_have_are_not_missed(self, renderer, served):
        asked = {
            "url": served(body="<img src=/image><img src=/missing.png>"),
            "block": {"requests": ["*/image"]},
        }
        capture = await renderer.render(parse_capture(asked).request, Deadline.after(20_000))

        assert capture.verdict.unfinished_images == 1
