"""Buckets that cannot be reached or do not let us in: tried again, given up after a day, and begun anew."""

from __future__ import annotations

import asyncio
import logging

from calotype.storage.copier import _AT_ONCE, PAUSES
from calotype.storage.ports import CopyState
from tests.customer_storage.conftest import PAGE
from tests.egress.support import Server, never
from tests.support.builders import TRIAL
from tests.support.service import a_bench
from tests.support.weed import READER, WRITER


async def given_up(depot, **body):
    """Take a picture and let one try after another fail; the last one comes to the bucket, and that now."""
    waits = [pause.total_seconds() + 1 for pause in PAUSES]
    depot.bench.clock.advance(seconds=-sum(waits))
    depot.gate.fail("503 Slow", "SlowDown")
    reply = await depot.post(cache={"ttl": 10 * 86_400}, **body)
    for count, wait in enumerate(waits, start=1):
        await depot.failures(count)
        if count == len(waits):
            depot.gate.open()
        await depot.pass_time(wait)
    await depot.failures(len(waits) + 1)
    return reply


async def test_a_bucket_that_is_away_for_a_while_has_all_in_its_place_afterwards(full_depot):
    full_depot.gate.fail("503 Slow", "SlowDown")
    reply = await full_depot.post()
    await full_depot.failures(1)
    (copy,) = await full_depot.copies()
    assert copy.state is CopyState.WAITING
    assert copy.fault == "BucketFault: The bucket answered 503 SlowDown."

    await full_depot.pass_time(13)
    await full_depot.failures(2)
    full_depot.gate.open()
    await full_depot.pass_time(61)

    assert list((await full_depot.settle()).values()) == [CopyState.COPIED]
    assert full_depot.stored(reply.headers["x-storage-url"].rpartition("/")[2]) == reply.content
    assert full_depot.gate.connections == 3


async def test_one_that_lets_nobody_in_makes_a_dead_letter_that_says_so_and_holds_no_secret(
    depot, caplog, tmp_path
):
    caplog.set_level(logging.DEBUG)
    await depot.set(READER)
    reply = await given_up(depot, response_type="json")

    (dead,) = await depot.bench.service.jobs.dead(10)
    (copy,) = await depot.copies(CopyState.FAILED)
    assert dead.error == copy.fault == "BucketFault: The bucket answered 403 AccessDenied."
    assert "AccessDenied" in caplog.text
    shown = "".join((caplog.text, reply.text, str(reply.headers), repr(dead), repr(copy)))
    on_disk = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    assert b"storage_bucket" in on_disk
    for secret in READER:
        assert secret not in shown
        assert secret.encode() not in on_disk
    assert READER[1] not in "".join(depot.gate.heads)


async def test_what_was_given_up_is_copied_once_the_key_is_a_good_one(depot):
    await depot.set(READER)
    reply = await given_up(depot)
    (copy,) = await depot.copies(CopyState.FAILED)
    # A hit neither tries again what was given up, nor says that it is there.
    hit = await depot.post()
    assert hit.headers["x-cache-status"] == "HIT"
    assert "x-storage-url" not in hit.headers

    await depot.set(WRITER)
    assert await depot.bench.service.remembering.copies.retry(copy.new.namespace, copy.new.id) == 1

    assert await depot.settle() == {copy.new.path: CopyState.COPIED}
    assert depot.stored(copy.new.path) == reply.content


async def test_a_new_capture_tries_again_what_was_given_up(depot):
    depot.bench.renderer.same = 0
    await depot.set(READER)
    await given_up(depot)
    await depot.set(WRITER)
    reply = await depot.post(cache={"refresh": True})

    path = reply.headers["x-storage-url"].rpartition("/")[2]
    assert await depot.settle() == {path: CopyState.COPIED}


async def test_a_key_that_is_mended_meanwhile_serves_what_waits(depot):
    await depot.set(READER)
    await depot.post()
    await depot.failures(1)
    await depot.set(WRITER)
    await depot.pass_time(13)

    assert list((await depot.settle()).values()) == [CopyState.COPIED]


async def test_a_private_endpoint_is_not_reached_though_it_was_set(depot):
    async with Server(never) as server:
        await depot.set(endpoint=f"http://127.0.0.1:{server.port}")
        await depot.post()
        await depot.failures(1)
        (copy,) = await depot.copies()

        assert server.connections == 0
    assert copy.fault == "BucketFault: The bucket has a host that could not be found or is not public."


async def test_another_master_secret_is_told_and_costs_no_capture(full_depot, tmp_path):
    folder, clock = tmp_path / "data", full_depot.bench.clock
    async with a_bench(folder, clock, CALOTYPE_SECRET_KEY="another-secret-of-the-master") as bench:
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE})
        assert reply.status_code == 200
        await full_depot.failures(1)

    (copy,) = await full_depot.copies()
    assert copy.fault.startswith("MasterSecretChanged: ")


async def test_a_bucket_that_hangs_holds_up_no_capture(full_depot):
    count = 20
    full_depot.gate.hold()
    for number in range(count):
        assert (await full_depot.post(f"https://example.com/{number}")).status_code == 200

    assert len(await full_depot.copies(CopyState.WAITING)) == count


async def test_nor_does_it_hold_up_the_copies_of_others(full_depot):
    bench = full_depot.bench
    full_depot.gate.hold(f"/{full_depot.bucket}/")
    for number in range(_AT_ONCE + 8):
        await full_depot.post(f"https://example.com/{number}")
    await full_depot.set(namespace=TRIAL, name=f"{full_depot.bucket}-other")
    headers = await bench.another_key(mode="test")
    reply = await bench.client.post("/v1/screenshot", json={"url": PAGE}, headers=headers)

    assert list((await full_depot.settle(TRIAL)).values()) == [CopyState.COPIED]
    path = reply.headers["x-storage-url"].rpartition("/")[2]
    assert full_depot.weed.get(f"{full_depot.bucket}-other", path).content == reply.content
    assert len(await full_depot.copies(CopyState.WAITING)) == _AT_ONCE + 8

    full_depot.gate.release()
    # Those that were sent away come back by the clock.
    while await full_depot.copies(CopyState.WAITING):
        await full_depot.pass_time(1)
        await asyncio.sleep(0.01)
    assert {copy.state for copy in await full_depot.copies()} == {CopyState.COPIED}
