"""POST /v1/batch, GET and DELETE /v1/batch/{id} and /v1/jobs/{id}, and a batch's progress as events."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncIterator
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from calotype.access.authenticator import Authenticator
from calotype.api.base_url import BaseUrl
from calotype.api.batch_replies import batch_reply, job_reply, progress_reply
from calotype.api.dialects import inbound
from calotype.api.dialects.families import Family
from calotype.api.followers import Followers
from calotype.api.replies import ignored_header, json_reply
from calotype.api.request import (
    caller_namespace,
    caller_of,
    client_family,
    idempotency_key,
    is_strict,
    json_object,
    namespace_of,
)
from calotype.batches.batch import Batch, Form
from calotype.batches.parse import parse_batch
from calotype.batches.service import Batches
from calotype.capture.parse import DEFAULT_BUDGET_MS
from calotype.clock import Deadline

MOST_AT_ONCE = 10
"""A batch of more is not waited for, as the contract has it."""
_ALIVE_S = 15.0
"""Proxies cut connections on which nothing is said for a minute or so."""
_RETRY_MS = 2000
"""When a client whose stream was cut should come back."""
_EVENT_ID = re.compile(r"[0-9]{1,4}")


class BatchRoutes:
    """The routes of what is fetched later."""

    def __init__(self, batches: Batches, authenticator: Authenticator, base_url: BaseUrl) -> None:
        self._batches, self._authenticator, self._base_url = batches, authenticator, base_url
        self._followers = Followers()

    async def post(self, request: Request) -> Response:
        """Accept a batch; wait for a small one that names no webhook, as long as a capture may take."""
        deadline = Deadline.after(DEFAULT_BUDGET_MS, time.monotonic())
        caller = await caller_of(request.scope, self._authenticator)
        wanted = parse_batch(
            await json_object(request),
            inbound.nested,
            strict=is_strict(request),
            most=caller.limits.most_in_batch,
        )
        batch = await self._batches.accept(
            namespace_of(caller),
            Form.BATCH,
            wanted.items,
            key_id=caller.key_id,
            weight=caller.weight,
            concurrency=wanted.concurrency,
            webhook=wanted.webhook,
            once=idempotency_key(request),
        )
        waits = not wanted.asynchronous and len(wanted.items) <= MOST_AT_ONCE
        if waits:
            batch = await self._batches.over_within(batch, deadline.remaining_s())
        reply = batch_reply(batch, self._base_of(request), client_family(request))
        # One that did not come in time goes on, and is followed like one that is not waited for.
        status = HTTPStatus.OK if batch.state.is_over or waits else HTTPStatus.ACCEPTED
        response = json_reply(reply, status)
        response.headers["location"] = f"/v1/batch/{batch.id}"
        response.raw_headers.extend(ignored_header(wanted.all_unknown))
        return response

    async def get(self, request: Request) -> Response:
        """Tell what has become of each capture of a batch."""
        batch = await self._found(request, Form.BATCH)
        return json_reply(batch_reply(batch, self._base_of(request), client_family(request)))

    async def delete(self, request: Request) -> Response:
        """Let go of what is pending in a batch."""
        batch = await self._cancelled(request, Form.BATCH)
        return json_reply(batch_reply(batch, self._base_of(request), client_family(request)))

    async def job(self, request: Request) -> Response:
        """Tell what has become of a capture that was not waited for."""
        job = await self._found(request, Form.JOB)
        return json_reply(job_reply(job, self._base_of(request), client_family(request)))

    async def delete_job(self, request: Request) -> Response:
        """Let go of a capture that was not waited for, if it has not ended."""
        job = await self._cancelled(request, Form.JOB)
        return json_reply(job_reply(job, self._base_of(request), client_family(request)))

    async def events(self, request: Request) -> Response:
        """Tell of each capture of a batch when it ends, as server-sent events, and then of the batch's end.

        A client that comes back with Last-Event-ID is told what it has missed.
        """
        batch = await self._found(request, Form.BATCH)
        last = request.headers.get("last-event-id", "")
        told = int(last) if _EVENT_ID.fullmatch(last) else 0
        stream = self._stream(batch, told, self._base_of(request), client_family(request))
        return self._followers.response(batch.namespace.account, stream)

    async def _stream(self, batch: Batch, told: int, base_url: str, family: Family) -> AsyncIterator[str]:
        latest, seen = batch, told
        yield f"retry: {_RETRY_MS}\n\n"
        async with contextlib.aclosing(self._batches.follow(batch, remind_s=_ALIVE_S)) as states:
            async for state in states:
                latest, before = state, seen
                for item in sorted(state.items, key=lambda item: item.ended_no):
                    if item.ended_no > seen:
                        seen = item.ended_no
                        yield _event("item", progress_reply(state, item, base_url, family), seen)
                if seen == before:
                    yield ": still at it\n\n"
        if latest.state.is_over:
            yield _event("done", progress_reply(latest, None, base_url, family), seen)

    def _base_of(self, request: Request) -> str:
        return self._base_url.for_host(request.headers.get("host"))

    async def _found(self, request: Request, form: Form) -> Batch:
        namespace = await caller_namespace(request.scope, self._authenticator)
        return await self._batches.find(namespace, form, request.path_params["batch_id"])

    async def _cancelled(self, request: Request, form: Form) -> Batch:
        namespace = await caller_namespace(request.scope, self._authenticator)
        return await self._batches.cancel(namespace, form, request.path_params["batch_id"])


def _event(kind: str, told: msgspec.Struct, number: int) -> str:
    return f"event: {kind}\nid: {number}\ndata: {msgspec.json.encode(told).decode()}\n\n"
