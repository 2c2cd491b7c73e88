"""EndpointStore and Deliveries on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from calotype.cache.entry import Namespace
from calotype.clock import from_ms, to_ms
from calotype.sql.rows import namespace_of, ns_number
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.jobs import Death, SqliteJobs
from calotype.webhooks.endpoint import Endpoint
from calotype.webhooks.errors import TooManyWaiting
from calotype.webhooks.event import EventKind, Form
from calotype.webhooks.ports import DELIVER, MAX_WAITING, Delivery, DeliveryState, NewDelivery

_CACHE_BOUND = 10_000
"""Accounts of which it is remembered whether they have an endpoint."""
_SET = (
    "INSERT INTO webhook_endpoint(ns, sealed, events, hits, set_ms) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (ns) DO UPDATE SET sealed = excluded.sealed, events = excluded.events, "
    "hits = excluded.hits, set_ms = excluded.set_ms"
)
_WAITING = "SELECT count(*) FROM webhook_delivery WHERE ns IN (?, ?) AND state = 'waiting'"
_ACCEPT = (
    "INSERT OR IGNORE INTO webhook_delivery"
    "(id, ns, event, subject, form, body, sealed, state, accepted_ms, since_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)"
)
_COLUMNS = (
    "id, ns, event, subject, form, body, sealed, state, accepted_ms, since_ms, failures, attempts, tried_ms, "
    "status, fault"
)
_FIND = f"SELECT {_COLUMNS} FROM webhook_delivery WHERE id = ?"  # noqa: S608
_LATEST = (
    f"SELECT {_COLUMNS} FROM webhook_delivery WHERE ns = ? AND state = ? ORDER BY accepted_ms DESC LIMIT ?"  # noqa: S608
)
_FAILURE = (
    "UPDATE webhook_delivery SET failures = failures + 1, attempts = attempts + 1, tried_ms = ?, status = ?, "
    "fault = ? WHERE id = ? AND state = 'waiting'"
)
_DELIVERED = (
    "UPDATE webhook_delivery SET state = 'delivered', attempts = attempts + 1, tried_ms = ?, status = ?, "
    "fault = ?, body = x'', sealed = NULL WHERE id = ? AND state = 'waiting'"
)
_FAILED = (
    "UPDATE webhook_delivery SET state = 'failed', failures = failures + 1, attempts = attempts + 1, "
    "tried_ms = ?, status = ?, fault = ? WHERE id = ? AND state = 'waiting' RETURNING failures"
)
_ORPHANED = (
    "UPDATE webhook_delivery SET state = 'failed', tried_ms = ?, status = NULL, fault = ? "
    "WHERE id = ? AND state = 'waiting'"
)
_REPLAY = (
    "UPDATE webhook_delivery SET state = 'waiting', since_ms = ?, failures = 0 "
    "WHERE state = 'failed' AND {} RETURNING id"
)
_FORGET = """
DELETE FROM webhook_delivery WHERE id IN (
  SELECT id FROM webhook_delivery WHERE state = 'delivered' AND tried_ms < ?1
  UNION ALL
  SELECT id FROM webhook_delivery WHERE state = 'failed' AND tried_ms < ?2
  LIMIT ?3
)
"""


class SqliteEndpointStore:
    """Looks endpoints up in the event loop; what any process sets holds at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = -1
        self._known: dict[Namespace, Endpoint | None] = {}

    async def find(self, namespace: Namespace) -> Endpoint | None:
        """See EndpointStore. Never suspends."""
        version = self._database.data_version()
        if version != self._version or len(self._known) >= _CACHE_BOUND:
            self._known.clear()
            self._version = version
        if namespace not in self._known:
            row: Any = self._database.read_one(
                "SELECT sealed, events, hits, set_ms FROM webhook_endpoint WHERE ns = ?",
                (ns_number(namespace),),
            )
            self._known[namespace] = None if row is None else _endpoint(namespace, row)
        return self._known[namespace]

    async def set(self, endpoint: Endpoint) -> None:
        """See EndpointStore."""
        row = (
            ns_number(endpoint.namespace),
            endpoint.sealed,
            " ".join(sorted(endpoint.events)),
            endpoint.hits,
            to_ms(endpoint.set_at),
        )
        await self._database.write(lambda connection: connection.execute(_SET, row), durable=True)

    async def remove(self, namespace: Namespace) -> bool:
        """See EndpointStore."""
        where = (ns_number(namespace),)
        removed = await self._database.write(
            lambda connection: (
                connection.execute("DELETE FROM webhook_endpoint WHERE ns = ?", where).rowcount
            ),
            durable=True,
        )
        return removed == 1


