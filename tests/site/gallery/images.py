"""Pictures in pictures: every format, and every way to put one into a page."""

from __future__ import annotations

import io
from functools import cache
from typing import Final
from urllib.parse import quote

from PIL import Image

from tests.site.exchange import Reply, Request
from tests.site.gallery.page import Category, block, image
from tests.site.gallery.truth import at, box, count, fact, filled, none_of, share, size

IMAGES: Final = Category("images")


def _halves(left: str, right: str, width: int, height: int) -> Image.Image:
    """Return a picture of two colours, side by side."""
    picture = Image.new("RGB", (width, height), left)
    picture.paste(Image.new("RGB", (width // 2, height), right), (width // 2, 0))
    return picture


@cache
def _encoded(picture_format: str) -> bytes:
    packed = io.BytesIO()
    picture = _halves("lime", "blue", 120, 60)
    match picture_format:
        case "jpeg":
            exif = Image.Exif()
            exif[0x0112] = 6  # to be turned a quarter to the right
            picture.save(packed, "JPEG", quality=95, exif=exif)
        case "gif":
            second = Image.new("RGB", picture.size, "red")
            picture.save(packed, "GIF", save_all=True, append_images=[second], duration=[20, 60_000], loop=0)
        case _:
            picture.save(packed, picture_format.upper(), quality=95)
    return packed.getvalue()


@IMAGES.part("halves")
def _picture(request: Request) -> Reply:
    kind = request.query["as"]
    return Reply(_encoded(kind), media_type=f"image/{kind}", delay_ms=50)


def placed(x: int, y: int, source: str, more: str = "") -> str:
    """Return an image, placed in the page."""
    return f"<img src='{source}' style='position:absolute;left:{x}px;top:{y}px' {more}>"


@IMAGES.page(box("lime", 10, 10, 60, 60), box("blue", 70, 10, 60, 60))
def png(_: Request) -> str:
    return placed(10, 10, "/gallery/images/halves?as=png")


@IMAGES.page(
    filled((22, 22, 50, 50), "lime", near=12), filled((22, 84, 50, 50), "blue", near=12), none_of("red", 60)
)
def jpeg_that_is_to_be_turned(_: Request) -> str:
    """A photograph from a phone held upright: its EXIF says which way is up."""
    return placed(20, 20, "/gallery/images/halves?as=jpeg")


@IMAGES.page(
    filled((35, 35, 50, 50), "lime", near=12), filled((95, 35, 50, 50), "blue", near=12), at(25, 60, "white")
)
def webp(_: Request) -> str:
    return placed(30, 30, "/gallery/images/halves?as=webp")


@IMAGES.page(
    filled((185, 45, 50, 50), "lime", near=12),
    filled((245, 45, 50, 50), "blue", near=12),
    at(170, 60, "white"),
)
def avif(_: Request) -> str:
    return placed(180, 40, "/gallery/images/halves?as=avif")


@IMAGES.page(
    box("lime", 50, 150, 60, 60),
    box("blue", 110, 150, 60, 60),
    none_of("red"),
)
def gif_at_rest(_: Request) -> str:
    """An animated gif shows its first picture, whenever it is looked at."""
    return placed(50, 150, "/gallery/images/halves?as=gif")


@IMAGES.page(
    box("lime", 60, 60, 80, 80, within=2, full=False),
    at(100, 100, "lime"),
    at(62, 62, "white"),
    share("lime", 0.04, 0.05),
)
def svg(_: Request) -> str:
    drawn = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 10 10'><circle cx='5' cy='5' r='5' fill='lime'/></svg>"
    return placed(60, 60, f"data:image/svg+xml,{quote(drawn)}", "width=80 height=80")


@IMAGES.page(
    size(800, 600), box("lime", 20, 20, 200, 100), viewport={"width": 400, "height": 300, "scale": 2}
)
def the_finer_source_at_scale_two(_: Request) -> str:
    fine, coarse = image("00ff00", 200, 100), image("ff0000", 100, 50)
    return placed(10, 10, coarse, f"srcset='{coarse} 1x, {fine} 2x'")


@IMAGES.page(box("lime", 10, 160, 100, 50), none_of("red"))
def the_coarser_source_at_scale_one(_: Request) -> str:
    fine, coarse = image("ff0000", 200, 100), image("00ff00", 100, 50)
    return placed(10, 160, coarse, f"srcset='{coarse} 1x, {fine} 2x'")


@IMAGES.page(box("lime", 130, 20, 60, 30), none_of("red"))
def the_source_for_this_width(_: Request) -> str:
    return (
        f"<picture><source media='(min-width:401px)' srcset='{image('ff0000', 60, 30)}'>"
        f"<source media='(max-width:400px)' srcset='{image('00ff00', 60, 30)}'>"
        f"{placed(130, 20, image('ff0000', 60, 30))}</picture>"
    )


@IMAGES.page(box("lime", 0, 120, 400, 30), share("lime", 0.1, 0.1), facts=(fact("title", "images/broken"),))
def broken(_: Request) -> str:
    """An image that is not there leaves the rest of the page in its place."""
    return (
        "<img src='/nothing-here.png' alt='' width=90 height=120 style='display:block'>"
        "<div style='height:30px;background:lime'></div>"
    )


@IMAGES.page(box("lime", 30, 200, 1, 1), box("blue", 31, 200, 1, 1))
def of_two_pixels_in_a_data_url(_: Request) -> str:
    two = "R0lGODlhAgABAPAAAAD/AAAA/ywAAAAAAgABAAACAkQKADs="
    return placed(30, 200, f"data:image/gif;base64,{two}")


@IMAGES.page(box("lime", 200, 100, 150, 120))
def a_css_background_that_comes_late(_: Request) -> str:
    return block(200, 100, 150, 120, f"red url({image('00ff00', 10, 10, ms=250)})")


@IMAGES.page(count("lime", 6), box("lime", 0, 0, 250, 150, full=False), at(75, 25, "white"))
def a_background_that_repeats(_: Request) -> str:
    tile = quote(
        "<svg xmlns='http://www.w3.org/2000/svg' width='100' height='100'><rect width='50' height='50' fill='lime'/></svg>"
    )
    return f"<div style='width:300px;height:200px;background:url(\"data:image/svg+xml,{tile}\")'></div>"


@IMAGES.page(box("lime", 250, 20, 50, 100))
def masked(_: Request) -> str:
    return block(200, 20, 100, 100, "lime").replace(
        "background:lime", "background:lime;mask:linear-gradient(to right,transparent 50%,black 50%)"
    )


@IMAGES.page(box("lime", 20, 220, 50, 50), box("blue", 70, 220, 50, 50))
def object_fit_cover(_: Request) -> str:
    return placed(20, 220, "/gallery/images/halves?as=png", "width=100 height=50 id=i").replace(
        "top:220px", "top:220px;object-fit:cover"
    )


@IMAGES.page(
    box("lime", 150, 125, 50, 50), box("blue", 200, 125, 50, 50), box("gold", 150, 75, 100, 150, full=False)
)
def object_fit_contain(_: Request) -> str:
    return placed(150, 75, "/gallery/images/halves?as=png", "width=100 height=150").replace(
        "top:75px", "top:75px;background:gold;object-fit:contain"
    )


@IMAGES.page(box("blue", 300, 200, 60, 60), none_of("yellow"))
def blended(_: Request) -> str:
    """Yellow and its difference to white is blue."""
    blended = "background:yellow;mix-blend-mode:difference"
    return "<body style='background:white'>" + block(300, 200, 60, 60, "yellow").replace(
        "background:yellow", blended
    )


@IMAGES.page(box("lime", 330, 30, 40, 40), none_of("magenta"))
def inverted(_: Request) -> str:
    return block(330, 30, 40, 40, "magenta").replace(
        "background:magenta", "background:magenta;filter:invert(1)"
    )


@IMAGES.page(at(100, 100, "#800000", near=2), at(250, 100, "maroon", near=2), at(175, 100, "#804000", near=3))
def see_through(_: Request) -> str:
    """Half of red over black, twice; and over it half of green."""
    return (
        f"<body style='background:black'>{block(50, 50, 250, 100, 'rgb(255 0 0/50%)')}"
        f"{block(150, 50, 50, 100, 'rgb(128 128 0/50%)')}"
    )


@IMAGES.page(
    share("white", 0.2, 0.8),
    at(20, 20, "lime"),
    at(380, 280, "white"),
    at(20, 280, "lime"),
    at(380, 20, "white"),
)
def a_gradient_with_a_hard_edge(_: Request) -> str:
    return "<body style='height:300px;background:linear-gradient(to right,lime 50%,white 50%)'>"
