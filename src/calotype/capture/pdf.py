"""How a page is printed to PDF: paper, margins, and what goes on it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MM_PER_INCH = 25.4
PAPERS_MM: dict[str, tuple[float, float]] = {
    "a0": (841, 1189),
    "a1": (594, 841),
    "a2": (420, 594),
    "a3": (297, 420),
    "a4": (210, 297),
    "a5": (148, 210),
    "a6": (105, 148),
    "letter": (215.9, 279.4),
    "legal": (215.9, 355.6),
    "tabloid": (279.4, 431.8),
    # By ASME Y14.1 it lies on its side; but one command line sends it where its user wrote tabloid.
    "ledger": (279.4, 431.8),
}
"""Width and height (ISO 216, ASME Y14.1)."""
DEFAULT_PAPER = "a4"
DEFAULT_MARGIN_IN = 0.4
"""Chromium's own."""
_INCHES = {
    "in": 1.0,
    "cm": 1 / 2.54,
    "mm": 1 / MM_PER_INCH,
    "px": 1 / 96,
    "pt": 1 / 72,
    "pc": 1 / 6,
    "": 1 / 96,
}
"""By the units of CSS (CSS Values 4, section 6.2); a bare number is pixels."""
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(in|cm|mm|px|pt|pc|)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """In inches."""

    top: float = DEFAULT_MARGIN_IN
    right: float = DEFAULT_MARGIN_IN
    bottom: float = DEFAULT_MARGIN_IN
    left: float = DEFAULT_MARGIN_IN


def paper_in(name: str) -> tuple[float, float]:
    """Return width and height of a paper in inches."""
    width_mm, height_mm = PAPERS_MM[name]
    return round(width_mm / MM_PER_INCH, 4), round(height_mm / MM_PER_INCH, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfOptions:
    """The options of printing."""

    width_in: float = field(default=paper_in(DEFAULT_PAPER)[0])
    height_in: float = field(default=paper_in(DEFAULT_PAPER)[1])
    landscape: bool = False
    margins: Margins = field(default_factory=Margins)
    scale: float = 1.0
    background: bool = True
    """Colours and pictures behind the text, as on the screen."""
    page_ranges: str = ""
    """`1-5, 8`; all pages when empty."""
    header: str | None = None
    """HTML; with elements of class date, title, url, pageNumber, totalPages filled in."""
    footer: str | None = None
    one_page: bool = False
    """All on one page, as tall as it takes."""
    prefer_css_page_size: bool = False
    """The page's own @page size counts."""


def inches(text: str) -> float | None:
    """Return the inches that a CSS length spells (`2cm`, `0.5in`, `40`); None if it spells none."""
    found = _LENGTH.fullmatch(text.strip().lower())
    return None if found is None else round(float(found[1]) * _INCHES[found[2]], 4)
