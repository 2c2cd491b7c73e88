"""`calotype`, with a canned renderer for a browser, and a clock that may be wrong.

CANNED_BYTES is the size of each picture, CANNED_CLOCK_S by how much the clock is ahead. Pictures of
different processes differ. CANNED_LOG is a file in which each picture is noted when it is taken, and each
batch and job when it is told to be over, in place of webhooks; CANNED_PAUSE_S is how long a picture takes.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from calotype.batches.batch import Batch
from calotype.batches.webhook import Webhook
from calotype.bootstrap import open_service
from calotype.capture.errand import MACHINES_OWN, Errand
from calotype.capture.negative import PageUrl
from calotype.capture.request import CaptureRequest
from calotype.capture.result import Capture
from calotype.cli import serve
from calotype.cli.main import main
from calotype.clock import Deadline, utc_now
from tests.support.pictures import a_png
from tests.support.renderer import CannedRenderer

_AHEAD = timedelta(seconds=float(os.environ.get("CANNED_CLOCK_S", "0")))


def clock() -> datetime:
    """Return what this process believes is the time."""
    return utc_now() + _AHEAD


def note(line: str) -> None:
    """Write a line that survives whatever becomes of this process."""
    if "CANNED_LOG" in os.environ:
        descriptor = os.open(os.environ["CANNED_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{line}\n".encode())
        os.close(descriptor)


class Noted:
    """Completions that are only noted."""

    async def ended(self, batch: Batch, webhook: Webhook | None) -> None:
        """See Completions."""
        note(f"ended {batch.id} {batch.state} {None if webhook is None else webhook.url}")


class OwnPictures(CannedRenderer):
    """A renderer whose pictures are of no other process."""

    async def render(
        self, request: CaptureRequest, deadline: Deadline, errand: Errand = MACHINES_OWN
    ) -> Capture:
        """See Renderer."""
        await asyncio.sleep(float(os.environ.get("CANNED_PAUSE_S", "0")))
        capture = await super().render(request, deadline, errand)
        target = request.negative.target
        note(f"taken {target.url if isinstance(target, PageUrl) else 'html'}")
        number = os.getpid() % 2**12 * 2**12 + len(self.renders)
        return replace(capture, image=a_png(number, int(os.environ.get("CANNED_BYTES", "0"))))


if __name__ == "__main__":
    # All else is what users run.
    vars(serve).update(
        open_service=partial(
            open_service,
            renderer=OwnPictures(),
            clock=clock,
            completions=Noted() if "CANNED_LOG" in os.environ else None,
        ),
        utc_now=clock,
    )
    main()
