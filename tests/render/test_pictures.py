"""Pictures come out as asked: area, size, format, scale, and what the page is told."""

from __future__ import annotations

import pytest

from calotype.capture.errors import InvalidRequest, NothingToShow, RenderTimeout
from calotype.capture.output import Area, AreaKind
from tests.render.asking import (
    BLACK,
    BLUE,
    FULL_PAGE,
    GREEN,
    RED,
    WHITE,
    an_element,
    box_of,
    colours_of,
    picture,
    share_of,
    take,
)
from tests.site.pages import BAND_PX, band_colour

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_viewport_picture_has_the_viewports_size(renderer, site):
    capture = await take(renderer, site.url("/tall"), width_px=640, height_px=480)

    image = picture(capture)
    assert image.size == (640, 480)
    assert share_of(image, band_colour(0)) == 1
    assert capture.verdict.http_status == 200
    assert capture.verdict.final_url == site.url("/tall")
    assert capture.verdict.title == "Tall"
    assert 0 < capture.render_ms < 20_000


async def test_at_scale_two_every_css_pixel_is_four(renderer, site):
    image = picture(
        await take(renderer, site.url("/tall"), width_px=640, height_px=700, device_scale_factor=2)
    )

    assert image.size == (1280, 1400)
    assert image.getpixel((5, 2 * BAND_PX - 1)) == band_colour(0)
    assert image.getpixel((5, 2 * BAND_PX)) == band_colour(1)


@pytest.mark.parametrize("scale", [1, 2])
async def test_a_full_page_picture_shows_every_band_once_and_in_order(renderer, site, scale):
    image = picture(await take(renderer, site.url("/tall"), area=FULL_PAGE, device_scale_factor=scale))

    assert image.size == (800 * scale, 5000 * scale)
    for index in range(10):
        top = index * BAND_PX * scale
        assert image.getpixel((7, top)) == band_colour(index)
        assert image.getpixel((790 * scale, top + BAND_PX * scale - 1)) == band_colour(index)


async def test_a_very_tall_page_is_neither_cut_nor_tiled(renderer, site):
    image = picture(await take(renderer, site.url("/tall?height=40000"), area=FULL_PAGE, width_px=200))

    assert image.size == (200, 40_000)
    assert all(image.getpixel((100, i * BAND_PX + 250)) == band_colour(i) for i in range(80))


async def test_a_page_wider_than_the_viewport_is_shown_in_its_whole_width(renderer, site):
    image = picture(await take(renderer, site.url("/tall?width=1500px&height=700"), area=FULL_PAGE))

    assert image.size == (1500, 700)


async def test_a_page_shorter_than_the_viewport_is_as_large_as_the_viewport(renderer, site):
    image = picture(await take(renderer, site.url("/tall?height=100"), area=FULL_PAGE))

    assert image.size == (800, 600)


@pytest.mark.parametrize("image_format", ["jpeg", "webp"])
async def test_a_lossy_format_is_smaller_the_lower_its_quality(renderer, site, image_format):
    fine = await take(renderer, site.url("/scripts"), image_format=image_format, quality=95)
    coarse = await take(renderer, site.url("/scripts"), image_format=image_format, quality=10)

    assert picture(fine).size == picture(coarse).size == (800, 600)
    assert len(coarse.image) < len(fine.image) / 2


async def test_a_lossy_full_page_has_the_right_colours(renderer, site):
    image = picture(await take(renderer, site.url("/tall"), area=FULL_PAGE, image_format="webp"))

    seen_in_column = colours_of(image.crop((400, 0, 401, image.height)))
    for index in range(10):
        seen = seen_in_column[index * BAND_PX + 250]
        assert all(abs(a - b) < 12 for a, b in zip(seen, band_colour(index), strict=True))


async def test_webp_beyond_its_longest_side_is_refused_and_png_recommended(renderer, site):
    url = site.url("/tall?height=8200")
    assert (
        picture(await take(renderer, url, area=FULL_PAGE, image_format="webp", width_px=100)).height == 8200
    )
    with pytest.raises(
        NothingToShow, match=r"16400 px, and webp ends at 16383 px a side; ask for png or jpeg"
    ):
        await take(renderer, url, area=FULL_PAGE, image_format="webp", width_px=100, device_scale_factor=2)


async def test_jpeg_beyond_its_longest_side_is_refused_and_png_is_not(renderer, site):
    url = site.url("/tall?height=66000")
    with pytest.raises(NothingToShow, match="ask for png"):
        await take(renderer, url, area=FULL_PAGE, image_format="jpeg", width_px=20)
    image = picture(await take(renderer, url, area=FULL_PAGE, width_px=20))
    assert image.size == (20, 66_000)
    assert all(image.getpixel((10, i * BAND_PX + 250)) == band_colour(i) for i in range(132))


