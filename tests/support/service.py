"""The whole service with a real SQLite index and real blob files, and a CannedRenderer for a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from calotype.api.app import Parts, build_app, build_router
from calotype.api.base_url import BaseUrl
from calotype.api.middleware import RequestIds, TellRequestId
from calotype.bootstrap import Service, open_service
from calotype.settings import Settings, load_settings
from tests.support.clock import HandClock
from tests.support.renderer import CannedRenderer

BASE = "http://calotype.test"
NOBODY = "127.0.0.1:9"
"""Where nobody listens, and webhooks may go all the same."""


@dataclass
class Bench:
    """A running service, and the hands that a test has on it."""

    service: Service
    renderer: CannedRenderer
    clock: HandClock
    settings: Settings
    client: httpx.AsyncClient
    """Speaks to the whole edge, hit gate included, with a live key."""
    behind: httpx.AsyncClient
    """Speaks to the router alone, with the same key."""
    key: str
    parts: Parts
    """What the edge stands on, for a test that builds its own."""

    async def another_key(self, account: str = "default", mode: str = "live") -> dict[str, str]:
        """Return the headers of a caller with a new key."""
        secret, _ = await self.service.remembering.authenticator.create(account, mode, "")
        return {"authorization": f"Bearer {secret}"}


@asynccontextmanager
async def a_bench(folder: Path, clock: HandClock | None = None, **environ: str) -> AsyncIterator[Bench]:
    """Open a service in folder under the settings that environ spells."""
    clock, renderer = clock or HandClock(), CannedRenderer()
    settings = load_settings(
        {"data": str(folder)}, {"CALOTYPE_PUBLIC_URL": BASE, "CALOTYPE_CACHE_MIN_FREE": "0", **environ}
    )
    async with open_service(settings, renderer, clock) as service:
        remembering = service.remembering
        parts = Parts(
            shots=service.shots,
            batches=service.batches,
            teller=service.teller,
            store=remembering.store,
            authenticator=remembering.authenticator,
            base_url=BaseUrl(settings.public_url, settings.host, settings.port),
            clock=clock,
            readiness=service.readiness,
            accel=settings.accel_prefix,
        )
        key, _ = await remembering.authenticator.create("default", "live", "")
        headers = {"authorization": f"Bearer {key}"}
        whole = httpx.ASGITransport(build_app(parts), raise_app_exceptions=False)
        router = httpx.ASGITransport(
            RequestIds(TellRequestId(build_router(parts), clock)), raise_app_exceptions=False
        )
        async with (
            httpx.AsyncClient(transport=whole, base_url=BASE, headers=headers) as client,
            httpx.AsyncClient(transport=router, base_url=BASE, headers=headers) as behind,
        ):
            yield Bench(service, renderer, clock, settings, client, behind, key, parts)
