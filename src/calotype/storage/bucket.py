"""Bucket: what an account has set for its copies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote

import ada_url
import msgspec

from calotype.cache.entry import Namespace
from calotype.capture.errors import InvalidRequest
from calotype.capture.target import parse_page_url
from calotype.storage.template import PathTemplate

DEFAULT_REGION = "us-east-1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", re.ASCII)
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,1024}", re.ASCII)


class Acl(StrEnum):
    """Who may read a copy."""

    PRIVATE = "private"
    PUBLIC_READ = "public-read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a bucket knows an account by. Both are kept sealed."""

    access_key_id: str = field(repr=False)
    secret: str = field(repr=False)

    def to_bytes(self) -> bytes:
        """Spell them for sealing."""
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Credentials:
        """Return what to_bytes spelled."""
        return msgspec.json.decode(data, type=cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket of an account in one mode."""

    namespace: Namespace
    endpoint: str
    """http or https, as browsers spell it, without a slash at its end."""
    name: str
    region: str
    path: PathTemplate
    """Where copies go whose request names no path."""
    acl: Acl
    """Who may read those whose request does not say."""
    sealed: bytes = field(repr=False)
    """Its Credentials."""
    set_at: datetime

    def url_of(self, path: str) -> str:
        """Return the address of the object at path, the bucket's name in front of its path."""
        # As it is signed: all escaped but slashes and what is unreserved.
        return f"{self.endpoint}/{self.name}/{quote(path, safe='/-._~')}"


def check_endpoint(text: str | None, region: str) -> str:
    """Return an endpoint as Bucket holds it; None stands for Amazon's in region. Raises InvalidRequest."""
    if text is None:
        return f"https://s3.{region}.amazonaws.com"
    url = ada_url.URL(parse_page_url(text, "--endpoint"))
    if url.username or url.password:
        raise InvalidRequest("--endpoint", "holds a name or a password", "give the keys apart from it")
    if url.search or url.hash:
        raise InvalidRequest("--endpoint", "has a query or a fragment", "give https://HOST, or with a path")
    return f"{url.protocol}//{url.host}{url.pathname}".rstrip("/")


def check_name(text: str) -> str:
    """Return text if a bucket can be called so. Raises InvalidRequest."""
    if not _NAME.fullmatch(text):
        raise InvalidRequest(
            "--bucket",
            "is no name of a bucket",
            "it has 3 or more letters, digits, '.', '-' or '_'",
        )
    return text


def check_region(text: str) -> str:
    """Return text if a region can be called so. Raises InvalidRequest."""
    if not _REGION.fullmatch(text):
        raise InvalidRequest(
            "--region", "is no name of a region", "give one such as eu-central-1, or auto for R2"
        )
    return text


def check_key(text: str, field_name: str) -> str:
    """Return text if it can be half of Credentials. Raises InvalidRequest, which does not repeat it."""
    if not _KEY.fullmatch(text):
        raise InvalidRequest(
            field_name, "cannot be used", "it is 1 to 1,024 visible ASCII characters, without spaces"
        )
    return text
