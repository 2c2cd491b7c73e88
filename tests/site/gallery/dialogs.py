"""Dialogs and windows that a page opens for nobody."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import Category, block
from tests.site.gallery.truth import at, box, landed, none_of

DIALOGS: Final = Category("dialogs")


def _then_green(x: int, script: str) -> str:
    return f"{block(x, 250, 30, 40, 'red', 'id=b')}<script>{script}; b.style.background = 'lime'</script>"


@DIALOGS.page(box("lime", 0, 250, 30, 40), none_of("red"))
def an_alert_while_it_loads(_: Request) -> str:
    return _then_green(0, "alert('hello')")


@DIALOGS.page(box("lime", 40, 250, 30, 40), none_of("red"))
def questions_are_answered_with_no(_: Request) -> str:
    return _then_green(40, "if (confirm('sure?') || prompt('who?') !== null) throw 0")


@DIALOGS.page(box("lime", 80, 250, 30, 40), none_of("red"))
def an_alert_after_load(_: Request) -> str:
    return f"{block(80, 250, 30, 40, 'red', 'id=b')}<script>onload = () => {{ alert('hello'); b.style.background = 'lime' }}</script>"


@DIALOGS.page(box("lime", 120, 250, 30, 40), none_of("red"), facts=(landed("/gallery/dialogs/second"),))
def a_page_that_would_not_be_left(_: Request) -> str:
    return (
        "<body style='background:red'><script>onbeforeunload = leaving => { leaving.preventDefault(); return 'stay' };"
        "location.href = '/gallery/dialogs/second'</script>"
    )


@DIALOGS.part("second")
def _second(_: Request) -> str:
    return f"<!doctype html><body>{block(120, 250, 30, 40, 'lime')}"


@DIALOGS.page(box("lime", 160, 250, 30, 40), none_of("red"))
def windows_that_pop_up(_: Request) -> str:
    return _then_green(160, "for (let n = 0; n < 5; n++) open('/popped?' + n)")


@DIALOGS.page(box("lime", 200, 250, 30, 40), none_of("red"))
def printing(_: Request) -> str:
    return _then_green(200, "print()")


@DIALOGS.page(box("gold", 100, 50, 200, 100), at(10, 10, "#808080", near=2))
def a_dialog_of_the_page_itself(_: Request) -> str:
    """It lies on top of all, with what it shades behind it."""
    return (
        "<style>dialog{position:absolute;left:100px;top:50px;width:200px;height:100px;margin:0;padding:0;border:0;outline:0;"
        "background:gold}dialog::backdrop{background:rgb(0 0 0/50%)}</style><dialog id=d></dialog><script>d.showModal()</script>"
    )


@DIALOGS.page(box("lime", 240, 250, 30, 40), none_of("red"), wait={"for_selector": ".told"})
def a_permission_asked_for(_: Request) -> str:
    """Nobody is there to grant anything, and the page is told so at once."""
    return (
        f"{block(240, 250, 30, 40, 'red', 'id=b')}<script>Notification.requestPermission().then(told => {{"
        " if (told !== 'granted') b.style.background = 'lime'; b.className = 'told' })</script>"
    )
