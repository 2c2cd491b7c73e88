"""A disk whose power may fail at any moment.

What the blob store asks of the operating system is written down, and so is the index after every
commit. From that come the states that a crash at some moment may leave: what was written and
not synced is whole, cut off, torn or zero; what was done to a folder and not synced is done or
not, each change for itself; the index stands at any commit since the last that was synced.
"""

from __future__ import annotations

import io
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from calotype.cache.purge import PurgeRecord
from calotype.sql.sqlite.database import Database


@dataclass(frozen=True)
class Linked:
    """From now on a name in a folder means a file, by its number, or a folder, by its path."""

    folder: str
    name: str
    node: int | str


@dataclass(frozen=True)
class Unlinked:
    """A name in a folder means nothing any more."""

    folder: str
    name: str


@dataclass(frozen=True)
class Wrote:
    """Bytes were added to a file."""

    file: int
    data: bytes


@dataclass(frozen=True)
class FileSynced:
    """All that was written to a file is on the disk."""

    file: int


@dataclass(frozen=True)
class FolderSynced:
    """All that was done to a folder is on the disk."""

    folder: str


@dataclass(frozen=True)
class Committed:
    """The index as it was after a commit."""

    image: bytes = field(repr=False)
    synced: bool


@dataclass(frozen=True)
class Answered:
    """Somebody was told that a purge is done."""

    purge: PurgeRecord


Event = Linked | Unlinked | Wrote | FileSynced | FolderSynced | Committed | Answered


