"""Authenticator: from the text of a key to who calls with it."""

from __future__ import annotations

import re
import secrets

from calotype.access.keys import (
    DEFAULT_WEIGHT,
    MAX_WEIGHT,
    ApiKey,
    Caller,
    InvalidKey,
    Unauthorized,
    hash_key,
    new_secret,
)
from calotype.access.ports import KeyStore, NewKey

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")


class Authenticator:
    """The one judge of keys, for every door."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    async def authenticate(self, secret: str | None) -> Caller:
        """Return who calls with secret. Raises Unauthorized or InvalidKey."""
        if not secret:
            raise Unauthorized
        caller = await self._store.find(hash_key(secret))
        if caller is None:
            raise InvalidKey
        return caller

    async def create(
        self, account: str, mode: str, name: str, weight: int = DEFAULT_WEIGHT
    ) -> tuple[str, ApiKey]:
        """Make a key, and its account on first use; return its text, shown this once, and what is kept.

        Raises ValueError for a name that an account, or a weight that a key cannot have.
        """
        if not _ACCOUNT.fullmatch(account):
            message = "an account's name has 1 to 64 letters, digits, spaces, '.', '_' or '-'"
            raise ValueError(message)
        if not 1 <= weight <= MAX_WEIGHT:
            message = f"a key's weight is a whole number from 1 to {MAX_WEIGHT}, not {weight}"
            raise ValueError(message)
        secret = new_secret(mode)
        new = NewKey(
            id=f"key_{secrets.token_hex(8)}",
            account=account,
            mode=mode,
            name=name,
            secret=secret,
            weight=weight,
        )
        return secret, await self._store.add(new)


def bearer(header: str | None) -> str | None:
    """Return the key in an Authorization header, or None."""
    if header is None:
        return None
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None
