"""The exam: a browser shows that it runs a page, paints it, and finds its way out.

A browser whose graphics or network process stands still goes on answering everything else, and lets every
capture wait to its end. Only a try of each tells.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import msgspec

from calotype.render.cdp import CdpError, Session

NOWHERE: Final = "http://240.0.0.1/"
"""An address that no network has (RFC 1112 section 4): our proxy refuses it without asking anybody, and
hearing that from it is all that is wanted."""
SIDE_PX: Final = 16
COLOUR: Final = (20, 160, 60)

_PAGE: Final = "<!doctype html><html style='background:rgb({})'>".format(",".join(map(str, COLOUR)))
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CLIP: Final = {"x": 0, "y": 0, "width": SIDE_PX, "height": SIDE_PX, "scale": 1}


class ExamFailed(CdpError):
    """The browser answered, and its answer was wrong."""


class _Shot(msgspec.Struct, frozen=True):
    data: bytes


async def examine(session: Session, frame_id: str, timeout_s: float) -> None:
    """Have a blank page show our colour and try to leave through the proxy. Raises CdpError."""
    await session.call("Page.setDocumentContent", {"frameId": frame_id, "html": _PAGE}, timeout_s)
    shot = await session.call("Page.captureScreenshot", {"format": "png", "clip": _CLIP}, timeout_s, _Shot)
    seen = _colour_of(shot.data)
    if seen != COLOUR:
        message = f"a page of {COLOUR} was pictured as {seen}"
        raise ExamFailed(message)
    # Any answer will do, were it the error page for a connection that the proxy cut.
    await session.call("Page.navigate", {"url": NOWHERE}, timeout_s)


def _colour_of(png: bytes) -> tuple[int, ...]:
    """Return the colour of the upper left pixel, of which every PNG filter leaves the bytes as they are."""
    packed, at = b"", len(_SIGNATURE)
    try:
        while at < len(png):
            size, kind = struct.unpack_from(">I4s", png, at)
            packed += png[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
            at += 12 + size
        return tuple(zlib.decompress(packed)[1:4])
    except (struct.error, zlib.error) as exc:
        message = f"the picture cannot be read: {exc}"
        raise ExamFailed(message) from exc
