"""Followers: so many callers follow batches as events at a time, and so many of them for one account."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from calotype.api.problems import TooManyStreams

MAX_STREAMS = 200
STREAMS_OF_ACCOUNT = 20
"""Whoever leaves streams open takes none of the other accounts' places."""


class Followers:
    """Counts the streams that are open, from the moment they are promised."""

    def __init__(self) -> None:
        self._of: Counter[int] = Counter()

    def response(self, account: int, stream: AsyncIterator[str]) -> StreamingResponse:
        """Return the response that tells stream, and holds a place until it is over. Raises TooManyStreams.

        It must be sent: whatever happens then gives the place back, though no word of stream is told.
        """
        if self._of[account] >= STREAMS_OF_ACCOUNT:
            raise TooManyStreams(STREAMS_OF_ACCOUNT, whose="this account")
        if self._of.total() >= MAX_STREAMS:
            raise TooManyStreams(MAX_STREAMS)
        self._of[account] += 1
        return _Following(self, account, stream)

    def leave(self, account: int) -> None:
        """Give a place back."""
        self._of[account] -= 1
        if not self._of[account]:
            del self._of[account]


class _Following(StreamingResponse):
    def __init__(self, followers: Followers, account: int, stream: AsyncIterator[str]) -> None:
        # An nginx in front would collect events before it passes them on.
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(stream, media_type="text/event-stream", headers=headers)
        self._followers, self._account = followers, account

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._followers.leave(self._account)
