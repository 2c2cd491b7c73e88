"""Where the reader's attention is: carets, focus, selections."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import Category, block
from tests.site.gallery.truth import box, none_of

FOCUS: Final = Category("focus")


@FOCUS.page(none_of("red"), box("lime", 50, 50, 200, 60))
def a_caret(_: Request) -> str:
    """A field that has the focus shows no blinking line."""
    style = (
        "position:absolute;left:50px;top:50px;width:200px;height:60px;border:0;padding:0;outline:0;background:lime;caret-color:red;"
        "font:40px serif"
    )
    return f"<input autofocus style='{style}'>"


@FOCUS.page(none_of("red"), box("lime", 60, 130, 210, 50))
def a_caret_in_an_editor(_: Request) -> str:
    """Nor does a text that can be edited, which a script has gone into."""
    style = "position:absolute;left:60px;top:130px;width:210px;height:50px;outline:0;background:lime;caret-color:red;font:40px serif"
    return f"<div contenteditable id=b style='{style}'></div><script>onload = () => b.focus()</script>"


@FOCUS.page(box("lime", 0, 0, 70, 40), none_of("red"))
def far_below(_: Request) -> str:
    """A field below the viewport that takes the focus does not take the page along, if so written."""
    return (
        f"{block(0, 0, 70, 40, 'lime')}<div style='height:2000px'></div><input id=b><script>"
        "onload = () => b.focus({preventScroll: true})</script>"
    )


@FOCUS.page(box("lime", 100, 200, 120, 30), none_of("red"))
def a_selection(_: Request) -> str:
    """What a script has selected is shown as selected."""
    return (
        "<style>::selection{background:lime;color:lime}#b{position:absolute;left:100px;top:200px;width:120px;height:30px;"
        "font:30px/30px monospace;overflow:hidden}</style><div id=b>MMMMMMMMMMMM</div>"
        "<script>getSelection().selectAllChildren(b)</script>"
    )


@FOCUS.page(box("lime", 250, 200, 100, 40), none_of("red"))
def a_focus_ring(_: Request) -> str:
    """What the page draws around the field in focus is there."""
    return (
        "<style>input{position:absolute;left:255px;top:205px;width:90px;height:30px;border:0;padding:0;background:lime;"
        "box-shadow:0 0 0 5px red}input:focus{outline:0;box-shadow:0 0 0 5px lime}</style><input autofocus>"
    )


@FOCUS.page(box("lime", 300, 0, 60, 60), none_of("red"))
def nothing_hovers(_: Request) -> str:
    """No pointer lies on the page."""
    return f"<style>#b:hover,html:hover #b{{background:red!important}}</style>{block(300, 0, 60, 60, 'lime', 'id=b')}"
