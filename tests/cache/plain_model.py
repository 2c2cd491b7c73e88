"""The cache as it should be, in plain dictionaries: what is there, what was purged, who renders what."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from calotype.cache.entry import Birth, CacheEntry, CacheKey, Namespace, Seq, Subject, id_in_address
from calotype.cache.failure import REMEMBERED_FOR
from calotype.cache.ports import Barred, Committed, Lease, LeaseLost, Stored, Superseded
from calotype.cache.purge import PurgeFilter
from calotype.sql.sqlite.leases import LEASE_MS

_LEASE = timedelta(milliseconds=LEASE_MS)
Where = tuple[Namespace, CacheKey]


@dataclass
class Held:
    """A lease that somebody has."""

    birth: Birth
    subject: Subject
    until: datetime


@dataclass
class Failed:
    """A render that failed, and what it was to show."""

    at: datetime
    content: str
    birth: Birth
    subject: Subject


@dataclass
class PlainModel:
    """Every rule of the cache once more, as slowly and simply as can be."""

    entries: dict[Where, CacheEntry] = field(default_factory=dict)
    log: defaultdict[Namespace, list[tuple[PurgeFilter, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Filters, and whether the purge was soft."""
    leases: dict[Where, Held] = field(default_factory=dict)
    failures: dict[Where, Failed] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    """Bytes by blob id, of all that was ever stored."""
    lost: set[str] = field(default_factory=set)
    """Blobs whose file somebody has removed."""

    # ---- what is there

    def fresh(self, namespace: Namespace, now: datetime) -> list[CacheEntry]:
        """Return what any address leads to, newest stored first."""
        return [entry for entry in self.of_use(namespace, now) if is_fresh(entry, now)]

    def of_use(self, namespace: Namespace, now: datetime) -> list[CacheEntry]:
        """Return what may serve, stale or not, newest stored first."""
        entries = [entry for (of, _), entry in self.entries.items() if of == namespace]
        there = [entry for entry in entries if entry.drop_after > now]
        return sorted(there, key=lambda entry: entry.place, reverse=True)

    def named(self, namespace: Namespace, address: str) -> CacheEntry | None:
        """Return the entry that address names, expired or not."""
        by_key = self.entries.get((namespace, CacheKey(address)))
        if by_key is not None:
            return by_key
        wanted = id_in_address(address)
        return next(
            (entry for (of, _), entry in self.entries.items() if of == namespace and entry.id == wanted), None
        )

    def served(self, namespace: Namespace, address: str, now: datetime) -> bytes | None:
        """Return the bytes that address gives; an entry whose file is lost is forgotten by that."""
        entry = self.named(namespace, address)
        return None if entry is None or not is_fresh(entry, now) else self._read(entry)

    def stale(self, where: Where, accepted_s: int | None, now: datetime) -> bytes | None:
        """Return the bytes that a capture request may have though they are stale."""
        entry = self.entries.get(where)
        if entry is None or is_fresh(entry, now):
            return None
        window_s = entry.swr_s if accepted_s is None else min(entry.swr_s, accepted_s)
        in_time = accepted_s != 0 and now - entry.fresh_until < timedelta(seconds=window_s)
        return self._read(entry) if in_time else None

    def last_good(self, where: Where, accepted_s: int | None, now: datetime) -> bytes | None:
        """Return the bytes that may stand in for a render that fails."""
        entry = self.entries.get(where)
        if entry is None:
            return None
        window_s = entry.sie_s if accepted_s is None else min(entry.sie_s, accepted_s)
        in_time = accepted_s != 0 and now - entry.fresh_until < timedelta(seconds=window_s)
        return self._read(entry) if in_time else None

    def _read(self, entry: CacheEntry) -> bytes | None:
        if entry.blob_id in self.lost:
            del self.entries[entry.namespace, entry.key]
            return None
        return self.pictures[entry.blob_id]

    # ---- purges

    def doomed(self, namespace: Namespace, which: PurgeFilter) -> list[CacheEntry]:
        """Return what a purge takes, what has expired included."""
        return [
            entry
            for (of, _), entry in self.entries.items()
            if of == namespace and which.matches(entry.subject)
        ]

    def counted(
        self, namespace: Namespace, which: PurgeFilter, now: datetime, *, soft: bool = False
    ) -> tuple[int, tuple[str, ...]]:
        """Return what a purge tells: how many go that were of use, and which of its keys named one.

        A soft one tells of those that were fresh.
        """
        going = {
            entry.key
            for entry in self.doomed(namespace, which)
            if (is_fresh(entry, now) if soft else entry.drop_after > now)
        }
        told = []
        for key in which.keys or ():
            entry = self.named(namespace, key)
            if entry is not None and entry.key in going:
                told.append(key)
        return len(going), tuple(told)

    def addressed(self, namespace: Namespace, address: str, now: datetime) -> bool:
        """Say whether address leads to an entry."""
        entry = self.named(namespace, address)
        return entry is not None and is_fresh(entry, now)

    def purge(self, namespace: Namespace, which: PurgeFilter, *, soft: bool = False) -> None:
        """Let go of what a purge takes, or make it stale, and remember it."""
        for entry in self.doomed(namespace, which):
            del self.entries[namespace, entry.key]
            if soft:
                self.entries[namespace, entry.key] = replace(entry, softened=True)
        self.log[namespace].append((which, soft))

    def seq(self, namespace: Namespace) -> Seq:
        """Return the number of the newest purge."""
        return Seq(len(self.log[namespace]))

    def outdated(self, namespace: Namespace, subject: Subject, birth: Birth) -> bool:
        """Say whether a purge since birth, hard or soft, means subject."""
        return any(which.matches(subject) for which, _ in self.log[namespace][birth.seq :])

    def barred(self, namespace: Namespace, subject: Subject, birth: Birth) -> bool:
        """Say whether a hard purge since birth forbids subject."""
        return any(not soft and which.matches(subject) for which, soft in self.log[namespace][birth.seq :])

    # ---- renders

    def holder(self, where: Where, now: datetime) -> Held | None:
        """Return who renders, if a newcomer has to wait for them."""
        held = self.leases.get(where)
        if held is None or held.until <= now or self.outdated(where[0], held.subject, held.birth):
            return None
        return held

    def refreshing(self, where: Where, now: datetime) -> bool:
        """Say whether eviction has to spare an entry since its key is being rendered."""
        return where in self.leases and self.leases[where].until > now

    def has_failed(self, where: Where, content: str, now: datetime) -> bool:
        """Say whether the same has failed so lately that nobody tries again."""
        failed = self.failures.get(where)
        return (
            failed is not None
            and failed.content == content
            and abs(now - failed.at) < REMEMBERED_FOR
            and not self.outdated(where[0], failed.subject, failed.birth)
        )

    def forget_failures(self, now: datetime) -> None:
        """Forget those that are told to nobody any more, or lie far ahead of the clock."""
        for where, failed in list(self.failures.items()):
            if abs(now - failed.at) > REMEMBERED_FOR:
                del self.failures[where]

    def leased(self, lease: Lease, subject: Subject, now: datetime) -> None:
        """Note that a render has begun."""
        self.leases[lease.namespace, lease.key] = Held(lease.birth, subject, now + _LEASE)
        self.failures.pop((lease.namespace, lease.key), None)

    def has_lease(self, lease: Lease) -> bool:
        """Say whether lease is still the one on its key, run out or not."""
        held = self.leases.get((lease.namespace, lease.key))
        return held is not None and held.birth == lease.birth

    def renewed(self, lease: Lease, now: datetime) -> None:
        """Note a heartbeat."""
        self.leases[lease.namespace, lease.key].until = now + _LEASE

    def released(self, lease: Lease) -> None:
        """Note that a lease was given back."""
        if self.has_lease(lease):
            del self.leases[lease.namespace, lease.key]

    def outcome(self, lease: Lease, entry: CacheEntry) -> type[Committed]:
        """Say what has to become of a store."""
        there = self.entries.get((entry.namespace, entry.key))
        if self.barred(entry.namespace, entry.subject, entry.birth):
            return Barred
        if there is not None and there.birth.number > entry.birth.number:
            return Superseded
        return Stored if self.has_lease(lease) else LeaseLost

    def stored(self, entry: CacheEntry, data: bytes) -> CacheEntry:
        """Note that an entry is in the cache, and return it as it is there."""
        softened = self.outdated(entry.namespace, entry.subject, entry.birth)
        kept = self.entries[entry.namespace, entry.key] = replace(entry, softened=softened)
        self.pictures[entry.blob_id] = data
        return kept


def is_fresh(entry: CacheEntry, now: datetime) -> bool:
    """Say whether an address leads to entry."""
    return now < entry.fresh_until and not entry.softened
