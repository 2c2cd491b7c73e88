"""The cache and Shots on real SQLite and real files, with a CannedRenderer: no HTTP, no keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from calotype.blobs.filesystem import FilesystemBlobStore
from calotype.blobs.settings import FilesystemSettings
from calotype.cache.entry import CacheKey, Namespace
from calotype.cache.fill import Fills
from calotype.cache.hot import HotBlobs
from calotype.cache.key import KeyMaker
from calotype.cache.policy import CachePolicy, CacheWishes
from calotype.cache.room import Room, RoomLimits
from calotype.cache.store import CacheStore
from calotype.cache.sweeper import Sweeper
from calotype.capture.errand import Urgency
from calotype.capture.parse import ParsedCapture
from calotype.capture.renderer import Renderer
from calotype.capture.verdict import FailOn
from calotype.clock import Deadline
from calotype.shots.request import TakeRequest
from calotype.shots.revalidator import Revalidator
from calotype.shots.service import Shots, failed
from calotype.shots.shot import Shot
from tests.support.adapters import Adapters, sqlite_adapters
from tests.support.builders import HERE, a_request
from tests.support.clock import HandClock
from tests.support.renderer import CannedRenderer


@dataclass
class Studio:
    """One process that takes shots."""

    shots: Shots
    revalidator: Revalidator
    store: CacheStore
    fills: Fills[Shot]
    sweeper: Sweeper
    room: Room
    blobs: FilesystemBlobStore
    adapters: Adapters
    renderer: CannedRenderer
    clock: HandClock
    folder: Path

    async def take(
        self,
        url: str = "https://example.com/",
        *,
        namespace: Namespace = HERE,
        key: str | None = None,
        fail_on: tuple[str, ...] = (),
        budget_ms: int = 20_000,
        only_if_cached: bool = False,
        urgency: Urgency = Urgency.INTERACTIVE,
        once: str | None = None,
        **wishes: object,
    ) -> Shot:
        """Ask for a picture of url."""
        asked = TakeRequest(
            namespace=namespace,
            capture=ParsedCapture(
                request=a_request(url), budget_ms=budget_ms, fail_on=FailOn(fail_on), unknown=[]
            ),
            wishes=CacheWishes(key=None if key is None else CacheKey(key), **wishes),  # type: ignore[arg-type]
            deadline=Deadline.after(budget_ms),
            only_if_cached=only_if_cached,
            urgency=urgency,
            once=once,
        )
        return await self.shots.take(asked)

    def taking(self, url: str = "https://example.com/", **how: object) -> asyncio.Task[Shot]:
        """Begin to ask for a picture of url."""
        return asyncio.create_task(self.take(url, **how))  # type: ignore[arg-type]

    def blob_files(self) -> set[str]:
        """Return the names of all files among the blobs, half written ones included."""
        return {path.name for path in (self.folder / "blobs").rglob("*") if not path.is_dir()}


@asynccontextmanager
async def a_studio(
    folder: Path,
    clock: HandClock,
    *,
    renderer: CannedRenderer | None = None,
    policy: CachePolicy | None = None,
    hot_bytes: int = 1_000_000,
    busy_timeout_s: float = 5.0,
    limits: RoomLimits | None = None,
    free_bytes: Callable[[], int] = lambda: 2**50,
) -> AsyncIterator[Studio]:
    """Open a studio in folder; a second one in the same folder is as good as another process."""
    renderer = renderer or CannedRenderer()
    seen_by_shots: Renderer = renderer
    async with sqlite_adapters(folder / "index.db", clock, busy_timeout_s) as adapters:
        blobs = FilesystemBlobStore(FilesystemSettings(folder=folder / "blobs"))
        room = Room(adapters.ledger, limits or RoomLimits(), free_bytes, clock)
        store = CacheStore(adapters.index, adapters.purges, blobs, HotBlobs(hot_bytes), clock, room)
        fills: Fills[Shot] = Fills(adapters.leases, adapters.purges, clock, fails=failed)
        revalidator = Revalidator(now=lambda: clock().timestamp())
        shots = Shots(
            store, fills, seen_by_shots, KeyMaker(b"secret"), policy or CachePolicy(), clock, revalidator
        )
        try:
            yield Studio(
                shots=shots, revalidator=revalidator, store=store, fills=fills,
                sweeper=Sweeper(adapters.purges, blobs, clock), room=room, blobs=blobs,
                adapters=adapters, renderer=renderer, clock=clock, folder=folder,
            )  # fmt: skip
        finally:
            await revalidator.close()
            await fills.close()
            blobs.close()
