"""How a page gets its parts: chains, modules, workers, other sites."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Reply, Request
from tests.site.gallery.page import Category, block, elsewhere
from tests.site.gallery.truth import box, none_of

LOADING: Final = Category("loading")


@LOADING.part("chain.css")
def _chain(request: Request) -> Reply:
    """Import the next of ?left= style sheets; the last of them paints."""
    left = int(request.query["left"])
    text = f"@import url(chain.css?left={left - 1});" if left else "#b{background:lime!important}"
    return Reply(text, media_type="text/css", delay_ms=30)


@LOADING.part("module.js")
def _module(request: Request) -> Reply:
    """Be a module that is ready when it has waited for something."""
    text = "await fetch('/home'); export const colour = 'lime'"
    return Reply(text, media_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"})


@LOADING.part("worker.js")
def _worker(_: Request) -> Reply:
    code = (
        "oninstall = () => skipWaiting(); onactivate = event => event.waitUntil(clients.claim());"
        "onfetch = event => { if (event.request.url.endsWith('/made-by-the-worker')) event.respondWith(new Response('lime')) }"
    )
    return Reply(code, media_type="text/javascript")


def _painted(x: int, script: str, kind: str = "") -> str:
    return f"{block(x, 60, 27, 37, 'red', 'id=b')}<script {kind}>{script}</script>"


@LOADING.page(box("lime", 0, 60, 27, 37), none_of("red"))
def style_sheets_that_import_each_other(_: Request) -> str:
    return (
        f"<link rel=stylesheet href='/gallery/loading/chain.css?left=6'>{block(0, 60, 27, 37, 'red', 'id=b')}"
    )


@LOADING.page(box("lime", 30, 60, 27, 37), none_of("red"))
def a_module_that_waits(_: Request) -> str:
    imported = "import {colour} from '/gallery/loading/module.js'; b.style.background = colour"
    return _painted(30, imported, "type=module")


@LOADING.page(box("lime", 60, 60, 27, 37), none_of("red"))
def a_module_by_its_name_in_a_map(request: Request) -> str:
    module = elsewhere(request, "/gallery/loading/module.js")
    names = f'<script type=importmap>{{"imports": {{"paint": "{module}"}}}}</script>'
    imported = "import {colour} from 'paint'; b.style.background = colour"
    return names + _painted(60, imported, "type=module")


@LOADING.page(box("lime", 90, 60, 27, 37), none_of("red"))
def a_module_asked_for_late(_: Request) -> str:
    return _painted(
        90,
        "onload = () => import('/gallery/loading/module.js').then(got => { b.style.background = got.colour })",
    )


@LOADING.page(box("lime", 120, 60, 27, 37), none_of("red"), wait={"for_selector": ".done"})
def a_service_worker(_: Request) -> str:
    """A page that asks a worker of its own for what no server has."""
    return _painted(
        120,
        "(async () => { const ready = new Promise(done => { navigator.serviceWorker.oncontrollerchange = done });"
        "await navigator.serviceWorker.register('/gallery/loading/worker.js'); await ready;"
        "b.style.background = await (await fetch('/gallery/loading/made-by-the-worker')).text(); b.className = 'done' })()",
    )


@LOADING.page(box("lime", 150, 60, 27, 37), none_of("red"))
def scripts_that_are_deferred(_: Request) -> str:
    code = "data:text/javascript,b.style.background='lime'"
    return f'<script defer src="{code}"></script>{block(150, 60, 27, 37, "red", "id=b")}'


@LOADING.page(box("lime", 180, 60, 27, 37), none_of("red"))
def what_the_browser_remembers(_: Request) -> str:
    """Storage and cookies of the page itself work, and are empty at first."""
    script = (
        "if (!localStorage.length && !document.cookie) { localStorage.x = 1; sessionStorage.x = 1; document.cookie = 'x=1';"
        "if (localStorage.x + sessionStorage.x + document.cookie === '11x=1') b.style.background = 'lime' }"
    )
    return _painted(180, script)


@LOADING.page(box("lime", 210, 60, 27, 37), none_of("red"))
def parts_that_fail(_: Request) -> str:
    """A script, a style sheet and a font that are not there, and a script that throws, take nothing with them."""
    return (
        "<link rel=stylesheet href=/nothing.css><script src=/nothing.js></script><script src=/reset></script>"
        f"<script>throw 1</script>{_painted(210, 'b.style.background = `lime`')}"
    )


@LOADING.page(box("lime", 240, 60, 27, 37), none_of("red"))
def a_stream_that_stays_open(_: Request) -> str:
    """Events that may come at any time are no reason to wait."""
    return _painted(240, "new EventSource('/events'); b.style.background = 'lime'")
