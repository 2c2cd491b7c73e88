"""Whether browser, fonts and lists are as captures want them: found by trying, not by asking."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from calotype.capture.blocking import Unwanted
from calotype.capture.negative import HtmlDocument, Negative, Viewport
from calotype.capture.output import Area, AreaKind, Output
from calotype.capture.renderer import Renderer
from calotype.capture.request import CaptureRequest
from calotype.capture.result import Capture
from calotype.clock import Deadline
from calotype.errors import CalotypeError, ConfigurationError
from calotype.findings import Finding, State
from calotype.render.cdp import CdpError
from calotype.render.find import REMEDY, find_browser
from calotype.render.lists import Origin, find_lists
from calotype.render.process import SMALL_SHM_BYTES, Launcher, LaunchFailed, shared_memory_bytes
from calotype.render.settings import BrowserSettings

CAPTURE_MS: Final = 30_000
"""For one small picture, the launch included."""
_UNASSIGNED: Final = "\u0378\u0379"
"""Characters that no font has: what they look like is what is missing looks like."""
_SCRIPTS: Final = (
    ("Latin text", "Ag", "fonts-noto-core"),
    ("Arabic and Hebrew text", "شא", "fonts-noto-core"),
    ("Hindi and Thai text", "हก", "fonts-noto-core"),
    ("Chinese, Japanese and Korean text", "漢한", "fonts-noto-cjk"),
)
_DIGITS_PX: Final = 222
"""How wide ten digits of 40 px are in Arial, and in every font that is made to stand in for it."""
_EMOJI: Final = "😀🚀"
_SWITCHES: Final = {
    Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"): 0,
    Path("/proc/sys/kernel/unprivileged_userns_clone"): 1,
}
"""What a kernel keeps user namespaces from everybody with, and the value with which it does not."""


class _Version(msgspec.Struct, frozen=True):
    product: str


async def examine_browser(settings: BrowserSettings) -> AsyncIterator[Finding]:
    """Start the browser, and say what it is and what holds it."""
    try:
        binary = find_browser(settings.binary)
    except ConfigurationError as exc:
        yield Finding("browser", State.BROKEN, str(exc), REMEDY)
        return
    started = time.monotonic()
    try:
        browser = await Launcher(binary, settings).start()
    except (LaunchFailed, OSError) as exc:
        yield Finding("browser", State.BROKEN, f"{binary} does not start: {exc}", REMEDY)
        return
    seconds = time.monotonic() - started
    try:
        call = browser.connection.browser.call
        product = (await call("Browser.getVersion", {}, settings.open_timeout_s, _Version)).product
    except CdpError as exc:
        yield Finding("browser", State.BROKEN, f"{binary} does not answer: {exc}", REMEDY)
        return
    finally:
        await browser.stop()
    yield Finding("browser", State.OK, f"{product}, {binary}, started in {seconds:.1f} s")
    who = f"as user {browser.user}" if browser.user else "as the user that the server runs as"
    if browser.sandboxed:
        yield Finding("sandbox", State.OK, f"on, {who}")
    else:
        yield Finding("sandbox", State.WARNING, f"off, {who}", _sandbox_remedy())


async def examine_pictures(renderer: Renderer) -> AsyncIterator[Finding]:
    """Take pictures, and tell from them what the fonts can draw."""
    try:
        green, red = [await _picture(renderer, f"<body style='background:{c}'>") for c in ("#0f0", "#f00")]
    except CalotypeError as exc:
        yield Finding("picture", State.BROKEN, f"none could be taken: {exc}", REMEDY)
        return
    if green == red:
        what = "a green page and a red one look the same"
        yield Finding("picture", State.BROKEN, what, f"try another browser: {REMEDY}")
        return
    yield Finding("picture", State.OK, "a page was pictured as it is")
    missing = await _text(renderer, _UNASSIGNED)
    for name, sample, package in _SCRIPTS:
        if await _text(renderer, sample) == missing:
            what = f"{name} is pictured as empty boxes"
            yield Finding("fonts", State.WARNING, what, f"apt-get install {package}")
        else:
            yield Finding("fonts", State.OK, f"{name} can be drawn")
    width_px = await _digits_px(renderer)
    if abs(width_px - _DIGITS_PX) <= 1:
        yield Finding("fonts", State.OK, "text is as wide as in Arial where pages ask for that")
    else:
        what = f"text in Arial is {width_px / _DIGITS_PX:.0%} as wide as it should be, and breaks elsewhere"
        yield Finding("fonts", State.WARNING, what, "apt-get install fonts-liberation")
    # Those that have colours of their own look alike in whatever colour the text is.
    if await _text(renderer, _EMOJI) == await _text(renderer, _EMOJI, "#00f"):
        yield Finding("fonts", State.OK, "emoji can be drawn, in colour")
    else:
        what = "emoji are pictured in black and white, or as empty boxes"
        yield Finding("fonts", State.WARNING, what, "apt-get install fonts-noto-color-emoji")


def examine_memory() -> Finding:
    """Say whether pages have the shared memory that they like best."""
    size = shared_memory_bytes()
    found = f"there are {size / 2**20:,.0f} MiB for browsers to share"
    if sys.platform == "darwin" or size >= SMALL_SHM_BYTES:
        return Finding("shared memory", State.OK, found)
    what = f"{found}, so pages use files instead, which is slower"
    return Finding("shared memory", State.WARNING, what, "start the container with --shm-size=1g")


def examine_lists(own: Path | None) -> list[Finding]:
    """Say which filter lists are used, and of what day they are."""
    return [_lists(kind, own) for kind in Unwanted]


def _lists(kind: Unwanted, own: Path | None) -> Finding:
    lists, subject = find_lists(kind, own), f"lists of {kind.value.replace('_', ' ')}"
    try:
        lists.read()
        # Ours are as old as this version, whenever it was installed.
        day = "" if lists.origin is Origin.BUILT_IN else f", the newest of {lists.newest}"
        what = f"{len(lists.files)}, {lists.origin.value}{day}"
    except OSError as exc:
        remedy = f"make {exc.filename or 'the lists'} readable for the server, or unset CALOTYPE_BLOCK_LISTS"
        return Finding(subject, State.WARNING, f"they cannot be read: {exc.strerror}", remedy)
    if lists.origin is Origin.BUILT_IN and kind in (Unwanted.ADS, Unwanted.TRACKERS):
        remedy = "`make setup`, or put lists into a folder and name it in CALOTYPE_BLOCK_LISTS"
        return Finding(subject, State.WARNING, what, remedy)
    return Finding(subject, State.OK, what)


async def _text(renderer: Renderer, text: str, colour: str = "#000") -> bytes:
    return await _picture(renderer, f"<body style='font:40px sans-serif;color:{colour}'>{text}")


async def _digits_px(renderer: Renderer) -> int:
    digits = Area(kind=AreaKind.ELEMENT, selector="span")
    html = f"<body style='font:40px Arial'><span>{'0' * 10}</span>"
    return (await _capture(renderer, html, Output(area=digits))).width_px


async def _picture(renderer: Renderer, html: str) -> bytes:
    return (await _capture(renderer, html, Output())).image


async def _capture(renderer: Renderer, html: str, output: Output) -> Capture:
    document = HtmlDocument(f"<!doctype html><meta charset=utf-8>{html}")
    viewport = Viewport(width_px=300, height_px=100)
    request = CaptureRequest(negative=Negative(target=document, viewport=viewport), output=output)
    return await renderer.render(request, Deadline.after(CAPTURE_MS))


def _sandbox_remedy() -> str:
    for switch, value in _SWITCHES.items():
        try:
            closed = int(switch.read_text()) != value
        except (OSError, ValueError):
            continue
        if closed:
            name = switch.relative_to("/proc/sys").as_posix().replace("/", ".")
            return f"sysctl -w {name}={value}"
    return "allow user namespaces; in a container by its seccomp profile, with the user nobody there"
