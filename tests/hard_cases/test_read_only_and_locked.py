"""Hard case 15: blobs or index that cannot be written. Pictures are answered, and all heals by itself."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from calotype.cache.breaker import OPEN_S
from calotype.faults import Point, armed
from tests.support.machine import cannot_be_tested
from tests.support.server import ROOT
from tests.support.service import a_bench

PASSED_THROUGH = "calotype; fwd=uri-miss; stored=?0; detail=store-unavailable"


async def take(bench, page):
    return await bench.client.post("/v1/screenshot", json={"url": f"https://example.com/{page}"})


def time_passes(bench):
    """Let the breaker's time be over."""
    bench.service.remembering.store._breaker._until -= OPEN_S


@contextmanager
def read_only(folder):
    """Have a filesystem of its own on folder, and give the means to make it read-only and writable again.

    Root is bound by no permissions, so it must be the filesystem that refuses; where none may be mounted, it
    is the first step of a write that does.
    """
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "calotype-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            yield lambda how: subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    refusing = [False]

    def refuse(point):
        if refusing[0] and point is Point.BLOB_OPENED:
            raise OSError(errno.EROFS, "Read-only file system")

    with armed(refuse):
        yield lambda how: refusing.__setitem__(0, how == "ro")


async def test_a_read_only_blob_directory_costs_only_the_storing(tmp_path):
    (tmp_path / "data" / "blobs").mkdir(parents=True)
    with read_only(tmp_path / "data" / "blobs") as remount:
        async with a_bench(tmp_path / "data", CALOTYPE_HOT_BYTES="0") as bench:
            kept, purged = await take(bench, "kept"), await take(bench, "purged")
            remount("ro")
            shot = await take(bench, "new")
            assert (shot.status_code, shot.headers["cache-status"]) == (200, PASSED_THROUGH)
            assert shot.content.startswith(b"\x89PNG")
            # What is there can be had, and let go of: the index is not the blobs.
            assert (await take(bench, "kept")).content == kept.content
            key = purged.headers["x-cache-key"]
            assert (await bench.client.delete(f"/v1/cache/{key}")).json()["deleted"] is True
            assert (await bench.client.get(f"/v1/cache/{key}")).status_code == 404

            remount("rw")
            time_passes(bench)
            assert (await take(bench, "new")).headers["cache-status"].endswith("; stored")
            assert (await take(bench, "new")).headers["x-cache-status"] == "HIT"


@contextmanager
def a_read_only_index(bench):
    # What SQLite says of a file that it may not write, with the very same code.
    writer = bench.service.remembering.index._database._writer
    writer.execute("PRAGMA query_only = ON")
    yield
    writer.execute("PRAGMA query_only = OFF")


@contextmanager
def a_lock_of_another_process(bench):
    script = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN EXCLUSIVE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    path = bench.settings.index.path
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        # The lock outlasts everybody's patience, whether that is 5 s or less.
        bench.service.remembering.index._database._writer.execute("PRAGMA busy_timeout = 100")
        yield
        holder.stdin.close()


@pytest.mark.parametrize("fault", [a_read_only_index, a_lock_of_another_process])
async def test_an_index_that_cannot_be_written_is_passed_by_and_told_to_whoever_manages_it(bench, fault):
    kept = await take(bench, "kept")
    key = kept.headers["x-cache-key"]
    with fault(bench):
        for page in ("new", "newer"):
            shot = await take(bench, page)
            assert (shot.status_code, shot.headers["cache-status"]) == (200, PASSED_THROUGH)
            assert shot.headers["cache-control"] == "no-store"
            assert "x-cache-url" not in shot.headers
        # What is there can be had, for it needs no writing.
        assert (await take(bench, "kept")).headers["x-cache-status"] == "HIT"
        assert (await bench.client.get(f"/v1/cache/{key}")).content == kept.content
        # A purge that cannot be written down is none, and says so.
        for refused in (
            await bench.client.post("/v1/cache/purge", json={"all": True}),
            await bench.client.post("/v1/cache/purge", json={"keys": [key]}),
            await bench.client.delete(f"/v1/cache/{key}"),
        ):
            assert (refused.status_code, refused.json()["error"]["retryable"]) == (503, True)
            assert "index cannot be used" in refused.json()["message"]
            assert int(refused.headers["retry-after"]) > 0
        assert (await bench.client.get(f"/v1/cache/{key}")).status_code == 200

    time_passes(bench)
    assert (await take(bench, "new")).headers["cache-status"].endswith("; stored")
    assert (await bench.client.post("/v1/cache/purge", json={"all": True})).json()["purged"] == 2
    assert (await bench.client.get(f"/v1/cache/{key}")).status_code == 404


async def test_a_server_whose_index_is_read_only_from_the_start_says_what_is_wrong(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    with read_only(folder) as remount:
        async with a_bench(folder / "data") as bench:
            await take(bench, "kept")
        (folder / "data" / "index.sqlite").chmod(0o400)
        (folder / "data").chmod(0o500)
        remount("ro")
        if os.access(folder / "data" / "index.sqlite", os.W_OK):
            cannot_be_tested("neither filesystem nor permissions bind whoever runs this")
        command = [sys.executable, "-m", "calotype", "serve", "--port", "0", "--data", str(folder / "data")]
        done = subprocess.run(  # noqa: ASYNC221  this loop serves nobody
            command, cwd=ROOT, capture_output=True, timeout=60, check=False
        )

    assert done.returncode == 1
    assert b"check CALOTYPE_DATA and its permissions" in done.stderr
    assert b"Traceback" not in done.stderr
