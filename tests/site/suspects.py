"""Walls against bots and error pages, told short, and good pages that look like one."""

from __future__ import annotations

from tests.site.exchange import Reply

_HEAD = "<!doctype html><meta charset=utf-8><title>{}</title>"
_STORY = "<p>" + "It tells more than any wall or error page would, and goes on for a while. " * 40


def _page(title: str, body: str = "", status: int = 200, **headers: str) -> Reply:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(_HEAD.format(title) + body, status=status, headers=told)


WALLS: dict[str, tuple[str, Reply]] = {
    "cloudflare-by-header": ("cloudflare", _page("Nur einen Moment…", _STORY, 403, CF_Mitigated="challenge")),
    "cloudflare-by-page": (
        "cloudflare",
        _page(
            "Just a moment...",
            "<h1>example.com</h1><p>Verifying you are human. This may take a few seconds."
            "<script>window._cf_chl_opt = {cvId: '3', cType: 'managed'}</script>",
        ),
    ),
    "cloudflare-blocks": (
        "cloudflare",
        _page(
            "Attention Required! | Cloudflare",
            "<div id=cf-error-details><h1>Sorry, you have been blocked</h1></div>",
            403,
        ),
    ),
    "datadome": (
        "datadome",
        _page(
            "shop.example",
            "<p id=cmsg>Please enable JS and disable any ad blocker"
            "<script>var dd = {'rt': 'c', 'host': 'geo.captcha-delivery.com'}</script>",
            403,
        ),
    ),
    "perimeterx": (
        "perimeterx",
        _page("Access to this page has been denied", "<div id=px-captcha></div><p>Press & Hold", 403),
    ),
    "akamai": (
        "akamai",
        _page(
            "Access Denied",
            '<h1>Access Denied</h1>You don\'t have permission to access "http://shop.example/" on this server.'
            "<p>Reference&#32;&#35;18&#46;2d351ab8&#46;1557333295&#46;a4e16ab",
            403,
        ),
    ),
    "aws": ("aws", _page("", "<div id=challenge-container></div>", 202, X_Amzn_Waf_Action="challenge")),
    "imperva": (
        "imperva",
        _page(
            "",
            "<iframe id=main-iframe src='/_Incapsula_Resource?SWUDNSAI=31'>Request unsuccessful.</iframe>",
        ),
    ),
    "ddos-guard": (
        "ddos-guard",
        _page("DDoS-Guard", "<h1>Checking your browser before accessing shop.example</h1>", 403),
    ),
    "sucuri": (
        "sucuri",
        _page("You are being redirected...", "<script>var sucuri_cloudproxy_js = ''</script>", 307),
    ),
    "vercel": ("vercel", _page("Vercel Security Checkpoint", "We're verifying your browser", 429)),
    "f5": (
        "f5",
        _page(
            "Request Rejected",
            "The requested URL was rejected. Please consult with your administrator. Your support ID is: 123",
        ),
    ),
    "hcaptcha": ("captcha", _page("Hold on", "<p>Are you a human?<div class=h-captcha></div>")),
    "recaptcha": (
        "captcha",
        _page(
            "Sorry...",
            "<p>Our systems have detected unusual traffic from your network.<form id=captcha-form>"
            "<div class=g-recaptcha><textarea name=g-recaptcha-response hidden></textarea></div></form>",
            429,
        ),
    ),
    "turnstile": ("captcha", _page("One more step", "<div class=cf-turnstile></div>", 403)),
}
"""Name -> whose it is, and how the site answers at /wall/<name>."""

