"""Spares: blank pages that stand ready in a browser, so that a capture need not wait for its page's process.

Each is in a context of its own and bound to one exit, and one capture uses it, or none. They belong to their
browser: whoever looks for one looks in the browser that captures go to, so that none can be found in another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from calotype.render.cdp import Session


@dataclass(frozen=True, slots=True)
class BlankPage:
    """A page that has shown nothing yet, in a context of its own."""

    session: Session
    target_id: str
    """Also the id of the page's main frame."""
    context_id: str


class Spares:
    """The blank pages of one browser that nobody uses yet: at most one for each exit, and none for long."""

    def __init__(self, idle_s: float, dismiss: Callable[[BlankPage], None]) -> None:
        """Have dismiss close what nobody has taken within idle_s, what crashed, and what is dropped."""
        self._idle_s, self._dismiss = idle_s, dismiss
        self._pages: dict[int, tuple[BlankPage, asyncio.TimerHandle]] = {}

    def __len__(self) -> int:
        return len(self._pages)

    def has(self, port: int) -> bool:
        """Say whether a page stands ready for the exit at port."""
        return port in self._pages

    def keep(self, port: int, page: BlankPage) -> None:
        """Let page, whose traffic goes through the exit at port, stand ready."""
        self._drop(port)
        idle = asyncio.get_running_loop().call_later(self._idle_s, self._drop, port)
        self._pages[port] = page, idle
        # Where a process dies for want of memory, another in its place would help nobody; a capture that
        # finds none opens its own.
        page.session.on_gone(lambda: self._drop_if_there(port, page))

    def take(self, port: int) -> BlankPage | None:
        """Return the page that stands ready for the exit at port, from now on the caller's; None without."""
        page, idle = self._pages.pop(port, (None, None))
        if idle is not None:
            idle.cancel()
        return page

    def drop_all(self) -> None:
        """Close them all."""
        for port in tuple(self._pages):
            self._drop(port)

    def _drop(self, port: int) -> None:
        page = self.take(port)
        if page is not None:
            self._dismiss(page)

    def _drop_if_there(self, port: int, page: BlankPage) -> None:
        if port in self._pages and self._pages[port][0] is page:
            self._drop(port)
