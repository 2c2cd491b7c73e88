"""Hides in every frame of a page what filters hide there, and closes the places left empty.

What comes later is hidden, too, as far as a rule names it by more than a class or an id; those are
asked for by the names that the document has when we look, so that it is looked at twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from calotype.capture.blocking import Unwanted
from calotype.capture.verdict import Dismissal, Verdict
from calotype.clock import Deadline
from calotype.render.cdp import CallRefused, CallTimeout, CdpError, Session
from calotype.render.consent import Consent
from calotype.render.filters import Filter, Hiding
from calotype.render.frames import Frames
from calotype.render.intercept import Interception
from calotype.render.page import Page
from calotype.render.world import FunctionThrew, call_in, open_world

log = logging.getLogger("calotype.render")

MAX_FRAMES: Final = 50
"""Frames that are looked into; what is in more of them nobody reads."""
FRAME_S: Final = 2.0
"""How long one frame may take; one that hangs is pictured as it is."""
NOWHERE: Final = "https://document.invalid/"
"""Where a document is that came with the request, to those who ask what holds at an address."""
MAX_NAMES: Final = 10_000
"""Classes, and as many ids, of a document that are asked about."""

_NAMES_JS: Final = f"""() => {{
  const classes = new Set(), ids = new Set();
  for (const element of document.querySelectorAll("[class], [id]")) {{
    if (element.id) ids.add(String(element.id));
    for (const name of element.classList) classes.add(name);
    if (classes.size > {MAX_NAMES} || ids.size > {MAX_NAMES}) break;
  }}
  return {{classes: [...classes], ids: [...ids]}};
}}"""

# A rule at a time: lists hold selectors that this browser cannot read. A page that a banner was on may have
# been kept from scrolling; that would cut off what is below.
_HIDE_JS: Final = """(hidden, banners, styles, leftOut, declined) => {
  const sheet = globalThis.calotypeSheet ??= new CSSStyleSheet();
  const known = globalThis.calotypeKnown ??= new Set();
  const rule = (css, style) => {
    if (known.has(css)) return;
    known.add(css);
    try { sheet.insertRule(`${css} { ${style} }`, sheet.cssRules.length); } catch (unreadable) {}
  };
  const shown = element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== "hidden";
  };
  const shows = css => {
    try {
      return [...document.querySelectorAll(css)].some(one => [one, ...one.children].some(shown));
    } catch (unreadable) { return false; }
  };
  const hadBanner = banners.some(shows);
  for (const css of [...hidden, ...banners]) rule(css, "display: none !important");
  for (const [css, style] of styles) rule(css, style);
  const sheets = document.adoptedStyleSheets;
  if (!sheets.includes(sheet)) document.adoptedStyleSheets = [...sheets, sheet];
  const missing = new Set(leftOut);
  for (const element of missing.size ? document.querySelectorAll("img, iframe, embed, object, video") : [])
    if (missing.has(element.currentSrc || element.src || element.data))
      element.style.setProperty("display", "none", "important");
  if (hadBanner || declined) {
    for (const element of [document.documentElement, document.body]) {
      if (!element) continue;
      const style = getComputedStyle(element);
      if (/hidden|clip/.test(style.overflowX + style.overflowY))
        element.style.setProperty("overflow", "visible", "important");
      if (element === document.body && style.position === "fixed")
        element.style.setProperty("position", "static", "important");
    }
  }
  return hadBanner;
}"""


class _Frame(msgspec.Struct, frozen=True):
    id: str
    url: str


class _Tree(msgspec.Struct, frozen=True, rename="camel"):
    frame: _Frame
    child_frames: list[_Tree] = msgspec.field(default_factory=list)


class _Trees(msgspec.Struct, frozen=True, rename="camel"):
    frame_tree: _Tree


class _Names(msgspec.Struct, frozen=True):
    classes: list[str]
    ids: list[str]


@dataclass(frozen=True, slots=True)
class Dismissed:
    """A consent banner that is not in the picture."""

    name: str
    """Of the product that asked, as autoconsent calls it; empty where that is not known."""
    how: Dismissal


class Hider:
    """Keeps out of the picture what the filters of one capture know."""

    def __init__(
        self,
        page: Page,
        frames: Frames,
        filters: Sequence[Filter],
        interception: Interception,
        consent: Consent | None,
    ) -> None:
        self._page, self._frames, self._filters = page, frames, filters
        self._interception, self._consent = interception, consent
        self._banner_hidden = False

    @property
    def dismissed(self) -> Dismissed | None:
        """The consent banner that was there, if one was."""
        if self._consent is not None and self._consent.declined is not None:
            return Dismissed(self._consent.declined, Dismissal.DECLINED)
        if self._banner_hidden:
            asked = "" if self._consent is None else self._consent.asked
            return Dismissed(asked, Dismissal.HIDDEN)
        return None

    def tell(self, verdict: Verdict) -> Verdict:
        """Return verdict with what became of the consent banner."""
        found = self.dismissed
        return (
            verdict
            if found is None
            else replace(verdict, consent_banner=found.how, consent_product=found.name)
        )

    async def decline(self) -> None:
        """Give a consent banner the time that declining takes; never fails, and has a budget of its own."""
        if self._consent is not None:
            await self._consent.settle()

    async def hide(self, deadline: Deadline) -> None:
        """Hide what is unwanted. Raises PageMoved when the document is replaced meanwhile."""
        if self._filters:
            await self._page.stay(self._hide(deadline))

    async def _hide(self, deadline: Deadline) -> None:
        trees = [(self._page.session, True), *((session, False) for session in self._frames.sessions)]
        timeout_s = min(FRAME_S, deadline.remaining_s())
        found = await asyncio.gather(*(self._frames_of(session, timeout_s) for session, _ in trees))
        places = [(session, frame) for (session, _), some in zip(trees, found, strict=True) for frame in some]
        await asyncio.gather(
            *(self._hide_in(session, frame, timeout_s) for session, frame in places[:MAX_FRAMES])
        )

    async def _frames_of(self, session: Session, timeout_s: float) -> list[_Frame]:
        try:
            trees = await session.call("Page.getFrameTree", {}, timeout_s, _Trees)
        except CdpError:
            return []
        return list(_flat(trees.frame_tree))

    async def _hide_in(self, session: Session, frame: _Frame, timeout_s: float) -> None:
        # What a page writes into a frame itself is of the page.
        url = frame.url if frame.url.startswith("http") else self._page.url
        url = url if url.startswith("http") else NOWHERE
        hidings = [(filter_, filter_.hiding(url)) for filter_ in self._filters]
        try:
            world = await open_world(session, frame.id, timeout_s)
            names = await call_in(session, world, _NAMES_JS, [], timeout_s, _Names)
            arguments = self._arguments(hidings, names)
            banner = await call_in(session, world, _HIDE_JS, arguments, timeout_s, bool)
        except (CallRefused, CallTimeout, FunctionThrew) as exc:
            # It left, or hangs; the rest of the page is pictured without what is unwanted.
            log.info("nothing was hidden in a frame: %s", exc)
            return
        self._banner_hidden = self._banner_hidden or banner

    def _arguments(self, hidings: list[tuple[Filter, Hiding]], names: _Names) -> list[Any]:
        hidden: list[str] = []
        banners = [] if self._consent is None else list(self._consent.leftovers)
        styles: list[tuple[str, str]] = []
        for filter_, hiding in hidings:
            into = banners if filter_.kind is Unwanted.COOKIE_BANNERS else hidden
            into.extend(hiding.selectors)
            if hiding.named:
                into.extend(filter_.named(names.classes, names.ids, hiding))
            styles.extend(hiding.styles)
        declined = self._consent is not None and self._consent.declined is not None
        return [hidden, banners, styles, sorted(self._interception.left_out), declined]


def _flat(tree: _Tree) -> Iterator[_Frame]:
    yield tree.frame
    for child in tree.child_frames:
        yield from _flat(child)
