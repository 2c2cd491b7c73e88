"""Answers that are too much: too big, too slow, or far bigger than they come."""

from __future__ import annotations

import zlib
from functools import lru_cache
from urllib.parse import quote

from tests.site.exchange import Reply, Request

HEAD = "<!doctype html><meta charset=utf-8>"


def big(request: Request) -> Reply:
    """Be a page of ?bytes=, or with ?type= something else of that size."""
    size, kind = int(request.query["bytes"]), request.query.get("type")
    if kind is not None:
        return Reply(bytes(size), media_type=kind)
    return Reply(f"{HEAD}<title>Big</title><body bgcolor=#00ff00><!--{'x' * size}-->")


def greedy(request: Request) -> Reply:
    """Be green, and have three parts: one of ?bytes=, then one that comes after it, and a picture at the end."""
    part = quote(f"/big?bytes={request.query['bytes']}&type=image/png")
    return Reply(
        f"{HEAD}<title>Greedy</title><body bgcolor=#00ff00 style='margin:0'><script>\n"
        f"const show = src => new Promise(shown => {{ const i = new Image(); i.onload = i.onerror = shown;"
        f" i.src = src; document.body.append(i) }});\n"
        f"(async () => {{ await fetch(decodeURIComponent('{part}')).then(part => part.blob()).catch(() => {{}});"
        f" await show('/image');"
        f" document.body.id = 'done' }})()</script>"
    )


def hammering(request: Request) -> Reply:
    """Be green, and ask for something ?times= times."""
    return Reply(
        f"{HEAD}<title>Hammering</title><body bgcolor=#00ff00><script>(async () => {{\n"
        f"for (let i = 0; i < {request.query['times']}; i++) await fetch('/200?' + i).catch(() => {{}});\n"
        "document.body.id = 'done' })()</script>"
    )


def drip(request: Request) -> Reply:
    """Send a byte each 100 ms, without end: of the head with ?part=head, else of the body."""
    return Reply(f"{HEAD}<title>Drip</title><body>", drips=request.query.get("part", "body"))


@lru_cache
def _zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(b"<html><title>Bomb</title><!--")]
    parts += [packer.compress(b"x" * 1_000_000) for _ in range(megabytes)]
    return b"".join(parts) + packer.flush()


def bomb(request: Request) -> Reply:
    """Be a page that is a thousand times bigger than it comes: ?megabytes=."""
    return Reply(_zeros(int(request.query["megabytes"])), headers={"Content-Encoding": "gzip"})


PAGES = {
    "/big": big,
    "/greedy": greedy,
    "/hammering": hammering,
    "/drip": drip,
    "/bomb": bomb,
}
