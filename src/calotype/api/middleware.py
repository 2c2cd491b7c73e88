"""What surrounds every request: its id."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calotype.api.request import new_request_id, request_id_of, set_request_id


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
    """Puts the request's id on the replies of the router behind it."""

    def __init__(self, behind: ASGIApp) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the id back."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        header = (b"x-request-id", request_id_of(scope).encode())

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        await self._behind(scope, receive, tell)
