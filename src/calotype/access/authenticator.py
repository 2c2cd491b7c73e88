"""Authenticator: from the text of a key, or a signature, to who calls with it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from calotype.access.hosts import Hosts
from calotype.access.keys import (
    DEFAULT_WEIGHT,
    MAX_WEIGHT,
    ApiKey,
    Caller,
    InvalidKey,
    Signs,
    Unauthorized,
    hash_key,
    new_secret,
)
from calotype.access.limits import UNLIMITED, Limits
from calotype.access.ports import KeyStore, NewKey, Signer
from calotype.access.quotas import Allowance, Quotas
from calotype.access.secretbox import SecretBox
from calotype.access.signed_url import (
    DEFAULT_RECIPES,
    InvalidSignature,
    Pairs,
    Recipe,
    SignedQuery,
    vouched_for,
)

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")
_TURNED_OFF = "URLs signed so are not taken here; CALOTYPE_SIGNED_RECIPES can allow them"
_REFUSED = {
    Recipe.A: _TURNED_OFF,
    Recipe.B: _TURNED_OFF,
    Recipe.C: "it names no key pair; sign it with one, and say which in key_id",
}
"""Why recipes that are not allowed are refused, by the first of those that it may have been."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a good signed URL says: who asks, and for what."""

    caller: Caller
    options: Pairs
    hosts: Hosts


class Authenticator:
    """The one judge of keys and of signatures, for every door, and the one maker of keys."""

    def __init__(
        self,
        store: KeyStore,
        box: Callable[[], SecretBox],
        quotas: Quotas,
        recipes: frozenset[Recipe] = DEFAULT_RECIPES,
    ) -> None:
        """Take the store, what opens its sealed secrets, and the recipes that URLs may be signed by."""
        self._store, self._box, self._recipes = store, box, recipes
        self.quotas = quotas
        """What whoever has been let in may ask for."""

    async def authenticate(self, secret: str | None) -> Caller:
        """Return who calls with secret. Raises Unauthorized or InvalidKey."""
        if not secret:
            raise Unauthorized
        caller = await self._store.find(hash_key(secret))
        if caller is None:
            raise InvalidKey
        return caller

    async def allowance_of(self, key_id: str) -> Allowance | None:
        """Return what a key, revoked or not, may have the browser asked for; None if there is none."""
        caller = await self._store.caller(key_id)
        return None if caller is None else self.quotas.allowance(caller)

    async def authenticate_signed(
        self, query: SignedQuery, endpoint: str, is_option: Callable[[str], bool]
    ) -> Signed:
        """Return what a signed query is good for; see signed_url.vouched_for. Raises InvalidSignature."""
        recipes = self._recipes.intersection(query.recipes)
        if not recipes:
            raise InvalidSignature(_REFUSED[query.recipes[0]])
        for signer in await self._signers(query):
            secret = self._box().open(signer.sealed, _place(signer.caller.key_id))
            options = vouched_for(query, secret, recipes, endpoint, is_option)
            if options is not None:
                return Signed(signer.caller, options, signer.hosts)
        raise InvalidSignature("the signature is not that of this URL under its key")

    async def _signers(self, query: SignedQuery) -> Sequence[Signer]:
        if query.pair_id is None:
            # Nothing names the key, so it may be any: there are as few as clients that sign so.
            return await self._store.signing_keys()
        pair = await self._store.pair(query.pair_id)
        if pair is None:
            raise InvalidSignature("its key pair is not known, or was revoked")
        return [pair]

    async def signing_secret(self, public_key: str) -> bytes | None:
        """Return the secret of a pair, to sign with; None when there is no such valid pair."""
        pair = await self._store.pair(public_key)
        return None if pair is None else self._box().open(pair.sealed, _place(public_key))

    async def create(
        self,
        account: str,
        mode: str,
        name: str,
        weight: int = DEFAULT_WEIGHT,
        *,
        signs: bool = False,
        limits: Limits = UNLIMITED,
    ) -> tuple[str, ApiKey]:
        """Make a key, and its account on first use; return its text, shown this once, and what is kept.

        With signs the text is kept too, encrypted. Raises ValueError for a name that an account, or a weight
        that a key cannot have.
        """
        key_id, secret = f"key_{secrets.token_hex(8)}", new_secret(mode)
        return secret, await self._add(
            NewKey(
                id=key_id,
                account=account,
                mode=mode,
                name=name,
                secret=secret,
                weight=weight,
                limits=limits,
                signs=Signs.ITSELF if signs else Signs.NOTHING,
                sealed=self._box().seal(secret.encode(), _place(key_id)) if signs else None,
            )
        )

    async def create_pair(
        self,
        account: str,
        mode: str,
        name: str,
        weight: int = DEFAULT_WEIGHT,
        *,
        hosts: Iterable[str] = (),
        limits: Limits = UNLIMITED,
    ) -> tuple[str, ApiKey]:
        """Make a key pair; return its secret, and what is kept, whose id is the public key.

        URLs that it signs are answered in mode, for pages of hosts, or of all. Raises ValueError as create
        does, and for what is no host.
        """
        public_key, secret = new_secret("public"), new_secret("signing")
        return secret, await self._add(
            NewKey(
                id=public_key,
                account=account,
                mode=mode,
                name=name,
                secret=secret,
                weight=weight,
                limits=limits,
                signs=Signs.AS_PAIR,
                sealed=self._box().seal(secret.encode(), _place(public_key)),
                hosts=Hosts.parse(hosts),
            )
        )

    async def _add(self, new: NewKey) -> ApiKey:
        if not _ACCOUNT.fullmatch(new.account):
            message = "an account's name has 1 to 64 letters, digits, spaces, '.', '_' or '-'"
            raise ValueError(message)
        if not 1 <= new.weight <= MAX_WEIGHT:
            message = f"a key's weight is a whole number from 1 to {MAX_WEIGHT}, not {new.weight}"
            raise ValueError(message)
        return await self._store.add(new)


def _place(key_id: str) -> bytes:
    """Return where a key's secret is sealed for."""
    return f"key/{key_id}".encode()


def bearer(header: str | None) -> str | None:
    """Return the key in an Authorization header, or None."""
    if header is None:
        return None
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None
