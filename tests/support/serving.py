"""`calotype`, with a canned renderer for a browser, and a clock that may be wrong.

CANNED_BYTES is the size of each picture, CANNED_CLOCK_S by how much the clock is ahead. Pictures of
different processes differ.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from calotype.bootstrap import open_service
from calotype.capture.errand import MACHINES_OWN, Errand
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


class OwnPictures(CannedRenderer):
    """A renderer whose pictures are of no other process."""

    async def render(
        self, request: CaptureRequest, deadline: Deadline, errand: Errand = MACHINES_OWN
    ) -> Capture:
        """See Renderer."""
        capture = await super().render(request, deadline, errand)
        number = os.getpid() % 2**12 * 2**12 + len(self.renders)
        return replace(capture, image=a_png(number, int(os.environ.get("CANNED_BYTES", "0"))))


if __name__ == "__main__":
    # All else is what users run.
    vars(serve).update(open_service=partial(open_service, renderer=OwnPictures(), clock=clock), utc_now=clock)
    main()
