"""How large a picture may be: what is drawn, what its format can hold, what its file may weigh."""

from __future__ import annotations

import math
from typing import Final

from calotype.capture.errors import NothingToShow
from calotype.capture.output import WEBP_MAX_SIDE_PX, ImageFormat

MAX_PIXELS: Final = 256_000_000
"""1,280 px wide this is 200,000 px tall. Memory is no bound, since tall pictures are stitched; time is."""
JPEG_MAX_SIDE_PX: Final = 65_500
"""libjpeg's own limit (JPEG_MAX_DIMENSION); beyond it Chromium answers with no bytes at all."""
AVIF_MAX_SIDE_PX: Final = 16_384
SIDE_LIMITS: Final = {
    ImageFormat.WEBP: WEBP_MAX_SIDE_PX,
    ImageFormat.JPEG: JPEG_MAX_SIDE_PX,
    ImageFormat.AVIF: AVIF_MAX_SIDE_PX,
}
MAX_HELD_PIXELS: Final = 45_000_000
"""For the formats whose encoders hold the picture as a whole: 10 (webp) to 25 bytes (avif) a pixel were seen.
Room for the longest side at 2,560 px wide."""
HELD_WHOLE: Final = frozenset({ImageFormat.WEBP, ImageFormat.AVIF})
MAX_FILE_BYTES: Final = 190_000_000
"""As much as the browser may answer with; pages of noise can make larger ones."""
TOO_LARGE_A_FILE: Final = "The picture is too large a file to be handled; ask for jpeg or less."


def pixels(css: float, scale: float) -> int:
    """Return how many image pixels the browser makes of a length in CSS pixels: halves count as one."""
    return math.floor(css * scale + 0.5)


def check_drawn(width_px: int, height_px: int) -> None:
    """Raise NothingToShow if that many pixels are not drawn for anybody."""
    if width_px * height_px > MAX_PIXELS:
        raise NothingToShow(
            f"capture.mode: the picture would be {width_px} x {height_px} px, and "
            f"{MAX_PIXELS // 1_000_000} million pixels are the most that can be pictured at once; "
            "ask for a part of the page with capture.clip."
        )


def check_print(width_px: int, height_px: int, image_format: ImageFormat) -> None:
    """Raise NothingToShow if image_format cannot hold a picture of that size."""
    longest, pixels = max(width_px, height_px), width_px * height_px
    limit = SIDE_LIMITS.get(image_format)
    if limit is not None and longest > limit:
        fault = f"ends at {limit} px a side"
    elif image_format in HELD_WHOLE and pixels > MAX_HELD_PIXELS:
        fault = f"is made of at most {MAX_HELD_PIXELS // 1_000_000} million pixels"
    else:
        return
    instead = "png or jpeg" if image_format is not ImageFormat.JPEG and longest <= JPEG_MAX_SIDE_PX else "png"
    raise NothingToShow(
        f"output.format: the picture would be {width_px} x {height_px} px, and {image_format.value} {fault}; "
        f"ask for {instead}, or for a smaller picture with output.height."
    )
