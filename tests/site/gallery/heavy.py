"""Pages that give the browser much to do."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import FULL_PAGE, Category, block
from tests.site.gallery.truth import at, box, count, down, none_of, size

HEAVY: Final = Category("heavy")


@HEAVY.page(box("lime", 150, 150, 100, 100), none_of("red"))
def a_long_task_at_load(_: Request) -> str:
    """A script that keeps the page busy for half a second before it shows anything."""
    return (
        f"{block(150, 150, 100, 100, 'red', 'id=b')}<script>onload = () => setTimeout(() => {{"
        " const end = performance.now() + 500; while (performance.now() < end); b.style.background = 'lime' })</script>"
    )


@HEAVY.page(
    size(400, 2000), down(399, ("teal", 2000)), at(0, 0, "navy"), at(1, 1999, "navy"), capture=FULL_PAGE
)
def twenty_thousand_nodes(_: Request) -> str:
    """A grid of squares, 100 across and 200 down, each of a left half and a right."""
    return (
        "<style>b{float:left;width:4px;height:10px;background:linear-gradient(to right,navy 50%,teal 50%)}</style>"
        "<script>document.write('<b></b>'.repeat(20000))</script>"
    )


@HEAVY.page(box("lime", 390, 290, 10, 10), none_of("red"))
def five_hundred_deep(_: Request) -> str:
    """What lies innermost of 500 elements is shown."""
    return f"{'<div>' * 500}{block(390, 290, 10, 10, 'lime')}{'</div>' * 500}"


@HEAVY.page(size(400, 10_000), count("gold", 250), at(3, 9_999, "white"), box("gold", 0, 0, 400, 9_980, full=False),
            capture=FULL_PAGE)  # fmt: skip
def five_hundred_rows(_: Request) -> str:
    """A long table, every other row in gold."""
    rows = "<tr><td><tr style='background:gold'><td>" * 250
    return (
        "<style>table{border-spacing:0;width:400px}td{padding:0;height:20px}tr{background:gold}tr:nth-child(even)"
        f"{{background:white!important}}</style><table>{rows}</table>"
    )


@HEAVY.page(count("blue", 100), box("blue", 0, 0, 199, 191, full=False), at(15, 5, "white"))
def a_hundred_images(_: Request) -> str:
    parts = "".join(
        f"<img src='/image?colour=0000ff&width=10&height=10&{number}' style='position:absolute;left:{number % 10 * 21}px;"
        f"top:{number // 10 * 20 + number % 2}px'>"
        for number in range(100)
    )
    return f"<body>{parts}"


@HEAVY.page(box("lime", 0, 100, 400, 7), none_of("red"))
def a_megabyte_of_script(_: Request) -> str:
    filler = "/*" + "x" * 1_000_000 + "*/"
    return f"{block(0, 100, 400, 7, 'red', 'id=b')}<script>{filler} b.style.background = 'lime'</script>"


@HEAVY.page(box("lime", 0, 200, 400, 9), none_of("red"))
def timers_without_end(_: Request) -> str:
    """A page that never has nothing to do, in timers, frames and messages."""
    return (
        f"{block(0, 200, 400, 9, 'lime')}<script>setInterval(() => {{ document.title = Math.random() }}, 5);"
        "const on = () => requestAnimationFrame(on); on(); const channel = new MessageChannel();"
        "channel.port1.onmessage = () => setTimeout(() => channel.port2.postMessage(0), 1); channel.port2.postMessage(0)</script>"
    )
