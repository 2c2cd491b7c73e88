"""What the caller has in the cache, and what was purged of it: lists, page by page."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from calotype.access.authenticator import Authenticator
from calotype.api.base_url import BaseUrl
from calotype.api.replies import cache_item, json_reply, logged_purge
from calotype.api.request import caller_namespace, is_on
from calotype.cache.purge import PurgeFilter
from calotype.cache.purge_request import parse_purge
from calotype.cache.store import CacheStore
from calotype.capture.errors import InvalidRequest
from calotype.capture.fields import shown
from calotype.clock import Clock
from calotype.wire.replies import CacheList, PurgeList

MAX_LIMIT = 1000
"""Entries of one page: some 400 kB of JSON."""
DEFAULT_LIMIT = 100
MAX_PURGES = 100
"""Purges of one page: each may have named as many keys or tags as a body holds."""
_NAMES_SHOWN = 20
"""Keys, and tags, of one purge in a list."""
_FILTERS = ("url", "pattern", "before")
_LISTS = ("keys", "tags")
_PAGING = ("limit", "cursor")
_STALE = "stale"
_ABOUT_THE_CALL = "api_key"
_LIMIT = re.compile(r"[0-9]{1,4}", re.ASCII)
_PLACE = re.compile(r"[a-z]([1-9][0-9]{0,17})", re.ASCII)


class Listing:
    """The routes that list."""

    def __init__(
        self, store: CacheStore, authenticator: Authenticator, base_url: BaseUrl, clock: Clock
    ) -> None:
        self._store, self._authenticator, self._base_url, self._clock = store, authenticator, base_url, clock

    async def entries(self, request: Request) -> Response:
        """List the caller's entries, newest first."""
        namespace = await caller_namespace(request.scope, self._authenticator)
        query = request.query_params
        which, limit = parse_filter(query), parse_limit(query, MAX_LIMIT)
        before, stale = parse_cursor(query, "e"), is_on(query.get(_STALE), _STALE)
        found, place = await self._store.page(namespace, which, before, limit, stale=stale)
        now, base_url = self._clock(), self._base_url.for_host(request.headers.get("host"))
        return json_reply(
            CacheList(
                entries=[cache_item(entry, now, base_url) for entry in found],
                cursor=None if place is None else cursor("e", place),
            )
        )

    async def purges(self, request: Request) -> Response:
        """List the purges and deletes of the caller's account and mode, newest first."""
        namespace = await caller_namespace(request.scope, self._authenticator)
        query = request.query_params
        refuse_unknown(query, _PAGING)
        limit, before = parse_limit(query, MAX_PURGES), parse_cursor(query, "p")
        found, place = await self._store.purges(namespace, before, limit)
        return json_reply(
            PurgeList(
                purges=[logged_purge(purge, _NAMES_SHOWN) for purge in found],
                cursor=None if place is None else cursor("p", place),
            )
        )

    async def purge(self, request: Request) -> Response:
        """Tell what a purge asked for, and how far it has come."""
        namespace = await caller_namespace(request.scope, self._authenticator)
        return json_reply(
            logged_purge(await self._store.describe_purge(namespace, request.path_params["purge_id"]))
        )


def refuse_unknown(query: QueryParams, known: Sequence[str]) -> None:
    """Raise InvalidRequest for a parameter that is neither known nor about the call."""
    for name in query:
        if name not in (*known, _ABOUT_THE_CALL):
            raise InvalidRequest(name, "is not known", f"a list knows {', '.join(known)}")


def parse_filter(query: QueryParams) -> PurgeFilter | None:
    """Return the filter that a listing's query spells as a purge's body would; None without any.

    keys and tags repeat their name, with or without [], or are separated by commas. Raises InvalidRequest,
    for an unknown name too: a list that a slip made longer is a purge that goes too far tomorrow.
    """
    refuse_unknown(query, (*_FILTERS, *_LISTS, *(f"{name}[]" for name in _LISTS), _STALE, *_PAGING))
    body: dict[str, object] = {}
    lists: dict[str, list[str]] = {}
    for raw_name, text in query.multi_items():
        name = raw_name.removesuffix("[]")
        if name in _LISTS:
            body[name] = items = lists.setdefault(name, [])
            items.extend(item for item in text.split(",") if item)
        elif raw_name in _FILTERS:
            body[raw_name] = text
    return parse_purge(body).which if body else None


def parse_limit(query: Mapping[str, str], most: int) -> int:
    """Return how many a page holds at most. Raises InvalidRequest."""
    text = query.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= most:
        raise InvalidRequest("limit", f"is {shown(text)}", f"it must be a whole number from 1 to {most}")
    return int(text)


def cursor(kind: str, place: int) -> str:
    """Return the cursor of whatever comes after place in a list of that kind, which is one letter.

    A place is a number that is given once and only grows, so what comes or goes meanwhile makes a
    later page neither repeat nor leave out anything that stays.
    """
    return base64.urlsafe_b64encode(f"{kind}{place}".encode()).decode().rstrip("=")


def parse_cursor(query: Mapping[str, str], kind: str) -> int | None:
    """Return the place that a cursor of that kind names; None without one. Raises InvalidRequest."""
    text = query.get("cursor")
    if text is None:
        return None
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        plain = ""
    found = _PLACE.fullmatch(plain)
    # Decoding forgives; only what we have spelled ourselves is a cursor.
    if found is None or cursor(kind, int(found.group(1))) != text:
        raise InvalidRequest(
            "cursor", f"is {shown(text)}", "take it as the page before told it, or leave it out"
        )
    return int(found.group(1))
