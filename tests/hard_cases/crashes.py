"""Some minutes of a cache's life on a disk that is watched, and what must hold of whatever a crash leaves."""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from calotype.cache.errors import EntryNotFound
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.purge import PurgeFilter, PurgeRecord
from calotype.cache.reconciler import Reconciler
from calotype.cache.room import RoomLimits
from calotype.cache.store import OpenEntry
from calotype.cache.url_key import url_key
from calotype.cache.verifier import Verifier
from calotype.capture.negative import PageUrl
from calotype.sql.sqlite.entries import SqliteEntryIndex
from tests.hard_cases.power_loss import Aftermath, Answered, Event, Recorder
from tests.support.builders import HERE
from tests.support.clock import HandClock
from tests.support.pictures import a_png
from tests.support.shots import Studio, a_studio

_PAGES = [f"https://{host}.example/{page}" for host in ("a", "b") for page in range(4)]
_TURNS = 25
_BUDGET_BYTES = 4 * 2**20
_SIZES = [0, 5_000, 300_000]
"""The largest is written in two pieces."""


class Violation(AssertionError):
    """A crash would have left what must never be."""


def never() -> float:
    """Verify nothing: the order of writes alone must do."""
    return 1.0


@dataclass
class Life:
    """What was done, and the pages that the pictures of it show."""

    recorder: Recorder
    folder: Path
    pages: dict[bytes, str]
    names: set[str]
    clock: HandClock

    async def crash(self, moment: int, chance: random.Random, folder: Path) -> Counter[str]:
        """Crash after so many events, and look at what that may leave. Raises Violation."""
        aftermath = Aftermath(self.folder / "blobs", self.recorder.events[:moment])
        folder.mkdir()
        try:
            aftermath.deal(chance, folder / "blobs", folder / "index.db")
            async with a_studio(folder, self.clock, hot_bytes=0) as studio:
                studio.store._verifier = Verifier(chance=never)
                return await _Inspection(self, aftermath, studio).run()
        finally:
            shutil.rmtree(folder)


async def live(folder: Path, seed: int, recorder: Recorder) -> Life:
    """Store, refresh, purge, delete, expire, evict and sweep, several at a time, while recorder watches."""
    chance, clock = random.Random(seed), HandClock()
    limits = RoomLimits(max_bytes=_BUDGET_BYTES, min_free_bytes=0)
    async with a_studio(folder, clock, hot_bytes=0, limits=limits) as studio:
        studio.store._verifier = Verifier(chance=never)
        names: set[str] = set()

        async def take() -> None:
            studio.renderer.picture_bytes = chance.choice(_SIZES)
            shot = await studio.take(
                chance.choice(_PAGES),
                key=chance.choice([None, None, "mine"]),
                refresh=chance.random() < 0.3,
                ttl_s=chance.choice([60, 86_400, 86_400]),
            )
            names.update([shot.opened.entry.key, shot.opened.entry.id])

        async def purge() -> None:
            (which,) = chance.choices(
                [
                    PurgeFilter(keys=tuple(chance.sample(sorted(names), min(2, len(names)))) or ("mine",)),
                    PurgeFilter(url=UrlGlob(chance.choice([*_PAGES, "https://a.example/*"]))),
                    PurgeFilter(pattern=PathGlob("screenshots/2024/01/15/*")),
                    PurgeFilter(before=clock() - timedelta(seconds=chance.choice([60, 3_600]))),
                    PurgeFilter(everything=True),
                ],
                [6, 6, 1, 3, 1],
            )
            done = await studio.store.purge(HERE, which)
            recorder.note(Answered(PurgeRecord(done.seq, which)))

        async def delete() -> None:
            key = chance.choice(sorted(names) or ["mine"])
            try:
                await studio.store.delete(HERE, key)
            except EntryNotFound:
                return

        async def tidy() -> None:
            clock.advance(seconds=chance.choice([0.5, 20, 70, 4_000]))
            await studio.sweeper.step()
            await studio.room.step()

        with recorder.watching():
            await take()
            for _ in range(_TURNS):
                todo = chance.choices([take, purge, delete, tidy], [8, 2, 1, 3], k=chance.choice([1, 2, 4]))
                await asyncio.gather(*(one() for one in todo))
        pages = {
            a_png(number, size): request.negative.target.url
            for number, request in enumerate(studio.renderer.renders)
            for size in _SIZES
            if isinstance(request.negative.target, PageUrl)
        }
    return Life(recorder, folder, pages, names, clock)


class _Inspection:
    """Asks a cache that has just been found for everything."""

    def __init__(self, life: Life, aftermath: Aftermath, studio: Studio) -> None:
        self._life, self._aftermath, self._studio = life, aftermath, studio
        self._seen: Counter[str] = Counter()

    async def run(self) -> Counter[str]:
        """Raises Violation."""
        await self._no_row_without_its_whole_picture()
        await self._nothing_spoilt_foreign_or_purged_is_served()
        await self._one_pass_tidies_up()
        self._seen["states"] += 1
        return self._seen

    def _rows(self, table: str) -> list[str]:
        index = self._studio.adapters.index
        assert isinstance(index, SqliteEntryIndex)
        return [row[0] for row in index._database.reader.execute(f"SELECT blob FROM {table}").fetchall()]

    async def _no_row_without_its_whole_picture(self) -> None:
        files = {path.name: path for path in (self._studio.folder / "blobs").glob("??/??/*")}
        for blob in self._rows("entry"):
            if blob not in files and blob in self._aftermath.unlinked:
                self._seen["rows whose removal was lost"] += 1
            elif blob not in files:
                raise Violation(f"the row of {blob} survived, its picture did not")
            elif files[blob].read_bytes() not in self._life.pages:
                raise Violation(f"the row of {blob} survived, its picture is spoilt")
            self._seen["rows"] += 1

    async def _nothing_spoilt_foreign_or_purged_is_served(self) -> None:
        for name in sorted(self._life.names):
            for opened in (
                await self._studio.store.open(HERE, name),
                await self._studio.store.open_public(f"screenshots/{name}.png"),
            ):
                if opened is not None:
                    self._judge(opened)
                    self._seen["served"] += 1

    def _judge(self, opened: OpenEntry) -> None:
        entry, shown = opened.entry, self._life.pages.get(opened.data)
        if shown is None or hashlib.sha256(opened.data).digest() != entry.sha256:
            raise Violation(
                f"{len(opened.data)} bytes that are no picture of ours were served as {entry.key}"
            )
        if url_key(shown) != entry.url_key:
            raise Violation(f"{entry.key} shows {shown}")
        for purge in self._aftermath.answered:
            if entry.birth.seq < purge.seq and purge.which.matches(entry.subject):
                raise Violation(f"{entry.key} is back after purge {purge.seq} {purge.which.to_plain()}")

    async def _one_pass_tidies_up(self) -> None:
        studio, later = self._studio, lambda: time.time() + 7_200
        reconciler = Reconciler(studio.adapters.register, studio.blobs, later)
        while await reconciler.step():
            pass
        rows, files = set(self._rows("entry")), studio.blob_files()
        if rows - files:
            raise Violation(f"rows without a picture after a pass: {rows - files}")
        if files - rows - set(self._rows("blob_gc")):
            raise Violation(f"pictures that nothing names after a pass: {files - rows}")


def events_of(life: Life, kind: type[Event]) -> int:
    """Return how many events of that kind there were."""
    return sum(isinstance(event, kind) for event in life.recorder.events)
