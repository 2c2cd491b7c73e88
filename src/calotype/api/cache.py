"""GET and DELETE /v1/cache/{key}, POST /v1/cache/purge, and the public files."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from calotype.access.authenticator import Authenticator
from calotype.api.base_url import BaseUrl
from calotype.api.captures import planned
from calotype.api.dialects.outbound import status_of_missed_delete
from calotype.api.problems import problem
from calotype.api.replies import entry_reply, json_reply
from calotype.api.request import (
    caller_and_key,
    caller_namespace,
    client_family,
    conditions_of,
    idempotency_key,
    json_object,
    request_id_of,
    wants_description,
)
from calotype.api.respond import Audience, hand_over, hit_story, plan, precondition_failed
from calotype.cache.entry import CacheEntry, Namespace, check_address
from calotype.cache.errors import EntryNotFound
from calotype.cache.purge_request import parse_purge
from calotype.cache.store import CacheStore, OpenEntry
from calotype.clock import Clock
from calotype.wire.replies import DeleteReply, PurgeReply


class Cache:
    """The routes of the founding document, and that of X-Cache-URL."""

    def __init__(
        self,
        store: CacheStore,
        authenticator: Authenticator,
        base_url: BaseUrl,
        clock: Clock,
        accel: str = "",
    ) -> None:
        self._store, self._authenticator, self._base_url, self._clock = store, authenticator, base_url, clock
        self._accel = accel

    async def get(self, request: Request) -> Response:
        """Answer with a stored picture, or with ?meta=1 with what is known of it; never renders."""
        namespace = await caller_namespace(request.scope, self._authenticator)
        address = _address(request)
        if wants_description(request.scope):
            return await self._description(request, namespace, address)
        opened = await self._store.open(namespace, address)
        if opened is None:
            raise EntryNotFound(address)
        return self._file(request, opened, Audience.CALLER)

    async def _description(self, request: Request, namespace: Namespace, address: str) -> Response:
        entry = await self._store.resolve(namespace, address)
        if entry is None:
            raise EntryNotFound(address)
        base_url = self._base_url.for_host(request.headers.get("host"))
        return json_reply(entry_reply(entry, self._clock(), base_url))

    async def public(self, request: Request) -> Response:
        """Answer with a stored picture to whoever has its link."""
        path = f"screenshots/{request.path_params['path']}"
        opened = await self._store.open_public(path)
        if opened is None:
            raise EntryNotFound(path)
        return self._file(request, opened, Audience.PUBLIC)

    def _file(self, request: Request, opened: OpenEntry, audience: Audience) -> Response:
        now, entry = self._clock(), opened.entry
        story, conditions = hit_story(entry, now), conditions_of(request.scope["headers"])
        base_url = self._base_url.for_host(request.headers.get("host"))
        answer = plan(entry, story, request.method, conditions, now, base_url, audience)
        return planned(hand_over(answer, entry, story, conditions, self._accel), opened)

    async def delete(self, request: Request) -> Response:
        """Let go of one entry; with If-Match or If-Unmodified-Since only of the version that these name."""
        namespace, key_id = await caller_and_key(request.scope, self._authenticator)
        address = _address(request)
        conditions = conditions_of(request.scope["headers"])
        guarded = b"if-match" in conditions or b"if-unmodified-since" in conditions

        def is_meant(entry: CacheEntry) -> bool:
            return not precondition_failed(entry, conditions)

        try:
            await self._store.delete(namespace, address, only_if=is_meant if guarded else None, by=key_id)
        except EntryNotFound as exc:
            family = client_family(request)
            status = status_of_missed_delete(family)
            if status == 200:  # noqa: PLR2004
                return json_reply(DeleteReply(deleted=False, key=address))
            return problem(exc, request_id_of(request.scope), family, missed_key=address)
        return json_reply(DeleteReply(deleted=True, key=address))

    async def purge(self, request: Request) -> Response:
        """Let go of all entries that pass every given filter."""
        namespace, key_id = await caller_and_key(request.scope, self._authenticator)
        body = await json_object(request)
        asked, once = parse_purge(body), idempotency_key(request)
        done = await self._store.purge(
            namespace, asked.which, by=key_id, dry_run=asked.dry_run, soft=asked.soft, once=once
        )
        return json_reply(
            PurgeReply(
                purged=done.count,
                pattern=msgspec.UNSET if asked.glob is None else asked.glob,
                url=msgspec.UNSET if asked.url is None else asked.url,
                before=msgspec.UNSET if asked.before is None else asked.before,
                tags=msgspec.UNSET if asked.which.tags is None else list(asked.which.tags),
                all=True if "all" in body else msgspec.UNSET,
                keys=list(done.keys),
                purge_id=done.id,
                dry_run=done.dry_run,
                soft=done.soft,
                combined="and",
            )
        )


def _address(request: Request) -> str:
    """Return the rest of the path; some routes of ours are keys to other methods."""
    return check_address(request.scope["path"].removeprefix("/v1/cache/"), "key")
