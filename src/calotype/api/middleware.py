"""What surrounds every request: its id, and how its caller stands with the limit of its key."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calotype.api.request import new_request_id, rate_of, request_id_of, set_request_id
from calotype.clock import Clock, utc_now


class RequestIds:
    """Gives each request an id before anybody else sees it."""

    def __init__(self, behind: ASGIApp) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the request, and pass it on."""
        if scope["type"] == "http":
            set_request_id(scope, new_request_id())
        await self._behind(scope, receive, send)


class TellRequestId:
    """Puts the request's id, and what is left to its caller, on the replies of the router behind it."""

    def __init__(self, behind: ASGIApp, clock: Clock = utc_now) -> None:
        self._behind, self._clock = behind, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the id back."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        header = (b"x-request-id", request_id_of(scope).encode())

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header, *rate_of(scope, self._clock())]
            await send(message)

        await self._behind(scope, receive, tell)
