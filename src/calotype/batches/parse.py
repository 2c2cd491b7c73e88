"""A batch's JSON -> the captures that it asks for, the faulty ones among them told one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ada_url

from calotype.batches.batch import MAX_ITEMS
from calotype.batches.webhook import Webhook, parse_webhook
from calotype.cache.key import canonical
from calotype.capture.errors import InvalidRequest, MissingParameter
from calotype.capture.fields import Fields, shown
from calotype.capture.target import MAX_URL_LENGTH, source_url
from calotype.shots.asked import Asked, parse_asked

DEFAULT_CONCURRENCY = 3
MAX_CONCURRENCY = 10
Spelling = Callable[[Mapping[str, object]], dict[str, object]]
"""Any spelling of a capture request -> the nested one; may raise InvalidRequest."""
_NOT_OPTIONS = ("response_type", "webhook", "async")
"""What is about a call of its own, and means nothing within a batch."""
_ANY_URL = "https://example.com/"
_PAGES = ("http:", "https:")
_DOCUMENTS = ("html", "markdown")
_UNSTORED = "the pictures of accepted captures are fetched from the cache; leave it out, or set cache.ttl"


@dataclass(frozen=True, slots=True)
class WantedItem:
    """One capture of a batch: what it asks for, or why it cannot be."""

    url: str
    options: Mapping[str, object]
    """In the nested spelling; they hold secrets."""
    asked: Asked | None
    fault: InvalidRequest | None

    @property
    def identity(self) -> object:
        """What is equal for two items whose picture is one and the same."""
        if self.asked is None:
            return object()
        capture = self.asked.capture
        wishes, storage = self.asked.wishes, self.asked.storage
        return canonical(capture.request), wishes, storage, capture.fail_on, capture.budget_ms


@dataclass(frozen=True, slots=True)
class WantedBatch:
    """All that a batch asks for."""

    items: tuple[WantedItem, ...]
    concurrency: int
    webhook: Webhook | None
    asynchronous: bool
    unknown: list[str]
    """Paths of fields of the batch itself that mean nothing to us."""

    @property
    def all_unknown(self) -> list[str]:
        """The same, with those of the captures."""
        inner = {path for item in self.items if item.asked is not None for path in item.asked.unknown}
        return [*self.unknown, *sorted(inner)]


def parse_batch(
    body: Mapping[str, object], nested: Spelling, *, strict: bool = False, most: int = MAX_ITEMS
) -> WantedBatch:
    """Return what body asks for: `urls` with shared `options`, or `requests` with their own.

    An item that cannot be used is told in its place and harms no other. Raises InvalidRequest for
    what concerns the whole batch: none or more than most items, the wrong kinds, faulty shared options.
    """
    fields = Fields(body)
    name, given = _items(fields, most)
    if name == "urls":
        shared = _shared(fields, nested, several=len(given) > 1)
        items = tuple(
            _item({**shared, "url": url}, nested, f"urls[{at}]", strict) for at, url in enumerate(given)
        )
    else:
        items = tuple(_item(each, nested, f"requests[{at}]", strict) for at, each in enumerate(given))
    webhook, unknown = wanted_webhook(fields)
    batch = WantedBatch(
        items=items,
        concurrency=fields.integer("concurrency", DEFAULT_CONCURRENCY, 1, MAX_CONCURRENCY),
        webhook=webhook,
        asynchronous=fields.boolean("async", default=False) or webhook is not None,
        unknown=[*fields.unknown(), *unknown],
    )
    if strict and batch.unknown:
        raise InvalidRequest(batch.unknown[0], "is not known", "remove it, or leave strict mode")
    return batch


def wanted_webhook(fields: Fields) -> tuple[Webhook | None, list[str]]:
    """Return the webhook that a request names, if it does, and its unknown fields. Raises InvalidRequest."""
    return (None, []) if fields.is_absent("webhook") else parse_webhook(fields.group("webhook"))


def keepable(asked: Asked) -> Asked:
    """Return asked if its picture may be fetched later. Raises InvalidRequest if it is not to be stored."""
    if not asked.wishes.enabled:
        raise InvalidRequest("cache.enabled", "is false", _UNSTORED)
    return asked


def _items(fields: Fields, most: int) -> tuple[str, list[object]]:
    urls, requests = fields.things("urls", "URLs"), fields.things("requests", "objects, each with a url")
    if urls is not None and requests is not None:
        raise InvalidRequest("requests", "and urls are both given", "give exactly one of urls and requests")
    name, items = ("urls", urls) if requests is None else ("requests", requests)
    if items is None:
        remedy = "give urls, a list of addresses, or requests, a list of captures"
        raise MissingParameter("urls", "is missing", remedy)
    if not items:
        raise InvalidRequest(name, "is empty", f"a batch has 1 to {most} captures")
    if len(items) > most:
        problem = f"has {len(items)} items"
        raise InvalidRequest(name, problem, f"a batch has at most {most}; send the rest in another")
    return name, items


def _shared(fields: Fields, nested: Spelling, *, several: bool) -> dict[str, object]:
    """Return the options of all. Clients put a url among them that means nothing."""
    options = {name: value for name, value in fields.group("options").items() if name != "url"}
    try:
        asked = parse_asked(_without_calls(nested({**options, "url": _ANY_URL})))
        keepable(asked)
    except InvalidRequest as exc:
        # What is wrong for all is told once, and nothing is done.
        raise type(exc)(f"options.{exc.field}", exc.problem, exc.remedy) from exc
    if several and asked.wishes.key is not None:
        remedy = "it names one picture; give each its own with requests, or leave it out"
        raise InvalidRequest("options.cache.key", "is given for several pages", remedy)
    return options


def _item(given: object, nested: Spelling, place: str, strict: bool) -> WantedItem:
    options: dict[str, object] = {}
    try:
        options = _without_calls(nested(_object(given, place)))
        asked = keepable(parse_asked(options))
        if strict:
            asked.check_strictly()
    except InvalidRequest as exc:
        return WantedItem(told_url(given), {}, None, exc)
    return WantedItem(told_url(given), options, asked, None)


def _object(given: object, place: str) -> dict[str, object]:
    if not isinstance(given, dict):
        raise InvalidRequest(place, f"is {shown(given)}", "it must be an object with a url")
    return given


def _without_calls(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if name not in _NOT_OPTIONS}


def told_url(given: object) -> str:
    """Return the page of a request as its client is told it later: as it was written, but no credentials.

    A document that came with the request has its base for a page, else about:blank.
    """
    if not isinstance(given, dict):
        return ""
    url = given.get("url")
    if url is None and not given.keys().isdisjoint(_DOCUMENTS):
        url = given.get("html_base_url") or "about:blank"
    if not isinstance(url, str) or len(url) > MAX_URL_LENGTH:
        return ""
    if "@" not in url:
        return url
    try:
        parsed = ada_url.URL(url)
    except ValueError:
        # Half of what cannot be parsed may be a password.
        return ""
    # To a parser user:password@host is a URL as well, of the scheme user.
    return source_url(parsed.href) if parsed.protocol in _PAGES else ""
