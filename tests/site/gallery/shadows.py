"""Web components: shadow trees, slots, and elements that are defined after they were used."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import Category, block, image
from tests.site.gallery.truth import box, none_of

SHADOWS: Final = Category("shadows")


@SHADOWS.page(box("lime", 10, 10, 60, 90), none_of("red"))
def an_open_tree(_: Request) -> str:
    """The rules of the page end at the tree's border."""
    return (
        "<style>div{background:red!important}</style><x-a></x-a><script>"
        "const tree = document.querySelector('x-a').attachShadow({mode: 'open'});"
        f"tree.innerHTML = `{block(10, 10, 60, 90, 'lime')}`</script>"
    )


@SHADOWS.page(box("lime", 90, 10, 70, 90), none_of("red"))
def a_closed_tree_in_a_closed_tree(_: Request) -> str:
    return (
        "<x-a></x-a><script>const outer = document.querySelector('x-a').attachShadow({mode: 'closed'});"
        "outer.innerHTML = '<x-b></x-b>'; const inner = outer.firstChild.attachShadow({mode: 'closed'});"
        f"inner.innerHTML = `{block(90, 10, 70, 90, 'lime')}`</script>"
    )


@SHADOWS.page(box("lime", 180, 10, 80, 40), box("blue", 180, 60, 80, 40), none_of("red"))
def slots(_: Request) -> str:
    """What is put in is shown where its slot is; what is not put in is replaced."""
    return (
        f"<x-a><b slot=two>{block(0, 0, 80, 40, 'lime')}</b></x-a><script>"
        "document.querySelector('x-a').attachShadow({mode: 'open'}).innerHTML ="
        f" `<div style='position:absolute;left:180px;top:10px'><slot name=two>{block(0, 0, 80, 40, 'red')}</slot></div>"
        f"<div style='position:absolute;left:180px;top:60px'><slot name=one>{block(0, 0, 80, 40, 'blue')}</slot></div>`</script>"
    )


@SHADOWS.page(box("lime", 280, 10, 90, 90))
def declared_in_html(_: Request) -> str:
    return f"<x-a><template shadowrootmode=closed>{block(280, 10, 90, 90, 'lime')}</template></x-a>"


@SHADOWS.page(box("lime", 10, 120, 100, 60), none_of("red"))
def defined_late(_: Request) -> str:
    """An element is defined when the page has long been parsed."""
    return (
        f"<style>x-a:not(:defined){{display:block;height:50px;background:red}}</style><x-a></x-a><script>"
        "onload = async () => { await fetch('/home'); customElements.define('x-a', class extends HTMLElement {"
        f" connectedCallback() {{ this.innerHTML = `{block(10, 120, 100, 60, 'lime')}` }} }}) }}</script>"
    )


@SHADOWS.page(box("lime", 130, 120, 110, 60), none_of("red"))
def styled_by_constructed_sheets(_: Request) -> str:
    return (
        "<x-a></x-a><script>const tree = document.querySelector('x-a').attachShadow({mode: 'open'});"
        f"tree.innerHTML = `{block(130, 120, 110, 60, 'red')}`; const sheet = new CSSStyleSheet();"
        "sheet.replaceSync('div{background:lime!important}'); tree.adoptedStyleSheets = [sheet]</script>"
    )


@SHADOWS.page(
    box("lime", 260, 120, 80, 70), none_of("red"), pending="images in closed shadow trees are not waited for"
)
def an_image_that_comes_late(_: Request) -> str:
    """Images in closed trees are waited for as well."""
    source = image("00ff00", 80, 70, ms=300)
    return (
        "<x-a></x-a><script>onload = () => { const tree = document.querySelector('x-a').attachShadow({mode: 'closed'});"
        f"tree.innerHTML = `<img src='{source}' style='position:absolute;left:260px;top:120px'>` }}</script>"
    )


@SHADOWS.page(box("lime", 10, 200, 90, 70), none_of("red"))
def a_part_and_a_state(_: Request) -> str:
    return (
        "<style>x-a:state(on)::part(p){background:lime}</style><x-a></x-a><script>"
        "customElements.define('x-a', class extends HTMLElement { constructor() { super();"
        " this.attachInternals().states.add('on'); this.attachShadow({mode: 'open'}).innerHTML ="
        " `<div part=p style='position:absolute;left:10px;top:200px;width:90px;height:70px'></div>` } })</script>"
    )
