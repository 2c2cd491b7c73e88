"""Builds every object from Settings; the only module that knows which adapter was configured."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from calotype.access.authenticator import Authenticator
from calotype.access.master_secret import load_master_secret
from calotype.access.ports import KeyStore
from calotype.access.quotas import Quotas
from calotype.access.secretbox import SecretBox
from calotype.api.base_url import BaseUrl
from calotype.batches.news import News
from calotype.batches.ports import BatchLedger, Completions
from calotype.batches.retention import Retention
from calotype.batches.runner import Runner
from calotype.batches.service import Batches
from calotype.batches.telling import Telling
from calotype.batches.turns import Turns
from calotype.blobs.ballast import Ballast
from calotype.blobs.filesystem import FilesystemBlobStore
from calotype.blobs.running import running_mark
from calotype.cache.breaker import Breaker
from calotype.cache.fill import Fills
from calotype.cache.hot import HotBlobs
from calotype.cache.key import KeyMaker
from calotype.cache.readiness import Check, Readiness, in_thread
from calotype.cache.reconciler import Reconciler
from calotype.cache.room import Room
from calotype.cache.store import CacheStore
from calotype.cache.sweeper import Sweeper
from calotype.cache.verifier import Verifier
from calotype.capture.renderer import Renderer
from calotype.clock import Clock, utc_now
from calotype.egress.call import Caller
from calotype.egress.connect import Connector
from calotype.egress.exchange import Bounds
from calotype.egress.proxy import EgressProxy
from calotype.jobs.engine import JobEngine
from calotype.render.chromium import ChromiumRenderer
from calotype.s3.objects import S3Objects
from calotype.settings import Settings
from calotype.shots.revalidator import Revalidator
from calotype.shots.service import Shots, failed
from calotype.shots.shot import Shot
from calotype.sql.sqlite.batches import SqliteBatchLedger
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.entries import SqliteEntryIndex
from calotype.sql.sqlite.jobs import SqliteJobs
from calotype.sql.sqlite.keys import SqliteKeyStore
from calotype.sql.sqlite.leases import SqliteLeases
from calotype.sql.sqlite.meter import SqliteMeter
from calotype.sql.sqlite.probe import IndexProbe
from calotype.sql.sqlite.purges import SqlitePurgeLog
from calotype.sql.sqlite.register import SqliteBlobRegister
from calotype.sql.sqlite.room import SqliteRoomLedger
from calotype.sql.sqlite.storage import SqliteBucketStore, SqliteCopies
from calotype.sql.sqlite.webhooks import SqliteDeliveries, SqliteEndpointStore
from calotype.storage.buckets import Buckets
from calotype.storage.copier import Copier
from calotype.storage.copying import Copying
from calotype.storage.ports import Copies, Objects
from calotype.webhooks.courier import Courier
from calotype.webhooks.delivery import Sender
from calotype.webhooks.endpoints import Endpoints
from calotype.webhooks.ports import Deliveries
from calotype.webhooks.teller import Teller


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembering:
    """All that needs no browser: enough for the command line's look at the cache."""

    store: CacheStore
    hot: HotBlobs
    version: Callable[[], int]
    """Changes whenever anybody, in any process, has committed to the index."""
    keys: KeyStore
    authenticator: Authenticator
    index: SqliteEntryIndex
    purges: SqlitePurgeLog
    leases: SqliteLeases
    sweeper: Sweeper
    room: Room
    reconciler: Reconciler
    ballast: Ballast
    checks: Mapping[str, Check]
    """What of all this can be tried, for Readiness."""
    jobs: SqliteJobs
    ledger: BatchLedger
    endpoints: Endpoints
    deliveries: Deliveries
    box: Callable[[], SecretBox]
    buckets: Buckets
    copies: Copies


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The whole server, but for HTTP."""

    remembering: Remembering
    shots: Shots
    readiness: Readiness
    batches: Batches
    teller: Teller
    jobs: JobEngine


@asynccontextmanager
async def open_remembering(
    settings: Settings, clock: Clock = utc_now, *, after_crash: bool = False
) -> AsyncIterator[Remembering]:
    """Open index and blobs as settings describe them; bring the database up to date first."""
    ballast = Ballast(settings.data / "ballast")
    database = Database(settings.index, ballast.drop)
    quotas = Quotas(SqliteMeter(database), clock)
    try:
        blobs = FilesystemBlobStore(settings.blobs)
        try:
            index = SqliteEntryIndex(database, clock, settings.index.row_cache_entries)
            purges = SqlitePurgeLog(database)
            keys = SqliteKeyStore(database, clock)
            # Made when it is first needed: a look at the cache must not write a secret key file.
            box = functools.cache(lambda: SecretBox(_master_secret(settings)))
            hot = HotBlobs(settings.hot_bytes)
            room = Room(SqliteRoomLedger(database), settings.room, blobs.free_bytes, clock)
            jobs = SqliteJobs(database, clock)
            breaker = Breaker(ballast.lay)
            yield Remembering(
                store=CacheStore(
                    index,
                    purges,
                    blobs,
                    hot,
                    clock,
                    room=room,
                    breaker=breaker,
                    verifier=Verifier(after_crash=after_crash),
                ),
                hot=hot,
                version=database.data_version,
                keys=keys,
                authenticator=Authenticator(keys, box, quotas, settings.signed_recipes),
                index=index,
                purges=purges,
                leases=SqliteLeases(database),
                sweeper=Sweeper(purges, blobs, clock),
                room=room,
                ballast=ballast,
                reconciler=Reconciler(SqliteBlobRegister(database, clock), blobs),
                checks={
                    "index": in_thread(IndexProbe(database).check),
                    "blobs": in_thread(blobs.check),
                    "room": in_thread(lambda: room.check() or breaker.check()),
                },
                jobs=jobs,
                ledger=SqliteBatchLedger(database, jobs),
                endpoints=Endpoints(SqliteEndpointStore(database), box, clock),
                deliveries=SqliteDeliveries(database, jobs),
                box=box,
                buckets=Buckets(SqliteBucketStore(database), box, clock),
                copies=SqliteCopies(database, jobs),
            )
        finally:
            blobs.close()
    finally:
        await quotas.close()
        await database.close()


@asynccontextmanager
async def open_renderer(settings: Settings) -> AsyncIterator[ChromiumRenderer]:
    """Open the browser's way out, and the browser; it starts with the first capture."""
    async with (
        EgressProxy(Connector(settings.egress), bounds=Bounds(budget=settings.traffic)) as proxy,
        ChromiumRenderer(settings.browser, proxy) as renderer,
    ):
        yield renderer


