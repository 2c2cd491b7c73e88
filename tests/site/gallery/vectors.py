"""SVG inside of a page."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import Category
from tests.site.gallery.truth import at, box, count, none_of

VECTORS: Final = Category("vectors")


def _svg(inside: str) -> str:
    return f"<svg width=400 height=300 style='display:block'>{inside}</svg>"


@VECTORS.page(box("lime", 50, 50, 100, 50), none_of("red"))
def clipped_and_masked(_: Request) -> str:
    return _svg(
        "<clipPath id=c><rect x=50 y=50 width=100 height=100 /></clipPath>"
        "<mask id=m><rect width=400 height=100 fill=white /></mask>"
        "<g mask='url(#m)'><rect width=400 height=300 fill=lime clip-path='url(#c)' /></g>"
    )


@VECTORS.page(count("lime", 12), box("lime", 0, 0, 100, 70, full=False), at(15, 5, "white"))
def a_pattern(_: Request) -> str:
    return _svg(
        "<pattern id=p width=30 height=30 patternUnits=userSpaceOnUse><rect width=10 height=10 fill=lime /></pattern>"
        "<rect width=115 height=75 fill='url(#p)' />"
    )


@VECTORS.page(box("lime", 200, 100, 40, 40), box("blue", 300, 100, 40, 40), none_of("red"))
def symbols_used_twice(_: Request) -> str:
    return _svg(
        "<symbol id=s><rect width=40 height=40 /></symbol>"
        "<use href='#s' x=200 y=100 fill=lime /><use href='#s' x=300 y=100 fill=blue />"
    )


@VECTORS.page(box("lime", 120, 180, 140, 60))
def html_inside(_: Request) -> str:
    return _svg(
        "<foreignObject x=120 y=180 width=140 height=60><div style='height:60px;background:lime'></div></foreignObject>"
    )


@VECTORS.page(box("lime", 20, 200, 60, 40), none_of("red"))
def filtered(_: Request) -> str:
    return _svg(
        "<filter id=f x=0 y=0 width=1 height=1><feFlood flood-color=lime /></filter>"
        "<rect x=20 y=200 width=60 height=40 fill=red filter='url(#f)' />"
    )


@VECTORS.page(
    box("lime", 310, 200, 50, 80, within=3, full=False),
    at(335, 275, "lime"),
    at(312, 202, "white"),
    at(358, 202, "white"),
)
def a_path(_: Request) -> str:
    return _svg("<path d='M335 200 L360 280 H310 Z' fill=lime shape-rendering=crispEdges />")


@VECTORS.page(
    box("lime", 300, 20, 80, 8),
)
def animated_by_itself(_: Request) -> str:
    """What moves without end stands at its beginning."""
    return _svg(
        "<rect x=300 y=20 height=8 width=80 fill=lime>"
        "<animate attributeName=x from=300 to=0 dur='2s' repeatCount=indefinite /></rect>"
    )
