"""From the browser's lossless picture the print that was asked for: another size, another format, a mark.

libvips does it, streaming, on one thread; here only what the browser cannot encode itself comes by.
"""

from __future__ import annotations

import asyncio
import html
import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias

from calotype.capture.errors import NothingToShow
from calotype.capture.output import Fit, ImageFormat, Output, Resize
from calotype.render.limits import MAX_FILE_BYTES, TOO_LARGE_A_FILE, check_print
from calotype.render.picture import Picture

os.environ.setdefault("VIPS_CONCURRENCY", "1")  # Captures run side by side; each on its own core.
import pyvips

_Image: TypeAlias = Any

pyvips.cache_set_max(0)  # No picture is developed twice.

AVIF_EFFORT: Final = 2
"""0.3 s a viewport instead of 2.7, for 5 % more bytes."""
PNG_COMPRESSION: Final = 6
MARK: Final = "TEST KEY"
_MARK_OPACITY: Final = 0.35
_MARK_EVERY_PX: Final = 320


THREADS: Final = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="develop")
"""Of its own: an encoder cannot be stopped, and goes on after its caller's deadline. In the threads that all
else shares, a few huge pictures that nobody waits for any more would hold up everybody."""


def needs_developing(output: Output) -> bool:
    """Whether the browser cannot make the print by itself."""
    changed = output.resize is not None or output.watermark or output.format is ImageFormat.AVIF
    return changed and output.format is not ImageFormat.PDF


async def develop(negative: bytes, output: Output) -> Picture:
    """Return the print of a png. Raises NothingToShow if its format cannot hold it."""
    return await asyncio.get_running_loop().run_in_executor(THREADS, _develop, negative, output)


def _develop(negative: bytes, output: Output) -> Picture:
    return print_of(read_once(negative), output)


def read_once(picture: bytes) -> _Image:
    """Return a picture to be read once, from top to bottom."""
    return pyvips.Image.new_from_buffer(picture, "", access="sequential")


def print_of(image: _Image, output: Output) -> Picture:
    """Return the print of an image that is read once, from top to bottom.

    Raises NothingToShow if its format cannot hold it, before a pixel is asked for.
    """
    if output.resize is not None:
        image = _resized(image, output.resize)
    if output.watermark:
        image = _marked(image)
    check_print(image.width, image.height, output.format)
    ending, options = _encoding(output)
    file = _File()
    try:
        image.write_to_target(file.target, ending, **options)
    except pyvips.Error as exc:
        if file.too_large:
            raise NothingToShow(TOO_LARGE_A_FILE) from exc
        first = str(exc).strip().partition("\n")[0]
        raise NothingToShow(f"The picture could not be made a {output.format.value}: {first}") from exc
    return Picture(file.content.getvalue(), image.width, image.height)


class _File:
    """What an encoder writes, as long as it is not more than MAX_FILE_BYTES."""

    def __init__(self) -> None:
        self.content = io.BytesIO()
        self.too_large = False
        self.target = pyvips.TargetCustom()
        self.target.on_write(self._write)

    def _write(self, data: bytes) -> int:
        self.too_large = self.content.tell() + len(data) > MAX_FILE_BYTES
        return -1 if self.too_large else self.content.write(data)


def _resized(image: _Image, resize: Resize) -> _Image:
    crop, size = "none", "down"
    width, height = resize.width_px, resize.height_px
    if resize.fit is Fit.COVER:
        # What is cut off at the bottom of a page is missed less than its head.
        crop = "low" if image.height * (width or 1) > image.width * (height or 1) else "centre"
    elif resize.fit is Fit.FILL:
        size = "force"
        width, height = min(width or image.width, image.width), min(height or image.height, image.height)
    return image.thumbnail_image(
        width or 10_000_000, height=height or 10_000_000, size=size, crop=crop, no_rotate=True
    )


def _marked(image: _Image) -> _Image:
    """Return image with MARK across it, so that nobody takes it for one that was paid for."""
    text = pyvips.Image.text(html.escape(MARK), dpi=200, font="sans bold").rotate(-30)
    tile = text.gravity("centre", max(_MARK_EVERY_PX, text.width), max(_MARK_EVERY_PX, text.height))
    across, down = image.width // tile.width + 1, image.height // tile.height + 1
    mask = tile.replicate(across, down).crop(0, 0, image.width, image.height)
    grey = mask.new_from_image([128, 128, 128]).copy(interpretation="srgb")
    layer = grey.bandjoin((mask * _MARK_OPACITY).cast("uchar"))
    return image.composite2(layer, "over").flatten(background=255)


def _encoding(output: Output) -> tuple[str, dict[str, int]]:
    quality = {} if output.quality is None else {"Q": output.quality}
    match output.format:
        case ImageFormat.JPEG:
            return ".jpg", quality
        case ImageFormat.WEBP:
            return ".webp", quality
        case ImageFormat.AVIF:
            return ".avif", {**quality, "effort": AVIF_EFFORT}
        case _:
            return ".png", {"compression": PNG_COMPRESSION}
