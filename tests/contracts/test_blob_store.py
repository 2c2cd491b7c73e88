"""BlobStore: bytes under an id, whole or not at all, once and for ever."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from calotype.cache.errors import BlobExists, BlobNotFound

SIZES = [1, 20_000, 1024 * 1024, 1024 * 1024 + 1, 5 * 1024 * 1024]


def an_id():
    return secrets.token_hex(16)


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_put_is_got_byte_for_byte(blobs, size):
    blob_id, data = an_id(), secrets.token_bytes(size)
    await blobs.put(blob_id, data)

    assert await blobs.get(blob_id) == data
    assert await blobs.get(blob_id) == data


async def test_getting_an_absent_blob_raises_blob_not_found(blobs):
    with pytest.raises(BlobNotFound):
        await blobs.get(an_id())


@pytest.mark.parametrize(
    "blob_id",
    ["", "..", "../../etc/passwd", "tmp", "/etc/passwd", "a" * 31, "A" * 32, "a" * 32 + "\n", "\x00"],
)
async def test_what_is_no_blob_id_names_no_blob(blobs, blob_id):
    with pytest.raises(BlobNotFound):
        await blobs.get(blob_id)


async def test_an_id_is_used_once(blobs):
    blob_id = an_id()
    await blobs.put(blob_id, b"first")

    with pytest.raises(BlobExists):
        await blobs.put(blob_id, b"second")
    assert await blobs.get(blob_id) == b"first"


async def test_of_many_who_put_one_id_at_once_one_wins(blobs):
    blob_id = an_id()
    puts = await asyncio.gather(
        *(blobs.put(blob_id, bytes([number]) * 50_000) for number in range(20)), return_exceptions=True
    )

    winners = [number for number, outcome in enumerate(puts) if outcome is None]
    assert len(winners) == 1
    assert {type(outcome) for outcome in puts if outcome is not None} == {BlobExists}
    assert await blobs.get(blob_id) == bytes(winners) * 50_000


async def test_a_deleted_blob_is_gone_and_deleting_it_again_is_no_error(blobs):
    blob_id = an_id()
    await blobs.put(blob_id, b"data")
    await blobs.delete(blob_id)
    await blobs.delete(blob_id)

    with pytest.raises(BlobNotFound):
        await blobs.get(blob_id)


async def test_a_reader_never_sees_part_of_a_blob(blobs):
    blob_id, data = an_id(), secrets.token_bytes(8 * 1024 * 1024)
    putting = asyncio.create_task(blobs.put(blob_id, data))
    seen: set[int | None] = set()
    while not putting.done():
        try:
            seen.add(len(await blobs.get(blob_id)))
        except BlobNotFound:
            seen.add(None)
        await asyncio.sleep(0)
    await putting
    seen.add(len(await blobs.get(blob_id)))

    assert None in seen
    assert seen == {None, len(data)}


async def test_many_large_reads_may_be_given_up_without_harm(blobs):
    blob_id, data = an_id(), secrets.token_bytes(3 * 1024 * 1024)
    await blobs.put(blob_id, data)
    reads = [asyncio.create_task(blobs.get(blob_id)) for _ in range(50)]
    await asyncio.sleep(0)
    for read in reads:
        read.cancel()
    await asyncio.wait(reads)

    assert await blobs.get(blob_id) == data
