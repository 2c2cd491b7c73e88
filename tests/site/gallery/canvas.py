"""What scripts draw: in two dimensions and three, in the page and in workers."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Reply, Request
from tests.site.gallery.page import Category
from tests.site.gallery.truth import at, box, count, none_of

CANVAS: Final = Category("canvas")


def _canvas(x: int, y: int, width: int, height: int, script: str) -> str:
    style = f"position:absolute;left:{x}px;top:{y}px"
    return f"<canvas id=c width={width} height={height} style='{style}'></canvas><script>{script}</script>"


_GL: Final = """
const gl = c.getContext('WEBGL');
const shader = (kind, text) => { const s = gl.createShader(kind); gl.shaderSource(s, text); gl.compileShader(s); return s };
const p = gl.createProgram();
gl.attachShader(p, shader(gl.VERTEX_SHADER, 'attribute vec2 at; void main() { gl_Position = vec4(at, 0, 1); }'));
gl.attachShader(p, shader(gl.FRAGMENT_SHADER, 'void main() { gl_FragColor = vec4(0, 1, 0, 1); }'));
gl.linkProgram(p); gl.useProgram(p);
gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1,-1, 0,-1, -1,1, 0,1]), gl.STATIC_DRAW);
gl.enableVertexAttribArray(0); gl.vertexAttribPointer(gl.getAttribLocation(p, 'at'), 2, gl.FLOAT, false, 0, 0);
const draw = () => { gl.clearColor(0, 0, 1, 1); gl.clear(gl.COLOR_BUFFER_BIT); gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4); };
"""


@CANVAS.page(box("lime", 20, 30, 60, 70), box("blue", 80, 30, 60, 70))
def two_dimensions(_: Request) -> str:
    script = "const p = c.getContext('2d'); p.fillStyle = 'lime'; p.fillRect(0, 0, 60, 70); p.fillStyle = 'blue'; p.fillRect(60, 0, 60, 70)"
    return _canvas(20, 30, 120, 70, script)


@CANVAS.page(box("lime", 10, 10, 100, 100), box("blue", 110, 10, 100, 100))
def webgl(_: Request) -> str:
    return _canvas(10, 10, 200, 100, _GL.replace("WEBGL", "webgl") + "draw()")


@CANVAS.page(box("lime", 40, 130, 75, 90), box("blue", 115, 130, 75, 90))
def webgl2_drawn_in_a_loop(_: Request) -> str:
    """A scene that is drawn anew with every frame, as maps and games are."""
    loop = "const on = () => { draw(); requestAnimationFrame(on) }; on()"
    return _canvas(40, 130, 150, 90, _GL.replace("WEBGL", "webgl2") + loop)


@CANVAS.page(box("lime", 230, 20, 90, 110), none_of("red"))
def drawn_outside_of_the_screen(_: Request) -> str:
    script = (
        "const o = new OffscreenCanvas(90, 110), p = o.getContext('2d'); p.fillStyle = 'lime'; p.fillRect(0, 0, 90, 110);"
        "c.getContext('bitmaprenderer').transferFromImageBitmap(o.transferToImageBitmap())"
    )
    return _canvas(230, 20, 90, 110, script)


@CANVAS.page(box("lime", 230, 150, 130, 40), none_of("red"), wait={"for_selector": ".drawn"})
def drawn_by_a_worker(_: Request) -> str:
    script = "const o = c.transferControlToOffscreen(), w = new Worker('/gallery/canvas/worker');w.onmessage = () => { c.className = 'drawn' }; w.postMessage(o, [o])"
    return _canvas(230, 150, 130, 40, script).replace("top:150px", "top:150px;background:red")


@CANVAS.part("worker")
def _worker(_: Request) -> Reply:
    code = "onmessage = asked => { const p = asked.data.getContext('2d'); p.fillStyle = 'lime'; p.fillRect(0, 0, 130, 40); requestAnimationFrame(() => postMessage(0)) }"
    return Reply(code, media_type="text/javascript")


@CANVAS.page(count("lime", 4), box("lime", 0, 240, 160, 20, full=False), at(30, 250, "white"))
def copied_to_images(_: Request) -> str:
    """What was drawn is made an image, four times."""
    return (
        "<script>const c = document.createElement('canvas'); c.width = 20; c.height = 20;"
        "const p = c.getContext('2d'); p.fillStyle = 'lime'; p.fillRect(0, 0, 20, 20);"
        "for (let n = 0; n < 4; n++) { const i = new Image(); i.src = c.toDataURL();"
        " i.style = `position:absolute;top:240px;left:${n * 140 / 3}px`; document.body.append(i) }</script>"
    ).replace("<script>", "<body><script>")


@CANVAS.page(box("lime", 0, 60, 300, 25), at(150, 30, "white"), at(150, 100, "white"))
def in_a_css_paint(_: Request) -> str:
    """A chart whose canvas is finer than its box is drawn to the size of the box."""
    script = "const p = c.getContext('2d'); p.fillStyle = 'lime'; p.fillRect(0, 0, 1200, 100)"
    return _canvas(0, 60, 1200, 100, script).replace("top:60px", "top:60px;width:300px;height:25px")
