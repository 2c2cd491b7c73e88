"""WalkedBlobs: every blob is come by, what is not there is told, what was never finished goes."""

from __future__ import annotations

import secrets
import time

IDS = sorted(
    [
        "00" * 16,
        "0000" + "f" * 28,
        "0001" + "0" * 28,
        "00ff" + "a" * 28,
        "7f" * 16,
        "7f80" + "0" * 28,
        "f" * 32,
    ]
)


async def walked(blobs, after=""):
    found = []
    while more := await blobs.after(after):
        found += more
        after = more[-1].blob_id
    return found


async def test_an_empty_store_is_walked_through_at_once(blobs):
    assert await blobs.after("") == []


async def test_a_walk_comes_by_every_blob_once_and_in_order(blobs):
    for blob_id in (*IDS[::2], *IDS[1::2]):
        await blobs.put(blob_id, b"data")

    assert [kept.blob_id for kept in await walked(blobs)] == IDS


async def test_a_walk_may_begin_anywhere(blobs):
    for blob_id in IDS:
        await blobs.put(blob_id, b"data")

    for after in (*IDS, "0", "00fe", "7f7f" + "f" * 28, "e"):
        expected = [blob_id for blob_id in IDS if blob_id > after]
        assert [kept.blob_id for kept in await walked(blobs, after)] == expected


async def test_a_blob_says_when_it_was_written(blobs):
    before = time.time()
    await blobs.put(IDS[0], b"data")
    (kept,) = await blobs.after("")

    # A filesystem's clock ticks more coarsely than the process's.
    assert before - 0.1 <= kept.written_at <= time.time() + 0.1


async def test_what_is_deleted_is_absent_and_not_come_by(blobs):
    for blob_id in IDS:
        await blobs.put(blob_id, b"data")
    assert await blobs.absent(IDS) == []
    await blobs.delete(IDS[3])
    never = secrets.token_hex(16)

    assert await blobs.absent([*IDS, never]) == [IDS[3], never]
    assert [kept.blob_id for kept in await walked(blobs)] == IDS[:3] + IDS[4:]


async def test_dropping_what_is_unfinished_takes_no_blob(blobs):
    await blobs.put(IDS[0], b"data")

    assert await blobs.drop_unfinished(time.time() + 3600) == 0
    assert await blobs.get(IDS[0]) == b"data"
