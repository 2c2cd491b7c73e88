"""Is there anything in the picture? Told by its pixels; ordinary pictures are told by their size alone."""

from __future__ import annotations

import asyncio
from typing import Any, Final, TypeAlias

from calotype.capture.output import ImageFormat
from calotype.render.develop import THREADS, read_once
from calotype.render.picture import Picture

_Image: TypeAlias = Any
Colour: TypeAlias = tuple[float, ...]

STRAY_PX: Final = 16
"""Pixels that may differ and leave a picture blank: a tracking pixel, a caret. Two letters have fifty."""
STRAY_SHARE: Final = 1000
"""Of so many pixels one may differ: an icon is none of these."""
TOLERANCE: Final = 4
"""Of 255, by which a pixel may differ from the rest without differing: nobody sees that, and jpeg adds it."""
_BAND_PX: Final = 256
"""Rows that are looked at together: a picture with something in it shows that early."""
_FLAT: Final = {
    ImageFormat.PNG: (66, 4, 300),
    ImageFormat.JPEG: (150, 0.25, 780),
    ImageFormat.WEBP: (440, 0.1, 600),
}
"""Pixels that Chromium packs into a byte when all are alike, and bytes that each row and the file have beside
that. No blank picture has more; one with a headline in it has, and is spared the 10 ms of being looked at."""


async def colour_of(picture: Picture, image_format: ImageFormat) -> Colour | None:
    """Return the single colour that picture is of but for STRAY_PX pixels, None if there is more to it."""
    per_byte, row, head = _FLAT[image_format]
    if len(picture.image) > head + picture.height_px * (row + picture.width_px / per_byte):
        return None
    return await asyncio.get_running_loop().run_in_executor(THREADS, _colour_of, picture.image)


def _colour_of(data: bytes) -> Colour | None:
    image = read_once(data)
    most = min(STRAY_PX, image.width * image.height // STRAY_SHARE)
    ground: Colour = ()
    for top in range(0, image.height, _BAND_PX):
        height = min(_BAND_PX, image.height - top)
        band = image.crop(0, top, image.width, height).copy_memory()
        ground = ground or _ground(band)
        differs = ((band - list(ground)).abs() > TOLERANCE).bandor()
        most -= round(differs.avg() / 255 * image.width * height)
        if most < 0:
            return None
    return ground


def _ground(band: _Image) -> Colour:
    """Return the colour that most of three far points have; any of them where all differ."""
    right, bottom = band.width - 1, band.height - 1
    points = [tuple(band(x, y)) for x, y in ((0, 0), (right // 2, bottom // 2), (right, bottom))]
    return max(points, key=points.count)
