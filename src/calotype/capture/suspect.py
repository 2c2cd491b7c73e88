"""Is it a wall against bots, or an error page that says all is well? Pure; from what was seen of the page.

Both are suspicions, and held back: a good page that is suspected costs its owner more than a wall that is
missed. Walls and error pages are short, and the rules ask for that; only what a server itself
says in a header counts for any page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen of a page; none of it is kept."""

    http_status: int | None = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the document's response, names in lower case."""
    title: str = ""
    text: str = ""
    """How the page's text begins."""
    short: bool = True
    """Whether that is all of it."""
    marks: frozenset[str] = frozenset()
    """The words of MARKS and SCRIPTS that were found in the document."""


MARKS: Final = {
    "captcha": (
        'iframe[src*="hcaptcha.com/"], iframe[src*="google.com/recaptcha/"]:not(.grecaptcha-badge *), '
        'iframe[src*="recaptcha.net/recaptcha/"]:not(.grecaptcha-badge *), '
        'iframe[src*="challenges.cloudflare.com/"], iframe[src*="arkoselabs.com/"], '
        ".h-captcha, .g-recaptcha, .cf-turnstile"
    ),
    # What people fill in. Captchas bring a field of their own for their answer.
    "fields": (
        "input:is([type=text], [type=email], [type=password], [type=tel], [type=search], :not([type])), "
        "textarea:not([name$=-response]), select"
    ),
    "cloudflare": (
        "#challenge-form, #challenge-running, #cf-challenge-running, #challenge-error-text, "
        'script[src*="/cdn-cgi/challenge-platform/"][src*="/orchestrate/"]'
    ),
    "cloudflare-block": "#cf-error-details, .cf-error-details",
    "datadome": 'iframe[src*="captcha-delivery.com/"], script[src*="captcha-delivery.com/"]',
    "perimeterx": "#px-captcha, #px-captcha-wrapper",
    "aws": 'script[src*=".awswaf.com/"]',
    "aws-box": "#challenge-container, #captcha-container",
    "imperva": 'iframe[src*="_Incapsula_Resource"]',
    "anubis": "#anubis_challenge",
    "amazon": 'form[action*="/errors/validateCaptcha"]',
}
"""What to look for in the document, as CSS selectors."""
SCRIPTS: Final = {
    "cloudflare": "_cf_chl_opt",
    "datadome": "captcha-delivery.com",
    "sucuri": "sucuri_cloudproxy_js",
    "aws-box": "gokuProps",
}
"""What to look for in the scripts that are part of the document."""

_REFUSED: Final = (403, 405, 429, 503)
"""What walls answer with, those that own up to it."""
_ASKS_FOR_PROOF: Final = re.compile(
    r"verify (that )?you('| a)re (a )?human|verifying you are human|are you (a )?(human|robot)\b|"
    r"(not|aren't) a (robot|bot)\b|unusual (traffic|activity)|checking your browser|"
    r"checking if the site connection is secure|press (&|and) hold|complete the (captcha|security check)|"
    r"automated (requests|queries|access)"
)
_AKAMAI: Final = re.compile(r"reference #\s?[0-9a-f]+(\.[0-9a-f]+){2,}")
_Says = Callable[[Evidence, str, str], bool]
"""Of a short page, whose title and text come in lower case."""

_WALLS: Final[tuple[tuple[str, _Says], ...]] = (
    ("cloudflare", lambda seen, title, _: "cloudflare" in seen.marks and "just a moment" in title),
    (
        "cloudflare",
        lambda seen, title, _: (
            "cloudflare-block" in seen.marks
            and (title == "attention required! | cloudflare" or "used cloudflare to restrict access" in title)
        ),
    ),
    ("cloudflare", lambda seen, *_: "cloudflare" in seen.marks and seen.http_status in _REFUSED),
    ("datadome", lambda seen, *_: "datadome" in seen.marks),
    ("perimeterx", lambda seen, *_: "perimeterx" in seen.marks),
    ("aws", lambda seen, *_: {"aws", "aws-box"} <= seen.marks),
    ("imperva", lambda seen, _, text: "imperva" in seen.marks or "incapsula incident id" in text),
    (
        "imperva",
        lambda _, title, text: title == "pardon our interruption" and "think you were a bot" in text,
    ),
    ("akamai", lambda _, title, text: title == "access denied" and _AKAMAI.search(text) is not None),
    ("sucuri", lambda seen, *_: "sucuri" in seen.marks),
    ("sucuri", lambda _seen, title, text: "sucuri website firewall - access denied" in (title, text[:39])),
    ("ddos-guard", lambda _, title, text: title == "ddos-guard" and "checking your browser" in text),
    ("vercel", lambda _seen, title, _text: title == "vercel security checkpoint"),
    ("anubis", lambda seen, *_: "anubis" in seen.marks),
    ("amazon", lambda seen, *_: "amazon" in seen.marks),
    ("f5", lambda _, title, text: title == "request rejected" and "requested url was rejected" in text),
    (
        "captcha",
        lambda seen, title, text: (
            "captcha" in seen.marks
            and "fields" not in seen.marks
            and (seen.http_status in _REFUSED or _ASKS_FOR_PROOF.search(f"{title} {text}") is not None)
        ),
    ),
)
"""The first that fits names the wall."""

