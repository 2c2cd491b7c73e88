"""Takes the pictures of the guide: one for every example in docs/capturing.md that is marked with a name.

    ```json picture=dark-mode
    {"url": "https://shop.example/", "browser": {"dark_mode": true}}
    ```

is taken by the real renderer and kept, as small as the guide shows it, as docs/pictures/dark-mode.webp.
Hosts all lead to the little shop of docs_site.py. Run by `make docs`.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pypdfium2
import pyvips

import docs_site
from calotype.api.dialects.inbound import nested
from calotype.capture.parse import parse_capture
from calotype.capture.renderer import Renderer
from calotype.clock import Deadline
from calotype.egress.connect import Connector
from calotype.egress.proxy import EgressProxy
from calotype.egress.rules import EgressRules
from calotype.render.chromium import ChromiumRenderer
from calotype.render.settings import BrowserSettings

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
GUIDE: Final = DOCS / "capturing.md"
WIDTH_PX: Final = 440
TALLEST_PX: Final = 900
"""Of a page that is longer the guide shows the head."""
_QUALITY: Final = 78
_BUDGET_MS: Final = 90_000
_EXAMPLE: Final = re.compile(r"^```json picture=([a-z0-9-]+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_BLOCK_PX: Final = 12
_LIKENESS: Final = 40.0
"""Mean difference in any block of two pictures, of 255, up to which they show the same: fonts and
encoders differ a little."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request that the guide shows, and the name of its picture."""

    name: str
    body: dict[str, Any]


def examples(guide: str) -> Iterator[Example]:
    """Yield the examples of a guide, in order."""
    for name, body in _EXAMPLE.findall(guide):
        yield Example(name, json.loads(body))


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Renderer, int]]:
    """Serve the shop, and open a renderer to which every host is the shop."""

    async def here(_: str) -> tuple[str, ...]:
        return ("127.0.0.1",)

    connector = Connector(EgressRules.parse("127.0.0.0/8"), resolve=here)
    with docs_site.serving() as port:
        async with (
            EgressProxy(connector) as proxy,
            ChromiumRenderer(BrowserSettings(concurrency=2), proxy) as renderer,
        ):
            yield renderer, port


async def take(renderer: Renderer, port: int, example: Example) -> bytes:
    """Return the picture of an example as the guide shows it: small, in webp."""
    body = json.loads(docs_site.local(json.dumps(example.body), port))
    parsed = parse_capture(nested(body))
    if parsed.unknown:
        raise ValueError(f"the example {example.name} has options that are not known: {parsed.unknown}")
    capture = await renderer.render(parsed.request, Deadline.after(_BUDGET_MS))
    return shown(_first_page(capture.image) if capture.image.startswith(b"%PDF") else capture.image)


def _first_page(pdf: bytes) -> bytes:
    document = pypdfium2.PdfDocument(pdf)
    try:
        bitmap = document[0].render(scale=1.5).to_pil()
    finally:
        document.close()
    file = io.BytesIO()
    bitmap.save(file, "png")
    return file.getvalue()


def shown(picture: bytes) -> bytes:
    """Bring a picture to the size that it has in the guide."""
    small = pyvips.Image.thumbnail_buffer(picture, WIDTH_PX, height=10_000_000, size="down")
    if small.height > TALLEST_PX:
        small = small.crop(0, 0, small.width, TALLEST_PX)
    data: bytes = small.write_to_buffer(".webp", Q=_QUALITY, strip=True)
    return data


def likeness(one: bytes, other: bytes) -> float:
    """Return how far apart two pictures are where they differ most, 0 to 255; infinite if their sizes do."""
    images = [_opaque(pyvips.Image.new_from_buffer(data, "")) for data in (one, other)]
    if len({(image.width, image.height) for image in images}) > 1:
        return float("inf")
    distance: float = (images[0] - images[1]).abs().shrink(_BLOCK_PX, _BLOCK_PX).max()
    return distance


def _opaque(image: Any) -> Any:  # noqa: ANN401 - pyvips has no types
    return image.flatten(background=255) if image.hasalpha() else image


def same(one: bytes, other: bytes) -> bool:
    """Say whether two pictures show the same, whatever machine took them."""
    return likeness(one, other) <= _LIKENESS


async def build(folder: Path) -> None:
    """Take the pictures of all examples; leave those alone that still show what they did, and no others."""
    wanted = list(examples(GUIDE.read_text("utf-8")))
    async with opened() as (renderer, port):
        for example in wanted:
            path, picture = folder / f"{example.name}.webp", await take(renderer, port, example)
            # Written anew for each change of an encoder they would fill the repository.
            if not path.exists() or not same(path.read_bytes(), picture):
                path.write_bytes(picture)
                print(path.name, f"{len(picture):,} bytes")
    _tidy(folder, {example.name for example in wanted})


def _tidy(folder: Path, names: set[str]) -> None:
    for path in folder.glob("*.webp"):
        if path.stem not in names:
            path.unlink()


if __name__ == "__main__":
    asyncio.run(build(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "pictures"))
