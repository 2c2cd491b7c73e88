"""The little shop that the pictures of the guide show: a few pages, made for one option each.

Every host leads here; what differs between hosts is which advertisements and trackers they pretend to be.
"""

from __future__ import annotations

import base64
import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

STYLE: Final = (Path(__file__).resolve().parent.parent / "docs" / "site" / "shop.css").read_text("utf-8")
SHOP: Final = "shop.example"
_PLANTS: Final = (
    ("Monstera", "€ 24", "#3f7d4e", 5),
    ("Snake plant", "€ 18", "#5b8c3a", 7),
    ("Maidenhair fern", "€ 12", "#6aa84f", 9),
    ("Rubber fig", "€ 29", "#2f5d3a", 4),
    ("Aloe", "€ 9", "#7fae7a", 6),
    ("Peace lily", "€ 15", "#4c9a6a", 5),
    ("Calathea", "€ 21", "#386641", 8),
    ("Pothos", "€ 11", "#6a994e", 6),
)
_HOST: Final = re.compile(r"https://([a-z0-9.-]+\.(?:example|net|com|co))(?=[/\"'?*])")
Page = Callable[["Visit"], str]


def local(text: str, port: int) -> str:
    """Return text with all the hosts of the guide's world led to this one, over plain http.

    The shop itself by its number, which a browser trusts as it does https: it tells no other where it is.
    """
    text = text.replace(f"https://{SHOP}", f"http://127.0.0.1:{port}")
    return _HOST.sub(rf"http://\1:{port}", text)


