"""What a page is kept from loading or showing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ResourceKind(StrEnum):
    """Kinds of subresources that can be left out, by the names that clients know."""

    FONT = "font"
    MEDIA = "media"
    IMAGE = "image"
    SCRIPT = "script"
    STYLESHEET = "stylesheet"


class Unwanted(StrEnum):
    """Kinds of what filter lists know, by the names of their options."""

    ADS = "ads"
    TRACKERS = "trackers"
    COOKIE_BANNERS = "cookie_banners"
    CHAT_WIDGETS = "chat_widgets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocking:
    """What is left out of the page; nothing, unless asked."""

    requests: tuple[str, ...] = ()
    """Globs on the URLs of subresources; sorted, each once."""
    resources: tuple[ResourceKind, ...] = ()
    """Sorted, each once."""
    unwanted: tuple[Unwanted, ...] = ()
    """What lists know and the picture is to be without; sorted, each once."""

    def __post_init__(self) -> None:
        # In whatever order they are listed they block the same.
        object.__setattr__(self, "requests", tuple(sorted(set(self.requests))))
        object.__setattr__(self, "resources", tuple(sorted(set(self.resources))))
        object.__setattr__(self, "unwanted", tuple(sorted(set(self.unwanted))))

    @property
    def judges_requests(self) -> bool:
        """Whether every request must be looked at, which costs a fifteenth of a capture."""
        return bool(self.requests or self.resources or self.unwanted)
