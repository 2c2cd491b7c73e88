"""Changes to the page that were asked for: styles, scripts, removals, a click, a place to scroll to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from calotype.capture.errors import InvalidRequest
from calotype.capture.fields import shown
from calotype.capture.retouch import Retouch
from calotype.clock import Deadline
from calotype.render import wait
from calotype.render.emulate import ignore_input
from calotype.render.page import Page, ScriptFailed

_URL: Final = re.compile(r"https?://\S+", re.IGNORECASE)

# Constructed style sheets are no inline styles, so that no Content-Security-Policy forbids them.
_STYLE_JS: Final = """css => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""

_LOAD_JS: Final = """(kind, url) => new Promise(ended => {
  const element = document.createElement(kind);
  element.addEventListener("load", () => ended(true));
  element.addEventListener("error", () => ended(false));
  if (kind === "script") element.src = url;
  else { element.rel = "stylesheet"; element.href = url; }
  (document.head || document.documentElement).append(element);
})"""

# What comes later must not be seen either, so each selector is a rule as well: one of its own, since it may
# leave a bracket or a comment open, which would swallow what follows.
_SELECT_JS: Final = """(selectors, style, remove) => {
  const sheet = new CSSStyleSheet();
  for (const selector of selectors) {
    let found;
    try {
      found = Document.prototype.querySelectorAll.call(document, selector);
      sheet.insertRule(`${selector} { ${style} !important }`);
    } catch (error) { return {unreadable: selector}; }
    if (remove) for (const element of found) element.remove();
  }
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  return {};
}"""

# What has no area lies nowhere: a click on it would hit what is at the top left of the page.
_CENTRE_JS: Final = """async css => {
  const hasArea = element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0;
  };
  for (;;) {
    const element = [...Document.prototype.querySelectorAll.call(document, css)].find(hasArea);
    if (element) {
      element.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
      const box = element.getBoundingClientRect();
      return {x: box.x + box.width / 2, y: box.y + box.height / 2};
    }
    await new Promise(later => setTimeout(later, 50));
  }
}"""

_SCROLL_JS: Final = """css => {
  const element = Document.prototype.querySelector.call(document, css);
  if (element) element.scrollIntoView({block: "start", inline: "start", behavior: "instant"});
}"""


class _Point(msgspec.Struct, frozen=True):
    x: float
    y: float


class _Selected(msgspec.Struct, frozen=True):
    unreadable: str | None = None


@dataclass(slots=True)
class Click:
    """A click that is made once, in whichever document its element is found first."""

    selector: str | None
    made: bool = False


async def retouch(page: Page, wanted: Retouch, click: Click, deadline: Deadline) -> None:
    """Change the document as wanted, and click, unless that was done in an earlier document.

    Raises InvalidRequest for a selector that the browser cannot read, and for a script or a style sheet
    that fails: the picture would not be what was asked for, and nobody would know why.
    """
    for number, style in enumerate(wanted.styles):
        if _URL.fullmatch(style.strip()):
            await _load(page, "link", style.strip(), f"page.styles[{number}]", deadline)
        else:
            await page.run(_STYLE_JS, [style], deadline.remaining_s(), msgspec.Raw)
    for number, script in enumerate(wanted.scripts):
        if _URL.fullmatch(script.strip()):
            await _load(page, "script", script.strip(), f"page.scripts[{number}]", deadline)
        else:
            await _run(page, script, f"page.scripts[{number}]", deadline)
    await _hide(page, wanted.remove, "page.remove", "display: none", deadline, remove=True)
    await _hide(page, wanted.hide, "page.hide", "visibility: hidden", deadline, remove=False)
    if click.selector is not None and not click.made:
        await _click(page, click, click.selector, deadline)


async def scroll_to(page: Page, selector: str, deadline: Deadline) -> None:
    """Bring what selector matches to the top of the viewport, once it is there."""
    await wait.matched(page, selector, "page.scroll_to", deadline.remaining_s())
    await page.run(_SCROLL_JS, [selector], deadline.remaining_s(), msgspec.Raw)


async def _load(page: Page, kind: str, url: str, field: str, deadline: Deadline) -> None:
    if not await page.run(_LOAD_JS, [kind, url], deadline.remaining_s(), bool):
        raise InvalidRequest(field, "could not be loaded by the page", "give the text itself, or another URL")


async def _run(page: Page, script: str, field: str, deadline: Deadline) -> None:
    try:
        await page.evaluate(script, deadline.remaining_s())
    except ScriptFailed as exc:
        raise InvalidRequest(field, f"failed in the page: {exc}", "mend the script") from exc


async def _hide(
    page: Page, selectors: tuple[str, ...], field: str, style: str, deadline: Deadline, *, remove: bool
) -> None:
    if not selectors:
        return
    arguments: list[Any] = [list(selectors), style, remove]
    selected = await page.run(_SELECT_JS, arguments, deadline.remaining_s(), _Selected)
    if selected.unreadable is not None:
        raise InvalidRequest(field, f"holds {shown(selected.unreadable)}", "give valid CSS selectors")


async def _click(page: Page, click: Click, selector: str, deadline: Deadline) -> None:
    await wait.matched(page, selector, "page.click", deadline.remaining_s())
    centre = await page.run(_CENTRE_JS, [selector], deadline.remaining_s(), _Point)
    # A page that a click has led to is not clicked again; one that has moved by itself was not clicked yet.
    click.made = True
    await ignore_input(page.session, deadline.remaining_s(), ignore=False)
    where = {"x": centre.x, "y": centre.y, "button": "left", "clickCount": 1}
    for kind in ("mousePressed", "mouseReleased"):
        event = {"type": kind, **where}
        await page.session.call("Input.dispatchMouseEvent", event, deadline.remaining_s())
    await ignore_input(page.session, deadline.remaining_s())
