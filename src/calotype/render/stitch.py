"""One picture of a page that is drawn strip by strip, since one surface for all of it would take gigabytes.

The browser draws a strip when the encoder has need of it, and one ahead. What the encoder reads is a png of
the whole picture that is written while it is read: nobody holds more of it than a strip, and no file is left.
"""

from __future__ import annotations

import asyncio
import os
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

import pyvips

from calotype.capture.output import Output
from calotype.render.develop import print_of
from calotype.render.picture import Picture

_Image: TypeAlias = Any

SURFACE_PIXELS: Final = 10_000_000
"""1,280 px wide this is 7,800 px tall. On one surface, 20,000 px tall took 0.4 GB more than on strips of this
size and 117,000 px 1.9 GB more; they take as long. Much smaller ones take longer: 1,000 px a strip twice."""
_ROWS: Final = 256
"""As many as are handed to the encoder at a time."""

_THREADS: Final = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="stitch")
"""They wait for the browser most of the time; developing other pictures must not wait with them."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A part of the picture as wide as all of it, in CSS pixels from its top."""

    top: float
    height: float


def cut(width_px: int, height_px: int, scale: float) -> list[Strip]:
    """Cut a picture into strips that one surface each can hold, where CSS and image pixels meet."""
    whole = Fraction(scale).limit_denominator(1000).denominator
    step = max(whole, int(SURFACE_PIXELS / (width_px * scale)) // whole * whole)
    step_px = round(step * scale)
    return [
        Strip(top_px / scale, min(step_px, height_px - top_px) / scale)
        for top_px in range(0, height_px, step_px)
    ]


async def stitch(
    strips: Sequence[Strip],
    take: Callable[[Strip], Awaitable[bytes]],
    width_px: int,
    height_px: int,
    output: Output,
    timeout_s: float,
) -> Picture:
    """Return the print of all strips, of which take gives the pngs, one below the other.

    Raises NothingToShow, and whatever take raises.
    """
    feed = _Feed(strips, take, width_px, height_px, timeout_s)
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, _print, feed, output)
    finally:
        feed.close()


def _print(feed: _Feed, output: Output) -> Picture:
    source = pyvips.SourceCustom()
    source.on_read(feed.read)
    try:
        image = pyvips.Image.new_from_source(source, "", access="sequential", fail_on="truncated")
        return print_of(image, output)
    finally:
        # What the encoder says of it is only that the file was cut short.
        if feed.failure is not None:
            raise feed.failure


class _Feed:
    """The png that the encoder reads. All but take and close belongs to the encoder's thread."""

    def __init__(
        self,
        strips: Sequence[Strip],
        take: Callable[[Strip], Awaitable[bytes]],
        width_px: int,
        height_px: int,
        timeout_s: float,
    ) -> None:
        self.failure: Exception | None = None
        self._strips, self._take = strips, take
        self._width_px, self._height_px = width_px, height_px
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._taking: dict[int, asyncio.Future[bytes]] = {}
        self._closed = False
        self._parts = self._png()
        self._rest = memoryview(b"")

    def read(self, size: int) -> memoryview | None:
        """Return up to size bytes more, None at the end."""
        try:
            while not self._rest:
                self._rest = memoryview(next(self._parts))
        except StopIteration:
            return None
        except Exception as exc:  # noqa: BLE001 - it would be lost in libvips; _print raises it
            self.failure = exc
            return None
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def close(self) -> None:
        """Take no strip any more; a reader is told that there are none."""
        self._closed = True
        for taking in self._taking.values():
            taking.cancel()

    def _png(self) -> Iterator[bytes]:
        size = struct.pack(">IIBBBBB", self._width_px, self._height_px, 8, 2, 0, 0, 0)
        yield b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size)
        packer = zlib.compressobj(0)  # It is unpacked at once.
        done_px = 0
        for index in range(len(self._strips)):
            strip = asyncio.run_coroutine_threadsafe(self._strip(index), self._loop).result(self._timeout_s)
            image = pyvips.Image.new_from_buffer(strip, "")
            if image.width != self._width_px:
                message = f"a strip of {image.width} px in a picture of {self._width_px}"
                raise ValueError(message)
            for top in range(0, image.height, _ROWS):
                yield _chunk(b"IDAT", packer.compress(_rows(image, top)))
            done_px += image.height
        if done_px != self._height_px:
            message = f"strips of {done_px} px in a picture of {self._height_px}"
            raise ValueError(message)
        yield _chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b"")

    async def _strip(self, index: int) -> bytes:
        """Return a strip, and begin to take the next."""
        if self._closed:
            raise asyncio.CancelledError
        for wanted in range(index, min(index + 2, len(self._strips))):
            if wanted not in self._taking:
                before = self._taking.get(wanted - 1)
                self._taking[wanted] = asyncio.ensure_future(self._after(before, self._strips[wanted]))
        strip = await self._taking[index]
        del self._taking[index]
        return strip

    async def _after(self, before: asyncio.Future[bytes] | None, strip: Strip) -> bytes:
        """Take one strip at a time."""
        if before is not None:
            await asyncio.wait([before])
        return await self._take(strip)


def _rows(image: _Image, top: int) -> bytes:
    """Return rows as they are in a png, each behind the number of its filter: none."""
    part = image.crop(0, top, image.width, min(_ROWS, image.height - top))
    pixels = memoryview((part.flatten(background=255) if part.hasalpha() else part).write_to_memory())
    stride = image.width * 3
    return b"".join(b for at in range(0, len(pixels), stride) for b in (b"\0", pixels[at : at + stride]))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