ERROR_PAGES: dict[str, Reply] = {
    "nginx": _page("502 Bad Gateway", "<center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center>"),
    "soft-404": _page("404 Not Found | Shop", "<h1>Oops</h1><p>We could not find that. <a href=/>Home</a>"),
    "soft-404-in-words": _page("Page not found - My Blog", "<nav>Home About</nav><p>Nothing here."),
    "bare": _page("", "404 page not found"),
    "envoy": _page("", "no healthy upstream"),
    "database": _page("Database Error", "<h1>Error establishing a database connection</h1>"),
    "next": _page(
        "Shop",
        "<h2>Application error: a client-side exception has occurred (see the browser console for more).</h2>",
    ),
    "php": _page("", "<br><b>Fatal error</b>: Uncaught Error: Call to undefined function in index.php:3"),
    "nginx-default": _page("Welcome to nginx!", "<h1>Welcome to nginx!</h1><p>If you see this page, ..."),
    "apache-default": _page("Apache2 Debian Default Page: It works", "<h1>It works!</h1>"),
}
"""How the site answers at /error/<name>, always with 200."""

GOOD: dict[str, Reply] = {
    "contact-form-with-captcha": _page(
        "Contact us",
        "<h1>Contact us</h1><p>Please verify you are human to send this.<form><input name=name><input type=email>"
        "<textarea name=message></textarea><div class=g-recaptcha></div><button>Send</button></form>",
    ),
    "login-with-captcha-behind-403": _page(
        "Sign in",
        "<form><input name=user><input type=password><div class=h-captcha></div></form>",
        403,
    ),
    "landing-page-with-recaptcha-badge": _page(
        "Home security check, booked online",
        "<h1>Complete the security check of your home today</h1><div class=grecaptcha-badge>"
        "<iframe src='https://www.google.com/recaptcha/api2/anchor?size=invisible'></iframe></div>",
    ),
    "newsletter-with-turnstile": _page("The Gazette", "<p>Join us<div class=cf-turnstile></div>"),
    "a-moment-in-a-title": _page("Just a moment... in the life of a bee", "<p>Bees rest for a moment."),
    "behind-cloudflare": _page(
        "A shop",
        "<p>Buy now<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script>",
        Server="cloudflare",
        CF_Ray="8f00baa",
    ),
    "behind-datadome": _page(
        "A shop", "<p>Buy<script src='https://js.datadome.co/tags.js'></script>", X_DataDome="protected"
    ),
    "with-the-awswaf-script": _page(
        "A shop", "<p>Buy<script src='https://abc.token.awswaf.com/abc/challenge.js'></script>"
    ),
    "story-of-captchas": _page(
        "How a captcha works", f"<div class=g-recaptcha></div>Are you a human?{_STORY}"
    ),
    "access-denied-film": _page("Access Denied", "<h1>Access Denied</h1><p>A film of 2019. Reference #1."),
    "forbidden-page-of-the-sites-own": _page("Members only", "<p>Please sign in to read this.", 403),
    "reference-page-of-404": _page("404 Not Found - HTTP | Docs", f"<h1>404 Not Found</h1>{_STORY}"),
    "house-number-404": _page("404 Oak Street | Homes", "<h1>404 Oak Street</h1><p>Three rooms."),
    "error-in-a-title": _page("Error handling in Go", "<p>Errors are values."),
    "room-500": _page("500 \u2013 Days of Summer", "<p>A film."),
    "not-found-in-a-text": _page("Lost cat", "<p>Our cat was not found yet. Call us."),
    "a-page-that-works": _page("It works! How we mended the lamp", "<p>It works!<p>See how."),
    "welcome": _page("Welcome to nginx training", "<p>Three days in May."),
    "status-page": _page("Service status", "<p>All services are available. No error in 90 days."),
    "unavailable-product": _page("Lamp - temporarily unavailable", "<p>The lamp is sold out."),
}
"""How the site answers at /good/<name>: none of these is to be suspected."""

SUSPECTS: dict[str, Reply] = {
    **{f"/wall/{name}": reply for name, (_, reply) in WALLS.items()},
    **{f"/error/{name}": reply for name, reply in ERROR_PAGES.items()},
    **{f"/good/{name}": reply for name, reply in GOOD.items()},
}
