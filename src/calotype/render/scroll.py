"""Scrolling through a page, so that what waits to be scrolled to loads, and back again.

Under caps of height, steps and time: a page that grows for ever ends at one of them, before the deadline.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from calotype.capture.output import Area, AreaKind
from calotype.capture.verdict import Cut
from calotype.clock import Deadline
from calotype.render.page import Page
from calotype.render.settle import CALM_MS, is_quiet, quiet

MAX_STEPS: Final = 40
"""Beyond the height that a page had at first; what it had then is scrolled through whatever it takes."""
PATIENCE_S: Final = 8.0
"""How long a page may be scrolled through, at most; and no longer than two fifths of what is left."""
MAX_CALMS: Final = 5
"""Times that a page which changes is given to come to rest. One that never does moves by itself, whether it
is scrolled or not, and is not waited for again."""
STEP: Final = 0.75
"""Of what is in view: what a quarter of a screen holds is once seen whole, whatever lies on an edge."""

_SCROLL_JS: Final = f"""async (area, maxSteps, leftMs, again) => {{
  const over = performance.now() + leftMs;
  const frame = () => new Promise(drawn => requestAnimationFrame(drawn));
  // Observers are told after the frame, in a task of their own. Steps that they are told of together look
  // like one to a page that heeds only the first of them, as many do.
  const told = () => new Promise(later => setTimeout(later, 4));
  const page = document.scrollingElement || Reflect.get(Document.prototype, "documentElement", document);
  const isPage = scroller => scroller === page;
  const view = scroller => isPage(scroller) ? innerHeight : scroller.clientHeight;
  const holds = scroller => scroller.scrollHeight > view(scroller) + 1;
  const go = (scroller, top) => scroller.scrollTo({{top, behavior: "instant"}});
  const parent = element => element.assignedSlot || element.parentElement || element.getRootNode().host;
  const scrolls = element => element !== page && holds(element)
    && /auto|scroll|overlay/.test(getComputedStyle(element).overflowY);
  // What has a scroll bar of its own, and most of the screen, is what the page is about.
  const main = () => {{
    const centre = Document.prototype.elementFromPoint.call(document, innerWidth / 2, innerHeight / 2);
    for (let element = centre; element; element = parent(element))
      if (scrolls(element) && element.clientHeight > innerHeight / 2 && element.clientWidth > innerWidth / 2)
        return element;
  }};
  let changes = 0;
  const observer = new MutationObserver(records => {{ changes += records.length; }});
  observer.observe(document, {{subtree: true, childList: true, characterData: true, attributes: true}});
  const changed = () => {{ changes += observer.takeRecords().length; return changes > 0; }};
  const calm = async () => {{
    for (let left = {MAX_CALMS}; left > 0; left -= 1) {{
      changes = 0;
      await new Promise(later => setTimeout(later, {CALM_MS}));
      if (!changed() || performance.now() > over) return;
    }}
    state.restless = true;
  }};

  const begin = () => {{
    let scrollers, target = null;
    if (area.kind === "element") {{
      target = Document.prototype.querySelector.call(document, area.selector);
      if (!target) return {{scrollers: []}};
      let scroller = parent(target);
      while (scroller && !scrolls(scroller)) scroller = parent(scroller);
      scroller ||= page;
      if (target.getBoundingClientRect().height <= view(scroller)) return {{scrollers: []}};
      scrollers = [scroller];
    }} else scrollers = [holds(page) && page, main()].filter(Boolean);
    const state = {{target, scrollers: scrollers.map(element => ({{element, home: element.scrollTop}}))}};
    for (const scroller of state.scrollers) {{
      const [first, last] = reach(scroller.element, target);
      Object.assign(scroller, {{top: first, known: last, last}});
      go(scroller.element, first);
    }}
    return state;
  }};
  // From where to where, in the scroller's own coordinates, things are to be seen.
  const reach = (element, target) => {{
    if (!target) return [0, Math.min(element.scrollHeight, isPage(element) ? area.maxHeight : Infinity)];
    const edge = isPage(element) ? 0 : element.getBoundingClientRect().top + element.clientTop;
    const box = target.getBoundingClientRect(), top = box.top - edge + element.scrollTop;
    return [Math.max(0, top), Math.min(top + box.height, element.scrollHeight, top + area.maxHeight)];
  }};
  // Where another document has come meanwhile there is nothing to go on with.
  if (!again || !globalThis.calotypeScroll) globalThis.calotypeScroll = begin();
  const state = globalThis.calotypeScroll;
  const home = () => {{ for (const {{element, home}} of state.scrollers) go(element, home); }};
  state.steps ||= 0;
  if (again) await calm();
  let cut = null, grew = false;
  for (const scroller of state.scrollers) {{
    const {{element}} = scroller;
    for (;;) {{
      const last = reach(element, state.target)[1], bottom = last - view(element);
      grew ||= last > scroller.last + 1;
      scroller.last = last;
      if (scroller.top >= bottom - 1) {{
        // What is seen there may make the page longer still, a frame later.
        await frame(); await told(); await frame(); await told();
        if (reach(element, state.target)[1] > last + 1) continue;
        break;
      }}
      if (performance.now() > over) {{ cut = "time"; break; }}
      const isBeyond = scroller.top + view(element) > scroller.known;
      if (isBeyond && ++state.steps > maxSteps) {{ cut = "steps"; break; }}
      scroller.top = Math.min(bottom, scroller.top + Math.max(1, view(element) * {STEP}));
      changes = 0;
      go(element, scroller.top);
      await frame();
      await told();
      if (changed() && !state.restless) {{ scroller.busy = true; await calm(); }}
    }}
    if (cut) break;
  }}
  observer.disconnect();
  const busy = state.scrollers.some(scroller => scroller.busy);
  const done = cut || leftMs <= 0 || !(grew || (busy && !again && !state.restless));
  for (const scroller of state.scrollers) scroller.busy = false;
  if (done) home();
  return {{cut, home: Boolean(done)}};
}}"""


class _Scrolled(msgspec.Struct, frozen=True):
    cut: Literal["steps", "time"] | None
    home: bool
    """Whether the page is where it was; else it waits at its end for what that may bring."""


async def scrolled(page: Page, area: Area, deadline: Deadline) -> Cut | None:
    """Scroll through what will be in the picture, and back. Return the cap that this ended at, if any."""
    if not area.scroll or area.kind not in (AreaKind.FULL_PAGE, AreaKind.ELEMENT):
        return None
    patience = Deadline.after(int(min(PATIENCE_S, deadline.remaining_s() * 0.4) * 1000))
    again = False
    while True:
        left_ms = int(patience.remaining_s() * 1000)
        how = {"kind": area.kind.value, "selector": area.selector, "maxHeight": area.max_height_px}
        arguments: list[Any] = [how, MAX_STEPS, left_ms, again]
        told = await page.run(_SCROLL_JS, arguments, deadline.remaining_s(), _Scrolled)
        if told.cut is not None:
            return Cut(told.cut)
        if told.home and (is_quiet(page) or left_ms <= 0):
            return Cut.TIME if left_ms <= 0 else None
        await quiet(page, patience)
        again = True