class SqliteDeliveries:
    """Rows of deliveries, and their jobs in the same transactions."""

    def __init__(self, database: Database, jobs: SqliteJobs, max_waiting: int = MAX_WAITING) -> None:
        self._database, self._jobs, self._max_waiting = database, jobs, max_waiting
        jobs.mourn(DELIVER, _fail)

    async def accept(self, new: Sequence[NewDelivery], now: datetime, *, durable: bool) -> None:
        """See Deliveries."""
        now_ms = to_ms(now)

        def accept(connection: sqlite3.Connection) -> None:
            own = ns_number(new[0].namespace) // 2 * 2
            (waiting,) = connection.execute(_WAITING, (own, own + 1)).fetchone()
            if waiting + len(new) > self._max_waiting:
                raise TooManyWaiting(waiting)
            for each in new:
                about = (each.id, ns_number(each.namespace), each.kind.value, each.subject, each.form.value)
                row = (*about, each.body, each.sealed, now_ms, now_ms)
                if connection.execute(_ACCEPT, row).rowcount:
                    self._jobs.enqueue(connection, DELIVER, each.id)

        await self._database.write(accept, durable=durable)
        self._jobs.wake()

    async def find(self, delivery_id: str) -> Delivery | None:
        """See Deliveries. Never suspends."""
        row: Any = self._database.read_one(_FIND, (delivery_id,))
        return None if row is None else _delivery(row)

    async def note_failure(self, delivery_id: str, now: datetime, status: int | None, fault: str) -> None:
        """See Deliveries."""
        row = (to_ms(now), status, fault, delivery_id)
        await self._database.write(lambda connection: connection.execute(_FAILURE, row))

    async def end(
        self, delivery_id: str, state: DeliveryState, now: datetime, status: int | None, fault: str
    ) -> None:
        """See Deliveries."""
        row = (to_ms(now), status, fault, delivery_id)

        def end(connection: sqlite3.Connection) -> None:
            if state is DeliveryState.DELIVERED:
                connection.execute(_DELIVERED, row)
                return
            for (failures,) in connection.execute(_FAILED, row).fetchall():
                self._jobs.bury(connection, DELIVER, delivery_id, failures, fault)

        await self._database.write(end, durable=True)

    async def latest(
        self, namespace: Namespace, state: DeliveryState | None, limit: int
    ) -> Sequence[Delivery]:
        """See Deliveries."""
        states = list(DeliveryState) if state is None else [state]
        ns = ns_number(namespace)

        def read(connection: sqlite3.Connection) -> list[Delivery]:
            found = [connection.execute(_LATEST, (ns, each.value, limit)).fetchall() for each in states]
            return [_delivery(row) for rows in found for row in rows]

        found = await self._database.scan(read)
        return sorted(found, key=lambda delivery: delivery.accepted_at, reverse=True)[:limit]

    async def replay(self, delivery_id: str, now: datetime) -> bool:
        """See Deliveries."""
        return await self._replay("id = ?", (to_ms(now), delivery_id)) == 1

    async def replay_all(self, namespace: Namespace, now: datetime) -> int:
        """See Deliveries."""
        return await self._replay("ns = ?", (to_ms(now), ns_number(namespace)))

    async def _replay(self, which: str, parameters: tuple[object, ...]) -> int:
        def replay(connection: sqlite3.Connection) -> int:
            begun = connection.execute(_REPLAY.format(which), parameters).fetchall()
            for (each,) in begun:
                self._jobs.enqueue(connection, DELIVER, each)
            return len(begun)

        begun = await self._database.write(replay, durable=True)
        self._jobs.wake()
        return begun

    async def forget(self, delivered_before: datetime, failed_before: datetime, limit: int) -> int:
        """See Deliveries."""
        row = (to_ms(delivered_before), to_ms(failed_before), limit)
        return await self._database.write(lambda connection: connection.execute(_FORGET, row).rowcount)


def _fail(connection: sqlite3.Connection, death: Death) -> None:
    fault = f"it could not be sent: {death.error}"
    connection.execute(_ORPHANED, (death.at_ms, fault, death.subject))


def _endpoint(namespace: Namespace, row: tuple[Any, ...]) -> Endpoint:
    sealed, events, hits, set_ms = row
    return Endpoint(
        namespace=namespace,
        sealed=sealed,
        events=frozenset(EventKind(event) for event in events.split()),
        hits=bool(hits),
        set_at=from_ms(set_ms),
    )


def _delivery(row: tuple[Any, ...]) -> Delivery:
    return Delivery(
        id=row[0], namespace=namespace_of(row[1]), kind=EventKind(row[2]), subject=row[3], form=Form(row[4]),
        body=row[5], sealed=row[6], state=DeliveryState(row[7]), accepted_at=from_ms(row[8]),
        since=from_ms(row[9]), failures=row[10], attempts=row[11],
        tried_at=None if row[12] is None else from_ms(row[12]), status=row[13], fault=row[14],
    )  # fmt: skip
