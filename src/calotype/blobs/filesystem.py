"""BlobStore in a folder: written aside, synced, renamed to a name that was never used before."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from calotype.blobs.settings import FilesystemSettings
from calotype.cache.errors import BlobExists, BlobNotFound, DiskFull, StoreUnavailable
from calotype.cache.ports import KeptBlob
from calotype.errors import ConfigurationError
from calotype.faults import Point, reached
from calotype.findings import Fault

_BLOB_ID = re.compile(r"[0-9a-f]{32}")
_SHARD = re.compile(r"[0-9a-f]{2}")
_READ_IN_LOOP_BYTES = 1024 * 1024
"""Up to this size one read from the page cache is quicker than a hop to a thread."""
_PIECE_BYTES = 256 * 1024
"""Written at a time."""
_THREADS = 4
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_PROBE_BYTES = 4096
FULL = {errno.ENOSPC, errno.EDQUOT}
"""How a disk, or the part of it that is ours, says that there is no room."""

_log = logging.getLogger("calotype.blobs")

T = TypeVar("T")


class FilesystemBlobStore:
    """Two levels of 256 folders each: 150 files a folder at ten million."""

    def __init__(self, settings: FilesystemSettings) -> None:
        self._blobs, self._aside = settings.folder, settings.folder / "tmp"
        try:
            self._blobs.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._aside.mkdir(exist_ok=True, mode=0o700)
        except OSError as exc:
            message = f"the blob folder {settings.folder} cannot be made: {exc.strerror}; check CALOTYPE_DATA"
            raise ConfigurationError(message) from exc
        self._threads = ThreadPoolExecutor(_THREADS, "calotype-blobs")

    def _path(self, blob_id: str) -> Path:
        # Ids come from the index, but a path is never built from what has not been looked at.
        if not _BLOB_ID.fullmatch(blob_id):
            raise BlobNotFound(blob_id)
        return self._blobs / blob_id[:2] / blob_id[2:4] / blob_id

    async def put(self, blob_id: str, data: bytes) -> None:
        """See BlobStore."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._put, blob_id, data)

    def _put(self, blob_id: str, data: bytes) -> None:
        path, aside = self._path(blob_id), self._aside / blob_id
        try:
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            made = aside
            try:
                with os.fdopen(descriptor, "wb", buffering=0) as file:
                    reached(Point.BLOB_OPENED)
                    view = memoryview(data)
                    while view:
                        view = view[file.write(view[:_PIECE_BYTES]) :]
                        reached(Point.BLOB_HALF_WRITTEN if view else Point.BLOB_WRITTEN)
                    # A rename to a new name is no barrier: the file could be empty after a power cut.
                    os.fsync(descriptor)
                    reached(Point.BLOB_SYNCED)
                self._ensure_folder(path.parent)
                _refuse_existing(path)
                made = aside.rename(path)
                reached(Point.BLOB_RENAMED)
                _sync_folder(path.parent)
            except BaseException:
                made.unlink(missing_ok=True)
                raise
        except FileExistsError as exc:
            raise BlobExists(blob_id) from exc
        except OSError as exc:
            kind = DiskFull if exc.errno in FULL else StoreUnavailable
            message = f"a blob could not be written: {exc.strerror}"
            raise kind(message) from exc

    def _ensure_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        # One by one: parents made along the way would be open to all.
        for made in (folder.parent, folder):
            with contextlib.suppress(FileExistsError):
                made.mkdir(mode=0o700)
            _sync_folder(made.parent)

    async def get(self, blob_id: str) -> bytes:
        """See BlobStore. Never suspends for a blob of up to 1 MiB."""
        path = self._path(blob_id)
        try:
            data = _read(path, _READ_IN_LOOP_BYTES)
            if data is None:
                loop = asyncio.get_running_loop()
                data = await loop.run_in_executor(self._threads, _read, path, None)
        except OSError as exc:
            raise _translated(exc, blob_id) from exc
        return data or b""

    async def delete(self, blob_id: str) -> None:
        """See BlobStore."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._delete, blob_id)

    def _delete(self, blob_id: str) -> None:
        try:
            self._path(blob_id).unlink(missing_ok=True)
        except OSError as exc:
            if exc.errno in _ABSENT:
                return  # what lies there is no blob of ours
            message = f"a blob could not be deleted: {exc.strerror}"
            raise StoreUnavailable(message) from exc

    def check(self) -> Fault | None:
        """Write a file and remove it; return what is wrong with that. Blocks."""
        # Should we die in between, it is removed like any other half-written picture.
        path = self._aside / secrets.token_hex(16)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(descriptor, bytes(_PROBE_BYTES))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
                path.unlink()
        except OSError as exc:
            _log.warning("the blob folder cannot be written: %s", exc)
            if exc.errno in FULL:
                return Fault.FULL
            return Fault.READ_ONLY if exc.errno in _FORBIDDEN else Fault.FAILING
        return None

    def free_bytes(self) -> int:
        """Return how much the filesystem still has for us (3 µs). Raises StoreUnavailable."""
        try:
            status = os.statvfs(self._blobs)
        except OSError as exc:
            message = f"the blob folder cannot be looked at: {exc.strerror}"
            raise StoreUnavailable(message) from exc
        return status.f_bavail * status.f_frsize

    async def after(self, blob_id: str) -> list[KeptBlob]:
        """See WalkedBlobs. Returns the rest of one folder."""
        return await self._looked(lambda: self._after(blob_id))

    def _after(self, blob_id: str) -> list[KeptBlob]:
        for outer in _named(self._blobs, _SHARD, blob_id[:2]):
            # Within the folder where the walk stands, the next level begins where the walk does, too.
            for inner in _named(outer, _SHARD, blob_id[2:4] if outer.name == blob_id[:2] else ""):
                kept = [
                    KeptBlob(path.name, status.st_mtime)
                    for path in _named(inner, _BLOB_ID)
                    if path.name > blob_id and (status := _status(path)) is not None
                ]
                if kept:
                    return kept
        return []

    async def absent(self, blob_ids: Sequence[str]) -> list[str]:
        """See WalkedBlobs."""
        return await self._looked(
            lambda: [blob_id for blob_id in blob_ids if _status(self._path(blob_id)) is None]
        )

    async def drop_unfinished(self, before: float) -> int:
        """See WalkedBlobs."""
        return await self._looked(lambda: self._drop_unfinished(before))

    def _drop_unfinished(self, before: float) -> int:
        # Not all at once: another process may be writing into the same folder just now.
        left_behind = [
            path
            for path in _named(self._aside, _BLOB_ID)
            if (status := _status(path)) is not None and status.st_mtime < before
        ]
        for path in left_behind:
            path.unlink(missing_ok=True)
        return len(left_behind)

    async def _looked(self, look: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, look)
        except OSError as exc:
            message = f"the blob folder could not be looked through: {exc.strerror}"
            raise StoreUnavailable(message) from exc

    def close(self) -> None:
        """Wait for what is being written."""
        self._threads.shutdown(wait=True)


def _read(path: Path, at_most: int | None) -> bytes | None:
    """Return the bytes of a regular file, or None when there are more than at_most."""
    # No link is followed: what is not our own file is not served.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EISDIR, "is no file", str(path))
        if at_most is not None and status.st_size > at_most:
            return None
        return os.pread(descriptor, status.st_size, 0)
    finally:
        os.close(descriptor)


def _named(folder: Path, pattern: re.Pattern[str], at_least: str = "") -> Iterator[Path]:
    """Yield what lies in folder under a name of ours, from at_least on, in order of names."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as exc:
        if exc.errno in _ABSENT:
            return
        raise
    for name in sorted(names):
        if name >= at_least and pattern.fullmatch(name):
            yield folder / name


def _status(path: Path) -> os.stat_result | None:
    """Return what the filesystem knows of a regular file, or None when there is none."""
    try:
        status = path.lstat()
    except OSError as exc:
        if exc.errno in _ABSENT:
            return None
        raise
    return status if stat.S_ISREG(status.st_mode) else None


def _refuse_existing(path: Path) -> None:
    # Nobody comes in between: whoever writes the same id is kept out by the file aside.
    if path.exists():
        raise FileExistsError(errno.EEXIST, "exists", str(path))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translated(exc: OSError, blob_id: str) -> BlobNotFound | StoreUnavailable:
    if exc.errno in _ABSENT:
        return BlobNotFound(blob_id)
    return StoreUnavailable(f"a blob could not be read: {exc.strerror}")
