"""The two that run in this process: Calotype's renderer, proxy and all, and the bare loop."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.captures.bare import Bare
from benchmarks.captures.rival import Cpu, cpu_of, in_turns, memory_of, relatives
from calotype.capture.negative import Viewport
from calotype.capture.parse import parse_capture
from calotype.capture.renderer import Renderer
from calotype.capture.result import Phases
from calotype.clock import Deadline


class Calotype:
    """The renderer that the server has."""

    name = "calotype"

    def __init__(self, renderer: Renderer, browser: Callable[[], list[int]], program: str) -> None:
        self._renderer, self._browser, self._program = renderer, browser, program
        self._phases: list[Phases] = []

    async def take(self, url: str) -> bytes:
        """See Rival."""
        capture = await self._renderer.render(parse_capture({"url": url}).request, Deadline.after(60_000))
        self._phases.append(capture.phases)
        return capture.image

    def tell_phases(self) -> dict[str, float]:
        """Return the median of each phase over what was taken since this was last asked, in ms."""
        taken, self._phases = self._phases, []
        durations = zip(*taken, strict=True)
        return {each[0][0]: statistics.median(ms for _, ms in each) for each in durations}

    async def round(self, urls: Sequence[str], concurrency: int) -> None:
        """See Rival."""
        await in_turns(urls, concurrency, self.take)

    def cpu(self) -> Cpu:
        """See Rival; this process serves one rival at a time."""
        return Cpu(time.process_time(), cpu_of(self._browser(), self._program).browser_s)

    def memory_mb(self) -> float | None:
        """See Rival; this process, the benchmark's own parts with it, and the browser."""
        return memory_of([os.getpid(), *self._browser()])


class BareLoop:
    """As little as takes a picture."""

    name = "bare DevTools loop"

    def __init__(self, bare: Bare, program: str) -> None:
        self._bare, self._program = bare, program

    async def take(self, url: str) -> bytes:
        """See Rival."""
        return await self._bare.shoot(url, Viewport().width_px, Viewport().height_px)

    async def round(self, urls: Sequence[str], concurrency: int) -> None:
        """See Rival."""
        await in_turns(urls, concurrency, self.take)

    def cpu(self) -> Cpu:
        """See Rival."""
        return Cpu(time.process_time(), cpu_of(relatives(self._bare.pid), self._program).browser_s)

    def memory_mb(self) -> float | None:
        """Say nothing: this process is counted with Calotype."""
        return None
