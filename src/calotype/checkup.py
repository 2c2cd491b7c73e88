"""The look that `calotype doctor` takes at all that captures and the cache stand on."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from calotype.bootstrap import open_remembering, open_renderer
from calotype.cache.readiness import Readiness
from calotype.errors import CalotypeError
from calotype.findings import Fault, Finding, State
from calotype.render.checkup import examine_browser, examine_lists, examine_memory, examine_pictures
from calotype.settings import Settings


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything by trying it; nothing is made that is not there yet."""
    works = True
    async for finding in examine_browser(settings.browser):
        works = works and finding.state is not State.BROKEN
        yield finding
    if works:
        async with open_renderer(settings) as renderer:
            async for finding in examine_pictures(renderer):
                yield finding
    yield examine_memory()
    for finding in examine_lists(settings.browser.block_lists):
        yield finding
    for finding in await _examine_store(settings):
        yield finding
    yield _examine_disk(settings)


async def _examine_store(settings: Settings) -> list[Finding]:
    data = settings.data
    if not settings.index.path.exists():
        there = _nearest(data)
        if os.access(there, os.W_OK | os.X_OK):
            return [Finding("data", State.OK, f"{data} has no index yet; the server makes it")]
        remedy = f"make {there} writable for the server, or set CALOTYPE_DATA to another folder"
        return [Finding("data", State.BROKEN, f"{data} cannot be used: {there} may not be written", remedy)]
    try:
        async with open_remembering(settings) as remembering:
            report = await Readiness(remembering.checks).report()
    except CalotypeError as exc:
        remedy = f"give {data} to the user that the server runs as, or restore it from a backup"
        return [Finding("index", State.BROKEN, str(exc), remedy)]
    return [_of_part(part, report[part], data) for part in ("index", "blobs")]


def _of_part(part: str, fault: Fault | None, data: Path) -> Finding:
    if fault is None:
        return Finding(part, State.OK, f"can be read and written in {data}")
    remedies = {
        Fault.FULL: "make room on its disk",
        Fault.READ_ONLY: f"give {data} to the user that the server runs as: chown -R USER {data}",
        Fault.LOCKED: f"see which process holds it: lsof +D {data}",
    }
    remedy = remedies.get(fault, "look at the disk that it is on, and at the server's log")
    return Finding(part, State.BROKEN, f"{part} in {data}: {fault.value}", remedy)


def _examine_disk(settings: Settings) -> Finding:
    free, wanted = shutil.disk_usage(_nearest(settings.data)).free, settings.room.min_free_bytes
    what = f"{free / 2**30:,.1f} GiB are free for {settings.data}"
    if free >= wanted:
        return Finding("disk", State.OK, what)
    what = f"{what}, and {wanted / 2**30:,.1f} GiB are to stay free: no picture is stored"
    return Finding("disk", State.WARNING, what, "make room there, or lower CALOTYPE_CACHE_MIN_FREE")


def _nearest(path: Path) -> Path:
    """Return path, or what of it is there."""
    return next(there for there in (path.absolute(), *path.absolute().parents) if there.exists())
