"""What Node, Python and PHP have in common, and Java mostly: flat options, and replies read flat."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from calotype.access.authenticator import Authenticator
from tests.clients.wire import Reply, SdkError, Wire, signature, whole_seconds

FLAT = {
    "viewport": {"width": 1200, "height": 630, "scale": 2, "mobile": True},
    "full_page": True, "format": "jpeg", "quality": 75,
    "wait_for": "networkidle", "delay": 500, "wait_for_selector": "#chart", "wait_for_timeout": 20_000,
    "block_ads": True, "block_trackers": True, "block_cookie_banners": True, "block_chat_widgets": True,
    "block_urls": ["*feedback-widget*"], "block_resources": ["font", "media"],
    "inject_script": "document.title = 'é'", "inject_style": "body { margin: 0 }", "click": "#more",
    "hide": [".ad", "#bar"], "remove": ["aside"],
    "dark_mode": True, "reduced_motion": True, "media_type": "print", "user_agent": "Robot/1.0",
    "timezone": "Europe/Berlin", "locale": "de-DE",
    "geolocation": {"latitude": 52.52, "longitude": 13.4, "accuracy": 10},
    "headers": {"X-Team": "a"}, "auth_basic": {"username": "anna", "password": "p:w"}, "bypass_csp": True,
}  # fmt: skip
"""promises.EVERYTHING, but for cookies, of which each language has its own spelling."""
COOKIE = {"name": "s", "value": "1", "domain": "example.com", "path": "/", "secure": True}
FLAT_PAPER = {
    "format": "pdf",
    "pdf": {
        "paper_size": "letter", "landscape": True, "scale": 0.9, "print_background": True,
        "page_ranges": "1-3", "margin_top": "1cm", "margin_right": "2cm", "margin_bottom": "3cm",
        "margin_left": "4cm", "header": "<i>a</i>", "footer": "<b>b</b>", "fit_one_page": True,
        "prefer_css_page_size": True,
    },
}  # fmt: skip
RETRYABLE = {"rate_limited", "timeout", "render_failed", "internal_error"}


class January:
    """Says the key and the User-Agent, asks for JSON in the body, and goes by the top-level code."""

    waiting = "pending"

    def __init__(self, port: int, key: str) -> None:
        self._wire, self.key = Wire(port), key
        self.last: Reply

    def headers(self, *, bytes_wanted: bool) -> dict[str, str]:
        raise NotImplementedError

    def encode(self, body: object) -> bytes:
        raise NotImplementedError

    def moment(self, moment: datetime) -> str:
        raise NotImplementedError

    async def request(
        self, method: str, path: str, body: object = None, *, bytes_wanted: bool = False
    ) -> Reply:
        data = b"" if body is None else self.encode(body)
        self.last = await self._wire.exchange(
            method, f"/v1{path}", self.headers(bytes_wanted=bytes_wanted), data
        )
        return self.last

    def error(self, reply: Reply) -> SdkError:
        told = reply.json()
        error = told.get("error")
        code = told.get("code") or "internal_error"
        return SdkError(
            reply.status,
            code,
            told.get("message") or (error if isinstance(error, str) else "Unknown error"),
            retryable=code in RETRYABLE,
            retry_after=whole_seconds(reply.headers.get("retry-after")),
        )

    async def _good(
        self, method: str, path: str, body: object = None, *, bytes_wanted: bool = False
    ) -> Reply:
        reply = await self.request(method, path, body, bytes_wanted=bytes_wanted)
        if not reply.is_good:
            raise self.error(reply)
        return reply

    async def take(self, options: dict[str, object]) -> bytes:
        body = {**options, "response_type": "binary"}
        return (await self._good("POST", "/screenshot", body, bytes_wanted=True)).body

    async def take_json(self, options: dict[str, object]) -> dict[str, Any]:
        told = (await self._good("POST", "/screenshot", {**options, "response_type": "json"})).json()
        return {name: told[name] for name in ("url", "width", "height", "cached")} | {
            "key": told["cache_key"]
        }

    async def fetch(self, url: str) -> Reply:
        return await self._wire.exchange("GET", url.removeprefix("http://calotype.test"), {"Accept": "*/*"})

    async def presets(self) -> list[dict[str, Any]]:
        return list((await self._good("GET", "/presets")).json())

    async def preset(self, preset_id: str) -> dict[str, Any]:
        return dict((await self._good("GET", f"/presets/{preset_id}")).json())

    async def devices(self) -> list[dict[str, Any]]:
        return list((await self._good("GET", "/devices")).json())

    async def cache_get(self, key: str) -> bytes | None:
        reply = await self.request("GET", f"/cache/{key}", bytes_wanted=True)
        if reply.status == 404:
            return None
        if not reply.is_good:
            raise self.error(reply)
        return reply.body

    async def cache_delete(self, key: str) -> bool:
        told: bool = (await self._good("DELETE", f"/cache/{key}")).json()["deleted"]
        return told

    async def _purge(self, body: object) -> tuple[int, list[str]]:
        told = (await self._good("POST", "/cache/purge", body)).json()
        return told["purged"], told["keys"]

    async def purge_keys(self, keys: list[str]) -> tuple[int, list[str]]:
        return await self._purge({"keys": keys})

    async def purge_url(self, pattern: str) -> tuple[int, list[str]]:
        return await self._purge({"url": pattern})

    async def purge_pattern(self, pattern: str) -> tuple[int, list[str]]:
        return await self._purge({"pattern": pattern})

    async def purge_before(self, moment: datetime) -> tuple[int, list[str]]:
        return await self._purge({"before": self.moment(moment)})

    async def batch(self, urls: list[str], options: dict[str, object]) -> dict[str, Any]:
        # The options are those of a picture, and have a url that means nothing.
        body = {"urls": urls, "options": {"url": "", **options}}
        return dict((await self._good("POST", "/batch", body)).json())

    async def batch_of_requests(self, requests: list[dict[str, object]]) -> dict[str, Any]:
        return dict((await self._good("POST", "/batch", {"requests": requests})).json())

    async def get_batch(self, batch_id: str) -> dict[str, Any]:
        return dict((await self._good("GET", f"/batch/{batch_id}")).json())

    def outcome(self, item: dict[str, Any]) -> tuple[bool, str | None]:
        """Go by the flag; what is in the item is a whole reply, or a whole error."""
        done: bool = item["success"]
        return done, item["response"]["url"] if done else item["error"]["message"]

    async def may_sign(self, keys: Authenticator) -> None:
        """Take a key that signs; it knows no pair of keys."""
        self.key, _ = await keys.create("default", "live", "", signs=True)

    def generate_url(self, options: dict[str, str], expires: int) -> str:
        """Sign names and values as they are, sorted, and leave them so in the URL."""
        told = "&".join(f"{name}={value}" for name, value in sorted(options.items()))
        text = f"{told}&expires={expires}"
        return f"/v1/screenshot?{text}&signature={signature(self.key, text)}"

    def tries_again(self, _status: int, code: str) -> bool:
        return code in RETRYABLE

    def lifetime(self, seconds: int) -> dict[str, object]:
        return {"cache_ttl": seconds}

    def refreshed(self) -> dict[str, object]:
        return {"cache_refresh": True}

    def quality(self, quality: int) -> dict[str, object]:
        return {"quality": quality}
