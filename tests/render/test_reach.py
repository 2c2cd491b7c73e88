"""A page reaches what is public or allowed, through the proxy, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from calotype.capture.errors import TargetForbidden
from calotype.capture.negative import HtmlDocument
from tests.render.asking import GREEN, picture, share_of, take
from tests.site.server import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOCALHOSTS = ("127.0.0.1", "localhost")


@pytest.fixture
def private():
    with Site() as site:
        yield site


async def test_no_vector_reaches_a_private_server(renderer, site, private):
    capture = await take(renderer, site.url(f"/vectors?private={private.netloc}"), selector="#tried")

    assert share_of(picture(capture), GREEN) > 0.3, "the page had its try"
    assert site.visits["/redirect"] == 1
    assert (private.connections, private.datagrams, private.requests) == (0, 0, [])


async def test_the_same_page_reaches_the_server_in_many_ways_when_a_rule_allows_it(a_renderer, site, private):
    allowed = f"{site.netloc}, {private.netloc}, localhost:{private.port}"
    async with a_renderer(allowed) as renderer:
        await take(renderer, site.url(f"/vectors?private={private.netloc}"), selector="#tried", delay_ms=500)

    ways = {path.removeprefix("/") for path in private.visits}
    assert ways >= {"css", "img", "js", "iframe", "fetch", "xhr", "ws", "events", "beacon", "worker", "form"}
    assert ways >= {"object", "embed", "font", "video", "redirected"}
    assert private.datagrams == 0, "WebRTC has no way around the proxy even then"


async def test_a_private_page_is_forbidden_and_never_connected_to(renderer, private):
    for host in (*LOCALHOSTS, "0.0.0.0", "2130706433", "[::ffff:127.0.0.1]", "[::1]"):
        with pytest.raises(TargetForbidden) as refusal:
            await take(renderer, f"http://{host}:{private.port}/home")
        assert "could not be found or is not public" in str(refusal.value)
    with pytest.raises(TargetForbidden):
        await take(renderer, f"https://127.0.0.1:{private.port}/home")

    assert private.connections == 0


@pytest.mark.parametrize("way", ["/redirect", "/scripted-redirect", "/refresh-redirect"])
async def test_a_public_page_that_leads_to_a_private_one_is_forbidden(renderer, site, private, way):
    with pytest.raises(TargetForbidden) as refusal:
        await take(renderer, site.url(f"{way}?to={private.url('/home')}"))

    assert refusal.value.host == private.host
    assert private.connections == 0


async def test_a_document_of_the_request_that_leads_to_a_private_page_is_forbidden(renderer, private):
    for base in (None, "https://site.example/"):
        page = HtmlDocument(f"<script>location = '{private.url('/home')}'</script>", base)
        with pytest.raises(TargetForbidden):
            await take(renderer, page)

    assert private.connections == 0


async def test_an_unresolvable_host_is_told_like_a_private_one(renderer):
    for scheme in ("http", "https"):
        with pytest.raises(
            TargetForbidden, match=r"^nowhere\.invalid could not be found or is not public\.$"
        ):
            await take(renderer, f"{scheme}://nowhere.invalid/")


async def test_a_private_part_of_a_page_is_left_out_and_the_rest_is_shown(renderer, site, private):
    parts = f"<img src='{private.url('/image')}'><iframe src='{private.url('/home')}'></iframe>"
    site.serve("/mixed", f"<body bgcolor=#00ff00>{parts}")
    capture = await take(renderer, site.url("/mixed"))

    assert capture.verdict.http_status == 200
    assert picture(capture).getpixel((700, 500)) == GREEN
    assert private.connections == 0


async def test_an_allowed_host_is_reached_by_documents_of_the_request_too(renderer, site):
    page = HtmlDocument(f"<body style='margin:0'><img src='{site.url('/image')}'>", "http://site.example/")
    image = picture(await take(renderer, page))

    assert image.getpixel((100, 100)) == GREEN


async def test_the_browser_goes_nowhere_without_a_capture(a_renderer, site, private):
    async with a_renderer() as renderer:
        await take(renderer, site.url("/home"))
        (house,) = renderer._pool._houses
        target = {"url": private.url("/home")}
        await house.process.connection.browser.call("Target.createTarget", target, 5)
        await asyncio.sleep(0.5)

    assert private.connections == 0
