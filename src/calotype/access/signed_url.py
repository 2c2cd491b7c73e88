"""Signed URLs: how one is made, and what a signature vouches for. Pure.

A signature is an HMAC-SHA256 over a text made of the query. Four recipes for that text are in use;
each text has one meaning here, whatever the query that leads to it looked like, so that no
signature vouches for two pictures.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from urllib.parse import parse_qsl, unquote_plus, urlencode

from calotype.access.keys import Unauthorized
from calotype.errors import CalotypeError

MAX_LIFE = timedelta(days=30)
"""The contract's bound, which all clients are told of."""
PATH = "/v1/screenshot"
"""The one route that a signed URL leads to."""
Pairs = tuple[tuple[str, str], ...]

_NEVER_SIGNED = ("signature", "public_key", "api_key")
"""A public key is bound to the text by its secret. An API key is ignored, here and by whoever renders."""
_ABOUT_THE_URL = ("expires", "key_id")
_EXPIRES = re.compile(r"[0-9]{1,12}", re.ASCII)
_ENCODED = re.compile(r"[A-Za-z0-9%+=&._~*!'()\[\]-]*", re.ASCII)
"""What any of the usual encoders leaves. An unencoded URL has a colon and slashes."""


class Recipe(StrEnum):
    """How the signed text is made: what is signed, and with what."""

    A = "A"
    """The documentation's: unencoded, sorted, `expires` last; `public_key` names the pair from outside."""
    B = "B"
    """That of Ruby, Go and the command lines: form-encoded, sorted, `key_id` among the rest."""
    C = "C"
    """That of Node, Python and PHP: A's text, under an API key that nothing names."""
    D = "D"
    """That of Java: the whole URL, encoded, in any order, under an API key that nothing names."""


DEFAULT_RECIPES = frozenset({Recipe.A, Recipe.B})
"""Those that name their key, so that one secret has to be tried and no more."""


class InvalidSignature(Unauthorized):
    """The URL is not what was signed, or nobody known has signed it."""

    code: ClassVar[str] = "invalid_signature"
    hint: ClassVar[str] = "Sign the whole URL anew; any edit of it needs a new signature."

    def __init__(self, problem: str) -> None:
        CalotypeError.__init__(self, f"The signed URL cannot be used: {problem}.")


