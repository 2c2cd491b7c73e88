"""What is pinned to the bottom of the viewport goes to the bottom of a picture of the whole page.

The browser draws it at the end of the first screen: a bar in the middle of the page, over what is there.
"""

from __future__ import annotations

from typing import Final

import msgspec

from calotype.capture.output import Area, AreaKind
from calotype.clock import Deadline
from calotype.render.page import Page

# Only elements that are fixed, or not shown at all, have no offset parent; and what is sticky is the offset
# parent of what is in it. So that a few are asked for their style, which takes 10 us each, and not all.
_UNPIN_JS: Final = """() => {
  const page = Reflect.get(Document.prototype, "scrollingElement", document);
  const below = page ? page.scrollHeight - innerHeight - scrollY : 0;
  if (below <= 0) return;
  // By the prototypes, since a field named "style" hides the form's own.
  const styleOf = element => Reflect.get(HTMLElement.prototype, "style", element);
  const change = (element, name, value) => styleOf(element).setProperty(name, value, "important");
  const boxOf = element => Element.prototype.getBoundingClientRect.call(element);
  const fixed = [], positioned = new Set();
  for (const element of Document.prototype.querySelectorAll.call(document, "body *")) {
    if (!(element instanceof HTMLElement)) continue;
    const parent = Reflect.get(HTMLElement.prototype, "offsetParent", element);
    if (parent) positioned.add(parent); else fixed.push(element);
  }
  const pinned = [];
  for (const element of fixed) {
    const style = getComputedStyle(element), box = boxOf(element);
    const under = innerHeight - box.bottom;
    const low = under < innerHeight / 4 && under < box.top && box.top < innerHeight;
    if (style.position === "fixed" && low && box.height && box.height < innerHeight / 2)
      pinned.push([element, parseFloat(style.top), style.height]);
  }
  for (const [element, top, height] of pinned) {
    change(element, "transition", "none");
    change(element, "top", `${top + below}px`);
    change(element, "height", height);
    change(element, "bottom", "auto");
  }
  for (const element of positioned) {
    const style = getComputedStyle(element);
    if (style.position === "sticky" && style.bottom !== "auto") change(element, "bottom", "auto");
  }
}"""


async def unpin(page: Page, area: Area, deadline: Deadline) -> None:
    """Move what is fixed to the foot of the viewport to that of the page; let go what sticks there."""
    if area.kind is AreaKind.FULL_PAGE:
        await page.run(_UNPIN_JS, [], deadline.remaining_s(), msgspec.Raw)
