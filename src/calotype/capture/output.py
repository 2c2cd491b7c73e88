"""The print: what is made of a negative, without asking the browser for more of the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from calotype.capture.pdf import PdfOptions

DEFAULT_QUALITY = 80
WEBP_MAX_SIDE_PX = 16_383
"""Longest side that the WebP format can express; Chromium answers beyond it with no bytes at all."""


MAX_HEIGHT_PX = 100_000
"""Of a full page, in CSS pixels, unless the request names another height; 140 screens."""


class ImageFormat(StrEnum):
    """A file format that a capture can be had in."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    AVIF = "avif"
    PDF = "pdf"

    @property
    def media_type(self) -> str:
        """The Content-Type of such a file."""
        return "application/pdf" if self is ImageFormat.PDF else f"image/{self.value}"

    @property
    def extension(self) -> str:
        """The ending of such a file's name, without the dot."""
        return self.value

    @property
    def is_lossy(self) -> bool:
        """Whether it is made with a quality."""
        return self in (ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.AVIF)


class AreaKind(StrEnum):
    """Which part of the page is pictured."""

    VIEWPORT = "viewport"
    FULL_PAGE = "full_page"
    ELEMENT = "element"
    CLIP = "clip"


@dataclass(frozen=True, slots=True)
class Clip:
    """A rectangle of the page, in CSS pixels from its top left corner."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        for name in ("x", "y", "width", "height"):
            object.__setattr__(self, name, float(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Area:
    """The part of the page that is pictured: only an element has a selector, only a clip a rectangle."""

    kind: AreaKind = AreaKind.VIEWPORT
    selector: str | None = None
    clip: Clip | None = None
    scroll: bool = True
    """Scroll through a full page or an element first, so that what waits to be scrolled to loads."""
    max_height_px: int = MAX_HEIGHT_PX
    """CSS pixels at which a full page is cut off."""

    def __post_init__(self) -> None:
        # What cannot change a pixel must not make a request differ from its twin.
        if self.kind is not AreaKind.FULL_PAGE:
            object.__setattr__(self, "max_height_px", MAX_HEIGHT_PX)
            if self.kind is not AreaKind.ELEMENT:
                object.__setattr__(self, "scroll", True)


class Fit(StrEnum):
    """How a picture is brought to a width and a height both (CSS object-fit)."""

    CONTAIN = "contain"
    """As large as fits inside; its sides keep their ratio, so one may come out shorter."""
    COVER = "cover"
    """As small as covers all; what sticks out at the bottom and on both sides is cut off."""
    FILL = "fill"
    """Stretched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """The size that the picture is brought to, in image pixels; never enlarged."""

    width_px: int | None = None
    height_px: int | None = None
    fit: Fit = Fit.CONTAIN

    def __post_init__(self) -> None:
        # With one side given there is nothing to fit.
        if self.width_px is None or self.height_px is None:
            object.__setattr__(self, "fit", Fit.CONTAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The picture that is asked for."""

    format: ImageFormat = ImageFormat.PNG
    quality: int | None = None
    """1 to 100 for lossy formats; always None for the others, which have no quality to speak of."""
    area: Area = field(default_factory=Area)
    resize: Resize | None = None
    pdf: PdfOptions | None = None
    """Set for pdf, and only then."""
    watermark: bool = False
    """Says across the picture that it was taken with a test key."""

    def __post_init__(self) -> None:
        # A quality that cannot change a byte must not make a request differ from its twin.
        quality = (
            (DEFAULT_QUALITY if self.quality is None else self.quality) if self.format.is_lossy else None
        )
        object.__setattr__(self, "quality", quality)
        if self.format is ImageFormat.PDF:
            # Of a document all is printed, and nothing resized.
            object.__setattr__(self, "area", Area())
            object.__setattr__(self, "resize", None)
            object.__setattr__(self, "pdf", self.pdf or PdfOptions())
        else:
            object.__setattr__(self, "pdf", None)
