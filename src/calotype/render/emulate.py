"""What the page is told about the browser it runs in, and what it is not allowed to do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import msgspec

from calotype.capture.emulation import Emulation
from calotype.capture.errors import InvalidRequest
from calotype.capture.negative import Negative
from calotype.capture.network import Cookie
from calotype.render.cdp import CallRefused, Session
from calotype.render.pool import Tab

TOUCH_POINTS = 5
"""What phones report."""


_FIELDS: Final = {
    "Emulation.setLocaleOverride": "browser.locale",
    "Emulation.setTimezoneOverride": "browser.timezone",
    "Emulation.setUserAgentOverride": "browser.user_agent",
}
"""Calls that the browser refuses for what the caller wants to have said -> the field that says it."""


class _Dialog(msgspec.Struct, frozen=True):
    type: str


async def emulate(tab: Tab, negative: Negative, timeout_s: float) -> None:
    """Dress the blank tab as negative asks; to be called before the page is loaded.

    Raises InvalidRequest for what the browser does not know.
    """
    session, viewport = tab.session, negative.viewport
    metrics = {
        "width": viewport.width_px,
        "height": viewport.height_px,
        "deviceScaleFactor": viewport.device_scale_factor,
        "mobile": viewport.mobile,
        "screenWidth": viewport.width_px,
        "screenHeight": viewport.height_px,
    }
    no_downloads = {"behavior": "deny", "browserContextId": tab.context_id}
    # A page that has a dialog open stands still; nobody is there to answer, so all are dismissed.
    # A page that may not be left would stand still too, so that one question is answered with yes.
    session.on("Page.javascriptDialogOpening", _Dialog, lambda dialog: _answer(tab, dialog))
    calls = [
        session.call("Emulation.setDeviceMetricsOverride", metrics, timeout_s),
        tab.browser.call("Browser.setDownloadBehavior", no_downloads, timeout_s),
        ignore_input(session, timeout_s),
        # A window without input has no focus either, and of several pages only one would have it.
        session.call("Emulation.setFocusEmulationEnabled", {"enabled": True}, timeout_s),
        *dressing(session, negative, timeout_s),
    ]
    if viewport.mobile:
        touch = {"enabled": True, "maxTouchPoints": TOUCH_POINTS}
        calls.append(session.call("Emulation.setTouchEmulationEnabled", touch, timeout_s))
    if negative.browser.geolocation is not None:
        granted = {"permissions": ["geolocation"], "browserContextId": tab.context_id}
        calls.append(tab.browser.call("Browser.grantPermissions", granted, timeout_s))
    try:
        await asyncio.gather(*calls)
    except CallRefused as exc:
        # Only the browser knows all zones and languages that it knows.
        if exc.method not in _FIELDS:
            raise
        raise InvalidRequest(_FIELDS[exc.method], "is not known to the browser", "give another") from exc


async def ignore_input(session: Session, timeout_s: float, *, ignore: bool = True) -> None:
    """Keep from the page what the browser's window makes up: a mouse at (0, 0), over whatever lies there."""
    await session.call("Input.setIgnoreInputEvents", {"ignore": ignore}, timeout_s)


def dressing(session: Session, negative: Negative, timeout_s: float) -> list[Coroutine[Any, Any, None]]:
    """Return the calls that tell one frame's process what negative says of the browser."""
    browser = negative.browser
    calls = [session.call("Emulation.setEmulatedMedia", media_of(browser), timeout_s)]
    # Of locale and user agent each is part of what the other's header says.
    if browser.user_agent is not None or browser.locale is not None:
        agent = {"userAgent": browser.user_agent or "", "acceptLanguage": browser.locale or ""}
        calls.append(session.call("Emulation.setUserAgentOverride", agent, timeout_s))
    if browser.locale is not None:
        calls.append(session.call("Emulation.setLocaleOverride", {"locale": browser.locale}, timeout_s))
    if browser.timezone is not None:
        zone = {"timezoneId": browser.timezone}
        calls.append(session.call("Emulation.setTimezoneOverride", zone, timeout_s))
    if browser.geolocation is not None:
        place = browser.geolocation
        where = {"latitude": place.latitude, "longitude": place.longitude, "accuracy": place.accuracy_m}
        calls.append(session.call("Emulation.setGeolocationOverride", where, timeout_s))
    if negative.network.bypass_csp:
        calls.append(session.call("Page.setBypassCSP", {"enabled": True}, timeout_s))
    return calls


def media_of(browser: Emulation) -> dict[str, Any]:
    """Return what style sheets are to be told, as the protocol spells it."""
    features = [{"name": "prefers-color-scheme", "value": "dark" if browser.dark_mode else "light"}]
    if browser.reduced_motion:
        features.append({"name": "prefers-reduced-motion", "value": "reduce"})
    media: dict[str, Any] = {"features": features}
    return media if browser.media is None else {**media, "media": browser.media.value}


async def set_cookies(tab: Tab, negative: Negative, url: str | None, timeout_s: float) -> None:
    """Put the caller's cookies into the tab's own jar, before anything is asked of any server.

    Raises InvalidRequest for one that the browser refuses.
    """
    jar = {"browserContextId": tab.context_id}
    # One by one, so that the browser says which of them it refuses.
    setting = [
        tab.browser.call("Storage.setCookies", {**jar, "cookies": [_cookie(cookie, url)]}, timeout_s)
        for cookie in negative.network.cookies
    ]
    for number, refused in enumerate(await asyncio.gather(*setting, return_exceptions=True)):
        if isinstance(refused, CallRefused):
            remedy = "see to its path, to its length, and to what its name's prefix demands"
            field = f"network.cookies[{number}]"
            raise InvalidRequest(field, "is no cookie that the browser takes", remedy) from refused
        if isinstance(refused, BaseException):
            raise refused


def _cookie(cookie: Cookie, url: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": cookie.name,
        "value": cookie.value,
        "path": cookie.path,
        "secure": cookie.secure,
        "httpOnly": cookie.http_only,
    }
    if cookie.domain is not None:
        told["domain"] = cookie.domain
    elif url is not None:
        # The browser takes host and nothing else from it, so that the cookie is this host's alone.
        told["url"] = url
    if cookie.expires_s is not None:
        told["expires"] = cookie.expires_s
    if cookie.same_site is not None:
        told["sameSite"] = cookie.same_site.value
    return told


def _answer(tab: Tab, dialog: _Dialog) -> None:
    tab.session.post("Page.handleJavaScriptDialog", {"accept": dialog.type == "beforeunload"})
