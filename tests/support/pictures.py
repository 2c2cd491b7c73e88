"""Small real pictures, each one different."""

from __future__ import annotations

import struct
import zlib

from calotype.capture.output import ImageFormat
from calotype.capture.result import Capture
from calotype.capture.verdict import Verdict


def a_png(number: int = 0, size: int = 0) -> bytes:
    """Return a valid 1 x 1 PNG whose pixel is number, padded by a text chunk to at least size bytes."""
    pixel = b"\x00" + (number % 2**24).to_bytes(3, "big")
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    tail = _chunk(b"IDAT", zlib.compress(pixel)) + _chunk(b"IEND", b"")
    padding = max(0, size - len(head) - len(tail) - 12)
    # Not compressible, and different for each number: what is sent must be what was stored.
    filler = (f"{number}:".encode() * (padding // 2 + 1))[:padding]
    return head + (_chunk(b"tEXt", filler) if padding else b"") + tail


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def a_capture(number: int = 0, size: int = 0, http_status: int | None = 200, title: str = "") -> Capture:
    """Return what a renderer would give back for a page that shows number."""
    return Capture(
        image=a_png(number, size),
        format=ImageFormat.PNG,
        width_px=1,
        height_px=1,
        verdict=Verdict(http_status=http_status, final_url="https://example.com/", title=title),
        render_ms=5,
    )
