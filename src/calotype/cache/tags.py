"""Cache tags: names that clients give to what they capture, to purge it by."""

from __future__ import annotations

import re
from collections.abc import Iterable

from calotype.capture.errors import InvalidRequest
from calotype.capture.fields import Fields, shown

Tags = frozenset[str]
NO_TAGS: Tags = frozenset()
MAX_TAGS = 32
"""Of one entry: as many as RFC 9875 wants a cache to know. Each stands twice in the head of a reply."""
_MAX_LISTED = 2**24
"""More than a body can spell: those that repeat do not count."""
_TAG = re.compile(r"[!#-+\--\[\]-~]{1,64}")
"""Fits as it is between the spaces of Surrogate-Key, the commas of a list, and the quotes of RFC 9651."""
_REMEDY = 'a tag has 1 to 64 characters of visible ASCII, without space, comma, " and \\'


def check_tags(tags: Iterable[str], field: str) -> tuple[str, ...]:
    """Return tags, each once, in order. Raises InvalidRequest naming field."""
    each = tuple(dict.fromkeys(tags))
    for tag in each:
        if not _TAG.fullmatch(tag):
            raise InvalidRequest(field, f"holds {shown(tag)}", _REMEDY)
    return each


def read_tags(fields: Fields, name: str) -> Tags:
    """Return the tags that a field gives to an entry, none if it is absent. Raises InvalidRequest."""
    tags = check_tags(fields.texts(name, _MAX_LISTED) or (), fields.path(name))
    if len(tags) > MAX_TAGS:
        raise InvalidRequest(fields.path(name), f"has {len(tags)} tags", f"at most {MAX_TAGS} are allowed")
    return frozenset(tags)


def spelled(tags: Tags) -> str:
    """Return tags as one text that does not depend on their order; tags_in undoes it."""
    return " ".join(sorted(tags))


def tags_in(text: str) -> Tags:
    """Return the tags that spelled made text of."""
    return frozenset(text.split()) if text else NO_TAGS