@contextmanager
def open_sender(settings: Settings, clock: Clock = utc_now) -> Iterator[Sender]:
    """Open the way out for webhooks."""
    connector = Connector(settings.egress)
    try:
        yield Sender(connector, clock)
    finally:
        connector.close()


@contextmanager
def open_objects(settings: Settings, clock: Clock = utc_now) -> Iterator[Objects]:
    """Open the way out to the buckets of accounts."""
    connector = Connector(settings.egress)
    try:
        yield S3Objects(connector, Caller(connector), clock)
    finally:
        connector.close()


@asynccontextmanager
async def open_service(
    settings: Settings,
    renderer: Renderer | None = None,
    clock: Clock = utc_now,
    completions: Completions | None = None,
) -> AsyncIterator[Service]:
    """Open everything, and close it in reverse. A renderer that is given stays its giver's to close.

    completions, if given, is told of every batch and job that is over, in place of webhooks.
    """
    async with contextlib.AsyncExitStack() as stack:
        # Only servers leave marks: a command that runs in between must not hide from them that one crashed.
        after_crash = stack.enter_context(running_mark(settings.data / "running"))
        remembering = await stack.enter_async_context(
            open_remembering(settings, clock, after_crash=after_crash)
        )
        # A server that has stopped holds no room that it does not need.
        stack.callback(remembering.ballast.drop)
        checks = dict(remembering.checks)
        if renderer is None:
            renderer = chromium = await stack.enter_async_context(open_renderer(settings))
            checks["browser"] = chromium.check
            # So that neither the first capture nor the first who asks for readiness waits for its start.
            warming_up = asyncio.create_task(chromium.check(), name="warm-up")
            stack.push_async_callback(_stop, warming_up)
        fills: Fills[Shot] = Fills(remembering.leases, remembering.purges, clock, fails=failed)
        stack.push_async_callback(fills.close)
        # Captures that nobody waits for leave most of the browser to those that somebody does.
        revalidator = Revalidator(max(1, settings.browser.concurrency // 4))
        stack.push_async_callback(revalidator.close)
        sweeping = asyncio.create_task(remembering.sweeper.run(), name="sweeper")
        stack.push_async_callback(_stop, sweeping)
        evicting = asyncio.create_task(remembering.room.run(), name="room")
        stack.push_async_callback(_stop, evicting)
        reconciling = asyncio.create_task(remembering.reconciler.run(), name="reconciler")
        stack.push_async_callback(_stop, reconciling)
        keys = KeyMaker(_master_secret(settings))
        buckets, copies = remembering.buckets, remembering.copies
        copying = Copying(buckets, copies, clock)
        shots = Shots(
            remembering.store, fills, renderer, keys, settings.cache, clock, revalidator, copying=copying
        )
        objects = stack.enter_context(open_objects(settings, clock))
        copier = Copier(remembering.store, buckets, copies, objects, clock)
        endpoints, deliveries = remembering.endpoints, remembering.deliveries
        teller = Teller(endpoints, deliveries, remembering.box, clock)
        sender = stack.enter_context(open_sender(settings, clock))
        courier = Courier(deliveries, endpoints, sender, remembering.box, clock)
        ledger, box, news = remembering.ledger, remembering.box(), News()
        places = settings.browser.concurrency
        turns = Turns(max(1, places // 2), max(1, places // 4), shots.somebody_waits)
        if completions is None:
            base_url = BaseUrl(settings.public_url, settings.host, settings.port).for_host(None)
            completions = Telling(teller, base_url, clock)
        runner = Runner(
            ledger, shots, turns, news, box, clock, completions, remembering.authenticator.allowance_of
        )
        kinds = (*runner.kinds, courier.kind, copier.kind)
        working = asyncio.create_task(remembering.jobs.run(kinds), name="jobs")
        stack.push_async_callback(_stop, working)
        retention = Retention(ledger, deliveries, copies, remembering.jobs, clock)
        forgetting = asyncio.create_task(retention.run(), name="retention")
        stack.push_async_callback(_stop, forgetting)
        yield Service(
            remembering=remembering,
            shots=shots,
            readiness=Readiness(checks),
            batches=Batches(ledger, runner, news, box, clock, check=sender.check),
            teller=teller,
            jobs=remembering.jobs,
        )


def _master_secret(settings: Settings) -> bytes:
    return load_master_secret(settings.secret_key, settings.secret_key_file)


async def _stop(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])
