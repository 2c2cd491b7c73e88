"""What Ruby and Go have in common: nested options, an Accept for JSON, replies read nested."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from calotype.access.authenticator import Authenticator
from tests.clients.wire import Reply, SdkError, Wire, signature

NESTED = {
    "viewport": {"width": 1200, "height": 630, "scale": 2, "mobile": True},
    "capture": {"mode": "full_page"},
    "output": {"format": "jpeg", "quality": 75},
    "wait": {"until": "networkidle", "delay": 500, "for_selector": "#chart", "timeout": 20_000},
    "block": {
        "ads": True, "trackers": True, "cookie_banners": True, "chat_widgets": True,
        "requests": ["*feedback-widget*"], "resources": ["font", "media"],
    },
    "page": {
        "scripts": ["document.title = 'é'"], "styles": ["body { margin: 0 }"], "click": "#more",
        "hide": [".ad", "#bar"], "remove": ["aside"],
    },
    "browser": {
        "dark_mode": True, "reduced_motion": True, "media": "print", "user_agent": "Robot/1.0",
        "timezone": "Europe/Berlin", "locale": "de-DE",
        "geolocation": {"latitude": 52.52, "longitude": 13.4, "accuracy": 10},
    },
    "network": {
        "headers": {"X-Team": "a"},
        "cookies": [
            {"name": "s", "value": "1", "domain": "example.com", "path": "/", "secure": True,
             "httpOnly": True, "sameSite": "Lax"}
        ],
        "auth": {"type": "basic", "username": "anna", "password": "p:w"},
        "bypass_csp": True,
    },
}  # fmt: skip
"""promises.EVERYTHING."""
NESTED_PAPER = {
    "output": {"format": "pdf"},
    "pdf": {
        "paper": "letter", "landscape": True, "scale": 0.9, "background": True, "page_ranges": "1-3",
        "margin": {"top": "1cm", "right": "2cm", "bottom": "3cm", "left": "4cm"},
        "header": "<i>a</i>", "footer": "<b>b</b>", "fit_one_page": True, "prefer_css_page_size": True,
    },
}  # fmt: skip


class Nested:
    """Goes by the status of a delete, and finds lists under their names."""

    waiting = "queued"

    def __init__(self, port: int, key: str) -> None:
        self._wire, self.key = Wire(port), key
        self.last: Reply

    def headers(self, *, json_wanted: bool) -> dict[str, str]:
        raise NotImplementedError

    def encode(self, body: object) -> bytes:
        raise NotImplementedError

    def error(self, reply: Reply) -> SdkError:
        raise NotImplementedError

    def listed(self, told: Any, name: str) -> list[dict[str, Any]]:
        raise NotImplementedError

    async def request(
        self, method: str, path: str, body: object = None, *, json_wanted: bool = False
    ) -> Reply:
        data = b"" if body is None else self.encode(body)
        self.last = await self._wire.exchange(
            method, f"/v1{path}", self.headers(json_wanted=json_wanted), data
        )
        return self.last

    async def _good(self, method: str, path: str, body: object = None, *, json_wanted: bool = False) -> Reply:
        reply = await self.request(method, path, body, json_wanted=json_wanted)
        if not reply.is_good:
            raise self.error(reply)
        return reply

    async def take(self, options: dict[str, object]) -> bytes:
        return (await self._good("POST", "/screenshot", options)).body

    async def take_json(self, options: dict[str, object]) -> dict[str, Any]:
        told = (await self._good("POST", "/screenshot", options, json_wanted=True)).json()
        assert told["id"].startswith("req_")
        assert told["status"] == "completed"
        image = {name: told["image"][name] for name in ("url", "width", "height")}
        return image | {"cached": told["cache"]["hit"], "key": told["cache"]["key"]}

    async def fetch(self, url: str) -> Reply:
        return await self._wire.exchange("GET", url.removeprefix("http://calotype.test"), {"Accept": "*/*"})

    async def presets(self) -> list[dict[str, Any]]:
        return self.listed((await self._good("GET", "/presets", json_wanted=True)).json(), "presets")

    async def preset(self, preset_id: str) -> dict[str, Any]:
        return dict((await self._good("GET", f"/presets/{preset_id}", json_wanted=True)).json())

    async def devices(self) -> list[dict[str, Any]]:
        return self.listed((await self._good("GET", "/devices", json_wanted=True)).json(), "devices")

    async def cache_get(self, key: str) -> bytes | None:
        reply = await self.request("GET", f"/cache/{key}")
        if reply.status == 404:
            return None
        if not reply.is_good:
            raise self.error(reply)
        return reply.body

    async def cache_delete(self, key: str) -> bool:
        reply = await self.request("DELETE", f"/cache/{key}", json_wanted=True)
        if reply.status == 404:
            return False
        if not reply.is_good:
            raise self.error(reply)
        return True

    async def _purge(self, body: object) -> tuple[int, list[str]]:
        told = (await self._good("POST", "/cache/purge", body, json_wanted=True)).json()
        return told["purged"], told["keys"]

    async def purge_keys(self, keys: list[str]) -> tuple[int, list[str]]:
        return await self._purge({"keys": keys})

    async def purge_url(self, pattern: str) -> tuple[int, list[str]]:
        return await self._purge({"url": pattern})

    async def purge_pattern(self, pattern: str) -> tuple[int, list[str]]:
        return await self._purge({"pattern": pattern})

    async def purge_before(self, moment: datetime) -> tuple[int, list[str]]:
        return await self._purge({"before": f"{moment:%Y-%m-%dT%H:%M:%SZ}"})

    async def batch(self, urls: list[str], options: dict[str, object]) -> dict[str, Any]:
        return dict((await self._good("POST", "/batch", {"urls": urls, "options": options})).json())

    async def batch_of_requests(self, requests: list[dict[str, object]]) -> dict[str, Any]:
        return dict((await self._good("POST", "/batch", {"requests": requests})).json())

    async def get_batch(self, batch_id: str) -> dict[str, Any]:
        return dict((await self._good("GET", f"/batch/{batch_id}")).json())

    def outcome(self, item: dict[str, Any]) -> tuple[bool, str | None]:
        """Go by the word; an error is a text."""
        done = item["status"] == "completed"
        assert done or isinstance(item["error"], str)
        return done, item["image_url"] if done else item["error"]

    async def usage(self) -> dict[str, Any]:
        return dict((await self._good("GET", "/usage", json_wanted=True)).json())

    async def may_sign(self, keys: Authenticator) -> None:
        """Take a pair of keys."""
        self.signing_key, pair = await keys.create_pair("default", "live", "")
        self.public_key_id = pair.id

    def generate_url(self, options: dict[str, str], expires: int) -> str:
        """Sign everything in the query, form-encoded and sorted, the id of the pair too."""
        told = {**options, "expires": str(expires), "key_id": self.public_key_id}
        text = urlencode(sorted(told.items()))
        return f"/v1/screenshot?{text}&signature={signature(self.signing_key, text)}"

    def lifetime(self, seconds: int) -> dict[str, object]:
        return {"cache": {"ttl": seconds}}

    def refreshed(self) -> dict[str, object]:
        return {"cache": {"refresh": True}}

    def quality(self, quality: int) -> dict[str, object]:
        return {"output": {"quality": quality}}
