"""GET /version, /openapi.json and /docs: who answers, and how it is spoken to. None needs a key."""

from __future__ import annotations

from functools import cache

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from calotype import __version__
from calotype.api.openapi.document import API, document
from calotype.api.openapi.page import SECURITY_POLICY, page
from calotype.api.replies import json_reply
from calotype.wire.replies import VersionReply

_UNTIL_ASKED_AGAIN = {"cache-control": "no-cache"}


async def version(_request: Request) -> Response:
    """Tell name and version."""
    return json_reply(VersionReply(name="calotype", version=__version__, api=API))


async def openapi(_request: Request) -> Response:
    """Send the OpenAPI document."""
    return Response(_document(), media_type="application/json", headers=_UNTIL_ASKED_AGAIN)


async def docs(_request: Request) -> Response:
    """Send the same as a page."""
    return HTMLResponse(_page(), headers=_UNTIL_ASKED_AGAIN | {"content-security-policy": SECURITY_POLICY})


@cache
def _document() -> bytes:
    return msgspec.json.encode(document())


@cache
def _page() -> str:
    return page(document())
