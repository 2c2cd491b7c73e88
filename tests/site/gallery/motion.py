"""What moves stands still in the picture, where a person would expect it."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import FULL_PAGE, Category, block
from tests.site.gallery.truth import blank, box, down, none_of, share, size

MOTION: Final = Category("motion")


@MOTION.page(box("lime", 10, 10, 40, 45))
def a_spinner_without_end(_: Request) -> str:
    """What has no end is shown at its beginning."""
    return f"<style>@keyframes k{{to{{left:300px}}}}#b{{animation:k 1s infinite alternate}}</style>{block(10, 10, 40, 45, 'lime', 'id=b')}"


@MOTION.page(box("lime", 200, 60, 40, 45), none_of("red"))
def an_entrance(_: Request) -> str:
    """What flies in has arrived, however long it takes."""
    return (
        "<style>@keyframes k{from{left:0;opacity:0;background:red}}#b{animation:k 20s 3s both}</style>"
        f"{block(200, 60, 40, 45, 'lime', 'id=b')}"
    )


@MOTION.page(box("lime", 300, 110, 40, 45), none_of("red"))
def a_transition(_: Request) -> str:
    return (
        f"<style>#b{{transition:all 20s}}</style>{block(0, 110, 40, 45, 'red', 'id=b')}<script>onload = () => {{"
        " b.getBoundingClientRect(); b.style.left = '300px'; b.style.background = 'lime' }</script>"
    )


@MOTION.page(box("lime", 100, 160, 40, 45), none_of("red"))
def an_animation_by_script(_: Request) -> str:
    return (
        f"{block(0, 160, 40, 45, 'red', 'id=b')}<script>b.animate([{{left: '0px'}}, {{left: '100px', background: 'lime'}}],"
        " {duration: 30000, fill: 'forwards'})</script>"
    )


@MOTION.page(
    share("purple", 0.0002, 0.1), blank((0, 0, 400, 205)), blank((0, 255, 400, 45)), wait={"delay": 300}
)
def a_marquee(_: Request) -> str:
    """Text that wanders in is somewhere in its box."""
    return (
        "<marquee behavior=slide scrollamount=100 style='position:absolute;left:0;top:210px;width:400px;"
        "font:30px/40px sans-serif;color:purple'>wandering</marquee>"
    )


@MOTION.page(
    size(400, 1200), down(390, ("white", 1150), ("teal", 50)), box("lime", 0, 0, 10, 5), capture=FULL_PAGE
)
def driven_by_scrolling(_: Request) -> str:
    """A bar that shows how far one has read is at its beginning: nobody has scrolled."""
    return (
        "<style>@keyframes k{from{transform:scaleX(.1)}to{transform:scaleX(1)}}#b{position:fixed;left:0;top:0;width:100px;"
        "height:5px;background:lime;transform-origin:0 0;animation:k linear;animation-timeline:scroll()}</style>"
        f"<body style='height:1200px'><div id=b></div>{block(300, 1150, 100, 50, 'teal')}"
    )


@MOTION.page(box("lime", 10, 260, 380, 25), none_of("red"))
def revealed_by_scrolling(_: Request) -> str:
    """What is revealed as it comes into view, and is in view, is there."""
    return (
        "<style>@keyframes k{from{opacity:0}}#b{animation:k linear both;animation-timeline:view();"
        "animation-range:entry 0% entry 10%}</style><body style='height:1500px'>"
        f"{block(10, 260, 380, 25, 'lime', 'id=b')}"
    )


@MOTION.page(box("lime", 150, 100, 60, 62), none_of("red"), capture={"freeze": False}, wait={"delay": 400})
def not_frozen_if_so_asked(_: Request) -> str:
    """With freeze off the page goes on by itself: what lasts 100 ms is over after 400."""
    return (
        "<style>@keyframes k{from{background:red}to{background:lime}}#b{animation:k 100ms forwards}</style>"
        f"{block(150, 100, 60, 62, 'red', 'id=b')}"
    )


@MOTION.page(box("lime", 40, 20, 300, 30), none_of("red"))
def a_carousel(_: Request) -> str:
    """The first slide is shown, not the gap between two."""
    return (
        "<style>@keyframes k{0%,45%{left:0}50%,95%{left:-300px}to{left:0}}"
        "#w{position:absolute;left:40px;top:20px;width:300px;height:30px;overflow:hidden}"
        "#s{position:absolute;width:600px;height:30px;animation:k 2s infinite;"
        "background:linear-gradient(to right,lime 50%,red 50%)}</style><div id=w><div id=s></div></div>"
    )
