"""Named bundles of options for what pictures are often wanted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Preset:
    """Options under a name; a request's own count before them."""

    id: str
    name: str
    description: str
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Nested, as a request spells them."""


def _sized(
    width: int, height: int, scale: float = 1.0, *, mobile: bool = False
) -> dict[str, dict[str, object]]:
    return {"viewport": {"width": width, "height": height, "scale": scale, "mobile": mobile}}


PRESETS = {
    preset.id: preset
    for preset in (
        Preset(
            "og_card", "Open Graph Card", "The picture of a link on most social sites.", _sized(1200, 630)
        ),
        Preset("twitter_card", "Twitter Card", "A summary card.", _sized(800, 418)),
        Preset(
            "twitter_card_large",
            "Twitter Card, large",
            "A summary card with a large image.",
            _sized(1200, 628),
        ),
        Preset(
            "full_page",
            "Full Page",
            "The whole page, from top to bottom.",
            {"capture": {"mode": "full_page"}},
        ),
        Preset("mobile", "Mobile", "A phone, held upright.", _sized(375, 812, 2, mobile=True)),
        Preset(
            "mobile_landscape",
            "Mobile, landscape",
            "A phone, held sideways.",
            _sized(812, 375, 2, mobile=True),
        ),
        Preset("desktop_hd", "Desktop HD", "A desktop screen of 1920 by 1080.", _sized(1920, 1080)),
        Preset("desktop_4k", "Desktop 4K", "A desktop screen of 3840 by 2160.", _sized(3840, 2160)),
        Preset("link_preview", "Link Preview", "The picture of a link in a chat.", _sized(1200, 630)),
        Preset(
            "pdf_document",
            "PDF Document",
            "The page on A4 paper, with its colours.",
            {"output": {"format": "pdf"}, "pdf": {"paper": "a4", "background": True}},
        ),
    )
}
"""By id, in the order in which they are listed."""
