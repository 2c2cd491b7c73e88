"""Every option has a picture in the guide, and every picture shows what its request gives today."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
import pytest_asyncio

import docs_pictures
from calotype.capture.renderer import Renderer

GUIDE = docs_pictures.GUIDE.read_text("utf-8")
EXAMPLES = list(docs_pictures.examples(GUIDE))
PICTURES = docs_pictures.DOCS / "pictures"
SHOWS_NOTHING = {
    "wait.timeout",
    "wait.until",
    "cache",
    "fail_on",
    "response_type",
    "storage",
    "capture.mode",
    "network.bypass_csp",
}
"""Options that change when, or whether, but not what; and those that go with another in its picture."""


def options() -> Iterator[str]:
    """Yield the nested names of the guide's table."""
    table = GUIDE.partition("| nested |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        for name in re.findall(r"`([\w.*]+)`", row.split("|")[1]):
            yield name.removesuffix(".*")


def names_in(body: Mapping[str, object], path: str = "") -> Iterator[str]:
    for name, value in body.items():
        yield f"{path}{name}"
        if isinstance(value, dict):
            yield from names_in(value, f"{path}{name}.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio() -> AsyncIterator[tuple[Renderer, int]]:
    async with docs_pictures.opened() as opened:
        yield opened


@pytest.mark.parametrize("option", [name for name in options() if name not in SHOWS_NOTHING])
def test_every_option_has_a_picture(option):
    assert any(option in names_in(example.body) for example in EXAMPLES)


def test_every_picture_is_shown_once_and_none_is_left_over():
    named = [example.name for example in EXAMPLES]

    assert sorted(named) == sorted(path.stem for path in PICTURES.glob("*.webp"))
    assert sorted(named) == sorted(re.findall(r"\]\(pictures/([a-z0-9-]+)\.webp\)", GUIDE))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_the_picture_shows_what_the_request_gives(studio, example):
    renderer, port = studio
    kept = (PICTURES / f"{example.name}.webp").read_bytes()

    assert docs_pictures.same(kept, await docs_pictures.take(renderer, port, example))


def test_pictures_that_differ_are_told_apart():
    kept = {example.name: (PICTURES / f"{example.name}.webp").read_bytes() for example in EXAMPLES}

    assert not docs_pictures.same(kept["url"], kept["dark-mode"])
    assert not docs_pictures.same(kept["for-selector"], kept["load"])
    assert not docs_pictures.same(kept["url"], kept["remove"])
