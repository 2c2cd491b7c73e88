"""Stores pictures through Calotype's own store, with a renderer that has them ready."""

from __future__ import annotations

import asyncio
import struct
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from calotype.access.keys import hash_key
from calotype.bootstrap import open_service
from calotype.cache.entry import CacheEntry, Mode, Namespace
from calotype.cache.policy import CacheWishes
from calotype.capture.errand import MACHINES_OWN, Errand
from calotype.capture.negative import PageUrl
from calotype.capture.output import ImageFormat
from calotype.capture.parse import parse_capture
from calotype.capture.request import CaptureRequest
from calotype.capture.result import Capture
from calotype.capture.verdict import Verdict
from calotype.clock import Deadline
from calotype.settings import load_settings
from calotype.shots.request import TakeRequest

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture that the server has, and the page it is taken for."""

    url: str
    entry: CacheEntry
    image: bytes


class _Canned:
    """A Renderer whose pages name the size of their picture: https://example.com/<bytes>/<number>."""

    async def render(
        self, request: CaptureRequest, deadline: Deadline, errand: Errand = MACHINES_OWN
    ) -> Capture:
        """See Renderer."""
        del deadline, errand
        target = request.negative.target
        assert isinstance(target, PageUrl)
        size, number = target.url.rsplit("/", 2)[1:]
        return Capture(
            image=_png(int(number), int(size)),
            format=ImageFormat.PNG,
            width_px=1,
            height_px=1,
            verdict=Verdict(http_status=200, final_url=target.url, title="A page"),
            render_ms=1,
        )


def fill(data: Path, sizes: tuple[int, ...], count: int) -> tuple[str, list[Stored]]:
    """Store count pictures of each size in a new data folder; return a key to them, and them."""
    return asyncio.run(_fill(data, sizes, count))


async def _fill(data: Path, sizes: tuple[int, ...], count: int) -> tuple[str, list[Stored]]:
    settings = load_settings({"data": str(data)}, {})
    async with open_service(settings, _Canned()) as service:
        secret, _ = await service.remembering.authenticator.create("default", "live", "benchmark")
        caller = await service.remembering.keys.find(hash_key(secret))
        assert caller is not None
        namespace = Namespace(caller.account, Mode(caller.mode))
        some = asyncio.Semaphore(_AT_ONCE)

        async def take(url: str) -> Stored:
            async with some:
                asked = TakeRequest(
                    namespace=namespace,
                    capture=parse_capture({"url": url}),
                    wishes=CacheWishes(),
                    deadline=Deadline.after(60_000),
                )
                opened = (await service.shots.take(asked)).opened
                return Stored(url, opened.entry, opened.data)

        urls = [f"https://example.com/{size}/{number}" for size in sizes for number in range(count)]
        return secret, list(await asyncio.gather(*map(take, urls)))


def seconds_an_open(data: Path, entries: Sequence[CacheEntry], times: int, hot_bytes: int) -> float:
    """Return how long a data folder's store takes to open an entry by its key, bytes included."""

    async def opening() -> float:
        settings = replace(load_settings({"data": str(data)}, {}), hot_bytes=hot_bytes)
        async with open_service(settings, _Canned()) as service:
            store = service.remembering.store
            for entry in entries:
                await store.open(entry.namespace, entry.key)
            began = time.perf_counter()
            for number in range(times):
                entry = entries[number % len(entries)]
                assert await store.open(entry.namespace, entry.key)
            return (time.perf_counter() - began) / times

    return asyncio.run(opening())


def _png(number: int, size: int) -> bytes:
    """Return a valid PNG of one pixel and exactly size bytes; no two numbers give the same."""
    pixel = b"\x00" + number.to_bytes(3, "big")
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    tail = _chunk(b"IDAT", zlib.compress(pixel)) + _chunk(b"IEND", b"")
    frame = len(_chunk(b"tEXt", b""))
    filler = f"{number}:".encode() * size
    return head + _chunk(b"tEXt", filler[: size - len(head) - len(tail) - frame]) + tail


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
