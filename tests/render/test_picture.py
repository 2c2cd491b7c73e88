"""A picture's own word about its size, against Pillow's pictures."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from calotype.capture.output import ImageFormat
from calotype.render.picture import measure

SIZES = [(1, 1), (300, 200), (2, 16_000), (16_383, 3)]


def encode(image: Image.Image, image_format: ImageFormat, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format.value, **options)
    return out.getvalue()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("image_format", "mode", "options"),
    [
        (ImageFormat.PNG, "RGB", {}),
        (ImageFormat.PNG, "RGBA", {}),
        (ImageFormat.JPEG, "RGB", {"quality": 80}),
        (ImageFormat.JPEG, "RGB", {"progressive": True, "exif": b"Exif\0\0" + b"x" * 500}),
        (ImageFormat.JPEG, "L", {}),
        (ImageFormat.WEBP, "RGB", {"quality": 80}),
        (ImageFormat.WEBP, "RGB", {"lossless": True}),
        (ImageFormat.WEBP, "RGBA", {"quality": 80}),
    ],
)
def test_the_size_of_a_picture_is_read_from_its_bytes(size, image_format, mode, options):
    assert measure(encode(Image.new(mode, size), image_format, **options), image_format) == size


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_bytes_that_are_no_whole_picture_of_the_format_are_refused(image_format):
    whole = encode(Image.new("RGB", (50, 50)), image_format)
    another = encode(Image.new("RGB", (50, 50)), next(f for f in ImageFormat if f is not image_format))
    for bad in (b"", whole[:-4], whole[:20], another, b"x" * 100):
        with pytest.raises(ValueError, match="no whole"):
            measure(bad, image_format)
