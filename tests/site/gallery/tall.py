"""Pages of many screens: whole, each part once, at its place."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import FULL_PAGE, Category, block
from tests.site.gallery.truth import at, box, count, down, size

TALL: Final = Category("tall")


def _bands(height: int, each: int, *colours: str) -> str:
    tops = range(0, height, each)
    return "".join(
        f"<div style='height:{each}px;background:{colours[number % len(colours)]}'></div>"
        for number, _ in enumerate(tops)
    )


def _runs(height: int, each: int, *colours: str) -> list[tuple[str, int]]:
    return [(colours[number % len(colours)], each) for number in range(height // each)]


@TALL.page(size(400, 5000), down(399, *_runs(5000, 500, "navy", "gold", "teal")), capture=FULL_PAGE)
def five_thousand(_: Request) -> str:
    return _bands(5000, 500, "navy", "gold", "teal")


@TALL.page(size(400, 8000), down(7, *_runs(8000, 1000, "plum", "silver")), capture=FULL_PAGE,
           viewport={"width": 200, "height": 300, "scale": 2})  # fmt: skip
def four_thousand_at_scale_two(_: Request) -> str:
    return _bands(4000, 500, "plum", "silver")


@TALL.page(
    size(240, 17_000), down(120, *_runs(17_000, 1000, "navy", "gold", "teal", "tan", "lime")),
    capture=FULL_PAGE, viewport={"width": 240, "height": 300},
)  # fmt: skip
def seventeen_thousand(_: Request) -> str:
    """Just beyond 16,384 px, where textures end and pictures begin to repeat."""
    return _bands(17_000, 1000, "navy", "gold", "teal", "tan", "lime")


@TALL.page(
    size(200, 20_000), box("red", 0, 19_990, 200, 10), count("gold", 10),
    capture=FULL_PAGE, viewport={"width": 200, "height": 300},
)  # fmt: skip
def twenty_thousand(_: Request) -> str:
    return _bands(20_000, 1000, "gold", "teal") + block(0, 19_990, 200, 10, "red")


@TALL.page(
    size(100, 40_000), down(50, *_runs(40_000, 4000, "navy", "gold", "teal")),
    capture=FULL_PAGE, viewport={"width": 100, "height": 300},
)  # fmt: skip
def forty_thousand(_: Request) -> str:
    return _bands(40_000, 4000, "navy", "gold", "teal")


@TALL.page(size(400, 2500), box("lime", 300, 2450, 100, 50), at(0, 0, "white"), capture=FULL_PAGE)
def what_hangs_out_of_the_body(_: Request) -> str:
    """What is placed below an empty body is a part of the page."""
    return block(300, 2450, 100, 50, "lime")


@TALL.page(size(400, 1000), down(20, ("white", 900), ("maroon", 100)), capture=FULL_PAGE)
def a_footer_at_the_end(_: Request) -> str:
    """Margins that collapse, floats that are cleared, and a footer that is the last thing there is."""
    return (
        "<div style='margin:100px 0'><div style='margin:100px 0;height:1px'></div></div>"
        "<div style='float:left;width:10px;height:699px;margin-right:90px;background:white'></div>"
        "<div style='clear:both;height:100px;background:maroon'></div>"
    )


@TALL.page(size(400, 300), down(1, ("tan", 40), ("white", 260)), capture=FULL_PAGE)
def shorter_than_the_viewport(_: Request) -> str:
    """The whole of a short page is the viewport."""
    return "<div style='height:40px;background:tan'></div>"


@TALL.page(box("gold", 0, 0, 400, 300))
def the_first_screen_alone(_: Request) -> str:
    """Unless the whole page is asked for, the picture ends with the viewport."""
    return _bands(3000, 300, "gold", "red")
