"""Tables."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import FULL_PAGE, Category
from tests.site.gallery.truth import at, box, down, size

TABLES: Final = Category("tables")

_PLAIN: Final = "<style>table{border-collapse:collapse}td,th{padding:0;width:60px;height:40px}</style>"


@TABLES.page(box("lime", 0, 0, 120, 40), box("blue", 120, 0, 60, 80), box("gold", 0, 40, 60, 40))
def cells_that_span(_: Request) -> str:
    return f"{_PLAIN}<table><tr><td colspan=2 bgcolor=lime><td rowspan=2 bgcolor=blue><tr><td bgcolor=gold><td></table>"


@TABLES.page(
    box("black", 0, 0, 194, 50, full=False), at(96, 25, "black"), at(50, 25, "tan"), at(150, 25, "tan")
)
def borders_that_collapse(_: Request) -> str:
    """Between two cells there is one line and not two."""
    return (
        "<style>table{border-collapse:collapse;width:194px;height:50px}td{border:4px solid black;padding:0;background:tan}</style>"
        "<table><tr><td><td></table>"
    )


@TABLES.page(size(400, 1290), down(10, ("teal", 50), ("navy", 40), ("white", 1200)), capture=FULL_PAGE)
def a_head_that_sticks(_: Request) -> str:
    """The caption, then the head in its place, then the rows."""
    rows = "<tr><td></tr>" * 30
    return (
        f"{_PLAIN}<style>caption{{height:50px;background:teal}}th{{position:sticky;top:0;background:navy}}</style>"
        f"<table style='width:400px'><caption></caption><thead><tr><th></thead>{rows}</table>"
    )


@TABLES.page(box("purple", 100, 100, 200, 100))
def layout_of_old(_: Request) -> str:
    """A table in the middle of a table, as pages once were laid out."""
    return (
        "<table width=400 height=300 cellpadding=0 cellspacing=0><tr><td align=center valign=middle>"
        "<table width=200 height=100 cellpadding=0 cellspacing=0 bgcolor=purple><tr><td></table></table>"
    )
