"""The same bytes at every look, in whichever browser, from pages that look different each time."""

from __future__ import annotations

import asyncio

import pytest

from calotype.capture.parse import parse_capture
from calotype.clock import Deadline
from tests.render.asking import picture
from tests.site import moving
from tests.site.server import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]

ALL = "/all-on-one-page"
PATHS = list(moving.pages(""))
LOOKS, BROWSERS = 4, 2
SIZE = {"width": 640, "height": 1000}


@pytest.fixture
def moving_site(site):
    with Site() as other:
        inner = f"http://localhost:{other.port}/inner"
        other.serve("/inner", moving.inner())
        for path, html in moving.pages(inner).items():
            site.serve(path, html)
        site.allowed = f"{site.netloc}, localhost:{other.port}"
        yield site


async def looks(renderer, url, count, **options):
    """What count looks show, two at a time."""
    turns = asyncio.Semaphore(2)

    async def look(number):
        asked = {"url": url, "viewport": SIZE, **{name: make(number) for name, make in options.items()}}
        async with turns:
            return await renderer.render(parse_capture(asked).request, Deadline.after(90_000))

    return await asyncio.gather(*(look(number) for number in range(count)))


async def taken(a_renderer, site, path, count):
    shots = []
    for _ in range(BROWSERS):
        async with a_renderer(site.allowed) as renderer:
            asked = {"capture": lambda _: {"deterministic": True}}
            shots += await looks(renderer, site.url(path), count // BROWSERS, **asked)
    return {shot.image for shot in shots}


async def test_every_kind_of_motion_gives_the_same_bytes_at_every_look(a_renderer, moving_site):
    seen: dict[str, set[bytes]] = {path: set() for path in PATHS}
    for _ in range(BROWSERS):
        async with a_renderer(moving_site.allowed) as renderer:
            for path in PATHS:
                asked = {"capture": lambda _: {"deterministic": True}}
                shots = await looks(renderer, moving_site.url(path), LOOKS // BROWSERS, **asked)
                seen[path] |= {shot.image for shot in shots}

    assert {path: len(images) for path, images in seen.items()} == dict.fromkeys(PATHS, 1)


@pytest.mark.nightly
@pytest.mark.timeout(0)
@pytest.mark.parametrize("path", PATHS)
async def test_a_hundred_looks_are_the_same(a_renderer, moving_site, path):
    assert len(await taken(a_renderer, moving_site, path, 100)) == 1


async def test_without_the_option_looks_differ(a_renderer, moving_site):
    seen = {}
    async with a_renderer(moving_site.allowed) as renderer:
        # The flag that holds animated images holds them always, and the network only tells the time.
        for path in (path for path in PATHS if path not in ("/animated-images", "/fonts")):
            options = {"capture": lambda _: {"freeze": False}, "wait": lambda number: {"delay": number * 330}}
            shots = await looks(renderer, moving_site.url(path), 3, **options)
            seen[path] = len({shot.image for shot in shots})

    assert {path: count > 1 for path, count in seen.items()} == dict.fromkeys(seen, True)


async def test_the_page_lives_in_the_time_that_it_is_given(renderer, site):
    page = (
        "<!doctype html><body><script>let counted = 0; setInterval(() => counted++, 100); const told = [];"
        "const tell = () => { document.title = `${Date.now()} ${counted} ${Math.round(performance.now())}`;"
        "requestAnimationFrame(tell); }; tell()</script>"
    )
    site.serve("/tells", page)
    asked = {"url": site.url("/tells"), "capture": {"deterministic": True}, "wait": {"delay": 1000}}
    told = (await renderer.render(parse_capture(asked).request, Deadline.after(60_000))).verdict.title

    # 2025-01-01T12:00Z, the delay and half a second later.
    assert told == "1735732801500 15 1500"


async def test_what_comes_late_is_waited_for_in_the_pages_own_time(renderer, site):
    page = (
        "<body><script>setTimeout(() => { document.body.innerHTML = '<b id=late>';"
        "window.late = performance.now() }, 3000)</script>"
    )
    site.serve("/late", page)
    for wait in ({"for_selector": "#late"}, {"for_function": "window.late === 3000"}):
        asked = {"url": site.url("/late"), "capture": {"deterministic": True}, "wait": wait}
        await renderer.render(parse_capture(asked).request, Deadline.after(60_000))


async def test_a_page_that_waits_for_the_clock_in_a_loop_goes_on(renderer, site):
    page = "<body><script>const t = Date.now(); while (Date.now() - t < 20); document.title = 'on'</script>"
    site.serve("/busy", page)
    asked = {"url": site.url("/busy"), "capture": {"deterministic": True}}
    assert (await renderer.render(parse_capture(asked).request, Deadline.after(60_000))).verdict.title == "on"


async def test_animated_images_show_their_first_frame(renderer, site):
    site.serve("/animated", moving.pages("")["/animated-images"])
    asked = {"url": site.url("/animated"), "viewport": SIZE, "wait": {"delay": 300}}
    shot = picture(await renderer.render(parse_capture(asked).request, Deadline.after(60_000)))

    count = {colour: number for number, colour in shot.getcolors(1 << 24) or []}
    assert count[255, 0, 0] == 3 * 60 * 40


async def test_time_zone_and_language_are_not_the_machines():
    plain = parse_capture(
        {"url": "https://a.test/", "capture": {"deterministic": True, "freeze": False}}
    ).request
    told = parse_capture(
        {
            "url": "https://a.test/", "capture": {"deterministic": True},
            "browser": {"timezone": "UTC", "locale": "en-US"},
        }
    ).request  # fmt: skip

    assert plain == told
    assert plain.negative.freeze