class ExpiredSignature(Unauthorized):
    """The time that the URL was signed for is over."""

    code: ClassVar[str] = "expired_signature"
    hint: ClassVar[str] = "Sign the URL anew, with a later 'expires'."

    def __init__(self) -> None:
        CalotypeError.__init__(self, "The signed URL has expired.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedQuery:
    """A query that bears a signature, good or bad, taken apart."""

    signature: str
    expires: datetime
    """A whole second; from then on the URL is no good."""
    recipes: tuple[Recipe, ...]
    """Those that it may have been signed by, going by what names its key."""
    pair_id: str | None
    """The public key, `rs_pub_...`; None for recipes C and D, which name none."""
    raw: str
    """As received, without what is never signed."""
    pairs: Pairs
    """The same, decoded."""


def is_signed(query: bytes) -> bool:
    """Say whether a query bears a signature, so that nothing but that counts."""
    return any(piece.startswith(b"signature=") for piece in query.split(b"&"))


def read_signed(query: bytes, now: datetime) -> SignedQuery:
    """Return a query that is_signed, taken apart.

    Raises InvalidSignature when what a signed URL needs is not there, ExpiredSignature when it is past
    its time.
    """
    try:
        pieces = list(_pieces(query.decode()))
    except UnicodeDecodeError:
        raise InvalidSignature("it is not UTF-8") from None
    raw = "&".join(piece for name, piece in pieces if name not in _NEVER_SIGNED)

    def only(name: str) -> str | None:
        values = [unquote_plus(piece.partition("=")[2]) for other, piece in pieces if other == name]
        if len(values) > 1:
            raise InvalidSignature(f"{name} is given more than once")
        return values[0] if values else None

    expires = _moment(only("expires"))
    if now >= expires:
        raise ExpiredSignature
    if expires > now + MAX_LIFE:
        raise InvalidSignature(f"expires is more than {MAX_LIFE.days} days ahead, and may be at most so many")
    key_id, public_key = only("key_id"), only("public_key")
    if key_id is not None and public_key is not None:
        raise InvalidSignature("key_id and public_key are both given, and one of them names the key pair")
    recipes = (Recipe.B,) if key_id else (Recipe.A,) if public_key else (Recipe.C, Recipe.D)
    return SignedQuery(
        signature=only("signature") or "",
        expires=expires,
        recipes=recipes,
        pair_id=key_id or public_key or None,
        raw=raw,
        pairs=tuple(parse_qsl(raw, keep_blank_values=True)),
    )


def vouched_for(
    query: SignedQuery,
    secret: bytes,
    recipes: Iterable[Recipe],
    endpoint: str,
    is_option: Callable[[str], bool],
) -> Pairs | None:
    """Return the options that query's signature vouches for under secret; None when it is not good.

    recipes are those that are allowed; endpoint is our own URL up to the query, which recipe D signs;
    is_option says whether a name is one of an option, by which unencoded texts are read. Compares
    in constant time.
    """
    allowed = set(recipes).intersection(query.recipes)
    for text, pairs in _readings(query, allowed, endpoint, is_option):
        if hmac.compare_digest(signature_of(text, secret).encode(), query.signature.encode()):
            return tuple(pair for pair in pairs if pair[0] not in _ABOUT_THE_URL)
    return None


def sign(pairs: Iterable[tuple[str, str]], key_id: str, secret: bytes, expires: datetime) -> str:
    """Return the query of a signed URL by recipe B: the one without a text that could mean two things."""
    seconds = int(expires.timestamp())
    text = _encoded([*pairs, ("expires", str(seconds)), ("key_id", key_id)])
    return f"{text}&signature={signature_of(text, secret)}"


def signature_of(text: str, secret: bytes) -> str:
    """Return the signature of text: 64 hex digits, in lower case."""
    return hmac.digest(secret, text.encode(), "sha256").hex()


def _pieces(query: str) -> Iterator[tuple[str, str]]:
    for piece in query.split("&"):
        if piece:
            yield unquote_plus(piece.partition("=")[0]), piece


def _moment(expires: str | None) -> datetime:
    if expires is None:
        raise InvalidSignature("it has no expires; give the Unix time at which it ends, in seconds")
    if not _EXPIRES.fullmatch(expires):
        raise InvalidSignature("expires is no Unix time in whole seconds")
    try:
        return datetime.fromtimestamp(int(expires), UTC)
    except (ValueError, OverflowError):
        raise InvalidSignature("expires is too far ahead") from None


def _readings(
    query: SignedQuery, allowed: set[Recipe], endpoint: str, is_option: Callable[[str], bool]
) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    """Yield the texts that may have been signed, each with what it means."""
    encoded = _ENCODED.fullmatch(query.raw) is not None
    if Recipe.B in allowed:
        if encoded:
            yield query.raw, query.pairs
        # A proxy may have spelled or ordered it otherwise.
        yield _encoded(query.pairs), _by_name(query.pairs)
    if Recipe.D in allowed and encoded:
        yield f"{endpoint}?{query.raw}", query.pairs
    if allowed & {Recipe.A, Recipe.C}:
        meaning = _meaning(query.raw, is_option)
        # Sent as it was signed, where an '&' of the page's own URL cannot be told from ours.
        if len(meaning) == len(query.pairs):
            yield query.raw, meaning
        text = _plain(query.pairs)
        if sorted(_meaning(text, is_option)) == sorted(query.pairs):
            # In the text's own order: where an option is given twice, by two of its names, that decides.
            yield text, _by_name(query.pairs)


def _encoded(pairs: Iterable[tuple[str, str]]) -> str:
    # Sorted by name alone: where a name is repeated the order of its values means something.
    return urlencode(_by_name(pairs))


def _by_name(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: pair[0])


def _plain(pairs: Pairs) -> str:
    options = sorted((pair for pair in pairs if pair[0] != "expires"), key=lambda pair: pair[0])
    expires = [pair for pair in pairs if pair[0] == "expires"]
    return "&".join(f"{name}={value}" for name, value in [*options, *expires])


def _meaning(text: str, is_option: Callable[[str], bool]) -> list[tuple[str, str]]:
    """Return the one way in which a text of recipe A or C is read.

    Where a value may hold an '&' unencoded, {url: u&width=5} and {url: u, width: 5} have the same
    text, and one signature would be good for both. So an '&' begins an option only where one may stand: in
    front of an option's name, and in order.
    """
    if _ENCODED.fullmatch(text) and any(f"&{name}=" in f"&{text}" for name in ("url", "html")):
        # Some sign what they send. Without a colon, or a bracket, it was encoded.
        return parse_qsl(text, keep_blank_values=True)
    options, last, expires = text.rpartition("&expires=")
    pairs: list[tuple[str, str]] = []
    for piece in options.split("&"):
        name, equals, value = piece.partition("=")
        if not pairs or (equals and is_option(name) and name > pairs[-1][0]):
            pairs.append((name, value))
        else:
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]}&{piece}")
    return [*pairs, ("expires", expires)] if last else []
