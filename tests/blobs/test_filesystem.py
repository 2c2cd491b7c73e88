"""What only a folder can do to blobs."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from pathlib import Path

import pytest

from calotype.blobs import filesystem
from calotype.blobs.filesystem import FilesystemBlobStore
from calotype.blobs.settings import FilesystemSettings
from calotype.cache.errors import BlobExists, BlobNotFound, StoreUnavailable
from calotype.errors import ConfigurationError

ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "blobs"


@pytest.fixture
def blobs(folder):
    store = FilesystemBlobStore(FilesystemSettings(folder=folder))
    yield store
    store.close()


@pytest.fixture
def place(folder):
    """Where the blob called ID lies."""
    return folder / "01" / "23" / ID


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_blob_lies_two_folders_deep_readable_by_its_owner_alone(blobs, folder, place):
    await blobs.put(ID, b"data")

    assert files_in(folder) == [f"01/23/{ID}"]
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_dir()} == {0o700}


async def test_a_link_is_not_followed(blobs, place, tmp_path):
    await blobs.put(ID, b"data")
    place.unlink()
    (tmp_path / "secret").write_bytes(b"secret")
    place.symlink_to(tmp_path / "secret")

    with pytest.raises(BlobNotFound):
        await blobs.get(ID)
    await blobs.delete(ID)
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert not place.is_symlink()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
async def test_what_is_no_file_is_no_blob(blobs, place, make):
    await blobs.put(ID, b"data")
    place.unlink()
    make(place)

    with pytest.raises(BlobNotFound):
        await blobs.get(ID)
    await blobs.delete(ID)


async def test_a_write_that_fails_leaves_nothing_behind(blobs, folder):
    (folder / "01").write_bytes(b"in the way")

    with pytest.raises(StoreUnavailable):
        await blobs.put(ID, b"data")
    assert files_in(folder) == ["01"]


async def test_a_write_whose_last_step_fails_is_taken_back(blobs, folder, monkeypatch):
    await blobs.put("0123" + "f" * 28, b"so that the folders are there")

    def fail(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(filesystem, "_sync_folder", fail)
    with pytest.raises(StoreUnavailable):
        await blobs.put(ID, b"data")
    with pytest.raises(BlobNotFound):
        await blobs.get(ID)
    assert len(files_in(folder)) == 1


async def test_an_id_whose_bytes_are_still_being_written_is_taken(blobs, folder):
    (folder / "tmp" / ID).write_bytes(b"half of i")

    with pytest.raises(BlobExists):
        await blobs.put(ID, b"data")


@pytest.mark.parametrize("size", [10, filesystem._READ_IN_LOOP_BYTES + 1])
async def test_reading_leaves_no_descriptor_open_whatever_happens(blobs, place, size):
    await blobs.put(ID, b"x" * size)
    before = open_descriptors()
    for _ in range(20):
        await blobs.get(ID)
        with pytest.raises(BlobNotFound):
            await blobs.get("f" * 32)
        reading = asyncio.create_task(blobs.get(ID))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
    place.unlink()
    place.mkdir()
    with pytest.raises(BlobNotFound):
        await blobs.get(ID)
    # The threads may still be reading for those who left.
    blobs.close()

    assert open_descriptors() == before


async def test_only_what_was_left_half_written_long_ago_is_removed(blobs, folder):
    for name, age_s in (("a" * 32, 7200), ("b" * 32, 60)):
        (folder / "tmp" / name).write_bytes(b"half")
        os.utime(folder / "tmp" / name, (0, time.time() - age_s))
    (folder / "tmp" / "notes.txt").write_bytes(b"not ours")

    assert await blobs.drop_unfinished(time.time() - 3600) == 1
    assert files_in(folder) == [f"tmp/{'b' * 32}", "tmp/notes.txt"]


async def test_a_walk_passes_by_whatever_is_not_ours(blobs, folder, place):
    await blobs.put(ID, b"data")
    for name in ("lost+found", "zz", "01/notes", "01/24"):
        (folder / name).mkdir()
    (folder / "02").write_bytes(b"a file where a folder should be")
    (folder / "01" / "24" / ("f" * 32)).mkdir()
    (place.parent / "README").write_bytes(b"")
    (place.parent / ("0123" + "f" * 28)).symlink_to(place)

    assert [kept.blob_id for kept in await blobs.after("")] == [ID]
    assert await blobs.after(ID) == []
    no_blobs = ["0123" + "f" * 28, "f" * 32, "02" * 16]
    assert await blobs.absent([ID, *no_blobs]) == no_blobs


def test_a_folder_that_cannot_be_made_is_named_at_the_start(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ConfigurationError, match="CALOTYPE_DATA"):
        FilesystemBlobStore(FilesystemSettings(folder=tmp_path / "file" / "blobs"))


def test_it_tells_what_its_filesystem_still_has(blobs, folder):
    status = os.statvfs(folder)

    assert abs(blobs.free_bytes() - status.f_bavail * status.f_frsize) < 2**30


def test_a_folder_that_is_gone_has_nothing_to_tell(blobs, folder):
    (folder / "tmp").rmdir()
    folder.rmdir()

    with pytest.raises(StoreUnavailable):
        blobs.free_bytes()
