"""The pages: each small, each made so that a picture of it can be judged by its colours.

Query parameters let a test turn one knob; what is not given has a default that suits most.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from tests.site import traffic, vectors
from tests.site.exchange import Hangup, Reply, Request, Reset

Colour = tuple[int, int, int]

BAND_PX = 500
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf")
HEAD = "<!doctype html><meta charset=utf-8><style>html,body{margin:0}</style>"


def band_colour(index: int) -> Colour:
    """Return the colour of the index-th band of /tall; no two of the first 256 are alike."""
    return (index * 37 + 20) % 256, (index * 91 + 60) % 256, index % 256


def css(colour: Colour) -> str:
    """Spell a colour as CSS does."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def home(_: Request) -> Reply:
    """Say hello in blue on white."""
    return Reply(f"{HEAD}<title>Home of the site</title><h1 style='color:#00c'>Hello, browser</h1>")


def tall(request: Request) -> Reply:
    """Stack bands of BAND_PX up to ?height= (5000), each of its own colour."""
    height, width = int(request.query.get("height", "5000")), request.query.get("width", "auto")
    bands = "".join(
        f"<div style='height:{min(BAND_PX, height - top)}px;width:{width};background:{css(band_colour(top // BAND_PX))}'></div>"
        for top in range(0, height, BAND_PX)
    )
    return Reply(f"{HEAD}<title>Tall</title>{bands}")


def slow(request: Request) -> Reply:
    """Answer after ?ms=."""
    return Reply(f"{HEAD}<title>Slow</title>late", delay_ms=int(request.query.get("ms", "1000")))


def status(request: Request) -> Reply:
    """Answer with the status that is the path, with a page to look at unless ?empty=1."""
    code = int(request.path.strip("/"))
    headers = {"WWW-Authenticate": 'Basic realm="site"'} if code == 401 else {}
    body = (
        "" if "empty" in request.query else f"{HEAD}<title>Status {code}</title><body bgcolor=#ffcc00>{code}"
    )
    return Reply(body, status=code, headers=headers)


def redirect(request: Request) -> Reply:
    """Redirect ?hops= more times (0), then to ?to= (/home)."""
    hops = int(request.query.get("hops", "0"))
    to = request.query.get("to", "/home")
    location = to if hops == 0 else f"/redirect?hops={hops - 1}&to={quote(to)}"
    return Reply(status=301, headers={"Location": location})


def redirect_loop(_: Request) -> Reply:
    """Redirect to itself for ever."""
    return Reply(status=302, headers={"Location": "/redirect-loop"})


def scripted_redirect(request: Request) -> Reply:
    """Go to ?to= by script, as the page loads."""
    return Reply(
        f"{HEAD}<title>Leaving</title><body bgcolor=red><script>location.href={request.query['to']!r}</script>"
    )


def refresh_redirect(request: Request) -> Reply:
    """Go to ?to= by a meta tag, at once."""
    return Reply(
        f"{HEAD}<title>Leaving</title><meta http-equiv=refresh content='0;url={request.query['to']}'>"
    )


def reset(_: Request) -> Reply:
    """Break the connection."""
    raise Reset


def hangup(_: Request) -> Reply:
    """Close the connection without an answer."""
    raise Hangup


def counter(request: Request) -> Reply:
    """Look different at each visit: the number is in the text and in the background's blue."""
    colour = css((0, 80, request.visit * 40 % 256))
    return Reply(
        f"{HEAD}<title>Visit {request.visit}</title><body style='background:{colour};font-size:90px'>{request.visit}"
    )


