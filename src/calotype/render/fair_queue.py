"""FairQueue: who is next. Pure: it has no clock, no event loop, and does nothing by itself.

Three rules, in this order:

Urgency. The more urgent class goes first, but a class that could have gone and was passed over
PATIENCE times in a row goes next, so that none starves.

Fairness. Within a class accounts share the time of the places in proportion to weight, by
start-time fair queueing (Goyal, Vin, Cheng 1996): each account has a tag, the virtual time at
which its next capture starts; the smallest tag goes, and grows by the capture's cost over its
weight. The cost is a guess at first and is put right when the capture is over (settle).

Politeness. A capture whose host is busy enough is not able to go, and whoever comes behind it
passes. An account saves up nothing while none of its captures can go.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Final

from calotype.capture.errand import Errand, Urgency

PATIENCE: Final = {Urgency.BATCH: 4, Urgency.BACKGROUND: 9}
"""How often a class is passed over at most while it could go. Under any load batches keep a fifth of
the turns and background work a tenth, and an interactive caller loses no more than that."""
MAX_IDLE_FLOWS: Final = 1000
"""Accounts without a capture whose tag is remembered, in case they come back; then the longest idle go."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """A capture that wants a turn; compared by identity."""

    errand: Errand
    host: str | None
    """The host that its politeness counts for; None where there is no limit."""
    cost: float
    """The time it is expected to take."""


@dataclass(slots=True)
class _Flow:
    """One account in one class."""

    tag: float
    waiters: dict[Waiter, int] = field(default_factory=dict)
    """In order of arrival, each with its number."""
    running: int = 0

    def first_able(self, busy: Container[str | None]) -> Waiter | None:
        return next((waiter for waiter in self.waiters if waiter.host not in busy), None)


class _Class:
    """One urgency's accounts."""

    def __init__(self) -> None:
        self.virtual = 0.0
        """The tag of the latest capture that went."""
        self.flows: dict[int | None, _Flow] = {}
        self.lines: dict[int | None, _Flow] = {}
        """Those of them that have waiters: all that a turn needs to look at."""
        self.waiting = 0
        self.passed_over = 0

    def add(self, waiter: Waiter, number: int) -> None:
        flow = self.flows.get(waiter.errand.account)
        if flow is None:
            flow = self.flows[waiter.errand.account] = _Flow(self.virtual)
        if not flow.waiters:
            # Who was away has no claim to the time that went by.
            flow.tag = max(flow.tag, self.virtual)
        self.lines[waiter.errand.account] = flow
        flow.waiters[waiter] = number
        self.waiting += 1

    def remove(self, waiter: Waiter) -> bool:
        flow = self.flows.get(waiter.errand.account)
        if flow is None or flow.waiters.pop(waiter, None) is None:
            return False
        self.waiting -= 1
        if not self.waiting:
            self.passed_over = 0
        if not flow.waiters:
            del self.lines[waiter.errand.account]
        self._forget_if_idle(waiter.errand.account, flow)
        return True

    def first(self, busy: Container[str | None]) -> Waiter | None:
        """Return the waiter that is next in this class, among those that can go."""
        able = [
            (flow.tag, flow.waiters[waiter], waiter)
            for flow in self.lines.values()
            if (waiter := flow.first_able(busy)) is not None
        ]
        return min(able, key=lambda each: each[:2])[2] if able else None

    def start(self, waiter: Waiter, busy: Container[str | None]) -> None:
        flow = self.flows[waiter.errand.account]
        self.virtual = max(self.virtual, flow.tag)
        for other in self.lines.values():
            if other.tag < self.virtual and other.first_able(busy) is None:
                other.tag = self.virtual
        flow.tag += waiter.cost / waiter.errand.weight
        flow.running += 1
        self.remove(waiter)

    def settle(self, waiter: Waiter, cost: float) -> None:
        flow = self.flows[waiter.errand.account]
        flow.tag += (cost - waiter.cost) / waiter.errand.weight
        flow.running -= 1
        self._forget_if_idle(waiter.errand.account, flow)
        if len(self.flows) > MAX_IDLE_FLOWS:
            self._forget_the_longest_idle()

    def _forget_if_idle(self, account: int | None, flow: _Flow) -> None:
        if not flow.waiters and not flow.running and flow.tag <= self.virtual:
            del self.flows[account]

    def _forget_the_longest_idle(self) -> None:
        idle = [
            (flow.tag, account)
            for account, flow in self.flows.items()
            if not flow.waiters and not flow.running
        ]
        for _, account in sorted(idle, key=lambda each: each[0])[: len(self.flows) - MAX_IDLE_FLOWS]:
            del self.flows[account]


