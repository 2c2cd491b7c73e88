"""Waiting, in the event loop, for what no event of ours tells."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def becomes(condition: Callable[[], object] | Callable[[], Awaitable[object]]) -> None:
    """Return when condition holds. The time that a test may take is the bound."""
    while not await _holds(condition):  # noqa: ASYNC110  nobody tells
        await asyncio.sleep(0.002)


async def _holds(condition: Callable[[], object] | Callable[[], Awaitable[object]]) -> bool:
    found = condition()
    return bool(await found if isinstance(found, Awaitable) else found)
