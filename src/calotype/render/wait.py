"""Bringing a page to the state that was asked for; one deadline shared by all steps.

Every step here waits without a limit of its own, since the caller's deadline cuts them all
short, with two exceptions that must not cost a good picture: a network falls idle in
IDLE_PATIENCE_S or is not waited for any longer, and a page that goes from one document to the next
is followed MAX_MOVES times.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final, Literal

import msgspec

from calotype.capture.errors import InvalidRequest, NavigationFailed, TargetForbidden
from calotype.capture.negative import HtmlDocument, PageUrl, WaitUntil
from calotype.clock import Deadline
from calotype.egress.proxy import EgressExit
from calotype.render.cdp import CallRefused, LoadCut
from calotype.render.intercept import Interception
from calotype.render.page import Page, ScriptFailed, endpoint_of, without_credentials

log = logging.getLogger("calotype.render")

IDLE_PATIENCE_S: Final = 10.0
"""How long a network is waited for that never falls idle. A long poll is enough for that, and what the page
shows is there long before."""
QUIET_S: Final = 0.5
"""The network is idle when it has been so for this long; every browser tool says the same."""
MAX_MOVES: Final = 5
"""Documents that we follow a page to after the first has loaded."""
NO_PROXY: Final = "net::ERR_PROXY_CONNECTION_FAILED"
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
    if arrival.error_text == NO_PROXY:
        # Ours listens as long as there are browsers. A context that was there when the browser's network
        # process died has forgotten its proxy, though, and goes to the one that nobody answers at.
        raise LoadCut("the browser's network process died before")
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


async def loaded(page: Page, until: WaitUntil, way_out: EgressExit, deadline: Deadline) -> bool:
    """Wait for the document, and for the one that it may be about to give way to, to get this far.

    One whose end way_out has cut off never does, and is not waited for. Return False for a network that
    was to fall idle and did not in IDLE_PATIENCE_S, or half of what is left: such a page is pictured as
    it is, since the rest of it has loaded.
    """
    milestone: Literal["DOMContentLoaded", "load"] = (
        "DOMContentLoaded" if until is WaitUntil.DOM_CONTENT_LOADED else "load"
    )
    await page.until(lambda: _is_cut_off(page, way_out) or (page.reached(milestone) and not page.leaving))
    if _is_cut_off(page, way_out) or until is not WaitUntil.NETWORK_IDLE:
        return True
    with suppress(TimeoutError):
        async with asyncio.timeout(min(IDLE_PATIENCE_S, deadline.remaining_s() / 2)):
            await _idle(page)
            return True
    log.info("the network of a page never fell idle, and it is pictured as it is")
    return False


async def _idle(page: Page) -> None:
    """Wait until no request of the page or of a frame in it has been under way for QUIET_S."""
    while True:
        await page.until(page.traffic.is_quiet)
        try:
            async with asyncio.timeout(QUIET_S):
                await page.until(lambda: not page.traffic.is_quiet())
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
