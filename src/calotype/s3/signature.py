"""AWS Signature Version 4, by which an S3-compatible store knows who asks. Pure.

As in "Authenticating Requests: Using the Authorization Header" of the Amazon S3 API Reference.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "s3"
_UNRESERVED = "-._~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Whose requests are signed, and for which region."""

    access_key_id: str = field(repr=False)
    secret: str = field(repr=False)
    region: str

    def sign(
        self, method: str, path: str, fields: Mapping[str, str], payload_sha256: str, now: datetime
    ) -> dict[str, str]:
        """Return fields and those that a signed request has beside them, by lower-case name.

        path is percent-encoded and has no query; fields are all that is to be vouched for, `host` among
        them, under lower-case names; payload_sha256 is in hex digits.
        """
        moment = now.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{moment[:8]}/{self.region}/{_SERVICE}/aws4_request"
        vouched = {**fields, "x-amz-content-sha256": payload_sha256, "x-amz-date": moment}
        names = ";".join(sorted(vouched))
        spelled = "".join(f"{name}:{' '.join(vouched[name].split())}\n" for name in sorted(vouched))
        canonical = f"{method}\n{path}\n\n{spelled}\n{names}\n{payload_sha256}"
        text = "\n".join([_ALGORITHM, moment, scope, _sha256(canonical)])
        signature = hmac.new(self._key(scope), text.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={self.access_key_id}/{scope}"
        vouched["authorization"] = f"{_ALGORITHM} {credential},SignedHeaders={names},Signature={signature}"
        return vouched

    def _key(self, scope: str) -> bytes:
        key = b"AWS4" + self.secret.encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key


def encoded(path: str) -> str:
    """Return path as it is both sent and signed: all escaped but slashes and what is unreserved."""
    return quote(path, safe="/" + _UNRESERVED)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
