"""Asking a page that is ready for its picture what it is: title, description, marks, glyphs, console.

All in one round trip: it is asked of every page, and most of them are what they should be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from calotype.capture.suspect import MARKS, SCRIPTS, Evidence
from calotype.render.cdp import Session
from calotype.render.page import Page

MAX_TITLE: Final = 1000
"""Characters; pages have titled themselves with megabytes."""
MAX_DESCRIPTION: Final = 1000
MAX_TEXT: Final = 2000
"""Characters of text that are looked at; walls and error pages have fewer."""
MAX_SCANNED: Final = 100_000
"""Characters in which glyphs are looked for."""
MAX_NODES: Final = 20_000
MAX_GLYPHS: Final = 100
"""Distinct characters that are looked at, the first ones; fonts lack scripts rather than characters."""
MAX_SCRIPTS: Final = 20
BLOCKED: Final = "net::ERR_BLOCKED_BY_CLIENT"

# It runs in the page, in a world of its own. Reflect.get, because an element named "title" hides the
# document's own property, in every world.
_INSPECT_JS: Final = f"""(selectors, words) => {{
  const of = name => Reflect.get(Document.prototype, name, document);
  const find = css => Document.prototype.querySelector.call(document, css);
  const content = css => find(css)?.getAttribute("content")?.trim() ?? "";
  const title = String(of("title")).slice(0, {MAX_TITLE});
  const description = (content('meta[name="description" i]') || content('meta[property="og:description" i]'))
    .slice(0, {MAX_DESCRIPTION});
  const unseen = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "TEXTAREA", "OPTION"]);
  const text = [], strange = new Map(), body = of("body");
  // Called so, because a form's fields hide its own functions behind their names.
  const visible = element =>
    Element.prototype.checkVisibility.call(element, {{visibilityProperty: true, opacityProperty: true}});
  let length = 0, scanned = 0, nodes = 0;
  // What Latin, Greek, Cyrillic and their quotes and dashes need is in every font that there is. Beyond it
  // each code point is looked at once, in the font of the element that has it first.
  const quick = /[^\\u0000-\\u04ff\\u2000-\\u206f]/;
  const beyond = /(?!\\p{{DI}})[^\\u0000-\\u04ff\\u2000-\\u206f\\s\\p{{Cc}}\\p{{Cf}}\\p{{Cs}}\\p{{M}}]/gu;
  const walker = body && Document.prototype.createTreeWalker.call(document, body, NodeFilter.SHOW_TEXT);
  while (walker && walker.nextNode() && scanned < {MAX_SCANNED} && ++nodes <= {MAX_NODES}) {{
    const parent = walker.currentNode.parentElement;
    if (!parent || unseen.has(parent.nodeName)) continue;
    const data = walker.currentNode.data.slice(0, {MAX_SCANNED} - scanned);
    scanned += data.length;
    if (length < {MAX_TEXT}) {{
      const said = data.replace(/\\s+/g, " ").trim().slice(0, {MAX_TEXT} - length);
      if (said) {{ text.push(said); length += said.length + 1; }}
    }}
    if (strange.size >= {MAX_GLYPHS} || !quick.test(data) || !visible(parent)) continue;
    for (const [point] of data.matchAll(beyond)) {{
      if (!strange.has(point)) strange.set(point, parent);
      if (strange.size >= {MAX_GLYPHS}) break;
    }}
  }}
  // A font draws one and the same box, its first glyph, for whatever it has not; all but a few characters are
  // told from that by their width, and need not be drawn.
  const countMissing = () => {{
    const canvas = document.createElementNS("http://www.w3.org/1999/xhtml", "canvas"), boxes = new Map();
    canvas.width = canvas.height = 48;
    const pen = canvas.getContext("2d", {{willReadFrequently: true}});
    pen.textBaseline = "middle";
    const drawn = point => {{
      pen.clearRect(0, 0, 48, 48);
      pen.fillText(point, 12, 24);
      return new Uint32Array(pen.getImageData(0, 0, 48, 48).data.buffer);
    }};
    const never = "\\u{{5FFFD}}";  // No character, in no font.
    const isMissing = ([point, element]) => {{
      const style = getComputedStyle(element), size = Math.min(parseFloat(style.fontSize) || 16, 32);
      const font = `${{style.fontStyle}} ${{style.fontWeight}} ${{size}}px ${{style.fontFamily}}`;
      pen.font = font;
      if (!boxes.has(font)) boxes.set(font, {{width: pen.measureText(never).width, pixels: null}});
      const box = boxes.get(font);
      if (pen.measureText(point).width !== box.width) return false;
      box.pixels ??= drawn(never);
      // Where the box is invisible, what else is so may well be meant to be.
      return box.pixels.some(Boolean) && drawn(point).every((pixel, at) => pixel === box.pixels[at]);
    }};
    return Array.from(strange).filter(isMissing).length;
  }};
  // Walls say what they have to say in a few words, and longer pages are spared the search.
  const marks = [], short = length < {MAX_TEXT};
  if (short) {{
    for (const [mark, css] of Object.entries(selectors)) if (find(css)) marks.push(mark);
    const own = Array.from(of("scripts")).filter(script => !script.src).slice(0, {MAX_SCRIPTS});
    for (const [mark, word] of Object.entries(words))
      if (own.some(script => script.text.includes(word))) marks.push(mark);
  }}
  const missingGlyphs = strange.size ? countMissing() : 0;
  return {{title, description, text: text.join(" "), short, marks, missingGlyphs}};
}}"""


class Seen(msgspec.Struct, frozen=True, rename="camel"):
    """What a page shows of itself."""

    title: str
    description: str
    text: str
    short: bool
    """Whether text is all that there is."""
    marks: frozenset[str]
    missing_glyphs: int
    console_errors: int = 0

    def evidence(self, http_status: int | None, headers: Mapping[str, str]) -> Evidence:
        """Return what of it, and of how the document was answered, raises suspicions."""
        return Evidence(
            http_status=http_status,
            headers=headers,
            title=self.title,
            text=self.text,
            short=self.short,
            marks=self.marks,
        )


class _Call(msgspec.Struct, frozen=True):
    type: str


class _Entry(msgspec.Struct, frozen=True):
    level: str
    text: str


class _Logged(msgspec.Struct, frozen=True):
    entry: _Entry


class _Console:
    """Counts the errors in the console of a document."""

    def __init__(self, session: Session) -> None:
        self.errors = 0
        session.on("Runtime.consoleAPICalled", _Call, self._called)
        session.on("Runtime.exceptionThrown", msgspec.Raw, self._thrown)
        session.on("Log.entryAdded", _Logged, self._logged)

    def _called(self, call: _Call) -> None:
        self.errors += call.type in ("error", "assert")

    def _thrown(self, _: msgspec.Raw) -> None:
        self.errors += 1

    def _logged(self, logged: _Logged) -> None:
        # What the caller had blocked is no fault of the page.
        self.errors += logged.entry.level == "error" and BLOCKED not in logged.entry.text


async def inspect(page: Page, timeout_s: float) -> Seen:
    """Return what the document shows. Raises PageMoved."""
    session = page.session
    console = _Console(session)
    # The browser keeps a document's last thousand messages, and tells them to who comes late. So nothing of
    # what a page logs, megabytes maybe, comes over the pipe while it loads; and what is told comes before the
    # answer to what is asked next.
    session.post("Runtime.enable", {})
    session.post("Log.enable", {})
    try:
        seen = await page.run(_INSPECT_JS, [MARKS, SCRIPTS], timeout_s, Seen)
    finally:
        session.post("Runtime.disable", {})
        session.post("Log.disable", {})
    return msgspec.structs.replace(seen, console_errors=console.errors)
