"""What a renderer gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from calotype.capture.output import ImageFormat
from calotype.capture.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """Where the time of a render went; together they are its render_ms.

    A page that gives way to another, and a second attempt, are counted where they spend their time.
    """

    open_ms: int = 0
    """Getting a blank page, the browser's start included, and telling it what it is to be."""
    navigate_ms: int = 0
    """Until the document begins to arrive."""
    load_ms: int = 0
    """Until the page has come as far as was asked for: load, as a rule."""
    settle_ms: int = 0
    """Bringing it to rest: hiding, changing, waiting for what was asked for, scrolling, fonts and images."""
    shoot_ms: int = 0
    """Looking at the page, taking the picture, and making of it what was asked for."""

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Give the name of each phase, without its unit, and its duration, in the order above."""
        for each in fields(self):
            yield each.name.removesuffix("_ms"), getattr(self, each.name)


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
    phases: Phases = Phases()
    queue_ms: int = 0
    """How long it waited in the queue before."""
