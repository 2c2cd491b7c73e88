"""What is fixed or sticky is shown once, where it belongs."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import FULL_PAGE, Category, block
from tests.site.gallery.truth import box, count, down, size

PINNED: Final = Category("pinned")


@PINNED.page(size(400, 2000), down(5, ("navy", 40), ("white", 1960)), count("navy", 1), capture=FULL_PAGE)
def a_fixed_header(_: Request) -> str:
    return (
        "<body style='height:2000px'>"
        "<div style='position:fixed;top:0;left:0;right:0;height:40px;background:navy'></div>"
    )


@PINNED.page(
    size(400, 2100),
    box("teal", 0, 2060, 400, 40),
    capture=FULL_PAGE,
)
def a_fixed_footer(_: Request) -> str:
    """It is at the bottom of the picture, and does not cover the middle of the page."""
    return (
        "<body style='height:2100px'>"
        "<div style='position:fixed;bottom:0;left:0;right:0;height:40px;background:teal'></div>"
    )


@PINNED.page(size(400, 1800), down(5, ("tan", 100), ("navy", 50), ("white", 1650)), capture=FULL_PAGE)
def a_sticky_header(_: Request) -> str:
    """It has not stuck yet: it is under what stands above it."""
    return (
        "<div style='height:100px;background:tan'></div>"
        "<div style='position:sticky;top:0;height:50px;background:navy'></div><div style='height:1650px'></div>"
    )


@PINNED.page(
    size(400, 1800),
    down(5, ("silver", 600), ("navy", 30), ("white", 570), ("teal", 30), ("white", 570)),
    capture=FULL_PAGE,
)
def sticky_headings_of_sections(_: Request) -> str:
    """Each heading is at the beginning of its own section."""
    section = "<section style='height:600px'><div style='position:sticky;top:0;height:30px;background:{}'></div></section>"
    return (
        f"<div style='height:600px;background:silver'></div>{section.format('navy')}{section.format('teal')}"
    )


@PINNED.page(
    size(400, 1500), box("purple", 0, 0, 80, 200), box("gold", 300, 1450, 100, 50), capture=FULL_PAGE
)
def a_sticky_sidebar(_: Request) -> str:
    """A sidebar that follows the reader is beside the beginning."""
    return (
        "<div style='display:flex;height:1500px;align-items:flex-start'>"
        "<aside style='position:sticky;top:0;width:80px;height:200px;background:purple'></aside></div>"
        f"{block(300, 1450, 100, 50, 'gold')}"
    )


@PINNED.page(
    size(400, 1700), box("maroon", 360, 1650, 30, 30), box("olive", 0, 1690, 400, 10), capture=FULL_PAGE
)
def a_fixed_button(_: Request) -> str:
    """A chat button is there once, at the end."""
    return (
        "<body style='height:1700px'>"
        "<div style='position:fixed;right:10px;bottom:20px;width:30px;height:30px;background:maroon'></div>"
        f"{block(0, 1690, 400, 10, 'olive')}"
    )


@PINNED.page(
    size(200, 17_500), down(5, ("navy", 40), ("white", 17_360), ("lime", 100)), count("navy", 1),
    capture=FULL_PAGE, viewport={"width": 200, "height": 300},
)  # fmt: skip
def a_fixed_header_of_a_very_tall_page(_: Request) -> str:
    return (
        "<body style='height:17500px'>"
        "<div style='position:fixed;top:0;left:0;right:0;height:40px;background:navy'></div>"
        f"{block(0, 17_400, 200, 100, 'lime')}"
    )


@PINNED.page(
    size(400, 900),
    down(200, ("white", 870), ("gold", 30)),
    capture=FULL_PAGE,
)
def a_sticky_footer(_: Request) -> str:
    """A bar that sticks to the bottom of the viewport is at the end of what it belongs to."""
    return (
        "<main style='height:870px'></main>"
        "<div style='position:sticky;bottom:0;height:30px;background:gold'><b></b></div>"
    )


@PINNED.page(size(400, 1600), down(300, ("blue", 300), ("white", 1300)), capture=FULL_PAGE)
def a_fixed_background(_: Request) -> str:
    """A fixed layer behind the first screen is one screen high."""
    return (
        "<body style='height:1600px'>"
        "<div style='position:fixed;z-index:-1;top:0;left:0;width:100vw;height:100vh;background:blue'></div>"
    )


@PINNED.page(
    size(400, 1350), box("purple", 0, 120, 20, 60), box("tan", 100, 1310, 200, 40), capture=FULL_PAGE
)
def beside_the_page_and_in_its_middle(_: Request) -> str:
    """Buttons half-way down the first screen stay there; a centred bar at its foot goes to that of the page."""
    return (
        "<body style='height:1350px'>"
        "<div style='position:fixed;left:0;top:50%;margin-top:-30px;width:20px;height:60px;background:purple'></div>"
        "<div style='position:fixed;left:50%;bottom:0;transform:translateX(-50%);transition:all 9s;width:200px;height:40px;"
        "background:tan'></div>"
    )


@PINNED.page(size(400, 1300), box("navy", 0, 1260, 400, 40), capture=FULL_PAGE)
def a_fixed_form(_: Request) -> str:
    """A form at the bottom, with fields that are named like what every tool asks it for."""
    names = ("style", "offsetParent", "getBoundingClientRect", "firstElementChild", "textContent")
    fields = "".join(f"<input type=hidden name={name}>" for name in names)
    return (
        "<body style='height:1300px'><form style='position:fixed;content-visibility:auto;left:0;right:0;bottom:0;height:40px;"
        f"background:navy'>{fields}</form>"
    )


@PINNED.page(size(400, 1450), box("lime", 0, 0, 400, 300), capture=FULL_PAGE)
def a_layer_over_the_first_screen(_: Request) -> str:
    """What covers the screen covers the first one."""
    return "<body style='height:1450px'><div style='position:fixed;inset:0;background:lime'></div>"
