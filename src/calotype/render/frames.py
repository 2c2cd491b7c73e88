"""Frames from other sites live in processes of their own, and must be told what the page was told.

Their requests are counted with those of the page.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from calotype.capture.negative import Negative
from calotype.render.cdp import CdpError, Session
from calotype.render.consent import Consent
from calotype.render.emulate import dressing
from calotype.render.intercept import Interception
from calotype.render.seeded import Seeded
from calotype.render.traffic import Traffic

log = logging.getLogger("calotype.render")

# Workers too, which are let go at once: one that a filter leaves out would wait for ever.
_AUTO_ATTACH = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
_FRUGAL = {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}


class _TargetInfo(msgspec.Struct, frozen=True):
    type: str


class _Attached(msgspec.Struct, frozen=True, rename="camel"):
    session_id: str
    target_info: _TargetInfo


class Frames:
    """Dresses each frame of another site before it loads anything, and has its requests counted."""

    def __init__(
        self,
        negative: Negative,
        interception: Interception,
        seeded: Seeded,
        traffic: Traffic,
        timeout_s: float,
        consent: Consent | None = None,
    ) -> None:
        self._negative, self._interception, self._seeded = negative, interception, seeded
        self._traffic, self._timeout_s, self._consent = traffic, timeout_s, consent
        self.sessions: list[Session] = []
        """The frames of other sites that there are, or were."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def follow(self, session: Session) -> None:
        """Have the frames of session's page wait for us, and those in them."""
        session.on("Target.attachedToTarget", _Attached, lambda event: self._came(session, event))
        await session.call("Target.setAutoAttach", _AUTO_ATTACH, self._timeout_s)

    def _came(self, parent: Session, event: _Attached) -> None:
        task = asyncio.create_task(self._dress(parent.child(event.session_id), event.target_info.type))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dress(self, frame: Session, kind: str) -> None:
        try:
            calls = dressing(frame, self._negative, self._timeout_s) if kind == "iframe" else []
            if self._interception.is_needed and kind == "iframe":
                calls.append(self._interception.begin(frame, self._timeout_s))
            if kind == "iframe":
                self.sessions.append(frame)
                self._traffic.follow(frame)
                calls.append(frame.call("Network.enable", _FRUGAL, self._timeout_s))
                if self._consent is not None:
                    calls.append(self._consent.begin(frame, self._timeout_s))
            if kind == "iframe" or self._seeded.is_needed:
                calls.append(self.follow(frame))
            if self._seeded.is_needed and kind in ("iframe", "worker"):
                calls.append(self._seeded.adopt(frame, kind))
            await asyncio.gather(*calls)
        except CdpError as exc:
            # It left, or its process died; the picture shows the rest of the page.
            log.info("a frame of another site was not dressed: %s", exc)
        finally:
            frame.post("Runtime.runIfWaitingForDebugger", {})

    async def close(self) -> None:
        """Let go of the frames that are being dressed."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
