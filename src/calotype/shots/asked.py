"""One capture request in its nested spelling -> the picture, and the wishes about cache and copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calotype.cache.policy import CacheWishes, parse_wishes
from calotype.capture.errors import InvalidRequest
from calotype.capture.fields import Fields
from calotype.capture.parse import ParsedCapture, parse_capture
from calotype.storage.wishes import StorageWishes, parse_storage

_READ_HERE = {"cache", "storage"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for."""

    capture: ParsedCapture
    wishes: CacheWishes
    storage: StorageWishes
    unknown: list[str]
    """Paths of fields that mean nothing to us."""

    def check_strictly(self) -> None:
        """Raise InvalidRequest naming a field that means nothing to us, if there is one."""
        if self.unknown:
            raise InvalidRequest(self.unknown[0], "is not known", "remove it, or leave strict mode")


def parse_asked(options: Mapping[str, object]) -> Asked:
    """Return what options ask for. Raises InvalidRequest naming the field, the fault and what is allowed."""
    fields = Fields(options)
    wishes, unknown = parse_wishes(fields.group("cache"))
    storage, unknown_storage = parse_storage(fields.group("storage"))
    capture = parse_capture({name: value for name, value in options.items() if name not in _READ_HERE})
    return Asked(capture, wishes, storage, unknown + unknown_storage + capture.unknown)
