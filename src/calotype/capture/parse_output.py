"""The groups `output`, `capture` and `pdf` of a request -> the print."""

from __future__ import annotations

import re

from calotype.capture.errors import MissingParameter
from calotype.capture.fields import Fields
from calotype.capture.output import MAX_HEIGHT_PX, Area, AreaKind, Clip, Fit, ImageFormat, Output, Resize
from calotype.capture.parse_browser import MAX_SELECTOR
from calotype.capture.pdf import PAPERS_MM, Margins, PdfOptions, inches, paper_in

_MAX_SIDE_PX = 16_384
_MAX_TEMPLATE = 64 * 1024
_MAX_PLACE = 200_000
"""CSS pixels: a page that is taller than this is not pictured either."""
_LARGEST_IN = 200.0
"""A page of PDF has at most 14,400 points a side (ISO 32000-1, annex C)."""
_RANGES = re.compile(r"(?:\d{1,5}(?:-\d{0,5})?(?:,\d{1,5}(?:-\d{0,5})?)*)?", re.ASCII)
_LENGTH_REMEDY = "give a length such as 2cm, 0.5in, 10mm or 40px"


def parse_output(output: Fields, capture: Fields, pdf: Fields) -> Output:
    """Return what the three groups ask for. Raises InvalidRequest."""
    image_format = output.choice("format", ImageFormat.PNG)
    options = _pdf(pdf)
    return Output(
        format=image_format,
        quality=output.optional_integer("quality", 1, 100),
        area=_area(capture),
        resize=_resize(output),
        pdf=options if image_format is ImageFormat.PDF else None,
    )


def _area(capture: Fields) -> Area:
    selector, clip = capture.text("selector", MAX_SELECTOR), _clip(capture)
    scroll = capture.boolean("scroll", default=True)
    max_height_px = capture.integer("max_height", MAX_HEIGHT_PX, 1, _MAX_PLACE)
    kind = AreaKind.VIEWPORT if clip is None else AreaKind.CLIP
    kind = capture.choice("mode", kind if selector is None else AreaKind.ELEMENT)
    if selector is not None:
        # A selector is the narrower wish: clients send it beside full_page and mean the element.
        return Area(AreaKind.ELEMENT, selector, scroll=scroll)
    if kind is AreaKind.ELEMENT:
        raise MissingParameter(
            "capture.selector", "is missing", "capture.mode element needs the element's selector"
        )
    if kind is AreaKind.CLIP and clip is None:
        raise MissingParameter("capture.clip", "is missing", "capture.mode clip needs x, y, width and height")
    clip = clip if kind is AreaKind.CLIP else None
    return Area(kind, clip=clip, scroll=scroll, max_height_px=max_height_px)


def _clip(capture: Fields) -> Clip | None:
    if not capture.group("clip"):
        return None
    fields = capture.inner("clip")
    for name in ("width", "height"):
        if fields.is_absent(name):
            raise MissingParameter(fields.path(name), "is missing", "a clip has x, y, width and height")
    return Clip(
        x=fields.number("x", 0, 0, _MAX_PLACE),
        y=fields.number("y", 0, 0, _MAX_PLACE),
        width=fields.number("width", 1, 1, _MAX_SIDE_PX),
        height=fields.number("height", 1, 1, _MAX_PLACE),
    )


def _resize(output: Fields) -> Resize | None:
    width = output.optional_integer("width", 1, _MAX_SIDE_PX)
    height = output.optional_integer("height", 1, _MAX_SIDE_PX)
    fit = output.choice("fit", Fit.CONTAIN)
    return None if width is None and height is None else Resize(width_px=width, height_px=height, fit=fit)


def _pdf(pdf: Fields) -> PdfOptions:
    pdf.rename({"paper_size": "paper", "print_background": "background"})
    paper = pdf.text("paper", 16)
    if paper is not None and paper.lower() not in PAPERS_MM:
        raise pdf.refuse("paper", f"it must be one of {', '.join(PAPERS_MM)}")
    width, height = paper_in("a4" if paper is None else paper.lower())
    own_width, own_height = _length(pdf, "width", 0.1), _length(pdf, "height", 0.1)
    ranges = re.sub(r"\s", "", pdf.text("page_ranges", 256) or "")
    if not _RANGES.fullmatch(ranges):
        raise pdf.refuse("page_ranges", "give pages such as 1-5, 8")
    return PdfOptions(
        width_in=width if own_width is None else own_width,
        height_in=height if own_height is None else own_height,
        landscape=pdf.boolean("landscape", default=False),
        margins=_margins(pdf),
        scale=pdf.number("scale", 1.0, 0.1, 2.0),
        background=pdf.boolean("background", default=True),
        page_ranges=ranges,
        header=pdf.text("header", _MAX_TEMPLATE),
        footer=pdf.text("footer", _MAX_TEMPLATE),
        one_page=pdf.boolean("fit_one_page", default=False),
        prefer_css_page_size=pdf.boolean("prefer_css_page_size", default=False),
    )


def _length(fields: Fields, name: str, least_in: float) -> float | None:
    given = fields.any_of(name, (str, int, float))
    if given is None:
        return None
    length = inches(str(given))
    if length is None or not least_in <= length <= _LARGEST_IN:
        raise fields.refuse(name, f"{_LENGTH_REMEDY}, up to {_LARGEST_IN:.0f}in")
    return length


def _margins(pdf: Fields) -> Margins:
    sides = {side: _length(pdf, f"margin_{side}", 0) for side in ("top", "right", "bottom", "left")}
    given = pdf.any_of("margin", (str, int, float, dict))
    if isinstance(given, dict):
        fields = pdf.inner("margin")
        given_sides = {side: _length(fields, side, 0) for side in sides}
        sides = {side: own if (own := given_sides[side]) is not None else sides[side] for side in sides}
    elif given is not None:
        length = _length(pdf, "margin", 0)
        sides = {side: length if own is None else own for side, own in sides.items()}
    return Margins(**{side: length for side, length in sides.items() if length is not None})
