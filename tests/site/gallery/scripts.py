"""The scripts of the world: no empty boxes, in the right direction, joined where they are joined.

Places are proved with the font of squares; that letters are there at all with what the machine has, each in
a cell of its own, beside a letter that no font has.
"""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.fonts import face, line
from tests.site.gallery.page import Category
from tests.site.gallery.truth import Region, Shown, alike, all_differ, blank, box

SCRIPTS: Final = Category("scripts")

_CELL: Final = 50
_TOFU: Final = "\U0007fffd"
"""Assigned to nobody: every machine shows the box of what is missing."""
_SQUARES: Final = f"<style>{face('/gallery/fonts/squares.woff2')}</style>"


def _cell(number: int, row: int = 0) -> Region:
    return number * _CELL, row * _CELL, _CELL, _CELL


def _cells(count: int, row: int = 0) -> list[Region]:
    return [_cell(number, row) for number in range(count)]


def _row(*texts: str, row: int = 0, style: str = "") -> str:
    """Set each text in a cell of its own."""
    at = f"position:absolute;top:{row * _CELL}px;width:{_CELL}px;height:{_CELL}px;overflow:hidden;text-align:center"
    font = f"font:30px/{_CELL}px sans-serif"
    return "".join(
        f"<div style='{at};{font};left:{number * _CELL}px;{style}'>{text}</div>"
        for number, text in enumerate(texts)
    )


@SCRIPTS.page(all_differ(*_cells(8)), blank((0, 60, 400, 240)))
def chinese_japanese_korean(_: Request) -> str:
    return _row("漢", "字", "か", "ナ", "한", "국", "简", _TOFU)


@SCRIPTS.page(all_differ(*_cells(6, row=1)), blank((0, 0, 400, 50)), blank((300, 0, 100, 300)))
def arabic_and_hebrew(_: Request) -> str:
    return _row("ع", "ج", "ش", "ש", "ל", _TOFU, row=1)


def _joined(of: Shown) -> str | None:
    """Three letters that join take less room than three that stand alone."""
    widths = []
    for top in (0, 100):
        row = of.image.crop((0, top, 400, top + 100)).convert("L").point(lambda grey: 255 * (grey < 128))
        found = row.getbbox()
        if found is None:
            return f"nothing is written at {top}"
        widths.append(found[2] - found[0])
    return None if widths[0] < 0.8 * widths[1] else f"joined {widths[0]} px, apart {widths[1]} px"


@SCRIPTS.page(_joined, blank((0, 200, 400, 100)))
def arabic_letters_join(_: Request) -> str:
    style = "height:100px;padding-left:20px;font:60px/100px sans-serif"
    return f"<div style='{style}'>ببب</div><div style='{style}'>ب\u200cب\u200cب</div>"


@SCRIPTS.page(box("lime", 100, 60, 80, 40, full=False), box("blue", 60, 60, 40, 40))
def right_to_left(_: Request) -> str:
    """The first letter of a Hebrew word is the one at the right."""
    word = (
        "<span style='color:lime'>א</span><span style='color:lime'>ב</span><span style='color:blue'>א</span>"
    )
    return _SQUARES + line(60, 60, 40, word, "width:120px;direction:rtl")


@SCRIPTS.page(box("lime", 0, 100, 90, 30, full=False), box("blue", 310, 100, 90, 30))
def both_directions_in_one_page(_: Request) -> str:
    """A page that is written from right to left begins at its right edge."""
    blue = line(0, 100, 30, "אאא", "color:blue;width:400px")
    return f"<html dir=rtl>{_SQUARES}{blue}{line(0, 100, 30, 'AbA', 'direction:ltr;text-align:left;width:400px')}"


@SCRIPTS.page(all_differ(*_cells(6)), alike(_cell(0, 1), _cell(1, 1)), blank((100, 60, 300, 100)))
def devanagari(_: Request) -> str:
    """A conjunct is one sign, and the vowel that is spoken last is written first."""
    return _row("अ", "क", "क्ष", "कि", "की", _TOFU) + _row("\u0915\u093f", "कि", row=1)


@SCRIPTS.page(all_differ(*_cells(8, row=2)), blank((0, 0, 400, 98)), blank((0, 155, 400, 145)))
def thai_tamil_and_others(_: Request) -> str:
    return _row("ก", "ที่", "த", "ಕ", "ক", "ਕ", "გ", _TOFU, row=2)


def _in_colour(of: Shown) -> str | None:
    """Every cell has something in it that is far from grey."""
    for cell in _cells(6):
        left, top, width, height = cell
        pixels = of.image.crop((left, top, left + width, top + height)).getcolors(width * height) or []
        colourful = sum(
            times for times, found in pixels if isinstance(found, tuple) and max(found) - min(found) > 60
        )
        if colourful < 100:
            return f"{cell} has {colourful} pixels of colour"
    return None


@SCRIPTS.page(all_differ(*_cells(6)), _in_colour, blank((300, 0, 100, 300)))
def emoji(_: Request) -> str:
    """In colour; and a cook of two characters is one picture, as are a flag and a hand with its skin."""
    return _row("😀", "👩\u200d🍳", "🇯🇵", "👍🏽", "❤️", "1️⃣")


@SCRIPTS.page(
    alike(_cell(0), _cell(1)), alike(_cell(2), _cell(3)), all_differ(_cell(0), _cell(2), _cell(4), _cell(5))
)
def combining_marks(_: Request) -> str:
    """A letter with its accent is the same in one character and in two."""
    return _row("é", "e\u0301", "ǖ", "u\u0308\u0304", "e", "ệ")


@SCRIPTS.page(box("lime", 100, 50, 40, 120))
def written_from_top_to_bottom(_: Request) -> str:
    """Vertical text runs down, and its next line stands to the left."""
    return _SQUARES + line(100, 50, 40, "口口口", "writing-mode:vertical-rl")


@SCRIPTS.page(box("lime", 200, 20, 40, 160), box("blue", 160, 20, 40, 80))
def vertical_lines_go_to_the_left(_: Request) -> str:
    text = "口口口口<br><span style='color:blue'>口口</span>"
    return _SQUARES + line(160, 20, 40, text, "writing-mode:vertical-rl")


@SCRIPTS.page(all_differ(*_cells(9, row=4)), blank((0, 0, 400, 200)), viewport={"width": 450, "height": 300})
def symbols(_: Request) -> str:
    """Arrows, mathematics, currencies, boxes: none of them missing."""
    return _row("→", "∑", "€", "₹", "☎", "✓", "½", "♞", _TOFU, row=4)
