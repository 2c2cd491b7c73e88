"""Markdown that tries to run a script, and what every try that gets there does.

SCRIPT stands for what a try runs: it renames the page, and asks the site that the page stands on for
STRUCK. Nothing in it needs quoting, in HTML, in Markdown (to which an attribute with an equals sign
in its value is no HTML) or in a URL.
"""

from __future__ import annotations

from typing import Final

STRUCK: Final = "/1"
_SCRIPT: Final = "Object.assign(document,{title:fetch(1)})"
CALM: Final = "Calm"
"""The title of a page on which nothing has run."""

_TRIES: Final = {
    # Scripts, in one spelling or another
    "script": "<script>SCRIPT</script>",
    "script-caps": "<ScRiPt>SCRIPT</sCrIpT>",
    "script-inline": "text <script>SCRIPT</script> text",
    "script-slash": "<script/x>SCRIPT</script/y>",
    "script-line": "<script\n>SCRIPT</script\n>",
    "script-open": "<script>SCRIPT",
    "script-twice": "<scr<script>ipt>SCRIPT</scr</script>ipt>",
    "script-double-bracket": "<<script>SCRIPT//<</script>",
    "script-src-data": "<script src='data:text/javascript,SCRIPT'></script>",
    "script-src": "<script src=/strike.js></script>",
    "script-module": "<script type=module>SCRIPT</script>",
    "script-in-list": "- <script>SCRIPT</script>\n- b",
    "script-in-table": "| a |\n|---|\n| <script>SCRIPT</script> |",
    "script-in-heading": "## <script>SCRIPT</script>",
    "script-in-quote": "> <script>SCRIPT</script>",
    "script-in-details": "<details open><summary><script>SCRIPT</script></summary></details>",
    # Handlers
    "img-onerror": "<img src=x: onerror=SCRIPT>",
    "img-onerror-slash": "<img/src=x:/onerror=SCRIPT>",
    "img-onerror-backtick": "<img src=`x:` onerror=SCRIPT>",
    "img-onload": "<img src=data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA= onload=SCRIPT>",
    "img-broken-quote": '<img """><script>SCRIPT</script>">',
    "details-ontoggle": "<details open ontoggle=SCRIPT>x</details>",
    "input-onfocus": "<input autofocus onfocus=SCRIPT>",
    "a-onclick": "<a href=#x onclick=SCRIPT>x</a>",
    "div-onmouseover": "<div onmouseover=SCRIPT>x</div>",
    "div-onanimation": "<div style=animation-name:x onanimationstart=SCRIPT>x</div>",
    "onevent-newline": "<img src=x:\nonerror\n=\nSCRIPT>",
    "onevent-caps": "<IMG SRC=x: OnErRoR=SCRIPT>",
    "onevent-entities": "<img src=x: onerror=&#79;bject.assign(document,{title:fetch(1)})>",
    "video-source": "<video><source onerror=SCRIPT></video>",
    "audio": "<audio src=x: onerror=SCRIPT></audio>",
    "marquee": "<marquee onstart=SCRIPT>x</marquee>",
    "body-onload": "<body onload=SCRIPT>",
    "html-onload": "<html onmouseover=SCRIPT>",
    "popover": "<button popovertarget=p onclick=SCRIPT>x</button><p popover id=p onbeforetoggle=SCRIPT>",
    "contentvisibility": "<p oncontentvisibilityautostatechange=SCRIPT style=content-visibility:auto>x</p>",
    "unknown-element": "<x onclick=SCRIPT tabindex=1 autofocus onfocus=SCRIPT>x</x>",
    # Links
    "link": "[x](javascript:SCRIPT)",
    "link-caps": "[x](JaVaScRiPt:SCRIPT)",
    "link-angle": "[x](<javascript:SCRIPT>)",
    "link-entity": "[x](javascript&colon;SCRIPT)",
    "link-entity-letter": "[x](&#106;avascript:SCRIPT)",
    "link-tab-entity": "[x](java&Tab;script:SCRIPT)",
    "link-newline-entity": "[x](java&NewLine;script:SCRIPT)",
    "link-control": "[x](\x01javascript:SCRIPT)",
    "link-percent": "[x](javascript%3ASCRIPT)",
    "link-vbscript": "[x](vbscript:SCRIPT)",
    "link-data": "[x](data:text/html,<script>SCRIPT</script>)",
    "link-data-base64": "[x](data:text/html;base64,PHNjcmlwdD5PYmplY3QuYXNzaWduKGRvY3VtZW50LHt0aXRsZTpmZXRjaCgxKX0pPC9zY3JpcHQ+)",
    "link-title": '[x](/y "\\"onmouseover=SCRIPT x=\\"")',
    "link-reference": "[x][y]\n\n[y]: javascript:SCRIPT",
    "link-reference-title": "[x][y]\n\n[y]: /z '\"onmouseover=SCRIPT a=\"'",
    "link-reference-label": '[x]["onmouseover=SCRIPT x="]\n\n["onmouseover=SCRIPT x="]: /z',
    "autolink": "<javascript:SCRIPT>",
    "autolink-bare": 'http://x.example/"onmouseover=SCRIPT//',
    "html-link": "<a href=javascript:SCRIPT>x</a>",
    "html-link-tab": "<a href='java\tscript:SCRIPT'>x</a>",
    "html-link-newline": "<a href='java\nscript:SCRIPT'>x</a>",
    "html-link-space": "<a href=' javascript:SCRIPT'>x</a>",
    "html-link-control": "<a href='\x0bjavascript:SCRIPT'>x</a>",
    "html-link-entity": "<a href='&#x6A&#x61vascript&#58;SCRIPT'>x</a>",
    "html-link-data": "<a href='data:text/html,<script>SCRIPT</script>'>x</a>",
    "html-area": "<map name=m><area href=javascript:SCRIPT></map><img usemap=#m>",
    "image": "![x](javascript:SCRIPT)",
    "image-onerror": '![x](x: "\\" onerror=SCRIPT ")',
    "image-alt": '![" onerror=SCRIPT x="](x:)',
    "image-svg": "![x](data:image/svg+xml,<svg/onload=SCRIPT>)",
    "srcset": "<img srcset='javascript:SCRIPT 1x'>",
    # Other namespaces
    "svg": "<svg onload=SCRIPT>",
    "svg-slash": "<svg/onload=SCRIPT>",
    "svg-script": "<svg><script>SCRIPT</script></svg>",
    "svg-script-entity": "<svg><script>&#79;bject.assign(document,{title:fetch(1)})</script></svg>",
    "svg-animate": "<svg><a><animate attributeName=href values=javascript:SCRIPT /><text y=9>x</text></a>",
    "svg-use": "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'/>#x\"/></svg>",
    "svg-style": "<svg></p><style><a id='</style><img src=x: onerror=SCRIPT>'>",
    "svg-foreign": "<svg><foreignObject><img src=x: onerror=SCRIPT></foreignObject></svg>",
    "svg-title": "<svg><title><img src=x: onerror=SCRIPT></title></svg>",
    "math": "<math><mi xlink:href=javascript:SCRIPT>x</mi></math>",
    "math-href": "<math href=javascript:SCRIPT>x</math>",
    "math-mutation": "<math><mtext><table><mglyph><style><!--</style>"
    "<img title='--&gt;&lt;img src=x: onerror=SCRIPT&gt;'>",
    "math-form": "<form><math><mtext></form><form><mglyph><style></math><img src=x: onerror=SCRIPT>",
    "math-annotation": "<math><annotation-xml encoding=text/html><img src=x: onerror=SCRIPT></annotation-xml>",
    # Frames, plug-ins and what changes the whole document
    "iframe-src": "<iframe src=javascript:Object.assign(parent.document,{title:parent.fetch(1)})></iframe>",
    "iframe-srcdoc": "<iframe srcdoc='<script>Object.assign(parent.document,{title:parent.fetch(1)})</script>'></iframe>",
    "object": "<object data='data:text/html,<script>SCRIPT</script>'></object>",
    "object-js": "<object data=javascript:SCRIPT></object>",
    "embed": "<embed src=javascript:SCRIPT>",
    "base": "<base href=javascript:/a/-SCRIPT//><a href=#>x</a>",
    "meta-refresh": "<meta http-equiv=refresh content='0;url=javascript:SCRIPT'>",
    "meta-refresh-data": "<meta http-equiv=refresh content='0;url=data:text/html,<script>SCRIPT</script>'>",
    "link-import": "<link rel=stylesheet href='data:text/css,*{}' onload=SCRIPT>",
    "form": "<form action=javascript:SCRIPT><button>x</button></form>",
    "formaction": "<button formaction=javascript:SCRIPT>x</button>",
    "isindex": "<isindex type=image src=1 onerror=SCRIPT>",
    "template": "<template><img src=x: onerror=SCRIPT></template>",
    "shadow": "<div><template shadowrootmode=open><img src=x: onerror=SCRIPT></template></div>",
    # Out of one kind of text into another
    "style": "<style></style><script>SCRIPT</script>",
    "style-breakout": "<style>a{}</style><img src=x: onerror=SCRIPT>",
    "style-attribute": "<p style='background:url(javascript:SCRIPT)'>x</p>",
    "title-breakout": "# Calm\n\n</title><script>SCRIPT</script>",
    "title-in-heading": "# Calm &lt;/title&gt;&lt;script&gt;SCRIPT&lt;/script&gt;",
    "main-breakout": "</main></body></html><script>SCRIPT</script>",
    "textarea": "<textarea></textarea><img src=x: onerror=SCRIPT></textarea>",
    "noscript": "<noscript><p title='</noscript><img src=x: onerror=SCRIPT>'>",
    "xmp": "<xmp><p title='</xmp><img src=x: onerror=SCRIPT>'>",
    "noembed": "<noembed><p title='</noembed><img src=x: onerror=SCRIPT>'>",
    "plaintext": "<plaintext><img src=x: onerror=SCRIPT>",
    "select": "<select><option><style></option></select><img src=x: onerror=SCRIPT></style>",
    "comment": "<!-- --><script>SCRIPT</script> -->",
    "comment-bang": "<!--x--!><img src=x: onerror=SCRIPT>-->",
    "comment-short": "<!--><img src=x: onerror=SCRIPT>-->",
    "comment-conditional": "<!--[if gte IE 4]><script>SCRIPT</script><![endif]-->",
    "cdata": "<![CDATA[><img src=x: onerror=SCRIPT>]]>",
    "cdata-svg": "<svg><![CDATA[><img src=x: onerror=SCRIPT>]]></svg>",
    "declaration": "<!x ><img src=x: onerror=SCRIPT>>",
    "instruction": "<?x ><img src=x: onerror=SCRIPT>?>",
    "nul": "<scr\x00ipt>SCRIPT</script>",
    "attribute-newline": "<p title='\n\n<img src=x: onerror=SCRIPT>\n\n'>",
    "half-a-tag": "<p title='<!--\n\n--><img src=x: onerror=SCRIPT>",
    # By way of Markdown itself
    "fence-info": '```"onmouseover=SCRIPT x="\nx\n```',
    "fence-info-tag": "```x><script>SCRIPT</script>\nx\n```",
    "fence-language": "```html\n<script>SCRIPT</script>\n```",
    "fence-breakout": "```html\n</code></pre><script>SCRIPT</script>\n```",
    "fence-unknown": "```nothing\n</code></pre><script>SCRIPT</script>\n```",
    "code": "`<script>SCRIPT</script>`",
    "code-indented": "    </code></pre><script>SCRIPT</script>",
    "code-in-html": "<pre><code>\n\n</code></pre><script>SCRIPT</script>",
    "footnote": "a[^1]\n\n[^1]: <img src=x: onerror=SCRIPT>",
    "footnote-label": 'a[^"onmouseover=SCRIPT]\n\n[^"onmouseover=SCRIPT]: x',
    "footnote-tag": "a[^<script>SCRIPT</script>]\n\n[^<script>SCRIPT</script>]: x",
    "alert": "> [!NOTE]\n> <script>SCRIPT</script>",
    "task": "- [ ] <input type=image src=x: onerror=SCRIPT>",
    "heading-anchor": '## "><script>SCRIPT</script>',
    "entity": "&lt;script&gt;SCRIPT&lt;/script&gt;",
    "entity-number": "&#60;script&#62;SCRIPT&#60;/script&#62;",
    "escape": "\\<script>SCRIPT\\</script>",
    "front-matter": "---\ntitle: </title><script>SCRIPT</script>\n---\n",
}  # fmt: skip
_STYLES: Final = {
    "close": "</style><script>SCRIPT</script>",
    "close-caps": "a{}</STYLE ><script>SCRIPT</script>",
    "close-slash": "a{}</style/x><img src=x: onerror=SCRIPT>",
    "close-comment": "/* </style><script>SCRIPT</script> */",
    "close-string": "a::after{content:'</style><script>SCRIPT</script>'}",
    "close-escaped": "a{}\\</style><script>SCRIPT</script>",
    "close-twice": "<</style</style><script>SCRIPT</script>",
    "close-double": "<//style></style><script>SCRIPT</script>",
    "comment": "<!-- </style><script>SCRIPT</script> -->",
    "cdata": "<![CDATA[ </style><script>SCRIPT</script> ]]>",
    "import": "@import 'javascript:SCRIPT';",
    "url": "body{background:url(javascript:SCRIPT)}",
    "expression": "body{width:expression(SCRIPT);behavior:url(#x);-moz-binding:url(#x)}",
}


def _armed(tries: dict[str, str]) -> dict[str, str]:
    return {name: text.replace("SCRIPT", _SCRIPT) for name, text in tries.items()}


MARKDOWN: Final = _armed(_TRIES)
"""By name; each is put after a heading that says CALM."""
STYLES: Final = _armed(_STYLES)
"""The same for style sheets."""

# What a reader might do with a page, done to all that is on it; but no link is followed elsewhere.
PROVOKE: Final = """
addEventListener("click", event => {
  const link = event.target.closest("a");
  if (link && /^https?:/.test(link.href)) event.preventDefault();
});
for (const element of document.querySelectorAll("*")) {
  for (const name of ["mouseover", "focus", "error", "load", "toggle", "start", "animationstart",
                      "beforetoggle", "contentvisibilityautostatechange"])
    element.dispatchEvent(new Event(name));
  if (element.click) element.click();
}
document.querySelectorAll("form").forEach(form => form.requestSubmit());
await new Promise(later => setTimeout(later, 50));
"""
