"""What access needs from a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from calotype.access.hosts import Hosts
from calotype.access.keys import DEFAULT_WEIGHT, ApiKey, Caller, Signs


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key about to be kept; secret is its text, seen here for the last time."""

    id: str
    account: str
    mode: str
    name: str
    secret: str = field(repr=False)
    weight: int = DEFAULT_WEIGHT
    signs: Signs = Signs.NOTHING
    sealed: bytes | None = None
    """secret, encrypted, where it must be read back: of what signs."""
    hosts: Hosts = field(default_factory=Hosts)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that URLs are signed with."""

    caller: Caller
    """Who asks with such a URL."""
    sealed: bytes = field(repr=False)
    hosts: Hosts


class KeyStore(Protocol):
    """Keeps keys by their hash. Ours: sql.sqlite.keys. Methods raise StoreUnavailable."""

    async def find(self, key_hash: bytes) -> Caller | None:
        """Return who calls with the key of that hash; None when it is unknown, revoked, or a pair's."""
        ...

    async def pair(self, public_key: str) -> Signer | None:
        """Return the key pair of that public key; None when it is unknown or revoked."""
        ...

    async def signing_keys(self) -> Sequence[Signer]:
        """Return the API keys that URLs are signed with, oldest first, those that are revoked left out."""
        ...

    async def add(self, new: NewKey) -> ApiKey:
        """Keep a key, and its account if that is new; durable on return."""
        ...

    async def list(self) -> Sequence[ApiKey]:
        """Return every key, oldest first, revoked ones included."""
        ...

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key for all processes; False when there is no such valid key."""
        ...

    async def account_number(self, name: str) -> int | None:
        """Return the number of the account called name, or None."""
        ...
