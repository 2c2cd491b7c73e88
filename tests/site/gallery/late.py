"""What comes after the load event, as most pages' content does."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Reply, Request
from tests.site.gallery.page import Category, block, image
from tests.site.gallery.truth import box, none_of

LATE: Final = Category("late")


@LATE.part("data")
def _data(request: Request) -> Reply:
    return Reply(
        '{"colour": "lime"}', media_type="application/json", delay_ms=int(request.query.get("ms", "250"))
    )


@LATE.page(box("lime", 10, 10, 110, 20), none_of("red"))
def fetched_after_load(_: Request) -> str:
    return (
        f"{block(10, 10, 110, 20, 'red', 'id=b')}<script>onload = async () => {{"
        " const got = await (await fetch('/gallery/late/data')).json(); b.style.background = got.colour }</script>"
    )


@LATE.page(box("lime", 10, 40, 120, 20), none_of("red"))
def fetched_by_xhr_in_two_steps(_: Request) -> str:
    """What the first answer says is needed for the second."""
    return (
        f"{block(10, 40, 120, 20, 'red', 'id=b')}<script>const get = (url, then) => {{ const asked = new XMLHttpRequest();"
        " asked.onload = () => then(asked.responseText); asked.open('GET', url); asked.send() };"
        "onload = () => get('/gallery/late/data?ms=100', () => get('/gallery/late/data?ms=100&2', text => {"
        " b.style.background = JSON.parse(text).colour }))</script>"
    )


@LATE.page(box("lime", 10, 70, 130, 20), none_of("red"))
def when_the_browser_is_idle(_: Request) -> str:
    return (
        f"{block(10, 70, 130, 20, 'red', 'id=b')}<script>onload = () => requestIdleCallback(() => {{"
        " b.style.background = 'lime' })</script>"
    )


@LATE.page(box("lime", 10, 100, 140, 20), none_of("red"))
def hydrated(_: Request) -> str:
    """A framework takes the page over, in tasks of its own, and draws it anew."""
    return (
        f"<div id=root>{block(10, 100, 140, 20, 'red')}</div><script>onload = async () => {{"
        " for (let step = 0; step < 5; step++) await new Promise(next => { const channel = new MessageChannel();"
        "  channel.port1.onmessage = next; channel.port2.postMessage(0) });"
        f" root.innerHTML = `{block(10, 100, 140, 20, 'lime')}` }}</script>"
    )


@LATE.page(
    box("lime", 10, 130, 150, 20),
    none_of("red"),
    none_of("silver"),
)
def a_skeleton_replaced(_: Request) -> str:
    """Grey blocks that shimmer give way to what was fetched."""
    return (
        "<style>@keyframes shimmer{from{opacity:.5}}#b{animation:shimmer 1s infinite}</style>"
        f"{block(10, 130, 150, 20, 'silver', 'id=b')}<script>fetch('/gallery/late/data').then(got => got.json())"
        f".then(() => {{ document.body.innerHTML = `{block(10, 130, 150, 20, 'lime')}` }})</script>"
    )


@LATE.page(box("lime", 10, 160, 160, 20), none_of("red"))
def an_image_that_a_script_adds(_: Request) -> str:
    return (
        "<script>onload = () => { const i = new Image(160, 20); i.style = 'position:absolute;left:10px;top:160px';"
        f" i.src = '{image('00ff00', 160, 20, ms=250)}'; document.body.append(i) }}</script>"
    )


@LATE.page(box("lime", 10, 190, 170, 20), none_of("red"))
def a_script_loaded_by_a_script(_: Request) -> str:
    return (
        f"{block(10, 190, 170, 20, 'red', 'id=b')}<script>onload = () => {{"
        " const s = document.createElement('script'); s.src = '/gallery/late/code'; document.head.append(s) }</script>"
    )


@LATE.part("code")
def _code(_: Request) -> Reply:
    return Reply("b.style.background = 'lime'", media_type="text/javascript", delay_ms=200)


@LATE.page(box("lime", 10, 220, 180, 20), none_of("red"))
def a_style_sheet_that_comes_late(_: Request) -> str:
    return (
        f"{block(10, 220, 180, 20, 'red', 'id=b')}<script>onload = () => {{ const s = document.createElement('link');"
        " s.rel = 'stylesheet'; s.href = '/gallery/late/style'; document.head.append(s) }</script>"
    )


@LATE.part("style")
def _style(_: Request) -> Reply:
    return Reply("#b{background:lime!important}", media_type="text/css", delay_ms=200)


@LATE.page(box("lime", 10, 250, 190, 20), none_of("red"))
def a_heartbeat_that_never_ends(_: Request) -> str:
    """A page that asks its server every 100 ms for ever is pictured with what it has."""
    return (
        f"{block(10, 250, 190, 20, 'red', 'id=b')}<script>setInterval(() => fetch('/home'), 100);"
        "fetch('/gallery/late/data').then(() => { b.style.background = 'lime' })</script>"
    )


@LATE.page(box("lime", 10, 275, 200, 20), none_of("red"), wait={"for_selector": "#done"})
def a_selector_waited_for(_: Request) -> str:
    """What takes longer than anybody would guess is waited for by name."""
    return (
        f"{block(10, 275, 200, 20, 'red', 'id=b')}<script>setTimeout(() => {{"
        " b.style.background = 'lime'; b.id = 'done' }, 900)</script>"
    )
