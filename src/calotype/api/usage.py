"""GET /v1/usage."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from calotype.access.authenticator import Authenticator
from calotype.access.limits import NO_LIMIT
from calotype.api.replies import json_reply
from calotype.api.request import caller_of
from calotype.clock import iso_seconds
from calotype.wire.replies import UsageReply


class UsageRoute:
    """What a key has used of its month, and what it may ask for."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def get(self, request: Request) -> Response:
        """Tell the caller's own key."""
        caller = await caller_of(request.scope, self._authenticator)
        usage = self._authenticator.quotas.usage(caller)
        limits = usage.limits
        return json_reply(
            UsageReply(
                credits=NO_LIMIT if limits.credits is None else limits.credits,
                used=usage.used,
                remaining=usage.remaining,
                period_start=iso_seconds(usage.window.start),
                period_end=iso_seconds(usage.window.end),
                plan=limits.plan or None,
                requests_per_minute=limits.requests_per_minute,
                concurrent=limits.concurrent,
                batch=limits.most_in_batch,
            )
        )
