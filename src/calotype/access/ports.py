"""What access needs from a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from calotype.access.hosts import Hosts
from calotype.access.keys import DEFAULT_WEIGHT, ApiKey, Caller, Signs
from calotype.access.limits import UNLIMITED, Limits


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
    limits: Limits = UNLIMITED


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

    async def caller(self, key_id: str) -> Caller | None:
        """Return who calls with the key of that id, or called with it until it was revoked."""
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


class Use(StrEnum):
    """What is counted of a key."""

    REQUESTS = "requests"
    """In a minute."""
    CREDITS = "credits"
    """In a month."""


@dataclass(frozen=True, slots=True)
class Leased:
    """How many units the caller has now, and how many all have taken of the window so far."""

    granted: int
    taken: int


class Meter(Protocol):
    """Counts for all processes what keys use. Ours: sql.sqlite.meter. Methods raise StoreUnavailable.

    A window is named by the Unix time of its start. What is taken survives the death of the process that
    took it, but not a power cut.
    """

    async def lease(self, key_id: str, what: Use, window: int, wanted: int, limit: int) -> Leased:
        """Take as many of wanted units as there are; all processes together never take more than limit.

        Of requests only the newest window is remembered.
        """
        ...

    async def give_back(self, key_id: str, what: Use, window: int, units: int) -> None:
        """Return units that were leased and not used."""
        ...

    def taken(self, key_id: str, what: Use, window: int) -> int:
        """Return how many units all have taken of a window."""
        ...

    async def enter(self, key_id: str, limit: int, now: datetime, until: datetime) -> int | None:
        """Take one of limit places, and return what names it; None while all are taken.

        A place is free again from until on, if it is not left before.
        """
        ...

    async def leave(self, place: int) -> None:
        """Free a place. Leaving one that is free already is not an error."""
        ...
