"""GET /healthz, does the process live; GET /readyz, does what it stands on work. Neither needs a key."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from calotype.cache.readiness import Readiness
from calotype.wire.replies import ReadyReply

_NOBODY_KEEPS = {"cache-control": "no-store"}
_RETRY_S = 2


async def healthz(_request: Request) -> Response:
    """Answer: whoever hears it knows that the process lives."""
    return PlainTextResponse("ok\n", headers=_NOBODY_KEEPS)


class Health:
    """The route that tells whether all works."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def ready(self, _request: Request) -> Response:
        """Answer 200, or 503 and what does not work."""
        report = await self._readiness.report()
        well = not any(report.values())
        reply = ReadyReply(
            status="ready" if well else "unready",
            checks={name: "ok" if fault is None else fault.value for name, fault in report.items()},
        )
        return Response(
            msgspec.json.encode(reply),
            status_code=200 if well else 503,
            media_type="application/json",
            headers=_NOBODY_KEEPS if well else {**_NOBODY_KEEPS, "retry-after": str(_RETRY_S)},
        )
