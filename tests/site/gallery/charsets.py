"""How the bytes of a page become letters."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Reply, Request
from tests.site.gallery.page import Category, block
from tests.site.gallery.truth import alike, all_differ, box, fact, none_of

CHARSETS: Final = Category("charsets")


def _reads(text: str, escaped: str, x: int) -> str:
    """Show a green block if the page's text is what the script, which is all ASCII, expects."""
    script = f"if (t.textContent === '{escaped}') b.style.background = 'lime'"
    return f"<p id=t hidden>{text}</p>{block(x, 170, 21, 31, 'red', 'id=b')}<script>{script}</script>"


@CHARSETS.page(box("lime", 0, 170, 21, 31), none_of("red"), facts=(fact("title", "Größe"),))
def utf_16_with_a_mark(_: Request) -> Reply:
    page = "<!doctype html><title>Größe</title>" + _reads("漢é", "\\u6f22\\xe9", 0)
    return Reply(page.encode("utf-16"), media_type="text/html")


@CHARSETS.page(box("lime", 25, 170, 21, 31), none_of("red"))
def windows_1252_by_header(_: Request) -> Reply:
    page = "<!doctype html><title>x</title>" + _reads("é€“", "\\xe9\\u20ac\\u201c", 25)
    return Reply(page.encode("cp1252"), media_type="text/html; charset=windows-1252")


@CHARSETS.page(box("lime", 50, 170, 21, 31), none_of("red"))
def shift_jis_by_meta_tag(_: Request) -> Reply:
    page = "<!doctype html><meta charset=shift_jis><title>x</title>" + _reads("漢字", "\\u6f22\\u5b57", 50)
    return Reply(page.encode("shift_jis"), media_type="text/html")


@CHARSETS.page(box("lime", 75, 170, 21, 31), none_of("red"))
def latin_by_nobody(_: Request) -> Reply:
    """Bytes that nobody says anything about, and that are no UTF-8, are read as Western."""
    page = "<!doctype html><title>x</title>" + _reads("é", "\\xe9", 75)
    return Reply(page.encode("latin-1"), media_type="text/html")


@CHARSETS.page(box("lime", 100, 170, 21, 31), none_of("red"))
def utf_8_by_its_mark(_: Request) -> Reply:
    """The mark at the beginning wins over what the header says."""
    page = "<!doctype html><title>x</title>" + _reads("é漢", "\\xe9\\u6f22", 100)
    return Reply(page.encode("utf-8-sig"), media_type="text/html; charset=iso-8859-1")


@CHARSETS.page(box("lime", 125, 170, 21, 31), none_of("red"))
def entities(_: Request) -> str:
    return _reads("&eacute;&#x6f22;&amp;&nbsp;&ampx&notit;", "\\xe9\\u6f22&\\xa0&x\\xacit;", 125)


@CHARSETS.page(all_differ((0, 0, 60, 60), (60, 0, 60, 60)), alike((0, 0, 60, 60), (120, 0, 60, 60)))
def what_cannot_be_read(_: Request) -> Reply:
    """A byte that is no UTF-8 is shown as the sign for that."""
    cell = b"<div style='position:absolute;top:0;left:%dpx;width:60px;font:40px/60px sans-serif;text-align:center'>%b</div>"
    cells = b"".join(cell % (60 * number, text) for number, text in enumerate((b"\xff", b"x", b"&#xfffd;")))
    return Reply(b"<!doctype html><meta charset=utf-8><body>" + cells)
