"""Video and sound: posters, pictures at rest, controls."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import Category, image
from tests.site.gallery.truth import at, box, ink, none_of

MEDIA: Final = Category("media")


def _video(x: int, y: int, width: int, height: int, more: str) -> str:
    return f"<video id=v {more} width={width} height={height} style='position:absolute;left:{x}px;top:{y}px'></video>"


@MEDIA.page(box("lime", 20, 20, 160, 90))
def a_poster(_: Request) -> str:
    return _video(20, 20, 160, 90, f"poster='{image('00ff00', 160, 90, ms=150)}' preload=none")


@MEDIA.page(box("lime", 200, 20, 160, 91), none_of("red"))
def a_poster_of_a_video_that_is_not_there(_: Request) -> str:
    return _video(200, 20, 160, 91, f"poster='{image('00ff00', 160, 91)}' src='/nothing-here.mp4'")


@MEDIA.page(box("lime", 20, 130, 170, 92, near=4), none_of("red", 40))
def a_video_that_plays(_: Request) -> str:
    """A camera's picture, made from a canvas, is shown as it was when it was stopped."""
    return _video(20, 130, 170, 92, "muted autoplay") + (
        "<script>const c = document.createElement('canvas'); c.width = 170; c.height = 92; const p = c.getContext('2d');"
        "const draw = () => { p.fillStyle = 'lime'; p.fillRect(0, 0, 170, 92); requestAnimationFrame(draw) }; draw();"
        "v.srcObject = c.captureStream()</script>"
    )


@MEDIA.page(
    ink((0, 240, 300, 54), 0.01),
    at(290, 267, "#f1f3f4", near=12),
    at(350, 267, "white"),
    at(350, 60, "white"),
)
def controls_of_a_sound(_: Request) -> str:
    return "<audio controls style='position:absolute;left:0;top:240px;width:300px'></audio>"
