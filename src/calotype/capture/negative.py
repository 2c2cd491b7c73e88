"""The negative: what the browser must do. What is made of it is the print, in output.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from calotype.capture.blocking import Blocking
from calotype.capture.emulation import Emulation
from calotype.capture.network import Network
from calotype.capture.retouch import Retouch


@dataclass(frozen=True, slots=True)
class PageUrl:
    """A page to be fetched: an absolute http or https URL as the WHATWG parser spells it."""

    url: str


@dataclass(frozen=True, slots=True)
class HtmlDocument:
    """A document that came with the request."""

    html: str
    base_url: str | None = None
    """Where relative links point, and document.baseURI; about:blank without it."""


@dataclass(frozen=True, slots=True)
class MarkdownDocument:
    """Markdown that came with the request, to be made a document of by markdown.py."""

    markdown: str
    edition: str
    """What makes it, from edition.py: the same Markdown in another edition is another picture."""
    css: str | None = None
    """A style sheet after the default one."""
    base_url: str | None = None
    """As of HtmlDocument."""


Document = HtmlDocument | MarkdownDocument
Target = PageUrl | Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewport:
    """The layout area of the page, in CSS pixels, before scaling.

    The image measures width_px * device_scale_factor across.
    """

    width_px: int = 1280
    height_px: int = 720
    device_scale_factor: float = 1.0
    mobile: bool = False
    """Honour the page's viewport meta tag, overlay the scroll bars, and report touch."""

    def __post_init__(self) -> None:
        # 2 and 2.0 are the same request, but a key would spell them apart.
        object.__setattr__(self, "device_scale_factor", float(self.device_scale_factor))


class WaitUntil(StrEnum):
    """The page state that a capture waits for first."""

    LOAD = "load"
    DOM_CONTENT_LOADED = "domcontentloaded"
    NETWORK_IDLE = "networkidle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What must have happened before the shot; fonts, images in view and two frames always."""

    until: WaitUntil = WaitUntil.LOAD
    selector: str | None = None
    """A CSS selector that must match."""
    function: str | None = None
    """A JavaScript expression, or a function, that must give something true."""
    delay_ms: int = 0
    """A pause after all else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """Everything the browser must do for one capture."""

    target: Target
    viewport: Viewport = field(default_factory=Viewport)
    wait: Wait = field(default_factory=Wait)
    browser: Emulation = field(default_factory=Emulation)
    block: Blocking = field(default_factory=Blocking)
    page: Retouch = field(default_factory=Retouch)
    network: Network = field(default_factory=Network)
    freeze: bool = True
    """Animations, transitions, the caret and videos stand still."""
    deterministic: bool = False
    """Clocks and chance are the same at every capture, and so is the picture."""
