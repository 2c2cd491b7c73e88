"""Webhook: where a client wants to be told, as a request names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from calotype.capture.errors import InvalidRequest, MissingParameter
from calotype.capture.fields import Fields
from calotype.capture.target import parse_page_url

MAX_SECRET = 256


class Event(StrEnum):
    """What may be told of."""

    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A request's own webhook."""

    url: str = field(repr=False)
    """Often a secret too: whoever knows it may post to it."""
    events: tuple[Event, ...] = (Event.COMPLETED,)
    secret: str | None = field(default=None, repr=False)
    """What the client's copy is signed with; None: the account's own."""


def parse_webhook(group: Mapping[str, object]) -> tuple[Webhook, list[str]]:
    """Return the webhook that a request's `webhook` object spells, and its unknown fields.

    Raises InvalidRequest naming the field; no message repeats a value.
    """
    fields = Fields(group, "webhook", secret=True)
    url = fields.raw_text("url")
    if url is None:
        raise MissingParameter("webhook.url", "is missing", "give the address that is to be told")
    words = fields.texts("events", max_items=len(Event))
    known = [event.value for event in Event]
    if words is not None and (not words or not set(words) <= set(known)):
        raise InvalidRequest("webhook.events", "cannot be used", f"it must be a list of {', '.join(known)}")
    webhook = Webhook(
        url=parse_page_url(url, "webhook.url"),
        events=(Event.COMPLETED,) if words is None else tuple(Event(word) for word in dict.fromkeys(words)),
        secret=fields.text("secret", MAX_SECRET),
    )
    return webhook, fields.unknown()
