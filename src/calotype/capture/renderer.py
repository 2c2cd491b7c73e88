"""The Renderer port: whoever can turn a request into a picture."""

from __future__ import annotations

from typing import Protocol

from calotype.capture.request import CaptureRequest
from calotype.capture.result import Capture
from calotype.clock import Deadline


class Renderer(Protocol):
    """Takes pictures. Ours: render.chromium."""

    async def render(self, request: CaptureRequest, deadline: Deadline) -> Capture:
        """Return the picture that request describes, whole, before deadline.

        Waits in a bounded queue for its turn. The picture is returned whatever the page's
        HTTP status was: the verdict carries it, and the caller judges. Cancelling the call
        stops the work and frees all that it held.

        Raises QueueFull at once when too many wait, RenderTimeout at the deadline,
        TargetForbidden, NavigationFailed, BrowserCrashed, NothingToShow, and InvalidRequest
        for a selector that the browser cannot parse.
        """
        ...
