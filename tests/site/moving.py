"""Pages that look different at each look: a kind of motion each, small, and all of them on one page."""

from __future__ import annotations

import base64
import io

from PIL import Image

# Blue, green, red and yellow in turn, 64 x 48, without an end; recorded once by a browser's MediaRecorder.
_VIDEO = (
    "GkXfo59ChoEBQveBAULygQRC84EIQoKEd2VibUKHgQRChYECGFOAZwEAAAAAAAPhEU2bdLlNu4tTq4QVSalmU6yBbk27i1OrhBZU"
    "rmtTrIGTTbuLU6uEH0O2dVOsgdRNu4xTq4QcU7trU6yCA8/srgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAVSalmoCrXsYMPQkBEiYRElZ1QTYCGQ2hyb21lV0GGQ2hyb21lFlSua7yuuteBAXPFh43KgZaOrTeDgQFV7oEBhoVW"
    "X1ZQOOCdsIFAuoEwU8CBAVWwkFWxgQFVuYECVbqBDVW7gQEfQ7Z1AQAAAAAAAu/ngQCg4qGzgQAAANACAJ0BKkAAMAAHBwiFhYiZ"
    "hIglggJ08ma6NHm/FnfA/u+ax/5Kf/eV/ru2/goAdaGqpqjugQGlo7ACAJ0BKkAAMAAKhwiFhYiZhIg4AgAGjk/Mx5vxWAD+664A"
    "oNKhsYEAxACRAgAcETwAGAxUKAgf+XNMwDVBMl6IAP7mad/4DdfFtMv/xaHWh1oZ+V4VjUB1oZmml+6BAaWS0QEAKhHAABgAGFgv"
    "9AAIjAAA+4EAoMyhq4EBKAARAgAcEQAAGAAaT/QMABT6qqiA/u3O31MD8PD8QC//OJfyR+gXaAB1oZmml+6BAaWS0QEAKhHAABgA"
    "GFgv9AAIjAAA+4HEoM2hq4EBwAARAgAcEOgAGAAaT/QMABEMBVOA/vECj//Rh/+GH/4Yf30lPg3wLQB1oZmml+6BAaWS0QEAKhHA"
    "ABgAGFgv9AAIjAAA+4IBKKDNoauBAlYAEQIAHBDQABgAGk/0DAAU+qqogP7zLD//UGf+QZ/5Bn6qU/RL4SEAdaGZppfugQGlktEB"
    "ACoRwAAYABhYL/QACIwAAPuCAcCg0aGvgQL8AJECABwQrAAYB0gP4AgdBvLNQBMf//4A/u6Of/+mijCmPuTf/16IPEG/U0B1oZmm"
    "l+6BAaWS0QEAKhGQABgAGFgv9AAIjAAA+4ICVqDSobCBA4IAMQIAHBCUABgAHlf0DAA9CbjwRAD+8dyP6DZ1qJ1tCr/9zgFSGz/G"
    "tMeJ7Gh1oZmml+6BAaWS0QEAKhF4ABgAGFgv9AAIjAAA+4IC/KDOoa2BBBcAEQIAHBB8ABgAGk/0DAARDAVTgP76GFf/4cp8OU+H"
    "Kf8OUwRDNWMx4AB1oZimlu6BAaWRsQEAKhEgFGAAYWC/0AAiMAD7ggOCoM+hrYEErAARAgAcEGgAGAAaT/QMABT6qqiA/vvBK//m"
    "XnzLz5l5/zLz1pj8PD8N0HWhmaaX7oEBpZLRAQAqEXAAGAAYWC/0AAiMAAD7ggQXHFO7a427i7OBALeG94EB8YHU"
)


def _animated(image_format: str) -> str:
    """Return an image of red, green, blue and black, 40 ms each, as a data: URL."""
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "lime", "blue", "black")]
    file = io.BytesIO()
    frames[0].save(
        file, image_format, save_all=True, append_images=frames[1:], duration=40, loop=0, lossless=True
    )
    return f"data:image/{image_format};base64,{base64.b64encode(file.getvalue()).decode()}"


_DRAW = """
  const draw = (g, n, t) => {
    g.fillStyle = `hsl(${Math.random() * 360} 90% 50%)`;
    g.fillRect(t / 7 % 150, n * 3 % 90, 9, 9);
    g.fillText(`${n} ${t.toFixed(2)}`, 5, 95);
  };
"""
_TELL = """
  const uuid = crypto.randomUUID?.() ?? "";
  const told = [new Date().toISOString(), Date.now(), performance.now(), performance.timeOrigin, Math.random(),
    crypto.getRandomValues(new Uint32Array(2)), uuid, new Intl.DateTimeFormat(undefined, {dateStyle: "full",
    timeStyle: "long"}).format(), Date(), new Event("x").timeStamp, document.timeline.currentTime,
    performance.getEntriesByType("navigation")[0]?.duration, document.lastModified].join(" ");
"""

