"""The places that a batch's secrets are sealed for."""

from __future__ import annotations


def item_context(batch_id: str, position: int) -> bytes:
    """Return the context of what one item asks for."""
    return f"batch/{batch_id}/{position}".encode()


def webhook_context(batch_id: str) -> bytes:
    """Return the context of a batch's own webhook."""
    return f"batch/{batch_id}/webhook".encode()
