"""News: whoever looks at a batch in this process is told at once when something about it has changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator


class News:
    """Where changes are called out. Other processes are not heard: look now and then all the same."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Event]] = {}

    @contextlib.contextmanager
    def listening(self, batch_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set at every change; who clears it looks after that."""
        event = asyncio.Event()
        self._listeners.setdefault(batch_id, set()).add(event)
        try:
            yield event
        finally:
            listeners = self._listeners[batch_id]
            listeners.discard(event)
            if not listeners:
                del self._listeners[batch_id]

    def tell(self, batch_id: str) -> None:
        """Call out that the batch has changed."""
        for event in self._listeners.get(batch_id, ()):
            event.set()

    def tell_all(self) -> None:
        """Have everybody look."""
        for batch_id in tuple(self._listeners):
            self.tell(batch_id)
