"""What the tests of this folder ask for, and how they look at what they get."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from calotype.capture.emulation import Emulation
from calotype.capture.negative import HtmlDocument, Negative, PageUrl, Viewport, Wait, WaitUntil
from calotype.capture.output import Area, AreaKind, ImageFormat, Output
from calotype.capture.request import CaptureRequest
from calotype.capture.result import Capture
from calotype.clock import Deadline
from calotype.render.chromium import ChromiumRenderer

Colour = tuple[int, int, int]

FULL_PAGE = Area(AreaKind.FULL_PAGE)
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def an_element(selector: str) -> Area:
    return Area(AreaKind.ELEMENT, selector)


def a_request(
    target: str | HtmlDocument,
    *,
    area: Area | None = None,
    image_format: str = "png",
    quality: int | None = None,
    until: WaitUntil = WaitUntil.LOAD,
    selector: str | None = None,
    delay_ms: int = 0,
    dark: bool = False,
    **viewport,
) -> CaptureRequest:
    """A small viewport, because these tests compare colours and not layouts."""
    negative = Negative(
        target=PageUrl(target) if isinstance(target, str) else target,
        viewport=Viewport(**{"width_px": 800, "height_px": 600, **viewport}),
        wait=Wait(until=until, selector=selector, delay_ms=delay_ms),
        browser=Emulation(dark_mode=dark),
    )
    output = Output(format=ImageFormat(image_format), quality=quality, area=area or Area())
    return CaptureRequest(negative=negative, output=output)


async def take(
    renderer: ChromiumRenderer, target: str | HtmlDocument, budget_ms: int = 20_000, **wishes
) -> Capture:
    return await renderer.render(a_request(target, **wishes), Deadline.after(budget_ms))


def picture(capture: Capture) -> Image.Image:
    """Decode the capture and check that it is what it says it is."""
    image = Image.open(io.BytesIO(capture.image))
    assert image.format == capture.format.value.upper()
    assert image.size == (capture.width_px, capture.height_px)
    return image.convert("RGB")


def share_of(image: Image.Image, colour: Colour) -> float:
    """How much of image has exactly this colour, 0 to 1."""
    counts = {found: count for count, found in image.getcolors(maxcolors=1 << 24) or []}
    return counts.get(colour, 0) / (image.width * image.height)


def colours_of(image: Image.Image) -> list[Colour]:
    data = image.tobytes()
    return list(zip(data[0::3], data[1::3], data[2::3], strict=True))


def box_of(image: Image.Image, colour: Colour) -> tuple[int, int, int, int]:
    """The bounding box of everything in exactly this colour: left, top, right, bottom."""
    mask = Image.new("1", image.size)
    mask.putdata([pixel == colour for pixel in colours_of(image)])
    box = mask.getbbox()
    assert box is not None, "there is nothing in that colour"
    return box


async def until(claim: Callable[[], object], within_s: float = 10) -> None:
    give_up = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < give_up, "it never came true"
        await asyncio.sleep(0.01)


def browser_pid(renderer: ChromiumRenderer) -> int:
    (house,) = renderer._pool._houses.all
    return house.process.pid


def members(group: int) -> dict[int, str]:
    """The living processes of a group: their ids and command lines."""
    return {pid: command for pid, group_id, command in _processes() if group_id == group}


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def page_processes(group: int) -> set[int]:
    return {pid for pid, command in members(group).items() if "--type=renderer" in command}


def pages_in_use(renderer: ChromiumRenderer) -> int:
    """How many processes of pages there are, but for those that stand ready."""
    (house,) = renderer._pool._houses.all
    return len(page_processes(house.process.pid)) - len(house.spares)


def kill(pids: set[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _processes() -> Iterator[tuple[int, int, str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
                command = command_of(int(folder.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state not in "ZX":
                yield int(folder.name), int(group), command
