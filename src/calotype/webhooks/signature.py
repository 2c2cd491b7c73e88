"""The signature by which a receiver knows that it was us, and that nothing was changed on the way."""

from __future__ import annotations

import hashlib
import hmac
import re

TOLERANCE_S = 300
"""How far a receiver lets our clock and its own differ; what is older is somebody's copy, sent again."""
_PREFIX = "sha256="
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return `sha256=` and the hex HMAC-SHA256 of `<timestamp>.<body>`; timestamp is in Unix seconds."""
    text = b"%d.%b" % (timestamp, body)
    return _PREFIX + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def verify(secret: str, timestamp: str, body: bytes, signature: str, now: float) -> bool:
    """Say whether body came from who knows secret, about now; the two headers are taken as they came."""
    if not _TIMESTAMP.fullmatch(timestamp) or abs(now - int(timestamp)) > TOLERANCE_S:
        return False
    return hmac.compare_digest(sign(secret, int(timestamp), body).encode(), signature.encode())
