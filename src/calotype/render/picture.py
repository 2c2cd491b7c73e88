"""Reads from a picture what it says about itself: is it whole, and how large."""

from __future__ import annotations

from dataclasses import dataclass

from calotype.capture.output import ImageFormat

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers; the three left out in between are tables (ITU T.81, table B.1)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes, and their size in image pixels as the bytes themselves give it."""

    image: bytes
    width_px: int
    height_px: int
    blank: bool = False
    """Whether what the browser drew is of a single colour; not told of a PDF."""


def measure(image: bytes, image_format: ImageFormat) -> tuple[int, int]:
    """Return width and height of image in pixels.

    Raises ValueError if it is not a whole file of that format.
    """
    measures = {
        ImageFormat.PNG: _measure_png,
        ImageFormat.JPEG: _measure_jpeg,
        ImageFormat.WEBP: _measure_webp,
    }
    # Of avif and pdf the size is known to who makes them.
    size = measures[image_format](image) if image_format in measures else None
    if size is None:
        message = f"{len(image)} bytes that are no whole {image_format.value}"
        raise ValueError(message)
    return size


def _measure_png(image: bytes) -> tuple[int, int] | None:
    if not image.startswith(_PNG_MAGIC) or not image.endswith(_PNG_END):
        return None
    return int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")


def _measure_jpeg(image: bytes) -> tuple[int, int] | None:
    if not image.startswith(b"\xff\xd8") or not image.endswith(_JPEG_END):
        return None
    at = 2
    while at + 9 <= len(image) and image[at] == 0xFF:  # noqa: PLR2004 - every marker begins so
        if image[at + 1] in _JPEG_FRAMES:
            return int.from_bytes(image[at + 7 : at + 9], "big"), int.from_bytes(
                image[at + 5 : at + 7], "big"
            )
        at += 2 + int.from_bytes(image[at + 2 : at + 4], "big")
    return None


def _measure_webp(image: bytes) -> tuple[int, int] | None:
    if (
        image[:4] != b"RIFF"
        or image[8:12] != b"WEBP"
        or int.from_bytes(image[4:8], "little") + 8 > len(image)
    ):
        return None
    match image[12:16]:
        case b"VP8 ":  # RFC 6386 section 9.1: 14 bits each, after the frame tag and start code
            packed = int.from_bytes(image[26:30], "little")
            return packed & 0x3FFF, packed >> 16 & 0x3FFF
        case b"VP8L":  # 14 bits each, less one, after a signature byte
            packed = int.from_bytes(image[21:25], "little")
            return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        case b"VP8X":  # 24 bits each, less one
            return int.from_bytes(image[24:27], "little") + 1, int.from_bytes(image[27:30], "little") + 1
    return None
