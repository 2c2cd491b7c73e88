"""Parts of a page that the browser does not lay out or draw until somebody comes near them."""

from __future__ import annotations

from typing import Final

import msgspec

from calotype.capture.output import Area, AreaKind
from calotype.clock import Deadline
from calotype.render.page import Page

WORTHWHILE: Final = 200
"""Characters: nobody has a shorter text skipped that has no elements in it."""

# Only what is skipped for being far away: what is `hidden` was meant to be. To ask for a style takes 10 us,
# so that not all elements of a large page are asked.
_REVEAL_JS: Final = f"""() => {{
  // By the prototype, since a field named "style" hides the form's own.
  const styleOf = element => Reflect.get(HTMLElement.prototype, "style", element);
  for (const element of Document.prototype.querySelectorAll.call(document, "body *")) {{
    if (!(element instanceof HTMLElement)) continue;
    if (!element.firstElementChild && element.textContent.length < {WORTHWHILE}) continue;
    if (getComputedStyle(element).contentVisibility === "auto")
      styleOf(element).setProperty("content-visibility", "visible", "important");
  }}
}}"""


async def reveal(page: Page, area: Area, deadline: Deadline) -> None:
    """Have everything drawn that is in area, where that may be more than what is in view."""
    if area.kind is not AreaKind.VIEWPORT:
        await page.run(_REVEAL_JS, [], deadline.remaining_s(), msgspec.Raw)
