"""The hit gate: what most requests want, answered in front of the router.

It parses, then asks the same Authenticator, CacheStore and plan as the router's own routes, and
passes on whatever is not a plain hit: errors, missing keys, descriptions, other methods. It holds no rule of
its own, so the router behind it gives the same answer, only later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from calotype.access.authenticator import Authenticator
from calotype.api.base_url import BaseUrl
from calotype.api.repeats import may_repeat
from calotype.api.request import (
    caller_namespace,
    conditions_of,
    header_of,
    rate_of,
    request_id_of,
    wants_description,
)
from calotype.api.respond import Audience, Plan, hand_over, hit_story, plan
from calotype.cache.store import CacheStore, OpenEntry
from calotype.clock import Clock
from calotype.errors import CalotypeError

_CACHE, _PUBLIC = "/v1/cache/", "/screenshots/"
_Opened = tuple[OpenEntry, Audience]


class HitGate:
    """ASGI: GET and HEAD of /v1/cache/{key} and /screenshots/..., else the application behind."""

    def __init__(
        self,
        behind: ASGIApp,
        store: CacheStore,
        authenticator: Authenticator,
        base_url: BaseUrl,
        clock: Clock,
        accel: str = "",
    ) -> None:
        self._behind, self._store, self._authenticator = behind, store, authenticator
        self._base_url, self._clock, self._accel = base_url, clock, accel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a hit, or pass the request on untouched."""
        found = await self._open(scope) if scope["type"] == "http" else None
        if found is None or not await self._sent(scope, send, *found):
            await self._behind(scope, receive, send)

    async def _open(self, scope: Scope) -> _Opened | None:
        if scope["method"] not in ("GET", "HEAD"):
            return None
        path: str = scope["path"]
        opener: Callable[[Scope, str], Awaitable[_Opened | None]]
        if path.startswith(_CACHE):
            opener = self._open_private
        elif path.startswith(_PUBLIC):
            opener = self._open_public
        else:
            return None
        try:
            return await opener(scope, path)
        except CalotypeError:
            # The router meets the same fault and knows how to tell it.
            return None

    async def _open_private(self, scope: Scope, path: str) -> _Opened | None:
        if wants_description(scope):
            return None
        namespace = await caller_namespace(scope, self._authenticator)
        opened = await self._store.open(namespace, path[len(_CACHE) :])
        return None if opened is None else (opened, Audience.CALLER)

    async def _open_public(self, _scope: Scope, path: str) -> _Opened | None:
        opened = await self._store.open_public(path[1:])
        return None if opened is None else (opened, Audience.PUBLIC)

    async def _sent(self, scope: Scope, send: Send, opened: OpenEntry, audience: Audience) -> bool:
        now, entry = self._clock(), opened.entry
        conditions = conditions_of(scope["headers"])
        base_url = self._base_url.for_host(header_of(scope, b"host"))
        story = hit_story(entry, now)
        answer: Plan = plan(entry, story, scope["method"], conditions, now, base_url, audience)
        whole = answer.status == HTTPStatus.OK
        answer = hand_over(answer, entry, story, conditions, self._accel)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            return False
        if scope["method"] == "GET" and whole:
            may_repeat(scope, entry, base_url, audience, accel=self._accel if answer.handed_over else "")
        answer.headers.append((b"x-request-id", request_id_of(scope).encode()))
        answer.headers.extend(rate_of(scope, now))
        body = opened.data
        if answer.start or answer.stop != len(body):
            body = body[answer.start : answer.stop]
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": body})
        return True
