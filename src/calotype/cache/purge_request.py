"""The body of a purge request -> PurgeFilter. Whatever is not understood purges nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from calotype.cache.entry import check_address
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.purge import MAX_KEYS, PurgeFilter
from calotype.cache.tags import check_tags
from calotype.capture.errors import InvalidRequest, MissingParameter
from calotype.capture.fields import Fields, shown

_FILTERS = ("keys", "tags", "pattern", "url", "before", "all")
_HOW = ("soft", "dry_run")
_ALLOWED = f"the fields of a purge are {', '.join((*_FILTERS, *_HOW[:-1]))} and {_HOW[-1]}"
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ]((?!24)\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRequest:
    """What to purge, and the filters as the caller spelled them, for the reply to echo."""

    which: PurgeFilter
    dry_run: bool
    soft: bool
    pattern: str | None
    url: str | None
    before: str | None

    @property
    def glob(self) -> str | None:
        """The glob that was used: that on URLs if given, else that on storage paths."""
        return self.url if self.url is not None else self.pattern


def parse_purge(body: Mapping[str, object]) -> PurgeRequest:
    """Return the purge that body asks for.

    Raises InvalidRequest for an unknown field, a null, a wrong type, an empty list, a bad glob or
    date, and for a body without any filter: a misspelt field must never mean "everything".
    """
    for name in body:
        if name not in (*_FILTERS, *_HOW):
            raise InvalidRequest(name, "is not a field of a purge", _ALLOWED)
        if body[name] is None:
            raise InvalidRequest(name, "is null", "leave the field out, or give it a value")
    if not any(name in body for name in _FILTERS):
        raise MissingParameter(
            "keys, tags, pattern, url, before or all", "is missing", "give at least one filter"
        )
    return read_purge(Fields(body))


def read_purge(fields: Fields) -> PurgeRequest:
    """Return the purge that fields ask for; there is a filter among them. Raises InvalidRequest."""
    dry_run, soft = fields.boolean("dry_run", default=False), fields.boolean("soft", default=False)
    everything = fields.only_true("all")
    pattern, url, before = fields.text("pattern"), fields.text("url"), fields.text("before")
    which = PurgeFilter(
        keys=_keys(fields),
        pattern=None if pattern is None else PathGlob(pattern),
        url=None if url is None else UrlGlob(url),
        before=None if before is None else parse_moment(before, "before"),
        tags=_tags(fields),
        everything=everything,
    )
    return PurgeRequest(which=which, dry_run=dry_run, soft=soft, pattern=pattern, url=url, before=before)


def _keys(fields: Fields) -> tuple[str, ...] | None:
    keys = fields.texts("keys", MAX_KEYS)
    if keys is None:
        return None
    if not keys:
        raise InvalidRequest("keys", "is an empty list", "name at least one key")
    return tuple(dict.fromkeys(check_address(key, "keys") for key in keys))


def _tags(fields: Fields) -> tuple[str, ...] | None:
    tags = fields.texts("tags", MAX_KEYS)
    if tags is None:
        return None
    if not tags:
        raise InvalidRequest("tags", "is an empty list", "name at least one tag")
    return check_tags(tags, "tags")


def parse_moment(text: str, field: str) -> datetime:
    """Return the moment that ISO 8601 text names: UTC without a zone, midnight without a time.

    Fractions may have nine digits and are rounded up to microseconds, so that "before" still holds
    for whatever is earlier by less. Raises InvalidRequest.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise _no_date(text, field)
    day, minute, second, fraction, zone = found.groups()
    try:
        zone = "+00:00" if zone is None or zone in "Zz" else zone
        moment = datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}{zone}")
        nanoseconds = int((fraction or "").ljust(9, "0"))
        return (moment + timedelta(microseconds=-(-nanoseconds // 1000))).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise _no_date(text, field) from exc


def _no_date(text: str, field: str) -> InvalidRequest:
    remedy = "write ISO 8601, as in 2024-01-15T00:00:00Z or 2024-01-15"
    return InvalidRequest(field, f"is {shown(text)}, no date", remedy)
