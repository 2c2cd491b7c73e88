"""User-Agent -> client family. Only replies that collide ask for it."""

from __future__ import annotations

from enum import Enum

_RAISES_ON_404 = ("renderscreenshot-node/", "renderscreenshot-python/", "renderscreenshot-php/")
_JAVA = "renderscreenshot-java/"


class Family(Enum):
    """How a client reads the few replies that no one shape can serve."""

    NEWER = "newer"
    """Ruby, Go, the command line, and everybody who is not a known client."""
    JANUARY = "january"
    """Node, Python and PHP: raise on 404, read `deleted` from the body."""
    JAVA = "java"
    """Casts a top-level `error` to a string, and knows render failures as 500."""


def family_of(user_agent: str) -> Family:
    """Return the family that a User-Agent belongs to."""
    if user_agent.startswith(_RAISES_ON_404):
        return Family.JANUARY
    return Family.JAVA if user_agent.startswith(_JAVA) else Family.NEWER
