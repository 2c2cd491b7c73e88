"""The print: what is made of a negative, without asking the browser for more of the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

DEFAULT_QUALITY = 80
WEBP_MAX_SIDE_PX = 16_383
"""Longest side that the WebP format can express; Chromium answers beyond it with no bytes at all."""


class ImageFormat(StrEnum):
    """A file format that a capture can be had in."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """The Content-Type of such a file."""
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        """The ending of such a file's name, without the dot."""
        return self.value


class AreaKind(StrEnum):
    """Which part of the page is pictured."""

    VIEWPORT = "viewport"
    FULL_PAGE = "full_page"
    ELEMENT = "element"


@dataclass(frozen=True, slots=True)
class Area:
    """The part of the page that is pictured; selector is set for an element and only then."""

    kind: AreaKind = AreaKind.VIEWPORT
    selector: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The picture that is asked for."""

    format: ImageFormat = ImageFormat.PNG
    quality: int | None = None
    """1 to 100 for lossy formats; always None for png, which has no quality to speak of."""
    area: Area = field(default_factory=Area)

    def __post_init__(self) -> None:
        # A quality that cannot change a byte must not make a request differ from its twin.
        lossless = self.format is ImageFormat.PNG
        quality = None if lossless else (DEFAULT_QUALITY if self.quality is None else self.quality)
        object.__setattr__(self, "quality", quality)
