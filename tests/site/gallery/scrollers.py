"""Pages whose content lies to the side, or in a box that scrolls by itself."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import FULL_PAGE, Category, block
from tests.site.gallery.truth import box, down, none_of, size

SCROLLERS: Final = Category("scrollers")


@SCROLLERS.page(size(2500, 300), box("lime", 2400, 100, 100, 100), capture=FULL_PAGE)
def wider_than_the_viewport(_: Request) -> str:
    return block(2400, 100, 100, 100, "lime")


@SCROLLERS.page(box("gold", 0, 0, 400, 33), none_of("lime"), none_of("red"))
def the_part_in_view(_: Request) -> str:
    """In the viewport one sees the left, and no bars to scroll with."""
    return f"{block(0, 0, 3000, 33, 'gold')}{block(0, 500, 50, 5000, 'red')}"


@SCROLLERS.page(
    size(400, 300),
    box("gold", 0, 0, 30, 300),
    none_of("red"),
    capture=FULL_PAGE,
)
def what_is_cut_off_at_the_side(_: Request) -> str:
    """A page that hides what overflows at its sides is as wide as the viewport."""
    return f"<style>body{{overflow-x:hidden;height:300px;position:relative}}</style>{block(0, 0, 30, 300, 'gold')}{block(390, 0, 2000, 3, 'white')}"


@SCROLLERS.page(box("indigo", 0, 0, 400, 300))
def a_page_that_snaps(_: Request) -> str:
    """Screens that snap into place: the first one is in place."""
    screens = "".join(
        f"<section style='background:{colour}'></section>" for colour in ("indigo", "gold", "teal")
    )
    return (
        "<style>html{scroll-snap-type:y mandatory}section{height:100vh;scroll-snap-align:start}</style>"
        + screens
    )


@SCROLLERS.page(size(400, 901), down(5, ("navy", 300), ("gold", 300), ("teal", 301)), capture=FULL_PAGE)
def all_screens_of_a_page_that_snaps(_: Request) -> str:
    screens = "".join(
        f"<section style='background:{colour}'></section>" for colour in ("navy", "gold", "teal")
    )
    return (
        "<style>html{scroll-snap-type:y mandatory}section{height:100vh;scroll-snap-align:start}"
        "section:last-child{height:301px}</style>" + screens
    )


@SCROLLERS.page(
    size(400, 1400),
    down(30, ("tan", 1300), ("maroon", 100)),
    capture=FULL_PAGE,
    pending="a box that scrolls in a page is shown as it is on the screen",
)
def the_body_scrolls(_: Request) -> str:
    """Where html is as high as the viewport and body is what scrolls, the whole page is the body's content."""
    return (
        "<style>html,body{height:100%}html{overflow:hidden}body{overflow:auto}</style>"
        "<div style='height:1300px;background:tan'></div><div style='height:100px;background:maroon'></div>"
    )


@SCROLLERS.page(
    size(400, 1250),
    down(30, ("navy", 50), ("tan", 1100), ("maroon", 100)),
    capture=FULL_PAGE,
    pending="a box that scrolls in a page is shown as it is on the screen",
)
def a_box_inside_scrolls(_: Request) -> str:
    """As applications are made: a head that stays, and a box with all the content."""
    return (
        "<style>html,body{height:100%}body{display:flex;flex-direction:column;overflow:hidden}"
        "header{height:50px;flex:none;background:navy}main{flex:1;overflow:auto}</style><header></header>"
        "<main><div style='height:1100px;background:tan'></div><div style='height:100px;background:maroon'></div></main>"
    )


@SCROLLERS.page(box("lime", 100, 50, 80, 80), none_of("red"))
def a_box_that_was_scrolled(_: Request) -> str:
    """Where a script has scrolled to is what one sees."""
    return (
        "<div id=s style='position:absolute;left:100px;top:50px;width:80px;height:80px;overflow:auto;background:red'>"
        "<div style='height:500px'></div><div style='height:80px;background:lime'></div></div>"
        "<script>s.scrollTop = 500</script>"
    )


@SCROLLERS.page(box("lime", 0, 0, 400, 290), box("tan", 0, 290, 400, 10), none_of("red"))
def at_an_anchor(_: Request) -> str:
    """A page that scrolls to its own middle is seen there."""
    return (
        "<div style='height:1000px;background:red'></div><div id=m style='height:290px;background:lime'></div>"
        "<div style='height:10px;background:tan'></div><div style='height:1000px;background:red'></div><script>onload = () => m.scrollIntoView()</script>"
    )


@SCROLLERS.page(size(400, 600), down(7, ("teal", 300), ("gold", 300)), capture=FULL_PAGE)
def all_of_a_page_that_has_scrolled(_: Request) -> str:
    """The whole page begins at its top, wherever it had scrolled to."""
    return (
        "<div style='height:300px;background:teal'></div><div style='height:300px;background:gold'></div>"
        "<script>onload = () => scrollTo(0, 200)</script>"
    )


@SCROLLERS.page(size(600, 300), box("lime", 0, 20, 50, 50), box("blue", 550, 20, 50, 50), capture=FULL_PAGE)
def from_right_to_left(_: Request) -> str:
    """A page that is written from the right overflows to the left, and is shown whole."""
    style = "position:absolute;top:20px;width:50px;height:50px"
    return (
        f"<html dir=rtl><div style='{style};right:0;background:blue'></div>"
        f"<div style='{style};right:550px;background:lime'></div>"
    )
