"""A page reaches what is public or allowed, through the proxy, and nothing else."""

from __future__ import annotations

import asyncio
import socket

import pytest

from calotype.capture.errors import TargetForbidden
from calotype.capture.negative import HtmlDocument
from tests.render.asking import GREEN, picture, share_of, take
from tests.site.server import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOCALHOSTS = ("127.0.0.1", "localhost")


NAME = "private.example"
WAYS = {
    "css", "import", "background", "font", "js", "module", "modulepreload", "img", "srcset", "input", "svg",
    "srcdoc", "video", "audio", "object", "embed", "iframe", "iframe-redirected", "iframe-refreshed", "form",
    "fetch", "fetch-redirected", "keepalive", "xhr", "ws", "events", "beacon", "ping", "redirected",
    "preload", "prefetch", "rules-prefetch", "rules-prerender", "download",
    "worker", "worker-import", "worker-ws", "shared", "shared-import", "shared-ws",
    "service", "service-start", "named-img", "named-iframe", "named-ws",
}  # fmt: skip
"""The ways of the page that lead to a server that may be reached. Those that do not even then (preconnect,
dns-prefetch, icon, manifest, popups that are closed in time, STUN, TURN, WebTransport, and IPv6 of which
the test's server has none) count all the same where nothing may arrive."""


async def resolve(host: str) -> list[str]:
    """Answer as a name server that somebody set up to lead us astray."""
    if host in (NAME, "localhost"):
        return ["127.0.0.1"]
    try:
        return await asyncio.to_thread(lambda: [str(each[4][0]) for each in socket.getaddrinfo(host, None)])
    except UnicodeError as exc:
        raise OSError(host) from exc


@pytest.fixture
def private():
    with Site() as site:
        yield site


async def try_all(renderer, site, private):
    """Show the page that tries every way to reach private."""
    where = f"/vectors?private={private.netloc}&name={NAME}"
    capture = await take(renderer, site.url(where), 40_000, selector="#tried", delay_ms=1000)
    assert share_of(picture(capture), GREEN) > 0.2, "the page had its try"


async def test_no_vector_reaches_a_private_server(a_renderer, site, private):
    async with a_renderer(site.netloc, resolve=resolve) as renderer:
        await try_all(renderer, site, private)

    assert site.visits["/redirect"] == 3
    assert site.visits["/service-worker"] == 1
    assert (private.connections, private.datagrams, private.requests) == (0, 0, [])


async def test_the_same_page_reaches_the_server_in_many_ways_when_a_rule_allows_it(a_renderer, site, private):
    async with a_renderer("127.0.0.0/8, 0.0.0.0, ::1, ::", resolve=resolve) as renderer:
        await try_all(renderer, site, private)

    ways = {path.removeprefix("/") for path in private.visits}
    spelled = {next(iter(each.query)) for each in private.requests if each.path == "/spelled"}
    assert ways >= WAYS
    assert spelled >= {"localhost", "127.0.0.1.", "0.0.0.0", "2130706433", "127.1", "0x7f.1", "0x7f000001"}
    assert spelled >= {"0177.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"}
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
        (house,) = renderer._pool._houses.all
        target = {"url": private.url("/home")}
        await house.process.connection.browser.call("Target.createTarget", target, 5)
        await asyncio.sleep(0.5)

    assert private.connections == 0