class Visit:
    """One request, as the pages look at it."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        parts = urlsplit(path)
        self.path, self.headers = parts.path, headers
        self.query = {
            name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }


def plant(colour: str, leaves: int, kind: str = "") -> str:
    """Draw a plant in its pot."""
    fan = "".join(
        f"<path d='M60 92 C {20 + 80 * i / (leaves - 1):.0f} 70, {5 + 110 * i / (leaves - 1):.0f} 40, "
        f"{10 + 100 * i / (leaves - 1):.0f} {18 + abs(leaves - 1 - 2 * i) * 4} "
        f"C {35 + 50 * i / (leaves - 1):.0f} 30, 58 60, 60 92' fill='{colour}' opacity='.85'/>"
        for i in range(leaves)
    )
    pot = "<path d='M42 90h36l-5 26H47z' fill='#b5653a'/><rect x='39' y='86' width='42' height='8' rx='2' fill='#c97b4f'/>"
    return f"<svg class='{kind}' viewBox='0 0 120 120' aria-hidden='true'>{fan}{pot}</svg>"


def _frame(title: str, body: str, head: str = "") -> str:
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><meta name=description content='House plants, from a shop that is not there.'>"
        f"<style>{STYLE}</style>{head}{body}"
    )


def _cards(first: int, last: int) -> str:
    return "".join(
        f"<article class=card id=plant-{number}>{plant(colour, leaves)}<h2>{name}</h2><p>{price}</p></article>"
        for number, (name, price, colour, leaves) in enumerate(
            (_PLANTS[at % len(_PLANTS)] for at in range(first, last)), first
        )
    )


_HEADER: Final = (
    "<header><b>Fern &amp; Stone</b><a href=/>Plants</a><a href=/care>Care</a><a href=/stores>Stores</a>"
    "<a class=button href=/basket>Basket</a></header>"
)


def shop(visit: Visit) -> str:
    """Show the shop; advertisements, a consent banner, a chat, a moving plant as the query asks."""
    ask = visit.query
    motion = "spin" if "spin" in ask else "slide" if "slide" in ask else ""
    ad = (
        "<div class=ad id=ad></div><script src='https://securepubads.g.doubleclick.net/tag/js/gpt.js'></script>"
        if "ads" in ask
        else ""
    )
    tracker = (
        "<script src='https://www.google-analytics.com/analytics.js'></script>" if "tracked" in ask else ""
    )
    count = "<p class=notice id=count hidden>You have been counted.</p>" if "tracked" in ask else ""
    chat = "<script src='https://code.tidio.co/abc123.js'></script>" if "chat" in ask else ""
    hero = (
        "<section class=hero><div><h1>Plants that forgive you</h1><p>Easy, green and patient. Delivered in a pot, "
        "with a note on light and water.</p><a class=button id=more href='#more'>See them all</a></div>"
        f"{plant('#3f7d4e', 9, motion)}</section>"
    )
    footer = "<footer>Fern &amp; Stone, a shop made up for this guide.</footer>"
    script = (
        "<script>document.getElementById('more').onclick = event => { event.preventDefault();"
        "document.querySelector('.hero h1').textContent = 'All of them, then'; }</script>"
    )
    return _frame(
        "Fern & Stone",
        f"{_HEADER}{hero}{count}{ad}<section class=shelf>{_cards(0, 8)}</section>{footer}{script}{tracker}{chat}",
        _consent() if "consent" in ask else "",
    )


def _consent() -> str:
    """Return a banner in the markup of a widespread one (OneTrust), and as much of its script as it needs."""
    return """<style>#onetrust-banner-sdk{position:fixed;z-index:9;left:0;right:0;bottom:0;padding:1.5rem 2.5rem;background:#fff;
    color:#222;box-shadow:0 -4px 30px #0005;display:flex;gap:1rem;align-items:center}#onetrust-banner-sdk p{margin:0 auto 0 0}</style>
    <script>addEventListener('DOMContentLoaded', () => {
      const sdk = document.createElement('div'); sdk.id = 'onetrust-consent-sdk';
      sdk.innerHTML = `<div id=onetrust-banner-sdk class=otFlat role=dialog><p id=onetrust-policy-text>We and our 812 partners
      value your privacy.</p><button id=onetrust-pc-btn-handler>Settings</button>
      <button id=onetrust-reject-all-handler>Reject all</button><button id=onetrust-accept-btn-handler>Accept all</button></div>`;
      document.body.append(sdk);
      for (const button of sdk.querySelectorAll('button')) button.onclick = () => {
        document.cookie = 'OptanonAlertBoxClosed=' + new Date().toISOString(); sdk.remove(); };
      window.OneTrust = {}; window.OnetrustActiveGroups = ',C0001,';
    });</script>"""


def clock(_: Visit) -> str:
    """Say what time it is, and how numbers are spelled, where the browser says it is."""
    return _frame(
        "Opening hours",
        f"{_HEADER}<div class=notice><h1 id=day></h1><p id=zone></p><p id=price></p></div><script>"
        "const noon = new Date(Date.UTC(2026, 0, 15, 12));"
        "document.getElementById('day').textContent = noon.toLocaleString(undefined, {dateStyle: 'full', timeStyle: 'short'});"
        "document.getElementById('zone').textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;"
        "document.getElementById('price').textContent = (1234.5).toLocaleString(undefined, {style: 'currency', currency: 'EUR'});"
        "</script>",
    )


def stores(_: Visit) -> str:
    """Say which store is nearest to where the browser says it is."""
    return _frame(
        "Stores",
        f"{_HEADER}<div class=notice><h1 id=where>Where are you?</h1><p id=there></p></div><script>"
        "navigator.geolocation.getCurrentPosition(({coords}) => {"
        "document.getElementById('where').textContent = coords.latitude > 50 ? 'Our store in Berlin' : 'Our store in Lisbon';"
        "document.getElementById('there').textContent = `${coords.latitude.toFixed(2)}, ${coords.longitude.toFixed(2)}`;"
        "});</script>",
    )


def account(visit: Visit) -> str:
    """Greet who has the cookie."""
    signed_in = "session=" in visit.headers.get("cookie", "")
    words = "Welcome back, Anna" if signed_in else "Please sign in"
    return _frame(
        "Account", f"{_HEADER}<div class=notice><h1 class={'good' if signed_in else 'bad'}>{words}</h1></div>"
    )


def request_headers(visit: Visit) -> str:
    """Show what the browser said of itself."""
    shown = ("host", "user-agent", "accept-language", "x-audience", "authorization", "cookie")
    rows = "".join(f"<tr><th>{name}<td>{_said(visit, name)}" for name in shown)
    return _frame("Request", f"{_HEADER}<main class=text><h1>Your request</h1><table>{rows}</table></main>")


def _said(visit: Visit, name: str) -> str:
    value = visit.headers.get(name, "—")
    return SHOP if name == "host" else value


def late(_: Visit) -> str:
    """Show prices a moment after the page has loaded, and say so on the page."""
    return _frame(
        "Prices",
        f"{_HEADER}<div class=notice><h1 id=price class=bad>Asking for today's price …</h1></div><script>"
        "setTimeout(() => { const price = document.getElementById('price'); price.className = 'good ready';"
        "price.textContent = 'Monstera, today € 24'; window.pricesReady = true; }, 1500);</script>",
    )


def lazy(_: Visit) -> str:
    """Show pictures that only come when somebody scrolls to them."""
    cards = "".join(
        f"<article class=card><img loading=lazy alt='' src='/plant.svg?{number}'><h2>{name}</h2><p>{price}</p></article>"
        for number, (name, price, *_) in enumerate(_PLANTS * 4)
    )
    return _frame("All plants", f"{_HEADER}<section class=shelf>{cards}</section>")


def endless(_: Visit) -> str:
    """Add plants whenever somebody comes near the end."""
    return _frame(
        "Plants without end",
        f"{_HEADER}<section class=shelf id=shelf>{_cards(0, 12)}</section><div id=end style='height:1px'></div><script>"
        "const shelf = document.getElementById('shelf');"
        "new IntersectionObserver(seen => { if (seen[0].isIntersecting)"
        " for (let i = 0; i < 12; i++) shelf.append(shelf.children[i].cloneNode(true)); },"
        "{rootMargin: '200px'}).observe(document.getElementById('end'));"
        "</script>",
    )


def care(_: Visit) -> str:
    """Give advice of some length, for paper."""
    advice = "".join(
        f"<h2>{name}</h2><p>Give it light but no sun at noon, water when the earth is dry to a finger's depth, and turn "
        "the pot once a week. Yellow leaves ask for less water, brown tips for more of it in the air. In winter it rests, "
        "and wants to be left alone.</p>"
        for name, *_ in _PLANTS
    )
    return _frame(
        "How to care for plants", f"{_HEADER}<main class=text><h1>How to care for plants</h1>{advice}</main>"
    )


def strict(_: Visit) -> str:
    """Show the shop with a policy that forbids scripts."""
    return shop(Visit("/", {}))


def dice(_: Visit) -> str:
    """Draw a meadow of chance, that never looks twice the same."""
    return _frame(
        "Meadow",
        f"{_HEADER}<canvas id=meadow width=1280 height=640></canvas><script>"
        "const pen = document.getElementById('meadow').getContext('2d');"
        "pen.font = '40px sans-serif'; pen.fillText(new Date().toISOString(), 40, 60);"
        "for (let i = 0; i < 400; i++) { pen.fillStyle = `hsl(${90 + 60 * Math.random()} 45% ${30 + 30 * Math.random()}%)`;"
        "pen.beginPath(); pen.ellipse(1280 * Math.random(), 120 + 520 * Math.random(), 6, 26, Math.random() - .5, 0, 7); pen.fill(); }"
        "</script>",
    )


def _plant_file(_: Visit) -> str:
    return plant("#3f7d4e", 7).replace("<svg", "<svg xmlns='http://www.w3.org/2000/svg'")


def _advertise(_: Visit) -> str:
    return "const ad = document.getElementById('ad'); if (ad) ad.textContent = 'BUY TEN LAWN MOWERS, PAY FOR NINE';"


def _count(_: Visit) -> str:
    return "const count = document.getElementById('count'); if (count) count.hidden = false;"


def _chat(_: Visit) -> str:
    return (
        "const box = document.createElement('div'); box.id = 'tidio-chat'; box.textContent = 'Hi! Can I help you?';"
        "box.style.cssText = 'position:fixed;right:24px;bottom:120px;padding:18px 24px;border-radius:14px;background:#1f6feb;"
        "color:#fff;font:17px sans-serif;box-shadow:0 6px 24px #0004'; document.body.append(box);"
    )


PAGES: Final[dict[str, Page]] = {
    "/": shop,
    "/hours": clock,
    "/stores": stores,
    "/account": account,
    "/request": request_headers,
    "/prices": late,
    "/all": lazy,
    "/endless": endless,
    "/care": care,
    "/strict": strict,
    "/meadow": dice,
}
_FILES: Final[dict[str, tuple[str, Page]]] = {
    "/plant.svg": ("image/svg+xml", _plant_file),
    "/tag/js/gpt.js": ("text/javascript", _advertise),
    "/analytics.js": ("text/javascript", _count),
    "/abc123.js": ("text/javascript", _chat),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the page or file of that path."""
        visit = Visit(self.path, {name.lower(): value for name, value in self.headers.items()})
        status, extra = 200, {}
        if visit.path in _FILES:
            kind, made = _FILES[visit.path]
            body = made(visit)
        elif visit.path == "/members":
            kind, body, status = "text/html", _members(visit), 200 if _is_member(visit) else 401
        else:
            kind = "text/html"
            page = PAGES.get(visit.path)
            status = 404 if page is None else 200
            body = _frame("Not found", f"{_HEADER}<div class=notice><h1>There is no such plant</h1></div>")
            body = body if page is None else page(visit)
            if page is strict:
                extra["Content-Security-Policy"] = "script-src 'none'"
        if visit.path == "/all" or visit.path.endswith(".svg"):
            time.sleep(0.05)
        told = local(body, self.connection.getsockname()[1]).encode()
        kinds = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(told))}
        with contextlib.suppress(ConnectionError):  # A picture was taken before all had come.
            self._send(status, {**kinds, **extra}, told)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _is_member(visit: Visit) -> bool:
    basic = "Basic " + base64.b64encode(b"anna:fern").decode()
    return visit.headers.get("authorization") in (basic, "Bearer leaf-42")


def _members(visit: Visit) -> str:
    words = "Members: ten per cent off" if _is_member(visit) else "For members only"
    return _frame(
        "Members",
        f"{_HEADER}<div class=notice><h1 class={'good' if _is_member(visit) else 'bad'}>{words}</h1></div>",
    )


@contextlib.contextmanager
def serving() -> Iterator[int]:
    """Serve the shop on loopback until we leave; give its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="docs-site")
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
