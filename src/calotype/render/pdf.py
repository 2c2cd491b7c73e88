"""PDF output: the page on paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import msgspec

from calotype.capture.emulation import Emulation, MediaType
from calotype.capture.errors import NothingToShow
from calotype.capture.pdf import PdfOptions
from calotype.render.cdp import AnswerTooBig, CallRefused
from calotype.render.emulate import media_of
from calotype.render.page import Page
from calotype.render.picture import Picture

CSS_PX_PER_IN: Final = 96
LARGEST_IN: Final = 200.0
"""A page of PDF has at most 14,400 points a side (ISO 32000-1, annex C)."""
_EMPTY: Final = "<span></span>"
"""Instead of the header or footer that was not asked for; nothing would be the browser's own."""
_HEIGHT_JS: Final = "() => Math.ceil(document.documentElement.getBoundingClientRect().height)"


# What is fixed is printed on every page.
_MARK_JS: Final = """text => {
  const mark = document.createElement("div");
  mark.textContent = text;
  mark.style.cssText = "all: initial; position: fixed; top: 40%; left: 10%; transform: rotate(-30deg);"
    + "z-index: 2147483647; font: bold 72px sans-serif; color: rgba(128, 128, 128, 0.35)";
  document.documentElement.append(mark);
}"""


class _Printed(msgspec.Struct, frozen=True):
    data: bytes


async def print_page(
    page: Page, options: PdfOptions, browser: Emulation, mark: str | None, timeout_s: float
) -> Picture:
    """Print a page that is ready for it, with mark across; the size told is that of its paper in CSS pixels.

    Raises NothingToShow, PageMoved.
    """
    if mark is not None:
        await page.run(_MARK_JS, [mark], timeout_s, msgspec.Raw)
    width_in, height_in = options.width_in, options.height_in
    if options.landscape:
        width_in, height_in = height_in, width_in
    margins = options.margins
    params: dict[str, Any] = {
        "printBackground": options.background,
        "scale": options.scale,
        "paperWidth": width_in,
        "paperHeight": height_in,
        "marginTop": margins.top,
        "marginRight": margins.right,
        "marginBottom": margins.bottom,
        "marginLeft": margins.left,
        "pageRanges": options.page_ranges,
        "preferCSSPageSize": options.prefer_css_page_size,
        "displayHeaderFooter": options.header is not None or options.footer is not None,
        "headerTemplate": options.header or _EMPTY,
        "footerTemplate": options.footer or _EMPTY,
    }
    if options.one_page:
        inner_px = (width_in - margins.left - margins.right) * CSS_PX_PER_IN / options.scale
        height_in = await _whole_height_in(page, inner_px, options, browser, timeout_s)
        params |= {"paperHeight": height_in, "pageRanges": "1"}
    try:
        printed = await page.stay(page.session.call("Page.printToPDF", params, timeout_s, _Printed))
    except AnswerTooBig as exc:
        raise NothingToShow("The PDF is too large a file to be handled; print fewer pages.") from exc
    except CallRefused as exc:
        raise NothingToShow(f"The page could not be printed: {exc.message}.") from exc
    if not printed.data.startswith(b"%PDF-") or b"%%EOF" not in printed.data[-32:]:
        raise NothingToShow("The browser could not print the page.")
    return Picture(printed.data, round(width_in * CSS_PX_PER_IN), round(height_in * CSS_PX_PER_IN))


async def _whole_height_in(
    page: Page, inner_px: float, options: PdfOptions, browser: Emulation, timeout_s: float
) -> float:
    """Return how tall paper must be for all of the page, laid out as it will be printed."""
    metrics = {"width": max(1, round(inner_px)), "height": 1, "deviceScaleFactor": 1, "mobile": False}
    await page.session.call("Emulation.setDeviceMetricsOverride", metrics, timeout_s)
    # Each such call says all of what is emulated.
    as_printed = replace(browser, media=browser.media or MediaType.PRINT)
    await page.session.call("Emulation.setEmulatedMedia", media_of(as_printed), timeout_s)
    height_px = await page.run(_HEIGHT_JS, [], timeout_s, float)
    # One pixel more: what is rounded up would begin another page.
    content_in = (height_px + 1) * options.scale / CSS_PX_PER_IN
    return min(LARGEST_IN, content_in + options.margins.top + options.margins.bottom)
