"""A page is pictured when it is ready, and not later than that."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import pytest

from calotype.capture.errors import InvalidRequest, NavigationFailed, RenderTimeout
from calotype.capture.negative import HtmlDocument, Negative, WaitUntil
from calotype.capture.verdict import SettledBy
from calotype.render import intercept
from calotype.render.cdp import Session
from calotype.render.intercept import Interception
from tests.render.asking import BLUE, FULL_PAGE, GREEN, RED, an_element, box_of, picture, share_of, take
from tests.site.pages import css

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_lazy_images_far_below_are_in_a_full_page_picture(renderer, site):
    image = picture(await take(renderer, site.url("/lazy"), area=FULL_PAGE))

    assert image.height == 4200
    assert image.getpixel((100, 100)) == GREEN
    assert image.getpixel((100, 4100)) == RED


async def test_a_lazy_image_in_view_is_in_a_viewport_picture_and_one_below_is_not_loaded(renderer, site):
    image = picture(await take(renderer, site.url("/lazy")))

    assert image.getpixel((100, 100)) == GREEN
    assert all(request.query.get("colour") != "ff0000" for request in site.requests)


async def test_an_image_that_a_script_adds_after_load_is_waited_for(renderer, site):
    image = picture(await take(renderer, site.url("/slow-images?ms=600")))

    assert image.getpixel((100, 100)) == GREEN


async def test_an_image_that_never_ends_costs_patience_but_not_the_picture(renderer, site, monkeypatch):
    monkeypatch.setattr("calotype.render.settle.PATIENCE_S", 0.7)
    started = time.monotonic()
    image = picture(await take(renderer, site.url("/endless-image")))

    assert image.getpixel((700, 500)) == GREEN
    assert 0.7 < time.monotonic() - started < 3


async def test_patience_ends_before_a_near_deadline_does(renderer, site):
    capture = await take(renderer, site.url("/endless-image"), budget_ms=2500)

    assert picture(capture).getpixel((700, 500)) == GREEN


async def test_a_web_font_is_there_before_the_picture_is_taken(renderer, site):
    image = picture(await take(renderer, site.url("/web-font?ms=500")))

    # Twenty letters i: 24 px each in the monospaced web font, a third of that in the serif stand-in.
    left, _, right, _ = box_of(image, RED)
    assert right - left > 450


async def test_a_selector_is_waited_for(renderer, site):
    image = picture(await take(renderer, site.url("/element"), selector="#late", area=FULL_PAGE))

    assert image.getpixel((420, 915)) == RED


async def test_a_selector_that_never_matches_is_named_at_the_deadline(renderer, site):
    with pytest.raises(RenderTimeout, match=r"it was waiting for the selector '\.never' to match"):
        await take(renderer, site.url("/home"), selector=".never", budget_ms=1000)


async def test_a_selector_that_is_no_css_is_the_clients_mistake(renderer, site):
    with pytest.raises(InvalidRequest) as refusal:
        await take(renderer, site.url("/home"), selector="div[")
    assert refusal.value.field == "wait.for_selector"


async def test_a_delay_comes_after_all_else(renderer, site):
    turn = "setTimeout(() => document.body.bgColor = '#00ff00', 300)"
    page = HtmlDocument(f"<body bgcolor=red><script>onload = () => {turn}</script>")

    assert share_of(picture(await take(renderer, page)), RED) == 1
    assert share_of(picture(await take(renderer, page, delay_ms=500)), GREEN) == 1


async def test_a_parsed_document_is_pictured_although_it_still_loads(renderer, site):
    site.serve("/loading", "<body bgcolor=#00ff00><iframe width=9 height=9 src=/held/frame></iframe>")
    capture = await take(renderer, site.url("/loading"), until=WaitUntil.DOM_CONTENT_LOADED)

    assert picture(capture).getpixel((400, 300)) == GREEN
    assert capture.render_ms < 3000, "nor do the fonts wait for it"


async def test_network_idle_waits_for_what_scripts_fetch_at_their_leisure(renderer, site):
    busy = picture(await take(renderer, site.url("/busy?times=2&every=400")))
    idle = picture(await take(renderer, site.url("/busy?times=2&every=400"), until=WaitUntil.NETWORK_IDLE))

    assert share_of(busy, RED) == 1
    assert share_of(idle, GREEN) == 1


async def test_network_idle_does_not_wait_for_an_event_stream(renderer, site):
    started = time.monotonic()
    await take(renderer, site.url("/streaming"), until=WaitUntil.NETWORK_IDLE)

    assert time.monotonic() - started < 4


async def test_a_page_that_never_falls_idle_is_pictured_before_a_near_deadline(renderer, site):
    capture = await take(
        renderer, site.url("/busy?times=999&every=50"), until=WaitUntil.NETWORK_IDLE, budget_ms=4000
    )

    assert capture.verdict.settled_by is SettledBy.NETWORK


async def test_a_page_that_waits_on_its_server_times_out_at_the_deadline(renderer, site):
    started = time.monotonic()
    with pytest.raises(RenderTimeout, match="waiting for the page's server to answer"):
        await take(renderer, site.url("/held/long"), budget_ms=800)
    assert 0.8 <= time.monotonic() - started < 1.1


async def test_a_slow_page_is_waited_for(renderer, site):
    capture = asyncio.create_task(take(renderer, site.url("/held/slow")))
    await site.arrival("slow")
    assert not capture.done()
    site.release("slow")

    assert (await capture).verdict.title == "Held"


@pytest.mark.parametrize("how", ["scripted", "refresh"])
async def test_a_page_that_leads_on_is_followed(renderer, site, how):
    capture = await take(renderer, site.url(f"/{how}-redirect?to=/counter"))

    assert capture.verdict.title == "Visit 1"
    assert capture.verdict.final_url == site.url("/counter")
    assert picture(capture).getpixel((700, 500)) == (0, 80, 40)


async def test_a_page_that_leaves_for_a_slow_one_is_followed(renderer, site):
    capture = await take(renderer, site.url("/scripted-redirect?to=/slow%3Fms=700"))

    assert capture.verdict.title == "Slow"


@pytest.fixture
def impatience(monkeypatch):
    """A page on its way out paints no frames, so it takes patience to an end to picture one."""
    monkeypatch.setattr("calotype.render.settle.PATIENCE_S", 0.2)


async def test_a_page_that_has_loaded_and_leaves_for_a_slow_one_is_followed(renderer, site, impatience):
    site.serve("/leaving", "<script>onload = () => { location = '/slow?ms=600' }</script>")

    assert (await take(renderer, site.url("/leaving"))).verdict.title == "Slow"


async def test_a_page_that_leaves_while_it_is_waited_for_is_followed(renderer, site, impatience):
    site.serve("/leaving", "<script>onload = () => setTimeout(() => location = '/slow?ms=900', 100)</script>")

    assert (await take(renderer, site.url("/leaving"), delay_ms=500)).verdict.title == "Slow"


@pytest.mark.parametrize("delay_ms", [0, 40, 60, 80, 100])
async def test_a_page_that_reloads_at_any_moment_is_pictured_whole(renderer, site, delay_ms):
    capture = await take(renderer, site.url("/self-reload"), delay_ms=delay_ms, budget_ms=10_000)

    assert (capture.verdict.title, share_of(picture(capture), RED)) in [("Reload 1", 1), ("Reload 2", 0)]


@pytest.mark.parametrize(
    "script",
    [
        "location = 'mailto:x@example.com'",
        "location = '#part'",
        "location = '/204'",
        "location = '/download'",
        "history.pushState({}, '', '/elsewhere')",
        "location = 'javascript:void 0'",
        "window.stop()",
    ],
)
async def test_a_page_that_does_not_really_leave_is_pictured(renderer, site, script):
    page = HtmlDocument(
        f"<body bgcolor=#00ff00><script>onload = () => {{ {script} }}</script>", site.url("/base")
    )
    capture = await take(renderer, page, budget_ms=5000)

    assert share_of(picture(capture), GREEN) == 1


async def test_a_page_that_never_stays_is_given_up(renderer, site):
    # Late enough to have loaded, too soon to be pictured.
    again = "setTimeout(() => location.replace('/restless?' + Math.random()), 25)"
    site.serve("/restless", f"<script>onload = () => {again}</script>")
    with pytest.raises(NavigationFailed, match="keeps going from one document to the next"):
        await take(renderer, site.url("/restless"))


async def test_a_document_of_the_request_is_shown_with_its_scripts_run(renderer):
    page = HtmlDocument("<title>Mine</title><body><script>document.body.bgColor = '#0000ff'</script>")
    capture = await take(renderer, page)

    assert share_of(picture(capture), BLUE) == 1
    assert capture.verdict.title == "Mine"
    assert capture.verdict.http_status is None
    assert capture.verdict.final_url is None


async def test_a_document_without_a_base_lives_at_about_blank(renderer):
    capture = await take(renderer, HtmlDocument("<script>document.title = document.baseURI</script>"))

    assert capture.verdict.title == "about:blank"


async def test_a_document_waits_for_its_images_like_any_page(renderer, site):
    page = HtmlDocument(f"<img src='{site.url('/image?ms=400')}' style='position:fixed;left:0;top:0'>")

    assert picture(await take(renderer, page)).getpixel((100, 100)) == GREEN


async def test_a_document_with_a_base_has_its_origin_and_links_and_its_server_is_not_asked_for_it(
    renderer, site
):
    base = site.url("/folder/page?x=*#part")
    page = HtmlDocument(
        "<title></title><img id=i src='../image?colour=0000ff'><script>"
        "document.title = `${document.baseURI} ${origin} ${location.href}`</script>",
        base,
    )
    capture = await take(renderer, page, area=an_element("#i"))

    assert share_of(picture(capture), BLUE) == 1
    assert capture.verdict.title == f"{base} http://{site.netloc} {base}"
    assert set(site.visits) == {"/image"}


async def test_only_the_first_request_for_a_document_is_answered_with_that_of_the_request():
    class Script:
        """A session that notes what is posted."""

        def __init__(self):
            self.posted: list[tuple[str, str]] = []

        def post(self, method, params):
            self.posted.append((method, params["requestId"]))

    script = Script()
    interception = Interception(Negative(target=HtmlDocument("<p>ours")), None, "main")
    interception.hand_over("<p>ours")
    asked = intercept._Request(url="https://site.example/", headers={})
    for request_id, frame_id in [("1", "inner"), ("2", "main"), ("3", "main")]:
        paused = intercept._Paused(
            request_id=request_id, request=asked, frame_id=frame_id, resource_type="Document"
        )
        interception._answer(cast(Session, script), paused)

    continued, fulfilled = "Fetch.continueRequest", "Fetch.fulfillRequest"
    assert script.posted == [(continued, "1"), (fulfilled, "2"), (continued, "3")]


async def test_a_document_with_a_base_leads_on_like_any_page(renderer, site):
    page = HtmlDocument("<script>location = '/counter'</script>", site.url("/start"))

    assert (await take(renderer, page)).verdict.title == "Visit 1"


async def test_a_document_may_have_a_base_that_may_not_be_asked(renderer):
    page = HtmlDocument("<body bgcolor=#00ff00><img src=/x.png>", "http://10.0.0.1/")

    assert picture(await take(renderer, page)).getpixel((400, 300)) == GREEN


async def test_a_document_in_any_script_keeps_its_letters(renderer):
    capture = await take(renderer, HtmlDocument("<title>Ünï 漢字 😀</title>", "https://site.example/"))

    assert capture.verdict.title == "Ünï 漢字 😀"


async def test_frames_of_a_document_with_a_base_are_filled_by_their_server(renderer, site):
    site.serve("/inner", f"<body style='margin:0;background:{css(BLUE)}'>")
    page = HtmlDocument(
        "<body style='margin:0'><iframe id=f src=/inner style='border:0'></iframe>", site.url("/outer")
    )
    image = picture(await take(renderer, page, area=an_element("#f")))

    assert share_of(image, BLUE) == 1
