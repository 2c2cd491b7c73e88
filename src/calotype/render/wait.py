"""Bringing a page to the state in which it is pictured; one deadline shared by all steps.

Every step here waits without a limit of its own, since the caller's deadline cuts them all
short, with two exceptions that must not cost a good picture: settling takes at most PATIENCE_S,
and a page that goes from one document to the next is followed MAX_MOVES times.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from calotype.capture.errors import InvalidRequest, NavigationFailed, TargetForbidden
from calotype.capture.negative import HtmlDocument, PageUrl, WaitUntil
from calotype.capture.output import Area
from calotype.capture.verdict import Cut, SettledBy
from calotype.clock import Deadline
from calotype.egress.proxy import EgressExit
from calotype.render.cdp import CallRefused, LoadCut
from calotype.render.intercept import Interception
from calotype.render.page import Page, ScriptFailed, endpoint_of, without_credentials

log = logging.getLogger("calotype.render")

PATIENCE_S: Final = 5.0
"""How long fonts and images may hold up a page that has otherwise loaded. One image that never
ends is left out of the picture; it does not make a timeout of it."""
QUIET_S: Final = 0.5
"""The network is idle when it has been so for this long; every browser tool says the same."""
MAX_MOVES: Final = 5
"""Documents that we follow a page to after the first has loaded."""
ABORTED: Final = "net::ERR_ABORTED"
BAD_GATEWAY: Final = 502
BODILESS: Final = frozenset({204, 205})
"""Answers that leave a browser where it is."""

MAX_TITLE: Final = 1000
"""Characters; pages have titled themselves with megabytes."""

# What follows runs in the page, in a world of its own. Reflect.get, because an element named
# "title" or "fonts" hides the document's own property, in every world.
_DOCUMENT = "const of = name => Reflect.get(Document.prototype, name, document);"
_FIND = "const find = css => Document.prototype.querySelector.call(document, css);"

_TITLE_JS: Final = f"() => {{ {_DOCUMENT} return String(of('title')).slice(0, {MAX_TITLE}); }}"

_MATCH_JS: Final = f"""async css => {{
  {_FIND}
  for (;;) {{
    try {{ if (find(css)) return "found"; }} catch (error) {{ return "invalid"; }}
    await new Promise(later => setTimeout(later, 50));
  }}
}}"""

_FUNCTION_JS: Final = """(async () => { for (;;) {
  const given = await (ASKED);
  if (typeof given === "function" ? await given() : given) return;
  await new Promise(later => setTimeout(later, 50));
} })()"""

_SETTLE_JS: Final = f"""async (kind, css, patienceMs, freeze) => {{
  {_DOCUMENT} {_FIND}
  const enough = new Promise(over => setTimeout(over, patienceMs, "impatient"));
  const frame = () => new Promise(drawn => requestAnimationFrame(drawn));
  const loaded = image => image.complete ? null : new Promise(ended => {{
    image.addEventListener("load", ended); image.addEventListener("error", ended);
  }});
  const ready = async image => {{ await loaded(image); await image.decode().catch(() => null); }};
  const inView = image => {{
    const box = image.getBoundingClientRect();
    return box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
  }};
  // Not document.fonts.ready: that waits for the page's load event as well.
  const fonts = async () => {{
    for (;;) {{
      const loading = Array.from(of("fonts")).filter(face => face.status === "loading");
      if (!loading.length) return;
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
    for (const media of document.querySelectorAll("video, audio")) media.pause();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* {{ caret-color: transparent !important; scroll-behavior: auto !important }}");
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }};
  const root = kind === "element" ? find(css) : of("documentElement");
  if (!root) return "absent";
  if (kind === "element") root.scrollIntoView({{block: "center", inline: "center", behavior: "instant"}});
  const settle = async () => {{
    await frame();
    const images = [...(root.matches("img") ? [root] : []), ...root.querySelectorAll("img")];
    const wanted = kind === "viewport" ? images.filter(inView) : images;
    for (const image of wanted) if (image.loading === "lazy") image.loading = "eager";
    await fonts();
    await Promise.all(wanted.map(ready));
    await fonts();
    if (freeze) still();
    await frame(); await frame();
    return "settled";
  }};
  return Promise.race([settle(), enough]);
}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """How a page came to rest: the part of the verdict that only the waiting knows."""

    settled_by: SettledBy
    cut: Cut | None = None
    unfinished_images: int = 0


class _Arrival(msgspec.Struct, frozen=True, rename="camel"):
    loader_id: str = ""
    error_text: str = ""
    is_download: bool = False


async def open_url(page: Page, target: PageUrl, way_out: EgressExit, timeout_s: float) -> None:
    """Go to the page and return when its document begins to arrive, whatever its status.

    Raises TargetForbidden, NavigationFailed.
    """
    _check_scheme(target.url)
    page.forget_milestones()
    arrival = await _navigate(page, target.url, timeout_s)
    _check_allowed(page, way_out)
    url = without_credentials(target.url)
    if arrival.is_download:
        raise NavigationFailed(url, "the URL is a download")
    if arrival.error_text == ABORTED:
        status = page.status_of(arrival.loader_id)
        if status in BODILESS:
            raise NavigationFailed(url, f"the server answered {status}, which has no page")
        # So it is told, too, when the page's process dies meanwhile. The news of its death
        # comes a moment later, and fails this call.
        await page.session.call("Runtime.evaluate", {"expression": "0"}, timeout_s)
        # Nobody but us has a hand in a blank page's first load.
        raise LoadCut("the browser's network process died")
    if arrival.error_text:
        raise NavigationFailed(url, _why(page, way_out, target.url, arrival.error_text))


async def open_html(page: Page, document: HtmlDocument, interception: Interception, timeout_s: float) -> None:
    """Have the page show a document that came with the request.

    With a base_url the browser navigates there and is handed the document in place of an
    answer, so that origin, cookies, relative links and document.baseURI are what they would
    be had the server sent it; an inserted <base> would get only the last two, and lose to one
    of the document's own. Nothing is asked of that server but what the document links to.
    Without one the document is written into about:blank.
    """
    page.forget_milestones()
    if document.base_url is None:
        params = {"frameId": page.frame_id, "html": document.html}
        await page.session.call("Page.setDocumentContent", params, timeout_s)
        return
    _check_scheme(document.base_url)
    interception.hand_over(document.html)
    if not interception.is_needed:
        await interception.begin(page.session, timeout_s)
    arrival = await _navigate(page, document.base_url, timeout_s)
    if not interception.is_needed:
        # Links may be followed, and frames may be filled, as in any page.
        page.session.post("Fetch.disable", {})
    if arrival.error_text:
        raise NavigationFailed(without_credentials(document.base_url), _readable(arrival.error_text))
    # Nothing was asked of the base's server, so whether it may be asked is not to be held against
    # the document; that a script leads on to somewhere forbidden is.
    page.disown(arrival.loader_id)


async def _navigate(page: Page, url: str, timeout_s: float) -> _Arrival:
    try:
        return await page.session.call("Page.navigate", {"url": url}, timeout_s, _Arrival)
    except CallRefused as exc:
        raise NavigationFailed(without_credentials(url), exc.message.lower()) from exc


async def loaded(page: Page, until: WaitUntil, way_out: EgressExit) -> None:
    """Wait for the document, and for the one that it may be about to give way to, to get this far.

    One whose end way_out has cut off never does, and is not waited for.
    """
    milestone: Literal["DOMContentLoaded", "load"] = (
        "DOMContentLoaded" if until is WaitUntil.DOM_CONTENT_LOADED else "load"
    )
    await page.until(lambda: _is_cut_off(page, way_out) or (page.reached(milestone) and not page.leaving))
    if _is_cut_off(page, way_out):
        return
    if until is WaitUntil.NETWORK_IDLE:
        await _idle(page)


async def _idle(page: Page) -> None:
    """Wait until no request of the main frame has been under way for QUIET_S.

    Requests of other frames are not counted: those in a process of their own report to a
    session of their own, and `load` has waited for what they show at first.
    """
    while True:
        await page.until(lambda: page.quiet)
        try:
            async with asyncio.timeout(QUIET_S):
                await page.until(lambda: not page.quiet)
        except TimeoutError:
            return


async def matched(page: Page, selector: str, field: str, timeout_s: float) -> None:
    """Wait until selector matches. Raises InvalidRequest naming field if no browser can read it."""
    if await page.run(_MATCH_JS, [selector], timeout_s, str) == "invalid":
        raise InvalidRequest(
            field, "is not a CSS selector that the browser can read", "give a valid CSS selector"
        )


async def function(page: Page, wanted: str, timeout_s: float) -> None:
    """Wait until a JavaScript expression, or the function that it is, gives something true.

    Raises InvalidRequest if it throws or cannot be read.
    """
    try:
        await page.evaluate(_FUNCTION_JS.replace("ASKED", f"{wanted}\n"), timeout_s, whole=True)
    except ScriptFailed as exc:
        remedy = "give an expression or a function that gives true in the end"
        raise InvalidRequest("wait.for_function", f"failed in the page: {exc}", remedy) from exc


async def settled(page: Page, area: Area, deadline: Deadline, *, freeze: bool) -> Rest:
    """Wait for fonts, for the images that will be in the picture, and for two frames; for PATIENCE_S at most.

    Lazy images in the picture are loaded although nobody scrolls to them.
    """
    remaining_s = deadline.remaining_s()
    patience_ms = int(min(PATIENCE_S, remaining_s / 2) * 1000)
    arguments = [area.kind.value, area.selector, patience_ms, freeze]
    how = await page.run(_SETTLE_JS, arguments, remaining_s, str)
    if how == "impatient":
        log.info("a page did not settle within %d ms and is pictured as it is", patience_ms)
    return Rest(settled_by=SettledBy.PATIENCE if how == "impatient" else SettledBy.QUIET)


async def title_of(page: Page, timeout_s: float) -> str:
    """Return the document's title."""
    return await page.run(_TITLE_JS, [], timeout_s, str)


def check_reached(page: Page, way_out: EgressExit) -> None:
    """Raise TargetForbidden or NavigationFailed if what the page shows is no answer of its server.

    Over plain http the proxy's refusal looks like a page, and a page may lead to another after
    it was reached; so this is asked of every document, and before the picture is given away.
    """
    _check_allowed(page, way_out)
    if page.unreachable_url:
        reason = _why(page, way_out, page.unreachable_url, page.failure)
        raise NavigationFailed(without_credentials(page.unreachable_url), reason)
    if _is_cut_off(page, way_out):
        raise NavigationFailed(without_credentials(page.url), way_out.spent)
    endpoint = endpoint_of(page.url)
    if page.status == BAD_GATEWAY and endpoint is not None:
        known = way_out.unreachable.get((endpoint.host, endpoint.port))
        if known is not None:
            raise NavigationFailed(without_credentials(page.url), known)


def _is_cut_off(page: Page, way_out: EgressExit) -> bool:
    """Say whether the document has begun to arrive, and then was too much."""
    return bool(way_out.spent and page.failure)


def _check_scheme(url: str) -> None:
    """Refuse whatever would be read from this machine, should it ever have come this far."""
    if endpoint_of(url) is None:
        raise NavigationFailed(without_credentials(url), "it is no http or https URL")


def _check_allowed(page: Page, way_out: EgressExit) -> None:
    for document in page.documents:
        endpoint = endpoint_of(document)
        if endpoint is not None and (endpoint.host, endpoint.port) in way_out.refused:
            raise TargetForbidden(endpoint.host)


def _why(page: Page, way_out: EgressExit, url: str, net_error: str) -> str:
    """Return the proxy's reason if it has one, else the browser's."""
    endpoint = endpoint_of(page.documents[-1] if page.documents else url)
    known = None if endpoint is None else way_out.unreachable.get((endpoint.host, endpoint.port))
    return known or _readable(net_error)


def _readable(net_error: str) -> str:
    """Turn net::ERR_CONNECTION_RESET into `connection reset (net::ERR_CONNECTION_RESET)`."""
    words = net_error.removeprefix("net::ERR_").lower().replace("_", " ")
    return f"{words} ({net_error})" if net_error else "the browser shows an error page"
