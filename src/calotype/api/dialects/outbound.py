"""The few replies that collide between client families, in one place."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from calotype.api.dialects.families import Family
from calotype.wire.replies import ErrorInfo, Failure

_OLDER_WORDS = {"queued": "pending", "cancelled": "failed"}
"""The older clients know of no cancelling, and would ask forever whether it is over."""


def status_of_missed_delete(family: Family) -> int:
    """Return the status for a DELETE that found nothing: half the clients read it, half the body."""
    return 200 if family is Family.JANUARY else 404


def status_of_failed_render(family: Family) -> int:
    """Return the status of `render_failed`."""
    return 500 if family is Family.JAVA else 422


def listed(named: msgspec.Struct, bare: Sequence[object], family: Family) -> object:
    """Return a list as family reads it: the older clients know it bare, the newer ones by its name."""
    return named if family is Family.NEWER else bare


def batch_status(status: str, family: Family) -> str:
    """Return how far a batch or a job is, in family's words."""
    return status if family is Family.NEWER else _OLDER_WORDS.get(status, status)


def item_error(error: Failure, family: Family) -> str | Failure:
    """Return why an item of a batch failed: the newer clients read a text, the older an object."""
    return error.message if family is Family.NEWER else error


def error_field(error: ErrorInfo, family: Family) -> ErrorInfo | str:
    """Return the `error` of an error's body as family can parse it."""
    return error.message if family is Family.JAVA else error
