"""A font of squares, made here, so that the right picture of a text is known to the pixel.

Set in a line as high as the font, a full square fills the line; half squares fill the lower or the upper
half of it. All are as wide as the font is high.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache
from typing import Final

EM: Final = 1000
ASCENT: Final = 800
FULL: Final = "A\ue001א口م"
LOWER: Final = "bב下"
UPPER: Final = "pג上"

_SHAPES: Final = ((), (), (-200, 800), (-200, 300), (300, 800))
"""Bottom and top of each glyph: none for what is missing and for the space."""
_KNOWN: Final = (
    "cmap",
    "head",
    "hhea",
    "hmtx",
    "maxp",
    "name",
    "OS/2",
    "post",
    "cvt ",
    "fpgm",
    "glyf",
    "loca",
)
"""Tables that a WOFF2 names by number (W3C WOFF 2.0, section 4.1)."""


@cache
def truetype() -> bytes:
    """Return the font as OpenType has it."""
    tables = _tables()
    offset = 12 + 16 * len(tables)
    directory, body = b"", b""
    for tag, data in tables.items():
        directory += tag.encode() + struct.pack(">III", _checksum(data), offset + len(body), len(data))
        body += _padded(data)
    return struct.pack(">IHHHH", 0x10000, len(tables), 128, 3, 32) + directory + body


@cache
def woff() -> bytes:
    """Return the font as WOFF 1.0."""
    tables = _tables()
    offset = 44 + 20 * len(tables)
    directory, body = b"", b""
    for tag, data in tables.items():
        packed = min(zlib.compress(data), data, key=len)
        sizes = struct.pack(">IIII", offset + len(body), len(packed), len(data), _checksum(data))
        directory += tag.encode() + sizes
        body += _padded(packed)
    head = struct.pack(">4sIIHHIHH", b"wOFF", 0x10000, offset + len(body), len(tables), 0, _sfnt_size(), 1, 0)
    return head + bytes(20) + directory + body


@cache
def woff2() -> bytes:
    """Return the font as WOFF 2.0, in a Brotli stream that compresses nothing."""
    tables = _tables()
    # A loca table must follow its glyf table at once.
    tables = {"glyf": tables.pop("glyf"), "loca": tables.pop("loca"), **tables}
    directory = b""
    for tag, data in tables.items():
        # Transform 3 means none for these two, and 0 for the others.
        directory += bytes([_KNOWN.index(tag) | (0xC0 if tag in ("glyf", "loca") else 0)]) + _base128(
            len(data)
        )
    whole = b"".join(tables.values())
    # RFC 7932, section 9.2: a window of 16 bits, one stored meta-block, one that is last and empty.
    stream = (len(whole) - 1 << 4 | 1 << 20).to_bytes(3, "little") + whole + b"\3"
    length = 48 + len(directory) + len(stream)
    head = struct.pack(
        ">4sIIHHIIHH", b"wOF2", 0x10000, length + -length % 4, len(tables), 0, _sfnt_size(), len(stream), 1, 0
    )
    return _padded(head + bytes(20) + directory + stream)


def _tables() -> dict[str, bytes]:
    glyphs = [_glyph(shape) for shape in _SHAPES]
    ends = [sum(map(len, glyphs[:number])) for number in range(len(glyphs) + 1)]
    head = struct.pack(
        ">HHIIIHHQQhhhhHHhhh", 1, 0, 0x10000, 0, 0x5F0F3CF5, 3, EM, 0, 0, 0, ASCENT - EM, EM, ASCENT, 0, 8, 2, 1, 0
    )  # fmt: skip
    hhea = struct.pack(
        ">HHhhhHhhhhhhhhhhhH", 1, 0, ASCENT, ASCENT - EM, 0, EM, 0, 0, EM, 1, *(0,) * 7, len(glyphs)
    )
    maxp = struct.pack(">IHHHHHHHHHHHHHH", 0x10000, len(glyphs), 4, 1, 0, 0, 1, *(0,) * 8)
    os2 = struct.pack(
        ">HhHHHhhhhhhhhhhh10s4I4sHHHhhhHHII", 3, EM, 400, 5, 0, *(0,) * 11, bytes(10), 0, 0, 0, 0, b"none", 0x40, 32, 0xFFFF,
        ASCENT, ASCENT - EM, 0, ASCENT, EM - ASCENT, 1, 0,
    ) + struct.pack(">hhHHH", 500, 700, 0, 32, 0)  # fmt: skip
    return {
        "OS/2": os2,
        "cmap": _cmap(
            {" ": 1, **dict.fromkeys(FULL, 2), **dict.fromkeys(LOWER, 3), **dict.fromkeys(UPPER, 4)}
        ),
        "glyf": b"".join(glyphs),
        "head": head,
        "hhea": hhea,
        "hmtx": struct.pack(">Hh", EM, 0) * len(glyphs),
        "loca": struct.pack(f">{len(ends)}I", *ends),
        "maxp": maxp,
        "name": _name(),
        "post": struct.pack(">IIhhIIIII", 0x30000, 0, 0, 0, 1, 0, 0, 0, 0),
    }


def _glyph(shape: tuple[int, ...]) -> bytes:
    if not shape:
        return b""
    bottom, top = shape
    head = struct.pack(">hhhhhHH", 1, 0, bottom, EM, top, 3, 0)
    across, up = (0, 0, EM, 0), (bottom, top - bottom, 0, bottom - top)
    return _padded(head + b"\1\1\1\1" + struct.pack(">4h4h", *across, *up))


def _cmap(glyphs: dict[str, int]) -> bytes:
    segments = [(ord(letter), ord(letter), glyph - ord(letter)) for letter, glyph in sorted(glyphs.items())]
    segments.append((0xFFFF, 0xFFFF, 1))
    number = len(segments)
    power = 1 << number.bit_length() - 1
    columns = struct.pack(f">{number}H", *(end for _, end, _ in segments)) + b"\0\0"
    columns += struct.pack(f">{number}H", *(start for start, _, _ in segments))
    columns += struct.pack(f">{number}H", *(delta % 0x10000 for _, _, delta in segments)) + bytes(2 * number)
    searching = (2 * number, 2 * power, power.bit_length() - 1, 2 * (number - power))
    table = struct.pack(">HHHHHHH", 4, 14 + len(columns), 0, *searching) + columns
    return struct.pack(">HHHHI", 0, 1, 3, 1, 12) + table


def _name() -> bytes:
    texts = {1: "Squares", 2: "Regular", 3: "Squares", 4: "Squares", 6: "Squares"}
    records, strings = b"", b""
    for number, text in texts.items():
        spelt = text.encode("utf-16-be")
        records += struct.pack(">HHHHHH", 3, 1, 0x409, number, len(spelt), len(strings))
        strings += spelt
    return struct.pack(">HHH", 0, len(texts), 6 + len(records)) + records + strings


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _checksum(data: bytes) -> int:
    words = _padded(data)
    total: int = sum(struct.unpack(f">{len(words) // 4}I", words))
    return total % 2**32


def _sfnt_size() -> int:
    return 12 + sum(16 + len(_padded(data)) for data in _tables().values())


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))
