"""Pages and parts of pages that are not done when they have loaded."""

from __future__ import annotations

from tests.site.pages import HEAD

IMAGE = "/image?colour=00ff00&width=800&height=600&ms=500"
SHOWN = {
    "img": f"<img src='{IMAGE}'>",
    "srcset": f"<img srcset='{IMAGE} 1x'>",
    "picture": f"<picture><source srcset='{IMAGE}'><img></picture>",
    "background": f"<div style='width:800px;height:600px;background:url({IMAGE})'></div>",
    "pseudo-element": f"<style>#p::before{{content:'';display:block;width:800px;height:600px;background:url({IMAGE})}}</style><p id=p style='margin:0'>",
    "content": f"<style>#p::before{{content:url({IMAGE});display:block}}</style><p id=p style='margin:0'>",
    "border": f"<div style='width:780px;height:580px;border:10px solid;border-image:url({IMAGE}) 10 fill'></div>",
    "poster": f"<video poster='{IMAGE}' width=800 height=600></video>",
    "svg": f"<svg width=800 height=600><image href='{IMAGE}' width=800 height=600 /></svg>",
    "input": f"<input type=image src='{IMAGE}'>",
}
"""Every way to show an image; each fills the viewport with green half a second after it is asked for."""

SOURCE = "/image?colour=00ff00&width=800&height=200"

LOADERS = {
    "attribute": "",
    "observer": """
        new IntersectionObserver((seen, own) => { for (const one of seen) if (one.isIntersecting) {
            one.target.src = one.target.dataset.src; own.unobserve(one.target);
        } }).observe(late)""",
    "threshold": """
        new IntersectionObserver((seen, own) => { for (const one of seen) if (one.intersectionRatio > 0.9) {
            one.target.src = one.target.dataset.src; own.unobserve(one.target);
        } }, {threshold: [0.95]}).observe(late)""",
    "handler": """
        addEventListener('scroll', () => {
            const box = late.getBoundingClientRect();
            if (box.top < innerHeight && box.bottom > 0) late.src = late.dataset.src;
        })""",
}


def lazily(kind: str, above_px: int = 2900) -> str:
    """Return a page with an image that loads, by LOADERS[kind], when it is scrolled to; red until then."""
    source = f"loading=lazy src='{SOURCE}'" if kind == "attribute" else f"data-src='{SOURCE}'"
    image = f"<img id=late width=800 height=200 style='display:block;background:#ff0000' {source}>"
    space = f"<div style='height:{above_px}px'></div>"
    return f"{HEAD}{space}{image}{space}<script>{LOADERS[kind]}</script>"


GROWS = """
<main></main><footer id=end style='height:10px;background:#ff0000'></footer>
<script>
  const more = () => { const part = document.createElement('div'); part.style = 'height:700px;background:#00ff00'; main.append(part) };
  const main = document.querySelector('main'); let parts = 0;
  const grow = async () => { if (parts >= PARTS) return; parts += 1; await WAITING; more() };
  new IntersectionObserver(seen => { if (seen.at(-1).isIntersecting) grow() }, {rootMargin: '50px'}).observe(end);
  for (let n = 0; n < 2; n++) more();
  // An observer tells of changes only, and the end may still be in view when a part has come.
  new MutationObserver(() => { if (end.getBoundingClientRect().top < innerHeight + 50) grow() }).observe(main, {childList: true});
</script>"""


def growing(parts: int, waiting: str = "0") -> str:
    """Return a page that gets longer at its end, parts times, each time after what waiting (JavaScript) promises."""
    return HEAD + GROWS.replace("PARTS", str(parts)).replace("WAITING", waiting)
