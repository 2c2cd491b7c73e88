"""Pictures of pages that one surface does not hold: the same as if it did, in little memory."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
import pyvips
from PIL import ImageChops

from calotype.capture.errors import NothingToShow
from calotype.capture.negative import HtmlDocument
from calotype.capture.output import ImageFormat, Output, Resize
from calotype.capture.request import CaptureRequest
from calotype.clock import Deadline
from calotype.render import limits, stitch
from calotype.render.page import PageMoved
from calotype.render.shoot import shoot as shoot_page
from calotype.render.stitch import SURFACE_PIXELS, Strip, cut
from tests.render.asking import (
    BLUE,
    FULL_PAGE,
    GREEN,
    RED,
    a_request,
    an_element,
    box_of,
    browser_pid,
    members,
    picture,
    take,
)
from tests.site.pages import BAND_PX, band_colour

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEAD = "<!doctype html><meta charset=utf-8><style>body{margin:0;font:17px serif}</style>"
WORDS = "a line of many words that flows on and on, " * 40
MIXED = (
    f"<p style='line-height:20.3px;margin:.7px;background:#abc'>{WORDS}</p>"
    "<div style='height:401px;background:linear-gradient(45deg,red,blue 33%,#3c7)'></div>"
    "<iframe style='border:0;width:500px;height:333px' srcdoc='<body bgcolor=#ffeedd>"
    "in a <b>frame</b>'></iframe>"
    "<div style='transform:rotate(7deg) scale(1.1);width:400px;height:300px;background:#abc'>"
    "turned words</div>"
    "<svg width=300 height=211><circle cx=100 cy=100 r=90 fill=teal stroke=red stroke-width=3.3 /></svg>"
    f"<div style='opacity:.5;filter:blur(1px);will-change:transform'>{WORDS}</div>"
    '<img src=\'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" width="250" height="250">'
    '<rect width="250" height="250" fill="orange"/><text y="99" font-size="70">image</text></svg>\'>'
    "<div style='height:300px;margin:20.5px;border-radius:30px;box-shadow:0 0 40px #000'></div>"
)

# A layer of its own is drawn at one of two places less than a pixel apart, by the browser's whim, where image
# pixels are no whole number of CSS pixels: two pictures on one surface differ as much.
UNLAYERED = MIXED.replace(";will-change:transform", "")


def surfaces_of(monkeypatch, pixels):
    monkeypatch.setattr(stitch, "SURFACE_PIXELS", pixels)


async def both(renderer, monkeypatch, target, pixels=800 * 700, **wishes):
    """The picture from one surface, and that from many."""
    surfaces_of(monkeypatch, 1 << 40)
    whole = await take(renderer, target, budget_ms=60_000, **wishes)
    surfaces_of(monkeypatch, pixels)
    return picture(whole), picture(await take(renderer, target, budget_ms=60_000, **wishes))


def difference(one, other):
    assert one.size == other.size
    return ImageChops.difference(one, other).getbbox()


@pytest.mark.parametrize("scale", [1, 2, 1.5])
async def test_strips_join_to_what_one_surface_shows_to_the_pixel(renderer, monkeypatch, scale):
    target = HtmlDocument(HEAD + (MIXED if float(scale).is_integer() else UNLAYERED) * 2)
    whole, joined = await both(
        renderer, monkeypatch, target, 800 * 700 * scale * scale, area=FULL_PAGE, device_scale_factor=scale
    )

    assert whole.height > 3500 * scale
    assert difference(whole, joined) is None


async def test_a_page_that_ends_within_a_pixel_is_joined_to_the_height_of_one_surface(renderer, monkeypatch):
    html = f"{HEAD}<div style='height:2003px;background:linear-gradient(red,blue)'></div>"
    whole, joined = await both(
        renderer, monkeypatch, HtmlDocument(html), area=FULL_PAGE, device_scale_factor=1.5
    )

    assert whole.size == (1200, 3005)
    assert difference(whole, joined) is None


async def test_an_element_at_an_odd_place_and_scale_is_joined_to_the_pixel(renderer, monkeypatch):
    html = f"{HEAD}<div style='height:333.3px'></div><div id=it style='margin-left:7.7px'>{UNLAYERED}</div>"
    whole, joined = await both(
        renderer, monkeypatch, HtmlDocument(html), area=an_element("#it"), device_scale_factor=1.1
    )

    assert difference(whole, joined) is None


async def test_what_is_fixed_is_shown_once_at_the_head_or_the_foot(renderer, monkeypatch):
    html = (
        f"{HEAD}<style>.f{{position:fixed;width:80px;height:40px}}</style><body style='background:#fff'>"
        "<div class=f style='top:0;left:0;background:#f00'></div>"
        "<div class=f style='bottom:0;left:0;background:#0f0'></div>"
        "<div class=f style='right:20px;top:50%;background:#00f'></div>"
        "<div style='height:100vh'></div><p style='margin:0;height:3000px'>text</p>"
    )
    whole, joined = await both(renderer, monkeypatch, HtmlDocument(html), area=FULL_PAGE)

    assert whole.size == (800, 3600)
    assert difference(whole, joined) is None
    assert box_of(joined, RED) == (0, 0, 80, 40)
    assert box_of(joined, GREEN) == (0, 3560, 80, 3600)
    assert box_of(joined, BLUE) == (700, 300, 780, 340)


async def test_what_sticks_is_shown_once_where_one_surface_shows_it(renderer, monkeypatch):
    html = (
        f"{HEAD}<style>.s{{position:sticky;top:0;height:40px;background:#0f0}}"
        "section{height:1000px}</style>"
        "<div style='position:sticky;top:100px;float:right;width:50px;height:90px;background:#f00'></div>"
        f"{'<section><div class=s></div>text</section>' * 3}"
        "<div style='height:800px;background:linear-gradient(#00f,#ff0) fixed'></div>"
        "<div style='height:100vh'></div>"
    )
    whole, joined = await both(renderer, monkeypatch, HtmlDocument(html), area=FULL_PAGE)

    assert whole.size == (800, 4400)
    assert difference(whole, joined) is None
    heads = [y for y in range(joined.height) if joined.getpixel((400, y)) == GREEN]
    assert heads == [y for top in (0, 1000, 2000) for y in range(top, top + 40)]
    assert box_of(joined, RED) == (750, 0, 800, 90) or box_of(joined, RED) == (750, 100, 800, 190)


async def test_every_band_of_a_page_of_many_surfaces_is_in_its_place(renderer, site):
    url = site.url("/tall?height=100000")
    image = picture(await take(renderer, url, budget_ms=110_000, area=FULL_PAGE, width_px=400))

    assert image.width * image.height > 3 * SURFACE_PIXELS
    seen = image.crop((200, 0, 201, image.height)).tobytes()
    for row in range(image.height):
        assert tuple(seen[row * 3 : row * 3 + 3]) == band_colour(row // BAND_PX), row


async def test_what_scripts_move_is_not_torn(renderer, monkeypatch):
    html = (
        f"{HEAD}<div style='height:4000px' id=it></div><script>let n = 0; const step = () => {{"
        "it.style.background = `rgb(${n++ % 256},0,0)`; }; setInterval(step, 5);"
        "const frame = () => { step(); requestAnimationFrame(frame) }; frame()</script>"
    )
    surfaces_of(monkeypatch, 800 * 300)
    image = picture(await take(renderer, HtmlDocument(html), budget_ms=60_000, area=FULL_PAGE))

    assert len(image.getcolors() or []) == 1


async def test_a_page_that_moves_between_strips_is_pictured_anew(renderer, site, monkeypatch):
    moved: list[bool] = []

    async def leave_once(strips, take_strip, *rest):
        if not moved:
            moved.append(True)
            await take_strip(strips[0])
            page = seen[0]
            await page.session.call("Page.navigate", {"url": site.url("/tall?height=2500")}, 20)
            await page.until(lambda: page.loader_id != first[0])
            with pytest.raises(PageMoved):
                await take_strip(strips[1])
            raise PageMoved
        return await stitch.stitch(strips, take_strip, *rest)

    seen, first, shoot = [], [], shoot_page

    async def watched(page, *rest, **more):
        seen.append(page)
        first.append(page.loader_id)
        return await shoot(page, *rest, **more)

    monkeypatch.setattr("calotype.render.chromium.shoot", watched)
    monkeypatch.setattr("calotype.render.shoot.stitch", leave_once)
    surfaces_of(monkeypatch, 800 * 700)
    image = picture(await take(renderer, site.url("/tall?height=4000"), budget_ms=60_000, area=FULL_PAGE))

    assert image.size == (800, 2500)
    assert image.getpixel((400, 2250)) == band_colour(4)


def printed(request, **output):
    return CaptureRequest(
        negative=request.negative, output=Output(area=request.output.area, watermark=False, **output)
    )


async def rendered(renderer, request):
    return await renderer.render(request, Deadline.after(110_000))


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp", "avif"])
async def test_a_thumbnail_is_the_same_from_one_surface_and_from_many(renderer, monkeypatch, image_format):
    request = printed(
        a_request(HtmlDocument(HEAD + MIXED * 2), area=FULL_PAGE),
        format=ImageFormat(image_format),
        resize=Resize(width_px=160),
    )
    surfaces_of(monkeypatch, 1 << 40)
    whole = await rendered(renderer, request)
    surfaces_of(monkeypatch, 800 * 700)
    joined = await rendered(renderer, request)

    assert joined.width_px == 160
    assert joined.image == whole.image


@pytest.mark.parametrize(
    ("image_format", "height", "told"),
    [
        ("webp", 16_384, "output.format: the picture would be 20 x 16384 px, and webp ends at 16383 px"),
        ("avif", 16_385, "output.format: the picture would be 20 x 16385 px, and avif ends at 16384 px"),
        ("jpeg", 65_501, "output.format: the picture would be 20 x 65501 px, and jpeg ends at 65500 px"),
    ],
)
async def test_what_a_format_cannot_hold_is_refused_and_one_pixel_less_is_not(
    renderer, site, image_format, height, told
):
    with pytest.raises(
        NothingToShow, match=told + ".*; ask for png.*or for a smaller picture with output.height"
    ):
        await take(
            renderer,
            site.url(f"/tall?height={height}"),
            area=FULL_PAGE,
            width_px=20,
            image_format=image_format,
        )
    made = await take(
        renderer,
        site.url(f"/tall?height={height - 1}"),
        budget_ms=60_000,
        area=FULL_PAGE,
        width_px=20,
        image_format=image_format,
    )

    assert (made.width_px, made.height_px) == (20, height - 1)
    assert pyvips.Image.new_from_buffer(made.image, "").height == height - 1


async def test_a_thumbnail_is_refused_by_its_own_size_before_much_is_drawn(renderer, site):
    request = printed(
        a_request(site.url("/tall?height=100000"), area=FULL_PAGE, width_px=1280),
        format=ImageFormat.WEBP,
        resize=Resize(width_px=320),
    )
    with pytest.raises(NothingToShow, match=r"320 x 25000 px, and webp ends at 16383"):
        await rendered(renderer, request)


@pytest.mark.parametrize("image_format", [ImageFormat.WEBP, ImageFormat.AVIF])
async def test_formats_that_are_held_as_a_whole_have_a_bound_of_pixels(image_format):
    limits.check_print(2746, 16_380, image_format)
    with pytest.raises(NothingToShow, match="is made of at most 45 million pixels; ask for png or jpeg"):
        limits.check_print(2800, 16_380, image_format)


async def test_a_file_that_is_too_large_is_refused_and_not_kept(renderer, site, monkeypatch):
    monkeypatch.setattr("calotype.render.develop.MAX_FILE_BYTES", 5000)
    surfaces_of(monkeypatch, 800 * 700)
    with pytest.raises(NothingToShow, match="too large a file"):
        await take(renderer, HtmlDocument(HEAD + MIXED), budget_ms=60_000, area=FULL_PAGE)


@pytest.mark.parametrize("scale", [0.25, 1, 1.1, 1.5, 2, 2.625, 3.5])
@pytest.mark.parametrize("width_px", [1, 800, 1281, 12_000_000])
async def test_strips_cover_all_and_meet_at_whole_pixels(scale, width_px):
    for height_px in (1, 777, 4001):
        strips = cut(width_px, height_px, scale)
        edges = [strip.top * scale for strip in strips] + [height_px]

        assert edges[0] == 0
        for strip, edge, next_edge in zip(strips, edges, edges[1:], strict=False):
            assert abs(edge - round(edge)) < 1e-6
            assert abs(strip.top - round(strip.top)) < 1e-6
            assert abs((strip.top + strip.height) * scale - next_edge) < 1e-6


async def test_who_gives_up_leaves_nothing_under_way():
    begun, ended = asyncio.Event(), asyncio.Event()

    async def forever(_):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b""

    work = asyncio.create_task(stitch.stitch([Strip(0, 5), Strip(5, 5)], forever, 5, 10, Output(), 60))
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    async with asyncio.timeout(10):
        await ended.wait()
        # Every thread of the pool is free again.
        count = stitch._THREADS._max_workers
        gate = threading.Barrier(count)
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(stitch._THREADS, gate.wait, 10) for _ in range(count)))


async def test_a_strip_of_another_size_is_no_picture():
    def png(width, height):
        return pyvips.Image.black(width, height, bands=3).copy(interpretation="srgb").pngsave_buffer()

    for strip in (png(6, 5), png(5, 4)):

        async def give(_, strip=strip):
            return strip

        with pytest.raises(ValueError, match="a picture of"):
            await stitch.stitch([Strip(0, 5), Strip(5, 5)], give, 5, 10, Output(), 60)


class _Peak:
    """The most memory that a process group had at once, its shared pages counted for each process."""

    def __init__(self, group):
        self._group, self._over, self.most_bytes = group, threading.Event(), 0
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self):
        self._watcher.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._watcher.join()

    def _watch(self):
        while not self._over.wait(0.05):
            self.most_bytes = max(self.most_bytes, sum(_resident(pid) for pid in members(self._group)))


def _resident(pid):
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (FileNotFoundError, ProcessLookupError):
        return 0


async def test_a_picture_of_a_hundred_million_pixels_takes_no_more_memory_than_a_strip(renderer, site):
    url = site.url("/tall?height=79000")
    await take(renderer, site.url("/home"))  # that there is a browser to be watched
    with _Peak(browser_pid(renderer)) as peak:
        made = await take(renderer, url, budget_ms=110_000, area=FULL_PAGE, width_px=1280)

    assert (made.width_px, made.height_px) == (1280, 79_000)
    # On one surface it is 2 GB; idle, a browser has 0.4.
    assert peak.most_bytes < 1_200_000_000