MOVING = {
    "css animation": """<style>@keyframes go { from { margin-left: 0 } to { margin-left: 200px } }
        @keyframes in { from { opacity: 0 } } .go { width: 30px; height: 20px; background: #06c; animation: go 0.7s
        linear infinite } .in { height: 20px; background: #c06; animation: in 3s }</style>
        <div class=go></div><div class=in></div>""",
    "animated images": "".join(f"<img src='{_animated(kind)}'>" for kind in ("gif", "png", "webp"))
    + """<svg width=100 height=40><rect width=20 height=40 fill=teal><animate attributeName=x from=0 to=80
        dur=0.6s repeatCount=indefinite /></rect></svg>""",
    "caret": "<input autofocus value=caret style='font-size:40px;width:200px;caret-color:red'>",
    "video": f"<video autoplay muted loop width=64 height=48 src='data:video/webm;base64,{_VIDEO}'></video>",
    "canvas": f"""<canvas class=c width=160 height=100></canvas><script>{{ {_DRAW}
        const g = document.querySelector("canvas.c").getContext("2d"); let n = 0;
        const frame = t => {{ draw(g, n++, t); requestAnimationFrame(frame); }}; requestAnimationFrame(frame);
        }}</script>""",
    "clock and chance": f"""<p class=k></p><script>{{ const p = document.querySelector("p.k"); {_TELL}
        p.append(told); setTimeout(() => {{ {_TELL} p.append(told); }}, 100); }}</script>""",
    "transition": """<style>.t { width: 10px; height: 20px; background: #0a5; transition: width 2s }
        .t.on { width: 250px }</style><div class=t></div><script>
        addEventListener("load", () => requestAnimationFrame(() => {
          const t = document.querySelector(".t"); t.classList.add("on");
          t.addEventListener("transitionend", () => t.append("over ", Math.random().toFixed(3)));
        }));</script>""",
    "interval": """<p class=i></p><script>{ const p = document.querySelector("p.i"); let n = 0;
        setInterval(() => { p.textContent = "counted " + ++n; p.style.marginLeft = n % 200 + "px"; }, 7);
        }</script>""",
    "worker": f"""<canvas class=w width=160 height=100></canvas><script>{{
        const code = `{_DRAW.replace("`", chr(92) + "`").replace("$", chr(92) + "$")} let g, n = 0;
          const frame = t => {{ draw(g, n++, t); requestAnimationFrame(frame); }};
          onmessage = told => {{ g = told.data.getContext("2d"); requestAnimationFrame(frame); }};`;
        const worker = new Worker(URL.createObjectURL(new Blob([code], {{type: "text/javascript"}})));
        const canvas = document.querySelector("canvas.w").transferControlToOffscreen();
        worker.postMessage(canvas, [canvas]); }}</script>""",
    "frames": "<iframe src='OTHER' width=250 height=120></iframe><iframe srcdoc='SAME' width=250 height=120></iframe>",
    "fonts": """<style>@font-face { font-family: late; src: url(/font?ms=150) }</style>
        <p class=f>iiiiii</p><script>setTimeout(() => {
        document.querySelector(".f").style.fontFamily = "late"; }, 30);</script>""",
    "network": """<div class=n></div><script>{ let n = 0; const div = document.querySelector(".n");
        const more = async () => { const answer = await fetch("/slow?ms=" + n * 13 % 40);
          div.append(` ${(await answer.text()).length} at ${performance.now().toFixed(1)}`);
          if (++n < 6) setTimeout(more, 40); }; setTimeout(more, 40); }</script>""",
}
"""What a page moves by -> a body that does."""


def _page(body: str) -> str:
    return f"<!doctype html><meta charset=utf-8><body style='margin:4px;font:14px sans-serif'>{body}"


def pages(other: str) -> dict[str, str]:
    """Return the pages by path; other is the URL of `inner()` at another site."""
    same = (MOVING["interval"] + MOVING["canvas"]).replace("'", "&#39;")
    bodies = {**MOVING, "frames": MOVING["frames"].replace("OTHER", other).replace("SAME", same)}
    found = {"/" + name.replace(" ", "-"): _page(body) for name, body in bodies.items()}
    return {**found, "/all-on-one-page": _page("".join(bodies.values()))}


def inner() -> str:
    """Return what stands in the frame of another site."""
    return _page(MOVING["canvas"] + MOVING["clock and chance"] + MOVING["css animation"])