class FairQueue:
    """Waiters in the order in which their turns come; it also knows which of them are running."""

    def __init__(self) -> None:
        self._classes = {urgency: _Class() for urgency in Urgency}
        self._loads: dict[int | None, float] = {}
        """For each account how many wait, each divided by its weight."""
        self._number = 0
        self._running = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(each.waiting for each in self._classes.values())

    @property
    def waiters(self) -> Iterable[Waiter]:
        """All who wait, in no order that means anything."""
        return [
            waiter
            for each in self._classes.values()
            for flow in each.lines.values()
            for waiter in flow.waiters
        ]

    def add(self, waiter: Waiter) -> None:
        """Let waiter wait."""
        self._number += 1
        self._classes[waiter.errand.urgency].add(waiter, self._number)
        account = waiter.errand.account
        self._loads[account] = self._loads.get(account, 0.0) + _load(waiter)

    def discard(self, waiter: Waiter) -> bool:
        """Forget a waiter as if it had never come; say whether it waited."""
        if not self._classes[waiter.errand.urgency].remove(waiter):
            return False
        self._unload(waiter)
        self._rest()
        return True

    def next(self, busy: Container[str | None] = ()) -> Waiter | None:
        """Take the waiter off the queue whose turn it is, and count it as running; None if none can go.

        Those whose host is among busy cannot.
        """
        able = {
            urgency: waiter
            for urgency, each in self._classes.items()
            if (waiter := each.first(busy)) is not None
        }
        if not able:
            return None
        due = [urgency for urgency in able if self._classes[urgency].passed_over >= _patience(urgency)]
        chosen = min(due or able)
        for urgency in able:
            self._classes[urgency].passed_over += 1
        self._classes[chosen].passed_over = 0
        waiter = able[chosen]
        self._running += 1
        self._classes[chosen].start(waiter, busy)
        self._unload(waiter)
        return waiter

    def settle(self, waiter: Waiter, cost: float) -> None:
        """Count a running waiter as done, and put right what it cost."""
        self._running -= 1
        self._classes[waiter.errand.urgency].settle(waiter, cost)
        self._rest()

    def victim_of(self, newcomer: Waiter) -> Waiter:
        """Return who must leave a queue that newcomer, who waits in it, has made too long.

        That is the account's with the most waiters for its weight: its newest, the least urgent
        first. An account that has less than another thus always gets in. Who is more urgent than
        newcomer is safe, unless newcomer would be the only one of its class; where nobody else must
        leave it is newcomer.
        """
        own, urgency = self._loads[newcomer.errand.account], newcomer.errand.urgency
        alone = self._classes[urgency].waiting == 1
        found = [
            (self._loads[account], kind, flow)
            for kind, each in self._classes.items()
            for account, flow in each.lines.items()
            if (kind >= urgency or alone)
            and (self._loads[account] > own or (account == newcomer.errand.account and kind > urgency))
        ]
        if not found:
            return newcomer
        _, _, flow = max(found, key=lambda each: each[:2])
        return next(reversed(flow.waiters))

    def _unload(self, waiter: Waiter) -> None:
        account = waiter.errand.account
        self._loads[account] -= _load(waiter)
        if not any(account in each.lines for each in self._classes.values()):
            # And no crumb of a fraction stays behind.
            del self._loads[account]

    def _rest(self) -> None:
        # With nobody here there is nobody to be fair to, and what was is forgotten.
        if not self._running and not len(self):
            self._classes = {urgency: _Class() for urgency in Urgency}


def _patience(urgency: Urgency) -> float:
    return PATIENCE.get(urgency, float("inf"))


def _load(waiter: Waiter) -> float:
    return 1 / waiter.errand.weight
