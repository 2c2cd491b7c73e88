"""What a client sees of a cache that is bounded: its picture, and why it was not stored."""

from __future__ import annotations

import pytest

from tests.support.service import a_bench


@pytest.mark.parametrize(
    ("setting", "value", "detail"),
    [
        ("CALOTYPE_CACHE_MAX_BYTES", "1MiB", "too-large"),
        ("CALOTYPE_CACHE_ACCOUNT_MAX_BYTES", "1MiB", "too-large"),
        ("CALOTYPE_CACHE_MIN_FREE", "1024TiB", "no-room"),
    ],
)
async def test_a_picture_that_has_no_room_is_served_and_says_so(tmp_path, setting, value, detail):
    async with a_bench(tmp_path, **{"CALOTYPE_CACHE_MIN_FREE": "0", setting: value}) as bench:
        bench.renderer.picture_bytes = 60_000
        replies = [
            await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"}) for _ in range(2)
        ]

        for reply in replies:
            assert reply.status_code == 200
            assert len(reply.content) == 60_000
            assert reply.headers["cache-status"] == f"calotype; fwd=uri-miss; stored=?0; detail={detail}"
            assert "x-cache-url" not in reply.headers
        assert len(bench.renderer.renders) == 2
        assert (await bench.service.remembering.store.stats()).entries == 0


async def test_a_disk_that_is_too_full_to_store_on_is_told_to_the_operator(tmp_path, caplog):
    async with a_bench(tmp_path, CALOTYPE_CACHE_MIN_FREE="1024TiB") as bench:
        await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"})

    assert "CALOTYPE_CACHE_MIN_FREE" in caplog.text
