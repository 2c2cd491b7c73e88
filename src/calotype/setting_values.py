"""What the values of settings may be: what their text means, or a ValueError that says what it must be."""

from __future__ import annotations

import re
from pathlib import Path

from calotype.access.signed_url import Recipe
from calotype.cache.policy import HitsWhen
from calotype.egress.rules import SETTING as EGRESS_ALLOW
from calotype.egress.rules import EgressRules
from calotype.errors import ConfigurationError

_PUBLIC_URL = re.compile(r"https?://[\w.:\[\]-]+(?:/[\w.~!$&()*+,;=:@%/-]*)?", re.ASCII)
"""It goes into headers as it stands."""
_ACCEL_PREFIX = re.compile(r"/(?:[A-Za-z0-9_~-][A-Za-z0-9_.~-]*/)+", re.ASCII)
"""It goes into a header as it stands, and no part of it leads elsewhere."""
_SIZE = re.compile(r"([0-9]{1,18})\s?(?:B|([KMGT])(I?)B)?", re.ASCII | re.IGNORECASE)


def port(text: str) -> int:
    """Return a port; 0 stands for one that is free. Raises ValueError."""
    return whole(text, 0, 65_535)


def whole(text: str, low: int, high: int) -> int:
    """Return a whole number within bounds. Raises ValueError."""
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        message = f"must be a whole number from {low} to {high}"
        raise ValueError(message)
    return int(text)


def size(text: str, low: int, high: int) -> int:
    """Return the bytes that `10GiB` (1024s), `500MB` (1000s) or `123456` spell. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found:
        number, unit, binary = found.groups()
        power = "KMGT".index(unit.upper()) + 1 if unit else 0
        size: int = int(number) * (1024 if binary else 1000) ** power
        if low <= size <= high:
            return size
    message = f"must be a size from {low} to {high} bytes, such as 10GiB, 500MB or a number of bytes"
    raise ValueError(message)


def public_url(text: str) -> str:
    """Return the base of public URLs, without a slash at its end. Raises ValueError."""
    if not _PUBLIC_URL.fullmatch(text):
        message = "must be an http or https URL without query or password, such as https://shots.example.com"
        raise ValueError(message)
    return text.rstrip("/")


def accel_prefix(text: str) -> str:
    """Return the prefix of internal redirects. Raises ValueError."""
    if not _ACCEL_PREFIX.fullmatch(text):
        message = "must be a path that begins and ends with a slash, such as /_calotype_blobs/"
        raise ValueError(message)
    return text


def recipes(text: str) -> frozenset[Recipe]:
    """Return recipes of signed URLs; none turn signed URLs off. Raises ValueError."""
    try:
        return frozenset(Recipe(item.strip().upper()) for item in text.split(",") if item.strip())
    except ValueError:
        message = "must be some of A, B, C and D, separated by commas"
        raise ValueError(message) from None


def folder(text: str) -> Path:
    """Return a folder that is there. Raises ValueError."""
    if not Path(text).is_dir():
        message = "must be a folder that is there"
        raise ValueError(message)
    return Path(text)


def hits_when(text: str) -> HitsWhen:
    """Return when a stored picture is served. Raises ValueError."""
    try:
        return HitsWhen(text)
    except ValueError as exc:
        message = f"must be one of {', '.join(HitsWhen)}"
        raise ValueError(message) from exc


def egress_rules(text: str) -> EgressRules:
    """Return what may be reached besides public hosts. Raises ValueError."""
    try:
        return EgressRules.parse(text)
    except ConfigurationError as exc:
        # It names the variable, which need not be where the value comes from.
        raise ValueError(str(exc).removeprefix(f"{EGRESS_ALLOW} ").rstrip(".")) from exc
