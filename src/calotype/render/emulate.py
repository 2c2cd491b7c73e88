"""What the page is told about the browser it runs in, and what it is not allowed to do."""

from __future__ import annotations

import asyncio

import msgspec

from calotype.capture.negative import Negative
from calotype.render.pool import Tab

TOUCH_POINTS = 5
"""What phones report."""


class _Dialog(msgspec.Struct, frozen=True):
    type: str


async def emulate(tab: Tab, negative: Negative, timeout_s: float) -> None:
    """Dress the blank tab as negative asks; to be called before the page is loaded."""
    session, viewport = tab.session, negative.viewport
    metrics = {
        "width": viewport.width_px,
        "height": viewport.height_px,
        "deviceScaleFactor": viewport.device_scale_factor,
        "mobile": viewport.mobile,
        "screenWidth": viewport.width_px,
        "screenHeight": viewport.height_px,
    }
    scheme = "dark" if negative.browser.dark_mode else "light"
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    no_downloads = {"behavior": "deny", "browserContextId": tab.context_id}
    # A page that has a dialog open stands still; nobody is there to answer, so all are dismissed.
    # A page that may not be left would stand still too, so that one question is answered with yes.
    session.on("Page.javascriptDialogOpening", _Dialog, lambda dialog: _answer(tab, dialog))
    calls = [
        session.call("Emulation.setDeviceMetricsOverride", metrics, timeout_s),
        session.call("Emulation.setEmulatedMedia", media, timeout_s),
        tab.browser.call("Browser.setDownloadBehavior", no_downloads, timeout_s),
    ]
    if viewport.mobile:
        touch = {"enabled": True, "maxTouchPoints": TOUCH_POINTS}
        calls.append(session.call("Emulation.setTouchEmulationEnabled", touch, timeout_s))
    await asyncio.gather(*calls)


def _answer(tab: Tab, dialog: _Dialog) -> None:
    tab.session.post("Page.handleJavaScriptDialog", {"accept": dialog.type == "beforeunload"})
