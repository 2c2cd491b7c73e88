"""Turns: places are handed out in fair order, and nothing of a caller who left stays behind."""

from __future__ import annotations

import asyncio

import pytest

from calotype.capture.errand import MACHINES_OWN, Errand, Urgency
from calotype.capture.errors import QueueFull, RenderTimeout
from calotype.clock import Deadline
from calotype.render.turns import FIRST_GUESS_S, MAX_RETRY_AFTER_S, Turns


class Desk:
    """Turns with places of its own, a clock that the test moves, and a list of who got a place, in order."""

    def __init__(self, places: int = 1, queue_limit: int = 100, per_host: int = 2) -> None:
        self.now_s = 0.0
        self.turns: Turns[int] = Turns(places, queue_limit, per_host, lambda: self.now_s)
        self.served: list[str] = []
        self.held: dict[str, int] = {}
        self._running: set[asyncio.Task[None]] = set()
        for place in range(places):
            self.turns.give_back(place)

    def come(
        self,
        name: str,
        account: int = 1,
        urgency: Urgency = Urgency.INTERACTIVE,
        *,
        weight: int = 1,
        host: str | None = None,
        budget_ms: int = 60_000,
    ) -> asyncio.Task[None]:
        """Let a caller come who keeps its place until done(name)."""
        errand = Errand(account=account, urgency=urgency, weight=weight)
        task = asyncio.create_task(self._take(name, Deadline.after(budget_ms), errand, host))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _take(self, name: str, deadline: Deadline, errand: Errand, host: str | None) -> None:
        self.held[name] = await self.turns.take(deadline, errand, host)
        self.served.append(name)

    async def done(self, name: str, after_s: float = 1.0) -> None:
        self.now_s += after_s
        self.turns.give_back(self.held.pop(name))
        await breathe()

    async def serve_all(self) -> list[str]:
        while self.held:
            await self.done(next(iter(self.held)))
        return self.served


async def breathe() -> None:
    """Let everyone who can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_urgent_go_first_and_accounts_take_turns():
    desk = Desk()
    desk.come("running")
    desk.come("batch", 2, Urgency.BATCH)
    for name in ("a1", "a2", "a3"):
        desk.come(name, 1)
    for name in ("b1", "b2"):
        desk.come(name, 2)
    await breathe()

    assert await desk.serve_all() == ["running", "b1", "a1", "b2", "a2", "batch", "a3"]
    assert desk.turns.free == 1


async def test_who_took_long_waits_longer():
    desk = Desk()
    for name in ("a1", "a2", "a3"):
        desk.come(name, 1)
    for name in ("b1", "b2", "b3"):
        desk.come(name, 2)
    await breathe()
    await desk.done("a1", after_s=30)

    assert await desk.serve_all() == ["a1", "b1", "b2", "b3", "a2", "a3"]


async def test_a_host_has_its_places_and_no_more_while_others_pass():
    desk = Desk(places=3, per_host=2)
    for name in ("h1", "h2", "h3", "h4"):
        desk.come(name, host="host.example")
    desk.come("other", host="other.example")
    await breathe()
    assert desk.served == ["h1", "h2", "other"]

    await desk.done("other")
    assert desk.turns.free == 1, "rather than a third one at that host"
    await desk.done("h1")
    assert desk.served[-1] == "h3"
    await desk.serve_all()
    assert desk.turns.free == 3
    assert desk.turns._hosts == {}


async def test_a_free_place_beside_those_held_back_goes_to_whoever_comes():
    desk = Desk(places=2, queue_limit=1, per_host=1)
    for name in ("h1", "h2"):
        desk.come(name, host="host.example")
    await breathe()
    desk.come("passing")
    await breathe()

    assert desk.served == ["h1", "passing"]


async def test_the_greedy_are_turned_away_for_whoever_comes_with_less():
    desk = Desk(queue_limit=3)
    desk.come("running")
    crowd = [desk.come(f"a{index}", 1) for index in range(3)]
    await breathe()
    desk.come("b", 2)
    await breathe()

    with pytest.raises(QueueFull) as refusal:
        await crowd[-1]
    assert refusal.value.retry_after_s == 3 * FIRST_GUESS_S
    assert "3 captures are waiting" in str(refusal.value)
    another = desk.come("a4", 1)
    with pytest.raises(QueueFull):
        await another
    assert await desk.serve_all() == ["running", "b", "a0", "a1"]


async def test_the_advice_to_come_back_follows_what_captures_really_take():
    desk = Desk(places=2, queue_limit=4)
    for index in range(40):
        desk.come(f"slow{index}")
        await breathe()
        await desk.done(f"slow{index}", after_s=5)
    for index in range(6):
        desk.come(f"{index}")
    await breathe()

    with pytest.raises(QueueFull) as refusal:
        await desk.come("late")
    assert refusal.value.retry_after_s == 10, "4 captures of 5 s in 2 places"


async def test_the_advice_has_a_bound():
    desk = Desk(queue_limit=2)
    desk.come("slow")
    await breathe()
    await desk.done("slow", after_s=10_000)
    for index in range(3):
        desk.come(f"{index}")
    await breathe()

    with pytest.raises(QueueFull) as refusal:
        await desk.come("late")
    assert refusal.value.retry_after_s == MAX_RETRY_AFTER_S


async def test_a_deadline_that_passes_in_the_queue_says_so_and_frees_its_place_in_it():
    desk = Desk(queue_limit=1)
    desk.come("running")
    await breathe()
    with pytest.raises(RenderTimeout, match="within 20 ms; it was waiting in the queue"):
        await desk.come("late", budget_ms=20)
    assert desk.turns.waiting == 0
    desk.come("next")
    await breathe()

    assert await desk.serve_all() == ["running", "next"]


async def test_who_is_cancelled_leaves_nothing_behind():
    desk = Desk(per_host=1)
    desk.come("running")
    leaving = [desk.come("leaving", account, host="host.example") for account in range(5)]
    desk.come("next", 9)
    await breathe()
    for task in leaving:
        task.cancel()
    await asyncio.wait(leaving)

    assert desk.turns.waiting == 1
    assert await desk.serve_all() == ["running", "next"]
    assert (desk.turns._turns, desk.turns._uses, desk.turns._hosts, desk.turns._queue._loads) == (
        {},
        {},
        {},
        {},
    )
    assert not any(each.flows for each in desk.turns._queue._classes.values())


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_a_turn_that_comes_as_its_owner_is_cancelled_goes_on_to_the_next(cancelled_first):
    desk = Desk(per_host=1)
    desk.come("running")
    leaving = desk.come("leaving", host="host.example")
    desk.come("next", host="host.example")
    await breathe()
    mean_s = desk.turns._mean_s
    if cancelled_first:
        leaving.cancel()
    desk.now_s += FIRST_GUESS_S
    desk.turns.give_back(desk.held.pop("running"))
    leaving.cancel()
    await breathe()

    assert leaving.cancelled()
    assert desk.served == ["running", "next"]
    assert desk.turns._mean_s == mean_s, "nobody took no time"
    await desk.serve_all()
    assert (desk.turns.free, desk.turns._hosts) == (1, {})


async def test_closing_sends_everybody_away():
    desk = Desk()
    desk.come("running")
    waiting = [desk.come(f"{index}", index) for index in range(3)]
    await breathe()
    desk.turns.close()

    for task in waiting:
        with pytest.raises(QueueFull):
            await task
    with pytest.raises(QueueFull):
        await desk.turns.take(Deadline.after(1000), MACHINES_OWN, None)
    await desk.done("running")
    assert desk.turns.free == 1