def image(request: Request) -> Reply:
    """Return a PNG of ?width= x ?height= (200 each) in ?colour=rrggbb, after ?ms=."""
    colour = bytes.fromhex(request.query.get("colour", "00ff00"))
    width, height = int(request.query.get("width", "200")), int(request.query.get("height", "200"))
    pixels = (b"\0" + colour * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return Reply(
        b"\x89PNG\r\n\x1a\n" + b"".join(packed),
        media_type="image/png",
        delay_ms=int(request.query.get("ms", "0")),
    )


def slow_images(request: Request) -> Reply:
    """Show an image that a script adds after load, so that `load` alone does not wait for it; it takes ?ms=."""
    ms = request.query.get("ms", "700")
    return Reply(
        f"{HEAD}<title>Slow images</title><body><script>onload = () => {{"
        f"  const i = new Image(); i.src = '/image?colour=00ff00&ms={ms}'; i.width = i.height = 200; document.body.append(i)"
        "}</script>"
    )


def endless_image(_: Request) -> Reply:
    """Show an image, added after load, that never ends."""
    return Reply(
        f"{HEAD}<title>Endless image</title><body bgcolor=#00ff00><script>onload = () => {{"
        "  const i = new Image(200, 200); i.src = '/held/image'; document.body.append(i)"
        "}</script>"
    )


def lazy(_: Request) -> Reply:
    """Show lazy images: one in view, one 4,000 px further down."""
    picture = "<img loading=lazy width=200 height=200 style='display:block' src='/image?colour={}&ms=300'>"
    return Reply(
        f"{HEAD}<title>Lazy</title>{picture.format('00ff00')}<div style='height:3800px'></div>{picture.format('ff0000')}"
    )


def web_font(request: Request) -> Reply:
    """Set narrow letters in a wide web font, which takes ?ms= (300) and which nothing needs until after load.

    The red box is as wide as the text.
    """
    ms = request.query.get("ms", "300")
    return Reply(
        f"{HEAD}<title>Web font</title><style>@font-face{{font-family:probe;src:url(/font?ms={ms})}}"
        "span{background:#ff0000;font:40px 'DejaVu Serif'} .on{font-family:probe,'DejaVu Serif'}</style>"
        "<span>iiiiiiiiiiiiiiiiiiii</span>"
        "<script>onload = () => { document.querySelector('span').className = 'on' }</script>"
    )


def font(request: Request) -> Reply:
    """Serve a monospaced font after ?ms=, which has a glyph for the code point ?also=, too."""
    data = FONT.read_bytes()
    if "also" in request.query:
        data = with_a_glyph_for(int(request.query["also"]), data)
    return Reply(data, media_type="font/ttf", delay_ms=int(request.query.get("ms", "0")))


def with_a_glyph_for(code_point: int, font: bytes) -> bytes:
    """Return font with the last group of its character map (format 12) moved to code_point."""
    tables = [struct.unpack_from(">4s4xII", font, 12 + 16 * number) for number in range(font[5])]
    start = next(offset for name, offset, _ in tables if name == b"cmap")
    maps = [struct.unpack_from(">I", font, start + 8 + 8 * number)[0] for number in range(font[start + 3])]
    at = next(start + offset for offset in maps if font[start + offset : start + offset + 2] == b"\0\x0c")
    groups = struct.unpack_from(">I", font, at + 12)[0]
    last = at + 16 + 12 * (groups - 1)
    return font[:last] + struct.pack(">II", code_point, code_point) + font[last + 8 :]


def scripts(_: Request) -> Reply:
    """Write in many scripts, and in emoji."""
    return Reply(
        f"{HEAD}<html lang=en><title>Scripts</title><body style='font:48px sans-serif'><p id=emoji>😀🚀🌈👩‍👩‍👧🇯🇵</p>"
        "<p id=cjk>漢字かな交じり文 简体字 한국어</p><p>Ελληνικά Кириллица עברית العربية हिन्दी ไทย</p>"
    )


def dark(_: Request) -> Reply:
    """Be white by day and black by night."""
    return Reply(
        f"{HEAD}<title>Dark</title><style>body{{background:#ffffff}}"
        "@media (prefers-color-scheme: dark){body{background:#000000}}</style>"
    )


def mobile(_: Request) -> Reply:
    """Be green where the viewport meta tag is honoured and the pointer is coarse, else red."""
    return Reply(
        f"{HEAD}<title>Mobile</title><meta name=viewport content='width=device-width,initial-scale=1'>"
        "<style>body{background:#ff0000}@media (max-width:500px) and (pointer:coarse){body{background:#00ff00}}</style>"
    )


def desktop_only(_: Request) -> Reply:
    """Be laid out for desktops: no viewport tag, a box 900 px wide."""
    return Reply(
        f"{HEAD}<title>Desktop</title><div style='width:900px;height:300px;background:#0000ff'></div>"
    )


def element(_: Request) -> Reply:
    """Hold a green box of 300 x 120 at (50, 3000), an empty one, one hidden, one late, one fixed, one wide."""
    return Reply(
        f"{HEAD}<title>Element</title><style>div{{position:absolute}}</style><body style='height:6000px;background:#ffffff'>"
        "<div id=box style='left:50px;top:3000px;width:300px;height:120px;background:#00ff00'></div>"
        "<div id=half style='left:10.5px;top:20.5px;width:99px;height:49px;background:#00ff00'></div>"
        "<div id=empty style='left:0;top:0'></div><div id=hidden style='display:none'>x</div>"
        "<div id=high style='left:600px;top:500px;width:100px;height:4000px;background:#0000ff'></div>"
        "<div id=fixed style='position:fixed;right:0;bottom:0;width:80px;height:60px;background:#ff00ff'></div>"
        "<script>setTimeout(() => { const d = document.createElement('div'); d.id = 'late';"
        " d.style = 'left:400px;top:900px;width:40px;height:30px;background:#ff0000'; document.body.append(d) }, 400)</script>"
    )


def dialogs(_: Request) -> Reply:
    """Open every dialog there is, then turn green."""
    return Reply(
        f"{HEAD}<title>Dialogs</title><body bgcolor=#ff0000><script>onbeforeunload = e => {{ e.preventDefault(); return 'stay?' }};"
        "alert('hi'); const sure = confirm('sure?'); const name = prompt('name?'); print();"
        "document.title = `${sure} ${name}`; document.body.bgColor = '#00ff00'</script>"
    )


def popups(_: Request) -> Reply:
    """Open windows, then turn green."""
    return Reply(
        f"{HEAD}<title>Popups</title><body bgcolor=#ff0000><script>for (let i = 0; i < 5; i++) window.open('/popped?' + i);"
        "document.body.bgColor = '#00ff00'</script>"
    )


def popped(_: Request) -> Reply:
    """Be the window that popped up."""
    return Reply(f"{HEAD}<title>Popped</title>popup")


def hang(request: Request) -> Reply:
    """Never come to an end: at once, or ?after=load."""
    when = (
        "onload = () => setTimeout(() => { for (;;); })"
        if request.query.get("after") == "load"
        else "for (;;);"
    )
    return Reply(f"{HEAD}<title>Hang</title><body><script>{when}</script>")


def framed(request: Request) -> Reply:
    """Show ?src= in a frame."""
    return Reply(
        f"{HEAD}<title>Framed</title><iframe src='{request.query['src']}' width=400 height=300></iframe>"
    )


def download(request: Request) -> Reply:
    """Be a file: an attachment, or with ?type= of that type."""
    kind = request.query.get("type")
    if kind is not None:
        return Reply(b"\0\1\2\3" * 100, media_type=kind)
    return Reply(
        "a,b\n1,2\n", media_type="text/csv", headers={"Content-Disposition": "attachment; filename=x.csv"}
    )


def busy(request: Request) -> Reply:
    """Fetch something every ?every= ms (200), ?times= (5), and turn green at the end; then stay quiet."""
    every, times = request.query.get("every", "200"), request.query.get("times", "5")
    return Reply(
        f"{HEAD}<title>Busy</title><body bgcolor=#ff0000><script>(async () => {{ for (let i = 0; i < {times}; i++) {{"
        f" await fetch('/home?' + i); await new Promise(r => setTimeout(r, {every})) }}"
        " document.body.bgColor = '#00ff00' })()</script>"
    )


def streaming(_: Request) -> Reply:
    """Keep an event stream open."""
    return Reply(
        f"{HEAD}<title>Streaming</title><body bgcolor=#00ff00><script>new EventSource('/events')</script>"
    )


def events(_: Request) -> Reply:
    """Be the event stream, which never ends."""
    return Reply("data: hello\n\n", media_type="text/event-stream", stays_open=True)


def endless(_: Request) -> Reply:
    """Begin to be a page, and never end."""
    return Reply(f"{HEAD}<title>Endless</title><body bgcolor=#00ff00>and so on", stays_open=True)


def websocket(request: Request) -> Reply:
    """Be a WebSocket on which nobody ever says a word."""
    (key,) = re.findall(r"(?i)^sec-websocket-key: (\S+)", request.head, re.MULTILINE)
    accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept.decode()}
    return Reply(status=101, media_type="", headers=headers, stays_open=True)