class Recorder:
    """Writes down, in order, what happens under a folder and to the index.

    alter changes an event, or takes it away: so a simulation shows that it would notice a missing sync.
    """

    def __init__(self, folder: Path, alter: Callable[[Event], Event | None] = lambda event: event) -> None:
        self._root, self._alter = str(folder), alter
        self.events: list[Event] = []
        self._lock = threading.RLock()
        self._files: dict[str, int] = {}
        """Numbers by path."""
        self._descriptors: dict[int, int | str] = {}
        self._last = 0

    def note(self, event: Event) -> None:
        """Write an event down."""
        altered = self._alter(event)
        if altered is not None:
            with self._lock:
                self.events.append(altered)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while this lasts."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("open", "fdopen", "fsync", "close", "mkdir", "rename", "unlink"):
                patch.setattr(os, name, self._watched(getattr(self, f"_on_{name}"), getattr(os, name)))
            patch.setattr(Database, "_transact", self._transacting(Database._transact))
            yield

    def _watched(self, on: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
        # What is done and what is written down about it must be in one order, whichever thread does it.
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                return on(real, *args, **kwargs)

        return call

    def _transacting(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def transact(database: Database, group: list[Any]) -> Any:
            results = real(database, group)
            synced = any(job.durable for job in group)
            self.note(Committed(database._writer.serialize(), synced))
            return results

        return transact

    def _ours(self, path: object) -> str | None:
        text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
        return text if isinstance(text, str) and text.startswith(self._root) else None

    def _on_open(self, real: Any, path: object, flags: int, *args: Any, **kwargs: Any) -> int:
        descriptor: int = real(path, flags, *args, **kwargs)
        text = self._ours(path)
        if text is not None and flags & os.O_CREAT:
            self._last += 1
            self._files[text] = self._descriptors[descriptor] = self._last
            self.note(Linked(*os.path.split(text), self._last))
        elif text is not None and flags & os.O_DIRECTORY:
            self._descriptors[descriptor] = text
        return descriptor

    def _on_fdopen(self, real: Any, descriptor: int, mode: str, buffering: int = -1) -> Any:
        number = self._descriptors.get(descriptor)
        if not isinstance(number, int):
            return real(descriptor, mode, buffering)
        return _WatchedFile(descriptor, number, self)

    def _on_fsync(self, real: Any, descriptor: int) -> None:
        real(descriptor)
        node = self._descriptors.get(descriptor)
        if node is not None:
            self.note(FileSynced(node) if isinstance(node, int) else FolderSynced(node))

    def _on_close(self, real: Any, descriptor: int) -> None:
        self.forget(descriptor)
        real(descriptor)

    def forget(self, descriptor: int) -> None:
        """Note that a descriptor is closed, and may mean another file next time."""
        self._descriptors.pop(descriptor, None)

    def _on_mkdir(self, real: Any, path: object, *args: Any, **kwargs: Any) -> None:
        real(path, *args, **kwargs)
        text = self._ours(path)
        if text is not None:
            self.note(Linked(*os.path.split(text), text))

    def _on_rename(self, real: Any, source: object, target: object, **kwargs: Any) -> None:
        real(source, target, **kwargs)
        old, new = self._ours(source), self._ours(target)
        if old is not None and new is not None:
            # Two folders, two changes: nothing says that both or neither get to the disk.
            self._files[new] = number = self._files.pop(old)
            self.note(Linked(*os.path.split(new), number))
            self.note(Unlinked(*os.path.split(old)))

    def _on_unlink(self, real: Any, path: object, **kwargs: Any) -> None:
        real(path, **kwargs)
        text = self._ours(path)
        if text is not None and self._files.pop(text, None) is not None:
            self.note(Unlinked(*os.path.split(text)))


class _WatchedFile(io.FileIO):
    def __init__(self, descriptor: int, number: int, recorder: Recorder) -> None:
        super().__init__(descriptor, "wb")
        self._number, self._recorder = number, recorder

    def write(self, data: Any) -> int:
        with self._recorder._lock:
            written = super().write(data)
            self._recorder.note(Wrote(self._number, bytes(data[:written])))
        return written

    def close(self) -> None:
        if not self.closed:
            self._recorder.forget(self.fileno())
        super().close()


@dataclass
class _File:
    data: bytes = b""
    synced_bytes: int = 0


@dataclass
class _Folder:
    names: dict[str, int | str] = field(default_factory=dict)
    """What is on the disk for certain."""
    pending: list[Linked | Unlinked] = field(default_factory=list)


class Aftermath:
    """What is certain, and what is not, after the first so many events."""

    def __init__(self, root: Path, events: list[Event]) -> None:
        self._root = root
        self._files: dict[int, _File] = {}
        self._folders: dict[str, _Folder] = {str(root): _Folder({"tmp": f"{root}/tmp"})}
        self.unlinked: set[str] = set()
        """Names that were removed, whether or not for good."""
        self.answered: list[PurgeRecord] = []
        self.images: list[bytes] = []
        """The index at every commit that a crash may go back to."""
        for event in events:
            self._happened(event)

    def _happened(self, event: Event) -> None:
        match event:
            case Linked(folder) | Unlinked(folder):
                self._folders.setdefault(folder, _Folder()).pending.append(event)
                if isinstance(event, Unlinked) and folder != f"{self._root}/tmp":
                    self.unlinked.add(event.name)
            case Wrote(number, data):
                self._files.setdefault(number, _File()).data += data
            case FileSynced(number):
                file = self._files.setdefault(number, _File())
                file.synced_bytes = len(file.data)
            case FolderSynced(path):
                synced_folder = self._folders.setdefault(path, _Folder())
                for change in synced_folder.pending:
                    _change(synced_folder.names, change)
                synced_folder.pending.clear()
            case Committed(image, synced):
                if synced:
                    self.images.clear()
                self.images.append(image)
            case Answered(purge):
                self.answered.append(purge)

    def deal(self, chance: random.Random, blobs: Path, index: Path) -> None:
        """Make one of the states that may be found: blobs becomes the root, index the database."""
        index.write_bytes(chance.choice(self.images))
        self._deal_folder(chance, str(self._root), blobs)

    def _deal_folder(self, chance: random.Random, path: str, into: Path) -> None:
        into.mkdir(parents=True, exist_ok=True)
        folder = self._folders.get(path, _Folder())
        names, likely = dict(folder.names), chance.choice([0.1, 0.5, 0.9])
        for change in folder.pending:
            if chance.random() < likely:
                _change(names, change)
        for name, node in names.items():
            if isinstance(node, str):
                self._deal_folder(chance, node, into / name)
            else:
                (into / name).write_bytes(_left_of(self._files.get(node, _File()), chance))


def _change(names: dict[str, int | str], change: Linked | Unlinked) -> None:
    if isinstance(change, Linked):
        names[change.name] = change.node
    else:
        names.pop(change.name, None)


def _left_of(file: _File, chance: random.Random) -> bytes:
    certain, rest = file.data[: file.synced_bytes], file.data[file.synced_bytes :]
    if not rest:
        return certain
    cut = chance.randrange(len(rest))
    return certain + chance.choice(
        [rest, b"", rest[:cut], bytes(len(rest)), rest[:cut] + bytes(len(rest) - cut)]
    )
