"""CaptureRequest -> Identity: what makes two requests the same one."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import fields, is_dataclass
from enum import Enum

import msgspec

from calotype.cache.entry import CacheKey, EntryId, Identity, Namespace
from calotype.capture.errors import InvalidRequest
from calotype.capture.negative import Negative
from calotype.capture.request import CaptureRequest

MAX_KEY_BYTES = 512
_CUSTOM_KEY = re.compile(r"[A-Za-z0-9\-._~/:@!$&()+;=]{1,512}")
_DERIVED_KEY = re.compile(r"cache_[0-9a-f]{32}")
_RESERVED = "purges"
"""The audit trail stands there."""
_RESERVED_PREFIXES = ("screenshots/", "purge/")
_ENCODE = msgspec.json.Encoder(order="sorted").encode


class KeyMaker:
    """Derives keys that equal requests share and that nobody can guess.

    The HMAC key is each account's own, derived from the server's master secret: who knows
    every option of another account's request still cannot name its entry.
    """

    def __init__(self, master_secret: bytes) -> None:
        self._master_secret = master_secret
        self._account_secrets: dict[int, bytes] = {}

    def identify(self, namespace: Namespace, request: CaptureRequest, custom: CacheKey | None) -> Identity:
        """Return the identity of request, or of the name that the client chose for it.

        A custom key is the whole identity: the same key with other options is the same entry.
        """
        if custom is not None:
            return Identity(custom, self._id(namespace, b"custom\x00" + custom.encode()))
        entry_id = self._id(namespace, b"request\x00" + canonical(request))
        return Identity(CacheKey(f"cache_{entry_id}"), entry_id)

    def _id(self, namespace: Namespace, message: bytes) -> EntryId:
        secret = self._account_secrets.get(namespace.account)
        if secret is None:
            label = f"cache-key\x00{namespace.account}".encode()
            secret = hmac.digest(self._master_secret, label, hashlib.sha256)
            self._account_secrets[namespace.account] = secret
        digest = hmac.digest(secret, namespace.mode.encode() + b"\x00" + message, hashlib.sha256)
        return EntryId(digest[:16].hex())


def canonical(value: CaptureRequest | Negative) -> bytes:
    """Return the one spelling of a request: sorted JSON without the fields that have their default.

    Defaults are left out so that an option added later, at its default, changes no old key.
    """
    return _ENCODE(_plain(value))


def negative_hash(negative: Negative) -> bytes:
    """Return 16 bytes that name a negative, whatever is printed from it."""
    return hashlib.sha256(canonical(negative)).digest()[:16]


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        plain: dict[str, object] = {"is": type(value).__name__}
        for field in fields(value):
            item = getattr(value, field.name)
            default = field.default_factory() if callable(field.default_factory) else field.default
            if item != default:
                plain[field.name] = _plain(item)
        return plain
    return value


def check_custom_key(key: str) -> CacheKey:
    """Return key if a client may use it as `cache.key`.

    Keys travel unescaped in paths and comma-separated on command lines, so they are made of
    unreserved characters and a few more; names that we give ourselves are ours.
    Raises InvalidRequest.
    """
    if not _CUSTOM_KEY.fullmatch(key):
        raise InvalidRequest(
            "cache.key",
            "holds a character that keys may not have, or is too long",
            f"use 1 to {MAX_KEY_BYTES} of A-Z a-z 0-9 - . _ ~ / : @ ! $ & ( ) + ; =",
        )
    if any(segment in ("", ".", "..") for segment in key.split("/")):
        raise InvalidRequest(
            "cache.key", "has an empty, '.' or '..' segment", "write plain names between slashes"
        )
    if _DERIVED_KEY.fullmatch(key) or key == _RESERVED or key.startswith(_RESERVED_PREFIXES):
        raise InvalidRequest(
            "cache.key",
            "looks like a name that Calotype gives",
            "do not use 'cache_' and 32 hex digits, 'purges', nor begin with 'screenshots/' or 'purge/'",
        )
    return CacheKey(key)
