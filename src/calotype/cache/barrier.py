"""The order of purges and renders, in one place.

A picture shows its page as it was when the render began. So whatever began before a purge must
neither be stored after it nor be handed to somebody who asked after it, if the purge
matches. Varnish, nginx and Guava all let such a late store through.
"""

from __future__ import annotations

from collections.abc import Iterable

from calotype.cache.entry import Birth, Subject
from calotype.cache.purge import PurgeRecord


def outdated(records: Iterable[PurgeRecord], subject: Subject, birth: Birth) -> PurgeRecord | None:
    """Return the first purge, hard or soft, since which what was born at birth is of before; or None.

    Nobody who comes after it may join such a render, and if it is stored, it is stale.
    records are the purges of subject's namespace; those numbered up to birth.seq had been
    answered when the render began, and do not concern it.
    """
    for record in records:
        if record.seq > birth.seq and record.which.matches(subject):
            return record
    return None


def barred(records: Iterable[PurgeRecord], subject: Subject, birth: Birth) -> PurgeRecord | None:
    """Return the first hard purge since birth, which forbids the store; or None. Else as outdated."""
    return outdated((record for record in records if not record.soft), subject, birth)
