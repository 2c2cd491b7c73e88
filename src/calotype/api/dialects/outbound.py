"""The few replies that collide between client families, in one place."""

from __future__ import annotations

from collections.abc import Sequence

from calotype.api.dialects.families import Family


def status_of_missed_delete(family: Family) -> int:
    """Return the status for a DELETE that found nothing: half the clients read it, half the body."""
    return 200 if family is Family.JANUARY else 404


def status_of_failed_render(family: Family) -> int:
    """Return the status of `render_failed`."""
    return 500 if family is Family.JAVA else 422


def listed(name: str, items: Sequence[object], family: Family) -> object:
    """Return a list as family reads it: the older clients know it bare, the newer ones by its name."""
    return {name: items} if family is Family.NEWER else items


def error_body(body: dict[str, object], message: str, family: Family) -> dict[str, object]:
    """Return the error body as family can parse it."""
    return {**body, "error": message} if family is Family.JAVA else body
