"""Our functions in a frame: in a world of their own, which sees the document and not the page's scripts."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from calotype.render.cdp import CdpError, Session

WORLD: Final = "calotype"
MAX_MESSAGE: Final = 300
"""Characters of an error that a script gave; it may have been given megabytes."""

T = TypeVar("T")


class FunctionThrew(CdpError):
    """A function of ours threw: the page is odd in a way that we did not think of."""


class _World(msgspec.Struct, frozen=True, rename="camel"):
    execution_context_id: int


class _Value(msgspec.Struct, frozen=True):
    value: msgspec.Raw = msgspec.Raw(b"null")


class _What(msgspec.Struct, frozen=True):
    description: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


class Thrown(msgspec.Struct, frozen=True):
    """What a script threw."""

    text: str = ""
    exception: _What = _What()

    @property
    def told(self) -> str:
        """What was thrown, on one line."""
        told = self.exception.description or bytes(self.exception.value).decode(errors="replace")
        return told.partition("\n")[0][:MAX_MESSAGE]


class _Outcome(msgspec.Struct, frozen=True, rename="camel"):
    result: _Value
    exception_details: Thrown | None = None


async def open_world(session: Session, frame_id: str, timeout_s: float) -> int:
    """Return our world in the document that a frame shows, made if there is none. It goes with that."""
    frame = {"frameId": frame_id, "worldName": WORLD}
    return (await session.call("Page.createIsolatedWorld", frame, timeout_s, _World)).execution_context_id


async def call_in(
    session: Session, world: int, function: str, arguments: list[Any], timeout_s: float, reply: type[T]
) -> T:
    """Call a JavaScript function in a world and return what it, or its promise, gives.

    Raises CallRefused if the world is gone, FunctionThrew if the function throws.
    """
    params = {
        "functionDeclaration": function,
        "executionContextId": world,
        "arguments": [{"value": argument} for argument in arguments],
        "awaitPromise": True,
        "returnByValue": True,
    }
    outcome = await session.call("Runtime.callFunctionOn", params, timeout_s, _Outcome)
    if outcome.exception_details is not None:
        raise FunctionThrew(outcome.exception_details.told)
    return msgspec.json.decode(outcome.result.value, type=reply)
