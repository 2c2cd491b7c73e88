"""What a renderer gives back."""

from __future__ import annotations

from dataclasses import dataclass, field

from calotype.capture.output import ImageFormat
from calotype.capture.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A fresh picture, complete and of the format that was asked for."""

    image: bytes = field(repr=False)
    format: ImageFormat
    width_px: int
    """In image pixels, so CSS pixels times the device scale factor."""
    height_px: int
    verdict: Verdict
    render_ms: int
    """From the start of the work to the last byte, the wait in the queue not counted."""
    queue_ms: int = 0
    """How long it waited in the queue before."""
