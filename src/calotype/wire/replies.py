"""The JSON that we answer with."""

from __future__ import annotations

import msgspec


class ImageInfo(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The picture; data is base64 and there only when the picture was not stored."""

    url: str | None = None
    width: int
    height: int
    size: int
    format: str
    data: str | None = None


class CacheInfo(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Where the picture stands in the cache."""

    hit: bool
    key: str
    url: str | None = None
    expires_at: str | None = None
    stale: bool = False
    """It is past its time, and there because a new one is not, or not yet."""


class Metadata(msgspec.Struct, kw_only=True):
    """What the page says of itself, and how it answered."""

    title: str
    description: str
    final_url: str | None
    http_status: int | None


class VerdictInfo(Metadata, kw_only=True):
    """All that is known of the page behind a picture, and of how the picture came out."""

    settled_by: str | None
    """`quiet`, or what else ended the wait for the page to come to rest."""
    blank: bool
    bot_wall: str | None
    """Whose wall against bots it seems to be."""
    error_page: bool
    """It seems to be one, although its status says that all is well."""
    cut: str | None
    unfinished_images: int
    missing_glyphs: int
    console_errors: int
    consent_banner: str | None
    """`declined` or `hidden`, of one that was asked to be left out."""
    consent_product: str


class UsageInfo(msgspec.Struct, kw_only=True):
    """What a picture cost its caller, and what is left of the month."""

    credits: int
    remaining: int


class ShotReply(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A capture told in JSON: the nested shape of the newer clients and the flat one of the older at once."""

    id: str
    status: str
    url: str | None = None
    """The picture's, not the page's."""
    cache_url: str | None = None
    width: int
    height: int
    format: str
    size: int
    cache_key: str
    ttl: int | None = None
    cached: bool
    image: ImageInfo
    cache: CacheInfo
    metadata: Metadata
    verdict: VerdictInfo
    usage: UsageInfo | None = None
    storage_path: str | None = None
    """Of the copy in the account's own bucket."""


class ErrorInfo(msgspec.Struct, kw_only=True):
    """What went wrong, as the newer clients read it."""

    type: str
    code: str
    """May be finer than the one at the top; docs/errors.md lists them."""
    message: str
    details: dict[str, str]
    """Of bad input the field, the problem and the remedy; maybe a hint."""
    retryable: bool
    """Whether the same request may succeed later."""
    request_id: str


class ErrorReply(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What went wrong, in the shapes of all clients at once; to one of them error is a string."""

    error: ErrorInfo | str
    code: str
    """A word that every client knows."""
    message: str
    request_id: str
    deleted: bool | msgspec.UnsetType = msgspec.UNSET
    """Of a DELETE that found nothing: false."""
    key: str | msgspec.UnsetType = msgspec.UNSET
    """Of a DELETE that found nothing: what was looked for."""


class PurgeReply(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a purge did. pattern is the glob that was used; url, before, tags and all echo those given."""

    purged: int
    pattern: str | msgspec.UnsetType = msgspec.UNSET
    url: str | msgspec.UnsetType = msgspec.UNSET
    before: str | msgspec.UnsetType = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType = msgspec.UNSET
    all: bool | msgspec.UnsetType = msgspec.UNSET
    keys: list[str]
    purge_id: str
    dry_run: bool
    soft: bool
    combined: str


class DeleteReply(msgspec.Struct, kw_only=True):
    """Whether an entry was deleted."""

    deleted: bool
    key: str


class CacheItem(msgspec.Struct, kw_only=True):
    """An entry of the cache, in a list."""

    key: str
    target_url: str
    """The page's; about:blank for html without a base."""
    url: str
    """The picture's, which needs no key."""
    created_at: str
    expires_at: str
    stale: bool
    """Expired or purged softly: no address leads to it, but it may yet stand in for a capture."""
    size: int
    format: str
    tags: list[str]


class CacheList(msgspec.Struct, kw_only=True):
    """A page of the cache; cursor leads to the next one, and is null on the last."""

    entries: list[CacheItem]
    cursor: str | None


class EntryReply(CacheItem, kw_only=True):
    """An entry of the cache, told in full but for its bytes."""

    width: int
    height: int
    etag: str
    """As the header spells it, quotes included."""
    sha256: str
    """In hex."""
    render_ms: int
    http_status: int | None
    final_url: str | None
    title: str
    description: str
    verdict: VerdictInfo
    storage_path: str
    age: int
    """Seconds since it was stored."""
    ttl_left: int
    """Whole seconds until it is gone."""


class LoggedFilter(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The filters that a purge was asked for with."""

    keys: list[str] | msgspec.UnsetType = msgspec.UNSET
    """In a list of purges the first few."""
    key_count: int | msgspec.UnsetType = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType = msgspec.UNSET
    """In a list of purges the first few."""
    tag_count: int | msgspec.UnsetType = msgspec.UNSET
    pattern: str | msgspec.UnsetType = msgspec.UNSET
    url: str | msgspec.UnsetType = msgspec.UNSET
    before: str | msgspec.UnsetType = msgspec.UNSET
    all: bool | msgspec.UnsetType = msgspec.UNSET


class LoggedPurgeReply(msgspec.Struct, kw_only=True):
    """A purge or delete, as the audit trail tells it."""

    purge_id: str
    created_at: str
    by: str | None
    """Id of the key that asked, or `cli`."""
    filter: LoggedFilter
    purged: int
    soft: bool
    swept: bool
    """Whether the entries' space is free again; they could not be had from the first."""
    sweep_progress: float


class PurgeList(msgspec.Struct, kw_only=True):
    """A page of the audit trail; cursor leads to the next one, and is null on the last."""

    purges: list[LoggedPurgeReply]
    cursor: str | None


class ReadyReply(msgspec.Struct, kw_only=True):
    """Whether all that the server stands on works; each check is `ok` or a word for what is wrong."""

    status: str
    checks: dict[str, str]


class UsageReply(msgspec.Struct, kw_only=True):
    """What a key has used of its month; null stands for no limit, but in credits, which clients count on."""

    credits: int
    used: int
    remaining: int
    period_start: str
    period_end: str
    plan: str | None
    requests_per_minute: int | None
    concurrent: int | None
    batch: int


class PresetReply(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A named bundle of options; what it does not set is absent."""

    id: str
    name: str
    description: str
    width: int | None = None
    height: int | None = None
    scale: float | None = None
    mobile: bool | None = None
    format: str | None = None
    full_page: bool | None = None


class DeviceReply(msgspec.Struct, kw_only=True):
    """A named device; sizes in CSS pixels."""

    id: str
    name: str
    width: int
    height: int
    scale: float
    mobile: bool
    user_agent: str | None


class FlatShot(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A picture as the older clients know it."""

    url: str
    """The picture's, not the page's."""
    cache_url: str
    width: int
    height: int
    format: str
    size: int
    cache_key: str
    ttl: int
    cached: bool
    storage_path: str | None = None
    """Of the copy in the account's own bucket."""


class Failure(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Why there is no picture."""

    code: str
    message: str
    details: dict[str, str]
    retryable: bool


class BatchItemReply(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One capture of a batch: the shapes of all client families at once."""

    url: str
    """The page's."""
    status: str
    """`pending`, `completed`, `failed` or `cancelled`."""
    success: bool
    image: ImageInfo | None = None
    image_url: str | None = None
    cache: CacheInfo | None = None
    metadata: Metadata | None = None
    response: FlatShot | None = None
    error: str | Failure | None = None
    """Text for the newer clients, an object for the older."""
    failure: Failure | None = None
    """The same for everybody, with the finer code."""


class BatchReply(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A batch, and what has become of each capture, in the order in which they were asked for."""

    id: str
    status: str
    total: int
    completed: int
    failed: int
    results: list[BatchItemReply]
    webhook: str | None = None
    created_at: str
    ended_at: str | None = None
    results_url: str


class BatchProgress(msgspec.Struct, omit_defaults=True, kw_only=True):
    """How far a batch is, as an event; item is the capture that has just ended."""

    id: str
    status: str
    total: int
    completed: int
    failed: int
    item: BatchItemReply | None = None


class JobReply(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One capture that is not waited for; with a picture it is told as one that was."""

    id: str
    status: str
    """`processing`, `completed`, `failed` or `cancelled`."""
    webhook: str | None = None
    created_at: str
    ended_at: str | None = None
    url: str | None = None
    """The picture's, not the page's."""
    cache_url: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    size: int | None = None
    cache_key: str | None = None
    ttl: int | None = None
    cached: bool | None = None
    image: ImageInfo | None = None
    cache: CacheInfo | None = None
    metadata: Metadata | None = None
    storage_path: str | None = None
    error: str | Failure | None = None
    code: str | None = None
    message: str | None = None


class PresetList(msgspec.Struct, kw_only=True):
    """The presets, as the newer clients read them; the older ones get the list alone."""

    presets: list[PresetReply]


class DeviceList(msgspec.Struct, kw_only=True):
    """The devices, as the newer clients read them; the older ones get the list alone."""

    devices: list[DeviceReply]


class VersionReply(msgspec.Struct, kw_only=True):
    """Who answers."""

    name: str
    version: str
    api: str
    """The version of the interface, with which its paths begin."""
