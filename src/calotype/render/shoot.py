"""Viewport, full-page and element screenshots."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from calotype.capture.errors import NothingToShow
from calotype.capture.negative import Viewport
from calotype.capture.output import WEBP_MAX_SIDE_PX, Area, AreaKind, ImageFormat, Output
from calotype.render.cdp import AnswerTooBig
from calotype.render.page import Page
from calotype.render.picture import measure

JPEG_MAX_SIDE_PX: Final = 65_500
"""libjpeg's own limit (JPEG_MAX_DIMENSION); beyond it Chromium answers with no bytes at all."""
MAX_PIXELS: Final = 150_000_000
"""1,280 px wide this is 117,000 px tall. Chromium draws 333 million without a fault, in 13 s; but
166 million took 2.9 GB of memory at their peak (2.1 in its gpu process, 0.75 in the browser)."""

_BOX_JS: Final = """css => {
  const element = Document.prototype.querySelector.call(document, css);
  if (!element) return {};
  const box = element.getBoundingClientRect();
  const inside = box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
  return {box: {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height, inside}};
}"""


class _Box(msgspec.Struct, frozen=True):
    """A rectangle in CSS pixels, from the top left corner of the page."""

    width: float
    height: float
    x: float = 0
    y: float = 0
    inside: bool = True
    """Whether all of it is in view."""


class _Found(msgspec.Struct, frozen=True):
    box: _Box | None = None


class _Metrics(msgspec.Struct, frozen=True, rename="camel"):
    css_content_size: _Box


class _Shot(msgspec.Struct, frozen=True):
    data: bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes, and their size in image pixels as the bytes themselves give it."""

    image: bytes
    width_px: int
    height_px: int


async def shoot(page: Page, viewport: Viewport, output: Output, timeout_s: float) -> Picture:
    """Take the picture of a page that is ready for it. Raises NothingToShow, PageMoved."""
    clip = await _clip(page, viewport, output.area, timeout_s)
    _check_size(clip, viewport.device_scale_factor, output.format)
    params: dict[str, Any] = {"format": output.format.value, "captureBeyondViewport": not clip.inside}
    if output.area.kind is not AreaKind.VIEWPORT:
        params["clip"] = {"x": clip.x, "y": clip.y, "width": clip.width, "height": clip.height, "scale": 1}
    if output.format is ImageFormat.PNG:
        params["optimizeForSpeed"] = True  # The same pixels in a third of the time, a little bigger.
    else:
        params["quality"] = output.quality
    try:
        shot = await page.stay(page.session.call("Page.captureScreenshot", params, timeout_s, _Shot))
    except AnswerTooBig as exc:
        raise NothingToShow("The picture is too large a file to be handled; ask for jpeg or less.") from exc
    try:
        width_px, height_px = measure(shot.data, output.format)
    except ValueError as exc:
        size = f"{clip.width:.0f} x {clip.height:.0f} CSS pixels"
        raise NothingToShow(f"The browser could not make a {output.format.value} of {size}.") from exc
    return Picture(shot.data, width_px, height_px)


async def _clip(page: Page, viewport: Viewport, area: Area, timeout_s: float) -> _Box:
    match area.kind:
        case AreaKind.VIEWPORT:
            return _Box(viewport.width_px, viewport.height_px)
        case AreaKind.FULL_PAGE:
            metrics = await page.stay(page.session.call("Page.getLayoutMetrics", {}, timeout_s, _Metrics))
            content = metrics.css_content_size
            width, height = max(content.width, viewport.width_px), max(content.height, viewport.height_px)
            return _Box(math.ceil(width), math.ceil(height), inside=False)
        case AreaKind.CLIP if area.clip is not None:
            clip = _Box(area.clip.width, area.clip.height, area.clip.x, area.clip.y, inside=False)
            return _snap(clip, viewport.device_scale_factor, "of the clip")
        case _:
            found = await page.run(_BOX_JS, [area.selector], timeout_s, _Found)
            if found.box is None:
                raise NothingToShow(f"The element {area.selector!r} went away before it was pictured.")
            return _snap(found.box, viewport.device_scale_factor, area.selector)


def _snap(box: _Box, scale: float, selector: str | None) -> _Box:
    """Move the edges to whole image pixels, as the browser does when it paints the box."""
    left, right = round(box.x * scale) / scale, round((box.x + box.width) * scale) / scale
    top, bottom = round(box.y * scale) / scale, round((box.y + box.height) * scale) / scale
    if right <= left or bottom <= top:
        raise NothingToShow(f"The element {selector!r} has no area.")
    return _Box(x=left, y=top, width=right - left, height=bottom - top, inside=box.inside)


def _check_size(clip: _Box, scale: float, image_format: ImageFormat) -> None:
    width_px, height_px = round(clip.width * scale), round(clip.height * scale)
    side_limit = {ImageFormat.WEBP: WEBP_MAX_SIDE_PX, ImageFormat.JPEG: JPEG_MAX_SIDE_PX}.get(image_format)
    size = f"The picture would be {width_px} x {height_px} px"
    if side_limit is not None and max(width_px, height_px) > side_limit:
        instead = "png or jpeg" if image_format is ImageFormat.WEBP else "png"
        raise NothingToShow(
            f"{size}, and {image_format.value} ends at {side_limit} px a side; ask for {instead}."
        )
    if width_px * height_px > MAX_PIXELS:
        most = f"{MAX_PIXELS // 1_000_000} million pixels"
        raise NothingToShow(f"{size}, and {most} are the most that can be pictured at once.")
