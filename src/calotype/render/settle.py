"""Waiting until a page that has loaded has come to rest, and no longer than it is worth.

A page with nothing under way costs one call and three frames. Only what is seen to be active is waited on,
and all of that together for PATIENCE_S at most; the verdict says what had not come by then.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from calotype.capture.output import Area, AreaKind
from calotype.capture.verdict import Cut, SettledBy
from calotype.clock import Deadline
from calotype.render.page import Page
from calotype.render.traffic import PICTURES

log = logging.getLogger("calotype.render")

PATIENCE_S: Final = 5.0
"""How long a page that has otherwise loaded may hold up its picture. One image that never
ends is left out of the picture; it does not make a timeout of it."""
PAINT_PATIENCE_MS: Final = 1000
"""How much of that goes to a page whose elements go on changing: one that does so for ever is common."""
CALM_MS: Final = 100
"""A page that was busy has come to rest when it has changed nothing for this long. Frames come every 16 ms,
and what waits for an answer goes on in the same moment or at its next timer."""
LONG_POLL_S: Final = 2.0
"""A fetch that is open for longer is held by its server until there is news; so we take it."""

_LOOK_JS: Final = f"""async (area, patienceMs, active, freeze, pending, broken, refused) => {{
  const of = (name, root) => Reflect.get(Document.prototype, name, root);
  // By the prototypes, since an element named "querySelectorAll" hides the document's own.
  const all = (root, css) => [...(root.nodeType === 9 ? Document : root.nodeType === 11 ? DocumentFragment
    : Element).prototype.querySelectorAll.call(root, css)];
  const enough = new Promise(over => setTimeout(over, patienceMs, "impatient"));
  const frame = () => new Promise(drawn => requestAnimationFrame(drawn));
  const pause = ms => new Promise(later => setTimeout(later, ms));
  const top = document.scrollingElement || of("documentElement", document);
  const find = css => Document.prototype.querySelector.call(document, css);
  const root = area.kind === "element" ? find(area.selector) : document;
  if (!root) return {{by: "quiet", unfinished: 0, awaited: [], height: 0}};

  // What of the page is in the picture, from the top left of the viewport.
  const pictured = () => {{
    const box = (left, top, right, bottom) => ({{left, top, right, bottom}});
    switch (area.kind) {{
      case "viewport": return box(0, 0, innerWidth, innerHeight);
      case "clip": return box(area.clip.x - scrollX, area.clip.y - scrollY,
        area.clip.x + area.clip.width - scrollX, area.clip.y + area.clip.height - scrollY);
      case "element": return Element.prototype.getBoundingClientRect.call(root);
      default: return box(-scrollX, -scrollY, Infinity, area.maxHeight - scrollY);
    }}
  }};
  const shows = (element, place) => {{
    const box = Element.prototype.getBoundingClientRect.call(element);
    const left = box.left + place.x, top = box.top + place.y;
    const right = left + box.width, bottom = top + box.height;
    // What has not come yet may have no size.
    const meets = box.width && box.height ? (a, b) => a > b : (a, b) => a >= b;
    return meets(right, place.seen.left) && left < place.seen.right
      && meets(bottom, place.seen.top) && top < place.seen.bottom
      && Element.prototype.checkVisibility.call(element, {{visibilityProperty: true}});
  }};
  // Documents and open shadow roots, each with where its coordinates begin and what of it is in the picture.
  const places = () => {{
    const found = [];
    const visit = (root, x, y, seen) => {{
      const elements = root.nodeType === 1 ? [root, ...all(root, "*")] : all(root, "*");
      const place = {{root, elements, x, y, seen}};
      found.push(place);
      for (const element of elements) {{
        if (element.shadowRoot?.nodeType === 11) visit(element.shadowRoot, x, y, seen);
        if (element.localName !== "iframe" || !shows(element, place)) continue;
        if (element.loading === "lazy") element.loading = "eager";
        const inner = element.contentDocument;  // null in a frame of another origin
        if (!inner) continue;
        const box = element.getBoundingClientRect(), left = x + box.left, top = y + box.top;
        visit(inner, left + element.clientLeft, top + element.clientTop, {{
          left: Math.max(seen.left, left), top: Math.max(seen.top, top),
          right: Math.min(seen.right, left + box.width), bottom: Math.min(seen.bottom, top + box.height),
        }});
      }}
    }};
    visit(root, 0, 0, pictured());
    return found;
  }};
  const images = places => places.flatMap(place =>
    place.elements.filter(element => element.localName === "img" && shows(element, place)));
  const undecodable = new Map();
  const ready = async image => {{
    if (!image.complete) await new Promise(ended => {{
      image.addEventListener("load", ended); image.addEventListener("error", ended);
    }});
    const source = image.currentSrc;
    await image.decode().catch(() => undecodable.set(image, source));
  }};
  // Not document.fonts.ready: that waits for the page's load event as well.
  const fonts = async places => {{
    for (const {{root}} of places) for (;;) {{
      const set = of("fonts", root.nodeType === 9 ? root : root.ownerDocument);
      const loading = Array.from(set).filter(face => face.status === "loading");
      if (!loading.length) break;
      await Promise.all(loading.map(face => face.loaded.catch(() => null)));
      await frame();
    }}
  }};
  // To the end, where what fades in is there; what has no end goes back to its beginning.
  const still = () => {{
    for (const animation of Document.prototype.getAnimations.call(document)) {{
      // What moves with scrolling stands still by itself, where it belongs.
      if (!(animation.timeline instanceof DocumentTimeline)) continue;
      try {{ animation.finish(); }} catch (endless) {{
        try {{ animation.pause(); animation.currentTime = 0; }} catch (odd) {{ /* as it is, then */ }}
      }}
    }}
    for (const media of all(document, "video, audio")) media.pause();
    if (globalThis.calotypeStill) return;
    globalThis.calotypeStill = true;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* {{ caret-color: transparent !important; scroll-behavior: auto !important }}");
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }};
  let changes = 0;
  const observer = new MutationObserver(records => {{ changes += records.length; }});
  const observe = root =>
    observer.observe(root, {{subtree: true, childList: true, characterData: true, attributes: true}});
  const changed = () => {{ changes += observer.takeRecords().length; return changes > 0; }};
  const calm = async until => {{
    do {{ changes = 0; await pause({CALM_MS}); }} while (changed() && performance.now() < until);
  }};

  let stage = "paint", last = null;
  const rest = async () => {{
    observe(document);
    await frame();
    let until = performance.now() + {PAINT_PATIENCE_MS};
    if (active) await calm(until);
    for (;;) {{
      let seen = places(), wanted = images(seen);
      for (const image of wanted) if (image.loading === "lazy") image.loading = "eager";
      stage = "fonts"; await fonts(seen);
      stage = "images"; await Promise.all(wanted.map(ready));
      stage = "fonts"; await fonts(seen);
      stage = "paint"; last = seen;
      for (const {{root}} of seen) if (root !== document && root.nodeType !== 1) observe(root);
      if (freeze) still();
      observer.takeRecords();
      changes = 0;
      await frame(); await frame();
      if (!changed()) return "quiet";
      if (performance.now() > until) return "paint";
      await calm(until);
    }}
  }};
  if (area.kind === "element") {{
    const block = root.getBoundingClientRect().height > innerHeight ? "start" : "center";
    root.scrollIntoView({{block, inline: "center", behavior: "instant"}});
  }}
  const ended = patienceMs > 0 ? await Promise.race([rest(), enough]) : "impatient";
  if (ended === "impatient" && freeze) still();
  observer.disconnect();

  const isBroken = image => !image.naturalWidth || undecodable.get(image) === image.currentSrc;
  const seen = ended === "quiet" ? last : places();
  const unfinished = images(seen).filter(image =>
    (!image.complete || (image.currentSrc && isBroken(image))) && !refused.includes(image.currentSrc));
  const absolute = ({{href, baseURI}}) => {{
    try {{ return href.baseVal && new URL(href.baseVal, baseURI).href; }} catch (none) {{ return ""; }}
  }};
  // The other images are found by what they are asked for, which only matters where something is amiss.
  const awaited = new Set(); let others = 0;
  if (pending.length || broken.length) for (const place of seen) for (const element of place.elements) {{
    if (element.localName === "img" || !shows(element, place)) continue;
    const urls = new Set([element.poster, absolute(element), element.type === "image" ? element.src : ""]);
    for (const part of [null, "::before", "::after"]) {{
      const style = getComputedStyle(element, part);
      const {{backgroundImage, borderImageSource, maskImage, listStyleImage, content}} = style;
      const said = [backgroundImage, borderImageSource, maskImage, listStyleImage, content].join();
      for (const [, url] of said.matchAll(/url\\("([^"]*)"\\)/g)) urls.add(url);
    }}
    for (const url of urls) {{
      if (!url || !(pending.includes(url) || broken.includes(url))) continue;
      others += 1;
      if (pending.includes(url)) awaited.add(url);
    }}
  }}
  return {{
    by: ended === "impatient" ? stage : ended,
    unfinished: unfinished.length + others, awaited: [...awaited], height: top.scrollHeight,
  }};
}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """How a page came to rest: the part of the verdict that only the waiting knows."""

    settled_by: SettledBy
    cut: Cut | None = None
    unfinished_images: int = 0

    def but(self, *, cut: Cut | None, idle: bool) -> Rest:
        """Return the same, for a page that ran into cut before, and whose network fell idle or did not."""
        return replace(self, cut=cut or self.cut, settled_by=self.settled_by if idle else SettledBy.NETWORK)


class _Look(msgspec.Struct, frozen=True):
    by: SettledBy
    unfinished: int
    awaited: list[str]
    """Addresses of images in the picture that are under way, and of whose end the page is not told."""
    height: float


async def settled(page: Page, area: Area, deadline: Deadline, *, freeze: bool, network: bool = True) -> Rest:
    """Wait until what is in the picture has come and nothing changes any more; for PATIENCE_S at most.

    Lazy images in the picture are loaded although nobody scrolls to them. Without network, requests of the
    page's scripts are not waited for.
    """
    patience = Deadline.after(int(min(PATIENCE_S, deadline.remaining_s() / 2) * 1000))
    by: SettledBy | None = None
    again = True
    active, awaited, known = False, frozenset[str](), frozenset[str]()
    while True:
        if by is None and network and not is_quiet(page):
            active = True
            if not await quiet(page, patience):
                by = SettledBy.NETWORK
        if by is None and awaited and not await _arrived(page, awaited, patience):
            by = SettledBy.IMAGES
        known |= page.traffic.images_amiss
        left_ms = 0 if by is not None else int(patience.remaining_s() * 1000)
        look = await _look(page, area, left_ms, deadline, active=active, freeze=freeze)
        if by is None and look.by is not SettledBy.QUIET:
            by = look.by
        awaited = frozenset(look.awaited)
        unseen = not page.traffic.images_amiss <= known
        if by is None and (unseen or awaited or (network and not is_quiet(page))):
            continue
        if by is not None and unseen and again:
            again = False  # Once: only to count what the page had not yet asked for when we looked.
            continue
        if by is None:
            # Nothing is left but polls, if that is what they are.
            by = SettledBy.NETWORK if network and not page.traffic.is_quiet(PICTURES) else SettledBy.QUIET
        if by is not SettledBy.QUIET:
            log.info("a page was pictured before its %s had come to rest", by.value)
        too_high = area.kind is AreaKind.FULL_PAGE and look.height > area.max_height_px
        return Rest(settled_by=by, cut=Cut.HEIGHT if too_high else None, unfinished_images=look.unfinished)


def is_quiet(page: Page) -> bool:
    """Say whether nothing is under way that may still change the page."""
    return page.traffic.is_quiet(PICTURES, LONG_POLL_S)


async def quiet(page: Page, patience: Deadline) -> bool:
    """Wait until is_quiet. Return False if patience ends first."""
    while not is_quiet(page):
        if patience.passed():
            return False
        # Nothing is told at the moment in which a request becomes a long poll.
        ages_in_s = page.traffic.ages_in_s(PICTURES, LONG_POLL_S)
        left_s = patience.remaining_s()
        with suppress(TimeoutError):
            async with asyncio.timeout(left_s if ages_in_s is None else min(left_s, ages_in_s)):
                await page.until(lambda: is_quiet(page))
    return True


async def _arrived(page: Page, urls: frozenset[str], patience: Deadline) -> bool:
    try:
        async with asyncio.timeout(patience.remaining_s()):
            await page.until(lambda: urls.isdisjoint(page.traffic.pending_images))
    except TimeoutError:
        return False
    return True


async def _look(
    page: Page, area: Area, left_ms: int, deadline: Deadline, *, active: bool, freeze: bool
) -> _Look:
    traffic = page.traffic
    arguments: list[Any] = [
        _spelt(area), left_ms, active, freeze,
        traffic.pending_images, traffic.broken_images, traffic.refused_images,
    ]  # fmt: skip
    return await page.run(_LOOK_JS, arguments, deadline.remaining_s(), _Look)


def _spelt(area: Area) -> dict[str, Any]:
    clip = area.clip
    return {
        "kind": area.kind.value,
        "selector": area.selector,
        "clip": clip and {"x": clip.x, "y": clip.y, "width": clip.width, "height": clip.height},
        "maxHeight": area.max_height_px,
    }
