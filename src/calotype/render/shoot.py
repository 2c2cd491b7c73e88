"""Viewport, full-page and element screenshots."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any, Final

import msgspec

from calotype.capture.errors import NothingToShow
from calotype.capture.negative import Viewport
from calotype.capture.output import Area, AreaKind, ImageFormat, Output
from calotype.render.blank import Colour, colour_of
from calotype.render.cdp import AnswerTooBig
from calotype.render.develop import develop, needs_developing
from calotype.render.limits import TOO_LARGE_A_FILE, check_drawn, check_print, pixels
from calotype.render.page import Page, PageMoved
from calotype.render.picture import Picture, measure
from calotype.render.stitch import Strip, cut, stitch

_BOX_JS: Final = """css => {
  const element = Document.prototype.querySelector.call(document, css);
  if (!element) return {};
  const box = element.getBoundingClientRect();
  const inside = box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
  return {box: {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height, inside}};
}"""

# Menus and slides that wait beside the page are a part of its size, whether or not one can scroll to them.
# Whose overflow counts for the viewport: CSS Overflow 3, section 3.3.
_CUT_OFF_JS: Final = """() => {
  const of = name => Reflect.get(Document.prototype, name, document);
  const root = of("documentElement"), body = of("body");
  const overflow = element => getComputedStyle(element).overflowX;
  const how = overflow(root) === "visible" && body ? overflow(body) : overflow(root);
  return how === "hidden" || how === "clip";
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


class _LayoutViewport(msgspec.Struct, frozen=True, rename="camel"):
    client_width: float


class _Metrics(msgspec.Struct, frozen=True, rename="camel"):
    css_layout_viewport: _LayoutViewport
    css_content_size: _Box


class _Shot(msgspec.Struct, frozen=True):
    data: bytes


async def shoot(
    page: Page, viewport: Viewport, output: Output, timeout_s: float, *, freeze: bool = False
) -> Picture:
    """Take the picture of a page that is ready for it, and make of it what was asked for.

    Raises NothingToShow, PageMoved.
    """
    clip, scale = await _clip(page, viewport, output.area, timeout_s), viewport.device_scale_factor
    width_px, height_px = pixels(clip.width, scale), pixels(clip.height, scale)
    check_drawn(width_px, height_px)
    if output.resize is None:
        check_print(width_px, height_px, output.format)
    strips = [] if output.area.kind is AreaKind.VIEWPORT else cut(width_px, height_px, scale)
    if len(strips) > 1:
        document, colours = page.loader_id, set[Colour | None]()

        async def take(strip: Strip) -> bytes:
            # The encoder works between two strips, when nobody watches where the page goes.
            if page.loader_id != document:
                raise PageMoved
            part = msgspec.structs.replace(clip, y=clip.y + strip.top, height=strip.height)
            drawn = await _expose(page, part, output.area, Output(), timeout_s)
            # Once there is something in the picture, the rest is not looked at.
            if len(colours) < 2 and None not in colours:  # noqa: PLR2004
                colours.add(await colour_of(drawn, ImageFormat.PNG))
            return drawn.image

        async with _still(page, timeout_s) if freeze else nullcontext():
            stitched = await stitch(strips, take, width_px, height_px, output, timeout_s)
        return replace(stitched, blank=len(colours) == 1 and None not in colours)
    # Judged before it is marked, made smaller or encoded anew.
    if not needs_developing(output):
        drawn = await _expose(page, clip, output.area, output, timeout_s)
        return replace(drawn, blank=await colour_of(drawn, output.format) is not None)
    negative = await _expose(page, clip, output.area, Output(), timeout_s)
    is_blank = await colour_of(negative, ImageFormat.PNG) is not None
    return replace(await develop(negative.image, output), blank=is_blank)


@asynccontextmanager
async def _still(page: Page, timeout_s: float) -> AsyncIterator[None]:
    """Keep the page's scripts from changing it: what moves between two strips would be torn."""
    await page.session.call("Emulation.setScriptExecutionDisabled", {"value": True}, timeout_s)
    try:
        yield
    finally:
        page.session.post("Emulation.setScriptExecutionDisabled", {"value": False})


async def _expose(page: Page, clip: _Box, area: Area, output: Output, timeout_s: float) -> Picture:
    """Have the browser draw clip on one surface, and encode it."""
    params: dict[str, Any] = {"format": output.format.value, "captureBeyondViewport": not clip.inside}
    if area.kind is not AreaKind.VIEWPORT:
        params["clip"] = {"x": clip.x, "y": clip.y, "width": clip.width, "height": clip.height, "scale": 1}
    if output.format is ImageFormat.PNG:
        params["optimizeForSpeed"] = True  # The same pixels in a third of the time, a little bigger.
    else:
        params["quality"] = output.quality
    try:
        shot = await page.stay(page.session.call("Page.captureScreenshot", params, timeout_s, _Shot))
    except AnswerTooBig as exc:
        raise NothingToShow(TOO_LARGE_A_FILE) from exc
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
            # A phone's layout may be wider than its screen.
            layout = max(metrics.css_layout_viewport.client_width, viewport.width_px)
            if width > layout and await page.run(_CUT_OFF_JS, [], timeout_s, bool):
                width = layout
            return _Box(math.ceil(width), min(math.ceil(height), area.max_height_px), inside=False)
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
    left, right = pixels(box.x, scale) / scale, pixels(box.x + box.width, scale) / scale
    top, bottom = pixels(box.y, scale) / scale, pixels(box.y + box.height, scale) / scale
    if right <= left or bottom <= top:
        raise NothingToShow(f"The element {selector!r} has no area.")
    return _Box(x=left, y=top, width=right - left, height=bottom - top, inside=box.inside)
