"""Pages that grow while one scrolls: those with an end are shown to it, the others are cut and said to be."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import FULL_PAGE, Category
from tests.site.gallery.truth import Shown, at, count, down, size

ENDLESS: Final = Category("endless")

_GROWING: Final = """<body><div id=all></div><div id=end style='height:10px'></div><script>
let number = 0;
const colours = ['navy', 'gold', 'teal', 'tan'];
const more = () => { const one = document.createElement('div'); one.style.height = '400px';
  one.style.background = colours[number % 4]; number++; all.append(one) };
more();
new IntersectionObserver(async (seen, eye) => { if (!seen[0].isIntersecting) return;
  if (number < LIMIT) { await WORK; more(); eye.unobserve(end); eye.observe(end) } }).observe(end);
</script>"""


def _cut_somewhere(of: Shown) -> str | None:
    return None if of.verdict.cut is not None else "it is not said to be cut"


def _tall_but_bounded(of: Shown) -> str | None:
    if of.image.width == 120 and 1_200 <= of.image.height <= 100_000:
        return None
    return f"it is {of.image.size}"


@ENDLESS.page(
    size(400, 1610),
    down(3, ("navy", 400), ("gold", 400), ("teal", 400), ("tan", 400), ("white", 10)),
    capture=FULL_PAGE,
)
def four_helpings(_: Request) -> str:
    """More comes each time that the end comes into view, and then no more."""
    return _GROWING.replace("LIMIT", "4").replace("WORK", "null")


@ENDLESS.page(
    size(400, 1210),
    down(3, ("navy", 400), ("gold", 400), ("teal", 400), ("white", 10)),
    capture=FULL_PAGE,
)
def three_helpings_by_fetch(_: Request) -> str:
    """Each helping is fetched first."""
    return _GROWING.replace("LIMIT", "3").replace("WORK", "fetch('/home')")


@ENDLESS.page(
    _tall_but_bounded, at(5, 399, "navy"), at(5, 401, "gold"), at(5, 801, "teal"),
    facts=(_cut_somewhere,), capture=FULL_PAGE, viewport={"width": 120, "height": 300})  # fmt: skip
def without_end(_: Request) -> str:
    return _GROWING.replace("LIMIT", "Infinity").replace("WORK", "null")


@ENDLESS.page(at(0, 0, "navy"), at(0, 299, "navy"), count("navy", 1))
def without_end_in_a_viewport(_: Request) -> str:
    """Nobody scrolls for a picture of the viewport."""
    return _GROWING.replace("LIMIT", "Infinity").replace("WORK", "null")


@ENDLESS.page(size(400, 650), down(9, ("navy", 300), ("gold", 300), ("olive", 50)), capture=FULL_PAGE)
def a_button_for_more(_: Request) -> str:
    """A page that wants a click for more is complete without."""
    return (
        "<div style='height:300px;background:navy'></div><div style='height:300px;background:gold'></div>"
        "<button style='display:block;width:400px;height:50px;border:0;background:olive'></button>"
    )
