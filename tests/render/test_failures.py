"""What goes wrong is told apart, in time, and at nobody else's cost."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from calotype.capture.errors import BrowserCrashed, NavigationFailed, RenderTimeout, TargetForbidden
from calotype.capture.negative import HtmlDocument
from tests.render.asking import (
    FULL_PAGE,
    GREEN,
    browser_pid,
    kill,
    members,
    page_processes,
    pages_in_use,
    picture,
    share_of,
    take,
    until,
)
from tests.render.chaos import of_kind

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("status", [400, 401, 404, 410, 500, 503])
async def test_an_error_page_is_pictured_and_its_status_told(renderer, site, status):
    capture = await take(renderer, site.url(f"/{status}"))

    assert capture.verdict.http_status == status
    assert capture.verdict.title == f"Status {status}"
    assert share_of(picture(capture), (255, 204, 0)) > 0.9


async def test_an_error_without_a_page_is_pictured_too(renderer, site):
    capture = await take(renderer, site.url("/404?empty=1"))

    assert capture.verdict.http_status == 404


async def test_a_bad_gateway_of_the_target_itself_is_pictured(renderer, site):
    assert (await take(renderer, site.url("/502"))).verdict.http_status == 502


async def test_redirects_are_followed_and_the_last_status_counts(renderer, site):
    capture = await take(renderer, site.url("/redirect?hops=3&to=/404"))

    assert capture.verdict.http_status == 404
    assert capture.verdict.final_url == site.url("/404")


async def test_endless_redirects_fail(renderer, site):
    with pytest.raises(NavigationFailed, match="too many redirects"):
        await take(renderer, site.url("/redirect-loop"))


@pytest.mark.parametrize("path", ["/reset", "/hangup"])
async def test_a_broken_connection_fails(renderer, site, path):
    with pytest.raises(NavigationFailed, match="closed the connection without a response") as failure:
        await take(renderer, site.url(path))
    assert failure.value.url == site.url(path)


async def test_a_script_that_leads_to_a_broken_connection_fails(renderer, site):
    with pytest.raises(NavigationFailed) as failure:
        await take(renderer, site.url("/scripted-redirect?to=/reset"))
    assert failure.value.url == site.url("/reset")


async def test_a_port_where_nobody_listens_fails(a_renderer):
    async with a_renderer("127.0.0.1:8099") as renderer:
        with pytest.raises(NavigationFailed, match="refused"):
            await take(renderer, "http://127.0.0.1:8099/")


@pytest.mark.parametrize("path", ["/download", "/download?type=application/octet-stream"])
async def test_a_download_fails_and_says_so(renderer, site, path):
    with pytest.raises(NavigationFailed, match="the URL is a download"):
        await take(renderer, site.url(path))


async def test_an_address_that_the_browser_cannot_read_fails(renderer):
    for url, told in [
        ("http://a%/", "invalid url"),
        ("http://[::/", "no http"),
        ("http://a:99999/", "no http"),
    ]:
        for target in (url, HtmlDocument("<p>x", url)):
            with pytest.raises(NavigationFailed, match=told):
                await take(renderer, target)


async def test_an_answer_without_a_page_fails(renderer, site):
    with pytest.raises(NavigationFailed, match="the server answered 204"):
        await take(renderer, site.url("/204"))


async def test_credentials_reach_the_server_and_nothing_else(renderer, site, caplog):
    caplog.set_level("DEBUG", "calotype.render")
    url = site.url("/redirect?to=/home").replace("http://", "http://ann:s3cret@")
    capture = await take(renderer, url)

    assert capture.verdict.final_url == site.url("/home")
    for path in ("/reset", "/204", "/download"):
        with pytest.raises(NavigationFailed) as failure:
            await take(renderer, site.url(path).replace("http://", "http://ann:s3cret@"))
        assert failure.value.url == site.url(path)
        assert "s3cret" not in str(failure.value)
    with pytest.raises(RenderTimeout) as timeout:
        await take(renderer, site.url("/held/x").replace("http://", "http://ann:s3cret@"), budget_ms=300)
    assert "s3cret" not in str(timeout.value)
    assert "s3cret" not in caplog.text


async def test_dialogs_are_dismissed(renderer, site):
    capture = await take(renderer, site.url("/dialogs"))

    assert capture.verdict.title == "false null"
    assert share_of(picture(capture), GREEN) == 1


async def test_popups_do_no_harm_and_are_gone_with_their_page(renderer, site):
    capture = await take(renderer, site.url("/popups"), delay_ms=300)

    assert share_of(picture(capture), GREEN) == 1
    (house,) = renderer._pool._houses.all
    await until(lambda: house.tabs == 0 and len(house.contexts) == len(house.spares))
    targets = await house.process.connection.browser.call("Target.getTargets", {}, 5, dict[str, Any])
    pages = [target for target in targets["targetInfos"] if target["type"] == "page"]
    assert {page["browserContextId"] for page in pages} == house.contexts
    assert len(pages) == len(house.contexts) == len(house.spares)


async def test_popups_are_closed_as_they_open(renderer, site):
    capture = asyncio.create_task(take(renderer, site.url("/popups"), selector="#never", budget_ms=2500))
    (house,) = renderer._pool._houses.all

    async def pages() -> int:
        targets = await house.process.connection.browser.call("Target.getTargets", {}, 5, dict[str, Any])
        return sum(target["type"] == "page" for target in targets["targetInfos"])

    await until(lambda: site.visits["/popups"])
    await asyncio.sleep(1)
    assert await pages() == 1 + len(house.spares)
    capture.cancel()
    await asyncio.wait([capture])


async def test_a_page_cannot_take_our_scripts_from_us(renderer, site):
    capture = await take(renderer, site.url("/hostile"), area=FULL_PAGE, selector="#box")

    assert share_of(picture(capture), GREEN) > 0.9
    assert capture.verdict.title == "Hostile"


async def test_elements_named_like_the_documents_functions_do_not_confuse_us(renderer):
    page = HtmlDocument(
        "<title>Clobbered</title><form name=title></form><form name=querySelector></form>"
        "<img name=fonts><form name=documentElement></form><b id=b>b</b>"
    )
    capture = await take(renderer, page, selector="#b")

    assert capture.verdict.title == "Clobbered"


@pytest.mark.parametrize(
    ("path", "step"),
    [("/hang", "waiting for the page to load"), ("/hang?after=load", "waiting for fonts and images")],
)
async def test_a_page_caught_in_a_loop_ends_at_the_deadline_and_its_process_with_it(
    renderer, site, path, step
):
    started = time.monotonic()
    with pytest.raises(RenderTimeout, match=step):
        await take(renderer, site.url(path), budget_ms=1500)
    assert 1.5 <= time.monotonic() - started < 1.8

    (house,) = renderer._pool._houses.all
    await until(lambda: house.tabs == 0)
    await until(lambda: pages_in_use(renderer) == 0)


async def test_a_page_in_an_endless_loop_does_not_hold_up_its_neighbour(renderer, site):
    hanging = asyncio.create_task(take(renderer, site.url("/hang"), budget_ms=2500))
    await until(lambda: site.visits["/hang"])
    neighbour = await take(renderer, site.url("/home"), budget_ms=5000)

    assert neighbour.verdict.http_status == 200
    with pytest.raises(RenderTimeout):
        await hanging


async def test_a_page_whose_process_is_killed_is_captured_all_the_same(renderer, site):
    capture = asyncio.create_task(take(renderer, site.url("/held/page")))
    await site.arrival("page")
    kill(page_processes(browser_pid(renderer)))
    await until(lambda: site.visits["/held/page"] == 2)
    site.release("page")

    assert (await capture).verdict.title == "Held"


async def test_a_page_whose_process_dies_while_it_settles_is_captured_all_the_same(renderer, site):
    capture = asyncio.create_task(take(renderer, site.url("/endless-image")))
    await site.arrival("image")
    kill(page_processes(browser_pid(renderer)))
    await until(lambda: site.visits["/endless-image"] == 2)
    site.release("image")

    assert picture(await capture).getpixel((700, 500)) == GREEN


@pytest.mark.parametrize("kind", ["network", "gpu"])
async def test_a_page_is_captured_all_the_same_when_one_of_the_browsers_helpers_is_killed(
    renderer, site, kind
):
    capture = asyncio.create_task(take(renderer, site.url("/held/page")))
    await site.arrival("page")
    kill(set(of_kind(kind, browser_pid(renderer))))
    if kind == "network":
        await until(lambda: site.visits["/held/page"] == 2)
    site.release("page")

    assert (await capture).verdict.title == "Held"


async def test_a_page_whose_process_dies_twice_is_given_up(renderer, site):
    capture = asyncio.create_task(take(renderer, site.url("/held/page")))
    await until(lambda: site.visits["/held/page"] == 1)
    kill(page_processes(browser_pid(renderer)))
    await until(lambda: site.visits["/held/page"] == 2)
    kill(page_processes(browser_pid(renderer)))

    with pytest.raises(BrowserCrashed):
        await capture


async def test_the_death_of_one_page_leaves_its_neighbour_alone(renderer, site):
    (house,) = renderer._pool._houses.all
    house.spares.drop_all()
    await until(lambda: pages_in_use(renderer) == 0)
    victim = asyncio.create_task(take(renderer, site.url("/held/victim")))
    await site.arrival("victim")
    victims = page_processes(house.process.pid)
    neighbour = asyncio.create_task(take(renderer, site.url("/held/neighbour")))
    await site.arrival("neighbour")
    kill(victims)
    await until(lambda: site.visits["/held/victim"] == 2)
    site.release("victim")
    site.release("neighbour")

    assert (await victim).verdict.title == (await neighbour).verdict.title == "Held"
    assert site.visits["/held/neighbour"] == 1


async def test_the_death_of_the_browser_is_survived_by_all_its_captures(a_renderer, site):
    async with a_renderer() as renderer:
        captures = [asyncio.create_task(take(renderer, site.url(f"/held/{name}"))) for name in "ab"]
        for name in "ab":
            await site.arrival(name)
        first = browser_pid(renderer)
        kill({first})
        await until(lambda: site.visits["/held/a"] == site.visits["/held/b"] == 2)
        site.release("a")
        site.release("b")

        assert [(await capture).verdict.title for capture in captures] == ["Held", "Held"]
        assert browser_pid(renderer) != first
        await until(lambda: not members(first))


async def test_a_browser_that_stands_still_is_replaced(a_renderer, site):
    async with a_renderer(dispose_timeout_s=0.5, open_timeout_s=1.0) as renderer:
        await take(renderer, site.url("/home"))
        first = browser_pid(renderer)

        os.kill(first, signal.SIGSTOP)
        capture = await take(renderer, site.url("/home"))

        assert capture.verdict.http_status == 200
        assert browser_pid(renderer) != first
        await until(lambda: not members(first))


async def test_a_private_page_is_forbidden(renderer):
    with pytest.raises(TargetForbidden) as refusal:
        await take(renderer, "http://127.0.0.1:8099/")
    assert refusal.value.host == "127.0.0.1"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "view-source:file:///etc/passwd", "chrome://version"])
async def test_nothing_but_the_web_is_visited(renderer, url):
    for target in (url, HtmlDocument("<p>x", url)):
        with pytest.raises(NavigationFailed, match="it is no http or https URL"):
            await take(renderer, target)
