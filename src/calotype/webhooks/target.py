"""Target: where an event goes, and what it is signed with. Both are secrets, and kept sealed."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

import ada_url
import msgspec

from calotype.egress.call import Host, host_of_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address that was accepted, in the browsers' spelling, http or https."""

    url: str = field(repr=False)
    """Often a secret itself: whoever knows it may post to it."""
    secret: str | None = field(default=None, repr=False)
    """None: nothing is signed, for want of a secret that both sides know."""

    def to_bytes(self) -> bytes:
        """Spell it for sealing."""
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Target:
        """Return what to_bytes spelled."""
        return msgspec.json.decode(data, type=cls)

    @property
    def address(self) -> Address:
        """Where to connect to, and what to ask for there."""
        url = ada_url.URL(self.url)
        return Address(
            host=host_of_url(url),
            path=url.pathname + url.search,
            authorization=_basic(url.username, url.password),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A target's URL, taken apart."""

    host: Host
    """Its authority may be shown."""
    path: str = field(repr=False)
    authorization: str | None = field(repr=False)


def new_secret() -> str:
    """Return `whsec_` and 32 hex digits."""
    return f"whsec_{secrets.token_hex(16)}"


def _basic(username: str, password: str) -> str | None:
    """Return what a browser sends for the user of a URL (RFC 7617), or None without one."""
    if not username and not password:
        return None
    pair = unquote_to_bytes(username) + b":" + unquote_to_bytes(password)
    return "Basic " + base64.b64encode(pair).decode()
