"""A whole capture request: a negative and the print made of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from calotype.capture.negative import Negative
from calotype.capture.output import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequest:
    """What is asked for, complete: defaults filled, bounds checked, spellings forgotten.

    Two requests that compare equal ask for the same picture.
    """

    negative: Negative
    output: Output = field(default_factory=Output)
