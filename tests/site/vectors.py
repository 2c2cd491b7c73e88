"""A page that tries every way there is to reach a private server, and what it leads to."""

from __future__ import annotations

import json
from urllib.parse import quote

from tests.site.exchange import Reply, Request

SPELLINGS = (
    "localhost", "localhost.", "0.0.0.0", "2130706433", "127.1", "0x7f.1", "0x7f000001", "0177.0.0.1",
    "127.0.0.1.", "%31%32%37.0.0.1", "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[2001:0:808:808::80ff:fffe]", "[fe80::5efe:7f00:1]",
)  # fmt: skip
"""Of 127.0.0.1, one way or another: odd numbers, and IPv4 in IPv6 (mapped, compatible, translated, NAT64, 6to4,
Teredo's server and client, ISATAP)."""

HEAD = "<!doctype html><meta charset=utf-8>"


def vectors(request: Request) -> Reply:
    """Try to reach ?private=host:port, and ?name=, which may resolve to it; turn green when all were tried.

    Each way asks for a path of its own.
    """
    host, _, port = request.query["private"].partition(":")
    at, name = f"http://{host}:{port}", request.query.get("name", "name.invalid")
    named = f"{name}:{port}"
    rules = {
        "prefetch": [{"source": "list", "urls": [f"{at}/rules-prefetch"]}],
        "prerender": [{"source": "list", "urls": [f"{at}/rules-prerender", "/prerendered?to=" + quote(at)]}],
    }
    spelled = "".join(f"<img src='http://{each}:{port}/spelled?{each}'>" for each in (host, *SPELLINGS))
    return Reply(
        f"{HEAD}<title>Vectors</title><link rel=stylesheet href='{at}/css'><link rel=prefetch href='{at}/prefetch'>"
        f"<link rel=preconnect href='{at}'><link rel=dns-prefetch href='//{named}'>"
        f"<link rel=preload as=image href='{at}/preload'><link rel=modulepreload href='{at}/modulepreload'>"
        f"<link rel=icon href='{at}/icon'><link rel=manifest href='{at}/manifest'>"
        f"<script type=speculationrules>{json.dumps(rules)}</script>"
        f"<style>@import '{at}/import';@font-face{{font-family:x;src:url({at}/font)}}"
        f"p{{font-family:x;background:url({at}/background)}}</style>"
        f"<body bgcolor=#ff0000><p>x</p><img src='{at}/img'>{spelled}<script src='{at}/js'></script>"
        f"<script type=module>import '{at}/module'</script>"
        f"<iframe src='{at}/iframe'></iframe><iframe srcdoc=\"<img src='{at}/srcdoc'>\"></iframe>"
        f"<iframe src='/redirect?to={quote(at + '/iframe-redirected')}'></iframe>"
        f"<iframe src='/refresh-redirect?to={quote(at + '/iframe-refreshed')}'></iframe>"
        f"<iframe src='http://{named}/named-iframe'></iframe>"
        f"<object data='{at}/object'></object><embed src='{at}/embed'><video src='{at}/video' autoplay></video>"
        f"<audio src='{at}/audio' autoplay></audio><img srcset='{at}/srcset 1x'><input type=image src='{at}/input'>"
        f"<svg><image href='{at}/svg'/></svg><img src='http://{named}/named-img'>"
        f"<img src='/redirect?to={quote(at + '/redirected')}'>"
        f"<iframe srcdoc=\"<a id=a href='{at}/download' download></a><script>a.click()</script>\"></iframe>"
        f"<a id=ping href='#x' ping='{at}/ping'></a>"
        f"<iframe name=form></iframe><form action='{at}/form' target=form id=f></form><script>\n"
        f"const at = '{at}', named = '{named}', at_ws = 'ws://{host}:{port}';\n"
        "const quietly = work => { try { const r = work(); r?.catch?.(() => {}) } catch {} };\n"
        "quietly(() => fetch(at + '/fetch', {mode: 'no-cors'}));\n"
        "quietly(() => fetch(at + '/keepalive', {mode: 'no-cors', keepalive: true}));\n"
        "quietly(() => fetch('/redirect?to=' + encodeURIComponent(at + '/fetch-redirected'), {mode: 'no-cors'}));\n"
        "quietly(() => new WebSocket(at_ws + '/ws'));\n"
        "quietly(() => new WebSocket(`ws://${named}/named-ws`));\n"
        "quietly(() => new EventSource(at + '/events'));\n"
        "quietly(() => navigator.sendBeacon(at + '/beacon', 'x'));\n"
        "const work = kind => URL.createObjectURL(new Blob([`try { importScripts('${at}/${kind}-import') } catch {}\n"
        "  fetch('${at}/${kind}', {mode: 'no-cors'}).catch(() => {});\n"
        "  try { new WebSocket('${at_ws}/${kind}-ws') } catch {}`]));\n"
        "quietly(() => new Worker(work('worker')));\n"
        "quietly(() => new SharedWorker(work('shared')));\n"
        "quietly(() => navigator.serviceWorker.register('/service-worker?to=' + encodeURIComponent(at)));\n"
        "quietly(() => window.open(at + '/popup'));\n"
        "quietly(() => document.getElementById('f').submit());\n"
        "quietly(() => document.getElementById('ping').click());\n"
        "quietly(() => { const x = new XMLHttpRequest(); x.open('GET', at + '/xhr'); x.send() });\n"
        f"quietly(() => new WebTransport('https://{host}:{port}/transport').ready);\n"
        f"const servers = ['{host}:{port}', named].flatMap(to => [{{urls: 'stun:' + to}},"
        " ...['udp', 'tcp'].map(by => ({urls: `turn:${to}?transport=${by}`, username: 'a', credential: 'b'}))]);\n"
        "quietly(async () => { const p = new RTCPeerConnection({iceServers: servers}); p.createDataChannel('x');"
        " await p.setLocalDescription(await p.createOffer()) });\n"
        "setTimeout(() => { document.body.bgColor = '#00ff00'; document.body.id = 'tried' }, 1500);\n</script>"
    )


def prerendered(request: Request) -> Reply:
    """Be prerendered, and load something from ?to=."""
    return Reply(f"{HEAD}<title>Prerendered</title><img src='{request.query['to']}/prerendered'>")


def service_worker(request: Request) -> Reply:
    """Be a service worker that asks ?to= for something."""
    to = request.query["to"]
    return Reply(
        f"oninstall = event => event.waitUntil(fetch('{to}/service', {{mode: 'no-cors'}}).catch(() => {{}}));"
        f"fetch('{to}/service-start', {{mode: 'no-cors'}}).catch(() => {{}})",
        media_type="text/javascript",
    )


PAGES = {"/vectors": vectors, "/prerendered": prerendered, "/service-worker": service_worker}
