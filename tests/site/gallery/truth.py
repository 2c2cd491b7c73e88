"""Claims about a picture. Each is a function that returns what is wrong, or None.

Colours are named as CSS names them, so that page and truth speak of the same one. Places are in image
pixels from the top left corner; what is placed in a page with `block` is looked for with `box`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pyvips
from PIL import Image, ImageChops, ImageColor

from calotype.capture.result import Capture
from calotype.capture.verdict import Verdict

Region = tuple[int, int, int, int]
"""Left, top, width, height."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of a capture."""

    image: Image.Image
    verdict: Verdict
    _found: dict[tuple[str, int], tuple[Region | None, int]] = field(default_factory=dict)
    """What was asked before: each picture is judged by every page."""

    def where(self, colour: str, near: int = 0) -> tuple[Region | None, int]:
        """Return the bounds (left, top, right, bottom) of all that is in the colour, and how many pixels are."""
        if (colour, near) not in self._found:
            mask = _mask(self.image, colour, near)
            self._found[colour, near] = mask.getbbox(), mask.histogram()[255]
        return self._found[colour, near]


Check = Callable[[Shown], str | None]

_INK = 96
"""How far from white a pixel is that is written on: less than that is the rim of a letter."""


def shown(capture: Capture) -> Shown:
    """Decode a capture."""
    return Shown(Image.open(io.BytesIO(capture.image)).convert("RGB"), capture.verdict)


def size(width: int, height: int) -> Check:
    """The picture measures this many image pixels."""

    def fault(of: Shown) -> str | None:
        return None if of.image.size == (width, height) else f"it is {of.image.size}, not {width} x {height}"

    return fault


def at(x: int, y: int, colour: str, near: int = 0) -> Check:
    """The pixel at (x, y) has the colour, each channel to within near."""
    wanted = _rgb(colour)

    def fault(of: Shown) -> str | None:
        if x >= of.image.width or y >= of.image.height:
            return f"({x}, {y}) is outside of {of.image.size}"
        found = of.image.getpixel((x, y))
        assert isinstance(found, tuple)
        if all(abs(one - other) <= near for one, other in zip(found, wanted, strict=True)):
            return None
        return f"({x}, {y}) is {found}, not {colour} {wanted}"

    return fault


def box(
    colour: str, x: int, y: int, width: int, height: int, *, near: int = 0, within: int = 0, full: bool = True
) -> Check:
    """All that is in the colour lies in this rectangle and reaches its edges, to within `within` pixels.

    If full, there is nothing else in the rectangle.
    """
    wanted = (x, y, x + width, y + height)

    def fault(of: Shown) -> str | None:
        found, pixels = of.where(colour, near)
        if found is None:
            return f"there is nothing {colour}"
        if any(abs(one - other) > within for one, other in zip(found, wanted, strict=True)):
            return f"what is {colour} lies in {found}, not in {wanted}"
        held = pixels / ((found[2] - found[0]) * (found[3] - found[1]))
        return f"only {held:.0%} of {found} is {colour}" if full and held < 1 else None

    return fault


def filled(region: Region, colour: str, near: int = 0) -> Check:
    """The region is wholly in the colour."""

    def fault(of: Shown) -> str | None:
        left, top, width, height = region
        if left + width > of.image.width or top + height > of.image.height:
            return f"{region} is outside of {of.image.size}"
        held = _mask(_cut(of, region), colour, near).histogram()[255] / (width * height)
        return None if held == 1 else f"{held:.1%} of {region} is {colour}"

    return fault


def share(colour: str, least: float, most: float = 1.0, near: int = 0) -> Check:
    """So much of the picture is in the colour."""

    def fault(of: Shown) -> str | None:
        held = of.where(colour, near)[1] / (of.image.width * of.image.height)
        return None if least <= held <= most else f"{held:.2%} is {colour}, not {least:.2%} to {most:.2%}"

    return fault


def none_of(colour: str, near: int = 0) -> Check:
    """Nothing is in the colour."""

    def fault(of: Shown) -> str | None:
        found, _ = of.where(colour, near)
        return None if found is None else f"there is something {colour} in {found}"

    return fault


