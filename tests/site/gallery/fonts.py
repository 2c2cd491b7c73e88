"""Web fonts: those that come are used, those that do not are done without."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Reply, Request
from tests.site.gallery.page import Category
from tests.site.gallery.squares import truetype, woff, woff2
from tests.site.gallery.truth import box, ink, none_of, share

FONTS: Final = Category("fonts")


def _served(font: bytes, request: Request) -> Reply:
    shared = {"Access-Control-Allow-Origin": "*"}
    return Reply(font, media_type="font/woff2", headers=shared, delay_ms=int(request.query.get("ms", "0")))


@FONTS.part("squares.woff2")
def _woff2(request: Request) -> Reply:
    return _served(woff2(), request)


@FONTS.part("squares.woff")
def _woff(request: Request) -> Reply:
    return _served(woff(), request)


@FONTS.part("squares.ttf")
def _ttf(request: Request) -> Reply:
    return _served(truetype(), request)


def face(source: str, more: str = "") -> str:
    """Return the rule that makes `squares` of a source."""
    return f"@font-face{{font-family:squares;src:url({source});{more}}}"


def line(x: int, y: int, px: int, text: str, style: str = "") -> str:
    """Return a line of text in squares, in lime, placed in the page."""
    place = f"position:absolute;left:{x}px;top:{y}px;white-space:pre"
    return f"<div style='{place};font:{px}px/1 squares,serif;color:lime;{style}'>{text}</div>"


@FONTS.page(box("lime", 20, 20, 160, 40))
def woff2_that_comes_late(_: Request) -> str:
    """The text waits for its font, and so does the picture."""
    return f"<style>{face('/gallery/fonts/squares.woff2?ms=300')}</style>{line(20, 20, 40, 'AAAA')}"


@FONTS.page(box("lime", 20, 80, 150, 30))
def woff_in_a_style_sheet_of_its_own(_: Request) -> str:
    return f"<link rel=stylesheet href=/gallery/fonts/face.css>{line(20, 80, 30, 'AAAAA')}"


@FONTS.part("face.css")
def _face(_: Request) -> Reply:
    return Reply(face("squares.woff?ms=100"), media_type="text/css")


@FONTS.page(box("lime", 20, 130, 120, 60))
def swapped(_: Request) -> str:
    """A font that may be swapped in late has been, when the picture is taken."""
    source = "/gallery/fonts/squares.ttf?ms=300"
    return f"<style>{face(source, 'font-display:swap')}</style>{line(20, 130, 60, 'AA')}"


@FONTS.page(box("purple", 20, 35, 180, 60, within=30, full=False), share("purple", 0.005, 0.1))
def missing(_: Request) -> str:
    """Text whose font does not exist is legible in another."""
    return (
        f"<style>{face('/gallery/fonts/nothing.woff2')}</style>"
        "<div style='position:absolute;left:20px;top:30px;font:60px/1 squares,serif;color:purple'>Legible</div>"
    )


@FONTS.page(box("lime", 200, 200, 80, 40), none_of("red"))
def icons(_: Request) -> str:
    """An icon is a letter of the private use area, set before an empty element."""
    return (
        f"<style>{face('/gallery/fonts/squares.woff2?ms=150')}"
        "i{font:40px/1 squares;color:lime;position:absolute;left:200px;top:200px}"
        "i::before{content:'\\e001\\e001'}</style><i></i>"
    )


@FONTS.page(box("lime", 30, 230, 100, 50))
def loaded_by_script(_: Request) -> str:
    return (
        f"{line(30, 230, 50, 'AA')}<script>onload = () => {{"
        " const face = new FontFace('squares', 'url(/gallery/fonts/squares.woff2?ms=200)');"
        " document.fonts.add(face); face.load() }</script>"
    )


@FONTS.page(box("lime", 210, 20, 90, 30, within=2), ink((20, 20, 180, 30), 0.02))
def only_for_some_letters(_: Request) -> str:
    """A font for capitals alone leaves the rest to another."""
    return (
        f"<style>{face('/gallery/fonts/squares.woff2', 'unicode-range:U+41-5A')}</style>{line(210, 20, 30, 'AAA')}"
        "<div style='position:absolute;left:20px;top:20px;font:30px/1 squares,sans-serif'>the rest</div>"
    )


@FONTS.page(box("lime", 60, 60, 210, 70))
def of_another_site(request: Request) -> str:
    source = f"http://localhost:{request.site.rpartition(':')[2]}/gallery/fonts/squares.woff2?ms=100"
    return f"<style>{face(source)}</style>{line(60, 60, 70, 'AAA')}"
