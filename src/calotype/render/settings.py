"""How the browser is run: which, how many captures at once, and when it is replaced."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from calotype.render.memory import browser_limit, page_limit

SLOTS_PER_CORE = 2
"""Real pages wait on the network while they load; on loopback more than one gains nothing."""

MAX_QUEUE = 100
"""At the six captures a second that two cores manage, 100 waiting callers are served within the
25 s that a request may take. Whoever comes after them would wait in vain."""

LEAST_PER_HOST = 2
"""A page and its neighbour; with fewer, a list of one site's pages would be taken one by one."""

CAPTURES_BEFORE_RECYCLE = 2000
"""No leak was seen over 500 captures; a browser that is replaced now and then need not prove it for ever."""


def _cores() -> int:
    return os.cpu_count() or 1


def _slots() -> int:
    return SLOTS_PER_CORE * _cores()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSettings:
    """The settings of render/, each with a default that suits one machine."""

    binary: Path | None = None
    """The browser to run (CALOTYPE_BROWSER); searched for when None."""
    concurrency: int = field(default_factory=_slots)
    """Captures at a time (CALOTYPE_RENDER_CONCURRENCY)."""
    queue_limit: int = MAX_QUEUE
    """Callers who may wait for their turn (CALOTYPE_RENDER_QUEUE); one more is turned away."""
    per_host: int | None = None
    """Captures of one public host at a time (CALOTYPE_RENDER_PER_HOST)."""
    captures_before_recycle: int = CAPTURES_BEFORE_RECYCLE
    """Captures until a browser is replaced (CALOTYPE_BROWSER_MAX_CAPTURES)."""
    launch_timeout_s: float = 20.0
    """A launch takes 0.4 s; a machine that needs 20 s for it cannot take pictures either."""
    open_timeout_s: float = 10.0
    """For a new context and tab, which take 10 ms; a browser that needs longer is replaced."""
    dispose_timeout_s: float = 3.0
    """For closing a context, which takes 10 ms even when its page hangs; else the browser is replaced."""
    spares_below: int = field(default_factory=_cores)
    """Pages are opened for captures to come while fewer captures than this are under way."""
    spare_idle_s: float = 60.0
    """How long a blank page stands ready (17 MB each) for a capture that does not come."""
    browser_max_age_s: float = 6 * 3600
    """Seconds until a browser is replaced, however little it did (CALOTYPE_BROWSER_MAX_AGE)."""
    browser_max_bytes: int = field(default_factory=browser_limit)
    """Memory of all its processes at which a browser is replaced (CALOTYPE_BROWSER_MAX_MEMORY)."""
    page_max_bytes: int = field(default_factory=page_limit)
    """Memory at which one process of a page is ended (CALOTYPE_PAGE_MAX_MEMORY)."""
    drain_timeout_s: float = 130.0
    """For a browser that has been replaced to finish its captures: longer than any of them may take."""
    block_lists: Path | None = None
    """The operator's own filter lists (CALOTYPE_BLOCK_LISTS), in a folder for each kind."""
    filter_cache: Path | None = None
    """Where filters are kept that were built from lists; each start builds them anew when None."""
    profile_root: Path | None = None
    """Where temporary profiles live; the system's folder for temporary files when None."""

    @property
    def captures_per_host(self) -> int:
        """Captures of one public host at a time, decided.

        By default a host that is slow, or that many ask for, leaves half of the places to others, and is
        never visited more often at a time than by a few readers.
        """
        return self.per_host or max(LEAST_PER_HOST, self.concurrency // 2)