def count(colour: str, times: int, near: int = 0) -> Check:
    """So many separate patches are in the colour."""

    def fault(of: Shown) -> str | None:
        found = _patches(_mask(of.image, colour, near))
        return None if found == times else f"there are {found} patches of {colour}, not {times}"

    return fault


def down(x: int, *runs: tuple[str, int]) -> Check:
    """Going down at x, one meets these colours for so many pixels each, to the bottom of the picture."""

    def fault(of: Shown) -> str | None:
        if x >= of.image.width:
            return f"{x} is outside of {of.image.size}"
        top = 0
        for colour, length in runs:
            if top + length > of.image.height:
                return f"it ends at {of.image.height}, in the run of {colour} from {top}"
            strip = of.image.crop((x, top, x + 1, top + length))
            if strip.getcolors(1) != [(length, _rgb(colour))]:
                return f"from {top} to {top + length} it is not all {colour}"
            top += length
        return None if top == of.image.height else f"it goes on to {of.image.height}, beyond {top}"

    return fault


def ink(region: Region, least: float, most: float = 1.0) -> Check:
    """So much of the region is written on."""

    def fault(of: Shown) -> str | None:
        held = _inked(of, region)
        return None if least <= held <= most else f"{held:.2%} of {region} is inked"

    return fault


def colourless() -> Check:
    """All of it is black, white and grey."""

    def fault(of: Shown) -> str | None:
        red, green, blue = of.image.split()
        apart = ImageChops.lighter(ImageChops.difference(red, green), ImageChops.difference(green, blue))
        found = apart.point(lambda far: 255 * (far > 0)).getbbox()
        return None if found is None else f"there is a colour in {found}"

    return fault


def blank(region: Region) -> Check:
    """Nothing is written in the region."""
    return ink(region, 0, 0)


def all_differ(*regions: Region) -> Check:
    """All regions are written on, and no two alike: no row of the same empty boxes."""

    def fault(of: Shown) -> str | None:
        empty = [region for region in regions if _inked(of, region) == 0]
        if empty:
            return f"nothing is written in {empty[0]}"
        seen = len({_cut(of, region).tobytes() for region in regions})
        return None if seen == len(regions) else f"of {len(regions)} regions only {seen} differ"

    return fault


def alike(one: Region, other: Region) -> Check:
    """Both regions are written on, and show the same."""

    def fault(of: Shown) -> str | None:
        if _inked(of, one) == 0:
            return f"nothing is written in {one}"
        return None if _cut(of, one).tobytes() == _cut(of, other).tobytes() else f"{one} is not like {other}"

    return fault


def fact(name: str, value: object) -> Check:
    """The verdict says so."""

    def fault(of: Shown) -> str | None:
        found = getattr(of.verdict, name)
        return None if found == value else f"{name} is {found!r}, not {value!r}"

    return fault


def landed(path: str) -> Check:
    """The page that was pictured is the one at path, query and fragment included."""

    def fault(of: Shown) -> str | None:
        parts = urlsplit(of.verdict.final_url or "")
        found = parts._replace(scheme="", netloc="").geturl()
        return None if found == path else f"it landed at {found}, not at {path}"

    return fault


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue, *_ = ImageColor.getrgb(colour)
    return red, green, blue


def _cut(of: Shown, region: Region) -> Image.Image:
    left, top, width, height = region
    return of.image.crop((left, top, left + width, top + height))


def _mask(image: Image.Image, colour: str, near: int) -> Image.Image:
    apart = ImageChops.difference(image, Image.new("RGB", image.size, _rgb(colour)))
    red, green, blue = apart.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue).point(lambda far: 255 * (far <= near))


def _inked(of: Shown, region: Region) -> float:
    part = _cut(of, region)
    white = _mask(part, "white", _INK).histogram()[255]
    return 1 - white / (part.width * part.height)


def _patches(mask: Image.Image) -> int:
    raw = pyvips.Image.new_from_memory(mask.tobytes(), mask.width, mask.height, 1, "uchar")
    labels = raw.labelregions()
    # The ground has labels too; only those of what is in the mask count.
    sums = raw.hist_find_indexed(labels.cast("ushort"))
    return sum(value > 0 for row in sums.tolist() for value in row)
