"""Waiting that a cancellation cannot cut short."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any


async def settled(task: asyncio.Task[Any]) -> None:
    """Wait until task has ended, however often the waiting is cancelled meanwhile.

    For short work that goes on without its caller, and whose outcome must be known before the
    caller may go; the cancellations are the caller's to pass on.
    """
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # seen: where the caller has left there is nobody to raise it to
