"""What style sheets of today can do."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import Category
from tests.site.gallery.truth import box, count, down, none_of

MODERN: Final = Category("modern")


@MODERN.page(box("lime", 0, 0, 100, 300), box("blue", 300, 0, 100, 300), box("gold", 100, 0, 200, 300))
def a_row_that_flexes(_: Request) -> str:
    return (
        "<style>main{display:flex;height:300px}main>*{flex:1}main>:nth-child(2){flex:2}</style>"
        "<main><i style='background:lime'></i><i style='background:gold'></i><i style='background:blue'></i></main>"
    )


@MODERN.page(box("lime", 0, 0, 400, 60), box("gold", 0, 60, 100, 180), box("blue", 0, 240, 400, 60))
def a_grid_of_areas(_: Request) -> str:
    return (
        "<style>main{display:grid;height:300px;grid:'h h' 60px 's m' 1fr 'f f' 60px/100px 1fr}"
        "#h{grid-area:h;background:lime}#s{grid-area:s;background:gold}#f{grid-area:f;background:blue}</style>"
        "<main><i id=f></i><i id=h></i><i id=s></i></main>"
    )


@MODERN.page(box("lime", 130, 0, 70, 50), none_of("red"))
def a_grid_in_the_grids_lines(_: Request) -> str:
    return (
        "<style>main{display:grid;grid-template-columns:130px 70px 200px}section{grid-column:1/3;display:grid;"
        "grid-template-columns:subgrid}b{grid-column:2;height:50px;background:lime}</style><main><section><b></b></section></main>"
    )


@MODERN.page(box("lime", 0, 100, 150, 45), none_of("red"))
def a_container_that_is_asked(_: Request) -> str:
    return (
        "<style>section{container-type:inline-size;width:150px;margin-top:100px}b{display:block;height:45px;background:red}"
        "@container(width<200px){b{background:lime}}</style><section><b></b></section>"
    )


@MODERN.page(box("lime", 0, 160, 160, 35), none_of("red"))
def a_parent_that_is_asked(_: Request) -> str:
    return (
        "<style>section{width:160px;height:35px;margin-top:160px;background:red}section:has(>input:checked){background:lime}"
        "input{display:none}</style><section><input type=checkbox checked></section>"
    )


@MODERN.page(box("lime", 200, 200, 80, 25), box("gold", 200, 180, 40, 20), none_of("red"))
def anchored(_: Request) -> str:
    """A tip is placed at the element that it belongs to."""
    return (
        "<style>#a{anchor-name:--a;position:absolute;left:200px;top:180px;width:40px;height:20px;background:gold}"
        "#t{position:absolute;position-anchor:--a;left:anchor(left);top:anchor(bottom);width:80px;height:25px;background:lime}"
        "</style><i id=a></i><i id=t></i>"
    )


@MODERN.page(box("lime", 300, 10, 90, 30), none_of("red"))
def nested_and_layered(_: Request) -> str:
    return (
        "<style>@layer low,high;@layer high{section{& b{background:lime}}}@layer low{section b{background:red}}"
        "b{position:absolute;left:300px;top:10px;width:90px;height:30px}</style><section><b></b></section>"
    )


@MODERN.page(count("teal", 3), box("teal", 0, 0, 380, 80, full=False))
def columns(_: Request) -> str:
    return (
        "<style>main{columns:3;column-gap:40px;width:380px;height:80px}b{display:block;height:80px;background:teal}</style>"
        "<main><b></b><b></b><b></b></main>"
    )


@MODERN.page(box("lime", 20, 50, 160, 90), none_of("red"))
def a_ratio_and_a_sum(_: Request) -> str:
    return (
        "<style>:root{--w:150px}b{display:block;aspect-ratio:16/9;width:calc(var(--w) + 10px);margin:50px 20px;"
        "background:color-mix(in srgb,lime 100%,red)}</style><b></b>"
    )


@MODERN.page(box("lime", 250, 100, 100, 55), none_of("red"))
def on_the_top_layer(_: Request) -> str:
    """What pops over is above what has the highest z-index."""
    return (
        "<style>#p{position:absolute;inset:auto;left:250px;top:100px;width:100px;height:55px;margin:0;border:0;padding:0;background:lime}"
        "#r{position:absolute;left:260px;top:110px;width:20px;height:20px;background:red;z-index:2147483647}</style>"
        "<i id=r></i><b id=p popover=manual></b><script>p.showPopover()</script>"
    )


@MODERN.page(down(10, ("white", 120), ("navy", 30), ("white", 150)))
def a_wide_gamut(_: Request) -> str:
    """A colour beyond the screen's is shown as the nearest that it has; one within is exact."""
    return "<div style='margin-top:120px;height:30px;background:color(srgb 0 0 .50196)'></div>"
