"""A process that takes pictures of the URLs on its standard input, one after the other, and tells of each.
`refresh` before a URL asks for a new one.

    python -m tests.support.storing FOLDER

Everything is real but the browser. A line is printed when a picture is answered, and not before:
the URL, the key, the SHA-256 of the picture, and why it was not stored (or `stored`).
"""

from __future__ import annotations

import asyncio
import hashlib
import sys

from calotype.bootstrap import Service, open_service
from calotype.cache.policy import CacheWishes
from calotype.capture.parse import ParsedCapture
from calotype.capture.verdict import FailOn
from calotype.clock import Deadline
from calotype.settings import load_settings
from calotype.shots.request import TakeRequest
from calotype.shots.shot import Shot
from tests.support.builders import HERE, a_request
from tests.support.renderer import CannedRenderer

PICTURE_BYTES = 400_000
"""Two pieces of a blob: so there is a moment at which one half is written."""


async def take(service: Service, url: str, *, refresh: bool = False) -> Shot:
    """Ask service for a picture of url."""
    return await service.shots.take(
        TakeRequest(
            namespace=HERE,
            capture=ParsedCapture(request=a_request(url), budget_ms=20_000, fail_on=FailOn(()), unknown=[]),
            wishes=CacheWishes(refresh=refresh),
            deadline=Deadline.after(20_000),
        )
    )


async def main(folder: str) -> None:
    """Take what is asked for until standard input ends."""
    renderer = CannedRenderer()
    renderer.picture_bytes = PICTURE_BYTES
    async with open_service(
        load_settings({"data": folder}, {"CALOTYPE_CACHE_MIN_FREE": "0"}), renderer
    ) as service:
        while asked := (await asyncio.to_thread(sys.stdin.readline)).split():
            shot = await take(service, asked[-1], refresh=asked[0] == "refresh")
            digest = hashlib.sha256(shot.opened.data).hexdigest()
            told = f"{asked[-1]} {shot.opened.entry.key} {digest} {shot.detail or 'stored'}\n"
            sys.stdout.write(told)
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