def self_reload(request: Request) -> Reply:
    """Reload itself once, 100 ms after load, and be green the second time."""
    colour = "#00ff00" if request.visit % 2 == 0 else "#ff0000"
    script = (
        ""
        if request.visit % 2 == 0
        else "<script>onload = () => setTimeout(() => location.reload(), 100)</script>"
    )
    return Reply(f"{HEAD}<title>Reload {request.visit}</title><body bgcolor={colour}>{script}")


def hostile(_: Request) -> Reply:
    """Replace what a screenshot tool might call in the page."""
    return Reply(
        f"{HEAD}<title>Hostile</title><body bgcolor=#00ff00><script>document.querySelector = () => {{ throw 1 }};"
        "window.Promise = null; window.requestAnimationFrame = () => {}; window.setTimeout = () => {};"
        "Object.defineProperty(document, 'fonts', {get() { throw 2 }}); Element.prototype.getBoundingClientRect = null;"
        "Object.defineProperty(document, 'title', {get() { return {} }})</script><div id=box style='width:30px;height:20px'></div>"
    )


def green_css(_: Request) -> Reply:
    """A style sheet that makes any page green."""
    return Reply("html, body { background: #0f0 !important; color: #0f0 !important }", media_type="text/css")


PAGES: dict[str, Callable[[Request], Reply]] = {
    "/": home,
    "/home": home,
    "/tall": tall,
    "/slow": slow,
    "/redirect": redirect,
    "/redirect-loop": redirect_loop,
    "/scripted-redirect": scripted_redirect,
    "/refresh-redirect": refresh_redirect,
    "/reset": reset,
    "/hangup": hangup,
    "/counter": counter,
    "/image": image,
    "/slow-images": slow_images,
    "/endless-image": endless_image,
    "/lazy": lazy,
    "/web-font": web_font,
    "/font": font,
    "/scripts": scripts,
    "/dark": dark,
    "/mobile": mobile,
    "/desktop-only": desktop_only,
    "/element": element,
    "/dialogs": dialogs,
    "/popups": popups,
    "/popped": popped,
    "/hang": hang,
    "/framed": framed,
    "/download": download,
    "/busy": busy,
    "/streaming": streaming,
    "/events": events,
    "/endless": endless,
    "/websocket": websocket,
    "/self-reload": self_reload,
    "/hostile": hostile,
    "/green.css": green_css,
    **vectors.PAGES,
    **traffic.PAGES,
    **{f"/{code}": status for code in (200, 204, 400, 401, 403, 404, 410, 429, 500, 502, 503)},
}
