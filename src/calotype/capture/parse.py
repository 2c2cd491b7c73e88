"""Plain nested mapping -> CaptureRequest: defaults filled, bounds checked, every fault named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from calotype.capture.emulation import MediaType
from calotype.capture.errors import InvalidRequest
from calotype.capture.expand import expand
from calotype.capture.fields import SECRET_GROUPS, Fields
from calotype.capture.negative import Negative, PageUrl, Viewport, Wait, WaitUntil
from calotype.capture.parse_browser import MAX_SELECTOR, parse_block, parse_browser, parse_network, parse_page
from calotype.capture.parse_output import parse_output
from calotype.capture.parse_target import parse_target
from calotype.capture.request import CaptureRequest
from calotype.capture.verdict import FailOn, parse_fail_on

DEFAULT_BUDGET_MS = 25_000
"""Clients hang up after 30 s; an answer, even a bad one, must have reached them by then."""
MAX_BUDGET_MS = 120_000
_MAX_SIDE_PX = 8_192
_MAX_VIEWPORT_PIXELS = 50_000_000
"""Image pixels of a viewport: 200 MB of bitmap in the browser, and as much again while it encodes."""
_MAX_DELAY_MS = 60_000
_MAX_FUNCTION = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCapture:
    """A request for a picture, and what is asked about it that does not change the picture."""

    request: CaptureRequest
    budget_ms: int
    """Milliseconds from arrival to answer, the wait in the queue included."""
    fail_on: FailOn
    unknown: list[str]
    """Paths of fields that mean nothing to us, to be refused in strict mode."""


def parse_capture(mapping: Mapping[str, object]) -> ParsedCapture:
    """Return what a mapping in the nested spelling asks for.

    Fields of groups that are read elsewhere (`cache`, `response_type`) are the caller's to
    take out first. Raises InvalidRequest naming the field, the fault and what is allowed.
    """
    return read_capture(Fields(expand(mapping)))


def read_capture(fields: Fields) -> ParsedCapture:
    """Return what fields ask for, presets and devices expanded. Raises InvalidRequest."""
    target = parse_target(fields)
    groups = {
        name: fields.inner(name, secret=name in SECRET_GROUPS)
        for name in ("viewport", "wait", "browser", "block", "page", "network", "output", "capture", "pdf")
    }
    wait, budget_ms = _wait(groups["wait"])
    negative = Negative(
        target=target,
        viewport=_viewport(groups["viewport"]),
        wait=wait,
        browser=parse_browser(groups["browser"]),
        block=parse_block(groups["block"]),
        page=parse_page(groups["page"]),
        network=parse_network(
            groups["network"], target.url if isinstance(target, PageUrl) else target.base_url
        ),
        freeze=groups["capture"].boolean("freeze", default=True),
        deterministic=groups["capture"].boolean("deterministic", default=False),
    )
    if negative.deterministic:
        # What is left open must not be the machine's to say; and nothing may move.
        zone, locale = negative.browser.timezone or "UTC", negative.browser.locale or "en-US"
        negative = replace(
            negative, freeze=True, browser=replace(negative.browser, timezone=zone, locale=locale)
        )
    output = parse_output(groups["output"], groups["capture"], groups["pdf"])
    if output.pdf is None and negative.browser.media is MediaType.SCREEN:
        # A picture is taken for it anyway. A PDF is first on the screen and then on paper: no such default.
        negative = replace(negative, browser=replace(negative.browser, media=None))
    fail_on = parse_fail_on(fields.texts("fail_on", max_items=32))
    return ParsedCapture(
        request=CaptureRequest(negative=negative, output=output),
        budget_ms=budget_ms,
        fail_on=fail_on,
        unknown=fields.unknown(),
    )


def _viewport(group: Fields) -> Viewport:
    viewport = Viewport(
        width_px=group.integer("width", Viewport().width_px, 1, _MAX_SIDE_PX),
        height_px=group.integer("height", Viewport().height_px, 1, _MAX_SIDE_PX),
        device_scale_factor=group.number("scale", 1.0, 0.25, 4.0),
        mobile=group.boolean("mobile", default=False),
    )
    pixels = viewport.width_px * viewport.height_px * viewport.device_scale_factor**2
    if pixels > _MAX_VIEWPORT_PIXELS:
        raise InvalidRequest(
            "viewport",
            f"makes a picture of {pixels / 1e6:.0f} megapixels",
            f"width * height * scale * scale may be up to {_MAX_VIEWPORT_PIXELS / 1e6:.0f} million",
        )
    return viewport


def _wait(group: Fields) -> tuple[Wait, int]:
    wait = Wait(
        until=group.choice("until", WaitUntil.LOAD),
        selector=group.text("for_selector", MAX_SELECTOR),
        function=group.text("for_function", _MAX_FUNCTION),
        delay_ms=group.integer("delay", 0, 0, _MAX_DELAY_MS),
    )
    return wait, group.integer("timeout", DEFAULT_BUDGET_MS, 1, MAX_BUDGET_MS)
