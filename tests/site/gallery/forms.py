"""Controls, as the browser draws them and as the page colours them."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import Category
from tests.site.gallery.truth import Region, all_differ, at, blank, box, ink, none_of, share

FORMS: Final = Category("forms")


def _placed(x: int, y: int, control: str, style: str = "") -> str:
    return f"<div style='position:absolute;left:{x}px;top:{y}px;{style}'>{control}</div>"


_BOXES: Final[tuple[Region, ...]] = ((0, 0, 40, 40), (50, 0, 40, 40), (100, 0, 40, 40))


@FORMS.page(
    all_differ(*_BOXES),
    at(9, 20, "#0075ff", near=40),
    at(109, 20, "#0075ff", near=40),
    blank((150, 0, 250, 300)),
)
def boxes_to_tick(_: Request) -> str:
    """One is ticked, one is not, one is neither."""
    box_ = "<input type=checkbox style='width:30px;height:30px;margin:5px' {}>"
    parts = (
        _placed(0, 0, box_.format("checked"))
        + _placed(50, 0, box_.format(""))
        + _placed(100, 0, box_.format("id=m"))
    )
    return f"<body>{parts}<script>m.indeterminate = true</script>"


@FORMS.page(at(20, 120, "lime", near=10), at(100, 120, "lime", near=10), at(120, 120, "#3b3b3b", near=30))
def a_bar_of_progress(_: Request) -> str:
    """Half of what is to be done is done."""
    return _placed(
        10, 110, "<progress value=50 max=100 style='width:200px;height:20px;accent-color:lime'></progress>"
    )


@FORMS.page(
    share("purple", 0.002, 0.1),
    ink((200, 20, 180, 40), 0.01, 0.5),
    ink((200, 70, 130, 35), 0.01, 0.5),
    blank((0, 0, 190, 300)),
)
def a_value_and_a_choice(_: Request) -> str:
    """The text of a field and the chosen option can be read."""
    field = "<input value='typed' style='width:160px;height:30px;font-size:24px;color:purple'>"
    choice = "<select style='font-size:24px;color:purple'><option>first<option selected>second</select>"
    return _placed(200, 20, field) + _placed(200, 70, choice)


@FORMS.page(box("lime", 20, 200, 150, 50), none_of("red"))
def invalid_and_required(_: Request) -> str:
    return _placed(
        20, 200,
        "<style>input{border:0;padding:0;outline:0;width:150px;height:50px;background:red}"
        "input:user-invalid{background:red}input:required:invalid{background:lime}</style><input required style='display:block'>",
    )  # fmt: skip


@FORMS.page(box("gold", 200, 200, 120, 60), none_of("red"))
def a_button_and_its_state(_: Request) -> str:
    style = "<style>button{width:120px;height:60px;border:0;background:red;display:block}button:disabled{background:gold}</style>"
    return _placed(
        200,
        200,
        f"{style}<fieldset disabled style='border:0;margin:0;padding:0'><button></button></fieldset>",
    )


@FORMS.page(box("lime", 0, 0, 200, 20), box("blue", 0, 20, 200, 80), none_of("red"))
def details_open_and_closed(_: Request) -> str:
    summary = "<summary style='display:block;height:20px;background:lime'></summary>"
    return (
        f"<div style='width:200px'><details open>{summary}<div style='height:80px;background:blue'></div></details>"
        f"<details style='opacity:0'>{summary}<div style='height:80px;background:red'></div></details></div>"
    )
