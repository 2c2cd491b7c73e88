"""What the gallery hangs: a page, what is asked for it, and what is true of its picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.site.exchange import Reply, Request
from tests.site.gallery.truth import Check, size

Answer = Callable[[Request], Reply | str]

FULL_PAGE: Final = {"mode": "full_page"}
VIEWPORT: Final = {"width": 400, "height": 300}
"""Small, since it is colours and places that are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the site, and the picture that a person would expect of it."""

    name: str
    """`category/what-the-page-is`."""
    answer: Answer
    truth: tuple[Check, ...]
    """What holds of its picture, and of no blank one and no other page's."""
    facts: tuple[Check, ...] = ()
    """What the verdict says."""
    asks: Mapping[str, Any] = field(default_factory=dict)
    """Options of the capture, besides its url and a viewport of VIEWPORT's size."""
    pending: str = ""
    """Why the engine cannot show it yet; empty if it must."""

    @property
    def path(self) -> str:
        return f"/gallery/{self.name}"


class Category:
    """Pages of one kind, and what they load."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pages: list[Page] = []
        self.parts: dict[str, Answer] = {}

    def page(
        self, *truth: Check, facts: tuple[Check, ...] = (), pending: str = "", **asks: Mapping[str, Any]
    ) -> Callable[[Answer], Page]:
        """Hang the page that a function answers with; asks are groups of options, such as viewport={...}.

        A page given as text gets a doctype, a charset, no margins and its name for a title. A picture of the
        viewport has the viewport's size; of the whole page the truth must say it.
        """
        if "capture" not in asks:
            truth = (_size_of({**VIEWPORT, **asks.get("viewport", {})}), *truth)

        def hang(answer: Answer) -> Page:
            name = f"{self.name}/{answer.__name__.replace('_', '-')}"
            page = Page(name=name, answer=answer, truth=truth, facts=facts, asks=asks, pending=pending)
            self.pages.append(page)
            return page

        return hang

    def part(self, name: str) -> Callable[[Answer], Answer]:
        """Serve what a page loads as /gallery/<category>/<name>."""

        def keep(answer: Answer) -> Answer:
            self.parts[f"/gallery/{self.name}/{name}"] = answer
            return answer

        return keep


def _size_of(viewport: Mapping[str, Any]) -> Check:
    scale = viewport.get("scale", 1)
    return size(round(viewport["width"] * scale), round(viewport["height"] * scale))


def framed(page: Page, request: Request) -> Reply:
    """Answer with page, in the frame that most of them share."""
    given = page.answer(request)
    if isinstance(given, Reply):
        return given
    head = (
        f"<!doctype html><meta charset=utf-8><title>{page.name}</title><style>html,body{{margin:0}}</style>"
    )
    return Reply(head + given)


def block(x: float, y: float, width: float, height: float, colour: str, attributes: str = "") -> str:
    """Return a rectangle of one colour, placed in the page."""
    style = f"position:absolute;left:{x}px;top:{y}px;width:{width}px;height:{height}px;background:{colour}"
    return f"<div style='{style}' {attributes}></div>"


def elsewhere(request: Request, path: str) -> str:
    """Return the address of path on another site: the same server by another name."""
    return f"http://localhost:{request.site.rpartition(':')[2]}{path}"


def image(colour: str, width: int, height: int, ms: int = 0) -> str:
    """Return the address of a png of one colour, given as rrggbb, which takes ms."""
    return f"/image?colour={colour}&width={width}&height={height}&ms={ms}"
