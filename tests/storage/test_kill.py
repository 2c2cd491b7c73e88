"""kill -9 at every step of storing a picture, and what the next start finds."""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calotype.bootstrap import open_service
from calotype.cache.reconciler import Reconciler
from calotype.faults import VARIABLE, Point
from calotype.settings import load_settings
from calotype.shots.shot import Served
from calotype.sql.rows import ENTRY_COLUMNS, ENTRY_FROM, entry_of
from tests.support.builders import HERE
from tests.support.pictures import a_png
from tests.support.renderer import CannedRenderer
from tests.support.storing import PICTURE_BYTES, take

ROOT = Path(__file__).resolve().parents[2]
PAGES = [f"https://example.com/{number}" for number in range(5)]
FATAL = 3
"""The page during whose store the process dies; those before it are acknowledged."""
LEFT_ASIDE = {Point.BLOB_OPENED, Point.BLOB_HALF_WRITTEN, Point.BLOB_WRITTEN, Point.BLOB_SYNCED}
LEFT_AN_ORPHAN = {Point.BLOB_RENAMED, Point.COMMIT_BEFORE, Point.COMMIT_INSIDE}


def store_until_killed(folder, asked, fault):
    """Run a process that dies of fault, and return what it had acknowledged: URL -> key, digest."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.storing", str(folder)],
        input="\n".join(asked).encode(), capture_output=True,
        env={**os.environ, VARIABLE: fault}, cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    acknowledged = {}
    for line in done.stdout.decode().splitlines():
        url, key, digest, kept = line.split()
        assert kept == "stored"
        acknowledged[url] = key, digest
    return acknowledged


def blob_files(folder):
    return {path.name for path in (folder / "blobs").glob("??/??/*")}


def files_aside(folder):
    return {path.name for path in (folder / "blobs" / "tmp").iterdir()}


def entries(service):
    found = service.remembering.index._database.read(
        lambda reader: reader.execute(f"SELECT {ENTRY_COLUMNS} FROM {ENTRY_FROM}").fetchall()
    )
    return [entry_of(row) for row in found]


async def sweep_once(service, later_s):
    """Let the reconciler make one pass, as if it were later."""
    of_service = service.remembering.reconciler
    walk = Reconciler(of_service._register, of_service._blobs, lambda: time.time() + later_s)
    while await walk.step():
        pass


@pytest.mark.parametrize("point", Point)
async def test_whenever_the_process_is_killed_the_next_start_finds_all_it_acknowledged_and_no_more(
    tmp_path, point
):
    folder = tmp_path / "data"
    acknowledged = store_until_killed(folder, PAGES, f"{point}@{FATAL + 1}")
    assert list(acknowledged) == PAGES[:FATAL]
    assert len(files_aside(folder)) == (1 if point in LEFT_ASIDE else 0)

    renderer = CannedRenderer()
    async with open_service(
        load_settings({"data": str(folder)}, {"CALOTYPE_CACHE_MIN_FREE": "0"}), renderer
    ) as service:
        # No row without its blob, whole.
        there = entries(service)
        assert len(there) == FATAL + (point is Point.COMMIT_AFTER)
        for entry in there:
            opened = await service.remembering.store.read(entry)
            assert opened is not None
            assert hashlib.sha256(opened.data).digest() == entry.sha256
        # All that was acknowledged, unchanged.
        for url, (key, digest) in acknowledged.items():
            opened = await service.remembering.store.open(HERE, key)
            assert opened is not None
            assert hashlib.sha256(opened.data).hexdigest() == digest
            assert (await take(service, url)).served is Served.HIT
        # What nothing names is spared while it is young, and gone after one pass when it is not.
        named = {entry.blob_id for entry in there}
        assert len(blob_files(folder) - named) == (1 if point in LEFT_AN_ORPHAN else 0)
        littered = blob_files(folder), files_aside(folder)
        await sweep_once(service, later_s=0)
        assert (blob_files(folder), files_aside(folder)) == littered
        await sweep_once(service, later_s=7200)
        assert (blob_files(folder), files_aside(folder)) == (named, set())
        # The key that was being stored is free at once.
        fatal = await take(service, PAGES[FATAL])
        assert fatal.served is (Served.HIT if point is Point.COMMIT_AFTER else Served.MISS)
        assert fatal.stored
        assert renderer.running == 0


async def test_a_start_removes_what_was_left_half_written_an_hour_ago_by_itself(tmp_path):
    aside = tmp_path / "data" / "blobs" / "tmp"
    aside.mkdir(parents=True)
    old, young = aside / secrets.token_hex(16), aside / secrets.token_hex(16)
    for path, age_s in ((old, 3700), (young, 3500)):
        path.write_bytes(b"half")
        os.utime(path, (0, time.time() - age_s))
    async with open_service(
        load_settings({"data": str(tmp_path / "data")}, {"CALOTYPE_CACHE_MIN_FREE": "0"}), CannedRenderer()
    ) as service:
        await service.remembering.reconciler.step()

    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize(("point", "survivor"), [(Point.COMMIT_INSIDE, 0), (Point.COMMIT_AFTER, 1)])
async def test_a_refresh_that_is_killed_leaves_the_old_picture_or_the_new_one(tmp_path, point, survivor):
    folder = tmp_path / "data"
    acknowledged = store_until_killed(folder, [PAGES[0], f"refresh {PAGES[0]}"], f"{point}@2")
    assert list(acknowledged) == PAGES[:1]

    async with open_service(
        load_settings({"data": str(folder)}, {"CALOTYPE_CACHE_MIN_FREE": "0"}), CannedRenderer()
    ) as service:
        (entry,) = entries(service)
        opened = await service.remembering.store.open(HERE, entry.key)
        assert opened is not None
        assert opened.data == a_png(survivor, PICTURE_BYTES)


async def test_after_a_crash_a_bit_that_has_flipped_is_found_before_it_is_served(tmp_path, caplog):
    folder = tmp_path / "data"
    acknowledged = store_until_killed(folder, PAGES, f"{Point.BLOB_OPENED}@{FATAL + 1}")
    settings = load_settings({"data": str(folder)}, {"CALOTYPE_CACHE_MIN_FREE": "0"})
    async with open_service(settings, renderer := CannedRenderer()) as service:
        flipped = next(entry for entry in entries(service) if entry.key == acknowledged[PAGES[1]][0])
        path = folder / "blobs" / flipped.blob_id[:2] / flipped.blob_id[2:4] / flipped.blob_id
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.write_bytes(data)

        served = [(await take(service, url)).served for url in PAGES[:FATAL]]
        assert served == [Served.HIT, Served.MISS, Served.HIT]
        assert len(renderer.renders) == 1
    assert "did not stop cleanly" in caplog.text
    caplog.clear()
    async with open_service(settings, CannedRenderer()):
        pass
    assert "did not stop cleanly" not in caplog.text
