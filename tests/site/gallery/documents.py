"""Documents that are no ordinary page."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Reply, Request
from tests.site.gallery.page import Category, block
from tests.site.gallery.truth import at, blank, box, colourless, fact, ink, none_of, share
from tests.site.pages import image as png

DOCUMENTS: Final = Category("documents")


@DOCUMENTS.page(box("lime", 5, 105, 33, 44), none_of("red"))
def a_strict_policy(_: Request) -> Reply:
    """A page that allows no script, no style and no image but its own keeps to it, and is pictured all the same."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; require-trusted-types-for 'script'; sandbox"
    return Reply(
        f"<!doctype html><title>strict</title><body>{block(5, 105, 33, 44, 'lime', 'id=b')}"
        "<script>b.style.background = 'red'</script><img src='/image?colour=ff0000'>",
        headers={"Content-Security-Policy": policy},
    )


@DOCUMENTS.page(box("lime", 45, 105, 33, 44), none_of("red"))
def quirks(_: Request) -> Reply:
    """Without a doctype a length needs no unit, as in 1996."""
    style = "position:absolute;left:45;top:105;width:33;height:44;background-color:00ff00"
    return Reply(f"<title>quirks</title><body bgcolor=white><div style='{style}'></div>")


@DOCUMENTS.page(box("lime", 85, 105, 33, 44))
def xhtml(_: Request) -> Reply:
    return Reply(
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title>x</title></head>"
        f"<body>{block(85, 105, 33, 44, 'lime')}</body></html>",
        media_type="application/xhtml+xml",
    )


@DOCUMENTS.page(
    colourless(),
    ink((5, 13, 80, 14), 0.05),
    ink((5, 28, 280, 16), 0.05),
    blank((110, 5, 290, 20)),
    blank((0, 60, 400, 240)),
)
def plain_text(_: Request) -> Reply:
    """Two lines and no markup: what looks like a tag is text."""
    return Reply("First line\n<b style='background:red'>second</b>\n", media_type="text/plain; charset=utf-8")


@DOCUMENTS.page(
    colourless(), ink((0, 20, 150, 40), 0.02), blank((160, 0, 240, 300)), blank((0, 80, 400, 220))
)
def json(_: Request) -> Reply:
    return Reply('{"answer": 42}', media_type="application/json")


@DOCUMENTS.page(box("lime", 100, 90, 200, 120), share("lime", 0.2, 0.2))
def an_image(_: Request) -> Reply:
    """The browser shows it in the middle of a dark page."""
    query = {"colour": "00ff00", "width": "200", "height": "120"}
    return png(Request("GET", "/image", query, {}, 1, ""))


@DOCUMENTS.page(box("lime", 125, 105, 33, 44), none_of("red"))
def an_svg(_: Request) -> Reply:
    """With its script, since it is a document."""
    return Reply(
        "<svg xmlns='http://www.w3.org/2000/svg'><rect id='b' x='125' y='105' width='33' height='44' fill='red'/>"
        "<script>document.getElementById('b').setAttribute('fill', 'lime')</script></svg>",
        media_type="image/svg+xml",
    )


@DOCUMENTS.page(box("lime", 165, 105, 33, 44), none_of("red"), facts=(fact("title", ""),))
def tags_left_open(_: Request) -> Reply:
    """No head, no title, nothing closed, and what is closed was never opened."""
    style = "position:absolute;left:165px;top:105px;width:33px;height:44px;background:lime"
    return Reply(f"</p><table><div style='{style}'><b><i></b>")


@DOCUMENTS.page(box("lime", 205, 105, 33, 44), none_of("red"))
def hidden_properties(_: Request) -> str:
    """Elements that are named like what every tool asks a document for."""
    names = (
        "title", "body", "fonts", "images", "querySelector", "querySelectorAll", "documentElement", "getAnimations",
    )  # fmt: skip
    return block(205, 105, 33, 44, "lime") + "".join(
        f"<form name={name} style='display:none'></form>" for name in names
    )


@DOCUMENTS.page(box("lime", 245, 105, 33, 44), at(0, 0, "white"))
def written_by_document_write(_: Request) -> str:
    return f"<script>onload = () => {{ document.open(); document.write(`<!doctype html><body>{block(245, 105, 33, 44, 'lime')}`); document.close() }}</script>"


@DOCUMENTS.page(box("lime", 285, 105, 33, 44), none_of("red"))
def without_scripts(_: Request) -> str:
    """What is for browsers without scripts is not for ours."""
    return f"{block(285, 105, 33, 44, 'lime')}<noscript>{block(285, 105, 33, 44, 'red')}</noscript>"
