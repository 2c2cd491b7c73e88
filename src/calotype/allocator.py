"""The C library's allocator: told to give back what large pictures took.

Left to itself glibc raises, with each large piece of memory that is freed, the size up to which it keeps such
pieces for later: up to 64 MiB for each thread that ever decoded a tall picture. After some hundred captures a
server held 390 MB, of which it used 145.
"""

from __future__ import annotations

import ctypes
from typing import Final

LARGE_BYTES: Final = 4 * 2**20
"""A larger piece goes back to the system when it is freed. Most pictures are smaller, and serving
them touches no fresh page; decoded, they are larger, and the pages cost little beside the decoding."""
KEPT_BYTES: Final = 4 * 2**20
"""What each thread may keep of the smaller ones."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Their numbers in malloc.h."""


def keep_little() -> None:
    """Say so to the allocator of this process, if it is glibc's; no other has these manners."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