async def test_a_picture_of_too_many_pixels_is_refused(renderer, site):
    area = Area(AreaKind.FULL_PAGE, scroll=False, max_height_px=200_000)
    with pytest.raises(NothingToShow, match="256 million pixels are the most"):
        await take(renderer, site.url("/tall?height=400000"), area=area, width_px=1500)


async def test_an_element_is_cut_out_to_the_pixel(renderer, site):
    image = picture(await take(renderer, site.url("/element"), area=an_element("#box")))

    assert image.size == (300, 120)
    assert share_of(image, GREEN) == 1


async def test_an_element_at_scale_two_has_twice_the_pixels(renderer, site):
    image = picture(
        await take(renderer, site.url("/element"), area=an_element("#box"), device_scale_factor=2)
    )

    assert image.size == (600, 240)
    assert share_of(image, GREEN) == 1


async def test_an_element_larger_than_the_viewport_is_shown_whole(renderer, site):
    image = picture(await take(renderer, site.url("/element"), area=an_element("#high")))

    assert image.size == (100, 4000)
    assert share_of(image, BLUE) == 1


async def test_an_element_that_is_fixed_to_the_viewport_is_shown(renderer, site):
    image = picture(await take(renderer, site.url("/element"), area=an_element("#fixed")))

    assert image.size == (80, 60)
    assert share_of(image, (255, 0, 255)) == 1


async def test_an_element_that_comes_late_is_waited_for(renderer, site):
    image = picture(await take(renderer, site.url("/element"), area=an_element("#late")))

    assert image.size == (40, 30)
    assert share_of(image, RED) == 1


async def test_an_element_that_never_comes_ends_at_the_deadline_and_is_named(renderer, site):
    with pytest.raises(
        RenderTimeout, match=r"1200 ms; it was waiting for the element '#nowhere' to appear"
    ) as timeout:
        await take(renderer, site.url("/element"), area=an_element("#nowhere"), budget_ms=1200)
    assert timeout.value.budget_ms == 1200


@pytest.mark.parametrize("selector", ["#empty", "#hidden"])
async def test_an_element_without_area_is_nothing_to_show(renderer, site, selector):
    with pytest.raises(NothingToShow, match="has no area"):
        await take(renderer, site.url("/element"), area=an_element(selector))


async def test_an_element_selector_that_is_no_css_is_the_clients_mistake(renderer, site):
    with pytest.raises(InvalidRequest) as refusal:
        await take(renderer, site.url("/element"), area=an_element("##"))
    assert refusal.value.field == "capture.selector"


@pytest.mark.parametrize(("dark", "colour"), [(False, WHITE), (True, BLACK)])
async def test_dark_mode_is_what_the_page_is_told(renderer, site, dark, colour):
    assert share_of(picture(await take(renderer, site.url("/dark"), dark=dark)), colour) == 1


@pytest.mark.parametrize(("mobile", "colour"), [(False, RED), (True, GREEN)])
async def test_a_mobile_page_is_told_that_it_is_on_a_phone(renderer, site, mobile, colour):
    wishes = {"width_px": 375, "height_px": 667, "device_scale_factor": 2, "mobile": mobile}
    image = picture(await take(renderer, site.url("/mobile"), **wishes))

    assert image.size == (750, 1334)
    assert share_of(image, colour) == 1


async def test_a_desktop_page_on_a_phone_is_shrunk_to_its_width(renderer, site):
    wishes = {"width_px": 400, "height_px": 600, "mobile": True}
    image = picture(await take(renderer, site.url("/desktop-only"), **wishes))

    assert image.size == (400, 600)
    # 900 of the 980 CSS pixels that phones lay such pages out in.
    left, _, right, _ = box_of(image, BLUE)
    assert left == 0
    assert abs(right - 400 * 900 / 980) < 3


async def test_emoji_are_in_colour_and_cjk_is_no_row_of_boxes(renderer, site):
    emoji = picture(await take(renderer, site.url("/scripts"), area=an_element("#emoji")))
    cjk = picture(await take(renderer, site.url("/scripts"), area=an_element("#cjk")))

    colourful = [p for p in colours_of(emoji) if max(p) - min(p) > 100]
    assert len(colourful) > 2000
    # Boxes would all have the same number of dark pixels per glyph.
    glyphs = {
        sum(red < 128 for red, _, _ in colours_of(cjk.crop((left, 0, left + 48, cjk.height))))
        for left in range(0, 336, 48)
    }
    assert len(glyphs) > 5


async def test_equal_requests_have_equal_bytes(renderer, site):
    first = await take(renderer, site.url("/scripts"))
    second = await take(renderer, site.url("/scripts"))

    assert first.image == second.image
