"""What is turned, scaled, and seen in perspective."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import FULL_PAGE, Category, block
from tests.site.gallery.truth import at, box, none_of, size

TRANSFORMS: Final = Category("transforms")


def _turned(box_: str, transform: str) -> str:
    return box_.replace("position:absolute", f"position:absolute;transform:{transform}")


@TRANSFORMS.page(box("lime", 150, 25, 100, 250))
def a_quarter_turn(_: Request) -> str:
    return _turned(block(75, 100, 250, 100, "lime"), "rotate(90deg)")


@TRANSFORMS.page(box("lime", 40, 40, 180, 120))
def scaled_and_moved(_: Request) -> str:
    return _turned(block(0, 0, 60, 40, "lime"), "translate(100px,80px) scale(3)")


@TRANSFORMS.page(box("lime", 260, 100, 80, 80), none_of("red"))
def the_back_of_a_card(_: Request) -> str:
    """A card that was turned over shows its back, and not its face in a mirror."""
    side = "position:absolute;inset:0;backface-visibility:hidden"
    return (
        "<div style='position:absolute;left:260px;top:100px;width:80px;height:80px;transform-style:preserve-3d;transform:rotateY(180deg)'>"
        f"<div style='{side};background:red'></div><div style='{side};background:lime;transform:rotateY(180deg)'></div></div>"
    )


@TRANSFORMS.page(
    box("lime", 74, 130, 252, 52, within=3, full=False), at(80, 132, "white"), at(320, 132, "white")
)
def in_perspective(_: Request) -> str:
    """The far edge of a board that leans back is the shorter one."""
    return (
        "<div style='perspective:200px;position:absolute;left:100px;top:100px;width:200px;height:100px'>"
        "<div style='width:200px;height:100px;background:lime;transform:rotateX(60deg)'></div></div>"
    )


@TRANSFORMS.page(size(400, 900), box("lime", 0, 700, 100, 200), capture=FULL_PAGE)
def moved_beyond_the_end(_: Request) -> str:
    """What a transform moves below the page makes the page longer."""
    return _turned(block(0, 0, 100, 200, "lime"), "translateY(700px)")


@TRANSFORMS.page(box("lime", 20, 230, 60, 50), none_of("red"))
def layers_of_their_own(_: Request) -> str:
    """Thirty layers, one on the other, and the last is on top."""
    layer = block(20, 230, 60, 50, "red").replace("background", "will-change:transform;background")
    return layer * 30 + layer.replace("red", "lime")


@TRANSFORMS.page(
    box("lime", 300, 220, 60, 60, within=2, full=False),
    at(330, 250, "lime"),
    at(302, 222, "white"),
    at(357, 277, "white"),
)
def cut_to_a_shape(_: Request) -> str:
    return block(300, 220, 60, 60, "lime").replace("background", "clip-path:circle(50%);background")


@TRANSFORMS.page(box("lime", 100, 0, 200, 20), none_of("red"))
def zoomed(_: Request) -> str:
    return "<div style='zoom:2'><div style='margin-left:50px;width:100px;height:10px;background:lime'></div></div>"
