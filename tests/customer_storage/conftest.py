"""A service whose account has a bucket at a real S3-compatible server, behind a gate that a test can shut."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import pytest

from calotype.cache.entry import Namespace
from calotype.clock import utc_now
from calotype.storage.bucket import Acl, Credentials
from calotype.storage.ports import CopyState
from calotype.storage.template import DEFAULT_TEMPLATE
from tests.support.builders import HERE
from tests.support.clock import HandClock
from tests.support.service import Bench, a_bench
from tests.support.waiting import becomes
from tests.support.weed import WRITER, Gate, Weed, a_gate

PAGE = "https://example.com/"


@dataclass
class Depot:
    """The service, the gate and what is behind it."""

    bench: Bench
    gate: Gate
    weed: Weed
    bucket: str

    async def set(self, pair=WRITER, *, namespace: Namespace = HERE, **more):
        """Set the bucket of an account, as the command line does."""
        facts = {
            "endpoint": self.gate.url, "name": self.bucket, "region": "us-east-1", "path": DEFAULT_TEMPLATE,
            "acl": Acl.PRIVATE,
        }  # fmt: skip
        buckets = self.bench.service.remembering.buckets
        credentials = Credentials(access_key_id=pair[0], secret=pair[1])
        await buckets.set(buckets.made(namespace, credentials, **{**facts, **more}))

    async def post(self, url=PAGE, **body):
        """Take a picture."""
        return await self.bench.client.post("/v1/screenshot", json={"url": url, **body})

    async def copies(self, state=None, namespace=HERE):
        """Return what is known of copies, the latest first."""
        return await self.bench.service.remembering.copies.latest(namespace, state, 100)

    async def settle(self, namespace=HERE):
        """Wait until no copy waits; return their states by path."""

        async def nothing_waits():
            waiting = await self.copies(CopyState.WAITING, namespace)
            if any(copy.failures for copy in waiting):
                # A busy server refuses one now and then, and nobody else moves the clock to the next try.
                self.bench.clock.advance(minutes=1)
            return not waiting

        await becomes(nothing_waits)
        return {copy.new.path: copy.state for copy in await self.copies(namespace=namespace)}

    async def failures(self, count):
        """Wait until the one copy there is has failed so often in a row, and is not tried just now."""

        async def so_many():
            (copy,) = await self.copies()
            return copy.failures == count

        await becomes(so_many)

    async def pass_time(self, seconds):
        """Move the clock, and have what is due then begun."""
        self.bench.clock.advance(seconds=seconds)
        self.bench.service.jobs.wake()

    def stored(self, path):
        """Return what is in the bucket at path, or None."""
        there = self.weed.get(self.bucket, path)
        return there.content if there.status_code == 200 else None


@pytest.fixture
async def depot(tmp_path, weed):
    # Signatures are good for a quarter of an hour around the time that it is.
    clock = HandClock(utc_now())
    async with (
        a_gate(weed.port) as gate,
        a_bench(tmp_path / "data", clock, CALOTYPE_EGRESS_ALLOW=f"127.0.0.1:{gate.port}") as bench,
    ):
        yield Depot(bench, gate, weed, f"depot-{secrets.token_hex(6)}")


@pytest.fixture
async def full_depot(depot):
    """The same, with a bucket set."""
    await depot.set()
    return depot
