"""Names that lead astray: to private addresses, to others the second time, or to nothing at all."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import pytest

from calotype.capture.errors import TargetForbidden
from tests.render.asking import GREEN, picture, take
from tests.site.server import Site

CARRIED = {
    "plain.example": "127.0.0.1",
    "mapped.example": "::ffff:127.0.0.1",
    "compatible.example": "::127.0.0.1",
    "translated.example": "::ffff:0:127.0.0.1",
    "nat64.example": "64:ff9b::127.0.0.1",
    "local-nat64.example": "64:ff9b:1::127.0.0.1",
    "6to4.example": "2002:7f00:1::",
    "teredo-server.example": "2001:0:7f00:1::",
    "teredo-client.example": "2001:0:808:808::80ff:fffe",
    "isatap.example": "2a00:1450::5efe:7f00:1",
    "loopback.example": "::1",
    "any.example": "::",
    "metadata.example": "169.254.169.254",
}
"""Names, and addresses that mean this machine or its surroundings."""
ABSENT = "absent.example"


async def resolve(host: str) -> list[str]:
    if host == ABSENT:
        raise OSError("no such host")
    return [CARRIED.get(host, host)]


@pytest.fixture
def private():
    with Site() as site:
        yield site


async def test_no_name_leads_to_a_private_address_in_whatever_dress(a_renderer, site, private):
    images = "".join(f"<img src='http://{name}:{private.port}/img'>" for name in CARRIED)
    sockets = "".join(f"new WebSocket('ws://{name}:{private.port}/ws');" for name in CARRIED)
    site.serve("/names", f"<body bgcolor=#00ff00>{images}<script>{sockets}</script>")
    async with a_renderer(resolve=resolve) as renderer:
        capture = await take(renderer, site.url("/names"))
        for name in CARRIED:
            with pytest.raises(TargetForbidden):
                await take(renderer, f"http://{name}:{private.port}/home")

    assert picture(capture).getpixel((790, 590)) == GREEN
    assert (private.connections, private.requests) == (0, [])


async def test_the_same_names_lead_there_when_a_rule_allows_it(a_renderer, site, private):
    reaching = ("plain.example", "mapped.example")
    images = "".join(f"<img src='http://{name}:{private.port}/{name}'>" for name in reaching)
    site.serve("/names", images)
    async with a_renderer("127.0.0.0/8", resolve=resolve) as renderer:
        await take(renderer, site.url("/names"))

    assert {path.removeprefix("/") for path in private.visits} == set(reaching)


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_name_that_is_rebound_while_its_page_is_shown(a_renderer, site, allowed):
    """Once public, then private: what was judged is what is connected to, each time anew."""
    asked = []

    async def rebind(host: str) -> list[str]:
        if host != "rebinding.example":
            return [host]
        asked.append(host)
        return [site.host if len(asked) == 1 else "127.0.0.2"]

    with Site("127.0.0.2", site.port) as private:
        parts = "<img src=/img><script src=/js></script><iframe src=/frame></iframe><img src=/another>"
        site.serve("/rebinding", f"<body bgcolor=#00ff00>{parts}")
        rules = f"{site.netloc}, {private.netloc}" if allowed else site.netloc
        async with a_renderer(rules, resolve=rebind) as renderer:
            # A page whose own host is refused in the middle of it is not worth showing.
            with nullcontext() if allowed else pytest.raises(TargetForbidden):
                await take(renderer, f"http://rebinding.example:{site.port}/rebinding")

        assert site.visits["/rebinding"] == 1
        assert len(asked) >= 2
        assert (private.connections > 0) == allowed
        assert (sum(private.visits.values()) >= 3) == allowed


async def test_a_page_cannot_tell_a_private_name_from_one_that_is_not_there(a_renderer, site, private):
    """Neither by what it sees nor by the error that the caller gets."""
    site.serve(
        "/oracle",
        "<body><script>\n"
        "const look = async host => { const seen = [];\n"
        f" const at = `http://${{host}}:{private.port}/`;\n"
        " try { const r = await fetch(at); seen.push(r.status, await r.text()) }\n"
        " catch (e) { seen.push(String(e)) }\n"
        " try { const r = await fetch(at, {mode: 'no-cors'}); seen.push(r.type, r.status) }\n"
        " catch (e) { seen.push(String(e)) }\n"
        " await new Promise(done => { const w = new WebSocket(at.replace('http', 'ws'));\n"
        "  w.onclose = e => { seen.push(e.code, e.reason); done() } });\n"
        " await new Promise(done => { const i = new Image(); i.onload = i.onerror = e => {"
        " seen.push(e.type, i.width); done() }; i.src = at });\n"
        " const timing = performance.getEntriesByName(at).map(e => [e.nextHopProtocol, e.transferSize,"
        " e.encodedBodySize, e.responseStatus]);\n"
        " return JSON.stringify([seen, timing]) };\n"
        "(async () => { const [one, other] = [await look('plain.example'), await look('absent.example')];\n"
        " document.title = one + ' ' + other;"
        " document.body.id = one === other ? 'same' : 'different' })()</script>",
    )
    async with a_renderer(resolve=resolve) as renderer:
        capture = await take(renderer, site.url("/oracle"), selector="#same, #different", delay_ms=1)
        one, _, other = capture.verdict.title.partition(" [")
        assert one == f"[{other}", "the page sees the same of both"

        told = []
        for host in ("plain.example", ABSENT):
            for scheme in ("http", "https"):
                with pytest.raises(TargetForbidden) as refusal:
                    await take(renderer, f"{scheme}://{host}:{private.port}/")
                told.append(str(refusal.value).replace(host, "HOST"))
        assert len(set(told)) == 1
    await asyncio.sleep(0)
    assert private.connections == 0
