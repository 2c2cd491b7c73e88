"""Which edition of the typesetter makes HTML of Markdown: another one may make another picture."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata, resources
from typing import Final

_LIBRARIES: Final = ("markdown-it-py", "mdit-py-plugins", "nh3", "pygments")
_OURS: Final = ("highlight.py", "markdown.css", "markdown.py", "purify.py")


@cache
def edition() -> str:
    """Return the versions of the libraries, and a hash of our own part of it, the style included.

    It is in the cache key of every capture of Markdown. By hash, since a number that somebody has
    to raise is forgotten once, and an old picture served for the new style.
    """
    ours = hashlib.sha256()
    for name in _OURS:
        ours.update(resources.files("calotype.capture").joinpath(name).read_bytes())
    versions = [f"{library} {metadata.version(library)}" for library in _LIBRARIES]
    return " ".join([*versions, ours.hexdigest()[:16]])
