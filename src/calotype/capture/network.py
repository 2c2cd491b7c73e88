"""What is sent with a page's requests: headers, cookies and credentials of the caller's."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class SameSite(StrEnum):
    """On which requests of other sites a cookie goes along (RFC 6265bis)."""

    STRICT = "Strict"
    LAX = "Lax"
    NONE = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A cookie that is there before the page is asked for."""

    name: str
    value: str = field(repr=False)
    domain: str | None = None
    """Without it the cookie is the target host's alone."""
    path: str = "/"
    expires_s: float | None = None
    """Seconds since the epoch; a session cookie without it."""
    secure: bool = False
    http_only: bool = False
    same_site: SameSite | None = None


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """Sent when the target's site asks for it, and to no other."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BearerAuth:
    """Sent as `Authorization: Bearer` to the target's own site."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What the caller has sent along, and only to the site that it is meant for."""

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Names in lower case, sorted; sent to the target's own site."""
    cookies: tuple[Cookie, ...] = ()
    auth: BasicAuth | BearerAuth | None = None
    bypass_csp: bool = False
    """Ignore the page's Content-Security-Policy."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", tuple(sorted(self.headers)))
