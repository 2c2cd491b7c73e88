"""Objects in any S3-compatible bucket, one request each, by path and not by a host of the bucket's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus

import ada_url

from calotype.clock import Clock
from calotype.egress.call import Answer, Call, Caller, host_of_url
from calotype.egress.connect import Connector
from calotype.egress.errors import Refused, Unreachable
from calotype.s3.signature import Signer, encoded
from calotype.storage.bucket import Acl, Bucket, Credentials
from calotype.storage.errors import BucketFault, EndpointForbidden

_TIMEOUT_S = 60.0
"""For all of it; ten megabytes at less than two a second."""
_CODE = re.compile(rb"<Code>([A-Za-z.]{1,60})</Code>")


class S3Objects:
    """Signs each request for the moment it is sent at."""

    def __init__(self, connector: Connector, caller: Caller, clock: Clock) -> None:
        """Take the way out; caller is one that goes by connector."""
        self._connector, self._caller, self._clock = connector, caller, clock

    async def check(self, bucket: Bucket) -> None:
        """See Objects."""
        host = host_of_url(ada_url.URL(bucket.endpoint))
        try:
            await self._connector.check(host.name, host.port)
        except Refused as exc:
            raise EndpointForbidden from exc

    async def put(
        self, bucket: Bucket, credentials: Credentials, path: str, data: bytes, media_type: str, acl: Acl
    ) -> None:
        """See Objects."""
        fields = {"content-type": media_type}
        if acl is not Acl.PRIVATE:
            # What is not said is private, and buckets whose access goes by policies alone refuse to be told.
            fields["x-amz-acl"] = acl.value
        await self._send("PUT", bucket, credentials, path, fields, data)

    async def delete(self, bucket: Bucket, credentials: Credentials, path: str) -> None:
        """See Objects."""
        await self._send("DELETE", bucket, credentials, path, {}, b"")

    async def _send(
        self,
        method: str,
        bucket: Bucket,
        credentials: Credentials,
        path: str,
        fields: Mapping[str, str],
        data: bytes,
    ) -> None:
        host = host_of_url(ada_url.URL(bucket.endpoint))
        target = ada_url.URL(bucket.endpoint).pathname.rstrip("/") + encoded(f"/{bucket.name}/{path}")
        signer = Signer(
            access_key_id=credentials.access_key_id, secret=credentials.secret, region=bucket.region
        )
        digest = hashlib.sha256(data).hexdigest()
        signed = signer.sign(method, target, {"host": host.authority, **fields}, digest, self._clock())
        del signed["host"]
        call = Call(method=method, target=target, fields=tuple(signed.items()), body=data)
        try:
            answer = await self._caller.call(host, call, _TIMEOUT_S)
        except Refused as exc:
            # Not said by whom: who names a host must not learn what else there is behind us.
            raise BucketFault("has a host that could not be found or is not public") from exc
        except Unreachable as exc:
            raise BucketFault(f"could not be reached: {exc.reason}") from exc
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise BucketFault(f"answered {_in_words(answer)}")


def _in_words(answer: Answer) -> str:
    # Its code and no more: what else it says may repeat what it was sent.
    code = _CODE.search(answer.body)
    return f"{answer.status} {code[1].decode()}" if code else str(answer.status)
