"""Pages with what visitors do not come for: ads, trackers, consent banners, chat widgets.

Each is green, but for what is unwanted, which is red. Hosts are real names, which the tests' resolver
sends to the site itself: nothing of this leaves the machine. None is of those that browsers know to speak
https only, which the site does not.
"""

from __future__ import annotations

GREEN_PAGE = "<!doctype html><title>Wanted</title><body style='margin:0;background:#0f0'>"
RED_BOX = "position:fixed;left:0;bottom:0;width:200px;height:100px;background:#f00"
PAINT_RED = "document.body.style.background = '#f00'"


def with_ads(port: int) -> str:
    """An ad by script, a picture, a frame, and places for ads that the page itself fills."""
    return (
        f"{GREEN_PAGE}<script src='http://securepubads.g.doubleclick.net:{port}/paint.js'></script>"
        f"<img src='http://ib.adnxs.com:{port}/image?colour=ff0000'>"
        f"<iframe src='http://ads.pubmatic.com:{port}/red' width=200 height=100></iframe>"
        f"<ins class=adsbygoogle data-ad-client=ca-pub-1 style='{RED_BOX}'></ins>"
    )


def with_trackers(port: int) -> str:
    """Analytics by script, by pixel and by fetch; a page shows none of it, unless it paints."""
    return (
        f"{GREEN_PAGE}<script src='http://static.chartbeat.com:{port}/paint.js'></script>"
        f"<img src='http://sb.scorecardresearch.com:{port}/image?colour=ff0000'>"
        f"<script>fetch('http://api.crazyegg.com:{port}/track', {{mode: 'no-cors'}})</script>"
    )


def with_chat(port: int) -> str:
    """A widget that a script of another host brings, and the boxes of others that are there already."""
    return (
        f"{GREEN_PAGE}<script src='http://static.olark.com:{port}/paint.js'></script>"
        f"<div id=hubspot-messages-iframe-container style='{RED_BOX}'></div>"
        f"<div class=crisp-client><div style='{RED_BOX};left:200px'></div></div>"
    )


def _says(word: str) -> str:
    """A handler that tells the site which button it was, and takes the banner away."""
    told = f'const told = new XMLHttpRequest(); told.open("GET", "/said/{word}", false); told.send()'
    return f'{told}; document.querySelector("[data-banner]").remove()'


COVER = "position:fixed;inset:0;background:#f00"


def _banner(markup: str) -> str:
    return f"<div data-banner>{markup}</div>"


ONETRUST = _banner(
    f"<div id=onetrust-consent-sdk><div id=onetrust-banner-sdk style='{COVER}'>We use cookies"
    f"<button id=onetrust-accept-btn-handler onclick='{_says('accept')}'>Accept all</button>"
    f"<button id=onetrust-reject-all-handler onclick='{_says('reject')}'>Reject all</button></div></div>"
)
DIDOMI = _banner(
    f"<div id=didomi-host><div id=didomi-notice style='{COVER}'>We and our partners"
    f"<button id=didomi-notice-agree-button onclick='{_says('accept')}'>Agree</button>"
    f"<button id=didomi-notice-disagree-button onclick='{_says('reject')}'>Disagree</button></div></div>"
)
COOKIEBOT = (
    _banner(
        f"<div id=CybotCookiebotDialog style='{COVER}'>This site uses cookies"
        "<button id=CybotCookiebotDialogBodyLevelButtonLevelOptinAllowAll"
        f" onclick='{_says('accept')}'>Allow</button>"
        "<button id=CybotCookiebotDialogBodyLevelButtonLevelOptinDeclineAll"
        f" onclick='{_says('reject')}'>Deny</button></div>"
    )
    + "<script>window.Cookiebot = {hasResponse: false, dialog: {visible: true}}</script>"
)
"""It is known by what its script leaves among the page's own, and not by its looks."""
PIANO = _banner(
    f"<div id=piano-cookie_banner style='{COVER}'>Cookies"
    f"<button data-acceptance-button onclick='{_says('accept')}'>OK</button>"
    f"<button data-close-button onclick='{_says('reject')}'>x</button></div>"
)
"""One that stands in a frame of its own."""
UNKNOWN = _banner(
    f"<div role=dialog style='{COVER};z-index:9999'><p>We use cookies to personalise content and ads.</p>"
    f"<button onclick='{_says('accept')}'>Accept all cookies</button>"
    f"<button onclick='{_says('reject')}'>Reject all</button></div>"
)
NO_CHOICE = _banner(
    f"<div id=cookie-notice style='{COVER}'>We use cookies. <button onclick='{_says('accept')}'>OK</button>"
    "</div>"
)
STUBBORN = (
    f"<div id=onetrust-consent-sdk><div id=onetrust-banner-sdk style='{COVER}'>We use cookies"
    "<button id=onetrust-accept-btn-handler>Accept all</button></div></div>"
)
"""It offers nothing but to accept, and goes for nothing."""
NO_BANNER = _banner(
    f"<div role=dialog style='{RED_BOX};z-index:9999'><p>Delete this document for good?</p>"
    f"<button onclick='{_says('accept')}'>Delete</button>"
    f"<button onclick='{_says('reject')}'>Reject</button></div>"
)


def with_banner(banner: str, *, late_ms: int = 0, locked: bool = False) -> str:
    """A page that asks for consent, at once or some time after load, and may be kept from scrolling."""
    lock = "<style>html, body { overflow: hidden } body { position: fixed; width: 100%; top: 0 }</style>"
    tail = "<div style='height:2000px'></div><div style='height:100px;background:#00f'></div>"
    shown = banner
    if late_ms:
        shown = (
            f"<template>{banner}</template><script>addEventListener('load', () => setTimeout(() => "
            "document.body.append(document.querySelector('template').content.cloneNode(true)), "
            f"{late_ms}))</script>"
        )
    return f"{GREEN_PAGE}{lock if locked else ''}{shown}{tail if locked else ''}"
