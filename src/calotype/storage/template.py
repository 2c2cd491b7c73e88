"""PathTemplate: where in its bucket a copy goes."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

from calotype.cache.entry import CacheEntry
from calotype.cache.url_key import NO_URL_KEY, split_key
from calotype.capture.errors import InvalidRequest

MAX_PATH_BYTES = 1024
"""What S3 grants the key of an object."""
NO_DOMAIN = "none"
"""What stands for the domain of a document that has no address."""
_MAX_TEMPLATE = 512
_WIDEST = {
    "hash": 64, "ext": 4, "year": 4, "month": 2, "day": 2, "timestamp": 20, "domain": 253, "uuid": 36,
    "date": 10,
}  # fmt: skip
"""Every variable, and the most characters that can stand for it."""
_NEEDED = ("hash", "ext")
_PART = re.compile(r"\{([a-z]+)\}|([A-Za-z0-9!_.*'()/@:+=,&$;~-]+)")
"""A variable, or text of what every S3-compatible store takes in the name of an object."""
_UNFIT_FOR_PATHS = re.compile(r"[^a-z0-9.-]")
_REMEDY = (
    "give a path such as shots/{year}/{hash}.{ext}, of {hash} and {ext}, {year}, {month}, {day}, {date}, "
    "{timestamp}, {domain} and {uuid}, with ASCII letters, digits and !_.*'()/@:+=,&$;~- around them"
)


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path with variables in braces. `{hash}` is among them, so that equal paths hold equal bytes."""

    text: str

    @classmethod
    def parse(cls, text: str, field: str) -> PathTemplate:
        """Return the template that text spells. Raises InvalidRequest naming field."""
        fault = _fault(text)
        if fault:
            raise InvalidRequest(field, fault, _REMEDY)
        return cls(text)

    def path_of(self, entry: CacheEntry) -> str:
        """Return where entry's picture goes: the same whenever it is asked for the same capture."""
        values = _values(entry)
        return _PART.sub(lambda part: values[part[1]] if part[1] else part[0], self.text)


DEFAULT_TEMPLATE = PathTemplate("{hash}.{ext}")


def _fault(text: str) -> str:
    if len(text) > _MAX_TEMPLATE:
        return f"has {len(text)} characters, more than {_MAX_TEMPLATE}"
    parts = list(_PART.finditer(text))
    if "".join(part[0] for part in parts) != text:
        return "holds a character that has no place in it, or a brace without its like"
    names = [part[1] for part in parts if part[1]]
    if strangers := [name for name in names if name not in _WIDEST]:
        return f"names {{{strangers[0]}}}, which is no variable"
    if missing := [name for name in _NEEDED if name not in names]:
        return f"lacks {{{missing[0]}}}"
    # No variable is ever empty, nor made of dots alone.
    if any(segment in ("", ".", "..") for segment in text.split("/")):
        return "begins or ends with a slash, or has an empty, '.' or '..' segment"
    longest = sum(_WIDEST[part[1]] if part[1] else len(part[2]) for part in parts)
    too_long = f"could become {longest} characters long, more than {MAX_PATH_BYTES}"
    return too_long if longest > MAX_PATH_BYTES else ""


def _values(entry: CacheEntry) -> Mapping[str, str]:
    day = entry.birth.at.astimezone(UTC)
    return {
        "hash": entry.sha256.hex(),
        "ext": entry.format.extension,
        "year": f"{day:%Y}",
        "month": f"{day:%m}",
        "day": f"{day:%d}",
        "date": f"{day:%Y-%m-%d}",
        "timestamp": str(int(day.timestamp())),
        "domain": _domain(entry),
        "uuid": _uuid(entry),
    }


def _domain(entry: CacheEntry) -> str:
    if entry.url_key == NO_URL_KEY:
        return NO_DOMAIN
    _, host, _, _ = split_key(entry.url_key)
    # IPv6 has brackets and colons; and a host may, in theory, consist of dots.
    name = _UNFIT_FOR_PATHS.sub("-", host.lower()).strip(".-")
    return name[: _WIDEST["domain"]] or NO_DOMAIN


def _uuid(entry: CacheEntry) -> str:
    # Drawn from the capture, not by chance: a hit on it must find its copy.
    drawn = hashlib.sha256(f"uuid of {entry.blob_id}/{entry.birth.number}".encode()).digest()
    return str(uuid.UUID(bytes=drawn[:16], version=4))
