"""API keys: how they look, how they are kept, and who calls with one."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from calotype.access.hosts import Hosts
from calotype.access.limits import UNLIMITED, Limits
from calotype.errors import CalotypeError

DEFAULT_WEIGHT = 1
MAX_WEIGHT = 100
"""Beside a key of this weight one of weight 1 still gets a hundredth of the time: little, but not nothing."""
_PREFIXES = {"live": "rs_live_", "test": "rs_test_", "public": "rs_pub_", "signing": "rs_secret_"}


class Unauthorized(CalotypeError):
    """The request carries no key, or none that is known."""

    code: ClassVar[str] = "missing_api_key"
    hint: ClassVar[str] = "Send 'Authorization: Bearer rs_live_...', or api_key=... in the query."

    def __init__(self) -> None:
        super().__init__("No API key was given.")


class InvalidKey(Unauthorized):
    """The key is not known, or was revoked; the two are told alike."""

    code: ClassVar[str] = "invalid_api_key"
    hint: ClassVar[str] = "Make one with 'calotype keys create'."

    def __init__(self) -> None:
        CalotypeError.__init__(self, "The provided API key is invalid.")


class Signs(StrEnum):
    """Whether URLs can be signed with a key."""

    NOTHING = "nothing"
    AS_PAIR = "pair"
    """It is a key pair, and good for nothing else: its id is the public key."""
    ITSELF = "itself"
    """It is an API key that the older clients sign with."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an account, in the mode of the key it used."""

    account: int
    mode: str
    """"live" or "test"."""
    key_id: str
    weight: int = DEFAULT_WEIGHT
    limits: Limits = UNLIMITED


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is known of a key once its text has been shown: everything but the text."""

    id: str
    account: str
    mode: str
    name: str
    tail: str
    """The last four characters, so that people can tell keys apart."""
    created_at: datetime
    revoked_at: datetime | None
    weight: int = DEFAULT_WEIGHT
    """How much of the browser its captures get beside others that wait."""
    signs: Signs = Signs.NOTHING
    hosts: Hosts = field(default_factory=Hosts)
    """Whose pages URLs that it signs may show."""
    limits: Limits = UNLIMITED


def new_secret(kind: str) -> str:
    """Return the text of a new key, or half of a pair: prefix and 32 characters, 160 bits of chance."""
    return _PREFIXES[kind] + base64.b32encode(secrets.token_bytes(20)).decode().lower()


def hash_key(secret: str) -> bytes:
    """Return what is kept of a key. It is random enough for a plain hash to be safe."""
    return hashlib.sha256(secret.encode()).digest()
