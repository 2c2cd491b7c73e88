"""Filters made of lists: which request is unwanted, and which part of a page is hidden.

The matching is adblock's, a binding of Brave's engine; nobody but this file knows of it.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import adblock

from calotype.capture.blocking import Blocking, Unwanted
from calotype.render.lists import built_in, find_lists

log = logging.getLogger("calotype.render")

_FORMAT = f"1 {version('adblock')}"
"""Goes into the names of cache files, so that none is read by what would not have written it."""
_PROBE = "[calotype-generic]"
"""A selector of our own: where it is left out, the lists want only rules made for that very page."""

_TYPES = {
    "Document": "sub_frame",
    "Stylesheet": "stylesheet",
    "Image": "image",
    "Media": "media",
    "Font": "font",
    "Script": "script",
    "TextTrack": "media",
    "XHR": "xmlhttprequest",
    "Fetch": "xmlhttprequest",
    "EventSource": "xmlhttprequest",
    "WebSocket": "websocket",
    "Ping": "ping",
}
"""The protocol's Network.ResourceType -> what lists call it; the main document is never asked about."""


@dataclass(frozen=True, slots=True)
class Hiding:
    """What a filter hides in the documents of one address."""

    selectors: tuple[str, ...]
    styles: tuple[tuple[str, str], ...]
    """Selectors that get another look instead, and what it is."""
    exceptions: frozenset[str]
    named: bool
    """Whether the selectors of named() count here, too."""


class Filter(Protocol):
    """Knows one kind of what is unwanted."""

    kind: Unwanted

    def blocks(self, url: str, page: str, resource_type: str) -> bool:
        """Say whether a page may do without url, which is of a Network.ResourceType."""

    def hiding(self, url: str) -> Hiding:
        """Return what is hidden in a document at url, whatever is in it."""

    def named(self, classes: list[str], ids: list[str], hiding: Hiding) -> list[str]:
        """Return what is hidden besides, where elements bear these classes and ids."""


class ListFilter:
    """A Filter by lists."""

    def __init__(self, kind: Unwanted, engine: adblock.Engine) -> None:
        self.kind = kind
        self._engine = engine

    def blocks(self, url: str, page: str, resource_type: str) -> bool:
        """See Filter."""
        kind = _TYPES.get(resource_type, "other")
        return self._engine.check_network_urls(url, page, kind).matched

    def hiding(self, url: str) -> Hiding:
        """See Filter."""
        found = self._engine.url_cosmetic_resources(url)
        styles = ((css, "; ".join(rules)) for css, rules in found.style_selectors.items())
        return Hiding(
            selectors=tuple(sorted(found.hide_selectors - {_PROBE})),
            styles=tuple(sorted(styles)),
            exceptions=frozenset(found.exceptions),
            named=_PROBE in found.hide_selectors,
        )

    def named(self, classes: list[str], ids: list[str], hiding: Hiding) -> list[str]:
        """See Filter."""
        return self._engine.hidden_class_id_selectors(classes, ids, set(hiding.exceptions))


class Filters:
    """The filters, each built when it is first asked for, once, off the event loop.

    Building EasyList takes 0.4 s and reading what was built a fifth of that, so that it is kept in a
    folder, if there is one.
    """

    def __init__(self, own_lists: Path | None, cache: Path | None) -> None:
        self._own_lists, self._cache = own_lists, cache
        self._built: dict[Unwanted, asyncio.Task[ListFilter]] = {}

    async def ready(self, blocking: Blocking) -> tuple[Filter, ...]:
        """Return the filters that blocking asks for."""
        for kind in blocking.unwanted:
            if kind not in self._built:
                work = asyncio.to_thread(load, kind, self._own_lists, self._cache)
                self._built[kind] = building = asyncio.create_task(work, name=f"filter {kind.value}")
                building.add_done_callback(functools.partial(self._forget_if_failed, kind))
        # One caller leaving must not take the filter from the others.
        return tuple([await asyncio.shield(self._built[kind]) for kind in blocking.unwanted])

    def _forget_if_failed(self, kind: Unwanted, building: asyncio.Task[ListFilter]) -> None:
        # Its callers are told; the next one has it tried again, for the lists may have been mended.
        if building.cancelled() or building.exception() is not None:
            self._built.pop(kind, None)

    async def close(self) -> None:
        """Wait for those that are being built: a thread cannot be called back."""
        if self._built:
            await asyncio.wait(self._built.values())


def load(kind: Unwanted, own_lists: Path | None, cache: Path | None) -> ListFilter:
    """Return the filter of a kind: from the cache if it fits the lists, else built from them."""
    lists = find_lists(kind, own_lists)
    try:
        texts = lists.read()
    except OSError as exc:
        log.warning("the lists of %s cannot be read (%s); the built-in one is used", kind.value, exc)
        lists = built_in(kind)
        texts = lists.read()
    kept = None if cache is None else cache / f"{kind.value}-{_digest(texts)}.bin"
    engine = None if kept is None else _recall(kept)
    if engine is None:
        engine = build(texts)
        if kept is not None:
            _keep(kept, kind, engine)
    log.info("blocking %s by %d lists, %s", kind.value, len(lists.files), lists.origin.value)
    return ListFilter(kind, engine)


def build(texts: Iterable[str]) -> adblock.Engine:
    """Return an engine that knows these lists."""
    rules = adblock.FilterSet()
    for text in texts:
        rules.add_filter_list(text)
    rules.add_filters([f"##{_PROBE}"])
    return adblock.Engine(rules)


def _digest(texts: Iterable[str]) -> str:
    digest = hashlib.sha256(_FORMAT.encode())
    for text in texts:
        digest.update(b"\0")
        digest.update(text.encode())
    return digest.hexdigest()[:32]


def _recall(kept: Path) -> adblock.Engine | None:
    try:
        content = kept.read_bytes()
    except OSError:
        return None
    engine = adblock.Engine(adblock.FilterSet())
    try:
        engine.deserialize(content)
    except adblock.AdblockException:
        log.warning("%s is spoilt and is made anew", kept)
        return None
    return engine


def _keep(kept: Path, kind: Unwanted, engine: adblock.Engine) -> None:
    """Write engine's bytes, whole or not at all, and drop those of older lists."""
    # Whoever takes a picture without a server has no data folder, and gets none from this.
    if not kept.parent.parent.is_dir():
        return
    aside = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        kept.parent.mkdir(exist_ok=True)
        aside.write_bytes(engine.serialize())
        aside.replace(kept)
        for older in kept.parent.glob(f"{kind.value}-*"):
            if older != kept:
                older.unlink(missing_ok=True)
    except OSError as exc:
        log.warning("a filter cannot be kept in %s (%s); it is built again next time", kept.parent, exc)
