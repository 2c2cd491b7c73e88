"""The Renderer port: whoever can turn a request into a picture."""

from __future__ import annotations

from typing import Protocol

from calotype.capture.errand import MACHINES_OWN, Errand
from calotype.capture.request import CaptureRequest
from calotype.capture.result import Capture
from calotype.clock import Deadline


class Renderer(Protocol):
    """Takes pictures. Ours: render.chromium."""

    async def render(
        self, request: CaptureRequest, deadline: Deadline, errand: Errand = MACHINES_OWN
    ) -> Capture:
        """Return the picture that request describes, whole, before deadline.

        Waits in a bounded queue for its turn, which errand has a say in: the more urgent go first, and
        those who are equally urgent share the time by their accounts' weights. The picture is
        returned whatever the page's HTTP status was: the verdict carries it, and the caller judges.
        Cancelling the call stops the work and frees all that it held.

        Raises QueueFull when too many wait: at once, or as soon as the account's place in the queue is
        needed for another that has fewer there. Raises RenderTimeout at the deadline,
        TargetForbidden, NavigationFailed, BrowserCrashed, PageTooBig, NothingToShow, and InvalidRequest
        for a selector that the browser cannot parse.
        """
        ...
