"""CannedRenderer: keeps the Renderer's promise without a browser, where the browser is not what is tested."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from calotype.capture.errand import MACHINES_OWN, Errand
from calotype.capture.errors import RenderTimeout
from calotype.capture.request import CaptureRequest
from calotype.capture.result import Capture, Phases
from calotype.clock import Deadline
from tests.support.pictures import a_capture


class CannedRenderer:
    """Each render gives the next picture, so that one can tell which render an answer came from.

    With hold() a render waits, inside, until release(); failing makes every render raise.
    """

    def __init__(self) -> None:
        self.renders: list[CaptureRequest] = []
        self.errands: list[Errand] = []
        """Whose each of them was."""
        self.phases = Phases()
        """Where each render says that its time went."""
        self.queue_ms = 0
        """How long each render says that it waited."""
        self.running = 0
        self.most_running = 0
        self.cancelled = 0
        self.failing: Exception | None = None
        self.http_status: int | None = 200
        self.facts: dict[str, Any] = {}
        """What else the verdict of every picture says."""
        self.picture_bytes = 0
        self.same: int | None = None
        """The number of the picture that every render gives; None: each gives the next."""
        self.spoil: bytes | None = None
        """Returned in place of a picture's bytes."""
        self.began = asyncio.Semaphore(0)
        """Released once for every render that begins."""
        self._gate = asyncio.Event()
        self._gate.set()

    def hold(self) -> None:
        """Let renders that begin from now on wait."""
        self._gate.clear()

    def release(self) -> None:
        """Let all renders go on."""
        self._gate.set()

    async def render(
        self, request: CaptureRequest, deadline: Deadline, errand: Errand = MACHINES_OWN
    ) -> Capture:
        """See Renderer."""
        number = len(self.renders) if self.same is None else self.same
        self.renders.append(request)
        self.errands.append(errand)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        gate = self._gate
        self.began.release()
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                await gate.wait()
        except TimeoutError as exc:
            raise RenderTimeout("being held by a test", deadline.budget_ms) from exc
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if self.failing is not None:
            raise self.failing
        capture = a_capture(number, self.picture_bytes, self.http_status)
        capture = replace(capture, queue_ms=self.queue_ms, phases=self.phases)
        capture = replace(capture, verdict=replace(capture.verdict, **self.facts))
        return capture if self.spoil is None else replace(capture, image=self.spoil)
