"""Pages in pages, whichever process they live in."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from tests.site.exchange import Reply, Request
from tests.site.gallery.page import FULL_PAGE, Category, elsewhere, image
from tests.site.gallery.truth import at, box, none_of, share, size

FRAMES: Final = Category("frames")


@FRAMES.part("inner")
def _inner(request: Request) -> Reply:
    """Be of one colour, or show ?html=."""
    colour = request.query.get("colour", "lime")
    return Reply(f"<!doctype html><body style='margin:0;background:{colour}'>{request.query.get('html', '')}")


def _frame(x: int, y: int, width: int, height: int, source: str, more: str = "") -> str:
    style = f"border:0;position:absolute;left:{x}px;top:{y}px"
    return f"<iframe src='{source}' width={width} height={height} style='{style}' {more}></iframe>"


@FRAMES.page(box("lime", 10, 10, 150, 80))
def of_the_same_site(_: Request) -> str:
    return _frame(10, 10, 150, 80, "/gallery/frames/inner")


@FRAMES.page(box("lime", 10, 110, 140, 80))
def of_another_site(request: Request) -> str:
    return _frame(10, 110, 140, 80, elsewhere(request, "/gallery/frames/inner"))


@FRAMES.page(box("lime", 170, 10, 130, 80))
def written_in_an_attribute(_: Request) -> str:
    inside = '<body style="margin:0;background:lime">'
    return _frame(170, 10, 130, 80, "", f"srcdoc='{inside}'").replace("src='' ", "")


@FRAMES.page(box("lime", 60, 70, 90, 60), box("blue", 50, 50, 120, 100, full=False), at(55, 55, "blue"))
def three_deep_and_back(request: Request) -> str:
    """In this page one of another site, and in that one of this site."""
    home = f"http://{request.site}/gallery/frames/inner"
    deepest = _frame(10, 20, 90, 60, home)
    middle = elsewhere(request, f"/gallery/frames/inner?colour=blue&html={quote(deepest)}")
    return _frame(50, 50, 120, 100, middle)


@FRAMES.page(box("lime", 200, 120, 120, 70), none_of("red"))
def sandboxed(_: Request) -> str:
    """No script of it runs, and it is shown."""
    script = "<script>document.body.style.background='red'</script>"
    return _frame(200, 120, 120, 70, f"/gallery/frames/inner?html={quote(script)}", "sandbox")


@FRAMES.page(
    size(400, 1800),
    box("lime", 30, 1700, 110, 70),
    capture=FULL_PAGE,
    pending="the browser draws no frame of another site that is out of view",
)
def of_another_site_far_down(request: Request) -> str:
    return (
        "<body style='height:1800px'>"
        f"{_frame(30, 1700, 110, 70, elsewhere(request, '/gallery/frames/inner'))}"
    )


@FRAMES.page(
    box("lime", 220, 220, 100, 60),
    none_of("red"),
    pending="what frames of other sites load late is not waited for",
)
def with_an_image_that_comes_late(request: Request) -> str:
    """What a frame of another site loads after its page has loaded is waited for, too."""
    source = image("00ff00", 100, 60, ms=300)
    script = f'<script>onload=()=>{{document.body.innerHTML=\'<img style="display:block" src="{source}">\'}}</script>'
    inner = f"/gallery/frames/inner?colour=red&html={quote(script)}"
    return _frame(220, 220, 100, 60, elsewhere(request, inner))


@FRAMES.page(box("lime", 20, 210, 160, 80), none_of("red"))
def written_by_script(_: Request) -> str:
    return _frame(20, 210, 160, 80, "about:blank", "id=f") + (
        "<script>f.contentDocument.body.style.cssText = 'margin:0;background:lime'</script>"
    )


@FRAMES.page(box("lime", 340, 20, 50, 50), none_of("red"))
def an_object_and_its_fallback(_: Request) -> str:
    style = "position:absolute;left:340px;top:20px;width:50px;height:50px"
    return f"<object data='/nothing-here' style='{style}'><div style='{style};left:0;top:0;background:lime'></div></object>"


@FRAMES.page(share("lime", 0.5, 0.5), share("blue", 0.5, 0.5), at(0, 0, "lime"), at(399, 299, "blue"))
def a_frameset(_: Request) -> Reply:
    """As pages of 1997 are made."""
    return Reply(
        "<frameset cols='50%,50%' frameborder=0 framespacing=0 border=0>"
        "<frame src='/gallery/frames/inner'><frame src='/gallery/frames/inner?colour=blue'></frameset>"
    )
