"""What a page loads only when somebody comes near it is in the picture of the whole page."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import FULL_PAGE, Category, block, image
from tests.site.gallery.truth import box, count, none_of, size

LAZY: Final = Category("lazy")


@LAZY.page(size(400, 3000), box("lime", 20, 2900, 100, 60), capture=FULL_PAGE)
def images_by_attribute(_: Request) -> str:
    picture = f"<img loading=lazy width=100 height=60 src='{image('00ff00', 100, 60, ms=100)}'>"
    return f"<body style='height:3000px'><div style='position:absolute;left:20px;top:2900px'>{picture}</div>"


@LAZY.page(
    size(400, 2600),
    box("lime", 30, 2500, 90, 50),
    capture=FULL_PAGE,
)
def images_by_observer(_: Request) -> str:
    """Each is given its source when an IntersectionObserver sees it."""
    return (
        f"<body style='height:2600px'><img data-src='{image('00ff00', 90, 50)}' width=90 height=50"
        " style='position:absolute;left:30px;top:2500px'><script>"
        "new IntersectionObserver((seen, eye) => seen.filter(one => one.isIntersecting).forEach(one => {"
        " one.target.src = one.target.dataset.src; eye.unobserve(one.target) })"
        ").observe(document.querySelector('img'))</script>"
    )


@LAZY.page(
    size(400, 2400),
    box("lime", 40, 2300, 80, 70),
    capture=FULL_PAGE,
)
def images_by_scrolling(_: Request) -> str:
    """Each is given its source by a listener for scrolling that measures where it is."""
    return (
        f"<body style='height:2400px'><img data-src='{image('00ff00', 80, 70)}' width=80 height=70"
        " style='position:absolute;left:40px;top:2300px'><script>const i = document.querySelector('img');"
        "addEventListener('scroll', () => { if (i.getBoundingClientRect().top < innerHeight) i.src = i.dataset.src })"
        "</script>"
    )


@LAZY.page(
    size(400, 2200),
    count("blue", 3),
    none_of("red"),
    capture=FULL_PAGE,
)
def backgrounds_by_class(_: Request) -> str:
    """Blocks far down get their background when they come into view."""
    blocks = "".join(block(150, 700 * number, 70, 80, "red") for number in (1, 2, 3))
    return (
        f"<style>.seen{{background:blue url({image('0000ff', 70, 80)})!important}}</style>"
        f"<body style='height:2200px'>{blocks}<script>const eye = new IntersectionObserver(seen => {{"
        " for (const one of seen) if (one.isIntersecting) one.target.className = 'seen' });"
        "document.querySelectorAll('div').forEach(one => eye.observe(one))</script>"
    )


@LAZY.page(size(400, 2700), box("teal", 0, 2550, 150, 100), capture=FULL_PAGE)
def frames_by_attribute(_: Request) -> str:
    return (
        "<body style='height:2700px'><iframe loading=lazy src='/gallery/lazy/inner' width=150 height=100"
        " style='border:0;position:absolute;left:0;top:2550px'></iframe>"
    )


@LAZY.part("inner")
def _inner(_: Request) -> str:
    return "<!doctype html><body style='background:teal'>"


@LAZY.page(
    size(400, 2800),
    box("maroon", 0, 2700, 400, 100),
    count("maroon", 1),
    capture=FULL_PAGE,
)
def what_fades_in(_: Request) -> str:
    """A section that is transparent until it comes into view, and takes its time to appear, is there."""
    return (
        "<style>section{position:absolute;top:2700px;width:400px;height:100px;background:maroon;opacity:0;"
        "transition:opacity 1s}.on{opacity:1}</style><body style='height:2800px'><section></section><script>"
        "new IntersectionObserver(seen => { if (seen[0].isIntersecting) seen[0].target.className = 'on' })"
        ".observe(document.querySelector('section'))</script>"
    )


@LAZY.page(
    size(400, 2300),
    box("lime", 10, 2200, 60, 60),
    capture=FULL_PAGE,
)
def content_visibility(_: Request) -> str:
    """Parts that the browser skips until they come near are drawn."""
    return (
        "<style>section{content-visibility:auto;contain-intrinsic-size:400px 1150px;height:1150px}</style>"
        "<section></section><section><div style='height:1050px'></div>"
        "<div style='width:60px;height:60px;margin-left:10px;background:lime'></div></section>"
    )


@LAZY.page(size(400, 1000), none_of("red"), box("lime", 200, 970, 60, 30), capture=FULL_PAGE)
def hidden_content_stays_hidden(_: Request) -> str:
    """What a page has hidden by the same property was not meant to be seen."""
    return (
        f"<div style='content-visibility:hidden;height:970px'><p>{block(0, 900, 50, 50, 'red')}</p></div>"
        "<div style='width:60px;height:30px;margin-left:200px;background:lime'></div>"
    )


@LAZY.page(none_of("red"), box("lime", 0, 0, 50, 20))
def left_alone_outside_of_the_picture(request: Request) -> str:
    """What is far below the viewport need not be loaded for a picture of the viewport."""
    return (
        f"{block(0, 0, 50, 20, 'lime', 'id=b')}<div style='height:20000px'></div>"
        f"<img loading=lazy width=10 height=10 src='{image('00ff00', 10, 10)}' onload=\"b.style.background='red'\">"
    )
