"""The base of public URLs."""

from __future__ import annotations

import ipaddress
import re

_HOST = re.compile(r"[A-Za-z0-9.\-:\[\]]{1,255}")


class BaseUrl:
    """The configured base; without one, on a wildcard address, the name that the client knows us by."""

    def __init__(self, public_url: str | None, host: str, port: int) -> None:
        self._fallback = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._fixed = public_url.rstrip("/") if public_url else None
        if self._fixed is None and not _is_wildcard(host):
            self._fixed = self._fallback

    def for_host(self, host_header: str | None) -> str:
        """Return the base without a trailing slash."""
        if self._fixed is not None:
            return self._fixed
        if host_header is None or not _HOST.fullmatch(host_header):
            return self._fallback
        return f"http://{host_header}"


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""
