"""The print that is made of a negative, apart from the browser."""

from __future__ import annotations

import asyncio
import threading

import pyvips

from calotype.capture.output import ImageFormat, Output
from calotype.render import develop as module
from calotype.render.develop import develop

AVIF = Output(format=ImageFormat.AVIF)


async def test_pictures_that_nobody_waits_for_hold_up_nothing_else(monkeypatch):
    done, begun = threading.Event(), threading.Semaphore(0)

    def slow(_negative, _output):
        begun.release()
        done.wait(30)

    monkeypatch.setattr(module, "_develop", slow)
    late = [asyncio.create_task(develop(b"", AVIF)) for _ in range(50)]
    try:
        # As many as run at all are under way before everybody gives up.
        for _ in range(module.THREADS._max_workers):
            assert await asyncio.to_thread(begun.acquire, timeout=10)
        for task in late:
            task.cancel()
        await asyncio.wait(late)

        async with asyncio.timeout(10):
            assert await asyncio.to_thread(lambda: "served") == "served"
        assert not begun.acquire(blocking=False), "those that had not begun never do"
    finally:
        done.set()


async def test_a_single_pixel_is_a_picture_too():
    png = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb").write_to_buffer(".png")
    made = await develop(png, AVIF)

    assert (made.image[4:12], made.width_px, made.height_px) == (b"ftypavif", 1, 1)