_PHRASE: Final = (
    r"(?:bad request|unauthorized|forbidden|(?:page |file )?not found|method not allowed|request time-?out|"
    r"too many requests|(?:internal )?server error|bad gateway|service (?:temporarily )?unavailable|"
    r"gateway time-?out|web server is down)"
)
_SITE: Final = r"(?: ?[-|:\u00b7\u2013\u2014] ?.{1,80})?"
"""Titles part page and site by any of these dashes and dots."""
_ERROR_TITLE: Final = re.compile(
    rf"(?:http |error )?(?:http )?[45][0-9]{{2}}(?: ?[-|:.\u2013\u2014]| error[:.]?)? {_PHRASE}[!.]?{_SITE}"
    rf"|(?:error 40[0-9]|error 50[0-9]|404 error|50[0-9] error){_SITE}"
    rf"|(?:error: ?)?(?:page not found|bad gateway|internal server error|gateway time-?out|"
    rf"service (?:temporarily )?unavailable)(?: \(?[45][0-9]{{2}}\)?)?[!.]?{_SITE}"
    r"|not found|database error|whitelabel error page|application error"
)
_DEFAULT_TITLE: Final = re.compile(
    r"welcome to (?:nginx|openresty|tengine)!|apache2 \w+ default page.*|iis windows(?: server)?|"
    r"(?:http server )?test page (?:for the|powered by) .*(?:apache|nginx|centos).*|default web site page"
)
_ERROR_TEXT: Final = re.compile(
    rf"(?:error:? )?(?:[45][0-9]{{2}}:? )?{_PHRASE}[.!]?(?: (?:nginx|openresty|apache)(?:/[0-9.]+)?)?"
    r"|404 page not found|default backend - 404|no healthy upstream|it works!"
)
_ERROR_START: Final = (
    "application error: a client-side exception has occurred",
    "application error: a server-side exception has occurred",
    "error establishing a database connection",
    "fatal error: uncaught",
    "upstream connect error or disconnect/reset before headers",
    "whitelabel error page",
)
_MAX_ERROR: Final = 800
"""Characters of text. What tells more is about an error rather than one."""
_MAX_HEADING: Final = 200


def wall_of(seen: Evidence) -> str | None:
    """Return whose wall the page seems to be, None if it seems to be none."""
    said = _said_by_the_server(seen)
    if said is not None or not seen.short:
        return said
    title, text = _plain(seen.title), _plain(seen.text)
    return next((name for name, says in _WALLS if says(seen, title, text)), None)


def is_error_page(seen: Evidence) -> bool:
    """Say whether the page seems to be an error page, or a server's page of before anything was installed.

    Only of what was answered as if all were well: else the status says it.
    """
    well = seen.http_status is not None and 200 <= seen.http_status < 300  # noqa: PLR2004
    text = _plain(seen.text)
    if not well or not seen.short:
        return False
    title = _plain(seen.title)[:_MAX_HEADING]
    if _DEFAULT_TITLE.fullmatch(title):
        return True
    if len(text) > _MAX_ERROR:
        return False
    named = _ERROR_TITLE.fullmatch(title) or _ERROR_TEXT.fullmatch(text[:_MAX_HEADING])
    return named is not None or text.startswith(_ERROR_START)


def _said_by_the_server(seen: Evidence) -> str | None:
    headers = seen.headers
    if headers.get("cf-mitigated") == "challenge":
        return "cloudflare"
    if headers.get("x-amzn-waf-action") in ("challenge", "captcha"):
        return "aws"
    if headers.get("x-vercel-mitigated") in ("challenge", "deny"):
        return "vercel"
    if "x-sucuri-block" in headers:
        return "sucuri"
    if seen.http_status == 429 and "x-kpsdk-ct" in headers:  # noqa: PLR2004
        return "kasada"
    return None


def _plain(text: str) -> str:
    # The text comes node by node, so there may be a space where an element ended.
    return " ".join(text.lower().replace("\u2019", "'").split()).replace(" : ", ": ")
