"""What a page measures while it loads is what it is pictured with."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import FULL_PAGE, Category, block
from tests.site.gallery.truth import at, box, down, filled, size

LAYOUT: Final = Category("layout")
PHONE: Final = {"width": 300, "height": 500, "scale": 2, "mobile": True}


@LAYOUT.page(box("lime", 0, 0, 200, 150))
def measured_in_the_head(_: Request) -> str:
    """A script in the head, before there is a body, sees the viewport that was asked for."""
    measured = "const wide = innerWidth / 2, high = innerHeight / 2"
    shown = "document.write(`<div style='width:${wide}px;height:${high}px;background:lime'></div>`)"
    return f"<script>{measured}</script><body><script>{shown}</script>"


@LAYOUT.page(box("lime", 13, 13, 30, 30), viewport={"width": 333, "height": 222})
def told_of_no_resize(_: Request) -> str:
    """The viewport is there from the start: nothing is resized afterwards."""
    return (
        f"<body>{block(13, 13, 30, 30, 'lime', 'id=b')}<script>"
        "addEventListener('resize', () => { b.style.background = 'red' });"
        "if (screen.width !== 333 || screen.height !== 222) b.style.background = 'red'</script>"
    )


@LAYOUT.page(
    size(400, 900),
    down(5, ("navy", 300), ("white", 450), ("teal", 150)),
    capture=FULL_PAGE,
)
def heights_in_vh(_: Request) -> str:
    """100vh stays one viewport high when the whole page is pictured."""
    return (
        "<div style='height:100vh;background:navy'></div><div style='height:150vh'></div>"
        "<div style='height:50vh;background:teal'></div>"
    )


@LAYOUT.page(
    size(400, 480),
    down(200, ("purple", 300), ("white", 180)),
    capture=FULL_PAGE,
)
def a_hero_of_min_height(_: Request) -> str:
    """A hero of min-height 100% of html is as high as the viewport, and the page ends where its content does."""
    return (
        "<style>html,body{height:100%}.hero{min-height:100%;background:purple}</style>"
        "<div class=hero></div><div style='height:180px'></div>"
    )


@LAYOUT.page(
    box("lime", 20, 40, 100, 60),
    at(10, 10, "blue"),
    viewport={"width": 400, "height": 300, "scale": 2},
)
def two_pixels_for_one(_: Request) -> str:
    """At scale 2 the page is as wide as before, and knows that it is finer."""
    return (
        "<style>body{background:red}@media(resolution:2dppx) and (width:400px){body{background:blue}}</style>"
        f"{block(10, 20, 50, 30, 'lime')}"
    )


@LAYOUT.page(
    box("lime", 15, 30, 75, 45),
    box("black", 0, 150, 600, 3),
    viewport={"width": 400, "height": 300, "scale": 1.5},
)
def three_pixels_for_two(_: Request) -> str:
    """At scale 1.5 boxes lie on whole image pixels."""
    return f"{block(10, 20, 50, 30, 'lime')}{block(0, 100, 400, 2, 'black')}"


@LAYOUT.page(box("lime", 5, 10, 25, 15), viewport={"width": 400, "height": 300, "scale": 0.5})
def half_a_pixel(_: Request) -> str:
    """At scale 0.5 the page is laid out as ever."""
    return (
        "<style>#b{opacity:0}@media(width:400px){#b{opacity:1}}</style>"
        f"{block(10, 20, 50, 30, 'lime', 'id=b')}"
    )


@LAYOUT.page(box("lime", 0, 0, 600, 200), viewport=PHONE)
def on_a_phone(_: Request) -> str:
    """A page with a viewport tag is as wide as the phone, whose pointer is coarse and hovers over nothing."""
    phone = "(width:300px) and (pointer:coarse) and (hover:none)"
    return (
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<style>div{{height:100px;background:red}}@media{phone}{{div{{background:lime}}}}</style><div></div>"
    )


@LAYOUT.page(box("lime", 0, 0, 150, 30, within=1), viewport={**PHONE, "scale": 1})
def for_desktops_on_a_phone(_: Request) -> str:
    """A page without a viewport tag is laid out 980 px wide and shrunk to the phone."""
    return "<div style='width:50%;height:98px;background:lime'></div>"


@LAYOUT.page(
    size(300, 700), filled((0, 0, 300, 700), "olive"), viewport={**PHONE, "scale": 1}, capture=FULL_PAGE
)
def a_tall_page_on_a_phone(_: Request) -> str:
    """The whole of a phone's page is as wide as the phone."""
    return (
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        "<div style='height:700px;background:olive'></div>"
    )
