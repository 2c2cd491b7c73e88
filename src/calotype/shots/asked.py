"""One capture request in its nested spelling -> the picture, and the wishes about the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calotype.cache.policy import CacheWishes, parse_wishes
from calotype.capture.errors import InvalidRequest
from calotype.capture.fields import Fields
from calotype.capture.parse import ParsedCapture, parse_capture


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for."""

    capture: ParsedCapture
    wishes: CacheWishes
    unknown: list[str]
    """Paths of fields that mean nothing to us."""

    def check_strictly(self) -> None:
        """Raise InvalidRequest naming a field that means nothing to us, if there is one."""
        if self.unknown:
            raise InvalidRequest(self.unknown[0], "is not known", "remove it, or leave strict mode")


def parse_asked(options: Mapping[str, object]) -> Asked:
    """Return what options ask for. Raises InvalidRequest naming the field, the fault and what is allowed."""
    wishes, unknown = parse_wishes(Fields(options).group("cache"))
    capture = parse_capture({name: value for name, value in options.items() if name != "cache"})
    return Asked(capture, wishes, unknown + capture.unknown)
